r"""One-vs-rest: a linear classifier for each label, learned by passive-aggressive updates (Crammer et al. 2006, PA-I).

For each example in turn, with s = 1 where it has the label y and −1 where not:

    ℓ = max(0, 1 − s w_y·x),   τ = min(C, ℓ/‖x‖²),   w_y ← w_y + τ s x;     f(x, y) = w_y·x

Examples come in an order that is drawn once a pass. In recommendation the item y is no part of x for its own
classifier: w_yy stays 0. Labels are independent, so that threads share them out and change nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.baselines.baseline import Choice, Facts
from awe_cli.baselines.label_weights import Inputs, LabelWeights
from awe_cli.baselines.matrices import label_matrix
from awe_cli.baselines.passive_aggressive import learn
from awe_cli.engine.local import map_blocks

_BLOCK = 64  # labels learned at a time
_SEED = 0  # of the order of the examples


class OneVsRest(LabelWeights):
    """A classifier for each label."""

    name = "one-vs-rest"

    def learn(self, x: Inputs, facts: Facts, choice: Choice, own: bool, W: NDArray[np.float32]) -> None:
        """Label by label."""
        n = len(x.squared)
        Y = label_matrix(facts.examples.positives, facts.n_labels).tocsc()
        random = np.random.default_rng(_SEED)
        orders = np.stack([random.permutation(n) for _ in range(choice["epochs"])])

        def work(start: int) -> None:
            for label in range(start, min(start + _BLOCK, facts.n_labels)):
                has = np.zeros(n, np.bool_)
                has[Y.indices[Y.indptr[label] : Y.indptr[label + 1]]] = True
                learn(*x, has, orders, choice["C"], label if own else -1, W[label])

        for _ in map_blocks(work, range(0, facts.n_labels, _BLOCK), facts.threads):
            pass
