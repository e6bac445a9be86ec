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
from numpy.typing import NDArray

from awe_cli.dataset.label_features import LabelFeatures
from awe_cli.errors import SettingsError
from awe_cli.matrices.bags import row_sums
from awe_cli.matrices.matrix import Bags, n_rows

TFIDF, BM25 = "tfidf", "bm25"


def shared_words(described: LabelFeatures | None, weighting: str, k1: float, b: float) -> Bags:
    """A row for each feature: the documents that have it, and what it adds to their score for a query with x_i = 1.

    Raises SettingsError where queries and documents do not have one vocabulary.
    """
    if described is None or not described.shared or described.counts is None:
        raise SettingsError(
            f"{weighting}: expected queries and documents with one vocabulary, found a dataset without",
            hint="prepare --queries, --documents and --relevance with text, or --…-sparse, on both sides",
        )
    rows = described.y
    assert isinstance(rows, Bags)
    values = rows.values.astype(np.float64)
    if weighting == BM25:
        idf = rarity(described) / described.space.weight
        counts = described.counts.astype(np.float64)
        longer = row_sums(rows.indptr, counts) / max(described.mean_length, 1e-12)
        norm = k1 * (1 - b + b * np.repeat(longer, np.diff(rows.indptr)))
        values = idf[rows.indices] * counts * (k1 + 1) / (counts + norm)
    by_label = scipy.sparse.csr_matrix(
        (values, rows.indices, rows.indptr), (n_rows(rows), len(described.space))
    )
    found = by_label.T.tocsr()
    found.sort_indices()
    return Bags(found.indptr.astype(np.int64), found.indices.astype(np.int32), found.data.astype(np.float32))


def rarity(described: LabelFeatures) -> NDArray[np.float64]:
    """idf_i of BM25 (features,)."""
    n, n_i = described.n, described.space.count
    idf: NDArray[np.float64] = np.log(1 + (n - n_i + 0.5) / (n_i + 0.5))
    return idf
