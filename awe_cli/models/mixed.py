"""Weights of a mixture: how validation chooses them, and how a model tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from awe_cli.affinity.mixture import chooses_weights, n_members
from awe_cli.building.held_out import HeldOut
from awe_cli.building.mixture import BuiltMixture, each_alone
from awe_cli.kernels.epoch import State
from awe_cli.models.embeddings import Fit, fit_name
from awe_cli.ranking.validation import Judge
from awe_cli.training.joint import Weigh


def choose_weights(
    held_out: HeldOut, affinity: Mapping[str, Any], state: State, power: float = 1.0
) -> list[float]:
    """Weights that rank validation best, U, V and what members have of their own as they are in `state`.

    power  of G of members that are built
    """
    alone = each_alone(state, n_members(affinity))
    return held_out.choose_weights(alone, power, affinity["floor"]).weights


def weigh_with(affinity: Mapping[str, Any]) -> Weigh | None:
    """What chooses the weights of a mixture that has no member to be built; None where they are not chosen."""
    if not chooses_weights(affinity):
        return None

    def weigh(judge: Judge, state: State) -> list[float]:
        return choose_weights(HeldOut(BuiltMixture(affinity, ()), judge), affinity, state)

    return weigh


def weights_told(affinity: Mapping[str, Any], states: Mapping[Fit, State]) -> dict[str, Any]:
    """The weights that each fit of a mixture ended with, as its result has them; nothing for another affinity."""
    n = n_members(affinity)
    if not n:
        return {}
    found = {fit_name(fit): state.learned.shared[0, :n].tolist() for fit, state in states.items()}
    return {"weights": found}
