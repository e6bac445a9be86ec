"""Features: scaling, idf, vocabulary and constant features against naive twins."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe_cli.dataset.features import (
    FeatureOptions,
    FeatureSpace,
    RawBags,
    RawDense,
    fit_features,
    hash_rows,
    take_raw,
)
from awe_cli.dataset.text import TextOptions, stop_words
from awe_cli.dataset.vocabulary import look_up, ranked
from awe_cli.errors import DataError, SettingsError
from awe_cli.matrices.bags import add_constant, collect, scale_rows, unite
from awe_cli.matrices.matrix import Bags, Dense

rows_of_words = st.lists(st.lists(st.sampled_from("abcdef"), max_size=6), min_size=1, max_size=12)


def raw_of(rows: list[list[str]]) -> RawBags:
    """Words as raw bags of ones."""
    vocabulary = sorted({word for row in rows for word in row})
    codes = [vocabulary.index(word) for row in rows for word in row]
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    names = pa.array(vocabulary, pa.string())
    return RawBags(names, indptr, np.array(codes, np.int32), np.ones(len(codes), np.float32))


def as_dicts(bags: Bags, space: FeatureSpace) -> list[dict[str | None, float]]:
    """Each row as name → value."""
    names = space.names.to_pylist()
    spans = zip(bags.indptr, bags.indptr[1:], strict=False)
    return [
        {names[i]: float(v) for i, v in zip(bags.indices[a:b], bags.values[a:b], strict=True)}
        for a, b in spans
    ]


@given(rows_of_words, st.booleans(), st.booleans(), st.sampled_from(["none", "l1", "l2"]), st.integers(1, 2))
def test_bags_against_a_loop(
    rows: list[list[str]], idf: bool, sublinear: bool, scaling: str, least: int
) -> None:
    options = FeatureOptions(scaling, True, idf, sublinear, least)
    train = np.arange(len(rows)) % 3 != 2
    space = fit_features(raw_of(rows), train, options)
    x, unknown = space.apply(raw_of(rows))
    assert isinstance(x, Bags)
    seen = Counter(word for row, used in zip(rows, train, strict=True) if used for word in set(row))
    kept = sorted((word for word in seen if seen[word] >= least), key=lambda word: (-seen[word], word))
    assert space.names.to_pylist() == [*kept, None]
    assert unknown == sum(word not in kept for row in rows for word in row)
    for found, row in zip(as_dicts(x, space), rows, strict=True):
        assert found.pop(None) == 1.0
        values: dict[str, float] = {}
        for word, count in Counter(word for word in row if word in kept).items():
            values[word] = 1 + math.log(count) if sublinear else count
            if idf:
                values[word] *= math.log((1 + train.sum()) / (1 + seen[word])) + 1
        norm = {"none": 1.0, "l1": sum(values.values()), "l2": math.sqrt(sum(v * v for v in values.values()))}
        assert found == pytest.approx({word: v / norm[scaling] for word, v in values.items()}, rel=1e-5)


def test_dense_features_are_standardised_by_train_alone() -> None:
    values = np.random.default_rng(0).normal(3, 2, (40, 4)).astype(np.float32)
    values[:, 2] = 7.25
    train = np.arange(40) < 30
    raw = RawDense(pa.array(list("abcd")), values)
    space = fit_features(raw, train, FeatureOptions("standard", True))
    x, unknown = space.apply(raw)
    assert isinstance(x, Dense)
    wanted = (values - values[train].mean(0)) / (values[train].std(0) + (np.arange(4) == 2)) / 2
    assert np.allclose(x.values[:, :4], wanted, atol=1e-5)
    assert not x.values[:, 2].any()
    assert np.allclose(x.values[:, 4], 0.5)
    assert (unknown, x.columns.tolist(), space.names.to_pylist()[-1]) == (0, [0, 1, 2, 3, 4], None)
    assert np.abs((x.values[train, :4] ** 2).sum(1).mean() - 0.75) < 1e-3


@pytest.mark.parametrize(("scaling", "order"), [("l2", 2), ("l1", 1), ("none", None)])
def test_dense_rows_can_be_scaled_like_bags(scaling: str, order: int | None) -> None:
    values = np.array([[3.0, -4.0], [0.0, 0.0]], np.float32)
    raw = RawDense(pa.array(["a", "b"]), values)
    x, _ = fit_features(raw, np.ones(2, bool), FeatureOptions(scaling, False)).apply(raw)
    norm = np.linalg.norm(values[0], ord=order) if order else 1.0
    assert np.allclose(x.values, [values[0] / norm, [0, 0]])


@given(rows_of_words)
def test_equal_rows_have_equal_hashes_in_any_order(rows: list[list[str]]) -> None:
    hashes = hash_rows(raw_of(rows))
    turned = hash_rows(raw_of([row[::-1] for row in rows]))
    assert np.array_equal(hashes, turned)
    for i, row in enumerate(rows):
        assert [sorted(row) == sorted(other) for other in rows] == (hashes == hashes[i]).tolist()


def test_hashes_of_dense_rows() -> None:
    values = np.array([[0.0, 1.0], [-0.0, 1.0], [1.0, 0.0]], np.float32)
    hashes = hash_rows(RawDense(pa.array(["a", "b"]), values))
    assert hashes[0] == hashes[1] != hashes[2]


def test_rows_are_taken_in_any_order() -> None:
    raw = raw_of([["a"], [], ["b", "c"]])
    taken = take_raw(raw, np.array([2, 0]))
    assert isinstance(taken, RawBags)
    assert [taken.vocabulary[int(c)].as_py() for c in taken.codes] == ["b", "c", "a"]
    assert take_raw(RawDense(raw.vocabulary, np.eye(3, dtype=np.float32)), np.array([2])).values.tolist() == [
        [0, 0, 1]
    ]


def test_bags_are_collected_scaled_and_united() -> None:
    indptr = np.array([0, 3, 3, 4])
    bags = collect(indptr, np.array([2, 0, 2], np.int32).repeat([1, 1, 2])[:4], np.ones(4, np.float32), 3)
    assert (bags.indptr.tolist(), bags.indices.tolist(), bags.values.tolist()) == (
        [0, 2, 2, 3],
        [0, 2, 2],
        [1, 2, 1],
    )
    assert np.allclose(scale_rows(bags, "l2").values, [5**-0.5, 2 * 5**-0.5, 1])
    assert np.allclose(scale_rows(bags, "l1").values, [1 / 3, 2 / 3, 1])
    assert scale_rows(bags, "none") is bags
    more = add_constant(bags, 3, 0.5)
    assert (more.indptr.tolist(), more.indices.tolist()) == ([0, 3, 4, 6], [0, 2, 3, 3, 2, 3])
    other = Bags(np.array([0, 1, 2, 2]), np.array([1, 0], np.int32), np.array([9, 8], np.float32))
    both = unite([bags, other], 3)
    assert (both.indptr.tolist(), both.indices.tolist()) == ([0, 3, 4, 5], [0, 1, 2, 0, 2])
    assert both.values.tolist() == [1, 9, 2, 8, 1]


def test_labels_are_ordered_by_count_then_value() -> None:
    assert ranked(pa.array(["b", "a", "é", "Z"]), np.array([1, 1, 5, 1])).tolist() == [2, 3, 1, 0]
    assert ranked(pa.array([10, 9, 2]), np.array([0, 0, 0])).tolist() == [2, 1, 0]


def test_ids_of_another_type_are_refused() -> None:
    known = pa.array([7, 8])
    assert look_up(pa.array([8, 9], pa.int16()), known, "items", untyped=False).tolist() == [1, -1]
    assert look_up(pa.array(["8", "08", "x"]), known, "items", untyped=True).tolist() == [1, -1, -1]
    with pytest.raises(DataError, match=r"expected integers such as 7.* found strings such as '8'"):
        look_up(pa.array(["8"]), known, "items", untyped=False)
    with pytest.raises(DataError, match="expected strings"):
        look_up(pa.array([8]), pa.array(["8"]), "items", untyped=True)


TEXTS = pa.array(["The Cat, the CAT & a dog's", "", "ﬁsh_und Äpfel 3.5", "the of"])


@pytest.mark.parametrize(
    ("characters", "stop", "expected"),
    [
        (r"\p{L}\p{N}", "english", [["cat", "cat", "dog"], [], ["fish", "und", "äpfel", "3", "5"], []]),
        (
            r"\p{L}'_",
            "none",
            [["the", "cat", "the", "cat", "a", "dog's"], [], ["fish_und", "äpfel"], ["the", "of"]],
        ),
    ],
)
def test_tokens(characters: str, stop: str, expected: list[list[str]]) -> None:
    offsets, tokens = TextOptions(characters, stop_words(stop)).tokens(TEXTS)
    words = tokens.to_pylist()
    assert [words[a:b] for a, b in pairwise(offsets)] == expected


def test_words_are_cut_to_stems_when_stop_words_are_gone() -> None:
    texts = pa.array(
        ["The flows were flowing", "", "does it flow"]
    )  # "does" and "were" are stop words, "doe" is none
    offsets, tokens = TextOptions(r"\p{L}", stop_words("english"), "english").tokens(texts)
    assert tokens.to_pylist() == ["flow", "flow", "flow"]
    assert offsets.tolist() == [0, 2, 2, 3]


def test_rules_of_a_language_that_has_none() -> None:
    with pytest.raises(
        SettingsError, match=r"--stem: expected none or one of .*english.*, found 'englsh'"
    ) as told:
        TextOptions(r"\p{L}", frozenset(), "englsh").check()
    assert told.value.hint is not None
    assert "english" in told.value.hint


def test_characters_that_are_no_class() -> None:
    with pytest.raises(SettingsError, match="--token-characters"):
        TextOptions(r"\p{Nonsense}", frozenset()).check()
