"""Pair weights from files, from the training data and from equal names, to a stored model and its ranking."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awe_cli.affinities.pointwise import Constant
from awe_cli.app import main
from awe_cli.config.prepare import PrepareSettings
from awe_cli.config.train import TrainSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.examples import Examples
from awe_cli.matrices.bags import inputs
from awe_cli.matrices.matrix import Bags, Lists
from awe_cli.models.load import load_fit
from awe_cli.models.pair_weights import counted_pairs
from awe_cli.models.store import load_state
from awe_cli.ranking.embedding import EmbeddingRanker, label_rows
from awe_cli.steps.prepare import prepare
from awe_cli.steps.train import train
from awe_cli.workspace import Workspace
from tests.small import annotation
from tests.test_retrieval import written

pytestmark = pytest.mark.slow

TEXTS = [
    ("rock loud guitar", ["rock"]),
    ("jazz soft piano", ["jazz"]),
    ("loud drums rock", ["rock", "live"]),
    ("soft piano night", ["jazz"]),
    ("live crowd loud", ["live", "rock"]),
    ("piano night", ["jazz", "live"]),
]
SMALL = {"affinity": "pair-weights", "epochs": 2, "dim": 4, "fit_on": ("train",)}


@pytest.fixture
def ws(tmp_path):
    rows = [{"text": text, "tags": tags, "split": "train"} for text, tags in TEXTS]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "songs.parquet")
    settings = PrepareSettings(text="text", labels="tags", split="split", min_count=1, valid_fraction=0.0)
    workspace = Workspace(tmp_path / "workspace")
    prepare(workspace, [str(tmp_path / "songs.parquet")], settings)
    return workspace


@pytest.fixture
def dataset(ws):
    stored = ws.find("dataset")
    return Dataset.open(stored.path, stored.settings)


def write(path, *rows):
    names = ("feature", "label", "weight")
    pq.write_table(pa.table({name: [row[i] for row in rows] for i, name in enumerate(names)}), path)
    return str(path)


def stored_pairs(state, dataset):
    """{(feature, label): θ}."""
    learned, features, labels = state.learned, dataset.features.to_pylist(), dataset.labels.to_pylist()
    rows = np.repeat(np.arange(len(features)), np.diff(learned.indptr))
    return {(features[i], labels[y]): w for i, y, w in zip(rows, learned.labels, learned.pairs, strict=True)}


def test_weights_of_a_file_are_those_of_the_model(ws, dataset, tmp_path):
    told = write(
        tmp_path / "pairs.parquet", ("loud", "rock", 3.0), ("piano", "jazz", 2.0), ("loud", "jazz", 0.0)
    )
    model, _ = train(ws, TrainSettings(pairs=told, **SMALL), threads=1)
    found = stored_pairs(load_state(model, ("train",)), dataset)
    assert found == {("loud", "rock"): 3.0, ("piano", "jazz"): 2.0, ("loud", "jazz"): 0.0}
    (tmp_path / "pairs.parquet").rename(tmp_path / "moved.parquet")
    moved = TrainSettings(pairs=str(tmp_path / "moved.parquet"), **SMALL)
    assert not train(ws, moved, threads=1)[1], "a file is known by its content"


def test_learned_weights_start_from_the_given_ones_and_move(ws, dataset, tmp_path):
    told = write(tmp_path / "pairs.parquet", ("loud", "rock", 1.0), ("piano", "jazz", 1.0))
    model, _ = train(ws, TrainSettings(pairs=told, learn_pairs=True, start="scratch", **SMALL), threads=1)
    found = stored_pairs(load_state(model, ("train",)), dataset)
    assert set(found) == {("loud", "rock"), ("piano", "jazz")}
    assert any(weight != 1 for weight in found.values())


def test_equal_names_are_added_to_the_embedding(ws, dataset):
    """xᵀIy + xᵀUᵀVy."""
    model, _ = train(ws, TrainSettings(pairs="identity", pair_form="add", **SMALL), name="ssi", threads=1)
    state, x = load_state(model, ("train",)), dataset.training(("train",)).x
    assert stored_pairs(state, dataset) == {(name, name): 1.0 for name in ("rock", "jazz", "live")}
    plain = EmbeddingRanker(Constant(1.0), state.U, state.V).scores(x).score
    names, labels = dataset.features.to_pylist(), dataset.labels.to_pylist()
    expected = np.zeros_like(plain)
    for e in range(len(plain)):
        for t in range(x.indptr[e], x.indptr[e + 1]):
            if names[x.indices[t]] in labels:
                expected[e, labels.index(names[x.indices[t]])] += x.values[t]
    found = load_fit(ws, model, dataset, ("train",)).scores(x).score
    np.testing.assert_allclose(found - plain, expected, atol=1e-5)
    assert expected.any()


@pytest.mark.parametrize("kind", ["pmi", "cooccurrence"])
def test_counted_pairs_equal_the_formula(dataset, kind):
    examples = dataset.training(("train",))
    shape = (dataset.n_features, dataset.n_labels)
    found = counted_pairs(kind, examples, shape, 50).toarray()
    names, labels, n = dataset.features.to_pylist(), dataset.labels.to_pylist(), len(TEXTS)
    for i, name in enumerate(names):
        has = [name is None or name in text.split() for text, _ in TEXTS]
        for y, label in enumerate(labels):
            is_label = [label in tags for _, tags in TEXTS]
            both = sum(a and b for a, b in zip(has, is_label, strict=True))
            weight = both / sum(has)
            if kind == "pmi" and both:
                weight = math.log(weight * n / sum(is_label)) / -math.log(both / n) if both < n else 0
            assert found[i, y] == pytest.approx(max(weight, 0) if both >= 2 else 0)
    one = counted_pairs(kind, examples, shape, 1)
    assert np.diff(one.indptr).max() == 1
    assert one.max() == found.max()


def test_pairs_of_the_graph_are_those_of_the_graph_filter(dataset):
    examples = dataset.training(("train",))
    shape = (dataset.n_features, dataset.n_labels)
    X = inputs(examples.x, shape[0]).toarray()
    Y = np.array([[label in tags for label in dataset.labels.to_pylist()] for _, tags in TEXTS], float)
    sides = [M / np.linalg.norm(M, axis=1, keepdims=True) for M in (X, Y)]
    S = (sides[0] / (X > 0).sum(axis=0) ** 0.8).T @ (sides[1] / Y.sum(axis=0) ** 0.2)
    expected = S * 2 / np.median(S.max(axis=1))
    found = counted_pairs("graph", examples, shape, 50).toarray()
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    one = counted_pairs("graph", examples, shape, 1)
    np.testing.assert_allclose(one.max(axis=1).toarray().ravel(), expected.max(axis=1), rtol=1e-5)
    assert one.nnz == shape[0]


def test_an_item_is_no_pair_with_itself():
    indptr, items = np.array([0, 2, 4]), np.array([0, 1, 0, 1], np.int32)
    bags, ids = Bags(indptr, items, np.ones(4, np.float32)), pa.array(range(2))
    examples = Examples(ids, bags, Lists(indptr, items), None, True)
    for kind, weight in (("cooccurrence", 1), ("graph", 2)):
        found = counted_pairs(kind, examples, (2, 2), 9)
        np.testing.assert_allclose(found.toarray(), [[0, weight], [weight, 0]])


def test_features_of_a_person_are_paired_with_items_and_are_none():
    """Columns 0 and 1 are items, 2 is a feature of both people."""
    indptr, columns = np.array([0, 3, 6]), np.array([0, 1, 2, 0, 1, 2], np.int32)
    bags = Bags(indptr, columns, np.ones(6, np.float32))
    items = Lists(np.array([0, 2, 4]), np.array([0, 1, 0, 1], np.int32))
    for kind in ("cooccurrence", "graph"):
        found = counted_pairs(kind, Examples(pa.array(range(2)), bags, items, None, True), (3, 2), 9)
        weight = found.max()
        np.testing.assert_allclose(found.toarray(), [[0, weight], [weight, 0], [weight, weight]])


@pytest.mark.parametrize(
    ("rows", "code", "message"),
    [
        (
            [("loud", "rock", 1.0), ("unheard", "rock", 1.0)],
            66,
            "row 2: expected a feature of the dataset, found 'unheard'",
        ),
        ([("loud", "polka", 1.0)], 66, "expected a label of the dataset, found 'polka'"),
        ([("loud", "rock", 1.0), ("loud", "rock", 2.0)], 65, "'loud' with label 'rock' twice"),
        ([("loud", "rock", math.nan)], 65, "column 'weight', row 1"),
        ([(1, "rock", 1.0)], 65, "column 'feature': expected strings"),
    ],
)
def test_a_file_that_cannot_be_used(ws, tmp_path, capsys, rows, code, message):
    told = write(tmp_path / "pairs.parquet", *rows)
    arguments = ("--affinity", "pair-weights", "--pairs", told, "--epochs", "1", "--dim", "4")
    assert main(["--workspace", str(ws.root), "train", *arguments]) == code
    err = capsys.readouterr().err
    assert message in " ".join(err.split())
    assert "hint: " in err
    assert not ws.names("model")


def test_a_misspelt_source_of_pairs_names_the_nearest(ws, capsys):
    arguments = ("--affinity", "pair-weights", "--pairs", "graf", "--epochs", "1", "--dim", "4")
    assert main(["--workspace", str(ws.root), "train", *arguments]) == 66
    err = " ".join(capsys.readouterr().err.split())
    assert "--pairs: expected pmi, cooccurrence, graph, identity or a file of feature, label, weight" in err
    assert "found 'graf': there is no such file" in err
    assert "did you mean 'graph'?" in err


def test_the_columns_of_a_file_of_pairs_have_fixed_names(ws, tmp_path, capsys):
    file = tmp_path / "pairs.csv"
    file.write_text("this,that,much\n1,2,3\n")
    arguments = ("--affinity", "pair-weights", "--pairs", str(file))
    assert main(["--workspace", str(ws.root), "train", *arguments]) == 66
    err = " ".join(capsys.readouterr().err.split())
    assert "pairs.csv: expected a column 'feature', found this, that, much" in err
    assert "hint: call the columns of this file feature, label and weight" in err
    file.write_text("feature,label,weight\n1,2,x\n")
    assert main(["--workspace", str(ws.root), "train", *arguments]) == 65
    err = " ".join(capsys.readouterr().err.split())
    assert "hint: correct the cell, or leave the row out" in err
    assert "--skip-bad-rows" not in err, "this command has no such option"


def test_pairs_of_words_where_documents_have_words(tmp_path):
    """f = Σ_ij θ_ij x_i y_j + Ux·Vy."""
    ws = Workspace(tmp_path / "retrieval")
    prepare(ws, [], PrepareSettings(**written(tmp_path), split="split"))
    stored = ws.find("dataset")
    dataset = Dataset.open(stored.path, stored.settings)
    told = write(tmp_path / "pairs.parquet", ("topic1", "theme1", 2.0), ("topic1", "topic1", 0.5))
    for source in (told, "pmi", "identity"):
        model, _ = train(ws, TrainSettings(pairs=source, pair_form="add", **SMALL), threads=1)
        state, x = load_state(model, ("train",)), dataset.training(("train",)).x
        plain = EmbeddingRanker(Constant(1.0), state.U, label_rows(dataset.y, state.V)).scores(x).score
        added = load_fit(ws, model, dataset, ("train",)).scores(x).score - plain
        assert (added > 0.05).any()
        if source == told:
            features, y = dataset.features.to_pylist(), inputs(dataset.y, dataset.n_label_features).toarray()
            words = dataset.described.space.names.to_pylist()
            X = inputs(x, dataset.n_features).toarray()[:, features.index("topic1")]
            given = 2 * y[:, words.index("theme1")] + 0.5 * y[:, words.index("topic1")]
            np.testing.assert_allclose(added, np.outer(X, given), atol=1e-5)


def test_pairs_of_words_are_learned_and_rank_new_documents(tmp_path, capsys):
    """f = Σ_ij G_ij x_i U_i·V_j y_j, θ on its stored pairs, from the command line."""
    ws = Workspace(tmp_path / "retrieval")
    prepare(ws, [], PrepareSettings(**written(tmp_path), split="split"))
    stored = ws.find("dataset")
    dataset = Dataset.open(stored.path, stored.settings)
    told = write(tmp_path / "pairs.parquet", ("topic1", "theme1", 2.0), ("topic2", "topic2", 1.5))
    started = {("topic1", "theme1"): 2.0, ("topic2", "topic2"): 1.5}
    for form in ("weigh", "add"):
        settings = TrainSettings(pairs=told, pair_form=form, learn_pairs=True, **SMALL)
        model, _ = train(ws, settings, name=form, threads=1)
        state = load_state(model, ("train",))
        features, words = dataset.features.to_pylist(), dataset.described.space.names.to_pylist()
        rows = np.repeat(np.arange(len(features)), np.diff(state.learned.indptr))
        found = {
            (features[i], words[j]): theta
            for i, j, theta in zip(rows, state.learned.labels, state.learned.pairs, strict=True)
        }
        assert set(found) == set(started)
        assert found != started, "learned"
        arguments = (
            "predict",
            "--model",
            form,
            "--documents",
            str(tmp_path / "documents.parquet"),
            "--output",
            "-",
        )
        assert main(["-w", str(ws.root), *arguments, "--quiet"]) == 0
        assert "d00" in capsys.readouterr().out


def test_what_is_not_there_or_makes_no_sense(ws, tmp_path, capsys):
    pq.write_table(pa.table({"feature": ["loud"], "tag": ["rock"]}), tmp_path / "other.parquet")
    for told in (str(tmp_path / "none.parquet"), str(tmp_path / "other.parquet")):
        assert main(["-w", str(ws.root), "train", "--affinity", "pair-weights", "--pairs", told]) == 66
        assert "error: " in capsys.readouterr().err
    dense = annotation(tmp_path / "dense")
    assert main(["-w", str(dense.root), "train", "--affinity", "pair-weights"]) == 78
    assert "--pairs pmi: expected sparse features" in capsys.readouterr().err
