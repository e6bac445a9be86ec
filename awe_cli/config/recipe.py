"""Settings of `awe recipe`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from awe_cli.config import setting
from awe_cli.errors import SettingsError

_SECONDS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class RecipeSettings:
    """How much time the chain may take."""

    budget: str = setting(
        "10m",
        help="Time that the chain may take, as 10m or 1h: more time adds members that rank better together.",
    )

    @property
    def seconds(self) -> float:
        """The budget in seconds. Raises SettingsError."""
        return seconds_of(self.budget, "--budget")


def seconds_of(text: str, where: str) -> float:
    """A duration such as 90s, 10m or 1.5h in seconds, more than 0. Raises SettingsError; `where` names its source."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([smh])\s*", text.lower())
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if seconds <= 0:
        raise SettingsError(
            f"{where}: expected a time above 0 such as 90s, 10m or 1h, found {text!r}",
            hint="write a number and s, m or h",
        )
    return seconds
