"""All affinities by name: what they are, what they can be told, and how their parameters are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from awe_cli.affinity.built import BUILT
from awe_cli.affinity.combination import Plus
from awe_cli.affinity.constant import Constant
from awe_cli.affinity.entry import JOINTLY, Default, Entry, Shape, always
from awe_cli.affinity.mixture import GIVEN, MIX, build_mixture, read_members, start_mixture, weights_of
from awe_cli.affinity.overlap import Overlap, no_bags
from awe_cli.affinity.own_numbers import OWN_NUMBERS, PAIR_WEIGHTS
from awe_cli.affinity.plain import PLAIN
from awe_cli.affinity.told import check_told, no_part, unknown_affinity
from awe_cli.kernels.learned import Learned

CONSTANT, FLOOR, OVERLAP = "constant", "floor", "overlap"
_MIX_WEIGHTS = "mix_weights"


# What a mixture may have as members: of `train` these, of `retrain` also what is built.
MEMBERS = {entry.name: entry for entry in (*PLAIN, *OWN_NUMBERS, PAIR_WEIGHTS)}
ALL_MEMBERS = {**BUILT, **MEMBERS}

CATALOG = {
    **MEMBERS,
    MIX: Entry(
        MIX,
        "G = Σ_m w_m G_m",
        "affinity functions",
        "Several views at once: their average, or weighed as told, chosen on validation, or learned.",
        {MIX: always(None), _MIX_WEIGHTS: always(GIVEN), "learn_mix": always(False)},
        lambda given: build_mixture(given, ALL_MEMBERS),
        learned=f"{JOINTLY}; weights given, chosen or learned",
        start=lambda given, shape: start_mixture(given, shape, ALL_MEMBERS),
    ),
}

# What one learns beside the words that are shared: it needs the documents, so it is no member of a mixture.
CATALOG[OVERLAP] = Entry(
    OVERLAP,
    "G_ij = 1 + κ P_ij / U_i·V_j, so that f = Ux·Vy + κ x·Py",
    "AWE §4",
    "Retrieval: the words that query and document share, by tf-idf or BM25, and what is learned beside.",
    {"weights": always("tfidf"), "scale": always(3.0), "k1": always(1.2), "b": always(0.75)},
    lambda given: Overlap(given["scale"], no_bags(), no_bags()),
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
    name: str, told: Mapping[str, Any], *, own: bool, members: Mapping[str, Entry] = MEMBERS
) -> dict[str, Any]:
    """Every parameter of an affinity, with its name: as told, else its default.

    told     parameter → value, None where nobody said; one that this affinity does not have raises SettingsError
    own      whether x is a bag of the labels themselves
    members  what a mixture may have
    """
    entry = find_affinity(name)
    mixed = read_members(told.get(MIX), members) if name == MIX else []
    theirs = [parameter for member in mixed for parameter in _learned_parameters(member.affinity)]
    known = defaults_of(entry)
    check_known(name, told, [*known, *theirs])
    chosen = {"name": name, **_chosen(known, told, own)}
    if mixed:
        del chosen[MIX]
        chosen["weights"] = chosen.pop(_MIX_WEIGHTS)
        chosen["members"] = [
            {
                "name": member.affinity,
                "weight": weight,
                **_chosen(_learned_parameters(member.affinity), told, own),
            }
            for member, weight in zip(mixed, weights_of(mixed, chosen["weights"]), strict=True)
        ]
    build_affinity(chosen)
    _refuse_idle(told, chosen.get("members", [chosen]), members)
    return chosen


def _refuse_idle(
    told: Mapping[str, Any], parts: Sequence[Mapping[str, Any]], members: Mapping[str, Entry]
) -> None:
    """Raise SettingsError for a parameter that was told and plays no part in any of the affinities that have it."""
    known = {**members, **CATALOG}
    for parameter, value in told.items():
        idle = [known[part["name"]].idle(part).get(parameter) for part in parts if parameter in part]
        if value is not None and idle and all(idle):
            raise no_part(parameter, str(idle[0]), value)


def _learned_parameters(name: str) -> Mapping[str, Default]:
    """The parameters of a member; those of one that is built were told to the command that built it."""
    return {} if name in BUILT else MEMBERS[name].parameters


def defaults_of(entry: Entry) -> dict[str, Default]:
    """What an affinity can be told where it is learned or built: its own parameters, and a floor in `train`."""
    floors = entry.floor and not entry.built
    return {**entry.parameters, **({FLOOR: always(0.0)} if floors else {})}


def _chosen(known: Mapping[str, Default], told: Mapping[str, Any], own: bool) -> dict[str, Any]:
    return {name: default(own) if told.get(name) is None else told[name] for name, default in known.items()}


def check_known(name: str, told: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raise SettingsError for a parameter that was told and is not known to the affinity called `name`."""
    check_told(name, told, known, {other: defaults_of(entry) for other, entry in CATALOG.items()})


def build_affinity(settings: Mapping[str, Any]) -> Any:
    """What the kernels take, from the parameters of `parameters_of`: G, and its floor as a second term."""
    return with_floor(find_affinity(settings["name"]).build(settings), settings)


def with_floor(affinity: Any, settings: Mapping[str, Any]) -> Any:
    """The affinity, with a constant as a second term where the settings have a floor."""
    floor = settings.get(FLOOR)
    return Plus(affinity, Constant(floor)) if floor else affinity


def start_affinity(settings: Mapping[str, Any], shape: Shape) -> Learned:
    """The numbers of its own that an affinity with these parameters starts from."""
    return find_affinity(settings["name"]).start(settings, shape)
