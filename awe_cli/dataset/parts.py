"""Parts of the reading of files that the workers of a cluster make and publish."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from awe_cli.engine.dask import Dask, code_digest
from awe_cli.engine.engine import open_engine
from awe_cli.engine.parts import parts_of
from awe_cli.errors import AweError, DataError
from awe_cli.io.arrow_bytes import decoded, encoded
from awe_cli.io.columns import Batch, Role
from awe_cli.io.log import ReadingLog
from awe_cli.io.reader import file_parts, read_batches, require_columns
from awe_cli.io.sources import Source
from awe_cli.workspace import Recipe, Workspace
from awe_cli.workspace.checkpoints import (
    CheckpointFolder,
    CheckpointSettings,
    SavedPiece,
    open_checkpoints,
    remove_checkpoints,
)

# The columns of files by their roles, so many rows at a time, one file after the other.
Read = Callable[[Sequence[Source], Mapping[str, Role], int], Iterator[Batch]]

# At most so many bytes are a part, which its worker holds as a whole: of Parquet before it was packed, of text as it is
# stored, and of text that is packed.
_PART_BYTES, _PACKED_BYTES = 1 << 29, 1 << 26


@contextmanager
def open_reading(
    ws: Workspace, recipe: Recipe, scheduler: str | None, checkpoints: CheckpointSettings
) -> Iterator[Read]:
    """How files are read inside the block: here, or by the workers of a scheduler. Raises as `open_engine`."""
    if scheduler is None:
        yield read_here
        remove_checkpoints(ws.root, recipe)
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


def read_here(sources: Sequence[Source], roles: Mapping[str, Role], rows: int) -> Iterator[Batch]:
    """What `read_batches` gives of each file."""
    for source in sources:
        yield from read_batches(source, roles, rows)


class _ClusterReading:
    """Gives what `read_here` gives, errors and what is noted in the log included, in the same order.

    A part that no worker could read, or in which more rows would be left out than may be, is read here: what is said
    of it then does not depend on who reads. So is a file that workers cannot see (standard input, a pipe, the copy of
    an address), and one that is larger than a part may be.
    """

    def __init__(self, engine: Dask, folder: CheckpointFolder) -> None:
        self._engine, self._folder = engine, folder
        self._calls = 0

    def __call__(self, sources: Sequence[Source], roles: Mapping[str, Role], rows: int) -> Iterator[Batch]:
        planned = [planned for source in sources for planned in _planned(source, roles)]
        sent = [_to_send(part) for part, is_sent in planned if is_sent]
        name, self._calls = f"reading-{self._calls}-{_digest(sent)}", self._calls + 1
        self._engine.expect_shared(self._folder.path, *{part.path: None for part in sent})
        pieces = parts_of(self._engine, _ReadPart(roles, rows), sent, self._folder, name)
        for part, is_sent in planned:
            found = _found(part, *next(pieces)) if is_sent else None
            yield from read_batches(part, roles, rows) if found is None else found


def _planned(source: Source, roles: Mapping[str, Role]) -> list[tuple[Source, bool]]:
    """The parts of a source, and whether each is sent to a worker.

    One that lacks a column is left whole: what is wrong with it is said when its turn comes.
    """
    try:
        require_columns(source, roles)
        return [(part, _can_be_sent(part)) for file in source.files() for part in file_parts(file)]
    except AweError:
        return [(source, False)]


def _can_be_sent(part: Source) -> bool:
    """Whether it lies where its name says, rather than in a temporary copy, and is no larger than a part may be."""
    name = Path(part.name)
    if part.path not in (name, *name.parents):  # in an archive, the name goes on
        return False
    if part.format == "parquet":
        return bool(part.known.get("bytes", 0) <= _PART_BYTES)
    return part.path.stat().st_size <= (_PACKED_BYTES if part.packing else _PART_BYTES)


def _to_send(part: Source) -> Source:
    """The part for a worker, which is in another folder, and has a log of its own."""
    log = ReadingLog(part.log.allowed, part.log.can_skip)
    return replace(part, path=part.path.resolve(), log=log, known={})


def _digest(parts: Sequence[Source]) -> str:
    """Of the names, which messages have, and so pieces."""
    return hashlib.sha256("\0".join(part.name for part in parts).encode("utf-8", "replace")).hexdigest()[:8]


@dataclass(frozen=True)
class _ReadPart:
    """What a worker does of a part of a file."""

    roles: Mapping[str, Role]
    rows: int

    def __call__(self, part: Source) -> SavedPiece:
        """The batches, each with what the log has by then that it had not before; None where they cannot be read."""
        batches: list[dict[str, Any]] = []
        arrays: dict[str, NDArray[Any]] = {}
        told = 0  # warnings so far
        try:
            for number, batch in enumerate(read_batches(part, self.roles, self.rows)):
                warnings = [*part.log.warnings][told:]
                told += len(warnings)
                batches.append(
                    {
                        "first_row": batch.first_row,
                        "untyped": batch.untyped,
                        "warnings": warnings,
                        "notes": dict(part.log.notes),
                    }
                )
                arrays[f"{_TABLE}{number}"] = encoded(batch.table)
                if batch.numbers is not None:
                    arrays[f"{_NUMBERS}{number}"] = batch.numbers
        except AweError:
            return None, {}
        skipped = [[*where, message] for where, message in part.log.skipped.items()]
        last = {"warnings": [*part.log.warnings][told:], "notes": part.log.notes}
        return {"batches": batches, "skipped": skipped, "last": last}, arrays


_TABLE, _NUMBERS = "table.", "numbers."  # how names of arrays begin


def _found(part: Source, value: Any, arrays: Mapping[str, NDArray[Any]]) -> Iterator[Batch] | None:
    """The batches that a worker read; None where they must be read here."""
    if value is None:
        return None
    skipped = {(name, row): message for name, row, message in value["skipped"]}
    return _batches(part, skipped, value, arrays) if part.log.may_skip(skipped) else None


def _batches(
    part: Source, skipped: dict[tuple[str, int], str], value: Any, arrays: Mapping[str, NDArray[Any]]
) -> Iterator[Batch]:
    log = part.log
    log.skipped |= skipped
    for number, batch in enumerate(value["batches"]):
        log.warnings |= dict.fromkeys(batch["warnings"])
        log.notes |= batch["notes"]
        table, numbers = decoded(arrays[f"{_TABLE}{number}"]), arrays.get(f"{_NUMBERS}{number}")
        yield Batch(part.name, batch["first_row"], table, batch["untyped"], numbers, log, part.options)
    log.warnings |= dict.fromkeys(value["last"]["warnings"])
    log.notes |= value["last"]["notes"]
