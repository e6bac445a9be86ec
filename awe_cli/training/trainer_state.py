"""Everything that training holds between two epochs, and how it is kept: with it and the recipe, the rest follows.

The order of the examples, the draws and the rate depend on seed, epoch and example alone (`epochs`), so that U and V
of the end of an epoch, with the accumulators, lead to the same bytes whoever goes on from them.
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

_LATEST, _BEST = "latest/", "best/"  # what the names of the arrays of a state begin with
_CURRENT = "current"


@dataclass(frozen=True)
class EpochReport:
    """What one pass over the examples showed."""

    epoch: int  # 1 for the first
    loss: float  # mean over the positives, each times |Y_x|^-p of its example
    violation_rate: float  # share of the positives that asked for a step
    mean_trials: float  # other labels looked at for a positive
    trials_per_example: float  # the same for an example: decides whether the next epoch screens its draws


class EpochPart(NamedTuple):
    """How far an epoch has come: between two blocks, with what the examples before showed in sum."""

    examples: int = 0
    loss: float = 0.0
    positives: int = 0
    violators: float = 0.0
    trials: float = 0.0


WHOLE = EpochPart()


@dataclass(frozen=True)
class RunKey:
    """Which run of a training it is.

    stage    what is being learned
    fit      the splits it is learned from
    plan     the numbers it is made with
    weights  of a mixture, with which the run begins where validation chose them
    """

    stage: str
    fit: str
    plan: TrainConfig
    weights: list[float] | None = None


@dataclass
class RunState:
    """One run at the end of an epoch, or between two blocks of a long one.

    latest              U, V, AdaGrad's accumulators and what the affinity learns, as the next epoch finds them
    epoch               epochs that are finished; 0 before the first
    best, best_epoch    the state that is kept, and the epoch it is of: `latest` itself where nothing judges it.
                        Since the best one `epoch - best_epoch` epochs went by without a gain, which is what
                        patience counts
    validation          how well the best ranks validation; None where nothing judges it
    first_loss          of the first epoch that had a loss: what is far beyond it has diverged
    trials_per_example  of the last epoch
    part                how far the next epoch has come; `latest` is as it is there
    history             what each epoch showed, with its validation
    """

    latest: State
    epoch: int = 0
    best: State | None = None
    best_epoch: int = 0
    validation: float | None = None
    first_loss: float = 0.0
    trials_per_example: float = 0.0
    part: EpochPart = WHOLE
    history: list[tuple[EpochReport, float | None]] = field(default_factory=list)
    finished: bool = False

    @property
    def kept(self) -> State:
        """The state of the best epoch."""
        return self.latest if self.best is None else self.best


@dataclass
class TrainerState:
    """A training between two epochs: a sequence of runs, one for each fit, stage and plan.

    cursor       how many runs are finished: the place in the sequence of the one under way
    current      the run under way, as it is kept; None before its first epoch is
    checkpoints  where all of it is kept, and the name it is kept under
    """

    checkpoints: Checkpoints = NO_CHECKPOINTS
    name: str = "training"
    cursor: int = 0

    def load(self, key: RunKey) -> RunState | None:
        """The next run as it was kept, finished or under way; None where it has not begun."""
        for number in (f"run-{self.cursor}", _CURRENT):
            kept = self.checkpoints.load(f"{self.name}-{number}")
            if kept is not None and kept[0]["run"] == self._described(key):
                return _run_of(*kept)
        return None

    def save(self, key: RunKey, run: RunState) -> None:
        """Keep the run under way, if it is time for it."""
        if self.checkpoints.is_due():
            self._keep(_CURRENT, key, run)

    def clear(self, key: RunKey, run: RunState) -> None:
        """Keep the run as finished; the next one is under way."""
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
        self.checkpoints.keep(f"{self.name}-{number}", value, arrays)

    def _described(self, key: RunKey) -> dict[str, Any]:
        return {"cursor": self.cursor, **asdict(key)}


def _run_of(value: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> RunState:
    """A run from what was kept of it."""
    latest = _state_of(arrays, _LATEST)
    assert latest is not None
    history = [(EpochReport(**report), score) for report, score in value["history"]]
    plain = {name: value[name] for name in value if name not in ("run", "history", "part")}
    part = EpochPart(*value["part"])
    return RunState(latest, best=_state_of(arrays, _BEST), history=history, part=part, **plain)


def _state_of(arrays: Mapping[str, NDArray[Any]], prefix: str) -> State | None:
    named = {
        name.removeprefix(prefix): copy(array) for name, array in arrays.items() if name.startswith(prefix)
    }
    return state_of(named) if named else None
