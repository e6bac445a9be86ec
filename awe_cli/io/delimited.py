"""Rows from delimited text, every cell as text: a column has no type there, and "007" must stay what it is.

Arrow cuts blocks of whole rows into cells. What a quote means is decided before (see `cells`), and the rows that Arrow
gives are checked against the lines of the block, so that no row can be lost in another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from awe_cli.errors import DataError, SettingsError, refused_reading
from awe_cli.io import cells, lines
from awe_cli.io.columns import Batch, truths
from awe_cli.io.options import ReadOptions
from awe_cli.io.sources import Source

_BLOCK = 1 << 22  # bytes of text parsed at a time
_HEAD = 1 << 18  # bytes looked at to learn the layout; more where the first line is longer
_LONGEST_CELL = 1 << 26  # bytes that may stand between quotes
_SAMPLE = 50  # rows looked at to learn the separator
_TREC = {4: ("query", "iteration", "document", "relevance"),
         6: ("query", "q0", "document", "rank", "score", "run")}  # fmt: skip
# A column of a RecBole file has its type in its name: user_id:token.
_COMMENTS = re.compile(rb"(?:[#%][^\n]*\n)+")
_RECBOLE = re.compile(r"(.+):(token|token_seq|float|float_seq)")
# Bytes that stand for others while Arrow reads, of which a block has to be free.
_STAND_INS = (b"\x1f", b"\x1e", b"\x1d", b"\x1c", b"\x02", b"\x03", b"\x04", b"\x05")


class NoHeaderError(DataError):
    """The first row cannot be one of names, and rather is data; `columns` is how many cells it has."""

    def __init__(self, message: str, *, hint: str, columns: int) -> None:
        super().__init__(message, hint=hint)
        self.columns = columns


@dataclass(frozen=True)
class Layout:
    """How the file is laid out.

    separator  between cells; " " is any run of spaces (in TREC files, of tabs too)
    names      of the columns, as the file or --columns has them; "" for a column without a name
    first      the cells of the first row, header or not
    start      bytes before the first row of data
    header     whether the first row has the names
    line       that row as it stands in the file
    """

    separator: str
    names: tuple[str, ...]
    first: tuple[str, ...]
    start: int
    header: bool
    line: bytes = b""

    def looks_like_data(self) -> bool:
        """Whether the row that is taken for the names is rather one of data: a number among its cells."""
        return self.header and any(_is_data(cell) for cell in self.first)


def csv_columns(source: Source) -> dict[str, pa.DataType | None]:
    """Column names from the first line or --columns; None for each type, as everything is text."""
    return dict.fromkeys(layout_of(source).names)


def layout_of(source: Source) -> Layout:
    """Look at the first lines, once. Raises DataError where there are no names, or one is there twice."""
    if "layout" not in source.known:
        source.known["layout"] = _look(source)
    found: Layout = source.known["layout"]
    return found


def _look(source: Source) -> Layout:
    text = lines.head(source, _HEAD)
    options, start = source.options, 0
    separator = options.separator
    marked = re.match(rb'"?sep=([^"\r\n]{1,2}?)"?\r?\n', text)
    if marked:
        start = marked.end()
        separator = separator or marked[1].decode("utf-8", "replace")
    while blank := re.match(rb"[ \r]*\n", text[start : start + 1000]):
        start += blank.end()
    if not text[start:].strip():
        raise DataError(f"{source.name}: the file is empty", hint="name a file with at least one row")
    if options.prepared and separator and separator.encode() not in text[start:].split(b"\n", 1)[0]:
        separator = None
    comments = _COMMENTS.match(text, start)
    after = comments.end() if comments else start
    separator = separator or _separator(source, text[after:] if text[after:].strip() else text[start:])
    if comments and _are_comments(text, start, after, separator, options):
        n = text.count(b"\n", start, after)
        source.log.warn(
            f"{source.name}: lines at the start that begin with # or %: {n:,}; they were left out"
        )
        start = after
    sample = text[start:]
    if separator == " ":
        sample = _even_spaces(sample, tabs=source.format == "trec")
    rows = cells.first_rows(sample, separator, options.quoting, _SAMPLE)
    first = rows[0]
    names, header = tuple(cell.strip() for cell in first), True
    names = (names[0].lstrip("# "), *names[1:])
    if source.format == "trec":
        names, header = _trec_names(source, first), False
    elif options.columns:
        header = set(names) <= set(options.columns) or (
            options.prepared and len(first) != len(options.columns)
        )
        if len(first) != len(options.columns) and not header:
            raise DataError(
                f"{source.name}: row 1: expected {len(options.columns)} cells, as --columns names, found {len(first)}: "
                f"{_shown(first, separator)}",
                hint="name all columns in the order of the file, or the separator with --separator",
            )
        names = names if header else options.columns
    names = _checked_names(source, names, rows, header)
    line = b""
    if header:
        end = cells.split_row(text, separator, options.quoting, start)[1]
        _refuse_open_quote(source, text[start:end], separator)
        line, start = text[start:end].rstrip(b"\r\n"), end
    return Layout(separator, names, tuple(first), start, header, line)


def _refuse_open_quote(source: Source, row: bytes, separator: str) -> None:
    """Raise DataError where a quote in the first row of CSV does not close."""
    strict = cells.is_strict(separator, source.options.quoting)
    if source.options.quoting == "none" or not strict or len(separator.encode()) > 1:
        return
    found = cells.tidy(row, separator.encode(), strict=True, n_cells=1, at_end=True)
    if found.bad:
        raise DataError(
            f"{source.name}: first row, with the column names: expected quotes that close, found "
            f"{found.bad[0][2][:80].decode('utf-8', 'replace')!r}",
            hint="close the quote; or read quotes as letters with --quoting none",
        )


def _are_comments(text: bytes, start: int, after: int, separator: str, options: ReadOptions) -> bool:
    """Whether lines that begin with # are no header: they are cut into other cells than the row after them."""
    if not text[after:].strip():
        return False
    row = len(cells.split_row(text, separator, options.quoting, after)[0])
    last = text.rfind(b"\n", start, after - 1) + 1
    return (
        bool(options.columns)
        or len(cells.split_row(text, separator, options.quoting, last or start)[0]) != row
    )


def _checked_names(
    source: Source, names: tuple[str, ...], rows: list[list[str]], header: bool
) -> tuple[str, ...]:
    twice = [name for name in dict.fromkeys(names) if name and names.count(name) > 1]
    if twice:
        message = f"{source.name}: expected distinct column names, found {twice[0]!r} twice"
        if header and any(_is_data(cell) for cell in names):
            hint = "the first row looks like data: name the columns with --columns"
            raise NoHeaderError(message, hint=hint, columns=len(names))
        raise DataError(message, hint="rename one of the columns")
    rest = rows[1:] if header else rows
    if rest and all(len(row) == len(names) + 1 and not row[-1].strip() for row in rest):
        names = (*names, "")  # a separator at the end of each line but the first
    typed = [_RECBOLE.fullmatch(name) for name in names]
    if typed and all(typed):
        names = tuple(match[1] for match in typed if match)
    return names


def _trec_names(source: Source, first: Sequence[str]) -> tuple[str, ...]:
    names = _TREC.get(len([cell for cell in first if cell]))
    if names is None:
        raise DataError(
            f"{source.name}: row 1: expected the 4 columns of TREC judgements or the 6 of a run, found {len(first)}: "
            f"{_shown(first, ' ')}",
            hint="write QUERY 0 DOCUMENT GRADE, or name the format with --format",
        )
    return names


def _separator(source: Source, text: bytes) -> str:
    """What separates the cells of a file that the user has not said it of."""
    if source.format == "trec":
        return " "
    sample = [line.removesuffix(b"\r") for line in text.split(b"\n")[:_SAMPLE]]
    sample = [line for line in sample if line.strip()]
    if source.options.format == "tsv":
        return "\t"
    found = cells.detect_separator(sample, source.format, len(source.options.columns))
    found = found or cells.detect_separator(sample, source.format)
    if found == " " and not source.options.columns:
        found = (
            found if any(_is_data(cell) for cell in sample[0].decode("utf-8", "replace").split()) else None
        )
    return found or ("\t" if source.format == "tsv" else ",")


def csv_batches(source: Source, columns: list[str], rows: int) -> Iterator[Batch]:
    """The columns as strings, a block of the file at a time, at most `rows` rows each.

    Raises DataError naming the row where the number of cells differs or a quote does not close.
    """
    reader = _Reader(source, columns)
    for batch in reader.batches():
        for start in range(0, batch.table.num_rows, rows):
            yield batch.slice(start, min(start + rows, batch.table.num_rows))


class _Reader:
    """Reads one file block by block, and knows the number of the next row and line."""

    def __init__(self, source: Source, columns: list[str]) -> None:
        self.source = source
        self.layout = layout_of(source)
        self.wanted = {f"c{self.layout.names.index(name)}": name for name in columns}
        self.strict = cells.is_strict(self.layout.separator, source.options.quoting)
        self.row = 1  # of the first row of the next block
        self.inner = 0  # line breaks inside cells so far
        self.headers = 0  # rows so far that repeat the names of the columns
        self.separator = self.layout.separator.encode()

    def batches(self) -> Iterator[Batch]:
        """All rows."""
        skip, rest, want, line = self.layout.start, b"", 0, 1
        for first, block in lines.blocks(self.source, _BLOCK):
            dropped = min(skip, len(block))
            skip -= dropped
            line = line if rest else first + block.count(b"\n", 0, dropped)
            rest += block[dropped:] if dropped else block
            if not rest or len(rest) < want or not rest.endswith(b"\n"):
                continue
            batch, left = self._read(rest, line, at_end=len(rest) > _LONGEST_CELL)
            line += rest.count(b"\n", 0, len(rest) - len(left)) if left else 0
            rest, want = left, 2 * len(left)
            if batch is not None:
                yield batch
        if rest:
            batch, _ = self._read(rest if rest.endswith(b"\n") else rest + b"\n", line, at_end=True)
            if batch is not None:
                yield batch

    def _read(self, block: bytes, line: int, *, at_end: bool) -> tuple[Batch | None, bytes]:
        """The rows of a block that begins at `line`, and what of it has to wait for more text."""
        restored: dict[bytes, bytes] = {}
        original = block
        if b"\r" in block and block.count(b"\r") != block.count(
            b"\r\n"
        ):  # a letter, which Arrow takes for a line end
            block = re.sub(rb"\r(?!\n)", self._stand_in(block, b"\r", restored), block)
        separator = self.separator
        if len(separator) > 1 or separator == b" ":
            sign = self._stand_in(block, separator, restored)
            block, separator = self._with_one_byte(block, sign), sign
        if self.source.options.quoting == "none" or self.source.format == "trec":
            tidied = cells.Tidied(block, False)
        else:
            tidied = cells.tidy(
                block, separator, strict=self.strict, n_cells=len(self.layout.names), at_end=at_end
            )
        rest = tidied.rest
        if rest and block is not original:  # the same lines, before anything was replaced in them
            breaks = np.flatnonzero(np.frombuffer(original, np.uint8) == 10)
            n = len(breaks) - rest.count(b"\n")
            rest = original[int(breaks[n - 1]) + 1 :] if n else original
        return self._parse(tidied, separator, restored, line), rest

    def _stand_in(self, block: bytes, stands_for: bytes, restored: dict[bytes, bytes]) -> bytes:
        sign = next((byte for byte in _STAND_INS if byte not in block and byte not in restored), None)
        if sign is None:
            raise DataError(
                f"{self.source.name}: expected text, found control characters of many kinds",
                hint="is it a binary file? name another",
            )
        restored[sign] = stands_for
        return sign

    def _with_one_byte(self, block: bytes, sign: bytes) -> bytes:
        if self.separator != b" ":
            return block.replace(self.separator, sign)
        return _even_spaces(block, tabs=self.source.format == "trec").replace(b" ", sign)

    def _parse(
        self, tidied: cells.Tidied, separator: bytes, restored: dict[bytes, bytes], line: int
    ) -> Batch | None:
        bad: list[pa_csv.InvalidRow] = []

        def leave_out(row: pa_csv.InvalidRow) -> str:
            bad.append(row)
            return "skip"

        text = tidied.text
        names = [f"c{i}" for i in range(len(self.layout.names))]
        try:
            table = (
                pa_csv.read_csv(
                    pa.BufferReader(text),
                    read_options=pa_csv.ReadOptions(
                        use_threads=False, block_size=len(text) + 1, column_names=names
                    ),
                    parse_options=pa_csv.ParseOptions(
                        delimiter=separator.decode(),
                        quote_char='"' if tidied.quoted else False,
                        newlines_in_values=tidied.quoted,
                        invalid_row_handler=leave_out,
                    ),
                    convert_options=pa_csv.ConvertOptions(
                        include_columns=list(self.wanted),
                        column_types=dict.fromkeys(self.wanted, pa.string()),
                        strings_can_be_null=False,
                        check_utf8=False,  # every block was checked
                    ),
                )
                if text
                else None
            )
        except (pa.ArrowException, OSError) as error:
            if refused_reading(error):
                raise self.source.damaged(error) from error
            raise DataError(
                f"{self.source.name}: cannot be read after row {self.row - 1:,}: {error}",
                hint="correct the file",
            ) from error
        read = table.num_rows if table is not None else 0
        self._check_rows(tidied, separator, read + len(bad), line)
        self._show_inner(tidied, separator)
        if table is None and not tidied.bad:
            return None
        numbers = self._numbers(tidied, bad, read, line, restored)
        total = read + len(bad) + len(tidied.bad)
        first, self.row = self.row, self.row + total
        if table is None or not read:
            return None
        columns = {
            name: self._restored(table.column(key), restored, tidied) for key, name in self.wanted.items()
        }
        batch = Batch(
            self.source.name,
            first if numbers is None else int(numbers[0]),
            pa.table(columns) if columns else pa.table({"": table.column(0)}),
            untyped=True,
            numbers=numbers,
            log=self.source.log,
            options=self.source.options,
        )
        return self._without_headers(batch, tidied.text)

    def _without_headers(self, batch: Batch, text: bytes) -> Batch:
        """The rows without those that repeat the first line, as where files with names were put end to end.

        In a file of one column a row may well have the name of the column, as it may where not all of such a line is
        read; new input for a model keeps all of its rows.
        """
        if len(self.layout.names) < 2 or not self.layout.header or self.source.options.prepared:
            return batch
        line = self.layout.line
        if not self.wanted or line not in text:
            return batch
        n = text.count(b"\n" + line + b"\n") + text.count(b"\n" + line + b"\r\n")
        n += text.startswith((line + b"\n", line + b"\r\n"))
        repeats = np.ones(batch.table.num_rows, np.bool_)
        for key, name in self.wanted.items():
            given = self.layout.first[int(key.removeprefix("c"))]
            repeats &= truths(pc.equal(batch.table.column(name), given))
        if not n or np.count_nonzero(repeats) != n:
            return batch
        self.headers += n
        batch.log.notes[f"headers {batch.file}"] = (
            f"{batch.file}: rows that repeat the names of the columns: {self.headers:,}; they were left out"
        )
        return batch.keep(~repeats)

    def _check_rows(self, tidied: cells.Tidied, separator: bytes, read: int, line: int) -> None:
        """Raise DataError where the rows are not the lines that are not blank, less the line breaks inside cells."""
        text = tidied.text
        expected = lines.count_lines(text) + (not text.endswith(b"\n") and bool(text)) - tidied.inner
        if read == expected:
            return
        if tidied.quoted:  # without the line breaks inside cells
            text = cells.without_quoted(text, separator)
        expected = sum(1 for row in text.split(b"\n") if row.strip(b"\r"))
        if read != expected:
            raise DataError(
                f"{self.source.name}: expected {expected:,} rows from line {line:,} on, as many as there are lines "
                f"outside quotes, found {read:,}",
                hint="look at the quotes there, or read them as letters with --quoting none",
            )

    def _show_inner(self, tidied: cells.Tidied, separator: bytes) -> None:
        """Note that cells hold line breaks; warn where their lines look like rows that a lost quote swallowed."""
        log, name = self.source.log, self.source.name
        if self.strict and cells.QUOTE in tidied.text and separator + b' "' in tidied.text:
            log.warn(
                f"{name}: a quote after a separator and a space is a letter; write no space between them"
            )
        if not tidied.inner:
            return
        self.inner += tidied.inner
        log.notes[f"inner {name}"] = f"{name}: cells in quotes hold line breaks: {self.inner:,}"
        swallowed = cells.first_swallowed(tidied.text, separator, len(self.layout.names))
        if swallowed is not None:
            log.warn(
                f"{name}: a cell in quotes goes over lines that look like rows, from {swallowed[:60]!r} on; if its "
                "quotes are letters, read the file with --quoting none"
            )

    def _numbers(
        self,
        tidied: cells.Tidied,
        bad: list[pa_csv.InvalidRow],
        read: int,
        line: int,
        restored: dict[bytes, bytes],
    ) -> NDArray[np.int64] | None:
        """The number of each row that was read, after the bad ones are noted; None where all are there."""
        if not bad and not tidied.bad:
            return None
        total = read + len(bad) + len(tidied.bad)
        left_out = np.array([row for row, _, _ in tidied.bad], np.int64)
        remaining = np.delete(np.arange(total), left_out)
        unclosed = {row: (line + at, text) for row, at, text in tidied.bad}
        miscounted = {int(remaining[int(invalid.number) - 1]): invalid for invalid in bad}
        dropped = np.array(sorted({*unclosed, *miscounted}), np.int64)
        for row in dropped.tolist():
            if row in unclosed:
                at, text = unclosed[row]
                self._unclosed(self.row + row, at, self._original(text, restored))
            elif miscounted[row].text.strip():  # else a line of spaces
                text = miscounted[row].text.encode()
                self._wrong_count(self.row + row, miscounted[row], self._original(text, restored))
        return np.delete(np.arange(self.row, self.row + total), dropped)

    def _original(self, text: bytes, restored: dict[bytes, bytes]) -> str:
        for sign, meant in restored.items():
            text = text.replace(sign, meant)
        return text.decode("utf-8", "replace")

    def _unclosed(self, row: int, line: int, text: str) -> None:
        closes = '" ' if text.count('"') > 1 else ""
        self.source.log.bad_row(
            self.source.name,
            row,
            "a quote that opens a cell to close before a separator or a line end",
            repr(text[:80]) + (" where it does not" if closes else " where it never closes"),
            "close it, and double the quotes inside a cell; or read quotes as letters with --quoting none",
            line=line,
        )

    def _wrong_count(self, row: int, invalid: pa_csv.InvalidRow, text: str) -> None:
        shown = repr(text[:80])
        hint = "correct the row; a cell that holds the separator needs quotes"
        if text.lstrip().startswith(("#", "%")):
            hint = "a comment is no row: remove such lines, for example with grep -v '^[#%]'"
        elif invalid.actual_columns == invalid.expected_columns + 1:
            hint = (
                "quote cells that hold the separator, with no space before the quote; if all rows have one more, the "
                "first row lacks a name"
            )
        elif invalid.actual_columns == 1:
            hint = "correct the row, or name what separates the cells with --separator"
        self.source.log.bad_row(
            self.source.name,
            row,
            f"{invalid.expected_columns} cells",
            f"{invalid.actual_columns}: {shown}",
            hint + ("; --skip-bad-rows N leaves up to N such rows out" if self.source.log.can_skip else ""),
        )

    def _restored(
        self, column: pa.ChunkedArray, restored: dict[bytes, bytes], tidied: cells.Tidied
    ) -> pa.ChunkedArray:
        for sign, meant in restored.items():
            if sign in tidied.text and (tidied.quoted or meant == b"\r"):
                column = pc.replace_substring(column, sign.decode(), meant.decode())
        return column


def _even_spaces(text: bytes, *, tabs: bool) -> bytes:
    """The lines with one space between cells and none around them; where `tabs` is True, tabs are spaces."""
    text = text.replace(b"\t", b" ") if tabs else text
    if b"  " in text or b" \n" in text or b"\n " in text or b" \r" in text or text.startswith(b" "):
        text = re.sub(rb"(?m)^ +| +(?=\r?$)", b"", text)
        text = re.sub(rb" +", b" ", text)
    return text


def _is_data(cell: str) -> bool:
    """Whether a cell is a number or a date, and so no name of a column."""
    return bool(re.fullmatch(r"\s*[-+]?(\d+([.,]\d+)?([eE][-+]?\d+)?|\d{4}-\d\d-\d\d.*)\s*", cell))


def _shown(row: Sequence[str], separator: str) -> str:
    return repr(separator.join(row)[:80])


def refuse_columns_of_typed(source: Source) -> None:
    """Raise SettingsError where options of delimited text are given for a file that is none."""
    options = source.options
    for flag, value in (("--columns", options.columns), ("--separator", options.separator)):
        if value:
            raise SettingsError(
                f"{flag}: {source.name} is {source.format}, which has names for its columns",
                hint="leave it out",
            )
