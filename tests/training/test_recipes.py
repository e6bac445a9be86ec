"""What a run is made with where nobody says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from awe_cli.cli.train import describe
from awe_cli.config.train import TrainSettings
from awe_cli.models.store import load_result, open_dataset
from awe_cli.steps.train import train
from awe_cli.training import config
from awe_cli.training.config import feature_plan, linear_plans
from awe_cli.training.trainer import differing
from tests.small import recommendation


def test_few_people_have_a_wide_margin_tried_besides(tmp_path, monkeypatch):
    dataset = open_dataset(recommendation(tmp_path / "ws").find("dataset"))
    assert [plan.margin for plan in linear_plans(dataset, {})] == [0.3, 1.0]
    assert [plan.margin for plan in linear_plans(dataset, {"margin": 0.2})] == [0.2]
    assert len(linear_plans(dataset, {"loss": "regression"})) == 1, "no margin, so none is tried"
    monkeypatch.setattr(config, "_FEW_PEOPLE", 2)
    assert len(linear_plans(dataset, {})) == 1


@pytest.mark.usefixtures("interpreted_kernels")
def test_a_linear_sigmoid_goes_on_with_a_third_of_the_margin(tmp_path):
    ws = recommendation(tmp_path / "ws")
    first = linear_plans(open_dataset(ws.find("dataset")), {})[0]
    assert feature_plan("linear-sigmoid", first, {}).margin == pytest.approx(0.1)
    assert feature_plan("linear-sigmoid", first, {"margin": 0.3}).margin == 0.3
    assert feature_plan("max", first, {}) == replace(first, learning_rate=first.learning_rate / 3)
    model, _ = train(ws, TrainSettings(affinity="linear-sigmoid", epochs=1, dim=4), threads=1)
    chosen = {stage: of["plan"]["margin"] for stage, of in load_result(model)["chosen"].items()}
    assert chosen["linear-sigmoid"] == pytest.approx(chosen["linear"] / 3)


@pytest.mark.usefixtures("interpreted_kernels")
def test_runs_that_are_tried_are_told_apart_by_what_their_plans_differ_in(tmp_path):
    ws, heard = recommendation(tmp_path / "ws"), []
    first = linear_plans(open_dataset(ws.find("dataset")), {})[0]
    assert differing([first, replace(first, learning_rate=0.02)]) == ("learning_rate",)
    assert differing([first]) == ()
    told = TrainSettings(affinity="linear-sigmoid", epochs=3, dim=4)
    model, _ = train(ws, told, threads=1, on_progress=heard.append)
    chosen = load_result(model)["chosen"]
    margin = f", margin {chosen['linear']['plan']['margin']:g}"
    shown = {one.task: one for one in map(describe, heard)}
    assert list(shown) == [
        "linear, train, margin 0.3",
        "linear, train, margin 1",
        "linear-sigmoid, train",
        f"linear, train+valid{margin}",
        "linear-sigmoid, train+valid",
    ]
    again = shown["linear-sigmoid, train+valid"]
    assert again.done == again.total == chosen["linear-sigmoid"]["epochs"]
    faster = [replace(one, apart=("learning_rate",)) for one in heard[:1]]
    assert describe(faster[0]).task == "linear, train, learning rate 0.1"
