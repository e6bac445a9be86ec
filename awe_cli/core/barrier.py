"""Where the workers of a kernel wait for each other, and hear that they shall stop, in compiled code.

The workers are threads that run the same kernel beside each other, and they meet twice in every block, which takes
them some hundred microseconds. To sleep and be woken takes half as long again, so a worker that waits looks first,
again and again, whether the others have come. When that took longer than a phase should, the machine has other work
to do, and the worker gives its processor away at every look. (numba's own parallel loops would do as well, but each
is compiled five times over on the way into a kernel.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic as untyped_intrinsic
from numba.extending import overload
from numpy.typing import NDArray

from awe_cli.core.dispatch import SECTION

_LINE = 8  # 64-bit words that a processor's caches move together
# How many wait in this round, which round it is, whether to stop, and whether the workers shall know: each in a
# line of its own.
_ARRIVED, _ROUND, _STOP, _AGREED = 0, _LINE, 2 * _LINE, 3 * _LINE
_PATIENCE = 20_000  # looks, of about a nanosecond each, before the processor is given away

_sched_yield = types.ExternalFunction("sched_yield", types.int32())

# numba's types do not say what an intrinsic returns
intrinsic: Any = untyped_intrinsic


def new_barrier() -> NDArray[np.uint64]:
    """A barrier, to be kept while a worker may use it."""
    return np.zeros(4 * _LINE, np.uint64)


def ask_to_stop(barrier: NDArray[np.uint64]) -> None:
    """Have the workers stop, at the next place where they look."""
    barrier[_STOP] = 1


def pass_on(barrier: NDArray[np.uint64]) -> None:
    """Let `asked` tell what was asked until now. One worker calls it, between two waits."""
    barrier[_AGREED] = barrier[_STOP]


def asked(barrier: NDArray[np.uint64]) -> bool:
    """Whether the workers were asked to stop: the same for all, after a wait that follows `pass_on`."""
    return bool(barrier[_AGREED])


def wait(barrier: NDArray[np.uint64], workers: int) -> None:
    """Return when all workers have come here; at once where there is one, as always without compilation.

    What a worker wrote before it came, all others see after they left.
    """


@overload(wait, jit_options=SECTION)
def _wait(barrier, workers):
    def body(barrier, workers):
        if workers > 1:
            arrived = barrier.ctypes.data + 8 * _ARRIVED
            round_ = barrier.ctypes.data + 8 * _ROUND
            now, one = _load(round_), np.uint64(1)
            if _add_one(arrived) + one == np.uint64(workers):
                _store(arrived, np.uint64(0))
                _store(round_, now + one)
            looks = 0
            while _load(round_) == now:
                looks += 1
                if looks > _PATIENCE:
                    _sched_yield()

    return body


@overload(pass_on, jit_options=SECTION)
def _pass_on(barrier):
    def body(barrier):
        _store(barrier.ctypes.data + 8 * _AGREED, _load(barrier.ctypes.data + 8 * _STOP))

    return body


@overload(asked, jit_options=SECTION)
def _asked(barrier):
    def body(barrier):
        return _load(barrier.ctypes.data + 8 * _AGREED) != np.uint64(0)

    return body


@intrinsic
def _load(typing_context, address):
    """The word at an address, and with it all that was written before it."""

    def emit(context, builder, signature, arguments):
        return builder.load_atomic(_pointer(builder, arguments[0]), "acquire", 8)

    return types.uint64(types.uintp), emit


@intrinsic
def _store(typing_context, address, word):
    """Write a word, after all that was written before it."""

    def emit(context, builder, signature, arguments):
        builder.store_atomic(arguments[1], _pointer(builder, arguments[0]), "release", 8)
        return context.get_dummy_value()

    return types.void(types.uintp, types.uint64), emit


@intrinsic
def _add_one(typing_context, address):
    """Add 1 to the word at an address at once; return what it was."""

    def emit(context, builder, signature, arguments):
        one = ir.Constant(ir.IntType(64), 1)
        return builder.atomic_rmw("add", _pointer(builder, arguments[0]), one, "acq_rel")

    return types.uint64(types.uintp), emit


def _pointer(builder, address):
    return builder.inttoptr(address, ir.IntType(64).as_pointer())
