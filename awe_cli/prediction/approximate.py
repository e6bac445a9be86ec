"""How `predict` searches an index of labels, from its settings, the kind of model and the number of labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awe_cli.config.predict import PredictSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.new_documents import OtherDocuments
from awe_cli.errors import SettingsError
from awe_cli.models.inner_product import search_refusal
from awe_cli.models.label_index import open_label_index
from awe_cli.models.load import OpenRanker
from awe_cli.neighbors.label_index import INDEXES, usual_effort
from awe_cli.prediction.label_search import LabelSearch
from awe_cli.ranking.inner_product import inner_product_of
from awe_cli.workspace import Artifact, Workspace


@dataclass(frozen=True)
class Approximate:
    """An approximate search: by HNSW or IVF, and its ef or nprobe."""

    method: str
    effort: int


def approximate_of(
    ws: Workspace, model: Artifact, dataset: Dataset, settings: PredictSettings, k: int
) -> Approximate | None:
    """The search for the k best labels that the settings ask for; None where every label is to be scored.

    Raises SettingsError for a model that ranks by something else than an inner product, and for labels that were not
    prepared.
    """
    method = settings.approximate
    if method is None:
        if settings.search_effort is not None:
            raise SettingsError(
                "--search-effort: it is for an approximate search", hint="add --approximate hnsw"
            )
        return None
    if method not in INDEXES:
        raise SettingsError(
            f"--approximate: expected {' or '.join(INDEXES)}, found {method!r}", hint="ivf is a good start"
        )
    if isinstance(dataset, OtherDocuments):
        raise SettingsError(
            "--approximate: expected labels that were prepared, found others (--documents, --label-file): the index "
            "of a model is of those that it was trained on",
            hint="leave out --approximate",
        )
    refusal = search_refusal(ws, model)
    if refusal is not None:
        raise refusal
    return Approximate(method, settings.search_effort or usual_effort(method, dataset.n_labels, k))


def open_search(
    ws: Workspace,
    model: Artifact,
    opened: OpenRanker,
    search: Approximate,
    allowed: NDArray[np.int64] | None,
    *,
    wait: float,
    announce: Callable[[str], None],
) -> LabelSearch:
    """The search for the best labels of a model, with its index, which is built where it is not there.

    allowed  (n,) the only labels that are candidates, ascending; None for all

    Raises as `open_label_index`.
    """
    product = inner_product_of(opened.ranker)
    assert product is not None, "search_refusal has asked"
    index = open_label_index(
        ws, model, opened.fit_on, product.rows, search.method, wait=wait, announce=announce
    )
    return LabelSearch(product, index, search.effort, opened.ranker.n_labels, allowed)
