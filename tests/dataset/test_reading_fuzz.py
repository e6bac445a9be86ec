"""Damaged files of every format: an exit code of the documented ones, one message, and never a traceback."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import random
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from awe_cli import app

ALLOWED = {0, 2, 65, 66, 78}
EXAMPLES = 12


def rows() -> list[tuple[str, str, int]]:
    """Sixty interactions of nine people, one name with a letter that is not ASCII, one with a quote."""
    draw = random.Random(0)
    items = ["café", 'the "best"', *(f"item {i}" for i in range(9))]
    return [(f"u{draw.randrange(9)}", draw.choice(items), draw.randint(1, 5)) for _ in range(60)]


def delimited(separator: str, quote: str = "") -> bytes:
    """The interactions as text in rows of cells."""
    cells = [("user", "item", "plays"), *rows()]
    lines = [
        separator.join(quote + str(cell).replace('"', quote + '"') + quote for cell in row) for row in cells
    ]
    return ("\n".join(lines) + "\n").encode()


def as_jsonl() -> bytes:
    """The interactions as JSON lines."""
    return "".join(json.dumps({"user": u, "item": i, "plays": n}) + "\n" for u, i, n in rows()).encode()


def as_parquet() -> bytes:
    """The interactions as Parquet."""
    columns = zip(*rows(), strict=True)
    sink = io.BytesIO()
    pq.write_table(pa.table(dict(zip(("user", "item", "plays"), map(list, columns), strict=True))), sink)
    return sink.getvalue()


def as_zip() -> bytes:
    """The interactions as CSV in an archive."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("plays.csv", delimited(","))
    return sink.getvalue()


INTERACTIONS = ("--user", "user", "--item", "item", "--weight", "plays")
FILES: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "a.csv": (delimited(",", '"'), INTERACTIONS),
    "semicolon.csv": (delimited(";"), INTERACTIONS),
    "a.tsv": (delimited("\t"), INTERACTIONS),
    "a.dat": (delimited("::"), INTERACTIONS),
    "utf16.csv": (delimited(",").decode().encode("utf-16"), INTERACTIONS),
    "a.csv.gz": (gzip.compress(delimited(",")), INTERACTIONS),
    "a.zip": (as_zip(), INTERACTIONS),
    "a.jsonl": (as_jsonl(), INTERACTIONS),
    "a.parquet": (as_parquet(), INTERACTIONS),
    "a.svm": (
        b"".join(b"%d,%d qid:%d 1:0.5 %d:2 # docid=%d\n" % (n % 3, n % 4, n, n, n) for n in range(40)),
        (),
    ),
    "fasttext": (b"".join(b"__label__a%d word%d some text\n" % (n % 3, n % 7) for n in range(40)), ()),
    "annif.tsv": (b"".join(b"word%d some text\t<http://x/%d>\n" % (n % 7, n % 3) for n in range(40)), ()),
}
Change = Callable[[bytes], bytes]


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """One to three ways to damage a file, at places drawn."""
    made: list[Change] = []
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.floats(0, 1))
        signs = (
            b'"',
            b"\0",
            b",",
            b"\t",
            b"\n",
            b"\r",
            b"\xff",
            b"\xe9",
            b";",
            b"::",
            b'"\n',
            b"{",
            b"\\",
            b"<",
        )
        inserted = draw(st.sampled_from(signs) | st.binary(min_size=1, max_size=9))
        flip = draw(st.integers(0, 7))
        kind = draw(st.sampled_from(("cut", "insert", "insert", "flip", "drop", "swap", "repeat")))
        made.append(lambda data, at=at, new=inserted, bit=flip, kind=kind: damaged(data, kind, at, new, bit))
    return lambda data: made[0](data) if len(made) == 1 else made[1](made[0](data))


def damaged(data: bytes, kind: str, at: float, new: bytes, bit: int) -> bytes:
    """The data with one change at a share of its length."""
    place = int(at * max(len(data) - 1, 0))
    if kind == "cut":
        return data[:place]
    if kind == "insert":
        return data[:place] + new + data[place:]
    if kind == "flip" and data:
        return data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :]
    if kind == "drop":
        return data[:place] + data[place + 1 + bit :]
    if kind == "repeat":
        return data + data[place:]
    return data.decode("latin-1").encode("utf-16" if bit % 2 else "utf-8")


def run(*arguments: str) -> tuple[int, str]:
    """The exit code of `awe`, and all that it printed, also what Python prints of errors in callbacks."""
    said = io.StringIO()
    before, sys.unraisablehook = sys.unraisablehook, lambda error: said.write(f"Exception ignored: {error}")
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            code = app.main(list(arguments))
    finally:
        sys.unraisablehook = before
    return code, said.getvalue()


def check(code: int, said: str) -> None:
    """One message, one of the codes that bad input may have."""
    assert code in ALLOWED, said
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    assert said.count("error: ") == (code != 0), said


bounded = settings(
    max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    content, options = FILES[name]
    path = folder / name
    path.write_bytes(content)
    code, said = run("prepare", str(path), *options, "-q", "-w", str(folder / "w"))
    assert code == 0, said

    @seed(1)
    @bounded
    @given(change=changes(), more=st.sampled_from([(), ("--skip-bad-rows", "3"), ("--quoting", "none")]))
    def fuzz(change: Change, more: tuple[str, ...]) -> None:
        path.write_bytes(change(content))
        check(*run("prepare", str(path), *options, *more, "-q", "-w", str(folder / "w")))

    fuzz()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace for each kind of file, with a model that counts."""
    root = tmp_path_factory.mktemp("models")
    for name, (content, options) in FILES.items():
        path = root / name
        path.write_bytes(content)
        assert run("prepare", str(path), *options, "-q", "-w", str(root / f"w-{name}"))[0] == 0
        assert run("train-baseline", "popularity", "-q", "-w", str(root / f"w-{name}"))[0] == 0
    return root


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.parquet", "a.svm", "a.zip"])
def test_damaged_new_input_is_read_or_refused(models: Path, name: str) -> None:
    content = FILES[name][0]
    path, output = models / name, models / f"{name}.out.parquet"
    command = ("predict", "--model", "popularity", str(path), "-o", str(output), "-q", "-w")
    code, said = run(*command, str(models / f"w-{name}"))
    assert code == 0, said

    @seed(2)
    @bounded
    @given(change=changes())
    def fuzz(change: Change) -> None:
        path.write_bytes(change(content))
        check(*run(*command, str(models / f"w-{name}")))

    fuzz()
