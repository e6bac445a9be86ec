"""The interface of a baseline: fitting, choices on validation, ranking; and the matrices that baselines share."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.examples import Examples
from awe_cli.engine.checkpoints import NO_CHECKPOINTS, Checkpoints
from awe_cli.engine.engine import Engine
from awe_cli.engine.local import Local
from awe_cli.errors import SettingsError
from awe_cli.matrices.bags import inputs
from awe_cli.matrices.matrix import Dense, Lists, Rows, n_rows
from awe_cli.neighbors.space import Finder, NeighborSpace
from awe_cli.ranking.ranker import Ranker, Scores
from awe_cli.ranking.validation import Validator

# The interface of a baseline.

Arrays = dict[str, NDArray[Any]]
Choice = dict[str, Any]  # JSON values
Resolved = Mapping[str, Any]  # the fields of the baseline's settings


@dataclass(frozen=True)
class Facts:
    """The data that one fit is made from.

    fit       the splits it sees
    embedded  finds the training examples nearest in the embedding space of a model, for knn
    space     where inputs are compared, for kernel-ridge
    shared_out  looks for the neighbours of validation examples, and ranks by them; None: the threads
    """

    dataset: Dataset
    fit: tuple[str, ...]
    embedded: Finder | None = None
    threads: int | None = None
    space: NeighborSpace | None = None
    shared_out: Engine | None = None

    @property
    def engine(self) -> Engine:
        """Who looks for neighbours."""
        return self.shared_out or Local(self.threads)

    @functools.cached_property
    def examples(self) -> Examples:
        """The examples of the fit."""
        return self.dataset.training(self.fit)

    @functools.cached_property
    def counts(self) -> NDArray[np.int64]:
        """(labels,) how many examples of the fit have each label."""
        return self.dataset.label_counts(self.fit)

    @property
    def n_features(self) -> int:
        """The number of features."""
        return self.dataset.n_features

    @property
    def n_labels(self) -> int:
        """The number of labels."""
        return self.dataset.n_labels


@dataclass(frozen=True)
class Chosen:
    """The choice that a baseline is fitted with.

    tried   every choice that was tried, with its `validation`
    arrays  the fit that was evaluated with it, where there is one
    """

    choice: Choice
    tried: list[Choice]
    arrays: Arrays | None = None


class Baseline:
    """One baseline. A subclass implements `fit` and `ranker`, and `choices` where there is something to choose."""

    name: ClassVar[str]

    def check(self, resolved: Resolved, dataset: Dataset) -> None:
        """Raise SettingsError or DataError where it cannot be fitted on this dataset."""

    def choices(self, resolved: Resolved, facts: Facts) -> list[Choice]:
        """The choices for validation, the likeliest first: it is taken where there is no validation."""
        return [{}]

    def choose(
        self,
        resolved: Resolved,
        facts: Facts,
        validator: Validator | None,
        announce: Callable[[str], None],
        checkpoints: Checkpoints = NO_CHECKPOINTS,
    ) -> Chosen:
        """The best of `choices` on validation, the first of equals."""
        choices = self.choices(resolved, facts)
        if validator is None or len(choices) == 1:
            return Chosen(choices[0], [])
        tried: list[Choice] = []
        kept = None
        for number, choice in enumerate(choices):
            known, arrays = checkpoints.load(f"choice-{number}"), None
            if known is None:
                announce(f"trying {in_words(choice)} ({number + 1} of {len(choices)})")
                arrays = self.fit(facts, choice)
                score = validator(self.ranker(facts, choice, arrays))
                checkpoints.keep(f"choice-{number}", score)
            tried.append({**choice, "validation": score if known is None else known[0]})
            if best_of(tried) is tried[-1]:
                kept = arrays  # None: it is fitted again before it is stored
        return Chosen(without_score(best_of(tried)), tried, kept)

    def fit(self, facts: Facts, choice: Choice) -> Arrays:
        """The arrays that are stored of a fit."""
        raise NotImplementedError

    def ranker(self, facts: Facts, choice: Choice, arrays: Arrays) -> Ranker:
        """The ranker of a fit."""
        raise NotImplementedError

    def warnings(self, choice: Choice, arrays: Arrays) -> list[str]:
        """What to warn of in a fit."""
        return []


def best_of(tried: list[Choice]) -> Choice:
    """The entry that ranked validation best; the first of equals."""
    return max(tried, key=lambda entry: entry["validation"])


def without_score(entry: Choice) -> Choice:
    """An entry of `tried` without its `validation`."""
    return {name: value for name, value in entry.items() if name != "validation"}


def in_words(choice: Choice) -> str:
    """ "k = 50, lambda = 3.1, weighted" """
    words = [
        (name if value else f"not {name}") if isinstance(value, bool) else f"{name} = {value:.4g}"
        for name, value in choice.items()
    ]
    return ", ".join(words)


def one_or_all(value: Any, otherwise: tuple[Any, ...]) -> tuple[Any, ...]:
    """The given value, else all values to choose from."""
    return otherwise if value is None else (value,)


# Examples and labels as scipy's sparse matrices, and a ranker with a weight matrix.


def label_matrix(positives: Lists, n_labels: int) -> scipy.sparse.csr_matrix:
    """Y (n, labels) of zeros and ones."""
    ones = np.ones(len(positives.indices))
    return scipy.sparse.csr_matrix(
        (ones, positives.indices, positives.indptr), shape=(n_rows(positives), n_labels)
    )


def targets(examples: Examples, X: scipy.sparse.csr_matrix, n_labels: int) -> scipy.sparse.csr_matrix:
    """The matrix to predict: X itself where labels are the features (recommendation), else Y."""
    return X if examples.own else label_matrix(examples.positives, n_labels)


def joint_matrix(
    examples: Examples, n_features: int, n_labels: int
) -> tuple[scipy.sparse.csr_matrix, slice, slice]:
    """The complete matrix of examples, and its columns of features and of labels.

    In recommendation these are the same columns; otherwise the matrix is [X Y].
    """
    X = inputs(examples.x, n_features)
    if examples.own:
        return X, slice(0, n_features), slice(0, n_features)
    both = scipy.sparse.hstack([X, label_matrix(examples.positives, n_labels)], format="csr")
    return both, slice(0, n_features), slice(n_features, n_features + n_labels)


class LinearRanker:
    r"""Scores labels by one weight for each pair of a feature and a label.

    .. math:: f(x, y) = \sum_i x_i B_{iy}

    B     (features, labels), dense or sparse
    ties  (labels,) breaks ties, the greater first; None: ties go by label
    """

    def __init__(
        self, B: NDArray[np.float32] | scipy.sparse.csr_matrix, ties: NDArray[np.int64] | None = None
    ) -> None:
        self.B = B
        self._ties = None if ties is None else ties.astype(np.float32)

    @property
    def n_labels(self) -> int:
        """The number of labels."""
        return int(self.B.shape[1])

    def scores(self, x: Rows) -> Scores:
        """(m, labels) f."""
        X = x.values if isinstance(x, Dense) else inputs(x, self.B.shape[0], np.float32)
        F: Any = X @ self.B
        F = np.ascontiguousarray(F.toarray() if scipy.sparse.issparse(F) else F, np.float32)
        return Scores(F, None if self._ties is None else np.tile(self._ties, (len(F), 1)))


# Limits on memory, checked before fitting.

_GB = 1e9


def fits_in_memory(need: float, allowed: float) -> bool:
    """Whether `need` bytes are at most `allowed` GB."""
    return need <= allowed * _GB


def require_memory(
    need: float, allowed: float, what: str, instead: str = "take item-knn or svd, which need little"
) -> None:
    """Raise SettingsError where `need` bytes are more than `allowed` GB; `instead` is what else to do."""
    if not fits_in_memory(need, allowed):
        last = 10.0 ** (math.floor(math.log10(need / _GB)) - 2)  # of three digits
        enough = math.ceil(need / _GB / last) * last
        raise SettingsError(
            f"{what} needs {enough:,.3g} GB of memory, {allowed:g} are allowed",
            hint=f"allow more with --memory {enough:.3g}, or {instead}",
        )
