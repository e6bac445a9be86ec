"""Opening a stored model as a ranker: which of its fits is used, and how each type of model is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awe_cli.baselines.base import Baseline, Facts
from awe_cli.baselines.registry import BASELINES
from awe_cli.core.epoch import State
from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.dataset.versions import places_by_id, row_translation
from awe_cli.errors import CorruptArtifactError, DataError, MissingInputError, SettingsError
from awe_cli.models.store import MODEL_VERSION as EMBEDDING_VERSION
from awe_cli.models.store import RESULT, fit_name, fits_of_model, load_result, load_state
from awe_cli.models.versions import dataset_of, require_dataset, require_same_version
from awe_cli.neighbors.space import Space, usual_measure
from awe_cli.ranking.earlier import EarlierRanker
from awe_cli.ranking.items import ItemsRanker
from awe_cli.ranking.ranker import Ranker
from awe_cli.workspace import Artifact, Workspace
from awe_cli.workspace.arrays import load_arrays
from awe_cli.workspace.artifact import decoding

if TYPE_CHECKING:
    from awe_cli.ranking.calibration import Calibration

EMBEDDING, KNN, ENSEMBLE = "embedding", "knn", "ensemble"
BASELINE_VERSION = 4


@dataclass(frozen=True)
class OpenRanker:
    """A model opened for ranking.

    fit_on  the splits of the fit in use; in recommendation a person's history is that in these splits
    calibration  from its scores to probabilities, where these are wanted
    """

    ranker: Ranker
    fit_on: tuple[str, ...]
    calibration: Calibration | None = None


Loader = Callable[[Workspace, Artifact, Dataset, tuple[str, ...]], Ranker]


def open_ranker(ws: Workspace, model: Artifact, dataset: Dataset, split: str | None) -> OpenRanker:
    """The model with the fit to evaluate on `split`: the largest one that has not seen it; the largest for None.

    Raises SettingsError where every fit has seen the split, CorruptArtifactError for a type that is unknown.
    """
    fit_on = choose_fit(model, split)
    return OpenRanker(load_fit(ws, model, dataset, fit_on), fit_on)


def load_fit(ws: Workspace, model: Artifact, dataset: Dataset, fit_on: tuple[str, ...]) -> Ranker:
    """One fit of a model of any type; one of another version of the dataset ranks by the ids that both have.

    Raises CorruptArtifactError for a type that is unknown.
    """
    model_type = str(model.settings.get("model_type"))
    if model_type not in LOADERS:
        raise CorruptArtifactError(
            f"{model.describe()}: expected a type of model among {', '.join(sorted(LOADERS))}, "
            f"found {model_type!r}",
            hint="it was written by another version of awe: run the step that makes it again",
        )
    load = LOADERS[model_type]
    with decoding(model.path, f"a model of type {model_type}"):
        if model.parents["dataset"] == dataset.path.name:
            return load(ws, model, dataset, fit_on)
        own = dataset_of(ws, model)
        place = places_by_id(dataset.labels, own.labels)
        return EarlierRanker(load(ws, model, own, fit_on), row_translation(dataset, own), place)


def choose_fit(model: Artifact, split: str | None) -> tuple[str, ...]:
    """The splits of the largest fit of `model` that leaves `split` out; of the largest fit for None.

    Raises DataError for test where the final fit of the model has seen it: its smaller fits serve choices alone, and
    the model does not rank with them. Raises SettingsError where every fit has seen the split.
    """
    fits = fits_of_model(model)
    if split == "test" and any("test" in fit for fit in fits):
        raise DataError(
            f"{model.describe()} cannot be evaluated on test: its final fit has learned from the test split, too "
            "(--fit-on train,valid,test)",
            hint="evaluate a model of the same settings that is trained without --fit-on, or take --split valid",
        )
    fair = [fit for fit in fits if split not in fit]
    if not fair:
        raise SettingsError(
            f"{model.describe()} has seen the split {split!r}: every fit of it includes this split",
            hint="evaluate it on a split it has not seen, such as --split test",
        )
    return max(fair, key=len)


def find_model(ws: Workspace, name: str) -> Artifact:
    """The model called `name`. Raises MissingInputError, for a baseline with the command that makes it."""
    if name in BASELINES and name not in ws.names("model"):
        raise MissingInputError(
            f"there is no model named {name!r} in the workspace {ws.root}",
            hint=f"make it with `awe train-baseline {name}`",
        )
    return ws.find("model", name)


def find_embedding(ws: Workspace, name: str | None, dataset: Artifact, *, earlier: bool = False) -> Artifact:
    """The embedding model called `name`; without a name, the only one there is.

    earlier  whether it may be one of another version of the dataset

    Raises MissingInputError, DataError for one of another dataset, SettingsError for another type of model.
    """
    model = find_model(ws, name) if name else _only_embedding(ws)
    (require_dataset if earlier else require_same_version)(ws, model, dataset)
    if model.settings.get("model_type") != EMBEDDING:
        raise SettingsError(
            f"expected an embedding model, found {model.describe()}, a {model.settings.get('model_type')}",
            hint="name a model that `awe train` or `awe retrain` made",
        )
    return model.expect_version(EMBEDDING_VERSION)


def _only_embedding(ws: Workspace) -> Artifact:
    models = [ws.find("model", name) for name in ws.names("model") if not ws.is_alias("model", name)]
    embeddings = [model for model in models if model.settings.get("model_type") == EMBEDDING]
    if len(embeddings) == 1:
        return embeddings[0]
    names = ", ".join(str(model.name) for model in embeddings) or "none"
    raise MissingInputError(
        f"which model? embedding models in the workspace {ws.root}: {names}",
        hint="name one with --model" if embeddings else "make one with `awe train --affinity constant`",
    )


def baseline_facts(
    ws: Workspace,
    parents: Mapping[str, str],
    dataset: Dataset,
    fit: tuple[str, ...],
    threads: int | None = None,
) -> Facts:
    """The data of a fit of a baseline; `parents` are those of its recipe, without the dataset."""
    if "model" in parents:
        U = load_state(ws.get("model", parents["model"]), fit, dataset).U
        return Facts(dataset, fit, threads=threads, space=Space(U, usual_measure(dense=dataset.dense)))
    if "neighbors" not in parents:
        return Facts(dataset, fit, threads=threads)
    from awe_cli.models.tables import embedded

    table = ws.get("neighbors", parents["neighbors"])
    return Facts(dataset, fit, embedded(ws, table, dataset, fit), threads)


def what_it_sees(baseline: str, dataset: Dataset) -> Dataset:
    """The dataset as a baseline sees it: without the features of people, but for knn, which asks an embedding."""
    return dataset if baseline == KNN else dataset.of_items_alone()


def _baseline(baseline: Baseline) -> Loader:
    def load(ws: Workspace, model: Artifact, dataset: Dataset, fit_on: tuple[str, ...]) -> Ranker:
        model.expect_version(BASELINE_VERSION)
        seen = what_it_sees(baseline.name, dataset)
        facts = baseline_facts(ws, model.parents, seen, fit_on)
        arrays = load_arrays(model.file(f"fit-{fit_name(fit_on)}.npz"))
        ranker = baseline.ranker(facts, load_result(model)["choice"], arrays)
        return ranker if seen is dataset else ItemsRanker(ranker, len(dataset.prepared_labels))

    return load


def _embedding(ws: Workspace, model: Artifact, dataset: Dataset, fit_on: tuple[str, ...]) -> Ranker:
    from awe_cli.models.affinity import FixedAffinity
    from awe_cli.models.tables import built_of
    from awe_cli.plugins import file

    state, affinity = load_state(model, fit_on, dataset), load_result(model)["affinity"]
    built = built_of(ws, model)
    if not built:
        source = model.file(file.SOURCE) if affinity["name"] == file.OWN else None
        return learned_ranker(affinity, state, dataset, source)
    opened = FixedAffinity(affinity, built).open(ws, dataset, fit_on)
    return opened.ranker(state, affinity["power"], affinity["floor"], dataset.y)


def learned_ranker(
    affinity: dict[str, Any], state: State, dataset: Dataset | None, source: Path | None = None
) -> Ranker:
    """The ranker of an affinity that was learned with U and V.

    affinity  its settings, as a model's result has them
    dataset   where labels may have features; None: they are one-hot
    source    the user's file, for a type in a file
    """
    from awe_cli.affinities.registry import build_affinity
    from awe_cli.models.affinity import with_words
    from awe_cli.plugins import file
    from awe_cli.ranking.embedding import EmbeddingRanker

    parameters = build_affinity(affinity) if source is None else file.build_plugin(affinity, source)
    if dataset is None:
        return EmbeddingRanker(parameters, state.U, state.V, learned=state.learned)
    parameters = with_words(parameters, affinity, dataset)
    return EmbeddingRanker(parameters, state.U, state.V, learned=state.learned, y=dataset.y)


def _ensemble(ws: Workspace, model: Artifact, dataset: Dataset, fit_on: tuple[str, ...]) -> Ranker:
    from awe_cli.ranking.ensemble import EnsembleRanker

    weights = load_result(model)["weights"]
    if not all(type(weight) in (int, float) and 0 <= weight < float("inf") for weight in weights):
        raise model.corrupt(RESULT, "weights of at least 0", repr(weights)[:80])
    parts = [ws.get("model", model.parents[f"model {number}"]) for number in range(1, len(weights) + 1)]
    rankers = [load_fit(ws, part, dataset, fit_on) for part in parts]
    return EnsembleRanker(rankers, weights, own=dataset.task == RECOMMENDATION)


# A type of model, as its settings name it, and how to load the fit on some splits.
LOADERS: dict[str, Loader] = {
    EMBEDDING: _embedding,
    ENSEMBLE: _ensemble,
    **{name: _baseline(baseline) for name, baseline in BASELINES.items()},
}
