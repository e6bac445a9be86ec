"""What `prepare` is told of the labels themselves: their parents, or how similar they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from awe_cli.config.prepare import PrepareSettings
from awe_cli.data import similarity, storage, taxonomy
from awe_cli.data.reading.columns import one_array
from awe_cli.data.reading.pieces import read_pieces
from awe_cli.data.reading.sources import find_source
from awe_cli.errors import UsageError

_ROWS = 65536  # read at a time


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
        pairs = taxonomy.read_pairs(_pieces(settings.isa, taxonomy.ROLES))
        summary["isa"] = taxonomy.store_parents(file(taxonomy.FILE), pairs, labels)
        _warn_of_unknown("isa pairs whose child is no label", summary["isa"], summary)
    if settings.similarity is not None:
        triples = similarity.read_triples(_pieces(settings.similarity, similarity.ROLES))
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


def _pieces(path: str, roles: dict[str, Any]) -> Any:
    return read_pieces(find_source(path, Path(path)), roles, _ROWS)
