"""What every baseline must do, on data whose answer is known; one list of all of them drives the tests."""

from __future__ import annotations

import importlib.util
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awe_cli.baselines.registry import BASELINES
from awe_cli.config import settings_of
from awe_cli.config.baselines import SETTINGS
from awe_cli.config.evaluate import EvaluateSettings
from awe_cli.config.predict import PredictSettings
from awe_cli.config.prepare import PrepareSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.errors import SettingsError, UsageError
from awe_cli.matrices.matrix import n_rows, slice_rows
from awe_cli.models.load import open_ranker
from awe_cli.models.store import load_result
from awe_cli.steps.evaluate import evaluate
from awe_cli.steps.predict import predict
from awe_cli.steps.prepare import prepare
from awe_cli.steps.train_baseline import train_baseline
from awe_cli.workspace import Workspace
from tests.small import recommendation

GROUPS, ITEMS, PEOPLE = 4, 6, 40
# Those that look at the input and need nothing but the dataset.
ABSENT = pytest.mark.skipif(importlib.util.find_spec("implicit") is None, reason="implicit is not installed")
MARKS = {"ials": [ABSENT]}
LEARN = [
    pytest.param(name, marks=MARKS.get(name, []))
    for name in BASELINES
    if name not in ("popularity", "knn", "tfidf", "bm25")  # the last two look at documents: test_retrieval.py
]
RECOMMEND = [param for param in LEARN if "kernel-ridge" not in param.values]
# Factors of a dimension as large as the data would learn the data by heart.
TOLD = {name: {"dim": GROUPS} for name in ("svd", "lsi", "nmf", "ials")}


def prepared(root: Path, rows: list[dict[str, object]], **settings: object) -> Workspace:
    root.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), root / "input.parquet")
    ws = Workspace(root)
    prepare(ws, [str(root / "input.parquet")], PrepareSettings(**settings))
    return ws


def checkerboard(root: Path) -> Workspace:
    """Everyone chooses all items of one group but one, which is held out: the answer is that item."""
    rows = []
    for person in range(PEOPLE):
        out = person // GROUPS % ITEMS, (person // GROUPS + 1) % ITEMS
        for n in range(ITEMS):
            split = "test" if n == out[0] else "valid" if n == out[1] else "train"
            rows.append({"person": person, "thing": f"{person % GROUPS}{n}", "split": split})
    return prepared(root, rows, user="person", item="thing", split="split")


def examples(root: Path, kind: str) -> Workspace:
    """Labels a, b, c are told by which feature is there; dense: which is large."""
    rows = []
    for n in range(36):
        features = [0.05 * (n % 5) for _ in range(4)]
        features[n % 3] = 1.0 + 0.1 * (n % 4)
        rows.append(
            {
                "id": n,
                "text": " ".join(["wet", "dry", "hot"][n % 3 : n % 3 + 1] * 2 + ["day"]),
                "f": features,
                "labels": ["abc"[n % 3]],
                "split": ("train", "train", "valid", "test")[n // 3 % 4],
            }
        )
    input = {"features": ("f",)} if kind == "dense" else {"text": "text"}
    return prepared(root, rows, labels="labels", id="id", split="split", **input)


@pytest.fixture(scope="module")
def boards(tmp_path_factory) -> dict[str, Workspace]:
    root = tmp_path_factory.mktemp("boards")
    found = {"recommendation": checkerboard(root / "people")}
    found |= {kind: examples(root / kind, kind) for kind in ("text", "dense")}
    return found


def test_one_list():
    assert list(SETTINGS) == list(BASELINES)


def test_a_setting_that_baselines_share_is_one_setting():
    declared = [setting for cls in SETTINGS.values() for setting in settings_of(cls)]
    for setting in declared:
        assert all(other == setting for other in declared if other.name == setting.name)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_help_of_a_setting_names_its_baselines(name):
    for setting in settings_of(SETTINGS[name]):
        assert setting.name in ("metric", "fit_on") or name in setting.help


@pytest.mark.parametrize("kind", ["recommendation", "text", "dense"])
@pytest.mark.parametrize("name", LEARN)
def test_finds_the_answer(boards, name, kind):
    if name in ("nmf", "ials") and kind == "dense":
        pytest.skip("standardised features are negative")
    if name == "kernel-ridge" and kind == "recommendation":
        pytest.skip("refused: a person's items are their input")
    ws = boards[kind]
    settings = SETTINGS[name](**TOLD.get(name, {}))
    model, fresh = train_baseline(ws, name, settings)
    assert fresh
    assert model.settings["fits"] == [["train"], ["train", "valid"]]
    # On valid, what is held out for test is a candidate too, and as good.
    for split, metric in {"valid": "recall@2", "test": "recall@1"}.items():
        document, _, _ = evaluate(ws, [name], EvaluateSettings(split=split, metric=(metric,)))
        assert document["models"][name]["metrics"] == {metric: 1.0}
    assert not train_baseline(ws, name, settings)[1]


@pytest.mark.parametrize("name", LEARN)
def test_same_digest_for_any_number_of_threads(boards, name):
    ws = boards["text" if name == "kernel-ridge" else "recommendation"]
    assert len({train_baseline(ws, name, name=f"n{n}", threads=n)[0].digest for n in (1, 2, 3)}) == 1


def test_kernel_ridge_refuses_people(boards):
    with pytest.raises(SettingsError, match="kernel-ridge: expected examples whose labels are no part"):
        train_baseline(boards["recommendation"], "kernel-ridge")


@pytest.mark.parametrize("name", RECOMMEND)
def test_folds_in_people_never_seen(boards, name, tmp_path):
    ws = boards["recommendation"]
    train_baseline(ws, name, SETTINGS[name](**TOLD.get(name, {})))
    new = tmp_path / "new.jsonl"
    rows = [{"person": 900, "thing": f"2{n}"} for n in range(ITEMS - 1)] + [{"person": 901, "thing": "zz"}]
    new.write_text("".join(json.dumps(row) + "\n" for row in rows))
    stream = io.BytesIO()
    predict(ws, name, str(new), stream, PredictSettings(top_k=1, format="jsonl"))
    best = {row["person"]: row["label"] for row in map(json.loads, stream.getvalue().splitlines())}
    assert best[900] == f"2{ITEMS - 1}"
    assert 901 in best  # nothing is known of them, and they are ranked for all the same


@pytest.mark.parametrize("name", ["popularity", *RECOMMEND])
def test_tiny_data_without_validation(tmp_path, name):
    """Fewer examples than any dimension or k."""
    ws = recommendation(tmp_path / "ws", valid=False)
    model, _ = train_baseline(ws, name)
    assert load_result(model)["tried"] == []
    document, _, _ = evaluate(ws, [name], EvaluateSettings(metric=("mrr",)))
    assert 0 < document["models"][name]["metrics"]["mrr"] <= 1


@pytest.mark.parametrize("name", LEARN)
def test_what_was_tried_is_kept_and_the_best_is_taken(boards, name):
    result = load_result(train_baseline(boards["text"], name, name=f"{name}-chosen")[0])
    best = max(result["tried"], key=lambda entry: entry["validation"])
    assert {**result["choice"], "validation": best["validation"]} == best
    assert result["metric"] == "ndcg@5"


@pytest.mark.parametrize("name", LEARN)
def test_choosing_by_another_metric_is_another_model(boards, name):
    ws = boards["text"]
    settings = SETTINGS[name](metric="map")
    model, fresh = train_baseline(ws, name, settings, name=f"{name}-map")
    assert fresh
    assert load_result(model)["metric"] == "map"


@pytest.mark.parametrize("name", LEARN)
def test_scores_of_a_row_do_not_depend_on_its_block(boards, name):
    ws = boards["text" if name == "kernel-ridge" else "recommendation"]
    stored = ws.find("dataset")
    dataset = Dataset.open(stored.path, stored.settings)
    model, _ = train_baseline(ws, name, name=f"{name}-rows")
    x = dataset.held_out("test", ("train", "valid")).x
    ranker = open_ranker(ws, model, dataset, "test").ranker
    whole, part = ranker.scores(x).score, ranker.scores(slice_rows(x, 7, 9)).score
    assert whole.shape == (n_rows(x), dataset.n_labels) == (n_rows(x), ranker.n_labels)
    assert part == pytest.approx(whole[7:9], abs=1e-5)


def test_unknown_baseline_says_which_there_are(boards):
    with pytest.raises(UsageError, match="popularity, knn, svd"):
        train_baseline(boards["text"], "nothing-like-it")
