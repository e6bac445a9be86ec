"""Normalised discounted cumulative gain at k."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.metrics.metric import Metric
from awe_cli.metrics.ranks import Ranks


def ndcg(ranks: Ranks, k: int) -> NDArray[np.float64]:
    r"""The discounted gain of the first k labels, over that of the best order there could be.

    .. math:: NDCG@k(x) = \frac{\sum_{y \in Y_x, rank_x(y) \le k} 1 / \log_2(rank_x(y) + 1)}
                               {\sum_{r=1}^{\min(k, |Y_x|)} 1 / \log_2(r + 1)}

    where Y_x are the positives of the example x; each has gain 1.

    ranks    of the positives of n examples
    k        1 or more
    returns  (n,) float64 in [0, 1]; NaN for an example without positives

    Edge rule: the best order has min(k, |Y_x|) positives in front, so that 1 can be reached.
    Source: Järvelin & Kekäläinen 2002, with the logarithmic discount at every rank, the first one included.
    """
    gain = np.where(ranks.ranks <= k, 1 / np.log2(ranks.ranks + 1.0), 0.0)
    most = min(k, int(ranks.n_positives.max(initial=0)))
    ideal = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, most + 2)))])
    with np.errstate(invalid="ignore"):
        return ranks.sums(gain) / ideal[np.minimum(ranks.n_positives, most)]


NDCG = Metric("ndcg", ndcg, cut=True)
