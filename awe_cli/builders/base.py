"""What an affinity has to say to be built: what may be chosen, what is stored, how G of any input is found."""

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
Resolved = Mapping[str, Any]  # parameter → what was said, None where nothing was


@dataclass(frozen=True)
class Source:
    """What G of one fit is built from.

    state     U and V of the model that owns G, V with a row a label feature where features describe labels
    examples  the training examples of the fit
    measure   COSINE or EUCLIDEAN: how projections are compared
    others    (labels, label features) what describes other labels, where G(x, ·) is asked for these; None where it is
              for those of the examples
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
        """The number of labels that G is asked for."""
        return self.n_labels if self.others is None else n_rows(self.others)

    @property
    def n_features(self) -> int:
        """The number of features."""
        return len(self.state.U)


class Queries(NamedTuple):
    """G(x, ·) of every training query, as a sum over lists of labels:

        G(q, y) = Σ_j weights[q, j] [y is in the list that lists[q, j] names]

    Row example · parts + part; the example itself has no part in it, nor have the targets of that part.
    """

    lists: NDArray[np.int32]  # (queries, n), -1 where there are fewer
    weights: NDArray[np.float32]  # (queries, n), 0 where there are fewer
    indptr: NDArray[np.int64]  # the lists
    labels: NDArray[np.int32]


class KnownOnly(NamedTuple):
    """Why G knows no labels but those it was built from, and what can be done."""

    why: str
    instead: str


LISTED = KnownOnly(
    "lists labels that training examples have",
    "build another that compares labels, such as latent-rbf with a finite --lambda-y, and retrain with that",
)  # neighbours and leaves


class Built(Protocol):
    """G of one fit, ready to be asked."""

    def table(self, x: Rows) -> NDArray[np.float32]:
        """G(x, ·) of every row of new input: (m, labels that are asked for)."""
        ...

    def training(self, engine: Engine, block: int) -> Queries:
        """G of the training examples, `block` of them at a time: the same bytes for any block and engine."""
        ...

    def ranker(
        self, state: State, power: float, floor: float, y: Rows | None = None
    ) -> EmbeddingRanker | CandidateRanker:
        """f = (G^power + floor) · max(0, S) with S of these U and V.

        y  (labels, label features) what describes labels; None where V has a row a label
        """
        ...


class Builder(Protocol):
    """One affinity that is built."""

    def idle(self, resolved: Resolved, described: bool) -> dict[str, str]:
        """Parameters that play no part beside the others, and why; described: whether features describe labels."""
        ...

    def choices(self, resolved: Resolved, source: Source) -> list[Choice]:
        """What validation may choose from, the likeliest first: that one is taken without validation."""
        ...

    def known_only(self, resolved: Resolved, choice: Choice) -> KnownOnly | None:
        """Why G is of no use for `Source.others`; None where it compares labels by what describes them."""
        ...

    def fit(self, resolved: Resolved, source: Source, choice: Choice) -> Arrays:
        """What is stored of one fit, beside the dataset and the model."""
        ...

    def open(self, resolved: Resolved, source: Source, arrays: Arrays) -> Built:
        """G of one fit from what is stored."""
        ...

    def describe(self, arrays: Arrays) -> dict[str, Any]:
        """What was found for one fit, in JSON values."""
        ...
