"""Parts of an evaluation that the workers of a cluster make and publish."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.dataset.dataset import Dataset
from awe_cli.engine import parts
from awe_cli.engine.dask import Dask
from awe_cli.evaluation.held_out import READ_ROWS, Evaluated, Judged, Judging
from awe_cli.evaluation.strata import Values, make_strata
from awe_cli.io.arrow_bytes import decoded, encoded
from awe_cli.io.columns import one_array
from awe_cli.metrics.metrics import measures
from awe_cli.models.calibration import CALIBRATION, open_calibration
from awe_cli.models.load import OpenRanker, load_fit
from awe_cli.models.store import open_dataset
from awe_cli.workspace import Workspace
from awe_cli.workspace.checkpoints import CheckpointFolder, SavedPiece

_opening = threading.Lock()  # several threads of a worker share one model


class _Opened(NamedTuple):
    dataset: Dataset
    model: OpenRanker
    judging: Judging


@dataclass(frozen=True)
class JudgePart:
    """What a worker does of a part, which is a range of stored rows, by a model that it opens once.

    root            folder of the workspace; dataset, model, calibration: digests
    name            of the model
    measures, by    names of the measures, and of the strata
    """

    root: Path
    dataset: str
    model: str
    calibration: str | None
    fit_on: tuple[str, ...]
    name: str
    split: str
    measures: tuple[str, ...]
    by: str | None

    @classmethod
    def of(
        cls, root: Path, parents: Mapping[str, str], fit_on: tuple[str, ...], judging: Judging
    ) -> JudgePart:
        """What is measured, by names that can be sent; parents: those of the result."""
        name, names = judging.model, tuple(measure.name for measure in judging.measures)
        by = judging.strata.by if judging.strata else None
        dataset, model = (parents[parent] for parent in ("dataset", f"model {name}"))
        calibration = parents.get(f"calibration {name}")
        return cls(root, dataset, model, calibration, fit_on, name, judging.split, names, by)

    def __call__(self, part: tuple[int, int]) -> SavedPiece:
        """What was measured of the examples in these rows."""
        with _opening:
            dataset, model, judging = self._opened
        judged = judging.join(judging.blocks(model, dataset, 1, part), dataset.n_labels)
        arrays: dict[str, NDArray[Any]] = {"values": judged.values}
        arrays["ids"] = encoded(pa.table({"id": judged.ids}))
        arrays |= {_TOTAL + name: array for name, array in judged.totals.items()}
        if judged.strata is not None:
            arrays |= {_STRATA + name: array for name, array in judged.strata._asdict().items()}
        return None, arrays

    @functools.cached_property
    def _opened(self) -> _Opened:
        ws = Workspace(self.root)
        dataset = open_dataset(ws.get("dataset", self.dataset))
        ranker = load_fit(ws, ws.get("model", self.model), dataset, self.fit_on)
        calibration = None
        if self.calibration is not None:
            calibration = open_calibration(ws.get(CALIBRATION, self.calibration))
        model = OpenRanker(ranker, self.fit_on, calibration)
        strata = make_strata(self.by, dataset) if self.by else None
        return _Opened(dataset, model, Judging(self.split, measures(self.measures, ()), self.name, strata))


_STRATA, _TOTAL = "strata.", "total."  # how names of arrays begin


def evaluate_by_parts(
    engine: Dask,
    make: JudgePart,
    dataset: Dataset,
    judging: Judging,
    folder: CheckpointFolder,
    on_progress: Callable[[int], None],
) -> Evaluated:
    """What `evaluate_ranker` gives, worked out by a cluster; `on_progress` hears of each part."""
    folder.open_to_others()
    engine.expect_shared(folder.path)
    n = dataset.n_stored
    rows = ((start, min(start + READ_ROWS, n)) for start in range(0, n, READ_ROWS))
    pieces = parts.parts_of(engine, make, rows, folder, make.name)
    found = (_judged(arrays) for _, arrays in pieces)
    return judging.result(dataset, judging.join(found, dataset.n_labels, on_progress))


def _judged(arrays: Mapping[str, NDArray[Any]]) -> Judged:
    is_apart = _STRATA + Values._fields[0] in arrays
    by_stratum = Values(*(arrays[_STRATA + name] for name in Values._fields)) if is_apart else None
    ids = one_array(decoded(arrays["ids"]).column("id"))
    totals = {name.removeprefix(_TOTAL): array for name, array in arrays.items() if name.startswith(_TOTAL)}
    return Judged(ids, arrays["values"], totals, by_stratum)
