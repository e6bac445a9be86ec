"""The affinity that `awe train` is told of: one of the catalog, or a user's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from awe_cli.affinity.built import refuse_built
from awe_cli.affinity.catalog import PARAMETERS, build_affinity, find_affinity, parameters_of
from awe_cli.affinity.told import names_file
from awe_cli.config.train import TrainSettings
from awe_cli.data.dataset import RECOMMENDATION, Dataset
from awe_cli.data.examples import Examples
from awe_cli.errors import SettingsError
from awe_cli.kernels.learned import Learned
from awe_cli.models import own_affinity, own_file
from awe_cli.models.embeddings import load_result
from awe_cli.models.numbers import named_by_content, numbers_of
from awe_cli.models.overlap import check_words, with_words
from awe_cli.models.own_start import start_own
from awe_cli.models.own_trial import try_out
from awe_cli.training.joint import Numbers
from awe_cli.training.plan import Plan
from awe_cli.training.state import fresh_state, with_learned
from awe_cli.workspace import Artifact, Staging


@dataclass(frozen=True)
class ChosenAffinity:
    """What the settings mean.

    name        of its stage of learning, and of the model where none is said
    parameters  as a recipe has them
    linear      whether it starts from a trained linear model unless told otherwise
    pairs       --pairs, as the user has it
    source      the file of a user's own affinity
    """

    name: str
    parameters: dict[str, Any]
    linear: bool
    pairs: str | None = None
    source: Path | None = None

    def build(self, dataset: Dataset) -> Any:
        """What the kernels take."""
        if self.source is None:
            return with_words(build_affinity(self.parameters), self.parameters, dataset)
        return own_affinity.build_own(self.parameters, self.source)

    def numbers(self, dataset: Dataset, start: Artifact | None) -> Numbers | None:
        """What it starts with beside U and V; None: as the model to start from has it."""
        source = self.source
        if source is None:
            return numbers_of(dataset, self.parameters, self.pairs, start)
        if start is not None and load_result(start)["affinity"] == self.parameters:
            return None

        def numbers(plan: Plan, examples: Examples) -> Learned:
            return start_own(self.parameters, source, dataset, plan)

        return numbers

    def store(self, staging: Staging) -> None:
        """Copy the file of a user's own affinity into the model."""
        own_affinity.keep_copy(staging, self.source)

    def try_out(self, dataset: Dataset, plan: Plan) -> None:
        """Try a user's own affinity on two examples before anything is learned. Raises SettingsError."""
        if self.source is not None:
            examples = dataset.training(("train",)).slice(0, 2)
            state = with_learned(
                fresh_state(dataset, plan), start_own(self.parameters, self.source, dataset, plan)
            )
            own = own_affinity.own_of(self.parameters, self.source)
            try_out(self.source, own, self.build(dataset), examples, state, plan)


def choose_affinity(settings: TrainSettings, dataset: Dataset) -> ChosenAffinity:
    """The affinity of the settings.

    Raises SettingsError for what cannot be, MissingInputError for a file that is not there.
    """
    told = {name: getattr(settings, name) for name in PARAMETERS}
    if names_file(settings.affinity):
        return _own(settings, told)
    own_affinity.refuse_parameters(settings.affinity, settings.own_parameters)
    refuse_built(settings.affinity)
    parameters = parameters_of(settings.affinity, told, own=dataset.task == RECOMMENDATION)
    check_words(parameters, dataset, tie=bool(settings.tie))
    linear = find_affinity(settings.affinity).linear
    return ChosenAffinity(settings.affinity, named_by_content(parameters, dataset), linear, settings.pairs)


def _own(settings: TrainSettings, told: Mapping[str, Any]) -> ChosenAffinity:
    for name, value in told.items():
        if value is not None and name != "floor":
            raise SettingsError(
                f"--{name.replace('_', '-')}: a user's own affinity has parameters of its own",
                hint="name them with --set name=value",
            )
    parameters = own_affinity.own_parameters(settings.affinity, settings.own_parameters, settings.floor)
    source, kind = own_file.split(settings.affinity)
    return ChosenAffinity(kind.lower(), parameters, True, source=source)
