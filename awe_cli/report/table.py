"""A table as data, for whatever draws it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Columns and rows.

    rows   one cell a column: text, a number, or None for an empty cell
    notes  lines to stand below it
    keys   how many of the first columns say which row it is
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    notes: tuple[str, ...] = ()
    keys: int = 1
