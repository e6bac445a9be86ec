"""Which options of `prepare` can act on the data at hand; those that cannot are refused rather than ignored."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from awe_cli.config.prepare import PrepareSettings
from awe_cli.config.schema import settings_of
from awe_cli.dataset.spec import PrepareSpec, kind_of
from awe_cli.errors import SettingsError
from awe_cli.io.sources import DELIMITED, Source

_OF_TEXT = ("sublinear", "stop_words", "stem", "token_characters")
_OF_SPARSE = ("idf", "min_count", "hash_bits")
_OF_RETRIEVAL = (
    "query_id",
    "document_id",
    "query_text",
    "document_text",
    "query_sparse",
    "document_sparse",
    "query_features",
    "document_features",
    "grade",
    "query_columns",
    "document_columns",
    "relevance_columns",
)
_BINARY = ("parquet",)


def given_settings(settings: PrepareSettings) -> frozenset[str]:
    """The settings that differ from their defaults."""
    return frozenset(s.name for s in settings_of(PrepareSettings) if getattr(settings, s.name) != s.default)


def refuse_idle(
    settings: PrepareSettings, given: Collection[str], spec: PrepareSpec, sources: Sequence[Source]
) -> None:
    """Raise SettingsError for the first setting that was `given` and cannot act on this task and these files."""
    for name, reason, hint in _idle(settings, spec, sources):
        if name in given:
            value = getattr(settings, name)
            flag = f"--no-{name}" if value is False else f"--{name}"
            raise SettingsError(f"{flag.replace('_', '-')}: {reason}", hint=hint)


def _idle(
    settings: PrepareSettings, spec: PrepareSpec, sources: Sequence[Source]
) -> list[tuple[str, str, str]]:
    """(setting, why it cannot act, what to do) of all that cannot."""
    kinds, leave_out = _feature_kinds(spec), "leave it out"
    idle: list[tuple[str, str, str]] = []
    if "text" not in kinds:
        words = f"it is for features from text, found {_words(kinds, spec)}"
        idle += [(name, words, leave_out) for name in _OF_TEXT]
    if not kinds & {"text", "sparse"}:
        words = f"it is for text and sparse features, found {_words(kinds, spec)}"
        idle += [(name, words, leave_out) for name in _OF_SPARSE]
    if not kinds & {"sparse", "dense"}:
        words = f"it is for --sparse, --label-sparse and the like, found {_words(kinds, spec)}"
        idle.append(("sparse_separator", words, leave_out))
    if spec.retrieval is None:
        hint = "name --queries, --documents and --relevance, or leave it out"
        idle += [(name, "it is for retrieval, with --queries", hint) for name in _OF_RETRIEVAL]
    if spec.interactions is not None:
        idle.append(("bias", "it is for annotated examples: a history has no constant feature", leave_out))
        if settings.holdout_last is None and settings.half_life is None:
            idle.append(
                ("time", "only --holdout-last and --half-life use it", "name one of them, or leave it out")
            )
        if settings.weight is None and settings.half_life is None:
            idle.append(
                (
                    "weight_transform",
                    "no weights are read",
                    "name their column with --weight, or leave it out",
                )
            )
    else:
        idle.append(("weight_transform", "it is for interactions, with --user and --item", leave_out))
    formats = {file.format for source in sources for file in source.files()}
    found = f"found {', '.join(sorted(str(name) for name in formats))}"
    if not formats & set(DELIMITED):
        idle.append(("quoting", f"it is for delimited text such as CSV, {found}", leave_out))
    if formats <= set(_BINARY):
        idle.append(("encoding", f"it is for text files, {found}", leave_out))
    return idle


def _feature_kinds(spec: PrepareSpec) -> set[str]:
    """What features there are, of examples and of labels: text, sparse, dense."""
    sides = [spec.annotation] if spec.annotation else []
    columns = [side.features for side in sides]
    if spec.retrieval:
        columns += [spec.retrieval.queries.features, spec.retrieval.documents.features]
    columns += [file.columns.features for file in (spec.labels, spec.users) if file]
    return {kind_of(features) for features in columns}


def _words(kinds: set[str], spec: PrepareSpec) -> str:
    if kinds:
        return " and ".join(f"{kind} features" for kind in sorted(kinds))
    return "histories of items" if spec.interactions else "no features"
