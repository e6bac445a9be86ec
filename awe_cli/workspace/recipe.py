"""What an artifact is made from and what it holds: the two halves of its manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """All that decides what a step will make. Two equal recipes make the same artifact.

    kind      one of KINDS
    version   of the format and of the mathematics behind it; raised when either changes
    settings  JSON values only; no times, no paths, no number of threads
    parents   role → digest of the artifacts it is made from
    """

    kind: str
    version: int
    settings: Mapping[str, Any]
    parents: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The recipe as a JSON object."""
        return {
            "kind": self.kind,
            "version": self.version,
            "settings": dict(self.settings),
            "parents": dict(self.parents),
        }

    @property
    def digest(self) -> str:
        """sha256 of the recipe, in hexadecimal."""
        return digest_of(canonical(self.as_json()))


@dataclass(frozen=True)
class FileRecord:
    """A file as it was when the artifact was written; size in bytes, sha256 in hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """A recipe and the files that came of it, by their path inside the artifact."""

    recipe: Recipe
    files: Mapping[str, FileRecord]

    def encode(self) -> bytes:
        """The bytes of manifest.json. Their digest is the digest of the artifact."""
        files = {name: {"size": file.size, "sha256": file.sha256} for name, file in self.files.items()}
        return canonical({**self.recipe.as_json(), "files": files})

    @classmethod
    def decode(cls, content: bytes) -> Manifest:
        """The manifest in `content`; raises ValueError, KeyError or TypeError where it is none."""
        data = json.loads(content)
        recipe = Recipe(data["kind"], int(data["version"]), dict(data["settings"]), dict(data["parents"]))
        files = {name: FileRecord(int(f["size"]), str(f["sha256"])) for name, f in data["files"].items()}
        return cls(recipe, files)


def canonical(value: Mapping[str, Any]) -> bytes:
    """JSON in one spelling: sorted keys, two spaces, UTF-8, a final newline, no NaN."""
    text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def digest_of(content: bytes) -> str:
    """sha256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
