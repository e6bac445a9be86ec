"""Ranking for all people, beside the bare matrix product and selection of NumPy."""

from __future__ import annotations

from benchmarks.bench.affinity_rows import D
from benchmarks.bench.contest import Arena, Contender, table
from benchmarks.bench.data import save
from benchmarks.synthetic import interactions

TOP, THREADS = 10, 2
_BARE = "matrix product and argpartition, NumPy"


def ranking(arena: Arena) -> str:
    """The section."""
    scale = arena.scale
    person, item = interactions(scale.ranked, scale.items, scale.mean)
    file = save(arena.folder, person, item, scale.ranked, scale.items)
    told = {"file": str(file), "people": scale.ranked, "threads": THREADS}
    found = arena.contest(
        [
            Contender(_BARE, "of_awe:product", {**told, "top": TOP}, THREADS),
            Contender(
                f"predict: the {TOP} best of what is new", "of_awe:ranks", {**told, "top": TOP}, THREADS
            ),
            Contender("evaluate: exact ranks of 5 held-out items", "of_awe:ranks", told, THREADS),
        ]
    )
    bare = found[_BARE]
    rows = [
        (title, f"{one.median():.2f}", f"{scale.ranked / one.median():,.0f}", f"{one.over(bare):.2f} ×")
        for title, one in found.items()
    ]
    return (
        f"{scale.ranked:,} people × {scale.items:,} items, d = {D}, blocks of people on {THREADS} threads:\n\n"
        + table("work | seconds | people/s | of the bare product", rows)
    )
