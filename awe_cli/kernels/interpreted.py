"""A kernel run by Python itself: slow, and with every index checked, where compiled code reads on past an array's end.

Whatever a body names of this package, or of the module it is from, is taken as Python has it, too, at whatever depth.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CellType, FunctionType, ModuleType, SimpleNamespace
from typing import Any

_OURS = "awe_"


def interpreted(named: Any) -> Any:
    """A compiled function, a stub, or a module of them as Python runs it; anything else as it is."""
    if hasattr(named, "registry"):
        return _chosen(named)
    if isinstance(named, ModuleType) and named.__name__.startswith(_OURS):
        return SimpleNamespace(**{name: interpreted(value) for name, value in vars(named).items()})
    body = getattr(named, "py_func", named)
    if not isinstance(body, FunctionType) or not body.__module__.startswith(_OURS):
        return named
    cells = tuple(CellType(interpreted(cell.cell_contents)) for cell in body.__closure__ or ())
    return FunctionType(body.__code__, _Names(body.__globals__), body.__name__, body.__defaults__, cells)


class _Names(dict[str, Any]):
    """What a body may name, each interpreted when it is asked for."""

    def __getitem__(self, name: str) -> Any:
        return interpreted(super().__getitem__(name))


def _chosen(stub: Any) -> Callable[..., Any]:
    return lambda first, *rest: interpreted(stub.dispatch(type(first)))(first, *rest)
