"""What the catalog says of an affinity, and what one that learns numbers of its own starts from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.kernels.learned import NOTHING, Learned

_FIRST_PLACE = 2**63  # epochs take the keys from 0 on
# How G is learned: with U and V; built from a model, again and again with it; or from the data alone, once for all.
JOINTLY, ITERATIVELY, FIXED = "jointly", "iteratively", "fixed"

# What a parameter is where nobody names it, given whether x is a bag of the labels themselves.
Default = Callable[[bool], Any]
Given = Mapping[str, Any]


@dataclass(frozen=True)
class Shape:
    """What the numbers of an affinity are made for; the deviation of random ones is scale/√width."""

    features: int
    labels: int  # or what describes them: rows of V
    dim: int  # d of U and V
    scale: float
    seed: int

    def draw(self, place: int, rows: int, width: int) -> NDArray[np.float32]:
        """Random numbers (rows, width), other ones at each place, and others than those of U and V."""
        draws = np.random.Generator(
            np.random.Philox(key=np.array([self.seed, _FIRST_PLACE + place], np.uint64))
        )
        return draws.standard_normal((rows, width), np.float32) * np.float32(self.scale / np.sqrt(width))


@dataclass(frozen=True)
class Entry:
    """One affinity.

    equation    G, as printed in the papers
    source      where it is printed
    when        what it is good for
    parameters  name → default
    build       parameters → what the kernels take; the shared numbers are from the row given["row"] on
    learned     how, in words
    built       whether `train` does not learn it: G is built from a model, then held fixed by `retrain`
    floor       whether a constant can be added to it
    linear      whether it starts from a trained linear model unless told otherwise
    start       parameters → the numbers of its own that it starts from
    idle        parameters → those that play no part beside the others, and where that is so
    """

    name: str
    equation: str
    source: str
    when: str
    parameters: Mapping[str, Default]
    build: Callable[[Given], Any]
    linear: bool = True
    learned: str = JOINTLY
    built: bool = False
    floor: bool = True
    start: Callable[[Given, Shape], Learned] = lambda given, shape: NOTHING
    idle: Callable[[Given], Mapping[str, str]] = lambda given: {}


def always(value: Any) -> Default:
    """A default that does not depend on the data."""
    return lambda own: value


def together(parts: Sequence[Learned]) -> Learned:
    """The numbers of several affinities: their shared rows one after the other, and the rest of whoever has it."""
    width = max((part.shared.shape[1] for part in parts), default=0)
    shared = [np.pad(part.shared, ((0, 0), (0, width - part.shared.shape[1]))) for part in parts]
    found = NOTHING._replace(shared=np.concatenate(shared)) if shared else NOTHING
    for part in parts:
        for name in Learned._fields[1:]:
            if getattr(part, name).size:
                found = found._replace(**{name: getattr(part, name)})
    return found
