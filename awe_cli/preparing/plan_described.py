"""The part of the plan of `prepare` that says what things (queries, documents, labels) are described by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import pyarrow as pa

from awe_cli.config.prepare import PrepareSettings
from awe_cli.data.annotated import FeatureColumns
from awe_cli.data.described import ThingColumns
from awe_cli.data.features import FeatureOptions
from awe_cli.data.reading.pieces import columns_of
from awe_cli.data.reading.sources import Source
from awe_cli.errors import UsageError


def side_settings(settings: PrepareSettings, side: str, source: Source) -> PrepareSettings:
    """The settings as for annotated examples with the features of one side. Raises UsageError."""
    text, sparse, features = (getattr(settings, f"{side}_{kind}") for kind in ("text", "sparse", "features"))
    if sum(map(bool, (text, sparse, features))) > 1:
        raise UsageError(
            f"expected one of --{side}-text, --{side}-sparse and --{side}-features, found several",
            hint="name the one that the model shall see",
        )
    if not (text or sparse or features):
        text = "text"
        if text not in columns_of(source):
            raise UsageError(
                f"{source.name}: expected a column 'text', found {', '.join(list(columns_of(source))[:20])}",
                hint=f"name the features with --{side}-text, --{side}-sparse or --{side}-features",
            )
    return replace(settings, text=text, sparse=sparse, features=features)


def kind_of(features: FeatureColumns) -> str:
    """What features are: "text", "sparse" or "dense"."""
    return "text" if features.text else "sparse" if features.sparse else "dense"


def stored_columns(columns: ThingColumns) -> dict[str, Any]:
    """The columns as a manifest has them."""
    features = columns.features
    return {
        "features": list(features.dense),
        "sparse": list(features.sparse or ()),
        "text": features.text,
        "id": columns.id,
    }


def stored_label_features(
    columns: ThingColumns,
    options: FeatureOptions,
    text: dict[str, Any] | None,
    *,
    shared: bool,
    identity: bool,
) -> dict[str, Any]:
    """What a manifest says of the features of labels.

    text      how text becomes words, if it is text
    shared    whether they are those of x
    identity  whether each label is a feature of itself besides
    """
    kind = kind_of(columns.features)
    return {
        "shared": shared,
        "dense": kind == "dense",
        "columns": stored_columns(columns),
        "options": asdict(options),
        "text": text if kind == "text" else None,
        "identity": identity,
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
