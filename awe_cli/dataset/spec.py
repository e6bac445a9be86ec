"""What `prepare` will read and how: the settings and the columns of the files, made definite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from awe_cli.config.prepare import PrepareSettings
from awe_cli.dataset.annotations import AnnotationColumns
from awe_cli.dataset.dataset import ANNOTATION, RECOMMENDATION, RETRIEVAL
from awe_cli.dataset.feature_columns import FeatureColumns, match_columns
from awe_cli.dataset.features import FeatureOptions
from awe_cli.dataset.interactions import InteractionColumns
from awe_cli.dataset.plan_reading import (
    SPLIT,
    has_splits,
    read_options,
    refuse_without_effect,
    side_file_options,
    stored_reading,
)
from awe_cli.dataset.retrieval import FeatureTableColumns, RelevanceColumns
from awe_cli.dataset.row_choice import RowChoice
from awe_cli.dataset.splits import SplitRule
from awe_cli.dataset.text import NO_STEMS, TextOptions, stop_words
from awe_cli.errors import SettingsError, UsageError
from awe_cli.io import libsvm, tagged_rows
from awe_cli.io.log import ReadingLog
from awe_cli.io.options import separator_of
from awe_cli.io.reader import columns_of, require_column
from awe_cli.io.sources import TAGGED, Source, find_source

# The part of the plan of `prepare` that says what the features are.


def feature_options(settings: PrepareSettings, *, dense: bool, side: str = "") -> FeatureOptions:
    """How features are made; the defaults depend on their kind. `side` begins the option of the scaling: "label-"."""
    is_text = settings.text is not None
    if settings.scaling == "standard" and not dense:
        raise SettingsError(
            f"--{side}scaling: standard is for dense features: it would fill a sparse matrix",
            hint="use l2, l1 or none",
        )
    if dense and (settings.idf or (settings.min_count or 1) > 1):
        raise SettingsError("--idf and --min-count are for sparse features and text", hint="leave them out")
    return FeatureOptions(
        scaling=settings.scaling or ("standard" if dense else "l2"),
        bias=settings.bias,
        idf=settings.idf if settings.idf is not None else is_text,
        sublinear=settings.sublinear and is_text,
        min_count=settings.min_count or (2 if is_text else 1),
        hash_bits=None if dense else settings.hash_bits,
    )


def feature_columns(settings: PrepareSettings, sources: list[Source], side: str = "") -> FeatureColumns:
    """Where the features stand; `side` is what begins their options: "query-".

    Raises UsageError, and as `match_columns` does.
    """
    categories = settings.categories or ()
    if settings.text:
        return FeatureColumns(text=settings.text, categories=categories)
    if settings.sparse:
        names = tuple(settings.sparse.split(":"))
        if len(names) > 2 or not all(names):
            raise UsageError(
                f"--{side}sparse: expected INDICES:VALUES or INDICES, found {settings.sparse!r}",
                hint="name two list columns with a colon between them, or one whose features count 1 each",
            )
        return FeatureColumns(sparse=names, categories=categories)
    if categories and settings.features:
        raise UsageError(
            f"--{side}categories and --{side}features are two kinds of features that a row cannot have together",
            hint="give numbers names of ranges, such as 30-39, and make them a category",
        )
    if categories:
        return FeatureColumns(categories=categories)
    taken = {name for name in (settings.labels, settings.id, settings.split) if name}
    found = [match_columns(source, settings.features or (), columns_of(source), taken) for source in sources]
    for source, names in zip(sources, found, strict=True):
        if set(names) != set(found[0]):
            other = sorted(set(names) ^ set(found[0]))[0]
            raise UsageError(
                f"{source.name}: expected the feature columns of {sources[0].name}; "
                f"{other!r} is in one of them only",
                hint="name the columns one by one",
            )
    return FeatureColumns(dense=found[0])


def text_options(settings: PrepareSettings) -> TextOptions:
    """How text becomes words. Raises SettingsError, and as `stop_words` does."""
    options = TextOptions(settings.token_characters, stop_words(settings.stop_words), settings.stem)
    options.check()
    return options


def stored_text(settings: PrepareSettings, text: TextOptions | None) -> dict[str, Any] | None:
    """The words of a file are stored: the file may be gone when new text comes."""
    if text is None:
        return None
    listed = settings.stop_words in ("none", "english")
    words = settings.stop_words if listed else sorted(text.stop_words)
    stem = {} if text.stem == NO_STEMS else {"stem": text.stem}
    return {"token_characters": text.token_characters, "stop_words": words, **stem}


# The part of the plan of `prepare` that says what things (queries, documents, labels) are described by.


def side_settings(settings: PrepareSettings, side: str, source: Source) -> PrepareSettings:
    """The settings as for annotated examples with the features of one side. Raises UsageError."""
    text, sparse, features = (getattr(settings, f"{side}_{kind}") for kind in ("text", "sparse", "features"))
    categories = getattr(settings, f"{side}_categories", None)
    if sum(map(bool, (text, sparse, features))) > 1:
        raise UsageError(
            f"expected one of --{side}-text, --{side}-sparse and --{side}-features, found several",
            hint="name the one that the model shall see",
        )
    if not (text or sparse or features or categories):
        text = "text"
        if text not in columns_of(source):
            raise UsageError(
                f"{source.name}: expected a column 'text', found {', '.join(list(columns_of(source))[:20])}",
                hint=f"name the features with --{side}-text, --{side}-sparse or --{side}-features",
            )
    return replace(settings, text=text, sparse=sparse, features=features, categories=categories)


def kind_of(features: FeatureColumns) -> str:
    """What features are: "text", "sparse" or "dense"."""
    return "text" if features.text else "dense" if features.dense else "sparse"


def stored_columns(columns: FeatureTableColumns) -> dict[str, Any]:
    """The columns as a manifest has them."""
    features = columns.features
    return {
        "features": list(features.dense),
        "sparse": list(features.sparse or ()),
        "text": features.text,
        "id": columns.id,
        **stored_categories(features),
    }


def stored_categories(features: FeatureColumns) -> dict[str, Any]:
    """The columns of categories as a manifest has them; nothing where there are none."""
    return {"categories": list(features.categories)} if features.categories else {}


def stored_features(
    columns: FeatureTableColumns, options: FeatureOptions, text: dict[str, Any] | None
) -> dict[str, Any]:
    """What a manifest says of the features of labels or people; `text`: how text becomes words, if it is text."""
    kind = kind_of(columns.features)
    return {
        "dense": kind == "dense",
        "columns": stored_columns(columns),
        "options": options.stored(),
        "text": text if kind == "text" else None,
    }


def first_column(
    types: Mapping[str, pa.DataType | None], names: tuple[str, ...], source: Source, flag: str
) -> str:
    """The first of these names that is a column. Raises UsageError, which names the flag to use."""
    found = next((name for name in names if name in types), None)
    if found is None:
        raise UsageError(
            f"{source.name}: expected a column {names[0]!r}, found {', '.join(list(types)[:20])}",
            hint=f"name the column of the id with {flag}",
        )
    return found


# The plan of `prepare` for a file that describes the labels, items with attributes, or one that describes people.

_OF_FILE = ("id", "text", "sparse", "features", "categories", "scaling", "columns")
_ONLY_WITH_FILE = {
    "label": (*(f"label_{name}" for name in _OF_FILE), "label_identity"),
    "user": tuple(f"user_{name}" for name in _OF_FILE),
}
_IDS_OF = {"label": ("label", "item", "id"), "user": ("user", "id")}


@dataclass(frozen=True)
class FeatureFileSpec:
    """The columns of the file, and how they become features.

    stored  what goes into the manifest
    """

    source: Source
    columns: FeatureTableColumns
    options: FeatureOptions
    text: TextOptions | None
    stored: dict[str, Any]


def feature_file_spec(
    settings: PrepareSettings, side: str, named: str | None, log: ReadingLog | None = None
) -> FeatureFileSpec | None:
    """The plan of one side, "label" or "user"; None where no file is named.

    named  the column of these ids in the data
    log    where rows that cannot be used, and warnings, are noted

    Raises UsageError for options that need the file and for several kinds of features, MissingInputError for
    a file or a column that is not there, DataError and SettingsError as for the features of examples.
    """
    path = getattr(settings, f"{side}_file")
    if path is None:
        for field in _ONLY_WITH_FILE[side]:
            if getattr(settings, field) is not None:
                raise UsageError(
                    f"{_flag(field, getattr(settings, field))} needs --{side}-file",
                    hint=f"name the file that has a row for each {'person' if side == 'user' else side}",
                )
        return None
    reading = side_file_options(settings, side)
    source = find_source(path, Path(path), options=reading, log=log)
    if getattr(settings, f"{side}_columns"):
        refuse_without_effect(replace(settings, separator=None, columns=None), [source])
    types = columns_of(source)
    names = tuple(name for name in (named, *_IDS_OF[side]) if name)
    id = getattr(settings, f"{side}_id") or first_column(types, names, source, f"--{side}-id")
    require_column(source, id, types)
    file_settings = side_settings(replace(settings, labels=None, id=id, split=None), side, source)
    columns = FeatureTableColumns(feature_columns(file_settings, [source], f"{side}-"), id)
    if len(columns.roles()) < 1 + len(columns.features.roles()):
        raise UsageError("one column is named for two purposes", hint="name each column once")
    for name in columns.roles():
        require_column(source, name, types)
    dense = kind_of(columns.features) == "dense"
    counted = {"idf": None, "min_count": None} if dense else {"min_count": settings.min_count or 1}
    described = replace(file_settings, scaling=getattr(settings, f"{side}_scaling"), bias=False, **counted)
    options = feature_options(described, dense=dense, side=f"{side}-")
    text = text_options(file_settings) if file_settings.text else None
    stored = stored_features(columns, options, stored_text(file_settings, text))
    if side == "label":
        stored |= {"shared": False, "identity": settings.label_identity is not False}
    stored |= stored_reading(reading)
    manifest = {f"{side}_features": stored, f"{side}_file": source.sha256()}
    return FeatureFileSpec(source, columns, options, text, manifest)


def _flag(field: str, value: Any) -> str:
    name = field.replace("_", "-")
    return f"--no-{name}" if value is False else f"--{name}"


# The plan of `prepare` for queries, documents and the pairs that are relevant.

_NOT_FOR_RETRIEVAL = (
    "user",
    "item",
    "features",
    "sparse",
    "text",
    "categories",
    "labels",
    "id",
    "label_separator",
    "weight",
    "time",
    "half_life",
    "min_weight",
    "min_per_user",
    "min_per_item",
    "holdout",
    "holdout_last",
    "label_file",
    *_ONLY_WITH_FILE["label"],
    "user_file",
    *_ONLY_WITH_FILE["user"],
)
# What columns of ids are called, in the files of queries and documents and in those of pairs.
_IDS = {
    "query": ("query", "query_id", "query-id", "queryid", "qid", "_id", "id"),
    "document": ("document", "document_id", "document-id", "doc_id", "doc-id", "docid", "docno", "corpus-id",
                 "corpus_id", "pid", "_id", "id"),
}  # fmt: skip
_GRADES = ("relevance", "grade", "score", "rel")


@dataclass(frozen=True)
class RetrievalSpec:
    """The columns of the three files, and how both sides become features.

    shared  one vocabulary for queries and documents: that of the documents
    """

    queries: FeatureTableColumns
    documents: FeatureTableColumns
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
    for field in _NOT_FOR_RETRIEVAL:
        if getattr(settings, field) is not None:
            flag = f"--{field.replace('_', '-')}"
            raise UsageError(
                f"{flag} is not for retrieval",
                hint="columns are named by --query-… and --document-…; split with --split or --test-fraction",
            )
    return [str(file) for file in named.values()]


def retrieval_spec(
    settings: PrepareSettings, rule: SplitRule, sources: list[Source]
) -> tuple[RetrievalSpec, dict[str, Any]]:
    """The specification, and the settings for the manifest. Raises as `make_spec` does."""
    queries, documents, relevance = sources
    asked = side_settings(settings, "query", queries)
    file_settings = side_settings(settings, "document", documents)
    query_id = _id(settings.query_id, "query", queries, relevance)
    document_id = _id(settings.document_id, "document", documents, relevance)
    pairs = _relevance_columns(settings, relevance, query_id, document_id)
    query_columns = FeatureTableColumns(feature_columns(asked, [queries], "query-"), query_id, settings.split)
    document_columns = FeatureTableColumns(
        feature_columns(file_settings, [documents], "document-"), document_id
    )
    for source, roles in ((queries, query_columns.roles()), (documents, document_columns.roles())):
        for name in roles:
            require_column(source, name, columns_of(source))
    kinds = [kind_of(columns.features) for columns in (query_columns, document_columns)]
    file_settings = replace(file_settings, min_count=settings.min_count or 1, bias=False)
    if kinds[1] == "dense":
        file_settings = replace(file_settings, min_count=settings.min_count)
    text = text_options(settings) if "text" in kinds else None
    shared = kinds[0] == kinds[1] != "dense"
    document_options = feature_options(file_settings, dense=kinds[1] == "dense")
    query_options = feature_options(asked, dense=kinds[0] == "dense")
    plan = RetrievalSpec(
        query_columns,
        document_columns,
        pairs,
        replace(document_options, bias=settings.bias) if shared else query_options,
        document_options,
        text,
        shared,
    )
    stored = _stored(plan, settings, rule, kinds)
    stored["label_features"] |= stored_reading(documents.options)
    stored["relevance"] |= stored_reading(relevance.options)
    return plan, {**stored, **stored_reading(queries.options)}


def _stored(
    plan: RetrievalSpec, settings: PrepareSettings, rule: SplitRule, kinds: list[str]
) -> dict[str, Any]:
    text = stored_text(settings, plan.text)
    return {
        "task": ANNOTATION,
        "dense": kinds[0] == "dense",
        "columns": {**stored_columns(plan.queries), "labels": None, "split": plan.queries.split},
        "label_separator": None,
        "weighted": False,
        "scaling": plan.query_options.scaling,
        "feature_options": plan.query_options.stored(),
        "text": text if kinds[0] == "text" else None,
        "split": asdict(rule),
        "relevance": {
            name: value for name, value in asdict(plan.relevance).items() if name != "split" or value
        },
        "label_features": {
            **stored_features(plan.documents, plan.document_options, text),
            "shared": plan.shared,
            "identity": False,
        },
    }


def _id(file_settings: str | None, side: str, source: Source, pairs: Source) -> str:
    """The column of the id in the file of queries or of documents."""
    types = columns_of(source)
    named = _named(file_settings)
    found = next((name for name in named if name in types), None)
    if named and found is None:
        in_pairs = columns_of(pairs)
        if not any(name in in_pairs for name in named):  # else it is called otherwise here
            require_column(source, named[0], types)
    return found or first_column(types, _IDS[side], source, f"--{side}-id")


def _named(file_settings: str | None) -> list[str]:
    return [name.strip() for name in (file_settings or "").split(",") if name.strip()]


def _id_in_pairs(file_settings: str | None, side: str, known: str, source: Source) -> str:
    """The column of the same id in the file of pairs, where it may be called otherwise."""
    names = _IDS[side][:-2]
    ordered = [*reversed(_named(file_settings)), *([] if known in ("_id", "id") else [known]), *names, known]
    return first_column(columns_of(source), tuple(dict.fromkeys(ordered)), source, f"--{side}-id")


def _relevance_columns(
    settings: PrepareSettings, source: Source, query_id: str, document_id: str
) -> RelevanceColumns:
    types = columns_of(source)
    is_run = source.files()[0].format == "trec" and "rank" in types  # all that a run lists counts as relevant
    grade = settings.grade or next((name for name in _GRADES if name in types and not is_run), None)
    columns = RelevanceColumns(
        _id_in_pairs(settings.query_id, "query", query_id, source),
        _id_in_pairs(settings.document_id, "document", document_id, source),
        grade,
        SPLIT if has_splits(source) else None,
    )
    if grade:
        require_column(source, grade, types)
    if len(columns.roles()) < 2 + bool(grade) + bool(columns.split):
        raise UsageError(
            f"{source.name}: one column is named for two purposes",
            hint="give queries and documents columns of their own: --query-id and --document-id",
        )
    return columns


TEST_SHARE = 0.2  # held out where no split is named


@dataclass(frozen=True)
class PrepareSpec:
    """What the columns are, for one of three kinds of data; `settings` goes into the manifest."""

    rule: SplitRule
    settings: dict[str, Any]
    interactions: InteractionColumns | None = None
    annotation: AnnotationColumns | None = None
    options: FeatureOptions | None = None
    text: TextOptions | None = None
    retrieval: RetrievalSpec | None = None
    labels: FeatureFileSpec | None = None
    users: FeatureFileSpec | None = None
    choice: RowChoice | None = None

    @property
    def half_life(self) -> float | None:
        """Days in which an interaction loses half of its weight; None: it keeps it."""
        return self.settings.get("half_life")

    @property
    def task(self) -> str:
        """What it is called for the user: retrieval is annotation of queries with documents."""
        return RETRIEVAL if self.retrieval else str(self.settings["task"])


def make_spec(settings: PrepareSettings, sources: list[Source]) -> PrepareSpec:
    """The plan.

    Raises UsageError where options contradict each other or are missing, MissingInputError for a column that
    is not there, SettingsError for a scaling that cannot be.
    """
    refuse_without_effect(settings, sources)
    skipping = {"skip_bad_rows": settings.skip_bad_rows} if settings.skip_bad_rows else {}
    if is_retrieval(settings):
        rule = replace(split_rule(settings), given=True) if has_splits(sources[2]) else split_rule(settings)
        retrieval, stored = retrieval_spec(settings, rule, sources)
        return PrepareSpec(rule, {**stored, **skipping}, text=retrieval.text, retrieval=retrieval)
    settings = _with_known_columns(settings, sources)
    rule = split_rule(settings)
    fill = _plan_interactions if settings.user or settings.item else _plan_annotation
    plan = fill(settings, rule, sources)
    reading = read_options(settings)
    found = sources[0].files()[0].format
    if found in TAGGED:  # new text of this form has no labels to know it by
        reading = replace(reading, format=found)
    plan = replace(plan, settings={**plan.settings, **stored_reading(reading), **skipping})
    labels = feature_file_spec(settings, "label", settings.item or settings.labels, sources[0].log)
    users = feature_file_spec(settings, "user", settings.user, sources[0].log)
    stored = {**plan.settings, **(labels.stored if labels else {}), **(users.stored if users else {})}
    return replace(plan, labels=labels, users=users, settings=stored)


def split_rule(settings: PrepareSettings) -> SplitRule:
    """The one way to split that the settings name; a random TEST_SHARE where they name none."""
    named = {
        "--split": settings.split,
        "--holdout": settings.holdout,
        "--holdout-last": settings.holdout_last,
        "--test-fraction": settings.test_fraction,
    }
    given = [flag for flag, value in named.items() if value is not None]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} are two ways to split", hint="name one of them")
    if settings.holdout_last and not settings.time:
        raise UsageError(
            "--holdout-last needs --time", hint="name the column that holds the time of each row"
        )
    fraction = settings.test_fraction if given else TEST_SHARE
    return SplitRule(
        settings.split is not None,
        settings.holdout,
        settings.holdout_last,
        fraction,
        settings.valid_fraction,
        settings.seed,
    )


def _plan_interactions(settings: PrepareSettings, rule: SplitRule, sources: list[Source]) -> PrepareSpec:
    for field in ("features", "sparse", "text", "categories", "labels", "id", "label_separator"):
        if getattr(settings, field) is not None:
            flag = f"--{field.replace('_', '-')}"
            raise UsageError(
                f"{flag} is for annotated examples, --user and --item are for interactions",
                hint="name either a person and an item, or features and labels",
            )
    if not settings.user or not settings.item:
        missing = "--item" if settings.user else "--user"
        raise UsageError(
            f"{missing} is needed", hint="interactions have a column of the person and one of the item"
        )
    if settings.scaling == "standard":
        raise SettingsError(
            "--scaling: standard is for dense features, a history is a bag of items",
            hint="use l2, l1 or none",
        )
    if settings.min_weight is not None and settings.weight is None:
        raise UsageError(
            "--min-weight needs --weight", hint="name the column that holds the weight of each row"
        )
    if settings.half_life is not None and settings.time is None:
        raise UsageError("--half-life needs --time", hint="name the column that holds the time of each row")
    if settings.half_life is not None and settings.weight_transform == "binary":
        raise SettingsError(
            "--half-life: expected weights that count, found --weight-transform binary, which makes all of them 1",
            hint="use log or none",
        )
    columns = InteractionColumns(settings.user, settings.item, settings.weight, settings.time, settings.split)
    if len(columns.roles()) < 2 + sum(c is not None for c in (columns.weight, columns.time, columns.split)):
        raise UsageError("one column is named for two purposes", hint="name each column once")
    _require(sources, list(columns.roles()))
    choice = RowChoice(settings.min_weight, settings.min_per_user, settings.min_per_item)
    stored = {
        "task": RECOMMENDATION,
        "dense": False,
        "columns": asdict(columns),
        "weighted": settings.weight is not None or settings.half_life is not None,
        **({} if settings.half_life is None else {"half_life": settings.half_life}),
        **choice.stored(),
        "weight_transform": settings.weight_transform,
        "scaling": settings.scaling or "l2",
        "split": asdict(rule),
    }
    return PrepareSpec(rule, stored, interactions=columns, choice=choice)


def _plan_annotation(settings: PrepareSettings, rule: SplitRule, sources: list[Source]) -> PrepareSpec:
    kinds = {"--features": settings.features, "--sparse": settings.sparse, "--text": settings.text}
    named = [flag for flag, value in kinds.items() if value]
    if len(named) > 1 or not (named or settings.categories) or not settings.labels:
        raise UsageError(
            "expected --user and --item, or --labels with one of --features, --sparse and --text, or with "
            "--categories; found "
            + (", ".join([*named, *(["--labels"] if settings.labels else [])]) or "none of them"),
            hint="for example `awe prepare plays.parquet --user user --item artist`",
        )
    for field in (
        "time",
        "half_life",
        "min_weight",
        "min_per_user",
        "min_per_item",
        "holdout",
        "holdout_last",
        "user_file",
    ):
        if getattr(settings, field) is not None:
            hint = "split annotated examples with --split or --test-fraction"
            if field == "user_file":
                hint = (
                    "annotated examples have their own features: --features, --sparse, --text or --categories"
                )
            raise UsageError(
                f"--{field.replace('_', '-')} is for interactions, with --user and --item", hint=hint
            )
    features = feature_columns(settings, sources)
    columns = AnnotationColumns(
        features,
        settings.labels,
        settings.id,
        settings.split,
        separator_of(settings.label_separator, "--label-separator"),
        settings.weight,
    )
    others = [column for column in (settings.labels, settings.id, settings.split, settings.weight) if column]
    if len({*features.roles(), *others}) < len(features.roles()) + len(others):
        raise UsageError("one column is named for two purposes", hint="name each column once")
    _require(sources, list(columns.roles()))
    text = text_options(settings) if settings.text else None
    options = feature_options(settings, dense=bool(features.dense))
    stored = {
        "task": ANNOTATION,
        "dense": bool(features.dense),
        "columns": {
            "features": list(features.dense),
            "sparse": list(features.sparse or ()),
            "text": features.text,
            "labels": columns.labels,
            "id": columns.id,
            "split": columns.split,
            **({"weight": columns.weight} if columns.weight else {}),
            **stored_categories(features),
        },
        "label_separator": columns.label_separator,
        "weighted": False,
        "scaling": options.scaling,
        "feature_options": options.stored(),
        "text": stored_text(settings, text),
        "split": asdict(rule),
    }
    return PrepareSpec(rule, stored, annotation=columns, options=options, text=text)


def _with_known_columns(settings: PrepareSettings, sources: list[Source]) -> PrepareSettings:
    """libsvm text has no names for its columns, nor have lines of fastText and Annif: they need not be named."""
    if settings.user or settings.features:
        return settings
    if all(source.format in TAGGED for source in sources) and not settings.sparse:
        return replace(
            settings, text=settings.text or tagged_rows.TEXT, labels=settings.labels or tagged_rows.LABELS
        )
    if settings.text or not all(source.format == "libsvm" for source in sources):
        return settings
    pair = f"{libsvm.INDICES}:{libsvm.VALUES}"
    return replace(settings, sparse=settings.sparse or pair, labels=settings.labels or libsvm.LABELS)


def _require(sources: list[Source], names: list[str]) -> None:
    for source in sources:
        types = columns_of(source)
        for name in names:
            require_column(source, name, types)
