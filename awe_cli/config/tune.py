"""Settings of `awe tune`."""

from __future__ import annotations

from dataclasses import dataclass

from awe_cli.config import setting
from awe_cli.config.recipe import seconds_of


@dataclass(frozen=True)
class TuneSettings:
    """How long is searched. What is searched for are the settings of `awe train` that are not given."""

    trials: int = setting(30, help="Trials in all, those of earlier runs of the same search included.", min=1)
    timeout: str | None = setting(
        None, help="Time after which no further trial begins, as 10m or 1h.", auto="none: all trials"
    )
    jobs: int = setting(
        1,
        help="Trials at a time, which share the threads. More than 1 end sooner, but what a trial tries then depends "
        "on which others were over: only 1 finds the same from the same seed.",
        min=1,
    )
    prune: bool = setting(
        True,
        help="Stop a trial that is behind three quarters of the complete ones at the same epoch.",
        flag="--prune/--no-prune",
    )

    @property
    def seconds(self) -> float:
        """The time-out in seconds, ∞ without one. Raises SettingsError."""
        return float("inf") if self.timeout is None else seconds_of(self.timeout, "--timeout")
