"""The affinity of `awe train` or `awe retrain`, with its initial parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from awe_cli.affinities.mixture import build_mixture, chooses_weights, n_members, weighed_settings
from awe_cli.affinities.overlap import Overlap
from awe_cli.affinities.registry import (
    ALL_MEMBERS,
    COUNTED,
    OVERLAP,
    PAIR_WEIGHTS,
    PARAMETERS,
    WEIGH,
    build_affinity,
    find_affinity,
    parameters_of,
    start_affinity,
    with_floor,
)
from awe_cli.affinities.spec import Shape, names_file, refuse_built, together
from awe_cli.builders.mixture import AffinityIndex, BuiltMixture, ValidationCache, each_alone
from awe_cli.config.train import TrainSettings
from awe_cli.core.epoch import State
from awe_cli.core.interface import NO_PARAMS, AffinityParams
from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.dataset.examples import Examples
from awe_cli.dataset.word_overlap import shared_words
from awe_cli.errors import SettingsError
from awe_cli.models import pair_weights
from awe_cli.models.store import Fit, fit_name, load_result
from awe_cli.models.tables import open_built, training_table
from awe_cli.plugins import file
from awe_cli.plugins.learned import start_plugin, try_out
from awe_cli.ranking.validation import Validator
from awe_cli.training.config import TrainConfig
from awe_cli.training.joint import Numbers, Weigh
from awe_cli.training.state import fresh_state, with_learned
from awe_cli.workspace import Artifact, Staging, Workspace

# The initial parameters of an affinity beside U and V.

_FILE = "file"


def named_by_content(affinity: dict[str, Any], dataset: Dataset) -> dict[str, Any]:
    """The settings of an affinity and its members for a recipe, with files replaced by their digests.

    Raises MissingInputError, DataError, SettingsError for pairs that cannot be read or counted.
    """
    if "members" in affinity:
        return {**affinity, "members": [named_by_content(member, dataset) for member in affinity["members"]]}
    if affinity["name"] != PAIR_WEIGHTS.name:
        return affinity
    source = pair_weights.pairs_source(affinity["pairs"])
    if source is not None:
        return {**affinity, "pairs": _FILE, "sha256": source.sha256()}
    if affinity["pairs"] in COUNTED:
        pair_weights.check_counted(dataset, affinity["pairs"])
    return affinity


def numbers_of(
    dataset: Dataset, affinity: Mapping[str, Any], given_pairs: str | None, start: Artifact | None
) -> Numbers | None:
    """The initial parameters; None where the model to start from has the same settings, so that its own are used.

    given_pairs  the value of --pairs
    """
    if start is not None and start.settings["affinity"] == affinity:
        return None
    paired = [part for part in (affinity, *affinity.get("members", ())) if part["name"] == PAIR_WEIGHTS.name]
    of_pairs = [_pairs(dataset, part, given_pairs) for part in paired]

    def numbers(plan: TrainConfig, examples: Examples) -> AffinityParams:
        shape = Shape(dataset.n_features, dataset.n_label_features, plan.dim, plan.initial_scale, plan.seed)
        return together([start_affinity(affinity, shape), *(found(plan, examples) for found in of_pairs)])

    return numbers


def _pairs(dataset: Dataset, affinity: Mapping[str, Any], resolved: str | None) -> Numbers:
    """Pairs of a file keep their weights; other pairs start above the weight of pairs that are not stored."""
    lift = affinity["pair_rest"] if affinity["pair_form"] == WEIGH else 0.0
    if affinity["pairs"] == _FILE:
        source = pair_weights.pairs_source(str(resolved))
        assert source is not None
        fixed = pair_weights.as_learned(pair_weights.read_pairs(source, dataset), 0.0)
    elif affinity["pairs"] == pair_weights.IDENTITY:
        fixed = pair_weights.as_learned(pair_weights.identical_names(dataset), lift)
    else:
        shape = (dataset.n_features, dataset.n_label_features)

        def counted(plan: TrainConfig, examples: Examples) -> AffinityParams:
            found = pair_weights.counted_pairs(
                affinity["pairs"], examples, shape, affinity["pairs_per_feature"]
            )
            return pair_weights.as_learned(found, lift)

        return counted
    return lambda plan, examples: fixed


# The affinity `overlap` with the words of a dataset's documents.


def with_words(affinity: Any, settings: Mapping[str, Any], dataset: Dataset) -> Any:
    """The affinity `overlap` with the weights of words by document; any other affinity unchanged.

    Raises SettingsError where queries and documents do not have one vocabulary.
    """
    if not isinstance(affinity, Overlap):
        return affinity
    shared = shared_words(dataset.described, settings["weights"], settings["k1"], settings["b"])
    return affinity._replace(shared=shared)


def check_words(settings: Mapping[str, Any], dataset: Dataset, *, tie: bool) -> None:
    """Raise SettingsError, before training, where shared words are needed and there are none."""
    with_words(build_affinity(settings), settings, dataset)
    if tie and not dataset.shares_features:
        raise SettingsError(
            "--tie: expected inputs and labels with the same features, found a dataset with different ones",
            hint="prepare --queries and --documents with text, or --…-sparse, on both sides; or leave --tie out",
        )


# The affinity of `awe train`: one of the registry, or a type in the user's file.


@dataclass(frozen=True)
class ChosenAffinity:
    """The affinity that the settings choose.

    name        of its stage of learning, and the default name of the model
    parameters  its settings in a recipe
    linear      whether it starts from a trained linear model by default
    pairs       the value of --pairs
    source      the user's file, for a type in a file
    """

    name: str
    parameters: dict[str, Any]
    linear: bool
    pairs: str | None = None
    source: Path | None = None

    @property
    def needs_all(self) -> bool:
        """Whether it looks at all training examples at once: these then have to be in memory."""
        parts = (self.parameters, *self.parameters.get("members", ()))
        return any(
            part["name"] == OVERLAP or (part["name"] == PAIR_WEIGHTS.name and part["pairs"] in COUNTED)
            for part in parts
        )

    def build(self, dataset: Dataset) -> Any:
        """The affinity as kernels take it."""
        if self.source is None:
            return with_words(build_affinity(self.parameters), self.parameters, dataset)
        return file.build_plugin(self.parameters, self.source)

    def numbers(self, dataset: Dataset, start: Artifact | None) -> Numbers | None:
        """The initial parameters beside U and V; None: those of the model to start from."""
        source = self.source
        if source is None:
            return numbers_of(dataset, self.parameters, self.pairs, start)
        if start is not None and load_result(start)["affinity"] == self.parameters:
            return None

        def numbers(plan: TrainConfig, examples: Examples) -> AffinityParams:
            return start_plugin(self.parameters, source, dataset, plan)

        return numbers

    def store(self, staging: Staging) -> None:
        """Copy the user's file into the model, where there is one."""
        file.keep_copy(staging, self.source)

    def try_out(self, dataset: Dataset, plan: TrainConfig) -> None:
        """Try a type in a file on two examples before training. Raises SettingsError."""
        if self.source is not None:
            examples = dataset.training(("train",)).slice(0, 2)
            state = with_learned(
                fresh_state(dataset, plan), start_plugin(self.parameters, self.source, dataset, plan)
            )
            own = file.plugin_of(self.parameters, self.source)
            try_out(self.source, own, self.build(dataset), examples, state, plan)


def choose_affinity(settings: TrainSettings, dataset: Dataset) -> ChosenAffinity:
    """The affinity of the settings.

    Raises SettingsError for invalid settings, MissingInputError for a missing file.
    """
    resolved = {name: getattr(settings, name) for name in PARAMETERS}
    if names_file(settings.affinity):
        return _plugin(settings, resolved)
    file.refuse_parameters(settings.affinity, settings.plugin_parameters)
    refuse_built(settings.affinity)
    parameters = parameters_of(settings.affinity, resolved, own=dataset.task == RECOMMENDATION)
    check_words(parameters, dataset, tie=bool(settings.tie))
    linear = find_affinity(settings.affinity).linear
    return ChosenAffinity(settings.affinity, named_by_content(parameters, dataset), linear, settings.pairs)


def _plugin(settings: TrainSettings, resolved: Mapping[str, Any]) -> ChosenAffinity:
    for name, value in resolved.items():
        if value is not None and name != "floor":
            raise SettingsError(
                f"--{name.replace('_', '-')}: a user's own affinity has parameters of its own",
                hint="name them with --set name=value",
            )
    parameters = file.plugin_parameters(settings.affinity, settings.plugin_parameters, settings.floor)
    source, kind = file.split(settings.affinity)
    return ChosenAffinity(kind.lower(), parameters, True, source=source)


# The affinity of `awe retrain`: a built one, or a mixture of built and other affinities.


@dataclass(frozen=True)
class FixedAffinity:
    """An affinity of which all or parts are held fixed while U and V are learned.

    settings  its settings in a recipe: name, floor; for a mixture members and their weights
    tables    the built affinities, in the order of the members
    """

    settings: Mapping[str, Any]
    tables: Sequence[Artifact]

    @property
    def _mixed(self) -> bool:
        """Whether it is a mixture."""
        return bool(n_members(self.settings))

    def weighed(self, weights: Sequence[float]) -> FixedAffinity:
        """The same mixture with other weights."""
        return replace(self, settings=weighed_settings(self.settings, weights))

    def training(self, examples: Examples, n_labels: int, fit: Fit, power: float) -> Any:
        """The affinity as kernels take it, for the training examples of a fit."""
        if not self._mixed:
            return training_table(self.tables[0], examples, fit, power, self.settings["floor"])
        tables = [
            training_table(table, examples, fit, power, start=number * n_labels)
            for number, table in enumerate(self.tables)
        ]
        return with_floor(build_mixture(self.settings, ALL_MEMBERS, tables), self.settings)

    def open(self, ws: Workspace, dataset: Dataset, fit: Fit, threads: int | None = None) -> AffinityIndex:
        """G of a fit, in which new input is looked up."""
        found = [open_built(ws, table, dataset, fit, threads) for table in self.tables]
        return BuiltMixture(self.settings, found) if self._mixed else found[0]

    def numbers(self, dataset: Dataset, pairs: str | None) -> Numbers:
        """The initial parameters beside U and V: for a mixture the weights, and the parameters of its members."""
        if not self._mixed:
            return lambda plan, examples: NO_PARAMS
        found = numbers_of(dataset, self.settings, pairs, None)
        assert found is not None
        return found


# Weights of a mixture: how validation chooses them, and how the result of a model lists them.


def choose_weights(
    held_out: ValidationCache, affinity: Mapping[str, Any], state: State, power: float = 1.0
) -> list[float]:
    """The weights that rank validation best, with U, V and the parameters of members as in `state`.

    power  of G of built members
    """
    alone = each_alone(state, n_members(affinity))
    return held_out.choose_weights(alone, power, affinity["floor"]).weights


def weigh_with(affinity: Mapping[str, Any]) -> Weigh | None:
    """The function that chooses the weights of a mixture without built members; None where they are not chosen."""
    if not chooses_weights(affinity):
        return None

    def weigh(validator: Validator, state: State) -> list[float]:
        return choose_weights(ValidationCache(BuiltMixture(affinity, ()), validator), affinity, state)

    return weigh


def mixture_weights_of(affinity: Mapping[str, Any], states: Mapping[Fit, State]) -> dict[str, Any]:
    """The final weights of a mixture on each fit, for its result; empty for another affinity."""
    n = n_members(affinity)
    if not n:
        return {}
    found = {fit_name(fit): state.learned.shared[0, :n].tolist() for fit, state in states.items()}
    return {"weights": found}
