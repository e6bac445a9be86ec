"""Storing and opening an embedding model: a state for each fit, the choices, and the training history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from awe_cli.affinities.mixture import MIX
from awe_cli.affinities.registry import CONSTANT
from awe_cli.affinities.spec import BUILT, PLUGIN_BUILT
from awe_cli.core.epoch import State
from awe_cli.dataset.dataset import DATASET_VERSION, Dataset
from awe_cli.dataset.new_documents import OtherDocuments
from awe_cli.dataset.splits import SPLITS
from awe_cli.errors import SettingsError
from awe_cli.models.precision import NARROWED, narrow, stored_type, widen_all
from awe_cli.training.state import arrays_of, state_of
from awe_cli.training.trainer import Progress, Run
from awe_cli.workspace import Artifact, Staging
from awe_cli.workspace.arrays import load_arrays, save_arrays
from awe_cli.workspace.artifact import canonical, decoding, read_document
from awe_cli.workspace.fs import writing

# An embedding model is stored as a state for each fit, the choices, and the training history.

_LARGEST = 1e30  # that a stored number of an affinity can be
_ROWS = 1 << 16  # of an array looked at at once
MODEL_VERSION = 4  # of the format of embedding models
RESULT = "result.json"
HISTORY = "history.parquet"

Fit = tuple[str, ...]


def fit_name(fit: Fit) -> str:
    """The name of a fit in files and settings: "train-valid"."""
    return "-".join(fit)


def fits_of_model(model: Artifact) -> list[Fit]:
    """The fits of a stored model. Raises CorruptArtifactError where its manifest names none."""
    fits = model.settings.get("fits")
    if (
        isinstance(fits, list)
        and fits
        and all(isinstance(fit, list) and fit and all(split in SPLITS for split in fit) for fit in fits)
    ):
        return [tuple(fit) for fit in fits]
    raise model.corrupt("manifest.json", "the splits of each fit", repr(fits)[:80])


def store_states(staging: Staging, states: Mapping[Fit, State]) -> None:
    """Write U, V, the parameters of the affinity, and the accumulators, of each fit.

    U, V and an affinity's factors are stored in the type that the recipe names.
    """
    dtype = stored_type(staging.recipe.settings)
    for fit, state in states.items():
        arrays = {
            name: narrow(array, dtype) if name in NARROWED else array
            for name, array in arrays_of(state).items()
        }
        save_arrays(staging.file(f"fit-{fit_name(fit)}.npz"), arrays)


def load_state(model: Artifact, fit: Fit, dataset: Dataset | None = None) -> State:
    """The state of one fit in float32, checked against `dataset` where it is given; large arrays of it stay on disk.

    Raises CorruptArtifactError.
    """
    path = model.expect_version(MODEL_VERSION).file(f"fit-{fit_name(fit)}.npz")
    with decoding(path, "the arrays of an embedding"):
        arrays = widen_all(load_arrays(path, mapped=True))
        _check_shapes(arrays)
        if dataset is not None:
            _check_rows(arrays, dataset.prepared if isinstance(dataset, OtherDocuments) else dataset)
        return state_of(arrays)


def dim_of(model: Artifact) -> int:
    """The dimension of an embedding, as its recipe has it; the greatest where several plans were tried.

    Raises CorruptArtifactError where the recipe has none.
    """
    plans = model.settings.get("plans") or [model.settings.get("plan")]
    given: list[Any] = plans if isinstance(plans, list) else []
    dims = [plan.get("dim") if isinstance(plan, dict) else None for plan in given]
    known = [dim for dim in dims if type(dim) is int and 0 < dim < 1 << 31]
    if not known or len(known) < len(dims):
        raise model.corrupt("manifest.json", "plans with a dimension", repr(plans)[:80])
    return max(known)


def _check_rows(arrays: Mapping[str, NDArray[Any]], dataset: Dataset) -> None:
    """Raise ValueError where U or V has another number of rows than the dataset has features."""
    expected = {"U": dataset.n_features, "V": dataset.n_label_features}
    for name, rows in expected.items():
        if name in arrays and len(arrays[name]) != rows:
            raise ValueError(f"{name} has {len(arrays[name])} rows, expected {rows}")


def _check_shapes(arrays: Mapping[str, NDArray[Any]]) -> None:
    """Raise ValueError where shapes do not fit together: kernels index without bounds checks."""
    U = arrays["U"]
    V = arrays.get("V", U)
    for name, array in arrays.items():
        if array.dtype not in (np.float32, np.int32, np.int64):
            raise ValueError(f"{name} has the type {array.dtype}")
        if array.dtype.kind == "f" and not _is_finite(array):
            raise ValueError(f"{name} has entries that are not finite numbers")
    if U.dtype != np.float32 or V.dtype != np.float32:
        raise ValueError(f"U has the type {U.dtype}, V {V.dtype}, expected float32")
    if U.ndim != 2 or V.ndim != 2 or U.shape[1] != V.shape[1]:
        raise ValueError(f"U has the shape {U.shape}, V {V.shape}")
    for name, rows in (("u_history", U), ("v_history", V)):
        if name in arrays and arrays[name].shape != (len(rows),):
            raise ValueError(f"{name} has the shape {arrays[name].shape}, expected ({len(rows)},)")


def _is_finite(array: NDArray[Any]) -> bool:
    """Whether all numbers are finite; a part is looked at at a time, as the array may be larger than memory."""
    rows = np.atleast_1d(array)
    parts = (rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS))
    return all(np.isfinite(part).all() for part in parts)


def store_result(staging: Staging, result: Mapping[str, Any]) -> None:
    """Write the choices and measurements of a step."""
    staging.file(RESULT).write_bytes(canonical(result))


def load_result(artifact: Artifact) -> dict[str, Any]:
    """The choices and measurements of the step that made the artifact.

    Raises CorruptArtifactError where an affinity has no name, or a number of it is none.
    """
    path = artifact.file(RESULT)
    result = read_document(path)
    with decoding(path, "the result of a step"):
        if "affinity" in result:
            _check_affinity(result["affinity"])
    return result


def _check_affinity(affinity: Any) -> None:
    """Raise ValueError where the settings of an affinity or its members cannot be such."""
    if not isinstance(affinity, dict) or not isinstance(affinity.get("name"), str):
        raise ValueError("an affinity without a name")
    for name in ("floor", "power", "weight"):
        value = affinity.get(name, 0.0)
        if type(value) not in (int, float) or not abs(value) < _LARGEST:
            raise ValueError(f"the {name} {value!r}")
    for member in affinity.get("members", ()):
        _check_affinity(member)


def store_history(staging: Staging, history: Iterable[Progress]) -> None:
    """Write one row an epoch: stage, margin and learning rate of its plan, measurements, validation."""
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
    path = staging.file(HISTORY)
    with writing(path):
        pq.write_table(pa.Table.from_pylist(rows, schema), path)


def describe_run(run: Run) -> dict[str, Any]:
    """The chosen plan, its best epoch and its validation."""
    return {"plan": asdict(run.plan), "epochs": run.epochs, "validation": run.validation}


# The models that G may be built from and multiplied with: those whose U and V were learned for Ux·V_y.


def is_linear(model: Artifact) -> bool:
    """Whether U and V of an embedding model were learned for the score Ux·V_y, or for its product with a built G."""
    resolved = load_result(model)["affinity"]
    return all(
        part["name"] in (*BUILT, PLUGIN_BUILT, CONSTANT, MIX)
        for part in (resolved, *resolved.get("members", ()))
    )


def require_linear(model: Artifact) -> Artifact:
    """`model`, if its U and V were learned for Ux·V_y. Raises SettingsError.

    Only such a score can be multiplied with a built G (AWE §3.3): another affinity that was learned with U and V would
    be missing from the product.
    """
    if is_linear(model):
        return model
    name = load_result(model)["affinity"]["name"]
    raise SettingsError(
        f"{model.describe()}: expected a model with a constant affinity to multiply G with, found {name}: "
        "without it its U and V do not rank as they were learned to",
        hint="name a model that `awe train --affinity constant` or `awe retrain` made",
    )


# Opening a stored dataset.


def open_dataset(stored: Artifact) -> Dataset:
    """The dataset. Raises CorruptArtifactError for one of another format, which another version of awe wrote."""
    stored.expect_version(DATASET_VERSION)
    return Dataset.open(stored.path, stored.settings)
