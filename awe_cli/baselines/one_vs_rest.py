r"""One-vs-rest: a linear classifier for each label, learned by passive-aggressive updates (Crammer et al. 2006, PA-I).

For each example in turn, with s = 1 where it has the label y and −1 where not:

    ℓ = max(0, 1 − s w_y·x),   τ = min(C, ℓ/‖x‖²),   w_y ← w_y + τ s x;     f(x, y) = w_y·x

Examples come in an order that is drawn once a pass. In recommendation the item y is no part of x for its own
classifier: w_yy stays 0. Labels are independent, so that threads share them out and change nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.baselines.baseline import Arrays, Baseline, Choice, Facts, Told, one_or_all
from awe_cli.baselines.matrices import LinearRanker, inputs, label_matrix
from awe_cli.baselines.passive_aggressive import learn
from awe_cli.baselines.room import require_room
from awe_cli.data.dataset import RECOMMENDATION, Dataset
from awe_cli.engine.local import map_blocks
from awe_cli.ranking.ranker import Ranker

_C = (0.1, 0.01, 1.0)
_BLOCK = 64  # labels learned at a time
_SEED = 0  # of the order of the examples


class OneVsRest(Baseline):
    """A classifier for each label."""

    name = "one-vs-rest"

    def check(self, told: Told, dataset: Dataset) -> None:
        """W in float32, once as learned and once turned round, must fit the memory allowed."""
        features, labels = dataset.n_features, dataset.n_labels
        what = f"one-vs-rest with {features:,} features and {labels:,} labels"
        require_room(8 * features * labels, told["memory"], what)

    def choices(self, told: Told, facts: Facts) -> list[Choice]:
        """C; the passes are settled."""
        return [{"C": c, "epochs": told["epochs"]} for c in one_or_all(told["aggressiveness"], _C)]

    def fit(self, facts: Facts, choice: Choice) -> Arrays:
        """`B` (features, labels) float32."""
        X = inputs(facts.examples.x, facts.n_features, np.float32)
        rows = X.indptr.astype(np.int64), X.indices.astype(np.int32), X.data
        squared = np.asarray(X.multiply(X).sum(axis=1)).ravel().astype(np.float32)
        Y = label_matrix(facts.examples.positives, facts.n_labels).tocsc()
        random = np.random.default_rng(_SEED)
        orders = np.stack([random.permutation(X.shape[0]) for _ in range(choice["epochs"])])
        own = facts.dataset.task == RECOMMENDATION
        W = np.zeros((facts.n_labels, facts.n_features), np.float32)

        def work(start: int) -> None:
            for label in range(start, min(start + _BLOCK, facts.n_labels)):
                has = np.zeros(X.shape[0], np.bool_)
                has[Y.indices[Y.indptr[label] : Y.indptr[label + 1]]] = True
                learn(*rows, squared, has, orders, choice["C"], label if own else -1, W[label])

        for _ in map_blocks(work, range(0, facts.n_labels, _BLOCK), facts.threads):
            pass
        return {"B": _turned(W)}

    def ranker(self, facts: Facts, choice: Choice, arrays: Arrays) -> Ranker:
        """By x B."""
        return LinearRanker(arrays["B"], facts.counts)


def _turned(W: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(W.T)
