"""Splits: disjoint, complete, the same for the same seed, and as large as promised."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe_cli.dataset.hashing import hash_values, mix, seeded, uniform
from awe_cli.dataset.splits import (
    TEST,
    TRAIN,
    VALID,
    SplitPairs,
    SplitRule,
    names_valid,
    pick,
    split_examples,
    split_pairs,
)
from awe_cli.errors import UsageError

sizes = st.lists(st.integers(0, 12), min_size=1, max_size=30)


def pairs_of(sizes: list[int], seed: int = 0) -> SplitPairs:
    """People with so many items each; ages at random."""
    indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    n = int(indptr[-1])
    owner = np.repeat(np.arange(len(sizes)), sizes).astype(np.uint64)
    person = mix(np.arange(len(sizes), dtype=np.uint64))
    pair = mix(owner * np.uint64(1000) + np.arange(n, dtype=np.uint64))
    return SplitPairs(indptr, person, pair, np.random.default_rng(seed).permutation(n))


def per_person(pairs: SplitPairs, codes: np.ndarray, split: int) -> np.ndarray:
    """How many pairs of each person are in a split."""
    return np.array(
        [(codes[a:b] == split).sum() for a, b in zip(pairs.indptr, pairs.indptr[1:], strict=False)]
    )


@given(sizes, st.integers(1, 4), st.integers(0, 5))
def test_holdout_takes_n_of_those_with_twice_as_many(sizes: list[int], n: int, seed: int) -> None:
    pairs = pairs_of(sizes)
    codes = split_pairs(pairs, SplitRule(holdout=n, valid_fraction=0.0, seed=seed), None)
    assert per_person(pairs, codes, TEST).tolist() == [n if size >= 2 * n else 0 for size in sizes]
    assert not (codes == VALID).any()


@given(sizes, st.integers(1, 4))
def test_holdout_last_takes_the_latest(sizes: list[int], n: int) -> None:
    pairs = pairs_of(sizes)
    codes = split_pairs(pairs, SplitRule(holdout_last=n, valid_fraction=0.0), None)
    assert pairs.age is not None
    for a, b in zip(pairs.indptr, pairs.indptr[1:], strict=False):
        latest = np.argsort(-pairs.age[a:b])[:n] if b - a >= 2 * n else []
        assert set(np.flatnonzero(codes[a:b] == TEST)) == set(latest)


@given(sizes)
def test_one_item_is_set_aside_of_each_with_three(sizes: list[int]) -> None:
    pairs = pairs_of(sizes)
    codes = split_pairs(pairs, SplitRule(holdout=2), None)
    left = [size - 2 if size >= 4 else size for size in sizes]
    assert per_person(pairs, codes, VALID).tolist() == [int(size >= 3) for size in left]


@given(st.floats(0.01, 0.9), st.floats(0.0, 0.9), st.integers(0, 3))
def test_a_share_is_met_on_the_whole_and_everybody_keeps_one(test: float, valid: float, seed: int) -> None:
    sizes = [1, 2, 3, 5, 10] * 100
    pairs = pairs_of(sizes)
    codes = split_pairs(pairs, SplitRule(test_fraction=test, valid_fraction=valid, seed=seed), None)
    assert per_person(pairs, codes, TRAIN).min() >= 1
    if test < 0.5:  # above that, keeping one of each small history weighs
        assert abs((codes == TEST).mean() - test) < 0.05


@given(sizes, st.integers(0, 3))
def test_the_order_of_people_and_items_has_no_part(sizes: list[int], seed: int) -> None:
    pairs = pairs_of(sizes)
    rule = SplitRule(test_fraction=0.3, seed=seed)
    codes = split_pairs(pairs, rule, None)
    people = np.random.default_rng(seed).permutation(len(sizes))
    parts = [np.random.default_rng(seed).permutation(np.arange(*pairs.indptr[[p, p + 1]])) for p in people]
    order = np.concatenate(parts).astype(int)
    indptr = np.concatenate([[0], np.cumsum(np.array(sizes)[people])]).astype(np.int64)
    assert pairs.age is not None
    moved = SplitPairs(indptr, pairs.person[people], pairs.pair[order], pairs.age[order])
    assert np.array_equal(split_pairs(moved, rule, None), codes[order])


def test_seeds_differ() -> None:
    pairs = pairs_of([10] * 50)
    one, two = (split_pairs(pairs, SplitRule(holdout=3, seed=seed), None) for seed in (1, 2))
    assert not np.array_equal(one, two)


@given(st.integers(2, 200), st.floats(0.01, 0.6), st.floats(0.01, 0.6))
def test_examples_are_split_to_the_number(n: int, test: float, valid: float) -> None:
    hashes = mix(np.arange(n, dtype=np.uint64))
    rule = SplitRule(test_fraction=test, valid_fraction=valid)
    codes = split_examples(hashes, rule, None)
    n_test = min(int(test * n + 0.5), n - 1)
    assert (codes == TEST).sum() == n_test
    assert (codes == VALID).sum() == min(int(valid * (n - n_test) + 0.5), n - n_test - 1)
    order = np.random.default_rng(n).permutation(n)
    assert np.array_equal(split_examples(hashes[order], rule, None), codes[order])


def test_a_named_valid_split_is_left_alone() -> None:
    given_codes = np.array([0, 0, 1, 2, 0], np.int8)
    rule = SplitRule(given=True)
    assert split_examples(np.arange(5, dtype=np.uint64), rule, given_codes).tolist() == given_codes.tolist()
    assert not rule.sets_aside(named=names_valid(given_codes))
    assert rule.sets_aside(named=names_valid(np.array([0, 2], np.int8)))
    with pytest.raises(UsageError, match="--valid-fraction"):
        split_examples(np.arange(5, dtype=np.uint64), SplitRule(given=True, valid_fraction=0.2), given_codes)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=12))
def test_pick_against_a_loop(rows: list[tuple[int, int]]) -> None:
    sizes, wanted = [size for size, _ in rows], [n for _, n in rows]
    indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    keys = np.random.default_rng(len(rows)).integers(0, 4, indptr[-1]).astype(np.uint64)  # with ties
    chosen = pick(indptr, keys, np.array(wanted, np.int64))
    for owner, n in enumerate(wanted):
        part = slice(indptr[owner], indptr[owner + 1])
        expected = sorted(range(sizes[owner]), key=lambda i: (keys[part][i], i))[:n]
        assert np.flatnonzero(chosen[part]).tolist() == sorted(expected)


@given(st.lists(st.text(max_size=8), unique=True))
def test_hashes_of_different_strings_differ(texts: list[str]) -> None:
    hashes = hash_values(pa.array(texts, pa.string()))
    assert len(set(hashes.tolist())) == len(texts)


def test_an_integer_has_the_hash_of_its_digits() -> None:
    numbers = pa.array([0, 7, -3, 2**60])
    assert np.array_equal(hash_values(numbers), hash_values(numbers.cast(pa.string())))
    sliced = pa.array(["zz", "a", "bb"]).slice(1)
    assert np.array_equal(hash_values(sliced), hash_values(pa.array(["a", "bb"])))


def test_hashes_are_spread() -> None:
    hashes = seeded(hash_values(pa.array(range(20000))), 3, "test")
    counts, _ = np.histogram(uniform(hashes), bins=20, range=(0, 1))
    assert abs(counts - 1000).max() < 150
