"""Kernels run by Python: the numbers of their equations, and an error where compiled code would read on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from awe_cli.affinities.low_rank import LowRank
from awe_cli.affinities.sigmoid import Identity
from awe_cli.core import arrays
from awe_cli.core.dispatch import interpreted
from awe_cli.core.interface import NO_PARAMS, gradient, score
from awe_cli.core.labels import entry, n_entries
from awe_cli.plugins.learned import boundary_probe
from awe_cli.training.state import initial_state, with_learned
from tests.affinities.labels import dense_labels, sparse
from tests.affinities.members import FEATURES, LABELS
from tests.training.sets import PLAN


@pytest.mark.parametrize(
    "y", [None, dense_labels(), sparse(dense_labels())], ids=["one-hot", "dense", "bags"]
)
def test_f_and_its_gradient_at_the_corner(y):
    """f = Σ_ij Û_i·V̂_j x_i U_i·V_j y_j of the first and the last feature and label."""
    rows = LABELS if y is None else FEATURES
    rng = np.random.default_rng(0)
    U_hat, V_hat = (rng.normal(0, 1, (n, 3)).astype(np.float32) for n in (FEATURES, rows))
    state = initial_state(FEATURES, rows, replace(PLAN, dim=4))
    context, gradients = boundary_probe(
        with_learned(state, NO_PARAMS._replace(U_hat=U_hat, V_hat=V_hat)), y, -1.0
    )
    affinity, last = LowRank(Identity(1.0)), len(context.V) - 1
    entries = [interpreted(entry)(context.y, last, r) for r in range(interpreted(n_entries)(context.y, last))]
    of_label = np.zeros(2)
    for j, value in entries:
        of_label[int(j > 0)] = value
    G, M = U_hat[[0, -1]] @ V_hat[[0, -1]].T, state.U[[0, -1]] @ state.V[[0, -1]].T
    expected = -(G * M) @ of_label
    assert interpreted(score)(affinity, context, last, -1) == pytest.approx(expected.sum(), 1e-5)
    assert interpreted(score)(affinity, context, last, 0) == pytest.approx(expected[1], 1e-5)
    interpreted(gradient)(affinity, context, last, -1, np.float32(2), gradients)
    by_u = -2 * (G * of_label) @ state.V[[0, -1]]
    np.testing.assert_allclose(gradients.u, by_u, 1e-4, 1e-6)


def test_a_module_is_interpreted_and_its_indices_are_checked():
    a, matrix = np.ones(3, np.float32), np.ones((2, 3), np.float32)
    assert interpreted(arrays).dot_row(a, matrix, 1) == 3
    with pytest.raises(IndexError, match="index 2 is out of bounds"):
        interpreted(arrays).dot_row(a, matrix, 2)
    assert interpreted(np) is np
