"""What a step has finished so far, kept where the same command finds it after it was stopped.

A step asks for each piece of its work by a key. What is kept under the key is taken; what is not is computed and
kept. The order of the pieces and what they hold depend on the recipe alone, so that a step that goes on ends with
the bytes of one that was never stopped.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from awe_cli.engine.engine import Engine

Block = TypeVar("Block")
Result = TypeVar("Result")


# A piece of work as it is kept: a JSON value, and arrays by name.
Batch = tuple[Any, Mapping[str, NDArray[Any]]]


class Checkpoints(Protocol):
    """Where pieces are kept."""

    def load(self, key: str) -> Batch | None:
        """The piece kept under a key; None where there is none."""
        ...

    def keep(self, key: str, value: Any, arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
        """Hold a piece, and write all that are held if that is due. What is held must not be changed afterwards."""
        ...

    def is_due(self) -> bool:
        """Whether `keep` would write now."""
        ...

    def log(self, line: str) -> None:
        """Tell the user, for one where work goes on from."""
        ...


class NoCheckpoints:
    """Keeps nothing."""

    def load(self, key: str) -> Batch | None:
        """None."""
        return None

    def keep(self, key: str, value: Any, arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
        """Keep nothing."""

    def is_due(self) -> bool:
        """False."""
        return False

    def log(self, line: str) -> None:
        """Say nothing."""


NO_CHECKPOINTS = NoCheckpoints()


def remember(checkpoints: Checkpoints, key: str, compute: Callable[[], Any]) -> Any:
    """The JSON value of `compute`, which is not called where the value is kept."""
    kept = checkpoints.load(key)
    if kept is not None:
        return kept[0]
    value = compute()
    checkpoints.keep(key, value)
    return value


def remember_arrays(
    checkpoints: Checkpoints, key: str, compute: Callable[[], Mapping[str, NDArray[Any]]]
) -> dict[str, NDArray[Any]]:
    """The arrays of `compute`, which is not called where they are kept."""
    kept = checkpoints.load(key)
    if kept is not None:
        return dict(kept[1])
    arrays = dict(compute())
    checkpoints.keep(key, None, arrays)
    return arrays


class ResumableEngine:
    """An engine that keeps the results of blocks, which are tuples of arrays, and works out only the others.

    key  of this engine's maps, which are numbered in the order in which they are asked for
    """

    def __init__(self, engine: Engine, checkpoints: Checkpoints, key: str) -> None:
        self._engine, self._checkpoints, self._key = engine, checkpoints, key
        self._maps = itertools.count()

    def map(self, function: Callable[[Block], Result], blocks: Iterable[Block]) -> Iterator[Result]:
        """The results of `function` for each of `blocks`, in their order."""
        key = f"{self._key}-map-{next(self._maps)}"
        done = 0
        while (kept := self._checkpoints.load(f"{key}-from-{done}")) is not None:
            results = _unpacked(kept)
            yield from results
            done += len(results)
        if done:
            self._checkpoints.log(f"resuming from block {done + 1} of {self._key}")
        fresh: list[Any] = []
        for result in self._engine.map(function, itertools.islice(blocks, done, None)):
            fresh.append(result)
            if self._checkpoints.is_due():
                self._checkpoints.keep(f"{key}-from-{done}", *_packed(fresh))
                done += len(fresh)
                fresh = []
            yield result


def _packed(results: list[tuple[NDArray[Any], ...]]) -> Batch:
    """The results of several blocks as one piece."""
    arrays = {
        f"{place}": np.concatenate([result[place] for result in results]) for place in range(len(results[0]))
    }
    return [len(result[0]) for result in results], arrays


def _unpacked(piece: Batch) -> Any:
    """The results of several blocks, each as a plain tuple of arrays."""
    lengths, arrays = piece
    return [
        tuple(arrays[f"{place}"][end - rows : end] for place in range(len(arrays)))
        for rows, end in zip(lengths, np.cumsum(lengths), strict=True)
    ]
