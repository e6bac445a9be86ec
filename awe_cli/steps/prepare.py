"""Turn files into a dataset."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from awe_cli.config.prepare import DriftSettings, PrepareSettings
from awe_cli.dataset import diagnostics, storage, user_features
from awe_cli.dataset.annotations import build_annotations, read_annotations
from awe_cli.dataset.applicable import given_settings, refuse_idle
from awe_cli.dataset.dataset import DATASET_VERSION, SUMMARY, Dataset
from awe_cli.dataset.diagnostics import of_annotations
from awe_cli.dataset.drift import Prepared, compare_versions
from awe_cli.dataset.interactions import build_interactions, read_interactions
from awe_cli.dataset.parts import Read, open_reading
from awe_cli.dataset.plan_reading import (
    read_options,
    retrieval_options,
    with_beir_folder,
    with_splits_of_files,
)
from awe_cli.dataset.prepare import (
    add_relations,
    read_feature_file,
    read_retrieval,
    relation_digests,
    relation_notes,
    store_label_features,
    user_features_of,
    with_ids_of,
)
from awe_cli.dataset.previous import Previous
from awe_cli.dataset.retrieval import FeatureTable
from awe_cli.dataset.row_choice import warn_of_twins
from awe_cli.dataset.spec import TEST_SHARE, PrepareSpec, is_retrieval, make_spec, retrieval_files
from awe_cli.dataset.spill import spilling
from awe_cli.dataset.splits import SPLITS
from awe_cli.dataset.update import (
    INPUTS,
    LINEAGE,
    check_same_settings,
    update_notes,
    update_warnings,
    without_lineage,
)
from awe_cli.errors import CorruptArtifactError, DataError, MissingInputError, UsageError
from awe_cli.io.columns import warn_of_missing
from awe_cli.io.log import ReadingLog
from awe_cli.io.reader import columns_of
from awe_cli.io.sources import Source, open_sources
from awe_cli.matrices.matrix import n_rows
from awe_cli.workspace import Artifact, Recipe, Workspace
from awe_cli.workspace.artifact import read_document
from awe_cli.workspace.checkpoints import DEFAULT_CHECKPOINTS, CheckpointSettings

_ROWS = {True: 65536, False: 16384}  # read at a time: of interactions, of examples


def prepare(
    ws: Workspace,
    files: Sequence[str],
    settings: PrepareSettings,
    *,
    given: Collection[str] | None = None,
    drift: DriftSettings | None = None,
    scheduler: str | None = None,
    wait: float = False,
    announce: Callable[[str], None] = lambda line: None,
    checkpoints: CheckpointSettings = DEFAULT_CHECKPOINTS,
) -> tuple[dict[str, Any], Artifact, bool]:
    """Read `files` ("-" is stdin), split them, and publish the dataset.

    Returns the summary (counts, frequencies, notes and warnings), the dataset, and whether it was made now
    rather than up to date. `announce` is called with messages on progress. The lock is taken before the files are read.

    drift  how far the dataset may be from the one it replaces. What changed is in the summary that is returned, under
           "drift", and never stored: it is not part of the dataset
    given  the settings that the user named, which must be able to act; None: those that differ from their defaults
    scheduler    address of a Dask scheduler whose workers read the files and check what is in them
    checkpoints  how the parts are kept that these have finished

    Raises UsageError, SettingsError, MissingInputError, DataError, naming what was expected and found; DataError too
    where the drift is beyond its limits and shall fail, before anything is published.
    """
    settings, files = with_beir_folder(settings, files)
    retrieval = is_retrieval(settings)
    files = retrieval_files(settings, files) if retrieval else files
    if not files:
        raise UsageError("no input is named", hint="name a file, several, or - for stdin")
    log = ReadingLog(settings.skip_bad_rows or 0, can_skip=True)
    options = retrieval_options(settings) if retrieval else read_options(settings)
    with open_sources(list(files), options=options, log=log) as sources:
        if retrieval:
            sources[2] = with_splits_of_files(settings, sources[2])
        plan = make_spec(settings, sources)
        refuse_idle(settings, given_settings(settings) if given is None else given, plan, sources)
        digests = [source.sha256() for source in sources]
        relations = relation_digests(settings)
        resolved = {**plan.settings, **relations, INPUTS: digests}
        # What is updated is read with the lock held: another command may be making the next version.
        with ws.lock(wait=wait) if settings.update else contextlib.nullcontext():
            stored = _version_before(ws) if settings.update else None
            if stored is not None and without_lineage(resolved) == without_lineage(stored.settings):
                ws.would(ws.target("dataset", None))
                return read_document(stored.file(SUMMARY)), stored, False
            previous = _previous(stored, resolved) if stored else None
            recipe = Recipe(
                "dataset",
                DATASET_VERSION,
                {**resolved, **({LINEAGE: previous.next_lineage} if previous else {})},
            )
            current = ws.current(
                "dataset", None, recipe
            )  # none after `previous`, of which it is a new version
            if current is not None:
                return read_document(current.file(SUMMARY)), current, False
            announce(f"reading {', '.join(source.name for source in sources)}")
            with (
                ws.lock(wait=wait),
                ws.stage("dataset", recipe) as staging,
                open_reading(ws, recipe, scheduler, checkpoints) as read,
            ):
                fill = _fill_interactions if plan.interactions else _fill_annotation
                summary = {"task": plan.task, **fill(plan, sources, read, staging.file, previous)}
                if relations:
                    add_relations(settings, staging.file, summary)
                if settings.update:
                    _add_changes(summary, previous)
                summary["notes"] = [*_notes(plan, settings, sources, summary), *log.notes.values()]
                summary["warnings"] = [*log.summary_warnings(), *summary["warnings"]]
                if log.allowed:
                    summary |= {"skipped_rows": len(log.skipped), "skipped_rows_first": log.first_skipped()}
                staging.file(SUMMARY).write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
                found = _drift(ws, Prepared(staging.path, recipe.settings, summary), drift or DriftSettings())
                artifact = staging.publish()
                warnings = [f"drift: {line}" for line in found["beyond"]] if found else []
                return {**summary, "drift": found, "warnings": summary["warnings"] + warnings}, artifact, True


def _drift(ws: Workspace, now: Prepared, limits: DriftSettings) -> dict[str, Any] | None:
    """What sets the dataset apart from the one that it replaces; None where there is none that can be compared.

    Raises DataError where that is too much and shall fail.
    """
    try:
        stored = ws.find("dataset")
        before = Prepared(stored.path, stored.settings, read_document(stored.file(SUMMARY)))
        found = compare_versions(now, before, limits)
    except (MissingInputError, CorruptArtifactError):
        return None
    if found and found["beyond"] and limits.fail_on_drift:
        raise DataError(
            f"the data have drifted from the dataset before ({stored.digest[:12]}): {'; '.join(found['beyond'])}",
            hint="look at the files; where they are right, prepare them once without --fail-on-drift, or allow more "
            "with --drift-counts, --drift-new and --drift-dropped; the dataset before is untouched",
        )
    return {"previous": stored.digest, **found} if found else None


def _version_before(ws: Workspace) -> Artifact | None:
    """The dataset there is; None where there is none yet."""
    return None if ws.pointer("dataset", None) is None else ws.find("dataset")


def _previous(stored: Artifact, resolved: dict[str, Any]) -> Previous:
    """The version before. Raises SettingsError where it has other settings."""
    check_same_settings(resolved, stored.settings)
    lineage = stored.settings.get(LINEAGE, {"first": stored.digest, "version": 1})
    dataset = Dataset.open(stored.expect_version(DATASET_VERSION).path, stored.settings)
    return Previous(dataset, stored.digest, lineage["first"], lineage["version"])


def _add_changes(summary: dict[str, Any], previous: Previous | None) -> None:
    """Say in the summary which version this is and what it changed."""
    changes = summary.pop("update", {})
    lineage = previous.next_lineage if previous else {"previous": None, "version": 1}
    summary["update"] = {"previous": lineage["previous"], "version": lineage["version"], **changes}
    sizes: dict[str, int] = {
        name: summary[name] for name in ("people", "items", "examples", "labels") if name in summary
    }
    summary["warnings"] = update_warnings(summary["update"], sizes) + summary["warnings"]


def _fill_interactions(
    plan: PrepareSpec,
    sources: list[Source],
    read: Read,
    file: Callable[[str], Path],
    previous: Previous | None,
) -> dict[str, Any]:
    with spilling(file("spilled")) as spilled:
        return _spill_interactions(plan, sources, read, file, previous, spilled)


def _spill_interactions(
    plan: PrepareSpec,
    sources: list[Source],
    read: Read,
    file: Callable[[str], Path],
    previous: Previous | None,
    spilled: Path,
) -> dict[str, Any]:
    """Store the interactions, whose rows are on their way in files below `spilled`."""
    assert plan.interactions is not None
    rows = read_interactions(
        read(sources, plan.interactions.roles(), _ROWS[True]),
        plan.interactions,
        spilled,
        plan.half_life,
        plan.choice,
    )
    left_out = rows.left_out.summary()
    for column, ids in ((plan.interactions.user, rows.people), (plan.interactions.item, rows.items)):
        warn_of_missing(sources[0].log, column, ids)
        warn_of_twins(sources[0].log, column, ids)
    feature_table = read_feature_file(plan.labels, "labels", read) if plan.labels else None
    if plan.labels and feature_table:
        items = with_ids_of(plan.labels, feature_table, rows.items, "labels", "--label-id")
        rows = replace(rows, items=items)
    user_table = read_feature_file(plan.users, "people", read) if plan.users else None
    if plan.users and user_table:
        rows = replace(rows, people=with_ids_of(plan.users, user_table, rows.people, "people", "--user-id"))
    data = build_interactions(rows, plan.rule, spilled, previous)
    del rows
    _write_labels(file(storage.LABELS), data.items, data.counts)
    about_people: dict[str, Any] = {}
    of_people = None
    if plan.users and user_table:
        space, of_people, about_people = user_features_of(plan.users, user_table, data.people, previous)
        user_features.store(file, space)
    storage.write_people(
        file(storage.EXAMPLES), data.people, data.blocks(), weighted=data.weighted, features=of_people
    )
    found = diagnostics.of_interactions(data, described=feature_table is not None)
    found |= {"rows_left_out": left_out} if left_out else {}
    if previous and data.stayed is not None and data.came is not None:
        changes = previous.pair_changes(data.people, data.items, data.stayed, data.came)
        found["update"] = {**changes, **about_people.pop("update", {}), "splits_kept": data.contradicted}
    found |= about_people | {"warnings": about_people.get("warnings", []) + found["warnings"]}
    return _described(plan, feature_table, data.items, data.counts, file, found, previous)


def _fill_annotation(
    plan: PrepareSpec,
    sources: list[Source],
    read: Read,
    file: Callable[[str], Path],
    previous: Previous | None,
) -> dict[str, Any]:
    more: dict[str, Any] = {}
    feature_table = None
    if plan.retrieval is not None:
        data, examples, more = read_retrieval(plan.retrieval, plan.rule, sources, read, file, previous)
    else:
        assert plan.annotation is not None
        assert plan.options is not None
        examples = read_annotations(
            read(sources, plan.annotation.roles(), _ROWS[False]),
            plan.annotation,
            plan.text,
            hashing=plan.options.hash_bits is not None,
        )
        if plan.labels:
            feature_table = read_feature_file(plan.labels, "labels", read)
            more_labels = with_ids_of(plan.labels, feature_table, examples.vocabulary, "labels", "--label-id")
            examples = replace(examples, vocabulary=more_labels)
        warn_of_twins(sources[0].log, plan.annotation.labels, examples.vocabulary)
        if examples.empty_labels:
            sources[0].log.warn(
                f"empty labels of column {plan.annotation.labels!r} were left out: {examples.empty_labels:,}"
            )
        data = build_annotations(examples, plan.rule, plan.options, previous=previous)
    counts = {
        split: diagnostics.label_counts(data.positives, data.split == code, len(data.labels))
        for code, split in enumerate(SPLITS)
    }
    assert n_rows(data.x) == len(data.ids)
    _write_labels(file(storage.LABELS), data.labels, counts)
    storage.write_features(file(storage.FEATURES), data.space)
    split = pa.array(SPLITS).take(pa.array(data.split))
    storage.write_examples(
        file(storage.EXAMPLES), data.ids, split, data.x, data.positives, data.grades, data.weight
    )
    found = of_annotations(
        data, examples, counts, is_text=plan.text is not None,
        described=plan.retrieval is not None or feature_table is not None,
    )  # fmt: skip
    found = found | more | {"warnings": more.get("warnings", []) + found["warnings"]}
    found["split_bounds"] = data.bounds.encode()
    if previous:
        found["update"] = {
            **previous.example_changes(data.ids, data.positives, data.labels, by_id=examples.by_id),
            "features": previous.name_changes(data.space.names.slice(0, data.space.given), previous.features),
            "splits_kept": data.contradicted,
        }
    return _described(plan, feature_table, data.labels, counts, file, found, previous)


def _described(
    plan: PrepareSpec,
    feature_table: FeatureTable | None,
    labels: pa.Array,
    counts: dict[str, Any],
    file: Callable[[str], Path],
    found: dict[str, Any],
    previous: Previous | None,
) -> dict[str, Any]:
    """The summary, once what a label file says is stored, where there is one."""
    if plan.labels is None or feature_table is None:
        return found
    more = store_label_features(plan.labels, feature_table, labels, counts, file, previous)
    joined = {"warnings": more["warnings"] + found["warnings"]}
    if previous:
        joined["update"] = {**found["update"], **more["update"]}
    return found | more | joined


def _write_labels(path: Path, labels: pa.Array, counts: dict[str, Any]) -> None:
    columns = {f"{split}_count": counts[split] for split in SPLITS}
    storage.write_table(path, pa.table({"label": labels, **columns}))


def _notes(
    plan: PrepareSpec, settings: PrepareSettings, sources: list[Source], summary: dict[str, Any]
) -> list[str]:
    """What was decided for the user."""
    notes = update_notes(summary["update"]) if settings.update else []
    notes += relation_notes(settings, summary) + diagnostics.hashing_notes(summary)
    rule = plan.rule
    if not any((rule.given, rule.holdout, rule.holdout_last, settings.test_fraction)):
        notes.append(
            f"no split was named: {TEST_SHARE:.0%} is held out as test, at random (seed {rule.seed})"
        )
        if "split" in columns_of(sources[0]):
            notes.append("there is a column 'split': --split split would use it")
    valid = next(iter(summary["sizes"]["valid"].values()))
    if valid and summary["valid_set_aside"]:
        unit = "people, one item each," if plan.interactions else "examples"
        notes.append(
            f"no valid split was named: {valid:,} {unit} were set aside from train (--valid-fraction 0: none)"
        )
    left_out = summary.get("rows_left_out", {})
    if "by_weight" in left_out:
        notes.append(
            f"rows with a weight below {settings.min_weight:g} were left out: {left_out['by_weight']:,}"
            + (f", {left_out['zero_weight']:,} of them with weight 0" if "zero_weight" in left_out else "")
        )
    if "rare" in left_out:
        notes.append(
            f"rows of people with fewer than {settings.min_per_user or 1:,} items, or of items with fewer than "
            f"{settings.min_per_item or 1:,} people, were left out: {left_out['rare']:,}"
        )
    for n in (rule.holdout, rule.holdout_last):
        if n is not None:
            notes.append(
                f"{summary['splits']['test']:,} of {summary['people']:,} people have {2 * n:,} items or more "
                f"and {n:,} of them in test"
            )
    return notes
