"""Learning U, V and an affinity jointly, on each fit (AWE §3.3).

A model has one or two stages: a linear one, tried with several configurations, and for other affinities one that
starts from it. On the first fit validation chooses the configuration, the number of epochs, and perhaps the initial
weights of a mixture. The second fit, which has the validation examples too, repeats these choices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

from awe_cli.affinities.mixture import weighed_numbers
from awe_cli.affinities.overlap import of_examples
from awe_cli.core.epoch import State
from awe_cli.core.interface import AffinityParams
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.examples import Examples
from awe_cli.dataset.windows import StoredExamples
from awe_cli.engine.checkpoints import NO_CHECKPOINTS, Checkpoints, remember
from awe_cli.ranking.embedding import EmbeddingRanker
from awe_cli.ranking.validation import Validator, sample
from awe_cli.training.config import TrainConfig
from awe_cli.training.state import fresh_state, with_learned
from awe_cli.training.trainer import (
    Learn,
    OnProgress,
    Progress,
    Run,
    Trainer,
    Validate,
    choose,
    differing,
    learn_all,
)

Fit = tuple[str, ...]
# Configuration, training examples → the initial parameters of an affinity.
Numbers = Callable[[TrainConfig, Examples], AffinityParams]
# Validator, the state a mixture starts from → weights of its members that rank validation best.
Weigh = Callable[[Validator, State], list[float]]


@dataclass(frozen=True)
class Stage:
    """One affinity to learn with, and the configurations to try.

    numbers  makes the initial parameters of the affinity; None: those of the state
    weigh    chooses the weights of a mixture, by the U and V that it starts from; None: those of the parameters
    """

    name: str
    affinity: Any
    plans: list[TrainConfig]
    numbers: Numbers | None = None
    weigh: Weigh | None = None


@dataclass(frozen=True)
class Fitted:
    """The result: a state for each fit, the run that validation chose for each stage, and the history of all epochs."""

    states: dict[Fit, State]
    chosen: dict[str, Run]
    history: list[Progress]


def learn(
    dataset: Dataset,
    stages: list[Stage],
    fits: list[Fit],
    *,
    metric: str,
    patience: int,
    threads: int,
    on_progress: OnProgress,
    start: Callable[[Fit], State] | None = None,
    learn_run: Learn = learn_all,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    window: int | None = None,
) -> Fitted:
    """Learn all stages on every fit: one sequence of runs, which continues from a checkpoint where there is one.

    fits         in order; one without valid is evaluated on it, the others repeat its choices
    start        fit → the state that its first stage starts from; None for random numbers
    learn_run    how each run learns
    checkpoints  where runs and chosen weights are kept
    window       the most entries of x in memory; None: all. Then no stage may need all examples (`needs_all`)
    """
    trainer = Trainer(threads=threads, on_progress=on_progress, learn_run=learn_run, checkpoints=checkpoints)
    chosen: dict[str, Run] = {}
    states: dict[Fit, State] = {}
    for fit in fits:
        examples = _training(dataset, fit, window)
        validator = validator_for(dataset, fit, metric, stages[0].plans[0].seed, threads)
        state = start(fit) if start else None
        for stage in stages:
            before, runs = chosen.get(stage.name), list[Run]()
            for plan in [before.plan] if before else _plans(stage, stages[0], chosen, validator):
                origin = state or fresh_state(dataset, plan)
                if stage.numbers:
                    # None is asked for examples that are not in memory: see `window`.
                    in_memory = cast(Examples, examples)
                    origin = with_learned(origin, stage.numbers(plan, in_memory))
                weights = before.weights if before else None
                if before is None and stage.weigh and validator:
                    key = f"weights-{stage.name}-{len(runs)}"
                    weights = remember(checkpoints, key, partial(stage.weigh, validator, origin))
                learned = trainer.run(
                    of_examples(stage.affinity, examples),
                    examples,
                    _weighed(origin, weights),
                    plan,
                    stage=stage.name,
                    fit="+".join(fit),
                    validator=_validation_of(validator, stage.affinity),
                    patience=patience,
                    stop_after=before.epochs if before else None,
                    apart=differing(stage.plans),
                    weights=weights,
                )
                runs.append(learned)
            best = choose(runs)
            chosen.setdefault(stage.name, best)
            states[fit] = state = best.state
        del examples, validator  # before those of the next fit are read
    return Fitted(states, chosen, trainer.history)


def _plans(
    stage: Stage, first: Stage, chosen: dict[str, Run], validator: Validator | None
) -> list[TrainConfig]:
    """The configurations to try: without a validator the first; after another stage, with its margin and rate."""
    plans = stage.plans if validator else stage.plans[:1]
    if not chosen:
        return plans
    best = list(chosen.values())[-1].plan
    likeliest = first.plans[0]
    step_size = best.learning_rate / likeliest.learning_rate
    return [
        replace(
            plan,
            margin=best.margin * (plan.margin / likeliest.margin),
            learning_rate=step_size * plan.learning_rate,
        )
        for plan in plans
    ]


def _weighed(state: State, weights: list[float] | None) -> State:
    """The state of a mixture with these weights; unchanged for None."""
    return state._replace(learned=weighed_numbers(state.learned, weights)) if weights else state


def _training(dataset: Dataset, fit: Fit, window: int | None) -> Examples | StoredExamples:
    """The examples of a fit: on disk where they have more entries than the window."""
    if window is None or dataset.entries(fit) <= window:
        return dataset.training(fit)
    return dataset.stored_training(fit, window)


def validator_for(
    dataset: Dataset, fit: Fit, metric: str, seed: int, threads: int | None
) -> Validator | None:
    """The validator of a fit: on the validation split, or None where the fit has seen it or there is none."""
    if "valid" in fit or not dataset.splits.get("valid"):
        return None
    examples = sample(lambda: dataset.held_out_batches("valid", fit), seed)
    return Validator(examples, metric, threads)


def _validation_of(validator: Validator | None, affinity: Any) -> Validate | None:
    if validator is None:
        return None
    y = validator.examples.y
    return lambda state: validator(EmbeddingRanker(affinity, state.U, state.V, learned=state.learned, y=y))
