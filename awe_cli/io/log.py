"""What happened while files were read: rows that were left out, and what the user should know."""

from __future__ import annotations

from dataclasses import dataclass, field

from awe_cli.errors import DataError

_SHOWN = 5  # messages of rows that were left out


@dataclass
class ReadingLog:
    """Shared by all files of a command.

    allowed   how many rows that cannot be read may be left out
    can_skip  whether the command has the option that says so
    skipped   (file, row) → what is wrong with it, of those that were; a file that is read twice counts once
    warnings  in the order they came
    notes     what else is worth a line, by what it is about
    """

    allowed: int = 0
    can_skip: bool = False
    skipped: dict[tuple[str, int], str] = field(default_factory=dict)
    warnings: dict[str, None] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def bad_row(
        self,
        file: str,
        row: int,
        expected: str,
        found: str,
        hint: str,
        *,
        column: str | None = None,
        line: int | None = None,
    ) -> None:
        """Note that a row cannot be used and is left out. Raises DataError where no more rows may be.

        row, line  from 1: of the rows of data, and of the lines of the file
        """
        where = f"{file}: " + (f"column {column!r}, " if column is not None else "") + f"row {row:,}"
        where += f" (line {line:,})" if line is not None else ""
        message = f"{where}: expected {expected}, found {found}"
        if (file, row) in self.skipped:
            return
        if len(self.skipped) >= self.allowed:
            more = f"; rows skipped before it: {self.allowed:,}" if self.allowed else ""
            raise DataError(message + more, hint=hint)
        self.skipped[file, row] = message

    def warn(self, text: str) -> None:
        """Keep a warning; the same text is kept once."""
        self.warnings.setdefault(text)

    def may_skip(self, skipped: dict[tuple[str, int], str]) -> bool:
        """Whether these rows of further files may be left out, too."""
        return len(self.skipped | skipped) <= self.allowed

    def first_skipped(self) -> list[str]:
        """What is wrong with the first rows that were left out."""
        return list(self.skipped.values())[:_SHOWN]

    def summary_warnings(self) -> list[str]:
        """All warnings, that of skipped rows first, with the first few of them."""
        warnings = list(self.warnings)
        if self.skipped:
            shown = self.first_skipped()
            more = len(self.skipped) - len(shown)
            text = "; ".join(shown) + (f"; and {more:,} more" if more else "")
            warnings.insert(
                0, f"rows skipped: {len(self.skipped):,} (--skip-bad-rows {self.allowed}): {text}"
            )
        return warnings
