"""What the machine can do: multiply-adds and bytes a second that small kernels reach; others are held against these."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import njit

from benchmarks.bench.contest import Arena, Contender, Rounds, table

DIM = 64
_NEAR = 128  # rows of d numbers that stay in the first cache
_FAR = 64 * 2**20  # numbers, 256 MB: beyond every cache
_OPTIONS: Any = {"nogil": True, "fastmath": True}


@njit(**_OPTIONS)
def _polynomials(x, times):  # type: ignore[no-untyped-def]
    """x ← p(x) for a polynomial of degree 16 by Horner's rule, `times` times: as fast as the units for it are."""
    c = np.float32(0.3)
    for _ in range(times):
        for j in range(len(x)):
            v = x[j]
            p = v
            for _ in range(16):
                p = p * v + c
            x[j] = p


@njit(**_OPTIONS)
def cached_rows(A, x, times):  # type: ignore[no-untyped-def]
    """`times` products Ax, four rows of A at once: each number of x is loaded once for four multiply-adds."""
    total = np.float32(0)
    for _ in range(times):
        for i in range(0, len(A), 4):
            a = b = c = e = np.float32(0)
            for j in range(A.shape[1]):
                a += A[i, j] * x[j]
                b += A[i + 1, j] * x[j]
                c += A[i + 2, j] * x[j]
                e += A[i + 3, j] * x[j]
            total += a + b + c + e
        x[0] = total * np.float32(1e-30)  # so that no product is the one before
    return total


@njit(**_OPTIONS)
def _sum(values):  # type: ignore[no-untyped-def]
    total = np.float32(0)
    for i in range(len(values)):
        total += values[i]
    return total


@njit(**_OPTIONS)
def random_rows(V, rows, x):  # type: ignore[no-untyped-def]
    """The sum of V_r·x over the rows r: what a trial of WARP does at the least."""
    total = np.float32(0)
    for r in rows:
        dot = np.float32(0)
        for j in range(len(x)):
            dot += V[r, j] * x[j]
        total += dot
    return total


def polynomials(threads: int, times: int = 5000) -> Callable[[], dict[str, float]]:
    """Polynomials of numbers in the first cache, each of which is loaded once."""
    x = np.full(4096, 0.1, np.float32)
    return _each(threads, lambda: _polynomials(x.copy(), times), multiply_adds=16.0 * times * len(x))


def products(threads: int, times: int = 10_000) -> Callable[[], dict[str, float]]:
    """Products of a matrix in the first cache with a vector."""
    A, x = _normal(_NEAR, DIM), _normal(DIM)
    return _each(threads, lambda: cached_rows(A, x.copy(), times), multiply_adds=float(times * A.size))


def product(threads: int, n: int = 1024) -> Callable[[], dict[str, float]]:
    """A product of matrices by NumPy's BLAS, on as many threads as the environment allows."""
    A, B = _normal(n, n), _normal(n, n)
    return _each(1, lambda: A @ B, multiply_adds=float(n) ** 3)


def in_order(threads: int) -> Callable[[], dict[str, float]]:
    """A sum over more numbers than any cache holds."""
    values = np.ones(_FAR, np.float32)
    parts = iter(np.array_split(values, threads) * 10**6)
    return _each(threads, lambda: _sum(next(parts)), bytes=4.0 * _FAR / threads)


def at_random(threads: int, labels: int) -> Callable[[], dict[str, float]]:
    """Products of a vector with the rows of V of so many labels in random order."""
    V, x = _normal(labels, DIM), _normal(DIM)
    rows = np.random.default_rng(1).integers(labels, size=2_000_000)
    work = 1.0 * len(rows) * DIM
    return _each(threads, lambda: random_rows(V, rows, x), multiply_adds=work, bytes=4 * work)


def _each(threads: int, work: Callable[[], Any], **amounts: float) -> Callable[[], dict[str, float]]:
    """A round: the same work on each thread, and how much that is together."""
    pool = ThreadPoolExecutor(threads)
    work()  # compiled

    def work_of_all() -> dict[str, float]:
        for done in [pool.submit(work) for _ in range(threads)]:
            done.result()
        return {name: amount * threads for name, amount in amounts.items()}

    return work_of_all


def _normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


_ROWS = (
    ("polynomials, in registers", "polynomials"),
    ("products with rows in the first cache", "products"),
    ("a product of matrices by BLAS", "product"),
    ("a sum over 256 MB", "in_order"),
    ("products with rows of V at random", "at_random"),
)


def limits(arena: Arena) -> str:
    """The section; the arena knows the limits from then on."""
    contenders = [
        Contender(
            f"{what}/{threads}",
            f"limits:{work}",
            {"threads": threads, **({"labels": arena.scale.items} if work == "at_random" else {})},
            threads,
        )
        for what, work in _ROWS
        for threads in (1, 2)
    ]
    arena.limits = arena.contest(contenders, 2 * arena.scale.runs)
    rows = []
    for what, _ in _ROWS:
        found = [arena.limits[f"{what}/{threads}"] for threads in (1, 2)]
        cells = [
            f"{rate(one, name) / 1e9:.1f}" if name in one.answers[0] else ""
            for name in AMOUNTS
            for one in found
        ]
        rows.append((what, *cells))
    return table("kernel | G multiply-adds/s, one thread | two | GB/s, one thread | two", rows)


AMOUNTS = ("multiply_adds", "bytes")


def rate(rounds: Rounds, name: str) -> float:
    """The median of what was done in a second."""
    seconds = rounds.median()
    return rounds.median(name) / seconds


def limit(arena: Arena, threads: int, name: str = "multiply_adds") -> float:
    """The most multiply-adds a second of the small kernels, or the bytes a second of rows at random; NaN if unknown."""
    row = _ROWS[0] if name == "multiply_adds" else _ROWS[-1]
    rounds = arena.limits.get(f"{row[0]}/{threads}")
    return float("nan") if rounds is None else rate(rounds, name)
