"""The page: sections with their words, and what they ran on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import NamedTuple

import awe_cli
from benchmarks.reproduce.origin import origin
from benchmarks.reproduce.page import folded

_OURS = ("numpy", "scipy", "numba", "faiss-cpu", "typer", "rich")
_HOW = """Who is compared runs in one go, a round of each in turn, every library in a process and an environment of its
own; figures are medians of {runs} rounds (three times as many for start-up, twice for limits) after one that does
not count, ratios the medians of those within a round. Commands with much to do run once. All is by the clock, but for
curves, which go by seconds of the processor. Rates differ between machines and with what else these have to do:
what can be compared are ratios."""
_TITLES = {
    "limits": "What the machine can do",
    "training": "Training with WARP",
    "curves": "Time to a validation NDCG",
    "whole": "Whole commands",
    "ranking": "Predict and evaluate",
    "neighbors": "Neighbours",
    "affinities": "Training and scoring of every affinity",
    "start": "Start and first compilation",
}
_WORDS = {
    "limits": """Small kernels of numba, and a product of matrices by BLAS. *The limit* of multiply-adds is that of
    polynomials in registers, which load next to nothing; rows at random are what a trial of WARP reads, of the V that
    is trained in the next section.""",
    "training": """An epoch of each. In awe a person is the bag of their items; LightFM's *bags* are the same as
    features of people, and *row a person* is an embedding of its own for everyone. *awe is faster by* compares with
    awe's row of the same kind and threads, for each interaction. Multiply-adds and bytes are counted from the
    equations, and held against the limits above.""",
    "curves": """The sample data of Debian. Each method has three settings, and what counts is the first moment at
    which one of them is there: seconds of the processor on one thread, without compiling, reading and judging. Targets
    are 80, 90, 95, 98 and 100 % of the best that any peer reached in its time. A learning rate falls over the epochs of
    a run of awe, so that runs of fewer epochs are settings of their own.""",
    "whole": """Each is a process of its own, from start to end, kernels compiled before; what is not named is awe's
    default, so that training draws up to 300 labels for a positive.""",
    "ranking": """The bare work is a product of matrices for the scores of all items, and a partial sort, in the same
    blocks and on as many threads. awe also leaves out what people have, orders ties, and looks for NaN.""",
    "neighbors": """Exact search compares all; the others are what `build-knn --approximate` does by default.""",
    "affinities": """WARP from the same random start. Multiply-adds are counted from each equation. *times*: how much
    longer an affinity takes than its own multiply-adds take at the rate of the linear model, `constant`, in the
    epoch beside; below 1 it makes better use of the processor than that does. Affinities of features score every
    feature of a person where the linear one scores their sum: that is their cost, not that of how they are
    dispatched. `pair-weights, added`, `overlap`, `knn` and the sums over pairs lay out entries of G for each
    example, each a step through memory that counts here as one multiply-add. Described labels have 5 of 500 features
    each.""",
    "start": """Processes from start to end. *up to date*: a step that finds its model there has everything to load and
    nothing to do; the next one learns, validates and stores what hardly takes time.""",
}


class Section(NamedTuple):
    """One section: its name, and what was measured as Markdown."""

    name: str
    text: str


def page(
    sections: Sequence[Section], versions: Mapping[str, str], scale: str, runs: int, seconds: float
) -> str:
    """The whole page."""
    parts = ["# Performance", folded(_HOW.format(runs=runs))]
    for name, text in sections:
        parts += [f"## {_TITLES[name]}", folded(_WORDS[name]), text]
    ours = ", ".join(f"{name} {version(name)}" for name in _OURS)
    peers = ", ".join(versions.values())
    told = (
        f"awe {awe_cli.__version__}, {ours}; beside it {peers or 'nothing'}. {origin()}. "
        f"It took {seconds / 60:.0f} minutes."
    )
    parts += [
        "## How it was made",
        f"    make bench{'' if scale == 'full' else f' SCALE={scale}'}",
        folded(told),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"
