"""Every affinity's formulas at single points, against the paper's equations and finite differences.

Python runs the formulas; that they are the same when they are compiled is a test of its own, with every type of
affinity and every way through the kernels.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from awe_cli.core.interface import NO_PARAMS, AffinityParams, factors_through_projection, n_tables
from awe_cli.core.labels import OneHot
from awe_cli.ranking.embedding import EmbeddingRanker
from tests.affinities import naive
from tests.affinities.labels import dense_labels, matrix, sparse
from tests.affinities.members import COMPILED, EXAMPLES, FEATURES, LABELS, MEMBERS, SCORED, knn_in, types_in
from tests.affinities.points import WEIGHT, evaluate, world

WORLD = world()
ROWS = WORLD.V.astype(float)
SIDES = {"one-hot": OneHot(LABELS), "bags": sparse(dense_labels())}
LABELS_TRIED = (0, 3, 8)
SMALL = 1e-5


def sided(members):
    """Every member with one-hot labels and with labels that features describe."""
    pairs = [(side, member) for side in SIDES for member in members]
    return pytest.mark.parametrize(("side", "member"), pairs, ids=[f"{side}-{m.name}" for side, m in pairs])


each = sided(MEMBERS)


def points(member):
    """(example, part, label, hole): nothing left out, and where others remain, the first or the last feature."""
    for example, label in itertools.product(range(EXAMPLES), LABELS_TRIED):
        n = int(np.diff(WORLD.bags.indptr)[example])
        for left_out in (-1, 0, n - 1) if n > 1 else (-1,):
            yield example, example % member.queries_per_example, label, left_out


def present(example, left_out):
    """The features the paper would see: positions, x and U."""
    start, stop = WORLD.bags.indptr[example : example + 2]
    kept = [t for t in range(start, stop) if t - start != left_out]
    x, U = WORLD.bags.values[kept], WORLD.U[WORLD.bags.indices[kept]]
    return np.array(kept, int) - start, x.astype(float), U.astype(float)


def features_of(example, left_out):
    start = WORLD.bags.indptr[example]
    return WORLD.bags.indices[start + present(example, left_out)[0]]


def in_world(member, side="one-hot"):
    return WORLD._replace(learned=member.learned, y=SIDES[side])


def twin(member, example, part, label, left_out, side="one-hot"):
    """f as a function of U and V, and of what the affinity has of its own."""
    G, (_, x, _) = member.G(example, part, label), present(example, left_out)
    features, y = features_of(example, left_out), matrix(SIDES[side])[label]

    def f(U, V=ROWS, learned=member.learned):
        return naive.score(G, x, U, V, y, *member.own(learned, features))

    return f


@each
def test_score_is_the_papers_equation(member, side):
    for point in points(member):
        example, _, _, left_out = point
        expected = twin(member, *point, side)(present(example, left_out)[2])
        np.testing.assert_allclose(
            evaluate(member.affinity, in_world(member, side), *point).score, expected, 1e-4, 1e-6
        )


@each
def test_rate_equals_score(member, side):
    for example, part, label, left_out in points(member):
        if left_out == -1:
            found = evaluate(member.affinity, in_world(member, side), example, part, label, left_out)
            np.testing.assert_allclose(found.score_from_dot, found.score, 1e-5, 1e-6)


def slope_of(f, array):
    """∂f/∂array by central differences, and whether f has a kink here."""
    slope, kink, here = np.zeros_like(array), False, f(array)
    for at in np.ndindex(array.shape):
        there, back = array.copy(), array.copy()
        there[at] += SMALL
        back[at] -= SMALL
        forward, backward = (f(there) - here) / SMALL, (here - f(back)) / SMALL
        slope[at] = (forward + backward) / 2
        kink |= bool(abs(forward - backward) > 1e-2)
    return slope, kink


@each
def test_gradient_equals_finite_differences(member, side):
    checked = 0
    for point in points(member):
        example, _, _, left_out = point
        positions, x, U = present(example, left_out)
        f = twin(member, *point, side)
        by_U, kink = slope_of(f, U)
        by_V, _ = slope_of(lambda V, f=f, U=U: f(U, V), ROWS)
        if kink:
            continue
        checked += 1
        found = evaluate(member.affinity, in_world(member, side), *point)
        np.testing.assert_allclose(found.by_v, WEIGHT * by_V, 1e-3, 1e-5)
        if factors_through_projection(member.affinity):
            np.testing.assert_allclose(x[:, None] * found.by_z, WEIGHT * by_U, 1e-3, 1e-5)
            assert not found.by_u.any()
        else:
            np.testing.assert_allclose(found.by_u[positions], WEIGHT * by_U, 1e-3, 1e-5)
            assert not found.by_z.any()
        if left_out >= 0:
            assert not found.by_u[left_out].any(), "the feature left out is no part of f"
    assert checked > 30


@sided([member for member in MEMBERS if member.learned is not NO_PARAMS])
def test_the_gradient_by_its_own_numbers_equals_finite_differences(member, side):
    learned = AffinityParams(
        *(np.array(array, float if array.dtype == np.float32 else None) for array in member.learned)
    )
    fixed = "learned=False" in repr(member.affinity)
    for point in points(member):
        example, _, _, left_out = point
        positions, _, U = present(example, left_out)
        f, found = twin(member, *point, side), evaluate(member.affinity, in_world(member, side), *point)
        features = features_of(example, left_out)
        by = {
            name: slope_of(
                lambda a, n=name, U=U, f=f: f(U, learned=learned._replace(**{n: a})),
                getattr(learned, name),
            )[0]
            for name in ("shared", "U_hat", "V_hat", "pairs")
        }
        close = lambda found, by: np.testing.assert_allclose(found, WEIGHT * by, 1e-3, 1e-5)  # noqa: E731
        if fixed:
            by = {name: 0 * array for name, array in by.items()}
        close(found.by_shared, by["shared"])
        close(found.by_u_hat[positions], by["U_hat"][features])
        close(found.by_v_hat, by["V_hat"] if by["V_hat"].size else np.zeros((LABELS, 0)))
        assert not np.delete(found.by_u_hat, positions, axis=0).any(), "the feature left out is no part of f"
        for t, feature in zip(positions, features, strict=True):
            start, stop = learned.indptr[feature : feature + 2] if len(learned.indptr) else (0, 0)
            close(found.by_pair[found.first[t] :][: stop - start], by["pairs"][start:stop])


def scores(member, shape, side):
    """f of every example and label by the scorer."""
    tables = np.zeros((EXAMPLES, LABELS * n_tables(member.affinity)), np.float32)
    if n_tables(member.affinity):
        tables = np.stack([table(member, example) for example in range(EXAMPLES)])
    laid_out = (lambda x: tables) if n_tables(member.affinity) else None
    y = None if side == "one-hot" else SIDES[side]
    ranker = EmbeddingRanker(member.affinity, WORLD.U, WORLD.V, laid_out, member.learned, y)
    return ranker.scores(getattr(WORLD, shape)).score


@pytest.mark.usefixtures("interpreted_kernels")
@each
def test_the_scorer_rates_every_label(member, side):
    for shape in ("bags", "dense"):
        rows = getattr(WORLD, shape)
        scored = np.zeros((EXAMPLES, LABELS))
        for example in range(EXAMPLES):
            _, x, U = present(example, -1)
            if shape == "dense":
                x, U = rows.values[example].astype(float), WORLD.U.astype(float)
            features = np.arange(FEATURES) if shape == "dense" else features_of(example, -1)
            own = member.own(member.learned, features)
            for label in range(LABELS):
                G, y = member.G(example, 0, label), matrix(SIDES[side])[label]
                scored[example, label] = naive.score(G, x, U, ROWS, y, *own)
        found = scores(member, shape, side)
        if type(member.affinity).__name__ == "Constant":
            found = found * member.affinity.c  # the ranker leaves c out, which changes no order
        np.testing.assert_allclose(found, scored, 1e-4, 1e-6, err_msg=shape)


def table(member, example):
    """G(x, ·) of an example, as a ranker is given it: one table after the other."""
    found = []
    for knn in knn_in(member.affinity):
        query, ends = example * knn.queries_per_example, knn.indptr
        labels_of = [set(knn.labels[ends[e] : ends[e + 1]]) for e in range(EXAMPLES)]
        found.append(naive.knn_table(knn.neighbors[query], knn.weights[query], labels_of, LABELS))
    return np.concatenate(found)


@pytest.mark.usefixtures("interpreted_kernels")
def test_dense_rows_are_bags_that_name_every_column():
    every = world()
    n = FEATURES
    dense_as_bags = every.bags._replace(
        indptr=np.arange(EXAMPLES + 1) * n,
        indices=np.tile(every.dense.columns, EXAMPLES),
        values=every.dense.values.ravel(),
    )
    for member in MEMBERS:
        if not n_tables(member.affinity):
            ranker = EmbeddingRanker(member.affinity, every.U, every.V, learned=member.learned)
            dense, bags = ranker.scores(every.dense).score, ranker.scores(dense_as_bags).score
            np.testing.assert_array_equal(dense, bags)


@pytest.mark.parametrize(("side", "member"), COMPILED, ids=[f"{side}-{m.name}" for side, m in COMPILED])
def test_compiled_formulas_give_the_same(member, side):
    for point in points(member):
        by_python = evaluate(member.affinity, in_world(member, side), *point)
        compiled = evaluate(member.affinity, in_world(member, side), *point, compiled=True)
        for one, other in zip(compiled, by_python, strict=True):
            np.testing.assert_allclose(one, other, 1e-4, 1e-6)


@pytest.mark.parametrize(("shape", "side", "member"), SCORED, ids=[f"{a}-{b}-{m.name}" for a, b, m in SCORED])
def test_the_compiled_scorer_gives_the_same(member, shape, side, request):
    compiled = scores(member, shape, side)
    request.getfixturevalue("interpreted_kernels")
    np.testing.assert_allclose(compiled, scores(member, shape, side), 1e-4, 1e-6)


def test_every_type_of_affinity_is_compiled_somewhere():
    compiled = {kind for _, member in COMPILED for kind in types_in(member.affinity)}
    assert compiled == {kind for member in MEMBERS for kind in types_in(member.affinity)}
