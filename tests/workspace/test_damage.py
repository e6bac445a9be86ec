"""What is broken on the disk is recognised, named, and can be made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from awe_cli.errors import CorruptArtifactError
from awe_cli.workspace import Artifact, Recipe, Workspace

RECIPE = Recipe("model", 1, {"dim": 64})


def make(workspace: Workspace) -> Artifact:
    """Publish a small model."""
    with workspace.stage("model", RECIPE) as staging:
        staging.file("U.txt").write_text("one two three")
        return staging.publish("wsabie")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.mark.parametrize("content", ["one", "one two three four"])
def test_a_file_of_another_length_is_named_with_both_sizes(workspace: Workspace, content: str) -> None:
    path = make(workspace).file("U.txt")
    path.write_text(content)
    with pytest.raises(CorruptArtifactError) as caught:
        workspace.find("model", "wsabie")
    assert str(path) in caught.value.message
    assert "13 bytes" in caught.value.message
    assert f"found {len(content)} bytes" in caught.value.message
    assert f"rm -r {path.parent}" in (caught.value.hint or "")


def test_a_missing_file_is_named(workspace: Workspace) -> None:
    path = make(workspace).file("U.txt")
    path.unlink()
    with pytest.raises(CorruptArtifactError, match=r"U\.txt"):
        workspace.find("model", "wsabie")


def test_a_changed_byte_is_found_on_request(workspace: Workspace) -> None:
    make(workspace).file("U.txt").write_text("one two thrEe")
    workspace.find("model", "wsabie")
    with pytest.raises(CorruptArtifactError, match="sha256"):
        workspace.find("model", "wsabie", verify=True)


def test_a_changed_manifest_is_found_always(workspace: Workspace) -> None:
    manifest = make(workspace).path / "manifest.json"
    manifest.write_text(manifest.read_text().replace("64", "65"))
    with pytest.raises(CorruptArtifactError, match=r"manifest\.json"):
        workspace.find("model", "wsabie")


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b"\xff", b'{"digest": 1'])
def test_an_unreadable_pointer_is_named_and_replaced_by_the_next_step(
    workspace: Workspace, content: bytes
) -> None:
    made = make(workspace)
    pointer = workspace.root / "models" / "wsabie.json"
    pointer.write_bytes(content)
    with pytest.raises(CorruptArtifactError, match=r"wsabie\.json"):
        workspace.find("model", "wsabie")
    assert workspace.current("model", "wsabie", RECIPE) is None
    assert make(workspace).digest == made.digest
    assert workspace.find("model", "wsabie").digest == made.digest


@pytest.mark.parametrize("damage", ["one", "one two thrEe"])
def test_running_the_step_again_heals_the_store(workspace: Workspace, damage: str) -> None:
    make(workspace).file("U.txt").write_text(damage)
    make(workspace)
    assert workspace.find("model", "wsabie", verify=True).file("U.txt").read_text() == "one two three"


def test_a_file_the_manifest_does_not_know(workspace: Workspace) -> None:
    with pytest.raises(CorruptArtifactError, match=r"only U\.txt"):
        make(workspace).file("V.txt")


def test_another_version_of_the_format(workspace: Workspace) -> None:
    made = make(workspace)
    assert made.expect_version(1) is made
    with pytest.raises(CorruptArtifactError, match="format 2, found format 1"):
        made.expect_version(2)
