"""The classical baselines of retrieval, which learn nothing of relevance: the cosine of tf-idf rows, and BM25."""

from __future__ import annotations

import itertools
from typing import ClassVar

import numpy as np
import scipy.sparse

from awe_cli.baselines.baseline import Arrays, Baseline, Choice, Facts, Told, one_or_all
from awe_cli.baselines.matrices import LinearRanker
from awe_cli.data.dataset import Dataset
from awe_cli.data.overlap import BM25, TFIDF, shared_words
from awe_cli.ranking.ranker import Ranker

K1S, BS = (1.2, 0.9, 1.6, 2.0), (0.75, 0.4, 0.9)


class TfIdf(Baseline):
    """x·y, the cosine."""

    name: ClassVar[str] = TFIDF

    def check(self, told: Told, dataset: Dataset) -> None:
        """Raise SettingsError where queries and documents have no words in common."""
        shared_words(dataset.described, self.name, 1.0, 0.0)

    def fit(self, facts: Facts, choice: Choice) -> Arrays:
        """`counts` (labels,); the documents themselves are read from the dataset."""
        return {"counts": facts.counts}

    def ranker(self, facts: Facts, choice: Choice, arrays: Arrays) -> Ranker:
        """By the words that are shared."""
        shared = shared_words(facts.dataset.described, self.name, choice.get("k1", 1.0), choice.get("b", 0.0))
        shape = (facts.n_features, facts.n_labels)
        return LinearRanker(
            scipy.sparse.csr_matrix((shared.values, shared.indices, shared.indptr), shape, np.float32)
        )


class Bm25(TfIdf):
    """BM25."""

    name: ClassVar[str] = BM25

    def choices(self, told: Told, facts: Facts) -> list[Choice]:
        """k1 and b."""
        pairs = itertools.product(one_or_all(told["k1"], K1S), one_or_all(told["b"], BS))
        return [{"k1": k1, "b": b} for k1, b in pairs]
