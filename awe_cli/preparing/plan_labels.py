"""The plan of `prepare` for a file that describes the labels: items with attributes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from awe_cli.config.prepare import PrepareSettings
from awe_cli.data.described import ThingColumns
from awe_cli.data.features import FeatureOptions
from awe_cli.data.reading.pieces import columns_of, require_column
from awe_cli.data.reading.sources import Source, find_source
from awe_cli.data.text import TextOptions
from awe_cli.errors import UsageError
from awe_cli.preparing.plan_described import (
    first_column,
    kind_of,
    side_settings,
    stored_label_features,
)
from awe_cli.preparing.plan_features import feature_columns, feature_options, stored_text, text_options

_ONLY_WITH_FILE = (
    "label_id",
    "label_text",
    "label_sparse",
    "label_features",
    "label_scaling",
    "label_identity",
)


@dataclass(frozen=True)
class LabelPlan:
    """The columns of the file, and how they become features.

    stored  what goes into the manifest
    """

    source: Source
    columns: ThingColumns
    options: FeatureOptions
    text: TextOptions | None
    stored: dict[str, Any]


def plan_labels(settings: PrepareSettings, label: str | None) -> LabelPlan | None:
    """The plan; None where no file is named. `label` is the column of the labels in the examples.

    Raises UsageError for options that need the file and for several kinds of features, MissingInputError for
    a file or a column that is not there, DataError and SettingsError as for the features of examples.
    """
    if settings.label_file is None:
        for field in _ONLY_WITH_FILE:
            if getattr(settings, field) is not None:
                raise UsageError(
                    f"{_flag(field, getattr(settings, field))} needs --label-file",
                    hint="name the file that has a row for each label",
                )
        return None
    source = find_source(settings.label_file, Path(settings.label_file))
    types = columns_of(source)
    names = tuple(name for name in (label, "label", "item", "id") if name)
    id = settings.label_id or first_column(types, names, source, "--label-id")
    require_column(source, id, types)
    told = side_settings(replace(settings, labels=None, id=id, split=None), "label", source)
    columns = ThingColumns(feature_columns(told, [source], "label-"), id)
    if len(columns.roles()) < 1 + len(columns.features.roles()):
        raise UsageError("one column is named for two purposes", hint="name each column once")
    for name in columns.roles():
        require_column(source, name, types)
    dense = kind_of(columns.features) == "dense"
    counted = {"idf": None, "min_count": None} if dense else {"min_count": settings.min_count or 1}
    described = replace(told, scaling=settings.label_scaling, bias=False, **counted)
    options = feature_options(described, dense=dense, side="label-")
    text = text_options(told) if told.text else None
    stored = stored_label_features(
        columns, options, stored_text(told, text), shared=False, identity=settings.label_identity is not False
    )
    return LabelPlan(
        source, columns, options, text, {"label_features": stored, "label_file": source.sha256()}
    )


def _flag(field: str, value: Any) -> str:
    name = field.replace("_", "-")
    return f"--no-{name}" if value is False else f"--{name}"
