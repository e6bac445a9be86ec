"""The part of the plan of `prepare` that says what the features are."""

from __future__ import annotations

from typing import Any

from awe_cli.config.prepare import PrepareSettings
from awe_cli.data.annotated import FeatureColumns, match_columns
from awe_cli.data.features import FeatureOptions
from awe_cli.data.reading.pieces import columns_of
from awe_cli.data.reading.sources import Source
from awe_cli.data.text import TextOptions, stop_words
from awe_cli.errors import SettingsError, UsageError


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
    )


def feature_columns(settings: PrepareSettings, sources: list[Source], side: str = "") -> FeatureColumns:
    """Where the features stand; `side` is what begins their options: "query-".

    Raises UsageError, and as `match_columns` does.
    """
    if settings.text:
        return FeatureColumns(text=settings.text)
    if settings.sparse:
        names = tuple(settings.sparse.split(":"))
        if len(names) > 2 or not all(names):
            raise UsageError(
                f"--{side}sparse: expected INDICES:VALUES or INDICES, found {settings.sparse!r}",
                hint="name two list columns with a colon between them, or one whose features count 1 each",
            )
        return FeatureColumns(sparse=names)
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
    options = TextOptions(settings.token_characters, stop_words(settings.stop_words))
    options.check()
    return options


def stored_text(settings: PrepareSettings, text: TextOptions | None) -> dict[str, Any] | None:
    """The words of a file are stored: the file may be gone when new text comes."""
    if text is None:
        return None
    listed = settings.stop_words in ("none", "english")
    words = settings.stop_words if listed else sorted(text.stop_words)
    return {"token_characters": text.token_characters, "stop_words": words}
