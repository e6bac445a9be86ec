"""How sure a difference between two models is: paired bootstrap over the examples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
LEVEL = 0.95
CHUNK_BYTES = 16 * 2**20  # the most that the weights of one chunk of resamples may take


class Interval(NamedTuple):
    """A mean difference and its confidence interval of level LEVEL."""

    mean: float
    low: float
    high: float


def paired_intervals(
    differences: NDArray[np.float64], seed: int, resamples: int = RESAMPLES
) -> list[Interval]:
    r"""A percentile interval for the mean of each column.

    A resample draws n examples with replacement; all columns are looked at on the same resamples, so that
    every model meets the same examples. The interval runs between the (1 ± LEVEL) / 2 quantiles of the means

    .. math:: \bar d^* = \frac{1}{n} \sum_e w_e d_e, \quad w \sim Multinomial(n, 1/n)

    differences  (n, columns): a model's value minus the other's, one row an example, no NaN
    seed         of the resamples
    resamples    how many to draw
    returns      one Interval a column; all NaN where n is 0

    Resamples are drawn in chunks: memory is bounded by CHUNK_BYTES, or the n weights of one resample.
    Source: Efron & Tibshirani 1993, section 13.3.
    """
    n, columns = differences.shape
    if n == 0:
        return [Interval(float("nan"), float("nan"), float("nan"))] * columns
    random = np.random.default_rng(seed)
    means = np.empty((resamples, columns))
    chunk = max(1, CHUNK_BYTES // (8 * n))
    for start in range(0, resamples, chunk):
        stop = min(start + chunk, resamples)
        drawn = random.integers(0, n, (stop - start, n))
        drawn += n * np.arange(stop - start)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(np.float64)
        means[start:stop] = weights @ differences / n
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    mean = differences.mean(axis=0)
    return [Interval(float(m), float(a), float(b)) for m, a, b in zip(mean, low, high, strict=True)]
