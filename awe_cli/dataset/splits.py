"""Which examples or interactions are for training, validation and test.

Random choices are made by a hash of ids (or of contents) and the seed: the order of rows has no part in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awe_cli.dataset.hashing import seeded, uniform
from awe_cli.errors import MissingInputError, UsageError, nearest

SPLITS = ("train", "valid", "test")
TRAIN, VALID, TEST = range(3)  # positions in SPLITS
KEY_BITS = 34
VALID_SHARE = 0.1  # of the training examples, set aside where no valid split is named (annotation)
VALID_LEAST = 3  # training items a person needs to have one set aside (recommendation)


@dataclass(frozen=True)
class SplitRule:
    """How to split. At most one of `given`, `holdout`, `holdout_last` and `test_fraction` applies.

    given           the splits stand in a column
    holdout         that many random items of each person with at least twice as many → test
    holdout_last    the same with the latest ones
    test_fraction   a random share of each person's items, or of the examples → test
    valid_fraction  a share of what is left for training → valid; None: one item of each person with at least
                    VALID_LEAST, or VALID_SHARE of the examples, unless the column names some; 0: none
    """

    given: bool = False
    holdout: int | None = None
    holdout_last: int | None = None
    test_fraction: float | None = None
    valid_fraction: float | None = None
    seed: int = 0

    def sets_aside(self, *, named: bool) -> bool:
        """Whether validation examples are taken from train without being asked for; `named`: a column names some."""
        return self.valid_fraction is None and not named


@dataclass(frozen=True)
class SplitPairs:
    """Distinct (person, item) pairs, a person's pairs next to each other.

    indptr  (people + 1,); person  (people,) hash; pair  (pairs,) hash; age  (pairs,) rank by time, or None
    """

    indptr: NDArray[np.int64]
    person: NDArray[np.uint64]
    pair: NDArray[np.uint64]
    age: NDArray[np.int64] | None


@dataclass(frozen=True)
class Bounds:
    """The greatest key of an example that is drawn for test, and for valid: a later version draws up to the same."""

    test: int
    valid: int

    @classmethod
    def of(cls, rule: SplitRule, hashes: NDArray[np.uint64], codes: NDArray[np.int8]) -> Bounds:
        """Those of examples that `split_examples` split; the share of all keys where it drew none."""
        shares = {"test": rule.test_fraction or 0.0, "valid": _valid_share(rule)}
        found = {}
        for split, share in shares.items():
            drawn = seeded(hashes[codes == SPLITS.index(split)], rule.seed, split)
            found[split] = int(drawn.max()) if len(drawn) else min(int(share * 2.0**64), 2**64 - 1)
        return cls(**found)

    def encode(self) -> dict[str, str]:
        """As the summary has them: JSON knows no integers of 64 bits."""
        return {"test": f"{self.test:016x}", "valid": f"{self.valid:016x}"}

    @classmethod
    def decode(cls, stored: Mapping[str, str]) -> Bounds:
        """What `encode` wrote."""
        return cls(int(stored["test"], 16), int(stored["valid"], 16))


def require_splits(splits: tuple[str, ...]) -> None:
    """Raise MissingInputError, with the nearest name, where one of these is no split."""
    for split in splits:
        if split not in SPLITS:
            close = nearest(split, SPLITS)
            raise MissingInputError(
                f"expected one of the splits {', '.join(SPLITS)}, found {split!r}",
                hint=f"did you mean {close}?" if close else None,
            )


def names_valid(given: NDArray[np.int8] | None) -> bool:
    """Whether a column of splits has validation examples."""
    return given is not None and bool((given == VALID).any())


def split_pairs(
    pairs: SplitPairs,
    rule: SplitRule,
    given: NDArray[np.int8] | None,
    kept: NDArray[np.int8] | None = None,
    *,
    named: bool | None = None,
) -> NDArray[np.int8]:
    """TRAIN, VALID or TEST for each pair. A person keeps at least one item to train on by any random rule.

    named  whether the column names some for valid, where these are the pairs of some people only; None: as `given` says
    kept   (pairs,) the split of a pair in the version before, where it stays, -1 for a new pair; a person who has as
           many items held out as the rule wants gets no more, and others get theirs from what is new
    """
    codes = np.zeros(len(pairs.pair), np.int8) if given is None else given.copy()
    free = np.ones(len(codes), np.bool_)
    if kept is not None:
        free = kept < 0
        codes[~free] = kept[~free]
    sizes = np.diff(pairs.indptr)
    wanted = None
    if rule.given:
        pass
    elif rule.holdout is not None or rule.holdout_last is not None:
        n = rule.holdout or rule.holdout_last or 0
        wanted = np.where(sizes >= 2 * n, n, 0)
    elif rule.test_fraction:
        wanted = _share(sizes, rule.test_fraction, seeded(pairs.person, rule.seed, "t-share"))
    if wanted is not None:
        wanted = np.maximum(wanted - _count(pairs, codes == TEST), 0)
        _draw(codes, pairs.indptr, free, _order(pairs, rule, "test"), wanted, TEST)
    if not _needs_valid(rule, named=names_valid(given) if named is None else named):
        return codes
    sizes = _count(pairs, codes != TEST)
    if rule.valid_fraction is None:
        wanted = (sizes >= VALID_LEAST).astype(np.int64)
    else:
        wanted = _share(sizes, rule.valid_fraction, seeded(pairs.person, rule.seed, "v-share"))
    wanted = np.maximum(wanted - _count(pairs, codes == VALID), 0)
    _draw(codes, pairs.indptr, free & (codes == TRAIN), _order(pairs, rule, "valid"), wanted, VALID)
    return codes


def split_examples(
    hashes: NDArray[np.uint64], rule: SplitRule, given: NDArray[np.int8] | None
) -> NDArray[np.int8]:
    """TRAIN, VALID or TEST for each example with this hash (n,); equal hashes go in the order of the rows."""
    codes = np.zeros(len(hashes), np.int8) if given is None else given.copy()
    if not rule.given and rule.test_fraction:
        codes[_smallest(seeded(hashes, rule.seed, "test"), rule.test_fraction)] = TEST
    if not _needs_valid(rule, named=names_valid(given)):
        return codes
    left = np.flatnonzero(codes == TRAIN)
    codes[left[_smallest(seeded(hashes[left], rule.seed, "valid"), _valid_share(rule))]] = VALID
    return codes


def split_more_examples(
    hashes: NDArray[np.uint64],
    rule: SplitRule,
    given: NDArray[np.int8] | None,
    kept: NDArray[np.int8],
    bounds: Bounds,
) -> NDArray[np.int8]:
    """The same for a later version of the examples.

    kept    (n,) the split an example had in the version before, where it stays, -1 where that is not known
    bounds  up to where the version before was drawn: the same example falls on the same side again
    """
    codes = np.zeros(len(hashes), np.int8) if given is None else given.copy()
    free = kept < 0
    codes[~free] = kept[~free]
    if not rule.given and rule.test_fraction:
        codes[free & (seeded(hashes, rule.seed, "test") <= np.uint64(bounds.test))] = TEST
    if _needs_valid(rule, named=names_valid(given)):
        drawn = seeded(hashes, rule.seed, "valid") <= np.uint64(bounds.valid)
        codes[free & (codes == TRAIN) & drawn] = VALID
    return codes


def count_contradicted(given: NDArray[np.int8] | None, kept: NDArray[np.int8] | None) -> int:
    """How many rows a column puts into test that were not there in the version before, or the other way round."""
    if given is None or kept is None:
        return 0
    return int(np.count_nonzero((kept >= 0) & ((given == TEST) != (kept == TEST))))


def pick(indptr: NDArray[np.int64], keys: NDArray[np.uint64], wanted: NDArray[np.int64]) -> NDArray[np.bool_]:
    """True for the `wanted[o]` entries of each owner o that have its smallest keys; ties by position.

    Keys are below 2^KEY_BITS, so that owner and key are sorted as one number, in a quarter of the time.
    """
    sizes = np.diff(indptr)
    owner = np.repeat(np.arange(len(sizes), dtype=np.uint64), sizes)
    order = np.argsort(owner << np.uint64(KEY_BITS) | keys, kind="stable")
    rank = np.arange(len(keys)) - np.repeat(indptr[:-1], sizes)
    chosen = np.zeros(len(keys), bool)
    chosen[order[rank < wanted[owner]]] = True
    return chosen


def _count(pairs: SplitPairs, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many pairs of each person are among the chosen (people,)."""
    return np.diff(np.concatenate([[0], np.cumsum(chosen)])[pairs.indptr])


def _draw(
    codes: NDArray[np.int8],
    indptr: NDArray[np.int64],
    candidates: NDArray[np.bool_],
    keys: NDArray[np.uint64],
    wanted: NDArray[np.int64],
    code: int,
) -> None:
    """Give `code` to the `wanted` candidates of each person with the smallest keys, in place."""
    left = np.flatnonzero(candidates)
    before = np.concatenate([[0], np.cumsum(candidates)])
    codes[left[pick(before[indptr], keys[left], wanted)]] = code


def _valid_share(rule: SplitRule) -> float:
    return VALID_SHARE if rule.valid_fraction is None else rule.valid_fraction


def _needs_valid(rule: SplitRule, *, named: bool) -> bool:
    """Whether examples are to be set aside. Raises UsageError where that was asked for and they are there."""
    if named and rule.valid_fraction:
        raise UsageError(
            "--valid-fraction: the split column has rows for valid already",
            hint="leave --valid-fraction out, or rename them to train",
        )
    return not named and rule.valid_fraction != 0


def _order(pairs: SplitPairs, rule: SplitRule, purpose: str) -> NDArray[np.uint64]:
    """The keys to pick by: random, or the latest first."""
    if rule.holdout_last is not None:
        assert pairs.age is not None
        return (len(pairs.age) - pairs.age).astype(np.uint64)
    return seeded(pairs.pair, rule.seed, purpose) >> np.uint64(64 - KEY_BITS)


def _share(sizes: NDArray[np.int64], fraction: float, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """`fraction` of each size, rounded up or down at random so that the mean is right; never all."""
    wanted = np.floor(fraction * sizes + uniform(hashes)).astype(np.int64)
    return np.clip(np.minimum(wanted, sizes - 1), 0, None)


def _smallest(keys: NDArray[np.uint64], fraction: float) -> NDArray[np.int64]:
    """The positions of the smallest keys: `fraction` of all, rounded, at least one left out."""
    n = min(int(fraction * len(keys) + 0.5), len(keys) - 1)
    return np.argsort(keys, kind="stable")[: max(n, 0)]
