"""Novelty at k: how surprising what is recommended is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.metrics.metric import Metric
from awe_cli.metrics.ranks import Ranks


def novelty(ranks: Ranks, k: int) -> NDArray[np.float64]:
    r"""The information, in bits, of meeting a label, averaged over the first k; neither better nor worse.

    .. math:: Nov@k(x) = \frac{1}{k_x} \sum_{y : rank_x(y) \le k} -\log_2 \frac{c_y + 1}{\sum_{y'} (c_{y'} + 1)}

    where c_y is the number of training examples that have y, and k_x the number of labels shown: k, or fewer
    where there are fewer candidates.

    ranks    of n examples with their top lists and the counts of the labels
    k        1 or more
    returns  (n,) float64 of at least 0; 0 for an example without candidates

    Source: "free discovery" of Vargas & Castells 2011. Departure: 1 is added to each count, since a label
    that was never seen would have infinite novelty.
    """
    counts = ranks.known.counts + 1.0
    return ranks.top_means(-np.log2(counts / counts.sum()), k)


NOVELTY = Metric("novelty", novelty, cut=True, better=None, looks_at_top=True)
