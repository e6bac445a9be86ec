"""Ranking by the items of a history alone, with a ranker that knows no features of people."""

from __future__ import annotations

from awe_cli.matrices.bags import split_at
from awe_cli.matrices.matrix import Bags, Rows
from awe_cli.ranking.inner_product import InnerProduct, inner_product_of
from awe_cli.ranking.ranker import Ranker, Scores


class ItemsRanker:
    """Scores x by its items, the features below `n_items`; what comes after them is left out."""

    def __init__(self, ranker: Ranker, n_items: int) -> None:
        self.ranker, self.n_items = ranker, n_items

    @property
    def n_labels(self) -> int:
        """The number of labels."""
        return self.ranker.n_labels

    def scores(self, x: Rows) -> Scores:
        """Scores of every label for the rows of `x`."""
        return self.ranker.scores(self.seen_of(x))

    def inner_product(self) -> InnerProduct | None:
        """That of the ranker, of items alone."""
        product = inner_product_of(self.ranker)
        return None if product is None else product.after(self.seen_of)

    def seen_of(self, x: Rows) -> Rows:
        """What the ranker sees of the rows of `x`."""
        return split_at(x, self.n_items)[0] if isinstance(x, Bags) else x
