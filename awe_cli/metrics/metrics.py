"""All metrics, each with its definition, and the names users call them by. To add one: write its function and
add it to METRICS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awe_cli.errors import SettingsError, did_you_mean
from awe_cli.matrices.matrix import Bags
from awe_cli.metrics.ranks import Ranks

# A metric: a name, a formula, and whether it uses a top list or the whole ranking.

HIGHER, LOWER = "higher", "lower"


@dataclass(frozen=True)
class Metric:
    """One metric.

    name           as the user writes it, before any "@k"
    values         (ranks, k) → (n,) float64, one number an example, NaN where it has no positives;
                   for a metric of the whole set what these examples add to its total, of any one shape: numbers
                   whose sums are exact, so that it is the same in whatever parts the examples are added up
    cut            whether it looks at the first k labels; otherwise its k is not used
    of_total       for a metric of the whole set, which has no mean and no interval: its value, from the total
    better         HIGHER, LOWER, or None where there is no better direction
    looks_at_top   whether it needs top lists, rather than the ranks of the positives alone
    needs_kinship  whether it needs similarities of labels (`prepare --isa` or `--similarity`)
    needs_probabilities  whether it needs probabilities of the labels in top lists (`calibrate`)
    divides_by_k   whether it divides by k even where there are fewer labels; otherwise a k beyond the number of
                   labels has the value of that number
    """

    name: str
    values: Callable[[Ranks, int], NDArray[np.float64]]
    cut: bool
    of_total: Callable[[NDArray[np.float64]], float] | None = None
    better: str | None = HIGHER
    looks_at_top: bool = False
    needs_kinship: bool = False
    needs_probabilities: bool = False
    divides_by_k: bool = False

    @property
    def per_example(self) -> bool:
        """Whether it is taken on every example, rather than on the whole set at once."""
        return self.of_total is None

    @property
    def chooses(self) -> bool:
        """Whether models can be chosen by it: better the higher, and computed from the ranks of the positives."""
        return self.better == HIGHER and not self.looks_at_top


@dataclass(frozen=True)
class Measure:
    """A metric and its k (None for a metric of the whole ranking)."""

    metric: Metric
    k: int | None

    @property
    def name(self) -> str:
        """The name as the user writes it: "ndcg@20", "map"."""
        return self.metric.name if self.k is None else f"{self.metric.name}@{self.k}"

    def values(self, ranks: Ranks) -> NDArray[np.float64]:
        """(n,) one number an example, NaN where it has no positives; of the whole set what these examples add."""
        values = self.metric.values(ranks, self.k or 0)
        if self.metric.per_example:
            values = np.where(ranks.n_positives > 0, values, np.nan)
        return values

    def mean(self, ranks: Ranks) -> float:
        """The mean over the examples that have positives, NaN where none has; of the whole set its value."""
        values = self.values(ranks)
        if self.metric.of_total is not None:
            return self.metric.of_total(values)
        values = values[~np.isnan(values)]
        return float(values.mean()) if len(values) else float("nan")


# Precision at k.


def precision(ranks: Ranks, k: int) -> NDArray[np.float64]:
    r"""The share of the first k labels that are positives.

    .. math:: P@k(x) = \frac{1}{k} \left|\{y \in Y_x : rank_x(y) \le k\}\right|

    where Y_x are the positives of the example x.

    ranks    of the positives of n examples
    k        1 or more
    returns  (n,) float64 in [0, 1]

    Edge rule: the sum is divided by k even where an example has fewer than k positives or fewer than k
    candidates, so that the best value can be below 1.
    Source: the p@k of "Affinity Weighted Embedding", section 4.
    """
    return ranks.sums((ranks.ranks <= k).astype(np.float64)) / k


PRECISION = Metric("precision", precision, cut=True, divides_by_k=True)


# Recall at k.


def recall(ranks: Ranks, k: int) -> NDArray[np.float64]:
    r"""The share of the positives that are among the first k labels.

    .. math:: R@k(x) = \frac{1}{|Y_x|} \left|\{y \in Y_x : rank_x(y) \le k\}\right|

    where Y_x are the positives of the example x.

    ranks    of the positives of n examples
    k        1 or more
    returns  (n,) float64 in [0, 1]; NaN for an example without positives

    Edge rule: the sum is divided by the number of positives even where that is more than k, so that the best
    value can be below 1.
    Source: the recall@20 of LightGCN (He et al. 2020) and the papers that compare with it: a mean over examples.
    """
    with np.errstate(invalid="ignore"):
        return ranks.sums((ranks.ranks <= k).astype(np.float64)) / ranks.n_positives


RECALL = Metric("recall", recall, cut=True)


# Normalised discounted cumulative gain at k.


def ndcg(ranks: Ranks, k: int) -> NDArray[np.float64]:
    r"""The discounted gain of the first k labels, over that of the best order there could be.

    .. math:: NDCG@k(x) = \frac{\sum_{y \in Y_x, rank_x(y) \le k} (2^{g(x, y)} - 1) / \log_2(rank_x(y) + 1)}
                               {\sum_{r=1}^{\min(k, |Y_x|)} (2^{g_r(x)} - 1) / \log_2(r + 1)}

    where Y_x are the positives of the example x, g(x, y) the grade of a positive and g_r(x) the r-th highest of them.
    Without grades each positive has g = 1, and so gain 1.

    ranks    of the positives of n examples
    k        1 or more
    returns  (n,) float64 in [0, 1]; NaN for an example without positives

    Edge rule: the best order has min(k, |Y_x|) positives in front, so that 1 can be reached.
    Source: Järvelin & Kekäläinen 2002, with the logarithmic discount at every rank, the first one included; the gain
    2^g - 1 of a grade is that of Burges et al. 2005.
    """
    gains = ranks.gains
    found = np.where(ranks.ranks <= k, gains / np.log2(ranks.ranks + 1.0), 0.0)
    best_first = gains
    if ranks.grades is not None:
        owners = np.repeat(np.arange(len(ranks.indptr) - 1), ranks.n_positives)
        best_first = gains[np.lexsort((-gains, owners))]
    place = np.arange(1, len(gains) + 1) - np.repeat(
        ranks.indptr[:-1], ranks.n_positives
    )  # 1 for the highest
    ideal = ranks.sums(np.where(place <= k, best_first / np.log2(place + 1.0), 0.0))
    with np.errstate(invalid="ignore"):
        return ranks.sums(found) / ideal


NDCG = Metric("ndcg", ndcg, cut=True)


# Average precision; its mean over examples is MAP.


def average_precision(ranks: Ranks, k: int = 0) -> NDArray[np.float64]:
    r"""The mean, over the positives, of the precision at the rank of each.

    .. math:: AP(x) = \frac{1}{|Y_x|} \sum_{y \in Y_x}
                       \frac{|\{y' \in Y_x : rank_x(y') \le rank_x(y)\}|}{rank_x(y)}

    where Y_x are the positives of the example x.

    ranks    of the positives of n examples, ascending within each
    k        not used: the whole ranking counts
    returns  (n,) float64 in (0, 1]; NaN for an example without positives

    Source: Manning, Raghavan & Schütze, "Introduction to Information Retrieval", section 8.4. With no
    two labels at the same rank it is scikit-learn's average_precision_score.
    """
    first = np.repeat(ranks.indptr[:-1], ranks.n_positives)
    nth = np.arange(len(ranks.ranks)) - first + 1  # 1 for an example's best positive, 2 for the next …
    with np.errstate(invalid="ignore"):
        return ranks.sums(nth / ranks.ranks) / ranks.n_positives


MAP = Metric("map", average_precision, cut=False)


# Reciprocal rank; its mean over examples is MRR.


def reciprocal_rank(ranks: Ranks, k: int = 0) -> NDArray[np.float64]:
    r"""One over the rank of the best positive.

    .. math:: RR(x) = \frac{1}{\min_{y \in Y_x} rank_x(y)}

    where Y_x are the positives of the example x.

    ranks    of the positives of n examples, ascending within each
    k        not used: the whole ranking counts
    returns  (n,) float64 in (0, 1]; NaN for an example without positives

    Source: Voorhees 1999, the TREC-8 question answering track.
    """
    values = np.full(len(ranks.indptr) - 1, np.nan)
    some = ranks.n_positives > 0
    values[some] = 1 / ranks.ranks[ranks.indptr[:-1][some]]
    return values


MRR = Metric("mrr", reciprocal_rank, cut=False)


# Mean rank.


def mean_rank(ranks: Ranks, k: int = 0) -> NDArray[np.float64]:
    r"""The mean of the ranks of the positives; better the lower.

    .. math:: MR(x) = \frac{1}{|Y_x|} \sum_{y \in Y_x} rank_x(y)

    where Y_x are the positives of the example x.

    ranks    of the positives of n examples
    k        not used: the whole ranking counts
    returns  (n,) float64 of at least 1; NaN for an example without positives

    Edge rule: an example counts once, however many positives it has.
    Source: the mean rank of Weston, Bengio & Usunier 2010, section 3.
    """
    with np.errstate(invalid="ignore"):
        return ranks.sums(ranks.ranks.astype(np.float64)) / ranks.n_positives


MEAN_RANK = Metric("mean-rank", mean_rank, cut=False, better=LOWER)


# Sibling precision at k.


def sibling_precision(ranks: Ranks, k: int) -> NDArray[np.float64]:
    r"""How similar the first k labels are to the positives: the share that are positives or siblings of one.

    .. math:: psib@k(x) = \frac{1}{k} \sum_{y : rank_x(y) \le k} \max_{y' \in Y_x} S_{yy'}

    where Y_x are the positives of the example x. S is 1 for a label and itself; for others the given similarity,
    or where parents were given 1 for labels that share one, isa(y, p) and isa(y', p), else 0.

    ranks    of n examples with their top lists and positives, and S or the parents of the labels
    k        1 or more
    returns  (n,) float64 in [0, 1], nowhere below precision@k

    Edge rule: as for precision the sum is divided by k, however few candidates there are. A label without
    parents is a sibling of itself only.
    Source: WSABIE, section 4, where an example has one label; for several, the best of them counts.
    """
    if ranks.known.similarity is not None:
        return _by_similarity(ranks, ranks.known.similarity, k)
    top, positives = ranks.top[:, :k], ranks.positives
    parents = ranks.known.parents
    assert parents is not None
    n, n_parents = len(top), int(parents.indices.max(initial=-1)) + 1
    owners = np.repeat(np.arange(n), ranks.n_positives)
    row, column = np.nonzero(top >= 0)
    shown = top[row, column].astype(np.int64)
    credited = ranks.hits(k)[row, column]
    # Pairs (example, parent) of the positives, and (position, parent) of the top lists.
    of_positive, families = _parents(parents.indptr, parents.indices, positives)
    of_place, families_shown = _parents(parents.indptr, parents.indices, shown)
    shared = np.isin(row[of_place] * n_parents + families_shown, owners[of_positive] * n_parents + families)
    credited[of_place[shared]] = True
    return np.bincount(row, weights=credited, minlength=n) / k


def _by_similarity(ranks: Ranks, S: Bags, k: int) -> NDArray[np.float64]:
    """Sibling precision by rows of S, one example after the other, without a matrix of examples by labels."""
    best = np.zeros(len(S.indptr) - 1)  # of the example, max S by label
    total = np.zeros(len(ranks.top))
    for e, top in enumerate(ranks.top[:, :k]):
        positives = ranks.positives[ranks.indptr[e] : ranks.indptr[e + 1]]
        for y in positives:
            row = slice(S.indptr[y], S.indptr[y + 1])
            best[S.indices[row]] = np.maximum(best[S.indices[row]], S.values[row])
        best[positives] = 1
        total[e] = best[top[top >= 0]].sum()
        for y in positives:
            best[S.indices[S.indptr[y] : S.indptr[y + 1]]] = 0
        best[positives] = 0
    return total / k


def _parents(
    indptr: NDArray[np.int64], indices: NDArray[np.int32], labels: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each parent of each of `labels`: the position of the label in that array, and the parent."""
    sizes = indptr[labels + 1] - indptr[labels]
    position = np.repeat(np.arange(len(labels)), sizes)
    within = np.arange(len(position)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return position, indices[indptr[labels][position] + within].astype(np.int64)


PSIB = Metric("psib", sibling_precision, cut=True, looks_at_top=True, needs_kinship=True, divides_by_k=True)


# Coverage at k.


def coverage(ranks: Ranks, k: int) -> NDArray[np.float64]:
    r"""The share of all labels that are among the first k of at least one example.

    .. math:: C@k = \frac{1}{|\mathcal{Y}|} \left|\bigcup_x \{y : rank_x(y) \le k\}\right|

    ranks    of n examples with their top lists
    k        1 or more
    returns  (labels,) how many lists of k have each label; C@k is the share of those that some list has, one number
             in [0, 1] for the whole set, so that it has no interval and no strata

    Edge rule: examples without labels count too, since they get a top list like all others; people without held-out
    items are not ranked.
    Source: the "aggregate diversity" of Adomavicius & Kwon 2012, as a share of the labels.
    """
    return ranks.listed(k)


def _share_listed(listed: NDArray[np.float64]) -> float:
    return float(np.mean(listed > 0)) if len(listed) else 0.0


COVERAGE = Metric("coverage", coverage, cut=True, of_total=_share_listed, looks_at_top=True)


# Gini index at k: how unequally the places of the top lists fall on the labels.


def gini(ranks: Ranks, k: int) -> NDArray[np.float64]:
    r"""How far the top lists are from having every label as often as any other; better the lower.

    .. math:: Gini@k = \frac{\sum_{i=1}^{n} (2i - n - 1) \, c_{(i)}}{n \sum_{i=1}^{n} c_{(i)}}

    where n is the number of labels and c_(i) the i-th smallest number of top lists of k that have a label.

    ranks    of n examples with their top lists
    k        1 or more
    returns  (labels,) how many lists of k have each label; Gini@k is one number for the whole set: 0 where all are
             listed equally often, 1 - 1/n where one label has all places; 0 where nothing is listed

    Source: Fleder & Hosanagar 2009, "Blockbuster culture's next rise or fall", over all labels, listed or not.
    """
    return ranks.listed(k)


def _inequality(listed: NDArray[np.float64]) -> float:
    c, n, total = np.sort(listed), len(listed), listed.sum()
    return float(((2 * np.arange(1, n + 1) - n - 1) * c).sum() / (n * total)) if total else 0.0


GINI = Metric("gini", gini, cut=True, of_total=_inequality, better=LOWER, looks_at_top=True)


# Popularity at k: how popular the recommended labels are.


def popularity(ranks: Ranks, k: int) -> NDArray[np.float64]:
    r"""How many training examples have a label, averaged over the first k labels; it has no better direction.

    .. math:: Pop@k(x) = \frac{1}{k_x} \sum_{y : rank_x(y) \le k} |\{x' : y \in Y_{x'}\}|

    where k_x is the number of labels shown: k, or fewer where there are fewer candidates.

    ranks    of n examples with their top lists and the counts of the labels
    k        1 or more
    returns  (n,) float64 of at least 0; 0 for an example without candidates

    Source: the average recommendation popularity of Yin et al. 2012, "Challenging the long tail
    recommendation".
    """
    return ranks.top_means(ranks.known.counts.astype(np.float64), k)


POPULARITY = Metric("popularity", popularity, cut=True, better=None, looks_at_top=True)


# Novelty at k: how rare the recommended labels are.


def novelty(ranks: Ranks, k: int) -> NDArray[np.float64]:
    r"""The information, in bits, of meeting a label, averaged over the first k; it has no better direction.

    .. math:: Nov@k(x) = \frac{1}{k_x} \sum_{y : rank_x(y) \le k} -\log_2 \frac{c_y + 1}{\sum_{y'} (c_{y'} + 1)}

    where c_y is the number of training examples that have y, and k_x the number of labels shown: k, or fewer
    where there are fewer candidates.

    ranks    of n examples with their top lists and the counts of the labels
    k        1 or more
    returns  (n,) float64 of at least 0; 0 for an example without candidates

    Source: "free discovery" of Vargas & Castells 2011. Departure: 1 is added to each count, since a label
    that was never seen would have infinite novelty.
    """
    counts = ranks.known.counts + 1.0
    return ranks.top_means(-np.log2(counts / counts.sum()), k)


NOVELTY = Metric("novelty", novelty, cut=True, better=None, looks_at_top=True)


# Brier score at k: how far probabilities are from what was so.


def brier(ranks: Ranks, k: int) -> NDArray[np.float64]:
    r"""The squared error of the probabilities of the first k labels, on average; better the lower.

    .. math:: B@k(x) = \frac{1}{k_x} \sum_{y : rank_x(y) \le k} (p(x, y) - [y \in Y_x])^2

    where p(x, y) is the probability that the model, once calibrated, gives y, and k_x the number of labels shown.

    ranks    of n examples with their top lists and the probabilities of these
    k        1 or more
    returns  (n,) float64 in [0, 1]; 0 for an example without candidates

    Source: Brier 1950, "Verification of forecasts expressed in terms of probability", of the labels that are shown.
    """
    hits, shown = ranks.hits(k), ranks.top[:, :k] >= 0
    errors = np.where(shown, np.square(ranks.probabilities[:, :k] - hits, dtype=np.float64), 0.0)
    return errors.sum(axis=1) / np.maximum(shown.sum(axis=1), 1)


BRIER = Metric("brier", brier, cut=True, better=LOWER, looks_at_top=True, needs_probabilities=True)


# Expected calibration error at k: how far shares are from the probabilities that foretold them.

# Where bins of probabilities begin: ten of equal width, the first of them cut again, since most are small.
BINS = np.array([0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
_UNIT = 2.0**-24  # of probabilities that are added up: whole numbers of it have exact sums, in whatever order


def calibration_error(ranks: Ranks, k: int) -> NDArray[np.float64]:
    r"""By how much probabilities differ from the share of positives among labels that have them; better the lower.

    .. math:: ECE@k = \sum_b \frac{n_b}{n} \left| \bar p_b - \bar y_b \right|

    where b runs over BINS of probability; n_b is how many of the first k labels of all examples have a probability
    in b, p̄_b the mean of these, and ȳ_b the share of positives among them.

    ranks    of n examples with their top lists and the probabilities of these
    k        1 or more
    returns  (bins, 3) of each bin n_b, the sum of the probabilities, and how many are positives; ECE@k is one number
             in [0, 1] for the whole set; 0 where nothing is shown

    Edge rule: examples without positives do not count, since nothing was calibrated on such.
    Source: Naeini, Cooper & Hauskrecht 2015, "Obtaining well calibrated probabilities using Bayesian binning".
    """
    shown = (ranks.top[:, :k] >= 0) & (ranks.n_positives > 0)[:, None]
    p, hits = ranks.probabilities[:, :k][shown].astype(np.float64), ranks.hits(k)[shown]
    bins = np.searchsorted(BINS, p, side="right") - 1
    sums = [np.bincount(bins, of, len(BINS)) for of in (np.ones(len(p)), np.round(p / _UNIT) * _UNIT, hits)]
    return np.stack(sums, axis=1).astype(np.float64)


def _mean_gap(bins: NDArray[np.float64]) -> float:
    n, p, positives = bins.T
    return float(np.abs(p - positives).sum() / n.sum()) if n.sum() else 0.0


ECE = Metric(
    "ece", calibration_error, cut=True, of_total=_mean_gap, better=LOWER, looks_at_top=True,
    needs_probabilities=True,
)  # fmt: skip


# The list of all metrics, and the names users call them by.

METRICS: tuple[Metric, ...] = (
    PRECISION,
    RECALL,
    NDCG,
    MAP,
    MRR,
    MEAN_RANK,
    COVERAGE,
    GINI,
    PSIB,
    POPULARITY,
    NOVELTY,
    BRIER,
    ECE,
)


def measure(name: str) -> Measure:
    """The measure called `name`, such as "ndcg@20" or "map". Raises SettingsError."""
    found = measures([name], ())
    if not found:
        raise SettingsError(f"metric {name!r}: expected a k after it", hint=f"write {name}@10")
    return found[0]


def criterion(name: str) -> Measure:
    """The measure called `name`, if models can be chosen by it on validation. Raises SettingsError."""
    found = measure(name)
    if found.metric.chooses:
        return found
    possible = ", ".join(metric.name for metric in METRICS if metric.chooses)
    raise SettingsError(
        f"metric {name!r}: expected one to choose by ({possible}), found one that is not better the higher "
        "or looks at more than the ranks of the positives",
        hint="choose by ndcg@10 for instance; `awe evaluate --metric` takes all of them",
    )


def measures(names: Iterable[str], at: Sequence[int]) -> list[Measure]:
    """The measures called `names`, each once; one that needs a k and has none is taken at each k of `at`.

    Raises SettingsError for a name or a k that cannot be.
    """
    found: dict[str, Measure] = {}
    for name in names:
        stem, mark, cut = name.strip().lower().partition("@")
        metric = _metric(stem, name)
        if mark and not metric.cut:
            raise SettingsError(
                f"metric {name!r}: {stem} looks at the whole ranking, not at the first k labels",
                hint=f"write {stem}",
            )
        ks: Iterable[int | None] = [_cut(cut, name)] if mark else at if metric.cut else [None]
        for k in ks:
            entry = Measure(metric, k)
            found.setdefault(entry.name, entry)
    return list(found.values())


def _metric(stem: str, name: str) -> Metric:
    known = {metric.name: metric for metric in METRICS}
    if stem in known:
        return known[stem]
    raise SettingsError(
        f"metric {name!r}: expected one of {', '.join(known)}, found {stem!r}",
        hint=did_you_mean(stem, known, "write for instance precision, ndcg@20 or map"),
    )


def _cut(text: str, name: str) -> int:
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise SettingsError(
        f"metric {name!r}: expected a whole number of at least 1 after '@', found {text!r}",
        hint="write for instance ndcg@20",
    )
