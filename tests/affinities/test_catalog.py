"""Affinities by name: what they may be told, and what they start from."""

from __future__ import annotations

import numpy as np
import pytest

from awe_cli.affinities.combine import Sum
from awe_cli.affinities.pointwise import Constant
from awe_cli.affinities.registry import CATALOG, build_affinity, parameters_of, start_affinity
from awe_cli.affinities.sigmoid import ACTIVATIONS
from awe_cli.affinities.spec import Shape
from awe_cli.config import settings_of
from awe_cli.config.train import TrainSettings
from awe_cli.errors import SettingsError

SHAPE = Shape(features=4, labels=3, dim=5, scale=0.3, seed=0)


@pytest.mark.parametrize(
    ("name", "told", "message"),
    [
        ("max", {"top": 3}, "--top: the affinity max has none; it knows --floor"),
        ("constant", {"floor": 1.0}, "--floor: the affinity constant has none; it knows no parameters"),
        ("linear-sigmoid", {"beta": 2.0}, "expected beta ≤ alpha, found beta = 2.0, alpha = 1.0"),
        ("low-rank", {"activation": "linear-sigmoid", "beta": 2.0}, "expected beta ≤ alpha"),
        ("low-rank", {"top": 2}, "--top: .* it knows --factors, --low-rank-dim, --activation"),
        ("mix", {}, "--mix: expected two or more affinities, each once, found none"),
        ("mix", {"mix": ("max",)}, "found max"),
        ("mix", {"mix": ("max", "max")}, "each once, found max,max"),
        ("mix", {"mix": ("max", "knn")}, "--mix: expected affinities among constant, .* found 'knn'"),
        ("mix", {"mix": ("max", "mix")}, "found 'mix'"),
        ("mix", {"mix": ("max:0.5", "dot")}, "a weight for each affinity or for none, found max:0.5,dot"),
        ("mix", {"mix": ("max:0.5", "dot:-1")}, "expected a weight above 0, found '-1'"),
        ("mix", {"mix": ("max:0.5", "dot:much")}, "expected a weight above 0, found 'much'"),
        ("mix", {"mix": ("max", "dot"), "sigma": 1.0}, "--sigma: the affinity mix has none; it knows --mix"),
        (
            "sigmoid",
            {"scope": "score", "unit": False},
            "--unit: it plays no part where --scope is score, found F",
        ),
        ("concat", {"alpha": 2.0}, "--alpha: it plays no part where --activation is sigmoid, found 2.0"),
        ("low-rank", {"factors": "tied", "low_rank_dim": 4}, "--low-rank-dim: .* where --factors is tied"),
        ("pair-weights", {"pair_form": "add", "pair_rest": 1.0}, "--pair-rest: .* where --pair-form is add"),
        (
            "pair-weights",
            {"pairs": "a.csv", "pairs_per_feature": 2},
            "--pairs-per-feature: .* are not counted",
        ),
        (
            "mix",
            {"mix": ("max", "concat"), "beta": 0.1},
            "--beta: it plays no part where --activation is sig",
        ),
    ],
)
def test_what_cannot_be_is_refused(name, told, message):
    with pytest.raises(SettingsError, match=message):
        parameters_of(name, told, own=False)


def test_the_hint_names_who_has_the_parameter():
    with pytest.raises(SettingsError) as caught:
        parameters_of("constant", {"top": 3}, own=False)
    assert caught.value.hint == "it is for --affinity top-k; leave it out"


def test_a_floor_is_the_second_term_of_any_affinity():
    for name in set(CATALOG) - {"constant", "mix", "overlap"}:
        affinity = build_affinity(parameters_of(name, {"floor": 0.5}, own=False))
        assert isinstance(affinity, Sum)
        assert affinity.second == Constant(0.5)
        assert build_affinity(parameters_of(name, {}, own=False)) == affinity.first


def test_members_of_a_mixture_take_their_parameters():
    given = parameters_of("mix", {"mix": ("top-k:0.7", "gaussian:0.3"), "top": 2, "sigma": 3.0}, own=True)
    assert [member["weight"] for member in given["members"]] == [0.7, 0.3]
    assert (given["members"][0]["top"], given["members"][1]["sigma"]) == (2, 3.0)
    np.testing.assert_allclose(start_affinity(given, SHAPE).shared, [[0.7, 0.3]])


def test_a_parameter_has_to_play_a_part_in_one_member_only():
    told = {"mix": ("low-rank", "linear-sigmoid"), "beta": 0.1}
    assert [member["beta"] for member in parameters_of("mix", told, own=False)["members"]] == [0.1, 0.1]


def test_every_member_of_a_mixture_finds_its_own_numbers():
    given = parameters_of("mix", {"mix": ("concat", "low-rank", "max"), "low_rank_dim": 2}, own=False)
    learned = start_affinity(given, SHAPE)
    assert learned.shared.shape == (2, 10), "the weights, and w of concat"
    np.testing.assert_allclose(learned.shared[0], [1 / 3] * 3 + [0] * 7)
    assert learned.U_hat.shape == (4, 2)
    assert build_affinity(given).first.inner.row == 1


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_own_numbers_start_where_there_is_a_slope(activation):
    given = parameters_of("low-rank", {"activation": activation, "low_rank_dim": 3}, own=False)
    learned = start_affinity(given, SHAPE)
    assert (learned.U_hat.shape, learned.V_hat.shape) == ((4, 3), (3, 3))
    assert not np.array_equal(learned.U_hat[:3, 1:], learned.V_hat[:, 1:])
    if activation not in ("sigmoid", "exp"):
        assert (learned.U_hat @ learned.V_hat.T > 0.3).all(), "no pair is switched off"
    assert start_affinity({**given, "factors": "tied"}, SHAPE).U_hat.size == 0


def test_the_command_line_offers_what_there_is():
    choices = {s.name: s.metadata.get("choices") for s in settings_of(TrainSettings)}
    assert choices["activation"] == ACTIVATIONS
    for entry in CATALOG.values():
        assert set(entry.parameters) <= set(choices)
