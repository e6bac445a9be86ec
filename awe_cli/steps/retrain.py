"""Learn U and V again with a G that was built held fixed (AWE §3.3, step 3); keep whichever is best on validation.

Candidates on validation: the product G^power · S with U, V as they are, for each power; and the one whose power
did best with U, V learned again. Most of the gain is often in the product alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from awe_cli.affinities.mixture import MIX, Member, chooses_weights, read_members
from awe_cli.affinities.registry import ALL_MEMBERS, check_known, parameters_of
from awe_cli.affinities.spec import BUILT, CLUSTER, PLUGIN_BUILT, find_built_affinity, names_file
from awe_cli.builders.mixture import ValidationCache
from awe_cli.config.build import BuildAffinitySettings
from awe_cli.config.train import AffinitySettings, RetrainSettings
from awe_cli.core.epoch import State
from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.dataset.examples import Examples
from awe_cli.engine.checkpoints import remember
from awe_cli.engine.dask import code_digest
from awe_cli.engine.local import available_threads
from awe_cli.errors import SettingsError
from awe_cli.metrics.metrics import criterion
from awe_cli.models.affinity import FixedAffinity, choose_weights, mixture_weights_of, named_by_content
from awe_cli.models.load import EMBEDDING, find_embedding
from awe_cli.models.needs import training_needs
from awe_cli.models.precision import recorded, require_range, stored_type
from awe_cli.models.store import (
    MODEL_VERSION,
    Fit,
    describe_run,
    fits_of_model,
    load_result,
    load_state,
    open_dataset,
    require_linear,
    store_history,
    store_result,
    store_states,
)
from awe_cli.models.tables import NEIGHBORS, as_parents, find_built
from awe_cli.models.transfer import start_loader
from awe_cli.steps.build_affinity import build_affinity
from awe_cli.steps.train import fits_like
from awe_cli.training.config import TrainConfig
from awe_cli.training.joint import validator_for
from awe_cli.training.state import fresh_state, with_learned
from awe_cli.training.trainer import OnProgress, Run, Trainer, Validate
from awe_cli.workspace import Artifact, Recipe, Workspace
from awe_cli.workspace.checkpoints import (
    DEFAULT_CHECKPOINTS,
    CheckpointFolder,
    CheckpointSettings,
    open_checkpoints,
)

# What the settings of a retraining come to: what is refused, what is tried, and everything its recipe has.

_EPOCHS = 8
_RATE = 1 / 3  # of the model's: U and V are good already
_POWERS = (1.0, 0.5)


def check(settings: RetrainSettings) -> None:
    """Raise SettingsError for an affinity that is not built, and for a floor where other labels are not scored."""
    if settings.affinity == MIX:
        return
    entry = find_built_affinity(settings.affinity)
    check_known(settings.affinity, _parameters(settings), [])
    if settings.floor and not entry.floor:
        raise SettingsError(
            f"--floor: the affinity {entry.name} has none, found {settings.floor:g}",
            hint="with a floor every label would be scored; leave it out, or take --affinity mix "
            f"--mix {entry.name},constant",
        )


def _parameters(settings: RetrainSettings) -> dict[str, Any]:
    """The given parameters of learned affinities and mixtures: parameter → value, or None."""
    return {field.name: getattr(settings, field.name) for field in fields(AffinitySettings)}


def resolve_parameters(settings: RetrainSettings, dataset: Dataset, built: str | None) -> dict[str, Any]:
    """The parameters of the affinity, as the recipe has them. Raises SettingsError for those that cannot be."""
    name = PLUGIN_BUILT if names_file(settings.affinity) else settings.affinity
    plain = {"name": name, "power": settings.power, "floor": settings.floor}
    if settings.affinity != MIX:
        return plain
    members = resolve_members(settings)
    if built is not None:
        raise SettingsError(
            f"--built: expected the names of several G beside the members of a mix, found {built!r}",
            hint=f"for example --mix {members[0].affinity}={built},constant",
        )
    own = dataset.task == RECOMMENDATION
    parameters = parameters_of(MIX, _parameters(settings), own=own, members=ALL_MEMBERS)
    return {**named_by_content(parameters, dataset), **plain}


def resolve_members(settings: RetrainSettings) -> list[Member]:
    """The members of a mixture. Raises SettingsError where none of them is built."""
    members = read_members(settings.mix, ALL_MEMBERS)
    if all(member.affinity not in BUILT for member in members):
        raise SettingsError(
            f"--mix: expected one that is built among {', '.join(str(member) for member in members)}, found none",
            hint="without one there is nothing to hold fixed: `awe train --affinity mix --mix …` learns it, with "
            "--mix-weights and --learn-mix as here",
        )
    return members


def built_members(settings: RetrainSettings, built: str | None) -> list[Member]:
    """What is built of the affinity: itself, with G called `built`, or some members of the mixture."""
    if settings.affinity != MIX:
        return [Member(settings.affinity, built)]
    return [member for member in resolve_members(settings) if member.affinity in BUILT]


def find_tables(
    ws: Workspace, settings: RetrainSettings, built: str | None, base: Artifact
) -> list[Artifact]:
    """G of what is built, in the order of the members. Raises MissingInputError, as `find_built`."""
    return [find_built(ws, member.affinity, member.built, base) for member in built_members(settings, built)]


def powers_to_try(settings: RetrainSettings) -> list[float]:
    """The powers of G to try: of clusters one, since G is 0 or 1."""
    if settings.power is not None:
        return [settings.power]
    return [1.0] if settings.affinity == CLUSTER else list(_POWERS)


def resolve_settings(
    settings: RetrainSettings, base: Artifact, affinity: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything that decides what the model will be, as its recipe has it; `affinity`: its parameters."""
    result = load_result(base)
    plan = TrainConfig(**result["chosen"][result["stages"][-1]]["plan"])
    rate = plan.learning_rate * (_RATE if settings.warm else 1)
    epochs = settings.epochs if settings.epochs is not None else (_EPOCHS if settings.warm else plan.epochs)
    plan = replace(
        plan,
        epochs=epochs,
        learning_rate=settings.learning_rate or rate,
        margin=settings.margin or plan.margin,
    )
    dtype = settings.dtype or stored_type(base.settings)
    require_range(dtype, plan.norm_cap)
    return {
        "model_type": EMBEDDING,
        "affinity": dict(affinity),
        "loss": plan.loss,
        "warm": settings.warm,
        "plan": asdict(plan),
        "fits": [list(fit) for fit in fits_like(base, settings.fit_on)],
        "patience": settings.patience,
        "metric": criterion(settings.metric or result["metric"]).name,
        **recorded(dtype),
    }


def retrain(
    ws: Workspace,
    model: str | None,
    settings: RetrainSettings | None = None,
    *,
    name: str | None = None,
    built: str | None = None,
    threads: int | None = None,
    wait: float = False,
    on_progress: OnProgress = lambda progress: None,
    checkpoints: CheckpointSettings = DEFAULT_CHECKPOINTS,
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
        dataset = open_dataset(stored)
        affinity = FixedAffinity(
            resolve_parameters(settings, dataset, built), find_tables(ws, settings, built, base)
        )
        resolved = resolve_settings(settings, base, affinity.settings)
        start = _find_start(ws, settings, stored, base)
        parents = {"dataset": stored.digest, "model": base.digest, **as_parents(affinity.tables)}
        parents |= {"start": start.digest} if start else {}
        recipe = Recipe("model", MODEL_VERSION, resolved, parents)
        name = "awe" if name is None else name
        fits, dim = resolved["fits"], resolved["plan"]["dim"]
        current = ws.current("model", name, recipe, lambda: training_needs(dataset, dim, fits))
        if current is not None:
            return current, False
        with (
            ws.stage("model", recipe) as staging,
            open_checkpoints(ws.root, recipe, name, code_digest(), checkpoints) as kept,
        ):
            threads = threads or available_threads()
            trainer = Trainer(threads=threads, on_progress=on_progress, checkpoints=kept)
            work = _Work(ws, dataset, base, affinity, resolved, settings, threads, trainer, kept, start)
            outcome = work.choose()
            states = {fit: work.state(fit, outcome) for fit in work.fits}
            store_states(staging, states)
            store_history(staging, trainer.history)
            store_result(staging, _result(resolved, outcome, work.weighed[outcome.power], states))
            return staging.publish(name), True


@dataclass(frozen=True)
class Outcome:
    """What validation chose: the power, the retrained run or None for the product as it is, and all scores.

    alone  how well S ranks without G: to compare with, and no candidate
    """

    power: float
    retrained: Run | None
    validation: dict[str, float]
    alone: float | None = None


def _find_start(
    ws: Workspace, settings: RetrainSettings, dataset: Artifact, base: Artifact
) -> Artifact | None:
    """The model whose U and V to start from, where one is named. Raises SettingsError for another dimension."""
    if settings.start is None:
        return None
    if not settings.warm:
        raise SettingsError(
            f"--start: expected --warm with it, found --cold beside --start {settings.start}",
            hint="leave out one of them",
        )
    start = find_embedding(ws, settings.start, dataset, earlier=True)
    dims = [load_state(model, fits_of_model(model)[0]).U.shape[1] for model in (base, start)]
    if dims[0] != dims[1]:
        raise SettingsError(
            f"--start: expected a model of dimension {dims[0]}, that of {base.describe()}, found {dims[1]}",
            hint="start from a model of the same dimension",
        )
    return start


@dataclass(frozen=True)
class _Work:
    """One retraining: what is read, and the two questions asked of it."""

    ws: Workspace
    dataset: Dataset
    base: Artifact
    affinity: FixedAffinity
    resolved: dict[str, Any]
    settings: RetrainSettings
    threads: int
    trainer: Trainer
    checkpoints: CheckpointFolder
    start: Artifact | None = None  # whose U and V are learned on from, in place of those of `base`
    weighed: dict[float, FixedAffinity] = field(default_factory=dict)  # power → the affinity with its weights

    @property
    def fits(self) -> list[Fit]:
        """The fits of the model, the one to choose by first."""
        return [tuple(fit) for fit in self.resolved["fits"]]

    @property
    def plan(self) -> TrainConfig:
        """The plan to learn again with."""
        return TrainConfig(**self.resolved["plan"])

    def choose(self) -> Outcome:
        """What is best on validation; without one, what was asked for."""
        fit, powers, floor = self.fits[0], powers_to_try(self.settings), self.settings.floor
        validator = validator_for(self.dataset, fit, self.resolved["metric"], self.plan.seed, self.threads)
        examples = self.dataset.training(fit)
        self.weighed.update(dict.fromkeys(powers, self.affinity))
        if validator is None:
            return Outcome(powers[0], self._learn(fit, powers[0]) if self.plan.epochs else None, {})
        held_out = ValidationCache(self.affinity.open(self.ws, self.dataset, fit, self.threads), validator)
        if chooses_weights(self.affinity.settings):
            self.weighed.update({power: self._weigh(held_out, examples, power) for power in powers})
        base = load_state(self.base, fit, self.dataset)
        products: dict[float, float] = {}
        for power in powers:

            def ranks(power: float = power) -> float:
                return held_out.validator(self._numbered(base, examples, power), power, floor)

            products[power] = remember(self.checkpoints, f"product-{power:g}", ranks)
        alone = remember(self.checkpoints, "alone", lambda: held_out.validate_alone(base))
        power = max(products, key=lambda p: products[p])
        validation = {f"product, power {p:g}": score for p, score in products.items()}
        if not self.plan.epochs:
            return Outcome(power, None, validation, alone)
        again = self._learn(fit, power, validator=lambda state: held_out.validator(state, power, floor))
        score = again.validation if again.validation is not None else float("-inf")
        validation[f"retrained, power {power:g}"] = score
        return Outcome(power, again if score > products[power] else None, validation, alone)

    def state(self, fit: Fit, outcome: Outcome) -> State:
        """U and V of a fit as the outcome has it."""
        if outcome.retrained is None:
            return self._numbered(
                load_state(self.base, fit, self.dataset), self.dataset.training(fit), outcome.power
            )
        if fit == self.fits[0]:
            return outcome.retrained.state
        return self._learn(fit, outcome.power, stop_after=outcome.retrained.epochs).state

    def _weigh(self, held_out: ValidationCache, examples: Examples, power: float) -> FixedAffinity:
        """The mixture with the weights that rank validation best, U and V as they are."""

        def chosen() -> list[float]:
            base = self._numbered(load_state(self.base, self.fits[0]), examples, power)
            return choose_weights(held_out, self.affinity.settings, base, power)

        return self.affinity.weighed(remember(self.checkpoints, f"weights-{power:g}", chosen))

    def _learn(
        self, fit: Fit, power: float, *, stop_after: int | None = None, validator: Validate | None = None
    ) -> Run:
        examples = self.dataset.training(fit)
        return self.trainer.run(
            self.affinity.training(examples, self.dataset.n_labels, fit, power), examples,
            self._numbered(self._start(fit), examples, power), self.plan,
            stage="retrained", fit="+".join(fit), validator=validator,
            patience=self.settings.patience if validator else 0, stop_after=stop_after,
        )  # fmt: skip

    def _start(self, fit: Fit) -> State:
        if self.start is not None:
            return start_loader(self.ws, self.start, self.dataset, self.plan)(fit)
        if self.settings.warm:
            return load_state(self.base, fit, self.dataset)
        return fresh_state(self.dataset, self.plan)

    def _numbered(self, state: State, examples: Examples, power: float) -> State:
        """The state with what the affinity starts with beside U and V."""
        numbers = self.weighed[power].numbers(self.dataset, self.settings.pairs)
        return with_learned(state, numbers(self.plan, examples))


def _result(
    resolved: dict[str, Any], outcome: Outcome, affinity: FixedAffinity, states: Mapping[Fit, State]
) -> dict[str, Any]:
    kept = "retrained" if outcome.retrained else "product"
    if outcome.retrained:
        chosen = describe_run(outcome.retrained)
    else:
        chosen = {"plan": {**resolved["plan"], "epochs": 0}, "epochs": 0, "validation": None}
    return {
        "affinity": {**affinity.settings, "power": outcome.power},
        "metric": resolved["metric"],
        "kept": kept,
        "validation": outcome.validation,
        "alone": outcome.alone,
        "stages": [kept],
        "chosen": {kept: chosen},
        **mixture_weights_of(affinity.settings, states),
    }


# The papers' iterative procedure (AWE §3.3): build G, learn U and V with G fixed, and again.


def iterate(
    ws: Workspace,
    model: str | None,
    settings: RetrainSettings,
    *,
    name: str = "awe",
    built: str | None = None,
    threads: int | None = None,
    wait: float = False,
    on_progress: OnProgress = lambda progress: None,
    announce: Callable[[str], None] = lambda line: None,
    checkpoints: CheckpointSettings = DEFAULT_CHECKPOINTS,
) -> tuple[Artifact, bool]:
    """Retrain `settings.iterations` times; returns the best on validation, under `name`, and whether it is new.

    Without validation that is the last one. With several iterations each is stored as NAME-1, NAME-2, …, and G is
    built from each as the first one was, under the name that `build-affinity` gives, or MODEL-NAME where the mix
    called the first one NAME; the commands one by one give the same artifacts. Where an iteration keeps U and V all
    later ones would be equal to it, and their names mean it.
    """
    once = replace(settings, iterations=1)
    if settings.iterations == 1:
        return retrain(
            ws, model, once,
            name=name, built=built, threads=threads, wait=wait, on_progress=on_progress, checkpoints=checkpoints,
        )  # fmt: skip
    with ws.lock(wait=wait), ws.several_steps():
        check(settings)
        base = find_embedding(ws, model, ws.find("dataset"))
        like = _how_built(ws, settings, built, base)
        found: list[tuple[Artifact, bool]] = []
        for number in range(1, settings.iterations + 1):
            step = f"{name}-{number}"
            if found:
                model, built = f"{name}-{number - 1}", None
                for table, called in like:
                    again = _named_after(model, called)
                    build_affinity(
                        ws,
                        model,
                        table,
                        name=again,
                        threads=threads,
                        announce=announce,
                        checkpoints=checkpoints,
                    )
                once = _with_names_after(model, settings)
            result = retrain(
                ws,
                model,
                once,
                name=step,
                built=built,
                threads=threads,
                on_progress=on_progress,
                checkpoints=checkpoints,
            )
            found.append(result)
            announce(f"iteration {number}: {_in_words(result[0])} ({step})")
            if load_result(result[0])["kept"] == "product":
                announce("U and V stay as they are, and so would they in every further iteration")
                for later in range(number + 1, settings.iterations + 1):
                    ws.call(result[0], f"{name}-{later}")
                break
        best, fresh = _best(found, announce)
        as_named = ws.call(best, name)
        ws.would(ws.target("model", name))
        return as_named, fresh


def _named_after(model: str, built: str | None) -> str | None:
    """The name of a G built again from a later model: MODEL-NAME where the first one had a name of its own."""
    return None if built is None else f"{model}-{built}"


def _with_names_after(model: str, settings: RetrainSettings) -> RetrainSettings:
    """The settings for one retraining of a later model."""
    settings = replace(settings, start=None)
    if settings.affinity != MIX:
        return replace(settings, iterations=1)
    named = (replace(member, built=_named_after(model, member.built)) for member in resolve_members(settings))
    return replace(settings, iterations=1, mix=tuple(str(member) for member in named))


def _how_built(
    ws: Workspace, settings: RetrainSettings, built: str | None, base: Artifact
) -> list[tuple[BuildAffinitySettings, str | None]]:
    """How each G of the affinity was built, and what a mix calls it."""
    tables = zip(find_tables(ws, settings, built, base), built_members(settings, None), strict=True)
    return [(_settings_of(table, member.affinity), member.built) for table, member in tables]


def _settings_of(built: Artifact, affinity: str) -> BuildAffinitySettings:
    """How G was built, to build the next one in the same way."""
    resolved = dict(built.settings)
    if built.kind != NEIGHBORS:
        own = {name: value for name, value in resolved.get("own", {}).items() if value is not None}
        plugin_parameters = tuple(f"{name}={value}" for name, value in own.items()) or None
        resolved = {
            "metric": resolved["metric"],
            "plugin_parameters": plugin_parameters,
            **resolved["parameters"],
        }
    values: dict[str, Any] = {
        field.name: resolved.get(field.name, resolved.get(field.name.rstrip("_")))
        for field in fields(BuildAffinitySettings)
    }
    if values["lambda_y"] is not None:
        values["lambda_y"] = str(values["lambda_y"])
    return BuildAffinitySettings(**{**values, "affinity": affinity})


def _best(found: list[tuple[Artifact, bool]], announce: Callable[[str], None]) -> tuple[Artifact, bool]:
    """The iteration that validation prefers, the first of equals; without validation the last, so that none is lost."""
    scores = [_score(model) for model, _ in found]
    judged = [score for score in scores if score is not None]
    if not judged:
        announce("there is no validation to choose by: the last iteration is taken")
        return found[-1]
    return found[scores.index(max(judged))]


def _in_words(model: Artifact) -> str:
    score = _score(model)
    return "not judged, for want of validation" if score is None else f"{score:.4f} on validation"


def _score(model: Artifact) -> float | None:
    """How well it ranks validation; None where there is none."""
    return max(load_result(model)["validation"].values(), default=None)
