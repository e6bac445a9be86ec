"""What a command left to validation, from what it has stored: the grid, in words."""

from __future__ import annotations

import itertools
import json
import shlex
from typing import Any

from awe_cli.models.tables import kind_of
from awe_cli.workspace import Artifact, Workspace

RESULT = "result.json"


def budget(command: str, ws: Workspace) -> str | None:
    """In words what a command of awe chose from on validation; None where it is none that chooses."""
    words = shlex.split(command)
    told = dict(itertools.pairwise(words))
    match words[0]:
        case "train":
            return of_plans(ws.find("model", told["--name"]))
        case "train-baseline":
            return of_grid(ws.find("model", told.get("--name", words[1])))
        case "build-knn":
            return of_grid(ws.find("neighbors", told.get("--name", told["--model"])))
        case "build-affinity":
            return of_grid(ws.find(kind_of(told["--affinity"]), told["--name"]))
        case "retrain":
            return of_candidates(ws.find("model", told["--name"]))
        case "ensemble":
            return "weights, by coordinate search"
    return None


def of_plans(model: Artifact) -> str:
    """How many plans, in what they differ, and that validation finds the epoch to stop at; without it "16 epochs"."""
    plans: list[dict[str, Any]] = model.settings["plans"]
    if all(run["validation"] is None for run in _result(model)["chosen"].values()):
        return f"{plans[0]['epochs']} epochs"
    differing = {name: [plan[name] for plan in plans] for name in plans[0]}
    open_ = [
        f"{name.replace('_', ' ')} {listed(values)}"
        for name, values in differing.items()
        if len(set(values)) > 1
    ]
    stop = f"epochs up to {max(plan['epochs'] for plan in plans)}"
    joined = " with ".join(open_)
    return f"{len(plans)} plans ({joined}), {stop}" if open_ else stop


def of_grid(artifact: Artifact) -> str | None:
    """The values that were tried of each setting, and how many combinations of them."""
    tried: list[dict[str, Any]] = _result(artifact).get("tried") or []
    if len(tried) < 2:
        return None
    names = [name for name in tried[0] if name != "validation"]
    values = {name: list(dict.fromkeys(entry[name] for entry in tried)) for name in names}
    grid = " × ".join(f"{name} {listed(found)}" for name, found in values.items() if len(found) > 1)
    return f"{grid}: {len(tried)} tried"


def of_candidates(model: Artifact) -> str | None:
    """The products and the retrained model that `awe retrain` chose from."""
    candidates = list(_result(model)["validation"])
    return f"one of {len(candidates)}: {listed(candidates)}" if candidates else None


def listed(values: list[Any]) -> str:
    """ "0.01, 0.1" """
    return ", ".join(f"{value:.3g}" if isinstance(value, float) else str(value) for value in values)


def _result(artifact: Artifact) -> dict[str, Any]:
    return dict(json.loads(artifact.file(RESULT).read_bytes()))
