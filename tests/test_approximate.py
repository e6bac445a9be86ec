"""`predict --approximate`: lists from an index of labels beside those of all labels."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awe_cli.affinities.pointwise import Dot
from awe_cli.app import main
from awe_cli.config.baselines import LsiSettings, SvdSettings
from awe_cli.config.build import BuildKnnSettings
from awe_cli.config.predict import PredictSettings
from awe_cli.config.prepare import PrepareSettings
from awe_cli.config.train import RetrainSettings, TrainSettings
from awe_cli.errors import CorruptArtifactError, SettingsError
from awe_cli.matrices.matrix import Bags
from awe_cli.models.store import open_dataset
from awe_cli.neighbors.label_index import LabelIndex, n_lists, usual_effort
from awe_cli.prediction import label_search
from awe_cli.prediction.label_search import LabelSearch, recalls
from awe_cli.prediction.narrow import Only
from awe_cli.ranking.block import rank_block
from awe_cli.ranking.embedding import EmbeddingRanker
from awe_cli.steps.build_knn import build_knn
from awe_cli.steps.predict import Recommended, predict, recommend
from awe_cli.steps.prepare import prepare
from awe_cli.steps.retrain import retrain
from awe_cli.steps.train import train
from awe_cli.steps.train_baseline import train_baseline
from awe_cli.workspace import Workspace

PEOPLE, ITEMS = 200, 400
methods = pytest.mark.parametrize("method", ["hnsw", "ivf"])


def plays() -> pa.Table:
    """Everyone likes one of ten tastes; one person has nearly everything."""
    draws = np.random.default_rng(0)
    rows = [
        (person, int(item), "test" if place == 0 else "train")
        for person in range(PEOPLE)
        for place, item in enumerate(10 * draws.permutation(ITEMS // 10)[:12] + person % 10)
    ]
    rows += [(PEOPLE, item, "train") for item in range(ITEMS - 3)]
    return pa.table(dict(zip(("person", "item", "split"), zip(*rows, strict=True), strict=True)))


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("approximate")
    pq.write_table(plays(), folder / "plays.parquet")
    ws = Workspace(folder / "ws")
    prepare(ws, [str(folder / "plays.parquet")], PrepareSettings(user="person", item="item", split="split"))
    train_baseline(ws, "svd", SvdSettings(dim=8))
    train(ws, TrainSettings(affinity="constant", dim=4, epochs=2, margin=0.3), name="awe")
    build_knn(ws, "awe", BuildKnnSettings(k=5, lambda_=1.0))
    retrain(ws, "awe", RetrainSettings(epochs=0, power=0.5), name="knn")
    retrain(ws, "awe", RetrainSettings(epochs=0, power=1.0, floor=0.1), name="floored")
    return ws


def found(ws: Workspace, model: str = "svd", **settings: Any) -> Recommended:
    """What is recommended with these settings, and `only`."""
    only = settings.pop("only", None)
    threads = settings.pop("threads", None)
    return recommend(ws, model, settings=PredictSettings(**settings), only=only, threads=threads)


def lists(made: Recommended) -> dict[Any, list[Any]]:
    """id → its labels, best first."""
    columns: dict[Any, list[Any]] = {}
    for row in made.rows.to_pylist():
        columns.setdefault(row["person"], []).append(row["label"])
    return columns


HALF = Only(allowed=[str(item) for item in range(0, ITEMS, 2)])
QUESTIONS: dict[str, dict[str, Any]] = {
    "everyone": {},
    "what they have": {"include_seen": True},
    "a split": {"split": "test"},
    "half of the labels": {"only": HALF},
    "a few of the labels": {"only": Only(allowed=["3", "14", "159", "265", "358"])},
    "not the best": {"only": Only(denied=[str(item) for item in range(60)])},
    "one person": {"only": Only(ids=["7"])},
}


@pytest.mark.parametrize("model", ["svd", "knn", "floored"])
@methods
@pytest.mark.parametrize("question", QUESTIONS)
def test_searched_through_and_through_the_lists_are_the_exact_ones(ws, model, method, question):
    """Of knn products, too: labels of neighbours, and those without any in the order of Ux·V_y."""
    settings = {"top_k": 40 if model == "knn" else 5, **QUESTIONS[question], "model": model}
    made, exact = found(ws, approximate=method, search_effort=ITEMS, **settings), found(ws, **settings)
    assert lists(made) == lists(exact)
    np.testing.assert_allclose(
        made.rows["score"].to_numpy(), exact.rows["score"].to_numpy(), rtol=1e-4, atol=1e-7
    )
    assert made.counts.recall == made.counts.recalled == made.counts.examples - made.counts.nothing
    assert (made.counts.fewer, made.counts.nothing) == (exact.counts.fewer, exact.counts.nothing)


@methods
def test_a_hasty_search_still_keeps_every_rule_and_fills_every_list(ws, method):
    """One list of an inverted file runs out for most: they are ranked exactly, and counted."""
    settings = {"top_k": 40, "only": HALF}
    made, exact = found(ws, approximate=method, search_effort=1, **settings), found(ws, **settings)
    hasty, right = lists(made), lists(exact)
    assert {person: len(labels) for person, labels in hasty.items()} == {
        person: len(labels) for person, labels in right.items()
    }
    seen: dict[int, set[int]] = {}
    for row in plays().to_pylist():
        seen.setdefault(row["person"], set()).add(row["item"])
    for person, labels in hasty.items():
        assert not seen[person] & set(labels)
        assert len(set(labels)) == len(labels)
        assert all(label % 2 == 0 for label in labels)
    assert method == "hnsw" or made.counts.exact > PEOPLE / 2
    shares = [len(set(hasty[p]) & set(right[p])) / len(right[p]) for p in right]
    assert made.counts.recall / made.counts.recalled == pytest.approx(np.mean(shares))


def test_who_has_seen_more_than_is_asked_of_an_index_is_ranked_exactly(ws, monkeypatch):
    monkeypatch.setattr(label_search, "_MOST_WANTED", 64)
    made = found(ws, approximate="hnsw")
    assert made.counts.exact == 1
    assert lists(made) == lists(found(ws))


@methods
def test_the_same_rows_for_any_number_of_threads(ws, method, monkeypatch):
    monkeypatch.setattr("awe_cli.prediction.stream.BLOCK", 16)
    one, *others = [found(ws, approximate=method, search_effort=2, threads=threads) for threads in (1, 2, 3)]
    assert all(other.rows.equals(one.rows) and other.counts == one.counts for other in others)


@methods
def test_the_defaults_find_nearly_all(method):
    """Of points in groups, as embeddings are, with rows of very different lengths."""
    draws = np.random.default_rng(0)
    centres = draws.normal(size=(50, 16))
    rows = centres[draws.integers(50, size=3000)] + draws.normal(0, 0.6, (3000, 16))
    rows = (rows * draws.lognormal(0, 0.7, (3000, 1))).astype(np.float32)
    points = (centres[draws.integers(50, size=200)] + draws.normal(0, 0.6, (200, 16))).astype(np.float32)
    asked = LabelIndex.build(rows, method).find(points, 20, usual_effort(method, 3000, 10))
    best = np.argsort(-(points @ rows.T), axis=1)[:, :10]
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(asked, best, strict=True)]) > 0.99


@methods
@pytest.mark.parametrize("n", [1, 2, 9, 300])
def test_an_index_of_few_labels(method, n):
    """Also of rows that are all 0; the bytes are the same, and what they decode to finds the same."""
    for rows in (
        np.random.default_rng(1).normal(size=(n, 3)).astype(np.float32),
        np.zeros((n, 3), np.float32),
    ):
        index, again = LabelIndex.build(rows, method), LabelIndex.build(rows, method)
        np.testing.assert_array_equal(index.encode(), again.encode())
        points = np.ones((2, 3), np.float32)
        decoded = LabelIndex.decode(index.encode(), method)
        assert decoded.shape == (n, 3)
        asked = decoded.find(points, n, n)
        np.testing.assert_array_equal(asked, index.find(points, n, n))
        if method == "ivf":
            assert sorted(asked[0]) == list(range(n))
    assert usual_effort(method, n, 10) >= 1
    assert n_lists(n) <= n


def test_scores_that_are_a_function_of_the_inner_product():
    """The dot affinity: G = max(0, Ux·V_y), so that f is 0 for many labels, which Ux·V_y then orders."""
    draws = np.random.default_rng(2)
    U, V = draws.normal(size=(4, 3)).astype(np.float32), draws.normal(size=(50, 3)).astype(np.float32)
    ranker = EmbeddingRanker(Dot(), U, V)
    x = Bags(np.arange(5), np.arange(4, dtype=np.int32), np.ones(4, np.float32))
    product = ranker.inner_product()
    assert product is not None
    search = LabelSearch(product, LabelIndex.build(V, "hnsw"), 50, 50)
    ranked, short = search.best(x, None, 40, "m")
    exact = rank_block(ranker.scores(x), None, None, 40, "m")
    assert not short.any()
    np.testing.assert_array_equal(ranked.labels, exact.labels)
    np.testing.assert_allclose(ranked.scores, exact.scores, rtol=1e-5)
    np.testing.assert_array_equal(recalls(ranked.labels[:, ::-1], exact, 40), np.ones(4))
    assert (recalls(ranked.labels[:, ::-1], exact, 5) == 0).all()


def test_new_people_of_whom_nothing_is_known_get_the_most_popular_labels(ws):
    """Without a search, and without a part in the recall."""
    new = pa.table({"person": ["a", "a", "b"], "item": [1, 11, -7]})
    made, exact = (
        recommend(ws, "svd", new, PredictSettings(top_k=4, **more)) for more in ({"approximate": "ivf"}, {})
    )
    assert made.rows.column("fallback").to_pylist() == 4 * [False] + 4 * [True]
    assert lists(made) == lists(exact)
    assert (made.counts.recalled, made.counts.exact, made.counts.fallback) == (1, 0, 1)


def test_the_index_is_built_once_and_again_when_the_model_changes(ws, tmp_path):
    said: list[str] = []

    def ask() -> int:
        settings = PredictSettings(approximate="ivf")
        predict(ws, "mine", output=tmp_path / "out.csv", settings=settings, announce=said.append)
        return len([line for line in said if line.startswith("building an index")])

    train_baseline(ws, "lsi", name="mine")
    assert (ask(), ask()) == (1, 1)
    train_baseline(ws, "lsi", LsiSettings(dim=3), name="mine")
    assert ask() == 2
    stored = ws.find("index", "mine-ivf-train-valid")
    assert stored.parents["model"] == ws.find("model", "mine").digest
    path = stored.file("labels.faiss")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(CorruptArtifactError, match="sha256"):
        ws.find("index", "mine-ivf-train-valid", verify=True)
    assert ask() == 3  # as every step makes again what is damaged
    assert ws.find("index", "mine-ivf-train-valid", verify=True)


def test_the_command_says_how_it_searched_and_how_good_that_was(ws, tmp_path, capsys):
    line = ["-w", str(ws.root), "predict", "--model", "svd", "--approximate", "ivf", "--search-effort", "50"]
    assert main([*line, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["approximate"] == {"method": "ivf", "effort": 50}
    assert (made["recall"], made["recalled"]) == (1.0, PEOPLE + 1)
    stored = ws.find("predictions", "svd-all")
    assert stored.settings["approximate"] == {"method": "ivf", "effort": 50}
    assert main([*line, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {**made, "made": False}
    assert main([*line, "--output", str(tmp_path / "out.csv")]) == 0
    assert "(ivf, effort 50): recall@10 1.0000, of 201 people" in capsys.readouterr().err
    assert main(["-w", str(ws.root), "describe", "predictions/svd-all"]) == 0
    assert "ivf, effort 50, recall 1.0000" in capsys.readouterr().out
    assert main(["-w", str(ws.root), "describe", "indexes/svd-ivf-train-valid"]) == 0
    assert "ivf, of the fit train-valid" in capsys.readouterr().out


def test_lists_that_differ_are_chosen_from_longer_ones(ws):
    """By an embedding, whose index the longer lists come from."""
    settings: dict[str, Any] = {"top_k": 4, "diversity": 0.6, "split": "test"}
    made, exact = (
        recommend(ws, "awe", settings=PredictSettings(**settings, **more))
        for more in ({"approximate": "hnsw", "search_effort": ITEMS}, {})
    )
    assert lists(made) == lists(exact)
    assert made.counts.ndcg_reranked == exact.counts.ndcg_reranked


def test_what_cannot_be_searched_is_refused_before_anything_is_done(ws):
    train_baseline(ws, "popularity")
    with pytest.raises(
        SettingsError, match=r"expected a model that ranks by an inner product.*popularity"
    ) as error:
        recommend(ws, "popularity", settings=PredictSettings(approximate="hnsw"))
    assert "svd, lsi, nmf or ials" in (error.value.hint or "")
    with pytest.raises(SettingsError, match="--approximate: expected hnsw or ivf, found 'tree'"):
        recommend(ws, "svd", settings=PredictSettings(approximate="tree"))
    with pytest.raises(SettingsError, match="--search-effort: it is for an approximate search"):
        recommend(ws, "svd", settings=PredictSettings(search_effort=9))


def test_a_model_of_an_earlier_version_finds_the_labels_that_there_are(ws, tmp_path):
    """Items that left are never recommended, nor are new ones; what each is called has moved."""
    rows = [row for row in plays().to_pylist() if row["item"] % 7 or row["person"] == PEOPLE]
    rows = [row for row in rows if row["item"] != 14] + [
        {"person": person, "item": 1000, "split": "train"} for person in range(PEOPLE)
    ]
    own = Workspace(tmp_path / "ws")
    for number, table in enumerate((plays(), pa.Table.from_pylist(rows))):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(table, path)
        settings = PrepareSettings(user="person", item="item", split="split", update=True)
        prepare(own, [str(path)], settings)
        if not number:
            train_baseline(own, "svd", SvdSettings(dim=8))
    assert 14 not in open_dataset(own.find("dataset")).labels.to_pylist()
    made = found(own, approximate="ivf", search_effort=ITEMS)
    assert lists(made) == lists(found(own))
    assert not {14, 1000} & {label for labels in lists(made).values() for label in labels}
