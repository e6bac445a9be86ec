"""The interface of an affinity: the functions that it implements to be trained and scored, as stubs.

f(x, y) = Σ_ij G_ij(x, y) x_i U_i·V_j y_j  (AWE eq. 2; for a one-hot y the label is j).

    load / clear                      write G(x, ·) of one example to a table, and clear it (neighbour tables do)
    value / slope                     f and ∂f/∂s of an affinity of the whole score s = Ux·V_y
    form / form_slopes                f and its derivatives, of an affinity of Ux·V_y, ‖Ux‖² and ‖V_y‖²
    feature_value / feature_slope     one pair's term of f, and its derivative by U_i·V_j
    score / gradient / score_from_dot f and its derivatives in full, for the kernels

`core/families.py` implements the last line by one of the three before it. An affinity of no family implements it
itself.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.arrays import Floats
from awe_cli.core.dispatch import inlined, stub
from awe_cli.core.pairs import Chains
from awe_cli.core.sums import Sums

# The parameters of an affinity beside U and V, and their AdaGrad accumulators.
#
# There are four kinds. Examples write down gradients; one worker, the owner, takes the steps:
#
#     shared rows     a few numbers that every example uses      owner: the first worker, example after example
#     Û (features,)   the affinity's factors of features         owner: that of the feature's row of U
#     V̂ (labels,)     its factors of labels, or label features   owner: that of the row of V
#     pairs θ_ij      a number for some (feature, label) pairs   owner: that of the feature's row of U
#
# All are stepped as rows of U and V are: AdaGrad with one accumulator a row, the norm of a row capped. A
# pair's θ is a row by itself, and is not capped.


class AffinityParams(NamedTuple):
    """The parameters of an affinity beside U and V; of width 0 where it has none of a kind."""

    shared: Floats  # (rows, width)
    U_hat: Floats  # (features, e) Û
    V_hat: Floats  # (labels, e) V̂; (label features, e) where the affinity is of single features
    indptr: NDArray[np.int64]  # (features + 1,) where a feature's pairs begin; (0,) where there are none
    labels: NDArray[np.int32]  # (pairs,) j, a row of V, ascending within a feature
    pairs: Floats  # (pairs,) θ


class AdagradState(NamedTuple):
    """The AdaGrad accumulators of `AffinityParams`."""

    shared: Floats  # (rows,)
    U_hat: Floats  # (features,)
    V_hat: Floats  # (labels,)
    pairs: Floats  # (pairs,)


def _none(*shape: int) -> Floats:
    return np.zeros(shape, np.float32)


NO_PARAMS = AffinityParams(
    _none(0, 0), _none(0, 0), _none(0, 0), np.zeros(0, np.int64), np.zeros(0, np.int32), _none(0)
)


def zero_adagrad_state(learned: AffinityParams) -> AdagradState:
    """The accumulators before the first step."""
    return AdagradState(
        *(_none(len(numbers)) for numbers in (learned[0], learned[1], learned[2], learned[5]))
    )


@inlined
def n_example_pairs(learned, indices):
    """How many pairs the features of an example have together."""
    total = np.int64(0)
    if learned.indptr.shape[0] > 0:
        for t in range(indices.shape[0]):
            total += learned.indptr[indices[t] + 1] - learned.indptr[indices[t]]
    return total


class ExampleContext(NamedTuple):
    """One example as an affinity sees it, the same tuple for all its labels.

    Formulas take the label as an argument of its own, and index rows of U and V rather than slice them: building
    tuples or views in the loop over labels would count references at every turn.
    """

    example: int  # row of the example
    indices: NDArray[np.int32]  # (n,) its features
    values: Floats  # (n,) their values x_i
    U: Floats  # (features, d)
    V: Floats  # (labels, d) V_y, or Vy = Σ_j y_j V_j where features describe labels
    y: Any  # OneHot, or the features of labels (labels, label features)
    Vj: Floats  # (label features, d) V_j; V itself where labels are one-hot
    z: Floats  # (d,) Ux, without the feature left out
    g: Floats  # (tables · labels,) the tables that `load` wrote, one after the other
    scratch: Floats  # (n or more,) temporary storage, one number a feature
    learned: AffinityParams  # the parameters of the affinity
    chains: Chains  # its pairs by label, in training


class GradientBuffers(NamedTuple):
    """Where an affinity adds weight · ∂f: by Ux, by each feature's row of U, by V_y, and by its own parameters."""

    z: Floats  # (d,) where f factors through Ux: ∂f/∂U_i = x_i · z
    u: Floats  # (n, d) ∂f/∂U_i of affinities of single features
    v: Floats  # (d,) ∂f/∂V_y, where labels have directions of their own; zeros before each label
    shared: Floats  # (rows, width)
    u_hat: Floats  # (n, e) by each feature's row of Û
    v_hat: Floats  # (e,) by V̂_y; zeros before each label
    pairs: Floats  # (slots,) by θ of every pair of the example's features
    vj: Floats  # (d,) by V_j of one label feature, zeros before each; v itself for one-hot labels
    vj_hat: Floats  # (e,) by V̂_j; v_hat itself for one-hot labels
    slot: NDArray[np.int32]  # (label features,) where the sum of a row is, -1 where it has none
    sums: Sums  # of the example


@stub
def directions(affinity):
    """1 where ∂f/∂V_y has the direction of Ux for every label, 2 where each label has its own direction."""
    raise NotImplementedError(type(affinity).__name__)


@stub
def factors_through_projection(affinity):
    """True where f depends on U through Ux alone: its gradient by Ux is then in gradients.z."""
    raise NotImplementedError(type(affinity).__name__)


@stub
def is_featurewise(affinity):
    """True where f is a sum over pairs of features: V̂ then has a row for each label feature, else for each label."""
    raise NotImplementedError(type(affinity).__name__)


@stub
def n_tables(affinity):
    """The number of tables that `load` writes, each with one number a label: 0, 1, or more in a sum of affinities."""
    raise NotImplementedError(type(affinity).__name__)


@stub
def queries_per_example(affinity):
    """The number of G(x, ·) an example has: more than one where targets must not be in the query."""
    raise NotImplementedError(type(affinity).__name__)


@stub
def load(affinity, example, part, g):
    """Write G(x, ·) of one example and part to g (tables · labels,), which is all zeros."""
    raise NotImplementedError(type(affinity).__name__)


@stub
def clear(affinity, example, part, g):
    """Set g back to zeros."""
    raise NotImplementedError(type(affinity).__name__)


@stub
def value(affinity, s, context, label):
    """f as a function of the whole score s = Ux·V_y."""
    raise NotImplementedError(type(affinity).__name__)


@stub
def slope(affinity, s, context, label):
    """∂f/∂s of `value`."""
    raise NotImplementedError(type(affinity).__name__)


@stub
def form(affinity, s, zz, vv):
    """f as a function of s = Ux·V_y, zz = ‖Ux‖² and vv = ‖V_y‖²."""
    raise NotImplementedError(type(affinity).__name__)


@stub
def form_slopes(affinity, s, zz, vv):
    """(∂f/∂s, ∂f/∂zz, ∂f/∂vv) of `form`."""
    raise NotImplementedError(type(affinity).__name__)


@stub
def feature_value(affinity, x, u):
    """The term of f of a pair of features with x = x_i y_j (x_i for a one-hot y) and u = U_i·V_j."""
    raise NotImplementedError(type(affinity).__name__)


@stub
def feature_slope(affinity, x, u):
    """∂/∂u of `feature_value`."""
    raise NotImplementedError(type(affinity).__name__)


@stub
def score_from_dot(affinity, s, context, label):
    """f(x, y), given s = Ux·V_y."""
    raise NotImplementedError(type(affinity).__name__)


@stub
def is_monotone(affinity):
    """True where f is non-decreasing in the whole score s, so that an upper bound on s gives one on f."""
    raise NotImplementedError(type(affinity).__name__)


@stub
def upper_bound(affinity, s, context, label):
    """An upper bound on f where the whole score is at most s; infinity where there is none."""
    raise NotImplementedError(type(affinity).__name__)


@stub
def score(affinity, context, label, left_out):
    """f(x, y); `left_out` is the position in the example of the feature left out of x, or -1."""
    raise NotImplementedError(type(affinity).__name__)


@stub
def gradient(affinity, context, label, left_out, weight, gradients):
    """Add weight · ∂f(x, y) to the gradients; return t where weight · ∂f/∂V_y = t · direction.

    The direction is Ux where the affinity has one for all labels, else gradients.v, and t is 1.
    """
    raise NotImplementedError(type(affinity).__name__)
