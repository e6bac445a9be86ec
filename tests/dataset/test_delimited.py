"""Delimited text: quotes, separators, headers, encodings; no row is lost or misread in silence."""

from __future__ import annotations

import csv
import io
import json
import os
import threading
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from awe_cli import app
from awe_cli.errors import DataError, MissingInputError, SettingsError
from awe_cli.io import delimited
from awe_cli.io.columns import Role
from awe_cli.io.log import ReadingLog
from awe_cli.io.options import ReadOptions, encoding_of, separator_of
from awe_cli.io.reader import columns_of, read_batches
from awe_cli.io.sources import open_sources


def read(
    path: Path, columns: tuple[str, ...], options: ReadOptions | None = None, log: ReadingLog | None = None
) -> list[tuple[str, ...]]:
    """The cells of these columns, a tuple a row."""
    with open_sources([str(path)], options=options, log=log) as (source,):
        batches = list(read_batches(source, dict.fromkeys(columns, Role.TEXT)))
    return [
        row
        for batch in batches
        for row in zip(*(batch.column(name).to_pylist() for name in columns), strict=True)
    ]


READ = [
    ("a.tsv", 'u\ti\na\t"Open\nb\tB\n', ['"Open', "B"]),
    ("a.tsv", 'u\ti\na\tA\nb\t"Open', ["A", '"Open']),
    ("a.tsv", 'u\ti\na\t"Weird Al" Y\nb\t12" R\nc\t"closed"\n', ['"Weird Al" Y', '12" R', "closed"]),
    ("a.tsv", 'u\ti\na\t"Open\nb\tB\nc\tClose"\n', ['"Open', "B", 'Close"']),
    ("a.tsv", 'u\ti\na\t"two\nlines"\nb\tB\n', ["two\nlines", "B"]),
    ("a.tsv", 'u\ti\na\t"a ""b"" c"\n', ['a "b" c']),
    ("a.tsv", 'u\ti\na\t"x\ty"\n', ["x\ty"]),
    ("a.csv", 'u,i\na,"x, ""y"""\nb,12" R\n', ['x, "y"', '12" R']),
    ("a.csv", 'u;i\r\na;"x\r\n\r\ny"\r\n\r\nb;B\r\n', ["x\r\n\r\ny", "B"]),
    ("a.csv", '"u","i"\n"a","A"\n', ["A"]),
    ("a.csv", " u , i \na,A\n", ["A"]),
    ("a.csv", "sep=;\nu;i\na;4,5\n", ["4,5"]),
    ("a.csv", "u,i\ra,A\rb,B\r", ["A", "B"]),
    ("a.csv", "u,i,\na,A,\n\n   \nb,B,\n\n", ["A", "B"]),
    ("a.csv", "u,i\na,A,\nb,B,\n", ["A", "B"]),
    ("a.csv", "# made today\n% by hand\nu,i\na,A\n", ["A"]),
    ("a.csv", "u,i\na,A\rx\nb,B\n", ["A\rx", "B"]),
    ("a.csv", "u|i\na|A\n", ["A"]),
    ("a.dat", "u::i\na::A:b\n", ["A:b"]),
    ("a.inter", "u:token\ti:token\na\tA\n", ["A"]),
]


@pytest.mark.parametrize(("name", "content", "expected"), READ, ids=range(len(READ)))
@pytest.mark.parametrize("block", [7, 1 << 20])
def test_cells_are_what_the_file_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str, expected: list[str], block: int
) -> None:
    monkeypatch.setattr(delimited, "_BLOCK", block)
    (tmp_path / name).write_bytes(content.encode())
    assert [item for _, item in read(tmp_path / name, ("u", "i"))] == expected


cells = st.text(alphabet='ab "\n\r,;é', max_size=6)
fuzzed = settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@seed(3)
@fuzzed
@given(
    rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=9), block=st.sampled_from([5, 40, 1 << 20])
)
def test_what_csv_writes_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[tuple[str, str]], block: int
) -> None:
    monkeypatch.setattr(delimited, "_BLOCK", block)
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerows([("u", "i", "n"), *((u, i, str(n)) for n, (u, i) in enumerate(rows))])
    (tmp_path / "a.csv").write_bytes(sink.getvalue().encode())
    assert read(tmp_path / "a.csv", ("u", "i")) == rows


letters = st.text(alphabet='ab" é', min_size=1, max_size=6).filter(
    lambda cell: not (cell[0] == '"' == cell[-1] and len(cell) > 1) and cell.strip()
)


@seed(4)
@fuzzed
@given(
    rows=st.lists(st.tuples(letters, letters), min_size=1, max_size=9), block=st.sampled_from([5, 1 << 20])
)
def test_quotes_of_tsv_are_letters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[tuple[str, str]], block: int
) -> None:
    monkeypatch.setattr(delimited, "_BLOCK", block)
    text = "u\ti\n" + "".join(f"{u}\t{i}\n" for u, i in rows)
    (tmp_path / "a.tsv").write_bytes(text.encode())
    assert read(tmp_path / "a.tsv", ("u", "i")) == rows


REFUSED = [
    ('u,i\na,A\nb,"Open\nc,C\n', "row 2 (line 3): expected a quote that opens a cell to close"),
    ('u,i\na,"two\nlines"\n\nb,"Open\nc,"C"\n', "row 2 (line 5): expected a quote"),
    ('u;i\na;A\nb;"Open', "row 2 (line 3): expected a quote"),
    ('u,i\na,"Weird Al" Y\n', "row 1 (line 2): expected a quote"),
    ('u,"i\na,A\n', "first row, with the column names: expected quotes that close"),
    ("u,i\na,A\nb\n", "row 2: expected 2 cells, found 1: 'b'"),
    ("u,i\na,A\n\nb,B,C\n", "row 2: expected 2 cells, found 3: 'b,B,C'"),
    ("u,i\na,A\nb,\0\n", "line 3: expected text, found a NUL byte"),
    (b"u,i\na,A\nb,caf\xe9\n", "line 3 (row 2 below a header): expected UTF-8 text, found the byte 0xe9"),
    (b"u\xe9,i\na,A\n", "line 1: expected UTF-8 text"),
    ("u,i\na,A\n".encode("utf-16-le"), "found UTF-16 without a byte order mark"),
]


@pytest.mark.parametrize(("content", "message"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_read_is_named_by_its_row(tmp_path: Path, content: str | bytes, message: str) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(DataError) as caught:
        read(tmp_path / "a.csv", ("u", "i"))
    assert message in caught.value.message
    assert caught.value.hint


def test_quoting_can_be_chosen(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('u,i\na,"Open\nb,"B"\n')
    (tmp_path / "a.tsv").write_text('u\ti\na\t"Open\n')
    assert read(tmp_path / "a.csv", ("i",), ReadOptions(quoting="none")) == [('"Open',), ('"B"',)]
    with pytest.raises(DataError, match="never closes"):
        read(tmp_path / "a.tsv", ("i",), ReadOptions(quoting="standard"))


def test_a_cell_that_may_have_swallowed_rows_is_shown(tmp_path: Path) -> None:
    log = ReadingLog()
    (tmp_path / "a.csv").write_text('u,i\na,"Open\nb,B\nc,C"\nd,D\n')
    assert len(read(tmp_path / "a.csv", ("u", "i"), log=log)) == 2
    assert "goes over lines that look like rows" in log.summary_warnings()[0]
    assert "hold line breaks: 2" in next(iter(log.notes.values()))


SEPARATORS = [
    ("\t", "tab"),
    (";", ";"),
    ("|", "pipe"),
    ("::", "::"),
    (" ", "space"),
    ("||", "||"),
    ("¦", "¦"),
    ("-+-", "-+-"),
]


@pytest.mark.parametrize(("separator", "named"), SEPARATORS)
def test_separators_that_are_named(tmp_path: Path, separator: str, named: str) -> None:
    (tmp_path / "a").write_text("".join(separator.join((f"u{n}", f"é{n}", "3")) + "\n" for n in range(4)))
    options = ReadOptions(separator=separator_of(named, "--separator"), columns=("u", "i", "r"))
    assert read(tmp_path / "a", ("i", "r"), options) == [(f"é{n}", "3") for n in range(4)]


@pytest.mark.parametrize("separator", ["\t", ";", "|", "::", ",", " "])
def test_separators_that_are_recognised(tmp_path: Path, separator: str) -> None:
    (tmp_path / "a.data").write_text("".join(separator.join((f"u{n}", "4", "5")) + "\n" for n in range(4)))
    assert read(tmp_path / "a.data", ("u",), ReadOptions(columns=("u", "i", "r"))) == [
        (f"u{n}",) for n in range(4)
    ]


def test_several_spaces_are_one_separator(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("  a   1\n b 22  \nccc   3\r\n")
    options = ReadOptions(separator=" ", columns=("u", "n"))
    assert read(tmp_path / "a", ("u", "n"), options) == [("a", "1"), ("b", "22"), ("ccc", "3")]


@pytest.mark.parametrize("text", ["", "\n", '"', "a\nb"])
def test_what_cannot_separate(text: str) -> None:
    with pytest.raises(SettingsError, match="--separator: expected characters that separate"):
        separator_of(text, "--separator")


ENCODINGS = [
    ("latin-1", "é"),
    ("cp1252", "’"),
    ("utf-16", "é"),
    ("utf-16-be", "é"),
    ("utf-32", "é"),
    ("shift_jis", "日"),
]


@pytest.mark.parametrize(("encoding", "letter"), ENCODINGS)
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_encodings(tmp_path: Path, encoding: str, letter: str, suffix: str) -> None:
    text = f"u,i\na,{letter}\n" if suffix == "csv" else f'{{"u": "a", "i": "{letter}"}}\n'
    (tmp_path / f"a.{suffix}").write_bytes(text.encode(encoding))
    marked = encoding in ("utf-16", "utf-32")
    options = ReadOptions() if marked else ReadOptions(encoding=encoding_of(encoding))
    assert read(tmp_path / f"a.{suffix}", ("i",), options) == [(letter,)]


@pytest.mark.parametrize("name", ["latin1x", "hex", "rot13", "undefined", "idna"])
def test_what_is_no_encoding_of_text(name: str) -> None:
    with pytest.raises(SettingsError, match="--encoding: expected an encoding of text"):
        encoding_of(name)


def test_a_first_row_that_looks_like_data(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("u1,i1,5\nu2,i2,4\n")
    with pytest.raises(MissingInputError) as caught:
        read(tmp_path / "a.csv", ("user",))
    assert "--columns" in str(caught.value.hint)
    named = ReadOptions(columns=("user", "item"))
    with pytest.raises(DataError, match="expected 2 cells, as --columns names, found 3"):
        read(tmp_path / "a.csv", ("user",), named)
    (tmp_path / "b.csv").write_text("user,item\nu1,i1\n")
    assert read(tmp_path / "b.csv", ("user",), named) == [("u1",)], "a header is no row"


def test_bad_rows_are_left_out_and_keep_their_numbers(tmp_path: Path) -> None:
    text = 'u,i\na,A\nb\nc,C\nd,"D" x\n,E\nf,F\n'
    (tmp_path / "a.csv").write_text(text)
    roles = {"u": Role.ID, "i": Role.ID}
    log = ReadingLog(allowed=3)
    with open_sources([str(tmp_path / "a.csv")], log=log) as (source,):
        (batch,) = read_batches(source, roles)
    assert batch.column("u").to_pylist() == ["a", "c", "f"]
    assert batch.rows().tolist() == [1, 3, 6]
    assert [row for _, row in log.skipped] == [2, 4, 5]
    assert "rows skipped: 3" in log.summary_warnings()[0]
    with (
        pytest.raises(DataError, match=r"row 5: .*an empty cell; rows skipped before it: 2"),
        open_sources([str(tmp_path / "a.csv")], log=ReadingLog(allowed=2)) as (source,),
    ):
        list(read_batches(source, roles))


def test_bad_rows_of_other_formats_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"u": "a"}\n{"u":\n{"u": 7}\n{"u": null}\n{"u": "b"}\n')
    log = ReadingLog(allowed=3)
    with open_sources([str(tmp_path / "a.jsonl")], log=log) as (source,):
        (batch,) = read_batches(source, {"u": Role.ID})
    assert (batch.column("u").to_pylist(), batch.rows().tolist()) == (["a", "b"], [1, 5])
    assert [row for _, row in log.skipped] == [2, 3, 4]


def test_skipped_rows_are_counted_for_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text(
        "user,item\n" + "".join(f"u{n % 5},i{n % 7}\n" for n in range(70)) + "x\n" * 7
    )
    command = ["prepare", "a.csv", "--user", "user", "--item", "item", "--json", "-q"]
    assert app.main([*command, "--skip-bad-rows", "6"]) == 65
    capfd.readouterr()
    assert app.main([*command, "--skip-bad-rows", "7"]) == 0
    out, err = capfd.readouterr()
    found = json.loads(out)
    assert (found["skipped_rows"], found["rows"], len(found["skipped_rows_first"])) == (7, 70, 5)
    assert "rows skipped: 7" in err
    assert "and 2 more" in err


def test_nested_and_joined_columns(tmp_path: Path) -> None:
    rows = [
        {"u": {"id": f"u{n}"}, "s": [{"uri": "x"}, {"uri": "y"}], "t": "a", "b": None if n else "c"}
        for n in range(3)
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with open_sources([str(tmp_path / "a.jsonl")]) as (source,):
        assert "u.id" in columns_of(source)
        assert "u.other" not in columns_of(source)
        roles = {"u.id": Role.ID, "s.uri": Role.IDS, "t,b": Role.TEXT}
        (batch,) = read_batches(source, roles)
        with pytest.raises(DataError, match="expected values, found objects") as caught:
            list(read_batches(source, {"u": Role.ID}))
    assert "u.id" in str(caught.value.hint)
    assert batch.column("u.id").to_pylist() == ["u0", "u1", "u2"]
    assert batch.column("s.uri").to_pylist() == [["x", "y"]] * 3
    assert batch.column("t,b").to_pylist() == ["a c", "a ", "a "]


def test_folders_partitions_and_archives(tmp_path: Path) -> None:
    folder = tmp_path / "plays"
    for split in ("test", "train"):
        (folder / f"split={split}").mkdir(parents=True)
        (folder / f"split={split}" / "part-0.csv").write_text(f"u,i\n{split},A\n")
    (folder / "_SUCCESS").write_text("")
    assert read(folder, ("u", "split")) == [("test", "test"), ("train", "train")]
    path = tmp_path / "ml.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ml/ratings.csv", "u,i\na,A\n")
        archive.writestr("__MACOSX/ml/._ratings.csv", "x")
        archive.writestr("ml/README.txt", "read me")
    assert read(path, ("u",)) == [("a",)]
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("ml/films.csv", "u,i\nb,B\n")
    with pytest.raises(DataError, match=r"found 3: ml/ratings\.csv, ml/README\.txt, ml/films\.csv"):
        read(path, ("u",))
    assert read(path / "ml/films.csv", ("u",)) == [("b",)]
    names = [str(path / "ml" / name) for name in ("films.csv", "ratings.csv")]
    with open_sources(names) as sources:
        assert sources[0].sha256() != sources[1].sha256(), "one file of an archive is not another"
    with pytest.raises(MissingInputError, match="no such file in the archive"):
        read(path / "ml/film.csv", ("u",))


def test_a_pipe_is_read_once_and_one_without_a_writer_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("awe_cli.io.sources._WAIT", 0.05)
    for name in ("a", "b"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(MissingInputError, match="a pipe that nothing is written to"):
        read(tmp_path / "a", ("u",))
    monkeypatch.setattr("awe_cli.io.sources._WAIT", 60)
    writer = threading.Thread(target=(tmp_path / "b").write_text, args=("u,i\na,A\n",))
    writer.start()
    assert read(tmp_path / "b", ("u", "i")) == [("a", "A")]
    writer.join()


BY_NAME = [
    ("a.npy", b"\x93NUMPY", "NumPy"), ("a.sqlite", b"SQLite format 3\0", "SQLite"), ("a.csv", b"%PDF-1.7", "PDF"),
    ("a.pkl", b"\x80\x04\x95.", "pickle"), ("a.h5", b"\x89HDF\r\n\x1a\n", "HDF5"), ("a.csv", b"ARROW1\0\0", "Feather"),
    ("a.csv", b"<!DOCTYPE html>", "HTML"), ("a.png", b"\x89PNG\r\n", "PNG"),
    ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel"),
    ("a.json", b'[\n{"u": 1}]', "one array"), ("a.csv", b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "what"), BY_NAME, ids=[what for _, _, what in BY_NAME])
def test_what_is_no_table_is_refused_by_name(tmp_path: Path, name: str, content: bytes, what: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=what) as caught:
        read(tmp_path / name, ("u",))
    assert caught.value.hint


JOINED = [
    ("a|b", "--label-separator '|'"), ("a; b", "--label-separator ';'"), ("a, b", "--label-separator ','"),
    ("['a', 'b']", "--label-separator list"), ('["a", "b"]', "--label-separator list"),
    ("<http://a> <http://b>", "--label-separator space"),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "hint"), JOINED)
def test_cells_that_look_joined_are_warned_of_and_split_as_the_warning_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], cell: str, hint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with open("a.csv", "w", newline="") as file:
        csv.writer(file).writerows([("text", "tags"), *((f"word{n % 5} x", cell) for n in range(30))])
    command = ["prepare", "a.csv", "--text", "text", "--labels", "tags", "--json", "-q"]
    assert app.main(command) == 0
    out, err = capfd.readouterr()
    assert hint in err
    assert json.loads(out)["labels"] == 1
    assert app.main([*command, *hint.replace("'", "").split()]) == 0
    out, err = capfd.readouterr()
    assert hint not in err
    assert json.loads(out)["labels"] == 2


def test_new_input_is_read_as_what_was_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.dat").write_text("".join(f"u{n % 9}::i{n % 7}::{n % 5}\n" for n in range(63)))
    command = [
        "prepare",
        "r.dat",
        "--separator",
        "::",
        "--columns",
        "user,item,stars",
        "--user",
        "user",
        "--item",
        "item",
    ]
    assert app.main([*command, "-q"]) == 0
    assert app.main(["train-baseline", "popularity", "-q"]) == 0
    new = {
        "new.dat": "x::i1::4\ny::i2::3\n",
        "new.csv": "user,item\nx,i1\ny,i2\n",
        "new.jsonl": '{"user": "x", "item": "i1"}\n{"user": "y", "item": "i2"}\n',
    }
    outputs = []
    for name, content in new.items():
        Path(name).write_text(content)
        assert app.main(["predict", "-m", "popularity", name, "-o", "out.csv", "-q", "--top-k", "3"]) == 0
        outputs.append(Path("out.csv").read_text())
    assert outputs[0] == outputs[1] == outputs[2]
    assert outputs[0].count("\n") == 7


WITHOUT_EFFECT = [("--separator", ","), ("--columns", "a,b"), ("--label-columns", "a,b")]


@pytest.mark.parametrize("option", WITHOUT_EFFECT, ids=lambda option: option[0])
def test_options_of_delimited_text_are_refused_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: tuple[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_text('{"user": "x", "item": "i1"}\n' * 5)
    assert app.main(["prepare", "a.jsonl", "--user", "user", "--item", "item", *option, "-q"]) in (2, 78)
