"""What lies near what in the embedding space of a model: labels, features, people or examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.config.predict import NeighborsSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.features import BUCKET, bucket_names
from awe_cli.dataset.hashing import hash_values
from awe_cli.dataset.versions import places_by_id
from awe_cli.dataset.vocabulary import find_named, look_up
from awe_cli.errors import MissingInputError, UsageError
from awe_cli.evaluation.held_out import READ_ROWS
from awe_cli.models.load import choose_fit, find_embedding
from awe_cli.models.store import Fit, load_state, open_dataset
from awe_cli.models.versions import dataset_of, is_earlier
from awe_cli.ranking.embedding import label_rows, projections
from awe_cli.workspace import Artifact, Workspace

# Labels that are near each other in the embedding space (WSABIE, Table 3).


def nearest_labels(
    V: NDArray[np.float32], known: NDArray[np.bool_], label: int, k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The k labels y' of greatest cos(V_y, V_y'), greatest first, equal ones by index; with these cosines.

    V      (labels, d)
    known  (labels,) which of them may be named; `label` itself never is

    A row of zeros has cosine 0 with all. Fewer than k are returned where there are no more.
    """
    rows = V.astype(np.float64)
    norms = np.linalg.norm(rows, axis=1)
    lengths = norms * norms[label]
    cosines = np.divide(rows @ rows[label], lengths, out=np.zeros(len(rows)), where=lengths > 0)
    others = np.flatnonzero(known & (np.arange(len(rows)) != label))
    best = others[np.argsort(-cosines[others], kind="stable")[:k]]
    return best, cosines[best]


LABELS, USERS, FEATURES = "labels", "users", "features"
_OPTIONS = {LABELS: "--label", USERS: "--id", FEATURES: "--feature"}
_NOUNS = {LABELS: "label", USERS: "id", FEATURES: "feature"}


@dataclass(frozen=True)
class _Points:
    """Named points of the embedding space.

    names   (n,)
    places  (n, d)
    counts  (n,) how many examples have each label or feature; how many items or features an example has
    """

    names: pa.Array
    places: NDArray[np.float32]
    counts: NDArray[np.int64]


def neighbors(
    ws: Workspace, names: Sequence[str], model: str | None = None, settings: NeighborsSettings | None = None
) -> dict[str, Any]:
    """The document that --json prints: for each of `names` those nearest in the model's space, by cosine.

    names        of labels, of features, or ids of people or examples, as settings.of has it (None: labels)
    model        of `train` or `retrain`; by default the only one there is

    The largest fit is asked. Labels and features that no example of it has, and examples of which nothing is known,
    are left out: their place is that of chance. For people all that is known of them counts. A model of an earlier
    version of the dataset is asked for what that version has, with its counts; labels that have left the dataset
    since are left out.
    Raises UsageError where nothing is named, MissingInputError for a name that the dataset does not have, or that
    came after the model was made.
    """
    settings = settings or NeighborsSettings()
    of = LABELS if settings.of in (None, "items") else str(settings.of)
    noun, option = _NOUNS[of], _OPTIONS[of]
    if not names:
        raise UsageError(f"no {noun} is named", hint=f"name one with {option}, or several")
    stored = ws.find("dataset")
    dataset = open_dataset(stored)
    found = find_embedding(ws, model, stored, earlier=True)
    fit = choose_fit(found, None)
    own = dataset_of(ws, found) if is_earlier(found, stored) else dataset
    points = _points(own, found, fit, of)
    if of == FEATURES:
        names = _known_as(own, names)
    if own is not dataset:
        now = {LABELS: dataset.labels, USERS: dataset.example_ids, FEATURES: dataset.features}[of]
        _require_known(names, points, now, found.describe(), option)
        if of == LABELS:
            left = places_by_id(own.labels, dataset.labels) < 0
            points = replace(points, counts=np.where(left, 0, points.counts))
    return {
        "model": found.name,
        "fit_on": list(fit),
        "measure": "cosine",
        of: [
            {
                noun: points.names[row].as_py(),
                "count": int(points.counts[row]),
                "neighbors": [
                    {
                        noun: points.names[int(other)].as_py(),
                        "cosine": float(cosine),
                        "count": int(points.counts[other]),
                    }
                    for other, cosine in zip(
                        *nearest_labels(points.places, points.counts > 0, row, settings.top_k), strict=True
                    )
                ],
            }
            for row in find_named(points.names, names, noun, option).tolist()
        ],
    }


def _points(dataset: Dataset, model: Artifact, fit: Fit, of: str) -> _Points:
    state = load_state(model, fit, dataset)
    if of == LABELS:
        return _Points(dataset.labels, label_rows(dataset.y, state.V), dataset.label_counts(fit))
    if of == FEATURES:
        counts = dataset.label_counts(fit) if dataset.space is None else dataset.space.count
        if dataset.user_space is not None:
            counts = np.concatenate([counts, dataset.user_space.count])
        return _Points(dataset.features, state.U, np.where(_is_named(dataset.features), counts, 0))
    places: list[NDArray[np.float32]] = []
    sizes: list[NDArray[np.int64]] = []
    for examples in dataset.everyone_batches(READ_ROWS):
        places.append(projections(examples.x, state.U))
        sizes.append(_entries(examples.x))
    return _Points(dataset.example_ids, np.concatenate(places), np.concatenate(sizes))


def _known_as(dataset: Dataset, names: Sequence[str]) -> list[str]:
    """What the dataset calls these features: where they are hashed, a word is called after its bucket."""
    bits = None if dataset.space is None else dataset.space.options.hash_bits
    if bits is None:
        return list(names)
    buckets = bucket_names(hash_values(pa.array(names, pa.string())), bits).to_pylist()
    return [name if name.startswith(BUCKET) else bucket for name, bucket in zip(names, buckets, strict=True)]


def _entries(x: Any) -> NDArray[np.int64]:
    """How many features each row has that are not 0 (n,)."""
    return np.diff(x.indptr) if hasattr(x, "indptr") else np.count_nonzero(x.values, axis=1).astype(np.int64)


def _is_named(features: pa.Array) -> NDArray[np.bool_]:
    """Which features have a name: all but the constant one."""
    return features.is_valid().to_numpy(zero_copy_only=False).astype(bool)


def _require_known(names: Sequence[str], points: _Points, now: pa.Array, model: str, option: str) -> None:
    """Raise MissingInputError for a name that the dataset has now and that came after the model was made."""
    asked = pa.array(list(dict.fromkeys(names)), pa.string())
    there, before = (look_up(asked, known, option, untyped=True) for known in (now, points.names))
    new = np.flatnonzero((np.asarray(there) >= 0) & (np.asarray(before) < 0))
    if len(new):
        raise MissingInputError(
            f"{option}: {model} does not know {asked[int(new[0])].as_py()!r}, which came to the dataset after it was "
            "trained",
            hint="learn on from it with `awe train --start`, and ask the new model",
        )
