"""Synthetic interactions with power-law items and groups of tastes, and points; the same for the same numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

GROUPS = 200  # tastes; a person has three of them
_CLUSTERS = 500  # groups of points
OWN = 0.8  # share of a person's choices that come from these


def interactions(
    people: int = 50_000, items: int = 20_000, mean: float = 150.0, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(person, item) pairs without repeats, sorted: about people · mean of them.

    Histories are log-normal in length; within a taste, and over all, items follow a power law.
    """
    draws = np.random.default_rng(seed)
    person, rank = _choices(draws, people, items, mean)
    return person, draws.permutation(items)[rank]


def _choices(
    draws: np.random.Generator, people: int, items: int, mean: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The same pairs with items by their rank in popularity within a taste."""
    lengths = np.clip(draws.lognormal(np.log(mean) - 0.32, 0.8, people), 5, items / 4).astype(np.int64)
    person = np.repeat(np.arange(people), lengths)
    tastes = draws.integers(0, GROUPS, (people, 3))
    taste = tastes[person, draws.integers(0, 3, len(person))]
    per_group = items // GROUPS
    inside = _power_law(draws, len(person), per_group) * GROUPS + taste
    anywhere = _power_law(draws, len(person), items)
    item = np.where(draws.random(len(person)) < OWN, inside, anywhere)
    pairs = np.unique(person * items + item)
    return pairs // items, pairs % items


def write(path: str, people: int = 50_000, items: int = 20_000, mean: float = 150.0) -> int:
    """Write them as Parquet with the columns user, item; returns how many there are."""
    person, item = interactions(people, items, mean)
    pq.write_table(pa.table({"user": person, "item": item}), path)
    return len(person)


def write_in_pieces(path: str, people: int, items: int, mean: float, pieces: int, seed: int = 0) -> int:
    """Write `pieces` times as many people, over the same items and tastes, in the memory that one piece takes.

    Ids of people are strings; those of one piece lie between those of the others, and rows are in random order within a
    piece. Returns how many rows there are.
    """
    order = np.random.default_rng(seed).permutation(items)
    schema = pa.schema({"user": pa.string(), "item": pa.int64()})
    rows = 0
    with pq.ParquetWriter(path, schema) as writer:
        for piece in range(pieces):
            draws = np.random.default_rng([seed, piece])
            person, rank = _choices(draws, people, items, mean)
            mixed = draws.permutation(len(person))
            user = pa.array(person[mixed] * pieces + piece).cast(pa.string())
            writer.write_table(pa.table({"user": user, "item": order[rank[mixed]]}, schema=schema), 1 << 20)
            rows += len(person)
    return rows


def points(n: int, dim: int) -> NDArray[np.float32]:
    """n rows of length 1 in overlapping groups of power-law size."""
    draws = np.random.default_rng(0)
    weights = np.arange(1, _CLUSTERS + 1) ** -0.7
    group = draws.choice(_CLUSTERS, n, p=weights / weights.sum())
    rows = draws.normal(size=(_CLUSTERS, dim))[group] + draws.normal(0, 0.8, (n, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _power_law(draws: np.random.Generator, n: int, size: int) -> NDArray[np.int64]:
    """n ranks 0 … size-1 with probabilities falling as 1/rank^0.8."""
    weights = np.arange(1, size + 1) ** -0.8
    steps = np.cumsum(weights / weights.sum())
    return np.minimum(np.searchsorted(steps, draws.random(n)), size - 1)
