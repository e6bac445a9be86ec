"""Stored calibrations: finding the one of a model, and opening it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.errors import MissingInputError
from awe_cli.ranking.calibration import SCALES, Calibration
from awe_cli.workspace import Artifact, Workspace
from awe_cli.workspace.arrays import load_arrays
from awe_cli.workspace.artifact import decoding

CALIBRATION = "calibration"
VERSION = 1
MAP = "map.npz"


def find_calibration(ws: Workspace, model: Artifact) -> Artifact:
    """The calibration of `model`, whatever name either has. Raises MissingInputError where there is none of it."""
    names = ws.names(CALIBRATION)
    for name in sorted(names, key=lambda name: (name != model.name, name)):
        found = ws.find(CALIBRATION, name)
        if found.parents.get("model") == model.digest:
            return found.expect_version(VERSION)
    raise MissingInputError(
        f"{model.describe()} is not calibrated: its scores are no probabilities"
        + (
            f"; calibration {model.name!r} is of an earlier model of that name" if model.name in names else ""
        ),
        hint=f"calibrate it with `awe calibrate --model {model.name or 'NAME'}`",
    )


def arrays_of_calibration(calibration: Calibration) -> dict[str, NDArray[np.float64]]:
    """The arrays that are stored; the scale as its place among SCALES."""
    told = calibration._replace(scale=SCALES.index(calibration.scale))  # type: ignore[arg-type]
    return {name: np.asarray(value, np.float64) for name, value in told._asdict().items()}


def open_calibration(stored: Artifact) -> Calibration:
    """The map of a stored calibration. Raises CorruptArtifactError."""
    path = stored.file(MAP)
    with decoding(path, "a map from scores to probabilities"):
        arrays = load_arrays(path)
        _check(arrays)
        slope, offset, scale = (float(arrays[name]) for name in ("slope", "offset", "scale"))
        return Calibration(arrays["scores"], arrays["probabilities"], slope, offset, SCALES[int(scale)])


def _check(arrays: Mapping[str, NDArray[Any]]) -> None:
    """Raise ValueError where it is no map that never falls."""
    scores, p = arrays["scores"], arrays["probabilities"]
    if any(array.dtype != np.float64 or not np.isfinite(array).all() for array in arrays.values()):
        raise ValueError("numbers that are not finite, or of another type")
    if scores.ndim != 1 or scores.shape != p.shape:
        raise ValueError(f"scores of the shape {scores.shape}, probabilities {p.shape}")
    if (np.diff(scores) < 0).any() or (np.diff(p) < 0).any() or (p < 0).any() or (p > 1).any():
        raise ValueError("probabilities that fall, or are none")
    if arrays["slope"] < 0:
        raise ValueError("a slope below 0")
