"""Exact distances of candidate neighbours, in one order for every thread: by distance, then by row."""

from __future__ import annotations

import numpy as np

from awe_cli.kernels.dispatch import kernel


@kernel
def measure(queries, base, found, skip, apart, rows, squared):
    """Sort what was found (m, candidates) by (distance², row) into rows and squared (m, k).

    A candidate of -1 or skip[q] is passed over, with `apart` also whatever lies at the query
    itself, and everything for a query of zeros.
    """
    for q in range(queries.shape[0]):
        empty = True
        for j in range(queries.shape[1]):
            if queries[q, j] != 0:
                empty = False
                break
        if empty:
            continue
        n = 0
        for c in range(found.shape[1]):
            row = found[q, c]
            if row < 0 or row == skip[q]:
                continue
            distance = np.float32(0)
            for j in range(queries.shape[1]):
                gap = queries[q, j] - base[row, j]
                distance += gap * gap
            if apart and distance == 0:
                continue
            if n == rows.shape[1] and not _before(distance, row, squared[q, n - 1], rows[q, n - 1]):
                continue
            place = min(n, rows.shape[1] - 1)
            while place > 0 and _before(distance, row, squared[q, place - 1], rows[q, place - 1]):
                squared[q, place] = squared[q, place - 1]
                rows[q, place] = rows[q, place - 1]
                place -= 1
            squared[q, place] = distance
            rows[q, place] = row
            n = min(n + 1, rows.shape[1])


@kernel
def _before(distance, row, other_distance, other_row):
    return distance < other_distance or (distance == other_distance and row < other_row)
