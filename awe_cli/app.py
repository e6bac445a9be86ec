"""The typer application, and the one place where an error becomes an exit code."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import threading
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from awe_cli import __version__
from awe_cli.cli import console, run_record
from awe_cli.cli.commands import CommandList, described, functions
from awe_cli.cli.completion import VARIABLE
from awe_cli.cli.help import ONCE_BEGUN
from awe_cli.cli.options import (
    DEFAULT_WORKSPACE,
    LogFileOption,
    LogFormatOption,
    RootWorkspaceOption,
    warn_of_unknown,
)
from awe_cli.cli.process import (
    Stopped,
    give_memory_back,
    look_for_garbage_seldom,
    own_process,
    stop_message,
    stoppable,
)
from awe_cli.errors import NO_ROOM, AweError, SettingsError, WriteError

if (
    os.path.basename(sys.argv[0]) == "awe"
):  # the installed command: signals come before the slow imports below
    own_process()


_LAST_WORDS = 0.2  # seconds for the record of a run that has to end at once
INTERRUPTED = 130  # by Ctrl-C
_LESS_MEMORY = "choose a smaller --dim, --k or --block-size, or a machine with more; nothing was changed"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `awe` with these arguments (those of the process by default); return the exit code.

    The codes are listed in `awe --help`. Nothing here or below calls sys.exit.
    """
    console.guard_streams()
    given = list(sys.argv[1:] if arguments is None else arguments)
    run_record.start(given)
    code = _code_of(given)
    run_record.end(code)
    return code


def _code_of(arguments: list[str]) -> int:
    """Run a command; say what went wrong, and which exit code that is."""
    try:
        with stoppable(_leave):
            code = _run(arguments)
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader has all it wants. Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Stopped as stop:
        return _report_stop(stop.how, stop.code)
    except KeyboardInterrupt:
        return _report_stop("interrupted", INTERRUPTED)
    except AweError as error:
        return _report(error)
    except OSError as error:
        if error.errno in NO_ROOM | {errno.EROFS}:
            return _report(WriteError(f"cannot write the output: {error}", hint="make room on that disk"))
        return _report_bug(error)
    except MemoryError as error:
        return _report(SettingsError(f"not enough memory: {error or 'none is left'}", hint=_LESS_MEMORY))
    except Exception as error:
        return _report_bug(error)
    return code


def _leave(code: int) -> None:
    """End the process at once, after writing down how it ended where that takes no longer than a moment."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # no bar is drawn below the last message
    timer = threading.Timer(_LAST_WORDS, os._exit, (code,))
    timer.daemon = True
    timer.start()
    with contextlib.suppress(Exception):
        run_record.end(code)
    os._exit(code)


def build_app() -> typer.Typer:
    """The application with all its commands."""
    app = typer.Typer(
        name="awe",
        cls=CommandList,
        # Panels and colours help at a terminal; in a file or a pipe they are noise.
        rich_markup_mode="rich" if console.is_styled(sys.stdout) else None,
        context_settings={"help_option_names": ["--help", "-h"], "max_content_width": console.width()},
    )
    app.callback(invoke_without_command=True, help=described(awe))(awe)
    return app


def awe(
    context: typer.Context,
    workspace: RootWorkspaceOption = DEFAULT_WORKSPACE,
    log_format: LogFormatOption = None,
    log_file: LogFileOption = None,
    version: Annotated[bool, typer.Option("--version", help="Show the version and stop.")] = False,
) -> None:
    """Affinity weighted embedding: learn to rank labels for inputs.

    Each command reads artifacts from a workspace and writes artifacts into it: prepare, train, build-knn,
    retrain, evaluate, predict. A step that is up to date does nothing. To begin, `awe describe FILE` prints the
    command that prepares a file, and `awe run FILE --user COLUMN --item COLUMN` does everything in one go.

    Exit codes: 0 done, 1 a bug in awe, 2 wrong usage, 65 bad data, 66 missing input, 69 stale, 70 training
    diverged, 73 cannot write, 74 corrupt artifact, 75 workspace busy, 78 bad settings, 79 quality gate failed,
    129 hung up, 130 interrupted, 143 terminated.
    """
    if version:
        typer.echo(f"awe {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)
    else:
        context.meta[ONCE_BEGUN] = lambda: warn_of_unknown(os.environ, functions)


def _run(arguments: list[str]) -> int:
    """Parse and run. The parser's own runner would exit, print boxes and swallow what `main` must see."""
    give_memory_back()
    look_for_garbage_seldom()
    command = typer.main.get_command(build_app())
    # The base of the parser's errors, which lies elsewhere from one version of typer to the next.
    parse_error: type[Exception] = next(
        cls for cls in typer.BadParameter.__mro__ if cls.__name__ == "ClickException"
    )
    try:
        if VARIABLE in os.environ:  # a shell asks what could follow
            command.main(arguments, "awe")
        with command.make_context("awe", with_wait_value(arguments)) as context:
            command.invoke(context)
    except typer.Exit as stop:
        return stop.exit_code
    except SystemExit as stop:  # of --install-completion and what it installs
        return int(stop.code or 0)
    except parse_error as error:
        return _report_usage(error)
    return 0


def with_wait_value(arguments: list[str]) -> list[str]:
    """The arguments, where a bare --wait waits without end: the parser knows no option with a value or without."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    with_workspace = [*arguments[1:end], ""]
    number = re.compile(r"\d+(\.\d*)?|\.\d+")
    return (
        [
            "--wait=inf" if one == "--wait" and not number.fullmatch(after) else one
            for one, after in zip(arguments[:end], with_workspace, strict=True)
        ]
        + arguments[end:]
        if end
        else arguments
    )


def _report_stop(how: str, code: int) -> int:
    console.stopped(stop_message(how))
    return code


def _report(error: AweError) -> int:
    console.error(error.message, console.with_workspace_in_hint(error.hint) if error.hint else None)
    if os.environ.get("AWE_DEBUG"):
        traceback.print_exception(error)
    return error.exit_code


def _report_usage(error: Exception) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "awe"
    message = error.format_message()  # type: ignore[attr-defined]
    console.error(message, f"`{command} --help` shows what is possible")
    return 2


def _report_bug(error: Exception) -> int:
    if os.environ.get("AWE_DEBUG"):
        traceback.print_exception(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    console.error(
        f"this is a bug in awe: {type(error).__name__}: {error}{where}",
        "run it again with AWE_DEBUG=1 for the traceback, and report that",
    )
    return 1
