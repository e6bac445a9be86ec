"""Affinity weighted embedding as an estimator of scikit-learn's kind.

The one file that imports scikit-learn when it is loaded, which it is when the estimator is asked for
(`awe_cli.__getattr__`): its base classes must be there when the class is made.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import scipy.sparse
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from awe_cli.affinities.registry import CONSTANT
from awe_cli.affinities.spec import KNN
from awe_cli.config import settings_of
from awe_cli.config.build import BuildKnnSettings
from awe_cli.config.prepare import PrepareSettings
from awe_cli.config.schema import read_value
from awe_cli.config.train import RetrainSettings, TrainSettings
from awe_cli.dataset.examples import Examples
from awe_cli.dataset.features import FeatureSpace
from awe_cli.dataset.memory import MemoryDataset, as_lists, as_raw, make_dataset
from awe_cli.engine.local import map_blocks
from awe_cli.errors import DataError, MissingInputError, SettingsError
from awe_cli.matrices.matrix import Lists, Rows, n_rows, slice_rows
from awe_cli.ranking.block import Ranked
from awe_cli.ranking.ranker import Ranker
from awe_cli.ranking.validation import Validator, rank, rows_at_once, sample
from awe_cli.steps.knn_product import KnnProduct, multiply_with_knn
from awe_cli.steps.train import Learned, train_in_memory
from awe_cli.training.joint import validator_for

Result = TypeVar("Result")

# The settings of `awe prepare` that the estimator has; of `awe train` it has all that are named in both.
_OF_FEATURES = ("scaling", "bias", "idf", "min_count", "valid_fraction")
_ENOUGH = 500  # rows of which a tenth chooses; fewer would choose by chance
_MOST_LABELS = 50  # an example's best labels that are looked at for the threshold, or more where it has more


class AffinityWeightedEmbedding(ClassifierMixin, BaseEstimator):
    """Learn to rank labels for inputs: WSABIE, another affinity that is learned with U and V, or their neighbours.

    fit(X, Y) takes features X (n, p), dense or sparse, and Y as an array of classes (n,) or as an indicator matrix
    (n, labels), dense or sparse, with 1 for each label that an example has. Parameters are named and mean the same as
    the options of `awe prepare` (scaling, bias, idf, min_count, valid_fraction) and `awe train` (all others); None
    means chosen from the data. As there, a share `valid_fraction` of the rows chooses margin and epochs before the last
    fit, on all rows; by default a tenth of 500 rows or more, and none of fewer, which would choose by chance.

    affinity="knn" multiplies WSABIE with the labels of the nearest training examples, as `awe build-knn` and then
    `awe retrain --epochs 0` do; k, lambda_ and space are settings of the one, power and floor of the other. Other
    affinities that are built (rbf, cluster …), and learning on with one, need a workspace: see `awe_cli.Workspace`.

    threads  never changes a result; None: all cores

    Attributes, once fitted:

    classes_           (labels,) the classes in ascending order; the columns of Y, by number or by a table's names
    n_features_in_     p
    feature_names_in_  (p,) where X was a table with names of text
    U_, V_             (features, d) and (labels, d) float32, in the order of `features_` and `classes_`
    features_          (features,) column of X that each row of U_ is for; -1 for the constant feature
    metric_            the metric that validation chose by, and that `score` measures for an indicator matrix
    threshold_         the score from which a label of an indicator matrix is predicted: best micro-F1 on validation
    k_, power_         with affinity="knn": the number of neighbours and the power of G that were given or chosen
    history_           one dict an epoch: stage, fit, epoch, loss, violation_rate, mean_trials, validation
    """

    def __init__(
        self,
        *,
        affinity: str = "constant",
        loss: str = "warp",
        dim: int | None = None,
        epochs: int | None = None,
        learning_rate: float | None = None,
        margin: float | None = None,
        norm_cap: float | None = None,
        max_trials: int | None = None,
        block_size: int | None = None,
        initial_scale: float | None = None,
        positive_power: float | None = None,
        steps: str | None = None,
        rank_weights: str | None = None,
        rank_estimate: str | None = None,
        negatives: int | None = None,
        patience: int = 10,
        metric: str | None = None,
        start: str | None = None,
        k: int | None = None,
        lambda_: float | None = None,
        space: str | None = None,
        power: float | None = None,
        floor: float | None = None,
        scope: str | None = None,
        gain: float | None = None,
        unit: bool | None = None,
        alpha: float | None = None,
        beta: float | None = None,
        top: int | None = None,
        sigma: float | None = None,
        activation: str | None = None,
        factors: str | None = None,
        low_rank_dim: int | None = None,
        pairs: str | None = None,
        pair_form: str | None = None,
        pair_rest: float | None = None,
        pairs_per_feature: int | None = None,
        learn_pairs: bool | None = None,
        mix: tuple[str, ...] | None = None,
        mix_weights: str | None = None,
        learn_mix: bool | None = None,
        plugin_parameters: tuple[str, ...] | None = None,
        scaling: str | None = None,
        bias: bool = True,
        idf: bool | None = None,
        min_count: int | None = None,
        valid_fraction: float | None = None,
        seed: int = 0,
        threads: int | None = None,
    ) -> None:
        self.affinity = affinity
        self.loss = loss
        self.dim = dim
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.margin = margin
        self.norm_cap = norm_cap
        self.max_trials = max_trials
        self.block_size = block_size
        self.initial_scale = initial_scale
        self.positive_power = positive_power
        self.steps = steps
        self.rank_weights = rank_weights
        self.rank_estimate = rank_estimate
        self.negatives = negatives
        self.patience = patience
        self.metric = metric
        self.start = start
        self.k = k
        self.lambda_ = lambda_
        self.space = space
        self.power = power
        self.floor = floor
        self.scope = scope
        self.gain = gain
        self.unit = unit
        self.alpha = alpha
        self.beta = beta
        self.top = top
        self.sigma = sigma
        self.activation = activation
        self.factors = factors
        self.low_rank_dim = low_rank_dim
        self.pairs = pairs
        self.pair_form = pair_form
        self.pair_rest = pair_rest
        self.pairs_per_feature = pairs_per_feature
        self.learn_pairs = learn_pairs
        self.mix = mix
        self.mix_weights = mix_weights
        self.learn_mix = learn_mix
        self.plugin_parameters = plugin_parameters
        self.scaling = scaling
        self.bias = bias
        self.idf = idf
        self.min_count = min_count
        self.valid_fraction = valid_fraction
        self.seed = seed
        self.threads = threads

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> AffinityWeightedEmbedding:
        """Learn from features X (n, p) and classes (n,) or an indicator matrix (n, labels); return self.

        sample_weight  (n,) what the loss of each example is multiplied by, as `prepare --weight` has it: 2 counts as
                       much as 1 twice as often, their mean does not matter, and an example of 0 is left out

        Raises ValueError for input or settings that cannot be, naming what was expected and found.
        """
        names = _columns_of(y)
        rows: Any = validate_data(self, X, accept_sparse="csr", dtype=np.float64)
        labels, self.classes_, self._indicators = _labels(y, names)
        check_consistent_length(rows, labels)
        weight = None
        if sample_weight is not None:
            weight = _weights(sample_weight, rows)
            kept = np.flatnonzero(weight)
            rows, labels, weight = rows[kept], labels[kept], weight[kept]
        _as_value_error(lambda: self._learn(rows, as_lists(labels), weight))
        return self

    def _learn(self, X: Any, positives: Lists, weight: NDArray[np.float32] | None) -> None:
        prepared = self._settings(PrepareSettings, _OF_FEATURES)
        if prepared.valid_fraction is None and X.shape[0] < _ENOUGH:
            prepared = dataclasses.replace(prepared, valid_fraction=0.0)
        multiplied = self._multiplied()
        settings = self._settings(TrainSettings, self._trained())
        if multiplied:
            settings = dataclasses.replace(settings, affinity=CONSTANT, floor=None)
        dataset = make_dataset(
            as_raw(X, getattr(self, "feature_names_in_", None)),
            positives,
            len(self.classes_),
            prepared,
            weight,
        )
        learned = train_in_memory(dataset, settings, threads=self.threads)
        model: Learned | KnnProduct = learned
        if multiplied:
            model = multiply_with_knn(dataset, learned, *multiplied, threads=self.threads)
            self.k_, self.power_ = model.k, model.power
        self._model, self._space = model.only_final(), dataset.data.space
        self._order = dataset.labels.to_numpy()  # label → its class
        self._place = np.argsort(self._order)  # class → its number among the labels
        self.metric_ = learned.result["metric"]
        self.U_, self.V_ = learned.final.U, learned.final.V[self._place]
        self.features_ = _column_numbers(self._space, X.shape[1])
        self.history_ = [
            {
                "stage": one.stage,
                "fit": one.fit,
                **dataclasses.asdict(one.report),
                "validation": one.validation,
            }
            for one in learned.history
        ]
        self.threshold_ = (
            _threshold(dataset, learned, self.metric_, self.threads) if self._indicators else 0.0
        )

    def decision_function(self, X: ArrayLike) -> NDArray[np.float32]:
        """f(x, y) less the threshold: (n, labels), or (n,) for two classes, above 0 for the second of them.

        An example's labels are ranked by it; for an indicator matrix a label is predicted where it is above 0.
        """
        F = self._scores(self._rows(X))
        if self._indicators:
            return F - np.float32(self.threshold_)
        return F[:, 1] - F[:, 0] if len(self.classes_) == 2 else F

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The best class of each example (n,); for an indicator matrix the labels above the threshold (n, labels)."""
        F = self.decision_function(X)
        if self._indicators:
            return (F > 0).astype(np.int64)
        best = (F > 0).astype(np.int64) if F.ndim == 1 else F.argmax(axis=1)
        return self.classes_[best]

    def rank(self, X: ArrayLike, top_k: int = 10) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """The best labels of each example, best first, and their scores f(x, y): both (n, k), k at most the labels."""
        x = self._rows(X)
        labels, scores = _rank(self._ranker(), x, top_k, self.threads)
        return self.classes_[self._order][labels], scores

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """How well X is ranked: the accuracy of `predict` for classes (n,); `metric_` for an indicator matrix.

        sample_weight  (n,) of examples, for classes alone

        Examples without a label do not count in a metric.
        """
        check_is_fitted(self)
        if not self._indicators:
            return float(super().score(X, y, sample_weight))
        if sample_weight is not None:
            raise ValueError("sample_weight: expected None for an indicator matrix, found weights")
        x = self._rows(X)
        Y = check_array(y, accept_sparse="csr", ensure_min_features=0)
        if Y.shape != (n_rows(x), len(self.classes_)):
            raise ValueError(
                f"y: expected an indicator matrix ({n_rows(x)}, {len(self.classes_)}), found {Y.shape}"
            )
        positives = as_lists(scipy.sparse.csr_matrix(Y)[:, self._order])
        examples = sample(lambda: [_examples(x, positives)], seed=0, most=n_rows(x))
        return Validator(examples, self.metric_, self.threads)(self._ranker())

    def _rows(self, X: ArrayLike) -> Rows:
        """X as the features that were learned."""
        check_is_fitted(self)
        rows: Any = validate_data(self, X, accept_sparse="csr", dtype=np.float64, reset=False)
        if scipy.sparse.issparse(rows) and self._space.dense:
            rows = rows.toarray()
        elif not scipy.sparse.issparse(rows) and not self._space.dense:
            rows = scipy.sparse.csr_matrix(rows)
        return _as_value_error(lambda: self._space.apply(as_raw(rows))[0])

    def _scores(self, x: Rows) -> NDArray[np.float32]:
        """f of every class (n, classes)."""
        ranker = self._ranker()
        step = rows_at_once(ranker)
        blocks = [
            ranker.scores(slice_rows(x, start, start + step)).score for start in range(0, n_rows(x), step)
        ]
        return np.concatenate(blocks)[:, self._place]

    def _ranker(self) -> Ranker:
        return self._model.ranker()

    def _multiplied(self) -> tuple[BuildKnnSettings, RetrainSettings] | None:
        """How G is built and multiplied, where the affinity is knn. Raises SettingsError for what plays no part."""
        if self.affinity == KNN:
            return (
                self._settings(BuildKnnSettings, ("k", "lambda_", "space")),
                self._settings(RetrainSettings, ("power",) if self.floor is None else ("power", "floor")),
            )
        for name in ("k", "lambda_", "space", "power"):
            if getattr(self, name) is not None:
                raise SettingsError(
                    f"{name}: it is for affinity='knn', found it beside affinity={self.affinity!r}",
                    hint="leave out one of them",
                )
        return None

    def _settings(self, cls: type[Result], names: tuple[str, ...]) -> Result:
        """The settings of a command from the parameters. Raises SettingsError for one outside its range."""
        declared = {setting.name: setting for setting in settings_of(cls)}
        given = {name: _plain(getattr(self, name)) for name in names}
        return cls(**{name: read_value(declared[name], value, name) for name, value in given.items()})

    def _trained(self) -> tuple[str, ...]:
        """The parameters that are settings of `awe train`."""
        own = self.get_params(deep=False)
        return tuple(s.name for s in settings_of(TrainSettings) if s.name in own)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_model")  # `lambda_` ends like an attribute that fit makes, and is none

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        return tags


def _as_value_error(work: Callable[[], Result]) -> Result:
    """What `work` returns; what is wrong with data or settings becomes a ValueError, as scikit-learn has it."""
    try:
        return work()
    except (DataError, SettingsError, MissingInputError) as error:
        raise ValueError(f"{error.message}; {error.hint}" if error.hint else error.message) from error


def _plain(value: Any) -> Any:
    """A number of Python's own for one of NumPy, as grids have them."""
    return value.item() if isinstance(value, np.generic) else value


def _columns_of(y: Any) -> list[Any] | None:
    """The names of the columns of a table; None where it is none."""
    columns = getattr(y, "columns", None)
    return None if columns is None else list(columns)


def _labels(y: Any, names: list[Any] | None) -> tuple[Any, NDArray[Any], bool]:
    """The labels as an indicator matrix (n, classes), the classes, and whether y was such a matrix.

    names  of the columns of y
    """
    if y is None:
        raise ValueError("AffinityWeightedEmbedding requires y to be passed, but the target y is None")
    y = check_array(
        y, accept_sparse="csr", ensure_2d=False, dtype=None, input_name="y", ensure_min_features=0
    )
    check_classification_targets(y)
    kind = type_of_target(y)
    if kind == "multilabel-indicator":
        return scipy.sparse.csr_matrix(y), np.array(names) if names else np.arange(y.shape[1]), True
    if kind == "multiclass-multioutput":
        raise ValueError(
            "y: expected classes (n,) or an indicator matrix of zeros and ones, found other values in it"
        )
    classes, codes = np.unique(column_or_1d(y, warn=True), return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"y: expected two classes or more, found one class, {classes[:1].tolist()[0]!r}")
    n = len(codes)
    one_hot = scipy.sparse.csr_matrix((np.ones(n), codes, np.arange(n + 1)), (n, len(classes)))
    return one_hot, classes, False


def _weights(sample_weight: ArrayLike, X: Any) -> NDArray[np.float32]:
    """(n,) float32, 0 or more and not all 0. Raises ValueError."""
    weight: NDArray[np.float32] = _check_sample_weight(sample_weight, X, dtype=np.float64).astype(np.float32)
    if (weight < 0).any() or not weight.any():
        worst = weight.min() if len(weight) else 0.0
        raise ValueError(f"sample_weight: expected weights of 0 or more, some above 0, found {worst:g}")
    return weight


def _column_numbers(space: FeatureSpace, columns: int) -> NDArray[np.int64]:
    """(features,) the column of X of each feature; -1 for the constant one."""
    names = space.names.slice(0, space.given)
    numbers = np.arange(columns) if space.dense else names.to_numpy(zero_copy_only=False)
    return np.append(numbers, [-1] * (len(space) - space.given)).astype(np.int64)


def _examples(x: Rows, positives: Lists) -> Examples:
    return Examples(pa.array(np.arange(n_rows(x))), x, positives, None, own=False)


def _rank(
    ranker: Ranker, x: Rows, top_k: int, threads: int | None
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The best labels of all rows of x, best first, and their scores: both (n, k), k at most the labels."""

    def work(rows: Rows) -> Ranked:
        return rank(ranker, rows, None, None, top_k, "estimator")

    step = rows_at_once(ranker)
    blocks = (slice_rows(x, start, start + step) for start in range(0, n_rows(x), step))
    found = list(map_blocks(work, blocks, threads))
    return np.concatenate([one.labels for one in found]), np.concatenate([one.scores for one in found])


def _threshold(
    dataset: MemoryDataset, model: Learned | KnnProduct, metric: str, threads: int | None
) -> float:
    """The score from which labels are predicted: the best micro-F1 on validation, else on the training examples.

    It is asked of the fit that has not seen validation. Halfway between the last score that counts and the next.
    """
    fit = model.fits[0]
    validator = validator_for(dataset, fit, metric, 0, threads)
    examples = validator.examples if validator else sample(lambda: [dataset.training(fit)], 0)
    ranker = model.ranker(fit)
    sizes = np.diff(examples.positives.indptr)
    top_k = max(_MOST_LABELS, 2 * int(sizes.max(initial=0)))
    labels, best_scores = _rank(ranker, examples.x, top_k, threads)
    rows = np.repeat(np.arange(len(examples)), labels.shape[1])
    wanted = scipy.sparse.csr_matrix(
        (np.ones(sizes.sum()), examples.positives.indices, examples.positives.indptr),
        (len(examples), dataset.n_labels),
    )
    hits = np.asarray(wanted[rows, labels.ravel()]).ravel() > 0
    scores = best_scores.ravel()
    order = np.argsort(-scores, kind="stable")
    scores, hits = scores[order], hits[order]
    f1 = 2 * np.cumsum(hits) / (np.arange(1, len(hits) + 1) + sizes.sum())
    last = np.append(scores[:-1] > scores[1:], True)  # equal scores are predicted together
    best = int(np.argmax(np.where(last, f1, -1)))
    after = scores[best + 1] if best + 1 < len(scores) else scores[best] - 1
    return float((scores[best].astype(np.float64) + after) / 2)
