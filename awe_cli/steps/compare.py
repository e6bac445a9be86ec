"""Models side by side: what `evaluate` measures, and the examples on which they differ most."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from awe_cli.config.evaluate import CompareSettings, EvaluateSettings, JudgeSettings
from awe_cli.config.predict import PredictSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.storage import read_table
from awe_cli.errors import SettingsError, UsageError, did_you_mean
from awe_cli.evaluation.compare import pairs
from awe_cli.evaluation.held_out import READ_ROWS
from awe_cli.metrics.metrics import LOWER, Measure, measures
from awe_cli.models.store import open_dataset
from awe_cli.prediction.narrow import Only
from awe_cli.steps.evaluate import EXAMPLES, OnProgress, default_name, distinct, evaluate
from awe_cli.steps.predict import recommend
from awe_cli.workspace import Artifact, Workspace

WON, LOST = "won", "lost"


def compare(
    ws: Workspace,
    models: Sequence[str],
    settings: CompareSettings | None = None,
    *,
    threads: int | None = None,
    wait: float = False,
    announce: Callable[[str], None] = lambda line: None,
    on_progress: OnProgress = lambda progress: None,
) -> tuple[dict[str, Any], Artifact, bool]:
    """Compare the other models with the first, and publish what `evaluate` measured, with that of every example.

    Returns the document that --json prints, the artifact, and whether it was measured now rather than up to date. The
    document is that of `evaluate`, and `differ`: the measure that examples were chosen by, and for each other model
    those that it ranks better by most (`won`) and worse by most (`lost`), each with its id, the value of both models,
    the labels that were wanted, and the best labels of both.

    Raises as `evaluate`; UsageError for fewer than two models, SettingsError for a measure that is not taken.
    """
    settings = settings or CompareSettings()
    names = distinct(models)
    if len(names) < 2:
        raise UsageError(
            f"expected two models or more, found {', '.join(names)}",
            hint=f"name another: awe compare {names[0]} OTHER; awe evaluate judges one alone",
        )
    by = _differ_by(settings)
    judged = {name: getattr(settings, name) for name in asdict(JudgeSettings())}
    name = f"compare-{default_name(names, settings.split, settings.by)}"[:100]
    document, artifact, fresh = evaluate(
        ws,
        names,
        EvaluateSettings(**judged, per_example=True, name=name),
        threads=threads,
        wait=wait,
        announce=announce,
        on_progress=on_progress,
    )
    document = {**document, "differ": {"measure": by.name, "models": {}}}
    dataset = open_dataset(ws.find("dataset"))
    values = read_table(artifact.path / EXAMPLES, ["model", "id", by.name])
    for other in names[1:] if settings.examples else ():
        chosen = _chosen(values, names[0], other, by, settings.examples)
        ids = [str(entry["id"]) for entries in chosen.values() for entry in entries]
        if ids:
            shown = _shown(ws, dataset, (names[0], other), ids, settings, threads)
            chosen = {
                side: [entry | shown[str(entry["id"])] for entry in entries]
                for side, entries in chosen.items()
            }
        document["differ"]["models"][other] = chosen
    return document, artifact, fresh


def _differ_by(settings: CompareSettings) -> Measure:
    """The measure that examples are chosen by. Raises SettingsError."""
    taken = [m for m in measures(settings.metric, settings.at) if m.metric.per_example and m.metric.better]
    if settings.differ_by is not None:
        found = next((one for one in taken if one.name == settings.differ_by), None)
        if found is None:
            names = [one.name for one in taken]
            raise SettingsError(
                f"--differ-by: expected one of {', '.join(names) or 'no measure'}, found {settings.differ_by!r}",
                hint=did_you_mean(settings.differ_by, names, "measures are taken as --metric and --at say"),
            )
        return found
    if not taken:
        raise SettingsError(
            f"--metric {','.join(settings.metric)}: expected a measure that is taken on each example and has a better "
            "direction, found none",
            hint="add one such as ndcg, or compare with awe evaluate",
        )
    gains = [one for one in taken if one.metric.name == "ndcg"]
    return max(gains, key=lambda one: one.k or 0) if gains else taken[0]


def _chosen(
    values: pa.Table, baseline: str, other: str, by: Measure, most: int
) -> dict[str, list[dict[str, Any]]]:
    """The examples that `other` ranks better, and worse, than `baseline` by most; equal ones in stored order."""
    of = values["model"].cast(pa.string())
    base, own = (values.filter(pc.equal(of, name)) for name in (baseline, other))
    rows, others = pairs(own["id"].combine_chunks(), base["id"].combine_chunks())
    own, base = own.take(pa.array(rows)), base.take(pa.array(others))
    theirs, ours = base[by.name].to_numpy(), own[by.name].to_numpy()
    better = theirs - ours if by.metric.better == LOWER else ours - theirs
    found = {}
    for side, gain in ((WON, better), (LOST, -better)):
        best = np.argsort(-gain, kind="stable")[:most]
        found[side] = [
            {
                "id": own["id"][int(row)].as_py(),
                "values": {baseline: float(theirs[row]), other: float(ours[row])},
            }
            for row in best
            if gain[row] > 0
        ]
    return found


def _shown(
    ws: Workspace,
    dataset: Dataset,
    models: Sequence[str],
    ids: Sequence[str],
    settings: CompareSettings,
    threads: int | None,
) -> dict[str, dict[str, Any]]:
    """id → what is wanted of it, and the best labels of each of the models, best first."""
    wanted: dict[str, list[Any]] = {id: [] for id in ids}
    asked = pa.array(sorted(set(ids)))
    for examples in dataset.held_out_batches(settings.split, (), READ_ROWS):
        names = examples.ids.cast(pa.string())
        for row in np.flatnonzero(pc.is_in(names, value_set=asked).to_numpy(zero_copy_only=False)):
            span = slice(*examples.positives.indptr[row : row + 2])
            wanted[names[int(row)].as_py()] = dataset.labels.take(
                pa.array(examples.positives.indices[span])
            ).to_pylist()
    shown: dict[str, dict[str, Any]] = {id: {"wanted": labels, "top": {}} for id, labels in wanted.items()}
    predicted = PredictSettings(top_k=settings.top_k, split=settings.split)
    for model in models:
        rows = recommend(
            ws, model, None, predicted, only=Only(ids=list(dict.fromkeys(ids))), threads=threads
        ).rows
        for id, label in zip(rows.column(0).to_pylist(), rows["label"].to_pylist(), strict=True):
            shown[str(id)]["top"].setdefault(model, []).append(label)
    return shown
