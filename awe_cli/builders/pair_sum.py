"""RBF, latent RBF, hybrid latent RBF, and any pair of kernels (AWE eq. 3, 8 and §3.1):

    G(x, y) = Σ_{i ≤ m} K_x(x, x_i) K_y(y, y_i)  over m training pairs (x_i, y_i)

An example with several labels makes a pair with each. The sum is over all pairs, or m of them drawn at random. Where
kernels can be negative G is cut off at 0, since a negative G times a negative score would rank a label high.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from awe_cli.builders.base import Arrays, Choice, KnownOnly, Resolved, Source
from awe_cli.builders.rows import WholeRows, largest_places
from awe_cli.core.search import add_labels, dot_bags, dot_products, propagate_labels, squared_distances
from awe_cli.dataset.examples import Examples
from awe_cli.matrices.matrix import Dense, Lists, Rows, n_rows, slice_rows, take_rows
from awe_cli.neighbors.index import typical_squared
from awe_cli.neighbors.search import Nearest, Search
from awe_cli.neighbors.space import Space
from awe_cli.ranking.embedding import label_rows

# Dot products and squared distances to known rows, as given or projected.
#
# Each number is summed in one fixed order from its two rows alone, so that it does not depend on the block.

_LOOKED_AT = 1000  # rows sampled for the typical distance
_FIRST = 20  # neighbours of each of these rows


class Compared:
    """The known rows (n), and the dot products and distances of other rows to them."""

    def __init__(self, rows: Rows, width: int, space: Space | None = None, *, apart: bool = False) -> None:
        """Rows over `width` features.

        space  of the projections; None compares rows as given
        apart  whether a row at distance 0 counts as infinitely far
        """
        self._width, self._space, self._apart = width, space, apart
        self._base = self._points(rows)
        self.squared_lengths = self._squared_lengths(self._base)

    def dots(self, x: Rows) -> NDArray[np.float32]:
        """(m, n) x·x_i."""
        points = self._points(x)
        out = np.empty((n_rows(x), len(self.squared_lengths)), np.float32)
        if isinstance(points, np.ndarray):
            dot_products(points, self._base, out)
        else:
            dot_bags(points, self._base, np.zeros(self._width, np.float32), out)
        return out

    def squared(self, x: Rows, skip: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """(m, n) ‖x − x_i‖²; infinite for skip[q] (-1: none)."""
        points = self._points(x)
        if isinstance(points, np.ndarray):
            D = np.empty((len(points), len(self.squared_lengths)), np.float32)
            squared_distances(points, self._base, D)
        else:
            D = self.dots(x)
            np.multiply(D, -2, out=D)
            D += self._squared_lengths(points)[:, None] + self.squared_lengths
            np.maximum(D, 0, out=D)
        if self._apart:
            D[D == 0] = np.inf
        if skip is not None:
            left_out = np.flatnonzero(skip >= 0)
            D[left_out, skip[left_out]] = np.inf
        return D

    def typical(self, x: Rows, named: NDArray[np.int64]) -> float:
        """The median of ‖x − x_i‖² over the first 20 neighbours of rows of x, evenly taken.

        named  (m,) the index of each row of x among the known rows, or -1
        """
        first: list[NDArray[np.float32]] = []
        step = max(1, n_rows(x) // _LOOKED_AT)
        for row in range(0, n_rows(x), step):
            D = self.squared(slice_rows(x, row, row + 1), named[row : row + 1])
            first.append(np.sort(np.partition(D, min(_FIRST, D.shape[1]) - 1)[:, :_FIRST]))
        squared = np.concatenate(first)
        return typical_squared(Nearest(np.zeros(squared.shape, np.int32), squared))

    def _points(self, x: Rows) -> Any:
        """The points to compare: projections or dense rows as arrays (m, d), else bags."""
        if self._space is not None:
            return self._space.points(x)
        return x.values if isinstance(x, Dense) else x

    def _squared_lengths(self, points: Any) -> NDArray[np.float32]:
        """‖x‖² (m,), summed in the order of the dot products, so that equal rows have the distance 0."""
        if isinstance(points, np.ndarray):
            return np.square(points).sum(axis=1, dtype=np.float32)
        out, scratch = np.empty(n_rows(points), np.float32), np.zeros(self._width, np.float32)
        for row in range(len(out)):
            one = slice_rows(points, row, row + 1)
            dot_bags(one, one, scratch, out[row : row + 1, None])
        return out


def divided(W: NDArray[np.float32], by: NDArray[np.float32]) -> NDArray[np.float32]:
    """W / by; 0 where `by` is 0."""
    by = np.broadcast_to(by, W.shape)
    return np.divide(W, by, out=np.zeros_like(W), where=by > 0)


# K_x of AWE eq. 3: the similarity of an input and each known example, on x as given or on Ux.
#
#     gaussian  exp(−λ_x ‖x − x_i‖²)        linear  x·x_i        cosine  x·x_i / (‖x‖ ‖x_i‖)
#
# The weights of a query are divided by the sum of their absolute values, which changes no order and makes margins
# comparable for any λ. In recommendation an example at distance 0 is the same person, or one with the same history,
# and gets weight 0.

GAUSSIAN, LINEAR, COSINE, EQUALITY = "gaussian", "linear", "cosine", "equality"
RAW, EMBEDDED = "raw", "embedded"
_FAINT = 1e-9  # share of the largest weight below which a weight counts as 0


class ExamplesKernel:
    """The known examples (n), and K_x of any input and each of them."""

    def __init__(self, known: Compared, kernel: str) -> None:
        self._known, self._kernel = known, kernel

    def weights(self, x: Rows, lambda_: float | None, skip: NDArray[np.int64]) -> NDArray[np.float32]:
        """(m, n) weights; known example skip[q] (-1: none) gets 0."""
        if self._kernel == GAUSSIAN:
            W = self._known.squared(x, skip)
            with np.errstate(invalid="ignore"):  # a query without any example: inf − inf
                W = np.exp(-np.float32(lambda_) * (W - W.min(axis=1, keepdims=True)), dtype=np.float32)
            W[~(W >= _FAINT)] = 0
        else:
            W = self._known.dots(x)
            left_out = np.flatnonzero(skip >= 0)
            W[left_out, skip[left_out]] = 0
            if self._kernel == COSINE:
                W = divided(W, np.sqrt(self._known.squared_lengths))
        return divided(W, np.abs(W).sum(axis=1, keepdims=True))


# Σ_i K_x Σ_{y_i ∈ Y_i} K_y(y, y_i) over labels (AWE eq. 3), where K_y is equality, or a similarity of labels.
#
# For one-hot labels linear and cosine are equality. Two different labels are √2 apart, so that the gaussian is
#
#     e^(−2λ_y) + (1 − e^(−2λ_y)) [y = y_i],    in the limit λ_y → ∞ equality.
#
# On V, or where features describe labels, K_y is that of `LabelsAlike`.

ONE_HOT_SQUARED = 2.0  # ‖y − y'‖² of two different one-hot labels


class EqualLabels:
    """K_y = share + (1 − share) [y = y_i]: equality, or the gaussian of one-hot labels."""

    def __init__(self, share: float = 0.0) -> None:
        """share: e^(−2λ_y), K_y of two different labels."""
        self._share = np.float32(share)

    def sum(self, weights: NDArray[np.float32], labels: Lists, n_labels: int) -> NDArray[np.float32]:
        """Σ_i weights[q, i] Σ_{y_i ∈ Y_i} K_y(y, y_i): (m, labels)."""
        G = np.zeros((len(weights), n_labels), np.float32)
        add_labels(weights, labels, G)
        if self._share:
            pairs = np.diff(labels.indptr).astype(np.float32)
            G *= 1 - self._share
            G += self._share * (weights * pairs).sum(axis=1, keepdims=True)
        return G


class LikeLabels:
    """K_y of each label and its most similar known labels."""

    def __init__(self, near: NDArray[np.int32], likeness: NDArray[np.float32]) -> None:
        """near, likeness (labels wanted, n): the known labels of each, -1 for none, and K_y of the two."""
        self._near, self._likeness = near, likeness

    def sum(self, weights: NDArray[np.float32], labels: Lists, n_labels: int) -> NDArray[np.float32]:
        """Σ_i weights[q, i] Σ_{y_i ∈ Y_i} K_y(y, y_i): (m, labels wanted)."""
        G = np.zeros((len(weights), n_labels), np.float32)
        out = np.empty((len(weights), len(self._near)), np.float32)
        add_labels(weights, labels, G)
        propagate_labels(G, self._near, self._likeness, out)
        return out


def one_hot(kernel: str, lambda_: float | None) -> EqualLabels:
    """K_y of one-hot labels; λ_y of None is the limit λ_y → ∞."""
    if kernel != GAUSSIAN or lambda_ is None:
        return EqualLabels()
    return EqualLabels(float(np.exp(-ONE_HOT_SQUARED * lambda_)))


# The most similar known labels of each label, with K_y of AWE eq. 3, on rows of V or on the features of labels.
#
#     gaussian  exp(−λ_y ‖y − y_i‖²)        linear  y·y_i        cosine  y·y_i / (‖y‖ ‖y_i‖)
#
# A label is compared with n labels, itself among them; K_y with all others counts as 0. A label that was not there
# when G was built is compared with n of those that were. One-hot labels need no comparison: see `one_hot`.

_BLOCK = 256  # labels compared with all others at a time


class Placed(NamedTuple):
    """Labels by the vectors that K_y compares: y (labels, label features), and rows of V (labels, d)."""

    y: Rows
    V: NDArray[np.float32]


class Alike(NamedTuple):
    """The known labels that each label is compared with, -1 for none, and K_y of the two: (labels, n)."""

    near: NDArray[np.int32]
    likeness: NDArray[np.float32]


class LabelsAlike(Protocol):
    """Known labels, and their similarities to each other and to other labels."""

    def typical(self) -> float:
        """The median squared distance of a label to the first 20 others."""
        ...

    def alike(self, lambda_: float | None, others: Placed | None = None) -> Alike:
        """K_y of each label, or each of others, and the n it is compared with; λ_y is for the gaussian alone."""
        ...


class LabelsOnV:
    """Labels by their rows of V, each compared with the n nearest; for the cosine, nearest by angle."""

    def __init__(self, V: NDArray[np.float32], n: int, kernel: str) -> None:
        self._n, self._kernel = min(n, len(V)), kernel
        self._points = self._place(V)

    @functools.cached_property
    def _search(self) -> Search:
        return Search(self._points)

    @functools.cached_property
    def _nearest(self) -> Nearest:
        return self._search.nearest(self._points, self._n)

    def typical(self) -> float:
        """The median squared distance of a label to the first 20 others."""
        return typical_squared(Nearest(self._nearest.rows[:, 1:], self._nearest.squared[:, 1:]))

    def alike(self, lambda_: float | None, others: Placed | None = None) -> Alike:
        """K_y of each label, or each of others, and the n it is compared with; λ_y is for the gaussian alone."""
        points = self._points if others is None else self._place(others.V)
        near, squared = self._nearest if others is None else self._search.nearest(points, self._n)
        if self._kernel == GAUSSIAN:
            with np.errstate(over="ignore"):
                found = np.exp(-np.float32(lambda_) * squared)
        else:
            found = np.einsum("yd,ynd->yn", points, self._points[np.maximum(near, 0)])
        return Alike(near, np.where(near >= 0, found, 0).astype(np.float32))

    def _place(self, V: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows of V as they are compared: normalised for the cosine."""
        return divided(V, np.linalg.norm(V, axis=1, keepdims=True)) if self._kernel == COSINE else V


class LabelsByFeatures:
    """Labels by their features y, each compared with the n of largest K_y."""

    def __init__(self, y: Rows, width: int, n: int, kernel: str) -> None:
        """y: rows over `width` features."""
        self._y, self._width, self._n, self._kernel = y, width, n, kernel
        self._known = Compared(y, width)

    def typical(self) -> float:
        """The median squared distance of a label to the first 20 others."""
        return self._known.typical(self._y, np.arange(n_rows(self._y)))

    def alike(self, lambda_: float | None, others: Placed | None = None) -> Alike:
        """K_y of each label, or each of others, and the n it is compared with; λ_y is for the gaussian alone."""
        y = self._y if others is None else others.y
        own = self._known if others is None else Compared(y, self._width)
        found: list[Alike] = []
        for start in range(0, n_rows(y), _BLOCK):
            stop = start + _BLOCK
            K = self._block(slice_rows(y, start, stop), own.squared_lengths[start:stop], lambda_)
            near = largest_places(K, self._n)
            found.append(Alike(near, np.take_along_axis(K, near, axis=1)))
        return Alike(*(np.concatenate(parts) for parts in zip(*found, strict=True)))

    def _block(
        self, y: Rows, squared_lengths: NDArray[np.float32], lambda_: float | None
    ) -> NDArray[np.float32]:
        """K_y (m, labels) of some labels, with their ‖y‖² (m,), and all known labels."""
        if self._kernel == GAUSSIAN:
            return np.exp(-np.float32(lambda_) * self._known.squared(y))
        K = self._known.dots(y)
        if self._kernel == COSINE:
            K = divided(divided(K, np.sqrt(self._known.squared_lengths)), np.sqrt(squared_lengths)[:, None])
        return K


# The training pairs (x_i, y_i) of the sum, and the examples that have one.


@dataclass(frozen=True)
class KnownPairs:
    """The known examples, and `named` (examples,): the number of each training example among them, or -1."""

    examples: Examples
    named: NDArray[np.int64]


def drawn_pairs(positives: Lists, m: int, seed: int) -> NDArray[np.int64]:
    """The pairs (x_i, y_i), as positions in positives.indices, ascending: all, or m drawn by `seed`."""
    pairs = np.arange(len(positives.indices), dtype=np.int64)
    if m < len(pairs):
        pairs = np.sort(np.random.Generator(np.random.Philox(seed)).permutation(pairs)[:m])
    return pairs


def known_examples(examples: Examples, pairs: NDArray[np.int64]) -> KnownPairs:
    """The examples that have a pair, with the labels of their pairs."""
    owner = np.searchsorted(examples.positives.indptr, pairs, side="right") - 1
    rows, sizes = np.unique(owner, return_counts=True)
    indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    labels = Lists(indptr, examples.positives.indices[pairs])
    named = np.full(len(examples), -1, np.int64)
    named[rows] = np.arange(len(rows))
    return KnownPairs(
        replace(
            examples,
            ids=examples.ids.take(rows),
            x=take_rows(examples.x, rows),
            positives=labels,
            grades=None,
            weight=None,
        ),
        named,
    )


MULTIPLES = (6.0, 3.0, 10.0, 20.0)  # of λ_x, in units of 1 / the typical squared distance
LABEL_MULTIPLES = (None, 3.0)  # of λ_y, likewise; None: λ_y → ∞
_EQUAL = "counts labels only where they are equal"


@dataclass(frozen=True)
class Kernels:
    """Which K_x and K_y, each on vectors as given (raw) or on the embedding."""

    x: str
    x_space: str
    y: str
    y_space: str


class PairSum:
    """The builder of the affinities of eq. 3; `kernels` are fixed for all but the affinity `kernel`."""

    def __init__(self, kernels: Kernels | None = None) -> None:
        self._kernels = kernels

    def kernels(self, resolved: Resolved) -> Kernels:
        """K_x and K_y: fixed, or as the settings give them."""
        return self._kernels or Kernels(
            resolved["kernel_x"], resolved["space_x"], resolved["kernel_y"], resolved["space_y"]
        )

    def idle(self, resolved: Resolved, described: bool) -> dict[str, str]:
        """The parameters that the kernels, or a limit of λ_y, do not use."""
        kernels, found = self.kernels(resolved), {}
        if kernels.x != GAUSSIAN:
            found["lambda"] = f"K_x is {kernels.x}"
        if kernels.x_space == RAW or kernels.x == COSINE:
            found["measure"] = "K_x is on x as given" if kernels.x_space == RAW else "K_x is the cosine"
        if kernels.y != GAUSSIAN:
            found["lambda_y"] = f"K_y is {kernels.y}"
        if kernels.y == EQUALITY or (kernels.y == GAUSSIAN and resolved["lambda_y"] == "inf"):
            why = "K_y is equality" if kernels.y == EQUALITY else "λ_y is inf"
            found |= dict.fromkeys(("space_y", "label_neighbors"), why)
        elif kernels.y_space == RAW and not described:
            found["label_neighbors"] = "labels are one-hot"
        return found

    def choices(self, resolved: Resolved, source: Source) -> list[Choice]:
        """Multiples for λ_x and λ_y where they are not given."""
        kernels = self.kernels(resolved)
        wide = kernels.x == GAUSSIAN and resolved["lambda"] is None
        wide_y = kernels.y == GAUSSIAN and resolved["lambda_y"] is None
        return [
            {"multiple": multiple, "multiple_y": multiple_y}
            for multiple_y in (LABEL_MULTIPLES if wide_y else (None,))
            for multiple in (MULTIPLES if wide else (None,))
        ]

    def known_only(self, resolved: Resolved, choice: Choice) -> KnownOnly | None:
        """Where K_y is equality, a new label equals none."""
        k_y = self.kernels(resolved).y
        if k_y == EQUALITY:
            return KnownOnly(f"{_EQUAL} (K_y is equality)", _again("another --kernel-y"))
        if k_y == GAUSSIAN and choice["multiple_y"] is None and resolved["lambda_y"] in (None, "inf"):
            return KnownOnly(f"{_EQUAL} (λ_y is inf)", _again("a finite --lambda-y"))
        return None

    def fit(self, resolved: Resolved, source: Source, choice: Choice) -> Arrays:
        """`pairs` (m,), `lambda`, `lambda_y` (1,), NaN where it is not used; `near`, `likeness` of similar labels."""
        kernels = self.kernels(resolved)
        pairs = drawn_pairs(source.examples.positives, resolved["pairs"], resolved["seed"])
        known = known_examples(source.examples, pairs)
        lambda_ = _or_nan(kernels.x == GAUSSIAN, resolved["lambda"])
        if choice["multiple"] is not None:
            typical = _compared(kernels, source, known.examples).typical(source.examples.x, known.named)
            lambda_ = choice["multiple"] / typical
        labels = _labels(kernels, source, resolved)
        lambda_y = _or_nan(kernels.y == GAUSSIAN, resolved["lambda_y"])
        if choice["multiple_y"] is not None:
            lambda_y = choice["multiple_y"] / (ONE_HOT_SQUARED if labels is None else labels.typical())
        arrays: Arrays = {"pairs": pairs, "lambda": np.array([lambda_]), "lambda_y": np.array([lambda_y])}
        if labels is not None and not np.isinf(lambda_y):
            arrays |= labels.alike(lambda_y)._asdict()
        return arrays

    def open(self, resolved: Resolved, source: Source, arrays: Arrays) -> BuiltPairSum:
        """G of one fit; for other labels only where `known_only` returns None."""
        kernels = self.kernels(resolved)
        if source.others is not None:
            labels = _labels(kernels, source, resolved)
            assert labels is not None, "labels are one-hot"
            others = Placed(source.others, label_rows(source.others, source.state.V))
            arrays = {**arrays, **labels.alike(float(arrays["lambda_y"][0]), others)._asdict()}
        return BuiltPairSum(kernels, resolved["keep"], source, arrays)

    def describe(self, arrays: Arrays) -> dict[str, Any]:
        """m, and λ_x and λ_y where they are used; λ_y → ∞ is "inf"."""
        found = {name: float(arrays[name][0]) for name in ("lambda", "lambda_y")}
        words = {name: "inf" if np.isinf(value) else value for name, value in found.items()}
        return {"pairs": len(arrays["pairs"]), **{n: v for n, v in words.items() if v == v}}


class BuiltPairSum(WholeRows):
    """G of eq. 3, of one fit."""

    def __init__(self, kernels: Kernels, keep: int, source: Source, arrays: Arrays) -> None:
        super().__init__(source, keep)
        self._known = known_examples(source.examples, arrays["pairs"])
        self._lambda = float(arrays["lambda"][0])
        self._inputs = ExamplesKernel(_compared(kernels, source, self._known.examples), kernels.x)
        self._labels: EqualLabels | LikeLabels
        if "near" in arrays:
            self._labels = LikeLabels(arrays["near"], arrays["likeness"])
        else:
            lambda_y = float(arrays["lambda_y"][0])
            self._labels = one_hot(kernels.y, None if np.isinf(lambda_y) else lambda_y)

    def weigh(self, x: Rows, skip: NDArray[np.int64]) -> NDArray[np.float32]:
        """The sum over the pairs, without those of training example skip[q] (-1: none)."""
        W = self._inputs.weights(x, self._lambda, np.where(skip < 0, -1, self._known.named[skip]))
        G = self._labels.sum(W, self._known.examples.positives, self._source.n_labels)
        return np.maximum(G, 0, out=G)


def _compared(kernels: Kernels, source: Source, known: Examples) -> Compared:
    """The inputs of the known examples, as K_x compares them."""
    space = source.space if kernels.x_space == EMBEDDED else None
    return Compared(known.x, source.n_features, space, apart=known.own)


def _labels(kernels: Kernels, source: Source, resolved: Resolved) -> LabelsAlike | None:
    """The labels as K_y compares them; None where K_y is equality: for one-hot labels, and for λ_y → ∞."""
    y, n = source.examples.y, resolved["label_neighbors"]
    if kernels.y == EQUALITY or (kernels.y == GAUSSIAN and resolved["lambda_y"] == "inf"):
        return None
    if kernels.y_space == EMBEDDED:
        return LabelsOnV(source.rows_of_labels, n, kernels.y)
    return None if y is None else LabelsByFeatures(y, len(source.state.V), n, kernels.y)


def _again(resolved: str) -> str:
    return f"build it again with {resolved}, and retrain with that"


def _or_nan(plays: bool, resolved: float | str | None) -> float:
    """The given λ, infinity where none is given; NaN where it is not used."""
    return (np.inf if resolved is None else float(resolved)) if plays else np.nan
