"""The affinities that `train` does not learn: G is built from a model, then held fixed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from awe_cli.affinity.entry import FIXED, ITERATIVELY, Default, Entry, always
from awe_cli.affinity.told import check_told, names_file, unknown_affinity
from awe_cli.errors import SettingsError

KNN, KNN_APPROXIMATE, CLUSTER = "knn", "knn-approximate", "cluster"
OWN_BUILT = "own-built"  # how recipes call what a type in a file builds


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
            learned=f"{FIXED} or {ITERATIVELY}",  # as it compares raw x and y, or their embedding
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

# Beside what its type declares.
_OF_FILE = _entry(OWN_BUILT, "G of a type in a file", "its file", "", {**_open("measure"), **_KEPT})


def find_built_affinity(name: str) -> Entry:
    """The built affinity called `name`, or what is known of any file's.

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
    told = f" --model {model}" if model else ""
    return f"awe build-knn{told}" if name == KNN else f"awe build-affinity{told} --affinity {name}"


def refuse_built(name: str) -> None:
    """Raise SettingsError where `name` is an affinity that is built from a model, not trained."""
    if name in BUILT:
        raise SettingsError(
            f"--affinity: {name} is built from a trained model, and not learned by train",
            hint=f"train one with --affinity constant, then `{how_to_build(name)}` and "
            f"`awe retrain --affinity {name}`",
        )


def built_parameters(name: str, told: Mapping[str, Any], *, own: bool) -> dict[str, Any]:
    """Every parameter of a built affinity, as told, else its default; None is chosen on validation.

    told  parameter → value, None where nobody said; one that this affinity does not have raises SettingsError
    own   whether x is a bag of the labels themselves
    """
    entry = find_built_affinity(name)
    check_told(name, told, entry.parameters, {other: built.parameters for other, built in BUILT.items()})
    return {
        parameter: default(own) if told.get(parameter) is None else told[parameter]
        for parameter, default in entry.parameters.items()
    }
