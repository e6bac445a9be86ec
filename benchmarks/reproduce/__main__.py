"""`python -m benchmarks.reproduce TABLE… --data FOLDER`: run a table's commands and write docs/results/TABLE.md.

Run it in the root of the repository. What was made before is not made again: an interrupted run goes on where it was.
A page is written after each set of data; with --only it keeps what the other data gave the last time.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.reproduce.catalog import LISTINGS, TABLES
from benchmarks.reproduce.found import Found, load
from benchmarks.reproduce.origin import digests
from benchmarks.reproduce.page import listing_page, page
from benchmarks.reproduce.run import Folders, listed, measure, missing
from benchmarks.reproduce.shape import Data

OUTPUT = Path("docs/results")
NOTHING = "none"  # measures nothing: pages are made again of what was found


def main() -> None:
    """Measure and write."""
    names = [*TABLES, *LISTINGS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reproduce", description=__doc__)
    parser.add_argument("tables", nargs="*", help=f"among {', '.join(names)}; all of them by default")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the research data")
    parser.add_argument("--root", type=Path, default=Path("reproduce-workspace"), help="where models go")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", help="sets of data, separated by commas; none: write the page again")
    asked = parser.parse_args()
    only = asked.only.split(",") if asked.only is not None else None
    wrong = problem(asked.tables, only, asked.seeds)
    if wrong:
        parser.error(wrong)
    folders = Folders(asked.data, asked.root)
    for name in asked.tables or names:
        if name in LISTINGS:
            write_listing(name, folders, only)
        else:
            write(name, folders, asked.seeds, only)


def problem(asked: list[str], only: list[str] | None, seeds: int) -> str | None:
    """What is wrong with what was asked for."""
    names = [*TABLES, *LISTINGS]
    unknown = [name for name in asked if name not in names]
    if unknown:
        return f"expected tables among {', '.join(names)}, found {', '.join(unknown)}"
    if seeds < 1:
        return f"--seeds: expected a whole number of at least 1, found {seeds}"
    known = dict.fromkeys(data for name in asked or names for data in data_of(name))
    strange = [data for data in only or () if data not in known and only != [NOTHING]]
    if strange:
        return (
            f"--only: expected data among {', '.join(known)}, or {NOTHING} alone, found {', '.join(strange)}"
        )
    return None


def data_of(name: str) -> list[str]:
    """The names of the sets of data of a table, or of a listing."""
    return [LISTINGS[name].data.name] if name in LISTINGS else [data.name for data in TABLES[name].data]


def write(name: str, folders: Folders, seeds: int, only: list[str] | None) -> None:
    """One table, for the data that is there; what is not measured now is as it was found the last time."""
    table = TABLES[name]
    kept = {data.name: folders.root / "found" / name / data.name for data in table.data}
    known = {data.name: load(kept[data.name], table, data) for data in table.data}
    found: dict[str, Found] = {data: entry for data, entry in known.items() if entry is not None}
    if only == [NOTHING]:
        if found:
            put(name, page(table, found))
        else:
            left_out(name, f"nothing of it is kept in {folders.root}")
        return
    wanted = [data for data in table.data if only is None or data.name in only]
    if not wanted:
        left_out(name, "--only names none of its data")
    for data in wanted:
        if there(name, data, folders):
            found[data.name] = measure(table, data, folders, seeds)
            found[data.name].save(kept[data.name])
            put(name, page(table, found))


def write_listing(name: str, folders: Folders, only: list[str] | None) -> None:
    """One listing, where its data is there. What it printed is not kept: its page is not made without running it."""
    listing = LISTINGS[name]
    if only is not None and listing.data.name not in only:
        left_out(name, "its output is not kept" if only == [NOTHING] else "--only names none of its data")
    elif there(name, listing.data, folders):
        output, commands = listed(listing, folders)
        put(name, listing_page(listing, output, commands, dict(digests(listing.data, folders.data))))


def left_out(name: str, why: str) -> None:
    """Say that no page is written."""
    print(f"{name}: left out, {why}", file=sys.stderr)


def there(name: str, data: Data, folders: Folders) -> bool:
    """Whether a set of data is there; what is not is named."""
    gone = missing(data, folders)
    if gone:
        print(f"{name}: {data.name} is left out, {folders.data / gone[0]} is not there", file=sys.stderr)
    return not gone


def put(name: str, text: str) -> None:
    """Write a page."""
    OUTPUT.mkdir(exist_ok=True)
    (OUTPUT / f"{name}.md").write_text(text, encoding="utf-8")
    print(f"wrote {OUTPUT / f'{name}.md'}", file=sys.stderr)


if __name__ == "__main__":
    main()
