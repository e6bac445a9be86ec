"""What an affinity that learns numbers of its own starts with, beside U and V."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from awe_cli.affinity.catalog import start_affinity
from awe_cli.affinity.entry import Shape, together
from awe_cli.affinity.own_numbers import COUNTED, PAIR_WEIGHTS, WEIGH
from awe_cli.data.dataset import Dataset
from awe_cli.data.examples import Examples
from awe_cli.kernels.learned import Learned
from awe_cli.models import pairs
from awe_cli.training.joint import Numbers
from awe_cli.training.plan import Plan
from awe_cli.workspace import Artifact

_FILE = "file"


def named_by_content(affinity: dict[str, Any], dataset: Dataset) -> dict[str, Any]:
    """The parameters, and those of members, with files named by what is in them, as a recipe has it.

    Raises MissingInputError, DataError, SettingsError for pairs that cannot be had.
    """
    if "members" in affinity:
        return {**affinity, "members": [named_by_content(member, dataset) for member in affinity["members"]]}
    if affinity["name"] != PAIR_WEIGHTS.name:
        return affinity
    source = pairs.pairs_source(affinity["pairs"])
    if source is not None:
        return {**affinity, "pairs": _FILE, "sha256": source.sha256()}
    if affinity["pairs"] in COUNTED:
        pairs.check_counted(dataset, affinity["pairs"])
    return affinity


def numbers_of(
    dataset: Dataset, affinity: Mapping[str, Any], told_pairs: str | None, start: Artifact | None
) -> Numbers | None:
    """Where these parameters start; None where the model to start from was told the same, and they go on from there.

    told_pairs  --pairs, as the user has it
    """
    if start is not None and start.settings["affinity"] == affinity:
        return None
    paired = [part for part in (affinity, *affinity.get("members", ())) if part["name"] == PAIR_WEIGHTS.name]
    of_pairs = [_pairs(dataset, part, told_pairs) for part in paired]

    def numbers(plan: Plan, examples: Examples) -> Learned:
        shape = Shape(dataset.n_features, dataset.n_label_features, plan.dim, plan.initial_scale, plan.seed)
        return together([start_affinity(affinity, shape), *(found(plan, examples) for found in of_pairs)])

    return numbers


def _pairs(dataset: Dataset, affinity: Mapping[str, Any], told: str | None) -> Numbers:
    """Pairs of a file, with the weights they have; others start above those that are not stored."""
    lift = affinity["pair_rest"] if affinity["pair_form"] == WEIGH else 0.0
    if affinity["pairs"] == _FILE:
        source = pairs.pairs_source(str(told))
        assert source is not None
        fixed = pairs.as_learned(pairs.read_pairs(source, dataset), 0.0)
    elif affinity["pairs"] == pairs.IDENTITY:
        fixed = pairs.as_learned(pairs.identical_names(dataset), lift)
    else:
        shape = (dataset.n_features, dataset.n_label_features)

        def counted(plan: Plan, examples: Examples) -> Learned:
            found = pairs.counted_pairs(affinity["pairs"], examples, shape, affinity["pairs_per_feature"])
            return pairs.as_learned(found, lift)

        return counted
    return lambda plan, examples: fixed
