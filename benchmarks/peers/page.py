"""The page: quality with its spread, what it cost, where awe does not win, and how it was made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.peers.awe import RECIPE, TITLES
from benchmarks.peers.catalog import DATA, MEASURES, TASKS
from benchmarks.peers.cost import Cost
from benchmarks.peers.tuning import Outcome
from benchmarks.reproduce.found import Found
from benchmarks.reproduce.page import FLATTERED, INTERVALS, files_in_words, folded, spread
from benchmarks.reproduce.shape import Row, Table
from benchmarks.reproduce.verdicts import LOSSES_HEAD, against_others

TITLE = "awe beside other libraries"
HOW = """\
Each library runs in an environment of its own, on the matrices that `awe prepare` made, split as awe's own
runs are. Every method of a library tries the same number of settings on validation, or all where it has
fewer, each within the same minutes of the processor: the library's defaults first, then others that are drawn
from the ranges in `benchmarks/peers/`, the same ones each time. The best by the first measure is fitted again
to train and validation together, and ranks test, once for each seed (a method that draws nothing once). The
rows of awe are its defaults and the chain that `awe recipe` prints; what these try on validation is within
their minutes, as is compiling where a kernel is new, and is made anew for each seed. Chains hold baselines,
which are awe's own code for EASE, SVD, k-NN and one-vs-rest, and implicit's for iALS. All lists have {listed}
labels and are judged by awe's metrics; none may hold what a person has already. ± is the deviation between
seeds. A star: the difference from *{recipe}* is more than chance, over the test examples. *choosing* is what
all trials took together, *ranking* what it takes to learn and to rank test once, the median of the seeds:
minutes of the processor, user and system, and the peak of memory of the process. Time by the clock is not
given, since other work shared the machine; minutes of the processor hardly change with that."""


REMARKS = """RecBole is not among the libraries: it installs, with 6 GB of what it needs, but asks for files
and settings of its own form, and its EASE and LightGCN are not driven from here. LensKit brings 6 GB, too,
which is PyTorch. Lists of nearest neighbours may have fewer labels than are asked for, where no neighbour has
more; what is missing counts as not found. Where a method tries few of many settings, more trials may well
raise its row: `--trials` says how many. awe's members bring grids and rules of their own, which were made on
these very sets' validation, among others."""


@dataclass
class Compared:
    """One set of data.

    outcomes  title → what came of it, in the order of the table; ours: the titles of awe
    versions  of the libraries
    absent    libraries that rank such data, and were not asked
    trials    settings that each method could try, and minutes of the processor that each run could take
    """

    outcomes: dict[str, Outcome]
    versions: list[str]
    digests: dict[str, str]
    origin: str
    seeds: int
    trials: int
    minutes: float
    absent: list[str] = field(default_factory=list)

    @property
    def there(self) -> dict[str, Outcome]:
        """Those with values."""
        return {title: one for title, one in self.outcomes.items() if not one.why}

    def save(self, folder: Path) -> None:
        """Keep it for pages to come."""
        folder.mkdir(parents=True, exist_ok=True)
        told = {**asdict(self), "outcomes": {}}
        for number, (title, one) in enumerate(self.outcomes.items()):
            np.savez_compressed(folder / f"{number}.npz", values=one.values, examples=one.examples)
            told["outcomes"][title] = {
                key: value for key, value in asdict(one).items() if key not in ("values", "examples")
            }
        (folder / "compared.json").write_text(json.dumps(told, indent=1))

    @classmethod
    def load(cls, folder: Path) -> Compared | None:
        """What was kept; None where nothing was."""
        file = folder / "compared.json"
        if not file.exists():
            return None
        told = json.loads(file.read_text())
        for number, one in enumerate(told["outcomes"].values()):
            with np.load(folder / f"{number}.npz") as arrays:
                one |= {name: arrays[name] for name in ("values", "examples")}
            one["ranking"] = Cost(*one["ranking"])
            one["choosing"] = None if one["choosing"] is None else Cost(*one["choosing"])
        outcomes = {title: Outcome(**one) for title, one in told["outcomes"].items()}
        return cls(**{**told, "outcomes": outcomes})


def page(compared: Mapping[str, Compared], listed: int) -> str:
    """The whole page, of the sets of data that were compared."""
    parts = [f"# {TITLE}", folded(HOW.format(listed=listed, recipe=RECIPE))]
    for name, one in compared.items():
        parts.append(f"## {DATA[name].title}")
        parts.append(
            f"{one.seeds} {'seeds' if one.seeds > 1 else 'seed'}; {one.trials} settings a method, each within "
            f"{one.minutes:g} minutes of the processor."
        )
        parts.append("\n".join(figures(name, one)))
        parts += ["\n".join(f"- {title}: {found.why}" for title, found in one.outcomes.items() if found.why)]
        parts += [f"Not run on this set: {', '.join(one.absent)}."] if one.absent else []
    parts += ["## Where awe does not win", folded(INTERVALS + FLATTERED)]
    lines = [line for name, one in compared.items() for line in losses(name, one)]
    parts.append("\n".join([*LOSSES_HEAD, *lines]) if lines else "On none of these measures.")
    parts += ["## What was chosen"]
    parts += [f"### {DATA[name].title}\n\n" + "\n".join(chosen(one)) for name, one in compared.items()]
    parts += ["## Remarks", folded(REMARKS), "## How it was made"]
    for name, one in compared.items():
        options = f"--only {name} --trials {one.trials} --minutes {one.minutes:g}"
        told = f"{name}: {one.origin}. {', '.join(one.versions)}. {files_in_words(one.digests)}"
        parts += [f"    make compare-peers SEEDS={one.seeds} DATA=… PEERS='{options}'", folded(told)]
    return "\n\n".join(part for part in parts if part) + "\n"


def figures(name: str, compared: Compared) -> Iterator[str]:
    """The rows, the best of each column bold."""
    measures, there = MEASURES[TASKS[name]], compared.there
    found = as_found(name, compared)
    best = {metric: max(found.mean(title, metric) for title in there) for metric in measures}
    yield "| | " + " | ".join(measures) + " | choosing, minutes | ranking, minutes | memory, MB |"
    yield "|---|" + "---|" * (len(measures) + 3)
    for title, outcome in there.items():
        cells = []
        for metric in measures:
            mean = found.mean(title, metric)
            text = f"**{mean:.4f}**" if mean == best[metric] else f"{mean:.4f}"
            differs = title != RECIPE and RECIPE in there and apart(found, title, metric)
            cells.append(text + spread(found, title, metric) + " *" * differs)
        choosing = "within" if outcome.choosing is None else f"{outcome.choosing.minutes:.2f}"
        yield (
            f"| {title} | {' | '.join(cells)} | {choosing} | {outcome.ranking.minutes:.2f} | "
            f"{outcome.ranking.memory:,.0f} |"
        )


def apart(found: Found, title: str, metric: str) -> bool:
    """Whether the interval of the difference from the recipe leaves out 0."""
    interval = found.contrast(title, RECIPE, metric)
    return interval.low > 0 or interval.high < 0


def losses(name: str, compared: Compared) -> Iterator[str]:
    """Where another method is level with the best row of awe, or ahead of it."""
    rows = tuple(Row(title, title, ours=title in TITLES) for title in compared.there)
    table = Table("peers", TITLE, "", (DATA[name],), rows, {"": ",".join(MEASURES[TASKS[name]])})
    return against_others(table, DATA[name], as_found(name, compared))


def as_found(name: str, compared: Compared) -> Found:
    """What was measured as the pages of the papers' tables have it."""
    measures = MEASURES[TASKS[name]]
    return Found(
        {
            title: dict(zip(measures, one.values.T.tolist(), strict=True))
            for title, one in compared.there.items()
        },
        examples={title: one.examples for title, one in compared.there.items()},
    )


def chosen(compared: Compared) -> Iterator[str]:
    """How many settings each method tried, and which it took."""
    yield from ("| method | tried | settings |", "|---|---|---|")
    for title, one in compared.there.items():
        yield f"| {title} | {one.tried or 'by itself'} | {one.chosen or 'its own'} |"
