"""benchmarks/bench: contests, what is said of curves, and the check of kernels against earlier ratios."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from benchmarks.bench import check
from benchmarks.bench.contest import SCALES, Arena, Contender
from benchmarks.bench.curves import AWE, _times
from benchmarks.machine import machine


def test_each_contender_has_its_rounds_and_one_that_fails_says_so(tmp_path):
    np.save(tmp_path / "points.npy", np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32))
    told = {"k": 3, "threads": 1}
    good = Contender("good", "of_faiss:nearest", {**told, "file": str(tmp_path / "points.npy")})
    bad = Contender("bad", "of_faiss:nearest", {**told, "file": str(tmp_path / "none.npy")})
    found = Arena(SCALES["small"], tmp_path, tmp_path).contest([good, bad], runs=2)
    assert len(found["good"].answers) == 2  # the round before does not count
    assert all(seconds > 0 for seconds in found["good"].of("seconds"))
    assert not found["bad"].answers
    assert found["bad"].why == "ended with status 1"


def test_the_time_to_a_share_of_the_best_is_that_of_the_first_curve_there():
    ours = {"a": [(1.0, 0.30), (2.0, 0.50)], "b": [(0.5, 0.38), (4.0, 0.39)]}
    theirs = {"c": [(3.0, 0.20), (9.0, 0.40)]}
    head, _, first, second = _times({AWE: ours, "peer": theirs}, {}).splitlines()
    assert head.split(" | ")[1:3] == ["0.3200", "0.3600"]  # of the peer's best, .4
    assert first == f"| {AWE} | 0.50 s | 0.50 s | 0.50 s | 2.00 s | 2.00 s | 0.5000 |"
    assert second.count("9.00 s") == 5


@pytest.fixture
def checked(monkeypatch, tmp_path):
    """The exit code of a check with these ratios against those recorded."""

    def run(ratios: dict[str, float], recorded: dict[str, float] | None, *options: str) -> int:
        history = tmp_path / "history.json"
        if recorded is not None:
            entry = {"commit": "abc", "date": "2026-01-01", "machine": machine(), "ratios": recorded}
            history.write_text(json.dumps([entry]))
        monkeypatch.setattr(check, "in_a_process", lambda: ratios)
        monkeypatch.setattr(sys, "argv", ["check", "--history", str(history), "--processes", "2", *options])
        return check.main()

    return run


def test_a_kernel_that_is_more_than_a_tenth_slower_fails(checked, capsys):
    recorded = {"train": 2.0, "rank": 1.0}
    assert checked({"train": 2.19, "rank": 0.5, "new": 9.0}, recorded) == 0
    assert checked({"train": 2.21, "rank": 0.5}, recorded) == 1
    assert "SLOWER" in capsys.readouterr().out


def test_another_machine_has_nothing_to_compare_with_until_it_is_recorded(checked, capsys):
    assert checked({"train": 2.0}, None) == 2
    assert "--record" in capsys.readouterr().err
    assert checked({"train": 2.0}, None, "--record") == 0
    assert checked({"train": 2.3}, None) == 1
