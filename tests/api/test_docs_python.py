"""Every snippet of docs/python.md runs, one after the other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parent.parent.parent / "docs" / "python.md"


def test_snippets_run_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    snippets = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(snippets) >= 8
    names: dict[str, Any] = {}
    for number, snippet in enumerate(snippets, 1):
        exec(compile(snippet, f"{PAGE.name}, snippet {number}", "exec"), names)
    assert list(names["model"].predict(["night train to rome"])) == ["travel"]
    assert names["labels"].shape == names["scores"].shape == (100, 3)
    assert names["ranker"].U_.shape == (11, 16)
    assert repr(names["workspace"]) == "Workspace('workspace': a dataset, models awe, wsabie)"
    assert repr(names["found"]) == "Embeddings(U (16, 8), V (16, 8))"
    assert names["held_out"].Y.shape == (60, 16)
