"""Average precision; its mean over examples is MAP."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.metrics.metric import Metric
from awe_cli.metrics.ranks import Ranks


def average_precision(ranks: Ranks, k: int = 0) -> NDArray[np.float64]:
    r"""The mean, over the positives, of the precision at the rank of each.

    .. math:: AP(x) = \frac{1}{|Y_x|} \sum_{y \in Y_x}
                       \frac{|\{y' \in Y_x : rank_x(y') \le rank_x(y)\}|}{rank_x(y)}

    where Y_x are the positives of the example x.

    ranks    of the positives of n examples, ascending within each
    k        not used: the whole ranking counts
    returns  (n,) float64 in (0, 1]; NaN for an example without positives

    Source: Manning, Raghavan & Schütze, "Introduction to Information Retrieval", section 8.4. With no
    two labels at the same rank it is scikit-learn's average_precision_score.
    """
    first = np.repeat(ranks.indptr[:-1], ranks.n_positives)
    nth = np.arange(len(ranks.ranks)) - first + 1  # 1 for an example's best positive, 2 for the next …
    with np.errstate(invalid="ignore"):
        return ranks.sums(nth / ranks.ranks) / ranks.n_positives


MAP = Metric("map", average_precision, cut=False)
