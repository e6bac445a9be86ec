"""A name in the workspace: a small file that says which artifact it stands for."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from pathlib import Path

from awe_cli.errors import CorruptArtifactError
from awe_cli.workspace.disk import make_folder, replace_file
from awe_cli.workspace.recipe import canonical


@dataclass(frozen=True)
class Pointer:
    """digest of the artifact, digest of its recipe, and when (UTC, ISO 8601) the name came to mean it."""

    digest: str
    recipe: str
    created: str

    @classmethod
    def now(cls, digest: str, recipe: str) -> Pointer:
        """A pointer made at this second."""
        created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return cls(digest, recipe, created)


def read_pointer(path: Path) -> Pointer | None:
    """The pointer at `path`, or None where there is none; CorruptArtifactError where it is unreadable."""
    try:
        data = json.loads(path.read_bytes())
        return Pointer(str(data["digest"]), str(data["recipe"]), str(data["created"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptArtifactError(
            f"{path}: expected a pointer (JSON with digest, recipe and created), found {error!r}",
            hint=f"remove {path} and run the step that makes it again",
        ) from error


def write_pointer(path: Path, pointer: Pointer) -> Pointer:
    """Make `path` mean `pointer`, unless it already means the same artifact; return what it now holds."""
    try:
        present = read_pointer(path)
    except CorruptArtifactError:
        present = None
    if present is not None and (present.digest, present.recipe) == (pointer.digest, pointer.recipe):
        return present
    make_folder(path.parent)
    content = {"digest": pointer.digest, "recipe": pointer.recipe, "created": pointer.created}
    replace_file(path, canonical(content))
    return pointer
