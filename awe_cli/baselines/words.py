"""The classical baselines of retrieval, which do not learn from relevance: the cosine of tf-idf rows, and BM25."""

from __future__ import annotations

import itertools
from typing import ClassVar

import numpy as np
import scipy.sparse

from awe_cli.baselines.base import Arrays, Baseline, Choice, Facts, LinearRanker, Resolved, one_or_all
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.word_overlap import BM25, TFIDF, shared_words
from awe_cli.ranking.ranker import Ranker

K1S, BS = (1.2, 0.9, 1.6, 2.0), (0.75, 0.4, 0.9)


class TfIdf(Baseline):
    """x·y, the cosine."""

    name: ClassVar[str] = TFIDF

    def check(self, resolved: Resolved, dataset: Dataset) -> None:
        """Raise SettingsError where queries and documents have no words in common."""
        shared_words(dataset.described, self.name, 1.0, 0.0)

    def fit(self, facts: Facts, choice: Choice) -> Arrays:
        """`counts` (labels,); the documents themselves are read from the dataset."""
        return {"counts": facts.counts}

    def ranker(self, facts: Facts, choice: Choice, arrays: Arrays) -> Ranker:
        """By the words that query and document share."""
        shared = shared_words(facts.dataset.described, self.name, choice.get("k1", 1.0), choice.get("b", 0.0))
        shape = (facts.n_features, facts.n_labels)
        return LinearRanker(
            scipy.sparse.csr_matrix((shared.values, shared.indices, shared.indptr), shape, np.float32)
        )


class Bm25(TfIdf):
    """BM25."""

    name: ClassVar[str] = BM25

    def choices(self, resolved: Resolved, facts: Facts) -> list[Choice]:
        """k1 and b."""
        pairs = itertools.product(one_or_all(resolved["k1"], K1S), one_or_all(resolved["b"], BS))
        return [{"k1": k1, "b": b} for k1, b in pairs]
