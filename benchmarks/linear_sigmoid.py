"""What the linear sigmoid adds to the linear model, and when: `python benchmarks/linear_sigmoid.py FOLDER [WORK]`.

FOLDER holds lastfm/ and gowalla/ (docs/results.md); Debian is the sample. What AWE Table 3 tests on is set aside first
(of Gowalla its test split; Table 3 has other people there): of what is left there are the items that three of (at most)
3,000 people have, each person with ten items or more has five of them held out, drawn once, and the figures here are on
those. Every row is made of `awe` commands: a linear model; and three that start from it with the same more epochs: the
control, which is linear; linear with four times the margin; and a linear sigmoid. What was made before is not made
again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from commands import awe

from awe_cli.models.store import open_dataset
from awe_cli.workspace import Workspace

HELD, PEOPLE, LEAST = 5, 3000, 3
METRICS = ("precision@1", "precision@10", "recall@20")
X = {"none": "1", "l2": "n^-½", "l1": "1/n"}
DATA = {
    "lastfm": "{folder}/lastfm/user_artists.parquet --user user --item artist --holdout 5",
    "gowalla": "{folder}/gowalla/interactions.parquet --user user --item item --split split",
    "debian": "sample_data/debian/interactions.parquet --user package --item dependency --split split",
}
GOOD = {"lastfm": "1", "gowalla": "1", "debian": "0.3"}  # margins, found by the rows of MARGINS
WIDE = 4  # 1/β of β = 0.25: where G is β throughout, a margin γ is one of γ/β
COMMON = "--dim 64 --max-trials 100 --fit-on train --threads 1"
MORE = "--epochs 4 --learning-rate 0.1"  # of the control and the sigmoid
MARGINS = {"none": ("0.3", "1", "3"), "l2": ("0.1", "0.3", "1"), "l1": ("0.03", "0.1", "0.3")}
RATE, THIRD = "--learning-rate", "--margin {third}"
BETAS = ("-1", "-0.5", "0", "0.25", "0.5")


@dataclass(frozen=True)
class Trial:
    """One row: where it departs from x = n^-½, the data's margin, cap 1, 16 + 4 epochs, β = 0.25, d = 64."""

    part: str
    name: str
    scaling: str = "l2"
    linear: str = ""  # of the linear model, and of what starts from it
    more: str = ""  # of the control and of the sigmoid
    sigmoid: str = ""  # of the sigmoid


TRIALS = [
    *(
        Trial("margin", f"x = {X[scaling]}, γ = {margin}", scaling, f"--margin {margin}")
        for scaling, margins in MARGINS.items()
        for margin in margins
    ),
    *(
        Trial("beta", f"a third of the margin, β = {beta}", sigmoid=f"{THIRD} --beta {beta}")
        for beta in BETAS
    ),
    *(
        Trial("beta-x", f"x = 1, γ = 0.3, β = {beta}", "none", "--margin 0.3", sigmoid=f"--beta {beta}")
        for beta in BETAS
    ),
    Trial("start", "a third of the rate", more="--learning-rate 0.033", sigmoid=THIRD),
    Trial("start", "16 epochs more", more="--epochs 16", sigmoid=THIRD),
    Trial("start", "from random numbers, 20 epochs", sigmoid=f"{THIRD} --start scratch --epochs 20"),
    *(Trial("cap", f"norm cap {cap}", linear=f"--norm-cap {cap}", sigmoid=THIRD) for cap in ("3", "100")),
    *(Trial("dim", f"d = {dim}", linear=f"--dim {dim}", sigmoid=THIRD) for dim in ("8", "16", "32", "128")),
    *(
        Trial("sgd", f"plain steps, rate {rate}", "l2", f"--steps sgd {RATE} {rate}", f"{RATE} {rate}")
        for rate in ("0.003", "0.01", "0.1")
    ),
    Trial("argument", "x_i in the argument", sigmoid=f"{THIRD} --no-unit"),
    Trial("argument", "s_l of the whole score", sigmoid=f"{THIRD} --scope score"),
]  # fmt: skip


def sample(name: str, folder: Path, work: Path) -> Path:
    """A file of what Table 3 learns from, with its own split: five items of each person with ten are test."""
    path = work / f"{name}.parquet"
    if path.exists():
        return path
    awe(work / f"{name}-whole", "prepare", *DATA[name].format(folder=folder).split())
    examples = open_dataset(Workspace(work / f"{name}-whole").find("dataset")).training(("train", "valid"))
    draws = np.random.default_rng(0)
    indptr, items = examples.positives
    people = np.repeat(np.arange(len(examples)), np.diff(indptr))
    kept = np.isin(people, draws.permutation(len(examples))[:PEOPLE])
    kept &= np.bincount(items[kept], minlength=items.max() + 1)[items] >= LEAST
    people, items = people[kept], items[kept]
    place = draws.permutation(len(items))
    order = place[np.argsort(people[place], kind="stable")]
    people, items = people[order], items[order]
    rank = np.arange(len(people)) - np.searchsorted(people, people)
    test = (rank < HELD) & (np.bincount(people)[people] >= 2 * HELD)
    split = np.where(test, "test", "train")
    pq.write_table(pa.table({"user": people, "item": items, "split": pa.array(split)}), path)
    return path


def made(ws: Path, told: str) -> str:
    """Train a model, of two options the last; its name, which is that of its settings."""
    name = "m" + hashlib.sha256(told.encode()).hexdigest()[:12]
    awe(ws, *f"train {told} --name {name}".split())
    return name


def measured(trial: Trial, name: str, file: Path, work: Path) -> list[list[float]]:
    """The metrics of the linear model, the control, that with a greater margin, and the sigmoid."""
    ws = work / f"{name}-{trial.scaling}"
    told = (
        f"prepare {file} --user user --item item --split split --valid-fraction 0 --scaling {trial.scaling}"
    )
    awe(ws, *told.split())
    told = f"{COMMON} --margin {GOOD[name]} {trial.linear}"
    more = f"{told} {MORE} {trial.more}"
    curve = trial.sigmoid.format(third=f"{float(GOOD[name]) / 3:g}")
    linear = made(ws, f"--affinity constant --epochs 16 --learning-rate 0.1 {told}")
    control = made(ws, f"--affinity constant --start {linear} {more}")
    sigmoid = made(ws, f"--affinity linear-sigmoid --start {linear} --beta 0.25 {more} {curve}")
    margin = WIDE * float(more.split("--margin ")[-1].split()[0])
    wide = made(ws, f"--affinity constant --start {linear} {more} --margin {margin:g}")
    models = (linear, control, wide, sigmoid)
    wanted = f"--model {','.join(models)} --metric {','.join(METRICS)} --name {sigmoid}"
    out = awe(ws, *f"evaluate {wanted} --threads 1 --json -q".split())
    found = json.loads(out)["models"]
    return [[found[model]["metrics"][metric] for metric in METRICS] for model in models]


def row(trial: Trial, found: list[list[float]]) -> str:
    """A line of the table; changes are of the sigmoid, from the control and from that with a greater margin."""
    cells = [" · ".join(f"{value:.3f}"[1:] for value in model) for model in found]
    for before in found[1:3]:
        changes = [f"{after / value - 1:+.0%}" for value, after in zip(before, found[3], strict=True)]
        cells.append(" · ".join(changes))
    return f"| {trial.name} | " + " | ".join(cells) + " |"


def study() -> None:
    """Every row of every set of data, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("work", type=Path, nargs="?", default=Path("linear-sigmoid-workspace"))
    parser.add_argument("--only", default=",".join(DATA), help="sets of data")
    parser.add_argument("--parts", default=",".join(dict.fromkeys(trial.part for trial in TRIALS)))
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    for name in asked.only.split(","):
        file = sample(name, asked.folder, asked.work)
        print(f"\n{name}: each model's {', '.join(METRICS)}\n")
        print(
            "| | linear | control | control, 4γ | sigmoid | from the control | from that with 4γ |\n"
            "|---|---|---|---|---|---|---|",
            flush=True,
        )
        for trial in TRIALS:
            if trial.part in asked.parts.split(","):
                print(row(trial, measured(trial, name, file, asked.work)), flush=True)


if __name__ == "__main__":
    study()
