"""The estimator: one path with the command line, and what scikit-learn's tools ask of it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from awe_cli import AffinityWeightedEmbedding
from awe_cli.config import settings_of
from awe_cli.config.build import BuildKnnSettings
from awe_cli.config.prepare import PrepareSettings
from awe_cli.config.train import RetrainSettings, TrainSettings
from awe_cli.models.load import open_ranker
from awe_cli.models.store import load_result, load_state, open_dataset
from awe_cli.steps.build_knn import build_knn
from awe_cli.steps.prepare import prepare
from awe_cli.steps.retrain import retrain
from awe_cli.steps.train import train
from awe_cli.workspace import Workspace

QUICK: dict[str, Any] = {"dim": 8, "epochs": 4, "threads": 1}
# Settings of `awe train` that the estimator has not: they are for retrieval, for splits that it has not, for stored
# models, and for data larger than memory or on a cluster.
LEFT_OUT = {"fit_on", "tie", "weights", "scale", "k1", "b", "dtype", "window", "shards"}


def tagged(n: int = 200) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Dense examples with several labels each."""
    found: tuple[Any, Any] = make_multilabel_classification(
        n_samples=n, n_features=12, n_classes=6, n_labels=2, random_state=0
    )
    return found


def test_parameters_are_the_settings_of_the_commands() -> None:
    own = AffinityWeightedEmbedding().get_params()
    declared = {setting.name: setting for setting in settings_of(TrainSettings)}
    assert set(declared) - set(own) == LEFT_OUT
    for cls in (BuildKnnSettings, RetrainSettings, PrepareSettings):
        declared = {**{setting.name: setting for setting in settings_of(cls)}, **declared}
    for name, value in own.items():
        if name != "threads":
            assert value == declared[name].default, name


@pytest.mark.parametrize("affinity", ["constant", "linear-sigmoid"])
def test_the_model_has_the_bytes_of_the_one_that_the_commands_make(tmp_path: Path, affinity: str) -> None:
    X, Y = tagged()
    rows = {
        "x": X.tolist(),
        "labels": [np.flatnonzero(row).tolist() for row in Y],
        "split": ["train"] * len(X),
    }
    pq.write_table(pa.table(rows), tmp_path / "examples.parquet")
    ws = Workspace(tmp_path)
    settings = PrepareSettings(features=("x",), labels="labels", split="split", valid_fraction=0.0)
    prepare(ws, [str(tmp_path / "examples.parquet")], settings)
    model, _ = train(ws, TrainSettings(affinity=affinity, dim=8, epochs=4), threads=1)
    expected = load_state(model, ("train",))
    found = AffinityWeightedEmbedding(affinity=affinity, valid_fraction=0.0, **QUICK).fit(X, Y)
    np.testing.assert_array_equal(found.U_, expected.U)
    assert sorted(map(bytes, found.V_)) == sorted(map(bytes, expected.V))


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("valid_fraction", [0.0, 0.2])
def test_the_product_with_knn_scores_as_the_one_that_the_commands_store(
    tmp_path: Path, sparse: bool, valid_fraction: float
) -> None:
    X, Y = tagged()
    rows: dict[str, Any] = {
        "labels": [np.flatnonzero(row).tolist() for row in Y],
        "split": ["train"] * len(X),
    }
    given: dict[str, Any] = {"features": ("x",)}
    rows["x"] = X.tolist()
    if sparse:
        given = {"sparse": "i:x"}
        rows |= {"i": [np.flatnonzero(row).tolist() for row in X], "x": [row[row != 0].tolist() for row in X]}
    pq.write_table(pa.table(rows), tmp_path / "examples.parquet")
    ws = Workspace(tmp_path)
    settings = PrepareSettings(**given, labels="labels", split="split", valid_fraction=valid_fraction)
    prepare(ws, [str(tmp_path / "examples.parquet")], settings)
    train(ws, TrainSettings(dim=8, epochs=4), name="wsabie", threads=1)
    build_knn(ws, "wsabie", threads=1)
    stored, _ = retrain(ws, "wsabie", RetrainSettings(epochs=0), threads=1)
    dataset = open_dataset(ws.find("dataset"))
    expected = open_ranker(ws, stored, dataset, None).ranker.scores(next(dataset.everyone_batches()).x).score
    model = AffinityWeightedEmbedding(affinity="knn", valid_fraction=valid_fraction, **QUICK)
    model.fit(scipy.sparse.csr_matrix(X) if sparse else X, Y)
    found = model.decision_function(X) + np.float32(model.threshold_)
    np.testing.assert_allclose(found[:, dataset.labels.to_numpy()], expected, rtol=1e-4, atol=1e-5)
    assert model.power_ == load_result(stored)["affinity"]["power"]
    assert model.k_ == load_result(ws.find("neighbors", "wsabie"))["k"]
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.decision_function(X), model.decision_function(X))


def test_labels_are_ranked_by_the_decision_function_and_predicted_where_it_is_above_0() -> None:
    X, Y = tagged()
    model = AffinityWeightedEmbedding(dim=16, epochs=20, threads=1).fit(X, Y)
    F = model.decision_function(X)
    labels, scores = model.rank(X, top_k=3)
    np.testing.assert_array_equal(labels, np.argsort(-F, axis=1, kind="stable")[:, :3])
    np.testing.assert_allclose(scores - model.threshold_, -np.sort(-F, axis=1)[:, :3], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(model.predict(X), F > 0)
    hits = (model.predict(X) * Y).sum()
    assert (
        2 * hits / (model.predict(X).sum() + Y.sum()) > 0.65
    )  # micro-F1; that of all labels at once is 0.52


def test_the_threshold_has_the_best_f1_of_all() -> None:
    X, Y = tagged()
    model = AffinityWeightedEmbedding(**QUICK).fit(X, Y)
    scores = model.decision_function(X)[Y.sum(axis=1) > 0]
    wanted = Y[Y.sum(axis=1) > 0]

    def f1(threshold: float) -> float:
        chosen = scores > threshold
        return float(2 * (chosen & (wanted > 0)).sum() / (chosen.sum() + wanted.sum()))

    assert f1(0.0) == pytest.approx(max(f1(t) for t in np.unique(scores) - 1e-6), abs=1e-9)


def test_score_is_the_metric_of_an_indicator_matrix_and_the_accuracy_of_classes() -> None:
    X, Y = tagged()
    ranked = AffinityWeightedEmbedding(metric="precision@1", **QUICK).fit(X, Y)
    some = Y.sum(axis=1) > 0
    best = ranked.rank(X[some], 1)[0][:, 0]
    assert ranked.score(X, Y) == pytest.approx(np.take_along_axis(Y[some], best[:, None], 1).mean())
    assert ranked.score(X, scipy.sparse.csr_array(Y)) == ranked.score(X, Y)
    classes = np.where(X[:, 0] > np.median(X[:, 0]), "many", "few")
    model = AffinityWeightedEmbedding(**QUICK).fit(X, classes)
    assert model.score(X, classes) == np.mean(model.predict(X) == classes)
    assert list(model.classes_) == ["few", "many"]


def test_weights_of_examples_count_in_learning() -> None:
    """Two tags for one kind of rows: the heavier one is ranked first, as the command has it; 0 leaves out."""
    X = np.repeat([[1.0, 0.0], [0.0, 1.0]], [36, 4], axis=0)
    y = np.array(["a" if row % 2 else "b" for row in range(36)] + ["c"] * 4)
    quick: dict[str, Any] = {**QUICK, "epochs": 12, "margin": 0.5}
    for heavy in ("a", "b"):
        model = AffinityWeightedEmbedding(**quick).fit(X, y, sample_weight=np.where(y == heavy, 20.0, 1.0))
        assert model.predict(X[:1]) == [heavy]
    some = np.arange(40) % 3 > 0
    left, without = (
        AffinityWeightedEmbedding(**quick).fit(X, y, sample_weight=some),
        AffinityWeightedEmbedding(**quick).fit(X[some], y[some]),
    )
    np.testing.assert_array_equal(left.U_, without.U_)
    assert list(left.classes_) == ["a", "b", "c"]
    once, twice = (
        AffinityWeightedEmbedding(**quick).fit(X, y, sample_weight=np.full(40, w)) for w in (0.5, 2.0)
    )
    np.testing.assert_array_equal(once.U_, twice.U_)
    with pytest.raises(
        ValueError, match="sample_weight: expected weights of 0 or more, some above 0, found -1"
    ):
        AffinityWeightedEmbedding(**quick).fit(X, y, sample_weight=np.where(some, 1.0, -1.0))
    with pytest.raises(ValueError, match=r"(?i)sample.weight"):
        AffinityWeightedEmbedding(**quick).fit(X, y, sample_weight=np.zeros(40))


def test_sparse_and_dense_rows_of_one_kind_give_one_prediction() -> None:
    X, Y = tagged()
    model = AffinityWeightedEmbedding(**QUICK).fit(scipy.sparse.csr_matrix(X), scipy.sparse.csr_matrix(Y))
    np.testing.assert_array_equal(
        model.decision_function(X), model.decision_function(scipy.sparse.coo_matrix(X))
    )
    assert sorted(model.features_) == sorted([*np.flatnonzero(X.any(axis=0)), -1])


def test_tables_name_features_and_classes() -> None:
    X, Y = tagged()
    table = pd.DataFrame(X, columns=[f"mfcc {i}" for i in range(X.shape[1])])
    tags = pd.DataFrame(Y, columns=["rock", "jazz", "folk", "pop", "soul", "funk"])
    model = AffinityWeightedEmbedding(**QUICK).fit(table, tags)
    assert list(model.feature_names_in_) == list(table.columns)
    assert list(model.classes_) == list(tags.columns)
    assert set(model.rank(table, 2)[0].ravel()) <= set(tags.columns)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(table[table.columns[::-1]])


def test_clone_and_pickle_keep_the_model() -> None:
    X, Y = tagged()
    model = AffinityWeightedEmbedding(affinity="gaussian", sigma=2.0, **QUICK).fit(X, Y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.decision_function(X), model.decision_function(X))
    fresh = clone(model)
    assert fresh.get_params() == model.get_params()
    np.testing.assert_array_equal(fresh.fit(X, Y).decision_function(X), model.decision_function(X))


def test_pipelines_and_grid_search() -> None:
    texts = ["cheap flights to rome", "rome by train", "recipe for bread", "bread and butter"] * 10
    topics = ["travel", "travel", "food", "food"] * 10
    words = make_pipeline(CountVectorizer(), AffinityWeightedEmbedding(idf=True, **QUICK)).fit(texts, topics)
    assert list(words.predict(["train to rome", "butter recipe"])) == ["travel", "food"]
    X, Y = tagged()
    search = GridSearchCV(
        make_pipeline(StandardScaler(), AffinityWeightedEmbedding(scaling="none", **QUICK)),
        {
            "affinityweightedembedding__dim": np.array([4, 8]),
            "affinityweightedembedding__learning_rate": np.logspace(-2, -1, 2),
        },
        cv=2,
        error_score="raise",
    ).fit(X, Y)
    assert 0 < search.best_score_ <= 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"dim": 0}, "dim: expected a whole number of at least 1, found 0"),
        ({"affinity": "gausian"}, "did you mean 'gaussian'"),
        ({"affinity": "rbf"}, "build-affinity"),
        ({"k": 5}, "k: it is for affinity='knn', found it beside affinity='constant'"),
        ({"affinity": "knn", "space": "inputs"}, "did you mean 'input'"),
        ({"affinity": "knn", "sigma": 2.0}, "the affinity constant has none"),
        ({"start": "yesterday"}, "start: expected linear or scratch, found 'yesterday'"),
        ({"scaling": "standart"}, "did you mean 'standard'"),
        ({"loss": "warp", "metric": "coverage"}, "metric 'coverage'"),
    ],
)
def test_a_setting_that_cannot_be_is_a_value_error(parameters: dict[str, Any], message: str) -> None:
    X, Y = tagged(20)
    with pytest.raises(ValueError, match=message):
        AffinityWeightedEmbedding(**{**QUICK, **parameters}).fit(X, Y)


def test_input_that_cannot_be_is_a_value_error() -> None:
    X, Y = tagged(20)
    with pytest.raises(ValueError, match="single precision"):
        AffinityWeightedEmbedding(**QUICK).fit(X * 1e300, Y)
    with pytest.raises(ValueError, match="expected two classes or more, found one class, 'a'"):
        AffinityWeightedEmbedding(**QUICK).fit(X, ["a"] * 20)
    with pytest.raises(ValueError, match=r"expected an indicator matrix \(20, 6\), found \(20, 5\)"):
        AffinityWeightedEmbedding(**QUICK).fit(X, Y).score(X, Y[:, :5])
    with pytest.raises(ValueError, match="no training example has a feature"):
        AffinityWeightedEmbedding(**QUICK).fit(scipy.sparse.csr_matrix((20, 3)), Y)


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, awe_cli; dir(awe_cli); print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "pyarrow", "sklearn", "numba", "scipy"} & set(loaded.stdout.split())


def test_without_scikit_learn_the_error_names_what_to_install() -> None:
    code = "import sys; sys.modules['sklearn'] = None; from awe_cli import AffinityWeightedEmbedding"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "ImportError: AffinityWeightedEmbedding needs scikit-learn" in found.stderr
    assert "pip install 'awe-cli[sklearn]'" in found.stderr
