"""How much the words that a query and a document share weigh: by tf-idf, or by BM25 (Robertson et al. 1994).

    tf-idf  x·y, the cosine of the two rows as prepared
    BM25    Σ_i q_i · idf_i · c_iy (k1 + 1) / (c_iy + k1 (1 − b + b |y| / mean |y|)),
            idf_i = ln(1 + (n − n_i + ½) / (n_i + ½))

c_iy is how often document y has word i, |y| how many words it has, n_i how many of n documents have the word. q_i is
the query's weight of the word without the idf that `prepare` gave it: the count, or 1 + ln of it, up to one factor for
a query, which changes no order.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse

from awe_cli.data.label_features import LabelFeatures
from awe_cli.data.matrix import Bags, n_rows
from awe_cli.errors import SettingsError

TFIDF, BM25 = "tfidf", "bm25"


def shared_words(
    described: LabelFeatures | None, weighting: str, k1: float, b: float, y: LabelFeatures | None = None
) -> Bags:
    """A row for each feature: the documents that have it, and what it adds to their score for a query with x_i = 1.

    y  other documents than those of the dataset, whose words weigh as the dataset says

    Raises SettingsError where queries and documents do not have one vocabulary.
    """
    if described is None or not described.shared or described.counts is None:
        raise SettingsError(
            f"{weighting}: expected queries and documents with one vocabulary, found a dataset without",
            hint="prepare --queries, --documents and --relevance with text, or --…-sparse, on both sides",
        )
    wanted = y or described
    rows = wanted.y
    assert isinstance(rows, Bags)
    assert wanted.counts is not None
    assert isinstance(described.y, Bags)
    values = rows.values.astype(np.float64)
    if weighting == BM25:
        lengths = _lengths(described)
        own = _lengths(wanted)
        space, n = described.space, len(lengths)
        idf = np.log(1 + (n - space.count + 0.5) / (space.count + 0.5)) / space.weight
        longer = np.repeat(own / max(lengths.mean(), 1e-12), np.diff(rows.indptr))
        counts = wanted.counts.astype(np.float64)
        values = idf[rows.indices] * counts * (k1 + 1) / (counts + k1 * (1 - b + b * longer))
    by_label = scipy.sparse.csr_matrix(
        (values, rows.indices, rows.indptr), (n_rows(rows), len(described.space))
    )
    found = by_label.T.tocsr()
    found.sort_indices()
    return Bags(found.indptr.astype(np.int64), found.indices.astype(np.int32), found.data.astype(np.float32))


def _lengths(features: LabelFeatures) -> np.ndarray:
    """|y| of every document."""
    assert isinstance(features.y, Bags)
    assert features.counts is not None
    rows = np.repeat(np.arange(n_rows(features.y)), np.diff(features.y.indptr))
    return np.bincount(rows, features.counts, n_rows(features.y))
