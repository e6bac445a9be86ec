"""The feature space: which features there are, and how raw input becomes scaled rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from awe_cli.dataset.hashing import hash_dense, hash_entries, hash_values, in_buckets
from awe_cli.dataset.vocabulary import continued, look_up, ranked
from awe_cli.matrices.bags import add_constant, collect, keep_entries, kept_offsets, scale_rows
from awe_cli.matrices.matrix import Bags, Dense, Lists, Rows, take_lists

# Input features as they were read, before any vocabulary or scaling.


class RawBags(NamedTuple):
    """Sparse rows: entry t is the feature vocabulary[codes[t]] with values[t]. Duplicates are allowed.

    Where names are hashed (`FeatureOptions.hash_bits`), they need not be kept: the vocabulary is then empty, and
    `hashes` has that of each distinct name.
    """

    vocabulary: pa.Array  # distinct names, strings or integers
    indptr: NDArray[np.int64]  # (n + 1,)
    codes: NDArray[np.int32]  # (entries,)
    values: NDArray[np.float32]  # (entries,)
    hashes: NDArray[np.uint64] | None = None
    named_as_known: bool = (
        False  # whether names are those that the feature space has, buckets where it hashes
    )

    def name_hashes(self) -> NDArray[np.uint64]:
        """The hash of each distinct name."""
        return hash_values(self.vocabulary) if self.hashes is None else self.hashes

    @property
    def n_names(self) -> int:
        """The number of distinct names."""
        return len(self.vocabulary) if self.hashes is None else len(self.hashes)


class RawDense(NamedTuple):
    """Dense rows with the name of each column.

    values  (n, p) in 64 bits where some are so large that 32 would not tell them apart: seconds since 1970, say
    """

    names: pa.Array  # (p,) strings
    values: NDArray[np.float32] | NDArray[np.float64]


Raw = RawBags | RawDense


def hash_rows(raw: Raw) -> NDArray[np.uint64]:
    """A hash of each row (n,), the same for the same features and values in any order."""
    if isinstance(raw, RawDense):
        return hash_dense(raw.values)
    return hash_entries(raw.indptr, raw.name_hashes()[raw.codes], raw.values)


def differing_row(raw: Raw, group: NDArray[np.integer], first: NDArray[np.integer]) -> int | None:
    """The first row whose features are not those of the first row of its group; None where there is none.

    group  (n,) of each row; first: (groups,) the row of each group that is compared with
    """
    hashes = hash_rows(raw)
    differs = np.flatnonzero(hashes != hashes[first][group])
    return int(differs[0]) if len(differs) else None


# Feature hashing (Weinberger et al. 2009): names are hashed into 2^B buckets, and a bucket is a feature.
#
# Buckets have no sign. A sign makes inner products of hashed rows unbiased, which matters where x itself is compared;
# here U is learned for the bucket, and a sign would make values negative that counts, NMF, iALS and the affinities max
# and top-k take to be positive.

BUCKET = "bucket "  # before its number, in the name of the feature


def bucket_names(hashes: NDArray[np.uint64], bits: int) -> pa.Array:
    """The bucket of each hash, by the name that it has as a feature."""
    numbers = pa.array(in_buckets(hashes, bits)).cast(pa.string())
    return pc.binary_join_element_wise(BUCKET, numbers, "")


def hashed(raw: RawBags, options: FeatureOptions) -> RawBags:
    """The rows with buckets in place of names, where names are hashed; values of one bucket are not yet added."""
    bits = options.hash_bits
    if bits is None or raw.named_as_known:
        return raw
    names, place = np.unique(in_buckets(raw.name_hashes(), bits), return_inverse=True)
    codes = place.astype(np.int32)[raw.codes] if len(place) else raw.codes
    known = bucket_names(names << np.uint64(64 - bits), bits)
    return RawBags(known, raw.indptr, codes, raw.values, named_as_known=True)


def collisions(raw: Raw, options: FeatureOptions) -> dict[str, int] | None:
    """How many names were hashed, the buckets that they fill, and the names that share theirs; None for other raw."""
    if options.hash_bits is None or isinstance(raw, RawDense):
        return None
    _, sizes = np.unique(in_buckets(raw.name_hashes(), options.hash_bits), return_counts=True)
    return {
        "bits": options.hash_bits,
        "names": int(sizes.sum()),
        "filled": len(sizes),
        "shared": int(sizes[sizes > 1].sum()),
    }


def take_raw(raw: Raw, order: NDArray[np.integer]) -> Raw:
    """The rows named by `order` (n',), in that order."""
    if isinstance(raw, RawDense):
        return raw._replace(values=raw.values[order])
    positions = np.arange(len(raw.codes), dtype=np.int64)
    moved = take_lists(Lists(raw.indptr, positions), order)  # type: ignore[arg-type]
    return raw._replace(indptr=moved.indptr, codes=raw.codes[moved.indices], values=raw.values[moved.indices])


_BLOCK = 1 << 20  # numbers standardised at a time
_SAME = {4: 1e-6, 8: 1e-12}  # bytes of a number → deviation relative to the mean up to which it is rounding


@dataclass(frozen=True)
class FeatureOptions:
    """How input is turned into features.

    scaling    "l2", "l1": each row divided by its norm; "standard" (dense only): each feature to mean 0 and
               deviation 1 over the training rows, divided by √p; "none"
    bias       whether a constant feature is added: 1, or 1/√p with "standard"
    idf        whether values are multiplied by ln((1 + n) / (1 + df)) + 1
    sublinear  whether a count c becomes 1 + ln c
    min_count  training rows a sparse feature must be in to be kept
    hash_bits  B where sparse features are hashed into 2^B buckets, and buckets are the features; None: they have names
    """

    scaling: str
    bias: bool
    idf: bool = False
    sublinear: bool = False
    min_count: int = 1
    hash_bits: int | None = None

    def stored(self) -> dict[str, Any]:
        """The options as a manifest has them; those of hashing only where there is some."""
        return {
            name: value for name, value in asdict(self).items() if name != "hash_bits" or value is not None
        }


@dataclass(frozen=True)
class FeatureSpace:
    """Features in index order and what was learnt about them from the training rows.

    names   (features,) strings or integers as given, or "bucket N"; the constant feature is last and has the name null
    count   (features,) int64: training rows with a value other than 0
    weight  (features,) float64: idf of a sparse feature (1 where unused); 1 / (deviation · √p) of a dense one
    mean    (features,) float64: what is subtracted first; 0 for sparse features
    """

    options: FeatureOptions
    dense: bool
    names: pa.Array
    count: NDArray[np.int64]
    weight: NDArray[np.float64]
    mean: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def given(self) -> int:
        """The number of features without the constant one."""
        return len(self.names) - self.options.bias

    def apply(self, raw: Raw, what: str = "features", *, untyped: bool = False) -> tuple[Rows, int]:
        """The scaled rows, and the number of entries whose feature is unknown and was left out."""
        if isinstance(raw, RawDense):
            return self._dense(raw), 0
        return self._bags(raw, what, untyped)

    def _bags(self, raw: RawBags, what: str, untyped: bool) -> tuple[Bags, int]:
        raw = hashed(raw, self.options)
        where = look_up(raw.vocabulary, self.names.slice(0, self.given), what, untyped=untyped)
        indices = where[raw.codes] if len(where) else np.zeros(0, np.int32)
        known = indices >= 0
        bags = collect(kept_offsets(raw.indptr, known), indices[known], raw.values[known], len(self))
        bags = keep_entries(bags, bags.values != 0)
        values: NDArray[np.floating] = bags.values
        if self.options.sublinear:
            values = np.sign(values) * (1 + np.log(np.maximum(np.abs(values), 1)))
        if self.options.idf:
            values = values * self.weight[bags.indices]
        bags = scale_rows(bags._replace(values=values.astype(np.float32)), self.options.scaling)
        if self.options.bias:
            bags = add_constant(bags, len(self) - 1, 1.0)
        return bags, int(len(known) - np.count_nonzero(known))

    def _dense(self, raw: RawDense) -> Dense:
        n, p = raw.values.shape
        rows = np.empty((n, len(self)), np.float32)
        standard = self.options.scaling == "standard"
        step = max(1, _BLOCK // max(p, 1))
        for start in range(0, n, step):
            block = raw.values[start : start + step].astype(np.float64)
            if standard:
                block = (block - self.mean[:p]) * self.weight[:p]
            elif self.options.scaling != "none":
                norm = np.linalg.norm(block, ord=int(self.options.scaling[1]), axis=1, keepdims=True)
                block = np.divide(block, norm, out=np.zeros_like(block), where=norm > 0)
            rows[start : start + step, :p] = block
        if self.options.bias:
            rows[:, -1] = 1 / np.sqrt(p) if standard else 1
        return Dense(np.arange(len(self), dtype=np.int32), rows)


# The index that each of some names had in the version before, -1 for new ones.
Places = Callable[[pa.Array], NDArray[np.int32]]


def fit_features(
    raw: Raw, train: NDArray[np.bool_], options: FeatureOptions, places: Places | None = None
) -> FeatureSpace:
    """Learn the space from the rows where `train` (n,) is True.

    places  of sparse features in the version before: what stays keeps its order there, what is new comes after
    """
    if isinstance(raw, RawDense):
        return _fit_dense(raw, train, options)
    return _fit_bags(raw, train, options, places)


def _fit_bags(
    raw: RawBags, train: NDArray[np.bool_], options: FeatureOptions, places: Places | None
) -> FeatureSpace:
    raw = hashed(raw, options)
    bags = collect(raw.indptr, raw.codes, raw.values, len(raw.vocabulary))
    in_train = np.repeat(train, np.diff(bags.indptr)) & (bags.values != 0)
    counts = np.bincount(bags.indices[in_train], minlength=len(raw.vocabulary)).astype(np.int64)
    order = ranked(raw.vocabulary, counts)
    if places is not None:
        order = continued(order, places(raw.vocabulary))
    order = order[counts[order] >= max(options.min_count, 1)]
    counts = counts[order]
    n = int(np.count_nonzero(train))
    weight = np.log((1 + n) / (1 + counts)) + 1 if options.idf else np.ones(len(order))
    names = raw.vocabulary.take(pa.array(order))
    return _space(options, False, names, counts, weight, np.zeros(len(order)), n)


def _fit_dense(raw: RawDense, train: NDArray[np.bool_], options: FeatureOptions) -> FeatureSpace:
    p = raw.values.shape[1]
    total, squares, counts = np.zeros(p), np.zeros(p), np.zeros(p, np.int64)
    rows = np.flatnonzero(train)
    step = max(1, _BLOCK // max(p, 1))
    for start in range(0, len(rows), step):
        block = raw.values[rows[start : start + step]].astype(np.float64)
        total += block.sum(axis=0)
        counts += np.count_nonzero(block, axis=0)
    mean = total / len(rows)
    for start in range(0, len(rows), step):  # a second pass: the difference of large sums loses its digits
        block = raw.values[rows[start : start + step]].astype(np.float64)
        squares += np.square(block - mean).sum(axis=0)
    deviation = np.sqrt(squares / len(rows))
    varies = deviation > _SAME[raw.values.dtype.itemsize] * np.maximum(np.abs(mean), 1e-30)
    weight = np.divide(1, deviation * np.sqrt(p), out=np.zeros(p), where=varies)
    return _space(options, True, raw.names, counts, weight, mean, len(rows))


def _space(
    options: FeatureOptions,
    dense: bool,
    names: pa.Array,
    counts: NDArray[np.int64],
    weight: NDArray[np.float64],
    mean: NDArray[np.float64],
    n: int,
) -> FeatureSpace:
    if options.bias:
        names = pa.concat_arrays([names, pa.nulls(1, names.type)])
        counts, weight, mean = np.append(counts, n), np.append(weight, 1.0), np.append(mean, 0.0)
    return FeatureSpace(options, dense, names, counts, weight, mean)
