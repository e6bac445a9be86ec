from __future__ import annotations

import math

import numpy as np
import pytest

from awe_cli.metrics import bootstrap
from awe_cli.metrics.bootstrap import paired_intervals


def naive(differences, seed, resamples):
    random = np.random.default_rng(seed)
    n = len(differences)
    means = [differences[random.integers(0, n, n)].mean(axis=0) for _ in range(resamples)]
    return np.quantile(means, [0.025, 0.975], axis=0)


def test_agrees_with_resampling_one_by_one():
    differences = np.random.default_rng(3).normal(0.1, 1, (40, 3))
    low, high = naive(differences, 7, 50)
    found = paired_intervals(differences, 7, 50)
    assert [i.low for i in found] == pytest.approx(low)
    assert [i.high for i in found] == pytest.approx(high)
    assert [i.mean for i in found] == pytest.approx(differences.mean(axis=0))


def test_chunks_change_nothing(monkeypatch):
    differences = np.random.default_rng(3).normal(0.1, 1, (100, 2))
    whole = paired_intervals(differences, 1, 30)
    monkeypatch.setattr(bootstrap, "CHUNK_BYTES", 8 * 100 * 7)
    assert np.array(paired_intervals(differences, 1, 30)) == pytest.approx(np.array(whole), abs=1e-15)


def test_close_to_the_normal_interval():
    differences = np.random.default_rng(4).normal(0.02, 1, (5000, 1))
    (found,) = paired_intervals(differences, 0)
    error = differences.std() / math.sqrt(5000)
    assert found.low == pytest.approx(found.mean - 1.96 * error, abs=0.2 * error)
    assert found.high == pytest.approx(found.mean + 1.96 * error, abs=0.2 * error)


def test_equal_models_differ_by_nothing():
    assert paired_intervals(np.zeros((10, 1)), 0) == [(0.0, 0.0, 0.0)]


def test_no_examples():
    (found,) = paired_intervals(np.zeros((0, 1)), 0)
    assert all(math.isnan(value) for value in found)
