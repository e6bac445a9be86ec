"""Each line of the table of published files in docs/data.md reads a small file of that form."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import re
import shlex
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awe_cli import app

PAGE = Path(__file__).parents[2] / "docs" / "data.md"
PAIRS = [(user, (7 * user + step) % 17 + 1) for user in range(1, 13) for step in range(6)]
N = range(24)


def published() -> list[tuple[str, str]]:
    """What the table names, and the line that reads it."""
    table = PAGE.read_text(encoding="utf-8").split("### Files as they are published")[1].split("\n## ")[0]
    return re.findall(r"^\| (.+?) \| `(awe prepare .+?)` \|$", table, re.MULTILINE)


def joined(separator: str, rows: list[tuple[object, ...]], header: str = "") -> bytes:
    """Rows of cells, a line each."""
    return (header + "".join(separator.join(map(str, row)) + "\n" for row in rows)).encode()


def jsonl(rows: list[dict[str, object]]) -> bytes:
    """One object a line."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def archive(**members: bytes) -> bytes:
    """A zip archive; "__" in a name stands for a slash."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "/"), content)
    return sink.getvalue()


def parquet(pairs: list[tuple[int, int]]) -> bytes:
    """Pairs of user and item."""
    sink = io.BytesIO()
    pq.write_table(pa.table({"user": [u for u, _ in pairs], "item": [i for _, i in pairs]}), sink)
    return sink.getvalue()


RATINGS = [(u, i, 4, 900_000_000 + i) for u, i in PAIRS]
QUERIES = [{"_id": f"q{n}", "text": f"word{n} thing"} for n in N]
CORPUS = [{"_id": f"d{n}", "title": f"word{n}", "text": "body", "metadata": {}} for n in N]
LETOR = [f"{n % 3} qid:{n % 4} 1:0.{n % 9} 46:0.5 #docid = GX{n % 7} inc = 1\n".encode() for n in N]
FILES: dict[str, bytes] = {
    "u.data": joined("\t", RATINGS),
    "u.item": joined("|", [(i, f"Café {i} (1995)", "01-Jan-1995", "", "http://x", 0, 1, 0) for i in range(1, 19)])
    .decode()
    .encode("latin-1"),
    "ratings.dat": joined("::", RATINGS),
    "movies.dat": joined("::", [(i, f"Café {i}, The (1995)", "Drama|Film-Noir") for i in range(1, 19)])
    .decode()
    .encode("latin-1"),
    "ml-latest-small.zip": archive(
        **{"ml-latest-small__ratings.csv": joined(",", RATINGS, "userId,movieId,rating,timestamp\n"),
           "ml-latest-small__movies.csv": b"movieId,title\n", "ml-latest-small__README.txt": b"read me"}
    ),
    "usersha1-artmbid-artname-plays.tsv": joined("\t", [(f"{u:040x}", "", f'"artist {i}', 9) for u, i in PAIRS]),
    "BX-Book-Ratings.csv": joined(";", [(f'"{u}"', f'"é{i}"', '"0"') for u, i in PAIRS],
                                  '"User-ID";"ISBN";"Book-Rating"\n').decode().encode("latin-1"),
    "reviews_Books_5.json.gz": gzip.compress(
        jsonl([{"reviewerID": f"A{u}", "asin": f"B{i}", "helpful": [0, 1], "unixReviewTime": i} for u, i in PAIRS])
    ),
    "ml-100k.inter": joined("\t", [row[:3] for row in RATINGS], "user_id:token\titem_id:token\trating:float\n"),
    "out.edges": joined(" ", [row[:3] for row in RATINGS], "% bip weighted\n% 72 12 18\n"),
    "queries.jsonl": jsonl(QUERIES),
    "documents.jsonl": jsonl(CORPUS),
    "qrels.txt": joined(" ", [(f"q{n}", 0, f"d{n - k}", 1 - k) for n in N for k in (0, 1) if n]),
    "bm25.run": joined(" ", [(f"q{n}", "Q0", f"d{n}", 1, 9.5, "bm25") for n in N]),
    "queries.tsv": joined("\t", [(n, f'what is "word{n}" thing') for n in N]),
    "collection.tsv": joined("\t", [(n, f'"word{n} is body') for n in N]),
    "qrels.dev.small.tsv": joined("\t", [(n, 0, n, 1) for n in N]),
    "scifact/queries.jsonl": jsonl(QUERIES),
    "scifact/corpus.jsonl": jsonl(CORPUS),
    "scifact/qrels/train.tsv": joined("\t", [(f"q{n}", f"d{n}", 1) for n in N[:18]], "query-id\tcorpus-id\tscore\n"),
    "scifact/qrels/test.tsv": joined("\t", [(f"q{n}", f"d{n}", 1) for n in N[18:]], "query-id\tcorpus-id\tscore\n"),
    "yso-finna.tsv.gz": gzip.compress(
        joined("\t", [(f"word{n % 5} text", f"<http://y/{n % 3}> <http://y/{n % 4 + 9}>") for n in N])
    ),
    "documents.annif.jsonl": jsonl(
        [{"text": f"word{n % 5}", "subjects": [{"uri": f"http://y/{n % 3}", "label": "x"}]} for n in N]
    ),
    "annif.csv": joined(",", [(f"word{n % 5}", f"<http://y/{n % 3}> <http://y/{n % 4 + 9}>") for n in N],
                        "text,subject_uris\n"),
    "cooking.train": joined(" ", [(f"__label__a{n % 3}", f"__label__b{n % 2}", f"word{n % 5} text") for n in N]),
    "letor.txt": b"".join(line.replace(b"0 qid", b"1 qid") for line in LETOR),
    "Eurlex_train.txt": joined(" ", [(24, 9, 4), *((f"{n % 3},3", f"{n % 8}:0.5", "8:1") for n in N)]),
    "rcv1_topics_train.svm.bz2": bz2.compress(joined(" ", [(f"{n % 3},3", f"{n % 8}:0.5", "8:1") for n in N])),
    "excel.csv": b"\xef\xbb\xbf" + joined(";", PAIRS, "sep=;\nuser;item\n").replace(b"\n", b"\r\n"),
    "pandas.csv": joined(",", [(f"word{n % 5}", "body", f"\"['a{n % 3}', 'b']\"") for n in N], "title,body,tags\n"),
    "plays/split=train/part-0.parquet": parquet(PAIRS[:60]),
    "plays/split=test/part-0.parquet": parquet(PAIRS[60:]),
}  # fmt: skip
EXPECTED: dict[str, Callable[[dict], bool]] = {
    "their films and genres": lambda found: found["described"] == 18 and found["label_features"] == 2,
    "Last.fm 360K": lambda found: found["interactions"] == 72,
    "TREC judgements": lambda found: found["pairs"] == 46 and found["not_relevant"] == 23,
    "a BEIR folder, its splits kept": lambda found: found["splits"]["test"] == 6,
    "Annif, CSV": lambda found: found["labels"] == 7,
    "Annif, text and URIs": lambda found: found["labels"] == 7,
    "fastText": lambda found: found["labels"] == 5,
    "CSV of pandas with lists": lambda found: found["labels"] == 4,
    "Hive partitions": lambda found: found["splits"]["test"] > 0,
    "extreme classification": lambda found: found["examples"] == 24 and found["features"] == 9,
}


def test_the_table_has_lines() -> None:
    assert len(published()) > 20
    assert set(EXPECTED) <= {what for what, _ in published()}


@pytest.mark.parametrize(("what", "line"), published(), ids=[what for what, _ in published()])
def test_the_line_reads_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], what: str, line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content)
    code = app.main([*shlex.split(line)[1:], "--json", "-q"])
    out, err = capfd.readouterr()
    assert code == 0, err
    found = json.loads(out)
    size = found.get("interactions") or found["examples"]
    assert size == (72 if "--user" in line and "qid" not in line else size) > 0
    assert EXPECTED.get(what, lambda _: True)(found), found
