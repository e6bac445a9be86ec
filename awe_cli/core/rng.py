"""Counter-based random numbers: a draw depends on seed, epoch, example and number, never on the thread."""

from __future__ import annotations

import numpy as np

from awe_cli.core.dispatch import inlined

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


@inlined
def mix(state):
    """Scramble a 64-bit counter (SplitMix64's output function, Steele et al. 2014)."""
    z = np.uint64(state) + _STEP
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


@inlined
def stream(seed, epoch, example):
    """The start of the stream of draws that belongs to one example in one epoch."""
    return mix(mix(mix(np.uint64(seed)) ^ np.uint64(epoch)) ^ np.uint64(example))


@inlined
def below(state, n):
    """A whole number in 0 … n-1 from a scrambled state (multiply-shift; n < 2³²)."""
    return np.int64(((state >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))
