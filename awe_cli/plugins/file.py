"""An affinity from a user's file: a type in a Python file, `--affinity path/to/file.py:Name`."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import math
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_type_hints

from awe_cli.affinities.registry import with_floor
from awe_cli.core.completeness import missing_formulas
from awe_cli.errors import MissingInputError, SettingsError, did_you_mean
from awe_cli.workspace import Staging
from awe_cli.workspace.fs import file_digest

# The Python file is run as a module. Errors name its line.

GUIDE = "docs/own-affinity.md shows a whole file"


def split(affinity: str) -> tuple[Path, str]:
    """The file and the name of the type. Raises SettingsError where there is no name."""
    path, _, name = affinity.rpartition(":") if ".py:" in affinity else (affinity, "", "")
    if not name:
        raise SettingsError(
            f"--affinity: expected a type in the file, as {path}:Name, found {affinity}", hint=GUIDE
        )
    return Path(path), name


def plugin_type(path: Path, name: str) -> Any:
    """The type called `name`, for `awe train`. Raises MissingInputError, SettingsError."""
    kind = _find(path, name)
    missing = missing_formulas(kind)
    if missing and is_built(kind):
        raise SettingsError(
            f"--affinity: {path}: {name} is built from a trained model, and not learned by train",
            hint=f"`awe build-affinity --affinity {path}:{name}`, then `awe retrain --affinity {path}:{name}`",
        )
    if missing:
        raise SettingsError(
            f"--affinity: {path}: expected of {name} all formulas that the kernels call; missing: "
            f"{', '.join(missing)}",
            hint=f"declare its family and its formulas; {GUIDE}",
        )
    return kind


def built_type(path: Path, name: str) -> Any:
    """The type called `name`, for `awe build-affinity`. Raises MissingInputError, SettingsError."""
    kind = _find(path, name)
    if is_built(kind):
        return kind
    learned = not missing_formulas(kind)
    raise SettingsError(
        f"--affinity: {path}: expected of {name} a method `build`, found "
        + ("formulas: it is learned with U and V, and not built" if learned else "none"),
        hint=f"`awe train --affinity {path}:{name}` learns it" if learned else GUIDE,
    )


def is_built(kind: Any) -> bool:
    """Whether a type has a method `build`."""
    return callable(getattr(kind, "build", None))


def file_of(kind: Any) -> Path:
    """The file of a type, by the path it was loaded from."""
    return Path(sys.modules[kind.__module__].__file__ or "")


def _find(path: Path, name: str) -> Any:
    module = _load(path)
    kind = getattr(module, name, None)
    kinds = [key for key, value in vars(module).items() if _is_affinity(value, module)]
    if kind is None or not _is_affinity(kind, module):
        raise SettingsError(
            f"--affinity: expected a NamedTuple {name!r} in {path}, found {', '.join(kinds) or 'none'}",
            hint=did_you_mean(name, kinds, GUIDE),
        )
    return kind


def _load(path: Path) -> Any:
    """The module of a file, which is run once in a process."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MissingInputError(
            f"--affinity: {path}: cannot be read ({error.strerror})", hint="name it as path/to/file.py:Name"
        ) from error
    name = f"awe_own_{hashlib.sha256(content).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        exec(compile(content, str(path), "exec"), vars(module))
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise stopped(
            path, error, "while it was imported", "the file must import without an error"
        ) from error
    _name_apart(module)
    return module


def _name_apart(module: Any) -> None:
    """Give types names that are unique to the file: numba names compiled code by them, and would confuse equal ones.

    Messages use `__qualname__`, which stays.
    """
    for value in vars(module).values():
        if _is_affinity(value, module):
            value.__name__ = f"{value.__qualname__}_{module.__name__}"


def _is_affinity(value: Any, module: Any) -> bool:
    is_type = isinstance(value, type) and issubclass(value, tuple) and hasattr(value, "_fields")
    return is_type and value.__module__ == module.__name__


_COLOR = re.compile(r"\x1b\[[0-9;]*m")


def refused(path: Path, error: Exception) -> SettingsError:
    """The error for a file that numba cannot compile, with the line and the reason."""
    said = _COLOR.sub("", str(error))  # numba colours its messages where colorama is installed
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    here = [at for at, line in enumerate(lines) if line.startswith("File ") and path.name in line]
    unknown = re.search(r"NameError: name '(\w+)' is not defined", said)
    line, why = "in a formula", lines[0] if lines else type(error).__name__
    if unknown:  # numba does not name the line
        line, why = _first_line_with(unknown[1], path) or line, unknown[0]
    elif here:  # numba's message has the reason first, then the line
        line, why = lines[here[0]].rpartition(", ")[2].rstrip(":"), lines[max(0, here[0] - 1)]
    return SettingsError(
        f"--affinity: {path}, {line}: cannot be compiled: {why}",
        hint=f"formulas are compiled by numba: numbers, arrays, math and loops; {GUIDE}",
    )


def _first_line_with(name: str, path: Path) -> str | None:
    """The line of the file that reads a variable first; None where none does."""
    read = (node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Name))
    lines = [node.lineno for node in read if node.id == name and isinstance(node.ctx, ast.Load)]
    return f"line {min(lines)}" if lines else None


def stopped(path: Path, error: BaseException, otherwise: str, expected: str) -> SettingsError:
    """The error for code of the file that failed at a line, or `otherwise`, with what was expected of it."""
    return SettingsError(
        f"--affinity: {path}, {where(error, path, otherwise)}: {type(error).__name__}: {error}",
        hint=f"{expected}; {GUIDE}",
    )


def where(error: BaseException, path: Path, otherwise: str = "in a formula") -> str:
    """The line of the file at which an error was raised; `otherwise` where it was raised outside of the file."""
    if isinstance(error, SyntaxError):
        lines = [error.lineno]
    else:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return f"line {lines[-1]}" if lines and lines[-1] else otherwise


# The settings of a type in a file.
#
# A model keeps a copy of the file, so that it can rank anywhere: opening such a model runs that copy, whose sha256 is
# part of the model's digest.

OWN = "own"
SOURCE = "affinity.py"
_LARGEST = 2**63 - 1  # of an int64
# The source of a value for error messages: the flag, and the words before the parameter.
_GIVEN, _DEFAULT = ("--set", "for"), ("--affinity", "as the default of")
VARIANT = ("--affinity", "in `choices` for")


def _truth(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _whole(text: str) -> int:
    number = int(text)
    if abs(number) > _LARGEST:
        raise ValueError(text)
    return number


_PARAMETERS: dict[str, Callable[[str], Any]] = {
    "int": _whole,
    "float": _finite,
    "bool": _truth,
}


def plugin_parameters(affinity: str, resolved: Sequence[str] | None, floor: float | None) -> dict[str, Any]:
    """The settings of "file.py:Name" in a recipe: the type, the digest of its file, its parameters.

    Raises MissingInputError for a missing file, SettingsError for one that cannot be used.
    """
    path, name = split(affinity)
    values = values_of(plugin_type(path, name), resolved or ())
    return {**named(path, name), "name": OWN, "parameters": values, "floor": floor or 0.0}


def named(path: Path, name: str) -> dict[str, Any]:
    """The type of a file in a recipe: by name and content, not by path."""
    return {"type": name, "sha256": file_digest(path)}


def keep_copy(staging: Staging, source: Path | None) -> None:
    """Copy the user's file, where there is one, into an artifact."""
    if source is not None:
        staging.file(SOURCE).write_bytes(source.read_bytes())


def refuse_parameters(affinity: str, resolved: Sequence[str] | None) -> None:
    """Raise SettingsError where --set is given for an affinity that is not from a file."""
    if resolved:
        raise SettingsError(
            f"--set: expected a type in a Python file as the affinity, found {affinity}",
            hint="leave --set out; it is for --affinity path/to/file.py:Name",
        )


def plugin_of(settings: dict[str, Any], path: Path) -> Any:
    """The affinity of the file."""
    return plugin_type(path, settings["type"])(**settings["parameters"])


def build_plugin(settings: dict[str, Any], path: Path) -> Any:
    """The affinity of the file as kernels take it, with its floor."""
    return with_floor(plugin_of(settings, path), settings)


def values_of(kind: Any, resolved: Sequence[str], place: tuple[str, str] = _GIVEN) -> dict[str, Any]:
    """A value for each field: the given name=value, else its default. Raises SettingsError, which names the source."""
    given = given_of(resolved)
    for name in given:
        if name not in kind._fields:
            known = ", ".join(kind._fields) or "no parameters"
            raise SettingsError(
                f"--set: {kind.__qualname__} has no parameter {name!r}; it knows {known}",
                hint=did_you_mean(name, kind._fields, "leave it out"),
            )
    return {name: _value(kind, name, given.get(name), place) for name in kind._fields}


def given_of(resolved: Sequence[str]) -> dict[str, str]:
    """Name → value of the given parameters."""
    return {name.strip(): value for name, _, value in (entry.partition("=") for entry in resolved)}


def _value(kind: Any, name: str, resolved: str | None, place: tuple[str, str]) -> Any:
    type_name, is_default = _type_name(kind, name), resolved is None and name in kind._field_defaults
    value = kind._field_defaults[name] if is_default else resolved
    text = "" if value is None else str(value).strip()
    try:
        return _PARAMETERS[type_name](text)
    except (KeyError, ValueError) as error:
        flag, whose = _DEFAULT if is_default else place
        raise SettingsError(
            f"{flag}: expected a value of type {type_name} {whose} {name} of {kind.__qualname__}, "
            f"found {text or 'none'}",
            hint=f"for example --set {name}=1",
        ) from error


def _type_name(kind: Any, name: str) -> str:
    """The name of the type of a field. Raises SettingsError for a type that no parameter can have."""
    try:
        found = get_type_hints(kind).get(name, float)
    except NameError as error:  # an annotation with an unknown name
        found = error
    type_name = getattr(found, "__name__", str(found))
    if type_name not in _PARAMETERS:
        raise SettingsError(
            f"--affinity: expected {', '.join(_PARAMETERS)} as the type of {name} of {kind.__qualname__}, "
            f"found {type_name}",
            hint=GUIDE,
        )
    return type_name
