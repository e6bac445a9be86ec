"""Cross-fitted neighbours: those of each fold are looked up with a U that has not seen its labels.

Leave-one-out is not enough: U was learned from the labels of the very examples it is asked about, so that
their neighbours look better than those of unseen examples.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from awe_cli.affinity.constant import Constant
from awe_cli.data.dataset import Dataset
from awe_cli.data.examples import Examples
from awe_cli.data.matrix import take_lists, take_rows
from awe_cli.engine.engine import Engine
from awe_cli.engine.local import available_threads
from awe_cli.errors import SettingsError
from awe_cli.models.embeddings import load_result
from awe_cli.neighbors.search import Nearest
from awe_cli.neighbors.space import Space
from awe_cli.neighbors.table import among_others, parts_of
from awe_cli.training.fitting import Watch, run
from awe_cli.training.plan import Plan
from awe_cli.training.state import fresh_state
from awe_cli.workspace import Artifact


def cross_fitted(
    dataset: Dataset, base: Artifact, examples: Examples, told: dict[str, Any], k: int, threads: int | None,
    engine: Engine, watch: Watch,
) -> Nearest:  # fmt: skip
    """The k neighbours of every query of `examples`, in told["folds"] folds, with the plan of the model `base`.

    Folds are learned on `threads` of this process, which `watch` hears of epoch by epoch, and looked up by `engine`.
    Raises SettingsError where the model is not a linear one.
    """
    chosen = load_result(base).get("chosen", {}).get("constant")
    if chosen is None:
        raise SettingsError(
            f"--folds: expected a model with a constant affinity, found {base.describe()}",
            hint="the folds are learned as that model was: name one made by `awe train --affinity constant`",
        )
    plan, epochs = Plan(**chosen["plan"]), chosen["epochs"]
    fold_of = np.random.Generator(np.random.Philox(plan.seed)).permutation(len(examples)) % told["folds"]
    parts = parts_of(examples)
    rows = np.full((len(examples), parts, k), -1, np.int32)
    squared = np.full((len(examples), parts, k), np.inf, np.float32)
    for fold in range(told["folds"]):
        inside, outside = np.flatnonzero(fold_of == fold), np.flatnonzero(fold_of != fold)
        others = _take(examples, outside)
        learned = run(
            Constant(1.0), others, fresh_state(dataset, plan), plan,
            threads=threads or available_threads(), stage="fold", fit=f"all but fold {fold + 1}",
            watch=watch, stop_after=epochs,
        )  # fmt: skip
        space = Space(learned.state.U, told["measure"])
        found = among_others(
            space,
            others,
            outside,
            _take(examples, inside),
            k,
            approximate=told["approximate"],
            engine=engine,
        )
        rows[inside] = found.rows.reshape(-1, parts, k)
        squared[inside] = found.squared.reshape(-1, parts, k)
    return Nearest(rows.reshape(-1, k), squared.reshape(-1, k))


def _take(examples: Examples, rows: np.ndarray) -> Examples:
    return replace(
        examples,
        ids=examples.ids.take(rows),
        x=take_rows(examples.x, rows),
        positives=take_lists(examples.positives, rows),
    )
