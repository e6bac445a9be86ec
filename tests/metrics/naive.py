"""Naive twins of the metrics: loops over the relevance of a ranked list, as the textbooks write them.

`relevant` is a list of booleans in the order of the ranking, over all candidates.
`shown` is a list of labels, best first; `counts` says of each label how many training examples have it.
"""

from __future__ import annotations

import math


def precision(relevant, k):
    return sum(relevant[:k]) / k


def recall(relevant, k):
    return sum(relevant[:k]) / sum(relevant)


def ndcg(relevant, k):
    gain = sum(1 / math.log2(rank + 1) for rank, hit in enumerate(relevant[:k], 1) if hit)
    best = sorted(relevant, reverse=True)
    return gain / sum(1 / math.log2(rank + 1) for rank, hit in enumerate(best[:k], 1) if hit)


def average_precision(relevant, k):
    precisions = [precision(relevant, rank) for rank, hit in enumerate(relevant, 1) if hit]
    return sum(precisions) / len(precisions)


def reciprocal_rank(relevant, k):
    return 1 / (relevant.index(True) + 1)


def mean_rank(relevant, k):
    ranks = [rank for rank, hit in enumerate(relevant, 1) if hit]
    return sum(ranks) / len(ranks)


def coverage(all_shown, n_labels, k):
    found = set()
    for shown in all_shown:
        found.update(shown[:k])
    return len(found) / n_labels


def gini(all_shown, n_labels, k):
    """Half the mean difference between the counts of two labels, over their mean."""
    counts = [sum(label in shown[:k] for shown in all_shown) for label in range(n_labels)]
    apart = sum(abs(a - b) for a in counts for b in counts) / n_labels**2
    mean = sum(counts) / n_labels
    return apart / (2 * mean) if mean else 0.0


def brier(shown, positives, probabilities, k):
    errors = [(p - (y in positives)) ** 2 for y, p in zip(shown[:k], probabilities, strict=False)]
    return sum(errors) / len(errors) if errors else 0.0


def calibration_error(pairs, edges):
    """Of pairs of a probability and whether the label is a positive, in bins that begin at `edges`."""
    total = 0.0
    for low, high in zip(edges, [*edges[1:], math.inf], strict=True):
        inside = [(p, hit) for p, hit in pairs if low <= p < high]
        total += abs(sum(p for p, _ in inside) - sum(hit for _, hit in inside))
    return total / len(pairs) if pairs else 0.0


def popularity(shown, counts, k):
    seen = [counts[label] for label in shown[:k]]
    return sum(seen) / len(seen) if seen else 0.0


def novelty(shown, counts, k):
    total = sum(count + 1 for count in counts)
    bits = [-math.log2((counts[label] + 1) / total) for label in shown[:k]]
    return sum(bits) / len(bits) if bits else 0.0


TWINS = {
    "precision": precision,
    "recall": recall,
    "ndcg": ndcg,
    "map": average_precision,
    "mrr": reciprocal_rank,
    "mean-rank": mean_rank,
}
