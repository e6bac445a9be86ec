"""Where the workers of a kernel wait for each other: a POSIX barrier, reached from compiled code.

The workers are threads that run the same kernel beside each other. numba's own parallel loops would do as
well, but each is compiled five times over on the way into a kernel, and their threads spin while they wait,
which costs milliseconds a block on a machine that has other work to do. Here waiting threads sleep.
"""

from __future__ import annotations

import ctypes

import numpy as np
from numba import types
from numba.extending import overload
from numpy.typing import NDArray

from awe_cli.kernels.dispatch import SECTION

_WORDS = 8  # of 64 bits: twice what pthread_barrier_t takes in any C library for Linux

_pthread_barrier_wait = types.ExternalFunction("pthread_barrier_wait", types.int32(types.uintp))


def new_barrier(workers: int) -> NDArray[np.uint64]:
    """A barrier for that many workers, to be kept while one of them may use it."""
    barrier = np.zeros(_WORDS, np.uint64)
    error = ctypes.CDLL(None).pthread_barrier_init(
        ctypes.c_void_p(barrier.ctypes.data), None, ctypes.c_uint(workers)
    )
    if error:
        raise OSError(error, "no barrier for the threads of a kernel")
    return barrier


def wait(barrier: NDArray[np.uint64], workers: int) -> None:
    """Return when all workers have come here; at once where there is one, as always without compilation."""


@overload(wait, jit_options=SECTION)
def _wait(barrier, workers):
    def body(barrier, workers):
        if workers > 1:
            _pthread_barrier_wait(barrier.ctypes.data)

    return body
