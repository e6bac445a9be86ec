"""Random numbers against the published generator, and evenly spread."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from awe_cli.core.dispatch import kernel
from awe_cli.core.rng import below, mix, stream
from tests.core import naive

STEP = 0x9E3779B97F4A7C15


@kernel
def _fill(states, mixed):
    for i in range(states.shape[0]):
        mixed[i] = mix(states[i])


@kernel
def _draw(seed, epoch, example, n, drawn):
    state = stream(seed, epoch, example)
    for i in range(drawn.shape[0]):
        state = mix(state)
        drawn[i] = below(state, n)


def drawn(seed, epoch, example, n, count):
    found = np.zeros(count, np.int64)
    _draw(seed, epoch, example, n, found)
    return found


def test_mix_is_splitmix64():
    """The first numbers of the reference implementation with seed 1234567."""
    published = [
        6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821,
    ]  # fmt: skip
    states = np.array([(1234567 + i * STEP) % 2**64 for i in range(5)], np.uint64)
    mixed = np.zeros(5, np.uint64)
    _fill(states, mixed)
    assert mixed.tolist() == published == [naive.mix(int(state)) for state in states]


@pytest.mark.parametrize("n", [1, 2, 9, 1000, 2**31 - 1])
def test_draws_equal_the_naive_twins(n):
    for counter in [(0, 0, 0), (3, 7, 11), (2**40, 100, 10**7)]:
        assert drawn(*counter, n, 20).tolist() == list(islice(naive.draws(*counter, n), 20))


def test_draws_are_evenly_spread_and_differ_by_what_they_are_for():
    counts = np.bincount(drawn(0, 0, 0, 10, 100_000), minlength=10)
    assert abs(counts - 10_000).max() < 500  # five standard deviations
    first = {int(drawn(seed, epoch, example, 2**31 - 1, 1)[0])
             for seed in range(10) for epoch in range(10) for example in range(10)}  # fmt: skip
    assert len(first) == 1000
