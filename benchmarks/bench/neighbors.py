"""Neighbours: exact search beside bare faiss and scikit-learn, approximate searches with their recall."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from awe_cli.neighbors.search import EXACT, SEARCHES
from benchmarks.bench.affinity_rows import D
from benchmarks.bench.contest import Arena, Contender, table
from benchmarks.synthetic import points

K, THREADS = 50, 2
_BARE = "IndexFlatL2, faiss"


def neighbors(arena: Arena) -> str:
    """The section."""
    file = arena.folder / "points.npy"
    np.save(file, points(arena.scale.points, D))
    told = {"file": str(file), "k": K, "threads": THREADS}
    methods = {f"build-knn, {method}": method for method in SEARCHES}
    contenders = [
        Contender(_BARE, "of_faiss:nearest", told, THREADS, "faiss"),
        *(
            Contender(
                title, "of_awe:nearest", {**told, "method": method, "found": _found(arena, method)}, THREADS
            )
            for title, method in methods.items()
        ),
        Contender("NearestNeighbors, brute, scikit-learn", "of_sklearn:nearest", told, THREADS, "sklearn"),
    ]
    found = arena.contest(contenders)
    exact = np.load(_found(arena, EXACT))
    bare = found[_BARE]
    rows = []
    for title, one in found.items():
        if one.why:
            rows.append((title, "", one.why, ""))
            continue
        share = recall(np.load(_found(arena, methods[title])), exact) if title in methods else 1.0
        beside = "" if bare.why else f"{one.over(bare):.2f} ×"
        rows.append((title, f"{one.median():.2f}", beside, f"{share:.3f}"))
    words = (
        f"The {K} nearest of {arena.scale.points:,} points in overlapping groups, d = {D}, on {THREADS} threads, the "
        "index included:"
    )
    return f"{words}\n\n{table('search | seconds | of bare faiss | recall', rows)}"


def _found(arena: Arena, method: str) -> str:
    return str(Path(arena.folder) / f"found-{method}.npy")


def recall(found: NDArray[np.int32], exact: NDArray[np.int32]) -> float:
    """The share of the exact neighbours that were found."""
    return float(np.mean([len(np.intersect1d(a, b)) / len(b) for a, b in zip(found, exact, strict=True)]))
