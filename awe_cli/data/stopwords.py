"""English words that say little about a text, separated by spaces."""

from __future__ import annotations

ENGLISH = """
a about above across after again against all almost alone along already also although always am among an
and another any anybody anyone anything anywhere are aren around as at away back be became because become
becomes been before behind being below between both but by came can cannot could couldn did didn do does
doesn doing don done down during each either else enough etc even ever every everybody everyone everything
everywhere few for from further get gets give given go goes got had hadn has hasn have haven having he
hence her here hers herself him himself his how however i if in indeed instead into is isn it its itself
just keep least less ll made make many may me might mine more moreover most mostly much must mustn my
myself neither never nevertheless no nobody none nor not nothing now nowhere of off often on once one only
onto or other others otherwise our ours ourselves out over own per perhaps please put quite rather re
really s same see seem seemed seeming seems several shall she should shouldn since so some somebody
somehow someone something sometimes somewhere still such t take than that the their theirs them themselves
then there thereby therefore these they this those though through throughout thus to together too toward
towards under unless until up upon us use used uses using ve very via was wasn we well were weren what
whatever when whenever where whereas wherever whether which while who whoever whole whom whose why will
with within without won would wouldn yet you your yours yourself yourselves
"""
