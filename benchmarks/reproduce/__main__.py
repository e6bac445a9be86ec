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
from benchmarks.reproduce.page import listing_page, page
from benchmarks.reproduce.run import Folders, listed, measure, missing
from benchmarks.reproduce.shape import Data

OUTPUT = Path("docs/results")


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
    unknown = [name for name in asked.tables if name not in names]
    if unknown or asked.seeds < 1:
        parser.error(f"expected tables among {', '.join(names)} and a seed or more, found {unknown}")
    folders = Folders(asked.data, asked.root)
    for name in asked.tables or names:
        if name in LISTINGS:
            write_listing(name, folders)
        else:
            write(name, folders, asked.seeds, asked.only.split(",") if asked.only else None)


def write(name: str, folders: Folders, seeds: int, only: list[str] | None) -> None:
    """One table, for the data that is there; what is not measured now is as it was found the last time."""
    table = TABLES[name]
    kept = {data.name: folders.root / "found" / name / data.name for data in table.data}
    known = {data.name: load(kept[data.name], table, data) for data in table.data}
    found: dict[str, Found] = {data: entry for data, entry in known.items() if entry is not None}
    if only == ["none"]:
        put(name, page(table, found, seeds))
        return
    for data in table.data:
        if there(name, data, folders) and (only is None or data.name in only):
            found[data.name] = measure(table, data, folders, seeds)
            found[data.name].save(kept[data.name])
            put(name, page(table, found, seeds))
    if not found:
        print(f"{name}: left out, none of its data is there", file=sys.stderr)


def write_listing(name: str, folders: Folders) -> None:
    """One listing, where its data is there."""
    listing = LISTINGS[name]
    if there(name, listing.data, folders):
        put(name, listing_page(listing, *listed(listing, folders)))


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
