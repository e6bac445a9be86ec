from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from awe_cli.engine.local import available_threads, map_blocks


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.mark.parametrize("threads", [1, 2, 3, None])
def test_results_come_in_order(threads):
    def slow_when_even(i):
        time.sleep(0.003 * (i % 2 == 0))
        return i * i

    assert list(map_blocks(slow_when_even, range(20), threads)) == [i * i for i in range(20)]


@pytest.mark.parametrize("threads", [1, 2])
def test_blocks_are_taken_as_they_are_needed(threads):
    taken = []

    def blocks():
        for i in range(1000):
            taken.append(i)
            yield i

    results = map_blocks(lambda i: i, blocks(), threads)
    assert next(results) == 0
    assert len(taken) <= threads + 2
    results.close()
    assert len(taken) <= threads + 2


@pytest.mark.parametrize("threads", [1, 2])
def test_the_first_error_stops_the_work(threads):
    def fails_at_5(i):
        if i >= 5:
            raise ValueError(i)
        return i

    results = map_blocks(fails_at_5, range(1000), threads)
    assert [next(results) for _ in range(5)] == list(range(5))
    with pytest.raises(ValueError, match="5"):
        next(results)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("awe-block")]


@pytest.mark.parametrize("threads", [1, 2])
def test_products_run_on_one_thread_and_the_limit_is_lifted(threads):
    np.zeros((2, 2)) @ np.zeros((2, 2))
    before = blas_threads()
    inside = list(map_blocks(lambda _: blas_threads(), range(3), threads))
    assert all(found <= {1} for found in inside)
    assert blas_threads() == before


def test_same_bytes_for_any_number_of_threads():
    rng = np.random.default_rng(0)
    left, right = rng.random((64, 33), np.float32), rng.random((33, 501), np.float32)

    def product(i):
        return left[8 * i : 8 * i + 8] @ right

    found = [np.concatenate(list(map_blocks(product, range(8), threads))).tobytes() for threads in (1, 2, 3)]
    assert found[0] == found[1] == found[2]


def test_there_is_a_thread():
    assert available_threads() >= 1
