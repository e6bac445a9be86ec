"""Training from disk: what is read in windows is learned once an epoch, in an order that seed and epoch decide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awe_cli import app
from awe_cli.affinities.pointwise import Constant
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.windows import stored_examples, windows_of
from awe_cli.training.state import arrays_of, copy_state, initial_state
from awe_cli.training.trainer import epochs
from awe_cli.workspace import Workspace
from tests.training.sets import PLAN, SIZES, crowd

SHARDS = [(0, 11), (11, 12), (12, 30), (30, 49), (49, 60)]
LINEAR = Constant(1.0)


def stored(kind: str, window: int, weighed: bool = False, described: bool = False):
    """A crowd in shards of uneven sizes."""
    examples = crowd(kind)
    if weighed:
        examples = replace(examples, weight=np.linspace(0.5, 2, len(examples), dtype=np.float32))
    if described:
        examples = replace(examples, y=crowd("dense").slice(0, SIZES[1]).x)
    return stored_examples(lambda shard: examples.slice(*SHARDS[shard]), len(SHARDS), window)


def bytes_of(state) -> list[bytes]:
    return [array.tobytes() for array in arrays_of(state).values()]


def test_windows_have_every_example_once_an_epoch():
    examples = stored("own", window=60)
    assert len(examples) == 60
    orders = []
    for epoch in range(3):
        found, end, seeds = [], 0, set()
        for window in windows_of(examples, seed=5, epoch=epoch):
            read = window.read()
            assert (window.start, window.stop) == (end, end + len(read))
            assert len(read.x.values) <= 60 or len(read) in {stop - start for start, stop in SHARDS}
            found += read.ids.take(pa.array(window.order)).to_pylist()
            end = window.stop
            seeds.add(window.seed)
        assert sorted(found) == list(range(60))
        assert len(seeds) > 1, "each window draws other negatives"
        orders.append(found)
    assert orders[0] != orders[1] != orders[2]
    again = [w.order.tolist() for w in windows_of(examples, seed=5, epoch=2)]
    assert again == [w.order.tolist() for w in windows_of(examples, seed=5, epoch=2)]


@pytest.mark.parametrize(
    ("kind", "weighed", "described"),
    [("own", False, False), ("annotation", True, False), ("own", False, True)],
)
def test_the_same_bytes_for_any_threads_and_from_any_part(kind, weighed, described):
    plan, examples = replace(PLAN, block_size=7, epochs=2), stored(kind, 60, weighed, described)
    start = initial_state(SIZES[0], SIZES[0] if described else SIZES[1], plan)
    state, parts = copy_state(start), []
    reports = list(
        epochs(
            LINEAR,
            examples,
            state,
            plan,
            threads=1,
            on_part=lambda part: parts.append((part, copy_state(state))),
        )
    )
    other = copy_state(start)
    assert list(epochs(LINEAR, examples, other, plan, threads=3)) == reports
    assert bytes_of(other) == bytes_of(state) != bytes_of(start)
    assert len(parts) >= 4, "there are parts between two windows"
    done, before = 0, 0
    for part, then in parts:
        done, before = done + (part.examples < before), part.examples
        rest = list(
            epochs(
                LINEAR, examples, then, plan, threads=2, done=done, part=part,
                trials_per_example=reports[0].trials_per_example if done else 0.0,
            )
        )  # fmt: skip
        assert bytes_of(then) == bytes_of(state)
        assert rest == reports[done:]
    assert done == 1


def test_weights_are_1_on_average_over_all_windows():
    examples = stored("annotation", 60, weighed=True)
    assert examples.mean_weight == pytest.approx(1.25)


@pytest.fixture
def plays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace whose people are in groups of eight."""
    for module in ("interactions", "storage"):
        monkeypatch.setattr(f"awe_cli.dataset.{module}.PEOPLE_IN_GROUP", 8)
    rng = np.random.default_rng(0)
    pairs = pa.table({"user": rng.integers(0, 50, 900), "item": rng.integers(0, 30, 900)})
    pq.write_table(pairs, tmp_path / "plays.parquet")
    ws = tmp_path / "ws"
    file = str(tmp_path / "plays.parquet")
    assert app.main(["-w", str(ws), "prepare", file, "--user", "user", "--item", "item", "--quiet"]) == 0
    return ws


def test_a_window_is_part_of_the_model_only_where_it_is_smaller_than_the_data(plays, capsys):
    """Examples on disk are those in memory; a model whose data fit is the one without a window."""
    stored = Workspace(plays).find("dataset")
    dataset = Dataset.open(stored.path, stored.settings)
    for fit in (("train",), ("train", "valid")):
        whole, on_disk = dataset.training(fit), dataset.stored_training(fit, 100)
        first = next(windows_of(on_disk, 0, 0)).read()
        assert first.x.indices is first.positives.indices, "one array serves as both"
        read = sorted(
            (id, tuple(row.x.indices), tuple(row.x.values))
            for window in windows_of(on_disk, 0, 0)
            for examples in [window.read()]
            for id, row in ((examples.ids[i].as_py(), examples.slice(i, i + 1)) for i in range(len(examples)))
        )
        assert read == [
            (id, tuple(row.x.indices), tuple(row.x.values))
            for id, row in ((whole.ids[i].as_py(), whole.slice(i, i + 1)) for i in range(len(whole)))
        ]

    def train(name: str, *options: str) -> dict:
        told = [
            "train",
            "--dim",
            "4",
            "--epochs",
            "2",
            "--margin",
            "0.3",
            "--name",
            name,
            *options,
            "--quiet",
        ]
        assert app.main(["-w", str(plays), *told]) == 0
        return Workspace(plays).find("model", name)

    plain, large, small = (
        train("plain"),
        train("large", "--window", "5000"),
        train("small", "--window", "200"),
    )
    assert plain.digest == large.digest != small.digest
    assert "window" not in plain.settings
    assert small.settings["window"] == 200
    capsys.readouterr()
    counted = ["--affinity", "pair-weights", "--window", "200"]
    assert app.main(["-w", str(plays), "train", *counted]) == 78
    assert "--window: expected 0" in capsys.readouterr().err
