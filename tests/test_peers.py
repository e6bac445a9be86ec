"""Other libraries beside awe: what they are given, how settings are chosen and lists judged, what the page says."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awe_cli.config.prepare import PrepareSettings
from awe_cli.matrices.matrix import Lists
from awe_cli.models.store import open_dataset
from awe_cli.steps.prepare import prepare
from awe_cli.workspace import Workspace
from benchmarks.peers.catalog import MEASURES, PEERS, TASKS
from benchmarks.peers.cost import Cost, run
from benchmarks.peers.environments import NotThereError, environment
from benchmarks.peers.interchange import Question, ask, judge
from benchmarks.peers.page import Compared, page
from benchmarks.peers.protocol import ANNOTATION, Job, Method, Peer, load_matrix
from benchmarks.peers.tuning import Budget, Outcome, Stage, compare, draws
from tests.small import recommendation

ROOT = Path(__file__).parent.parent


def question(positives, seen=None):
    def lists(rows):
        indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
        return Lists(indptr, np.array([y for row in rows for y in row], np.int32))

    ids = [f"e{e}" for e in range(len(positives))]
    return Question(ids, lists(positives), None if seen is None else lists(seen), [f"y{y}" for y in range(9)])


def test_lists_are_judged_by_hand():
    asked = question([[0, 4], [2]])
    found = judge(np.array([[4, 1, 0], [1, 3, -1]]), asked, ("precision@1", "recall@3", "ndcg@3"))
    ideal = 1 + 1 / np.log2(3)
    assert found == pytest.approx(np.array([[1, 1, (1 + 1 / 2) / ideal], [0, 0, 0]]))


@pytest.mark.parametrize(
    ("lists", "says"),
    [([[0, 1]], "expected 2 lists"), ([[0, 0], [1, 2]], "twice"), ([[0, 1], [5, -1]], "have already")],
)
def test_lists_that_no_comparison_may_go_by(lists, says):
    with pytest.raises(ValueError, match=says):
        judge(np.array(lists), question([[0], [2]], seen=[[3], [5]]), ("precision@1",))


def test_people_are_rows_of_what_was_chosen_before(tmp_path):
    """12 and 13 have nothing in test but 13, who has no history: an empty row at the end."""
    dataset = open_dataset(recommendation(tmp_path / "ws").find("dataset"))
    asked = ask(dataset, "test", ("train", "valid"), tmp_path / "test")
    Y, rows = load_matrix(tmp_path / "test" / "Y"), load_matrix(tmp_path / "test" / "rows")
    assert asked.ids == ["10", "11", "13"]
    assert (Y.toarray().sum(axis=1)[rows]).tolist() == [3, 3, 0]
    assert rows[-1] == Y.shape[0] - 1
    job = Job(Y, None, None, rows, 5, 0, {}, tmp_path)
    lists = job.best(lambda block: np.tile(np.arange(5.0), (block.stop - block.start, 1)), 3)
    assert judge(lists, asked, ("recall@5",))[:, 0].tolist() == [1, 1, 1]
    assert (lists[0] >= 0).sum() == 2  # the three that 10 has are left out


def test_settings_begin_with_the_defaults_and_none_comes_twice():
    space = {"a": (3, 1, 2), "b": ("x", "y")}
    found = list(draws(space, 4))
    assert found[0] == {"a": 3, "b": "x"}
    assert found == list(draws(space, 4))
    assert len({tuple(one.values()) for one in draws(space, 99)}) == 6


def test_every_method_has_data_and_every_default_can_be_tried():
    assert {task for peer in PEERS.values() for method in peer.methods for task in method.tasks} == set(
        MEASURES
    )
    titles = [method.title for peer in PEERS.values() for method in peer.methods]
    assert len(set(titles)) == len(titles)
    assert set(TASKS.values()) == set(MEASURES)


@pytest.fixture
def stages(tmp_path):
    """Examples on a line, whose label is where they are: one neighbour knows, a hundred do not."""
    rng = np.random.default_rng(0)
    place = rng.random(300)
    split = np.array(["train"] * 200 + ["valid"] * 50 + ["test"] * 50)
    table = pa.table({"p": place, "q": 1 - place, "tag": [f"t{int(p * 9)}" for p in place], "split": split})
    pq.write_table(table, tmp_path / "line.parquet")
    ws = Workspace(tmp_path / "ws")
    prepare(
        ws,
        [str(tmp_path / "line.parquet")],
        PrepareSettings(features=("p", "q"), labels="tag", split="split"),
    )
    dataset = open_dataset(ws.find("dataset"))
    return [
        Stage(ask(dataset, name, fit, tmp_path / name), tmp_path / name, tmp_path / f"runs-{name}")
        for name, fit in (("valid", ("train",)), ("test", ("train", "valid")))
    ]


def test_validation_chooses_and_test_is_ranked_with_every_seed(stages, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.chdir(ROOT)
    peer = PEERS["sklearn"]
    [method] = [one for one in peer.methods if one.name == "input-knn"]
    method = replace(method, space={"k": (100, 3), "metric": ("euclidean",), "weighted": (False,)})
    measures = MEASURES[ANNOTATION]
    found = compare(peer, method, Path(sys.executable), *stages, measures, Budget(5, 2.0), 3)
    assert (found.tried, found.chosen) == ("2 of 2", "k 3, metric euclidean, weighted False")
    assert found.values.shape == (1, len(measures))  # nothing is drawn: once
    assert found.values[0, 1] > 0.8
    assert found.ranking.minutes > 0
    assert found.ranking.memory > 10
    before = {path: path.stat().st_mtime_ns for path in stages[0].runs.rglob("*")}
    compare(peer, method, Path(sys.executable), *stages, measures, Budget(5, 2.0), 3)
    assert {path: path.stat().st_mtime_ns for path in stages[0].runs.rglob("*")} == before


def test_a_method_that_fails_says_why(stages, monkeypatch):
    monkeypatch.chdir(ROOT)
    space = {"k": (-1,), "metric": ("no such",), "weighted": (True,)}
    broken = Method("input-knn", "broken", (ANNOTATION,), space, print)
    found = compare(PEERS["sklearn"], broken, Path(sys.executable), *stages, ("ndcg@5",), Budget(5, 2.0), 3)
    assert "Error" in found.why
    assert len(found.values) == 0


def test_what_takes_too_long_is_stopped(monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(NotThereError, match=r"stopped after 0\.02 minutes"):
        run([sys.executable, "-c", "while True: pass"], 0.02)
    with pytest.raises(NotThereError, match="ZeroDivisionError"):
        run([sys.executable, "-c", "1 / 0"], 1)
    assert run([sys.executable, "-c", "bytearray(200_000_000)"], 1).memory > 190
    assert run([sys.executable, "-S", "-c", ""], 1).memory < 60  # and not what this process has in memory


def test_a_library_is_installed_once_or_not_at_all(tmp_path):
    peer = Peer("some", ("some",), ())
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / ".failed").write_text("some\nnumpy\nscipy\nERROR: no wheel")
    with pytest.raises(NotThereError, match="ERROR: no wheel"):
        environment(peer, tmp_path)
    (tmp_path / "some" / ".failed").rename(tmp_path / "some" / ".installed")
    assert environment(peer, tmp_path) == tmp_path / "some" / "bin" / "python"


def test_the_page_tells_wins_losses_and_failures(tmp_path):
    rng = np.random.default_rng(1)
    hits = rng.random((400, 3))

    def outcome(shift, **more):
        examples = hits + shift + 0.01 * rng.random((400, 3))
        return Outcome(np.stack([examples.mean(axis=0)] * 2), examples, ranking=Cost(1.5, 300.0), **more)

    outcomes = {
        "awe, defaults": outcome(-0.1),
        "awe recipe": outcome(0.0),
        "better": outcome(0.2, choosing=Cost(4.0, 100.0), chosen="k 3", tried="4 of 12"),
        "worse": outcome(-0.3, choosing=Cost(4.0, 100.0)),
        "broken": Outcome(why="ImportError: no such thing"),
    }
    made = Compared(outcomes, ["some 1.0"], {"a.parquet": "0123"}, "a machine; today", 2, 4, 3.0, ["other"])
    made.save(tmp_path)
    text = page({"debian": Compared.load(tmp_path)}, 20)
    assert page({"debian": made}, 20) == text
    behind = [line for line in text.splitlines() if line.startswith("| debian | ")]
    assert len(behind) == 3
    assert all("| better " in line and line.endswith("| behind |") for line in behind)
    assert "Not run on this set: other." in text
    assert "- broken: ImportError: no such thing" in text
    row = next(line for line in text.splitlines() if line.startswith("| better | **"))
    assert row.endswith("| 4.00 | 1.50 | 300 |")
    assert row.count(" * |") == 3
    assert "| worse | " in text
    assert "| better | 4 of 12 | k 3 |" in text
    assert "make compare-peers SEEDS=2 DATA=… PEERS='--only debian --trials 4 --minutes 3'" in text
