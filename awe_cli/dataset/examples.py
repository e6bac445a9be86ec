"""A set of examples: what goes in, what should rank high, what must not be ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from awe_cli.matrices.matrix import (
    Bags,
    Lists,
    Rows,
    n_rows,
    slice_lists,
    slice_rows,
    stack_lists,
    stack_rows,
    take_bags,
    take_lists,
    take_rows,
)

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Examples:
    """Examples in a fixed order.

    ids        (n,) in the type the user gave them
    x          (n, features) scaled input features
    positives  labels that should rank high
    seen       labels that are no candidates (a person's history), or None
    own        True where x is the bag of the positives themselves, entry for entry, and after those any features
               of the person: a target is then left out of its own input while it is learned
    y          (labels, label features) what describes each label; None where labels are one-hot
    drawn      (m,) the labels that may be negatives, ascending, the positives among them; None for all
    grades     (entries of positives,) how relevant each positive is, above 0; None where all are 1
    weight     (n,) what the loss of each example is multiplied by, above 0; None where all are 1
    """

    ids: pa.Array
    x: Rows
    positives: Lists
    seen: Lists | None
    own: bool
    y: Rows | None = None
    drawn: NDArray[np.int32] | None = None
    grades: NDArray[np.float32] | None = None
    weight: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return n_rows(self.x)

    @property
    def mean_weight(self) -> float:
        """The mean of the weights; 1 where there are none."""
        return 1.0 if self.weight is None else float(self.weight.mean(dtype=np.float64))

    def slice(self, start: int, stop: int) -> Examples:
        """Examples start … stop-1, sharing memory with this set."""
        return replace(
            self,
            ids=self.ids.slice(start, stop - start),
            x=slice_rows(self.x, start, stop),
            positives=slice_lists(self.positives, start, stop),
            seen=None if self.seen is None else slice_lists(self.seen, start, stop),
            grades=None
            if self.grades is None
            else self.grades[self.positives.indptr[start] : self.positives.indptr[stop]],
            weight=None if self.weight is None else self.weight[start:stop],
        )

    def take(self, rows: NDArray[np.integer]) -> Examples:
        """The examples at these rows, in that order, copied."""
        return replace(
            self,
            ids=self.ids.take(rows),
            x=take_rows(self.x, rows),
            positives=take_lists(self.positives, rows),
            seen=None if self.seen is None else take_lists(self.seen, rows),
            grades=None
            if self.grades is None
            else take_bags(Bags(*self.positives, self.grades), rows).values,
            weight=None if self.weight is None else self.weight[rows],
        )

    def grades_of(self, labels: NDArray[np.int32]) -> NDArray[np.float32] | None:
        """(entries of positives,) the grades where each example's positives stand in another order, as `labels`.

        None where all are 1.
        """
        if self.grades is None:
            return None
        rows = np.repeat(np.arange(len(self)), np.diff(self.positives.indptr))
        stored, asked = np.lexsort((self.positives.indices, rows)), np.lexsort((labels, rows))
        grades = np.empty_like(self.grades)
        grades[asked] = self.grades[stored]
        return grades


def stack(parts: Sequence[Examples]) -> Examples:
    """The examples of all parts (one or more, of one dataset), one after the other."""
    import pyarrow as pa

    first, x = parts[0], stack_rows([part.x for part in parts])
    shared = all(isinstance(part.x, Bags) and part.x.indices is part.positives.indices for part in parts)
    seen = [part.seen for part in parts if part.seen is not None]
    return replace(
        first,
        ids=pa.concat_arrays([part.ids for part in parts]),
        x=x,
        positives=Lists(x.indptr, x.indices)
        if shared and isinstance(x, Bags)
        else stack_lists([part.positives for part in parts]),
        seen=stack_lists(seen) if seen else None,
        grades=None
        if first.grades is None
        else np.concatenate([part.grades for part in parts if part.grades is not None]),
        weight=None
        if first.weight is None
        else np.concatenate([part.weight for part in parts if part.weight is not None]),
    )
