"""A loss by name, from the settings to the stored model."""

from __future__ import annotations

import pytest

from awe_cli.config.train import TrainSettings
from awe_cli.errors import SettingsError
from awe_cli.models.store import load_result
from awe_cli.steps.train import train
from tests.small import recommendation


def test_a_model_knows_its_loss(tmp_path):
    ws = recommendation(tmp_path)
    told = TrainSettings(loss="owpc", rank_weights="top", epochs=2, dim=4)
    model, made = train(ws, told, threads=1)
    assert made
    plan = load_result(model)["chosen"]["constant"]["plan"]
    assert (model.settings["loss"], plan["loss"], plan["rank_weights"]) == ("owpc", "owpc", "top")
    assert not train(ws, told, threads=1)[1], "up to date"


def test_a_setting_of_another_loss_is_refused_before_anything_is_learned(tmp_path):
    with pytest.raises(SettingsError, match="--max-trials: the loss auc has none; it knows --margin"):
        train(recommendation(tmp_path), TrainSettings(loss="auc", max_trials=3))
