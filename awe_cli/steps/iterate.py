"""The papers' iterative procedure (AWE §3.3): build G, learn U and V with G fixed, and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

from awe_cli.config.build_knn import BuildKnnSettings
from awe_cli.config.retrain import RetrainSettings
from awe_cli.steps.build_knn import build_knn
from awe_cli.steps.embeddings import load_result
from awe_cli.steps.retrain import retrain
from awe_cli.training.fitting import Watch
from awe_cli.workspace import Artifact, Workspace


def iterate(
    ws: Workspace,
    model: str | None,
    settings: RetrainSettings,
    *,
    name: str = "awe",
    neighbors: str | None = None,
    threads: int | None = None,
    wait: bool = False,
    watch: Watch = lambda progress: None,
    announce: Callable[[str], None] = lambda line: None,
) -> tuple[Artifact, bool]:
    """Retrain `settings.iterations` times; returns the best on validation, under `name`, and whether it is new.

    With several iterations each is stored as NAME-1, NAME-2, …, its table, built as the first one was, under the
    same name; the commands one by one give the same artifacts. Where an iteration keeps U and V all later ones
    would be equal to it, and their names mean it.
    """
    once = replace(settings, iterations=1)
    if settings.iterations == 1:
        return retrain(
            ws, model, once, name=name, neighbors=neighbors, threads=threads, wait=wait, watch=watch
        )
    with ws.lock(wait=wait):
        like = _settings_of(ws.find("neighbors", neighbors or model))
        found: list[tuple[Artifact, bool]] = []
        for number in range(1, settings.iterations + 1):
            step = f"{name}-{number}"
            if found:
                model = neighbors = f"{name}-{number - 1}"
                build_knn(ws, model, like, threads=threads, announce=announce)
            result = retrain(ws, model, once, name=step, neighbors=neighbors, threads=threads, watch=watch)
            found.append(result)
            announce(f"iteration {number}: {_score(result[0]):.4f} on validation ({step})")
            if load_result(result[0])["kept"] == "product":
                announce("U and V stay as they are, and so would they in every further iteration")
                for later in range(number + 1, settings.iterations + 1):
                    ws.call(result[0], f"{name}-{later}")
                break
        best, fresh = max(found, key=lambda pair: _score(pair[0]))
        return ws.call(best, name), fresh


def _settings_of(table: Artifact) -> BuildKnnSettings:
    """How a table was built, to build the next one in the same way."""
    return BuildKnnSettings(**{field.name: table.settings[field.name] for field in fields(BuildKnnSettings)})


def _score(model: Artifact) -> float:
    return max(load_result(model)["validation"].values(), default=float("-inf"))
