"""Finding, publishing and naming artifacts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from awe_cli.errors import MissingInputError, SettingsError, WriteError
from awe_cli.workspace import KINDS, Artifact, Recipe, Workspace


def make(workspace: Workspace, name: str, text: str = "one", **settings: object) -> Artifact:
    """Publish a small model."""
    with workspace.stage("model", Recipe("model", 1, settings)) as staging:
        staging.file("U.txt").write_text(text)
        staging.file("tables/history.txt").write_text("epoch")
        return staging.publish(name)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


def test_what_is_published_is_found(workspace: Workspace) -> None:
    made = make(workspace, "wsabie", dim=64)
    found = workspace.find("model", "wsabie", verify=True)
    assert found == made
    assert found.settings == {"dim": 64}
    assert found.file("U.txt").read_text() == "one"
    assert found.file("tables/history.txt").read_text() == "epoch"
    assert found.size == 8
    assert workspace.names("model") == ["wsabie"]
    assert not list(workspace.staging.iterdir())


def test_the_only_one_of_its_kind_needs_no_name(workspace: Workspace) -> None:
    make(workspace, "wsabie")
    assert workspace.find("model").name == "wsabie"
    make(workspace, "awe")
    with pytest.raises(MissingInputError, match="awe, wsabie"):
        workspace.find("model")


def test_the_dataset_has_no_name(workspace: Workspace) -> None:
    with workspace.stage("dataset", Recipe("dataset", 1, {})) as staging:
        staging.file("labels").write_text("a")
        made = staging.publish()
    assert (workspace.root / "dataset.json").exists()
    assert workspace.find("dataset") == made


def test_equal_steps_in_two_workspaces_have_equal_digests(tmp_path: Path) -> None:
    one = make(Workspace(tmp_path / "one"), "wsabie", dim=64, at=(1, 10))
    two = make(Workspace(tmp_path / "two"), "other", at=[1, 10], dim=64)
    assert one.digest == two.digest
    assert make(Workspace(tmp_path / "two"), "other", dim=65).digest != one.digest


def test_a_pointer_is_replaced_only_when_its_content_changes(workspace: Workspace) -> None:
    make(workspace, "wsabie")
    pointer = workspace.root / "models" / "wsabie.json"
    before = (pointer.read_bytes(), pointer.stat().st_mtime_ns, pointer.stat().st_ino)
    make(workspace, "wsabie")
    assert (pointer.read_bytes(), pointer.stat().st_mtime_ns, pointer.stat().st_ino) == before
    make(workspace, "wsabie", "two")
    assert pointer.read_bytes() != before[0]
    content = json.loads(pointer.read_bytes())
    assert set(content) == {"digest", "recipe", "created", "number", "earlier", "checksum"}
    assert [version["digest"] for version in content["earlier"]] == [json.loads(before[0])["digest"]]


def test_current_asks_for_the_same_recipe_and_whole_files(workspace: Workspace) -> None:
    recipe = Recipe("model", 1, {"dim": 64})
    assert workspace.current("model", "wsabie", recipe) is None
    made = make(workspace, "wsabie", dim=64)
    assert workspace.current("model", "wsabie", recipe) == made
    assert workspace.current("model", "wsabie", Recipe("model", 1, {"dim": 65})) is None
    assert workspace.current("model", "wsabie", Recipe("model", 2, {"dim": 64})) is None
    made.file("U.txt").write_text("longer than before")
    assert workspace.current("model", "wsabie", recipe) is None


@pytest.mark.parametrize(
    ("kind", "noun"),
    [("neighbors", "neighbour table"), ("affinity", "built affinity"), ("predictions", "set of predictions")],
)
def test_of_each_kind_there_is_one_in_a_sentence(workspace: Workspace, kind: str, noun: str) -> None:
    make(workspace, "wsabie")
    with pytest.raises(MissingInputError, match=f"there is no {noun} in the workspace"):
        workspace.find(kind)
    with pytest.raises(MissingInputError, match=f"there is no {noun} named 'wsabie' in the workspace"):
        workspace.find(kind, "wsabie")
    with pytest.raises(SettingsError, match=f"a {noun} needs a name"):
        KINDS[kind].pointer(workspace.root, None)


def test_missing_names_suggest_the_nearest_and_the_command(workspace: Workspace) -> None:
    make(workspace, "wsabie")
    with pytest.raises(MissingInputError) as caught:
        workspace.find("model", "wsabi")
    assert "'wsabi'" in caught.value.message
    assert "'wsabie'" in (caught.value.hint or "")
    with pytest.raises(MissingInputError) as caught:
        workspace.find("neighbors", "table")
    assert "awe build-knn" in (caught.value.hint or "")


def test_a_workspace_that_is_not_there_says_where_to_begin(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError) as caught:
        Workspace(tmp_path / "nowhere").find("dataset")
    assert "nowhere" in caught.value.message
    assert "awe prepare" in (caught.value.hint or "")


def test_a_workspace_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MissingInputError, match="found a file"):
        Workspace(tmp_path / "file").find("model", "wsabie")
    with pytest.raises(WriteError, match="file"):
        make(Workspace(tmp_path / "file"), "wsabie")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-x", ".x", "a b", "é", "x" * 101, "a\n"])
def test_impossible_names_are_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(SettingsError):
        workspace.find("model", name)
    with pytest.raises(SettingsError):
        make(workspace, name)


def test_a_stored_artifact_of_another_kind_is_refused(workspace: Workspace) -> None:
    made = make(workspace, "wsabie")
    assert workspace.get("model", made.digest).digest == made.digest
    with pytest.raises(MissingInputError):
        workspace.get("model", "0" * 64)


def test_leaving_without_publishing_leaves_nothing(workspace: Workspace) -> None:
    with workspace.stage("model", Recipe("model", 1, {})) as staging:
        staging.file("U.txt").write_text("one")
    assert not list(workspace.staging.iterdir())
    with pytest.raises(MissingInputError):
        workspace.find("model", "wsabie")
