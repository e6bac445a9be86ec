"""How lines of delimited text are cut into cells: which separator there is, and which quotes are meant as such.

A quote has a meaning only where it begins a cell. It closes properly where a quote stands before a separator, a line
end or the end of the file; a doubled quote inside stands for one. In strict text (CSV) a quote that does not close
properly is an error; in tolerant text (TSV and others) it is a letter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

QUOTE = b'"'
_COMMON = ("\t", ",", ";", "|", "::")
_STRICT = (",", ";")  # separators of CSV, in which a quote must close


def is_strict(separator: str, quoting: str) -> bool:
    """Whether a quote that does not close is an error."""
    return quoting == "standard" or separator in _STRICT


def detect_separator(lines: Sequence[bytes], named: str | None, expected: int = 0) -> str | None:
    """What separates the cells of the first lines; None where nothing does.

    It is what cuts most lines into as many cells as the first, the first of the common ones where several do. A space
    is the last choice. `named` is the format that the name of the file tells: tsv prefers tabs, csv commas; `expected`
    is how many cells there are, where that is known.
    """
    order = [*_COMMON, " "]
    preferred = {"tsv": "\t", "csv": ","}.get(named or "")
    if preferred:
        order.remove(preferred)
        order.insert(0, preferred)
    best, most = None, 0.0
    for separator in order:
        counts = [n_cells(line, separator) for line in lines]
        if not counts or counts[0] < 2:
            continue
        if expected and counts[0] != expected:
            continue
        share = sum(count == counts[0] for count in counts) / len(counts)
        if separator == " " and (share < 1 or best is not None or len(lines) < 2):
            continue
        if share > most:
            best, most = separator, share
    return best


def n_cells(line: bytes, separator: str) -> int:
    """How many cells a line has; separators inside quotes that close do not count."""
    if QUOTE in line:
        return len(split_row(line, separator, "auto")[0])
    if separator == " ":
        return len(line.split(b" ")) if line.strip() == line and b"  " not in line else len(line.split())
    return line.count(separator.encode()) + 1


@lru_cache(maxsize=64)
def _quoted(separator: bytes) -> re.Pattern[bytes]:
    """A quoted cell that closes properly."""
    return re.compile(rb'"([^"]*+(?:""[^"]*+)*+)"(?=' + re.escape(separator) + rb"|\r?\n|\r?\Z)")


@lru_cache(maxsize=64)
def _opening(separator: bytes) -> re.Pattern[bytes]:
    """A quote that begins a cell."""
    return re.compile(rb"(?:\A|(?<=\n)|(?<=" + re.escape(separator) + rb'))"')


def _openings(block: bytes, separator: bytes) -> list[int]:
    """Where quotes stand at the start of a cell, or seem to: some may be inside quotes."""
    array = np.frombuffer(block, np.uint8)
    quotes = np.flatnonzero(array == ord(QUOTE))
    before = array[np.maximum(quotes - 1, 0)]
    found: list[int] = quotes[(quotes == 0) | (before == 10) | (before == separator[0])].tolist()
    return found


_BODY = re.compile(rb'"[^"]*+(?:""[^"]*+)*+')


def split_row(text: bytes, separator: str, quoting: str, position: int = 0) -> tuple[list[str], int]:
    """The cells of the row of `text` that begins at `position`, and where the next row begins."""
    sign = separator.encode()
    cells: list[str] = []
    while True:
        quoted = _quoted(sign).match(text, position) if quoting != "none" else None
        if quoted:
            cells.append(quoted[1].replace(b'""', QUOTE).decode("utf-8", "replace"))
            end = quoted.end()
        else:
            line_end = text.find(b"\n", position)
            line_end = len(text) if line_end < 0 else line_end
            end = text.find(sign, position, line_end)
            end = line_end if end < 0 else end
            cells.append(text[position:end].removesuffix(b"\r").decode("utf-8", "replace"))
        if text.startswith(sign, end):
            position = end + len(sign)
            while separator == " " and text.startswith(b" ", position):
                position += 1
            continue
        next_line = text.find(b"\n", end)
        return cells, len(text) if next_line < 0 else next_line + 1


def first_rows(text: bytes, separator: str, quoting: str, most: int) -> list[list[str]]:
    """The cells of the first rows, blank lines left out."""
    rows: list[list[str]] = []
    position = 0
    while position < len(text) and len(rows) < most:
        cells, position = split_row(text, separator, quoting, position)
        if any(cell.strip() for cell in cells) or len(cells) > 1:
            rows.append(cells)
    return rows


@dataclass
class Tidied:
    """A block of whole rows whose quotes all close properly, and what was found on the way.

    text    the rows
    quoted  whether quotes have a meaning in it; else they are letters
    rest    the rows at the end that need more text: a quote is still open
    inner   line breaks inside cells
    bad     for each line with a quote that does not close: its row, its line (both from 0 in the block) and its text
    """

    text: bytes
    quoted: bool
    rest: bytes = b""
    inner: int = 0
    bad: list[tuple[int, int, bytes]] = field(default_factory=list)


def tidy(block: bytes, separator: bytes, *, strict: bool, n_cells: int, at_end: bool) -> Tidied:
    """Decide for every quote of a block whether it opens a cell or is a letter; `separator` is one byte.

    Where all quotes close properly, which arithmetic over the block tells, the block stays as it is.
    """
    if QUOTE not in block or not (block.startswith(QUOTE) or separator + QUOTE in block or b'\n"' in block):
        return Tidied(block, False)
    array = np.frombuffer(block, np.uint8)
    quotes = np.flatnonzero(array == ord(QUOTE))
    rest = b""
    if strict and len(quotes) % 2 and not at_end:
        # The last quote may open a cell that ends in the next block: keep its row for then.
        breaks = np.flatnonzero(array == 10)
        outside = breaks[np.searchsorted(quotes, breaks) % 2 == 0]
        cut = (
            int(outside[np.searchsorted(outside, quotes[-1]) - 1]) + 1 if (outside < quotes[-1]).any() else 0
        )
        if cut and _closes(array[:cut], quotes[:-1][quotes[:-1] < cut], separator):
            block, rest = block[:cut], block[cut:]
            array, quotes = array[:cut], quotes[quotes < cut]
    if len(quotes) % 2 == 0 and _closes(array, quotes, separator):
        breaks = np.flatnonzero(array == 10)
        inside = np.searchsorted(quotes, breaks) % 2 == 1
        inner = int(np.count_nonzero(inside))
        if strict or not (inner or _holds(array, quotes, separator)):
            return Tidied(block, True, rest, inner)
    return _tidied_by_cell(block + rest, separator, strict=strict, n_cells=n_cells, at_end=at_end)


def _closes(array: NDArray[np.uint8], quotes: NDArray[np.int64], separator: bytes) -> bool:
    """Whether quotes open and close by turns: each first one at the start of a cell, each second at its end."""
    if len(quotes) % 2:
        return False
    padded = np.concatenate([[10], array, [10]])
    before, after = padded[quotes[::2]], padded[quotes[1::2] + 2]
    sign = separator[0]
    opens = (before == sign) | (before == 10) | (before == ord(QUOTE))
    ends = (after == sign) | (after == 10) | (after == 13) | (after == ord(QUOTE))
    return bool(opens.all() and ends.all())


def _holds(array: NDArray[np.uint8], quotes: NDArray[np.int64], separator: bytes) -> bool:
    """Whether a separator stands inside quotes."""
    places = np.flatnonzero(array == separator[0])
    return bool((np.searchsorted(quotes, places) % 2 == 1).any())


def _tidied_by_cell(block: bytes, separator: bytes, *, strict: bool, n_cells: int, at_end: bool) -> Tidied:
    """The same, cell by cell: letters are put in quotes of their own, rows that cannot be read are taken out."""
    edits: list[tuple[int, int, bytes]] = []  # from, to, what stands there instead
    breaks: list[tuple[int, int]] = []  # where a cell with line breaks begins, and how many it has
    bad: list[tuple[int, int, bytes]] = []
    position, stop = 0, len(block)
    rows = _Rows(block)
    for at in _openings(block, separator):
        if at < position:  # inside a cell
            continue
        closed = _quoted(separator).match(block, at)
        if closed and (strict or _is_meant(block, at, closed.group(), separator, n_cells)):
            position = closed.end()
            inner = closed.group().count(b"\n")
            rows.skip(at, position, inner)
            breaks += [(at, inner)] if inner else []
            continue
        open_cell = _BODY.match(block, at)
        # In tolerant text no separator may stand between the quotes of a cell with line breaks.
        may_close = open_cell and open_cell.end() == len(block) and (strict or block.find(separator, at) < 0)
        if may_close and not at_end:
            stop = rows.start(at)
            break
        if strict:
            start, end = rows.start(at), block.find(b"\n", at)
            position = len(block) if end < 0 else end + 1
            bad.append((*rows.numbers(start), block[at:position].rstrip()))
            edits.append((start, position, b""))
            breaks = [cell for cell in breaks if cell[0] < start]
            rows.drop(position)
            continue
        position = _cell_end(block, at, separator)
        edits.append((at, position, QUOTE + block[at:position].replace(QUOTE, QUOTE * 2) + QUOTE))
    inner = sum(n for at, n in breaks if at < stop)
    return Tidied(_edited(block, edits, stop), True, block[stop:], inner, bad)


def _edited(block: bytes, edits: list[tuple[int, int, bytes]], stop: int) -> bytes:
    """The block up to `stop`, with the edits before that."""
    parts, copied = [], 0
    for start, end, new in edits:
        if start >= stop:
            break
        parts += [block[copied:start], new]
        copied = end
    return b"".join([*parts, block[copied:stop]])


def without_quoted(text: bytes, separator: bytes) -> bytes:
    """The text with nothing between the quotes of its cells."""
    pattern = re.compile(_opening(separator).pattern.removesuffix(b'"') + _quoted(separator).pattern)
    return pattern.sub(b'""', text)


def first_swallowed(text: bytes, separator: bytes, n_cells: int, most: int = 1000) -> str | None:
    """The line where the first quoted cell begins that goes over lines which would be rows if its quotes were letters.

    Looks at the first `most` quoted cells with line breaks.
    """
    if n_cells < 2:
        return None
    seen = position = 0
    for at in _openings(text, separator):
        if at < position or seen >= most:
            continue
        closed = _quoted(separator).match(text, at)
        position = closed.end() if closed else at + 1
        if closed is None or b"\n" not in closed.group():
            continue
        seen += 1
        swallowed = _lines_around(text, at, position)
        if all(line.count(separator) + 1 == n_cells for line in swallowed):
            return swallowed[0].decode("utf-8", "replace")
    return None


class _Rows:
    """Which rows begin where in a block, found from its start onwards; line breaks inside cells end no row."""

    def __init__(self, block: bytes) -> None:
        self._block = block
        self._from = 0  # where counting goes on
        self._row = self._line = 0
        self._start = 0  # of the row that is being read

    def _advance(self, to: int) -> None:
        part = self._block[self._from : to]
        breaks = part.count(b"\n")
        if breaks:
            blank = sum(not line.strip(b"\r") for line in part.split(b"\n")[1:-1])
            first = self._block[self._start : self._from + part.index(b"\n")]
            blank += not first.strip(b"\r\n")
            self._row += breaks - blank
            self._line += breaks
            self._start = self._from + part.rindex(b"\n") + 1
        self._from = to

    def start(self, at: int) -> int:
        """Where the row begins that holds position `at`."""
        self._advance(at)
        return self._start

    def skip(self, at: int, to: int, breaks: int) -> None:
        """A quoted cell from `at` to `to` is part of its row."""
        self._advance(at)
        self._line += breaks
        self._from = to

    def numbers(self, start: int) -> tuple[int, int]:
        """The numbers of the row and of its first line, from 0; the row is the one that `start` was asked of."""
        return self._row, self._line - self._block.count(b"\n", start, self._from)

    def drop(self, to: int) -> None:
        """The row ends at `to`, whatever it holds."""
        self._row += 1
        self._line += 1
        self._from = self._start = to


def _is_meant(block: bytes, at: int, cell: bytes, separator: bytes, n_cells: int) -> bool:
    """Whether a cell of tolerant text that could be quoted is meant so: else its quotes are letters.

    It is no cell of its own if its lines have the right number of cells without it; nor if it holds a line break and a
    separator.
    """
    broken = b"\n" in cell
    if separator not in cell:
        if not broken:
            return True
    elif broken:
        return False
    return not all(line.count(separator) + 1 == n_cells for line in _lines_around(block, at, at + len(cell)))


def _lines_around(block: bytes, start: int, end: int) -> list[bytes]:
    """The whole lines that the bytes from `start` to `end` are part of."""
    begin = block.rfind(b"\n", 0, start) + 1
    stop = block.find(b"\n", end)
    return block[begin : len(block) if stop < 0 else stop].split(b"\n")


def _cell_end(block: bytes, at: int, separator: bytes) -> int:
    """Where the cell ends that begins at `at`, its quotes being letters."""
    line_end = block.find(b"\n", at)
    line_end = len(block) if line_end < 0 else line_end
    if block.endswith(b"\r", at, line_end):
        line_end -= 1
    found = block.find(separator, at, line_end)
    return line_end if found < 0 else found
