"""How an embedding model is stored: a state for each fit, what was chosen, and the history of its training."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from awe_cli.kernels.epoch import State
from awe_cli.training.fitting import Progress, Run
from awe_cli.training.state import arrays_of, state_of
from awe_cli.workspace import Artifact, Staging
from awe_cli.workspace.arrays import load_arrays, save_arrays
from awe_cli.workspace.recipe import canonical

VERSION = 4  # of the format of embedding models
RESULT = "result.json"
HISTORY = "history.parquet"

Fit = tuple[str, ...]


def fit_name(fit: Fit) -> str:
    """How files and settings call a fit: "train-valid"."""
    return "-".join(fit)


def store_states(staging: Staging, states: Mapping[Fit, State]) -> None:
    """Write U, V, what the affinity has of its own, and AdaGrad's memory, of each fit."""
    for fit, state in states.items():
        save_arrays(staging.file(f"fit-{fit_name(fit)}.npz"), arrays_of(state))


def load_state(model: Artifact, fit: Fit) -> State:
    """The state of one fit."""
    return state_of(load_arrays(model.expect_version(VERSION).file(f"fit-{fit_name(fit)}.npz")))


def store_result(staging: Staging, result: Mapping[str, Any]) -> None:
    """Write what was chosen and measured on the way."""
    staging.file(RESULT).write_bytes(canonical(result))


def load_result(artifact: Artifact) -> dict[str, Any]:
    """What was chosen and measured on the way."""
    return dict(json.loads(artifact.file(RESULT).read_bytes()))


def store_history(staging: Staging, history: Iterable[Progress]) -> None:
    """Write one row an epoch: what was learned, margin and rate of its plan, what the epoch showed, validation."""
    rows = [
        {
            "stage": entry.stage,
            "fit": entry.fit,
            "margin": entry.plan.margin,
            "learning_rate": entry.plan.learning_rate,
            **asdict(entry.report),
            "validation": entry.validation,
        }
        for entry in history
    ]
    schema = pa.schema(
        [("stage", pa.string()), ("fit", pa.string())]
        + [("margin", pa.float64()), ("learning_rate", pa.float64()), ("epoch", pa.int32())]
        + [(name, pa.float64()) for name in ("loss", "violation_rate", "mean_trials", "validation")]
    )
    pq.write_table(pa.Table.from_pylist(rows, schema), staging.file(HISTORY))


def describe_run(run: Run) -> dict[str, Any]:
    """The plan that was chosen, its best epoch and what validation said."""
    return {"plan": asdict(run.plan), "epochs": run.epochs, "validation": run.validation}
