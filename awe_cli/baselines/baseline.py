"""What a baseline is: how it is fitted, what it leaves to validation, and how it ranks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from awe_cli.data.dataset import Dataset
from awe_cli.data.examples import Examples
from awe_cli.neighbors.space import Finder
from awe_cli.ranking.ranker import Ranker
from awe_cli.ranking.validation import Judge

Arrays = dict[str, NDArray[Any]]
Choice = dict[str, Any]  # JSON values
Told = Mapping[str, Any]  # the fields of the baseline's settings


@dataclass(frozen=True)
class Facts:
    """What one fit is made from.

    fit       the splits it sees
    embedded  finds the training examples nearest in the embedding space of a model, for knn
    """

    dataset: Dataset
    fit: tuple[str, ...]
    embedded: Finder | None = None
    threads: int | None = None

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
    """What a baseline is fitted with.

    tried   every choice and how well it ranked `validation`, where that was asked
    arrays  the fit it was judged by, where one was made
    """

    choice: Choice
    tried: list[Choice]
    arrays: Arrays | None = None


class Baseline:
    """One baseline. A subclass fills in `fit` and `ranker`, and `choices` where something is left open."""

    name: ClassVar[str]

    def check(self, told: Told, dataset: Dataset) -> None:
        """Raise SettingsError or DataError where it cannot be fitted on this dataset."""

    def choices(self, told: Told, facts: Facts) -> list[Choice]:
        """What validation may choose from, the likeliest first: that one is taken without validation."""
        return [{}]

    def choose(
        self, told: Told, facts: Facts, judge: Judge | None, announce: Callable[[str], None]
    ) -> Chosen:
        """The best of `choices` on validation, the first of equals."""
        choices = self.choices(told, facts)
        if judge is None or len(choices) == 1:
            return Chosen(choices[0], [])
        tried: list[Choice] = []
        kept = None
        for choice in choices:
            announce(f"trying {in_words(choice)}")
            arrays = self.fit(facts, choice)
            tried.append({**choice, "validation": judge(self.ranker(facts, choice, arrays))})
            if best_of(tried) is tried[-1]:
                kept = arrays
        return Chosen(without_score(best_of(tried)), tried, kept)

    def fit(self, facts: Facts, choice: Choice) -> Arrays:
        """What is stored of a fit."""
        raise NotImplementedError

    def ranker(self, facts: Facts, choice: Choice, arrays: Arrays) -> Ranker:
        """A fit made ready to rank."""
        raise NotImplementedError


def best_of(tried: list[Choice]) -> Choice:
    """The entry that ranked validation best; the first of equals."""
    return max(tried, key=lambda entry: entry["validation"])


def without_score(entry: Choice) -> Choice:
    """The choice in an entry of those that were tried."""
    return {name: value for name, value in entry.items() if name != "validation"}


def in_words(choice: Choice) -> str:
    """ "k = 50, lambda = 3.1, weighted" """
    words = [
        (name if value else f"not {name}") if isinstance(value, bool) else f"{name} = {value:.4g}"
        for name, value in choice.items()
    ]
    return ", ".join(words)


def one_or_all(value: Any, otherwise: tuple[Any, ...]) -> tuple[Any, ...]:
    """The value that was asked for, else all there are to choose from."""
    return otherwise if value is None else (value,)
