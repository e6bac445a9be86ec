"""Training examples that stay on disk: an epoch reads them in windows, whose examples are in memory together.

A shard is a group of rows as it is stored. In every epoch the shards go into windows in another order, and the examples
of a window are shuffled: what is near to each other in the file is learned from far apart, and together with other
examples in each epoch. The order depends on seed and epoch alone, so that training can go on in the middle of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.dataset.examples import Examples, stack
from awe_cli.matrices.matrix import Rows

DEFAULT_WINDOW = 1 << 22  # entries of x in memory, 34 MB; a larger training set is read in windows


class Window(NamedTuple):
    """Some examples of an epoch.

    start, stop  their positions in the epoch
    order        (stop - start,) the order in which they are learned
    seed         of the draws of negatives: other windows have other draws
    read         reads them
    """

    start: int
    stop: int
    order: NDArray[np.int64]
    seed: int
    read: Callable[[], Examples]


@dataclass(frozen=True)
class StoredExamples:
    """Training examples on disk.

    read         number of a shard → its examples
    sizes        (shards,) examples of each shard; entries: (shards,) entries of x
    window       the most entries of x in memory, or one shard
    drawn        as `Examples` has it, over all shards
    mean_weight  of all examples
    """

    read: Callable[[int], Examples]
    sizes: NDArray[np.int64]
    entries: NDArray[np.int64]
    window: int
    drawn: NDArray[np.int32] | None
    mean_weight: float
    y: Rows | None

    def __len__(self) -> int:
        return int(self.sizes.sum())

    def windows(self, seed: int, epoch: int) -> Iterator[Window]:
        """The examples of an epoch, in the order in which they are learned."""
        shards = np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(len(self.sizes))
        start = 0
        for number, together in enumerate(self._together(shards)):
            draws = np.random.Philox(key=[seed, epoch]).jumped(number + 1)
            n = int(self.sizes[together].sum())
            order = np.random.Generator(draws).permutation(n)
            yield Window(start, start + n, order, seed ^ (number << 32), self._reader(together))
            start += n

    def _together(self, shards: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """The shards of each window, as many as it holds."""
        groups: list[list[int]] = []
        entries = 0
        for shard in shards.tolist():
            if not groups or entries + self.entries[shard] > self.window:
                groups.append([])
                entries = 0
            groups[-1].append(shard)
            entries += int(self.entries[shard])
        return [np.array(group, np.int64) for group in groups]

    def _reader(self, shards: NDArray[np.int64]) -> Callable[[], Examples]:
        def read() -> Examples:
            return stack([self.read(shard) for shard in shards.tolist() if self.sizes[shard]])

        return read


def stored_examples(read: Callable[[int], Examples], shards: int, window: int) -> StoredExamples:
    """The examples of so many shards, each read once to be counted."""
    sizes, entries = np.zeros(shards, np.int64), np.zeros(shards, np.int64)
    drawn: list[NDArray[np.int32]] = []
    weight, y = 0.0, None
    for shard in range(shards):
        examples = read(shard)
        sizes[shard] = len(examples)
        entries[shard] = examples.x.values.size
        y = examples.y
        if examples.drawn is not None:
            drawn = [np.unique(np.concatenate([*drawn, examples.drawn]))]
        if examples.weight is not None:
            weight += float(examples.weight.sum(dtype=np.float64))
    total = int(sizes.sum())
    mean = weight / total if weight else 1.0
    return StoredExamples(read, sizes, entries, window, drawn[0] if drawn else None, mean, y)


def windows_of(examples: Examples | StoredExamples, seed: int, epoch: int) -> Iterator[Window]:
    """The windows of an epoch; examples in memory are one."""
    if isinstance(examples, StoredExamples):
        yield from examples.windows(seed, epoch)
        return
    order = np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(len(examples))
    yield Window(0, len(examples), order, seed, lambda: examples)
