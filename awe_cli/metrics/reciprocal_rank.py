"""Reciprocal rank; its mean over examples is MRR."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.metrics.metric import Metric
from awe_cli.metrics.ranks import Ranks


def reciprocal_rank(ranks: Ranks, k: int = 0) -> NDArray[np.float64]:
    r"""One over the rank of the best positive.

    .. math:: RR(x) = \frac{1}{\min_{y \in Y_x} rank_x(y)}

    where Y_x are the positives of the example x.

    ranks    of the positives of n examples, ascending within each
    k        not used: the whole ranking counts
    returns  (n,) float64 in (0, 1]; NaN for an example without positives

    Source: Voorhees 1999, the TREC-8 question answering track.
    """
    values = np.full(len(ranks.indptr) - 1, np.nan)
    some = ranks.n_positives > 0
    values[some] = 1 / ranks.ranks[ranks.indptr[:-1][some]]
    return values


MRR = Metric("mrr", reciprocal_rank, cut=False)
