"""Text to tokens, a column at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.data.bags import kept_offsets
from awe_cli.data.reading.columns import list_parts, truths
from awe_cli.data.stopwords import ENGLISH
from awe_cli.errors import DataError, MissingInputError, SettingsError


@dataclass(frozen=True)
class TextOptions:
    """How text becomes tokens, in lower case and Unicode form NFKC.

    token_characters  tokens are runs of these: the inside of a character class of RE2
    stop_words        tokens left out
    """

    token_characters: str
    stop_words: frozenset[str]

    def check(self) -> None:
        """Raise SettingsError where the character class is none."""
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
        return kept_offsets(offsets, kept), tokens.filter(pa.array(kept))


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
