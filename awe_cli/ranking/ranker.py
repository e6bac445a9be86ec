"""The interface of a ranker: it scores every label for a block of examples."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from awe_cli.matrices.matrix import Rows

SCORE_BYTES = 16 * 2**20  # the most that the scores of one block may take


class Scores(NamedTuple):
    """Scores of every label for a block of m examples.

    Labels are ordered by score descending, then by tie descending, then by label index ascending.
    Both arrays are C-contiguous, without NaN, and owned by the caller.
    """

    score: NDArray[np.float32]  # (m, labels)
    tie: NDArray[np.float32] | None  # (m, labels), or None where the label index alone breaks ties


class Ranker(Protocol):
    """A fitted model that ranks; `scores` may be called by several threads at once."""

    @property
    def n_labels(self) -> int:
        """The number of labels it scores."""
        ...

    def scores(self, x: Rows) -> Scores:
        """Scores of every label for the rows of `x`."""
        ...


def block_rows(n_labels: int) -> int:
    """The number of examples in a block: as many as keep its scores under SCORE_BYTES, at least one.

    It depends on the number of labels alone, never on the number of threads, so that results do not either.
    """
    return max(1, SCORE_BYTES // (4 * max(1, n_labels)))
