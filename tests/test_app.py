"""The command line as a person or a script meets it: codes, messages, streams."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from awe_cli import __version__, app, errors
from awe_cli.app import build_app, main
from awe_cli.cli import process
from awe_cli.cli import status as status_command
from awe_cli.config.resolve import COMMANDS
from awe_cli.workspace import Recipe, Workspace

# Scripts rely on these numbers: never change one.
EXIT_CODES = {
    errors.AweError: 1,
    errors.UsageError: 2,
    errors.DataError: 65,
    errors.MissingInputError: 66,
    errors.StaleError: 69,
    errors.DivergedError: 70,
    errors.WriteError: 73,
    errors.CorruptArtifactError: 74,
    errors.BusyError: 75,
    errors.SettingsError: 78,
    errors.GateError: 79,
}

Output = pytest.CaptureFixture[str]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with one model, elsewhere than ./workspace."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AWE_WORKSPACE", raising=False)
    monkeypatch.delenv("AWE_DEBUG", raising=False)
    workspace = Workspace(tmp_path / "here")
    with workspace.stage("model", Recipe("model", 1, {})) as staging:
        staging.file("U.txt").write_text("one")
        staging.publish("wsabie")
    return workspace


def awe(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run awe in a process of its own."""
    command = [sys.executable, "-m", "awe_cli", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **(env or {})}, check=False
    )


def test_exit_codes_are_frozen() -> None:
    assert {error: error.exit_code for error in EXIT_CODES} == EXIT_CODES
    assert app.INTERRUPTED == 130
    assert sorted(process.CODES) == [129, 130, 143]


def test_every_error_type_has_a_code_of_its_own() -> None:
    found = {e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, errors.AweError)}
    assert found == set(EXIT_CODES)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str, capsys: Output) -> None:
    assert main([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"Usage: awe {name}" in out
    assert f"\n    awe {name}" in out
    assert "--workspace" in out


def test_help_and_version(capsys: Output) -> None:
    assert main(["--help"]) == 0
    assert "Exit codes: 0 done" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"awe {__version__}\n"


def test_without_a_command_the_help_is_shown(capsys: Output) -> None:
    assert main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Usage: awe" in captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["statsu"], "No such command 'statsu'. Did you mean 'status'?"),
        (["status", "--jsn"], "No such option: --jsn (Possible options: --json)"),
        (["--nothing"], "No such option: --nothing"),
        (["status", "surplus"], "unexpected extra argument"),
        (["status", "--workspace"], "requires an argument"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, capsys: Output) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert "--help` shows what is possible" in captured.err


def test_the_workspace_is_named_before_or_after_the_command_or_by_the_environment(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    assert main(["status"]) == 66
    assert main(["--workspace", "here", "status"]) == 0
    assert main(["-w", "here", "status"]) == 0
    assert main(["status", "-w", "here"]) == 0
    assert main(["-w", "elsewhere", "status", "-w", "here"]) == 0
    monkeypatch.setenv("AWE_WORKSPACE", "here")
    assert main(["status"]) == 0
    assert main(["status", "-w", "elsewhere"]) == 66
    assert main(["-w", "elsewhere", "status"]) == 66
    assert "elsewhere: expected a workspace, found nothing" in capsys.readouterr().err


def test_a_long_message_stays_on_one_line(workspace: Workspace, capsys: Output) -> None:
    long = "x" * 300
    assert main(["status", "-w", long]) == 66
    assert f"error: {long}: expected a workspace, found nothing\n" in capsys.readouterr().err


def test_status_shows_data_on_standard_output(workspace: Workspace, capsys: Output) -> None:
    assert main(["status", "-w", "here", "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    [entry] = json.loads(captured.out)
    assert (entry["kind"], entry["name"], entry["size"], entry["state"]) == ("model", "wsabie", 3, "current")
    assert main(["status", "-w", "here"]) == 0
    header, line = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["kind", "name", "size"]
    assert line.split()[:4] == ["model", "wsabie", "3", "B"]


def test_a_misspelt_variable_of_the_environment_is_warned_of(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    for name in (
        "AWE_BUILD_KNN_LAMBDA",
        "AWE_TRAIN_BASELINE_K",
        "AWE_THREADS",
        "AWE_TRIAN_DIM",
        "AWE_COST",
        "AWE_7777777777777",
    ):
        monkeypatch.setenv(name, "7")
    assert main(["status", "-w", "here", "--quiet"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "warning: the environment variable AWE_7777777777777 is no setting and was ignored; "
        "settings are AWE_<COMMAND>_<SETTING>",
        "warning: the environment variable AWE_COST is no setting and was ignored; "
        "did you mean 'AWE_TRAIN_BASELINE_COST'?",
        "warning: the environment variable AWE_TRIAN_DIM is no setting and was ignored; "
        "did you mean 'AWE_TRAIN_DIM'?",
    ]


def test_status_of_a_corrupt_artifact(workspace: Workspace, capsys: Output) -> None:
    workspace.find("model").file("U.txt").write_text("longer")
    assert main(["status", "-w", "here"]) == 74
    captured = capsys.readouterr()
    assert "corrupt" in captured.out
    assert "expected 3 bytes, found 6 bytes" in captured.err


def test_gc_and_quiet(workspace: Workspace, capsys: Output) -> None:
    with workspace.stage("model", Recipe("model", 1, {"dim": 2})) as staging:
        staging.publish("wsabie")
    assert main(["gc", "-w", "here", "--dry-run"]) == 0
    first = capsys.readouterr()
    assert "1 folders, would free" in first.err
    assert main(["gc", "-w", "here", "--dry-run", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["gc", "-w", "here"]) == 0
    assert capsys.readouterr().out == first.out
    assert main(["gc", "-w", "here"]) == 0
    assert capsys.readouterr().out == ""


def test_a_busy_workspace(workspace: Workspace, capsys: Output) -> None:
    with workspace.lock():
        assert main(["gc", "-w", "here"]) == 75
    assert "--wait" in capsys.readouterr().err


def failing(error: BaseException) -> Callable[..., None]:
    """A step that raises."""

    def step(*_: object, **__: object) -> None:
        raise error

    return step


def run_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    """`awe status`, whose step raises `error`."""
    import awe_cli.steps.status

    monkeypatch.setattr(awe_cli.steps.status, "status", failing(error))
    return main(["status"])


@pytest.mark.parametrize("error", EXIT_CODES)
def test_an_error_becomes_its_code_and_two_lines(
    error: type[errors.AweError], monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    code = run_with(error("file, column, expected, found", hint="what to do"), monkeypatch)
    assert code == EXIT_CODES[error]
    assert capsys.readouterr().err == "error: file, column, expected, found\nhint: what to do\n"


def test_a_bug_is_named_in_one_line_and_traced_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.delenv("AWE_DEBUG", raising=False)
    assert run_with(ZeroDivisionError("by zero"), monkeypatch) == 1
    err = capsys.readouterr().err
    assert "this is a bug in awe: ZeroDivisionError: by zero at " in err
    assert "AWE_DEBUG=1" in err
    assert "Traceback" not in err
    monkeypatch.setenv("AWE_DEBUG", "1")
    assert run_with(ZeroDivisionError("by zero"), monkeypatch) == 1
    assert "Traceback" in capsys.readouterr().err


def test_interrupted(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    assert run_with(KeyboardInterrupt(), monkeypatch) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.usefixtures("signals_are_heard")
def test_what_fails_on_a_terminal_that_is_gone_is_no_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    import awe_cli.steps.status

    def step(*_: object, **__: object) -> None:
        try:
            signal.raise_signal(signal.SIGHUP)
        finally:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(awe_cli.steps.status, "status", step)
    assert main(["status"]) == 129
    assert capsys.readouterr().err == "hung up; what was there before is untouched\n"
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


def test_no_memory_is_no_bug(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    assert run_with(MemoryError("Unable to allocate 30 GiB"), monkeypatch) == 78
    err = capsys.readouterr().err
    assert "error: not enough memory: Unable to allocate 30 GiB\nhint: choose a smaller --dim" in err


def test_a_full_disk_behind_standard_output(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    assert run_with(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), monkeypatch) == 73
    assert "No space left" in capsys.readouterr().err


def test_a_reader_that_closes_the_pipe(workspace: Workspace) -> None:
    command = f"{sys.executable} -m awe_cli -w here status --json | true"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.returncode == 0


def test_off_a_terminal_nothing_is_coloured(workspace: Workspace) -> None:
    for arguments in (["--help"], ["status", "-w", "here"], ["status"], ["statsu"]):
        done = awe(*arguments)
        assert "\x1b" not in done.stdout + done.stderr
        assert "─" not in done.stdout + done.stderr


def test_importing_the_application_imports_nothing_heavy() -> None:
    heavy = ("numba", "numpy", "scipy", "pyarrow", "faiss", "rich", "dask", "sklearn")
    script = (
        "import sys; from awe_cli.app import build_app; import typer; typer.main.get_command(build_app());"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_command_imports_no_other_command() -> None:
    script = (
        "import sys; from awe_cli.app import main; from awe_cli.config.resolve import COMMANDS;"
        "main(['status', '--help']);"
        "print([name for name in COMMANDS if 'awe_cli.cli.' + name.replace('-', '_') in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['status']"


def test_commands_are_listed_in_order() -> None:
    root = typer.main.get_command(build_app())
    assert list(root.commands) == list(COMMANDS)
    assert status_command.EXAMPLE.strip().startswith("awe status")
