"""Why a model gives a label its score: the parts that the score is the sum of.

A score f = Σ_ij G_ij(x, y) x_i U_i·V_j y_j is a sum over the features of x. What one of them adds is exact:

    affinities of single features   Σ_j G_ij x_i U_i·V_j y_j, which the scorer gives for an input of this feature alone
    affinities of the whole score   G x_i U_i·V_y, with G = f / Ux·V_y
    k-NN                            f times the share of a neighbour that has y in Σ_j w_j [y ∈ Y_j]
    mixtures and ensembles          the weighted score of each member
    linear baselines                x_i B_iy
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.affinities.combine import Sum
from awe_cli.affinities.mixture import n_members, weighed_numbers
from awe_cli.affinities.overlap import Overlap
from awe_cli.affinities.pointwise import Constant
from awe_cli.affinities.spec import BUILT
from awe_cli.baselines.neighbors import KnnRanker
from awe_cli.baselines.popularity import PopularityRanker
from awe_cli.builders.knn import BuiltKnn
from awe_cli.core.interface import is_featurewise
from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.dataset.versions import places_by_id, row_translation
from awe_cli.errors import MissingInputError, SettingsError
from awe_cli.matrices.bags import split_at
from awe_cli.matrices.matrix import Bags, Lists, Rows
from awe_cli.models.affinity import FixedAffinity
from awe_cli.models.load import EMBEDDING, ENSEMBLE, load_fit
from awe_cli.models.store import load_result, load_state
from awe_cli.models.tables import built_of
from awe_cli.models.versions import dataset_of
from awe_cli.ranking.embedding import CandidateRanker, EmbeddingRanker
from awe_cli.ranking.ensemble import standard_parts
from awe_cli.ranking.items import ItemsRanker
from awe_cli.ranking.ranker import Ranker
from awe_cli.workspace import Artifact, Workspace

FEATURE, NEIGHBOR, AFFINITY, MODEL, POPULARITY, CONSTANT = (
    "feature", "neighbor", "affinity", "model", "popularity", "constant",
)  # fmt: skip
_TOLERANCE = 1e-4  # of the sum of the parts, as a share of the sum of their sizes
_ROWS = 256  # inputs of one feature that are scored at a time


@dataclass(frozen=True)
class Parts:
    """What the score of one label is the sum of.

    names   of features, ids of neighbours, names of affinities or models
    kind    what they are: one of the kinds above
    shares  (parts,) float64, what each adds
    """

    names: Sequence[object]
    kind: str
    shares: NDArray[np.float64]


class Explainer(Protocol):
    """Takes scores apart."""

    def parts(self, x: Rows, labels: NDArray[np.integer]) -> list[Parts]:
        """The parts of the scores of these labels for x, one row."""
        ...


def open_explainer(ws: Workspace, model: Artifact, dataset: Dataset, fit_on: tuple[str, ...]) -> Explainer:
    """The explainer of one fit of a model; one of another version of the dataset explains by that version.

    Raises SettingsError for a model whose score is no sum of parts that have names.
    """
    if model.parents["dataset"] != dataset.path.name:
        own = dataset_of(ws, model)
        return _Earlier(open_explainer(ws, model, own, fit_on), dataset, own, model.describe())
    kind = str(model.settings.get("model_type"))
    ranker = load_fit(ws, model, dataset, fit_on)
    if kind == ENSEMBLE:
        return _ensemble(ws, model, dataset, fit_on)
    if kind == EMBEDDING:
        return _embedding(ws, model, dataset, fit_on, ranker)
    return of_ranker(ranker, dataset, fit_on, model.describe())


def of_ranker(ranker: Ranker, dataset: Dataset, fit_on: tuple[str, ...], name: str) -> Explainer:
    """The explainer of a baseline called `name`: by neighbours, popularity, or what each feature adds."""
    if isinstance(ranker, ItemsRanker):
        return _ItemsAlone(of_ranker(ranker.ranker, dataset, fit_on, name), ranker.n_items)
    if isinstance(ranker, PopularityRanker):
        return _Popularity(ranker)
    if isinstance(ranker, KnnRanker):
        examples = dataset.training(fit_on)
        return _Neighbors(ranker.neighbors, ranker, examples.ids, examples.positives)
    return _Features(ranker, feature_names(dataset), name)


def feature_names(dataset: Dataset) -> list[object]:
    """The features of x by index."""
    return ["(constant)" if name is None else name for name in dataset.features.to_pylist()]


def entries(x: Rows) -> tuple[NDArray[np.integer], NDArray[np.float32]]:
    """The features of one row, and their values."""
    return (x.indices, x.values) if isinstance(x, Bags) else (x.columns, x.values[0])


# Affinities that are learned with U and V, and linear baselines.


@dataclass(frozen=True)
class _Features:
    """A score that is a sum over the features: each is scored by itself."""

    ranker: Ranker
    names: Sequence[object]
    what: str

    def parts(self, x: Rows, labels: NDArray[np.integer]) -> list[Parts]:
        indices = entries(x)[0]
        shares = np.zeros((len(indices), len(labels)))
        for start in range(0, len(indices), _ROWS):
            rows = np.arange(start, min(start + _ROWS, len(indices)))
            shares[rows] = self.ranker.scores(_alone(x, rows)).score[:, labels]
        scores = self.ranker.scores(x).score[0]
        size = np.abs(shares).sum(axis=0) + 0.01 * np.abs(scores).max(initial=0)  # of rounding near 0
        wrong = np.abs(shares.sum(axis=0) - scores[labels]) > _TOLERANCE * size
        if wrong.any():
            raise SettingsError(
                f"{self.what}: its score is no sum over the features of x, which explain takes apart",
                hint="explain a model of `awe train` or `awe retrain`, a baseline of neighbours, ease, or an ensemble",
            )
        names = [self.names[int(i)] for i in indices]
        return [Parts(names, FEATURE, shares[:, place]) for place in range(len(labels))]


def _alone(x: Rows, entry: NDArray[np.integer]) -> Rows:
    """Rows that have one entry of x each."""
    if isinstance(x, Bags):
        return Bags(np.arange(len(entry) + 1, dtype=np.int64), x.indices[entry], x.values[entry])
    values = np.zeros((len(entry), x.values.shape[1]), np.float32)
    values[np.arange(len(entry)), entry] = x.values[0, entry]
    return x._replace(values=values)


@dataclass(frozen=True)
class _WholeScore:
    """f = G · Ux·V_y with one G for all features."""

    ranker: Ranker
    U: NDArray[np.float32]
    W: NDArray[np.float32]  # (labels, d) V_y, or Vy where features describe labels
    names: Sequence[object]

    def parts(self, x: Rows, labels: NDArray[np.integer]) -> list[Parts]:
        indices, values = entries(x)
        products = values.astype(np.float64)[:, None] * (
            self.U[indices].astype(np.float64) @ self.W[labels].astype(np.float64).T
        )
        scores = self.ranker.scores(x).score[0, labels].astype(np.float64)
        whole = products.sum(axis=0)
        names = [self.names[int(i)] for i in indices]
        found = []
        for place, f in enumerate(scores):
            G = f / whole[place] if whole[place] else 0.0
            if f and not np.isfinite(G * np.abs(products[:, place]).sum()):
                G = 0.0
            if f and not G:
                found.append(Parts(["(score)"], CONSTANT, np.array([f])))
            else:
                found.append(Parts(names, FEATURE, G * products[:, place]))
        return found


@dataclass(frozen=True)
class _InCluster:
    """Labels of the leaf that x falls in by their features; all others have one score."""

    ranker: CandidateRanker
    inside: _WholeScore

    def parts(self, x: Rows, labels: NDArray[np.integer]) -> list[Parts]:
        outside = ~np.isin(labels, self.ranker.candidates_of(x))
        scores = self.ranker.scores(x).score[0, labels]
        return [
            Parts(["(not in the cluster)"], CONSTANT, np.array([float(score)])) if out else part
            for out, score, part in zip(outside, scores, self.inside.parts(x, labels), strict=True)
        ]


# Built affinities, mixtures and ensembles.


@dataclass(frozen=True)
class _Neighbors:
    """A score that is shared out to the neighbours that have the label, by their weights.

    neighbors  rows of x → training examples (m, k), -1 where there are fewer, and their weights (m, k)
    """

    neighbors: Callable[[Rows], tuple[NDArray[np.int32], NDArray[np.float32]]]
    ranker: Ranker
    ids: pa.Array
    labels: Lists

    def parts(self, x: Rows, labels: NDArray[np.integer]) -> list[Parts]:
        rows, weights = (found[0] for found in self.neighbors(x))
        near = np.unique(rows[rows >= 0])
        total = np.zeros(len(near))
        np.add.at(total, np.searchsorted(near, rows[rows >= 0]), weights[rows >= 0])
        names = self.ids.take(pa.array(near)).to_pylist()
        of_near = [self.labels.indices[slice(*self.labels.indptr[row : row + 2])] for row in near]
        scores = self.ranker.scores(x).score[0, labels]
        found = []
        for f, label in zip(scores, labels, strict=True):
            has = np.array([label in chosen for chosen in of_near], bool)
            G = total[has].sum() if len(near) else 0.0
            if f and not G:  # a floor beside G
                found.append(Parts(["(floor)"], CONSTANT, np.array([float(f)])))
                continue
            shares = np.where(has, total, 0.0) * (float(f) / G) if G else np.zeros(len(near))
            found.append(Parts(names, NEIGHBOR, shares))
        return found


@dataclass(frozen=True)
class _Members:
    """The sum of several scores, one for each member; what is left over is the floor."""

    ranker: Ranker
    names: Sequence[str]
    members: Sequence[Ranker]

    def parts(self, x: Rows, labels: NDArray[np.integer]) -> list[Parts]:
        shares = np.array([member.scores(x).score[0, labels] for member in self.members], np.float64)
        scores = self.ranker.scores(x).score[0, labels]
        rest = scores - shares.sum(axis=0)
        sizes = np.abs(shares).sum(axis=0) + np.abs(scores)
        found = []
        for place in range(len(labels)):
            names, column = list(self.names), shares[:, place]
            if abs(rest[place]) > _TOLERANCE * sizes[place]:
                names, column = [*names, "floor"], np.append(column, rest[place])
            found.append(Parts(names, AFFINITY, column))
        return found


@dataclass(frozen=True)
class _Ensemble:
    """The weighted standardised score of each model."""

    names: Sequence[str]
    rankers: Sequence[Ranker]
    weights: Sequence[float]
    own: bool

    def parts(self, x: Rows, labels: NDArray[np.integer]) -> list[Parts]:
        standardised = [score[0, labels] for score, _ in standard_parts(self.rankers, x, own=self.own)]
        shares = np.array(self.weights)[:, None] * np.array(standardised, np.float64)
        return [Parts(self.names, MODEL, shares[:, place]) for place in range(len(labels))]


@dataclass(frozen=True)
class _Popularity:
    """One number for every input."""

    ranker: Ranker

    def parts(self, x: Rows, labels: NDArray[np.integer]) -> list[Parts]:
        scores = self.ranker.scores(x).score[0, labels].astype(np.float64)
        return [Parts(["training examples that have it"], POPULARITY, np.array([score])) for score in scores]


@dataclass(frozen=True)
class _ItemsAlone:
    """Explains by the items of a history; features of people have no part in the score."""

    explainer: Explainer
    n_items: int

    def parts(self, x: Rows, labels: NDArray[np.integer]) -> list[Parts]:
        return self.explainer.parts(split_at(x, self.n_items)[0] if isinstance(x, Bags) else x, labels)


class _Earlier:
    """Explains a label of this version of the dataset by a model of another."""

    def __init__(self, explainer: Explainer, dataset: Dataset, own: Dataset, model: str) -> None:
        self._explainer, self._model, self._labels = explainer, model, dataset.labels
        self._translate = row_translation(dataset, own)
        self._place = places_by_id(dataset.labels, own.labels)

    def parts(self, x: Rows, labels: NDArray[np.integer]) -> list[Parts]:
        place = self._place[labels]
        if (place < 0).any():
            new = self._labels[int(labels[int(np.argmax(place < 0))])].as_py()
            raise MissingInputError(
                f"--label: {self._model} does not know {new!r}, which came to the dataset after it was trained",
                hint="learn on from it with `awe train --start`, and ask the new model",
            )
        return self._explainer.parts(self._translate(x), place)


def _ensemble(ws: Workspace, model: Artifact, dataset: Dataset, fit_on: tuple[str, ...]) -> Explainer:
    weights = load_result(model)["weights"]
    members = [ws.get("model", model.parents[f"model {number}"]) for number in range(1, len(weights) + 1)]
    used = [(member, weight) for member, weight in zip(members, weights, strict=True) if weight]
    names = [str(ws.name_of("model", member.digest) or member.settings["model_type"]) for member, _ in used]
    rankers = [load_fit(ws, member, dataset, fit_on) for member, _ in used]
    return _Ensemble(names, rankers, [weight for _, weight in used], dataset.task == RECOMMENDATION)


def _embedding(
    ws: Workspace, model: Artifact, dataset: Dataset, fit_on: tuple[str, ...], ranker: Ranker
) -> Explainer:
    state, affinity = load_state(model, fit_on, dataset), load_result(model)["affinity"]
    built, names = built_of(ws, model), feature_names(dataset)
    if isinstance(ranker, CandidateRanker):
        return _InCluster(ranker, _WholeScore(ranker, ranker.U, ranker.V, names))
    assert isinstance(ranker, EmbeddingRanker)
    if n_members(affinity):
        shared = state.learned.shared
        n = n_members(affinity)
        members = []
        for place in range(n):
            weights = np.where(np.arange(n) == place, shared[0, :n], 0).tolist()
            alone = state._replace(learned=weighed_numbers(state.learned, weights))
            if built:
                opened = FixedAffinity(affinity, built).open(ws, dataset, fit_on)
                members.append(opened.ranker(alone, affinity["power"], 0.0, dataset.y))
            else:
                members.append(ranker.with_learned(alone.learned))
        labels = [str(member["name"]) for member in affinity["members"]]
        return _Members(ranker, labels, members)
    if built and affinity["name"] in BUILT:
        opened = FixedAffinity(affinity, built).open(ws, dataset, fit_on)
        if isinstance(opened, BuiltKnn):
            examples = dataset.training(fit_on)
            return _Neighbors(opened.neighbors, ranker, examples.ids, examples.positives)
    if not built and _sums_over_features(ranker.affinity):
        return _Features(ranker, names, model.describe())
    return _WholeScore(ranker, state.U, ranker.label_rows, names)


def _sums_over_features(affinity: Any) -> bool:
    """Whether f is a sum over features, each with a G of its own; a floor beside it adds a term to each."""
    if isinstance(affinity, Sum) and isinstance(affinity.second, Constant):
        affinity = affinity.first
    return isinstance(affinity, Overlap) or bool(is_featurewise(affinity))


def shown(parts: Parts, most: int | None) -> list[dict[str, object]]:
    """The parts as rows of JSON, the largest first; those beyond `most` as one, "(n others)"."""
    order = np.argsort(-np.abs(parts.shares), kind="stable")
    rows = [
        {"name": parts.names[int(at)], "kind": parts.kind, "share": float(parts.shares[int(at)])}
        for at in order
    ]
    if most is None or len(rows) <= most:
        return rows
    rest = sum(float(parts.shares[int(at)]) for at in order[most:])
    return [*rows[:most], {"name": f"({len(rows) - most} others)", "kind": parts.kind, "share": rest}]
