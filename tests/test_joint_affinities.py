"""Affinities with numbers of their own, from the command line to predictions."""

from __future__ import annotations

import numpy as np
import pytest

from awe_cli.app import main
from awe_cli.config.train import TrainSettings
from awe_cli.errors import SettingsError
from awe_cli.models.store import load_result, load_state
from awe_cli.steps.train import train
from tests.small import recommendation

pytestmark = pytest.mark.usefixtures("interpreted_kernels")
SMALL = {"epochs": 2, "dim": 4, "fit_on": ("train",)}


def test_low_rank_from_training_to_predictions(tmp_path, capsys):
    ws = recommendation(tmp_path / "ws")
    told = ("--affinity", "low-rank", "--low-rank-dim", "3", "--dim", "4", "--epochs", "2", "--floor", "0.5")
    assert main(["--workspace", str(ws.root), "train", *told]) == 0
    state = load_state(ws.find("model", "low-rank"), ("train", "valid"))
    assert state.learned.U_hat.shape == (5, 3)
    assert state.memory.V_hat.any(), "its factors were stepped"
    assert main(["--workspace", str(ws.root), "evaluate", "--model", "low-rank", "--json"]) == 0
    assert (
        main(["--workspace", str(ws.root), "predict", "--model", "low-rank", "--output", "-", "--quiet"]) == 0
    )
    assert "traceback" not in capsys.readouterr().err.lower()


def test_a_model_goes_on_from_one_with_the_same_parameters_only(tmp_path):
    ws = recommendation(tmp_path / "ws")
    first, _ = train(ws, TrainSettings(affinity="concat", **SMALL), name="first", threads=1)
    before = load_state(first, ("train",))
    again, _ = train(ws, TrainSettings(affinity="concat", start="first", **SMALL), name="again", threads=1)
    assert (load_state(again, ("train",)).memory.shared > before.memory.shared).all(), "its memory is kept"
    other, _ = train(ws, TrainSettings(affinity="constant", start="first", **SMALL), name="other", threads=1)
    assert load_state(other, ("train",)).learned.shared.size == 0


def test_plain_steps_go_on_as_plain_steps(tmp_path):
    ws = recommendation(tmp_path / "ws")
    first, _ = train(ws, TrainSettings(affinity="constant", steps="sgd", **SMALL), name="first", threads=1)
    assert load_result(first)["chosen"]["constant"]["plan"]["learning_rate"] == pytest.approx(0.01)
    again, _ = train(ws, TrainSettings(affinity="max", start="first", **SMALL), name="again", threads=1)
    assert load_result(again)["chosen"]["max"]["plan"]["steps"] == "sgd"
    settings = TrainSettings(affinity="max", start="first", steps="adagrad", **SMALL)
    with pytest.raises(SettingsError, match="--steps: expected sgd"):
        train(ws, settings, name="other", threads=1)


def test_a_mixture_learns_its_weights(tmp_path):
    ws = recommendation(tmp_path / "ws")
    settings = TrainSettings(affinity="mix", mix=("constant", "gaussian"), learn_mix=True, **SMALL)
    model, _ = train(ws, settings, threads=1)
    assert load_result(model)["affinity"]["learn_mix"] is True
    assert not np.allclose(load_state(model, ("train",)).learned.shared, 0.5)
    fixed, _ = train(ws, TrainSettings(affinity="mix", mix=("constant:2", "gaussian:3"), **SMALL), threads=1)
    np.testing.assert_array_equal(load_state(fixed, ("train",)).learned.shared, [[2, 3]])


def test_bad_parameters_end_with_78(tmp_path, capsys):
    ws = recommendation(tmp_path / "ws")
    for told in (
        ["low-rank", "--low-rank-dim", "0"],
        ["mix", "--mix", "max"],
        ["concat", "--activation", "tan"],
    ):
        assert main(["--workspace", str(ws.root), "train", "--affinity", *told]) == 78
        assert "error: " in capsys.readouterr().err
    with pytest.raises(SettingsError, match="--mix"):
        train(ws, TrainSettings(affinity="max", mix=("max", "dot")))
