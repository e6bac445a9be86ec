"""A week of nights: yesterday's model goes on with few epochs, beside one trained from scratch every night.

    python benchmarks/week.py DATA [SET] [DAYS] [EPOCHS]

DATA holds lastfm/user_artists.parquet and gowalla/interactions.parquet; SET is lastfm (by default) or gowalla. Neither
has times, so that a seeded draw says when a row arrives: seven tenths are there on the first day, a tenth of the people
come later with all their rows, and each day brings its share of the rest. Every night the whole of the data so far is
prepared with --update, three items of each person held out, and the same held-out data judge, by NDCG@20:

    last night's   the warm model of the night before, as it is
    warm           learned on from it for EPOCHS epochs, 4 by default
    short          learned from scratch for as many epochs
    scratch        learned from scratch for as many epochs as training takes where nobody says

Prints a table in Markdown: the mean over the people, the difference of warm and scratch with its paired interval of
95 %, and seconds of training.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from machine import machine
from numpy.typing import NDArray

from awe_cli.config.evaluate import EvaluateSettings
from awe_cli.config.prepare import PrepareSettings
from awe_cli.config.train import TrainSettings
from awe_cli.steps.evaluate import evaluate
from awe_cli.steps.prepare import prepare
from awe_cli.steps.train import train
from awe_cli.workspace import Workspace

SEED = 0
FIRST_DAY = 0.7  # share of the rows that are there on the first day
LATE = 0.1  # share of the people that come later
WARM = int(sys.argv[4]) if len(sys.argv) > 4 else 4  # epochs of a warm start
METRIC = "ndcg@20"
FILES = {
    "lastfm": ("lastfm/user_artists.parquet", "artist", 1.0),
    "gowalla": ("gowalla/interactions.parquet", "item", 0.4),
}


def arrivals(people: NDArray[np.int64], days: int) -> NDArray[np.int64]:
    """The day on which each row arrives (rows,), from 0; all rows of a late person on the day it comes or later."""
    draws = np.random.default_rng(SEED)
    distinct, person = np.unique(people, return_inverse=True)
    joins = np.where(draws.random(len(distinct)) < LATE, draws.integers(1, days, len(distinct)), 0)
    row = np.where(draws.random(len(people)) < FIRST_DAY, 0, draws.integers(1, days, len(people)))
    return np.maximum(joins[person], row)


def night(
    ws: Workspace, file: Path, item: str, margin: float, before: str | None, day: int
) -> dict[str, Any]:
    """Prepare, train three ways and judge; what was measured."""
    settings = PrepareSettings(user="user", item=item, holdout=3, update=True)
    summary, _, _ = prepare(ws, [str(file)], settings)
    plan = {"affinity": "constant", "margin": margin, "fit_on": ("train",)}
    warm, scratch, short = f"warm-{day}", f"scratch-{day}", f"short-{day}"
    found: dict[str, Any] = {"changes": summary["update"], "people": summary["people"]}
    ways = {scratch: {}, short: {"epochs": WARM}}
    if before is not None:
        ways[warm] = {"epochs": WARM, "start": before}
    for name, told in ways.items():
        began = time.perf_counter()
        train(ws, TrainSettings(**plan, **told), name=name)
        found[f"seconds {name}"] = time.perf_counter() - began
    models = [scratch, short, *([warm, before] if before else [])]
    document, _, _ = evaluate(ws, models, EvaluateSettings(metric=(METRIC,)))
    found |= {name: document["models"][name]["metrics"][METRIC] for name in models}
    found["difference"] = document["differences"].get(warm, {}).get(METRIC)
    return found


def main() -> None:
    """Simulate the week and print the table."""
    data, which = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "lastfm"
    days = int(sys.argv[3]) if len(sys.argv) > 3 else 7
    name, item, margin = FILES[which]
    rows = pq.read_table(data / name, columns=["user", item])
    day = arrivals(rows["user"].to_numpy(), days)
    print(f"{which}, {days} days, {machine()}\n", flush=True)
    heads = ("day", "rows", "new people, items", "last night's", f"warm, {WARM} epochs", f"scratch, {WARM} epochs",
             "scratch", "warm − scratch", "seconds, warm and scratch")  # fmt: skip
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        ws, before = Workspace(Path(folder) / "workspace"), None
        for today in range(days):
            file = Path(folder) / f"day-{today}.parquet"
            there = rows.filter(pa.array(day <= today))
            pq.write_table(there, file)
            found = night(ws, file, item, margin, before, today)
            print(line(found, today, before, there.num_rows), flush=True)
            before = f"warm-{today}" if before else f"scratch-{today}"


def line(found: dict[str, Any], today: int, before: str | None, n: int) -> str:
    """One night as a row of the table."""
    scratch, short = (f"{found[f'{way}-{today}']:.4f}" for way in ("scratch", "short"))
    if before is None:
        seconds = f"{found[f'seconds scratch-{today}']:.0f}"
        return f"| {today} | {n:,} | | | | {short} | {scratch} | | {seconds} |"
    came, gap = found["changes"], found["difference"]
    return (
        f"| {today} | {n:,} | {came['people']['added']:,}, {came['items']['added']:,} | {found[before]:.4f} "
        f"| {found[f'warm-{today}']:.4f} | {short} | {scratch} "
        f"| {gap['difference']:+.4f} ({gap['low']:+.4f} to {gap['high']:+.4f}) "
        f"| {found[f'seconds warm-{today}']:.0f}, {found[f'seconds scratch-{today}']:.0f} |"
    )


if __name__ == "__main__":
    main()
