"""Tables of neighbours: leave-one-out, targets not in their own query, eq. 9, any number of threads."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from awe_cli.dataset.examples import Examples
from awe_cli.engine.local import Local
from awe_cli.matrices.matrix import Bags, Dense, Lists, take_lists, take_rows
from awe_cli.neighbors.index import NeighborIndex
from awe_cli.neighbors.search import SEARCHES
from awe_cli.neighbors.space import COSINE, EUCLIDEAN, Space
from awe_cli.neighbors.table import PARTS, among_others, leave_one_out, parts_of, without_part
from tests.affinities.members import lists
from tests.neighbors import naive

ITEMS, DIM = 40, 6
each_measure = pytest.mark.parametrize("measure", [COSINE, EUCLIDEAN])


def histories(n, seed=0):
    rng = np.random.default_rng(seed)
    indptr, indices = lists([rng.choice(ITEMS, rng.integers(1, 9), replace=False) for _ in range(n)])
    counts = np.diff(indptr)
    values = np.repeat(counts**-0.5, counts).astype(np.float32)
    return Examples(pa.array(range(n)), Bags(indptr, indices, values), Lists(indptr, indices), None, True)


def annotated(n, seed=0):
    rng = np.random.default_rng(seed)
    x = Dense(np.arange(ITEMS, dtype=np.int32), rng.normal(size=(n, ITEMS)).astype(np.float32))
    labels = lists([rng.choice(ITEMS, rng.integers(0, 4), replace=False) for _ in range(n)])
    return Examples(pa.array(range(n)), x, labels, None, False)


def space(measure, seed=0):
    return Space(np.random.default_rng(seed).normal(size=(ITEMS, DIM)).astype(np.float32), measure)


def dense_x(examples):
    """x (n, features) as the paper has it."""
    if isinstance(examples.x, Dense):
        return examples.x.values.astype(float)
    x = np.zeros((len(examples), ITEMS))
    for e in range(len(examples)):
        span = slice(*examples.x.indptr[e : e + 2])
        x[e, examples.x.indices[span]] = examples.x.values[span]
    return x


def points(x, U, measure):
    Z = x @ U.astype(float)
    norms = np.linalg.norm(Z, axis=1, keepdims=True)
    return Z / np.where(norms > 0, norms, 1) if measure == COSINE else Z


@each_measure
@pytest.mark.parametrize("examples", [histories(50), annotated(50)], ids=["bags", "dense"])
def test_points_of_a_space(measure, examples):
    there = space(measure)
    np.testing.assert_allclose(
        there.points(examples.x), points(dense_x(examples), there.U, measure), 1e-4, 1e-6
    )


@each_measure
@pytest.mark.parametrize("examples", [histories(50), annotated(50)], ids=["bags", "dense"])
def test_every_query_leaves_out_its_example_and_its_targets(measure, examples):
    there, k, parts = space(measure), 4, parts_of(examples)
    found = leave_one_out(there, examples, k)
    base = points(dense_x(examples), there.U, measure)
    assert found.rows.shape == (len(examples) * parts, k)
    for e in range(len(examples)):
        for part in range(parts):
            x = dense_x(examples)[e]
            if examples.own:
                targets = examples.positives.indices[slice(*examples.positives.indptr[e : e + 2])][
                    part::PARTS
                ]
                x[targets] = 0
            query = points(x[None], there.U, measure)[0]
            expected = [row for _, row in naive.nearest(base, query, k, skip=e)]
            row = found.rows[e * parts + part].tolist()
            assert row == expected + [-1] * (k - len(expected))
            assert e not in row


def test_a_target_has_no_part_in_its_own_query():
    """Item 39 is the first person's alone: wherever its row of U points, queries without it do not move."""
    examples = histories(60)
    bag = slice(*examples.x.indptr[:2])
    examples.x.indices[examples.x.indices == ITEMS - 1] = ITEMS - 2
    examples.x.indices[bag.stop - 1] = ITEMS - 1
    part = (bag.stop - 1) % PARTS
    tables = []
    for direction in (1, -1):
        there = space(COSINE)
        there.U[ITEMS - 1] = direction * 5
        tables.append(leave_one_out(there, examples, 5).rows[:PARTS])
    assert tables[0][part].tolist() == tables[1][part].tolist()
    others = [p for p in range(PARTS) if p != part]
    assert tables[0][others].tolist() != tables[1][others].tolist(), "it does matter where it is in the query"


def test_every_item_is_left_out_in_one_part():
    x = histories(30).x
    n_items = np.diff(x.indptr)
    kept = np.stack([without_part(x, PARTS, part, n_items).values > 0 for part in range(PARTS)])
    assert (kept.sum(axis=0) == PARTS - 1).all()
    assert without_part(x, 1, 0, n_items) is x
    fewer = n_items - 1  # the last entry of each row is a feature of the person
    kept = np.stack([without_part(x, PARTS, part, fewer).values > 0 for part in range(PARTS)])
    assert kept[:, x.indptr[1:] - 1].all()


def test_a_single_item_leaves_no_query():
    examples = histories(30)
    single = np.flatnonzero(np.diff(examples.x.indptr) == 1)
    found = leave_one_out(space(COSINE), examples, 3)
    for e in single:
        assert (found.rows[e * PARTS] == -1).all()
        assert np.isinf(found.squared[e * PARTS]).all()
        assert (found.rows[e * PARTS + 1] >= 0).all()
    assert len(single)


@pytest.mark.parametrize("approximate", SEARCHES)
def test_the_same_for_any_number_of_threads(approximate):
    examples = histories(4200)
    tables = [
        leave_one_out(space(COSINE), examples, 10, approximate=approximate, engine=Local(threads))
        for threads in (1, 2, 3)
    ]
    for table in tables[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(table, tables[0], strict=True))
    assert not (tables[0].rows == np.repeat(np.arange(4200), PARTS)[:, None]).any()


def test_cross_fitting_finds_only_the_others():
    examples, there = annotated(60), space(EUCLIDEAN)
    rows = np.arange(0, 60, 2)
    base = Examples(
        examples.ids.take(rows),
        take_rows(examples.x, rows),
        take_lists(examples.positives, rows),
        None,
        False,
    )
    found = among_others(there, base, rows, examples, 3)
    Z = points(dense_x(examples), there.U, EUCLIDEAN)
    for e in range(60):
        expected = [int(rows[row]) for _, row in naive.nearest(Z[rows], Z[e], 3, skip=None)]
        assert found.rows[e].tolist() == expected
    fewer = among_others(there, base.slice(0, 2), rows[:2], examples, 3)
    assert (np.sort(fewer.rows, axis=1) == [-1, 0, 2]).all()


@each_measure
@pytest.mark.parametrize("make", [histories, annotated], ids=["bags", "dense"])
def test_the_table_is_equation_9(measure, make):
    examples, new, there = make(50), make(20, seed=1), space(measure)
    G = NeighborIndex(there, examples, ITEMS).table(new.x, 7, 0.3)
    base, queries = (points(dense_x(rows), there.U, measure) for rows in (examples, new))
    labels_of = [
        set(examples.positives.indices[slice(*examples.positives.indptr[e : e + 2])]) for e in range(50)
    ]
    for q in range(len(new)):
        expected = naive.table(base, labels_of, queries[q], 7, 0.3, ITEMS)
        np.testing.assert_allclose(G[q], expected, 1e-3, 1e-6)
