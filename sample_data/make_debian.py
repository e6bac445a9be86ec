"""Make the recommendation sample: which packages a Debian package depends on.

    python sample_data/make_debian.py --output sample_data/debian

reads the package index of the machine it runs on (`apt-cache dumpavail` after `apt-get update`), or a saved
one with `--index FILE`, and writes `interactions.parquet` and `packages.parquet`. The same index, seed and
version of pyarrow give the same files. Needs pyarrow beside the standard library. debian/README.md explains
the choices made here.
"""

from __future__ import annotations

import argparse
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

MIN_ITEM_COUNT = 5  # a dependency is kept if at least so many packages have it
MIN_DEPENDENCIES = 4  # a package is kept if at least so many of its dependencies are
MAX_SHARE = 0.25  # a dependency of more packages than this says nothing about any of them
SAME_NEEDS = 0.5  # Jaccard similarity from which two packages of one source count as one
TEST_SHARE, TEST_MOST = 0.2, 5  # of a package's dependencies, at least one
VALID_SHARE, VALID_MOST = 0.1, 3

# Builds and documents that repeat, in a vocabulary of their own, what their main package depends on.
REPEATS = re.compile(r"-(doc|docs|prof|dbg|dbgsym)$")
# Names that carry a version: Haskell's "libghc-base-dev-4.15.1.0-6a406", OCaml's "libre-ocaml-dev-6b8g3" and
# Rust's "librust-serde-1+derive-dev" (but md-5, sha-1 and utf-8 are names).
HASKELL = re.compile(r"^(libghc-.+-(?:dev|prof))-[\d.]+-[0-9a-f]{5}$")
OCAML = re.compile(r"^(lib.+-ocaml(?:-dev)?)-[0-9a-z]{5}$")
RUST = re.compile(r"^librust-(.+?)(?:(?<!-md)(?<!-sha)(?<!-utf)-\d[\d.]*)?(?:\+.+)?-dev$")


class Package(NamedTuple):
    """One binary package: its name, its source package, its section and what it needs (name → relation)."""

    name: str
    source: str
    section: str
    needs: dict[str, str]


def stanzas(lines: Iterable[str]) -> Iterator[dict[str, str]]:
    """Yield the fields of each package of an index in the control file format (Debian policy, 5.1)."""
    fields: dict[str, str] = {}
    key = ""
    for line in lines:
        if not line.strip():
            if fields:
                yield fields
            fields = {}
        elif line[0] in " \t":
            fields[key] += line
        else:
            key, _, value = line.partition(":")
            fields[key] = value.strip()
    if fields:
        yield fields


def without_version(name: str) -> str:
    """Return the name of a Haskell, OCaml or Rust library without version and features; others stay."""
    if match := HASKELL.match(name) or OCAML.match(name):
        return match[1]
    if match := RUST.match(name):
        return f"librust-{match[1]}-dev"
    return name


def names(field: str) -> Iterator[str]:
    """Yield the package names of a relation field: the first alternative, without version or architecture."""
    for clause in field.split(","):
        if name := re.split(r"[\s(\[:<|]", clause.strip(), maxsplit=1)[0]:
            yield without_version(name)


def read_packages(lines: Iterable[str]) -> list[Package]:
    """Read the packages of section main; one that no archive offers (without Filename) is left out."""
    packages: dict[str, Package] = {}
    for fields in stanzas(lines):
        name, section = fields["Package"], fields.get("Section", "")
        if "Filename" not in fields or "/" in section:
            continue
        # One in both fields counts as "depends", the stronger relation.
        needs = dict.fromkeys(names(fields.get("Recommends", "")), "recommends")
        needs.update(dict.fromkeys(names(fields.get("Pre-Depends", "")), "depends"))
        needs.update(dict.fromkeys(names(fields.get("Depends", "")), "depends"))
        source = fields.get("Source", name).split()[0]
        packages.setdefault(name, Package(name, source, section, needs))
    return [packages[name] for name in sorted(packages)]


def from_other_sources(packages: list[Package]) -> list[Package]:
    """Drop what a package needs from its own source: it says how the source was cut up, not what it needs."""
    source = {without_version(p.name): p.source for p in packages}
    return [
        p._replace(needs={name: r for name, r in p.needs.items() if source.get(name) != p.source})
        for p in packages
    ]


def one_of_each_kind(packages: list[Package]) -> list[Package]:
    """Keep, of the packages of one source, those whose needs differ: the longest list first, then by name.

    Versions of a source ("llvm-toolchain-14", "llvm-toolchain-16") count as one.
    """
    kept: dict[str, list[Package]] = defaultdict(list)
    for p in sorted(packages, key=lambda p: (-len(p.needs), p.name)):
        family = kept[re.sub(r"[\d.]+", "", p.source)]
        others = [q.needs.keys() for q in family]
        if all(len(p.needs.keys() & q) < SAME_NEEDS * len(p.needs.keys() | q) for q in others):
            family.append(p)
    return sorted((p for group in kept.values() for p in group), key=lambda p: p.name)


def frequent(packages: list[Package]) -> list[Package]:
    """Drop rare and near-universal dependencies and packages with few, until nothing more has to go."""
    before = -1
    while before != (before := sum(len(p.needs) for p in packages)):
        count = Counter(name for p in packages for name in p.needs)
        most = MAX_SHARE * len(packages)
        packages = [
            p._replace(needs={n: r for n, r in p.needs.items() if MIN_ITEM_COUNT <= count[n] <= most})
            for p in packages
        ]
        packages = [p for p in packages if len(p.needs) >= MIN_DEPENDENCIES]
    return packages


def split(package: Package, seed: int) -> dict[str, str]:
    """Assign each dependency to a split, by a digest of the pair: other packages have no influence on it."""

    def digest(name: str) -> bytes:
        return blake2b(f"{seed} {package.name} {name}".encode(), digest_size=8).digest()

    order = sorted(package.needs, key=digest)
    n_test = min(max(round(TEST_SHARE * len(order)), 1), TEST_MOST)
    n_valid = min(max(round(VALID_SHARE * len(order)), 1), VALID_MOST)
    n_train = len(order) - n_test - n_valid
    return dict(zip(order, ["test"] * n_test + ["valid"] * n_valid + ["train"] * n_train, strict=True))


def interactions(packages: list[Package], seed: int) -> pa.Table:
    """Return a row for each pair; a held-out dependency that training would never see goes to train."""
    splits = {p.name: split(p, seed) for p in packages}
    trained = {name for s in splits.values() for name, part in s.items() if part == "train"}
    rows = [
        (p.name, name, p.needs[name], splits[p.name][name] if name in trained else "train")
        for p in packages
        for name in sorted(p.needs)
    ]
    columns = ("package", "dependency", "relation", "split")
    return pa.table({c: list(values) for c, values in zip(columns, zip(*rows, strict=True), strict=True)})


def about(packages: list[Package], pairs: pa.Table) -> pa.Table:
    """Return source and section of every name in the interactions; null where no package has that name."""
    known = {without_version(p.name): p for p in packages} | {p.name: p for p in packages}
    rows = sorted({*pairs["package"].to_pylist(), *pairs["dependency"].to_pylist()})
    found = [known.get(name) for name in rows]
    return pa.table(
        {
            "package": rows,
            "section": pa.array([p and p.section for p in found], pa.string()),
            "source": pa.array([p and p.source for p in found], pa.string()),
        }
    )


def write(table: pa.Table, path: Path) -> None:
    """Write a table as small Parquet and say so."""
    pq.write_table(table, path, compression="zstd", compression_level=19)
    print(f"{path}: {table.num_rows:,} rows, {path.stat().st_size:,} bytes")


def main() -> None:
    """Read the index, choose, split, write, and print what was kept and what was dropped."""
    parser = argparse.ArgumentParser(description="Make the Debian sample; see debian/README.md.")
    parser.add_argument("--output", type=Path, required=True, help="folder for the Parquet files")
    parser.add_argument("--index", type=Path, help="a plain Packages file to read instead of apt's lists")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.index:
        text = options.index.read_text("utf-8")
    else:
        command = ["apt-cache", "dumpavail"]
        text = subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout

    def count(step: str, packages: list[Package]) -> None:
        print(f"{step:48} {len(packages):7,} packages {sum(len(p.needs) for p in packages):8,} pairs")

    everything = read_packages(text.split("\n"))
    count("in the index (main)", everything)
    packages = [p for p in everything if not REPEATS.search(p.name)]
    count("without documentation and debug builds", packages)
    packages = from_other_sources(packages)
    count("without dependencies on their own source", packages)
    packages = [p for p in packages if len(p.needs) >= MIN_DEPENDENCIES]
    count(f"with {MIN_DEPENDENCIES} or more dependencies", packages)
    packages = one_of_each_kind(packages)
    count("one of each kind in a source", packages)
    packages = frequent(packages)
    count("with frequent dependencies only", packages)
    pairs = interactions(packages, options.seed)
    for part, n in sorted(Counter(pairs["split"].to_pylist()).items()):
        print(f"{part:48} {n:7,} pairs")
    options.output.mkdir(parents=True, exist_ok=True)
    write(pairs, options.output / "interactions.parquet")
    write(about(everything, pairs), options.output / "packages.parquet")


if __name__ == "__main__":
    main()
