"""Models as products of vectors, f(x, y) = q(x)·V_y: where they place inputs, and their labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.baselines.factors import FactorModel
from awe_cli.baselines.registry import BASELINES
from awe_cli.dataset.dataset import Dataset
from awe_cli.errors import SettingsError
from awe_cli.matrices.matrix import Rows
from awe_cli.models.load import EMBEDDING, choose_fit, find_embedding, find_model, load_fit, what_it_sees
from awe_cli.models.store import load_state
from awe_cli.models.versions import dataset_of, require_dataset, require_same_version
from awe_cli.ranking.embedding import EmbeddingRanker, label_rows, projections
from awe_cli.ranking.inner_product import inner_product_of
from awe_cli.ranking.items import ItemsRanker
from awe_cli.workspace import Artifact, Workspace

FACTORED = tuple(name for name, baseline in BASELINES.items() if isinstance(baseline, FactorModel))


@dataclass(frozen=True)
class Product:
    """The largest fit of a model as a product.

    dataset  the version that the model was made from, as the model sees it
    place    rows of x → q(x) (m, d)
    W        (labels, d) V_y of every label
    U        (features, d) with q(x) = Ux; None where q(x) is found by fold-in
    V        (label features, d) with W = YV; None where labels are one-hot
    """

    dataset: Dataset
    fit_on: tuple[str, ...]
    place: Callable[[Rows], NDArray[np.float32]]
    W: NDArray[np.float32]
    U: NDArray[np.float32] | None
    V: NDArray[np.float32] | None = None

    def everyone(self) -> tuple[pa.Array, NDArray[np.float32]]:
        """The ids (n,) and places (n, d) of all that was prepared, with all that is known of them."""
        parts = [(part.ids, self.place(part.x)) for part in self.dataset.everyone_batches()]
        return pa.concat_arrays([ids for ids, _ in parts]), np.concatenate([places for _, places in parts])


def find_product(ws: Workspace, name: str | None, dataset: Artifact, *, earlier: bool = False) -> Artifact:
    """The model called `name`, which is a product of vectors; without a name, the only embedding model there is.

    earlier  whether it may be one of another version of the dataset

    Raises MissingInputError, DataError for one of another dataset, SettingsError for another type of model.
    """
    if name is None:
        return find_embedding(ws, None, dataset, earlier=earlier)
    model = find_model(ws, name)
    kind = model.settings.get("model_type")
    if kind == EMBEDDING:
        return find_embedding(ws, name, dataset, earlier=earlier)
    if kind not in FACTORED:
        raise SettingsError(
            f"expected a model with vectors, found {model.describe()}, a {kind}",
            hint=f"name one that `awe train` or `awe retrain` made, or one of {', '.join(FACTORED)}",
        )
    (require_dataset if earlier else require_same_version)(ws, model, dataset)
    return model


def open_product(ws: Workspace, model: Artifact) -> Product:
    """The largest fit of a model that `find_product` found."""
    fit_on, dataset = choose_fit(model, None), dataset_of(ws, model)
    if model.settings.get("model_type") == EMBEDDING:
        state = load_state(model, fit_on, dataset)
        V = state.V if dataset.described else None
        W = label_rows(dataset.y, state.V)
        return Product(dataset, fit_on, lambda x: projections(x, state.U), W, state.U, V)
    ranker = load_fit(ws, model, dataset, fit_on)
    seen = what_it_sees(str(model.settings["model_type"]), dataset)
    product = inner_product_of(ranker)
    assert product is not None, "a baseline of factors ranks by them"
    inner = ranker.ranker if isinstance(ranker, ItemsRanker) else ranker
    U = inner.embedding.U if isinstance(inner, EmbeddingRanker) else None
    return Product(seen, fit_on, product.points, product.rows, U)
