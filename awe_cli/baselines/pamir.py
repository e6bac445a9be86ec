r"""A weight vector for each label, learned by passive-aggressive steps on pairs (Grangier & Bengio 2008; WSABIE §6.3).

For each positive y of each example in turn, a label ȳ ∉ Y_x is drawn until one violates the margin 1; N counts draws:

    ℓ = 1 − w_y·x + w_ȳ·x > 0,   τ = min(C L, ℓ / (2‖x‖²)),   w_y ← w_y + τ x,   w_ȳ ← w_ȳ − τ x;     f(x, y) = w_y·x

τ solves min ½‖W' − W‖² + C L ξ with w'_y·x − w'_ȳ·x ≥ 1 − ξ: eq. 6 of PAMIR, its slack ξ weighted by L.

`pamir`             one draw, L = 1: the mean rank counts (AUC; "PAMIR-IA" of WSABIE, Table 2)
`warp-one-vs-rest`  up to 1,000 draws, L = Σ_{j ≤ r} 1/j, r = ⌊|Y∖Y_x|/N⌋: the top counts (WARP; WSABIE, Table 5)

Departures: PAMIR draws triplets at random, here a pass goes once over all positives; and WSABIE's step for WARP is
C L whatever ℓ, here no longer than makes ℓ 0. In recommendation the positive is left out of x for both scores. Every
step reads what the one before wrote, so that one thread does all of them.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from awe_cli.baselines.baseline import Choice, Facts
from awe_cli.baselines.label_weights import Inputs, LabelWeights
from awe_cli.baselines.ranking_steps import learn_pass
from awe_cli.loss.ranks import HARMONIC, rank_weights

_MOST_TRIALS = 1000
_SEED = 0  # of the order of the examples, and of the draws


class Pamir(LabelWeights):
    """The margin ranking loss."""

    name = "pamir"
    epochs = 20
    max_trials: ClassVar[int] = 1

    def weights(self, n_labels: int) -> NDArray[np.float32]:
        """(labels + 1,) L by rank."""
        return np.ones(n_labels + 1, np.float32)

    def learn(self, x: Inputs, facts: Facts, choice: Choice, own: bool, W: NDArray[np.float32]) -> None:
        """Pass by pass, in an order that is drawn for each."""
        random = np.random.default_rng(_SEED)
        positives, weights = facts.examples.positives, self.weights(facts.n_labels)
        lists = np.require(positives.indptr, np.int64, "W"), np.require(positives.indices, np.int32, "W")
        for epoch in range(choice["epochs"]):
            order, mark = random.permutation(len(x.squared)), np.full(facts.n_labels, -1, np.int32)
            learn_pass(
                *x, *lists, order, choice["C"], self.max_trials, weights, own, _SEED, epoch, mark, W
            )  # fmt: skip


class WarpOneVsRest(Pamir):
    """The WARP loss."""

    name = "warp-one-vs-rest"
    epochs = 10
    max_trials = _MOST_TRIALS

    def weights(self, n_labels: int) -> NDArray[np.float32]:
        """(labels + 1,) L by rank."""
        return rank_weights(HARMONIC, n_labels)
