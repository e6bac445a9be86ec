"""Coverage at k."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.metrics.metric import Metric
from awe_cli.metrics.ranks import Ranks


def coverage(ranks: Ranks, k: int) -> NDArray[np.float64]:
    r"""The share of all labels that are among the first k of at least one example.

    .. math:: C@k = \frac{1}{|\mathcal{Y}|} \left|\bigcup_x \{y : rank_x(y) \le k\}\right|

    ranks    of n examples; only `best` is looked at, from top lists of k labels or more
    k        1 or more
    returns  (1,) float64 in [0, 1]: one number for the whole set, so that it has no interval and no strata

    Edge rule: examples without labels count too, for they are shown a top list like all others; people with
    nothing held out are not ranked for.
    Source: the "aggregate diversity" of Adomavicius & Kwon 2012, as a share of the labels.
    """
    return np.array([np.mean(ranks.best <= k) if len(ranks.best) else 0.0])


COVERAGE = Metric("coverage", coverage, cut=True, per_example=False, looks_at_top=True)
