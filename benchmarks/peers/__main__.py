"""`python -m benchmarks.peers --only SETS --data FOLDER`: other libraries beside awe, into docs/results/peers.md.

Run it in the root of the repository. What was made before is not made again, nor is a library tried again that could
not be installed: for that remove its folder below --environments. The page is written after each set of data, and keeps
what other sets gave the last time.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from awe_cli.models.store import open_dataset
from awe_cli.workspace import Workspace
from benchmarks.peers import awe
from benchmarks.peers.catalog import DATA, LISTED, MEASURES, PEERS, TASKS
from benchmarks.peers.environments import NotThereError, environment, version
from benchmarks.peers.interchange import ask
from benchmarks.peers.page import Compared, page
from benchmarks.peers.protocol import Method, Peer, load_matrix
from benchmarks.peers.tuning import Budget, Outcome, Stage, compare
from benchmarks.reproduce.origin import digests, origin
from benchmarks.reproduce.run import Folders, missing

OUTPUT = Path("docs/results/peers.md")


def main() -> None:
    """Compare, and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of research data; sample data alone without it")
    parser.add_argument(
        "--root", type=Path, default=Path("peers-workspace"), help="where models and lists go"
    )
    parser.add_argument("--environments", type=Path, help="where libraries are installed (ROOT/environments)")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=8, help="settings that each method tries on validation")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the processor, for a single run")
    parser.add_argument("--only", help=f"sets of data among {', '.join(DATA)}, separated by commas")
    parser.add_argument("--peers", help=f"libraries among {', '.join(PEERS)}, separated by commas")
    asked = parser.parse_args()
    names, peers = chosen(asked.only, DATA), chosen(asked.peers, PEERS)
    wrong = [f"--only: there is no {name!r}" for name in names if name not in DATA]
    wrong += [f"--peers: there is no {name!r}" for name in peers if name not in PEERS]
    wrong += [
        f"--{name}: expected a number above 0, found {getattr(asked, name):g}"
        for name in ("seeds", "trials", "minutes")
        if getattr(asked, name) <= 0
    ]
    if wrong:
        parser.error("; ".join(wrong))
    budget = Budget(asked.trials, asked.minutes)
    for name in names:
        gone = (
            missing(DATA[name], Folders(asked.data or Path(), asked.root)) if asked.data else DATA[name].files
        )
        if gone:
            print(f"{name}: left out, {gone[0]} is not there (--data)", file=sys.stderr)
            continue
        found = of_data(name, asked, [PEERS[peer] for peer in peers], budget)
        found.save(asked.root / "found" / name)
        known = {one: Compared.load(asked.root / "found" / one) for one in DATA}
        OUTPUT.write_text(page({one: of for one, of in known.items() if of is not None}, LISTED))
        print(f"wrote {OUTPUT}", file=sys.stderr)


def chosen(text: str | None, known: dict[str, object]) -> list[str]:
    """The names in a text, or all there are."""
    return [name.strip() for name in text.split(",")] if text else list(known)


def of_data(name: str, asked: argparse.Namespace, peers: list[Peer], budget: Budget) -> Compared:
    """Every method on one set of data: awe first, then the libraries."""
    data, task, home = DATA[name], TASKS[name], asked.root / name
    prepare = data.prepare.format(data=asked.data)
    outcomes: dict[str, Outcome] = {}
    versions: list[str] = []
    valid, test = stages(prepare, home)
    outcomes |= awe.compare(prepare, home, test.question, MEASURES[task], asked.seeds)
    for peer in peers:
        methods = [method for method in peer.methods if task in method.tasks]
        if not methods:
            continue
        try:
            python = environment(peer, asked.environments or asked.root / "environments")
            versions.append(version(python, peer))
        except NotThereError as error:
            outcomes |= {method.title: Outcome(why=f"not installed: {error}") for method in methods}
            continue
        for method in methods:
            print(f"[{name}] {method.title}", file=sys.stderr, flush=True)
            outcomes[method.title] = of_method(
                peer, method, python, (valid, test), MEASURES[task], budget, asked.seeds
            )
    made_of = dict(digests(data, asked.data or Path()))
    able = [name for name, peer in PEERS.items() if any(task in method.tasks for method in peer.methods)]
    absent = [name for name in able if PEERS[name] not in peers]
    return Compared(outcomes, versions, made_of, origin(), asked.seeds, budget.trials, budget.minutes, absent)


def of_method(
    peer: Peer,
    method: Method,
    python: Path,
    stages: tuple[Stage, Stage],
    measures: tuple[str, ...],
    budget: Budget,
    seeds: int,
) -> Outcome:
    """One method, or why it cannot be run on this data."""
    valid, test = stages
    if method.sparse and not hasattr(load_matrix(valid.data / "X"), "indptr"):
        return Outcome(why="it takes words, and these features are numbers")
    return compare(peer, method, python, valid, test, measures, budget, seeds)


def stages(prepare: str, home: Path) -> tuple[Stage, Stage]:
    """What is chosen on, and what is opened once: validation after train, and test after both."""
    ws = home / "awe-0"
    awe.call(prepare, ws, 0)
    dataset = open_dataset(Workspace(ws).find("dataset"))
    return tuple(  # type: ignore[return-value]
        Stage(ask(dataset, split, fit_on, home / split), home / split, home / f"runs-{split}")
        for split, fit_on in (("valid", ("train",)), ("test", ("train", "valid")))
    )


if __name__ == "__main__":
    main()
