"""Draws the pictures of docs/concepts.md: `python docs/make_figures.py` (it needs matplotlib) writes docs/figures.

Every number in them is computed here from the equations of that page. They have a paper of their own, so that they can
be read on a light page and on a dark one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

FOLDER = Path(__file__).parent / "figures"
INK, MUTED, LINE, PAPER = "#1c2128", "#5b6672", "#dfe3e8", "#fbfbf9"
BLUE, ORANGE, GREEN, PALE = "#2563c9", "#c2570c", "#12805c", "#d3dff2"
STYLE = {
    "svg.hashsalt": "awe",  # the same bytes each time
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.facecolor": PAPER,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "figure.facecolor": PAPER,
}


def two_tastes() -> Figure:
    """Somebody of two tastes: what one dot product ranks first, and what it does once neighbours have weighed it."""
    labels = ["trowel", "rake", "saucepan", "whisk", "tuner", "capo"]
    angles = np.radians([20, 38, 80, 100, 142, 160])
    V = np.c_[np.cos(angles), np.sin(angles)]
    x = np.array([0, 1, 0, 0, 1, 0])  # has a rake and a tuner: U = V here
    Ux = x @ V
    S = V @ Ux
    # The labels of the eight nearest, who are of the same two tastes, or like cooking.
    neighbours = np.array([[1, 1, 0, 0, 1, 1]] * 5 + [[1, 0, 0, 0, 1, 1]] * 2 + [[0, 0, 1, 1, 0, 0]])
    G = neighbours.mean(axis=0)
    figure, (plane, bars) = _panels(2, (7.2, 3.0), width_ratios=[1, 1.1])
    for place, name in zip(V, labels, strict=True):
        plane.add_patch(_arrow((0, 0), place, color=BLUE))
        plane.text(*(place * 1.07), name, ha="left" if place[0] > 0 else "right", va="center")
    plane.add_patch(_arrow((0, 0), Ux * 0.75, color=ORANGE, width=2.4))
    plane.text(0, 0.97, "Ux", color=ORANGE, weight="bold", ha="center")
    plane.set(xlim=(-1.5, 1.5), ylim=(-0.05, 1.15), xticks=[], yticks=[])
    plane.spines[["left", "bottom"]].set_visible(False)
    plane.set_title("x = rake + tuner, and the labels V_y")
    wanted = [name for name in range(6) if not x[name]]
    y = np.arange(len(wanted))[::-1]
    for offset, values, color, name in (
        (0.27, S / S.max(), BLUE, "Ux·V_y"),
        (0.0, G, MUTED, "G"),
        (-0.27, G * S / (G * S).max(), ORANGE, "G · Ux·V_y"),
    ):
        bars.barh(y + offset, values[wanted], 0.24, color=color, label=name)
    bars.set_yticks(y, [labels[place] for place in wanted])
    bars.set(xlim=(0, 1.02), xlabel="each as a share of its largest")
    bars.tick_params(axis="y", length=0)
    bars.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, handlelength=1)
    return figure


def warp() -> Figure:
    """How many draws say about a rank, and what a rank costs."""
    negatives = 1000
    ranks = np.unique(np.geomspace(1, negatives, 32).astype(int))
    # N draws until one of `rank` violators is drawn: geometric. Quantiles of ⌊negatives / N⌋.
    estimates = []
    for share in (0.1, 0.5, 0.9):
        p = ranks / negatives
        with np.errstate(divide="ignore"):
            draws = np.where(p < 1, np.ceil(np.log(1 - share) / np.log1p(-np.minimum(p, 1 - 1e-12))), 1)
        estimates.append(np.maximum(negatives // np.maximum(draws, 1), 1))
    figure, (left, right) = _panels(2, (7.2, 3.0))
    left.fill_between(ranks, estimates[0], estimates[2], color=PALE, lw=0)
    left.plot(ranks, estimates[1], color=BLUE)
    left.plot(ranks, ranks, color=MUTED, lw=1, ls=(0, (4, 3)))
    left.text(3.2, 1.9, "the rank itself", color=MUTED)
    left.text(1.25, 190, "median and\n80 % of estimates", color=BLUE)
    left.set(xscale="log", yscale="log", xlabel="rank of the positive", xlim=(1, 1000), ylim=(1, 1100))
    for axis in (left.xaxis, left.yaxis):
        axis.set_ticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
        axis.set_ticks([], minor=True)
    left.set_title("⌊|Y∖Y_x| / N⌋ of 1,000 negatives")
    r = np.arange(0, 101)
    harmonic = np.r_[0, np.cumsum(1 / r[1:])]
    for values, color, name, place in (
        (harmonic / harmonic[-1], ORANGE, "harmonic", (25, 0.67)),
        (r / r[-1], BLUE, "mean", (58, 0.48)),
        (np.minimum(r, 1), GREEN, "top", (12, 1.04)),
    ):
        right.plot(r, values, color=color)
        right.text(*place, name, color=color)
    right.set(xlabel="rank r", xlim=(0, 100), ylim=(0, 1.15), yticks=[0, 0.5, 1])
    right.set_title("L(r), what a rank costs, as a share of L(100)")
    return figure


def neighbours() -> Figure:
    """The weights of neighbours by their squared distance, for several λ."""
    d = np.sort(np.random.default_rng(4).gamma(4.0, 0.25, 24))
    figure, (axes,) = _panels(1, (7.2, 2.7))
    for multiple, color in ((1, BLUE), (3, GREEN), (10, ORANGE)):
        weights = np.exp(-multiple * (d - d[0]) / np.median(d))
        axes.plot(d / np.median(d), weights / weights.sum(), "o-", ms=3.5, lw=1, color=color)
        place = {1: (1.5, 0.055), 3: (0.82, 0.1), 10: (0.5, 0.24)}[multiple]
        axes.text(*place, f"λ = {multiple} / median", color=color)
    axes.set(xlabel="‖Ux − Ux_j‖², in medians", xlim=(0.15, 2.6), ylim=(0, 0.45), yticks=[0, 0.2, 0.4])
    axes.set_title("w_j of the 24 nearest: they add up to 1 for every λ")
    return figure


def chain() -> Figure:
    """The iterative procedure: embedding, affinity, product, and round again."""
    figure, (axes,) = _panels(1, (7.2, 2.35))
    axes.set(xlim=(0, 100), ylim=(0, 32))
    axes.axis("off")
    boxes = [
        (1, "awe train", "U, V by WARP\nf = Ux·V_y"),
        (35, "awe build-knn", "neighbours of Ux\nG, then held fixed"),
        (69, "awe retrain", "f = G · Ux·V_y, with\nU, V as they are or\nlearned again"),
    ]
    for left, command, says in boxes:
        box = FancyBboxPatch(
            (left, 12), 29, 19, boxstyle="round,pad=0,rounding_size=1.6", fc="#ffffff", ec=MUTED
        )
        axes.add_patch(box)
        axes.text(left + 14.5, 27.2, command, ha="center", va="center", weight="bold", color=BLUE)
        axes.text(left + 14.5, 18.6, says, ha="center", va="center", linespacing=1.35)
    for left in (30, 64):
        axes.add_patch(_arrow((left, 21), (left + 5, 21)))
    axes.add_patch(_arrow((83, 12), (49.5, 12), "arc3,rad=-0.28"))
    axes.text(
        66, 2.4, "--iterations: G from the new U; the best on validation is kept", ha="center", color=MUTED
    )
    return figure


def fits() -> Figure:
    """What each fit has seen, and what it may be judged on."""
    figure, (axes,) = _panels(1, (7.2, 2.6))
    axes.set(xlim=(0, 100), ylim=(-2, 36))
    axes.axis("off")
    spans = {"train": (19, 30), "valid": (50, 12), "test": (63, 12)}
    rows = [
        (25, "the first fit", ("train",), "valid", "chooses epochs, margin, k, λ"),
        (14, "the second", ("train", "valid"), "test", "is what evaluate measures"),
        (3, "--fit-on all three", ("train", "valid", "test"), "", "is for use, not for judging"),
    ]
    for name, (left, width) in spans.items():
        axes.text(left + width / 2, 34.5, name, ha="center", va="center", color=MUTED)
    for bottom, who, learned, judged, what in rows:
        axes.text(17.5, bottom + 3.5, who, ha="right", va="center")
        for name, (left, width) in spans.items():
            color = BLUE if name in learned else ORANGE if name == judged else LINE
            axes.add_patch(FancyBboxPatch((left, bottom), width, 7, boxstyle="square,pad=0", fc=color, lw=0))
            word = "learns" if name in learned else "is judged" if name == judged else ""
            axes.text(left + width / 2, bottom + 3.5, word, ha="center", va="center", color="#ffffff")
        axes.text(77, bottom + 3.5, what, va="center", color=MUTED)
    return figure


FIGURES: dict[str, Callable[[], Figure]] = {
    "two-tastes": two_tastes,
    "warp": warp,
    "neighbours": neighbours,
    "chain": chain,
    "fits": fits,
}


def _panels(n: int, size: tuple[float, float], **grid: Any) -> tuple[Figure, list[Any]]:
    """A figure of so many inches with n panels side by side."""
    figure = Figure(size, layout="constrained")
    return figure, [*figure.subplots(1, n, squeeze=False, gridspec_kw=grid)[0]]


def _arrow(
    start: Any, end: Any, bend: str = "arc3", color: str = MUTED, width: float = 1.3
) -> FancyArrowPatch:
    """An arrow from one point to another, which it reaches."""
    return FancyArrowPatch(
        start,
        end,
        connectionstyle=bend,
        arrowstyle="-|>",
        mutation_scale=11,
        color=color,
        lw=width,
        shrinkA=0,
        shrinkB=0,
    )


def draw(folder: Path) -> None:
    """Write all figures into a folder, as NAME.svg."""
    folder.mkdir(exist_ok=True)
    with mpl.rc_context(STYLE):
        for name, make in FIGURES.items():
            make().savefig(folder / f"{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    draw(FOLDER)
    print(f"wrote {', '.join(FIGURES)} into {FOLDER}", file=sys.stderr)
