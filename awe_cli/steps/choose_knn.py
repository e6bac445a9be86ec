"""What a neighbour table is made with: what was told, and what validation chooses of the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from awe_cli.affinity.told import no_part
from awe_cli.config.build_knn import BuildKnnSettings
from awe_cli.data.dataset import RECOMMENDATION, Dataset
from awe_cli.errors import SettingsError
from awe_cli.metrics.catalog import criterion
from awe_cli.models.embeddings import Fit, load_result, load_state
from awe_cli.models.places import BOTH, EMBEDDING, INPUT, PLACES, place_of
from awe_cli.neighbors.choice import MULTIPLES, HeldOut, try_all
from awe_cli.neighbors.index import NeighborIndex
from awe_cli.neighbors.search import EXACT
from awe_cli.neighbors.space import usual_measure
from awe_cli.training.joint import judge_of
from awe_cli.workspace import Artifact

_KS = {RECOMMENDATION: (50, 100, 200), "annotation": (20, 50, 100, 200)}
_FEW_EXAMPLES = 50_000  # up to here every input is compared with every other without being asked to


@dataclass(frozen=True)
class Chosen:
    """What a table is made with: spaces, k, and λ as a multiple of 1/the typical squared distance, or as such."""

    space: str
    k: int
    multiple: float | None
    lambda_: float | None

    @property
    def places(self) -> tuple[str, ...]:
        """The spaces that are looked in."""
        return PLACES[self.space]


def everything_told(settings: BuildKnnSettings, dataset: Dataset, base: Artifact) -> dict[str, Any]:
    """Everything that decides what the table will be, as its recipe has it; SettingsError for what plays no part."""
    by_input = "neighbours are looked for by the input alone"
    if settings.space == INPUT and settings.folds:
        raise no_part("folds", by_input, settings.folds)
    if settings.space == INPUT and settings.approximate != EXACT and not dataset.dense:
        raise no_part("approximate", f"{by_input}, and bags are always measured", settings.approximate)
    return {
        **asdict(settings),
        "measure": settings.measure or usual_measure(dense=dataset.dense),
        "metric": criterion(settings.metric or load_result(base)["metric"]).name,
    }


def check_folds(dataset: Dataset, fit: Fit, folds: int) -> None:
    """Raise SettingsError for a number of folds that cannot be."""
    examples = sum(dataset.splits.get(split, 0) for split in fit)
    if folds and not 2 <= folds <= examples:
        raise SettingsError(
            f"--folds: expected 0, or 2 to {examples:,}, the number of training examples; found {folds}",
            hint="0 leaves one out; 4 folds are a good start",
        )


def choose(
    dataset: Dataset,
    base: Artifact,
    fit: Fit,
    told: dict[str, Any],
    threads: int | None,
    announce: Callable[[str], None],
) -> tuple[Chosen, list[dict[str, Any]]]:
    """Spaces, k and λ, by validation where they are open and it can be asked; the first of equals."""
    most = max(1, dataset.splits["train"] - 1)
    wanted = (told["k"],) if told["k"] else _KS[dataset.task]
    ks, spaces, fixed = (
        tuple(dict.fromkeys(min(k, most) for k in wanted)),
        _spaces(dataset, told),
        told["lambda_"],
    )
    if told["k"] and fixed is not None and len(spaces) == 1:
        return Chosen(spaces[0], ks[0], None, fixed), []
    judge = judge_of(dataset, fit, told["metric"], 0, threads)
    if judge is None:
        return Chosen(spaces[0], ks[len(ks) // 2], MULTIPLES[1], fixed), []
    announce(f"choosing {'spaces, ' if len(spaces) > 1 else ''}k and λ on validation")
    state, examples = load_state(base, fit), dataset.training(fit)
    places = {space: PLACES[space] for space in spaces}
    indexes = {
        name: NeighborIndex(
            place_of(name, state.U, told["measure"], dataset),
            examples, dataset.n_labels, approximate=told["approximate"],
        )
        for name in dict.fromkeys(name for names in places.values() for name in names)
    }  # fmt: skip
    tried = try_all(HeldOut(indexes, judge, max(ks), threads), state, places, ks, fixed)
    best = max(tried, key=lambda choice: choice.validation)
    return Chosen(best.space, best.k, best.multiple, fixed), [asdict(choice) for choice in tried]


def _spaces(dataset: Dataset, told: dict[str, Any]) -> tuple[str, ...]:
    """What to try: nothing but the embedding where λ is given, which is for one space, or speed was asked for."""
    if told["space"]:
        return (told["space"],)
    few = dataset.task != RECOMMENDATION and dataset.splits["train"] <= _FEW_EXAMPLES
    if few and told["lambda_"] is None and told["approximate"] == EXACT:
        return (EMBEDDING, BOTH)
    return (EMBEDDING,)
