"""Explained scores: parts that add up to what predict gives, for every affinity, baseline and ensemble."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awe_cli.app import main
from awe_cli.config.prepare import PrepareSettings
from awe_cli.config.train import TrainSettings
from awe_cli.dataset.dataset import Dataset
from awe_cli.models.load import open_ranker
from awe_cli.steps.explain import explain
from awe_cli.steps.prepare import prepare
from awe_cli.steps.train import train
from awe_cli.workspace import Workspace

PEOPLE, ITEMS = 60, 12
LEARNED = {
    "constant": {},
    "sigmoid with a floor": {"affinity": "sigmoid", "floor": 0.5},
    "sigmoid": {},
    "sigmoid of the score": {"affinity": "sigmoid", "scope": "score"},
    "linear-sigmoid": {},
    "max": {},
    "top-k": {},
    "gaussian": {},
    "embedded-gaussian": {},
    "dot": {},
    "low-rank": {},
    "concat": {},
    "pair-weights": {},
    "mix": {"mix": ("constant:0.5", "sigmoid:0.3", "max:0.2")},
    "mix with a floor": {"affinity": "mix", "mix": ("sigmoid:0.6", "max:0.4"), "floor": 0.5},
}


def written(folder: Path) -> list[str]:
    """People of two tastes, and the options of prepare with attributes of both sides."""
    rng = np.random.default_rng(1)
    users, items = [], []
    for person in range(PEOPLE):
        chosen = rng.permutation(ITEMS // 2)[:4] + (person % 2) * ITEMS // 2
        users += [f"p{person}"] * 4
        items += [f"i{item}" for item in chosen]
    pq.write_table(pa.table({"user": users, "item": items}), folder / "plays.parquet")
    (folder / "users.csv").write_text(
        "user,side\n" + "".join(f"p{person},{person % 2}\n" for person in range(PEOPLE)) + "idle,1\n"
    )
    return [
        str(folder / "plays.parquet"), "--user", "user", "--item", "item",
        "--user-file", str(folder / "users.csv"), "--user-categories", "side",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("explain")
    where = ["-w", str(folder / "w")]
    assert main([*where, "prepare", *written(folder)]) == 0
    assert main([*where, "train", "--name", "wsabie", "--dim", "6", "--epochs", "6"]) == 0
    assert main([*where, "build-knn", "--model", "wsabie", "--k", "7"]) == 0
    assert main([*where, "retrain", "--model", "wsabie", "--name", "awe", "--epochs", "1"]) == 0
    return Workspace(folder / "w")


def adds_up(ws: Workspace, model: str, example: str, top_k: int = 4) -> list[dict]:
    """The explanation of an example, whose parts were compared with the scores of predict."""
    out = ws.root.parent / "predicted.jsonl"
    where = ["-w", str(ws.root)]
    assert (
        main([*where, "predict", "--model", model, "--id", example, "--top-k", str(top_k), "-o", str(out)])
        == 0
    )
    predicted = [json.loads(line) for line in out.read_text().splitlines()]
    (found,) = explain(ws, model, [example], labels=[str(row["label"]) for row in predicted])
    assert str(found["id"]) == example
    assert [entry["label"] for entry in found["labels"]] == [row["label"] for row in predicted]
    for entry, row in zip(found["labels"], predicted, strict=True):
        assert entry["score"] == pytest.approx(row["score"], rel=1e-6)
        shares = [part["share"] for part in entry["parts"]]
        size = max(1.0, float(np.abs(shares).sum()))
        assert sum(shares) == pytest.approx(row["score"], abs=2e-5 * size)
        assert shares == sorted(shares, key=lambda share: -abs(share))
    return found["labels"]


@pytest.mark.parametrize("case", LEARNED)
def test_learned_affinities(ws, case, interpreted_kernels):
    more = LEARNED[case]
    settings = TrainSettings(**{"affinity": case, "dim": 6, "epochs": 2, **more})
    name = case.replace(" ", "-")
    train(ws, settings, name=name, threads=1)
    labels = adds_up(ws, name, "p3")
    kinds = {part["kind"] for entry in labels for part in entry["parts"]}
    assert kinds == ({"affinity"} if "mix" in more else {"feature"})
    if "floor" in more and "mix" in more:
        assert {part["name"] for part in labels[0]["parts"]} == {"sigmoid", "max", "(floor)"}
    if "mix" not in more:
        assert "user:side=1" in {part["name"] for part in labels[0]["parts"]}
        assert len(labels[0]["parts"]) == 5, "four items and what is known of the person"


def test_each_share_of_sigmoid_by_its_equation(ws, interpreted_kernels):
    """Eq. 5: s_ij times sigmoid(κ s_ij), worked out from U and V as they are stored."""
    model, _ = train(ws, TrainSettings(affinity="sigmoid", dim=6, epochs=2, gain=1.0), name="eq5", threads=1)
    from awe_cli.models.store import load_result, load_state

    stored = ws.find("dataset")
    data = Dataset.open(stored.path, stored.settings)
    state = load_state(model, max((tuple(fit) for fit in model.settings["fits"]), key=len), data)
    parameters = load_result(model)["affinity"]
    (found,) = explain(ws, "eq5", ["p3"])
    entry = found["labels"][0]
    row = data.example_ids.to_pylist().index("p3")
    x = next(iter(data.everyone_batches())).slice(row, row + 1).x
    label = data.labels.to_pylist().index(entry["label"])
    names = data.features.to_pylist()
    expected = {}
    for i, value in zip(x.indices, x.values, strict=True):
        product = float(state.U[i] @ state.V[label])
        inner = parameters["gain"] * product * (1 if parameters["unit"] else value)
        expected[names[i]] = value * product / (1 + np.exp(-inner))
    assert {part["name"]: part["share"] for part in entry["parts"]} == pytest.approx(expected, rel=1e-4)


def test_the_label_that_is_named(ws):
    (found,) = explain(ws, "wsabie", ["p3"], labels=["i0", "i6"])
    assert [entry["label"] for entry in found["labels"]] == ["i0", "i6"]


def test_neighbours_that_have_the_label(ws):
    labels = adds_up(ws, "awe", "p3")
    stored = ws.find("dataset")
    data = Dataset.open(stored.path, stored.settings)
    everyone = next(iter(data.everyone_batches()))
    has = {
        str(who): {data.labels[int(y)].as_py() for y in everyone.seen.indices[a:b]}
        for who, a, b in zip(
            everyone.ids.to_pylist(), everyone.seen.indptr, everyone.seen.indptr[1:], strict=False
        )
    }
    for entry in labels:
        for part in entry["parts"]:
            assert part["kind"] == "neighbor"
            assert part["name"] != "p3"
            assert not part["share"] or entry["label"] in has[part["name"]]
        assert entry["score"] <= 0 or sum(part["share"] > 0 for part in entry["parts"]) > 1


@pytest.mark.parametrize(
    "method", ["item-knn", "graph-filter", "ease", "svd", "input-knn", "tree-knn", "popularity"]
)
def test_baselines(ws, method):
    assert main(["-w", str(ws.root), "train-baseline", method]) == 0
    adds_up(ws, method, "p8")


def test_a_score_that_is_no_sum_is_refused(ws, capsys):
    assert main(["-w", str(ws.root), "train-baseline", "nmf"]) == 0
    capsys.readouterr()
    assert main(["-w", str(ws.root), "explain", "--model", "nmf", "--id", "p3"]) == 78
    assert "no sum over the features" in capsys.readouterr().err


def test_built_affinities_and_mixtures_of_them(ws):
    where = ["-w", str(ws.root)]
    for affinity in ("rbf", "cluster"):
        assert main([*where, "build-affinity", "--affinity", affinity, "--model", "wsabie"]) == 0
        more = ["--model", "wsabie", "--affinity", affinity, "--name", affinity, "--epochs", "1"]
        assert main([*where, "retrain", *more]) == 0
        adds_up(ws, affinity, "p3", top_k=8)
    more = [
        "--model",
        "wsabie",
        "--affinity",
        "mix",
        "--mix",
        "knn,constant",
        "--name",
        "blend",
        "--epochs",
        "1",
    ]
    assert main([*where, "retrain", *more]) == 0
    labels = adds_up(ws, "blend", "p3")
    assert {part["name"] for part in labels[0]["parts"]} == {"knn", "constant"}


def test_ensembles_by_their_models(ws, capsys):
    where = ["-w", str(ws.root)]
    assert main([*where, "train-baseline", "item-knn"]) == 0
    assert main([*where, "ensemble", "--model", "wsabie,awe,item-knn", "--name", "all"]) == 0
    labels = adds_up(ws, "all", "p3")
    assert {part["kind"] for part in labels[0]["parts"]} == {"model"}
    assert {part["name"] for part in labels[0]["parts"]} <= {"wsabie", "awe", "item-knn"}
    most = max(labels[0]["parts"], key=lambda part: part["share"])["name"]
    assert main([*where, "explain", "--model", "all", "--id", "p3"]) == 0
    assert f"explain --model {most} --id p3\n" in capsys.readouterr().err
    assert main([*where, "explain", "--model", most, "--id", "p3"]) == 0
    assert f"explain --model {most} --id p3 --json\n" in capsys.readouterr().err


def test_a_model_of_yesterday(tmp_path):
    where = ["-w", str(tmp_path / "w")]
    options = written(tmp_path)
    assert main([*where, "prepare", *options]) == 0
    assert main([*where, "train", "--name", "old", "--dim", "4", "--epochs", "2"]) == 0
    table = pq.read_table(tmp_path / "plays.parquet")
    more = pa.table({"user": ["p0", "p0"], "item": ["fresh", "i11"]})
    pq.write_table(pa.concat_tables([table, more]), tmp_path / "plays.parquet")
    assert main([*where, "prepare", *options, "--update"]) == 0
    adds_up(Workspace(tmp_path / "w"), "old", "p0")
    assert main([*where, "explain", "--model", "old", "--id", "p0", "--label", "fresh"]) == 66


@pytest.mark.parametrize("kind", ["dense", "text", "described"])
def test_annotated_examples(tmp_path, kind, interpreted_kernels):
    rng = np.random.default_rng(2)
    n = 40
    table = {
        "id": [f"e{i}" for i in range(n)],
        "a": rng.normal(size=n), "b": [float(i % 3) for i in range(n)],
        "text": [("red apple " if i % 2 else "blue sea ") * (1 + i % 2) + "all" for i in range(n)],
        "tag": [f"t{i % 3}" for i in range(n)],
    }  # fmt: skip
    pq.write_table(pa.table(table), tmp_path / "rows.parquet")
    (tmp_path / "tags.csv").write_text("tag,group\nt0,x\nt1,x\nt2,y\n")
    features = {"features": ("a", "b")} if kind == "dense" else {"text": "text"}
    if kind == "described":
        features |= {"label_file": str(tmp_path / "tags.csv"), "label_categories": ("group",)}
    ws = Workspace(tmp_path / "w")
    prepare(ws, [str(tmp_path / "rows.parquet")], PrepareSettings(labels="tag", id="id", **features))
    for affinity in ("constant", "sigmoid", "top-k"):
        train(ws, TrainSettings(affinity=affinity, dim=4, epochs=2), name=affinity, threads=1)
        labels = adds_up(ws, affinity, "e4", top_k=3)
        assert "(constant)" in {part["name"] for part in labels[0]["parts"]}


def test_json_as_documented(ws, capsys):
    command = ["-w", str(ws.root), "explain", "--model", "wsabie", "--json"]
    assert main([*command, "--id", "p3", "--label", "i1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["id", "labels"]
    assert found["id"] == "p3"
    (label,) = found["labels"]
    assert list(label) == ["label", "score", "parts"]
    assert {tuple(part) for part in label["parts"]} == {("name", "kind", "share")}
    assert main([*command, "--id", "p3", "--id", "p4", "--parts", "2"]) == 0
    both = json.loads(capsys.readouterr().out)
    assert [entry["id"] for entry in both] == ["p3", "p4"]
    parts = both[0]["labels"][0]["parts"]
    assert [part["name"] for part in parts][2:] == ["(3 others)"]
    assert sum(part["share"] for part in parts) == pytest.approx(both[0]["labels"][0]["score"], rel=1e-5)


def test_new_people_and_those_of_whom_nothing_is_known(ws, tmp_path, capsys):
    (tmp_path / "new.csv").write_text("user,item\nann,i1\nann,i2\nbob,nothing\n")
    command = ["-w", str(ws.root), "explain", "--model", "wsabie", str(tmp_path / "new.csv"), "--json"]
    assert main(command) == 0
    ann, bob = json.loads(capsys.readouterr().out)
    assert {part["name"] for part in ann["labels"][0]["parts"]} == {"i1", "i2"}
    assert bob["labels"][0]["parts"][0]["kind"] == "popularity"
    assert main(["-w", str(ws.root), "explain", "--model", "wsabie", "--id", "idle"]) == 0
    assert "user:side=1" in capsys.readouterr().out


REFUSED = {
    "nobody": (2, [], "no example is named"),
    "unknown id": (66, ["--id", "p33x"], "p33"),
    "unknown label": (66, ["--id", "p3", "--label", "i1l"], "did you mean"),
    "both": (2, ["--id", "p3", "nowhere.csv"], "an input is named"),
    "no such model": (66, ["--id", "p3", "--model", "wsabi"], "wsabie"),
    "no parts": (78, ["--id", "p3", "--parts", "0"], "--parts"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_one_clear_message(ws, capsys, case):
    code, options, words = REFUSED[case]
    named = options if "--model" in options else ["--model", "wsabie", *options]
    assert main(["-w", str(ws.root), "explain", *named]) == code
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said


def test_the_score_is_that_of_the_ranker(ws):
    stored = ws.find("dataset")
    data = Dataset.open(stored.path, stored.settings)
    found = open_ranker(ws, ws.find("model", "wsabie"), data, None)
    row = data.example_ids.to_pylist().index("p5")
    x = next(iter(data.everyone_batches())).slice(row, row + 1).x
    (told,) = explain(ws, "wsabie", ["p5"], labels=["i3"])
    label = data.labels.to_pylist().index("i3")
    assert told["labels"][0]["score"] == float(found.ranker.scores(x).score[0, label])
