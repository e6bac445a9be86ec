"""The stored index of a model's labels: built once for each fit, and again when the model has changed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from awe_cli.models.store import Fit, fit_name
from awe_cli.neighbors.label_index import LINKS, LabelIndex
from awe_cli.neighbors.search import HNSW
from awe_cli.workspace import Artifact, Recipe, Workspace
from awe_cli.workspace.artifact import decoding
from awe_cli.workspace.fs import writing
from awe_cli.workspace.room import Needs

INDEX, VERSION = "index", 1
_FILE = "labels.faiss"
_LONGEST = 60  # characters of a model's name in that of its index


def open_label_index(
    ws: Workspace,
    model: Artifact,
    fit: Fit,
    rows: NDArray[np.float32],
    method: str,
    *,
    wait: float,
    announce: Callable[[str], None],
) -> LabelIndex:
    """The index of the rows V_y (labels, d) of a fit of a model; it is built and published where it is not there.

    Raises BusyError where it has to be built and another process writes, SettingsError and WriteError where there is no
    room, CorruptArtifactError.
    """
    recipe = Recipe(INDEX, VERSION, {"method": method, "fit": list(fit)}, {"model": model.digest})
    known = ws.name_of("model", model.digest) or model.digest[:12]
    name = f"{known[:_LONGEST]}-{method}-{fit_name(fit)}"
    stored = ws.current(INDEX, name, recipe, lambda: _needs(rows, method))
    if stored is None:
        with ws.lock(wait=wait), ws.stage(INDEX, recipe) as staging:
            announce(f"building an index ({method}) of {len(rows):,} labels, once for this model")
            content, path = LabelIndex.build(rows, method).encode(), staging.file(_FILE)
            with writing(path):
                content.tofile(path)
            stored = staging.publish(name)
    path = stored.expect_version(VERSION).file(_FILE)
    with decoding(path, "an index of labels"):
        index = LabelIndex.decode(np.memmap(path, np.uint8, "r"), method)
        if index.shape != rows.shape:
            raise ValueError(f"{index.shape[0]} labels of {index.shape[1]} numbers, expected {rows.shape}")
    return index


def _needs(rows: NDArray[np.float32], method: str) -> Needs:
    """Rows, twice while they are written, with what joins them: links of the graph, or numbers in a list."""
    size = len(rows) * (4 * (rows.shape[1] + 1) + (4 * 2 * LINKS + 16 if method == HNSW else 8))
    return Needs(2 * size + rows.nbytes, size, size)
