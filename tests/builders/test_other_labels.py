"""G of eq. 3 for labels that were not there when it was built, by what describes them; and which G knows none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from awe_cli.affinities.spec import built_parameters
from awe_cli.builders.registry import BUILDERS
from awe_cli.matrices.matrix import Dense
from tests.affinities.labels import matrix, sparse
from tests.builders import naive
from tests.builders.world import KINDS, TOLD, WORDS, labels_of, places, source
from tests.neighbors.test_table import ITEMS, dense_x, points

NEW = 7
NAMED = {
    "rbf": ("gaussian", "raw", "gaussian", "raw"),
    "latent-rbf": ("gaussian", "embedded", "gaussian", "embedded"),
    "hybrid-latent-rbf": ("gaussian", "embedded", "gaussian", "raw"),
}
FREE = [("cosine", "embedded", k_y, y) for k_y in ("linear", "cosine") for y in ("raw", "embedded")]
CASES = [*NAMED.items(), *(("kernel", kernels) for kernels in FREE)]
each_case = pytest.mark.parametrize(
    ("name", "kernels"), CASES, ids=["-".join([name, *k]) for name, k in CASES]
)
each_kind = pytest.mark.parametrize(
    ("kind", "described"), [("dense", "dense y"), ("dense", "words"), ("bags", "words")]
)


def world(kind, described):
    """A source in which no label has the last word, and the rows of others: its labels in another order, and new ones
    with that word."""
    made = source(kind, described=described)
    known = matrix(made.examples.y, WORDS).astype(np.float32)
    known[:, -1] = 0
    rng = np.random.default_rng(9)
    new = rng.uniform(0.1, 0.7, (NEW, WORDS)) * (rng.random((NEW, WORDS)) < 0.4)
    new[:, -1] = 0.3
    rows = [known, np.concatenate([known[::-1], new.astype(np.float32)])]
    dense = [Dense(np.arange(WORDS, dtype=np.int32), values) for values in rows]
    y, others = (sparse(values) for values in dense) if described == "words" else dense
    return replace(made, examples=replace(made.examples, y=y)), others


def tables(name, kernels, made, others, **more):
    """G of six new inputs, for the known labels and for the others; and what it was told."""
    told = {**TOLD, **dict(zip(("kernel_x", "space_x", "kernel_y", "space_y"), kernels, strict=True))}
    told |= {"lambda_y": 0.4, **more}
    builder = BUILDERS[name]
    (choice,) = builder.choices(told, made)
    assert builder.known_only(told, choice) is None
    arrays = builder.fit(told, made, choice)
    new = KINDS["dense" if isinstance(made.examples.x, Dense) else "bags"][0](6, seed=1)
    found = [builder.open(told, whole, arrays).table(new.x) for whole in (made, replace(made, others=others))]
    return told, new, *found


@each_kind
@each_case
def test_new_labels_have_the_papers_sum(name, kernels, kind, described):
    made, others = world(kind, described)
    told, new, _, G = tables(name, kernels, made, others)
    assert G.shape == (6, ITEMS + NEW)
    where = [matrix(rows, WORDS) for rows in (made.examples.y, others)]
    if told["space_y"] == "embedded":
        where = [rows @ made.state.V.astype(float) for rows in where]
    k_x, k_y = (naive.kernel(told[f"kernel_{of}"], told[lambda_])
                for of, lambda_ in (("x", "lambda"), ("y", "lambda_y")))  # fmt: skip
    for q, x in enumerate(dense_x(new)):
        place = points(x[None], made.state.U, made.measure)[0] if told["space_x"] == "embedded" else x
        twin = naive.pair_sum(
            place, places(made, made.examples, told["space_x"]), labels_of(made.examples), where[0],
            k_x, k_y, apart=made.examples.own and told["kernel_x"] == "gaussian", asked=where[1],
        )  # fmt: skip
        np.testing.assert_allclose(G[q], twin, 2e-3, 1e-5)
    assert (G[:, ITEMS:] > 0).any()


@each_kind
@each_case
@pytest.mark.parametrize("n", [3, 10**6])
def test_a_known_label_has_the_same_bytes_among_others(name, kernels, kind, described, n):
    made, others = world(kind, described)
    _, _, known, G = tables(name, kernels, made, others, label_neighbors=n)
    assert known.any()
    assert G[:, :ITEMS][:, ::-1].tobytes() == known.tobytes()


def test_one_new_label_is_the_same_alone():
    made, others = world("dense", "words")
    _, _, _, G = tables("rbf", NAMED["rbf"], made, others)
    last = others._replace(indptr=others.indptr[-2:])
    _, _, _, alone = tables("rbf", NAMED["rbf"], made, last)
    assert alone.tobytes() == G[:, -1:].tobytes()


@pytest.mark.parametrize(
    ("name", "more", "why"),
    [
        ("rbf", {"lambda_y": "inf"}, "only where they are equal (λ_y is inf)"),
        ("latent-rbf", {"lambda_y": None}, "only where they are equal (λ_y is inf)"),
        ("kernel", {"kernel_y": "equality"}, "only where they are equal (K_y is equality)"),
        ("cluster", {}, "lists labels"),
    ],
)
def test_which_g_knows_no_new_labels(name, more, why):
    """Of those left open, the first choice is λ_y → ∞, and the last one is finite."""
    builder, made = BUILDERS[name], source("dense", described="words")
    told = {**built_parameters(name, {}, own=False), **more}
    choices = builder.choices(told, made)
    found = builder.known_only(told, choices[0])
    assert why in found.why
    assert found.instead
    if name == "latent-rbf":
        assert builder.known_only(told, choices[-1]) is None
