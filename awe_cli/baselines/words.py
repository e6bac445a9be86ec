"""The classical baselines of retrieval, which do not learn from relevance: the cosine of tf-idf rows, and BM25.

BM25 may be asked twice, the second time with words of the best documents of the first (pseudo-relevance feedback, the
relevance model RM3 of Abdul-Jaleel et al. 2004). With f that of BM25, Y_x its --feedback best documents and q̂ the
query's words weighed by idf, each of them divided by the sum of all,

    w_y ∝ f(x, y) for y in Y_x,   e_i ∝ idf_i Σ_y w_y c_iy / |y| for the 20 words where this is largest,

the query is then ½ q̂ + ½ e, in which words have their idf already. c_iy and |y| are those of BM25.
"""

from __future__ import annotations

import itertools
from typing import ClassVar

import numpy as np
import scipy.sparse

from awe_cli.baselines.base import Arrays, Baseline, Choice, Facts, LinearRanker, Resolved, one_or_all
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.label_features import LabelFeatures
from awe_cli.dataset.word_overlap import BM25, TFIDF, rarity, shared_words
from awe_cli.matrices.bags import inputs, largest
from awe_cli.matrices.matrix import Bags, Rows
from awe_cli.ranking.ranker import Ranker, Scores

_WORDS, _SHARE = 20, 0.5  # of the best documents in the query, chosen on validation of Cranfield
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
        """k1 and b; the documents of feedback are given."""
        pairs = itertools.product(one_or_all(resolved["k1"], K1S), one_or_all(resolved["b"], BS))
        given = {"feedback": resolved["feedback"]} if resolved["feedback"] else {}
        return [{"k1": k1, "b": b, **given} for k1, b in pairs]

    def ranker(self, facts: Facts, choice: Choice, arrays: Arrays) -> Ranker:
        """By the words that query and document share, and with feedback by those of its best documents."""
        plain, described = super().ranker(facts, choice, arrays), facts.dataset.described
        if "feedback" not in choice:
            return plain
        assert isinstance(plain, LinearRanker)
        assert described is not None
        return FeedbackRanker(plain, described, choice["feedback"])


class FeedbackRanker:
    """Ranks by BM25 of the query widened by words of the documents that are best by BM25.

    plain      BM25
    described  the documents
    best       how many of them
    """

    def __init__(self, plain: LinearRanker, described: LabelFeatures, best: int) -> None:
        self.plain, self._best = plain, best
        assert isinstance(described.y, Bags)
        shape = (plain.n_labels, len(described.space))
        counts = scipy.sparse.csr_matrix((described.counts, described.y.indices, described.y.indptr), shape)
        self._shares = _to_sum_1(counts)  # c_iy / |y|
        self._idf = rarity(described)
        self._idf[described.space.given :] = 0  # the constant feature is no word
        # In x words have the idf of `prepare`, for which BM25 puts its own.
        self._own = self._idf / described.space.weight

    @property
    def n_labels(self) -> int:
        """The number of labels."""
        return self.plain.n_labels

    def widened(self, x: Rows) -> Bags:
        """The queries with words of their best documents, as BM25 takes them."""
        X = inputs(x, len(self._own))
        documents = _to_sum_1(_largest(X @ self.plain.B, self._best))
        words = _to_sum_1(_largest(documents @ self._shares @ scipy.sparse.diags(self._idf), _WORDS))
        own = _to_sum_1(X @ scipy.sparse.diags(self._own))
        own_again = np.divide(1, self._own, out=np.zeros_like(self._own), where=self._own > 0)
        both = ((1 - _SHARE) * own + _SHARE * words) @ scipy.sparse.diags(own_again)
        return Bags(both.indptr.astype(np.int64), both.indices.astype(np.int32), both.data.astype(np.float32))

    def scores(self, x: Rows) -> Scores:
        """(m, labels) f of the widened queries."""
        return self.plain.scores(self.widened(x))


def _largest(S: scipy.sparse.csr_matrix, k: int) -> scipy.sparse.csr_matrix:
    """S with the k largest entries of each row."""
    indptr, columns, values = largest(S, k)
    return scipy.sparse.csr_matrix((values, columns, indptr), S.shape)


def _to_sum_1(S: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    """S with each row divided by its sum; rows of zeros stay."""
    sums = np.asarray(S.sum(axis=1), np.float64).ravel()
    return scipy.sparse.diags(np.divide(1, sums, out=np.zeros_like(sums), where=sums > 0)) @ S
