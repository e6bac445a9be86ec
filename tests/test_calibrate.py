"""`awe calibrate`, and the probabilities that predict and evaluate take from it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from awe_cli.api.workspace import Workspace
from awe_cli.app import main
from awe_cli.config.evaluate import EvaluateSettings
from awe_cli.config.prepare import PrepareSettings
from awe_cli.errors import CorruptArtifactError, DataError, MissingInputError, SettingsError
from awe_cli.models.calibration import MAP, open_calibration
from awe_cli.ranking.calibration import PLATT, RAW, Cells, _loss_by_halves
from awe_cli.steps.calibrate import calibrate
from awe_cli.steps.evaluate import evaluate
from awe_cli.steps.prepare import prepare
from awe_cli.steps.status import status
from awe_cli.steps.train_baseline import train_baseline
from awe_cli.workspace.arrays import load_arrays, save_arrays

MODELS = ("popularity", "item-knn", "ease", "both")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """120 people who choose mostly from one of four shelves of items; models of several kinds, all calibrated."""
    root = tmp_path_factory.mktemp("calibrated")
    rng = np.random.default_rng(0)
    rows = [
        {"person": f"p{p}", "item": f"i{shelf * 10 + item}", "split": split}
        for p in range(120)
        for shelf in [rng.integers(4)]
        for split, item in zip(
            ["train"] * 4 + ["valid"] * 2 + ["test"] * 2, rng.permutation(12)[:8], strict=True
        )
    ]
    pq.write_table(pa.Table.from_pylist(rows), root / "plays.parquet")
    (root / "new.csv").write_text("person,item\nn1,i1\nn1,i2\nn2,strange\n")
    where = ["-w", str(root / "ws")]
    for command in (
        f"prepare {root}/plays.parquet --user person --item item --split split",
        *(f"train-baseline {name}" for name in MODELS[:-1]),
        "ensemble --model ease,popularity --name both",
        *(f"calibrate --model {name}" for name in MODELS),
    ):
        assert main([*where, *command.split(), "-q"]) == 0
    return Workspace(root / "ws")


def predicted(ws, *options, output="p.parquet"):
    path = ws.root.parent / output
    assert main(["-w", str(ws.root), "predict", "--output", str(path), "-q", *options]) == 0
    return pq.read_table(path)


@pytest.mark.parametrize("model", MODELS)
def test_probabilities_stand_beside_an_unchanged_ranking(made, model):
    plain = predicted(made, "--model", model, "--split", "test")
    found = predicted(made, "--model", model, "--split", "test", "--probabilities")
    assert found.column_names == ["person", "label", "rank", "score", "probability"]
    assert found.drop_columns("probability").equals(plain)
    p = found["probability"].to_numpy()
    assert ((p > 0) & (p < 1)).all()
    first = found["rank"].to_numpy() == 1
    assert (np.diff(p)[~first[1:]] <= 0).all()


@pytest.mark.parametrize("model", MODELS)
def test_on_average_they_are_right_on_validation(made, model):
    """There they were fitted: of all candidates as many are positives as the probabilities add up to."""
    found = predicted(made, "--model", model, "--split", "valid", "--probabilities", "--top-k", "100")
    result = json.loads(made.find("calibration", model).file("result.json").read_text())
    assert found.num_rows == result["pairs"]
    assert pc.sum(found["probability"]).as_py() == pytest.approx(result["positives"], rel=0.05)


def test_a_threshold_leaves_out_what_is_less_probable(made):
    everything = predicted(made, "--model", "ease", "--split", "test", "--probabilities", "--top-k", "10")
    found = predicted(made, "--model", "ease", "--split", "test", "--threshold", "0.1", "--top-k", "10")
    assert found.equals(everything.filter(pc.greater_equal(everything["probability"], 0.1)))
    assert 0 < found.num_rows < everything.num_rows


def test_new_people_have_them_and_those_without_a_known_item_none(made):
    new = str(made.root.parent / "new.csv")
    found = predicted(made, "--model", "ease", new, "--probabilities")
    known = pc.equal(found["person"], "n1")
    assert found.filter(known)["probability"].null_count == 0
    assert found.filter(pc.invert(known))["probability"].null_count == 10
    assert set(predicted(made, "--model", "ease", new, "--threshold", "0")["person"].to_pylist()) == {
        "n1",
        "n2",
    }
    above = predicted(made, "--model", "ease", new, "--threshold", "0.01")
    assert set(above["person"].to_pylist()) == {"n1"}


def test_they_do_not_depend_on_what_else_is_allowed(made):
    (made.root.parent / "allow.txt").write_text("i1\ni3\ni11\n")
    options = ("--model", "both", "--split", "test", "--probabilities", "--top-k", "50")
    some = predicted(made, *options, "--allow", str(made.root.parent / "allow.txt")).drop_columns("rank")
    everything = predicted(made, *options).drop_columns("rank")
    assert some.num_rows > 0
    assert some.equals(everything.filter(pc.is_in(everything["label"], pa.array(["i1", "i3", "i11"]))))


def test_evaluate_measures_them(made):
    settings = EvaluateSettings(metric=("ece", "brier", "gini", "coverage"), at=(5,), split="test")
    document = evaluate(made, ["ease", "popularity"], settings)[0]
    rows = predicted(made, "--model", "ease", "--split", "test", "--probabilities", "--top-k", "5")
    held = pq.read_table(made.root.parent / "plays.parquet").filter(pc.field("split") == "test")
    wanted = set(zip(held["person"].to_pylist(), held["item"].to_pylist(), strict=True))
    hits = np.array(
        [pair in wanted for pair in zip(rows["person"].to_pylist(), rows["label"].to_pylist(), strict=True)]
    )
    p = rows["probability"].to_numpy()
    found = document["models"]["ease"]["metrics"]
    assert found["brier@5"] == pytest.approx(np.square(p - hits).mean(), abs=1e-6)
    bins = document["models"]["ease"]["reliability"]["ece@5"]
    assert sum(b["labels"] for b in bins) == len(p)
    gaps = [b["labels"] * abs(b["probability"] - b["positives"]) for b in bins]
    assert found["ece@5"] == pytest.approx(sum(gaps) / len(p))
    counts = np.unique(rows["label"].to_numpy(zero_copy_only=False), return_counts=True)[1]
    assert found["coverage@5"] == pytest.approx(len(counts) / document["n_labels"])
    assert document["models"]["popularity"]["metrics"]["gini@5"] > found["gini@5"]
    assert document["better"] == {
        "ece@5": "lower",
        "brier@5": "lower",
        "gini@5": "lower",
        "coverage@5": "higher",
    }


def test_from_python(made):
    found = made.model("ease").recommend("p1", 3, threshold=0.0)
    assert found["probability"].null_count == 0
    assert made.calibrate("ease", method="platt")["method"] == "platt"
    assert made.calibrate("ease")["method"] in ("isotonic", "platt")


def test_an_alias_is_calibrated_by_what_it_means(made):
    made.promote(made.find("model", "ease"), "in-use", "ease")
    found = predicted(made, "--model", "in-use", "--probabilities")
    assert found.equals(predicted(made, "--model", "ease", "--probabilities"))


def test_the_page_and_the_figure_show_them(made, tmp_path):
    pytest.importorskip("matplotlib")
    where = ["-w", str(made.root)]
    assert main([*where, "plot", "reliability", "--model", "ease,both", "-o", str(tmp_path / "r.svg")]) == 0
    assert main([*where, "report", "--model", "ease,both", "-o", str(tmp_path / "r.html")]) == 0
    page = (tmp_path / "r.html").read_text()
    assert "brier@10" in page.split('id="reliability"')[1].split("</section>")[0]


# What cannot be.


@pytest.fixture
def small(tmp_path):
    """The plays of a few people."""

    def make(valid=True, people=40):
        rows = [
            f"p{p},i{(p + n) % 9},{'valid' if valid and n == 3 else 'train'}"
            for p in range(people)
            for n in range(4)
        ]
        (tmp_path / "plays.csv").write_text("\n".join(["person,item,split", *rows]) + "\n")
        ws = Workspace(tmp_path / "ws")
        settings = PrepareSettings(user="person", item="item", split="split", valid_fraction=0.0)
        prepare(ws, [str(tmp_path / "plays.csv")], settings)
        train_baseline(ws, "popularity")
        return ws

    return make


def test_a_model_that_is_not_calibrated(small, capsys):
    ws = small()
    for command in (
        "predict --model popularity --probabilities",
        "evaluate --model popularity --metric ece@5",
    ):
        assert (
            main(["-w", str(ws.root), *command.split(), *(["--split", "valid"] if "eval" in command else [])])
            == 66
        )
        assert "`awe -w" in (said := capsys.readouterr().err)
        assert "calibrate --model popularity`" in said


def test_an_earlier_model_of_the_name(small):
    ws = small()
    calibrate(ws, "popularity")
    assert not calibrate(ws, "popularity")[1]
    small(people=60)
    assert {entry.kind: entry.state for entry in status(ws)}["calibration"] == "stale"
    with pytest.raises(MissingInputError, match="of an earlier model of that name"):
        ws.model("popularity").recommend("p1", probabilities=True)
    assert calibrate(ws, "popularity")[1]
    assert ws.model("popularity").recommend("p1", probabilities=True)["probability"].null_count == 0


def test_too_little_to_calibrate_by(small):
    with pytest.raises(MissingInputError, match="no validation split"):
        calibrate(small(valid=False), "popularity")
    with pytest.raises(DataError, match="has 29 positives, expected at least 30"):
        calibrate(small(people=29), "popularity")


def test_a_model_that_has_seen_validation(small):
    ws = small()
    model = ws.find("model", "popularity")
    recipe = replace(model.manifest.recipe, settings={**model.settings, "fits": [["train", "valid"]]})
    with ws.stage("model", recipe) as staging:
        staging.file("result.json").write_bytes(model.file("result.json").read_bytes())
        staging.publish("popularity")
    with pytest.raises(SettingsError, match="has seen the split 'valid'"):
        calibrate(ws, "popularity")


def test_probabilities_of_items_that_a_person_has(small):
    ws = small()
    calibrate(ws, "popularity")
    assert (
        main(["-w", str(ws.root), "predict", "--model", "popularity", "--include-seen", "--threshold", "0.5"])
        == 78
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("probabilities", -0.5), ("scores", np.nan), ("scale", 7.0), ("slope", -1.0)],
)
def test_a_stored_map_that_is_none(small, name, value):
    ws = small()
    stored = calibrate(ws, "popularity")[0]
    arrays = load_arrays(stored.file(MAP))
    arrays[name] = np.full_like(arrays[name], value) if arrays[name].size else np.array([value])
    save_arrays(stored.file(MAP), arrays)
    with pytest.raises(CorruptArtifactError, match="a map from scores to probabilities"):
        open_calibration(stored)


def test_a_probability_that_is_rounded_to_1_has_a_finite_loss():
    # The second half has negatives beyond all scores of the first, where the curve of that says 1.
    positives, pairs = np.array([[0.0, 50.0, 0.0]] * 2), np.array([[50.0, 50.0, 0.0], [50.0, 50.0, 5.0]])
    cells = Cells(np.array([-1.0, 1.0, 1e6]), positives, pairs)
    assert 0 < _loss_by_halves(PLATT, RAW, cells) < 100
