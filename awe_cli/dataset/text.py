"""Text to tokens, a column at a time."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.errors import DataError, MissingInputError, SettingsError, did_you_mean
from awe_cli.io.columns import list_parts, truths
from awe_cli.matrices.bags import kept_offsets

# English words that say little about a text, separated by spaces.

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


NO_STEMS = "none"


class _Stems(dict[str, str]):
    """Word → stem, cut when it is first asked for (Porter's Snowball)."""

    def __init__(self, language: str) -> None:
        import snowballstemmer  # here, for few need it

        languages = snowballstemmer.algorithms()
        if language not in languages:
            raise SettingsError(
                f"--stem: expected {NO_STEMS} or one of {', '.join(languages)}, found {language!r}",
                hint=did_you_mean(language, languages, "name the language of the text"),
            )
        self._stemmer = snowballstemmer.stemmer(language)

    def __missing__(self, word: str) -> str:
        if len(self) >= _MOST_STEMS:
            self.clear()
        stem: str = self._stemmer.stemWord(word)
        self[word] = stem
        return stem


_MOST_STEMS = 1 << 20  # kept in memory
_stems_of = functools.cache(_Stems)


@dataclass(frozen=True)
class TextOptions:
    """How text becomes tokens, in lower case and Unicode form NFKC.

    token_characters  tokens are runs of these: the inside of a character class of RE2
    stop_words        tokens left out
    stem              the language by whose rules the other tokens are cut to their stems, or "none"
    """

    token_characters: str
    stop_words: frozenset[str]
    stem: str = NO_STEMS

    def check(self) -> None:
        """Raise SettingsError where the character class is none, and where there are no rules for the language."""
        if self.stem != NO_STEMS:
            _stems_of(self.stem)
        try:
            pc.replace_substring_regex(pa.array(["a"]), f"[^{self.token_characters}]+", " ")
        except pa.ArrowInvalid as error:
            raise SettingsError(
                f"--token-characters: expected the inside of a character class, "
                f"found {self.token_characters!r} ({error})",
                hint=r"for letters and digits write \p{L}\p{N}",
            ) from error

    def tokens(self, texts: pa.Array) -> tuple[NDArray[np.int64], pa.Array]:
        """The tokens of each text: offsets (n + 1,) and the tokens end to end."""
        plain = pc.utf8_lower(pc.utf8_normalize(texts, form="NFKC"))
        plain = pc.replace_substring_regex(plain, f"[^{self.token_characters}]+", " ")
        offsets, tokens = list_parts(pc.split_pattern(plain, " "))
        dropped = pc.is_in(tokens, value_set=pa.array(["", *sorted(self.stop_words)], tokens.type))
        kept = ~truths(dropped)
        return kept_offsets(offsets, kept), self._stems(tokens.filter(pa.array(kept)))

    def _stems(self, tokens: pa.Array) -> pa.Array:
        """The stem of each token: each word is cut once, however often it occurs."""
        if self.stem == NO_STEMS:
            return tokens
        of_word, words = _stems_of(self.stem), tokens.dictionary_encode()
        stems = pa.array([of_word[word] for word in words.dictionary.to_pylist()], tokens.type)
        return stems.take(words.indices)


def stop_words(name: str) -> frozenset[str]:
    """The list "none", "english", or a file with one word a line. Raises MissingInputError, DataError."""
    if name == "none":
        return frozenset()
    if name == "english":
        return frozenset(ENGLISH.split())
    try:
        text = Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise MissingInputError(
            f"--stop-words: expected none, english or a file, found {name!r} ({error.strerror})",
            hint="write the words one a line",
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name}: expected UTF-8 text with one word a line, found other bytes", hint="convert the file"
        ) from error
    return frozenset(line.strip().lower() for line in text.splitlines() if line.strip())
