"""Training examples that stay on disk: an epoch reads them in windows, whose examples are in memory together.

The groups are those of rows as they are stored. In every epoch they go into windows in another order, and the examples
of a window are shuffled: what is near to each other in the file is learned from far apart, and together with other
examples in each epoch. The order depends on seed and epoch alone, so that training can go on in the middle of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.dataset.examples import Examples, stack
from awe_cli.errors import SettingsError
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

    read         number of a group → its examples
    sizes        (groups,) examples of each group; entries: (groups,) entries of x
    window       the most entries of x in memory, or one group
    drawn        as `Examples` has it, over all groups
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
        groups = np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(len(self.sizes))
        start = 0
        for number, together in enumerate(self._together(groups)):
            draws = np.random.Philox(key=[seed, epoch]).jumped(number + 1)
            n = int(self.sizes[together].sum())
            order = np.random.Generator(draws).permutation(n)
            yield Window(start, start + n, order, seed ^ (number << 32), self._reader(together))
            start += n

    def take(self, groups: NDArray[np.integer]) -> StoredExamples:
        """The examples of these groups; the mean weight stays that of all."""
        return replace(
            self, read=_Some(self.read, groups), sizes=self.sizes[groups], entries=self.entries[groups]
        )

    def _together(self, groups: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """The groups of each window, as many as it holds."""
        windows: list[list[int]] = []
        entries = 0
        for group in groups.tolist():
            if not windows or entries + self.entries[group] > self.window:
                windows.append([])
                entries = 0
            windows[-1].append(group)
            entries += int(self.entries[group])
        return [np.array(window, np.int64) for window in windows]

    def _reader(self, groups: NDArray[np.int64]) -> Callable[[], Examples]:
        def read() -> Examples:
            return stack([self.read(group) for group in groups.tolist() if self.sizes[group]])

        return read


@dataclass(frozen=True)
class _Some:
    """Reads some of the groups, by their numbers among these; it can be sent to another process, as `read` can."""

    read: Callable[[int], Examples]
    groups: NDArray[np.integer]

    def __call__(self, group: int) -> Examples:
        return self.read(int(self.groups[group]))


def stored_examples(read: Callable[[int], Examples], groups: int, window: int) -> StoredExamples:
    """The examples of so many groups, each read once to be counted."""
    sizes, entries = np.zeros(groups, np.int64), np.zeros(groups, np.int64)
    drawn: list[NDArray[np.int32]] = []
    weight, y = 0.0, None
    for group in range(groups):
        examples = read(group)
        sizes[group] = len(examples)
        entries[group] = examples.x.values.size
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


def shards_of(examples: Examples | StoredExamples, shards: int) -> list[Examples | StoredExamples]:
    """So many shards of the examples: every shards-th of them, or on disk every shards-th group that has some.

    They are taken in turn since neighbours in a file may be alike. None is empty. Raises SettingsError where there are
    fewer than that.
    """
    stored = isinstance(examples, StoredExamples)
    parts = (
        np.flatnonzero(examples.sizes) if isinstance(examples, StoredExamples) else np.arange(len(examples))
    )
    if shards > len(parts):
        what = "groups of rows on disk that have training examples" if stored else "training examples"
        raise SettingsError(
            f"--shards: expected at most {len(parts):,}, the number of {what}, found {shards:,}",
            hint="a few shards for each machine of the cluster are a good start"
            + ("; --window 0 has all examples in memory, and can part any of them" if stored else ""),
        )
    return [examples.take(parts[number::shards]) for number in range(shards)]
