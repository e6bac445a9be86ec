"""A user's own affinity: a type in a Python file, `--affinity path/to/file.py:Name`.

The file is run as a module. A model keeps a copy of it, so that it can rank wherever it is: whoever opens such a
model runs that copy, whose sha256 is part of the model's digest.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_type_hints

from awe_cli.affinity.catalog import with_floor
from awe_cli.affinity.entry import Shape
from awe_cli.errors import MissingInputError, SettingsError, nearest
from awe_cli.kernels.complete import missing_formulas
from awe_cli.kernels.learned import NOTHING, Learned

OWN = "own"
SOURCE = "affinity.py"
GUIDE = "docs/own-affinity.md shows a whole file"


def _truth(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


_PARAMETERS: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": _finite,
    "bool": _truth,
}


def is_own(affinity: str) -> bool:
    """Whether --affinity names a type in a file."""
    return ".py:" in affinity


def own_parameters(affinity: str, told: Sequence[str] | None, floor: float | None) -> dict[str, Any]:
    """What a recipe says of "file.py:Name": the type, the digest of its file, its parameters.

    Raises MissingInputError where there is no file, SettingsError where it cannot be used.
    """
    path, name = split(affinity)
    kind = own_type(path, name)
    values = dict(zip(kind._fields, _values(kind, told or ()), strict=True))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"name": OWN, "type": name, "sha256": digest, "parameters": values, "floor": floor or 0.0}


def split(affinity: str) -> tuple[Path, str]:
    """The file and the name of the type."""
    path, _, name = affinity.rpartition(":")
    return Path(path), name


def build_own(settings: dict[str, Any], path: Path) -> Any:
    """What the kernels take."""
    return with_floor(own_type(path, settings["type"])(**settings["parameters"]), settings)


def start_own(settings: dict[str, Any], path: Path, shape: Shape) -> Learned:
    """The numbers of its own: what its method `numbers` says, nothing where it has none. Raises SettingsError."""
    affinity = own_type(path, settings["type"])(**settings["parameters"])
    if not hasattr(affinity, "numbers"):
        return NOTHING
    try:
        found = affinity.numbers(shape)
    except Exception as error:
        raise SettingsError(
            f"--affinity: {path}, {_where(error, path)}: {type(error).__name__}: {error}",
            hint=f"`numbers` must say what the affinity starts from; {GUIDE}",
        ) from error
    if not isinstance(found, Learned):
        raise SettingsError(
            f"--affinity: {path}: expected a Learned from `numbers` of {settings['type']}, found {found!r}",
            hint="`Learned` is in awe_cli.kernels.learned; NOTHING._replace(shared=…) is one with shared rows",
        )
    return found


def own_type(path: Path, name: str) -> Any:
    """The type called `name`. Raises MissingInputError, SettingsError."""
    module = _load(path)
    kind = getattr(module, name, None)
    kinds = [key for key, value in vars(module).items() if _is_affinity(value, module)]
    if kind is None or not _is_affinity(kind, module):
        similar = nearest(name, kinds)
        raise SettingsError(
            f"--affinity: expected a NamedTuple {name!r} in {path}, found {', '.join(kinds) or 'none'}",
            hint=f"did you mean {similar!r}?" if similar else GUIDE,
        )
    missing = missing_formulas(kind)
    if missing:
        raise SettingsError(
            f"--affinity: {path}: expected of {name} all formulas that the kernels call; missing: "
            f"{', '.join(missing)}",
            hint=f"declare its family and its formulas; {GUIDE}",
        )
    return kind


def refused(path: Path, error: Exception) -> SettingsError:
    """The error for a file that numba cannot compile: where it stopped, and why."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    here = [at for at, line in enumerate(lines) if line.startswith("File ") and path.name in line]
    where, why = "in a formula", lines[0] if lines else type(error).__name__
    if here:  # numba says first what is wrong, and then where
        where, why = lines[here[0]].rpartition(", ")[2].rstrip(":"), lines[max(0, here[0] - 1)]
    return SettingsError(
        f"--affinity: {path}, {where}: cannot be compiled: {why}",
        hint=f"formulas are compiled by numba: numbers, arrays, math and loops; {GUIDE}",
    )


def _is_affinity(value: Any, module: Any) -> bool:
    is_type = isinstance(value, type) and issubclass(value, tuple) and hasattr(value, "_fields")
    return is_type and value.__module__ == module.__name__


def _load(path: Path) -> Any:
    """The module of a file, run once in a process however often it is asked for."""
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
        raise SettingsError(
            f"--affinity: {path}, {_where(error, path)}: {type(error).__name__}: {error}",
            hint=f"the file must import without an error; {GUIDE}",
        ) from error
    return module


def _where(error: BaseException, path: Path) -> str:
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}"
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)
    ]
    return f"line {lines[-1]}" if lines else "while it was imported"


def _values(kind: Any, told: Sequence[str]) -> list[Any]:
    """A value for each field: as told, else its default."""
    given = dict(entry.partition("=")[::2] for entry in told)
    unknown = [name for name in given if name.strip() not in kind._fields]
    if unknown:
        known = ", ".join(kind._fields) or "no parameters"
        raise SettingsError(f"--set: {kind.__name__} has no parameter {unknown[0]!r}; it knows {known}")
    return [_value(kind, name, given.get(name)) for name in kind._fields]


def _value(kind: Any, name: str, text: str | None) -> Any:
    hint = get_type_hints(kind).get(name, float)
    if text is None and name in kind._field_defaults:
        return kind._field_defaults[name]
    try:
        return _PARAMETERS[hint.__name__](str(text).strip())
    except (KeyError, ValueError) as error:
        expected = (
            f"a value of type {hint.__name__}" if hint.__name__ in _PARAMETERS else "int, float or bool"
        )
        raise SettingsError(
            f"--set: expected {expected} for {name} of {kind.__name__}, found {text or 'none'}",
            hint=f"for example --set {name}=1",
        ) from error
