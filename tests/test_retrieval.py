"""Queries, documents and relevance through the real command line, on a tiny collection; every message."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awe_cli.app import main
from awe_cli.config.baselines import Bm25Settings, LsiSettings
from awe_cli.config.prepare import PrepareSettings
from awe_cli.config.train import TrainSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.dataset.word_overlap import shared_words
from awe_cli.errors import SettingsError
from awe_cli.matrices.bags import as_scipy
from awe_cli.matrices.matrix import slice_rows
from awe_cli.models.explain import of_ranker
from awe_cli.models.load import open_ranker
from awe_cli.steps.prepare import prepare
from awe_cli.steps.train import train
from awe_cli.steps.train_baseline import train_baseline
from awe_cli.workspace import Workspace
from tests.small import recommendation

TOPICS, EACH = 6, 4
SPLITS = ("train", "train", "valid", "test")


def text(topic: int, n: int) -> str:
    """Documents of a topic share two words of four, and have one of their own."""
    return f"topic{topic} theme{topic} the{' wing' * n} own{topic}x{n}"


def rows() -> dict[str, list[dict[str, object]]]:
    """Every topic is asked for by four queries; one document is empty, and one pair names none."""
    documents = [{"document": f"d{t}{n}", "text": text(t, n)} for t in range(TOPICS) for n in range(EACH)]
    documents.append({"document": "empty", "text": ""})
    queries = [
        {"query": 10 * t + n, "text": f"what of topic{t} own{t}x{n} unheard", "split": SPLITS[n]}
        for t in range(TOPICS)
        for n in range(4)
    ]
    pairs = [
        {"query": 10 * t + n, "document": f"d{t}{m}", "relevance": 1 + (m == n)}
        for t in range(TOPICS)
        for n in range(4)
        for m in range(EACH)
    ]
    pairs += [pairs[0], {"query": 0, "document": "d50", "relevance": -1}]
    pairs += [
        {"query": 0, "document": "lost", "relevance": 2},
        {"query": 99, "document": "d00", "relevance": 2},
    ]
    return {"queries": queries, "documents": documents, "relevance": pairs}


def written(folder: Path, **changed: list[dict[str, object]]) -> dict[str, str]:
    """The three files, some with other rows; as options of prepare."""
    files = {}
    for name, lines in {**rows(), **changed}.items():
        path = folder / f"{name}.parquet"
        pq.write_table(pa.Table.from_pylist(lines), path)
        files[name] = str(path)
    return files


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("retrieval")
    ws = Workspace(folder)
    prepare(ws, [], PrepareSettings(**written(folder), split="split"))
    return ws


def dataset(ws: Workspace) -> Dataset:
    stored = ws.find("dataset")
    return Dataset.open(stored.path, stored.settings)


def test_what_prepare_finds(made):
    data, summary = dataset(made), dataset(made).summary
    assert summary["task"] == "retrieval"
    assert (summary["examples"], summary["documents"], summary["pairs"]) == (24, 25, 100)
    assert summary["not_relevant"] == 1
    said = "\n".join(summary["warnings"])
    assert "documents without features: 1; they score 0" in said
    assert "relevant pairs whose document is not there: 1 of 100" in said
    assert "relevant pairs whose query is not there: 1" in said
    assert "relevant pairs that are there twice: 1" in said
    assert "can hardly be ranked" not in said
    assert data.labels.type == pa.string()
    assert data.n_labels == 25
    assert data.n_label_features == data.n_features, "one vocabulary, and the constant feature of queries"


def test_a_word_in_as_many_documents_as_there_are_training_queries_is_not_one_in_all_of_these(tmp_path):
    """topic0 is in 4 documents, and the 4 training queries ask for another topic."""
    queries = [{"query": n, "text": f"own1x{n}", "split": "train" if n < 4 else "test"} for n in range(5)]
    pairs = [{"query": n, "document": f"d1{n % 4}"} for n in range(5)]
    ws = Workspace(tmp_path)
    files = written(tmp_path, queries=queries, relevance=pairs)
    prepare(ws, [], PrepareSettings(**files, split="split", valid_fraction=0.0))
    assert not [line for line in dataset(ws).summary["warnings"] if "one value in all of train" in line]


def test_rows_of_documents_are_tf_idf_by_hand(made):
    data = dataset(made)
    described = data.described
    label = data.labels.to_pylist().index("d03")
    names = described.space.names.to_pylist()
    span = slice(*described.y.indptr[label : label + 2])
    found = {names[i]: v for i, v in zip(described.y.indices[span], described.y.values[span], strict=True)}
    # df: topic0 and theme0 4, wing 18 (three of each topic), own0x3 1; "the" is a stop word. 25 documents.
    raw = {word: (1 + np.log(count)) * (np.log(26 / (1 + df)) + 1)
           for word, count, df in (("topic0", 1, 4), ("theme0", 1, 4), ("wing", 3, 18), ("own0x3", 1, 1))}  # fmt: skip
    length = np.sqrt(sum(v * v for v in raw.values()))
    assert found.keys() == raw.keys()
    for word, value in raw.items():
        assert found[word] == pytest.approx(value / length, rel=1e-5)


def test_bm25_is_that_of_its_equation(made):
    data, (k1, b) = dataset(made), (1.5, 0.6)
    train_baseline(made, "bm25", Bm25Settings(k1=k1, b=b), name="one")
    opened = open_ranker(made, made.find("model", "one"), data, "test")
    held = data.held_out("test")
    texts = {
        row["document"]: [w for w in str(row["text"]).split() if w != "the"] for row in rows()["documents"]
    }
    mean = np.mean([len(words) for words in texts.values()])
    scores = opened.ranker.scores(held.x).score
    for row, query in enumerate(held.ids.to_pylist()):
        words = [f"topic{query // 10}", f"own{query // 10}x{query % 10}"]
        wanted = []
        for label in data.labels.to_pylist():
            total = 0.0
            for word in words:
                df = sum(word in document for document in texts.values())
                count = texts[label].count(word)
                idf = np.log(1 + (25 - df + 0.5) / (df + 0.5))
                total += idf * count * (k1 + 1) / (count + k1 * (1 - b + b * len(texts[label]) / mean))
            wanted.append(total)
        one = np.argmax(wanted)
        np.testing.assert_allclose(scores[row] / scores[row, one], np.array(wanted) / wanted[one], 1e-5, 1e-6)


def test_feedback_is_bm25_of_the_query_and_words_of_its_best_documents(made):
    data, told = dataset(made), {"k1": 1.5, "b": 0.6}
    held, described = data.held_out("test"), data.described
    for name, more in (("plain", {}), ("twice", {"feedback": 3})):
        train_baseline(made, "bm25", Bm25Settings(**told, **more), name=name)
    plain, twice = (
        open_ranker(made, made.find("model", name), data, "test").ranker for name in ("plain", "twice")
    )
    once, found = plain.scores(held.x).score, twice.scores(held.x).score
    words = as_scipy(described.y._replace(values=described.counts), data.n_features).toarray()
    # What BM25 adds for a word whose weight in the query, idf included, is 1.
    idf = np.log(1 + (25 - described.space.count + 0.5) / (described.space.count + 0.5))
    length = words.sum(axis=1, keepdims=True)
    each = words * 2.5 / (words + 1.5 * (1 - 0.6 + 0.6 * length / length.mean()))
    texts = as_scipy(held.x, data.n_features).toarray() / described.space.weight * idf
    texts[:, -1] = 0  # the constant
    for e in range(len(held)):
        best = np.argsort(-once[e], kind="stable")[:3]
        assert (once[e, best] > 0).all()
        widen = idf * ((once[e, best] / once[e, best].sum()) @ (words[best] / length[best]))
        assert np.count_nonzero(widen) <= 20
        query = 0.5 * texts[e] / texts[e].sum() + 0.5 * widen / widen.sum()
        np.testing.assert_allclose(found[e], each @ query, 1e-4, 1e-6)
    assert (np.argsort(-found, kind="stable") != np.argsort(-once, kind="stable")).any()
    explainer = of_ranker(twice, data, ("train", "valid"), "twice")
    shares = [
        parts.shares.sum() for parts in explainer.parts(slice_rows(held.x, 0, 1), np.arange(data.n_labels))
    ]
    np.testing.assert_allclose(shares, found[0], 1e-4, 1e-6)


def test_lsi_is_the_cosine_in_the_space_of_the_documents(made):
    data, dim = dataset(made), TOPICS  # others of so symmetric documents are not unique
    train_baseline(made, "lsi", LsiSettings(dim=dim), name="one")
    held = data.held_out("test")
    X, Y = (as_scipy(bags, data.n_features).toarray() for bags in (held.x, data.y))
    Q = np.linalg.svd(Y)[2][:dim].T
    places = Y @ Q
    lengths = np.linalg.norm(places, axis=1)
    wanted = X @ Q @ places.T / np.where(lengths > 0, lengths, 1)
    assert (lengths == 0).sum() == 1  # the empty document
    for split in "valid", "test":
        opened = open_ranker(made, made.find("model", "one"), data, split)
        np.testing.assert_allclose(opened.ranker.scores(held.x).score, wanted, atol=2e-5)


def test_tfidf_is_the_cosine(made):
    data = dataset(made)
    train_baseline(made, "tfidf")
    held = data.held_out("test")
    scores = open_ranker(made, made.find("model", "tfidf"), data, "test").ranker.scores(held.x).score
    x, y = (as_scipy(bags, data.n_features).toarray() for bags in (held.x, data.y))
    np.testing.assert_allclose(scores, x @ y.T, 1e-5, 1e-6)


@pytest.mark.parametrize(
    "told",
    [{}, {"tie": True}, {"affinity": "overlap"}, {"affinity": "overlap", "weights": "bm25", "tie": True}],
    ids=["free", "tied", "overlap", "overlap-bm25-tied"],
)
def test_models_learn_and_load_to_the_same_bytes(made, told, request):
    """Compiled, and for two threads, the plain model; the others as Python runs them."""
    is_compiled = not told
    if not is_compiled:
        request.getfixturevalue("interpreted_kernels")
    data = dataset(made)
    # by a metric that does not tell the graded documents of a topic apart
    settings = TrainSettings(dim=8, epochs=5, margin=0.3, learning_rate=0.1, metric="precision@4", **told)
    name = "m" + "".join(told)
    model, _ = train(made, settings, name=name, threads=1)
    files = {path.name: path.read_bytes() for path in model.path.glob("fit-*")}
    ranked = open_ranker(made, made.find("model", name), data, "test").ranker.scores(data.held_out("test").x)
    assert ranked.score.shape == (6, 25)
    best = np.argsort(-ranked.score, axis=1)[:, :4]
    same = [[data.labels[int(label)].as_py()[1] == str(row) for label in best[row]] for row in range(6)]
    assert np.mean(same) > 0.9, "the documents of the topic come first"
    other = Workspace(made.root.parent / f"again-{name}")
    other.root.mkdir()
    prepare(other, [], PrepareSettings(**written(other.root), split="split"))
    again, _ = train(other, settings, name=name, threads=2 if is_compiled else 1)
    assert {path.name: path.read_bytes() for path in again.path.glob("fit-*")} == files
    if told.get("tie"):
        assert "V" not in np.load(model.path / "fit-train.npz").files


@pytest.mark.usefixtures("interpreted_kernels")
def test_the_knn_product_ranks_documents(made):
    train(made, TrainSettings(dim=8, epochs=3, margin=0.3), name="ssi", threads=1)
    root = ["-w", str(made.root)]
    assert main([*root, "build-knn", "--model", "ssi", "--k", "3", "--lambda", "2", "--quiet"]) == 0
    assert main([*root, "retrain", "--model", "ssi", "--epochs", "2", "--name", "awe", "--quiet"]) == 0
    assert main([*root, "evaluate", "--model", "ssi,awe", "--quiet"]) == 0


BUILT = {
    "latent-rbf": "--lambda 2 --lambda-y 3",
    "rbf": "--lambda 2 --lambda-y 3",
    "kernel": "--kernel-x cosine --kernel-y linear --space-y embedded",
    "cluster": "--leaves 3 --top 6",
}


def awe(ws: Workspace, *commands: str) -> None:
    """Run commands, each in one line."""
    for command in commands:
        assert main(["--workspace", str(ws.root), *command.split(), "--quiet"]) == 0


def retrained(ws: Workspace, affinity: str, told: str | None = None, name: str | None = None) -> None:
    """A model with G of an affinity."""
    train(ws, TrainSettings(dim=8, epochs=3, margin=0.3), name="ssi", threads=1)
    asked, name = f"--model ssi --affinity {affinity}", name or affinity
    awe(
        ws,
        f"build-affinity {asked} --name {name} {told or BUILT[affinity]}",
        f"retrain {asked} --built {name} --epochs 1 --name {name}",
    )


@pytest.mark.parametrize("affinity", ["latent-rbf", "kernel", "cluster"])
def test_built_affinities_see_documents_where_they_are_embedded(made, affinity, capsys):
    retrained(made, affinity)
    root = ["--workspace", str(made.root)]
    capsys.readouterr()
    assert (
        main([*root, "evaluate", "--model", f"ssi,{affinity}", "--metric", "map", "--json", "--quiet"]) == 0
    )
    found = json.loads(capsys.readouterr().out)["models"]
    assert found[affinity]["metrics"]["map"] > 0.75 * found["ssi"]["metrics"]["map"] > 0.2


def ranked(ws: Workspace, model: str, tmp_path: Path, *more: str) -> list[dict[str, object]]:
    """What predict writes."""
    out = tmp_path / "out.parquet"
    told = [
        "predict",
        "--model",
        model,
        "--split",
        "test",
        *more,
        "--top-k",
        "30",
        "--output",
        str(out),
        "--quiet",
    ]
    assert main(["-w", str(ws.root), *told]) == 0
    return pq.read_table(out).to_pylist()


def before_and_after(ws: Workspace, model: str, tmp_path: Path) -> list[dict[tuple[int, str], float]]:
    """(query, document) → score: of the documents that were prepared, then of these in another order and a new one."""
    new = tmp_path / "new.parquet"
    others = [*reversed(rows()["documents"]), {"document": "new", "text": "topic3 theme3 zebra"}]
    pq.write_table(pa.Table.from_pylist(others), new)
    return [
        {(row["query"], row["label"]): row["score"] for row in ranked(ws, model, tmp_path, *more)}
        for more in ((), ("--documents", str(new)))
    ]


@pytest.mark.parametrize("name", ["ssi", "words", "bm25", "feedback", "lsi", "both"])
def test_documents_that_nobody_saw(made, name, tmp_path):
    """The documents of the dataset in another order, and one more, score as they did: nothing is trained again."""
    train(made, TrainSettings(dim=8, epochs=3, margin=0.3), name="ssi", threads=1)
    train(
        made,
        TrainSettings(affinity="overlap", weights="bm25", dim=8, epochs=2, margin=0.3),
        name="words",
        threads=1,
    )
    train_baseline(made, "bm25")
    train_baseline(made, "lsi", LsiSettings(dim=12))
    train_baseline(made, "bm25", Bm25Settings(feedback=2), name="feedback")
    root = ["-w", str(made.root)]
    assert (
        main([*root, "ensemble", "--model", "ssi,bm25", "--weights", "1,1", "--name", "both", "--quiet"]) == 0
    )
    before, after = before_and_after(made, name, tmp_path)
    assert {label for _, label in after} == {label for _, label in before} | {"new"}
    if name not in (
        "both",
        "feedback",
    ):  # which standardise over the candidates, or look for the best of them
        for pair, score in before.items():
            assert after[pair] == pytest.approx(score, rel=1e-4, abs=1e-5)
    of_topic = [label for query, label in sorted(after, key=lambda pair: -after[pair]) if query // 10 == 3]
    assert "new" in of_topic[:5]


@pytest.mark.parametrize("affinity", ["latent-rbf", "rbf", "kernel"])
def test_g_that_compares_documents_ranks_new_ones(made, affinity, tmp_path):
    """Those that were prepared score as they did, and the new one comes among the documents of its topic."""
    retrained(made, affinity)
    before, after = before_and_after(made, affinity, tmp_path)
    assert {label for _, label in after} == {label for _, label in before} | {"new"}
    for pair, score in before.items():
        assert after[pair] == pytest.approx(score, rel=1e-4, abs=1e-5)
    of_topic = [label for query, label in sorted(after, key=lambda pair: -after[pair]) if query // 10 == 3]
    assert "new" in of_topic[:5]
    assert after[33, "new"] > 0


def test_mixtures_and_ensembles_of_g_that_compares_documents(made, tmp_path, capsys):
    """Two tables of the new documents, a floor, and bm25 beside them; knn among the members is one too many."""
    retrained(made, "latent-rbf")
    retrained(made, "kernel")
    train_baseline(made, "bm25")
    mix = "retrain --model ssi --affinity mix --epochs 0 --floor 0.1 --mix"
    awe(
        made,
        f"{mix} latent-rbf=latent-rbf,kernel=kernel --name mixed",
        "ensemble --model mixed,bm25 --weights 1,1 --name sum",
        "build-knn --model ssi --k 3 --lambda 2",
        f"{mix} latent-rbf=latent-rbf,knn --name partly",
        "ensemble --model mixed,partly --weights 1,1 --name part-of-it",
    )
    before, mixed = before_and_after(made, "mixed", tmp_path)
    for pair, score in before.items():
        assert mixed[pair] == pytest.approx(score, rel=1e-4, abs=1e-5)
    whole, words = (before_and_after(made, name, tmp_path)[1] for name in ("sum", "bm25"))
    of_one = [pair for pair in whole if pair[0] == 33]
    parts = np.array([[scores[pair] for pair in of_one] for scores in (mixed, words)])
    parts = (parts - parts.mean(axis=1, keepdims=True)) / parts.std(axis=1, keepdims=True)
    np.testing.assert_allclose([whole[pair] for pair in of_one], parts.mean(axis=0), 1e-3, 1e-4)
    for model in ("partly", "part-of-it"):
        said = refused(made, model, tmp_path, capsys)
        assert f"found model '{model}', whose affinity knn lists labels" in said


@pytest.mark.parametrize(
    ("affinity", "told", "why", "instead"),
    [
        ("rbf", "--lambda 2 --lambda-y inf", "equal (λ_y is inf)", "build it again with a finite --lambda-y, and"),
        ("kernel", "--kernel-y equality", "equal (K_y is equality)", "build it again with another --kernel-y, and"),
        ("cluster", BUILT["cluster"], "whose affinity cluster lists labels", "such as latent-rbf with a finite"),
    ],
    ids=("rbf", "kernel", "cluster"),
)  # fmt: skip
def test_g_that_knows_no_new_documents_says_why(made, affinity, told, why, instead, tmp_path, capsys):
    retrained(made, affinity, told, "known-only")
    said = refused(made, "known-only", tmp_path, capsys)
    assert f"found model 'known-only', whose affinity {affinity} " in said
    assert why in said
    assert instead in said


def refused(ws: Workspace, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What predict says of a model that cannot rank new documents."""
    new = tmp_path / "new.csv"
    new.write_text("document,text\na,topic1\n")
    capsys.readouterr()
    assert main(["-w", str(ws.root), "predict", "--model", model, "--documents", str(new)]) == 78
    return " ".join(capsys.readouterr().err.split())


def test_new_documents_are_refused_by_what_knows_labels(made, tmp_path, capsys):
    train(made, TrainSettings(dim=8, epochs=3, margin=0.3), name="ssi", threads=1)
    train_baseline(made, "popularity")
    new = tmp_path / "new.csv"
    new.write_text("document,text\na,topic1\n")
    root = ["-w", str(made.root)]
    assert main([*root, "predict", "--model", "popularity", "--documents", str(new)]) == 78
    assert "by their features alone, found" in " ".join(capsys.readouterr().err.split())
    new.write_text("document,body\na,topic1\n")
    assert main([*root, "predict", "--model", "ssi", "--documents", str(new)]) == 66
    new.write_text("document,text\na,topic1\na,topic2\n")
    assert main([*root, "predict", "--model", "ssi", "--documents", str(new)]) == 65
    assert main([*root, "predict", "--model", "ssi", "--documents", str(tmp_path / "none.csv")]) == 66


def test_new_documents_need_label_features(tmp_path, capsys):
    ws = recommendation(tmp_path / "people")
    train_baseline(ws, "popularity")
    new = tmp_path / "new.csv"
    new.write_text("document,text\na,topic1\n")
    assert main(["-w", str(ws.root), "predict", "--model", "popularity", "--documents", str(new)]) == 78
    assert "labels have no features" in " ".join(capsys.readouterr().err.split())


def test_sparse_and_dense_documents(tmp_path):
    documents = [{"document": t, "words": [f"w{t}", "all"], "n": [1.0, 2.0], "p": float(t), "q": 1.0 - t}
                 for t in range(5)]  # fmt: skip
    queries = [{"query": f"q{t}", "words": [f"w{t % 5}"], "n": [1.0]} for t in range(20)]
    pairs = [{"query": f"q{t}", "document": t % 5} for t in range(20)]
    files = written(tmp_path, queries=queries, documents=documents, relevance=pairs)
    ws = Workspace(tmp_path)
    prepare(ws, [], PrepareSettings(**files, query_sparse="words:n", document_sparse="words:n"))
    assert dataset(ws).described.shared
    assert dataset(ws).labels.type == pa.int64()
    prepare(ws, [], PrepareSettings(**files, query_sparse="words:n", document_features=("p", "q")))
    data = dataset(ws)
    assert not data.described.shared
    assert data.y.values.shape == (5, 2) == (data.n_labels, data.n_label_features)
    train(ws, TrainSettings(dim=4, epochs=2, margin=0.3), name="dense", threads=1)
    open_ranker(ws, ws.find("model", "dense"), data, "test").ranker.scores(data.held_out("test").x)
    with pytest.raises(SettingsError, match="--tie: expected inputs and labels with the same features"):
        train(ws, TrainSettings(tie=True))
    with pytest.raises(SettingsError, match="one vocabulary"):
        train(ws, TrainSettings(affinity="overlap"))
    with pytest.raises(SettingsError, match="one vocabulary"):
        train_baseline(ws, "tfidf")
    with pytest.raises(SettingsError, match="one vocabulary"):
        shared_words(None, "bm25", 1.2, 0.75)


REFUSED = {
    "no documents": (2, {"documents": None}, [], "--documents is needed"),
    "a file beside": (2, {}, ["more.csv"], "more.csv: expected no file beside"),
    "an option of others": (2, {}, ["--labels", "tags"], "--labels is not for retrieval"),
    "two kinds": (2, {}, ["--query-text", "text", "--query-sparse", "a:b"], "expected one of --query-text"),
    "no text": (2, {"documents": [{"document": "a", "body": "b"}]}, [], "expected a column 'text', found document"),
    "no id": (2, {"documents": [{"doc": "a", "text": "b"}]}, [], "expected a column 'document', found doc"),
    "no such column": (66, {}, ["--grade", "grades"], "grades"),
    "an id twice": (65, {"documents": [{"document": "a", "text": "b"}] * 2}, [], "row 2: expected ids that are"),
    "no words": (65, {"documents": [{"document": "d00", "text": ""}]}, [], "no document has a feature"),
    "nothing relevant": (
        65, {"relevance": [{"query": 0, "document": "d00", "relevance": 0}]}, [], "expected pairs that are relevant",
    ),
    "other ids": (
        65, {"relevance": [{"query": 0, "document": "doc-1", "relevance": 1}]}, [], "no pair that names both",
    ),
    "other types": (65, {"relevance": [{"query": "0", "document": "d00"}]}, [], "expected integers such as 0"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case, tmp_path, capsys):
    code, changed, more, message = REFUSED[case]
    files = written(tmp_path, **{name: lines for name, lines in changed.items() if lines})
    told = [word for name, path in files.items() if changed.get(name, 1) for word in (f"--{name}", path)]
    found = main(["-w", str(tmp_path / "w"), "prepare", *told, *more])
    said = " ".join(capsys.readouterr().err.split())
    assert found == code, said
    assert message in said
    assert "hint: " in said
    assert not (tmp_path / "w" / "dataset.json").exists()
