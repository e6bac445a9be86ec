"""Settings of `awe promote`."""

from __future__ import annotations

from dataclasses import dataclass

from awe_cli.config import setting


@dataclass(frozen=True)
class PromoteSettings:
    """How the conditions of a promotion are judged. Model, alias and conditions are on the command line."""

    split: str = setting("test", help="Which examples to judge on.", choices=("train", "valid", "test"))
    confident: bool = setting(
        False,
        help="A comparison with a model must hold for the whole 95 % interval of the difference, not for "
        "its mean.",
    )
    seed: int = setting(0, help="Of the resamples behind the intervals.", min=0)
