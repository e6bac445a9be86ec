"""The papers' iterative procedure (AWE §3.3): build G, learn U and V with G fixed, and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from awe_cli.config.build_affinity import BuildAffinitySettings
from awe_cli.config.retrain import RetrainSettings
from awe_cli.models.embeddings import load_result
from awe_cli.models.rankers import find_embedding
from awe_cli.models.tables import NEIGHBORS, find_built
from awe_cli.steps.build_affinity import build_affinity
from awe_cli.steps.retrain import retrain
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

    With several iterations each is stored as NAME-1, NAME-2, …, and G is built from each as the first one was, under
    the name that `build-affinity` gives; the commands one by one give the same artifacts. Where an iteration keeps U
    and V all later ones would be equal to it, and their names mean it.
    """
    once = replace(settings, iterations=1)
    if settings.iterations == 1:
        return retrain(ws, model, once, name=name, built=built, threads=threads, wait=wait, watch=watch)
    with ws.lock(wait=wait):
        base = find_embedding(ws, model, ws.find("dataset"))
        like = _settings_of(find_built(ws, settings.affinity, built, base), settings.affinity)
        found: list[tuple[Artifact, bool]] = []
        for number in range(1, settings.iterations + 1):
            step = f"{name}-{number}"
            if found:
                model, built = f"{name}-{number - 1}", None
                build_affinity(ws, model, like, threads=threads, announce=announce)
            result = retrain(ws, model, once, name=step, built=built, threads=threads, watch=watch)
            found.append(result)
            announce(f"iteration {number}: {_score(result[0]):.4f} on validation ({step})")
            if load_result(result[0])["kept"] == "product":
                announce("U and V stay as they are, and so would they in every further iteration")
                for later in range(number + 1, settings.iterations + 1):
                    ws.call(result[0], f"{name}-{later}")
                break
        best, fresh = max(found, key=lambda pair: _score(pair[0]))
        return ws.call(best, name), fresh


def _settings_of(built: Artifact, affinity: str) -> BuildAffinitySettings:
    """How G was built, to build the next one in the same way."""
    told = built.settings if built.kind == NEIGHBORS else {**built.settings, **built.settings["parameters"]}
    values: dict[str, Any] = {
        field.name: told.get(field.name, told.get(field.name.rstrip("_")))
        for field in fields(BuildAffinitySettings)
    }
    if values["lambda_y"] is not None:
        values["lambda_y"] = str(values["lambda_y"])
    return BuildAffinitySettings(**{**values, "affinity": affinity})


def _score(model: Artifact) -> float:
    return max(load_result(model)["validation"].values(), default=float("-inf"))
