"""Parts of the reading of files that the workers of a cluster make and publish."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.engine import parts
from awe_cli.engine.dask import Dask, code_digest
from awe_cli.engine.engine import open_engine
from awe_cli.errors import AweError, DataError
from awe_cli.io.arrow_bytes import decoded, encoded
from awe_cli.io.columns import Batch, Role
from awe_cli.io.log import ReadingLog
from awe_cli.io.parquet import parquet_parts
from awe_cli.io.reader import read_batches, require_columns
from awe_cli.io.sources import Source
from awe_cli.workspace import Recipe, Workspace
from awe_cli.workspace.checkpoints import CheckpointFolder, CheckpointSettings, SavedPiece, open_checkpoints

# The columns of a source by their roles, so many rows at a time, as `read_batches` gives them.
Read = Callable[[Source, Mapping[str, Role], int], Iterator[Batch]]

_PART_ROWS = 1 << 20  # of a Parquet file, at least
_PART_BYTES = 1 << 29  # at most, of another file, which is a part as a whole


@contextmanager
def open_reading(
    ws: Workspace, recipe: Recipe, scheduler: str | None, checkpoints: CheckpointSettings
) -> Iterator[Read]:
    """How files are read inside the block: here, or by the workers of a scheduler. Raises as `open_engine`."""
    if scheduler is None:
        yield read_batches
        return
    with (
        open_engine(scheduler, None) as engine,
        open_checkpoints(ws.root, recipe, None, code_digest(), checkpoints) as folder,
    ):
        assert isinstance(engine, Dask)
        folder.open_to_others()
        try:
            yield _ClusterReading(engine, folder)
        except DataError:  # the files will be others when they are read again
            folder.remove()
            raise


class _ClusterReading:
    """Gives what `read_batches` gives, errors and what is noted in the log included, in the order of the files.

    A part that no worker could read, or in which more rows would be left out than may be, is read here: what is said
    of it then does not depend on who reads. So is a file that workers cannot see (standard input, a pipe, the copy of
    an address), and text that is larger than a part may be.
    """

    def __init__(self, engine: Dask, folder: CheckpointFolder) -> None:
        self._engine, self._folder = engine, folder
        self._sources = 0

    def __call__(self, source: Source, roles: Mapping[str, Role], rows: int) -> Iterator[Batch]:
        require_columns(source, roles)
        wanted = [part for file in source.files() for part in _parts(file)]
        sent = [_to_send(part) for part in wanted if _can_be_sent(part)]
        name, self._sources = f"reading-{self._sources}", self._sources + 1
        self._engine.expect_shared(self._folder.path, *{part.path: None for part in sent})
        pieces = parts.parts_of(self._engine, _ReadPart(roles, rows), sent, self._folder, name)
        for part in wanted:
            found = _found(part, *next(pieces)) if _can_be_sent(part) else None
            yield from read_batches(part, roles, rows) if found is None else found


def _parts(file: Source) -> list[Source]:
    return parquet_parts(file, _PART_ROWS) if file.format == "parquet" else [file]


def _can_be_sent(file: Source) -> bool:
    """Whether a file lies where its name says, rather than in a temporary copy, and is no larger than a part may be."""
    name = Path(file.name)
    is_seen = file.path in (name, *name.parents)  # in an archive, the name goes on
    return is_seen and (file.row_groups is not None or file.path.stat().st_size <= _PART_BYTES)


def _to_send(file: Source) -> Source:
    """The file for a worker, which is in another folder, and has a log of its own."""
    log = ReadingLog(file.log.allowed, file.log.can_skip)
    return replace(file, path=file.path.resolve(), log=log, known={})


@dataclass(frozen=True)
class _ReadPart:
    """What a worker does of a file, or of some of its row groups."""

    roles: Mapping[str, Role]
    rows: int

    def __call__(self, file: Source) -> SavedPiece:
        """The batches, and what the log has of them; None where they cannot be read."""
        batches: list[dict[str, Any]] = []
        arrays: dict[str, NDArray[Any]] = {}
        try:
            for number, batch in enumerate(read_batches(file, self.roles, self.rows)):
                batches.append({"first_row": batch.first_row, "untyped": batch.untyped})
                arrays[f"{_TABLE}{number}"] = encoded(batch.table)
                if batch.numbers is not None:
                    arrays[f"{_NUMBERS}{number}"] = batch.numbers
        except AweError:
            return None, {}
        log = file.log
        skipped = [[*where, message] for where, message in log.skipped.items()]
        return {
            "batches": batches, "skipped": skipped, "warnings": [*log.warnings], "notes": log.notes,
        }, arrays  # fmt: skip


_TABLE, _NUMBERS = "table.", "numbers."  # how names of arrays begin


def _found(file: Source, value: Any, arrays: Mapping[str, NDArray[Any]]) -> Iterator[Batch] | None:
    """The batches that a worker read; None where they must be read here."""
    if value is None:
        return None
    log = ReadingLog(
        skipped={(name, row): message for name, row, message in value["skipped"]},
        warnings=dict.fromkeys(value["warnings"]),
        notes=value["notes"],
    )
    if not file.log.take(log):
        return None
    return (
        Batch(
            file.name,
            batch["first_row"],
            decoded(arrays[f"{_TABLE}{number}"]),
            batch["untyped"],
            arrays[f"{_NUMBERS}{number}"].astype(np.int64) if f"{_NUMBERS}{number}" in arrays else None,
            file.log,
            file.options,
        )
        for number, batch in enumerate(value["batches"])
    )
