"""Learn U and V again with a G that was built held fixed; keep whichever is best on validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from awe_cli.building.held_out import HeldOut
from awe_cli.config.retrain import RetrainSettings
from awe_cli.data.dataset import Dataset
from awe_cli.engine.local import available_threads
from awe_cli.kernels.epoch import State
from awe_cli.models.embeddings import (
    VERSION,
    Fit,
    describe_run,
    load_state,
    store_history,
    store_result,
    store_states,
)
from awe_cli.models.opening import open_dataset
from awe_cli.models.rankers import find_embedding, require_linear
from awe_cli.models.tables import find_built, open_built, training_affinity
from awe_cli.steps.retrain_told import check, everything_told, powers_to_try
from awe_cli.training.fitting import Progress, Run, Watch, run
from awe_cli.training.fixed import Outcome, compare_retrained
from awe_cli.training.joint import judge_of
from awe_cli.training.plan import Plan
from awe_cli.training.state import fresh_state
from awe_cli.workspace import Artifact, Recipe, Workspace


def retrain(
    ws: Workspace,
    model: str | None,
    settings: RetrainSettings | None = None,
    *,
    name: str | None = None,
    built: str | None = None,
    threads: int | None = None,
    wait: bool = False,
    watch: Watch = lambda progress: None,
) -> tuple[Artifact, bool]:
    """Learn the model again with a G that was built from it, and publish the best as `name` ("awe").

    built  name of G, by default that which the command that builds it gives

    The result is the product G · S as it is where learning again does not help on validation. Returns the
    model and whether it was made now. Raises SettingsError, MissingInputError, DataError, DivergedError.
    """
    settings = settings or RetrainSettings()
    check(settings)
    with ws.lock(wait=wait):
        stored = ws.find("dataset")
        base = require_linear(find_embedding(ws, model, stored))
        table = find_built(ws, settings.affinity, built, base)
        told = everything_told(settings, base)
        parents = {"dataset": stored.digest, "model": base.digest, table.kind: table.digest}
        recipe = Recipe("model", VERSION, told, parents)
        current = ws.current("model", name or "awe", recipe)
        if current is not None:
            return current, False
        with ws.stage("model", recipe) as staging:
            history: list[Progress] = []
            work = _Work(ws, open_dataset(stored), base, table, told, settings,
                         threads or available_threads(), history, watch)  # fmt: skip
            outcome = work.choose()
            store_states(staging, {fit: work.state(fit, outcome) for fit in work.fits})
            store_history(staging, history)
            store_result(staging, _result(told, outcome, settings))
            return staging.publish(name or "awe"), True


@dataclass(frozen=True)
class _Work:
    """One retraining: what is read, and the two questions asked of it."""

    ws: Workspace
    dataset: Dataset
    base: Artifact
    table: Artifact
    told: dict[str, Any]
    settings: RetrainSettings
    threads: int
    history: list[Progress]
    watch: Watch

    @property
    def fits(self) -> list[Fit]:
        """The fits of the model, the one to choose by first."""
        return [tuple(fit) for fit in self.told["fits"]]

    @property
    def plan(self) -> Plan:
        """The plan to learn again with."""
        return Plan(**self.told["plan"])

    def choose(self) -> Outcome:
        """What is best on validation; without one, what was asked for."""
        fit, powers = self.fits[0], powers_to_try(self.settings)
        judge = judge_of(self.dataset, fit, self.told["metric"], self.plan.seed, self.threads)
        if judge is None:
            return Outcome(powers[0], self._learn(fit, powers[0]) if self.plan.epochs else None, {})
        held_out = HeldOut(open_built(self.ws, self.table, self.dataset, fit, self.threads), judge)
        examples = self.dataset.training(fit)
        return compare_retrained(
            lambda power: training_affinity(self.table, examples, fit, power, self.settings.floor),
            examples, load_state(self.base, fit), self._start(fit), self.plan, powers,
            lambda power, state: held_out.judge(state, power, self.settings.floor),
            patience=self.settings.patience, threads=self.threads, fit="+".join(fit), watch=self._hear,
        )  # fmt: skip

    def state(self, fit: Fit, outcome: Outcome) -> State:
        """U and V of a fit as the outcome has it."""
        if outcome.retrained is None:
            return load_state(self.base, fit)
        if fit == self.fits[0]:
            return outcome.retrained.state
        return self._learn(fit, outcome.power, outcome.retrained.epochs).state

    def _learn(self, fit: Fit, power: float, stop_after: int | None = None) -> Run:
        examples = self.dataset.training(fit)
        affinity = training_affinity(self.table, examples, fit, power, self.settings.floor)
        return run(
            affinity, examples, self._start(fit), self.plan, threads=self.threads, stage="retrained",
            fit="+".join(fit), watch=self._hear, stop_after=stop_after,
        )  # fmt: skip

    def _start(self, fit: Fit) -> State:
        if self.settings.warm:
            return load_state(self.base, fit)
        return fresh_state(self.dataset, self.plan)

    def _hear(self, progress: Progress) -> None:
        self.history.append(progress)
        self.watch(progress)


def _result(told: dict[str, Any], outcome: Outcome, settings: RetrainSettings) -> dict[str, Any]:
    kept = "retrained" if outcome.retrained else "product"
    if outcome.retrained:
        chosen = describe_run(outcome.retrained)
    else:
        chosen = {"plan": {**told["plan"], "epochs": 0}, "epochs": 0, "validation": None}
    return {
        "affinity": {"name": settings.affinity, "power": outcome.power, "floor": settings.floor},
        "metric": told["metric"],
        "kept": kept,
        "validation": outcome.validation,
        "stages": [kept],
        "chosen": {kept: chosen},
    }
