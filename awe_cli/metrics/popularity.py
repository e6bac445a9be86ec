"""Popularity at k: how well known what is recommended is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.metrics.metric import Metric
from awe_cli.metrics.ranks import Ranks


def popularity(ranks: Ranks, k: int) -> NDArray[np.float64]:
    r"""How many training examples have a label, averaged over the first k labels; neither better nor worse.

    .. math:: Pop@k(x) = \frac{1}{k_x} \sum_{y : rank_x(y) \le k} |\{x' : y \in Y_{x'}\}|

    where k_x is the number of labels shown: k, or fewer where there are fewer candidates.

    ranks    of n examples with their top lists and the counts of the labels
    k        1 or more
    returns  (n,) float64 of at least 0; 0 for an example without candidates

    Source: the average recommendation popularity of Yin et al. 2012, "Challenging the long tail
    recommendation".
    """
    return ranks.top_means(ranks.known.counts.astype(np.float64), k)


POPULARITY = Metric("popularity", popularity, cut=True, better=None, looks_at_top=True)
