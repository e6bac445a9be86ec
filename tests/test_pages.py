"""Every page with something to type is followed: its commands and snippets run, and print what it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages import DOCS, assert_shown, blocks, commands, follow

pytestmark = pytest.mark.slow

# Pages that a reader follows from an empty folder.
FOLLOWED = ["tutorial", "howto-tags", "howto-documents", "howto-lightfm", "howto-implicit"]


@pytest.mark.parametrize("name", FOLLOWED)
def test_a_page_is_followed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = DOCS / f"{name}.md"
    assert sum(block.language in ("sh", "python") for block in blocks(page)) >= 4
    follow(page, tmp_path, monkeypatch)


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
