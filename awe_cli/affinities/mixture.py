"""Mixtures of affinities: the average, or a sum whose weights are given, chosen on validation, or learned.

G = Σ_m w_m G_m (affinity functions, "combine"). Members are named with or without their weights:
`sigmoid,max` or `sigmoid:0.7,max:0.3`. A built member may be given with the name of its G: `knn=wide:0.7`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from awe_cli.affinities.combine import Scaled, Sum
from awe_cli.affinities.spec import BUILT, Entry, Given, Shape, names_file, together
from awe_cli.core.interface import NO_PARAMS, AffinityParams
from awe_cli.errors import SettingsError, did_you_mean

MIX = "mix"
GIVEN, VALIDATION = "given", "validation"  # where weights come from
_EXAMPLE = "for example --mix sigmoid,max or --mix sigmoid:0.7,max:0.3"
_NO_FILE = "a type in a file cannot be a member of a mixture yet; by itself it can be trained, or built"
_BUILT_LATER = "it is built from a trained model, and then a member for `awe retrain --affinity mix --mix …`"


@dataclass(frozen=True)
class Member:
    """One member, as given by --mix.

    built  the name of its G, if given; for built affinities only
    given  its weight, if given
    """

    affinity: str
    built: str | None = None
    given: float | None = None

    def __str__(self) -> str:
        """The member in the form that --mix takes."""
        named = self.affinity if self.built is None else f"{self.affinity}={self.built}"
        return named if self.given is None else f"{named}:{self.given!r}"


def read_members(listed: Sequence[str] | None, known: Mapping[str, Entry]) -> list[Member]:
    """The members that --mix lists. Raises SettingsError."""
    members = [_member(entry, known) for entry in listed or ()]
    named = [(member.affinity, member.built) for member in members]
    if len(set(named)) < len(named) or len(named) < 2:
        raise SettingsError(
            f"--mix: expected two or more affinities, each once, found {','.join(listed or ()) or 'none'}",
            hint="for example --mix sigmoid,max",
        )
    if len({member.given is None for member in members}) == 2:
        raise SettingsError(
            f"--mix: expected a weight for each affinity or for none, found {','.join(listed or ())}",
            hint="for example --mix sigmoid:0.7,max:0.3",
        )
    return members


def weights_of(members: Sequence[Member], source: str) -> list[float]:
    """The given weights; without any those of the average, which validation may replace.

    Raises SettingsError where weights are given although validation is to choose them.
    """
    if source == VALIDATION and members[0].given is not None:
        raise SettingsError(
            "--mix: expected members without weights, where --mix-weights has them chosen on validation, found "
            + ",".join(str(member) for member in members),
            hint="leave out the weights, or --mix-weights",
        )
    return [1 / len(members) if member.given is None else member.given for member in members]


def _member(entry: str, known: Mapping[str, Entry]) -> Member:
    named, colon, weight = entry.partition(":")
    name, equals, built = (part.strip() for part in named.partition("="))
    if name not in known:
        raise SettingsError(
            f"--mix: expected affinities among {', '.join(known)}, found {name!r}",
            hint=_hint(name, known),
        )
    if equals and (not known[name].built or not built):
        raise SettingsError(
            f"--mix: expected the name of a G after an affinity that is built, found {named!r}",
            hint="for example --mix knn=wide,constant",
        )
    return Member(name, built or None, _weight(weight) if colon else None)


def _hint(name: str, known: Mapping[str, Entry]) -> str | None:
    """The hint for an affinity that cannot be a member."""
    if name in BUILT:
        return _BUILT_LATER
    return _NO_FILE if names_file(name) else did_you_mean(name, known, _EXAMPLE)


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = np.nan
    if not 0 < weight < np.inf:
        raise SettingsError(
            f"--mix: expected a weight above 0, found {text!r}", hint="for example sigmoid:0.7"
        )
    return weight


def build_mixture(params: Given, known: Mapping[str, Entry], tables: Sequence[Any] = ()) -> Any:
    """The mixture as kernels take it. The weights are row 0 of the shared rows; the rows of the members follow.

    tables  G of the built members, in their order
    """
    row, weighed, laid_out = 1, [], iter(tables)
    for place, member in enumerate(params["members"]):
        entry = known[member["name"]]
        inner = next(laid_out, None) if entry.built else entry.build({**member, "row": row})
        weighed.append(Scaled(inner, 0, place, params["learn_mix"]))
        row += len(entry.start(member, Shape(1, 1, 1, 1.0, 0)).shared)
    whole: Any = weighed[-1]
    for first in reversed(weighed[:-1]):
        whole = Sum(first, whole)
    return whole


def start_mixture(params: Given, shape: Shape, known: Mapping[str, Entry]) -> AffinityParams:
    """The initial parameters: the weights, and those of the members."""
    weights = np.array([[member["weight"] for member in params["members"]]], np.float32)
    parts = [known[member["name"]].start(member, shape) for member in params["members"]]
    return together([NO_PARAMS._replace(shared=weights), *parts])


def n_members(settings: Given) -> int:
    """The number of members of the affinity with these settings; 0 where it is no mixture."""
    return len(settings["members"]) if settings["name"] == MIX else 0


def chooses_weights(settings: Given) -> bool:
    """Whether the affinity with these settings is a mixture whose weights validation chooses."""
    return settings["name"] == MIX and settings["weights"] == VALIDATION


def weighed_settings(settings: Given, weights: Sequence[float]) -> dict[str, Any]:
    """The settings of the same mixture with other weights."""
    members = zip(settings["members"], weights, strict=True)
    return {**settings, "members": [{**member, "weight": weight} for member, weight in members]}


def weighed_numbers(learned: AffinityParams, weights: Sequence[float]) -> AffinityParams:
    """The learned parameters of the same mixture with other weights."""
    shared = learned.shared.copy()
    shared[0, : len(weights)] = weights
    return learned._replace(shared=shared)
