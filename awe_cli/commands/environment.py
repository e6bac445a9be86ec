"""Environment variables that look like settings of awe and are none: a misspelt one would change nothing, unnoticed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from awe_cli.commands import console
from awe_cli.commands.options import declared_by
from awe_cli.config.resolve import variable_of
from awe_cli.errors import did_you_mean

_OTHERS = ("AWE_WORKSPACE", "AWE_THREADS", "AWE_SCHEDULER", "AWE_DEBUG")


def warn_of_unknown(env: Iterable[str], commands: Mapping[str, Callable[..., None]]) -> None:
    """Warn of each variable AWE_… of the environment that no setting of any of the commands is called."""
    named = sorted(name for name in env if name.startswith("AWE_"))
    if not named:
        return
    known = {*_OTHERS, *(variable_of(name, one) for name, of in commands.items() for one in declared_by(of))}
    for name in named:
        if name not in known:
            hint = did_you_mean(name, sorted(known), "settings are AWE_<COMMAND>_<SETTING>")
            console.warn(f"the environment variable {name} is no setting and was ignored; {hint}")
