"""A barrier for the workers of a kernel, in compiled code, which also tells them to stop.

The workers are threads that run the same kernel in parallel. They meet twice in every block, which takes some hundred
microseconds. Sleeping and waking would add half of that, so a waiting worker spins at first. When it has spun for
longer than a phase should take, the machine has other work to do, and the worker yields its processor at every turn.
(numba's own parallel loops would do as well, but each is compiled five times over on the way into a kernel.)
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
# The number of workers waiting in this round, the number of the round, whether a stop was requested, and whether the
# request was published to the workers: each in a cache line of its own.
_ARRIVED, _ROUND, _STOP, _AGREED = 0, _LINE, 2 * _LINE, 3 * _LINE
_PATIENCE = 20_000  # turns, of about a nanosecond each, before the worker yields its processor

_sched_yield = types.ExternalFunction("sched_yield", types.int32())

# numba's types do not say what an intrinsic returns
intrinsic: Any = untyped_intrinsic


def new_barrier() -> NDArray[np.uint64]:
    """A barrier. The caller must keep a reference to it while a worker may use it."""
    return np.zeros(4 * _LINE, np.uint64)


def request_stop(barrier: NDArray[np.uint64]) -> None:
    """Request that the workers stop at their next check."""
    barrier[_STOP] = 1


def publish_stop(barrier: NDArray[np.uint64]) -> None:
    """Make `stop_requested` return the requests made so far. One worker calls it, between two waits."""
    barrier[_AGREED] = barrier[_STOP]


def stop_requested(barrier: NDArray[np.uint64]) -> bool:
    """Whether the workers are to stop: the same for all of them, after a wait that follows `publish_stop`."""
    return bool(barrier[_AGREED])


def wait(barrier: NDArray[np.uint64], workers: int) -> None:
    """Return when all workers have called it; at once where there is one worker, as always without compilation.

    What a worker wrote before the call is visible to all others after it.
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


@overload(publish_stop, jit_options=SECTION)
def _publish_stop(barrier):
    def body(barrier):
        _store(barrier.ctypes.data + 8 * _AGREED, _load(barrier.ctypes.data + 8 * _STOP))

    return body


@overload(stop_requested, jit_options=SECTION)
def _stop_requested(barrier):
    def body(barrier):
        return _load(barrier.ctypes.data + 8 * _AGREED) != np.uint64(0)

    return body


@intrinsic
def _load(typing_context, address):
    """The word at an address, loaded with acquire ordering: all that was written before it is visible."""

    def emit(context, builder, signature, arguments):
        return builder.load_atomic(_pointer(builder, arguments[0]), "acquire", 8)

    return types.uint64(types.uintp), emit


@intrinsic
def _store(typing_context, address, word):
    """Store a word with release ordering: after all that was written before it."""

    def emit(context, builder, signature, arguments):
        builder.store_atomic(arguments[1], _pointer(builder, arguments[0]), "release", 8)
        return context.get_dummy_value()

    return types.void(types.uintp, types.uint64), emit


@intrinsic
def _add_one(typing_context, address):
    """Add 1 to the word at an address atomically; return its value before."""

    def emit(context, builder, signature, arguments):
        one = ir.Constant(ir.IntType(64), 1)
        return builder.atomic_rmw("add", _pointer(builder, arguments[0]), one, "acq_rel")

    return types.uint64(types.uintp), emit


def _pointer(builder, address):
    return builder.inttoptr(address, ir.IntType(64).as_pointer())
