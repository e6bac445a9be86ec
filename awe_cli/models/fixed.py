"""The affinity of `awe retrain`: one that is built, or a mixture of such and of others, as the kernels take it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from awe_cli.affinity.catalog import ALL_MEMBERS, with_floor
from awe_cli.affinity.mixture import build_mixture, n_members, weighed_settings
from awe_cli.building.held_out import Looked
from awe_cli.building.mixture import BuiltMixture
from awe_cli.data.dataset import Dataset
from awe_cli.data.examples import Examples
from awe_cli.kernels.learned import NOTHING
from awe_cli.models.embeddings import Fit
from awe_cli.models.numbers import numbers_of
from awe_cli.models.tables import open_built, training_table
from awe_cli.training.joint import Numbers
from awe_cli.workspace import Artifact, Workspace


@dataclass(frozen=True)
class FixedAffinity:
    """G that is held fixed while U and V are learned, all or parts of it.

    settings  its parameters, as a recipe has them: name, floor; of a mixture members and their weights
    tables    what is built of it, in the order of the members
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
        """What the kernels take to learn from the examples of a fit."""
        if not self._mixed:
            return training_table(self.tables[0], examples, fit, power, self.settings["floor"])
        tables = [
            training_table(table, examples, fit, power, start=number * n_labels)
            for number, table in enumerate(self.tables)
        ]
        return with_floor(build_mixture(self.settings, ALL_MEMBERS, tables), self.settings)

    def open(self, ws: Workspace, dataset: Dataset, fit: Fit, threads: int | None = None) -> Looked:
        """G of a fit, to look up new input in."""
        found = [open_built(ws, table, dataset, fit, threads) for table in self.tables]
        return BuiltMixture(self.settings, found) if self._mixed else found[0]

    def numbers(self, dataset: Dataset, pairs: str | None) -> Numbers:
        """What it starts with beside U and V: of a mixture the weights, and what its members learn."""
        if not self._mixed:
            return lambda plan, examples: NOTHING
        found = numbers_of(dataset, self.settings, pairs, None)
        assert found is not None
        return found
