"""The quality gate of `awe evaluate`."""

from __future__ import annotations

import pytest

from awe_cli.app import main
from awe_cli.config.evaluate import EvaluateSettings
from awe_cli.errors import GateError, SettingsError
from awe_cli.evaluation.gate import make_gate, pass_gate
from awe_cli.steps.train_baseline import train_baseline
from tests.small import recommendation


def document(difference=(-0.3, -0.1), tonight=0.2, rank=30.0):
    low, high = difference
    return {
        "baseline_model": "in-use",
        "models": {
            "in-use": {"metrics": {"ndcg@10": 0.4, "mean-rank": 20.0, "coverage@10": 0.5}},
            "tonight": {"metrics": {"ndcg@10": tonight, "mean-rank": rank, "coverage@10": 0.4}},
        },
        "differences": {
            "tonight": {
                "ndcg@10": {"difference": (low + high) / 2, "low": low, "high": high},
                "mean-rank": {"difference": 10.0, "low": 5.0, "high": 15.0},
            }
        },
    }


def gate(**settings):
    return make_gate(EvaluateSettings(at=(10,), **settings))


def test_a_model_that_is_worse_beyond_its_interval_fails():
    with pytest.raises(
        GateError, match=r"tonight is worse than in-use by ndcg@10: 0\.2 against 0\.4"
    ) as caught:
        pass_gate(gate(no_worse=("ndcg",)), document())
    assert caught.value.exit_code == 79


def test_a_difference_whose_interval_holds_0_passes():
    pass_gate(gate(no_worse=("ndcg@10",)), document(difference=(-0.3, 0.1)))


def test_worse_is_higher_where_lower_is_better():
    with pytest.raises(GateError, match="mean-rank: 30 against 20"):
        pass_gate(gate(no_worse=("mean-rank",)), document())


def test_a_measure_without_intervals_is_compared_plainly():
    with pytest.raises(GateError, match=r"coverage@10: 0\.4 against 0\.5"):
        pass_gate(gate(no_worse=("coverage",)), document())


def test_bounds_hold_for_all_but_the_baseline_and_all_failures_are_named():
    bounds = gate(require=("ndcg@10>=0.3", "mean-rank <= 25"))
    with pytest.raises(
        GateError, match=r"ndcg@10 >= 0\.3, found 0\.2; tonight: expected mean-rank <= 25, found 30"
    ):
        pass_gate(bounds, document())
    pass_gate(bounds, document(tonight=0.3, rank=25.0))


def test_a_single_model_is_held_to_the_bounds():
    alone = {"baseline_model": "only", "models": {"only": {"metrics": {"mrr": 0.1}}}, "differences": {}}
    with pytest.raises(GateError, match=r"only: expected mrr >= 0\.2, found 0\.1"):
        pass_gate(gate(require=("mrr>=0.2",)), alone)


@pytest.mark.parametrize("text", ["mrr", "mrr>0.2", "mrr>=", ">=0.2", "mrr>=1.2.3"])
def test_what_is_no_bound_is_refused(text):
    with pytest.raises(SettingsError, match="--require: expected MEASURE>=NUMBER") as caught:
        gate(require=(text,))
    assert caught.value.exit_code == 78


def test_a_measure_that_is_neither_better_nor_worse_is_refused():
    with pytest.raises(SettingsError, match="popularity@10 is neither better nor worse"):
        gate(no_worse=("popularity",))


def test_the_command_prints_what_the_gate_asks_for_and_ends_with_79(tmp_path, capsys):
    train_baseline(recommendation(tmp_path / "ws"), "popularity")
    command = ["-w", str(tmp_path / "ws"), "evaluate", "--model", "popularity", "--metric", "mrr"]
    assert main([*command, "--require", "recall@2>=0.5"]) == 0
    assert "recall@2" in capsys.readouterr().out
    assert main([*command, "--require", "recall@2>=1.5"]) == 79
    out, err = capsys.readouterr()
    assert "recall@2" in out
    assert "expected recall@2 >= 1.5, found 1" in err
