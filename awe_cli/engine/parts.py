"""Parts of a step's work that the workers of a cluster publish, in a folder that all machines share.

A part is a file with the checksum of its bytes in its name (`workspace/checkpoints.py`). It is worked out once: a step
that was stopped takes the parts that are there and whole, and a part whose worker is lost is worked out by another.
Two workers that both finish a part write the same bytes to the same name.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from awe_cli.engine.dask import Dask
from awe_cli.errors import MissingInputError
from awe_cli.workspace.checkpoints import CheckpointFolder, SavedPiece, part_key, publish_piece

# What a part is made of by a worker: rows of a stored file, or examples that are sent along.
MakePart = Callable[[Any], SavedPiece]


def parts_of(
    engine: Dask, make: MakePart, parts: Iterable[Any], folder: CheckpointFolder, name: str
) -> Iterator[SavedPiece]:
    """What `make` makes of each of `parts`, in their order, worked out by the cluster where the folder has it not.

    make  can be sent: paths, digests, settings
    name  of the work, among others that share the folder

    Raises what `make` does, and as `Dask.map` does.
    """
    n = 0

    def missing() -> Iterator[tuple[int, Any]]:
        nonlocal n
        for number, part in enumerate(parts):
            n = number + 1
            if not folder.has(part_key(name, number)):
                yield number, part

    def kept(start: int, stop: int) -> Iterator[SavedPiece]:
        for number in range(start, stop):
            piece = folder.load(part_key(name, number))
            assert piece is not None
            yield piece

    done = 0
    for number, file in engine.map(_Publish(make, folder.path.resolve(), name), missing()):
        yield from kept(done, number)
        yield folder.take(file)
        done = number + 1
    yield from kept(done, n)


@dataclass(frozen=True)
class _Publish:
    """Make a part, on a worker, and publish it: its number, and the name of its file."""

    make: MakePart
    folder: Path
    name: str

    def __call__(self, block: tuple[int, Any]) -> tuple[int, str]:
        number, part = block
        if not self.folder.is_dir():  # of a worker that joined later
            raise MissingInputError(
                f"--scheduler: the worker on {platform.node()} does not see {self.folder}, as this command does",
                hint="the workspace must lie on a file system that all machines of the cluster have at one path",
            )
        return number, publish_piece(self.folder, part_key(self.name, number), self.make(part))
