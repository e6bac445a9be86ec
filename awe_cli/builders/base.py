"""The interface of a built affinity: its choices, the arrays it stores, and how G of any input is computed."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.epoch import State
from awe_cli.dataset.examples import Examples
from awe_cli.engine.engine import Engine
from awe_cli.matrices.matrix import Rows, n_rows
from awe_cli.neighbors.space import Space
from awe_cli.ranking.embedding import CandidateRanker, EmbeddingRanker, label_rows

Arrays = dict[str, NDArray[Any]]
Choice = dict[str, Any]  # JSON values
Resolved = Mapping[str, Any]  # parameter → value, None where not given


@dataclass(frozen=True)
class Source:
    """The data that G of one fit is built from.

    state     U and V of the model; V has a row for each label feature where features describe labels
    examples  the training examples of the fit
    measure   COSINE or EUCLIDEAN: how projections are compared
    others    (labels, label features) the features of other labels, where G(x, ·) is wanted for these; None where it
              is wanted for the labels of the examples
    """

    state: State
    examples: Examples
    measure: str
    threads: int | None = None
    others: Rows | None = None

    @property
    def space(self) -> Space:
        """The space of the projections Ux."""
        return Space(self.state.U, self.measure)

    @functools.cached_property
    def rows_of_labels(self) -> NDArray[np.float32]:
        """(labels, d) the rows of the labels of the examples."""
        return label_rows(self.examples.y, self.state.V)

    @property
    def n_labels(self) -> int:
        """The number of labels of the examples."""
        return len(self.state.V) if self.examples.y is None else n_rows(self.examples.y)

    @property
    def n_asked(self) -> int:
        """The number of labels that G is wanted for."""
        return self.n_labels if self.others is None else n_rows(self.others)

    @property
    def n_features(self) -> int:
        """The number of features."""
        return len(self.state.U)


class Queries(NamedTuple):
    """G(x, ·) of every training query, as a sum over lists of labels:

        G(q, y) = Σ_j weights[q, j] [y is in the list that lists[q, j] names]

    Row example · parts + part leaves out the example itself, and the positives of that part.
    """

    lists: NDArray[np.int32]  # (queries, n) list numbers, -1 where there are fewer
    weights: NDArray[np.float32]  # (queries, n), 0 where there are fewer
    indptr: NDArray[np.int64]  # (lists + 1,) where each list begins
    labels: NDArray[np.int32]


class KnownOnly(NamedTuple):
    """Why G has no values for labels that it was not built from, and a hint."""

    why: str
    instead: str


LISTED = KnownOnly(
    "lists labels that training examples have",
    "build another that compares labels, such as latent-rbf with a finite --lambda-y, and retrain with that",
)  # of neighbours and leaves


class Built(Protocol):
    """G of one fit, ready to look up inputs."""

    def table(self, x: Rows) -> NDArray[np.float32]:
        """G(x, ·) of every row of new input: (m, labels that G is wanted for)."""
        ...

    def training(self, engine: Engine, block: int) -> Queries:
        """G of the training examples, `block` at a time: the same bytes for any block and engine."""
        ...

    def ranker(
        self, state: State, power: float, floor: float, y: Rows | None = None
    ) -> EmbeddingRanker | CandidateRanker:
        """f = (G^power + floor) · max(0, S) with S of these U and V.

        y  (labels, label features) the features of labels; None where V has a row for each label
        """
        ...


class Builder(Protocol):
    """Builds G of one affinity."""

    def idle(self, resolved: Resolved, described: bool) -> dict[str, str]:
        """The parameters that are not used, with the reason; described: whether features describe labels."""
        ...

    def choices(self, resolved: Resolved, source: Source) -> list[Choice]:
        """The choices for validation, the likeliest first: it is taken where there is no validation."""
        ...

    def known_only(self, resolved: Resolved, choice: Choice) -> KnownOnly | None:
        """Why G has no values for `Source.others`; None where it compares labels by their features."""
        ...

    def fit(self, resolved: Resolved, source: Source, choice: Choice) -> Arrays:
        """The arrays that are stored of one fit, beside the dataset and the model."""
        ...

    def open(self, resolved: Resolved, source: Source, arrays: Arrays) -> Built:
        """G of one fit from the stored arrays."""
        ...

    def describe(self, arrays: Arrays) -> dict[str, Any]:
        """The parameters of one fit, as JSON values."""
        ...
