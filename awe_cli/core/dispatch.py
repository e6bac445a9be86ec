"""One training loop for every affinity: its formulas are dispatched by type at compile time.

An affinity is a `NamedTuple` type whose fields are its parameters. A *stub* is a function that kernels
call; `implements(stub, SomeType)` attaches the body that numba inlines where the stub's first argument is
of that type. Without compilation the same bodies run through `functools.singledispatch`.

There are four kinds of compiled functions. A `kernel` is called from Python and cached on disk. `section`, `pasted`
and `inlined` functions are called by kernels alone. They are cached with these, and need no code that unpacks Python
objects, which for tuples of arrays takes longer to compile than the function itself.

None of them counts references: their arrays belong to the caller, and they allocate nothing (numba refuses to compile
a function that would). Reference counting took nearly half the time of a training run, since all threads update the
same counters. So never call one of them from a function that numba compiles with its default settings: that function
would release references that were never taken, and free memory that is in use.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, singledispatch
from types import CellType, FunctionType, ModuleType, SimpleNamespace
from typing import Any

from numba import njit
from numba.extending import overload

# Everything that lets reductions vectorise, but not nnan and ninf: divergence must stay visible.
FASTMATH = {"reassoc", "contract", "nsz", "arcp", "afn"}

_OPTIONS: Any = {"nogil": True, "fastmath": FASTMATH, "error_model": "numpy", "_nrt": False}
SECTION: Any = {**_OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_INLINED: Any = {**SECTION, "forceinline": True}


def kernel(body: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `body` with the project's settings: cached on disk, without the global interpreter lock."""
    return njit(cache=True, **_OPTIONS)(body)


def for_types_of(compiled: Callable[..., Any], affinity: Any) -> Callable[..., Any]:
    """The kernel, or a copy of it that is not cached on disk where the affinity's type is from outside this package.

    The index of the cache names the types that kernels were compiled for. A process that cannot import one of these
    types could not read the index at all.
    """
    return compiled if _is_ours(affinity) else _twin(compiled)


def _is_ours(affinity: Any) -> bool:
    ours = type(affinity).__module__.startswith("awe_cli.")
    return ours and all(_is_ours(part) for part in affinity if isinstance(part, tuple))


@cache
def _twin(compiled: Any) -> Callable[..., Any]:
    return njit(**_OPTIONS)(getattr(compiled, "py_func", compiled))


def section(body: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `body` as a part of the kernels that call it."""
    return njit(**SECTION)(body)


def pasted(body: Callable[..., Any]) -> Callable[..., Any]:
    """Paste `body` into the one kernel that calls it: as a section, LLVM would compile it twice."""
    return njit(inline="always", **SECTION)(body)


def inlined(body: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `body` into each place that calls it: passing tuples of arrays would cost more than the work."""
    return njit(**_INLINED)(body)


def stub(signature: Callable[..., Any]) -> Any:
    """Declare a formula that each affinity or input shape implements for its own type."""
    return singledispatch(signature)


def implements(formula: Any, *types: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Attach a body to the stub `formula` for the given parameter types."""

    def register(body: Callable[..., Any]) -> Callable[..., Any]:
        for params_type in types:
            formula.register(params_type, body)
            overload(formula, jit_options=_INLINED, strict=False)(_chooser(params_type, body))
        return body

    return register


def _chooser(params_type: type, body: Callable[..., Any]) -> Callable[..., Any]:
    """The function that numba calls at compile time: it returns the body if the first argument is of this type."""

    def choose(params: Any, *rest: Any) -> Callable[..., Any] | None:
        return body if getattr(params, "instance_class", None) is params_type else None

    return choose


# Running a kernel in Python: slowly, but with every index checked, where compiled code reads past the end of an array.
#
# Every function of this package, or of its own module, that a body calls is run in Python too, at any depth.

_OURS = "awe_"


def interpreted(named: Any) -> Any:
    """The pure Python version of a compiled function, a stub or a module of this package; any other value as it is."""
    if hasattr(named, "registry"):
        return _chosen(named)
    if isinstance(named, ModuleType) and named.__name__.startswith(_OURS):
        return SimpleNamespace(**{name: interpreted(value) for name, value in vars(named).items()})
    body = getattr(named, "py_func", named)
    is_ours = body is not named or getattr(body, "__module__", "").startswith(_OURS)
    if not isinstance(body, FunctionType) or not is_ours:
        return named
    cells = tuple(CellType(interpreted(cell.cell_contents)) for cell in body.__closure__ or ())
    return FunctionType(body.__code__, _Names(body.__globals__), body.__name__, body.__defaults__, cells)


class _Names(dict[str, Any]):
    """The global names of a body, each interpreted on access."""

    def __getitem__(self, name: str) -> Any:
        return interpreted(super().__getitem__(name))


def _chosen(stub: Any) -> Callable[..., Any]:
    return lambda first, *rest: interpreted(stub.dispatch(type(first)))(first, *rest)
