"""What is known of a dataset and its models, as one page or as figures.

The document that is collected here is what `awe report --json` prints; `awe_cli.report` draws it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from awe_cli import __version__
from awe_cli.config.evaluate import EvaluateSettings
from awe_cli.config.predict import ExplainSettings, NeighborsSettings
from awe_cli.config.report import (
    COVERAGE,
    FIGURES,
    LABEL_FREQUENCY,
    LABEL_MAP,
    LEARNING_CURVES,
    METRICS,
    RELIABILITY,
    SEARCH,
    STRATA,
    FigureSettings,
    PlotSettings,
    ReportSettings,
)
from awe_cli.dataset.dataset import RECOMMENDATION, RETRIEVAL, Dataset
from awe_cli.dataset.versions import places_by_id
from awe_cli.errors import (
    AweError,
    CorruptArtifactError,
    DataError,
    MissingInputError,
    SettingsError,
    UsageError,
    did_you_mean,
)
from awe_cli.io.remote import RemoteFile
from awe_cli.matrices.matrix import Bags
from awe_cli.metrics.bootstrap import paired_intervals
from awe_cli.models.calibration import find_calibration
from awe_cli.models.load import EMBEDDING, ENSEMBLE, choose_fit, find_model
from awe_cli.models.store import (
    HISTORY,
    RESULT,
    fit_name,
    fits_of_model,
    load_result,
    load_state,
    open_dataset,
)
from awe_cli.models.versions import dataset_of, is_earlier, require_dataset
from awe_cli.prediction.output import check_file, whole_file
from awe_cli.ranking.embedding import label_rows
from awe_cli.report.figures import image, require_matplotlib
from awe_cli.report.page import page
from awe_cli.steps.evaluate import EXAMPLES, default_name, distinct, evaluate
from awe_cli.steps.explain import explain
from awe_cli.steps.neighbors import neighbors
from awe_cli.steps.tune import search_of
from awe_cli.workspace import Artifact, Workspace
from awe_cli.workspace.artifact import decoding
from awe_cli.workspace.runs import DONE, Run, read_runs

_MEASURES = ("precision", "recall", "ndcg", "map", "mrr", "coverage", "gini", "popularity", "novelty")
_POINTS = 300  # of the curve of label frequencies
_RANKS = (0, 3, 10, 30, 100, 300)  # by frequency, of the labels whose neighbours are shown
_NEAR = 8
_READ = 2048  # people or examples from which those to explain are taken
_SUFFIXES = {".png": "png", ".svg": "svg"}
Announce = Callable[[str], None]


@dataclass(frozen=True)
class _Work:
    """What a document is collected from.

    models    name → artifact, in the order of the report
    warnings  to be told, filled while it is collected
    """

    ws: Workspace
    stored: Artifact
    dataset: Dataset
    models: dict[str, Artifact]
    settings: FigureSettings
    threads: int | None = None
    wait: float = False
    announce: Announce = lambda line: None
    warnings: list[str] = field(default_factory=list)

    @property
    def focus(self) -> Artifact | None:
        """The last embedding model: the one whose space is shown."""
        embeddings = [m for m in self.models.values() if m.settings.get("model_type") == EMBEDDING]
        return embeddings[-1] if embeddings else None


def report(
    ws: Workspace,
    output: Path | RemoteFile,
    models: Sequence[str] = (),
    settings: ReportSettings | None = None,
    *,
    labels: Sequence[str] = (),
    ids: Sequence[str] = (),
    threads: int | None = None,
    wait: float = False,
    announce: Announce = lambda line: None,
) -> dict[str, Any]:
    """Write everything that is known of the dataset and the models into one HTML file, at one instant.

    models  in their order, the one that matters most last; none: all of this dataset, baselines first,
            then embeddings, then ensembles, and each by when it was made
    labels  whose neighbours are shown; none: a few, from frequent to rare
    ids     of the examples that are explained; none: some of usual length

    Models are judged as `awe evaluate` does; the comparison is stored under metrics/, and looked up where it is up
    to date. Returns the document that --json prints. Raises MissingInputError for a name that is not there and where
    matplotlib is not installed, DataError for a model of another dataset, SettingsError, WriteError.
    """
    require_matplotlib("awe report")
    settings = settings or ReportSettings()
    work = _open(ws, models, settings, threads, wait, announce)
    if labels and work.focus is None:
        raise SettingsError(
            "--label: expected an embedding model among those that are reported, whose labels have neighbours",
            hint="add one that `awe train` or `awe retrain` made with --model, or leave --label out",
        )
    with whole_file(output) as stream:
        document = {
            "awe": __version__,
            "dataset": _portrait(work),
            "models": [_model(ws, name, model) for name, model in work.models.items()],
            "evaluation": _evaluation(work),
            "map": _map(work),
            "neighbors": _neighbors(work, labels),
            "examples": _examples(work, ids, settings.examples),
            "lineage": _lineage(work),
            "warnings": work.warnings,
        }
        announce("writing the page …")
        stream.write(page(document).encode("utf-8"))
    return document


def plot(
    ws: Workspace,
    figure: str,
    output: Path | RemoteFile,
    models: Sequence[str] = (),
    settings: PlotSettings | None = None,
    *,
    threads: int | None = None,
    wait: float = False,
    announce: Announce = lambda line: None,
) -> list[str]:
    """Write one figure of a report as PNG or SVG, by the name of the file; return the warnings.

    figure  one of FIGURES
    models  as `report` takes them

    Raises UsageError for a figure or a kind of file that there is not, MissingInputError where there is nothing to
    draw, and what `report` raises.
    """
    if figure not in FIGURES:
        raise UsageError(
            f"expected a figure among {', '.join(FIGURES)}, found {figure!r}",
            hint=did_you_mean(figure, FIGURES),
        )
    format = check_image(output, "awe plot", "--output")
    settings = settings or PlotSettings()
    work = _open(ws, models, settings, threads, wait, announce)
    with whole_file(output) as stream:
        document: dict[str, Any] = {"dataset": _portrait(work)}
        if figure in (LEARNING_CURVES, SEARCH):
            document["models"] = [_model(work.ws, name, model) for name, model in work.models.items()]
        elif figure in (METRICS, STRATA, COVERAGE, RELIABILITY):
            document["evaluation"] = _evaluation(work)
        elif figure == LABEL_MAP:
            document["map"] = _map(work)
        content = image(figure, document, format, settings.dpi)
        if content is None:
            raise MissingInputError(
                f"there is nothing to draw as {figure}: {_why_empty(figure, work)}",
                hint="name other models with --model; `awe models` lists them",
            )
        stream.write(content)
    return work.warnings


def check_image(output: Path | RemoteFile, command: str, option: str = "--plot") -> str:
    """The format that the name of a picture asks for: "png" or "svg".

    Raises UsageError for another, WriteError where it cannot be written, MissingInputError where matplotlib is not
    installed: before there is anything to draw.
    """
    format = _SUFFIXES.get(output.suffix.lower())
    if format is None:
        raise UsageError(
            f"{option} {output}: expected a name that ends in .png or .svg, found {output.suffix!r}",
            hint="name the file figure.png, for example",
        )
    if isinstance(output, Path):
        check_file(output)
    require_matplotlib(command)
    return format


def plot_search(
    model: str, search: Mapping[str, Any], output: Path | RemoteFile, dpi: int = PlotSettings.dpi
) -> None:
    """Write the picture of the search that a model came from. Raises what `check_image` raises, and WriteError."""
    format = check_image(output, "awe tune --plot")
    content = image(SEARCH, {"models": [{"name": model, "search": search}]}, format, dpi)
    assert content is not None  # a model has a complete trial behind it
    with whole_file(output, "--plot") as stream:
        stream.write(content)


def _why_empty(figure: str, work: _Work) -> str:
    names = ", ".join(work.models) or "no models"
    return {
        LABEL_FREQUENCY: "no label has a training example",
        LEARNING_CURVES: f"only models that `awe train` or `awe retrain` made have curves, found {names}",
        SEARCH: f"only models that `awe tune` made come from a search, found {names}",
        RELIABILITY: f"only models that `awe calibrate` calibrated have probabilities, found {names}",
        LABEL_MAP: f"only embedding models have a V, found {names}",
    }.get(figure, "; ".join(work.warnings) or f"nothing can be judged, found {names}")


# Which models.


def _open(
    ws: Workspace,
    models: Sequence[str],
    settings: FigureSettings,
    threads: int | None,
    wait: float,
    announce: Announce,
) -> _Work:
    stored = ws.find("dataset")
    dataset = open_dataset(stored)
    work = _Work(ws, stored, dataset, {}, settings, threads, wait, announce)
    if settings.split and not dataset.splits.get(settings.split):
        there = ", ".join(split for split, n in dataset.splits.items() if n)
        raise MissingInputError(
            f"--split {settings.split}: the dataset has no examples with labels there; splits with some: {there}",
            hint="name another split, or leave --split out",
        )
    if models:
        work.models.update({name: find_model(ws, name) for name in distinct(models)})
        for model in work.models.values():
            require_dataset(ws, model, stored)
        return work
    for name in ws.names("model"):
        if ws.is_alias("model", name):
            continue
        try:
            model = ws.find("model", name)
            require_dataset(ws, model, stored)
        except DataError:
            work.warnings.append(f"{name} is left out: it was trained on another dataset")
            continue
        except (CorruptArtifactError, MissingInputError) as error:
            work.warnings.append(f"{name} is left out: {error.message}")
            continue
        work.models[name] = model
    ordered = sorted(work.models.items(), key=lambda item: (*_rank(item[1]), item[0]))
    work.models.clear()
    work.models.update(ordered)
    return work


def _rank(model: Artifact) -> tuple[int, str]:
    """Baselines before embeddings before ensembles, and each by when it was made."""
    kinds = {EMBEDDING: 1, ENSEMBLE: 2}
    return kinds.get(str(model.settings.get("model_type")), 0), model.created or ""


# The dataset.


def nouns(task: str) -> dict[str, str]:
    """What examples and labels are called: people and items in recommendation."""
    if task == RECOMMENDATION:
        return {"examples": "people", "labels": "items"}
    return {"examples": "queries", "labels": "documents"} if task == RETRIEVAL else {
        "examples": "examples", "labels": "labels",
    }  # fmt: skip


def _portrait(work: _Work) -> dict[str, Any]:
    dataset, counts = work.dataset, np.sort(work.dataset.label_counts())[::-1]
    known = int(np.count_nonzero(counts))
    # Ranks at equal steps of their logarithm: a million labels make no larger page.
    ranks = (
        np.unique(np.geomspace(1, max(known, 1), _POINTS).astype(np.int64))
        if known
        else np.zeros(0, np.int64)
    )
    total = int(counts.sum())
    task = str(dataset.summary.get("task", dataset.task))  # retrieval is stored as annotation of queries
    return {
        "digest": work.stored.digest,
        "created": work.stored.created,
        "task": task,
        "nouns": nouns(task),
        "n_labels": dataset.n_labels,
        "n_features": dataset.n_features,
        "summary": dict(dataset.summary),
        "label_frequency": {
            "rank": ranks.tolist(),
            "count": counts[ranks - 1].tolist(),
            "without": len(counts) - known,
            "share_of_top_percent": float(counts[: max(1, len(counts) // 100)].sum() / total)
            if total
            else None,
        },
    }


# The models.


def _model(ws: Workspace, name: str, model: Artifact) -> dict[str, Any]:
    result = load_result(model) if model.has(RESULT) else {}
    affinity = result.get("affinity")
    return {
        "name": name,
        "digest": model.digest,
        "created": model.created,
        "type": model.settings.get("model_type"),
        "affinity": affinity.get("name") if isinstance(affinity, dict) else None,
        "loss": model.settings.get("loss"),
        "fits": [fit_name(fit) for fit in fits_of_model(model)],
        "metric": result.get("metric"),
        "result": dict(result),
        "curves": _curves(model),
        "search": search_of(ws, model),
    }


def _curves(model: Artifact) -> list[dict[str, Any]]:
    """The epochs of each run of training, as the history has them; none for a baseline or an ensemble."""
    if not model.has(HISTORY):
        return []
    path = model.file(HISTORY)
    runs: list[dict[str, Any]] = []
    with decoding(path, "the history of a training"):
        rows = pq.read_table(path).to_pylist()
        several = {row["stage"]: len({(r["margin"], r["learning_rate"]) for r in rows if r["stage"] == row["stage"]})
                   for row in rows}  # fmt: skip
        for row in rows:
            plan = (
                f"margin {row['margin']:g}, rate {row['learning_rate']:.3g}"
                if several[row["stage"]] > 1
                else ""
            )
            key = {"stage": row["stage"], "fit": row["fit"], "plan": plan}
            last = runs[-1] if runs else None
            if (
                last is None
                or any(last[k] != v for k, v in key.items())
                or row["epoch"] <= last["epochs"][-1]
            ):
                last = {**key, "epochs": [], "loss": [], "validation": []}
                runs.append(last)
            for one, column in (("epochs", "epoch"), ("loss", "loss"), ("validation", "validation")):
                last[one].append(row[column])
    return runs


# How well they rank.


def _evaluation(work: _Work) -> dict[str, Any] | None:
    """The result of evaluate, with an interval of each mean; None where nothing can be judged."""
    splits = [work.settings.split] if work.settings.split else ["test", "valid"]
    split = next((one for one in splits if work.dataset.splits.get(one)), None)
    if split is None:
        work.warnings.append("nothing is held out: no model can be judged")
        return None
    fair = []
    for name, model in work.models.items():
        try:
            choose_fit(model, split)
        except (SettingsError, DataError) as error:
            work.warnings.append(f"{name} is not judged on {split}: {error.message}")
            continue
        fair.append(name)
    if not fair:
        return None
    asked = EvaluateSettings(
        split=split, at=work.settings.at, metric=_MEASURES, by="label-frequency", per_example=True,
        seed=work.settings.seed, name=default_name(["report", *fair], split),
    )  # fmt: skip
    result, artifact, _ = evaluate(
        work.ws, fair, asked, threads=work.threads, wait=work.wait,
        announce=lambda name: work.announce(f"judging {name} …"),
    )  # fmt: skip
    work.warnings.extend(result["warnings"])
    k = max(work.settings.at)
    return {
        "name": artifact.name,
        "k": k,
        "main": f"ndcg@{k}",
        "result": dict(result),
        "intervals": _intervals(artifact, fair, result, work.settings.seed),
        "calibration": _calibration(work, fair, split, k),
    }


def _calibration(work: _Work, models: Sequence[str], split: str, k: int) -> dict[str, Any] | None:
    """How far the probabilities of those models that are calibrated are off; None where none is."""
    calibrated = []
    for name in models:
        with suppress(MissingInputError, CorruptArtifactError):
            find_calibration(work.ws, work.models[name])
            calibrated.append(name)
    if not calibrated:
        return None
    asked = EvaluateSettings(
        split=split, at=(k,), metric=("ece", "brier"), seed=work.settings.seed,
        name=default_name(["report-probabilities", *calibrated], split),
    )  # fmt: skip
    return dict(evaluate(work.ws, calibrated, asked, threads=work.threads, wait=work.wait)[0])


def _intervals(
    artifact: Artifact, models: Iterable[str], result: Mapping[str, Any], seed: int
) -> dict[str, dict[str, dict[str, float]]]:
    """model → measure → mean, low, high, of the measures of single examples."""
    path = artifact.file(EXAMPLES)
    found = {}
    whole = set(result["of_the_whole_set"])
    with decoding(path, "the measures of every example"):
        table = pq.read_table(path)
        of = table.column("model").cast(pa.string()).to_numpy(zero_copy_only=False)
        columns = [name for name in table.column_names if name not in ("model", "id", *whole)]
        values = np.column_stack([table.column(name).to_numpy() for name in columns])
    for model in models:
        intervals = paired_intervals(values[of == model], seed)
        found[model] = {
            name: {"mean": one.mean, "low": one.low, "high": one.high}
            for name, one in zip(columns, intervals, strict=True)
        }
    return found


# The space of an embedding model.


def _map(work: _Work) -> dict[str, Any] | None:
    """The most frequent labels in the plane of the first two principal components of V, rows scaled to length 1."""
    model = work.focus
    if model is None:
        return None
    fit = choose_fit(model, None)
    dataset, counts, order = _by_frequency(work, model, fit)
    chosen = order[counts[order] > 0][: work.settings.map_labels]
    if len(chosen) < 3:
        return None
    places, explained = principal_plane(label_rows(dataset.y, load_state(model, fit, dataset).V)[chosen])
    return {
        "model": model.name,
        "fit_on": list(fit),
        "explained": explained,
        "points": [
            {
                "label": str(dataset.labels[int(y)].as_py()),
                "count": int(counts[y]),
                "x": float(a),
                "y": float(b),
            }
            for y, (a, b) in zip(chosen, places, strict=True)
        ],
    }


def principal_plane(rows: NDArray[np.float32]) -> tuple[NDArray[np.float64], list[float]]:
    """The first two principal components of rows scaled to length 1, (n, 2), and their shares of the variance.

    rows  (n, d), n at least 2; one of zeros stays so

    Of the two directions of a component the one is taken in which its greatest entry is above 0.
    """
    norms = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    unit = np.divide(rows, norms, out=np.zeros(rows.shape), where=norms > 0)
    left, singular, _ = np.linalg.svd(unit - unit.mean(axis=0), full_matrices=False)
    places = np.zeros((len(rows), 2))
    n = min(2, len(singular))
    places[:, :n] = left[:, :n] * singular[:n]
    top = np.abs(places).argmax(axis=0)
    places *= np.where(places[top, [0, 1]] < 0, -1.0, 1.0)
    total = float((singular**2).sum())
    shares = [float(value**2) / total if total else 0.0 for value in singular[:2]]
    return places, [*shares, 0.0, 0.0][:2]


def _neighbors(work: _Work, labels: Sequence[str]) -> dict[str, Any] | None:
    model = work.focus
    if model is None:
        return None
    names = list(labels)
    if not names:
        dataset, counts, order = _by_frequency(work, model, ("train",))
        known = order[counts[order] > 0]
        names = [str(dataset.labels[int(known[rank])].as_py()) for rank in _RANKS if rank < len(known)]
    return (
        neighbors(work.ws, names, model.name, NeighborsSettings(of="labels", top_k=_NEAR)) if names else None
    )


def _by_frequency(
    work: _Work, model: Artifact, fit: tuple[str, ...]
) -> tuple[Dataset, NDArray[np.int64], NDArray[np.int64]]:
    """The dataset of a model, how many examples of a fit have each label (n_labels,), and labels by falling count.

    Labels that have left the dataset since count 0.
    """
    dataset = dataset_of(work.ws, model) if is_earlier(model, work.stored) else work.dataset
    counts = dataset.label_counts(fit)
    if dataset is not work.dataset:
        counts = np.where(places_by_id(dataset.labels, work.dataset.labels) < 0, 0, counts)
    return dataset, counts, np.argsort(-counts, kind="stable")


def _examples(work: _Work, ids: Sequence[str], most: int) -> list[dict[str, Any]]:
    """Explained examples of the last model, and of the embedding model, or why there are none.

    ids   whose; none: of `most` usual ones
    """
    wanted = list(ids) or _usual(work, most)
    shown = [*work.models][-1:]
    if work.focus is not None:
        shown = list(dict.fromkeys([str(work.focus.name), *shown]))
    found: list[dict[str, Any]] = []
    for name in shown if wanted else ():
        work.announce(f"explaining {name} …")
        try:
            explained = explain(work.ws, name, wanted, settings=ExplainSettings(top_k=3, parts=8))
        except SettingsError as error:
            found.append({"model": name, "explained": [], "note": error.message})
            continue
        found.append({"model": name, "explained": explained, "note": None})
    return found


def _usual(work: _Work, most: int) -> list[str]:
    """The ids of at most `most` examples, among the first, that have about as many features as the others."""
    if not most:
        return []
    examples = next(iter(work.dataset.everyone_batches(_READ)), None)
    if examples is None:
        return []
    x = examples.x
    sizes = np.diff(x.indptr) if isinstance(x, Bags) else np.count_nonzero(x.values, axis=1)
    some = np.flatnonzero(sizes > 0)
    nearest = (
        some[np.argsort(np.abs(sizes[some] - np.median(sizes[some])), kind="stable")] if len(some) else some
    )
    return [str(examples.ids[int(row)].as_py()) for row in sorted(nearest[:most])]


# What was made from what.


def _lineage(work: _Work) -> list[dict[str, Any]]:
    """Every artifact that the models come from, parents first, with the command that made it where it is recorded."""
    runs = [run for run in read_runs(work.ws.root) if run.state == DONE]
    found: dict[str, dict[str, Any]] = {}

    def visit(artifact: Artifact) -> None:
        if artifact.digest in found:
            return
        for digest in artifact.parents.values():
            if digest in found:
                continue
            try:
                visit(_named(work.ws, work.ws.open(digest)))
            except AweError as error:
                found[digest] = {"kind": None, "name": None, "digest": digest, "missing": error.message}
        found[artifact.digest] = {
            "kind": artifact.kind,
            "name": artifact.name,
            "digest": artifact.digest,
            "created": artifact.created,
            "size": artifact.size,
            "parents": dict(artifact.parents),
            "command": _command(artifact, runs),
            "recipe": {"version": artifact.version, "settings": dict(artifact.settings)},
        }

    visit(work.stored)
    for model in work.models.values():
        visit(_named(work.ws, model))  # an alias by the name that a step gave
    return list(found.values())


def _named(ws: Workspace, artifact: Artifact) -> Artifact:
    """An artifact with its name and when it got it, where a name means it still."""
    if artifact.kind == "dataset":
        now = ws.find("dataset")
        return now if now.digest == artifact.digest else artifact
    name = ws.name_of(artifact.kind, artifact.digest)
    return artifact if name is None else ws.find(artifact.kind, name)


def _command(artifact: Artifact, runs: Sequence[Run]) -> str | None:
    """The command of the run in which the artifact got its name; None where none is recorded.

    Times are whole seconds: of several runs within one, that of the right step is taken, and which has the name.
    """
    if artifact.created is None:
        return None
    made = datetime.fromisoformat(artifact.created)
    found = [
        run.command
        for run in runs
        if run.step in _steps_of(artifact)
        and run.ended
        and datetime.fromisoformat(run.started) <= made <= datetime.fromisoformat(run.ended)
    ]
    named = [command for command in found if artifact.name in re.split(r"[\s=]", command)]
    return next(reversed(named or found), None)


def _steps_of(artifact: Artifact) -> tuple[str, ...]:
    """The commands that make such an artifact."""
    if artifact.kind != "model":
        steps = {"dataset": "prepare", "neighbors": "build-knn", "affinity": "build-affinity"}
        return (steps.get(artifact.kind, ""), "run")
    model_type = artifact.settings.get("model_type")
    if model_type == ENSEMBLE:
        return ("ensemble", "run")
    if model_type != EMBEDDING:
        return ("train-baseline", "run")
    return ("retrain", "run") if "model" in artifact.parents else ("train", "tune", "run")
