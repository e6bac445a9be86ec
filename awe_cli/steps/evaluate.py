"""Compare models on held-out examples, over the full set of labels."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from awe_cli.config.evaluate import EvaluateSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.storage import write_table
from awe_cli.engine.dask import Dask, code_digest
from awe_cli.engine.engine import open_engine
from awe_cli.errors import MissingInputError, SettingsError, UsageError, did_you_mean
from awe_cli.evaluation.compare import compare, pairs
from awe_cli.evaluation.gate import make_gate
from awe_cli.evaluation.held_out import Evaluated, Judging, evaluate_ranker, per_example_table
from awe_cli.evaluation.metrics_file import check_metrics_file, metrics_text
from awe_cli.evaluation.parts import JudgePart, evaluate_by_parts
from awe_cli.evaluation.strata import Strata, compare_strata, make_strata, with_owners_of
from awe_cli.io.remote import RemoteFile
from awe_cli.metrics.metrics import Measure, measures
from awe_cli.models.calibration import find_calibration, open_calibration
from awe_cli.models.load import OpenRanker, find_model, open_ranker
from awe_cli.models.store import open_dataset
from awe_cli.models.versions import require_dataset
from awe_cli.prediction.output import whole_file
from awe_cli.workspace import Artifact, Recipe, Workspace
from awe_cli.workspace.artifact import read_document
from awe_cli.workspace.checkpoints import (
    DEFAULT_CHECKPOINTS,
    CheckpointSettings,
    open_checkpoints,
    remove_checkpoints,
)

VERSION = 7
RESULT = "metrics.json"
EXAMPLES = "examples.parquet"
_LONGEST_NAME = 100


@dataclass(frozen=True)
class JudgeProgress:
    """How many of the examples a model has been judged on, for `on_progress`."""

    model: str
    done: int
    total: int


OnProgress = Callable[[JudgeProgress], None]


def evaluate(
    ws: Workspace,
    models: Sequence[str],
    settings: EvaluateSettings | None = None,
    *,
    threads: int | None = None,
    scheduler: str | None = None,
    wait: float = False,
    announce: Callable[[str], None] = lambda line: None,
    checkpoints: CheckpointSettings = DEFAULT_CHECKPOINTS,
    on_progress: OnProgress = lambda progress: None,
) -> tuple[dict[str, Any], Artifact, bool]:
    """Judge each of `models` and publish the comparison.

    scheduler    address of a Dask scheduler whose workers rank, in place of threads
    checkpoints  how the parts are kept that these have finished

    Returns the result as the document that --json prints, the artifact that holds it, and whether it was
    measured now rather than up to date. `announce` is called with the model under evaluation, and `on_progress` after
    each block of its examples. The workspace is locked while it measures, so that no result is lost in the end for want
    of the lock.

    Raises UsageError, MissingInputError or SettingsError for a name, a split or a metric that cannot be,
    DataError for a model of another dataset, for scores that are no numbers, and where there is no positive.
    """
    # Who waits for another command waits for what it makes, too: models are looked up with the lock held.
    with ws.lock(wait=wait) if wait else contextlib.nullcontext():
        shared_out = _SharedOut(threads, scheduler, checkpoints)
        return _evaluate(ws, models, settings or EvaluateSettings(), shared_out, announce, on_progress)


def write_metrics(document: dict[str, Any], paths: Sequence[Path | RemoteFile]) -> None:
    """Write the figures of a comparison to files, each in one instant, as flat JSON or for Prometheus by their names.

    Raises UsageError for a name of another kind, WriteError.
    """
    for path in paths:
        with whole_file(check_metrics_file(path), "--metrics-file") as stream:
            stream.write(metrics_text(document, path).encode())


def _evaluate(
    ws: Workspace,
    models: Sequence[str],
    settings: EvaluateSettings,
    shared_out: _SharedOut,
    announce: Callable[[str], None],
    on_progress: OnProgress,
) -> tuple[dict[str, Any], Artifact, bool]:
    stored = ws.find("dataset")
    dataset = open_dataset(stored)
    _require_split(dataset, settings.split)
    wanted = measures([*settings.metric, *make_gate(settings).names], settings.at)
    _require_kinship(dataset, wanted)
    _require_strata(settings.by, wanted)
    found = {name: find_model(ws, name) for name in distinct(models)}
    for model in found.values():
        require_dataset(ws, model, stored)
    baseline = _baseline(settings.baseline_model, list(found))
    strata = make_strata(settings.by, dataset) if settings.by else None
    calibrations: dict[str, Artifact] = {}
    if any(measure.metric.needs_probabilities for measure in wanted):
        calibrations = {name: find_calibration(ws, model) for name, model in found.items()}
    recipe = _recipe(settings, wanted, baseline, stored, found, calibrations)
    name = settings.name
    if name is None:
        name = default_name(list(found), settings.split, settings.by)
    current = ws.current("metrics", name, recipe)
    if current is not None:
        return read_document(current.file(RESULT)), current, False
    with ws.stage("metrics", recipe) as staging, shared_out.open(ws, recipe, name) as judge:
        opened = {
            name: replace(
                open_ranker(ws, model, dataset, settings.split),
                calibration=open_calibration(calibrations[name]) if name in calibrations else None,
            )
            for name, model in found.items()
        }
        judged = {}
        total = dataset.splits[settings.split]
        for model_name, ranker in opened.items():
            announce(model_name)

            def hear(done: int, model_name: str = model_name) -> None:
                on_progress(JudgeProgress(model_name, done, total))

            judging = Judging(settings.split, wanted, model_name, strata)
            judged[model_name] = judge(ranker, dataset, judging, hear)
        document = compare(stored, dataset, settings, wanted, baseline, opened, judged)
        if strata:
            document["strata"] = _apart(strata, judged, baseline, wanted, settings.seed)
        if settings.per_example:
            write_table(staging.file(EXAMPLES), per_example_table(judged, _columns(wanted)))
        # Not sorted: what is read back has its measures and models in the order they were asked for.
        staging.file(RESULT).write_text(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))
        return document, staging.publish(name), True


Judge = Callable[[OpenRanker, Dataset, Judging, Callable[[int], None]], Evaluated]


@dataclass(frozen=True)
class _SharedOut:
    """Who measures: the threads of this process, or the workers of a cluster, whose parts are kept as checkpoints."""

    threads: int | None
    scheduler: str | None
    checkpoints: CheckpointSettings

    @contextlib.contextmanager
    def open(self, ws: Workspace, recipe: Recipe, name: str) -> Iterator[Judge]:
        """How a model is judged inside the block. Raises as `open_engine`."""
        with open_engine(self.scheduler, self.threads) as engine:
            if not isinstance(engine, Dask):
                yield partial(evaluate_ranker, threads=self.threads)
                remove_checkpoints(ws.root, recipe)
                return
            with open_checkpoints(ws.root, recipe, name, code_digest(), self.checkpoints) as folder:

                def judge(
                    opened: OpenRanker, dataset: Dataset, judging: Judging, on_progress: Callable[[int], None]
                ) -> Evaluated:
                    part = JudgePart.of(ws.root.resolve(), recipe.parents, opened.fit_on, judging)
                    return evaluate_by_parts(engine, part, dataset, judging, folder, on_progress)

                yield judge


def _apart(
    strata: Strata, judged: dict[str, Evaluated], baseline: str, wanted: Sequence[Measure], seed: int
) -> dict[str, Any]:
    found = {}
    for name, result in judged.items():
        assert result.strata is not None
        found[name] = with_owners_of(result.strata, *pairs(result.ids, judged[baseline].ids))
    per_example = [measure for measure in wanted if measure.metric.per_example]
    return compare_strata(strata, found, baseline, per_example, seed)


def _columns(wanted: Sequence[Measure]) -> list[str]:
    return [measure.name for measure in wanted if measure.metric.per_example]


def default_name(models: Sequence[str], split: str, by: str | None = None) -> str:
    """The name of a comparison: the models, the split, the strata, ending in a digest where that is too long."""
    name = "-".join([*models, split, *(["by", by] if by else [])])
    if len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST_NAME - 9]}-{digest}"


def distinct(models: Sequence[str]) -> list[str]:
    """The names of models, which may be separated by commas, each once. Raises UsageError where there is none."""
    names = [name.strip() for entry in models for name in entry.split(",") if name.strip()]
    if not names:
        raise UsageError("no model is named", hint="name one with --model, or several")
    return list(dict.fromkeys(names))


def _baseline(name: str | None, models: list[str]) -> str:
    if name is None or name in models:
        return name or models[0]
    raise UsageError(
        f"--baseline-model: expected one of the models that are judged ({', '.join(models)}), found {name!r}",
        hint=did_you_mean(name, models, f"add --model {name}"),
    )


def _require_split(dataset: Dataset, split: str) -> None:
    if not dataset.splits.get(split):
        there = ", ".join(f"{name} ({n:,})" for name, n in dataset.splits.items() if n) or "none"
        raise MissingInputError(
            f"the dataset has no examples with labels in the split {split!r}; splits with some: {there}",
            hint="name another with --split, or prepare the dataset with a split to hold out",
        )


def _require_kinship(dataset: Dataset, wanted: Sequence[Measure]) -> None:
    for measure in wanted:
        if measure.metric.needs_kinship and not {"isa", "similarity"} & dataset.settings.keys():
            raise MissingInputError(
                f"{measure.name}: the dataset knows no parents of its labels, nor how similar they are",
                hint="prepare it with --isa FILE (columns child and parent) or --similarity FILE (columns "
                "label, other and similarity)",
            )


def _require_strata(by: str | None, wanted: Sequence[Measure]) -> None:
    if by and wanted and not _columns(wanted):
        names = ", ".join(measure.name for measure in wanted)
        raise SettingsError(
            f"--by {by}: expected a measure of single examples, found only {names}: one number for the whole set",
            hint="add one such as --metric recall@10, or leave --by out",
        )


def _recipe(
    settings: EvaluateSettings,
    wanted: Sequence[Measure],
    baseline: str,
    dataset: Artifact,
    models: dict[str, Artifact],
    calibrations: dict[str, Artifact],
) -> Recipe:
    resolved = {
        "split": settings.split,
        "measures": [measure.name for measure in wanted],
        "models": list(models),
        "baseline_model": baseline,
        "seed": settings.seed,
        **({"by": settings.by} if settings.by else {}),
        **({"per_example": True} if settings.per_example else {}),
    }
    parents = {f"model {name}": model.digest for name, model in models.items()}
    parents |= {f"calibration {name}": found.digest for name, found in calibrations.items()}
    return Recipe("metrics", VERSION, resolved, {"dataset": dataset.digest, **parents})
