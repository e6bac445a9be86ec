"""How each file of `prepare` is read: the options that the settings name, and folders in the form of BEIR."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from awe_cli.config.prepare import PrepareSettings
from awe_cli.errors import SettingsError
from awe_cli.io.options import ReadOptions, encoding_of, separator_of
from awe_cli.io.sources import DELIMITED, Source

SPLIT = "split"  # the column that says from which file of judgements a pair comes
_BEIR_SPLITS = {"train": "train", "dev": "valid", "valid": "valid", "validation": "valid", "test": "test"}


def read_options(settings: PrepareSettings) -> ReadOptions:
    """How the files that are named as arguments are read. Raises SettingsError."""
    return ReadOptions(
        format=settings.format,
        separator=separator_of(settings.separator, "--separator"),
        columns=settings.columns or (),
        encoding=encoding_of(settings.encoding),
        quoting=settings.quoting,
        sparse_separator=separator_of(settings.sparse_separator, "--sparse-separator"),
    )


def side_file_options(settings: PrepareSettings, side: str) -> ReadOptions:
    """How the label file or the user file is read: its separator, format and columns are its own."""
    columns = getattr(settings, f"{side}_columns")
    return read_options(settings).with_columns(columns, format=None, separator=None)


def retrieval_options(settings: PrepareSettings) -> list[ReadOptions]:
    """How the files of queries, documents and pairs are read. Raises SettingsError."""
    if settings.columns:
        raise SettingsError(
            "--columns: retrieval has three files",
            hint="use --query-columns, --document-columns and --relevance-columns",
        )
    options = read_options(settings)
    own = (settings.query_columns, settings.document_columns, settings.relevance_columns)
    queries, documents, relevance = (options.with_columns(columns) for columns in own)
    return [queries, documents, replace(relevance, relevance=True)]


def refuse_without_effect(settings: PrepareSettings, sources: Sequence[Source]) -> None:
    """Raise SettingsError for options of delimited text where no file is such text, or no file has such a part."""
    files = [file for source in sources for file in source.files()]
    delimited = [file for file in files if file.format in DELIMITED]
    for flag, given in (("--separator", settings.separator), ("--columns", settings.columns)):
        if given and not delimited:
            raise SettingsError(
                f"{flag} is for delimited text such as CSV, but {files[0].name} is {files[0].format}",
                hint="leave it out, or name another --format",
            )
    for file in files:
        if file.options.columns and file.format not in DELIMITED:
            raise SettingsError(
                f"{file.name}: names of columns are for delimited text such as CSV, but this is {file.format}",
                hint="leave them out, or name another --format",
            )


def with_beir_folder(
    settings: PrepareSettings, files: Sequence[str]
) -> tuple[PrepareSettings, Sequence[str]]:
    """The settings with the three files of a folder in the form of BEIR, where one is named in place of files."""
    if len(files) != 1 or not os.path.isdir(files[0]) or settings.user or settings.labels:
        return settings, files
    folder = Path(files[0])
    queries, documents = (_first(folder, name) for name in ("queries", "corpus"))
    relevance = folder / "qrels" if (folder / "qrels").is_dir() else _first(folder, "qrels")
    if queries is None or documents is None or relevance is None:
        return settings, files
    found = replace(
        settings,
        queries=settings.queries or str(queries),
        documents=settings.documents or str(documents),
        relevance=settings.relevance or str(relevance),
    )
    if not (settings.document_text or settings.document_sparse or settings.document_features):
        found = replace(found, document_text="title,text")
    return found, []


def _first(folder: Path, name: str) -> Path | None:
    return next((path for path in sorted(folder.glob(f"{name}.*")) if path.is_file()), None)


def with_splits_of_files(settings: PrepareSettings, relevance: Source) -> Source:
    """Judgements in files called train, dev (or valid) and test, with a column that says which split each is of.

    Only where the files have a train, and no setting says how to split.
    """
    named = (settings.split, settings.holdout, settings.holdout_last, settings.test_fraction)
    splits = [_BEIR_SPLITS.get(Path(part.name).name.split(".")[0]) for part in relevance.parts]
    if any(value is not None for value in named) or None in splits or "train" not in splits:
        return relevance
    parts = [
        replace(part, partitions=(*part.partitions, (SPLIT, str(split))))
        for part, split in zip(relevance.parts, splits, strict=True)
    ]
    return replace(relevance, parts=tuple(parts))


def has_splits(relevance: Source) -> bool:
    """Whether each pair has the split of its file."""
    return bool(relevance.parts) and all(SPLIT in dict(part.partitions) for part in relevance.parts)


def stored_reading(options: ReadOptions) -> dict[str, Any]:
    """What a manifest says of how files are read; nothing where it is left to the files."""
    stored = replace(options, relevance=False).stored()
    return {"reading": stored} if stored else {}
