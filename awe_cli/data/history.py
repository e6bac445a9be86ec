"""What stored people had chosen by the end of some splits, as scaled bags of items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from awe_cli.data import storage
from awe_cli.data.bags import no_lists, scale_rows, unite
from awe_cli.data.matrix import Bags


def history_of(table: pa.Table, fit_on: tuple[str, ...], settings: Mapping[str, Any], n_labels: int) -> Bags:
    """The bags x of stored people (n, labels) over these splits."""
    parts = []
    for split in fit_on:
        lists = storage.read_lists(table, split)
        weights = (
            storage.read_values(table, f"{split}_weights")
            if settings["weighted"]
            else np.ones(len(lists.indices), np.float32)
        )
        parts.append(Bags(lists.indptr, lists.indices, weights))
    if not parts:
        parts = [Bags(*no_lists(table.num_rows), np.zeros(0, np.float32))]
    return scale_history(unite(parts, n_labels), settings)


def scale_history(bags: Bags, settings: Mapping[str, Any]) -> Bags:
    """Bags of weights (ones where there are none) as x."""
    if settings["weighted"]:
        transform = settings["weight_transform"]
        if transform == "log":
            bags = bags._replace(values=np.log1p(bags.values))
        elif transform == "binary":
            bags = bags._replace(values=np.ones_like(bags.values))
    return scale_rows(bags, settings["scaling"])
