"""What the baselines that learn a weight vector w_y for each label have in common: f(x, y) = w_y·x."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.baselines.baseline import Arrays, Baseline, Choice, Facts, Told, one_or_all
from awe_cli.baselines.matrices import LinearRanker
from awe_cli.baselines.room import require_room
from awe_cli.data.dataset import RECOMMENDATION, Dataset
from awe_cli.data.sparse import inputs
from awe_cli.ranking.ranker import Ranker

_C = (0.1, 0.01, 1.0)


class Inputs(NamedTuple):
    """X (n, features) in CSR form, as compiled code reads it, with ‖x‖² of every row."""

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    values: NDArray[np.float32]
    squared: NDArray[np.float32]  # (n,)


class LabelWeights(Baseline):
    """Learned by passive-aggressive steps of at most C; a subclass fills in `learn`."""

    epochs: ClassVar[int] = 5  # where nothing is said

    def check(self, told: Told, dataset: Dataset) -> None:
        """W in float32, once as learned and once turned round, must fit the memory allowed."""
        features, labels = dataset.n_features, dataset.n_labels
        what = f"{self.name} with {features:,} features and {labels:,} labels"
        require_room(8 * features * labels, told["memory"], what)

    def choices(self, told: Told, facts: Facts) -> list[Choice]:
        """C; the passes are settled."""
        epochs = told["epochs"] or self.epochs
        return [{"C": c, "epochs": epochs} for c in one_or_all(told["aggressiveness"], _C)]

    def fit(self, facts: Facts, choice: Choice) -> Arrays:
        """`B` (features, labels) float32."""
        X = inputs(facts.examples.x, facts.n_features, np.float32)
        squared = np.asarray(X.multiply(X).sum(axis=1)).ravel().astype(np.float32)
        x = Inputs(X.indptr.astype(np.int64), X.indices.astype(np.int32), X.data, squared)
        W = np.zeros((facts.n_labels, facts.n_features), np.float32)
        self.learn(x, facts, choice, facts.dataset.task == RECOMMENDATION, W)
        return {"B": np.ascontiguousarray(W.T)}

    def learn(self, x: Inputs, facts: Facts, choice: Choice, own: bool, W: NDArray[np.float32]) -> None:
        """Take W (labels, features) from zeros through all passes; own: feature y is label y."""
        raise NotImplementedError

    def ranker(self, facts: Facts, choice: Choice, arrays: Arrays) -> Ranker:
        """By x B."""
        return LinearRanker(arrays["B"], facts.counts)
