"""Laying out a table in lines of text that fit the width of the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

_GAP = "  "  # between columns
_NARROWEST = 24  # that a last column of text is folded to


def layout(
    columns: Sequence[str], cells: Sequence[Sequence[str]], width: int, keys: int = 1
) -> Iterator[tuple[bool, str]]:
    """The lines of a table, each with whether it is a header.

    Columns of numbers are aligned right. Where the table is wider than `width`, text in the last column is
    folded; where that does not help, columns that have no room left go into another table below, which
    repeats the first `keys` columns: those that say which row it is.
    """
    rows = [list(columns), *[list(row) for row in cells]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    right = [bool(cells) and all(is_number(row[i]) for row in cells) for i in range(len(columns))]
    longest = widths[-1]
    if not right[-1]:
        widths[-1] = min(longest, _NARROWEST)
    groups = _groups(widths, width, keys)
    before_last = sum(widths[i] + len(_GAP) for i in groups[-1][:-1])
    widths[-1] = max(widths[-1], min(longest, width - before_last))
    for number, group in enumerate(groups):
        if number:
            yield False, ""
        for position, row in enumerate(rows):
            for line in _line([row[i] for i in group], [widths[i] for i in group], [right[i] for i in group]):
                yield position == 0, line


def is_number(cell: str) -> bool:
    """Whether a cell begins with a number, or is ∞ or empty."""
    head = cell.split(" ")[0].replace(",", "")
    return cell in ("", "∞") or head.lstrip("+-").replace(".", "", 1).isdigit()


def _groups(widths: Sequence[int], width: int, keys: int) -> list[list[int]]:
    """Columns that fit beside each other: the first `keys` ones, and at least one more."""
    first = list(range(keys))
    groups = [[*first]]
    taken = before = sum(widths[:keys]) + len(_GAP) * (keys - 1)
    for i in range(keys, len(widths)):
        taken += len(_GAP) + widths[i]
        if taken > width and len(groups[-1]) > keys:
            groups.append([*first])
            taken = before + len(_GAP) + widths[i]
        groups[-1].append(i)
    return groups


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> Iterator[str]:
    """One row: a line, and more where its last cell is folded."""
    *first, last = cells
    folded = [last] if len(last) <= widths[-1] else textwrap.wrap(last, widths[-1], break_on_hyphens=False)
    for number, piece in enumerate(folded):
        row = [*(first if number == 0 else [""] * len(first)), piece]
        padded = [
            cell.rjust(size) if is_right else cell.ljust(size)
            for cell, size, is_right in zip(row, widths, right, strict=True)
        ]
        yield _GAP.join(padded).rstrip()
