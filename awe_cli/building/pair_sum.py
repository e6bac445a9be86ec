"""RBF, latent RBF, hybrid latent RBF, and any pair of kernels (AWE eq. 3, 8 and §3.1):

    G(x, y) = Σ_{i ≤ m} K_x(x, x_i) K_y(y, y_i)  over m training pairs (x_i, y_i)

An example with several labels makes a pair with each. All pairs take part, or m of them drawn at random. Where
kernels can be negative G is cut off at 0, for a negative G times a negative score would rank a label high.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe_cli.building.builder import Arrays, Choice, KnownOnly, Source, Told
from awe_cli.building.compared import Compared
from awe_cli.building.examples_kernel import COSINE, EMBEDDED, EQUALITY, GAUSSIAN, RAW, ExamplesKernel
from awe_cli.building.labels_alike import LabelsAlike, LabelsByFeatures, LabelsOnV, Placed
from awe_cli.building.labels_kernel import ONE_HOT_SQUARED, EqualLabels, LikeLabels, one_hot
from awe_cli.building.training_pairs import drawn_pairs, known_examples
from awe_cli.building.whole_rows import WholeRows
from awe_cli.data.examples import Examples
from awe_cli.data.matrix import Rows
from awe_cli.ranking.embedding import label_rows

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
    """The builder of every affinity of eq. 3; `kernels` are those of an affinity that leaves no choice of them."""

    def __init__(self, kernels: Kernels | None = None) -> None:
        self._kernels = kernels

    def kernels(self, told: Told) -> Kernels:
        """K_x and K_y, as named or as told."""
        return self._kernels or Kernels(told["kernel_x"], told["space_x"], told["kernel_y"], told["space_y"])

    def idle(self, told: Told, described: bool) -> dict[str, str]:
        """What the kernels, and a limit of λ_y, have no use for."""
        kernels, found = self.kernels(told), {}
        if kernels.x != GAUSSIAN:
            found["lambda"] = f"K_x is {kernels.x}"
        if kernels.x_space == RAW or kernels.x == COSINE:
            found["measure"] = "K_x is on x as given" if kernels.x_space == RAW else "K_x is the cosine"
        if kernels.y != GAUSSIAN:
            found["lambda_y"] = f"K_y is {kernels.y}"
        if kernels.y == EQUALITY or (kernels.y == GAUSSIAN and told["lambda_y"] == "inf"):
            why = "K_y is equality" if kernels.y == EQUALITY else "λ_y is inf"
            found |= dict.fromkeys(("space_y", "label_neighbors"), why)
        elif kernels.y_space == RAW and not described:
            found["label_neighbors"] = "labels are one-hot"
        return found

    def choices(self, told: Told, source: Source) -> list[Choice]:
        """Multiples for λ_x and λ_y where they are open."""
        kernels = self.kernels(told)
        wide = kernels.x == GAUSSIAN and told["lambda"] is None
        wide_y = kernels.y == GAUSSIAN and told["lambda_y"] is None
        return [
            {"multiple": multiple, "multiple_y": multiple_y}
            for multiple_y in (LABEL_MULTIPLES if wide_y else (None,))
            for multiple in (MULTIPLES if wide else (None,))
        ]

    def known_only(self, told: Told, choice: Choice) -> KnownOnly | None:
        """Where labels count only where they are equal, a new one equals none."""
        k_y = self.kernels(told).y
        if k_y == EQUALITY:
            return KnownOnly(f"{_EQUAL} (K_y is equality)", _again("another --kernel-y"))
        if k_y == GAUSSIAN and choice["multiple_y"] is None and told["lambda_y"] in (None, "inf"):
            return KnownOnly(f"{_EQUAL} (λ_y is inf)", _again("a finite --lambda-y"))
        return None

    def fit(self, told: Told, source: Source, choice: Choice) -> Arrays:
        """`pairs` (m,), `lambda`, `lambda_y` (1,), NaN where it plays no part; `near`, `likeness` of labels alike."""
        kernels = self.kernels(told)
        pairs = drawn_pairs(source.examples.positives, told["pairs"], told["seed"])
        known = known_examples(source.examples, pairs)
        lambda_ = _or_nan(kernels.x == GAUSSIAN, told["lambda"])
        if choice["multiple"] is not None:
            typical = _compared(kernels, source, known.examples).typical(source.examples.x, known.named)
            lambda_ = choice["multiple"] / typical
        labels = _labels(kernels, source, told)
        lambda_y = _or_nan(kernels.y == GAUSSIAN, told["lambda_y"])
        if choice["multiple_y"] is not None:
            lambda_y = choice["multiple_y"] / (ONE_HOT_SQUARED if labels is None else labels.typical())
        arrays: Arrays = {"pairs": pairs, "lambda": np.array([lambda_]), "lambda_y": np.array([lambda_y])}
        if labels is not None and not np.isinf(lambda_y):
            arrays |= labels.alike(lambda_y)._asdict()
        return arrays

    def open(self, told: Told, source: Source, arrays: Arrays) -> BuiltPairSum:
        """G of one fit; of other labels, where `known_only` says nothing against it."""
        kernels = self.kernels(told)
        if source.others is not None:
            labels = _labels(kernels, source, told)
            assert labels is not None, "labels are one-hot"
            others = Placed(source.others, label_rows(source.others, source.state.V))
            arrays = {**arrays, **labels.alike(float(arrays["lambda_y"][0]), others)._asdict()}
        return BuiltPairSum(kernels, told["keep"], source, arrays)

    def describe(self, arrays: Arrays) -> dict[str, Any]:
        """m, and λ_x and λ_y where they play a part; a λ_y → ∞ is "inf"."""
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
        """The sum over the pairs, those of training example skip[q] (-1: none) aside."""
        W = self._inputs.weights(x, self._lambda, np.where(skip < 0, -1, self._known.named[skip]))
        G = self._labels.sum(W, self._known.examples.positives, self._source.n_labels)
        return np.maximum(G, 0, out=G)


def _compared(kernels: Kernels, source: Source, known: Examples) -> Compared:
    """The inputs of the known examples, where K_x compares them."""
    space = source.space if kernels.x_space == EMBEDDED else None
    return Compared(known.x, source.n_features, space, apart=known.own)


def _labels(kernels: Kernels, source: Source, told: Told) -> LabelsAlike | None:
    """Labels where K_y compares them; None where they are equal or not, as one-hot ones are, and all for λ_y → ∞."""
    y, n = source.examples.y, told["label_neighbors"]
    if kernels.y == EQUALITY or (kernels.y == GAUSSIAN and told["lambda_y"] == "inf"):
        return None
    if kernels.y_space == EMBEDDED:
        return LabelsOnV(source.rows_of_labels, n, kernels.y)
    return None if y is None else LabelsByFeatures(y, len(source.state.V), n, kernels.y)


def _again(told: str) -> str:
    return f"build it again with {told}, and retrain with that"


def _or_nan(plays: bool, told: float | str | None) -> float:
    """A λ as it was told, infinite where nothing was or will be; NaN where it plays no part."""
    return (np.inf if told is None else float(told)) if plays else np.nan
