"""Vectors that other libraries read rank as the model does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awe_cli import Workspace as Notebook
from awe_cli.app import main
from awe_cli.config.baselines import SETTINGS as BASELINE_SETTINGS
from awe_cli.config.build import BuildKnnSettings
from awe_cli.config.export import FORMATS, HNSWLIB, MEASURES, ExportSettings
from awe_cli.config.prepare import PrepareSettings
from awe_cli.config.train import RetrainSettings, TrainSettings
from awe_cli.errors import MissingInputError, SettingsError, UsageError, WriteError
from awe_cli.io.vectors import HNSWLIB_INSTALL, SAFETENSORS_INSTALL, Vectors, with_one_more, write_word2vec
from awe_cli.models.load import open_ranker
from awe_cli.models.store import open_dataset
from awe_cli.steps.build_knn import build_knn
from awe_cli.steps.export import export
from awe_cli.steps.prepare import prepare
from awe_cli.steps.retrain import retrain
from awe_cli.steps.train import train
from awe_cli.steps.train_baseline import train_baseline
from awe_cli.workspace import Workspace
from tests import test_items, test_retrieval, test_user_file
from tests.small import annotation

TRAINED = {"epochs": 3, "dim": 5, "fit_on": ("train",)}
NO_HNSWLIB = "hnswlib has no wheel: it is tested where it is installed"


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Sixty people and forty items whose names have white space and percent signs; models of several affinities."""
    root = tmp_path_factory.mktemp("export")
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(60), 8)
    items = (people % 4) * 10 + rng.integers(0, 10, len(people))
    table = {"person": [f"p {p}" for p in people], "item": [f"item\t{i} 5%" for i in items]}
    pq.write_table(pa.table(table), root / "plays.parquet")
    ws = Workspace(root / "ws")
    ws.root.mkdir()
    prepare(ws, [str(root / "plays.parquet")], PrepareSettings(user="person", item="item"))
    train(ws, TrainSettings(affinity="constant", **TRAINED), name="linear", threads=1)
    for name in ("dot", "sigmoid", "gaussian"):
        train(ws, TrainSettings(affinity=name, start="linear", **TRAINED), name=name, threads=1)
    train(
        ws,
        TrainSettings(affinity="sigmoid", scope="score", start="linear", **TRAINED),
        name="whole",
        threads=1,
    )
    build_knn(ws, "linear", BuildKnnSettings(k=5), threads=1)
    retrain(ws, "linear", RetrainSettings(epochs=0), name="awe", threads=1)
    return ws


def scores_of(ws: Workspace, model: str) -> tuple[list[Any], list[Any], np.ndarray]:
    """People, labels, and the scores that `awe predict` ranks everyone by (people, labels)."""
    dataset = open_dataset(ws.find("dataset"))
    ranker = open_ranker(ws, ws.find("model", model), dataset, None).ranker
    found = [ranker.scores(part.x) for part in dataset.everyone_batches()]
    tied = [one.score if one.tie is None else one.tie for one in found]
    return dataset.example_ids.to_pylist(), dataset.labels.to_pylist(), np.concatenate(tied)


def run_card(folder: Path, more: str) -> Any:
    """Run all code of a model card in its folder, then `more`, whose value is printed as JSON."""
    card = (folder / "README.md").read_text(encoding="utf-8")
    code = [part.split("```")[0] for part in card.split("```python\n")[1:]]
    code = [*code, f"import json\nprint(json.dumps({more}))"]
    told = [sys.executable, "-c", "\n".join(code)]
    done = subprocess.run(told, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def best_by_card(folder: Path) -> tuple[str, list[str]]:
    """The first query, and its labels, best first, as a card finds them."""
    first, best = run_card(folder, "[ids[0], [str(label) for label in best]]")
    return first, best


def expect_order(best: list[str], labels: list[str], scores: np.ndarray) -> None:
    """Each place has the score that the model gives to that place: labels of one score may stand either way round."""
    place = {str(label): number for number, label in enumerate(labels)}
    found = [scores[place[label]] for label in best]
    np.testing.assert_allclose(found, np.sort(scores)[::-1][: len(best)], rtol=1e-4, atol=1e-5)
    assert len(set(best)) == len(best)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("measure", [None, *MEASURES])
def test_the_card_ranks_as_the_model_does(ws, tmp_path, format, measure):
    if format == HNSWLIB:
        pytest.importorskip("hnswlib", reason=NO_HNSWLIB)
    export(ws, tmp_path / "out", "linear", ExportSettings(format=format, measure=measure))
    person, best = best_by_card(tmp_path / "out")
    ids, labels, scores = scores_of(ws, "linear")
    assert person == ids[0]
    assert len(best) == 10
    if format == HNSWLIB and measure in (None, "euclidean"):
        import hnswlib

        queries = np.load(tmp_path / "out" / "users.npy")
        index = hnswlib.Index(space="l2", dim=queries.shape[1])
        index.load_index(str(tmp_path / "out" / "labels.hnswlib"))
        index.set_ef(1000)
        for row, found in enumerate(index.knn_query(queries, 10)[0]):
            expect_order([labels[place] for place in found], labels, scores[row])
    expect_order(best, labels, scores[0])


def test_every_user_is_ranked_as_predict_ranks(ws, tmp_path):
    """Through the real consumer, gensim, and against the rows that predict writes."""
    from gensim.models import KeyedVectors

    export(ws, tmp_path / "words", "dot", ExportSettings(format="word2vec"))
    rows = tmp_path / "rows.parquet"
    told = ["predict", "--model", "dot", "--include-seen", "--top-k", "5", "--output", str(rows), "-q"]
    assert main(["--workspace", str(ws.root), *told]) == 0
    predicted = pq.read_table(rows).to_pylist()
    labels = KeyedVectors.load_word2vec_format(str(tmp_path / "words" / "labels.txt"))
    users = KeyedVectors.load_word2vec_format(str(tmp_path / "words" / "users.txt"))
    assert len({row["person"] for row in predicted}) == 60
    differ = 0
    for start in range(0, len(predicted), 5):
        wanted = predicted[start : start + 5]
        [word] = [word for word in users.index_to_key if unquote(word) == wanted[0]["person"]]
        found = [unquote(label) for label, _ in labels.similar_by_vector(users[word], topn=5)]
        differ += found != [row["label"] for row in wanted]
    assert differ <= 1, "but for labels of nearly one score"


def test_formats_hold_the_same_numbers_and_names(ws, tmp_path):
    import faiss
    from gensim.models import KeyedVectors
    from safetensors.numpy import load_file

    for format in ("npy", "parquet", "safetensors", "faiss"):
        export(ws, tmp_path / format, "linear", ExportSettings(format=format))
    settings = ExportSettings(format="word2vec", measure="inner-product")
    export(ws, tmp_path / "word2vec", "linear", settings)
    V, names = (
        np.load(tmp_path / "npy" / "labels.npy"),
        json.loads((tmp_path / "npy" / "labels.json").read_text()),
    )
    assert names == open_dataset(ws.find("dataset")).labels.to_pylist()
    table = pq.read_table(tmp_path / "parquet" / "labels.parquet")
    assert table["name"].to_pylist() == names
    np.testing.assert_array_equal(np.stack(table["vector"].to_numpy()), V)
    np.testing.assert_array_equal(load_file(tmp_path / "safetensors" / "embeddings.safetensors")["labels"], V)
    index = faiss.read_index(str(tmp_path / "faiss" / "labels.faiss"))
    np.testing.assert_array_equal(index.reconstruct_n(0, index.ntotal), V)
    words = KeyedVectors.load_word2vec_format(str(tmp_path / "word2vec" / "labels.txt"))
    assert [unquote(word) for word in words.index_to_key] == names
    np.testing.assert_array_equal(words.vectors, V)


def test_users_are_their_items_times_the_features(ws, tmp_path):
    """What the card says of new input."""
    export(ws, tmp_path / "out", "linear", ExportSettings(measure="euclidean"))
    U, users = np.load(tmp_path / "out" / "features.npy"), np.load(tmp_path / "out" / "users.npy")
    examples = next(iter(open_dataset(ws.find("dataset")).everyone_batches()))
    for row in range(5):
        span = slice(*examples.x.indptr[row : row + 2])
        Ux = examples.x.values[span] @ U[examples.x.indices[span]]
        np.testing.assert_allclose(users[row], Ux, rtol=1e-5, atol=1e-6)
    assert (users[:, -1] == 0).all()


@pytest.mark.parametrize("format", [name for name in FORMATS if name != HNSWLIB])
def test_the_card_makes_the_vector_of_new_input(ws, tmp_path, format):
    """Here of the items of a user that was prepared, who has a vector in the export."""
    export(ws, tmp_path / "out", "linear", ExportSettings(format=format))
    dataset = open_dataset(ws.find("dataset"))
    examples = next(iter(dataset.everyone_batches()))
    items = dataset.labels.take(pa.array(examples.x.indices[: examples.x.indptr[1]])).to_pylist()
    found = run_card(tmp_path / "out", f"[float(n) for n in vector({dict.fromkeys(items, 1.0)!r})]")
    users = export(ws, tmp_path / "plain", "linear", ExportSettings(measure=made_for(format)))
    np.testing.assert_allclose(found, np.load(users.folder / "users.npy")[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("format", ["npy", "safetensors"])
def test_half_as_many_bytes_and_the_card_still_ranks(ws, tmp_path, format):
    export(ws, tmp_path / "plain", "linear", ExportSettings(format=format))
    made = export(ws, tmp_path / "half", "linear", ExportSettings(format=format, dtype="float16"))
    assert made.document["dtype"] == "float16"
    name = "labels.npy" if format == "npy" else "embeddings.safetensors"
    sizes = [(tmp_path / folder / name).stat().st_size for folder in ("half", "plain")]
    assert sizes[0] < 0.7 * sizes[1]
    _, best = best_by_card(tmp_path / "half")
    _, labels, scores = scores_of(ws, "linear")
    place = {str(label): number for number, label in enumerate(labels)}
    near = np.sort(scores[0])[::-1][: len(best)]
    np.testing.assert_allclose([scores[0][place[label]] for label in best], near, atol=5e-3)
    assert len(run_card(tmp_path / "half", "[float(n) for n in vector({})]")) == made.document["dim"]
    with pytest.raises(
        SettingsError, match="--dtype float16: it is for --format npy and safetensors, found faiss"
    ):
        export(ws, tmp_path / "no", "linear", ExportSettings(format="faiss", dtype="float16"))


def made_for(format: str) -> str:
    """A measure for which vectors have as many numbers as those of the format."""
    return "cosine" if format == "word2vec" else "inner-product"


@pytest.mark.parametrize(
    "options",
    [
        {"features": ("p", "q")},
        {"features": ("p", "q"), "scaling": "l2", "bias": False},
        {"sparse": "words:counts"},
        {"sparse": "words:counts", "scaling": "l1", "idf": True, "bias": False},
        {"text": "text"},
        {"text": "text", "scaling": "none", "sublinear": False, "idf": False},
    ],
)
def test_the_card_scales_features_as_prepare_does(tmp_path, options):
    counts = [{"a": n % 3 + 1, "b": n % 2, f"c{n % 4}": 2} for n in range(20)]
    counts = [{word: n for word, n in one.items() if n} for one in counts]
    columns = {
        "p": [float(n) for n in range(20)],
        "q": [1.5 - n % 7 for n in range(20)],
        "words": [list(one) for one in counts],
        "counts": [[float(n) for n in one.values()] for one in counts],
        "text": [" ".join(word for word, n in one.items() for _ in range(n)) for one in counts],
        "tag": [f"t{n % 3}" for n in range(20)],
    }
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    ws = Workspace(tmp_path / "ws")
    ws.root.mkdir()
    prepare(
        ws,
        [str(tmp_path / "rows.parquet")],
        PrepareSettings(labels="tag", **options),
    )
    train(ws, TrainSettings(dim=3, epochs=1), name="linear", threads=1)
    export(ws, tmp_path / "out", settings=ExportSettings(vectors=("labels", "features", "examples")))
    ids = json.loads((tmp_path / "out" / "examples.json").read_text())
    for row in (0, 7):
        number = int(ids[row]) - 1
        given = [columns["p"][number], columns["q"][number]] if "features" in options else counts[number]
        found = run_card(tmp_path / "out", f"[float(n) for n in vector({given!r})]")
        expected = np.load(tmp_path / "out" / "examples.npy")[row]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_one_more_number_makes_all_labels_as_long():
    rows = np.random.default_rng(1).normal(size=(30, 4)).astype(np.float32)
    queries = np.random.default_rng(2).normal(size=(7, 4)).astype(np.float32)
    names = pa.array(range(30))
    V, Q = (
        one.rows
        for one in with_one_more([Vectors("labels", names, rows), Vectors("users", names, queries)], "labels")
    )
    np.testing.assert_allclose(np.linalg.norm(V, axis=1), np.linalg.norm(rows, axis=1).max(), rtol=1e-6)
    np.testing.assert_allclose(Q @ V.T, queries @ rows.T, rtol=1e-6)
    distances = np.linalg.norm(Q[:, None] - V[None], axis=2)
    np.testing.assert_array_equal(np.argsort(distances, axis=1), np.argsort(-queries @ rows.T, axis=1))


@pytest.mark.parametrize("model", ["sigmoid", "gaussian", "whole", "awe"])
def test_a_model_of_another_order_is_refused_or_warned_of(ws, tmp_path, capsys, model):
    told = ["--workspace", str(ws.root), "export", "--model", model, "--output", str(tmp_path / "out")]
    assert main(told) == 78
    err = capsys.readouterr().err
    assert "another order" in err
    wanted = "export linear, which it was made from" if model == "awe" else "export a model of `awe "
    assert wanted in err
    assert not (tmp_path / "out").exists()
    assert main([*told, "--as-candidates", "--json"]) == 0
    out, err = capsys.readouterr()
    assert f"warning: these vectors rank in another order than {model} does" in err
    assert json.loads(out)["other_order"]
    assert "ranks in another order" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("method", ["svd", "lsi", "nmf", "ials"])
def test_baselines_of_factors_rank_by_their_vectors(ws, tmp_path, method):
    if method == "ials":
        pytest.importorskip("implicit")
    train_baseline(ws, method, BASELINE_SETTINGS[method](dim=5), name=method)
    made = export(ws, tmp_path / "out", method)
    is_linear = method in ("svd", "lsi")
    assert ("features" in made.document["kinds"]) == is_linear
    person, best = best_by_card(tmp_path / "out")
    ids, labels, scores = scores_of(ws, method)
    assert person == ids[0]
    queries, V = (np.load(tmp_path / "out" / f"{kind}.npy") for kind in ("users", "labels"))
    np.testing.assert_allclose(queries @ V.T, scores, rtol=1e-4, atol=1e-5)
    expect_order(best, labels, scores[0])
    assert f"Factors of {method}" in (tmp_path / "out" / "README.md").read_text()
    table = {"person": ["new"] * 2, "item": labels[:2]}
    places = Notebook(ws.root).model(method).project(table)[1]
    assert places.shape == (1, 5)
    if is_linear:
        found = run_card(tmp_path / "out", f"[float(n) for n in vector({dict.fromkeys(labels[:2], 1.0)!r})]")
        np.testing.assert_allclose(found, places[0], rtol=1e-4, atol=1e-6)
    else:
        with pytest.raises(UsageError, match="has no vectors of features"):
            export(ws, tmp_path / "no", method, ExportSettings(vectors=("features",)))


def test_annotation_exports_features_with_the_constant_one(tmp_path):
    ws = annotation(tmp_path / "ws")
    train(ws, TrainSettings(affinity="constant", epochs=2, dim=3), name="linear", threads=1)
    made = export(ws, tmp_path / "out", settings=ExportSettings(vectors=("features", "examples", "labels")))
    assert list(made.document["kinds"]) == ["labels", "features", "examples"]
    assert json.loads((tmp_path / "out" / "features.json").read_text())[-1] is None
    ids, labels, scores = scores_of(ws, "linear")
    first, best = best_by_card(tmp_path / "out")
    assert first == ids[0]
    expect_order(best, labels, scores[0])
    export(ws, tmp_path / "words", settings=ExportSettings(format="word2vec"))
    assert (tmp_path / "words" / "features.txt").read_text().splitlines()[-1].startswith("(constant) ")
    with pytest.raises(UsageError, match="label-features"):
        export(ws, tmp_path / "no", settings=ExportSettings(vectors=("label-features",)))
    with pytest.raises(UsageError, match="expected labels among them"):
        export(ws, tmp_path / "no", settings=ExportSettings(format="faiss", vectors=("features",)))


def test_a_feature_that_is_called_as_the_constant_one_stays_apart(tmp_path):
    names = pa.array(["(constant)", "a b", "a%20b", None])
    write_word2vec(tmp_path, [Vectors("features", names, np.zeros((4, 2), np.float32))])
    words = [line.split(" ")[0] for line in (tmp_path / "features.txt").read_text().splitlines()[1:]]
    assert words == ["(constant)", "a%20b", "a%2520b", "(constant)_"]


def test_the_same_export_has_the_same_bytes_and_replaces_only_itself(ws, tmp_path):
    out = tmp_path / "out"
    for _ in range(2):
        export(ws, out, "linear", ExportSettings(format="faiss"))
        bytes_now = {path.name: path.read_bytes() for path in out.iterdir()}
    export(ws, tmp_path / "twin", "linear", ExportSettings(format="faiss"))
    assert bytes_now == {path.name: path.read_bytes() for path in (tmp_path / "twin").iterdir()}
    export(ws, out, "linear", ExportSettings(format="parquet"))
    assert "labels.faiss" not in [path.name for path in out.iterdir()]
    (out / "my notes.txt").write_text("mine")
    with pytest.raises(WriteError, match="other files"):
        export(ws, out, "linear")
    assert (out / "my notes.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "twin"]


def test_one_file_has_one_kind_of_vectors(ws, tmp_path, capsys):
    export(ws, tmp_path / "plain", "linear")
    told = ["-w", str(ws.root), "export", "--model", "linear"]
    assert main([*told, "--vectors", "users", "--output", str(tmp_path / "users.parquet")]) == 0
    table = pq.read_table(tmp_path / "users.parquet")
    np.testing.assert_array_equal(
        np.stack(table["vector"].to_numpy()), np.load(tmp_path / "plain" / "users.npy")
    )
    assert main([*told, "--measure", "inner-product", "--output", str(tmp_path / "labels.vec")]) == 0
    first = (tmp_path / "labels.vec").read_text().splitlines()[0]
    assert first == "{} {}".format(*np.load(tmp_path / "plain" / "labels.npy").shape)
    capsys.readouterr()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.vec", "plain", "users.parquet"]
    for output, more in (
        ("labels.npy", []),
        ("labels.faiss", ["--format", "faiss"]),
        ("labels.txt", ["--format", "parquet"]),
        ("both.parquet", ["--vectors", "labels,users"]),
    ):
        assert main([*told, *more, "--output", str(tmp_path / output)]) == 2
        assert "name a folder" in capsys.readouterr().err
        assert not (tmp_path / output).exists()


def test_what_a_killed_run_left_is_removed(ws, tmp_path):
    left, other = tmp_path / ".out.0a1b2c3d.new", tmp_path / ".outer.0a1b2c3d.new"
    for draft in (left, other):
        draft.mkdir()
        (draft / "labels.npy").write_bytes(b"half")
    export(ws, tmp_path / "out", "linear")
    assert not left.exists()
    assert other.exists()


def test_an_export_that_fails_leaves_the_old_one(ws, tmp_path, monkeypatch):
    export(ws, tmp_path / "out", "linear")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("awe_cli.steps.export.model_card", full)
    with pytest.raises(WriteError, match="No space left"):
        export(ws, tmp_path / "out", "linear", ExportSettings(format="parquet"))
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    with pytest.raises(WriteError, match="there is no folder"):
        export(ws, tmp_path / "nowhere" / "out", "linear")


@pytest.mark.parametrize(
    ("format", "install"), [("safetensors", SAFETENSORS_INSTALL), ("hnswlib", HNSWLIB_INSTALL)]
)
def test_a_missing_package_names_the_line_that_installs_it(ws, tmp_path, monkeypatch, format, install):
    for name in (format, f"{format}.numpy"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it fails
    with pytest.raises(MissingInputError) as refused:
        export(ws, tmp_path / "out", "linear", ExportSettings(format=format))
    assert install in str(refused.value.hint)
    assert not list(tmp_path.iterdir())


def test_unknown_names_suggest_the_nearest(ws, tmp_path, capsys):
    told = ["--workspace", str(ws.root), "export", "--output", str(tmp_path / "out")]
    assert main([*told, "--model", "linaer"]) == 66
    assert "linear" in capsys.readouterr().err
    assert main([*told, "--model", "linear", "--format", "fais"]) == 78
    assert "did you mean 'faiss'?" in capsys.readouterr().err
    assert main(["--workspace", str(ws.root), "export", "--model", "linear"]) == 2
    with pytest.raises(SettingsError):
        export(ws, tmp_path / "out", "awe")


def test_described_items_export_their_features_and_identities(tmp_path):
    """The vector of an item is the sum of those of its tags, scaled, and of its own."""
    ws = test_items.prepared(tmp_path / "ws")
    train(ws, TrainSettings(dim=4, epochs=2), name="items", threads=1)
    made = export(ws, tmp_path / "out", settings=ExportSettings(format="parquet"))
    assert list(made.document["kinds"]) == ["labels", "features", "label-features", "users"]
    read = {
        kind: dict(zip(table["name"].to_pylist(), np.stack(table["vector"].to_numpy()), strict=True))
        for kind in made.document["kinds"]
        if (table := pq.read_table(tmp_path / "out" / f"{kind}.parquet"))
    }
    parts = read["label-features"]
    for item, tags in ((12, ["kind1", "own12"]), (test_items.PLAIN, []), (100, ["kind1"])):
        described = sum((parts[tag] for tag in tags), np.zeros(4)) / max(1, len(tags)) ** 0.5
        np.testing.assert_allclose(read["labels"][item], described + parts[f"label:{item}"], atol=1e-6)
    ids, labels, scores = scores_of(ws, "items")
    person, best = best_by_card(tmp_path / "out")
    assert person == ids[0]
    expect_order(best, labels, scores[0])


def test_users_with_features_of_their_own_are_ranked_as_by_the_model(tmp_path):
    where = ["-w", str(tmp_path / "ws")]
    assert main([*where, "prepare", *test_user_file.written(tmp_path), "-q"]) == 0
    assert main([*where, "train", "--name", "wsabie", "--dim", "8", "--epochs", "2", "-q"]) == 0
    assert main([*where, "export", "--format", "faiss", "--output", str(tmp_path / "out"), "-q"]) == 0
    names = json.loads((tmp_path / "out" / "features.json").read_text())
    assert len(names) == len(set(names))
    assert [name for name in names if str(name).startswith("user:")]
    ws = Workspace(tmp_path / "ws")
    ids, labels, scores = scores_of(ws, "wsabie")
    person, best = best_by_card(tmp_path / "out")
    assert person == ids[0]
    expect_order(best, labels, scores[0])


def test_documents_are_ranked_for_the_words_of_queries(tmp_path):
    ws = Workspace(tmp_path / "ws")
    ws.root.mkdir()
    prepare(ws, [], PrepareSettings(**test_retrieval.written(tmp_path), split="split"))
    train(ws, TrainSettings(dim=4, epochs=2, tie=True), name="tied", threads=1)
    made = export(
        ws, tmp_path / "out", settings=ExportSettings(vectors=("labels", "label-features", "examples"))
    )
    assert made.document["kinds"]["label-features"]["rows"] == open_dataset(ws.find("dataset")).n_features
    ids, labels, scores = scores_of(ws, "tied")
    query, best = best_by_card(tmp_path / "out")
    assert query == ids[0]
    expect_order(best, labels, scores[0])
    train(ws, TrainSettings(affinity="overlap", dim=4, epochs=1), name="overlap", threads=1)
    with pytest.raises(SettingsError, match="another order"):
        export(ws, tmp_path / "other", "overlap")
    with pytest.raises(MissingInputError):
        export(ws, tmp_path / "other", "popularity")
    train_baseline(ws, "popularity")
    with pytest.raises(SettingsError, match="expected a model with vectors"):
        export(ws, tmp_path / "other", "popularity")


def test_a_model_of_an_earlier_version_has_the_labels_of_that_version(tmp_path, capsys):
    where, file = ["-w", str(tmp_path / "ws")], tmp_path / "plays.csv"
    rows = [f"{p},{i}" for p in range(20) for i in range(p % 3, p % 3 + 5)]
    file.write_text("user,item\n" + "\n".join(rows))
    assert main([*where, "prepare", str(file), "--user", "user", "--item", "item", "-q"]) == 0
    assert main([*where, "train", "--dim", "2", "--epochs", "1", "--name", "old", "-q"]) == 0
    file.write_text("user,item\n" + "\n".join([*rows, "20,1", "20,99"]))
    before, old_labels, old_scores = scores_of(Workspace(tmp_path / "ws"), "old")
    assert main([*where, "prepare", str(file), "--user", "user", "--item", "item", "--update", "-q"]) == 0
    capsys.readouterr()
    assert main([*where, "export", "--output", str(tmp_path / "out")]) == 0
    assert "made from an earlier version of the dataset" in capsys.readouterr().err
    person, best = best_by_card(tmp_path / "out")
    assert json.loads((tmp_path / "out" / "labels.json").read_text()) == old_labels
    assert person == before[0]
    expect_order([str(label) for label in best], [str(label) for label in old_labels], old_scores[0])
    assert "an earlier version: labels" in (tmp_path / "out" / "README.md").read_text()
    file.write_text("user,item\n" + "\n".join(f"{p + 7},{i}" for p in range(20) for i in range(3)))
    assert main([*where, "prepare", str(file), "--user", "user", "--item", "item", "-q"]) == 0
    assert main([*where, "export", "--output", str(tmp_path / "other")]) == 65, "another dataset"
