"""Naive twin of the ranking kernel: sort everything, then look."""

from __future__ import annotations

import numpy as np


def rank_row(score, tie, positives, seen, k):
    """Ranks of the positives, ascending, with their labels, and the k best of all labels that are not seen."""
    tie = np.zeros_like(score) if tie is None else tie
    order = np.lexsort((np.arange(len(score)), -tie, -score))
    candidates = [int(label) for label in order if label not in set(seen)]
    ranks = sorted((candidates.index(label) + 1, label) for label in positives)
    return [rank for rank, _ in ranks], [label for _, label in ranks], candidates[:k]
