"""Every affinity on every set of data: as it comes, and with the best of a few settings on validation."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.reproduce.data import CAL500, COREL5K, DELICIOUS, GOWALLA, IMCLEF07A, LASTFM
from benchmarks.reproduce.shape import Row, Table
from benchmarks.reproduce.tables import CONTROL, WSABIE

DEFAULT = "as it comes"
# Affinity → what `awe train` is told as it comes, and the two other settings that are tried.
JOINT = {
    "dot": ("--affinity dot", "--floor 0.3", "--floor 1"),
    "gaussian": ("--affinity gaussian", "--sigma 2", "--floor 1"),
    "embedded-gaussian": ("--affinity embedded-gaussian", "--gain 3", "--floor 1"),
    "concat": ("--affinity concat", "--activation exp", "--floor 1"),
    "mix": ("--affinity mix --mix constant,gaussian", "--learn-mix", "--learn-mix --floor 1"),
    "sigmoid, of the score": ("--affinity sigmoid --scope score", "--gain 3", "--floor 0.5"),
    "pair-weights": ("--affinity pair-weights", "--pair-form add", "--pair-form add --learn-pairs"),
    "low-rank": ("--affinity low-rank", "--factors tied", "--low-rank-dim 64"),
    "linear-sigmoid": ("--affinity linear-sigmoid", "--beta 0", "--beta 0.5"),
    "sigmoid": ("--affinity sigmoid", "--gain 3", "--floor 0.5"),
    "max": ("--affinity max", "--floor 0.3", "--floor 1"),
    "top-k": ("--affinity top-k", "--top 11", "--floor 1"),
}
# Affinity → the two other settings of `awe retrain`; what building leaves open is chosen by it on validation.
BUILT = {
    "cluster": ("--power 0.5", "--cold"),
    "knn": ("--floor 0.1", "--floor 1"),
    "knn-approximate": ("--floor 0.1", "--floor 1"),
    "hybrid-latent-rbf": ("--floor 0.1", "--floor 1"),
    "latent-rbf": ("--floor 0.1", "--floor 1"),
    "kernel": ("--floor 0.1", "--floor 1"),
    "rbf": ("--floor 0.1", "--floor 1"),
}
CHEAP = ("dot", "gaussian", "embedded-gaussian", "cluster", "knn", "knn-approximate")
# Those that score every feature of x: where there are many examples they have a few epochs, and are not tuned.
SLOW = ("low-rank", "linear-sigmoid", "sigmoid", "max", "top-k")
FEW = "--epochs 4"
SMALL = (CAL500.name, COREL5K.name)
MIDDLE = (IMCLEF07A.name, DELICIOUS.name, LASTFM.name)
SPARSE = (COREL5K.name, LASTFM.name, DELICIOUS.name)  # of dense features no pairs are counted


def _named(name: str, number: int | str) -> str:
    return f"{name.replace(', of the ', '-')}-{number}-{{seed}}"


def _trained(name: str, told: str, *others: str) -> list[Row]:
    """The settings of an affinity that is learned jointly: it starts from WSABIE."""
    return [
        Row(
            other or DEFAULT,
            _named(name, number),
            (f"train {told} {other} --start wsabie-{{seed}} --seed {{seed}} --name {_named(name, number)}",),
        )
        for number, other in enumerate(("", *others))
    ]


def _retrained(name: str, *others: str) -> list[Row]:
    """The settings of one that is built from WSABIE, then held fixed."""
    built = f"{name}-{{seed}}"
    build = f"build-affinity --model wsabie-{{seed}} --affinity {name} --name {built}"
    told = f"retrain --model wsabie-{{seed}} --affinity {name} --built {built}"
    return [
        Row(other or DEFAULT, _named(name, number), (build, f"{told} {other} --name {_named(name, number)}"))
        for number, other in enumerate(("", *others))
    ]


def _constant() -> list[Row]:
    """Those of the linear model itself."""
    return [
        Row(DEFAULT, WSABIE.model, WSABIE.commands),
        *(
            Row(
                f"--dim {dim}",
                f"wsabie-{dim}-{{seed}}",
                (f"train --affinity constant --dim {dim} --seed {{seed}} --name wsabie-{dim}-{{seed}}",),
            )
            for dim in (64, 256)
        ),
    ]


def _two(name: str, settings: list[Row], *, ours: bool = True) -> tuple[Row, Row]:
    """An affinity as it comes, and the best of its settings."""
    first = Row(name, settings[0].model, settings[0].commands, ours)
    best = Row(f"{name}, tuned", _named(name, "tuned").removesuffix("-{seed}"), (), ours, tuple(settings))
    return first, best


def _rows() -> Iterator[Row]:
    yield WSABIE
    yield _two("WSABIE", _constant(), ours=False)[1]
    yield CONTROL
    for name, settings in BUILT.items():
        yield from _two(name, _retrained(name, *settings))
    for name, (told, *others) in JOINT.items():
        yield from _two(name, _trained(name, told, *others))
        if name in SLOW:
            (row,) = _trained(f"{name}-few", f"{told} {FEW}")
            yield Row(f"{name}, {FEW}", row.model, row.commands, ours=True)


def _data_of(row: Row) -> tuple[str, ...]:
    """The sets of data a row is measured on: what takes hours on the larger ones is left out there."""
    name, _, how = row.name.partition(", ")
    if how == FEW:
        return MIDDLE
    if name in SLOW and not row.name.startswith("sigmoid, of the score"):
        return SMALL
    if name == "pair-weights":
        return SPARSE[:1] if how else SPARSE
    if how.endswith("tuned"):
        return (*SMALL, *MIDDLE) if name in CHEAP else (*SMALL, *MIDDLE[:-1])
    return (*SMALL, *MIDDLE, *((GOWALLA.name,) if not row.ours or name in CHEAP else ()))


ROWS = tuple(_rows())

AFFINITIES = Table(
    "affinities",
    "Every affinity on every set of data",
    "Not a table of the papers. Each affinity as it comes, and *tuned*: the best of three settings on validation, the "
    "same number for each, listed under *What was tried*. What is learned jointly starts from WSABIE and has as many "
    "epochs again, so that it is compared with WSABIE trained on for as many epochs more. What scores every feature of "
    "x takes hours where there are many examples: there it has four epochs, as its row says, and is not tuned; on "
    "Last.fm and Gowalla other rows are left out for the same reason.",
    (CAL500, COREL5K, IMCLEF07A, LASTFM, DELICIOUS, GOWALLA),
    ROWS,
    {
        "": "precision@1,precision@5,ndcg@5",
        "cal500": "precision@3,precision@5,ndcg@5",
        "lastfm": "ndcg@20,recall@20,precision@1",
        "gowalla": "ndcg@20,recall@20,precision@1",
    },
    baseline=CONTROL.name,
    only={row.name: _data_of(row) for row in ROWS},
    choose_by={"": "ndcg@5", "lastfm": "ndcg@20", "gowalla": "ndcg@20"},
    most_runs={"corel5k": 3, "imclef07a": 1, "lastfm": 1, "delicious": 1, "gowalla": 1},
    summary=True,
)
