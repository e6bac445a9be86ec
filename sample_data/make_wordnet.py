"""Make the annotation sample: which kinds a WordNet noun belongs to, from the words of its definition.

    python sample_data/make_wordnet.py --output sample_data/wordnet

reads the nouns of WordNet 3.0 where Debian's package wordnet-base puts them (`--dict` names another folder)
and writes `examples.parquet`, `isa.parquet` and `LICENSE`, the notice that has to stay beside them. The same
seed and version of pyarrow give the same files. Needs pyarrow beside the standard library. wordnet/README.md
explains the choices made here.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

EXAMPLES = 25_000  # this many synsets are drawn, those with too few kinds are dropped
MIN_MEMBERS = 25  # a kind has at least so many examples
MAX_SHARE = 0.15  # and at most this share of them
ONE_CHILD = 0.8  # a kind with more than this share of its members in one kind below it is left out
MIN_KINDS, MAX_KINDS = 2, 8  # an example has so many kinds
MIN_WORDS = 3  # a definition has at least so many words
TAXA = "biological group"  # Latin names of genera and families: their definitions all read alike
TEST_SHARE, VALID_SHARE = 0.15, 0.1


class Synset(NamedTuple):
    """One meaning: its offset in the database, first lemma, definition and hypernyms."""

    offset: str
    lemma: str
    gloss: str
    parents: tuple[str, ...]


def read_synset(line: str) -> Synset:
    """Read one line of data.noun; its format is in the manual page wndb(5WN).

    The definition is the gloss without the usage examples, which stand in quotation marks at its end.
    """
    data, _, gloss = line.partition(" | ")
    field = data.split()
    after_lemmas = 4 + 2 * int(field[3], 16)
    pointers = [field[i : i + 4] for i in range(after_lemmas + 1, len(field) - 3, 4)]
    return Synset(
        offset=field[0],
        lemma=field[4].replace("_", " "),
        gloss=gloss.partition('; "')[0].strip(),
        parents=tuple(target for symbol, target, *_ in pointers if symbol in ("@", "@i")),
    )


def read_nouns(path: Path) -> tuple[str, dict[str, Synset]]:
    """Return the licence notice at the head of data.noun, without line numbers, and all synsets by offset."""
    lines = path.read_text("ascii").splitlines()
    notice = [line.strip().partition(" ")[2].rstrip() for line in lines if line.startswith(" ")]
    synsets = [read_synset(line) for line in lines if not line.startswith(" ")]
    return "\n".join(notice).strip() + "\n", {s.offset: s for s in synsets}


def find_ancestors(synsets: dict[str, Synset]) -> dict[str, frozenset[str]]:
    """Return the offsets of all kinds above each synset, itself excluded."""
    above: dict[str, frozenset[str]] = {}

    def visit(offset: str) -> frozenset[str]:
        if offset not in above:
            above[offset] = frozenset().union(*({p} | visit(p) for p in synsets[offset].parents))
        return above[offset]

    for offset in synsets:
        visit(offset)
    return above


def digest(seed: int, text: str) -> int:
    """Return 64 random-looking bits that depend on nothing but seed and text."""
    return int.from_bytes(blake2b(f"{seed} {text}".encode(), digest_size=8).digest(), "big")


def parents_among(kinds: set[str], offset: str, above: dict[str, frozenset[str]]) -> set[str]:
    """Return the nearest of the kinds above a synset: those that are not above another of them."""
    candidates = above[offset] & kinds
    return {kind for kind in candidates if not any(kind in above[other] for other in candidates)}


def choose_kinds(chosen: Iterable[str], above: dict[str, frozenset[str]]) -> set[str]:
    """Return the kinds that are neither rare nor near-universal, nor little more than one kind below them."""
    chosen = list(chosen)
    count = Counter(kind for offset in chosen for kind in above[offset])
    kinds = {kind for kind, n in count.items() if MIN_MEMBERS <= n <= MAX_SHARE * len(chosen)}
    same = {up for kind in kinds for up in above[kind] & kinds if count[kind] > ONE_CHILD * count[up]}
    return kinds - same


def choose(
    synsets: dict[str, Synset], above: dict[str, frozenset[str]], seed: int
) -> dict[str, frozenset[str]]:
    """Draw the examples and return the kinds of each, by offset; both change until they fit each other."""
    taxa = {s.offset for s in synsets.values() if s.lemma == TAXA}
    able = [
        s
        for s in synsets.values()
        if not above[s.offset] & taxa and s.offset not in taxa and len(s.gloss.split()) >= MIN_WORDS
    ]
    print(f"{len(synsets):,} noun synsets")
    print(f"{len(able):,} without taxa and definitions of under {MIN_WORDS} words")
    chosen = [s.offset for s in sorted(able, key=lambda s: digest(seed, s.offset))[:EXAMPLES]]
    print(f"{len(chosen):,} drawn")
    before = -1
    while before != (before := len(chosen)):
        kinds = choose_kinds(chosen, above)
        chosen = [o for o in chosen if MIN_KINDS <= len(above[o] & kinds) <= MAX_KINDS]
    print(f"{len(chosen):,} with {MIN_KINDS} to {MAX_KINDS} kinds out of {len(kinds):,}")
    return {offset: above[offset] & kinds for offset in chosen}


def name_kinds(kinds: set[str], synsets: dict[str, Synset]) -> dict[str, str]:
    """Name each kind by its first lemma; where several share it, with its hypernym: "vessel (craft)"."""

    def full(kind: str) -> str:
        above = "".join(synsets[up].lemma for up in synsets[kind].parents[:1])
        return f"{synsets[kind].lemma} ({above})"

    short = Counter(synsets[kind].lemma for kind in kinds)
    names = {k: synsets[k].lemma if short[synsets[k].lemma] == 1 else full(k) for k in kinds}
    count = Counter(names.values())
    return {k: name if count[name] == 1 else f"{name} {k}" for k, name in names.items()}


def split(gloss: str, seed: int) -> str:
    """Return the split of a definition: synsets defined by the same words are never in two splits."""
    share = digest(seed, "split " + gloss) / 2**64
    return "test" if share < TEST_SHARE else "valid" if share < TEST_SHARE + VALID_SHARE else "train"


def write(table: pa.Table, path: Path) -> None:
    """Write a table as small Parquet and say so."""
    pq.write_table(table, path, compression="zstd", compression_level=19)
    print(f"{path}: {table.num_rows:,} rows, {path.stat().st_size:,} bytes")


def main() -> None:
    """Read WordNet, choose, split, write, and print what was kept and what was dropped."""
    parser = argparse.ArgumentParser(description="Make the WordNet sample; see wordnet/README.md.")
    parser.add_argument("--output", type=Path, required=True, help="folder for the files")
    parser.add_argument("--dict", type=Path, default=Path("/usr/share/wordnet"), help="folder of data.noun")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    notice, synsets = read_nouns(options.dict / "data.noun")
    above = find_ancestors(synsets)
    labels = choose(synsets, above, options.seed)
    kinds = set().union(*labels.values())
    name = name_kinds(kinds, synsets)
    rows = [synsets[offset] for offset in sorted(labels)]
    examples = pa.table(
        {
            "id": [f"{s.lemma} {s.offset}" for s in rows],
            "text": [s.gloss for s in rows],
            "labels": [sorted(name[kind] for kind in labels[s.offset]) for s in rows],
            "split": [split(s.gloss, options.seed) for s in rows],
        }
    )
    pairs = sorted((name[k], name[p]) for k in kinds for p in parents_among(kinds, k, above))
    print(dict(sorted(Counter(examples["split"].to_pylist()).items())))
    options.output.mkdir(parents=True, exist_ok=True)
    write(examples, options.output / "examples.parquet")
    write(
        pa.table({"child": [c for c, _ in pairs], "parent": [p for _, p in pairs]}),
        options.output / "isa.parquet",
    )
    (options.output / "LICENSE").write_text(notice, "ascii")


if __name__ == "__main__":
    main()
