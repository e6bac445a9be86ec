"""Every page with something to type is followed: its commands and snippets run, and print what it shows."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest

from awe_cli.app import main
from tests.pages import DOCS, ROOT, assert_shown, blocks, commands, follow
from tests.small import QUICK

pytestmark = pytest.mark.slow

# Pages that a reader follows from an empty folder.
FOLLOWED = ["tutorial", "howto-tags", "howto-documents", "howto-lightfm", "howto-implicit"]


@pytest.mark.parametrize("name", FOLLOWED)
def test_a_page_is_followed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = DOCS / f"{name}.md"
    assert sum(block.language in ("sh", "python") for block in blocks(page)) >= 4
    follow(page, tmp_path, monkeypatch)


def table(path: Path, columns: dict[str, list[object]]) -> None:
    """A file of these columns, in the format of its name."""
    found = pa.table(columns)
    if path.suffix == ".parquet":
        pq.write_table(found, path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in found.to_pylist()))
    else:
        pcsv.write_csv(found, path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files that pages speak of, and settings for fits that take no time."""
    people, N = ["alice", *(f"p{n}" for n in range(59))], range(60)
    pairs = [(person, f"a{(7 * n + step) % 30}") for n, person in enumerate(people) for step in range(12)]
    words = ["red blue", "blue green", "green red"]
    ids = [f"e{n}" for n in N]
    splits = ["train"] * 40 + ["valid"] * 10 + ["test"] * 10
    for name, columns in {
        "plays.parquet": {"user": [one for one, _ in pairs], "artist": [one for _, one in pairs]},
        "new-people.csv": {"user": ["new", "new"], "artist": ["a1", "a2"]},
        "ratings.csv": {
            "user": [one for one, _ in pairs],
            "item": [one for _, one in pairs],
            "rating": [5] * len(pairs),
        },
        "artists.parquet": {"artist": [f"a{n}" for n in range(30)], "tags": [["x"], ["y"], ["x", "z"]] * 10},
        "new-artists.parquet": {"artist": ["b1", "b2"], "tags": [["x"], ["z"]]},
        "users.csv": {"user": people, "country": ["DE", "FR"] * 30, "age-group": ["20-29", "30-39"] * 30},
        "new-users.csv": {"user": ["new"], "country": ["DE"], "age-group": ["30-39"]},
        "queries.csv": {"query": ids, "text": words * 20, "split": splits},
        "documents.jsonl": {"document": ["d0", "d1", "d2"], "text": words},
        "pairs.parquet": {"query": ids, "document": ["d0", "d1", "d2"] * 20},
        "new-queries.csv": {"query": ["new"], "text": ["red"]},
        "new-documents.jsonl": {"document": ["d3"], "text": ["red red"]},
        "examples.parquet": {
            "id": ids,
            "text": words * 20,
            "labels": [["a"], ["b"], ["c"]] * 20,
            "split": splits,
        },
        "isa.parquet": {"child": ["a", "b"], "parent": ["letter", "letter"]},
    }.items():
        table(tmp_path / name, columns)
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace/awe.toml").write_text(QUICK)
    return tmp_path


def test_the_pages_about_one_workspace_are_followed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    follow(ROOT / "README.md", folder, monkeypatch)
    assert main(["promote", "awe", "--as", "champion", "-q"]) == 0
    for name in ("baselines", "export", "report", "workspace"):
        follow(DOCS / f"{name}.md", folder, monkeypatch)
    made = "recommendations.parquet report.html vectors index users.parquet metrics.png map.svg"
    assert all((folder / name).exists() for name in made.split())


def test_the_page_about_data_is_followed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    follow(DOCS / "data.md", folder, monkeypatch)
    assert pq.read_table(folder / "new-artists-for-all.parquet")["label"].unique().to_pylist() == ["b1", "b2"]
    assert (folder / "welcome.csv").read_text().count("\n") == 11


def test_the_snippets_of_the_python_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = follow(DOCS / "python.md", tmp_path, monkeypatch)
    assert list(names["model"].predict(["night train to rome"])) == ["travel"]
    assert names["labels"].shape == names["scores"].shape == (100, 3)
    assert names["ranker"].U_.shape == (11, 16)
    assert repr(names["workspace"]) == "Workspace('workspace': a dataset, models awe, wsabie)"
    assert repr(names["found"]) == "Embeddings(U (16, 8), V (16, 8))"
    assert names["held_out"].Y.shape == (60, 16)


def test_the_commands_of_a_block() -> None:
    script = (
        "awe run a.csv \\\n  --user u\n\n# a comment\ncat > b <<'END'\nx\nEND\nawe status  # ends with 69\n"
    )
    assert list(commands(script)) == [
        ("awe run a.csv \\\n  --user u", 0),
        ("cat > b <<'END'\nx\nEND", 0),
        ("awe status  # ends with 69", 69),
    ]


def test_what_a_page_shows_is_held_against_what_was_printed() -> None:
    printed = "reading a.csv\nmetric   best\nmap    0.4120\ngarden, desk lamp, ink\n"
    assert_shown("map  0.4\ngarden, …, ink\n", printed, "page")
    for wrong in ("mrr 0.4\n", "map 0.4\nmetric best\n", "garden, …, pen\n"):
        with pytest.raises(AssertionError, match="not printed"):
            assert_shown(wrong, printed, "page")
