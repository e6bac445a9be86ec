"""A workspace from Python: its dataset and its models as NumPy, SciPy and Arrow, and the steps as methods.

Everything here asks awe_cli.steps, as the command line does, and takes settings from the same places: arguments, the
environment, awe.toml, defaults.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse
from numpy.typing import NDArray

from awe_cli.config import resolve, settings_of
from awe_cli.config.baselines import SETTINGS as BASELINE_SETTINGS
from awe_cli.config.build import BuildAffinitySettings, BuildKnnSettings
from awe_cli.config.evaluate import (
    CalibrateSettings,
    CompareSettings,
    EnsembleSettings,
    EvaluateSettings,
)
from awe_cli.config.export import ExportSettings
from awe_cli.config.predict import NeighborsSettings, PredictSettings
from awe_cli.config.prepare import PrepareSettings
from awe_cli.config.resolve import Resolved
from awe_cli.config.train import RetrainSettings, TrainSettings
from awe_cli.dataset.dataset import RECOMMENDATION
from awe_cli.dataset.dataset import Dataset as StoredDataset
from awe_cli.dataset.splits import SPLITS
from awe_cli.errors import DataError, MissingInputError, UsageError, did_you_mean
from awe_cli.matrices.bags import as_scipy
from awe_cli.models.load import EMBEDDING, choose_fit, find_embedding, find_model
from awe_cli.models.store import load_result, load_state, open_dataset
from awe_cli.prediction.narrow import Only
from awe_cli.ranking.embedding import label_rows
from awe_cli.steps.build_affinity import build_affinity
from awe_cli.steps.build_knn import build_knn
from awe_cli.steps.calibrate import calibrate
from awe_cli.steps.compare import compare
from awe_cli.steps.describe import describe
from awe_cli.steps.ensemble import ensemble
from awe_cli.steps.evaluate import evaluate
from awe_cli.steps.export import export
from awe_cli.steps.neighbors import neighbors
from awe_cli.steps.predict import project, recommend
from awe_cli.steps.prepare import prepare
from awe_cli.steps.retrain import iterate
from awe_cli.steps.train import train
from awe_cli.steps.train_baseline import train_baseline
from awe_cli.workspace import Artifact
from awe_cli.workspace import Workspace as Store

Matrix = Any  # NDArray (n, p), or scipy.sparse.csr_matrix
Ids = Any  # a sequence or array of ids, or a single one


class Workspace(Store):
    """The folder that holds a dataset, models and what else the commands made; it is made by `prepare`.

    root  its path, as --workspace has it

    Methods that make something take the settings of the command of their name as keyword arguments, and do nothing
    where it is up to date. All raise the errors of `awe_cli.errors`, which say what was expected, found, and to do.
    """

    def __init__(self, root: str | Path = "workspace") -> None:
        super().__init__(Path(root))

    def __repr__(self) -> str:
        there = "a dataset" if self.pointer("dataset", None) else "no dataset"
        models = f"models {', '.join(self.models)}" if self.models else "no models"
        return f"Workspace({str(self.root)!r}: {there}, {models})"

    @property
    def models(self) -> list[str]:
        """The names of the models, sorted."""
        return self.names("model")

    def dataset(self) -> Dataset:
        """The dataset that was prepared. Raises MissingInputError where there is none."""
        return Dataset(open_dataset(self.find("dataset")))

    def model(self, name: str) -> Model:
        """The model called `name`, as `Model.load`."""
        return Model.load(self, name)

    def prepare(self, data: Any, *more: Any, wait: float = False, **settings: Any) -> Dataset:
        """Make the dataset of files, or of a table (DataFrame, Arrow), as `awe prepare` does."""
        with tempfile.TemporaryDirectory() as folder:
            files = [
                _as_file(one, Path(folder) / f"table-{n}.parquet") for n, one in enumerate([data, *more], 1)
            ]
            found = self._settings(PrepareSettings, "prepare", settings)
            given = [name for name in found.sources if found.given(name)]
            prepare(self, files, found.settings, given=given, wait=wait)
        return self.dataset()

    def train(
        self, name: str | None = None, *, threads: int | None = None, wait: float = False, **settings: Any
    ) -> Model:
        """Learn a model, as `awe train` does."""
        found = self._settings(TrainSettings, "train", settings).settings
        return self._made(train(self, found, name=name, threads=threads, wait=wait))

    def train_baseline(
        self,
        method: str,
        name: str | None = None,
        *,
        threads: int | None = None,
        wait: float = False,
        **settings: Any,
    ) -> Model:
        """Fit a baseline, as `awe train-baseline` does."""
        found: Any = None
        if method in BASELINE_SETTINGS:
            found = self._settings(BASELINE_SETTINGS[method], "train-baseline", settings).settings
        return self._made(
            train_baseline(self, method, found, name=name, threads=threads, wait=wait, warn=warnings.warn)
        )

    def build_knn(
        self,
        model: str | None = None,
        name: str | None = None,
        *,
        threads: int | None = None,
        wait: float = False,
        **settings: Any,
    ) -> None:
        """Build the k-NN affinity of a model, as `awe build-knn` does."""
        found = self._settings(BuildKnnSettings, "build-knn", settings).settings
        build_knn(self, model, found, name=name, threads=threads, wait=wait)

    def build_affinity(
        self,
        model: str | None = None,
        name: str | None = None,
        *,
        threads: int | None = None,
        wait: float = False,
        **settings: Any,
    ) -> None:
        """Build another affinity of a model, as `awe build-affinity` does."""
        found = self._settings(BuildAffinitySettings, "build-affinity", settings).settings
        build_affinity(self, model, found, name=name, threads=threads, wait=wait)

    def retrain(
        self,
        model: str | None = None,
        name: str | None = None,
        *,
        built: str | None = None,
        threads: int | None = None,
        wait: float = False,
        **settings: Any,
    ) -> Model:
        """Learn a model again with an affinity that was built, as `awe retrain` does."""
        found = self._settings(RetrainSettings, "retrain", settings).settings
        name = "awe" if name is None else name
        made = iterate(self, model, found, name=name, built=built, threads=threads, wait=wait)
        return self._made(made)

    def ensemble(
        self,
        models: Sequence[str],
        name: str = "ensemble",
        *,
        threads: int | None = None,
        wait: float = False,
        **settings: Any,
    ) -> Model:
        """Combine models, as `awe ensemble` does."""
        found = self._settings(EnsembleSettings, "ensemble", settings).settings
        return self._made(ensemble(self, models, found, name=name, threads=threads, wait=wait))

    def calibrate(
        self, model: str, *, threads: int | None = None, wait: float = False, **settings: Any
    ) -> dict[str, Any]:
        """Learn which probability a score of a model stands for, as `awe calibrate` does: what its --json prints."""
        found = self._settings(CalibrateSettings, "calibrate", settings).settings
        return load_result(calibrate(self, model, found, threads=threads, wait=wait)[0])

    def evaluate(
        self, *models: str, threads: int | None = None, wait: float = False, **settings: Any
    ) -> dict[str, Any]:
        """Compare models, as `awe evaluate` does: the document that its --json prints, with intervals."""
        found = self._settings(EvaluateSettings, "evaluate", settings).settings
        return evaluate(self, models, found, threads=threads, wait=wait)[0]

    def compare(
        self, *models: str, threads: int | None = None, wait: float = False, **settings: Any
    ) -> dict[str, Any]:
        """Compare models with the first, as `awe compare` does: intervals, wins, and the examples that differ most."""
        found = self._settings(CompareSettings, "compare", settings).settings
        return compare(self, models, found, threads=threads, wait=wait)[0]

    def describe(self, name: str | Path) -> dict[str, Any]:
        """What a file, or an artifact such as "dataset" or "models/awe", holds: what `awe describe --json` prints.

        Raises MissingInputError where there is neither, DataError for a name of several kinds and for a file that
        cannot be read.
        """
        found = describe(self, str(name))
        if len(found) > 1:
            kinds = " and ".join(f"{one['kind']} {one['name']}" for one in found)
            raise DataError(
                f"{name}: expected one artifact, found {kinds}", hint=f"name its kind: models/{name}"
            )
        return found[0]

    def _settings(self, cls: type, command: str, given: Mapping[str, Any]) -> Resolved[Any]:
        """The settings of a command, those that are given first. Raises TypeError for a name that is none."""
        known = [setting.name for setting in settings_of(cls)]
        for name in given:
            if name not in known:
                raise TypeError(
                    f"{command}: no setting is called {name!r}; "
                    + (did_you_mean(name, known) or f"it has {', '.join(known)}")
                )
        plain = {
            name: value.item() if isinstance(value, np.generic) else value for name, value in given.items()
        }
        return resolve(cls, command, plain, os.environ, self.settings_file)

    def _made(self, made: tuple[Artifact, bool]) -> Model:
        return Model(self, made[0])


class Dataset:
    """A prepared dataset as matrices. Ids and names are in the types that they were given in.

    stored  the dataset as the steps read it
    """

    def __init__(self, stored: StoredDataset) -> None:
        self.stored = stored

    def __repr__(self) -> str:
        people = self.task == RECOMMENDATION
        nouns = ("people", "items") if people else ("examples", "labels")
        splits = ", ".join(f"{split} {n:,}" for split, n in self.splits.items() if n)
        return (
            f"Dataset({self.task}: {len(self.ids):,} {nouns[0]}, {len(self.labels):,} {nouns[1]}; {splits})"
        )

    @property
    def task(self) -> str:
        """recommendation, annotation or retrieval."""
        return self.stored.task

    @property
    def splits(self) -> dict[str, int]:
        """Split → how many examples, or people, have something in it."""
        return self.stored.splits

    @property
    def summary(self) -> dict[str, Any]:
        """What `awe prepare --json` prints: counts, frequencies, notes and warnings."""
        return self.stored.summary

    @cached_property
    def labels(self) -> NDArray[Any]:
        """(labels,) the labels, or items, in the order of the columns of Y and the rows of V."""
        return _as_numpy(self.stored.labels)

    @cached_property
    def features(self) -> NDArray[Any]:
        """(features,) in the order of the columns of X and the rows of U; None for the constant one, which is last."""
        return _as_numpy(self.stored.features)

    @cached_property
    def ids(self) -> NDArray[Any]:
        """(n,) the ids of all examples, or people, in stored order."""
        return _as_numpy(self.stored.example_ids)

    def matrices(self, split: str = "train") -> Matrices:
        """The examples of a split, as models see them: scaled features, and the labels that should rank high.

        Recommendation: X is what people chose in the splits before, for train what they chose there, as Y has it.
        Values and indices are shared with what was read, not copied.
        """
        before = tuple(
            s for s in SPLITS[: SPLITS.index(split) if split in SPLITS else 0] if self.splits.get(s)
        )
        recommends = self.task == RECOMMENDATION
        found = (
            self.stored.training(("train",))
            if split == "train"
            else self.stored.held_out(split, before if recommends else ("train",))
        )
        return Matrices(
            _as_numpy(found.ids),
            as_scipy(found.x, self.stored.n_features),
            as_scipy(found.positives, self.stored.n_labels),
        )


@dataclass(frozen=True)
class Matrices:
    """Examples as matrices.

    ids  (n,)
    X    (n, features) float32, a SciPy CSR matrix, or an array where features are dense
    Y    (n, labels) float32, a SciPy CSR matrix of ones
    """

    ids: NDArray[Any]
    X: Matrix
    Y: scipy.sparse.csr_matrix

    def __repr__(self) -> str:
        kind = "sparse" if scipy.sparse.issparse(self.X) else "dense"
        return f"Matrices({len(self.ids):,} examples: X {self.X.shape} {kind}, Y {self.Y.shape} sparse)"


@dataclass(frozen=True)
class Embeddings:
    """The embeddings of a model, with what each row is for.

    features  (features,) or items of a history; None for the constant feature
    U         (features, d) float32
    labels    (labels,)
    V         (labels, d) float32; of labels with features the rows W = YV
    """

    features: NDArray[Any]
    U: NDArray[np.float32]
    labels: NDArray[Any]
    V: NDArray[np.float32]

    def __repr__(self) -> str:
        return f"Embeddings(U {self.U.shape}, V {self.V.shape})"


class Model:
    """A stored model. `Model.load(workspace, name)` opens one; the steps of a workspace return one.

    artifact  the model as it is stored: settings, parents, files
    """

    def __init__(self, workspace: Workspace, artifact: Artifact) -> None:
        self.workspace, self.artifact = workspace, artifact

    @classmethod
    def load(cls, workspace: Workspace | str | Path, name: str) -> Model:
        """The model called `name`. Raises MissingInputError, with the nearest name there is."""
        if not isinstance(workspace, Workspace):
            workspace = Workspace(workspace)
        return cls(workspace, find_model(workspace, name))

    def __repr__(self) -> str:
        fit = " and ".join(choose_fit(self.artifact, None))
        return f"Model({self.name!r}: {self._kind()}, fitted on {fit})"

    def _kind(self) -> str:
        if self.type != EMBEDDING:
            return self.type
        affinity = self.result["affinity"]["name"]
        return f"embedding, affinity {affinity}"

    @property
    def name(self) -> str:
        """What the workspace calls it."""
        return str(self.artifact.name)

    def _name_now(self) -> str:
        """Its name, if that still means this model. Raises DataError where another was made under it since."""
        now = find_model(self.workspace, self.name)
        if now.digest != self.artifact.digest:
            raise DataError(
                f"the name {self.name!r} means another model now ({now.digest[:12]}) than it did when this one was "
                f"opened ({self.artifact.digest[:12]})",
                hint=f"open it again: Model.load(workspace, {self.name!r})",
            )
        return self.name

    @property
    def type(self) -> str:
        """embedding, ensemble, or the name of a baseline."""
        return str(self.artifact.settings["model_type"])

    @cached_property
    def result(self) -> dict[str, Any]:
        """What was chosen when it was made, and how it ranked validation."""
        return load_result(self.artifact)

    def recommend(
        self,
        examples: Any = None,
        top_k: int = 10,
        *,
        people: Any = None,
        split: str | None = None,
        include_seen: bool = False,
        allow: Ids = None,
        deny: Ids = None,
        probabilities: bool = False,
        threshold: float | None = None,
        approximate: str | None = None,
        search_effort: int | None = None,
        threads: int | None = None,
    ) -> pa.Table:
        """The best labels of each example: its id, `label`, `rank` from 1, `score`, a row a label.

        examples  ids of people or examples that were prepared, or one id; a table (DataFrame, Arrow) of new ones,
                  with the columns that were prepared; or a matrix of new ones, whose columns are `Dataset.features`
                  without the constant one (its rows are called 0, 1 … in the column `row`). None: everyone, or
                  those of `split`
        people  a table of features of new people, with the columns of the user file that was prepared; those of them
                who are in no row of `examples` are ranked for by their features alone
        allow, deny  the only labels that are candidates, and those that are none
        probabilities  whether a column `probability` follows; threshold leaves out labels that are less probable, and
                  asks for that column, too. Both need a model that is calibrated (`Workspace.calibrate`)
        approximate  "hnsw" or "ivf": candidates from an index of the labels, which is built once for a model;
                     search_effort is how widely it is searched, by default as the command does

        New people get a column `fallback`: whether nothing is known of them. What the dataset does not know is left
        out, with a warning. Raises MissingInputError for an id that is not there, DataError for what cannot be ranked.
        """
        ids, input = _as_input(examples)
        described = _as_people(people, ids)
        settings = PredictSettings(
            top_k=top_k,
            split=split,
            include_seen=include_seen,
            probabilities=probabilities,
            threshold=threshold,
            approximate=approximate,
            search_effort=search_effort,
        )
        if ids is not None and not ids:
            raise UsageError("no id is named", hint="name one or several, or leave them out for everyone")
        only = Only(ids=ids or (), allowed=_as_names(allow), denied=_as_names(deny))
        found = recommend(
            self.workspace, self._name_now(), input, settings, people=described, only=only, threads=threads
        )
        for note in found.notes:
            warnings.warn(note, stacklevel=2)
        if found.counts.unknown:
            warnings.warn(
                f"unknown to the dataset, and left out: {found.counts.unknown:,} entries of the input",
                stacklevel=2,
            )
        return found.rows

    def embeddings(self) -> Embeddings:
        """U and V of the largest fit, as they were read: no copy is made. Raises SettingsError for other models."""
        stored = self.workspace.find("dataset")
        found = find_embedding(self.workspace, self._name_now(), stored)
        dataset = open_dataset(stored)
        state = load_state(found, choose_fit(found, None), dataset)
        V = label_rows(dataset.y, state.V)
        return Embeddings(_as_numpy(dataset.features), state.U, _as_numpy(dataset.labels), V)

    def project(
        self, examples: Any = None, *, people: Any = None
    ) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """The ids of examples (n,) and their places Ux (n, d) in the embedding space.

        examples  a table or a matrix as in `recommend`, or ids; None: everyone, with all that is known of them
        people    as in `recommend`
        """
        wanted, input = _as_input(examples)
        ids, places = project(self.workspace, self._name_now(), input, _as_people(people, wanted))
        if wanted is None:
            return _as_numpy(ids), places
        number = {str(id): row for row, id in enumerate(ids.to_pylist())}
        for id in wanted:
            if id not in number:
                raise MissingInputError(
                    f"the dataset has no example {id!r} among its {len(number):,}",
                    hint=did_you_mean(id, number),
                )
        rows = [number[id] for id in wanted]
        return _as_numpy(ids.take(pa.array(rows))), places[rows]

    def neighbors(self, names: Ids, top_k: int = 10, *, of: str = "labels") -> pa.Table:
        """What is nearest by cosine to each of `names`: the columns name, neighbor, cosine, count.

        of  labels (or items), users (people or examples), or features
        """
        settings = NeighborsSettings(of=of, top_k=top_k)
        document = neighbors(self.workspace, _as_names(names) or (), self._name_now(), settings)
        entries = document["labels" if of == "items" else of]
        noun = next(iter(entries[0]))
        rows = [
            {"name": one[noun], "neighbor": near[noun], "cosine": near["cosine"], "count": near["count"]}
            for one in entries
            for near in one["neighbors"]
        ]
        return pa.Table.from_pylist(rows)

    def evaluate(
        self, *, threads: int | None = None, wait: float = False, **settings: Any
    ) -> dict[str, float]:
        """Measure → value on a split (test), as `awe evaluate` measures it; settings are those of the command."""
        document = self.workspace.evaluate(self._name_now(), threads=threads, wait=wait, **settings)
        metrics: dict[str, float] = document["models"][self.name]["metrics"]
        return metrics

    def export(self, folder: str | Path, **settings: Any) -> Path:
        """Write the vectors for other libraries, as `awe export` does; return the folder, whose README.md says how."""
        found = self.workspace._settings(ExportSettings, "export", settings).settings
        export(self.workspace, Path(folder), self._name_now(), found)
        return Path(folder)


# What a notebook hands over, and what it gets.


def _as_numpy(values: pa.Array) -> NDArray[Any]:
    """Ids as an array: integers without a copy, text as objects."""
    return values.to_numpy(zero_copy_only=False)


def _as_table(data: Any) -> pa.Table | None:
    """A DataFrame, or what else gives columns to Arrow, as a table; None for anything else."""
    if isinstance(data, pa.Table):
        return data
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    if isinstance(data, Mapping):
        return pa.table(dict(data))
    if type(data).__module__.startswith("pandas") and hasattr(data, "columns"):
        return pa.Table.from_pandas(data, preserve_index=False).replace_schema_metadata(None)
    if hasattr(data, "__arrow_c_stream__") and hasattr(data, "columns"):
        return pa.table(data)
    return None


def _as_people(people: Any, ids: list[str] | None) -> pa.Table | None:
    """The table of new people. Raises UsageError for anything else, and beside ids of prepared ones."""
    if people is None:
        return None
    if ids is not None:
        raise UsageError(
            "people: it has features of new people, and prepared ones are named",
            hint="leave out one of them; what is known of prepared people is used in any case",
        )
    table = _as_table(people)
    if table is None:
        raise UsageError(
            f"people: expected a table (DataFrame, Arrow), found {type(people).__name__}",
            hint="give it the columns of the user file that was prepared",
        )
    return table


def _as_file(data: Any, path: Path) -> str:
    """The path of a file, or of the one that a table is written to."""
    table = _as_table(data)
    if table is None:
        return str(data)
    pq.write_table(table, path)
    return str(path)


def _as_names(names: Ids) -> list[str] | None:
    """Ids or labels as text, as `look_up` takes them; None for None."""
    if names is None:
        return None
    if isinstance(names, str | int | np.integer):
        return [str(names)]
    if isinstance(names, pa.Array | pa.ChunkedArray):
        return [str(name) for name in names.to_pylist()]
    return [str(name) for name in names]


def _as_input(examples: Any) -> tuple[list[str] | None, Any]:
    """The ids that are named, or the table or matrix of new examples."""
    if examples is None:
        return None, None
    table = _as_table(examples)
    if table is not None:
        return None, table
    if scipy.sparse.issparse(examples) or (isinstance(examples, np.ndarray) and examples.ndim == 2):
        return None, examples
    return _as_names(examples), None
