"""One run from a start to its best epoch, and the choice between several plans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from awe_cli.data.examples import Examples
from awe_cli.data.matrix import n_rows
from awe_cli.errors import DivergedError
from awe_cli.kernels.epoch import State
from awe_cli.loss.catalog import find_loss
from awe_cli.training.epochs import EpochReport, epochs
from awe_cli.training.plan import Plan
from awe_cli.training.state import arrays_of, copy_state, for_steps, under_cap

_RUNAWAY = 100.0  # times the first epoch's loss
_ABSURD = 1000.0  # times max(γ, 1) and the loss's largest weight: no norm cap in use lets a loss become more
_LARGEST = 1e9  # of an entry of U or V: beyond it, scores overflow sooner or later and hide what goes wrong


@dataclass(frozen=True)
class Progress:
    """One epoch, as those who watch or keep a history hear of it."""

    stage: str  # what is being learned
    fit: str  # the splits it is learned from
    plan: Plan
    report: EpochReport
    validation: float | None  # the metric on validation, where there is a judge
    epochs: int  # that the run takes at most
    apart: tuple[str, ...]  # by which settings of the plan it differs from other runs of this stage


@dataclass(frozen=True)
class Run:
    """What one run gave: the state of its best epoch, and which that was.

    weights  of a mixture, with which the run began where validation chose them
    """

    plan: Plan
    state: State
    epochs: int
    validation: float | None
    weights: list[float] | None = None


Watch = Callable[[Progress], None]
Judging = Callable[[State], float]


def run(
    affinity: Any,
    examples: Examples,
    start: State,
    plan: Plan,
    *,
    threads: int,
    stage: str,
    fit: str,
    watch: Watch,
    judge: Judging | None = None,
    patience: int = 0,
    stop_after: int | None = None,
    apart: tuple[str, ...] = (),
) -> Run:
    """Learn from `start`, which is left alone.

    judge       state → metric; the best epoch by it is kept, and after `patience` epochs without a gain
                (0: never) the run ends
    stop_after  epochs to run of those the plan's schedule is laid out for
    apart       what `watch` hears of how the plan differs from others

    Raises DivergedError, naming the epoch and the setting to lower.
    """
    state = for_steps(under_cap(copy_state(start), plan.norm_cap), plan.steps)
    best = Run(plan, state, 0, None)
    n_labels = len(state.V) if examples.y is None else n_rows(examples.y)
    first_loss = 0.0
    for report in epochs(affinity, examples, state, plan, threads=threads):
        first_loss = first_loss or report.loss
        _check(report, state, first_loss, plan, n_labels)
        score = None if judge is None else judge(state)
        watch(Progress(stage, fit, plan, report, score, stop_after or plan.epochs, apart))
        if score is None:
            best = Run(plan, state, report.epoch, None)
        elif best.validation is None or score > best.validation:
            best = Run(plan, copy_state(state), report.epoch, score)
        elif patience and report.epoch - best.epochs >= patience:
            break
        if report.epoch == stop_after:
            break
    return best


def choose(runs: Sequence[Run]) -> Run:
    """The run with the best validation; the first of equals, and the first where none was judged."""
    return max(runs, key=lambda run: -np.inf if run.validation is None else run.validation)


def differing(plans: Sequence[Plan]) -> tuple[str, ...]:
    """The settings in which the plans are not all alike."""
    first, *others = [asdict(plan) for plan in plans]
    return tuple(name for name in first if any(other[name] != first[name] for other in others))


def _check(report: EpochReport, state: State, first_loss: float, plan: Plan, n_labels: int) -> None:
    numbers = all(np.isfinite(array).all() for array in arrays_of(state).values())
    stepped = (state.U, state.V, state.learned.pairs)  # the rest has capped norms
    bounded = numbers and max(np.abs(array).max(initial=0) for array in stepped) < _LARGEST
    most = min(
        _RUNAWAY * max(first_loss, plan.margin),
        _ABSURD * max(plan.margin, 1.0) * find_loss(plan.loss).heaviest(asdict(plan), n_labels),
    )
    if bounded and report.loss <= most:
        return
    if not np.isfinite(report.loss) or not numbers:
        found = "a loss or a parameter that is no finite number"
    else:
        found = f"a loss of {report.loss:.4g}" + ("" if bounded else " and a parameter beyond 1e9")
    raise DivergedError(
        f"training diverged in epoch {report.epoch}: {found} (first epoch: {first_loss:.4g})",
        hint=f"lower --learning-rate (it was {plan.learning_rate:g}) or --norm-cap ({plan.norm_cap:g}); "
        "the previous model is untouched",
    )
