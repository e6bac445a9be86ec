"""Mixtures of affinities: the average, a weighted sum, or a sum whose weights are learned.

G = Σ_m w_m G_m (affinity functions, "combine"). Members are named with or without their weights:
`sigmoid,max` or `sigmoid:0.7,max:0.3`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from awe_cli.affinity.combination import Plus, Weighed
from awe_cli.affinity.entry import Entry, Given, Shape, together
from awe_cli.errors import SettingsError
from awe_cli.kernels.learned import NOTHING, Learned

MIX = "mix"


def read_members(listed: Sequence[str] | None, known: Mapping[str, Entry]) -> dict[str, float]:
    """Affinity → weight; without weights the average. Raises SettingsError."""
    named = [entry.partition(":") for entry in listed or ()]
    names = [name.strip() for name, _, _ in named]
    for name in names:
        if name not in known:
            raise SettingsError(
                f"--mix: expected affinities among {', '.join(known)}, found {name!r}",
                hint="for example --mix sigmoid,max or --mix sigmoid:0.7,max:0.3",
            )
    if len(set(names)) < len(names) or len(names) < 2:
        raise SettingsError(
            f"--mix: expected two or more affinities, each once, found {','.join(names) or 'none'}",
            hint="for example --mix sigmoid,max",
        )
    told = [weight for _, colon, weight in named if colon]
    if told and len(told) < len(named):
        raise SettingsError(
            f"--mix: expected a weight for each affinity or for none, found {','.join(listed or ())}",
            hint="for example --mix sigmoid:0.7,max:0.3",
        )
    weights = [_weight(weight) for weight in told] or [1 / len(names)] * len(names)
    return dict(zip(names, weights, strict=True))


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


def build_mixture(given: Given, known: Mapping[str, Entry]) -> Any:
    """What the kernels take. The weights are row 0 of the shared numbers; the members' rows follow."""
    row, weighed = 1, []
    for place, member in enumerate(given["members"]):
        entry = known[member["name"]]
        weighed.append(Weighed(entry.build({**member, "row": row}), 0, place, given["learn_mix"]))
        row += len(entry.start(member, Shape(1, 1, 1, 1.0, 0)).shared)
    whole: Any = weighed[-1]
    for first in reversed(weighed[:-1]):
        whole = Plus(first, whole)
    return whole


def start_mixture(given: Given, shape: Shape, known: Mapping[str, Entry]) -> Learned:
    """The weights as they were told, and what the members start from."""
    weights = np.array([[member["weight"] for member in given["members"]]], np.float32)
    parts = [known[member["name"]].start(member, shape) for member in given["members"]]
    return together([NOTHING._replace(shared=weights), *parts])
