"""All affinities by name: descriptions, parameters, and how each is constructed from its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from awe_cli.affinities.combine import Sum
from awe_cli.affinities.concat import Concat
from awe_cli.affinities.low_rank import LowRank, TiedLowRank
from awe_cli.affinities.mixture import GIVEN, MIX, build_mixture, read_members, start_mixture, weights_of
from awe_cli.affinities.overlap import Overlap, no_bags
from awe_cli.affinities.pair_weights import PairTerms, PairWeights
from awe_cli.affinities.pointwise import Constant, Dot, EmbeddedGaussian, Gaussian
from awe_cli.affinities.sigmoid import (
    LinearSigmoid,
    LinearSigmoidOfScore,
    Sigmoid,
    SigmoidOfScore,
    activation,
    check_cuts,
    is_even_at_zero,
)
from awe_cli.affinities.spec import (
    BUILT,
    FIXED,
    JOINTLY,
    Default,
    Entry,
    Given,
    Shape,
    always,
    check_known_parameters,
    no_part,
    unknown_affinity,
)
from awe_cli.affinities.top_k import TopK
from awe_cli.core.interface import NO_PARAMS, AffinityParams

# The affinities that have no learned parameters beside U and V.

FEATURE, SCORE = "feature", "score"


def _gain(own: bool) -> float:
    """κ: 1 where the argument is U_i·V_y, which lies in ±1; 10 where it is scaled by x_i."""
    return 1.0 if own else 10.0


def _sigmoid(params: Mapping[str, Any]) -> Any:
    if params["scope"] == SCORE:
        return SigmoidOfScore(params["gain"])
    return Sigmoid(params["gain"], params["unit"])


def _linear_sigmoid(params: Mapping[str, Any]) -> Any:
    check_cuts(params["alpha"], params["beta"])
    if params["scope"] == SCORE:
        return LinearSigmoidOfScore(params["alpha"], params["beta"], params["gain"])
    return LinearSigmoid(params["alpha"], params["beta"], params["gain"], params["unit"])


def _without_features(params: Mapping[str, Any]) -> dict[str, str]:
    return {"unit": "--scope is score"} if params["scope"] == SCORE else {}


_CURVE: dict[str, Default] = {"scope": always(FEATURE), "gain": _gain, "unit": lambda own: own}

PLAIN = (
    Entry(
        "constant",
        "G = 1",
        "AWE eq. 1",
        "Start here: WSABIE, the fastest; the others start from it.",
        {},
        lambda params: Constant(1.0),
        linear=False,
        floor=False,
    ),
    Entry(
        "sigmoid",
        "G_ij = s'(κ x_i U_i·V_j y_j)",
        "AWE eq. 5",
        "Features that fit a label shall count more, smoothly.",
        _CURVE,
        _sigmoid,
        idle=_without_features,
    ),
    Entry(
        "linear-sigmoid",
        "G_ij = min(α, max(β, κ x_i U_i·V_j y_j))",
        "AWE eq. 6",
        "Noisy features: those that do not fit the label count least, at a known share.",
        {**_CURVE, "alpha": always(1.0), "beta": always(0.25)},
        _linear_sigmoid,
        idle=_without_features,
    ),
    Entry(
        "max",
        "G = max(0, max_i x_i U_i·V y)",
        "AWE eq. 7",
        "One feature of many decides, such as one item of a history of mixed taste.",
        {},
        lambda params: TopK(1),
    ),
    Entry(
        "top-k",
        "G = max(0, Σ of the k largest x_i U_i·V y)",
        "AWE §3.1",
        "A few features decide: softer than max.",
        {"top": always(5)},
        lambda params: TopK(params["top"]),
    ),
    Entry(
        "gaussian",
        "G = exp(−‖Ux − Vy‖²/(2σ²))",
        "affinity functions",
        "Labels shall be near x, not merely in its direction.",
        {"sigma": always(1.0)},
        lambda params: Gaussian(params["sigma"]),
    ),
    Entry(
        "embedded-gaussian",
        "G = exp(κ cos(Ux, Vy))",
        "affinity functions",
        "The direction shall count, and length less: popular labels have long rows.",
        {"gain": always(1.0)},
        lambda params: EmbeddedGaussian(params["gain"]),
    ),
    Entry(
        "dot",
        "G = max(0, Ux·Vy)",
        "affinity functions",
        "For comparison: the order is the linear one, the gradient favours high scores.",
        {},
        lambda params: Dot(),
    ),
)


# The affinities with learned parameters beside U and V: low-rank, concat, pair-weights.

OWN, TIED = "own", "tied"
WEIGH, ADD = "weigh", "add"
COUNTED = ("pmi", "cooccurrence", "graph")  # pairs counted in the training data
_LEAD = np.float32(0.8**0.5)  # first number of each row of Û and V̂: their product is then about 0.8


def _activation_parameters(name: str) -> dict[str, Default]:
    return {"activation": always(name), "gain": always(1.0), "alpha": always(1.0), "beta": always(0.25)}


def _activation(params: Given):
    return activation(params["activation"], params["gain"], params["alpha"], params["beta"])


def _without_cuts(params: Given) -> dict[str, str]:
    """α and β are parameters of the linear sigmoid alone."""
    name = params["activation"]
    return {} if name == "linear-sigmoid" else dict.fromkeys(("alpha", "beta"), f"--activation is {name}")


def _idle_in_low_rank(params: Given) -> dict[str, str]:
    tied = {"low_rank_dim": f"--factors is {TIED}"} if params["factors"] == TIED else {}
    return {**_without_cuts(params), **tied}


def _idle_in_pairs(params: Given) -> dict[str, str]:
    """--pairs-per-feature applies to counted pairs alone, --pair-rest to pairs that multiply the score."""
    found = {} if params["pairs"] in COUNTED else {"pairs_per_feature": "--pairs are not counted"}
    return found | ({"pair_rest": f"--pair-form is {ADD}"} if params["pair_form"] == ADD else {})


def _low_rank(params: Given):
    return (TiedLowRank if params["factors"] == TIED else LowRank)(_activation(params))


def _factors(params: Given, shape: Shape) -> AffinityParams:
    """Random Û and V̂; where s(0) = 0 all rows share a first number, so that G starts at about s(0.8) for every pair."""
    if params["factors"] == TIED:
        return NO_PARAMS
    dim = params["low_rank_dim"]
    U_hat, V_hat = shape.draw(0, shape.features, dim), shape.draw(1, shape.labels, dim)
    if not is_even_at_zero(params["activation"]):
        U_hat[:, 0] = V_hat[:, 0] = _LEAD
    return NO_PARAMS._replace(U_hat=U_hat, V_hat=V_hat)


def _vector(params: Given, shape: Shape) -> AffinityParams:
    """w = 0 where s(0) > 0, so that G is constant at first; else random."""
    width = 2 * shape.dim
    w = np.zeros((1, width), np.float32) if is_even_at_zero(params["activation"]) else shape.draw(2, 1, width)
    return NO_PARAMS._replace(shared=w)


def _pair_weights(params: Given):
    if params["pair_form"] == ADD:
        return PairTerms(params["learn_pairs"])
    return PairWeights(params["pair_rest"], params["learn_pairs"])


# Its pairs come from a file or from the data (models/pair_weights.py).
PAIR_WEIGHTS = Entry(
    "pair-weights",
    "G_ij = θ_ij of stored pairs, else a constant",
    "AWE §3",
    "Known or counted pairs, such as word and tag, which no embedding of few dimensions can represent.",
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

WITH_PARAMS = (
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
        lambda params: Concat(_activation(params), params.get("row", 0)),
        start=_vector,
        idle=_without_cuts,
    ),
)


CONSTANT, FLOOR, OVERLAP = "constant", "floor", "overlap"
_MIX_WEIGHTS = "mix_weights"


# The members that a mixture may have: in `train` these, in `retrain` built affinities too.
MEMBERS = {entry.name: entry for entry in (*PLAIN, *WITH_PARAMS, PAIR_WEIGHTS)}
ALL_MEMBERS = {**BUILT, **MEMBERS}

CATALOG = {
    **MEMBERS,
    MIX: Entry(
        MIX,
        "G = Σ_m w_m G_m",
        "affinity functions",
        "Several views at once: their average, or a sum with weights given, chosen on validation, or learned.",
        {MIX: always(None), _MIX_WEIGHTS: always(GIVEN), "learn_mix": always(False)},
        lambda params: build_mixture(params, ALL_MEMBERS),
        learned=f"{JOINTLY}; weights given, chosen or learned",
        start=lambda params, shape: start_mixture(params, shape, ALL_MEMBERS),
    ),
}

# The overlap of words needs the documents, so it cannot be a member of a mixture.
CATALOG[OVERLAP] = Entry(
    OVERLAP,
    "G_ij = 1 + κ P_ij / U_i·V_j, so that f = Ux·Vy + κ x·Py",
    "AWE §4",
    "Retrieval: the words that query and document share, by tf-idf or BM25, beside a learned embedding.",
    {"weights": always("tfidf"), "scale": always(3.0), "k1": always(1.2), "b": always(0.75)},
    lambda params: Overlap(params["scale"], no_bags(), no_bags()),
    linear=False,
    floor=False,
)

# Every parameter that an affinity of `train` may have.
PARAMETERS = sorted({FLOOR, *(name for entry in CATALOG.values() for name in entry.parameters)})


def find_affinity(name: str) -> Entry:
    """The affinity called `name`. Raises SettingsError with the nearest known one."""
    if name not in CATALOG:
        raise unknown_affinity(name, "one of", CATALOG, None)
    return CATALOG[name]


def parameters_of(
    name: str, given: Mapping[str, Any], *, own: bool, members: Mapping[str, Entry] = MEMBERS
) -> dict[str, Any]:
    """The name and every parameter of an affinity: the given value, else the default.

    given    parameter → value, None where not given
    own      whether x is a bag of the labels themselves
    members  the members that a mixture may have

    Raises SettingsError for a parameter that the affinity does not have or use.
    """
    entry = find_affinity(name)
    mixed = read_members(given.get(MIX), members) if name == MIX else []
    theirs = [parameter for member in mixed for parameter in _learned_parameters(member.affinity)]
    known = defaults_of(entry)
    check_known(name, given, [*known, *theirs])
    chosen = {"name": name, **_chosen(known, given, own)}
    if mixed:
        del chosen[MIX]
        chosen["weights"] = chosen.pop(_MIX_WEIGHTS)
        chosen["members"] = [
            {
                "name": member.affinity,
                "weight": weight,
                **_chosen(_learned_parameters(member.affinity), given, own),
            }
            for member, weight in zip(mixed, weights_of(mixed, chosen["weights"]), strict=True)
        ]
    build_affinity(chosen)
    _refuse_idle(given, chosen.get("members", [chosen]), members)
    return chosen


def _refuse_idle(
    given: Mapping[str, Any], parts: Sequence[Mapping[str, Any]], members: Mapping[str, Entry]
) -> None:
    """Raise SettingsError for a given parameter that none of the affinities that have it uses."""
    known = {**members, **CATALOG}
    for parameter, value in given.items():
        idle = [known[part["name"]].idle(part).get(parameter) for part in parts if parameter in part]
        if value is not None and idle and all(idle):
            raise no_part(parameter, str(idle[0]), value)


def _learned_parameters(name: str) -> Mapping[str, Default]:
    """The parameters of a member; none for a built one, which got them from the command that built it."""
    return {} if name in BUILT else MEMBERS[name].parameters


def defaults_of(entry: Entry) -> dict[str, Default]:
    """The parameters that an affinity accepts with their defaults: its own, and a floor in `train`."""
    floors = entry.floor and not entry.built
    return {**entry.parameters, **({FLOOR: always(0.0)} if floors else {})}


def _chosen(known: Mapping[str, Default], given: Mapping[str, Any], own: bool) -> dict[str, Any]:
    return {name: default(own) if given.get(name) is None else given[name] for name, default in known.items()}


def check_known(name: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raise SettingsError for a given parameter that the affinity called `name` does not have."""
    check_known_parameters(
        name, given, known, {other: defaults_of(entry) for other, entry in CATALOG.items()}
    )


def build_affinity(settings: Mapping[str, Any]) -> Any:
    """The affinity as kernels take it, from the settings of `parameters_of`; a floor is a second term."""
    return with_floor(find_affinity(settings["name"]).build(settings), settings)


def with_floor(affinity: Any, settings: Mapping[str, Any]) -> Any:
    """The affinity, with a constant as a second term where the settings have a floor."""
    floor = settings.get(FLOOR)
    return Sum(affinity, Constant(floor)) if floor else affinity


def without_floor(affinity: Any) -> tuple[Any, float]:
    """The affinity without the term that `with_floor` adds, and the floor, 0 where there is none."""
    if isinstance(affinity, Sum) and isinstance(affinity.second, Constant):
        return affinity.first, affinity.second.c
    return affinity, 0.0


def start_affinity(settings: Mapping[str, Any], shape: Shape) -> AffinityParams:
    """The initial parameters of the affinity with these settings."""
    return find_affinity(settings["name"]).start(settings, shape)
