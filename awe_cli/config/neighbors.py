"""What `awe neighbors` can be told."""

from __future__ import annotations

from dataclasses import dataclass

from awe_cli.config import setting


@dataclass(frozen=True)
class NeighborsSettings:
    """The labels and the model are named on the command line."""

    top_k: int = setting(10, help="How many labels near each.", min=1)
