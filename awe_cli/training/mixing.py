"""Learning over shards of the examples by iterative parameter mixing (McDonald, Hall & Mann 2010, algorithm 4).

In every epoch each shard s learns for one pass from the same parameters θ, over its own n_s examples; then

    θ ← θ + Δ,    Δ_r = Σ_s w_s (θ_s,r − θ_r) / Σ_s w_s + μ Δ'_r,    w_s = n_s where shard s stepped row r, else 0

for every row r of U, of V and of what the affinity learns, where Δ' is the Δ of the epoch before. A row that few shards
know is the average over those alone: over all of them a rare item would hardly move. μ is momentum on averages (Chen &
Huo 2016), which makes up for the length that an average of steps loses; the accumulators of AdaGrad are averaged in the
same way, without it, so that a step is as long as in a shard that learns by itself.

What comes out depends on the number of shards, and not on who learns them: sums are in double precision and in the
order of the shards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from awe_cli.affinities.overlap import of_examples
from awe_cli.core.epoch import State
from awe_cli.dataset.examples import Examples
from awe_cli.dataset.windows import StoredExamples, shards_of
from awe_cli.engine.engine import PlacingEngine
from awe_cli.engine.local import Local
from awe_cli.training.config import TrainConfig
from awe_cli.training.state import arrays_of, copy_state, state_of, under_cap
from awe_cli.training.trainer import OnPart, epochs
from awe_cli.training.trainer_state import EpochReport, RunState

MOMENTUM = 0.5  # μ; python -m benchmarks.shards measures it
_ACCUMULATORS = ("u_history", "v_history", "memory.")


class _Start(NamedTuple):
    """What a shard's epoch starts from, besides its examples."""

    arrays: Mapping[str, NDArray[Any]]
    epoch: int
    trials_per_example: float


@dataclass(frozen=True)
class _Shard:
    """One shard, which whoever learns it is given once."""

    affinity: Any
    examples: Examples | StoredExamples
    plan: TrainConfig
    threads: int

    def __call__(self, start: _Start) -> tuple[dict[str, NDArray[Any]], EpochReport]:
        """The arrays after one epoch, and its report."""
        state = copy_state(state_of(start.arrays))
        learned = epochs(
            self.affinity, self.examples, state, self.plan,
            threads=self.threads, done=start.epoch, trials_per_example=start.trials_per_example,
        )  # fmt: skip
        report = next(learned)
        return arrays_of(state), report


@dataclass(frozen=True)
class Mixing:
    """How a run learns over `shards` shards, by the threads of this process one after the other, or by a cluster."""

    shards: int
    engine: PlacingEngine

    def __call__(
        self,
        affinity: Any,
        examples: Examples | StoredExamples,
        run: RunState,
        plan: TrainConfig,
        threads: int,
        on_part: OnPart,
    ) -> Iterator[EpochReport]:
        """Change the state of `run` in place, epoch by epoch; see `trainer.Learn`. An epoch is not kept in parts.

        Raises SettingsError for more shards than examples.
        """
        threads = threads if isinstance(self.engine, Local) else 1
        shards = [
            _Shard(of_examples(affinity, part), part, replace(plan, seed=_seed(plan.seed, number)), threads)
            for number, part in enumerate(shards_of(examples, self.shards))
        ]
        sizes = [len(shard.examples) for shard in shards]
        learn = self.engine.place(shards)
        for epoch in range(run.epoch, plan.epochs):
            start = _Start(arrays_of(run.latest), epoch, run.trials_per_example)
            results = list(learn(start))
            _mix(run.latest, run.momentum, [arrays for arrays, _ in results], sizes)
            under_cap(run.latest, plan.norm_cap)
            yield _report([report for _, report in results], sizes)


def _seed(seed: int, shard: int) -> int:
    """Of the order and the draws of a shard."""
    return int(np.random.SeedSequence([seed, shard]).generate_state(1)[0])


def _mix(
    state: State,
    momentum: dict[str, NDArray[Any]],
    learned: Sequence[Mapping[str, NDArray[Any]]],
    sizes: Sequence[int],
) -> None:
    """Change `state` to what the shards learned from it on average, and `momentum` to the change Δ."""
    for name, array in arrays_of(state).items():
        if array.dtype.kind != "f" or not array.size:
            continue  # where pairs stand is not learned
        change, weight = np.zeros(array.shape, np.float64), np.zeros(len(array))
        for arrays, size in zip(learned, sizes, strict=True):
            difference = arrays[name].astype(np.float64) - array
            stepped = difference.reshape(len(array), -1).any(axis=1) * float(size)
            change += _by_row(stepped, difference) * difference
            weight += stepped
        change /= _by_row(np.maximum(weight, 1), change)
        if not name.startswith(_ACCUMULATORS):
            change += MOMENTUM * momentum.get(name, 0.0)
            momentum[name] = change.astype(np.float32)
        np.add(array, change.astype(np.float32), out=array)


def _by_row(numbers: NDArray[np.float64], array: NDArray[Any]) -> NDArray[np.float64]:
    """Numbers (n,) in a shape that goes with an array (n, …)."""
    return numbers.reshape(-1, *(1 for _ in array.shape[1:]))


def _report(reports: Sequence[EpochReport], sizes: Sequence[int]) -> EpochReport:
    """The measurements over all shards: means over their positives, and over their examples."""
    positives = [report.positives for report in reports]

    def mean(name: str, weights: Sequence[int]) -> float:
        total = sum(weight * getattr(report, name) for weight, report in zip(weights, reports, strict=True))
        return float(total / max(1, sum(weights)))

    return EpochReport(
        reports[0].epoch,
        mean("loss", positives),
        mean("violation_rate", positives),
        mean("mean_trials", positives),
        mean("trials_per_example", sizes),
        sum(positives),
    )
