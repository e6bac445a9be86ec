"""The product of k-NN affinity and embedding in memory: what `build-knn` and `retrain --epochs 0` store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from awe_cli.builders.knn import BuiltKnn
from awe_cli.builders.mixture import ValidationCache
from awe_cli.config.build import BuildKnnSettings
from awe_cli.config.train import RetrainSettings
from awe_cli.core.epoch import State
from awe_cli.dataset.examples import Examples
from awe_cli.dataset.memory import MemoryDataset
from awe_cli.engine.local import Local
from awe_cli.models.store import Fit
from awe_cli.models.tables import neighbor_space_of
from awe_cli.neighbors.index import NeighborIndex
from awe_cli.neighbors.space import NeighborSpace
from awe_cli.neighbors.table import leave_one_out
from awe_cli.ranking.embedding import CandidateRanker, EmbeddingRanker
from awe_cli.steps.build_knn import choose, lambda_of, resolve_settings
from awe_cli.steps.retrain import powers_to_try
from awe_cli.steps.train import Learned
from awe_cli.training.joint import validator_for


@dataclass(frozen=True)
class _FitOfProduct:
    """One fit: U and V, the training examples among which neighbours are looked for, where, and λ there."""

    state: State
    examples: Examples
    n_labels: int
    places: Mapping[str, NeighborSpace]
    lambdas: Mapping[str, float]


@dataclass(frozen=True)
class KnnProduct:
    """f = (G^power + floor) · max(0, S) with the k-NN affinity G, in memory.

    result   the choices: space, k, power, and how well each power ranked validation
    """

    by_fit: Mapping[Fit, _FitOfProduct]
    approximate: str
    k: int
    power: float
    floor: float
    result: dict[str, Any]
    _opened: dict[Fit, EmbeddingRanker | CandidateRanker] = field(default_factory=dict, compare=False)

    @property
    def fits(self) -> list[Fit]:
        """The fits, the one to choose by first and the final one last."""
        return sorted(self.by_fit, key=len)

    def ranker(self, fit: Fit | None = None) -> EmbeddingRanker | CandidateRanker:
        """The ranker of a fit, by default the final one; it is kept."""
        fit = fit or self.fits[-1]
        if fit not in self._opened:
            built = self.built(fit)
            self._opened[fit] = built.ranker(self.by_fit[fit].state, self.power, self.floor)
        return self._opened[fit]

    def built(self, fit: Fit) -> BuiltKnn:
        """G of a fit, in which new input is looked up."""
        one = self.by_fit[fit]
        indexes = {
            name: NeighborIndex(place, one.examples, one.n_labels, approximate=self.approximate)
            for name, place in one.places.items()
        }
        return BuiltKnn(indexes, self.k, one.lambdas)

    def only_final(self) -> KnnProduct:
        """The model without its other fits."""
        final = self.fits[-1]
        return replace(self, by_fit={final: self.by_fit[final]}, _opened={})

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_opened": {}}  # an index of neighbours is built again where it is needed


def multiply_with_knn(
    dataset: MemoryDataset,
    learned: Learned,
    settings: BuildKnnSettings | None = None,
    retraining: RetrainSettings | None = None,
    *,
    threads: int | None = None,
) -> KnnProduct:
    """The product of a linear model with the k-NN affinity that is built from it, U and V as they are.

    retraining  the power and the floor of G; of the powers that are left open the best on validation is taken

    Raises SettingsError for settings that cannot be.
    """
    settings, retraining = settings or BuildKnnSettings(), retraining or RetrainSettings()
    resolved = resolve_settings(settings, dataset, learned.result["metric"])
    first = learned.fits[0]
    chosen, _ = choose(dataset, learned.states[first], first, resolved, Local(threads))
    by_fit = {}
    for fit in learned.fits:
        state, examples = learned.states[fit], dataset.training(fit)
        places = {
            name: neighbor_space_of(name, state.U, resolved["measure"], dataset) for name in chosen.places
        }
        lambdas = {
            name: lambda_of(
                chosen,
                leave_one_out(
                    place, examples, chosen.k, approximate=resolved["approximate"], engine=Local(threads)
                ),
            )
            for name, place in places.items()
        }
        by_fit[fit] = _FitOfProduct(state, examples, dataset.n_labels, places, lambdas)
    powers, floor = powers_to_try(retraining), retraining.floor
    made = KnnProduct(
        by_fit, resolved["approximate"], chosen.k, powers[0], floor, {"space": chosen.space, "k": chosen.k}
    )
    validator = validator_for(dataset, first, resolved["metric"], 0, threads)
    if validator is not None and len(powers) > 1:
        held_out = ValidationCache(made.built(first), validator)
        scores = {power: held_out.validator(learned.states[first], power, floor) for power in powers}
        made = replace(made, power=max(scores, key=lambda power: scores[power]), _opened={})
        made.result["validation"] = {f"product, power {power:g}": score for power, score in scores.items()}
    made.result["power"] = made.power
    return made
