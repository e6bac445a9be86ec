"""Taking ranks apart: by hand, and against one example and stratum after the other."""

from __future__ import annotations

import numpy as np
import pytest

from awe_cli.matrices.matrix import Lists
from awe_cli.metrics.metrics import measure
from awe_cli.metrics.ranks import LabelStatistics, Ranks
from awe_cli.metrics.strata import EDGES, by_size, size_names, take_apart

RANKS = Ranks(
    indptr=np.array([0, 3, 3, 5]),
    ranks=np.array([1, 2, 9, 3, 4], np.int32),
    positives=np.array([7, 0, 2, 2, 7], np.int32),
    top=np.array([[7, 0], [1, 3], [5, 4]], np.int32),
    known=LabelStatistics(np.arange(8), Lists(np.zeros(9, np.int64), np.zeros(0, np.int32))),
)


def test_by_hand():
    """Labels below 5 are stratum 1, the others 0."""
    part = take_apart(RANKS, (RANKS.positives < 5).astype(np.int64), 2)
    assert part.owner.tolist() == [0, 0, 2, 2]
    assert part.stratum.tolist() == [0, 1, 0, 1]
    assert part.ranks.indptr.tolist() == [0, 1, 3, 4, 5]
    assert part.ranks.ranks.tolist() == [1, 2, 9, 4, 3]
    assert part.ranks.positives.tolist() == [7, 0, 2, 7, 2]
    assert part.ranks.top.tolist() == [[7, 0], [7, 0], [5, 4], [5, 4]]


@pytest.mark.parametrize("name", ["precision@2", "recall@2", "ndcg@3", "map", "mrr", "mean-rank", "psib@2"])
def test_a_row_is_an_example_that_has_these_positives_only(name):
    strata = np.array([0, 2, 2, 1, 1])
    part = take_apart(RANKS, strata, 3)
    found = measure(name).values(part.ranks)
    examples = np.repeat([0, 1, 2], RANKS.n_positives)
    for row, (owner, stratum) in enumerate(zip(part.owner, part.stratum, strict=True)):
        kept = (examples == owner) & (strata == stratum)
        alone = RANKS._replace(
            indptr=np.array([0, kept.sum()]),
            ranks=RANKS.ranks[kept],
            positives=RANKS.positives[kept],
            top=RANKS.top[[owner]],
        )
        assert found[row] == measure(name).values(alone)[0]


def test_one_stratum_is_the_whole():
    part = take_apart(RANKS, np.zeros(5, np.int64), 1)
    whole = measure("ndcg@3").values(RANKS)
    assert measure("ndcg@3").values(part.ranks).tolist() == whole[[0, 2]].tolist()


def test_no_positives():
    part = take_apart(
        RANKS._replace(indptr=np.zeros(4, np.int64), ranks=RANKS.ranks[:0]), np.zeros(0, int), 4
    )
    assert len(part.owner) == len(part.stratum) == 0
    assert part.ranks.indptr.tolist() == [0]


def test_sizes():
    names, found = size_names(), by_size(np.array([0, 1, 2, 3, 9, 10, 29, 30, 1000, 100_000, 10**7]))
    assert [names[i] for i in found[:8]] == ["0", "1–2", "1–2", "3–9", "3–9", "10–29", "10–29", "30–99"]
    assert [names[i] for i in found[8:]] == ["1,000–2,999", "100,000 and more", "100,000 and more"]
    assert len(names) == len(EDGES)
