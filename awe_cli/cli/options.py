"""Options that several commands share, and options made from the settings of a command.

A command looks like this; `flags` receives every option that `TrainSettings` declares:

    EXAMPLE = "awe train --affinity constant --name wsabie"

    @settings_options(TrainSettings)
    def train(*, workspace: WorkspaceOption = DEFAULT_WORKSPACE, quiet: QuietOption = False, **flags: object):
        \"\"\"Learn a model.\"\"\"
        from awe_cli.steps.train import train as step

        settings = settings_from(TrainSettings, "train", workspace, flags)
        ...
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import typer

from awe_cli.cli import console
from awe_cli.cli.completion import affinity_names, model_names, words
from awe_cli.cli.help import RUN
from awe_cli.config import Resolved, Setting, resolve, settings_of
from awe_cli.config.engine import ENGINES, ON_THIS_MACHINE
from awe_cli.config.log import LogSettings
from awe_cli.config.resolve import variable_of
from awe_cli.config.schema import expectation, read_value
from awe_cli.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from awe_cli.workspace.checkpoints import CheckpointSettings

F = TypeVar("F", bound=Callable[..., None])
S = TypeVar("S")

DEFAULT_WORKSPACE = Path("workspace")
_THREADS = {"min": 1, "max": 1024, "help": "leave it out to use all cores"}
_SECONDS = {"min": 0, "help": "name seconds, such as 60; 0 for one after every epoch"}
_ENGINE = {"choices": ENGINES, "help": "local is this process, dask a cluster"}


def _workspace(context: typer.Context, value: Path) -> Path:
    """The workspace named after the command, else the one named before it."""
    root = context.find_root()
    is_here, is_before = _is_named(context, "workspace"), _is_named(root, "workspace")
    chosen = value if is_here else Path(root.params.get("workspace", value))
    console.name_workspace(chosen if is_here or is_before else None)
    return chosen


def _is_named(context: Any, parameter: str) -> bool:
    """Whether an option stands on the command line, rather than in the environment or nowhere."""
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"


def _threads(text: str) -> int:
    where = "--threads (or AWE_THREADS)"
    return int(read_value(Setting("threads", int, False, False, None, _THREADS), text, where))


def _seconds(text: str) -> float:
    where = "--checkpoint-every (or AWE_CHECKPOINT_EVERY)"
    return float(read_value(Setting("checkpoint_every", float, False, False, None, _SECONDS), text, where))


def _engine(text: str) -> str:
    where = "--engine (or AWE_ENGINE)"
    return str(read_value(Setting("engine", str, False, False, None, _ENGINE), text, where))


def _scheduler(context: typer.Context, value: str | None) -> str | None:
    """The scheduler whose workers do the work; None where the threads of this process do.

    What stands on the command line goes before what stands in the environment. Raises UsageError where both options
    stand there and contradict each other.
    """
    engine = context.params["engine"]  # it is eager, and so is known by now
    if engine == "dask":
        return value or ON_THIS_MACHINE
    if engine is None or value is None or not _is_named(context, "scheduler"):
        return value if engine is None else None
    if _is_named(context, "engine"):
        raise UsageError(
            f"--engine: expected dask where --scheduler is named, found {engine}",
            hint="leave one of the two out",
        )
    return value


def _log_format(text: str) -> str:
    [setting] = [one for one in settings_of(LogSettings) if one.name == "format"]
    return str(read_value(setting, text, "--log-format"))


RootWorkspaceOption = Annotated[
    Path, typer.Option("--workspace", "-w", envvar="AWE_WORKSPACE", help="Folder that holds the artifacts.")
]
WorkspaceOption = Annotated[
    Path,
    typer.Option(
        "--workspace", "-w", callback=_workspace, help="Folder that holds the artifacts.", rich_help_panel=RUN
    ),
]
DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="Only tell what would run and why; write nothing.", rich_help_panel=RUN),
]
AnywayOption = Annotated[
    bool,
    typer.Option("--anyway", help="Begin also where memory or disk will hardly do.", rich_help_panel=RUN),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.", rich_help_panel=RUN)]
QuietOption = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        callback=console.be_quiet,
        help="Print nothing but warnings, errors, and what --json or --output - asks for.",
        rich_help_panel=RUN,
    ),
]
WaitOption = Annotated[
    float,
    typer.Option(
        "--wait",
        metavar="[SECONDS]",
        help="Wait while another process writes the workspace, at most so many seconds where a number follows.",
        show_default=False,
        rich_help_panel=RUN,
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads",
        envvar="AWE_THREADS",
        parser=_threads,
        metavar="<int>",
        help="Threads; never changes a result.  [all cores]",
        rich_help_panel=RUN,
    ),
]
FreshOption = Annotated[
    bool,
    typer.Option(
        "--fresh",
        help="Start over where the step is not up to date: remove the checkpoint that an earlier run of it left.",
        rich_help_panel=RUN,
    ),
]
CheckpointOption = Annotated[
    float | None,
    typer.Option(
        "--checkpoint-every",
        envvar="AWE_CHECKPOINT_EVERY",
        parser=_seconds,
        metavar="SECONDS",
        help="Least number of seconds between two checkpoints; 0: one after every epoch.  "
        "[so that writing them takes a twentieth of the time]",
        rich_help_panel=RUN,
    ),
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        "--engine",
        envvar="AWE_ENGINE",
        parser=_engine,
        metavar="local|dask",
        is_eager=True,
        autocompletion=words(ENGINES),
        help="Who does the work: the threads of this process, or a Dask cluster, that of --scheduler or else one of "
        "processes on this machine; never changes a result.  [local; dask with --scheduler]",
        rich_help_panel=RUN,
    ),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        envvar="AWE_SCHEDULER",
        callback=_scheduler,
        metavar="ADDRESS",
        help="Dask scheduler whose workers do the work, as tcp://host:8786; never changes a result.",
        rich_help_panel=RUN,
    ),
]


LogFormatOption = Annotated[
    str | None,
    typer.Option(
        "--log-format",
        parser=_log_format,
        metavar="text|json",
        help="How messages are written: for people, or a JSON object a line (or AWE_LOG_FORMAT).  [text]",
        rich_help_panel=RUN,
    ),
]
LogFileOption = Annotated[
    str | None,
    typer.Option(
        "--log-file",
        metavar="FILE",
        help="Add all messages to this file as well, also with --quiet (or AWE_LOG_FILE).",
        rich_help_panel=RUN,
    ),
]


def with_log_options(command: F) -> F:
    """A command with the options that all have, which PanelCommand takes away before the command is called."""

    @functools.wraps(command)
    def with_options(*arguments: Any, **options: Any) -> None:
        for name in added:
            options.pop(name, None)
        command(*arguments, **options)

    added = {"log_format": LogFormatOption, "log_file": LogFileOption}
    signature = inspect.signature(command, eval_str=True)
    parameters = [
        *signature.parameters.values(),
        *(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
            for name, annotation in added.items()
        ),
    ]
    with_options.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": None}
    return cast("F", with_options)


def settings_options(*classes: type, of_others: Sequence[type] = ()) -> Callable[[F], F]:
    """Give a command one option for each field of the settings classes, in place of its `**flags`.

    A field that several classes have in common is one option.

    of_others  classes of other commands, to which this one hands them on: the environment and awe.toml call these
               settings as those commands do

    An option that is not used arrives as None, so that `resolve` can look for the value elsewhere.
    """

    def decorate(command: F) -> F:
        signature = inspect.signature(command, eval_str=True)
        own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        declared = {setting.name: setting for cls in classes for setting in settings_of(cls)}
        others = {setting.name: setting for cls in of_others for setting in settings_of(cls)}
        added = [_parameter(setting) for setting in {**declared, **others}.values()]
        parameters = sorted([*own, *added], key=lambda p: p.kind)
        command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        command.settings = tuple(declared.values())  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": None}
        return command

    return decorate


def declared_by(command: Callable[..., None]) -> tuple[Setting, ...]:
    """The settings that `settings_options` gave a command; none where it has none."""
    return getattr(command, "settings", ())


def settings_from(
    cls: type[S], command: str, workspace: Path, flags: Mapping[str, Any], others: Sequence[type] = ()
) -> Resolved[S]:
    """The settings of a command from its flags, the environment and the awe.toml of the workspace."""
    return resolve(cls, command, flags, os.environ, workspace / "awe.toml", others)


def checkpoints_from(fresh: bool, every: float | None) -> CheckpointSettings:
    """How a step keeps checkpoints, from the options."""
    from awe_cli.workspace.checkpoints import CheckpointSettings

    return CheckpointSettings(fresh, every, console.log, console.warn)


# Settings that name something, and what a shell offers for them.
_OFFERED: dict[str, Callable[..., list[str]]] = {
    "affinity": affinity_names,
    "start": model_names,
    "model": model_names,
    "baseline_model": model_names,
}


def _parameter(setting: Setting) -> inspect.Parameter:
    """The option of a setting: a switch, or text, which `resolve` reads wherever it comes from."""
    kind = bool if setting.type is bool else str
    metavar = None if setting.type is bool else f"<{'str' if setting.many else setting.type.__name__}>"
    choices = setting.metadata.get("choices")
    option = typer.Option(
        setting.flag, help=_help(setting), show_default=False, metavar=metavar, rich_help_panel=setting.panel,
        autocompletion=words(choices) if choices else _OFFERED.get(setting.name),
    )  # fmt: skip
    return inspect.Parameter(
        setting.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def _help(setting: Setting) -> str:
    notes = [expectation(setting)] if setting.type is not bool and _is_limited(setting) else []
    if setting.type is bool and setting.default is not None:
        on_off = setting.flag.split("/")
        default = on_off[0 if setting.default else -1] if len(on_off) == 2 else setting.default_words
    else:
        default = setting.default_words
    if default != "none":
        notes.append("required" if default is None else f"default: {default}")
    return f"{setting.help}  ({'; '.join(notes)})" if notes else setting.help


def _is_limited(setting: Setting) -> bool:
    return any(key in setting.metadata for key in ("choices", "min", "max", "above", "below"))


# Environment variables that look like settings of awe and are none: a misspelt one would change nothing,
# unnoticed.

_OTHERS = (
    "AWE_WORKSPACE",
    "AWE_THREADS",
    "AWE_ENGINE",
    "AWE_SCHEDULER",
    "AWE_CHECKPOINT_EVERY",
    "AWE_DEBUG",
    "AWE_VERIFY",
    "AWE_LOG_FORMAT",
    "AWE_LOG_FILE",
)


def warn_of_unknown(env: Iterable[str], commands: Callable[[], Mapping[str, Callable[..., None]]]) -> None:
    """Warn of each variable AWE_… of the environment that no setting of any of the commands is called.

    commands  gives name → function of all of them, which takes a moment: it is called only where it is needed
    """
    named = sorted(name for name in env if name.startswith("AWE_") and name not in _OTHERS)
    if not named:
        return
    settings = {variable_of(name, one) for name, of in commands().items() for one in declared_by(of)}
    for name in named:
        if name not in settings:
            without_command = name.removeprefix("AWE")
            by_length = sorted(settings, key=lambda one: (len(one), one))
            alike = [repr(one) for one in by_length if one.endswith(without_command)]
            known, usual = sorted(settings.union(_OTHERS)), "settings are AWE_<COMMAND>_<SETTING>"
            hint = f"did you mean {' or '.join(alike[:3])}?" if alike else did_you_mean(name, known, usual)
            console.warn(f"the environment variable {name} is no setting and was ignored; {hint}")
