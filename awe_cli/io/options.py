"""How files are read where the user says so, rather than leaving it to what the files look like."""

from __future__ import annotations

import codecs
from dataclasses import asdict, dataclass, replace
from typing import Any

from awe_cli.errors import SettingsError, nearest

LIST = "list"  # a separator's name: cells are lists as Python or JSON writes them
_NAMED = {"space": " ", "tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "bar": "|"}
_NO_TEXT = ("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem")
_ENCODINGS = (
    "utf-8",
    "latin-1",
    "cp1252",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "cp1251",
    "gb18030",
    "shift_jis",
)


@dataclass(frozen=True)
class ReadOptions:
    """What is known of a file before it is looked at; None and () leave it to what the file looks like.

    format            one of FORMATS
    separator         what stands between the cells of delimited text, one or more characters
    columns           the names of the columns of delimited text that has no header
    encoding          of text
    quoting           "auto": quotes are letters in TSV unless they close properly, and must close in CSV;
                      "none": quotes are letters; "standard": they must close in TSV as well
    sparse_separator  what stands between the entries of a list in one cell; None: spaces
    relevance         whether the file holds pairs of query and document, maybe in the form of TREC
    prepared          whether all this is how earlier files were read, and the file itself may say otherwise
    """

    format: str | None = None
    separator: str | None = None
    columns: tuple[str, ...] = ()
    encoding: str | None = None
    quoting: str = "auto"
    sparse_separator: str | None = None
    relevance: bool = False
    prepared: bool = False

    def stored(self) -> dict[str, Any]:
        """What differs from the defaults, for a manifest: new input is read alike."""
        default = asdict(ReadOptions())
        return {name: value for name, value in asdict(self).items() if value != default[name]}

    def as_flags(self) -> dict[str, str]:
        """The options of a command that read a file alike: those of format, separator, columns and encoding."""
        separator = next((word for word, signs in _NAMED.items() if signs == self.separator), self.separator)
        flags = {
            "--format": self.format,
            "--separator": separator,
            "--columns": ",".join(self.columns),
            "--encoding": self.encoding,
        }
        return {flag: value for flag, value in flags.items() if value}

    @classmethod
    def of_stored(cls, stored: dict[str, Any] | None) -> ReadOptions:
        """The options that a manifest has, for new files in its form; the defaults where it has none."""
        known = {**(stored or {})}
        return cls(**{**known, "columns": tuple(known.get("columns", ())), "prepared": True})

    def with_columns(self, columns: tuple[str, ...] | None, **more: Any) -> ReadOptions:
        """The same for another file, which has columns of its own."""
        return replace(self, columns=columns or (), **more)


def separator_of(text: str | None, flag: str) -> str | None:
    """The characters that an option of a separator means: "tab" is a tab. Raises SettingsError."""
    if text is None:
        return None
    found = _NAMED.get(text.lower(), text)
    if not found or any(sign in found for sign in '\r\n"\0'):
        raise SettingsError(
            f"{flag}: expected characters that separate, found {text!r}",
            hint="write them as they are, or as tab or space; a quote or a line break cannot separate",
        )
    return found


def encoding_of(name: str | None) -> str | None:
    """The encoding as Python calls it. Raises SettingsError where there is none of this name."""
    if name is None:
        return None
    try:
        found = codecs.lookup(name)
        "".encode(name)  # refuses codecs that are no text encodings
        if found.name.replace("-", "_") in _NO_TEXT:
            raise LookupError(name)
    except (LookupError, ValueError, TypeError) as error:
        close = nearest(name.lower(), _ENCODINGS)
        raise SettingsError(
            f"--encoding: expected an encoding of text, found {name!r}",
            hint=f"did you mean {close}?" if close else "such as latin-1, cp1252 or utf-16",
        ) from error
    return found.name
