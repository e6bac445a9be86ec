"""From a stored model to something that ranks: which of its fits to use, and how each type is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from awe_cli.baselines.popularity import Popularity
from awe_cli.data.dataset import Dataset
from awe_cli.errors import CorruptArtifactError, DataError, MissingInputError, SettingsError
from awe_cli.ranking.ranker import Ranker
from awe_cli.workspace import Artifact, Workspace
from awe_cli.workspace.arrays import load_arrays

COUNTS = "counts.npz"


@dataclass(frozen=True)
class OpenRanker:
    """A model ready to rank.

    fit_on  the splits that the fit in use has seen; in recommendation they make up a person's history
    """

    ranker: Ranker
    fit_on: tuple[str, ...]


Loader = Callable[[Workspace, Artifact, Dataset, tuple[str, ...]], Ranker]


def open_ranker(ws: Workspace, model: Artifact, dataset: Dataset, split: str | None) -> OpenRanker:
    """The model with the fit to judge on `split`: the largest one that has not seen it; the largest for None.

    Raises SettingsError where every fit has seen the split, CorruptArtifactError for a type that is unknown.
    """
    model_type = str(model.settings.get("model_type"))
    if model_type not in LOADERS:
        raise CorruptArtifactError(
            f"{model.describe()}: expected a type of model among {', '.join(sorted(LOADERS))}, "
            f"found {model_type!r}",
            hint="it was written by another version of awe: run the step that makes it again",
        )
    fit_on = choose_fit(model, split)
    return OpenRanker(LOADERS[model_type](ws, model, dataset, fit_on), fit_on)


def choose_fit(model: Artifact, split: str | None) -> tuple[str, ...]:
    """The splits of the largest fit of `model` that leaves `split` out. Raises SettingsError."""
    fits = [tuple(fit) for fit in model.settings["fits"]]
    fair = [fit for fit in fits if split not in fit]
    if not fair:
        raise SettingsError(
            f"{model.describe()} has seen the split {split!r}: every fit of it was made on it",
            hint="judge it on a split it has not seen, such as --split test",
        )
    return max(fair, key=len)


def find_model(ws: Workspace, name: str) -> Artifact:
    """The model called `name`. Raises MissingInputError, for a baseline with the command that makes it."""
    if name == "popularity" and name not in ws.names("model"):
        raise MissingInputError(
            f"there is no model named {name!r} in the workspace {ws.root}",
            hint=f"make it with `awe train-baseline {name}`",
        )
    return ws.find("model", name)


def require_dataset(model: Artifact, dataset: Artifact) -> None:
    """Raise DataError where `model` was trained on another version of the dataset."""
    trained_on = model.parents.get("dataset")
    if trained_on != dataset.digest:
        raise DataError(
            f"{model.describe()} was trained on the dataset {str(trained_on)[:12]}, but the workspace now "
            f"holds the dataset {dataset.digest[:12]}: its labels and features have other indices",
            hint="train the model again on this dataset, or run the `awe prepare` that made the other one",
        )


def _popularity(ws: Workspace, model: Artifact, dataset: Dataset, fit_on: tuple[str, ...]) -> Ranker:
    return Popularity(load_arrays(model.file(COUNTS))["-".join(fit_on)])


def _embedding(ws: Workspace, model: Artifact, dataset: Dataset, fit_on: tuple[str, ...]) -> Ranker:
    from awe_cli.affinity.catalog import build_affinity
    from awe_cli.ranking.embedding import EmbeddingRanker
    from awe_cli.steps.embeddings import load_result, load_state

    state = load_state(model, fit_on)
    return EmbeddingRanker(build_affinity(load_result(model)["affinity"]), state.U, state.V)


# A type of model, as its settings name it, and how to load the fit on some splits.
LOADERS: dict[str, Loader] = {"popularity": _popularity, "embedding": _embedding}
