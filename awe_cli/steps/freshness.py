"""Whether a workspace is as fresh as it should be: what a monitor asks."""

from __future__ import annotations

import datetime
import re

from awe_cli.errors import SettingsError, StaleError, did_you_mean
from awe_cli.workspace import Workspace
from awe_cli.workspace.runs import Run, newest_success, read_runs

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhdw])")


def read_duration(text: str, where: str) -> float:
    """Seconds of a duration such as "26h", "90m" or "2d". Raises SettingsError, which says `where` it stands."""
    match = _DURATION.fullmatch(text.strip())
    seconds = float(match[1]) * UNITS[match[2]] if match else 0.0
    if not 0 < seconds < 1e10:
        raise SettingsError(
            f"{where}: expected a number above 0 and a unit, as 90m, 26h or 2d, found {text!r}",
            hint="the units are s, m, h, d and w: seconds, minutes, hours, days and weeks",
        )
    return seconds


def age_in_words(seconds: float) -> str:
    """An age as a person reads it: "26 h 5 min", "3 d 2 h", "40 s"."""
    parts: list[str] = []
    left = max(0, int(seconds))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if left >= size and (unit != "s" or not parts) and len(parts) < 2:
            parts.append(f"{left // size} {unit}")
            left %= size
        elif parts:
            break
    return " ".join(parts) or "0 s"


def known_runs(ws: Workspace, step: str | None = None) -> list[Run]:
    """The recorded runs, oldest first, of one step or of all. Raises MissingInputError where there is no workspace."""
    ws.require()
    return [run for run in read_runs(ws.root) if step in (None, run.step)]


def check_freshness(
    ws: Workspace,
    max_age: float,
    *,
    step: str | None = None,
    model: str | None = None,
    now: datetime.datetime | None = None,
) -> list[str]:
    """What is fresh, in words: the newest successful run, of `step` or any; or since when `model` means what it means.

    max_age  seconds
    step     name of a command; None: any but those that only tidy up. Not asked where a model is named alone
    model    name of a model or an alias

    Raises StaleError naming what is older and its age, or that it is not there; MissingInputError where there is no
    workspace or no such model.
    """  # fmt: skip
    ws.require()
    now = now or datetime.datetime.now(datetime.UTC)
    found: list[tuple[str, str | None]] = []
    if model is not None:
        pointer = ws.pointer("model", model)
        created = (
            pointer.created if pointer else ws.find("model", model).created
        )  # raises where it is not there
        found.append((f"{'the alias' if pointer and pointer.is_alias else 'the model'} {model}", created))
    if step is not None or model is None:
        run = newest_success(read_runs(ws.root), step)
        what = f"successful run of `awe {step}`" if step else "successful run"
        what += f" ({run.step})" if run and not step else ""
        found.append((f"the newest {what}", run.ended if run else None))
    fresh, stale = [], []
    for what, since in found:
        age = _age(since, now)
        if age is None:
            stale.append(f"{what}: none is known")
        elif age > max_age:
            stale.append(
                f"{what} is {age_in_words(age)} old (since {since}), older than {age_in_words(max_age)}"
            )
        else:
            fresh.append(f"{what} is {age_in_words(age)} old")
    if stale:
        raise StaleError("; ".join(stale), hint=_last_failure(ws, step))
    return fresh


def check_step(step: str | None, known: frozenset[str]) -> None:
    """Raise SettingsError for a step that leaves no record."""
    if step is not None and step not in known:
        raise SettingsError(
            f"--step: expected one of {', '.join(sorted(known))}, found {step!r}",
            hint=did_you_mean(step, known, "these commands are in the record of runs"),
        )


def _age(since: str | None, now: datetime.datetime) -> float | None:
    """Seconds since a time, at least 0; None where there is none or it cannot be read."""
    try:
        return (
            None
            if since is None
            else max(0.0, (now - datetime.datetime.fromisoformat(since)).total_seconds())
        )
    except (ValueError, TypeError):
        return None


def _last_failure(ws: Workspace, step: str | None) -> str:
    """What to look at: the last run that did not succeed, if it is the last of all."""
    runs = [run for run in read_runs(ws.root) if step in (None, run.step)]
    if runs and runs[-1].code != 0:
        last = runs[-1]
        how = f"code {last.code}" if last.code else last.state
        return f"the last run, {last.command!r} at {last.started}, ended so: {how}" + (
            f": {last.error}" if last.error else ""
        )
    return "`awe status --runs 20` lists the last runs"
