"""The Python file of a user's own affinity: it is run as a module, and what is wrong with it is said with its line."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import re
import sys
import traceback
from pathlib import Path
from typing import Any

from awe_cli.errors import MissingInputError, SettingsError, did_you_mean
from awe_cli.kernels.complete import missing_formulas

GUIDE = "docs/own-affinity.md shows a whole file"


def split(affinity: str) -> tuple[Path, str]:
    """The file and the name of the type. Raises SettingsError where there is no name."""
    path, _, name = affinity.rpartition(":") if ".py:" in affinity else (affinity, "", "")
    if not name:
        raise SettingsError(
            f"--affinity: expected a type in the file, as {path}:Name, found {affinity}", hint=GUIDE
        )
    return Path(path), name


def own_type(path: Path, name: str) -> Any:
    """The type called `name`, of those that `awe train` learns with. Raises MissingInputError, SettingsError."""
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
    """The type called `name`, of those that `awe build-affinity` builds. Raises MissingInputError, SettingsError."""
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
    """Whether a type says how its G is built."""
    return callable(getattr(kind, "build", None))


def file_of(kind: Any) -> Path:
    """The file of a type, as it was named when it was read."""
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
        raise stopped(
            path, error, "while it was imported", "the file must import without an error"
        ) from error
    _name_apart(module)
    return module


def _name_apart(module: Any) -> None:
    """Give types names that no other file's have: numba names compiled code by them, and would mix up two of one name.

    Messages say `__qualname__`, which stays.
    """
    for value in vars(module).values():
        if _is_affinity(value, module):
            value.__name__ = f"{value.__qualname__}_{module.__name__}"


def _is_affinity(value: Any, module: Any) -> bool:
    is_type = isinstance(value, type) and issubclass(value, tuple) and hasattr(value, "_fields")
    return is_type and value.__module__ == module.__name__


def refused(path: Path, error: Exception) -> SettingsError:
    """The error for a file that numba cannot compile: where it stopped, and why."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    here = [at for at, line in enumerate(lines) if line.startswith("File ") and path.name in line]
    unknown = re.search(r"NameError: name '(\w+)' is not defined", str(error))
    line, why = "in a formula", lines[0] if lines else type(error).__name__
    if unknown:  # numba does not say where
        line, why = _first_line_with(unknown[1], path) or line, unknown[0]
    elif here:  # numba says first what is wrong, and then where
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
    """The error for code of the file that stopped, at a line, or `otherwise`, with what was expected of it."""
    return SettingsError(
        f"--affinity: {path}, {where(error, path, otherwise)}: {type(error).__name__}: {error}",
        hint=f"{expected}; {GUIDE}",
    )


def where(error: BaseException, path: Path, otherwise: str = "in a formula") -> str:
    """The line of the file at which an error arose; `otherwise` where it arose beside the file."""
    if isinstance(error, SyntaxError):
        lines = [error.lineno]
    else:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return f"line {lines[-1]}" if lines and lines[-1] else otherwise
