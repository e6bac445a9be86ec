"""The kinds of artifact, where their pointers lie and the command that makes one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from awe_cli.errors import SettingsError

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_LONGEST_NAME = 100


@dataclass(frozen=True)
class Kind:
    """One kind of artifact.

    noun     what a sentence calls one of them, after "a" or "no"
    folder   where its pointers lie, below the workspace; None where there is one without a name
    command  what the user runs to make one; `{name}` stands for its name
    """

    name: str
    noun: str
    folder: str | None
    command: str

    def pointer(self, root: Path, name: str | None) -> Path:
        """The pointer file of `name`; raises SettingsError where a name is missing or impossible."""
        if self.folder is None:
            return root / f"{self.name}.json"
        if name is None:
            raise SettingsError(f"a {self.noun} needs a name", hint=f"run `{self.how_to_make('NAME')}`")
        return root / self.folder / f"{check_name(name)}.json"

    def how_to_make(self, name: str | None) -> str:
        """The command that makes the artifact `name`."""
        return self.command.format(name=name or "NAME")


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("dataset", "dataset", None, "awe prepare FILE --user COLUMN --item COLUMN"),
        Kind("model", "model", "models", "awe train --affinity constant --name {name}"),
        Kind("neighbors", "neighbour table", "neighbors", "awe build-knn --model MODEL --name {name}"),
        Kind(
            "affinity",
            "built affinity",
            "affinities",
            "awe build-affinity --model MODEL --affinity NAME --name {name}",
        ),
        Kind("predictions", "set of predictions", "predictions", "awe predict --model {name}"),
        Kind("metrics", "comparison", "metrics", "awe evaluate --model {name}"),
    )
}


def check_name(name: str) -> str:
    """`name` itself, if it can name an artifact; SettingsError otherwise."""
    if _NAME.fullmatch(name) and len(name) <= _LONGEST_NAME:
        return name
    raise SettingsError(
        f"{name!r} cannot be a name: expected letters, digits, '.', '_' and '-', "
        f"not starting with '.' or '-', at most {_LONGEST_NAME} characters",
        hint="choose another name, such as 'wsabie-64'",
    )
