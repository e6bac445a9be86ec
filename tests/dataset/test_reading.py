"""Reading: every format gives the same columns, and every flaw is named with file, column and row."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
import zstandard

from awe_cli.errors import AweError, DataError, MissingInputError, UsageError
from awe_cli.io.columns import Role
from awe_cli.io.log import ReadingLog
from awe_cli.io.reader import columns_of, read_batches
from awe_cli.io.sources import find_source, open_sources

ROLES = {"user": Role.ID, "item": Role.ID, "plays": Role.NUMBER}
TABLE = pa.table({"user": ["007", "b", "é"], "item": ["x", "2020-01-01", "z w"], "plays": [1.0, 2.5, 3.0]})
XMC = {"labels": Role.IDS, "indices": Role.ID_LIST, "values": Role.NUMBER_LIST}


def read(path: Path | str, roles: dict[str, Role], format: str | None = None, rows: int = 65536) -> pa.Table:
    """The columns of a file."""
    with open_sources([str(path)], format) as (source,):
        return pa.concat_tables([batch.table for batch in read_batches(source, roles, rows)])


def as_jsonl(table: pa.Table) -> bytes:
    """One object a line."""
    return "".join(json.dumps(row) + "\n" for row in table.to_pylist()).encode()


def written(folder: Path, name: str) -> Path:
    """TABLE in the format that the name says."""
    path = folder / name
    plain = folder / name.removesuffix(".gz").removesuffix(".zst")
    if plain.suffix == ".parquet":
        pq.write_table(TABLE, plain)
    elif plain.suffix == ".jsonl":
        plain.write_bytes(as_jsonl(TABLE))
    else:
        delimiter = "\t" if plain.suffix == ".tsv" else ","
        pa_csv.write_csv(TABLE, plain, pa_csv.WriteOptions(delimiter=delimiter))
    if path.suffix == ".gz":
        half = len(plain.read_bytes()) // 2  # two members, as `cat a.gz b.gz` makes them
        data = plain.read_bytes()
        path.write_bytes(gzip.compress(data[:half]) + gzip.compress(data[half:]))
    elif path.suffix == ".zst":
        path.write_bytes(zstandard.compress(plain.read_bytes()))
    return path


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".tsv", ".jsonl"])
@pytest.mark.parametrize("named", [True, False])
def test_every_format_gives_the_same(tmp_path: Path, suffix: str, packing: str, named: bool) -> None:
    path = written(tmp_path, f"plays{suffix}{packing}")
    if not named:  # then the contents must tell
        path = path.rename(tmp_path / "plays")
    found = read(path, ROLES)
    assert found.to_pydict() == TABLE.to_pydict()
    assert read(path, ROLES, rows=1).to_pydict() == TABLE.to_pydict()


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_the_last_line_needs_no_line_break(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path, f"plays{suffix}")
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert read(path, ROLES).to_pydict() == TABLE.to_pydict()


@pytest.mark.parametrize(
    "type", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string()), pa.string_view()], ids=str
)
def test_all_kinds_of_text_are_ids(tmp_path: Path, type: pa.DataType) -> None:
    pq.write_table(pa.table({"id": pa.array(["b", "a", "b"]).cast(type)}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", {"id": Role.ID}).to_pydict() == {"id": ["b", "a", "b"]}


@pytest.mark.parametrize("type", [pa.int8(), pa.uint16(), pa.int32(), pa.int64(), pa.uint64()], ids=str)
def test_integers_keep_their_type(tmp_path: Path, type: pa.DataType) -> None:
    pq.write_table(pa.table({"id": pa.array([3, 1, 2], type)}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", {"id": Role.ID})["id"].type == type


@pytest.mark.parametrize(
    "type", [pa.list_(pa.float64()), pa.large_list(pa.float32()), pa.list_(pa.int32(), 2)], ids=str
)
def test_all_kinds_of_lists_are_lists(tmp_path: Path, type: pa.DataType) -> None:
    pq.write_table(pa.table({"x": pa.array([[1, 2], [3, 4]], type)}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", {"x": Role.NUMBERS}).to_pydict() == {"x": [[1, 2], [3, 4]]}


def test_lists_in_csv_are_separated_by_spaces(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("i,v\n 3  x ,1 2.5\n,\n")
    found = read(tmp_path / "a.csv", {"i": Role.ID_LIST, "v": Role.NUMBER_LIST})
    assert found.to_pydict() == {"i": [["3", "x"], []], "v": [[1, 2.5], []]}


def test_semicolons_and_quoted_line_breaks_in_csv(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('user;item\n"a\nb";"c;d"\n')
    assert read(tmp_path / "a.csv", {"user": Role.ID, "item": Role.ID}).to_pylist() == [
        {"user": "a\nb", "item": "c;d"}
    ]


def test_rows_longer_than_a_block(tmp_path: Path) -> None:
    long = "x" * 3_000_000
    (tmp_path / "a.csv").write_text(f"user,text\na,short\nb,{long}\nc,{long}\nd,short\n")
    found = read(tmp_path / "a.csv", {"user": Role.ID, "text": Role.TEXT})
    assert found["user"].to_pylist() == ["a", "b", "c", "d"]
    assert [len(text) for text in found["text"].to_pylist()] == [5, 3_000_000, 3_000_000, 5]


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbfuser,item\na,b\n")
    (tmp_path / "a.jsonl").write_bytes(b'\xef\xbb\xbf{"user": "a", "item": "b"}\n')
    for name in ("a.csv", "a.jsonl"):
        assert read(tmp_path / name, {"user": Role.ID}).to_pydict() == {"user": ["a"]}


XMC_TEXT = "1,2 0:1 5:.25\n3 1:2\n 2:1e3\n\n"
XMC_ROWS = {
    "labels": [["1", "2"], ["3"], []],
    "indices": [[0, 5], [1], [2]],
    "values": [[1, 0.25], [2], [1000]],
}


@pytest.mark.parametrize("header", ["", "4 10 4\n", "3 10 4\n"])
@pytest.mark.parametrize("name", ["a.libsvm", "a"])
def test_libsvm_with_and_without_header(tmp_path: Path, header: str, name: str) -> None:
    (tmp_path / name).write_text(header + XMC_TEXT)
    assert read(tmp_path / name, XMC).to_pydict() == XMC_ROWS
    assert read(tmp_path / name, XMC, rows=1).to_pydict() == XMC_ROWS


def test_json_columns_are_found_without_reading_everything(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": 1, "b": [], "c": null}\n\n{"b": ["x"], "c": 1.5, "d": true}\n')
    with open_sources([str(tmp_path / "a.jsonl")]) as (source,):
        assert {name: str(type) for name, type in columns_of(source).items()} == {
            "a": "int64",
            "b": "list<item: string>",
            "c": "double",
            "d": "bool",
        }


TIMES = [
    ([3, 1], [3, 1]),
    ([0.5, 1.5], [0.5, 1.5]),
    (["3", "1"], [3, 1]),
    (["2024-01-02", "2024-01-01T10:00:00"], None),
]


@pytest.mark.parametrize(("given", "expected"), TIMES)
def test_times(tmp_path: Path, given: list[object], expected: list[float] | None) -> None:
    pq.write_table(pa.table({"t": given}), tmp_path / "a.parquet")
    found = read(tmp_path / "a.parquet", {"t": Role.TIME})["t"]
    if expected is None:
        assert found.type == pa.timestamp("us")
        assert found[0].as_py() > found[1].as_py()
    else:
        assert found.to_pylist() == expected


BAD = [
    ("a.csv", b"user,item,plays\na,b,1\na,b,2x\n", "column 'plays', row 2: expected a number, found '2x'"),
    ("a.csv", b"user,item,plays\na,b,1\na,b,\n", "row 2: expected a number, found an empty cell"),
    ("a.csv", b"user,item,plays\na,b,nan\n", "column 'plays', row 1: expected a finite number, found nan"),
    ("a.csv", b"user,item,plays\na,b,1\nc,d\n", "a.csv: row 2: expected 3 cells, found 2: 'c,d'"),
    ("a.csv", b"user,item,plays\na,,1\n", "column 'item', row 1: expected strings or integers, found an"),
    ("a.csv", b"user,item,plays\na,\xff\xfe,1\n", "expected UTF-8 text"),
    ("a.csv", b"user,item,user\na,b,c\n", "expected distinct column names, found 'user' twice"),
    ("a.csv", b"", "a.csv: the file is empty"),
    ("a.csv", gzip.compress(b"user,item,plays\na,b,1\n" * 9)[:-9], "cannot be unpacked"),
    ("a.jsonl", b'{"user": 7, "item": "a", "plays": 1}\n{"user": "7", "item": "a", "plays": 1}\n',
     "a.jsonl: column 'user', row 2: expected an integer as in the rows before, found \"7\""),
    ("a.jsonl", b'{"user": 7, "item": "a", "plays": 1}\n{"user": 8, "item": "a", "plays": null}\n',
     "column 'plays', row 2: expected a finite number, found null"),
    ("a.jsonl", b'{"user": 7, "item": "a", "plays": 1}\n{"user": 8, "item": \n', "row 2: expected a JSON"),
    ("a.jsonl", b'{"user": 7, "item": "a", "plays": 1}\n{"user": 8, "item": "b", "item": "c", "plays": 1}\n',
     "a.jsonl: row 2: expected a JSON object that can be read"),
    ("a.jsonl", b'[{"user": 7}]\n', "row 1: expected a JSON object on each line, found one array: '[{"),
    ("a.jsonl", b'{"user": 1.5, "item": "a", "plays": 1}\n', "column 'user': expected strings or integers"),
    ("a.jsonl", b'{"user": true, "item": "a", "plays": 1}\n', "column 'user': expected strings or integers"),
    ("a.parquet", b"user,item\n", "a.parquet: expected Parquet, found something else"),
    ("a.parquet", b"PAR1 and then nothing", "a.parquet: expected a Parquet file, found a damaged one"),
    ("a.csv", b"PAR1 and then nothing", "a.csv: expected a Parquet file, found a damaged one"),
    ("a", b"one two\nthree four\n", "a: its format cannot be told"),
]  # fmt: skip


def test_numbers_may_be_text(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        '{"user": "u", "item": "a", "plays": "1"}\n{"user": "u", "item": "b", "plays": " 2.5"}\n'
    )
    assert read(tmp_path / "a.jsonl", ROLES)["plays"].to_pylist() == [1.0, 2.5]


def test_times_finer_than_microseconds(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("t\n2020-01-01 00:00:00.123456789\n2020-01-01 00:00:01\n")
    first, second = read(tmp_path / "a.csv", {"t": Role.TIME})["t"].to_pylist()
    assert (second - first).total_seconds() == pytest.approx(0.876544)


def test_rows_that_repeat_the_first_line_are_left_out(tmp_path: Path) -> None:
    text = "user,item,plays\na,b,1\nuser,item,plays\nc,d,2\n"
    (tmp_path / "a.csv").write_text(text)
    log = ReadingLog()
    [batch] = read_batches(find_source("a.csv", tmp_path / "a.csv", log=log), ROLES)
    assert batch.column("plays").to_pylist() == [1.0, 2.0]
    assert batch.rows().tolist() == [1, 3]
    assert list(log.notes.values()) == [
        "a.csv: rows that repeat the names of the columns: 1; they were left out"
    ]


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("user\na\nuser\nb\n", "user", ["a", "user", "b"]),  # no header: a file of one column
        (
            "user,item\na,b\nuser,c\nuser,item\n",
            "user",
            ["a", "user", "user"],
        ),  # which of two, cannot be told
        ("user,item\na,b\nuser,item\nd,e\n", "user", ["a", "d"]),
    ],
)
def test_a_row_that_may_be_data_is_kept(tmp_path: Path, text: str, column: str, expected: list[str]) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert read(tmp_path / "a.csv", {column: Role.ID})[column].to_pylist() == expected


def test_lines_that_are_bad_in_several_ways_are_left_out(tmp_path: Path) -> None:
    rows = [
        '{"user": "a", "item": "b"}',
        '{"user": 7, "item": "b"}',
        '{"user": "a", "item": "b", "item": "c"}',
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(rows) + "\n")
    log = ReadingLog(allowed=2)
    roles = {"user": Role.ID, "item": Role.ID}
    [batch] = read_batches(find_source("a.jsonl", tmp_path / "a.jsonl", log=log), roles)
    assert batch.column("user").to_pylist() == ["a"]
    assert [row for _, row in log.skipped] == [2, 3]


def test_a_folder_of_rows_without_a_value_has_none(tmp_path: Path) -> None:
    folder = tmp_path / "user=__HIVE_DEFAULT_PARTITION__"
    folder.mkdir()
    (folder / "a.csv").write_text("item,plays\nb,1\n")
    with pytest.raises(DataError, match="column 'user', row 1: expected strings or integers, found null"):
        read(tmp_path, ROLES)


@pytest.mark.parametrize(("name", "content", "message"), BAD, ids=range(len(BAD)))
def test_a_flaw_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(tmp_path / name, ROLES)
    assert message in caught.value.message
    assert caught.value.hint


HINTS = [
    ("a.csv", b"user,item,plays\na,b,inf\n", "put a number in its place"),
    ("a.csv", b"user,item,plays\na,,1\n", "fill the cell in"),
    ("a.jsonl", b'{"user": 7, "item": "a", "plays": 1}\n{"user": "7", "item": "a", "plays": 1}\n', '"7" and 7'),
    ("a.jsonl", b'{"user": 7, "item": "a", "plays": 1}\n{"user": 8, "item": "a", "plays": "x"}\n', "one type"),
    ("a.jsonl", b'{"user": 7, "item": "a", "plays": 1}\n{"user": 1%s, "item": "a", "plays": 1}\n' % (b"0" * 30),
     "write the ids as strings"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "hint"), HINTS, ids=range(len(HINTS)))
def test_the_hint_is_about_the_flaw(tmp_path: Path, name: str, content: bytes, hint: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(tmp_path / name, ROLES)
    assert hint in str(caught.value.hint)
    assert ('"7" and 7' in str(caught.value.hint)) == ('"7" and 7' in hint)


BAD_XMC = [
    ("1 0:1\n2 0:1 x\n", "row 2: expected labels, then INDEX:VALUE pairs, found 'x'"),
    ("1 0:1\n2 0:1 q:3\n", "row 2: expected labels, then INDEX:VALUE pairs, found 'q:3'"),
    ("1 0:1\n2 0:1 2:y\n", "row 2: expected labels, then INDEX:VALUE pairs, found '2:y'"),
    ("1 0:1\n2 0:1 1:inf\n", "column 'values', row 2: expected a finite number, found inf"),
    ("3 2 2\n1 0:1\n2 0:1\n", "expected 3 rows, as its first line says, found 2"),
]


@pytest.mark.parametrize(("content", "message"), BAD_XMC, ids=range(len(BAD_XMC)))
def test_a_flaw_in_libsvm_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.svm").write_text(content)
    with pytest.raises(DataError, match=r"a\.svm") as caught:
        read(tmp_path / "a.svm", XMC)
    assert message in caught.value.message


BAD_VALUES = [
    (Role.ID, [1, None], "row 2: expected strings or integers, found null"),
    (Role.ID, [1.5], "expected strings or integers, found type double"),
    (Role.ID, [None, None], "row 1: expected strings or integers, found null"),
    (Role.ID_LIST, [[1], [2, None]], "row 2: expected strings or integers, found null"),
    (Role.ID_LIST, [1], "expected a list of strings or integers, found type int64"),
    (Role.NUMBER, [0.0, float("inf")], "row 2: expected a finite number, found inf"),
    (Role.NUMBER, [0.0, 1e300], "row 2: expected a number of at most 3.403e+38 in size, found 1e+300"),
    (Role.NUMBER, ["1", "x"], "row 2: expected a number, found 'x'"),
    (Role.NUMBER, [[1.0]], "expected a number, found type list"),
    (Role.NUMBERS, [[1.0, 2.0], [], [3.0, float("nan")]], "row 3: expected a finite number, found nan"),
    (Role.NUMBERS, [[1.0, None]], "row 1: expected a finite number, found null"),
    (Role.NUMBERS, [[1.0], None], "row 2: expected a number or a list of numbers, found null"),
    (Role.TEXT, [1], "expected text, found type int64"),
    (Role.TEXT, ["a", None], "row 2: expected text, found null"),
    (Role.TIME, ["2024-01-01", "soon"], "row 2: expected a number, a date or a time, found 'soon'"),
    (Role.TIME, [0.5, float("nan")], "row 2: expected a number, a date or a time, found nan"),
    (Role.TIME, [0.5, float("inf")], "row 2: expected a number, a date or a time, found inf"),
    (Role.NUMBER, np.array([1, np.inf], np.float16), "row 2: expected a finite number, found inf"),
]


@pytest.mark.parametrize(("role", "values", "message"), BAD_VALUES, ids=range(len(BAD_VALUES)))
def test_a_value_that_cannot_be_is_named(
    tmp_path: Path, role: Role, values: list[object], message: str
) -> None:
    pq.write_table(pa.table({"c": values}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet: column 'c'") as caught:
        read(tmp_path / "a.parquet", {"c": role})
    assert message in caught.value.message


def test_row_numbers_go_on_from_piece_to_piece(tmp_path: Path) -> None:
    pq.write_table(pa.table({"c": [1.0] * 10 + [float("nan")]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="row 11"):
        read(tmp_path / "a.parquet", {"c": Role.NUMBER}, rows=3)


def test_missing_things_are_missing_input(tmp_path: Path) -> None:
    written(tmp_path, "plays.csv")
    with pytest.raises(MissingInputError, match="there is no such file") as caught:
        read(tmp_path / "play.csv", ROLES)
    assert "plays.csv" in str(caught.value.hint)
    with pytest.raises(MissingInputError, match="found user, item, plays") as caught:
        read(tmp_path / "plays.csv", {"usr": Role.ID})
    assert caught.value.hint == "did you mean 'user'?"


def test_formats_that_cannot_be(tmp_path: Path) -> None:
    path = written(tmp_path, "plays.parquet")
    with pytest.raises(DataError, match="expected csv, found Parquet"):
        read(path, ROLES, "csv")
    with pytest.raises(UsageError, match="named twice"), open_sources(["-", "-"]):
        pass
    for format in ("cvs", "excel"):
        with pytest.raises(AweError, match="expected one of parquet, csv"):
            read(path, ROLES, format)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("weather.arff", b"% a comment\n@relation weather\n", "ARFF"),
        ("weather.csv", b"@RELATION weather\n@attribute a numeric\n", "ARFF"),
        ("matrix.mtx", b"%%MatrixMarket matrix coordinate real general\n3 3 1\n1 1 1\n", "Matrix Market"),
        ("matrix.txt", b"%%MatrixMarket matrix coordinate real general\n3 3 1\n1 1 1\n", "Matrix Market"),
        ("survey.dta", b"<stata_dta>", "Stata"),
    ],
)
def test_formats_of_other_programs_are_refused_by_name(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with (
        pytest.raises(DataError, match=words) as refused,
        open_sources([str(tmp_path / name)]) as (source,),
    ):
        columns_of(source)
    assert refused.value.hint


def test_an_id_of_spaces_is_empty(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("user,item\na,x\n  ,y\n")
    with (
        pytest.raises(DataError, match="row 2") as refused,
        open_sources([str(tmp_path / "rows.csv")]) as (source,),
    ):
        list(read_batches(source, {"user": Role.ID}))
    assert "'  '" in str(refused.value)
