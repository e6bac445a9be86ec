"""Learn a model jointly: U, V and an affinity that needs no building."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from awe_cli.affinity.constant import Constant
from awe_cli.affinity.mixture import weighed_settings
from awe_cli.config.train import TrainSettings
from awe_cli.data.dataset import Dataset
from awe_cli.engine.local import available_threads
from awe_cli.kernels.epoch import State
from awe_cli.models.chosen_affinity import ChosenAffinity, choose_affinity
from awe_cli.models.embeddings import (
    VERSION,
    Fit,
    describe_run,
    load_state,
    store_history,
    store_result,
    store_states,
)
from awe_cli.models.mixed import weigh_with, weights_told
from awe_cli.models.opening import open_dataset
from awe_cli.steps.train_told import LINEAR, as_it_began, everything_told, find_start
from awe_cli.training.fitting import Progress, Watch
from awe_cli.training.joint import Stage, learn
from awe_cli.training.plan import Plan
from awe_cli.workspace import Artifact, Recipe, Staging, Workspace


def train(
    ws: Workspace,
    settings: TrainSettings,
    *,
    name: str | None = None,
    threads: int | None = None,
    wait: bool = False,
    watch: Watch = lambda progress: None,
) -> tuple[Artifact, bool]:
    """Learn the model that `settings` describe and publish it as `name` (by default the affinity's).

    Returns the model and whether it was learned now rather than up to date. `watch` hears of every epoch. The
    bytes of the model do not depend on `threads`. Raises SettingsError, MissingInputError, DataError,
    DivergedError; the model that had the name stays until the new one is complete.
    """
    with ws.lock(wait=wait):
        stored = ws.find("dataset")
        dataset = open_dataset(stored)
        start = find_start(ws, settings, stored)
        settings = as_it_began(settings, start)
        affinity = choose_affinity(settings, dataset)
        told = everything_told(settings, affinity, dataset, start)
        parents = {"dataset": stored.digest} | ({"start": start.digest} if start else {})
        recipe = Recipe("model", VERSION, told, parents)
        name = name or affinity.name
        model = ws.current("model", name, recipe)
        if model is not None:
            return model, False
        with ws.stage("model", recipe) as staging:
            _learn_into(
                staging, dataset, settings, affinity, told, start, threads or available_threads(), watch
            )
            return staging.publish(name), True


def _learn_into(
    staging: Staging,
    dataset: Dataset,
    settings: TrainSettings,
    affinity: ChosenAffinity,
    told: dict[str, Any],
    start: Artifact | None,
    threads: int,
    watch: Watch,
) -> None:
    """Learn the model and write its files."""
    history: list[Progress] = []
    plans = [Plan(**plan) for plan in told["plans"]]
    affinity.try_out(dataset, plans[-1])
    fitted = learn(
        dataset,
        _stages(dataset, affinity, plans, told["start"], start),
        [tuple(fit) for fit in told["fits"]],
        metric=told["metric"],
        patience=settings.patience,
        threads=threads,
        watch=_both(history.append, watch),
        start=_loader(start),
    )
    affinity.store(staging)
    store_states(staging, fitted.states)
    store_history(staging, history)
    chosen = {stage: describe_run(run) for stage, run in fitted.chosen.items()}
    weights = fitted.chosen[affinity.name].weights
    result = {
        "affinity": weighed_settings(told["affinity"], weights) if weights else told["affinity"],
        "metric": told["metric"],
        "stages": list(chosen),
        "chosen": chosen,
        **weights_told(told["affinity"], fitted.states),
    }
    store_result(staging, result)


def _stages(
    dataset: Dataset, affinity: ChosenAffinity, plans: list[Plan], first: str, start: Artifact | None
) -> list[Stage]:
    """The linear stage where it is the first, tried with all plans but the last, and that of the affinity."""
    last = Stage(
        affinity.name,
        affinity.build(dataset),
        plans[-1:] if affinity.linear else plans,
        affinity.numbers(dataset, start),
        weigh_with(affinity.parameters),
    )
    return [Stage("linear", Constant(1.0), plans[:-1]), last] if first == LINEAR else [last]


def _loader(start: Artifact | None) -> Callable[[Fit], State] | None:
    """How a fit's state is read from the model to start from: the same fit, else the smallest one."""
    if start is None:
        return None
    fits = [tuple(fit) for fit in start.settings["fits"]]
    return lambda fit: load_state(start, fit if fit in fits else min(fits, key=len))


def _both(first: Watch, second: Watch) -> Watch:
    def hear(progress: Progress) -> None:
        first(progress)
        second(progress)

    return hear
