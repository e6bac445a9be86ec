"""What a reader of a page should know, a paragraph of Markdown, written by hand after the figures were there."""

from __future__ import annotations

_MARGINS = """Epochs are as many as the commands say, and nothing was chosen but the margin, before and on {others}
([where the linear sigmoid's gain comes from](linear-sigmoid.md)). *WSABIE* and what goes on as it is have the best
margin of the linear model there; linear sigmoids and top-k have a third of that. The last four rows repeat the
paper's protocol, the same parameters for WSABIE and for what it becomes, with a margin too small for WSABIE:"""

REMARKS = {
    "annotation": """What was asked is reached on all three sets, on Delicious and ImCLEF07A without a sum. On Corel5k
AWE has exactly the .44 that was asked. On Delicious the best are beyond SLEEC as the literature reports it (.676,
.614, .566); the further aim, FastXML's .696, .641 and .593, is not reached here, but by what `awe recipe` prints. Of
the order, WSABIE < AWE holds everywhere. k-NN < k-NN in WSABIE's space holds on Delicious and Corel5k, not on
ImCLEF07A. AWE's lead over k-NN in WSABIE's space, a point at most, is mostly within chance.""",
    "affinities": """*WSABIE, as many epochs more* is what every row is held against, by the measure of the first
table. knn, exact or approximate, is ahead of it everywhere but on Last.fm, where it is behind as it comes and ahead
with a floor. The sums over training pairs (rbf, latent, hybrid, kernel) are ahead on ImCLEF07A and Delicious, on
Corel5k latent and hybrid, and level on CAL500. cluster is level or a little behind: it is there for speed. What is
learned jointly is level with the linear model or behind it on Corel5k, ImCLEF07A, Delicious and Gowalla; on CAL500
concat and the sigmoid of the score are ahead; on Last.fm most are, top-k, pair-weights and the linear sigmoid by
most. dot is never ahead. On Gowalla and Last.fm more epochs alone do not help the linear model. Of some forty rows a
set one or two stars may be chance. Corel5k has three seeds, CAL500 five folds; stars of the others, with one seed,
speak of other test examples and not of another run.""",
    "awe-table-1": """On CAL500 no method differs from WSABIE in precision@1 by more than chance, popularity included,
whose mean is the highest: the most frequent tag is right for 88 of 100 songs. By precision@3 (.765 was asked) and MAP
AWE is ahead of WSABIE and of k-NN in its space; the other steps of the paper's order are not shown there. On Last.fm's
artists k-NN < k-NN in WSABIE's space and WSABIE < AWE hold by all measures; between them the paper's order is the other
way round by precision@1 and MAP, so that AWE is level with k-NN in WSABIE's space in precision@1, ahead below it.""",
    "awe-table-2": """Of the paper's order, WSABIE < k-NN in its space < AWE, the first step is there on both sets by
every measure; the second is within chance on Corel5k, and on ImCLEF07A there by precision@3 and MAP alone. k-NN on
the input, which the paper does not show, is level with WSABIE on Corel5k, and on ImCLEF07A far ahead of it and level
with AWE by precision@1, precision@3 and MAP.""",
    "awe-table-3": f"""{_MARGINS.format(others="other items")} there the gain is large, and the linear model gets two
fifths of it (precision@1) or two thirds (precision@10) by going on with the whole margin.""",
    "awe-table-3-gowalla": f"""{_MARGINS.format(others="other people")} there the sigmoid gains a sixth over the
linear model with the same parameters, and the linear model that goes on with the whole margin is level with it by
precision@1 and ahead by precision@10. With margins of their own no linear sigmoid differs from WSABIE by more than
chance, nor does β = 0.25 from WSABIE with 4 epochs more; top-k with k = 1 is ahead of WSABIE by every measure. SVD
has the highest precision@1, 28 % above WSABIE; by precision@10 and recall@20 the two are level.""",
    "wsabie-figure-2": """Exact-rank SGD gets there on these 512 labels, unlike on the paper's 15,952: an epoch takes
it most of a second, and the fourth is near its best, as high as AUC's. WARP's peak is the highest, as in the paper.
Each loss is shown with the rate of its highest peak, for WARP the lowest of those tried; with 0.01 WARP peaks almost
as high, at .7151 after 7 epochs and 0.6 seconds (`--rates 0.01`), before the others do. What has passed its peak
falls again.""",
    "recommendation": """The embedding beside the graph filter's weights is ahead of EASE and of the graph filter
by all measures, on Debian and on Last.fm, and so is its sum with AWE, which is ahead of iALS, too. On Gowalla AWE is
ahead of WSABIE, of the neighbours in its space and of iALS by all measures. On Debian AWE alone is ahead of iALS, and
behind EASE in the first places; on Last.fm, where a linear model with a wide margin is at its best, G takes away from
it, and SVD is level with the best sum by precision@1.""",
    "wsabie-table-2": """By precision@1 WSABIE is on WordNet before all the methods of the paper's table, as there. On
ImCLEF07A it is before one-vs-rest and PAMIR-IA, and behind k-NN and its approximation. AWE is ahead of WSABIE on both
sets by every measure but one: on WordNet WSABIE's sibling precision is the best.""",
    "wsabie-table-4": """Precision@1 is insensitive to d, as in the paper, from 100 on with WordNet and from 64 on with
ImCLEF07A. MAP rises on WordNet up to 200, and is level from 100 on with ImCLEF07A. Sibling precision is best at 64 and
100 on WordNet, and differs by no more than chance on ImCLEF07A.""",
    "wsabie-table-5": """On WordNet the paper's order holds by every measure, with either model. On ImCLEF07A (96
labels, three an image) it holds at the top of the list, which is what WARP is for, and for MAP; in the first ten
places AUC is level, and ahead by sibling precision. `w_y·x` with WARP takes long: once an example is ranked well,
most draws find no violator, and each costs a score.""",
    "wsabie-table-7": """On WordNet sums gain in MAP, each model that is added a little more, and in precision@1 the sum
of three is up to half a point ahead of each of its members. On ImCLEF07A it is level with each in precision@1; in MAP
it is ahead of d = 300 alone. The paper speaks of an impressive boost.""",
}
