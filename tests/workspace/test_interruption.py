"""A step that is killed, or meets a full disk or another writer, leaves the previous version whole."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from awe_cli.errors import BusyError, WriteError
from awe_cli.workspace import Artifact, Recipe, Workspace
from awe_cli.workspace.gc import collect

HALF_WAY = """
import sys, time
from pathlib import Path
from awe_cli.workspace import Recipe, Workspace
workspace = Workspace(Path(sys.argv[1]))
with workspace.stage("model", Recipe("model", 1, {"dim": 2})) as staging:
    staging.file("U.txt").write_text("half")
    print("half way", flush=True)
    time.sleep(60)
"""


def make(workspace: Workspace, dim: int) -> Artifact:
    """Publish a small model."""
    with workspace.stage("model", Recipe("model", 1, {"dim": dim})) as staging:
        staging.file("U.txt").write_text(f"dim {dim}")
        return staging.publish("wsabie")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "workspace")
    make(workspace, 1)
    return workspace


def half_way(workspace: Workspace) -> subprocess.Popen[str]:
    """Another process in the middle of staging."""
    command = [sys.executable, "-c", HALF_WAY, str(workspace.root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "half way\n"
    return process


def test_killed_in_the_middle_of_staging(workspace: Workspace) -> None:
    with half_way(workspace) as process:
        process.kill()
    assert workspace.find("model", "wsabie", verify=True).settings == {"dim": 1}
    assert len(list(workspace.staging.iterdir())) == 1
    make(workspace, 2)  # the kernel has released the lock
    assert workspace.find("model", "wsabie", verify=True).settings == {"dim": 2}
    assert {item.path.parent.name for item in collect(workspace)} == {"store"}
    assert not list(workspace.staging.iterdir())


def test_a_second_writer_is_refused_and_readers_are_not(workspace: Workspace) -> None:
    with half_way(workspace) as process:
        with pytest.raises(BusyError, match=f"process {process.pid}"):
            make(workspace, 2)
        with pytest.raises(BusyError):
            collect(workspace)
        assert workspace.find("model", "wsabie").settings == {"dim": 1}
        process.kill()


def test_wait_waits(workspace: Workspace) -> None:
    with half_way(workspace) as process:
        start = time.monotonic()
        stop = subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -9 {process.pid}"])
        with workspace.lock(wait=True):
            assert time.monotonic() - start >= 0.25
        stop.wait()


@pytest.mark.parametrize("calls", range(9))
def test_a_failure_at_any_instant_of_publishing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    """The system calls that publishing consists of succeed `calls` times, and then the disk is full."""
    left = calls

    def counted(call: Callable[..., None]) -> Callable[..., None]:
        def limited(*arguments: object) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            call(*arguments)

        return limited

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", counted(os.fsync))
        patch.setattr(os, "replace", counted(os.replace))
        with pytest.raises(WriteError, match="No space left"):
            make(workspace, 2)
    assert workspace.find("model", "wsabie", verify=True).settings["dim"] in (1, 2)
    make(workspace, 2)
    assert workspace.find("model", "wsabie", verify=True).settings == {"dim": 2}


def test_a_full_disk_while_the_step_writes(workspace: Workspace) -> None:
    with (
        pytest.raises(WriteError, match=r"staging.*No space left") as caught,
        workspace.stage("model", Recipe("model", 1, {})) as staging,
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(staging.file("U.txt")))
    assert "awe gc" in (caught.value.hint or "")
    assert not list(workspace.staging.iterdir())


def test_a_failure_to_read_elsewhere_stays_what_it_is(workspace: Workspace) -> None:
    with (
        pytest.raises(PermissionError),
        workspace.stage("model", Recipe("model", 1, {})),
    ):
        raise PermissionError(errno.EACCES, "Permission denied", "/elsewhere/input.csv")


def test_a_folder_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Path, "mkdir", forbidden)
    with pytest.raises(WriteError, match="Read-only file system") as caught:
        make(Workspace(tmp_path / "new"), 1)
    assert "--workspace" in (caught.value.hint or "")
