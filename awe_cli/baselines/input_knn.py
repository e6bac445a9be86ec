r"""k-NN on the input itself, before any embedding (the k-NN of AWE's tables 1 and 2, WSABIE §6.3).

    f(x, y) = Σ_{j ≤ k} w_j [y ∈ Y_{t_j}],   w_j = e^(−λ d(x, x_{t_j})²) / Σ_j' e^(−λ d²)

over the k nearest training examples t_j. d is Euclidean for dense x; for bags both are brought to length 1, so that
d² = 2 − 2 cos, and an example without a common feature is no neighbour; the constant feature is left out. k and λ are
chosen on validation. Ties are in the order of popularity.

In recommendation a known person is their own nearest neighbour, and adds nothing but what is no candidate.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from awe_cli.baselines.baseline import (
    Arrays,
    Baseline,
    Choice,
    Chosen,
    Facts,
    Told,
    best_of,
    one_or_all,
    without_score,
)
from awe_cli.baselines.knn_ranker import KnnRanker
from awe_cli.data.matrix import Rows, slice_rows
from awe_cli.neighbors.choice import MULTIPLES
from awe_cli.neighbors.index import affinities, find_all
from awe_cli.neighbors.input import InputSearch, constant_of
from awe_cli.neighbors.search import Nearest
from awe_cli.neighbors.space import Finder
from awe_cli.neighbors.weights import typical_squared, weigh
from awe_cli.ranking.ranker import Ranker, Scores
from awe_cli.ranking.validation import Judge

KS = (50, 20, 100, 200)
_LOOKED_AT = 1000  # training examples that make up the typical distance, without validation


class InputKnn(Baseline):
    """k-NN on x."""

    name = "input-knn"

    def settled(self, told: Told, facts: Facts) -> Choice:
        """What decides how neighbours are searched for, before k and λ."""
        return {}

    def search(self, facts: Facts, settled: Choice) -> Finder:
        """The training examples, made ready to be searched."""
        return InputSearch(facts.examples.x, facts.n_features, constant_of(facts.dataset))

    def choose(
        self, told: Told, facts: Facts, judge: Judge | None, announce: Callable[[str], None]
    ) -> Chosen:
        """k and λ: neighbours are searched for once, and every pair is judged on them."""
        ks = one_or_all(told["k"], KS)
        fixed, settled = told["lambda_"], self.settled(told, facts)
        if fixed is not None and len(ks) == 1:
            return Chosen({**settled, "k": ks[0], "lambda": fixed}, [])
        search = self.search(facts, settled)
        if judge is None:
            return Chosen({**settled, "k": ks[0], "lambda": _untold(fixed, search, facts)}, [])
        announce("choosing k and λ on validation")
        near = find_all(search, judge.examples.x, max(ks), facts.threads)
        lambdas = [fixed] if fixed is not None else [m / typical_squared(near) for m in MULTIPLES]
        tried = [
            {**settled, "k": k, "lambda": lambda_, "validation": _judged(judge, facts, near, k, lambda_)}
            for k in ks
            for lambda_ in lambdas
        ]
        return Chosen(without_score(best_of(tried)), tried)

    def fit(self, facts: Facts, choice: Choice) -> Arrays:
        """`counts` (labels,); the examples themselves are read from the dataset."""
        return {"counts": facts.counts}

    def ranker(self, facts: Facts, choice: Choice, arrays: Arrays) -> Ranker:
        """By the neighbours among the training examples."""
        search = self.search(facts, choice)
        labels, n, k, lambda_ = facts.examples.positives, facts.n_labels, choice["k"], choice["lambda"]

        def table(x: Rows) -> NDArray[np.float32]:
            near = search.nearest(x, k)
            return affinities(near.rows, weigh(near, lambda_), labels, n)

        return KnnRanker(table, arrays["counts"])


def _judged(judge: Judge, facts: Facts, near: Nearest, k: int, lambda_: float) -> float:
    """How well k of the neighbours found rank validation."""
    ties = facts.counts.astype(np.float32)
    labels = facts.examples.positives

    def scores(start: int, stop: int) -> Scores:
        some = Nearest(near.rows[start:stop, :k], near.squared[start:stop, :k])
        G = affinities(some.rows, weigh(some, lambda_), labels, facts.n_labels)
        return Scores(G, np.tile(ties, (len(G), 1)))

    return judge.judge_rows(scores, facts.n_labels)


def _untold(fixed: float | None, search: Finder, facts: Facts) -> float:
    """λ without validation: the middling multiple of 1 / the typical squared distance to another example."""
    if fixed is not None:
        return float(fixed)
    near = search.nearest(slice_rows(facts.examples.x, 0, _LOOKED_AT), 21)
    return MULTIPLES[1] / typical_squared(Nearest(near.rows[:, 1:], near.squared[:, 1:]))
