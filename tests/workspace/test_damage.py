"""What is broken on the disk is recognised, named, and can be made again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from awe_cli.errors import CorruptArtifactError
from awe_cli.workspace import Artifact, Recipe, Workspace
from awe_cli.workspace.artifact import digest_of
from awe_cli.workspace.store import Pointer, write_pointer

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


def test_a_changed_byte_is_found_though_the_time_of_change_is_put_back(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(workspace).file("U.txt")
    workspace.find("model", "wsabie")
    before = path.stat()
    path.write_text("one two thrEe")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(CorruptArtifactError, match=r"U\.txt: expected sha256"):
        workspace.find("model", "wsabie")
    assert workspace.current("model", "wsabie", RECIPE) is None
    monkeypatch.setenv("AWE_VERIFY", "never")
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


def test_every_changed_byte_of_a_name_is_found(workspace: Workspace) -> None:
    made = make(workspace)
    pointer = workspace.root / "models" / "wsabie.json"
    whole = pointer.read_bytes()
    for place in range(len(whole)):
        for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :]):
            pointer.write_bytes(damaged)
            with pytest.raises(CorruptArtifactError, match=r"wsabie\.json"):
                workspace.find("model", "wsabie")
    older = {key: value for key, value in json.loads(whole).items() if key != "checksum"}
    pointer.write_text(json.dumps(older))
    assert workspace.find("model", "wsabie").digest == made.digest


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(workspace: Workspace) -> None:
    path = make(workspace).file("U.txt")
    pointer = workspace.root / "models" / "wsabie.json"
    for place in (path, path.with_name("manifest.json"), pointer):
        place.unlink()
        os.mkfifo(place)
        with pytest.raises(CorruptArtifactError, match=place.name):
            workspace.find("model", "wsabie")
        place.unlink()
        make(workspace)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": ["model"]},
        {"version": "1"},
        {"settings": []},
        {"parents": {"dataset": 7}},
        {"parents": {"dataset": "../../elsewhere"}},
        {"files": {"../../U.txt": {"size": 1, "sha256": ""}}},
        {"files": {"/etc/passwd": {"size": 1, "sha256": ""}}},
        {"files": {"U.txt": {"size": 10**400, "sha256": "0"}}},
    ],
)
def test_a_hostile_manifest_whose_digest_agrees(workspace: Workspace, change: dict[str, object]) -> None:
    made = make(workspace)
    content = json.dumps({**json.loads((made.path / "manifest.json").read_bytes()), **change}).encode()
    forge(workspace, content)
    with pytest.raises(CorruptArtifactError):
        workspace.find("model", "wsabie")


def test_a_manifest_nested_without_end(workspace: Workspace) -> None:
    forge(workspace, b"[" * 200_000)
    with pytest.raises(CorruptArtifactError, match=r"manifest\.json"):
        workspace.find("model", "wsabie")


def forge(workspace: Workspace, manifest: bytes) -> None:
    """Let a name mean an artifact that has this manifest, with digests that agree."""
    digest = digest_of(manifest)
    (workspace.store / digest).mkdir(parents=True)
    (workspace.store / digest / "manifest.json").write_bytes(manifest)
    write_pointer(workspace.root / "models" / "wsabie.json", Pointer.now(digest, RECIPE.digest))


def test_another_version_of_the_format(workspace: Workspace) -> None:
    made = make(workspace)
    assert made.expect_version(1) is made
    with pytest.raises(CorruptArtifactError, match="format 2, found format 1"):
        made.expect_version(2)
