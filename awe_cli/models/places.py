"""The spaces that a table of neighbours may be looked for in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.dataset import Dataset
from awe_cli.neighbors.input import InputSpace, constant_of
from awe_cli.neighbors.space import Place, Space

EMBEDDING, INPUT, BOTH = "embedding", "input", "both"
# What each choice looks in: G is the mean of what is found there.
PLACES: dict[str, tuple[str, ...]] = {
    EMBEDDING: (EMBEDDING,),
    INPUT: (INPUT,),
    BOTH: (EMBEDDING, INPUT),
}


def place_of(name: str, U: NDArray[np.float32], measure: str, dataset: Dataset) -> Place:
    """The embedding of U (features, d), or the input as `input-knn` compares it."""
    if name == INPUT:
        return InputSpace(dataset.n_features, constant_of(dataset))
    return Space(U, measure)
