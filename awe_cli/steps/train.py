"""Learn a model jointly: U, V and an affinity that needs no building."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from awe_cli.affinities.mixture import chooses_weights, weighed_settings
from awe_cli.affinities.pointwise import Constant
from awe_cli.config.train import TrainSettings
from awe_cli.core.epoch import State
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.splits import SPLITS
from awe_cli.dataset.storage import EXAMPLES
from awe_cli.dataset.windows import DEFAULT_WINDOW
from awe_cli.engine.checkpoints import NO_CHECKPOINTS, Checkpoints
from awe_cli.engine.dask import Dask, code_digest
from awe_cli.engine.engine import PlacingEngine, open_engine
from awe_cli.engine.local import Local, available_threads
from awe_cli.errors import SettingsError
from awe_cli.losses.registry import check_loss
from awe_cli.metrics.metrics import criterion
from awe_cli.models.affinity import ChosenAffinity, choose_affinity, mixture_weights_of, weigh_with
from awe_cli.models.load import EMBEDDING, find_embedding, learned_ranker
from awe_cli.models.needs import training_needs
from awe_cli.models.precision import recorded, require_range
from awe_cli.models.store import (
    MODEL_VERSION,
    Fit,
    describe_run,
    fits_of_model,
    load_state,
    open_dataset,
    store_history,
    store_result,
    store_states,
)
from awe_cli.models.transfer import start_loader
from awe_cli.ranking.ranker import Ranker
from awe_cli.training.config import ADAGRAD, SGD, TrainConfig, default_metric, feature_plan, linear_plans
from awe_cli.training.joint import Fitted, Stage, learn
from awe_cli.training.mixing import Mixing
from awe_cli.training.state import is_sgd_state
from awe_cli.training.trainer import OnProgress, Progress, learn_all
from awe_cli.workspace import Artifact, Recipe, Staging, Workspace
from awe_cli.workspace.checkpoints import DEFAULT_CHECKPOINTS, CheckpointSettings, open_checkpoints

# What the settings of a training come to: where it starts, what is refused, and everything its recipe has.

LINEAR, SCRATCH = "linear", "scratch"


def find_start(ws: Workspace, settings: TrainSettings, dataset: Artifact) -> Artifact | None:
    """The model to start from, where one is named."""
    if settings.start in (None, LINEAR, SCRATCH):
        return None
    return find_embedding(ws, str(settings.start), dataset, earlier=True)


def inherit_from_start(settings: TrainSettings, start: Artifact | None) -> TrainSettings:
    """The settings with the dimension and the steps of the model to start from. Raises SettingsError for other ones."""
    if start is None:
        return settings
    state = load_state(start, fits_of_model(start)[0])
    dim, plain = state.U.shape[1], is_sgd_state(state)
    if plain and settings.steps == ADAGRAD:
        raise SettingsError(
            f"--steps: expected {SGD}, the steps of {start.describe()} to start from, found {ADAGRAD}",
            hint=f"leave --steps out: this model was trained with {SGD}, and has no AdaGrad state to start from",
        )
    if settings.dim not in (None, dim):
        raise SettingsError(
            f"--dim: expected {dim}, the dimension of {start.describe()} to start from, found {settings.dim}",
            hint="leave --dim out, or start from a model of that dimension",
        )
    return replace(settings, dim=dim, steps=SGD if plain else settings.steps)


def resolve_settings(
    settings: TrainSettings, affinity: ChosenAffinity, dataset: Dataset, start: Artifact | None
) -> dict[str, Any]:
    """Everything that decides what the model will be, as its recipe has it.

    Raises SettingsError for a loss, a metric or splits that cannot be, and where a mixture whose weights are to be
    chosen would start from random U and V.
    """
    check_loss(settings.loss, asdict(settings))
    metric = criterion(settings.metric or default_metric(dataset)).name
    plans, is_linear = _plans(settings, dataset), not affinity.linear
    require_range(settings.dtype, plans[-1].norm_cap)
    first = "model" if start else (settings.start or (SCRATCH if is_linear else LINEAR))
    if first == SCRATCH and chooses_weights(affinity.parameters):
        raise SettingsError(
            "--start: expected linear or the name of a model, by whose U and V --mix-weights chooses on validation, "
            f"found {SCRATCH}",
            hint="leave out --start, or --mix-weights: random U and V say nothing of which member ranks well",
        )
    return {
        "model_type": EMBEDDING,
        "affinity": affinity.parameters,
        "loss": settings.loss,
        "start": SCRATCH if is_linear and first == LINEAR else first,
        "plans": [asdict(plan) for plan in (plans[:-1] if is_linear else plans)],
        "fits": [list(fit) for fit in fits_of(dataset, settings.fit_on)],
        "patience": settings.patience,
        "metric": metric,
        **({"shards": settings.shards} if settings.shards > 1 else {}),
        **recorded(settings.dtype),
        **_window(settings.window, affinity, dataset, fits_of(dataset, settings.fit_on)),
    }


def _window(
    wanted: int | None, affinity: ChosenAffinity, dataset: Dataset, fits: list[Fit]
) -> dict[str, int]:
    """How many entries of x are in memory at once, as the recipe has it: nothing where all of them are.

    Raises SettingsError where that was asked for, and the affinity looks at all examples.
    """
    if wanted == 0 or max(map(dataset.entries, fits)) <= (wanted or DEFAULT_WINDOW):
        return {}
    if affinity.needs_all:
        if wanted is None:
            return {}
        raise SettingsError(
            f"--window: expected 0 for the affinity {affinity.name}, which looks at all training examples, found "
            f"{wanted:,}",
            hint="leave --window out",
        )
    return {"window": wanted or DEFAULT_WINDOW}


def _plans(settings: TrainSettings, dataset: Dataset) -> list[TrainConfig]:
    """The plans to try for a linear model, and last the one for an affinity of features."""
    resolved = {name: value for name, value in asdict(settings).items() if value is not None}
    linear = linear_plans(dataset, resolved)
    return [*linear, feature_plan(settings.affinity, linear[0], resolved)]


def fits_of(dataset: Dataset, fit_on: Fit | None) -> list[Fit]:
    """The fits to make: one on train alone, to choose by, and one on all the splits that were asked for.

    fit_on  None: train, and valid where there is one. With test it is the final fit on all that is known: it has
            no fit on train and valid beside it, and cannot be judged on test

    Raises SettingsError for splits that have no examples, and for test without valid where there is one.
    """
    there = [split for split in SPLITS if split == "train" or dataset.splits.get(split)]
    allowed = [tuple(there[:n]) for n in range(1, len(there) + 1)]
    usual = tuple(split for split in there if split != "test")
    wanted = tuple(split for split in SPLITS if split in (fit_on or usual))
    if wanted not in allowed:
        if "test" not in wanted:
            allowed = [fit for fit in allowed if "test" not in fit]
        raise SettingsError(
            f"--fit-on: expected {' or '.join(','.join(fit) for fit in allowed)}, found {','.join(fit_on or ())}",
            hint="these are the splits of the dataset that a model may learn from",
        )
    return [("train",), wanted] if wanted != ("train",) else [wanted]


def fits_like(model: Artifact, fit_on: Fit | None) -> list[Fit]:
    """The fits of what is made from `model`: all of its fits, or the one to choose by and the one asked for.

    Raises SettingsError where the model has no such fit.
    """
    fits: list[Fit] = fits_of_model(model)
    if fit_on is None:
        return fits
    wanted = tuple(split for split in SPLITS if split in fit_on)
    if wanted not in fits:
        raise SettingsError(
            f"--fit-on: expected {' or '.join(','.join(fit) for fit in fits)}, as {model.describe()} was fitted, "
            f"found {','.join(fit_on)}",
            hint=f"train it so first: `awe train --fit-on {','.join(wanted) or 'train'} --name {model.name}-final`, "
            "then build G from that model",
        )
    return list(dict.fromkeys([fits[0], wanted]))


def train(
    ws: Workspace,
    settings: TrainSettings,
    *,
    name: str | None = None,
    threads: int | None = None,
    scheduler: str | None = None,
    wait: float = False,
    on_progress: OnProgress = lambda progress: None,
    checkpoints: CheckpointSettings = DEFAULT_CHECKPOINTS,
) -> tuple[Artifact, bool]:
    """Learn the model that `settings` describe and publish it as `name` (by default the affinity's).

    scheduler  address of a Dask scheduler whose workers learn the shards, where there are several

    Returns the model and whether it was learned now rather than up to date. `on_progress` hears of every epoch. The
    bytes of the model do not depend on `threads`. Raises SettingsError, MissingInputError, DataError,
    DivergedError; the model that had the name stays until the new one is complete.
    """
    with ws.lock(wait=wait):
        stored = ws.find("dataset")
        dataset = open_dataset(stored)
        start = find_start(ws, settings, stored)
        settings = inherit_from_start(settings, start)
        affinity = choose_affinity(settings, dataset)
        scheduler = scheduler if settings.shards > 1 else None
        if scheduler is not None and affinity.source is not None:
            raise SettingsError(
                f"--scheduler: expected an affinity of awe itself, found {settings.affinity}, whose type no worker has",
                hint="leave --scheduler out: shards that are trained here give the same model",
            )
        resolved = resolve_settings(settings, affinity, dataset, start)
        parents = {"dataset": stored.digest} | ({"start": start.digest} if start else {})
        recipe = Recipe("model", MODEL_VERSION, resolved, parents)
        name = affinity.name if name is None else name
        fits, dim = resolved["fits"], max(plan["dim"] for plan in resolved["plans"])
        model = ws.current(
            "model",
            name,
            recipe,
            lambda: training_needs(dataset, dim, fits, resolved.get("window"), settings.shards),
        )
        if model is not None:
            return model, False
        with (
            open_engine(scheduler, threads) as engine,
            ws.stage("model", recipe) as staging,
            open_checkpoints(ws.root, recipe, name, code_digest(), checkpoints) as kept,
        ):
            if isinstance(engine, Dask) and "window" in resolved:  # workers read the examples
                kept.open_to_others()
                engine.expect_shared(kept.path, dataset.path / EXAMPLES)
            _learn_into(
                ws, staging, dataset, affinity, resolved, start, engine=engine,
                threads=threads or available_threads(), on_progress=on_progress, checkpoints=kept,
            )  # fmt: skip
            return staging.publish(name), True


def _learn_into(
    ws: Workspace,
    staging: Staging,
    dataset: Dataset,
    affinity: ChosenAffinity,
    resolved: dict[str, Any],
    start: Artifact | None,
    *,
    engine: PlacingEngine,
    threads: int,
    on_progress: OnProgress,
    checkpoints: Checkpoints,
) -> None:
    """Learn the model and write its files."""
    plan = TrainConfig(**resolved["plans"][-1])
    fitted, result = learn_resolved(
        dataset, affinity, resolved, start,
        load_start=loader_of(ws, dataset, affinity, plan, start), engine=engine,
        threads=threads, on_progress=on_progress, checkpoints=checkpoints,
    )  # fmt: skip
    affinity.store(staging)
    store_states(staging, fitted.states)
    store_history(staging, fitted.history)
    store_result(staging, result)


def learn_resolved(
    dataset: Dataset,
    affinity: ChosenAffinity,
    resolved: dict[str, Any],
    start: Artifact | None = None,
    *,
    load_start: Callable[[Fit], State] | None = None,
    engine: PlacingEngine | None = None,
    threads: int,
    on_progress: OnProgress = lambda progress: None,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> tuple[Fitted, dict[str, Any]]:
    """Learn what `resolve_settings` came to; return all fits, and the choices as a model's result has them.

    load_start  how a fit's state is read from the model `start`, where there is one
    engine      learns shards of the examples, where there are several; None: the threads
    """
    shards = resolved.get("shards", 1)
    plans = [TrainConfig(**plan) for plan in resolved["plans"]]
    affinity.try_out(dataset, plans[-1])
    fitted = learn(
        dataset,
        _stages(dataset, affinity, plans, resolved["start"], start),
        [tuple(fit) for fit in resolved["fits"]],
        metric=resolved["metric"],
        patience=resolved["patience"],
        threads=threads,
        on_progress=on_progress,
        start=load_start,
        learn_run=learn_all if shards == 1 else Mixing(shards, engine or Local(threads)),
        checkpoints=checkpoints,
        window=resolved.get("window"),
    )
    chosen = {stage: describe_run(run) for stage, run in fitted.chosen.items()}
    weights = fitted.chosen[affinity.name].weights
    return fitted, {
        "affinity": weighed_settings(resolved["affinity"], weights) if weights else resolved["affinity"],
        "metric": resolved["metric"],
        "stages": list(chosen),
        "chosen": chosen,
        **mixture_weights_of(resolved["affinity"], fitted.states),
    }


@dataclass(frozen=True)
class Learned:
    """A model in memory: the state of each fit, the choices, and one entry for every epoch.

    result  as `result.json` of a stored model has it: the affinity, the metric, the chosen plan and epochs
    source  the user's file, for an affinity in a file
    """

    states: dict[Fit, State]
    result: dict[str, Any]
    history: list[Progress]
    source: Path | None = None

    @property
    def fits(self) -> list[Fit]:
        """The fits, the one to choose by first and the final one last."""
        return sorted(self.states, key=len)

    @property
    def final(self) -> State:
        """The state of the final fit."""
        return self.states[self.fits[-1]]

    def ranker(self, fit: Fit | None = None) -> Ranker:
        """The ranker of a fit, by default the final one. Labels are one-hot."""
        state = self.states[fit or self.fits[-1]]
        return learned_ranker(self.result["affinity"], state, None, self.source)

    def only_final(self) -> Learned:
        """The model without its other fits."""
        return replace(self, states={self.fits[-1]: self.final})


def train_in_memory(
    dataset: Dataset,
    settings: TrainSettings,
    *,
    threads: int | None = None,
    on_progress: OnProgress = lambda progress: None,
) -> Learned:
    """Learn the model that `settings` describe on a dataset in memory: what `train` publishes, in memory, too.

    Raises SettingsError, MissingInputError, DivergedError as `train`, and for a start from a stored model.
    """
    if settings.start not in (None, LINEAR, SCRATCH):
        raise SettingsError(
            f"start: expected {LINEAR} or {SCRATCH}, found {settings.start!r}",
            hint="a stored model to start from needs a workspace: awe_cli.Workspace",
        )
    affinity = choose_affinity(settings, dataset)
    resolved = resolve_settings(settings, affinity, dataset, None)
    threads = threads or available_threads()
    fitted, result = learn_resolved(dataset, affinity, resolved, threads=threads, on_progress=on_progress)
    return Learned(fitted.states, result, fitted.history, affinity.source)


def _stages(
    dataset: Dataset, affinity: ChosenAffinity, plans: list[TrainConfig], first: str, start: Artifact | None
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


def loader_of(
    ws: Workspace, dataset: Dataset, affinity: ChosenAffinity, plan: TrainConfig, start: Artifact | None
) -> Callable[[Fit], State] | None:
    """How a fit's state is read from the model to start from, where one is named."""
    if start is None:
        return None
    goes_on = affinity.numbers(dataset, start) is None
    return start_loader(ws, start, dataset, plan, affinity.numbers(dataset, None) if goes_on else None)
