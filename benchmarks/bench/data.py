"""Synthetic interactions for all contenders, as one file and as what each library takes. Imported without awe, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def save(folder: Path, person: Ints, item: Ints, people: int, items: int) -> Path:
    """Write them once for all contenders."""
    file = folder / "interactions.npz"
    np.savez(file, person=person, item=item, shape=(people, items))
    return file


def load(file: str, people: int = 0) -> tuple[Ints, Ints, tuple[int, int]]:
    """(person, item), sorted by person, and how many people and items; of the first `people` alone if not 0."""
    with np.load(file) as arrays:
        person, item, shape = arrays["person"], arrays["item"], arrays["shape"]
    if people:
        kept = person < people
        person, item, shape = person[kept], item[kept], (people, shape[1])
    return person, item, (int(shape[0]), int(shape[1]))


def matrix(file: str, people: int = 0) -> Any:
    """The same as a sparse matrix of ones (people, items)."""
    from scipy.sparse import csr_matrix

    person, item, shape = load(file, people)
    return csr_matrix((np.ones(len(item), np.float32), (person, item)), shape=shape)
