from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awe_cli.errors import DataError
from awe_cli.matrices.matrix import Lists
from awe_cli.ranking.block import rank_block
from awe_cli.ranking.order import TILE
from awe_cli.ranking.ranker import SCORE_BYTES, Scores, block_rows
from tests.ranking.naive import rank_row


def lists(rows):
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return Lists(indptr, np.array([label for row in rows for label in row], dtype=np.int32))


def agree(score, tie, positives, seen, k):
    ranked = rank_block(Scores(score, tie), lists(positives), lists(seen), k, "m")
    for e in range(len(score)):
        row_tie = None if tie is None else tie[e]
        ranks, by_rank, top = rank_row(score[e], row_tie, positives[e], seen[e], k)
        assert ranked.ranks[ranked.indptr[e] : ranked.indptr[e + 1]].tolist() == ranks
        assert ranked.positives[ranked.indptr[e] : ranked.indptr[e + 1]].tolist() == by_rank
        assert ranked.n_top[e] == len(top)
        assert ranked.labels[e, : len(top)].tolist() == top
        np.testing.assert_array_equal(ranked.scores[e, : len(top)], score[e, top])
        assert (ranked.labels[e, len(top) :] == -1).all()
        assert np.isnan(ranked.scores[e, len(top) :]).all()


@st.composite
def blocks(draw):
    """Few labels and fewer values, so that ties are everywhere."""
    m, n_labels = draw(st.integers(1, 3)), draw(st.integers(1, 12))
    values = st.sampled_from([-np.inf, -1.5, -0.0, 0.0, 2.0, np.inf])
    rng_rows = st.lists(values, min_size=m * n_labels, max_size=m * n_labels)
    score = np.array(draw(rng_rows), dtype=np.float32).reshape(m, n_labels)
    tie = None
    if draw(st.booleans()):
        tie = np.array(draw(rng_rows), dtype=np.float32).reshape(m, n_labels)
    owner = st.lists(st.sampled_from("psn"), min_size=n_labels, max_size=n_labels)
    owners = [draw(owner) for _ in range(m)]
    positives = [[i for i, o in enumerate(row) if o == "p"] for row in owners]
    seen = [[i for i, o in enumerate(row) if o == "s"] for row in owners]
    return score, tie, positives, seen, draw(st.integers(0, n_labels + 2))


@settings(max_examples=300, deadline=None)
@given(blocks())
def test_agrees_with_sorting_everything(block):
    agree(*block)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("distinct", [3, 10**6])
def test_agrees_over_several_tiles(tied, distinct):
    rng = np.random.default_rng(5)
    m, n_labels = 4, 2 * TILE + 77
    score = rng.integers(0, distinct, (m, n_labels)).astype(np.float32)
    tie = rng.integers(0, 4, (m, n_labels)).astype(np.float32) if tied else None
    positives, seen = [], []
    for e in range(m):
        drawn = rng.choice(n_labels, 60, replace=False)
        positives.append(sorted(drawn[: 20 * (e > 0)].tolist()))
        seen.append(sorted(drawn[20:].tolist()))
    agree(score, tie, positives, seen, 25)


@pytest.mark.parametrize("rising", [False, True])
def test_scores_in_order(rising):
    score = np.arange(5000, dtype=np.float32)[None, :]
    score = np.ascontiguousarray(score if rising else score[:, ::-1])
    agree(score, None, [[0, 17, 4999]], [[4998]], 100)


def test_without_positives_or_history_by_hand():
    scores = Scores(np.array([[0.5, 2.0, 0.5]], dtype=np.float32), None)
    ranked = rank_block(scores, None, None, 2, "m")
    assert ranked.labels.tolist() == [[1, 0]]
    assert len(ranked.ranks) == 0


def test_a_positive_tied_with_negatives_by_hand():
    """Label 1 is wanted, and 0, 1 and 3 have one score, behind 2.

    The greater tie value comes first, and of equal ones, as of none, the smaller label: 0 is ahead of 1, 3 behind it.
    """
    score = np.array([[1.0, 1.0, 2.0, 1.0]] * 3, dtype=np.float32)
    tie = np.array([[0.0, 3.0, -9.0, 1.0], [2.0, 1.0, 0.0, 3.0], [5.0, 5.0, 5.0, 5.0]], dtype=np.float32)
    wanted = lists([[1]] * 3)
    without = rank_block(Scores(score, None), wanted, None, 4, "m")
    assert without.ranks.tolist() == [3, 3, 3]
    assert without.labels.tolist() == [[2, 0, 1, 3]] * 3
    ranked = rank_block(Scores(score, tie), wanted, None, 4, "m")
    assert ranked.ranks.tolist() == [2, 4, 3]
    assert ranked.labels.tolist() == [[2, 1, 3, 0], [2, 3, 0, 1], [2, 0, 1, 3]]
    behind_seen = rank_block(Scores(score, None), wanted, lists([[0]] * 3), 4, "m")
    assert behind_seen.ranks.tolist() == [2, 2, 2]  # a tied label that is no candidate is not in the way


def test_no_examples():
    ranked = rank_block(Scores(np.zeros((0, 3), np.float32), None), None, None, 2, "m")
    assert ranked.labels.shape == (0, 2)


def test_read_only_and_strided_arrays_are_welcome():
    score = np.broadcast_to(np.array([1, 3, 2], dtype=np.float32), (2, 3))
    positives = lists([[2], [0]])
    positives.indices.flags.writeable = False
    ranked = rank_block(Scores(score, None), positives, None, 1, "m")
    assert ranked.ranks.tolist() == [2, 3]
    assert ranked.labels.tolist() == [[1], [1]]


@pytest.mark.parametrize("part", ["score", "tie"])
def test_not_a_number_names_the_model(part):
    arrays = {"score": np.zeros((2, 5), np.float32), "tie": np.zeros((2, 5), np.float32)}
    arrays[part][1, 4] = np.nan
    with pytest.raises(DataError, match=r"'wsabie'.*NaN.*row 1"):
        rank_block(Scores(**arrays), None, None, 1, "wsabie")


def test_blocks_are_bounded_by_bytes():
    assert block_rows(20_000) * 20_000 * 4 <= SCORE_BYTES
    assert block_rows(10**9) == 1
    assert block_rows(0) >= 1
