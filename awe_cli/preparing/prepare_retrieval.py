"""From queries, documents and relevant pairs to a dataset whose labels are the documents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from awe_cli.data import label_features
from awe_cli.data.annotations import Annotations, RawExamples, build_annotations
from awe_cli.data.described import Things, read_things
from awe_cli.data.features import fit_features
from awe_cli.data.matrix import Bags
from awe_cli.data.reading.pieces import read_pieces
from awe_cli.data.reading.sources import Source
from awe_cli.data.relevance import Relevance, read_relevance
from awe_cli.data.splits import SplitRule
from awe_cli.data.vocabulary import look_up
from awe_cli.errors import DataError
from awe_cli.preparing.plan_retrieval import RetrievalPlan

_ROWS = 16384  # read at a time


def read_retrieval(
    plan: RetrievalPlan, rule: SplitRule, sources: list[Source], file: Callable[[str], Path]
) -> tuple[Annotations, RawExamples, dict[str, Any]]:
    """The queries as examples, the documents as labels; the features of the labels are stored.

    Returns also what the summary says of the documents and the pairs. Raises DataError.
    """
    queries, documents = (
        read_things(read_pieces(source, columns.roles(), _ROWS), columns, plan.text, what)
        for source, columns, what in (
            (sources[0], plan.queries, "queries"),
            (sources[1], plan.documents, "documents"),
        )
    )
    pairs = read_relevance(
        read_pieces(sources[2], plan.relevance.roles()), plan.relevance, queries.ids, documents.ids
    )
    everything = np.ones(len(documents.ids), np.bool_)
    options = plan.query_options if plan.shared else plan.document_options
    space = fit_features(documents.raw, everything, options)
    if not space.given:
        raise DataError(
            "no document has a feature that is left", hint="lower --min-count, or look at its column"
        )
    examples = RawExamples(queries.ids, queries.raw, documents.ids, pairs.lists, queries.split, by_id=True)
    data = build_annotations(examples, rule, plan.query_options, space if plan.shared else None)
    place = look_up(data.labels, documents.ids, "documents", untyped=False)
    described, unknown = label_features.describe(space, documents, place, plan.shared, "documents")
    label_features.store(file, described)
    return data, examples, _about(data, documents, pairs, described, unknown)


def _about(
    data: Annotations,
    documents: Things,
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
        warnings.append(f"relevant pairs that are there twice: {pairs.repeated:,}; they count once")
    return {
        "documents": len(documents.ids),
        "label_features": described.space.given,
        "document_entries_left_out": unknown,
        "pairs": pairs.pairs,
        "not_relevant": pairs.graded,
        "warnings": warnings,
    }
