"""RBF, latent and hybrid RBF and pairs of kernels against eq. 3 and 8, summed pair by pair."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from awe_cli.builders.pair_sum import drawn_pairs, known_examples
from awe_cli.builders.registry import BUILDERS
from awe_cli.engine.local import ALL_THREADS, Local
from awe_cli.neighbors.table import parts_of
from tests.builders import naive
from tests.builders.world import (
    DESCRIBED,
    KINDS,
    TOLD,
    label_places,
    labels_of,
    laid_out,
    part_of,
    places,
    source,
)
from tests.neighbors.test_table import ITEMS, dense_x, points

GAUSSIANS = {
    "rbf": ("raw", "raw"),
    "latent-rbf": ("embedded", "embedded"),
    "hybrid-latent-rbf": ("embedded", "raw"),
}
# A gaussian of every width, and each kernel of one side with the same one of the other: G is a product of the two.
NAMED = [
    (name, {"lambda_y": lambda_y, "kernel_x": "gaussian", "kernel_y": "gaussian", "space_x": x, "space_y": y})
    for name, (x, y) in GAUSSIANS.items()
    for lambda_y in ((0.4, 0.0, "inf") if name == "hybrid-latent-rbf" else (0.4,))
]


def _free(kernel_x, space_x, kernel_y, space_y, **more):
    """A case of K_x and K_y that are chosen."""
    kernels = {"kernel_x": kernel_x, "kernel_y": kernel_y, "space_x": space_x, "space_y": space_y}
    return "kernel", {**kernels, "lambda_y": 0.4, **more}


BY_X = [_free(kernel, x, "equality", "raw") for kernel in ("linear", "cosine") for x in ("raw", "embedded")]
BY_Y = [_free("cosine", "embedded", kernel, "embedded") for kernel in ("linear", "cosine", "gaussian")]
ON_Y = [
    _free("cosine", "embedded", kernel, "raw", described=described)
    for described in ("words", "dense y")
    for kernel in ("equality", "linear", "cosine", "gaussian")
]


def each_case(*cases):
    """A test of these cases."""
    names = ["-".join([name, *(str(value) for value in more.values())]) for name, more in cases]
    return pytest.mark.parametrize(("name", "more"), cases, ids=names)


each_kind = pytest.mark.parametrize("kind", KINDS)


def build(name, told, made):
    builder = BUILDERS[name]
    (choice,) = builder.choices(told, made)
    return builder.open(told, made, builder.fit(told, made, choice))


def twin(told, made, query, skip=None):
    """G(x, ·) of x (features,) by eq. 3."""
    embedded = told["space_x"] == "embedded"
    place = points(query[None], made.state.U, made.measure)[0] if embedded else query
    k_y = "equality" if told["lambda_y"] == "inf" else told["kernel_y"]
    where = label_places(made, told["space_y"], k_y)
    return naive.pair_sum(
        place, places(made, made.examples, told["space_x"]), labels_of(made.examples), where,
        naive.kernel(told["kernel_x"], told["lambda"]), naive.kernel(k_y, told["lambda_y"]),
        apart=made.examples.own and told["kernel_x"] == "gaussian", skip=skip,
    )  # fmt: skip


@each_kind
@each_case(*NAMED, *BY_X, *BY_Y, *ON_Y)
def test_the_table_is_the_papers_sum(name, more, kind):
    made, told = source(kind, described=more.get("described", "one-hot")), {**TOLD, **more}
    new = KINDS[kind][0](6, seed=1)
    G = build(name, told, made).table(new.x)
    for q, x in enumerate(dense_x(new)):
        np.testing.assert_allclose(G[q], twin(told, made, x), 2e-3, 1e-5)


@each_kind
@each_case(*NAMED, *BY_X, ON_Y[3], ON_Y[7])
def test_training_examples_have_no_part_in_their_own_rows(name, more, kind):
    made, told = source(kind, 9, more.get("described", "one-hot")), {**TOLD, **more}
    parts = parts_of(made.examples)
    G = laid_out(build(name, told, made).training(ALL_THREADS, block=1000), ITEMS)
    x = dense_x(made.examples)
    for e, part in itertools.product(range(9), range(parts)):
        query = part_of(x[e], e, part, parts, made.examples.positives)
        np.testing.assert_allclose(G[e * parts + part], twin(told, made, query, skip=e), 2e-3, 1e-5)


@pytest.mark.parametrize("described", DESCRIBED)
def test_candidates_for_lambda_y_are_multiples_of_the_typical_distance_of_labels(described):
    made, told = source("dense", described=described), {**TOLD, "lambda_y": None}
    Y = label_places(made, "raw", "gaussian")
    squared = ((Y[:, None] - Y) ** 2).sum(axis=2) + np.diag(np.full(ITEMS, np.inf))
    typical = np.median(np.sort(squared)[:, :20])
    builder = BUILDERS["rbf"]
    for choice in builder.choices(told, made):
        (found,) = builder.fit(told, made, choice)["lambda_y"]
        assert found == pytest.approx(
            np.inf if choice["multiple_y"] is None else choice["multiple_y"] / typical
        )


def test_labels_that_share_words_are_alike_and_only_so_many_are_compared():
    made, told = source("dense", described="words"), {**TOLD, "lambda_y": 0.4, "label_neighbors": 3}
    arrays = BUILDERS["rbf"].fit(told, made, {"multiple": None, "multiple_y": None})
    Y = label_places(made, "raw", "gaussian")
    K = np.exp(-0.4 * ((Y[:, None] - Y) ** 2).sum(axis=2))
    assert arrays["near"].shape == (ITEMS, 3)
    for near, likeness, of_all in zip(arrays["near"], arrays["likeness"], K, strict=True):
        np.testing.assert_allclose(likeness, of_all[near], 1e-4)
        np.testing.assert_allclose(np.sort(likeness), np.sort(of_all)[-3:], 1e-4)


@each_kind
@pytest.mark.parametrize("name", GAUSSIANS)
def test_the_same_bytes_for_any_block_and_any_threads(name, kind):
    made, told = (
        source(kind, n=70, described="words"),
        {**TOLD, "lambda": None, "lambda_y": None, "keep": 7, "label_neighbors": 5},
    )
    builder = BUILDERS[name]
    for choice in builder.choices(told, made):
        built = builder.open(told, made, builder.fit(told, made, choice))
        found = [
            [array.tobytes() for array in built.training(Local(threads), block)]
            for threads, block in ((1, 1024), (2, 16), (3, 7))
        ]
        assert found[0] == found[1] == found[2]


@each_kind
def test_pairs_are_drawn_once_for_a_seed(kind):
    made = source(kind)
    positives = made.examples.positives
    pairs = drawn_pairs(positives, 20, seed=3)
    assert len(np.unique(pairs)) == 20
    assert pairs.tolist() == sorted(pairs)
    assert np.array_equal(pairs, drawn_pairs(positives, 20, seed=3))
    assert not np.array_equal(pairs, drawn_pairs(positives, 20, seed=4))
    known = known_examples(made.examples, pairs)
    of = labels_of(made.examples)
    kept = np.flatnonzero(known.named >= 0)
    assert sum(map(len, labels_of(known.examples))) == 20
    assert all(own <= of[row] for own, row in zip(labels_of(known.examples), kept, strict=True))
    G = build("hybrid-latent-rbf", {**TOLD, "pairs": 20, "seed": 3}, made).table(made.examples.x)
    assert np.isfinite(G).all()
    assert not G[:, np.setdiff1d(np.arange(ITEMS), positives.indices[pairs])].any()


@each_kind
def test_wide_and_narrow_gaussians_are_finite(kind):
    """So narrow that every weight but the nearest is 0; so wide that all are the same."""
    made = source(kind)
    for lambda_ in (0.0, 1e-6, 1e6):
        G = build("rbf", {**TOLD, "lambda": lambda_}, made).table(made.examples.x)
        assert np.isfinite(G).all()
        assert (G.sum(axis=1) > 0).all()


def test_only_the_largest_entries_are_kept():
    made = source("dense")
    whole = laid_out(build("rbf", TOLD, made).training(ALL_THREADS, 64), ITEMS)
    kept = laid_out(build("rbf", {**TOLD, "keep": 3}, made).training(ALL_THREADS, 64), ITEMS)
    assert ((kept > 0).sum(axis=1) <= 3).all()
    for row, short in zip(whole, kept, strict=True):
        np.testing.assert_allclose(np.sort(row)[-3:], np.sort(short)[-3:])


def test_what_is_found_is_described():
    made = source("dense")
    for name, expected in (
        ("rbf", {"pairs", "lambda", "lambda_y"}),
        ("kernel", {"pairs", "lambda"}),  # K_y is equality
    ):
        builder = BUILDERS[name]
        told = {**TOLD, "lambda": None, "lambda_y": None}
        arrays = builder.fit(told, made, builder.choices(told, made)[0])
        assert set(builder.describe(arrays)) == expected
        assert builder.describe(arrays).get("lambda_y", "inf") == "inf"
