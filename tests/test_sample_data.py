"""The sample data: what its READMEs promise, and the scripts that make it."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sample_data import make_debian, make_wordnet

SAMPLES = Path(__file__).parents[1] / "sample_data"
SPLITS = {"train", "valid", "test"}


@pytest.fixture(scope="module")
def interactions() -> pa.Table:
    return pq.read_table(SAMPLES / "debian" / "interactions.parquet")


@pytest.fixture(scope="module")
def examples() -> pa.Table:
    return pq.read_table(SAMPLES / "wordnet" / "examples.parquet")


def test_sizes_and_licences() -> None:
    files = [path for path in SAMPLES.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 6_000_000
    for folder in ("debian", "wordnet"):
        assert {"README.md", "LICENSE"} <= {path.name for path in (SAMPLES / folder).iterdir()}
    notice = (SAMPLES / "wordnet" / "LICENSE").read_text()
    assert notice.startswith("This software and database is being provided to you, the LICENSEE")
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in notice


def test_debian_schema(interactions: pa.Table) -> None:
    assert interactions.column_names == ["package", "dependency", "relation", "split"]
    assert set(interactions.schema.types) == {pa.string()}
    assert not any(column.null_count for column in interactions.columns)
    assert set(interactions["split"].to_pylist()) == SPLITS
    assert set(interactions["relation"].to_pylist()) == {"depends", "recommends"}
    assert interactions.num_rows > 50_000


def test_debian_pairs_are_in_one_split(interactions: pa.Table) -> None:
    pairs = interactions.select(["package", "dependency"]).to_pylist()
    assert len({(row["package"], row["dependency"]) for row in pairs}) == len(pairs)


def test_debian_held_out_is_learnable(interactions: pa.Table) -> None:
    by_package = defaultdict(Counter)
    trained, held_out = set(), set()
    for row in interactions.to_pylist():
        by_package[row["package"]][row["split"]] += 1
        (trained if row["split"] == "train" else held_out).add(row["dependency"])
    assert held_out <= trained
    assert all(counts.total() >= make_debian.MIN_DEPENDENCIES for counts in by_package.values())
    assert all(counts["train"] >= 2 for counts in by_package.values())
    frequency = Counter(interactions["dependency"].to_pylist())
    assert min(frequency.values()) >= make_debian.MIN_ITEM_COUNT
    assert max(frequency.values()) <= make_debian.MAX_SHARE * len(by_package)


def test_debian_packages_names_all(interactions: pa.Table) -> None:
    packages = pq.read_table(SAMPLES / "debian" / "packages.parquet")
    assert packages.column_names == ["package", "section", "source"]
    known = packages["package"].to_pylist()
    assert len(set(known)) == len(known)
    assert {*interactions["package"].to_pylist(), *interactions["dependency"].to_pylist()} == set(known)


def test_wordnet_schema(examples: pa.Table) -> None:
    assert examples.column_names == ["id", "text", "labels", "split"]
    assert pa.types.is_list(examples.schema.field("labels").type)
    ids = examples["id"].to_pylist()
    assert len(set(ids)) == len(ids) > 15_000
    assert set(examples["split"].to_pylist()) == SPLITS
    for labels in examples["labels"].to_pylist():
        assert make_wordnet.MIN_KINDS <= len(set(labels)) == len(labels) <= make_wordnet.MAX_KINDS
    assert all(len(text.split()) >= make_wordnet.MIN_WORDS for text in examples["text"].to_pylist())


def test_wordnet_definitions_are_in_one_split(examples: pa.Table) -> None:
    splits = defaultdict(set)
    for text, split in zip(examples["text"].to_pylist(), examples["split"].to_pylist(), strict=True):
        splits[text].add(split)
    assert all(len(where) == 1 for where in splits.values())


def test_wordnet_labels_are_learnable_and_not_dull(examples: pa.Table) -> None:
    everywhere, trained = Counter(), Counter()
    for labels, split in zip(examples["labels"].to_pylist(), examples["split"].to_pylist(), strict=True):
        everywhere.update(labels)
        trained.update(labels if split == "train" else ())
    assert 200 <= len(everywhere) <= 2000
    assert max(everywhere.values()) <= 0.25 * examples.num_rows
    assert min(trained[label] for label in everywhere) >= 10


def test_wordnet_isa_is_an_acyclic_relation_of_known_labels(examples: pa.Table) -> None:
    known = {label for labels in examples["labels"].to_pylist() for label in labels}
    parents = defaultdict(set)
    isa = pq.read_table(SAMPLES / "wordnet" / "isa.parquet")
    assert isa.column_names == ["child", "parent"]
    for row in isa.to_pylist():
        parents[row["child"]].add(row["parent"])
    assert {*parents, *set().union(*parents.values())} <= known

    left = known
    while roots := {label for label in left if not parents[label] & left}:
        left = left - roots
    assert not left, f"in or below a cycle: {sorted(left)[:5]}"
    for labels in examples["labels"].to_pylist():
        assert set().union(*(parents[label] for label in labels)) <= set(labels)


INDEX = """\
Package: editor
Source: editor-src (1.0)
Section: editors
Pre-Depends: dpkg (>= 1.15)
Depends: libc6 (>= 2.34), python3:any,
 spell | speller [amd64], editor-data (= 1.0), librust-serde-1+derive-dev
Recommends: spell, fonts
Filename: pool/main/e/editor.deb

Package: editor-data
Source: editor-src
Section: editors
Filename: pool/main/e/editor-data.deb

Package: closed
Section: non-free/editors
Filename: pool/non-free/c/closed.deb

Package: built-here
Section: editors
"""


def test_debian_index_is_read() -> None:
    packages = make_debian.read_packages(INDEX.splitlines(keepends=True))
    assert [p.name for p in packages] == ["editor", "editor-data"]
    editor = make_debian.from_other_sources(packages)[0]
    assert editor.source == "editor-src"
    assert editor.needs == {
        "spell": "depends",
        "fonts": "recommends",
        "dpkg": "depends",
        "libc6": "depends",
        "python3": "depends",
        "librust-serde-dev": "depends",
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("libghc-base-dev-4.15.1.0-6a406", "libghc-base-dev"),
        ("libre-ocaml-dev-6b8g3", "libre-ocaml-dev"),
        ("librust-serde-1.0+derive-dev", "librust-serde-dev"),
        ("librust-sha-1-0.9-dev", "librust-sha-1-dev"),
        ("librust-md-5-dev", "librust-md-5-dev"),
        ("libboost-regex1.74.0", "libboost-regex1.74.0"),
    ],
)
def test_versions_in_names_are_removed(name: str, expected: str) -> None:
    assert make_debian.without_version(name) == expected


def test_debian_split_has_something_in_each_part_and_no_state() -> None:
    needs = dict.fromkeys("abcdefghij", "depends")
    package = make_debian.Package("p", "p", "misc", needs)
    first = make_debian.split(package, seed=0)
    assert Counter(first.values()) == {"train": 7, "test": 2, "valid": 1}
    assert first == make_debian.split(package._replace(needs=dict(reversed(needs.items()))), seed=0)
    assert any(first != make_debian.split(package, seed) for seed in range(1, 5))


def test_siblings_with_the_same_needs_count_once() -> None:
    needs = dict.fromkeys("abcd", "depends")
    twins = [make_debian.Package(f"tool-{v}", f"tool-{v}", "devel", needs) for v in (1, 2)]
    other = make_debian.Package("tool-x", "tool-1", "devel", dict.fromkeys("defgh", "depends"))
    assert [p.name for p in make_debian.one_of_each_kind([*twins, other])] == ["tool-1", "tool-x"]


def test_wordnet_line_is_read() -> None:
    line = (
        "02084071 05 n 03 dog 0 domestic_dog 0 Canis_familiaris 0 003 @ 02083346 n 0000 @ 01317541 n 0000 "
        '~ 01322604 n 0000 | a member of the genus Canis; occurs in many breeds; "the dog barked all night"  '
    )
    assert make_wordnet.read_synset(line) == make_wordnet.Synset(
        offset="02084071",
        lemma="dog",
        gloss="a member of the genus Canis; occurs in many breeds",
        parents=("02083346", "01317541"),
    )


def test_parents_are_the_nearest_kinds_above() -> None:
    above = {
        "robin": frozenset({"thrush", "bird", "animal"}),
        "thrush": frozenset({"bird", "animal"}),
        "bird": frozenset({"animal"}),
        "animal": frozenset[str](),
    }
    assert make_wordnet.parents_among({"bird", "animal"}, "robin", above) == {"bird"}
