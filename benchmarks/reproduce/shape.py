"""What a table is: sets of data, rows, measures. Commands are those of `awe`, without the first word."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

FOLDS = 5


@dataclass(frozen=True)
class Data:
    """A set of data.

    prepare  the command that prepares it, nothing where a listing's script does so; {data} is the folder of research
             data, {made} one for what is made of it
    files    what must be there, below {data}
    sample   files of the repository that it is made of
    make     writes a file to {made} for one fold, where the data is no file that `prepare` can take
    folds    whether it is cross-validated: run r leaves out fold r, and seeds are those of the folds
    """

    name: str
    title: str
    prepare: str
    files: tuple[str, ...] = ()
    make: Callable[[Path, Path, int], None] | None = None
    folds: bool = False
    sample: tuple[str, ...] = ()

    @property
    def validated(self) -> bool:
        """Whether there is a validation split to choose by."""
        return "--valid-fraction 0" not in self.prepare

    def runs(self, seeds: int) -> Iterator[Run]:
        """A run for each seed, or for each fold, as far as seeds are asked for."""
        for number in range(min(seeds, FOLDS) if self.folds else seeds):
            yield Run(self, number, f"{self.name}-fold-{number}" if self.folds else self.name)


@dataclass(frozen=True)
class Run:
    """One number for every row of a table: a seed, or a fold with a seed of its own."""

    data: Data
    seed: int
    workspace: str


@dataclass(frozen=True)
class Row:
    """One method.

    model     its name in the workspace; with {seed} where it depends on that
    commands  what makes it, after the commands of the rows above
    ours      whether it is affinity weighted embedding
    tries     where it is the best of several on validation: these, named by their settings; `model` is then the
              word that stands for whichever that is
    """

    name: str
    model: str
    commands: tuple[str, ...] = ()
    ours: bool = False
    tries: tuple[Row, ...] = ()

    @property
    def all_commands(self) -> list[str]:
        """Those of what it is chosen from, too, each once."""
        return list(dict.fromkeys([*self.commands, *(c for row in self.tries for c in row.all_commands)]))


@dataclass(frozen=True)
class Claim:
    """What a paper, or an issue, says of two rows.

    better, worse  names of rows: better > factor · worse is claimed
    least          whether being level is enough
    metrics        by which measures; the first one of the table by default
    data           of which sets of data; all by default
    """

    better: str
    worse: str
    factor: float = 1.0
    least: bool = False
    metrics: tuple[str, ...] = ()
    data: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """ "k-NN < WSABIE" """
        times = f"{self.factor:g} × " if self.factor != 1 else ""
        return f"{times}{self.worse} {'≤' if self.least else '<'} {self.better}"


def ordered(*pairs: tuple[Row, Row], metrics: tuple[str, ...] = ()) -> tuple[Claim, ...]:
    """That of each pair the first is worse than the second, by these measures."""
    return tuple(Claim(better.name, worse.name, metrics=metrics) for worse, better in pairs)


@dataclass(frozen=True)
class Table:
    """One table of a paper.

    paper      what the paper reports there, in a sentence or two
    rows       in the paper's order, each with what makes it; `only` names the data a row is for
    metrics    what `awe evaluate --metric` is told, by the name of the data; "" is for all others
    baseline   the row that the others are compared with
    remarks    what a reader should know, a paragraph of Markdown, written by hand after the figures were there
    claims     what is said of the order of the rows
    choose_by  the measure on validation where a row is the best of several, by the name of the data as `metrics`
    most_runs  data → the most seeds it is run with
    changes    of how many measures the change from the baseline is shown
    summary    whether a table of all data, one cell each, comes first
    """

    name: str
    title: str
    paper: str
    data: tuple[Data, ...]
    rows: tuple[Row, ...]
    metrics: dict[str, str]
    baseline: str = "WSABIE"
    remarks: str = ""
    only: dict[str, tuple[str, ...]] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    choose_by: dict[str, str] = field(default_factory=lambda: {"": "ndcg@5"})
    most_runs: dict[str, int] = field(default_factory=dict)
    summary: bool = False
    changes: int = 1

    def rows_for(self, data: Data) -> list[Row]:
        """The rows that this set of data has."""
        return [row for row in self.rows if data.name in self.only.get(row.name, (data.name,))]

    def metrics_for(self, data: Data) -> str:
        """What is measured on this set of data."""
        return self.metrics.get(data.name, self.metrics[""])

    def chosen_by(self, data: Data) -> str:
        """What a row with settings to choose from is chosen by on validation."""
        return self.choose_by.get(data.name, self.choose_by[""])

    def runs(self, data: Data, seeds: int) -> Iterator[Run]:
        """The runs on this set of data."""
        return data.runs(min(seeds, self.most_runs.get(data.name, seeds)))


@dataclass(frozen=True)
class Listing:
    """What a paper shows that is no table of measures: the output of one command.

    rows     what has to be made first, with seed 0
    command  of awe, or a script of benchmarks/; {workspace} is where the models are, {data} the research data
    """

    name: str
    title: str
    paper: str
    data: Data
    rows: tuple[Row, ...]
    command: str
    remarks: str = ""
