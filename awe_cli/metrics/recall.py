"""Recall at k."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.metrics.metric import Metric
from awe_cli.metrics.ranks import Ranks


def recall(ranks: Ranks, k: int) -> NDArray[np.float64]:
    r"""The share of the positives that are among the first k labels.

    .. math:: R@k(x) = \frac{1}{|Y_x|} \left|\{y \in Y_x : rank_x(y) \le k\}\right|

    where Y_x are the positives of the example x.

    ranks    of the positives of n examples
    k        1 or more
    returns  (n,) float64 in [0, 1]; NaN for an example without positives

    Edge rule: the sum is divided by the number of positives even where that is more than k, so that the best
    value can be below 1.
    Source: the recall@20 of LightGCN (He et al. 2020) and of what is compared with it: a mean over examples.
    """
    with np.errstate(invalid="ignore"):
        return ranks.sums((ranks.ranks <= k).astype(np.float64)) / ranks.n_positives


RECALL = Metric("recall", recall, cut=True)
