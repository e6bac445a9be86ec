"""Time to a given NDCG@20 on validation: the sample data of Debian, the same split and people for all.

Every method has three settings, each a curve over seconds of the processor on one thread; what counts is the first
moment at which any of them is there. Compiling, reading and judging are not learning, and not counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from awe_cli import Workspace
from awe_cli.models.store import open_dataset
from awe_cli.training.config import linear_plans
from benchmarks.bench.affinity_rows import D
from benchmarks.bench.contest import HERE, Arena, Contender, Rounds, table
from benchmarks.peers.interchange import Question, ask, judge
from benchmarks.peers.protocol import JOB, save_matrix
from benchmarks.reproduce.page import folded

METRIC, LISTED = "ndcg@20", 20
_DEBIAN = HERE / "sample_data" / "debian" / "interactions.parquet"
_SHARES = (0.8, 0.9, 0.95, 0.98, 1.0)  # of the best that a peer reaches
AWE = "awe, WARP"
_SPACES: dict[str, tuple[str, str, dict[str, Any], tuple[dict[str, Any], ...]]] = {
    AWE: ("of_awe", "", {"dim": D}, ({}, {"epochs": 8}, {"epochs": 4})),
    "LightFM, WARP": (
        "of_lightfm", "lightfm", {"no_components": D, "epochs": 200},
        ({"learning_rate": 0.05}, {"learning_rate": 0.02}, {"learning_rate": 0.1}),
    ),
    "implicit, BPR": (
        "of_implicit", "implicit", {"name": "bpr", "factors": D, "iterations": 400},
        ({"learning_rate": 0.01}, {"learning_rate": 0.03}, {"learning_rate": 0.1}),
    ),
    "implicit, iALS": (
        "of_implicit", "implicit", {"name": "ials", "factors": D, "iterations": 30},
        (
            {"alpha": 10.0, "regularization": 1.0},
            {"alpha": 40.0, "regularization": 1.0},
            {"alpha": 40.0, "regularization": 0.01},
        ),
    ),
}  # fmt: skip
Points = list[tuple[float, float]]  # seconds and NDCG


def curves(arena: Arena) -> str:
    """The section."""
    workspace, data = arena.folder / "debian", arena.folder / "debian-matrices"
    ws = Workspace(workspace)
    ws.prepare(_DEBIAN, user="package", item="dependency", split="split")
    dataset = open_dataset(ws.find("dataset"))
    most, people = arena.scale.curve
    question = _some(ask(dataset, "valid", ("train",), data), data, people)
    found: dict[str, dict[str, Points]] = {}
    whys: dict[str, str] = {}
    for title, contender, settings, folder in _contenders(arena, workspace, data, most):
        rounds = arena.contest([contender], 1, warm=False)[contender.title]
        if rounds.why:
            whys[title] = rounds.why
            continue
        found.setdefault(title, {})[settings] = _judged(rounds, folder, question)
    default = linear_plans(dataset, {})[0].epochs
    words = (
        f"{dataset.n_labels:,} items, d = {D}, {METRIC} of {len(question.ids):,} people with items in validation. "
        f"awe's default is {default} epochs."
    )
    return "\n\n".join((folded(words), _times(found, whys), "The curves, each to its best:", _whole(found)))


def _contenders(
    arena: Arena, workspace: Path, data: Path, most: float
) -> Iterator[tuple[str, Contender, str, Path]]:
    for title, (module, peer, common, space) in _SPACES.items():
        for number, settings in enumerate(space):
            folder = arena.folder / f"{module}-{common.get('name', '')}-{number}"
            folder.mkdir()
            (folder / JOB).write_text(json.dumps({"settings": {}, "seed": 0, "k": LISTED}))
            told = {"data": str(data), "folder": str(folder), "most": most, **common, **settings}
            told |= {} if peer else {"workspace": str(workspace)}
            words = ", ".join(f"{name} {value}" for name, value in settings.items()) or "defaults"
            yield title, Contender(f"{title}, {words}", f"{module}:curve", told, 1, peer), words, folder


def _some(question: Question, data: Path, most: int) -> Question:
    """The question about at most so many, evenly chosen; the matrices in `data` then ask about these as well."""
    n = len(question.ids)
    places = np.unique(np.linspace(0, n - 1, min(most, n)).astype(np.int64))
    np.save(data / "places.npy", places)
    save_matrix(data / "rows", np.load(data / "rows.npy")[places])
    return question.take(places)


def _judged(rounds: Rounds, folder: Path, question: Question) -> Points:
    """NDCG at each point of a curve."""
    [answer] = rounds.answers
    return [
        (seconds, float(judge(np.load(folder / f"point-{number}.npy"), question, (METRIC,)).mean()))
        for number, seconds in enumerate(answer["points"])
    ]


def _times(found: dict[str, dict[str, Points]], whys: dict[str, str]) -> str:
    """The seconds after which each method was at a share of the best NDCG of the peers."""
    best = {title: max(value for points in of.values() for _, value in points) for title, of in found.items()}
    aim = max((value for title, value in best.items() if title != AWE), default=best[AWE])
    rows = []
    for title, of in found.items():
        cells = []
        for share in _SHARES:
            times = [seconds for points in of.values() for seconds, value in points if value >= share * aim]
            cells.append(f"{min(times):.2f} s" if times else "never")
        rows.append((title, *cells, f"{best[title]:.4f}"))
    rows += [(title, why, *[""] * len(_SHARES)) for title, why in whys.items()]
    return table(" | ".join(("to NDCG@20 of", *(f"{share * aim:.4f}" for share in _SHARES), "best")), rows)


def _whole(found: dict[str, dict[str, Points]]) -> str:
    """About eight points of each curve, up to its best."""
    rows = []
    for title, of in found.items():
        for settings, points in of.items():
            last = int(np.argmax([value for _, value in points]))
            shown = np.unique(np.linspace(0, last, min(8, last + 1)).astype(int))
            steps = ", ".join(f"{points[i][1]:.3f} at {points[i][0]:.2f} s" for i in shown)
            rows.append(f"- {title}, {settings}: {steps}")
    return "\n".join(rows)
