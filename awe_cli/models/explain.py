"""Why a model gives a label its score: the parts that the score is the sum of.

A score f = Σ_ij G_ij(x, y) x_i U_i·V_j y_j is a sum over the features of x. What one of them adds is exact:

    affinities of single features   Σ_j G_ij x_i U_i·V_j y_j, which the scorer gives for an input of this feature alone
    affinities of the whole score   G x_i U_i·V_y, with G = f / Ux·V_y
    k-NN                            f times the share of a neighbour that has y in Σ_j w_j [y ∈ Y_j]
    kernel ridge regression         p_y, and K(x, x_i) A_iy of each landmark
    mixtures and ensembles          the weighted score of each member
    linear baselines                x_i B_iy; bm25 with feedback: of the words of the widened query
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.affinities.mixture import n_members, weighed_numbers
from awe_cli.affinities.overlap import Overlap
from awe_cli.affinities.registry import without_floor
from awe_cli.baselines.kernel import KernelRanker
from awe_cli.baselines.neighbors import KnnRanker
from awe_cli.baselines.popularity import PopularityRanker
from awe_cli.baselines.words import FeedbackRanker
from awe_cli.core.interface import is_featurewise
from awe_cli.dataset.dataset import Dataset
from awe_cli.errors import MissingInputError, SettingsError
from awe_cli.matrices.bags import split_at
from awe_cli.matrices.matrix import Bags, Lists, Rows
from awe_cli.models.store import load_result
from awe_cli.models.versions import dataset_of
from awe_cli.ranking.earlier import EarlierRanker
from awe_cli.ranking.embedding import CandidateRanker, EmbeddingRanker, WeightedNeighbors
from awe_cli.ranking.ensemble import EnsembleRanker, standard_parts
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


def open_explainer(
    ws: Workspace, model: Artifact, dataset: Dataset, fit_on: tuple[str, ...], ranker: Ranker
) -> Explainer:
    """The explainer of one fit of a model; one of another version of the dataset explains by that version.

    ranker  the fit, as `load_fit` opens it for the dataset
    """
    if isinstance(ranker, EarlierRanker):
        explainer = open_explainer(ws, model, dataset_of(ws, model), fit_on, ranker.ranker)
        return _Earlier(explainer, ranker, dataset.labels, model.describe())
    if isinstance(ranker, EnsembleRanker):
        return _Ensemble(ranker, _names_of_members(ws, model))
    if isinstance(ranker, CandidateRanker):
        return _InCluster(ranker, _WholeScore(ranker, ranker.U, ranker.V, feature_names(dataset)))
    if isinstance(ranker, EmbeddingRanker):
        return _embedding(ranker, model, dataset, fit_on)
    return of_ranker(ranker, dataset, fit_on, model.describe())


def of_ranker(ranker: Ranker, dataset: Dataset, fit_on: tuple[str, ...], name: str) -> Explainer:
    """The explainer of a baseline called `name`: by neighbours, popularity, or what each feature adds.

    It raises SettingsError where it is asked about a score that is no sum over features.
    """
    if isinstance(ranker, ItemsRanker):
        return _ItemsAlone(of_ranker(ranker.ranker, dataset, fit_on, name), ranker.n_items)
    if isinstance(ranker, PopularityRanker):
        return _Popularity(ranker)
    if isinstance(ranker, KnnRanker):
        examples = dataset.training(fit_on)
        return _Neighbors(ranker.neighbors, ranker, examples.ids, examples.positives)
    if isinstance(ranker, KernelRanker):
        return _Landmarks(ranker, dataset.training(fit_on).ids)
    if isinstance(ranker, FeedbackRanker):
        return _Widened(ranker, _Features(ranker.plain, feature_names(dataset), name))
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


@dataclass(frozen=True)
class _Widened:
    """BM25 with feedback: what each word of the widened query adds."""

    ranker: FeedbackRanker
    of_words: _Features

    def parts(self, x: Rows, labels: NDArray[np.integer]) -> list[Parts]:
        return self.of_words.parts(self.ranker.widened(x), labels)


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

    ids, labels  of the training examples
    """

    neighbors: WeightedNeighbors
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
class _Landmarks:
    """Kernel ridge regression: the share of examples that have the label, and what each landmark adds.

    ids  of the training examples
    """

    ranker: KernelRanker
    ids: pa.Array

    def parts(self, x: Rows, labels: NDArray[np.integer]) -> list[Parts]:
        names = [POPULARITY, *self.ids.take(pa.array(self.ranker.landmarks)).to_pylist()]
        shares = self.ranker.kernel(x)[0].astype(np.float64)[:, None] * self.ranker.A[:, labels]
        prior = self.ranker.prior[labels].astype(np.float64)
        return [
            Parts(names, NEIGHBOR, np.concatenate([[prior[place]], shares[:, place]]))
            for place in range(len(labels))
        ]


@dataclass(frozen=True)
class _Members:
    """f = Σ_m w_m f_m + c Ux·V_y: a mixture, whose floor c is one more part where it is not 0."""

    names: Sequence[str]
    members: Sequence[EmbeddingRanker]  # w_m f_m, with Ux·V_y to break ties
    floor: float

    def parts(self, x: Rows, labels: NDArray[np.integer]) -> list[Parts]:
        scored = [member.scores(x) for member in self.members]
        shares = [found.score[0, labels].astype(np.float64) for found in scored]
        names = list(self.names)
        if self.floor:
            S = scored[0].tie
            assert S is not None
            names, shares = [*names, "(floor)"], [*shares, self.floor * S[0, labels].astype(np.float64)]
        return [Parts(names, AFFINITY, column) for column in np.array(shares).T]


@dataclass(frozen=True)
class _Ensemble:
    """The weighted standardised score of each model."""

    ranker: EnsembleRanker
    names: Sequence[str]

    def parts(self, x: Rows, labels: NDArray[np.integer]) -> list[Parts]:
        by_model = standard_parts(self.ranker.rankers, x, own=self.ranker.own)
        standardised = np.array([score[0, labels] for score, _ in by_model], np.float64)
        shares = np.array(self.ranker.weights)[:, None] * standardised
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


@dataclass(frozen=True)
class _Earlier:
    """Explains a label of this version of the dataset by a model of another.

    labels  of this version
    model   what it is called
    """

    explainer: Explainer
    ranker: EarlierRanker
    labels: pa.Array
    model: str

    def parts(self, x: Rows, labels: NDArray[np.integer]) -> list[Parts]:
        place = self.ranker.place[labels]
        if (place < 0).any():
            new = self.labels[int(labels[int(np.argmax(place < 0))])].as_py()
            raise MissingInputError(
                f"--label: {self.model} does not know {new!r}, which came to the dataset after it was trained",
                hint="learn on from it with `awe train --start`, and ask the new model",
            )
        return self.explainer.parts(self.ranker.translate(x), place)


def _names_of_members(ws: Workspace, model: Artifact) -> list[str]:
    """The names of the models of an ensemble that have a weight; the type of one that has lost its name."""
    weights = load_result(model)["weights"]
    members = [ws.get("model", model.parents[f"model {number}"]) for number in range(1, len(weights) + 1)]
    used = [member for member, weight in zip(members, weights, strict=True) if weight]
    return [str(ws.name_of("model", member.digest) or member.settings["model_type"]) for member in used]


def _embedding(
    ranker: EmbeddingRanker, model: Artifact, dataset: Dataset, fit_on: tuple[str, ...]
) -> Explainer:
    settings, names = load_result(model)["affinity"], feature_names(dataset)
    affinity, floor = without_floor(ranker.affinity)
    n = n_members(settings)
    if n:
        learned = ranker.embedding.learned
        each = np.diag(learned.shared[0, :n]).tolist()
        members = [ranker.with_affinity(affinity, weighed_numbers(learned, weights)) for weights in each]
        return _Members([str(member["name"]) for member in settings["members"]], members, floor)
    if ranker.neighbors is not None:
        examples = dataset.training(fit_on)
        return _Neighbors(ranker.neighbors, ranker, examples.ids, examples.positives)
    if isinstance(affinity, Overlap) or is_featurewise(affinity):
        return _Features(ranker, names, model.describe())
    return _WholeScore(ranker, ranker.embedding.U, ranker.embedding.W, names)


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
