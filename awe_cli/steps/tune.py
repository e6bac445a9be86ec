"""Settings chosen on validation by Optuna: trials that are kept in the workspace, and then the model.

A trial is one run of `awe train` by the fit that has not seen validation. What it tries depends on the seed, on how
many trials have begun, and on the results of those that are over. One after the other these are all before it, so that
a search that was stopped and goes on ends as one that was not. Several at a time hear of each other's results in the
order in which they end, which no seed decides.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import asdict, dataclass, replace
from time import monotonic
from typing import Any
from urllib.parse import quote

from awe_cli import __version__
from awe_cli.config.schema import as_arguments
from awe_cli.config.train import TrainSettings
from awe_cli.config.tune import TuneSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.engine.local import available_threads
from awe_cli.errors import (
    CorruptArtifactError,
    DivergedError,
    MissingInputError,
    SettingsError,
    WriteError,
)
from awe_cli.models.affinity import ChosenAffinity, choose_affinity
from awe_cli.models.store import MODEL_VERSION, open_dataset
from awe_cli.prediction.output import whole_file
from awe_cli.steps.train import (
    find_start,
    inherit_from_start,
    learn_resolved,
    loader_of,
    resolve_settings,
    train,
)
from awe_cli.training.config import TrainConfig
from awe_cli.training.search_space import Choice, Range, Space, Values, rounded, search_space
from awe_cli.training.trainer import Progress
from awe_cli.workspace import Artifact, Workspace
from awe_cli.workspace.artifact import canonical, decoding

TUNE_INSTALL = "pip install 'awe-cli[tune]'"
STORAGE = "tuning.db"  # in the workspace: SQLite, as optuna-dashboard reads it
SEARCHES = "tuning"  # in the workspace: NAME.json has the search that the model NAME came from
_FEW = 6  # complete trials, below which nothing is said of what mattered
_WARM_UP = 1 / 3  # of the epochs, before which no trial is stopped: small steps and wide margins begin slowly
_KEPT = 75.0  # percent: a trial is stopped where more of the complete ones were ahead of it at the same epoch
_RANDOM = 8  # trials before the sampler learns from them, and before one is stopped
_PATIENCE = 60  # seconds that a trial waits for another one that is writing
_DIVERGED = 0.0  # the value of a trial that diverged: no metric is below


@dataclass(frozen=True)
class Trial:
    """A trial that is over.

    number  from 1, among those that are over
    value   the metric on validation at its best epoch, or where it was stopped; 0 where it diverged
    state   complete, pruned or diverged
    """

    number: int
    values: Values
    value: float
    epochs: int
    state: str


@dataclass(frozen=True)
class TuneProgress:
    """An epoch of a trial, for `on_progress`.

    number, trials  of the trial, from 1, and how many there will be at most
    over            trials that are over
    part            of those under way, what is done of each, added up
    best            the best value so far; None before the first trial is over
    """

    number: int
    trials: int
    over: int
    part: float
    best: float | None
    epoch: Progress


@dataclass(frozen=True)
class Tuned:
    """The result of a search.

    model       of the best settings, as `awe train` made it
    fresh       whether it was made now rather than up to date
    arguments   of `awe` that make it again
    importance  setting → its share of what moved the metric, greatest first; empty for too few trials
    ran         trials of this run
    """

    model: Artifact
    fresh: bool
    arguments: list[str]
    metric: str
    best: Trial
    trials: list[Trial]
    importance: dict[str, float]
    ran: int

    @property
    def document(self) -> dict[str, Any]:
        """The search as JSON has it."""
        return {
            "metric": self.metric,
            "best": asdict(self.best),
            "importance": self.importance,
            "trials": [asdict(trial) for trial in self.trials],
            "arguments": self.arguments,
        }


def tune(
    ws: Workspace,
    settings: TrainSettings,
    given: Mapping[str, Any] | None = None,
    tuning: TuneSettings | None = None,
    *,
    name: str = "tuned",
    threads: int | None = None,
    wait: float = False,
    on_progress: Callable[[TuneProgress], None] = lambda progress: None,
    announce: Callable[[str], None] = lambda line: None,
) -> Tuned:
    """Search the settings of `train` that are not given, on validation, and publish the best model as `name`.

    settings  those that are not searched
    given     the names of those that someone asked for; None: those that differ from their defaults

    Trials of an earlier run of the same search on the same dataset count. With one job the result does not depend on
    `threads`, nor on interruptions; with a time-out it depends on how many trials there were, and with more jobs on
    which of them end first. The search is kept for `awe report` and `awe plot` (`search_of`).

    Raises MissingInputError where Optuna is not installed, SettingsError where there is no validation split, nothing
    left to search, or fewer threads than jobs, and as `train`.
    """
    optuna = _optuna()
    tuning = tuning or TuneSettings()
    deadline = monotonic() + tuning.seconds
    available = threads or available_threads()
    if tuning.jobs > available:
        raise SettingsError(
            f"--jobs: expected at most one trial a thread ({available}), found {tuning.jobs}",
            hint="run fewer at a time, or give more --threads",
        )
    if given is None:
        given = {key: value for key, value in vars(settings).items() if value != vars(TrainSettings())[key]}
    with ws.lock(wait=wait):
        stored = ws.find("dataset")
        dataset = open_dataset(stored)
        if not dataset.splits.get("valid"):
            raise SettingsError(
                "awe tune: expected a dataset with a validation split to choose by, found none",
                hint="prepare it without --valid-fraction 0",
            )
        work = _Work.of(ws, stored, dataset, settings, given, available // tuning.jobs)
        with _opened(ws, optuna) as storage:
            study = _kept(optuna, storage, work.study) if ws.dry_run else None
            if ws.dry_run:
                over = len(_over(optuna, study)) if study else 0
                if over < tuning.trials:
                    ws.would(ws.target("model", name), f"{over} of {tuning.trials} trials are over")
            search = _Search(optuna, study or _study(optuna, storage, work, tuning), work, tuning)
            ran = search.run(deadline, on_progress, announce)
            trials = search.over()
            if not any(trial.state == "complete" for trial in trials):
                raise DivergedError(
                    f"awe tune: all of {len(trials)} trials diverged",
                    hint="give a --learning-rate or --norm-cap that is lower",
                )
            best = max((trial for trial in trials if trial.state == "complete"), key=lambda t: t.value)
            importance = search.importance()
        announce(f"the best settings, as a model: {name}")
        chosen = replace(settings, **best.values)
        model, fresh = train(ws, chosen, name=name, threads=threads)
        told = {key: value for key, value in vars(chosen).items() if value != vars(TrainSettings())[key]}
        arguments = ["train", *as_arguments(TrainSettings, told), "--name", name]
        found = Tuned(model, fresh, arguments, work.metric, best, trials, importance, ran)
        _keep(ws, name, found)
    return found


def _keep(ws: Workspace, name: str, found: Tuned) -> None:
    """Store the search that a model came from."""
    folder = ws.root / SEARCHES
    folder.mkdir(exist_ok=True)
    document = {"digest": found.model.digest, **found.document}
    with whole_file(folder / f"{name}.json") as stream:
        stream.write(json.dumps(document, indent=1).encode("utf-8"))


def search_of(ws: Workspace, model: Artifact) -> dict[str, Any] | None:
    """The search that a model came from, as `Tuned.document` has it; None for a model that none led to.

    Raises CorruptArtifactError for a damaged file.
    """
    path = ws.root / SEARCHES / f"{model.name}.json"
    if not path.is_file():
        return None
    with decoding(path, "the search of awe tune"):
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        is_of_model = found.pop("digest") == model.digest
        [trial["value"] + trial["number"] for trial in found["trials"]]
        {**found["importance"], **found["best"]["values"]}
    return found if is_of_model else None


@dataclass(frozen=True)
class _Work:
    """What is searched, and how one trial is run."""

    ws: Workspace
    dataset: Dataset
    settings: TrainSettings
    affinity: ChosenAffinity
    start: Artifact | None
    space: Space
    metric: str
    epochs: int  # the most of a trial
    study: str  # the name of this search: another dataset, start or setting has another one
    threads: int  # of a trial

    @classmethod
    def of(
        cls,
        ws: Workspace,
        stored: Artifact,
        dataset: Dataset,
        settings: TrainSettings,
        given: Mapping[str, Any],
        threads: int,
    ) -> _Work:
        """Raises SettingsError for settings that cannot be, and where all are given."""
        start = find_start(ws, settings, stored)
        affinity = choose_affinity(inherit_from_start(settings, start), dataset)
        resolved = resolve_settings(inherit_from_start(settings, start), affinity, dataset, start)
        space = search_space(dataset, vars(settings), set(given), linear_first=affinity.linear)
        if not space.dimensions:
            raise SettingsError(
                "awe tune: every setting is given, and nothing is left to search",
                hint="leave some out, or use `awe train`",
            )
        identity = {
            "dataset": stored.digest,
            "start": start.digest if start else None,
            "settings": resolved,
            "given": sorted(given),
            "space": repr(space),
            "seed": settings.seed,
            "sampler": [_RANDOM, _KEPT, _WARM_UP],
            "versions": [MODEL_VERSION, __version__],
        }
        digest = hashlib.sha256(canonical(identity)).hexdigest()[:16]
        study = f"{settings.affinity}-{settings.loss}-{digest}"
        epochs = int(resolved["plans"][-1]["epochs"])
        return cls(ws, dataset, settings, affinity, start, space, resolved["metric"], epochs, study, threads)

    def run(self, values: Values, on_epoch: Callable[[Progress], None]) -> tuple[float, int]:
        """The metric on validation at the best epoch, and that epoch. Raises DivergedError."""
        settings = inherit_from_start(replace(self.settings, **values), self.start)
        affinity = choose_affinity(settings, self.dataset)
        resolved = resolve_settings(settings, affinity, self.dataset, self.start)
        resolved["fits"] = [["train"]]
        plan = TrainConfig(**resolved["plans"][-1])
        load_start = loader_of(self.ws, self.dataset, affinity, plan, self.start)
        _, result = learn_resolved(
            self.dataset, affinity, resolved, self.start,
            load_start=load_start, threads=self.threads, on_progress=on_epoch,
        )  # fmt: skip
        chosen = result["chosen"][affinity.name]
        return float(chosen["validation"]), int(chosen["epochs"])


class _Abandoned(Exception):  # noqa: N818 - no error: another trial has failed
    """Ends a trial at its next epoch."""


class _Search:
    """The trials of a study."""

    def __init__(self, optuna: Any, study: Any, work: _Work, tuning: TuneSettings) -> None:
        self._optuna, self._study, self._work, self._tuning = optuna, study, work, tuning
        self._one_at_a_time, self._abandoned = threading.RLock(), threading.Event()
        self._under_way: dict[int, float] = {}  # trial → what is done of it

    def run(
        self, deadline: float, on_progress: Callable[[TuneProgress], None], announce: Callable[[str], None]
    ) -> int:
        """Run trials until there are enough, or it is late; return how many were run."""
        first = len(self.over())
        if first:
            announce(f"going on after {first} trials of the same search")
        begun = first

        def work() -> None:
            nonlocal begun
            while True:
                with self._one_at_a_time:
                    late = begun > 0 and monotonic() >= deadline
                    if begun >= self._tuning.trials or late or self._abandoned.is_set():
                        return
                    before, begun = begun, begun + 1
                self._one(before, on_progress)

        if self._tuning.jobs == 1:
            work()
        else:
            self._in_parallel(work)
        if begun < self._tuning.trials:
            announce(f"time is up after {begun} of {self._tuning.trials} trials")
        return begun - first

    def _in_parallel(self, work: Callable[[], None]) -> None:
        """Run `work` once for each job. The first error ends all, each at its next epoch, and is raised."""
        with ThreadPoolExecutor(self._tuning.jobs, thread_name_prefix="awe-trial") as pool:
            jobs = [pool.submit(work) for _ in range(self._tuning.jobs)]
            try:
                wait_for(jobs, return_when=FIRST_EXCEPTION)
            finally:
                failed = not all(job.done() and job.exception() is None for job in jobs)
                if failed:
                    self._abandoned.set()
        errors = [error for job in jobs if (error := job.exception()) is not None]
        errors.sort(key=lambda error: isinstance(error, _Abandoned))
        if errors:
            raise errors[0]

    def over(self) -> list[Trial]:
        """The trials that are over, in the order in which they were run."""
        return _over(self._optuna, self._study)

    def importance(self) -> dict[str, float]:
        """Setting → share of what moved the metric; empty for few trials, or where all came to the same."""
        complete = [trial for trial in self.over() if trial.state == "complete"]
        if len(complete) < _FEW or len({trial.value for trial in complete}) == 1:
            return {}
        module = self._optuna.importance
        with contextlib.suppress(ValueError, RuntimeError):
            found = module.get_param_importances(self._study, evaluator=module.PedAnovaImportanceEvaluator())
            return {str(name): float(share) for name, share in found.items()}
        return {}

    def _ask(self, before: int) -> Any:
        """The trial that begins after `before` others."""
        samplers, first = self._optuna.samplers, self._work.space.first
        with self._one_at_a_time:
            self._study.sampler = samplers.TPESampler(
                n_startup_trials=_RANDOM,
                seed=_seed(self._work.settings.seed, before),
                constant_liar=self._tuning.jobs > 1,  # keeps away from what is being tried
            )
            if before < len(first):
                self._study.enqueue_trial(first[before])
            return self._study.ask(self._distributions())

    def _one(self, before: int, on_progress: Callable[[TuneProgress], None]) -> None:
        """Run the trial that begins after `before` others."""
        trial = self._ask(before)
        values = rounded(trial.params)
        latest: list[Any] = [0, _DIVERGED]

        def show(progress: Progress, part: float) -> None:
            with self._one_at_a_time:
                self._under_way[before] = part
                trials = self.over()
                best = max((one.value for one in trials), default=None)
                parts = sum(self._under_way.values())
                told = TuneProgress(before + 1, self._tuning.trials, len(trials), parts, best, progress)
                on_progress(told)

        def on_epoch(progress: Progress) -> None:
            if self._abandoned.is_set():
                raise _Abandoned
            counts = progress.stage == self._work.affinity.name
            show(progress, progress.report.epoch / progress.epochs if counts else 0.0)
            if not counts or progress.validation is None:
                return
            latest[:] = [progress.report.epoch, progress.validation]
            trial.report(progress.validation, progress.report.epoch)
            if trial.should_prune():
                raise self._optuna.TrialPruned

        state = "complete"
        try:
            value, epochs = self._work.run(values, on_epoch)
        except self._optuna.TrialPruned:
            state, epochs, value = "pruned", *latest
        except DivergedError:
            state, epochs, value = "diverged", latest[0], _DIVERGED
        for key, attribute in {"values": values, "epochs": epochs, "state": state}.items():
            trial.set_user_attr(key, attribute)
        if state == "pruned":
            self._study.tell(trial, state=self._optuna.trial.TrialState.PRUNED)
        else:
            self._study.tell(trial, value)
        with self._one_at_a_time:
            self._under_way.pop(before, None)

    def _distributions(self) -> dict[str, Any]:
        return {name: _distribution(self._optuna, one) for name, one in self._work.space.dimensions.items()}


def _study(optuna: Any, storage: Any, work: _Work, tuning: TuneSettings) -> Any:
    """The study of a search, made where it is not there; without trials that nobody runs any more."""
    worst = optuna.pruners.PercentilePruner(_KEPT, _RANDOM, max(1, round(_WARM_UP * work.epochs)))
    study = optuna.create_study(
        storage=storage, study_name=work.study, direction="maximize", load_if_exists=True,
        pruner=worst if tuning.prune else optuna.pruners.NopPruner(),
    )  # fmt: skip
    states = optuna.trial.TrialState
    for trial in study.get_trials(deepcopy=False, states=(states.RUNNING, states.WAITING)):
        # of a run that was stopped: it is tried again, from the same history and by the same seed
        study.tell(trial.number, state=states.FAIL)
    return study


def _kept(optuna: Any, storage: Any, name: str) -> Any:
    """The study of a search that has begun, to be read; None where it has not."""
    with contextlib.suppress(KeyError):
        return optuna.load_study(study_name=name, storage=storage) if storage else None
    return None


def _over(optuna: Any, study: Any) -> list[Trial]:
    """The trials of a study that are over, in the order in which they began."""
    states = optuna.trial.TrialState
    trials = study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED))
    return [
        Trial(
            number,
            trial.user_attrs["values"],
            float(trial.value),
            int(trial.user_attrs["epochs"]),
            str(trial.user_attrs["state"]),
        )
        for number, trial in enumerate(trials, 1)
    ]


def _distribution(optuna: Any, dimension: Range | Choice) -> Any:
    kinds = optuna.distributions
    if isinstance(dimension, Choice):
        return kinds.CategoricalDistribution(dimension.values)
    if dimension.whole:
        return kinds.IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return kinds.FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _seed(seed: int, done: int) -> int:
    """The seed of the trial after `done` others."""
    return int.from_bytes(hashlib.sha256(f"{seed} {done}".encode()).digest()[:4], "big")


def _optuna() -> Any:
    """The library. Raises MissingInputError, with the command that installs it."""
    if importlib.util.find_spec("optuna") is None:
        raise MissingInputError(
            "awe tune needs Optuna, which is not installed", hint=f"install it: `{TUNE_INSTALL}`"
        )
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


@contextlib.contextmanager
def _opened(ws: Workspace, optuna: Any) -> Iterator[Any]:
    """The storage in the workspace; in a dry run one that is only read, or None where there is none.

    Raises CorruptArtifactError for a damaged one, WriteError for a read-only one.
    """
    from sqlalchemy.exc import DatabaseError, OperationalError

    path = ws.root / STORAGE
    if ws.dry_run and not path.exists():
        yield None
        return
    address = f"file:{quote(str(path.absolute()))}?mode=ro&uri=true" if ws.dry_run else str(path)
    hint = f"remove {path}: its trials are lost, no model is"
    try:
        with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):
            patient = {"connect_args": {"timeout": _PATIENCE}}
            yield optuna.storages.RDBStorage(f"sqlite:///{address}", engine_kwargs=patient)
    except (OperationalError, optuna.exceptions.StorageInternalError) as error:
        raise WriteError(
            f"cannot write {path}: {error.__cause__ or error}", hint="check permissions and room"
        ) from error
    except DatabaseError as error:
        raise CorruptArtifactError(
            f"{path}: expected the trials of awe tune, found a damaged file ({error.orig})", hint=hint
        ) from error
