"""Each setting from the first place that has it: flag, environment, awe.toml, default."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from awe_cli.config.schema import REQUIRED, Setting, expectation, read_value, settings_of
from awe_cli.errors import MissingInputError, SettingsError, UsageError, did_you_mean

# In the order of `awe --help`.
COMMANDS = (
    "run",
    "prepare",
    "train",
    "build-knn",
    "build-affinity",
    "retrain",
    "evaluate",
    "compare",
    "predict",
    "explain",
    "train-baseline",
    "ensemble",
    "calibrate",
    "recipe",
    "tune",
    "neighbors",
    "report",
    "plot",
    "export",
    "affinities",
    "describe",
    "doctor",
    "status",
    "promote",
    "rollback",
    "models",
    "gc",
    "init",
)
TABLES = (
    *COMMANDS,
    "log",
)  # that awe.toml may have: one a command, and one for the log that all of them have

S = TypeVar("S")


@dataclass(frozen=True)
class Resolved(Generic[S]):
    """Settings, and for each field its source: flag, environment NAME, awe.toml or default."""

    settings: S
    sources: Mapping[str, str]

    def given(self, field: str) -> bool:
        """Whether someone asked for this value, rather than leaving it to the default."""
        return self.sources[field] != "default"


def resolve(
    cls: type[S],
    command: str,
    flags: Mapping[str, Any],
    env: Mapping[str, str],
    file: Path,
    others: Sequence[type] = (),
) -> Resolved[S]:
    """The settings `cls` of a command.

    flags  field → value; None or absent where the option was not given
    env    environment variables; that of `variable_of` is read, the empty string counts as not set
    file   awe.toml, which may be missing; its table [<command>] is read
    others  more classes whose settings may stand in the table; they are for other uses of the command

    Raises SettingsError naming the source of a value that is wrong and the nearest known name of a key
    that is unknown; UsageError where a field without default is given nowhere.
    """
    table = _table(file, command)
    declared = settings_of(cls)
    known = [setting.key for known in (cls, *others) for setting in settings_of(known)]
    _check_keys(table, known, f"{file} [{command}]")
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for setting in declared:
        variable = variable_of(command, setting)
        if flags.get(setting.name) is not None:
            source, where, value = "flag", setting.flag, flags[setting.name]
        elif env.get(variable):
            source, where, value = f"environment {variable}", variable, env[variable]
        elif setting.key in table:
            source, where, value = "awe.toml", f"{file} [{command}] {setting.key}", table[setting.key]
        elif setting.default is not REQUIRED:
            source, where, value = "default", f"default of {setting.name}", setting.default
        else:
            raise UsageError(f"{setting.flag} is needed: {expectation(setting)}", hint=setting.help)
        values[setting.name] = read_value(setting, value, where)
        sources[setting.name] = source
    return Resolved(cls(**values), sources)


def variable_of(command: str, setting: Setting) -> str:
    """The environment variable of a command's setting: "AWE_BUILD_KNN_LAMBDA"."""
    return f"AWE_{command}_{setting.key}".upper().replace("-", "_")


def _table(file: Path, command: str) -> dict[str, Any]:
    """The table of a command in awe.toml, with "_" for "-" in its keys; empty where there is none."""
    from awe_cli.workspace.fs import read_small  # help needs no workspace

    try:
        data = read_small(file)
        content = tomllib.loads(data.decode("utf-8-sig").replace("\r\n", "\n"))
    except (FileNotFoundError, NotADirectoryError):
        if file.is_symlink():
            raise MissingInputError(
                f"cannot read {file}: it is a link to {file.readlink()}, which is not there",
                hint="remove the link, or bring the file back",
            ) from None
        return {}
    except IsADirectoryError:
        raise MissingInputError(
            f"cannot read {file}: it is a folder", hint="move it away: awe.toml is a file of settings"
        ) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SettingsError(
            f"{file}: line {line:,}: expected text in UTF-8, found the byte {error.object[error.start]:#04x}",
            hint="save the file as UTF-8",
        ) from error
    except OSError as error:
        raise MissingInputError(
            f"cannot read {file}: {error.strerror or error}", hint="check its permissions"
        ) from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(
            f"{file}: expected TOML: {error}",
            hint="correct the file: tables like [train], then lines like dim = 64",
        ) from error
    for name in content:
        if name not in TABLES:
            raise _unknown(name, TABLES, str(file), "table")
    table = content.get(command, {})
    if not isinstance(table, dict):
        raise SettingsError(f"{file}: expected a table [{command}], found {table!r}")
    keys = {key: key.replace("-", "_") for key in table}
    if len(set(keys.values())) < len(keys):
        raise SettingsError(f"{file} [{command}]: a key stands there twice, once with '-' and once with '_'")
    return {keys[key]: value for key, value in table.items()}


def _check_keys(table: Mapping[str, Any], known: list[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise _unknown(key, known, where, "setting")


def _unknown(name: str, known: tuple[str, ...] | list[str], where: str, what: str) -> SettingsError:
    hint = did_you_mean(name, known, f"known: {', '.join(known)}")
    return SettingsError(f"{where}: unknown {what} {name!r}", hint=hint)
