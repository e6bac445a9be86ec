r"""Approximate k-NN on the input: the nearest of those that a random-projection tree puts into the same leaf.

f is that of input-knn, over the k nearest of the t ≈ n/2^p training examples in the leaf of x (WSABIE §6.3). More
levels p are faster and less accurate; p = 0 is input-knn itself. The tree stands over what distances are taken of:
dense x as they are, bags at length 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.baselines.baseline import Choice, Facts, Told
from awe_cli.baselines.input_knn import InputKnn
from awe_cli.data.dataset import Dataset
from awe_cli.data.matrix import Rows, n_rows, take_rows
from awe_cli.errors import SettingsError
from awe_cli.neighbors.input import InputSearch, constant_of
from awe_cli.neighbors.search import Nearest
from awe_cli.neighbors.tree import ProjectionTree

_LEAF = 1000  # examples in a leaf, about, where nothing is said
_SEED = 0  # of the directions


class TreeKnn(InputKnn):
    """k-NN on x within a leaf."""

    name = "tree-knn"

    def check(self, told: Told, dataset: Dataset) -> None:
        """A leaf must not be empty."""
        n = dataset.splits["train"]
        most = max(0, n.bit_length() - 1)
        if told["levels"] is not None and told["levels"] > most:
            raise SettingsError(
                f"--levels: expected at most {most}, found {told['levels']}: "
                f"{n:,} training examples do not fill 2^{told['levels']} leaves",
                hint="leave it out for leaves of about 1,000 examples",
            )

    def settled(self, told: Told, facts: Facts) -> Choice:
        """The levels p; by default those that bring leaves closest to 1,000 examples."""
        fitting = round(np.log2(max(1.0, len(facts.examples) / _LEAF)))
        return {"levels": told["levels"] if told["levels"] is not None else fitting}

    def search(self, facts: Facts, settled: Choice) -> InputSearch:
        """The tree and its leaves."""
        return TreeSearch(facts.examples.x, facts.n_features, settled["levels"], constant_of(facts.dataset))


class TreeSearch(InputSearch):
    """The training examples nearest to an input among those in its leaf."""

    def __init__(self, x: Rows, n_features: int, levels: int, constant: int = -1) -> None:
        self._n_features, self._constant = n_features, constant
        self._tree = ProjectionTree(self.points(x), levels, _SEED)
        self._leaves = [InputSearch(take_rows(x, rows), n_features, constant) for rows in self._tree.leaves]

    def nearest(self, x: Rows, k: int, skip: NDArray[np.int64] | None = None) -> Nearest:
        """The k nearest training examples in the leaf of every row."""
        out = Nearest(np.full((n_rows(x), k), -1, np.int32), np.full((n_rows(x), k), np.inf, np.float32))
        for leaf, rows, asked in zip(
            self._leaves, self._tree.leaves, self._tree.find(self.points(x)), strict=True
        ):
            if len(asked):
                found = leaf.nearest(take_rows(x, asked), k)
                out.rows[asked] = np.where(found.rows >= 0, rows[np.maximum(found.rows, 0)], -1)
                out.squared[asked] = found.squared
        return out
