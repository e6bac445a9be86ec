"""A workspace from Python: the same answers as the commands, in the arrays of a notebook."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse

from awe_cli import Model, Workspace
from awe_cli.app import main
from awe_cli.errors import DataError, MissingInputError, SettingsError, UsageError
from awe_cli.models.load import load_fit
from awe_cli.models.store import load_state, open_dataset


def plays(n: int = 60) -> pd.DataFrame:
    """People of two tastes: even ones choose among the first ten items, odd ones among the last ten."""
    draws = np.random.default_rng(0)
    rows = [
        {"who": person, "what": f"item {10 * (person % 2) + item:02}", "plays": float(1 + draws.integers(9))}
        for person in range(n)
        for item in draws.permutation(10)[:6]
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with wsabie, awe and popularity."""
    ws = Workspace(tmp_path_factory.mktemp("chain") / "workspace")
    ws.prepare(plays(), user="who", item="what", holdout=1)
    ws.train("wsabie", dim=8, epochs=4, threads=1)
    ws.build_knn("wsabie", threads=1, k=10)
    ws.retrain("wsabie", "awe", epochs=0, threads=1)
    ws.train_baseline("popularity")
    return ws


def test_representations_are_short(chain: Workspace) -> None:
    assert repr(chain) == f"Workspace({str(chain.root)!r}: a dataset, models awe, popularity, wsabie)"
    assert (
        repr(chain.dataset()) == "Dataset(recommendation: 60 people, 20 items; train 60, valid 60, test 60)"
    )
    assert repr(chain.model("awe")) == "Model('awe': embedding, affinity knn, fitted on train and valid)"
    assert repr(chain.model("popularity")) == "Model('popularity': popularity, fitted on train and valid)"
    assert repr(chain.model("awe").embeddings()) == "Embeddings(U (20, 8), V (20, 8))"
    found = chain.dataset().matrices("test")
    assert repr(found) == "Matrices(60 examples: X (60, 20) sparse, Y (60, 20) sparse)"


def test_recommending_is_what_the_command_predicts(
    chain: Workspace, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.parquet"
    common = ["-w", str(chain.root), "predict", "--model", "awe", "--top-k", "4", "-q", "--output", str(out)]
    model = Model.load(chain.root, "awe")
    assert main(common) == 0
    assert model.recommend(top_k=4).equals(pq.read_table(out))
    assert main([*common, "--id", "7", "--id", "3"]) == 0
    assert model.recommend([7, 3], 4).equals(pq.read_table(out))
    assert model.recommend(np.array([7, 3]), 4).equals(pq.read_table(out))
    new = pd.DataFrame({"who": ["a", "a", "b"], "what": ["item 01", "item 02", "item 11"]})
    new.to_csv(tmp_path / "new.csv", index=False)
    assert main([*common, str(tmp_path / "new.csv")]) == 0
    found, expected = (
        model.recommend(new, 4),
        pq.read_table(out),
    )  # read in blocks of their own, which round apart
    assert found.drop_columns("score").equals(expected.drop_columns("score"))
    np.testing.assert_allclose(found.column("score"), expected.column("score"), rtol=1e-5)
    assert main([*common, "--split", "test"]) == 0
    assert model.recommend(top_k=4, split="test").equals(pq.read_table(out))
    allowed = tmp_path / "allowed.txt"
    allowed.write_text("item 03\nitem 04\n")
    assert main([*common, "--allow", str(allowed)]) == 0
    assert model.recommend(top_k=4, allow=["item 03", "item 04"]).equals(pq.read_table(out))


def test_a_matrix_of_histories_is_ranked_as_a_table_of_them(chain: Workspace) -> None:
    data, model = chain.dataset(), chain.model("awe")
    column = {item: number for number, item in enumerate(data.labels)}
    X = scipy.sparse.lil_matrix((2, len(data.labels)))
    X[0, column["item 01"]] = X[0, column["item 02"]] = X[1, column["item 11"]] = 1
    table = {"who": ["a", "a", "b"], "what": ["item 01", "item 02", "item 11"]}
    found, expected = model.recommend(X.tocsr(), 5), model.recommend(table, 5)
    assert found.column("label").equals(expected.column("label"))
    assert found.column("score").equals(expected.column("score"))
    assert found.column("row").to_pylist() == [0] * 5 + [1] * 5
    assert found.equals(model.recommend(X.toarray(), 5))
    assert not {"item 01", "item 02"} & set(found.column("label").to_pylist()[:5])


def test_deny_and_what_is_unknown(chain: Workspace) -> None:
    model = chain.model("awe")
    first = model.recommend(4, 1).column("label")[0].as_py()
    assert first not in model.recommend(4, 20, deny=first).column("label").to_pylist()
    with pytest.warns(UserWarning, match="labels that the dataset does not have: 1 \\('item 99'\\)"):
        model.recommend(4, 1, deny=["item 99"])
    with pytest.warns(UserWarning, match="left out: 1 entries"):
        model.recommend({"who": ["a", "a"], "what": ["item 01", "item 99"]}, 1)
    with pytest.raises(MissingInputError, match="no person '77'"):
        model.recommend([77])
    with pytest.raises(UsageError, match="no id is named"):
        model.recommend([])


def test_embeddings_are_the_stored_arrays_and_make_the_scores(chain: Workspace) -> None:
    model = chain.model("wsabie")
    found = model.embeddings()
    stored = load_state(model.artifact, ("train", "valid"))
    np.testing.assert_array_equal(found.U, stored.U)
    np.testing.assert_array_equal(found.V, stored.V)
    assert list(found.labels) == list(chain.dataset().labels)
    dataset = open_dataset(chain.find("dataset"))
    ranker = load_fit(chain, model.artifact, dataset, ("train", "valid"))
    x = next(dataset.everyone_batches()).x
    ids, places = model.project()
    np.testing.assert_allclose(places @ found.V.T, ranker.scores(x).score, rtol=1e-5, atol=1e-6)
    assert model.project([ids[5]])[1].tolist() == [places[5].tolist()]
    with pytest.raises(SettingsError, match="expected an embedding model"):
        chain.model("popularity").embeddings()


def test_matrices_share_their_values_with_what_was_read(
    chain: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = chain.dataset()
    stored = data.stored.training(("train",))
    monkeypatch.setattr(type(data.stored), "training", lambda self, fit: stored)
    found = data.matrices()
    assert np.shares_memory(found.X.data, stored.x.values)
    assert np.shares_memory(found.X.indices, stored.x.indices)
    assert np.shares_memory(found.Y.indices, stored.positives.indices)
    rows, columns = found.Y.nonzero()
    named = set(zip(found.ids[rows], data.labels[columns], strict=True))
    assert named < set(plays()[["who", "what"]].itertuples(index=False, name=None))
    assert found.Y.sum() == sum(np.diff(stored.positives.indptr))


def test_neighbors_and_figures_are_those_of_the_commands(
    chain: Workspace, capfd: pytest.CaptureFixture[str]
) -> None:
    model = chain.model("wsabie")
    found = model.neighbors(["item 03"], top_k=2)
    assert (
        main(
            [
                "-w",
                str(chain.root),
                "neighbors",
                "--model",
                "wsabie",
                "--label",
                "item 03",
                "--top-k",
                "2",
                "--json",
            ]
        )
        == 0
    )
    said = json.loads(capfd.readouterr().out)["labels"][0]
    assert found.column("neighbor").to_pylist() == [near["label"] for near in said["neighbors"]]
    assert found.column("name").to_pylist() == ["item 03"] * 2
    assert model.neighbors(3, 1, of="users").num_rows == 1
    assert (
        main(
            [
                "-w",
                str(chain.root),
                "evaluate",
                "--model",
                "wsabie",
                "--metric",
                "ndcg",
                "--at",
                "5",
                "--json",
            ]
        )
        == 0
    )
    said = json.loads(capfd.readouterr().out)["models"]["wsabie"]["metrics"]
    assert model.evaluate(metric=["ndcg"], at=[5]) == said
    assert set(chain.evaluate("awe", "wsabie", metric=["ndcg"], at=5)["models"]) == {"awe", "wsabie"}


def test_dense_and_sparse_features_as_matrices(tmp_path: Path) -> None:
    draws = np.random.default_rng(1)
    X = draws.normal(size=(80, 4))
    labels = [["left" if row[0] < 0 else "right"] for row in X]
    ws = Workspace(tmp_path / "dense")
    data = ws.prepare(pa.table({"x": X.tolist(), "y": labels}), features=["x"], labels="y", test_fraction=0.2)
    model = ws.train(dim=4, epochs=5, threads=1)
    assert model.recommend(X, 1).column("label").equals(model.recommend({"x": X.tolist()}, 1).column("label"))
    assert isinstance(data.matrices().X, np.ndarray)
    with pytest.raises(
        DataError, match=r"expected a matrix with 4 columns, the features of the dataset, found"
    ):
        model.recommend(X[:, :3])
    words = [["red", "hot"], ["red"], ["blue", "cold"], ["blue"]] * 10
    kinds = [["warm"], ["warm"], ["cool"], ["cool"]] * 10
    ws = Workspace(tmp_path / "sparse")
    data = ws.prepare(
        pa.table({"w": words, "y": kinds}), sparse="w", labels="y", test_fraction=0.2, min_count=1
    )
    model = ws.train(dim=4, epochs=5, threads=1)
    column = {name: number for number, name in enumerate(data.features)}
    bag = scipy.sparse.csr_matrix(([1.0], ([0], [column["blue"]])), (1, len(column) - 1))
    assert (
        model.recommend(bag, 1).column("label").equals(model.recommend({"w": [["blue"]]}, 1).column("label"))
    )


def test_a_second_run_makes_nothing_new_and_a_model_knows_when_its_name_was_given_away(
    tmp_path: Path,
) -> None:
    ws = Workspace(tmp_path)
    ws.prepare(plays(), user="who", item="what", holdout=1)
    model = ws.train("m", dim=4, epochs=1, threads=1)
    ws.prepare(plays(), user="who", item="what", holdout=1)
    assert ws.train("m", dim=4, epochs=1, threads=1).artifact.digest == model.artifact.digest
    ws.train("m", dim=4, epochs=2, threads=1)
    with pytest.raises(DataError, match="means another model now"):
        model.recommend()


def test_names_and_settings_that_cannot_be(chain: Workspace) -> None:
    with pytest.raises(MissingInputError) as missing:
        Model.load(chain, "wsabe")
    assert "wsabie" in str(missing.value.hint)
    with pytest.raises(TypeError, match="train: no setting is called 'epoch'; did you mean 'epochs'"):
        chain.train(epoch=3)
    with pytest.raises(SettingsError, match="--dim: expected a whole number of at least 1, found 0"):
        chain.train(dim=0)
    with pytest.raises(UsageError):
        chain.train_baseline("popularty")
    with pytest.raises(DataError, match="weights above 0"):
        chain.model("awe").recommend(-np.ones((1, 20)))
    nothing: Any = Workspace(chain.root / "nowhere")
    with pytest.raises(MissingInputError):
        nothing.dataset()


def test_retraining_in_several_iterations_makes_each_of_them(tmp_path: Path) -> None:
    ws = Workspace(tmp_path)
    ws.prepare(plays(), user="who", item="what", holdout=1)
    ws.train("wsabie", dim=4, epochs=2, threads=1)
    ws.build_knn("wsabie", k=5, threads=1)
    model = ws.retrain("wsabie", iterations=2, epochs=1, threads=1)
    assert model.name == "awe"
    assert {"awe-1", "awe-2"} <= set(ws.models)


def test_settings_of_the_workspace_and_the_environment_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = Workspace(tmp_path)
    ws.prepare(plays(), user="who", item="what", holdout=1)
    (tmp_path / "awe.toml").write_text("[train]\ndim = 6\nepochs = 1\n")
    assert ws.train(threads=1).embeddings().U.shape == (20, 6)
    monkeypatch.setenv("AWE_TRAIN_DIM", "5")
    assert ws.train(threads=1).embeddings().U.shape == (20, 5)
    assert ws.train(threads=1, dim=np.int64(3)).embeddings().U.shape == (20, 3)


def test_vectors_comparisons_and_descriptions_are_those_of_the_commands(
    chain: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = chain.model("wsabie")
    folder = model.export(tmp_path / "out", format="npy", vectors=("labels",))
    np.testing.assert_array_equal(np.load(folder / "labels.npy"), model.embeddings().V)
    with pytest.raises(SettingsError, match="another order"):
        chain.model("awe").export(tmp_path / "other")
    with pytest.raises(TypeError, match="did you mean 'format'"):
        model.export(tmp_path / "other", fromat="npy")
    document = chain.compare("wsabie", "awe", at=(2,), examples=1)
    assert (
        main(["-w", str(chain.root), "compare", "wsabie", "awe", "--at", "2", "--examples", "1", "--json"])
        == 0
    )
    assert json.loads(capsys.readouterr().out) == document
    assert chain.describe("dataset")["details"]["task"] == "recommendation"
    assert chain.describe("models/awe")["kind"] == "model"
    with pytest.raises(DataError, match="model wsabie and neighbors wsabie"):
        chain.describe("wsabie")
