"""The state of training between two epochs, and how it is saved in a checkpoint.

The order of the examples, the draws and the learning rate depend on seed, epoch and example alone (`epochs`). So U, V
and the accumulators of the end of an epoch determine the bytes of all further epochs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from numpy.typing import NDArray

from awe_cli.core.arrays import copy
from awe_cli.core.epoch import State
from awe_cli.engine.checkpoints import NO_CHECKPOINTS, Checkpoints
from awe_cli.training.config import TrainConfig
from awe_cli.training.state import arrays_of, state_of

# Prefixes of the names of a state's arrays.
_LATEST, _BEST, _MOMENTUM = "latest/", "best/", "momentum/"
_CURRENT = "current"


@dataclass(frozen=True)
class EpochReport:
    """The measurements of one pass over the examples."""

    epoch: int  # 1 for the first
    loss: float  # mean over the positives, each times |Y_x|^-p of its example
    violation_rate: float  # share of the positives for which a violator was found
    mean_trials: float  # negatives compared for a positive
    trials_per_example: float  # the same for an example: it decides whether the next epoch uses score bounds
    positives: int  # how many there were


class EpochPart(NamedTuple):
    """The part of an epoch that is done, up to a block, with the sums over its examples."""

    examples: int = 0
    loss: float = 0.0
    positives: int = 0
    violators: float = 0.0
    trials: float = 0.0


WHOLE = EpochPart()


@dataclass(frozen=True)
class RunKey:
    """The identity of a run within a training.

    stage    the stage of learning
    fit      the splits it is learned from
    plan     its configuration
    weights  the initial weights of a mixture, where validation chose them
    """

    stage: str
    fit: str
    plan: TrainConfig
    weights: list[float] | None = None


@dataclass
class RunState:
    """One run at the end of an epoch, or between two blocks of a long one.

    latest              U, V, the affinity's parameters and all accumulators, as the next epoch starts from them
    epoch               finished epochs; 0 before the first
    best, best_epoch    the best state by validation, and its epoch; `latest` itself without validation. Patience
                        counts the `epoch - best_epoch` epochs since then without a gain
    validation          the metric of the best state on validation; None without validation
    first_loss          of the first epoch that had a loss: a loss far beyond it counts as divergence
    trials_per_example  of the last epoch
    part                the part of the next epoch that is done; `latest` is as of there
    momentum            the last change of each array where shards are averaged; empty where there are none
    history             the report of each epoch, with its validation
    """

    latest: State
    epoch: int = 0
    best: State | None = None
    best_epoch: int = 0
    validation: float | None = None
    first_loss: float = 0.0
    trials_per_example: float = 0.0
    part: EpochPart = WHOLE
    momentum: dict[str, NDArray[Any]] = field(default_factory=dict)
    history: list[tuple[EpochReport, float | None]] = field(default_factory=list)
    finished: bool = False

    @property
    def kept(self) -> State:
        """The state of the best epoch."""
        return self.latest if self.best is None else self.best


@dataclass
class TrainerState:
    """A training between two epochs: a sequence of runs, one for each fit, stage and plan.

    cursor       the number of finished runs
    current      the run under way, as it was saved; None before its first epoch
    checkpoints  where all of it is saved, and under which name
    """

    checkpoints: Checkpoints = NO_CHECKPOINTS
    name: str = "training"
    cursor: int = 0

    def load(self, key: RunKey) -> RunState | None:
        """The next run as it was saved, finished or under way; None where it has not begun."""
        for number in (f"run-{self.cursor}", _CURRENT):
            kept = self.checkpoints.load(f"{self.name}-{number}")
            if kept is not None and kept[0]["run"] == self._described(key):
                return _run_of(*kept)
        return None

    def save(self, key: RunKey, run: RunState) -> None:
        """Save the run under way, if a checkpoint is due."""
        if self.checkpoints.is_due():
            self._keep(_CURRENT, key, run)

    def clear(self, key: RunKey, run: RunState) -> None:
        """Save the run as finished, and go on to the next one."""
        if not run.finished:
            run.finished = True
            self._keep(f"run-{self.cursor}", key, run)
        self.cursor += 1

    def _keep(self, number: str, key: RunKey, run: RunState) -> None:
        value = {
            "run": self._described(key),
            "epoch": run.epoch,
            "best_epoch": run.best_epoch,
            "validation": run.validation,
            "first_loss": run.first_loss,
            "trials_per_example": run.trials_per_example,
            "part": list(run.part),
            "history": [[asdict(report), score] for report, score in run.history],
            "finished": run.finished,
        }
        states = {_LATEST: run.kept} if run.finished else {_LATEST: run.latest, _BEST: run.best}
        arrays = {
            prefix + name: array
            for prefix, state in states.items()
            if state is not None
            for name, array in arrays_of(state).items()
        }
        if not run.finished:
            arrays |= {_MOMENTUM + name: array for name, array in run.momentum.items()}
        self.checkpoints.keep(f"{self.name}-{number}", value, arrays)

    def _described(self, key: RunKey) -> dict[str, Any]:
        return {"cursor": self.cursor, **asdict(key)}


def _run_of(value: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> RunState:
    """A run from its saved value and arrays."""
    latest = _state_of(arrays, _LATEST)
    assert latest is not None
    history = [(EpochReport(**report), score) for report, score in value["history"]]
    plain = {name: value[name] for name in value if name not in ("run", "history", "part")}
    part = EpochPart(*value["part"])
    best, momentum = _state_of(arrays, _BEST), _named(arrays, _MOMENTUM)
    return RunState(latest, best=best, momentum=momentum, history=history, part=part, **plain)


def _state_of(arrays: Mapping[str, NDArray[Any]], prefix: str) -> State | None:
    named = _named(arrays, prefix)
    return state_of(named) if named else None


def _named(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """Copies of the arrays whose names begin with `prefix`, without it."""
    return {
        name.removeprefix(prefix): copy(array) for name, array in arrays.items() if name.startswith(prefix)
    }
