"""Rankers that order labels by q·V_y, for a point q of each example, all of them or all but a few that have a G.

The best labels of such a ranker can be found in an index, without a score for each of all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from awe_cli.matrices.matrix import Bags, Rows
from awe_cli.ranking.ranker import Ranker, Scores

Points = NDArray[np.float32]
Products = NDArray[np.float32]
G = NDArray[np.float32]


def _as_they_are(x: Rows, points: Points, products: Products, G: G) -> Scores:
    return Scores(products, None)


@dataclass(frozen=True)
class InnerProduct:
    """What orders the labels of a ranker.

    points  rows of x → q of each (m, d)
    rows    (n, d) V_y of each label that the ranker knows
    rate    (rows of x, q, q·V_y of any labels (m, c), G of these (m, c)) → their scores, which never fall where q·V_y
            rises and G is 0
    table   rows of x → G(x, ·) as sparse rows, labels ascending: these may have any score; None where there is no G
    labels  (n,) what each is called by the ranker, -1 where it is none of its labels; None: by its row
    """

    points: Callable[[Rows], Points]
    rows: NDArray[np.float32]
    rate: Callable[[Rows, Points, Products, G], Scores] = _as_they_are
    table: Callable[[Rows], Bags] | None = None
    labels: NDArray[np.int32] | None = None

    def called(self, labels: NDArray[np.int32]) -> InnerProduct:
        """The same, its labels called so (n,)."""
        return replace(self, labels=labels)

    def after(self, translate: Callable[[Rows], Rows]) -> InnerProduct:
        """The same, of x that has to be translated first."""
        table = self.table
        return replace(
            self,
            points=lambda x: self.points(translate(x)),
            rate=lambda x, points, products, G: self.rate(translate(x), points, products, G),
            table=None if table is None else lambda x: table(translate(x)),
        )


def inner_product_of(ranker: Ranker) -> InnerProduct | None:
    """What orders the labels of a ranker, where that is an inner product; else None."""
    known: Callable[[], InnerProduct | None] | None = getattr(ranker, "inner_product", None)
    return None if known is None else known()
