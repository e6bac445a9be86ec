"""From the files that `awe prepare` names to the parts of a dataset: labels, relations of labels, retrieval."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.config.prepare import PrepareSettings
from awe_cli.dataset import label_features, similarity, storage, taxonomy, user_features
from awe_cli.dataset.annotations import Annotations, RawExamples, build_annotations
from awe_cli.dataset.diagnostics import about_hashing
from awe_cli.dataset.features import FeatureSpace, fit_features
from awe_cli.dataset.parts import Read
from awe_cli.dataset.previous import Previous
from awe_cli.dataset.retrieval import MAX_GRADE, FeatureTable, Relevance, read_feature_table, read_relevance
from awe_cli.dataset.spec import FeatureFileSpec, RetrievalSpec
from awe_cli.dataset.splits import SplitRule
from awe_cli.dataset.vocabulary import look_up, united
from awe_cli.errors import DataError, UsageError
from awe_cli.io.columns import one_array
from awe_cli.io.reader import called_as, read_batches
from awe_cli.io.sources import Source, find_source
from awe_cli.matrices.matrix import Bags

# What a file says of the labels of examples or interactions, or of people: more of them, and features of all.

_FEATURE_FILE_ROWS = 16384  # read at a time


def read_feature_file(plan: FeatureFileSpec, what: str, read: Read) -> FeatureTable:
    """The rows of the file about `what`, "labels" or "people". Raises DataError as `read_feature_table` does."""
    batches = read([plan.source], plan.columns.roles(), _FEATURE_FILE_ROWS)
    return read_feature_table(
        batches, plan.columns, plan.text, what, hashing=plan.options.hash_bits is not None
    )


def with_ids_of(
    plan: FeatureFileSpec, feature_table: FeatureTable, known: pa.Array, what: str, option: str
) -> pa.Array:
    """The ids of the data, and those of the file after them. Raises DataError where they share none.

    what, option  what they are, and the option that names their column, for messages
    """
    where = f"{plan.source.name}: column {plan.columns.id!r}"
    ids, place = united(known, feature_table.ids, where, untyped=feature_table.untyped)
    if len(known) and (place >= len(known)).all():
        raise DataError(
            f"{where}: expected {what} of the data such as {known[0].as_py()!r}, found none of them; the "
            f"first here is {feature_table.ids[0].as_py()!r}",
            hint=f"name the column that has the ids with {option}",
        )
    return ids


def user_features_of(
    plan: FeatureFileSpec, feature_table: FeatureTable, people: pa.Array, previous: Previous | None
) -> tuple[FeatureSpace, Bags, dict[str, Any]]:
    """The features of people, those of each of `people`, and what the summary says of them. Raises DataError."""
    places = previous.user_feature_places if previous else None
    space = user_features.fit_user_features(feature_table, plan.options, plan.source.name, places)
    if previous and space.dense:
        previous.require_columns(space.names, previous.user_features, "people")
    rows, described = user_features.user_rows(space, feature_table, people)
    found: dict[str, Any] = {
        "described_people": len(feature_table.ids),
        "user_features": space.given,
        "people_not_described": int(np.count_nonzero(~described)),
        **about_hashing("user_hashing", feature_table.raw, plan.options),
    }
    if previous:
        found["update"] = {"user features": previous.name_changes(space.names, previous.user_features)}
    missing, warnings = found["people_not_described"], []
    if missing:
        warnings.append(
            f"people without a row in {plan.source.name}: {missing:,}; they have their items alone"
        )
    return space, rows, found | {"warnings": warnings}


def store_label_features(
    plan: FeatureFileSpec, feature_table: FeatureTable, labels: pa.Array, counts: dict[str, NDArray[np.int64]],
    file: Callable[[str], Path], previous: Previous | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Store what describes the labels; what the summary says of it. Raises DataError where they have no features.

    counts  split → examples of each label
    """
    space = _space(plan, feature_table, previous)
    if previous and space.dense:
        previous.require_columns(space.names.slice(0, space.given), previous.label_features, "the labels")
    place = look_up(_text(labels), _text(feature_table.ids), "labels", untyped=False)
    described, _ = label_features.describe(space, feature_table, place, False, "labels")
    label_features.store(file, described)
    chosen = sum(counts.values(), np.zeros(len(labels), np.int64)) > 0
    empty = _empty(described, place)
    found = {
        "described": len(feature_table.ids),
        "label_features": space.given,
        "identity": plan.stored["label_features"]["identity"],
        "not_described": int(np.count_nonzero(place < 0)),
        "described_without_features": int(np.count_nonzero(empty)),
        "described_never_chosen": int(np.count_nonzero((place >= 0) & ~chosen)),
        **about_hashing("label_hashing", feature_table.raw, plan.options),
    }
    if previous:
        names = space.names.slice(0, space.given)
        found["update"] = {"label features": previous.name_changes(names, previous.label_features)}
    return found | {"warnings": _warnings(plan, found, empty, counts["train"])}


def _space(plan: FeatureFileSpec, feature_table: FeatureTable, previous: Previous | None) -> FeatureSpace:
    """Which features there are: those of all labels in the file, whether anything has them or not."""
    places = previous.label_feature_places if previous else None
    space = fit_features(feature_table.raw, np.ones(len(feature_table.ids), np.bool_), plan.options, places)
    if not space.given or not space.count.any():
        raise DataError(
            f"{plan.source.name}: no label has a feature that is left",
            hint="lower --min-count, or look at the columns of the label file",
        )
    return space


def _text(ids: pa.Array) -> pa.Array:
    """Ids as text: those of a file without types are text, whatever the labels are."""
    return ids.cast(pa.large_string())


def _empty(described: label_features.LabelFeatures, place: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which labels have a row in the file and no feature in it."""
    if isinstance(described.y, Bags):
        return (place >= 0) & (np.diff(described.y.indptr) == 0)
    return np.zeros(len(place), np.bool_)


def _warnings(
    plan: FeatureFileSpec, found: dict[str, Any], empty: NDArray[np.bool_], train: NDArray[np.int64]
) -> list[str]:
    warnings = []
    name = plan.source.name
    alone = "they have their identity alone" if found["identity"] else "they score 0 for every example"
    if found["not_described"]:
        warnings.append(f"labels without a row in {name}: {found['not_described']:,}; {alone}")
    if found["described_without_features"]:
        lost = int(np.count_nonzero(empty & (train == 0)))
        blank = (
            f"; {lost:,} of them are in no training example, and score 0"
            if lost and found["identity"]
            else ""
        )
        warnings.append(
            f"labels without features in {name}: {found['described_without_features']:,}; {alone}{blank}"
        )
    return warnings


# Relations of labels: their parents, or their similarities.

_PREPARE_RELATIONS_ROWS = 65536  # read at a time


def relation_digests(settings: PrepareSettings) -> dict[str, str]:
    """What the manifest says of the file that is named; nothing where there is none. Raises UsageError for two."""
    named = {name: path for name in ("isa", "similarity") if (path := getattr(settings, name)) is not None}
    if len(named) > 1:
        raise UsageError(
            "expected one of --isa and --similarity, found both: each of them says what S of psib@k is",
            hint="leave one out, or write the siblings of --isa into the similarity file",
        )
    return {name: find_source(path, Path(path)).sha256() for name, path in named.items()}


def add_relations(settings: PrepareSettings, file: Callable[[str], Path], summary: dict[str, Any]) -> None:
    """Store what the files say of the labels, and count it in the summary. Raises DataError."""
    labels = one_array(storage.read_table(file(storage.LABELS), ["label"]).column(0))
    if settings.isa is not None:
        pairs = taxonomy.read_pairs(settings.isa, _batches(settings.isa, taxonomy.ROLES))
        summary["isa"] = taxonomy.store_parents(file(taxonomy.FILE), pairs, labels)
        _warn_of_unknown("isa pairs whose child is no label", summary["isa"], summary)
    if settings.similarity is not None:
        batches = _batches(settings.similarity, similarity.ROLES)
        triples = similarity.read_triples(settings.similarity, batches)
        summary["similarity"] = similarity.store_similarity(file(similarity.FILE), triples, labels)
        _warn_of_unknown("similarities of what is no label", summary["similarity"], summary)


def relation_notes(settings: PrepareSettings, summary: dict[str, Any]) -> list[str]:
    """What was found, in words."""
    notes = []
    if "isa" in summary:
        notes.append(f"{summary['isa']['labels']:,} labels have a parent in {settings.isa}")
    if "similarity" in summary:
        found = summary["similarity"]["labels"]
        notes.append(f"{found:,} labels are similar to another by {settings.similarity}")
    return notes


def _warn_of_unknown(what: str, counts: dict[str, int], summary: dict[str, Any]) -> None:
    if counts["unknown"]:
        summary["warnings"].append(
            f"{what}: {counts['unknown']:,} of {counts['pairs']:,}; they were left out"
        )


def _batches(path: str, roles: dict[str, Any]) -> Any:
    return read_batches(find_source(path, Path(path)), roles, _PREPARE_RELATIONS_ROWS, called_as(roles))


# From queries, documents and relevant pairs to a dataset whose labels are the documents.

_PREPARE_RETRIEVAL_ROWS = 16384  # of queries and documents, read at a time
_RELEVANCE_ROWS = 65536  # of pairs


def read_retrieval(
    plan: RetrievalSpec,
    rule: SplitRule,
    sources: list[Source],
    read: Read,
    file: Callable[[str], Path],
    previous: Previous | None = None,
) -> tuple[Annotations, RawExamples, dict[str, Any]]:
    """The queries as examples, the documents as labels; the features of the labels are stored.

    Returns also what the summary says of the documents and the pairs. Raises DataError.
    """
    queries, documents = (
        read_feature_table(
            read([source], columns.roles(), _PREPARE_RETRIEVAL_ROWS),
            columns,
            plan.text,
            what,
            hashing=options.hash_bits is not None,
        )
        for source, columns, options, what in (
            (sources[0], plan.queries, plan.query_options, "queries"),
            (sources[1], plan.documents, plan.document_options, "documents"),
        )
    )
    pairs = read_relevance(
        read(sources[2:], plan.relevance.roles(), _RELEVANCE_ROWS), plan.relevance, queries.ids, documents.ids
    )
    everything = np.ones(len(documents.ids), np.bool_)
    options = plan.query_options if plan.shared else plan.document_options
    space = fit_features(
        documents.raw, everything, options, previous.label_feature_places if previous else None
    )
    if previous and space.dense:
        previous.require_columns(space.names.slice(0, space.given), previous.label_features, "the documents")
    if not space.given:
        raise DataError(
            "no document has a feature that is left", hint="lower --min-count, or look at its column"
        )
    split = queries.split if pairs.split is None else pairs.split
    examples = RawExamples(
        queries.ids, queries.raw, documents.ids, pairs.lists, split, by_id=True, grades=pairs.grades
    )
    data = build_annotations(examples, rule, plan.query_options, space if plan.shared else None, previous)
    place = look_up(data.labels, documents.ids, "documents", untyped=False)
    described, unknown = label_features.describe(space, documents, place, plan.shared, "documents")
    label_features.store(file, described)
    found = _about(data, documents, pairs, described, unknown)
    return data, examples, found | about_hashing("label_hashing", documents.raw, plan.document_options)


def _about(
    data: Annotations,
    documents: FeatureTable,
    pairs: Relevance,
    described: label_features.LabelFeatures,
    unknown: int,
) -> dict[str, Any]:
    """What a careful colleague would say of documents and pairs."""
    empty = np.diff(described.y.indptr) == 0 if isinstance(described.y, Bags) else np.zeros(0, np.bool_)
    warnings = []
    if empty.any():
        relevant = int(np.count_nonzero(np.isin(data.positives.indices, np.flatnonzero(empty))))
        warnings.append(
            f"documents without features: {np.count_nonzero(empty):,}; they score 0 for every query"
            + (f", and {relevant:,} relevant pairs name them" if relevant else "")
        )
    if pairs.unknown_documents:
        warnings.append(
            f"relevant pairs whose document is not there: {pairs.unknown_documents:,} of {pairs.pairs:,}; "
            "they were left out, and count for no recall"
        )
    if pairs.unknown_queries:
        warnings.append(
            f"relevant pairs whose query is not there: {pairs.unknown_queries:,}; they were left out"
        )
    if pairs.repeated:
        warnings.append(
            f"relevant pairs that are there twice: {pairs.repeated:,}; they count once, with their highest grade"
        )
    if pairs.capped:
        warnings.append(
            f"grades above {MAX_GRADE}: {pairs.capped:,} of {pairs.pairs:,}; they count as {MAX_GRADE} in ndcg; "
            "leave the column out of the file where they are scores rather than grades"
        )
    return {
        "documents": len(documents.ids),
        "label_features": described.space.given,
        "document_entries_left_out": unknown,
        "pairs": pairs.pairs,
        "not_relevant": pairs.not_relevant,
        "graded": pairs.grades is not None,
        "warnings": warnings,
    }
