"""How `predict` chooses lists that differ: from its settings, a model's rows of V, and attributes of items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awe_cli.config.predict import PredictSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.versions import places_by_id
from awe_cli.errors import SettingsError, did_you_mean
from awe_cli.matrices.bags import as_bags, keep_entries, no_lists
from awe_cli.matrices.matrix import Lists
from awe_cli.models.load import EMBEDDING, choose_fit, find_embedding
from awe_cli.models.store import load_state
from awe_cli.models.versions import dataset_of
from awe_cli.ranking.embedding import label_rows
from awe_cli.ranking.rerank import Reranking
from awe_cli.workspace import Artifact, Workspace

_LEAST = 50  # labels of the longer list, and this many times as many as are asked for:
_TIMES = 5


def reranking_of(
    ws: Workspace, model: Artifact, dataset: Dataset, stored: Artifact, settings: PredictSettings
) -> Reranking | None:
    """The re-ranking that the settings ask for; None where they ask for none.

    Raises SettingsError for an attribute that items do not have, MissingInputError where there is no embedding.
    """
    if settings.diversity is None and settings.cap is None:
        return None
    pool = settings.pool or max(_LEAST, _TIMES * settings.top_k)
    if pool < settings.top_k:
        raise SettingsError(
            f"--pool: expected at least --top-k ({settings.top_k:,}), found {pool:,}", hint="leave it out"
        )
    vectors = np.zeros((dataset.n_labels, 0), np.float32)
    if settings.diversity:
        vectors = _vectors(ws, model, dataset, stored, settings.similar_by)
    elif settings.similar_by is not None:
        raise SettingsError("--similar-by: it is for --diversity", hint="add --diversity 0.3")
    groups, cap, n_groups = no_lists(dataset.n_labels), 0, 0
    if settings.cap is not None:
        groups, cap, n_groups = _groups(dataset, settings.cap)
    return Reranking(min(pool, dataset.n_labels), settings.diversity or 0.0, vectors, groups, cap, n_groups)


def _vectors(
    ws: Workspace, model: Artifact, dataset: Dataset, stored: Artifact, name: str | None
) -> NDArray[np.float32]:
    """V_y of every label with length 1, of the model or of another embedding; zeros for labels it does not know."""
    is_embedding = model.settings.get("model_type") == EMBEDDING
    by = find_embedding(ws, name, stored, earlier=True) if name or not is_embedding else model
    own = dataset_of(ws, by)
    rows = label_rows(own.y, load_state(by, choose_fit(by, None), own).V)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    place = places_by_id(dataset.labels, own.labels)
    found = np.zeros((dataset.n_labels, rows.shape[1]), np.float32)
    found[place >= 0] = rows[place[place >= 0]]
    return found


def _groups(dataset: Dataset, cap: str) -> tuple[Lists, int, int]:
    """The groups of each label, how many labels of one a list may have, and how many groups there are."""
    attribute, _, most = cap.partition("=")
    if not attribute or not most.isdigit() or not int(most):
        raise SettingsError(f"--cap: expected ATTRIBUTE=N, found {cap!r}", hint="for example --cap brand=2")
    known = dataset.described
    if known is None:
        raise SettingsError(
            "--cap: expected items with attributes, found a dataset that was prepared without",
            hint="prepare it with --label-file, and --label-categories or --label-sparse",
        )
    if known.space.options.hash_bits is not None:
        raise SettingsError(
            "--cap: expected items whose attributes have names, found hashed ones: which bucket is of which attribute "
            "is not known",
            hint="prepare the dataset without --hash-bits, or leave --cap out",
        )
    columns = dataset.settings["label_features"]["columns"]
    categories, sparse = columns.get("categories", []), columns["sparse"][:1]
    names = known.space.names.to_pylist()
    if attribute in categories:
        of_attribute = np.array([str(name).startswith(f"{attribute}=") for name in names], bool)
    elif attribute in sparse:
        of_attribute = np.array([str(name).split("=")[0] not in categories for name in names], bool)
    else:
        there = [*categories, *sparse]
        raise SettingsError(
            f"--cap: items have no attribute {attribute!r}; they have {', '.join(there) or 'numbers or text alone'}",
            hint=did_you_mean(attribute, there, "name a column of --label-categories or --label-sparse"),
        )
    bags = as_bags(known.y)
    bags = keep_entries(bags, of_attribute[bags.indices])
    return Lists(bags.indptr, bags.indices), int(most), len(names)
