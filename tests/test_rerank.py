"""Re-ranked lists: labels unlike each other, few of one kind, and what that costs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awe_cli.app import main
from awe_cli.dataset.examples import Examples
from awe_cli.matrices.matrix import Bags, Lists
from awe_cli.prediction.stream import cost_of
from awe_cli.ranking.block import Ranked
from awe_cli.ranking.rerank import Reranking

PEOPLE, ITEMS = 80, 12


def ranked(labels: list[list[int]], scores: list[list[float]]) -> Ranked:
    listed = np.array(labels, np.int32)
    none = np.zeros(0, np.int32)
    n_top = (listed >= 0).sum(axis=1).astype(np.int32)
    return Ranked(
        np.zeros(len(labels) + 1, np.int64), none, none, listed, np.array(scores, np.float32), n_top
    )


def by_hand(labels: list[int], scores: list[float], V: np.ndarray, diversity: float, k: int) -> list[int]:
    """Maximal marginal relevance by its definition."""
    low, high = scores[-1], scores[0]
    chosen: list[int] = []
    while len(chosen) < k:
        best = max(
            (place for place in range(len(labels)) if labels[place] not in chosen),
            key=lambda place: (
                (1 - diversity) * (scores[place] - low) / (high - low)
                - diversity * max((float(V[labels[place]] @ V[y]) for y in chosen), default=0.0)
            ),
        )
        chosen.append(labels[best])
    return chosen


@pytest.mark.parametrize("diversity", [0.0, 0.2, 0.5, 0.9])
def test_by_its_definition(diversity):
    rng = np.random.default_rng(0)
    V = rng.normal(size=(30, 4)).astype(np.float32)
    V /= np.linalg.norm(V, axis=1, keepdims=True)
    labels = [rng.permutation(30)[:12].tolist() for _ in range(6)]
    scores = [sorted(rng.normal(size=12).astype(np.float32).tolist(), reverse=True) for _ in range(6)]
    vectors = V if diversity else np.zeros((30, 0), np.float32)
    nothing = Lists(np.zeros(31, np.int64), np.zeros(0, np.int32))
    found = Reranking(12, diversity, vectors, nothing, 0, 0).apply(ranked(labels, scores), 5)
    for e in range(6):
        assert found.labels[e].tolist() == by_hand(labels[e], scores[e], V, diversity, 5)
        for label, score in zip(found.labels[e], found.scores[e], strict=True):
            assert score == np.float32(scores[e][labels[e].index(int(label))])
    assert found.n_top.tolist() == [5] * 6


def test_caps_and_lists_that_run_out():
    groups = Lists(np.arange(7, dtype=np.int64), np.array([0, 0, 0, 1, 1, 2], np.int32))
    rerank = Reranking(6, 0.0, np.zeros((6, 0), np.float32), groups, 1, 3)
    found = rerank.apply(
        ranked([[0, 1, 2, 3, 4, 5], [4, 3, 1, -1, -1, -1]], [[6, 5, 4, 3, 2, 1], [3, 2, 1, 0, 0, 0]]), 4
    )
    assert found.labels.tolist() == [[0, 3, 5, -1], [4, 1, -1, -1]]
    assert found.n_top.tolist() == [3, 2]


def test_the_cost_is_ndcg():
    positives = Lists(np.array([0, 2, 2, 4]), np.array([3, 7, 0, 9], np.int32))
    nothing = Lists(np.zeros(4, np.int64), np.zeros(0, np.int32))
    x = Bags(*nothing, np.zeros(0, np.float32))
    before = np.array([[7, 3, 1], [1, 2, 3], [0, 5, -1]], np.int32)
    after = np.array([[1, 3, 7], [1, 2, 3], [5, 0, -1]], np.int32)
    block = Examples(pa.array(["a", "b", "c"]), x, positives, None, own=False)
    second = 1 / np.log2(3)
    half = 1 / (1 + second)  # of c: label 9 is in no list
    cost = cost_of(before, after, block)
    assert (cost.before, cost.examples) == (pytest.approx(1 + half), 2)
    assert cost.after == pytest.approx((second + 1 / 2) / (1 + second) + second * half)
    graded = dataclasses.replace(block, grades=np.array([1, 3, 2, 1], np.float32))
    cost = cost_of(before, after, graded)
    best = 7 + second  # of a: gains 2^3 - 1 of label 7 and 1 of label 3
    assert cost.before == pytest.approx(1 + 3 / (3 + second))
    assert cost.after == pytest.approx((second + 7 / 2) / best + 3 * second / (3 + second))


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("rerank")
    rng = np.random.default_rng(3)
    rows = [
        (f"p{p}", f"i{i}")
        for p in range(PEOPLE)
        for i in rng.permutation(ITEMS // 2)[:4] + (p % 2) * ITEMS // 2
    ]
    users, items = zip(*rows, strict=True)
    pq.write_table(pa.table({"user": users, "item": items}), folder / "plays.parquet")
    (folder / "items.csv").write_text("item,brand\n" + "".join(f"i{i},b{i % 3}\n" for i in range(ITEMS)))
    at = ["-w", str(folder / "w")]
    command = ["prepare", str(folder / "plays.parquet"), "--user", "user", "--item", "item",
               "--label-file", str(folder / "items.csv"), "--label-categories", "brand"]  # fmt: skip
    assert main([*at, *command]) == 0
    assert main([*at, "train", "--name", "m", "--dim", "6", "--epochs", "4"]) == 0
    assert main([*at, "train-baseline", "popularity"]) == 0
    return at


def lists(where: list[str], *options: str) -> dict[str, list[str]]:
    out = Path(where[1]).parent / "out.jsonl"
    assert main([*where, "predict", "--model", "m", "--top-k", "4", "-o", str(out), *options]) == 0
    found: dict[str, list[str]] = {}
    for line in out.read_text().splitlines():
        row = json.loads(line)
        found.setdefault(row["user"], []).append(row["label"])
    return found


def test_caps_by_an_attribute(where):
    brands = [
        [int(label[1:]) % 3 for label in chosen] for chosen in lists(where, "--cap", "brand=1").values()
    ]
    assert all(len(chosen) == len(set(chosen)) == 3 for chosen in brands)
    assert any(len({int(y[1:]) % 3 for y in chosen}) < len(chosen) for chosen in lists(where).values())


def test_diversity_and_its_cost(where, capsys):
    plain, diverse = lists(where), lists(where, "--diversity", "0.9")
    assert sum(plain[p] != diverse[p] for p in plain) > PEOPLE // 4
    assert all(plain[p][0] == diverse[p][0] for p in plain), "the first is the best by score"
    assert lists(where, "--diversity", "0") == plain
    capsys.readouterr()
    lists(where, "--diversity", "0.9", "--split", "test")
    assert "re-ranking: ndcg@4 " in capsys.readouterr().err


def test_a_model_without_embedding_takes_another(where):
    out = Path(where[1]).parent / "popular.jsonl"
    command = [*where, "predict", "--model", "popularity", "--diversity", "0.5", "-o", str(out)]
    assert main(command) == 0
    assert main([*command, "--similar-by", "m"]) == 0


REFUSED = {
    "no attribute": (78, ["--cap", "colour=1"], "they have brand"),
    "near": (78, ["--cap", "brnd=1"], "did you mean 'brand'"),
    "no number": (78, ["--cap", "brand"], "ATTRIBUTE=N"),
    "zero": (78, ["--cap", "brand=0"], "ATTRIBUTE=N"),
    "too diverse": (78, ["--diversity", "1"], "--diversity"),
    "a small pool": (78, ["--cap", "brand=1", "--pool", "2", "--top-k", "4"], "--pool"),
    "without use": (78, ["--cap", "brand=1", "--similar-by", "m"], "--diversity"),
    "no such model": (66, ["--diversity", "0.5", "--similar-by", "mm"], "'mm'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_one_clear_message(where, capsys, case):
    code, options, words = REFUSED[case]
    assert main([*where, "predict", "--model", "m", *options]) == code
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
