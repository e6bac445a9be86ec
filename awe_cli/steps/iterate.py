"""The papers' iterative procedure (AWE §3.3): build G, learn U and V with G fixed, and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from awe_cli.affinity.mixture import MIX
from awe_cli.config.build_affinity import BuildAffinitySettings
from awe_cli.config.retrain import RetrainSettings
from awe_cli.models.embeddings import load_result
from awe_cli.models.rankers import find_embedding
from awe_cli.models.tables import NEIGHBORS
from awe_cli.steps.build_affinity import build_affinity
from awe_cli.steps.retrain import retrain
from awe_cli.steps.retrain_told import built_members, check, find_tables, members_told
from awe_cli.training.fitting import Watch
from awe_cli.workspace import Artifact, Workspace


def iterate(
    ws: Workspace,
    model: str | None,
    settings: RetrainSettings,
    *,
    name: str = "awe",
    built: str | None = None,
    threads: int | None = None,
    wait: bool = False,
    watch: Watch = lambda progress: None,
    announce: Callable[[str], None] = lambda line: None,
) -> tuple[Artifact, bool]:
    """Retrain `settings.iterations` times; returns the best on validation, under `name`, and whether it is new.

    Without validation that is the last one. With several iterations each is stored as NAME-1, NAME-2, …, and G is
    built from each as the first one was, under the name that `build-affinity` gives, or MODEL-NAME where the mix
    called the first one NAME; the commands one by one give the same artifacts. Where an iteration keeps U and V all
    later ones would be equal to it, and their names mean it.
    """
    once = replace(settings, iterations=1)
    if settings.iterations == 1:
        return retrain(ws, model, once, name=name, built=built, threads=threads, wait=wait, watch=watch)
    with ws.lock(wait=wait):
        check(settings)
        base = find_embedding(ws, model, ws.find("dataset"))
        like = _how_built(ws, settings, built, base)
        found: list[tuple[Artifact, bool]] = []
        for number in range(1, settings.iterations + 1):
            step = f"{name}-{number}"
            if found:
                model, built = f"{name}-{number - 1}", None
                for table, called in like:
                    again = _named_after(model, called)
                    build_affinity(ws, model, table, name=again, threads=threads, announce=announce)
                once = _with_names_after(model, settings)
            result = retrain(ws, model, once, name=step, built=built, threads=threads, watch=watch)
            found.append(result)
            announce(f"iteration {number}: {_in_words(result[0])} ({step})")
            if load_result(result[0])["kept"] == "product":
                announce("U and V stay as they are, and so would they in every further iteration")
                for later in range(number + 1, settings.iterations + 1):
                    ws.call(result[0], f"{name}-{later}")
                break
        best, fresh = _best(found, announce)
        return ws.call(best, name), fresh


def _named_after(model: str, built: str | None) -> str | None:
    """The name of a G built again from a later model: MODEL-NAME where the first one had a name of its own."""
    return None if built is None else f"{model}-{built}"


def _with_names_after(model: str, settings: RetrainSettings) -> RetrainSettings:
    """The settings for one retraining of a later model."""
    if settings.affinity != MIX:
        return replace(settings, iterations=1)
    named = (replace(member, built=_named_after(model, member.built)) for member in members_told(settings))
    return replace(settings, iterations=1, mix=tuple(str(member) for member in named))


def _how_built(
    ws: Workspace, settings: RetrainSettings, built: str | None, base: Artifact
) -> list[tuple[BuildAffinitySettings, str | None]]:
    """How each G of the affinity was built, and what a mix calls it."""
    tables = zip(find_tables(ws, settings, built, base), built_members(settings, None), strict=True)
    return [(_settings_of(table, member.affinity), member.built) for table, member in tables]


def _settings_of(built: Artifact, affinity: str) -> BuildAffinitySettings:
    """How G was built, to build the next one in the same way."""
    told = dict(built.settings)
    if built.kind != NEIGHBORS:
        own = {name: value for name, value in told.get("own", {}).items() if value is not None}
        own_parameters = tuple(f"{name}={value}" for name, value in own.items()) or None
        told = {"metric": told["metric"], "own_parameters": own_parameters, **told["parameters"]}
    values: dict[str, Any] = {
        field.name: told.get(field.name, told.get(field.name.rstrip("_")))
        for field in fields(BuildAffinitySettings)
    }
    if values["lambda_y"] is not None:
        values["lambda_y"] = str(values["lambda_y"])
    return BuildAffinitySettings(**{**values, "affinity": affinity})


def _best(found: list[tuple[Artifact, bool]], announce: Callable[[str], None]) -> tuple[Artifact, bool]:
    """The iteration that validation prefers, the first of equals; without validation the last, so that none is lost."""
    scores = [_score(model) for model, _ in found]
    judged = [score for score in scores if score is not None]
    if not judged:
        announce("there is no validation to choose by: the last iteration is taken")
        return found[-1]
    return found[scores.index(max(judged))]


def _in_words(model: Artifact) -> str:
    score = _score(model)
    return "not judged, for want of validation" if score is None else f"{score:.4f} on validation"


def _score(model: Artifact) -> float | None:
    """How well it ranks validation; None where there is none."""
    return max(load_result(model)["validation"].values(), default=None)
