"""How a dataset differs from the one before it, so that bad data are noticed before a model is learned from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from awe_cli.config.prepare import DriftSettings
from awe_cli.dataset import storage
from awe_cli.dataset.dataset import RECOMMENDATION
from awe_cli.dataset.splits import SPLITS
from awe_cli.io.columns import one_array

_BATCH = 65536  # rows read at a time


@dataclass(frozen=True)
class Prepared:
    """One dataset as drift sees it.

    folder    where its files are
    settings  those of its recipe
    summary   what prepare found
    """

    folder: Path
    settings: Mapping[str, Any]
    summary: Mapping[str, Any]

    @property
    def kind(self) -> tuple[Any, ...]:
        """What two datasets must have in common to be compared: the task and the columns."""
        columns = self.settings.get("columns") or {}
        return self.settings.get("task"), tuple(sorted((key, str(value)) for key, value in columns.items()))


def compare_versions(now: Prepared, before: Prepared, limits: DriftSettings) -> dict[str, Any] | None:
    """What changed, as JSON; None where the two are not versions of the same data.

    figures  name → before, now and change: the relative change of a count or a mean, the difference of a share
    new      what → share of the ids now that were not there before
    beyond   in words, what is beyond the limits
    """
    if now.kind != before.kind:
        return None
    old, new = figures_of(before), figures_of(now)
    figures = {name: _change(name, old[name], new[name]) for name in new if name in old}
    beyond = [line for name, change in figures.items() if (line := _beyond(name, change, limits)) is not None]
    shares = _new_ids(now, before)
    beyond += [
        f"{what} that are new: {share:.1%}, more than {limits.drift_new:.1%}"
        for what, share in shares.items()
        if share > limits.drift_new
    ]
    return {"figures": figures, "new": shares, "beyond": beyond}


def figures_of(data: Prepared) -> dict[str, float]:
    """The counts, means and shares that are compared; names that end in "share" are shares."""
    summary = data.summary
    rows = summary.get("rows", summary.get("examples", 0))
    dropped = summary.get("skipped_rows", 0) + sum(
        summary.get("rows_left_out", {}).get(name, 0) for name in ("by_weight", "rare")
    )
    found: dict[str, float] = {"rows": rows}
    found |= {
        name: summary[name]
        for name in ("people", "items", "labels", "features", "documents")
        if name in summary
    }
    sizes = summary["sizes"].values()
    positives = sum(size.get("interactions", size.get("labels", 0)) for size in sizes)
    owners, what = (
        (summary["people"], "items per person") if "people" in summary else (rows, "labels per example")
    )
    found[what] = positives / owners if owners else 0.0
    if data.settings.get("weighted"):
        found["mean weight"] = _mean_weight(data.folder / storage.EXAMPLES)
    found["left out share"] = dropped / (rows + dropped) if rows + dropped else 0.0
    found["repeated share"] = summary.get("merged", 0) / rows if rows else 0.0
    return found


def _change(name: str, before: float, now: float) -> dict[str, float | None]:
    """The values and their change; null where there is nothing to divide by."""
    if name.endswith(" share"):
        change: float | None = now - before
    else:
        change = (now - before) / before if before else None
    return {"before": before, "now": now, "change": change}


def _beyond(name: str, found: Mapping[str, float | None], limits: DriftSettings) -> str | None:
    before, now, change = found["before"], found["now"], found["change"]
    if name.endswith(" share"):
        if change is not None and change > limits.drift_dropped:
            what = f"rows {name.removesuffix(' share')}"
            return f"{what}: {now:.1%}, {before:.1%} before; more than {limits.drift_dropped:.1%} in addition"
        return None
    if change is None or abs(change) <= limits.drift_counts:
        return None
    return f"{name}: {_number(now)}, {_number(before)} before ({change:+.1%}, more than {limits.drift_counts:.1%})"


def _number(value: float | None) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _new_ids(now: Prepared, before: Prepared) -> dict[str, float]:
    """The shares of people and items, or of labels, that the version before did not have."""
    found = {}
    if now.settings.get("task") == RECOMMENDATION:
        found["people"] = _new_share(now.folder, before.folder, storage.EXAMPLES, "id")
        found["items"] = _new_share(now.folder, before.folder, storage.LABELS, "label")
    else:
        found["labels"] = _new_share(now.folder, before.folder, storage.LABELS, "label")
    return found


def _new_share(now: Path, before: Path, file: str, column: str) -> float:
    new, old = (one_array(storage.read_table(folder / file, [column]).column(0)) for folder in (now, before))
    if not len(new):
        return 0.0
    if new.type != old.type:
        new, old = new.cast(pa.string()), old.cast(pa.string())
    known = pc.sum(pc.is_in(new, value_set=old)).as_py() or 0
    return float(1 - known / len(new))


def _mean_weight(path: Path) -> float:
    """The mean weight of the pairs of all splits."""
    total, n = 0.0, 0
    for table in storage.read_batches(path, [f"{split}_weights" for split in SPLITS], _BATCH):
        for column in table.columns:
            weights = pc.list_flatten(column)
            total += pc.sum(weights.cast(pa.float64())).as_py() or 0.0
            n += len(weights)
    return total / n if n else 0.0
