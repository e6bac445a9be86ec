"""What gc removes and what it keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from awe_cli.errors import CorruptArtifactError
from awe_cli.workspace import Artifact, Recipe, Workspace
from awe_cli.workspace.gc import collect


def make(workspace: Workspace, kind: str, name: str | None, text: str, **parents: str) -> Artifact:
    """Publish an artifact made from `parents`."""
    with workspace.stage(kind, Recipe(kind, 1, {}, parents)) as staging:
        staging.file("content").write_text(text)
        return staging.publish(name)


def test_ancestors_of_what_is_named_are_kept(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    old = make(workspace, "dataset", None, "old")
    model = make(workspace, "model", "wsabie", "U", dataset=old.digest)
    dropped = make(workspace, "neighbors", "table", "one", model=model.digest)
    make(workspace, "neighbors", "table", "three", model=model.digest)
    make(workspace, "dataset", None, "new")
    assert [item.path.name for item in collect(workspace, dry_run=True)] == [dropped.digest]
    assert workspace.get("neighbors", dropped.digest) == workspace.get("neighbors", dropped.digest)
    assert [item.size for item in collect(workspace)] == [
        3 + len(dropped.manifest.encode())  # the content and the manifest
    ]
    assert workspace.get("dataset", old.digest).digest == old.digest
    assert collect(workspace) == []


def test_nothing_is_removed_where_a_pointer_is_unreadable(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    model = make(workspace, "model", "wsabie", "U")
    (tmp_path / "models" / "wsabie.json").write_text("{")
    with pytest.raises(CorruptArtifactError):
        collect(workspace)
    assert workspace.get("model", model.digest).digest == model.digest
