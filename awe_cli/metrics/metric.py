"""What a metric is: a name, a formula, and whether it looks at a top list or at the whole ranking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awe_cli.metrics.ranks import Ranks

HIGHER, LOWER = "higher", "lower"


@dataclass(frozen=True)
class Metric:
    """One metric.

    name           as the user writes it, before any "@k"
    values         (ranks, k) → (n,) float64, one number an example, NaN where it has no positives;
                   for a metric of the whole set an array of one number, (1,)
    cut            whether it looks at the first k labels; otherwise its k is not used
    per_example    False for a metric of the whole set, which has no mean and no interval
    better         HIGHER, LOWER, or None for what is neither better nor worse
    looks_at_top   whether it needs top lists, rather than the ranks of the positives alone
    needs_kinship  whether it needs to know which labels are alike (`prepare --isa` or `--similarity`)
    divides_by_k   whether places of the first k that no label fills count as misses; otherwise a k beyond the
                   last label is the same as that of the last label
    """

    name: str
    values: Callable[[Ranks, int], NDArray[np.float64]]
    cut: bool
    per_example: bool = True
    better: str | None = HIGHER
    looks_at_top: bool = False
    needs_kinship: bool = False
    divides_by_k: bool = False

    @property
    def chooses(self) -> bool:
        """Whether one may choose by it: better the higher, and measured by the ranks of the positives."""
        return self.better == HIGHER and not self.looks_at_top


@dataclass(frozen=True)
class Measure:
    """A metric and the k it is taken at (None for a metric of the whole ranking)."""

    metric: Metric
    k: int | None

    @property
    def name(self) -> str:
        """The name as the user writes it: "ndcg@20", "map"."""
        return self.metric.name if self.k is None else f"{self.metric.name}@{self.k}"

    def values(self, ranks: Ranks) -> NDArray[np.float64]:
        """(n,) one number an example, NaN where it has no positives; (1,) for a metric of the whole set."""
        values = self.metric.values(ranks, self.k or 0)
        if self.metric.per_example:
            values = np.where(ranks.n_positives > 0, values, np.nan)
        return values

    def mean(self, ranks: Ranks) -> float:
        """The mean over the examples that have positives; NaN where none has."""
        values = self.values(ranks)
        values = values[~np.isnan(values)]
        return float(values.mean()) if len(values) else float("nan")
