"""`python -m benchmarks.bench`: speed, side by side in one run, into docs/performance.md.

Libraries are installed in environments of their own, once. The page is written whole; with --only the sections are
printed instead. Run it in the root of the repository, on a machine with nothing else to do.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.bench.affinities import affinities
from benchmarks.bench.commands import start, whole
from benchmarks.bench.contest import SCALES, Arena
from benchmarks.bench.curves import curves
from benchmarks.bench.limits import limits
from benchmarks.bench.neighbors import neighbors
from benchmarks.bench.page import Section, page
from benchmarks.bench.ranking import ranking
from benchmarks.bench.training import training

OUTPUT = Path("docs/performance.md")
SECTIONS: dict[str, Callable[[Arena], str]] = {
    "limits": limits,
    "training": training,
    "curves": curves,
    "whole": whole,
    "ranking": ranking,
    "neighbors": neighbors,
    "affinities": affinities,
    "start": start,
}


def main() -> None:
    """Measure, and write or print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.add_argument("--scale", choices=SCALES, default="full")
    parser.add_argument("--only", help=f"sections among {', '.join(SECTIONS)}, separated by commas")
    parser.add_argument(
        "--environments", type=Path, default=Path("peers-workspace/environments"), help="of the libraries"
    )
    asked = parser.parse_args()
    names = [name.strip() for name in asked.only.split(",")] if asked.only else list(SECTIONS)
    if wrong := [name for name in names if name not in SECTIONS]:
        parser.error(f"--only: expected {', '.join(SECTIONS)}, found {', '.join(wrong)}")
    names = list(dict.fromkeys(["limits", *names]))  # other sections are held against them
    sections = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        arena = Arena(SCALES[asked.scale], Path(folder), asked.environments)
        for name in names:
            print(f"{time.monotonic() - began:5.0f} s: {name}", file=sys.stderr, flush=True)
            sections.append(Section(name, SECTIONS[name](arena)))
    text = page(sections, arena.versions, asked.scale, arena.scale.runs, time.monotonic() - began)
    if asked.only:
        print(text)
    else:
        OUTPUT.write_text(text)
        print(f"wrote {OUTPUT}", file=sys.stderr)


if __name__ == "__main__":
    main()
