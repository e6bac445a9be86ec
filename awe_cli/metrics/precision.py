"""Precision at k."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.metrics.metric import Metric
from awe_cli.metrics.ranks import Ranks


def precision(ranks: Ranks, k: int) -> NDArray[np.float64]:
    r"""The share of the first k labels that are positives.

    .. math:: P@k(x) = \frac{1}{k} \left|\{y \in Y_x : rank_x(y) \le k\}\right|

    where Y_x are the positives of the example x.

    ranks    of the positives of n examples
    k        1 or more
    returns  (n,) float64 in [0, 1]

    Edge rule: the sum is divided by k even where an example has fewer than k positives or fewer than k
    candidates, so that the best value can be below 1.
    Source: the p@k of "Affinity Weighted Embedding", section 4.
    """
    return ranks.sums((ranks.ranks <= k).astype(np.float64)) / k


PRECISION = Metric("precision", precision, cut=True, divides_by_k=True)
