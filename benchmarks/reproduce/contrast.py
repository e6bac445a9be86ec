"""Differences between two rows of a table, with the paired bootstrap interval of awe: ahead, behind or level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from awe_cli.metrics.bootstrap import Interval, paired_intervals

PerExample = tuple[Sequence[str], NDArray[np.float64]]  # names of n examples, (n, measures)
AHEAD, BEHIND, LEVEL = "ahead", "behind", "level"


def averaged(runs: Sequence[Mapping[str, PerExample]]) -> dict[str, NDArray[np.float64]]:
    """row → (examples, measures), the mean over the runs that have the example; NaN where none has.

    The examples of all rows are in one order.
    """
    keys = dict.fromkeys(key for run in runs for ids, _ in run.values() for key in ids)
    place = {key: number for number, key in enumerate(keys)}
    found = {}
    for row, (_, values) in runs[0].items():
        total, count = np.zeros((len(place), values.shape[1])), np.zeros((len(place), 1))
        for run in runs:
            at = [place[key] for key in run[row][0]]
            total[at] += run[row][1]
            count[at] += 1
        found[row] = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return found


def contrast(first: NDArray[np.float64], second: NDArray[np.float64], factor: float = 1.0) -> Interval:
    """first − factor · second, one number an example: the mean over the examples both have, and its interval."""
    difference = first - factor * second
    return paired_intervals(difference[~np.isnan(difference)][:, None], 0)[0]


def verdict(interval: Interval) -> str:
    """Whether 0 lies below, above or within the interval."""
    return AHEAD if interval.low > 0 else BEHIND if interval.high < 0 else LEVEL


def in_words(interval: Interval) -> str:
    """ "+.0120 [+.0020, +.0220]" """
    mean, low, high = (f"{round(value, 4) + 0.0:+.4f}".replace("0.", ".") for value in interval)
    return f"{mean} [{low}, {high}]"
