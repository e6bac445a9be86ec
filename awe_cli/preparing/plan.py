"""What `prepare` will read and how: the settings and the columns of the files, made definite."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from awe_cli.config.prepare import PrepareSettings
from awe_cli.data.annotations import AnnotationColumns
from awe_cli.data.dataset import ANNOTATION, RECOMMENDATION, RETRIEVAL
from awe_cli.data.features import FeatureOptions
from awe_cli.data.interactions import InteractionColumns
from awe_cli.data.reading import libsvm_rows
from awe_cli.data.reading.pieces import columns_of, require_column
from awe_cli.data.reading.sources import Source
from awe_cli.data.splits import SplitRule
from awe_cli.data.text import TextOptions
from awe_cli.errors import SettingsError, UsageError
from awe_cli.preparing.plan_features import feature_columns, feature_options, stored_text, text_options
from awe_cli.preparing.plan_labels import LabelPlan, plan_labels
from awe_cli.preparing.plan_retrieval import RetrievalPlan, is_retrieval, plan_retrieval

TEST_SHARE = 0.2  # held out where no split is named


@dataclass(frozen=True)
class Plan:
    """What the columns are, for one of three kinds of data; `settings` goes into the manifest."""

    rule: SplitRule
    settings: dict[str, Any]
    interactions: InteractionColumns | None = None
    annotation: AnnotationColumns | None = None
    options: FeatureOptions | None = None
    text: TextOptions | None = None
    retrieval: RetrievalPlan | None = None
    labels: LabelPlan | None = None

    @property
    def task(self) -> str:
        """What it is called for the user: retrieval is annotation of queries with documents."""
        return RETRIEVAL if self.retrieval else str(self.settings["task"])


def make_plan(settings: PrepareSettings, sources: list[Source]) -> Plan:
    """The plan.

    Raises UsageError where options contradict each other or are missing, MissingInputError for a column that
    is not there, SettingsError for a scaling that cannot be.
    """
    if is_retrieval(settings):
        rule = split_rule(settings)
        retrieval, stored = plan_retrieval(settings, rule, sources)
        return Plan(rule, stored, text=retrieval.text, retrieval=retrieval)
    settings = _with_libsvm_columns(settings, sources)
    rule = split_rule(settings)
    fill = _plan_interactions if settings.user or settings.item else _plan_annotation
    plan = fill(settings, rule, sources)
    labels = plan_labels(settings, settings.item or settings.labels)
    return replace(plan, labels=labels, settings={**plan.settings, **labels.stored}) if labels else plan


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


def _plan_interactions(settings: PrepareSettings, rule: SplitRule, sources: list[Source]) -> Plan:
    for field in ("features", "sparse", "text", "labels", "id", "label_separator"):
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
    columns = InteractionColumns(settings.user, settings.item, settings.weight, settings.time, settings.split)
    if len(columns.roles()) < 2 + sum(c is not None for c in (columns.weight, columns.time, columns.split)):
        raise UsageError("one column is named for two purposes", hint="name each column once")
    _require(sources, list(columns.roles()))
    stored = {
        "task": RECOMMENDATION,
        "dense": False,
        "columns": asdict(columns),
        "weighted": settings.weight is not None,
        "weight_transform": settings.weight_transform,
        "scaling": settings.scaling or "l2",
        "split": asdict(rule),
    }
    return Plan(rule, stored, interactions=columns)


def _plan_annotation(settings: PrepareSettings, rule: SplitRule, sources: list[Source]) -> Plan:
    kinds = {"--features": settings.features, "--sparse": settings.sparse, "--text": settings.text}
    named = [flag for flag, value in kinds.items() if value]
    if len(named) != 1 or not settings.labels:
        raise UsageError(
            "expected --user and --item, or --labels with one of --features, --sparse and --text; found "
            + (", ".join([*named, *(["--labels"] if settings.labels else [])]) or "none of them"),
            hint="for example `awe prepare plays.parquet --user user --item artist`",
        )
    for field in ("weight", "time", "holdout", "holdout_last"):
        if getattr(settings, field) is not None:
            raise UsageError(
                f"--{field.replace('_', '-')} is for interactions, with --user and --item",
                hint="split annotated examples with --split or --test-fraction",
            )
    features = feature_columns(settings, sources)
    columns = AnnotationColumns(
        features, settings.labels, settings.id, settings.split, settings.label_separator
    )
    others = [column for column in (settings.labels, settings.id, settings.split) if column]
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
        },
        "label_separator": columns.label_separator,
        "weighted": False,
        "scaling": options.scaling,
        "feature_options": asdict(options),
        "text": stored_text(settings, text),
        "split": asdict(rule),
    }
    return Plan(rule, stored, annotation=columns, options=options, text=text)


def _with_libsvm_columns(settings: PrepareSettings, sources: list[Source]) -> PrepareSettings:
    """libsvm text has no names for its columns, so they need not be named."""
    if (
        not all(source.format == "libsvm" for source in sources)
        or settings.user
        or settings.features
        or settings.text
    ):
        return settings
    pair = f"{libsvm_rows.INDICES}:{libsvm_rows.VALUES}"
    return replace(settings, sparse=settings.sparse or pair, labels=settings.labels or libsvm_rows.LABELS)


def _require(sources: list[Source], names: list[str]) -> None:
    for source in sources:
        types = columns_of(source)
        for name in names:
            require_column(source, name, types)
