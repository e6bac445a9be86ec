"""The affinities that learn numbers of their own beside U and V: low-rank, concat, pair-weights."""

from __future__ import annotations

import numpy as np

from awe_cli.affinity.activation import activation, is_even_at_zero
from awe_cli.affinity.concat import Concat
from awe_cli.affinity.entry import FIXED, JOINTLY, Default, Entry, Given, Shape, always
from awe_cli.affinity.low_rank import LowRank, TiedLowRank
from awe_cli.affinity.pair_weights import PairTerms, PairWeights
from awe_cli.kernels.learned import NOTHING, Learned

OWN, TIED = "own", "tied"
WEIGH, ADD = "weigh", "add"
COUNTED = ("pmi", "cooccurrence")  # pairs of the training data
_LEAD = np.float32(0.8**0.5)  # first number of each row of Û and V̂: their product is then about 0.8


def _activation_parameters(name: str) -> dict[str, Default]:
    return {"activation": always(name), "gain": always(1.0), "alpha": always(1.0), "beta": always(0.25)}


def _activation(given: Given):
    return activation(given["activation"], given["gain"], given["alpha"], given["beta"])


def _without_cuts(given: Given) -> dict[str, str]:
    """α and β are those of one activation."""
    name = given["activation"]
    return {} if name == "linear-sigmoid" else dict.fromkeys(("alpha", "beta"), f"--activation is {name}")


def _idle_in_low_rank(given: Given) -> dict[str, str]:
    tied = {"low_rank_dim": f"--factors is {TIED}"} if given["factors"] == TIED else {}
    return {**_without_cuts(given), **tied}


def _idle_in_pairs(given: Given) -> dict[str, str]:
    """Only what is counted is cut down to so many pairs, and only where pairs weigh is there a rest to weigh."""
    found = {} if given["pairs"] in COUNTED else {"pairs_per_feature": "--pairs are not counted"}
    return found | ({"pair_rest": f"--pair-form is {ADD}"} if given["pair_form"] == ADD else {})


def _low_rank(given: Given):
    return (TiedLowRank if given["factors"] == TIED else LowRank)(_activation(given))


def _factors(given: Given, shape: Shape) -> Learned:
    """Û and V̂ at random; where s(0) is no weight, so that G is about s(0.8) for every pair."""
    if given["factors"] == TIED:
        return NOTHING
    dim = given["low_rank_dim"]
    U_hat, V_hat = shape.draw(0, shape.features, dim), shape.draw(1, shape.labels, dim)
    if not is_even_at_zero(given["activation"]):
        U_hat[:, 0] = V_hat[:, 0] = _LEAD
    return NOTHING._replace(U_hat=U_hat, V_hat=V_hat)


def _vector(given: Given, shape: Shape) -> Learned:
    """w = 0 where s(0) is a weight, the same for all pairs; else at random."""
    width = 2 * shape.dim
    w = np.zeros((1, width), np.float32) if is_even_at_zero(given["activation"]) else shape.draw(2, 1, width)
    return NOTHING._replace(shared=w)


def _pair_weights(given: Given):
    if given["pair_form"] == ADD:
        return PairTerms(given["learn_pairs"])
    return PairWeights(given["pair_rest"], given["learn_pairs"])


# What its pairs are is found in a file or in the data: `steps` says what they start from.
PAIR_WEIGHTS = Entry(
    "pair-weights",
    "G_ij = θ_ij of stored pairs, else a constant",
    "AWE §3",
    "Known or counted pairs, such as word and tag: what no embedding of few dimensions can keep apart.",
    {
        "pairs": always("pmi"),
        "pair_form": always(WEIGH),
        "pair_rest": always(1.0),
        "learn_pairs": always(False),
        "pairs_per_feature": always(50),
    },
    _pair_weights,
    idle=_idle_in_pairs,
    learned=f"{FIXED} or {JOINTLY}",
)

OWN_NUMBERS = (
    Entry(
        "low-rank",
        "G_ij = s(Û_i·V̂_j)",
        "AWE §3, before eq. 4",
        "Which feature matters for which label, learned apart from the score; large sparse spaces.",
        {"factors": always(OWN), "low_rank_dim": always(16), **_activation_parameters("identity")},
        _low_rank,
        start=_factors,
        idle=_idle_in_low_rank,
    ),
    Entry(
        "concat",
        "G = s(w·[Ux; Vy])",
        "affinity functions",
        "Some inputs, and some labels, shall count more throughout, whatever they meet.",
        _activation_parameters("sigmoid"),
        lambda given: Concat(_activation(given), given.get("row", 0)),
        start=_vector,
        idle=_without_cuts,
    ),
)
