"""Mean rank."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.metrics.metric import LOWER, Metric
from awe_cli.metrics.ranks import Ranks


def mean_rank(ranks: Ranks, k: int = 0) -> NDArray[np.float64]:
    r"""The mean of the ranks of the positives; better the lower.

    .. math:: MR(x) = \frac{1}{|Y_x|} \sum_{y \in Y_x} rank_x(y)

    where Y_x are the positives of the example x.

    ranks    of the positives of n examples
    k        not used: the whole ranking counts
    returns  (n,) float64 of at least 1; NaN for an example without positives

    Edge rule: an example counts once, however many positives it has.
    Source: the mean rank of Weston, Bengio & Usunier 2010, section 3.
    """
    with np.errstate(invalid="ignore"):
        return ranks.sums(ranks.ranks.astype(np.float64)) / ranks.n_positives


MEAN_RANK = Metric("mean-rank", mean_rank, cut=False, better=LOWER)
