"""Blocks of work on the threads of this process."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from threadpoolctl import threadpool_limits

Block = TypeVar("Block")
Result = TypeVar("Result")


def available_threads() -> int:
    """How many threads this process may run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def one_blas_thread() -> threadpool_limits:
    """A context in which a matrix product runs on one thread, and so adds in the same order everywhere."""
    return threadpool_limits(limits=1, user_api="blas")


def map_blocks(
    function: Callable[[Block], Result], blocks: Iterable[Block], threads: int | None = None
) -> Iterator[Result]:
    """The results of `function` for each of `blocks`, in their order.

    function  thread-safe; it gains from threads where it leaves the interpreter lock: compiled kernels, BLAS
    blocks    taken by the caller's thread, at most two more than there are threads in advance: memory is
              bounded by that many blocks and results
    threads   1 or more, else ValueError; None for all there are

    Inside, every matrix product runs on one thread; what is computed depends on the blocks alone, never on
    the number of threads. The first error, in the order of the blocks, is raised, and no further block begun.
    """
    threads = available_threads() if threads is None else threads
    if threads < 1:
        raise ValueError(f"threads: expected 1 or more, found {threads}")
    with one_blas_thread():
        if threads == 1:
            yield from map(function, blocks)
            return
        # Some libraries keep their limit for each thread by itself, so every worker sets it once more.
        pool = ThreadPoolExecutor(threads, thread_name_prefix="awe-block", initializer=one_blas_thread)
        pending: deque[Future[Result]] = deque()
        try:
            for block in blocks:
                pending.append(pool.submit(function, block))
                if len(pending) >= threads + 2:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True)
class Local:
    """The engine that is this process; `threads` as in `map_blocks`."""

    threads: int | None = None

    def map(self, function: Callable[[Block], Result], blocks: Iterable[Block]) -> Iterator[Result]:
        """The results of `function` for each of `blocks`, in their order."""
        return map_blocks(function, blocks, self.threads)

    def place(self, functions: Sequence[Callable[[Block], Result]]) -> Callable[[Block], Iterator[Result]]:
        """The results of all functions for a block, one after the other: each may use all threads."""
        return lambda block: (function(block) for function in functions)


ALL_THREADS = Local()
