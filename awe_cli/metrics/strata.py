"""Ranks grouped by the stratum of their positives, or of their examples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.metrics.ranks import Ranks

EDGES = (0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)  # the first count of each stratum


class Part(NamedTuple):
    """Ranks with a row for the positives of one example in one stratum.

    ranks    of the m rows, without the example's other positives
    owner    (m,) the example of each row
    stratum  (m,)
    """

    ranks: Ranks
    owner: NDArray[np.int64]
    stratum: NDArray[np.int64]


def take_apart(ranks: Ranks, strata: NDArray[np.int64], n_strata: int) -> Part:
    """A row for each pair of an example and a stratum that has one of its positives, by example, then by stratum.

    strata  (positives,) the stratum of each, from 0 to n_strata - 1

    All labels stay candidates, with unchanged ranks: a metric of a row is that of the example as if it had these
    positives alone.
    """
    examples = np.repeat(np.arange(len(ranks.indptr) - 1), ranks.n_positives)
    keys = examples * n_strata + strata
    order = np.argsort(keys, kind="stable")  # ranks stay ascending within a row
    rows, first = np.unique(keys[order], return_index=True)
    owner = rows // n_strata
    indptr = np.append(first, len(keys)).astype(np.int64)
    apart = ranks._replace(
        indptr=indptr,
        ranks=ranks.ranks[order],
        positives=ranks.positives[order],
        top=ranks.top[owner],
        probabilities=ranks.probabilities[owner] if len(ranks.probabilities) else ranks.probabilities,
        grades=None if ranks.grades is None else ranks.grades[order],
    )
    return Part(apart, owner, rows % n_strata)


def by_size(counts: NDArray[np.integer]) -> NDArray[np.int64]:
    """The stratum of each count: 0, 1 to 2, 3 to 9, 10 to 29, …"""
    return np.searchsorted(EDGES, counts, side="right").astype(np.int64) - 1


def size_names() -> list[str]:
    """The names of these strata: "0", "1–2", "3–9", …"""
    ends = [after - 1 for after in EDGES[1:]]
    names = [
        f"{first:,}" if first == last else f"{first:,}–{last:,}"
        for first, last in zip(EDGES, ends, strict=False)
    ]
    return [*names, f"{EDGES[-1]:,} and more"]
