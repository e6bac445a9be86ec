"""The plan of `prepare` for queries, documents and the pairs that are relevant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from awe_cli.config.prepare import PrepareSettings
from awe_cli.data.dataset import ANNOTATION
from awe_cli.data.described import ThingColumns
from awe_cli.data.features import FeatureOptions
from awe_cli.data.reading.pieces import columns_of, require_column
from awe_cli.data.reading.sources import Source
from awe_cli.data.relevance import RelevanceColumns
from awe_cli.data.splits import SplitRule
from awe_cli.data.text import TextOptions
from awe_cli.errors import UsageError
from awe_cli.preparing.plan_described import (
    first_column,
    kind_of,
    side_settings,
    stored_columns,
    stored_label_features,
)
from awe_cli.preparing.plan_features import feature_columns, feature_options, stored_text, text_options

_OTHERS = ("user", "item", "features", "sparse", "text", "labels", "id", "label_separator", "weight", "time",
           "holdout", "holdout_last", "label_file", "label_id", "label_text", "label_sparse", "label_features",
           "label_scaling", "label_identity")  # fmt: skip


@dataclass(frozen=True)
class RetrievalPlan:
    """The columns of the three files, and how both sides become features.

    shared  one vocabulary for queries and documents: that of the documents
    """

    queries: ThingColumns
    documents: ThingColumns
    relevance: RelevanceColumns
    query_options: FeatureOptions
    document_options: FeatureOptions
    text: TextOptions | None
    shared: bool


def is_retrieval(settings: PrepareSettings) -> bool:
    """Whether the settings name a file of queries, of documents or of relevance."""
    return bool(settings.queries or settings.documents or settings.relevance)


def retrieval_files(settings: PrepareSettings, files: Sequence[str]) -> list[str]:
    """The three files. Raises UsageError where one is missing, or others are named."""
    named = {
        "--queries": settings.queries,
        "--documents": settings.documents,
        "--relevance": settings.relevance,
    }
    missing = [flag for flag, file in named.items() if not file]
    if missing:
        raise UsageError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} needed",
            hint="retrieval needs --queries, --documents and --relevance",
        )
    if files:
        raise UsageError(
            f"{files[0]}: expected no file beside --queries, --documents and --relevance", hint="leave it out"
        )
    for field in _OTHERS:
        if getattr(settings, field) is not None:
            flag = f"--{field.replace('_', '-')}"
            raise UsageError(
                f"{flag} is not for retrieval",
                hint="columns are named by --query-… and --document-…; split with --split or --test-fraction",
            )
    return [str(file) for file in named.values()]


def plan_retrieval(
    settings: PrepareSettings, rule: SplitRule, sources: list[Source]
) -> tuple[RetrievalPlan, dict[str, Any]]:
    """The plan, and what goes into the manifest. Raises as `make_plan` does."""
    queries, documents, relevance = sources
    asked = side_settings(settings, "query", queries)
    told = side_settings(settings, "document", documents)
    query_id = _id(settings.query_id, "query", queries)
    document_id = _id(settings.document_id, "document", documents)
    pairs = _relevance_columns(settings, relevance, query_id, document_id)
    query_columns = ThingColumns(feature_columns(asked, [queries], "query-"), query_id, settings.split)
    document_columns = ThingColumns(feature_columns(told, [documents], "document-"), document_id)
    for source, roles in ((queries, query_columns.roles()), (documents, document_columns.roles())):
        for name in roles:
            require_column(source, name, columns_of(source))
    kinds = [kind_of(columns.features) for columns in (query_columns, document_columns)]
    told = replace(told, min_count=settings.min_count or 1, bias=False)
    if kinds[1] == "dense":
        told = replace(told, min_count=settings.min_count)
    text = text_options(settings) if "text" in kinds else None
    shared = kinds[0] == kinds[1] != "dense"
    document_options = feature_options(told, dense=kinds[1] == "dense")
    query_options = feature_options(asked, dense=kinds[0] == "dense")
    plan = RetrievalPlan(
        query_columns,
        document_columns,
        pairs,
        replace(document_options, bias=settings.bias) if shared else query_options,
        document_options,
        text,
        shared,
    )
    return plan, _stored(plan, settings, rule, kinds)


def _stored(
    plan: RetrievalPlan, settings: PrepareSettings, rule: SplitRule, kinds: list[str]
) -> dict[str, Any]:
    text = stored_text(settings, plan.text)
    return {
        "task": ANNOTATION,
        "dense": kinds[0] == "dense",
        "columns": {**stored_columns(plan.queries), "labels": None, "split": plan.queries.split},
        "label_separator": None,
        "weighted": False,
        "scaling": plan.query_options.scaling,
        "feature_options": asdict(plan.query_options),
        "text": text if kinds[0] == "text" else None,
        "split": asdict(rule),
        "relevance": asdict(plan.relevance),
        "label_features": stored_label_features(
            plan.documents, plan.document_options, text, shared=plan.shared, identity=False
        ),
    }


def _id(told: str | None, side: str, source: Source) -> str:
    return told or first_column(columns_of(source), (side, f"{side}_id", "id"), source, f"--{side}-id")


def _relevance_columns(
    settings: PrepareSettings, source: Source, query_id: str, document_id: str
) -> RelevanceColumns:
    types = columns_of(source)
    grade = settings.grade or next((name for name in ("relevance", "grade") if name in types), None)
    columns = RelevanceColumns(
        first_column(types, (query_id, "query", "query_id"), source, "--query-id"),
        first_column(types, (document_id, "document", "document_id"), source, "--document-id"),
        grade,
    )
    if grade:
        require_column(source, grade, types)
    if len(columns.roles()) < 2 + bool(grade):
        raise UsageError(
            f"{source.name}: one column is named for two purposes",
            hint="give queries and documents columns of their own: --query-id and --document-id",
        )
    return columns
