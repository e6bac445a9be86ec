"""The entry of an affinity in the registry: its parameters, its learned parameters, and how it is built."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.core.interface import NO_PARAMS, AffinityParams
from awe_cli.errors import SettingsError, did_you_mean

# The registry entry of an affinity, and the initial values of its learned parameters.

_FIRST_PLACE = 2**63  # keys of random streams; epochs use those from 0 on
# How G is learned: jointly with U and V; built from a model, in turn with it; or built once from the data alone.
JOINTLY, ITERATIVELY, FIXED = "jointly", "iteratively", "fixed"

# The default of a parameter, given whether x is a bag of the labels themselves.
Default = Callable[[bool], Any]
Given = Mapping[str, Any]


@dataclass(frozen=True)
class Shape:
    """The sizes that initial parameters are made for; random ones have the standard deviation scale/√width."""

    features: int
    labels: int  # labels or label features: rows of V
    dim: int  # d of U and V
    scale: float
    seed: int

    def draw(self, place: int, rows: int, width: int) -> NDArray[np.float32]:
        """Random numbers (rows, width): a stream for each place, apart from those of U and V."""
        draws = np.random.Generator(
            np.random.Philox(key=np.array([self.seed, _FIRST_PLACE + place], np.uint64))
        )
        return draws.standard_normal((rows, width), np.float32) * np.float32(self.scale / np.sqrt(width))


@dataclass(frozen=True)
class Entry:
    """One affinity.

    equation    G, as printed in the papers
    source      where it is printed
    when        when to use it
    parameters  name → default
    build       parameters → the affinity as kernels take it; its shared rows begin at given["row"]
    learned     how, in words
    built       whether `train` does not learn it: G is built from a model, then held fixed by `retrain`
    floor       whether a constant can be added to it
    linear      whether it starts from a trained linear model by default
    start       parameters, sizes → the initial learned parameters
    idle        parameters → those that are not used, with the reason
    """

    name: str
    equation: str
    source: str
    when: str
    parameters: Mapping[str, Default]
    build: Callable[[Given], Any]
    linear: bool = True
    learned: str = JOINTLY
    built: bool = False
    floor: bool = True
    start: Callable[[Given, Shape], AffinityParams] = lambda params, shape: NO_PARAMS
    idle: Callable[[Given], Mapping[str, str]] = lambda params: {}


def always(value: Any) -> Default:
    """A default that does not depend on the data."""
    return lambda own: value


def together(parts: Sequence[AffinityParams]) -> AffinityParams:
    """The learned parameters of several affinities: all shared rows, and the other arrays of the one that has them."""
    width = max((part.shared.shape[1] for part in parts), default=0)
    shared = [np.pad(part.shared, ((0, 0), (0, width - part.shared.shape[1]))) for part in parts]
    found = NO_PARAMS._replace(shared=np.concatenate(shared)) if shared else NO_PARAMS
    for part in parts:
        for name in AffinityParams._fields[1:]:
            if getattr(part, name).size:
                found = found._replace(**{name: getattr(part, name)})
    return found


# Errors for unknown affinities and parameters.


def names_file(name: str) -> bool:
    """Whether the name of an affinity is that of a Python file, with or without the name of a type."""
    return ".py:" in name or name.endswith(".py")


def unknown_affinity(name: str, expected: str, known: Iterable[str], otherwise: str | None) -> SettingsError:
    """The error for an affinity that is not among the known ones."""
    known = list(known)
    return SettingsError(
        f"--affinity: expected {expected} {', '.join(known)}, found {name!r}",
        hint=did_you_mean(name, known, otherwise),
    )


def check_known_parameters(
    name: str, given: Mapping[str, Any], known: Iterable[str], owners: Mapping[str, Iterable[str]]
) -> None:
    """Raise SettingsError for a given parameter that the affinity called `name` does not have.

    owners  other affinities and their parameters, for the hint
    """
    known = list(dict.fromkeys(known))
    for parameter, value in given.items():
        if value is not None and parameter not in known:
            theirs = [owner for owner, parameters in owners.items() if parameter in parameters]
            raise SettingsError(
                f"{_flag(parameter)}: the affinity {name} has none; it knows "
                f"{', '.join(map(_flag, known)) or 'no parameters'}",
                hint=f"it is for --affinity {', '.join(theirs)}; leave it out" if theirs else "leave it out",
            )


def no_part(parameter: str, where: str, value: object) -> SettingsError:
    """The error for a given parameter that is not used with the other settings."""
    return SettingsError(
        f"{_flag(parameter)}: it plays no part where {where}, found {value}", hint="leave it out"
    )


def _flag(parameter: str) -> str:
    return f"--{parameter.replace('_', '-')}"


# The affinities that `train` does not learn: G is built from a model, then held fixed.

KNN, KNN_APPROXIMATE, CLUSTER = "knn", "knn-approximate", "cluster"
PLUGIN_BUILT = "own-built"  # the affinity's name in recipes, for a type in a file


def _open(*names: str) -> dict[str, Default]:
    return {name: always(None) for name in names}


_NEAR = {**_open("k", "lambda", "measure", "space"), "approximate": always("exact"), "folds": always(0)}
_KEPT = {"keep": always(256)}
_SUM = {
    **_open("lambda", "lambda_y"),
    "pairs": always(200_000),
    **_KEPT,
    "seed": always(0),
    "label_neighbors": always(100),
}
_LATENT = {**_SUM, **_open("measure")}


def _entry(
    name: str,
    equation: str,
    source: str,
    when: str,
    parameters: Mapping[str, Default],
    *,
    learned: str = ITERATIVELY,
    floor: bool = True,
) -> Entry:
    return Entry(name, equation, source, when, parameters, dict, learned=learned, built=True, floor=floor)


BUILT = {
    entry.name: entry
    for entry in (
        _entry(
            KNN,
            "G = Σ_j w_j [y ∈ Y_j], w_j ∝ exp(−λ‖Ux − Ux_j‖²) over the k nearest examples",
            "AWE eq. 9",
            "Much data: labels that neighbours in the embedding have, beside the score.",
            _NEAR,
        ),
        _entry(
            KNN_APPROXIMATE,
            "G as of knn, with neighbours found by HNSW, IVF or LSH",
            "AWE §3.1",
            "Too many examples to search exactly: from some hundred thousand on.",
            {**_NEAR, "approximate": always("hnsw")},
        ),
        _entry(
            "rbf",
            "G = Σ_i exp(−λ_x‖x − x_i‖²) exp(−λ_y‖y − y_i‖²)",
            "AWE §3.1",
            "Inputs that are near as they are, such as dense features.",
            _SUM,
            learned=FIXED,
        ),
        _entry(
            "latent-rbf",
            "G = Σ_i exp(−λ_x‖Ux − Ux_i‖²) exp(−λ_y‖Vy − Vy_i‖²)",
            "AWE eq. 8",
            "Few examples a label: those of labels near in the embedding count too.",
            _LATENT,
        ),
        _entry(
            "hybrid-latent-rbf",
            "G = Σ_i exp(−λ_x‖Ux − Ux_i‖²) exp(−λ_y‖y − y_i‖²)",
            "AWE §3.1",
            "A fixed set of labels with many examples each: knn without a cut.",
            _LATENT,
        ),
        _entry(
            "kernel",
            "G = max(0, Σ_i K_x(x, x_i) K_y(y, y_i))",
            "AWE eq. 3",
            "To try other kernels: linear, cosine, on x and y or on the embedding.",
            {
                **_LATENT,
                "kernel_x": always("gaussian"),
                "space_x": always("embedded"),
                "kernel_y": always("equality"),
                "space_y": always("raw"),
            },
            learned=f"{FIXED} or {ITERATIVELY}",  # by whether it compares raw x and y, or their embedding
        ),
        _entry(
            CLUSTER,
            "G = 1 if Ux and y are in the same cluster, else 0",
            "AWE eq. 10",
            "Very many labels and no time: only those of one leaf are scored.",
            {**_open("leaves", "top", "measure"), "levels": always(2)},
            floor=False,
        ),
    )
}

# The parameters beside those that its type declares.
_OF_FILE = _entry(PLUGIN_BUILT, "G of a type in a file", "its file", "", {**_open("measure"), **_KEPT})


def find_built_affinity(name: str) -> Entry:
    """The entry of the built affinity called `name`, or the common one of types in files.

    Raises SettingsError with the nearest known one.
    """
    if names_file(name):
        return _OF_FILE
    if name not in BUILT:
        how = "`awe affinities` tells how each is learned"
        raise unknown_affinity(name, "one that is built, of", BUILT, how)
    return BUILT[name]


def how_to_build(name: str, model: str | None = None) -> str:
    """The command that builds an affinity from a model; None: from the only one."""
    given = f" --model {model}" if model else ""
    return f"awe build-knn{given}" if name == KNN else f"awe build-affinity{given} --affinity {name}"


def refuse_built(name: str) -> None:
    """Raise SettingsError where `name` is an affinity that is built from a model, not trained."""
    if name in BUILT:
        raise SettingsError(
            f"--affinity: {name} is built from a trained model, and not learned by train",
            hint=f"train one with --affinity constant, then `{how_to_build(name)}` and "
            f"`awe retrain --affinity {name}`",
        )


def built_parameters(name: str, given: Mapping[str, Any], *, own: bool) -> dict[str, Any]:
    """Every parameter of a built affinity: the given value, else the default; None is chosen on validation.

    given  parameter → value, None where not given
    own    whether x is a bag of the labels themselves

    Raises SettingsError for a parameter that the affinity does not have.
    """
    entry = find_built_affinity(name)
    check_known_parameters(
        name, given, entry.parameters, {other: built.parameters for other, built in BUILT.items()}
    )
    return {
        parameter: default(own) if given.get(parameter) is None else given[parameter]
        for parameter, default in entry.parameters.items()
    }
