"""What labels are kinds of: pairs isa(child, parent) from a file, and the parents of each label."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from awe_cli.dataset import storage
from awe_cli.dataset.gather import IdColumn
from awe_cli.dataset.vocabulary import encode, look_up
from awe_cli.errors import DataError
from awe_cli.io.columns import Batch, Role, one_array
from awe_cli.matrices.matrix import Lists

CHILD, PARENT = "child", "parent"
ROLES = {CHILD: Role.ID, PARENT: Role.ID}
FILE = "isa.parquet"


@dataclass(frozen=True)
class IsaPairs:
    """Pairs as read (n,), and whether they came from a file without types."""

    child: pa.ChunkedArray
    parent: pa.ChunkedArray
    untyped: bool


def read_pairs(file: str, batches: Iterable[Batch]) -> IsaPairs:
    """All pairs of a file. Raises DataError where there is none, or where one leads round to itself."""
    child, parent, untyped, name = IdColumn(CHILD), IdColumn(PARENT), False, ""
    for batch in batches:
        child.add(batch, batch.column(CHILD))
        parent.add(batch, batch.column(PARENT))
        untyped, name = untyped or batch.untyped, batch.file
    if not child.rows:
        raise DataError(
            f"{file}: expected rows of child and parent, found none", hint="give each pair one row"
        )
    pairs = IsaPairs(child.values(), parent.values(), untyped)
    cycle = find_cycle(zip(pairs.child.to_pylist(), pairs.parent.to_pylist(), strict=True))
    if cycle:
        shown = " → ".join(repr(node) for node in cycle)
        raise DataError(
            f"{name}: expected no label to be its own ancestor, found the cycle {shown}",
            hint="take out one of these pairs: a parent is more general than its child",
        )
    return pairs


def find_cycle(pairs: Iterable[tuple[object, object]]) -> list[object]:
    """Nodes that lead from child to parent back to the first one; empty where there are none."""
    parents: dict[object, list[object]] = {}
    for child, parent in pairs:
        parents.setdefault(child, []).append(parent)
        parents.setdefault(parent, [])
    waiting = {node: len(set(above)) for node, above in parents.items()}
    children: dict[object, set[object]] = {node: set() for node in parents}
    for child, above in parents.items():
        for parent in above:
            children[parent].add(child)
    ready = [node for node, n in waiting.items() if n == 0]
    while ready:  # from the top: a node is done once all its parents are
        node = ready.pop()
        del waiting[node]
        for child in children[node]:
            waiting[child] -= 1
            if waiting[child] == 0:
                ready.append(child)
    if not waiting:
        return []
    path = [next(iter(waiting))]  # every node left has a parent that is left
    while path.index(path[-1]) == len(path) - 1:
        path.append(next(parent for parent in parents[path[-1]] if parent in waiting))
    return path[path.index(path[-1]) :]


def store_parents(path: Path, pairs: IsaPairs, labels: pa.Array) -> dict[str, int]:
    """Write the parents of the labels, distinct pairs of label and parent; how many there are.

    pairs    rows of the file; unknown  rows whose child is no label, left out
    labels   labels that have a parent

    A parent need not be a label. Raises DataError where children have another type than labels.
    """
    children, codes = encode(pairs.child)
    found = look_up(children, labels, f"isa column {CHILD!r}", untyped=pairs.untyped)[codes]
    _, parents = encode(pairs.parent)
    kept = found >= 0
    distinct = np.unique(np.stack([found[kept], parents[kept]], axis=1), axis=0)
    storage.write_table(path, pa.table({CHILD: distinct[:, 0], PARENT: distinct[:, 1]}))
    return {
        "pairs": len(kept),
        "unknown": int(np.count_nonzero(~kept)),
        "labels": len(np.unique(distinct[:, 0])),
    }


def load_parents(folder: Path, n_labels: int) -> Lists:
    """The parents of each label, as numbers, from the dataset in `folder`."""
    table = storage.read_table(folder / FILE)
    child, parent = (one_array(table.column(name)).to_numpy().astype(np.int64) for name in (CHILD, PARENT))
    indptr = np.searchsorted(child, np.arange(n_labels + 1)).astype(np.int64)
    return Lists(indptr, parent.astype(np.int32))
