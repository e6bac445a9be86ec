"""The best labels of a stream of examples, as a stream of rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.baselines.popularity import PopularityRanker
from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.dataset.encode import Encoder, read_encoded, read_people
from awe_cli.dataset.examples import Examples, stack
from awe_cli.dataset.new_documents import OtherDocuments
from awe_cli.dataset.vocabulary import inverse
from awe_cli.engine.local import map_blocks
from awe_cli.evaluation.held_out import READ_ROWS, cut
from awe_cli.matrices.matrix import Bags, Lists, Rows, n_rows, take_lists, take_rows
from awe_cli.metrics.metrics import ndcg
from awe_cli.metrics.ranks import ranks_in_lists
from awe_cli.prediction.label_search import BLOCK, LabelSearch, measured, put, recalls
from awe_cli.prediction.rows import id_column, prediction_rows, prediction_schema
from awe_cli.ranking.block import Ranked
from awe_cli.ranking.calibration import Calibration
from awe_cli.ranking.ranker import Ranker, block_rows
from awe_cli.ranking.rerank import Reranking
from awe_cli.ranking.restricted import RestrictedRanker
from awe_cli.ranking.validation import rank, rows_at_once

BLOCK_ROWS = 1 << 18  # the most rows of output that one block may make
SELECTED_ROWS = 1 << 16  # examples asked for by id that are gathered before they are ranked


@dataclass(frozen=True)
class PredictRequest:
    """Whose best labels are wanted, and how many.

    fit_on   the splits that the fit in use has seen
    split    the examples of a split, ranked as evaluation ranks them; in recommendation `fit_on` is the history
    input    a file in the format that was prepared, "-" for stdin. Without split, input and user_file: everyone that
             was prepared, with all that is known of them
    user_file  a file with the features of new people, who may have no items in the input
    rows     (n,) positions of the only examples that are wanted, in this order; None for all
    allowed  (m,) the only labels that are candidates, ascending; None for all
    examples  new input that is in memory, in place of a file
    id_name  of the column of ids; None: as in the data that was prepared
    reranking  how lists are chosen from longer ones; None: by score alone
    calibration  from scores to probabilities, where these are wanted; threshold: the least that a label must have
    """

    model: str
    top_k: int
    include_seen: bool
    fit_on: tuple[str, ...]
    split: str | None = None
    input: str | None = None
    rows: NDArray[np.int64] | None = None
    allowed: NDArray[np.int64] | None = None
    user_file: str | None = None
    examples: Examples | None = None
    id_name: str | None = None
    reranking: Reranking | None = None
    calibration: Calibration | None = None
    threshold: float = 0.0

    @property
    def listed(self) -> int:
        """How many of the best labels are found, of which top_k are kept."""
        return self.top_k if self.reranking is None else self.reranking.pool

    @property
    def is_new(self) -> bool:
        """Whether the examples are new ones."""
        return any(given is not None for given in (self.input, self.user_file, self.examples))

    def marks_fallback(self, dataset: Dataset) -> bool:
        """Whether there may be people of whom nothing is known, who get the most popular labels."""
        return self.is_new and dataset.task == RECOMMENDATION and not isinstance(dataset, OtherDocuments)


class Tally(NamedTuple):
    """What one block adds to `Counts`."""

    examples: int
    rows: int
    blank: int
    fallback: int
    fewer: int
    nothing: int
    ndcg_by_score: float
    ndcg_reranked: float
    measured: int
    recall: float
    recalled: int
    exact: int
    improbable: int


@dataclass
class Counts:
    """What went by.

    examples, rows
    unknown     entries of the input that the dataset does not know and that were left out
    blank       examples without anything known
    fallback    those of them who got the most popular labels
    fewer       examples that got fewer labels than asked for, because no more candidates are left
    nothing     those of them that got none
    unscored    labels that came after the model was made, which it never recommends
    ndcg_by_score, ndcg_reranked  sums of NDCG at top_k over the examples of a split that have positives
    measured    how many these are, where lists are re-ranked
    recall      the sum over some examples of the share of their exact top_k that an approximate search found
    recalled    how many these are
    exact       examples that were ranked exactly where the search was to be approximate: its candidates ran out, or
                nothing is known of them
    improbable  labels that were left out of the lists for being less probable than asked for
    unweighted  whether the input lacks the column of weights, so that each item counts 1
    """

    examples: int = 0
    rows: int = 0
    unknown: int = 0
    blank: int = 0
    fallback: int = 0
    fewer: int = 0
    nothing: int = 0
    unweighted: bool = False
    unscored: int = 0
    ndcg_by_score: float = 0.0
    ndcg_reranked: float = 0.0
    measured: int = 0
    recall: float = 0.0
    recalled: int = 0
    exact: int = 0
    improbable: int = 0

    def add(self, block: Tally) -> None:
        """Count a block."""
        for name, value in block._asdict().items():
            setattr(self, name, getattr(self, name) + value)


def top_rows(
    ranker: Ranker,
    dataset: Dataset,
    request: PredictRequest,
    counts: Counts,
    threads: int | None,
    skip: int = 0,
    search: LabelSearch | None = None,
) -> Iterator[pa.Table]:
    """Tables of rows, a block of examples each, in the order of the examples; at least one, maybe empty.

    skip    blocks that are not ranked: `counts` has their examples and rows already
    search  finds the best labels, approximately, in place of `ranker`

    `counts` grows as they go by. Raises DataError for bad input, and for a score that is not a number.
    """
    batches = examples_of(dataset, request, counts)
    for rows, tally in ranked_blocks(ranker, dataset, request, batches, threads, search, skip=skip):
        counts.add(tally)
        yield rows
    if not counts.examples:
        yield no_rows(dataset, request)


def no_rows(dataset: Dataset, request: PredictRequest) -> pa.Table:
    """The table of rows where there are no examples."""
    return _schema(dataset, request, pa.string()).empty_table()


def _schema(dataset: Dataset, request: PredictRequest, ids: pa.DataType) -> pa.Schema:
    return prediction_schema(
        request.id_name or id_column(Encoder(dataset).key), ids, dataset.labels.type,
        probability=request.calibration is not None, fallback=request.marks_fallback(dataset),
    )  # fmt: skip


def ranked_blocks(
    ranker: Ranker,
    dataset: Dataset,
    request: PredictRequest,
    batches: Iterable[Examples],
    threads: int | None,
    search: LabelSearch | None,
    *,
    first: int = 0,
    skip: int = 0,
) -> Iterator[tuple[pa.Table, Tally]]:
    """The rows of each block of the examples, and what it adds to the counts.

    search  finds the best labels, approximately, in place of `ranker`
    first   how many examples come before these
    skip    blocks that are left out

    Raises DataError for a score that is not a number.
    """
    labels = dataset.labels
    marked = request.marks_fallback(dataset)
    popular: Ranker | None = PopularityRanker(dataset.label_counts(request.fit_on)) if marked else None
    at_once = rows_at_once(ranker) if request.allowed is None else block_rows(ranker.n_labels)
    most = at_once if search is None else BLOCK
    whole = ranker

    if request.allowed is not None:
        ranker = RestrictedRanker(ranker, request.allowed)
        popular = RestrictedRanker(popular, request.allowed) if popular is not None else None

    def best(ranker: Ranker, x: Rows, seen: Lists | None) -> Ranked:
        if not isinstance(ranker, RestrictedRanker):
            return rank(ranker, x, None, seen, request.listed, request.model)
        among = None if seen is None else ranker.subset.among(seen)
        found = rank(ranker, x, None, among, request.listed, request.model)
        return found._replace(labels=ranker.subset.original(found.labels))

    def probabilities(block: Examples, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        assert request.calibration is not None
        history = None if block.seen is None else dataset.among_labels(block.seen)
        p = request.calibration.of_lists(whole, block.x, history, scores)
        if marked:
            p[is_blank(block)] = np.nan  # their scores are counts
        return p

    def best_of_rows(rows: NDArray[np.int64], x: Rows, seen: Lists | None) -> Iterator[tuple[Any, Ranked]]:
        """Some of the rows ranked exactly, as many at once as an exact block has."""
        for start in range(0, len(rows), at_once):
            some = rows[start : start + at_once]
            yield some, best(ranker, take_rows(x, some), None if seen is None else take_lists(seen, some))

    def find(
        search: LabelSearch, start: int, x: Rows, seen: Lists | None, unknown: NDArray[np.bool_]
    ) -> tuple[Ranked, Recall]:
        """The lists of a search, and how good they are; `unknown` (n,) get the most popular labels, and no list."""
        ranked, short = search.best(x, seen, request.listed, request.model)
        short &= ~unknown
        looked_at = measured(start, n_rows(x))
        looked_at = looked_at[~unknown[looked_at]]
        for rows, exact in best_of_rows(np.flatnonzero(short), x, seen):
            put(ranked, rows, exact)
        shares = [
            recalls(ranked.labels[rows], exact, request.top_k)
            for rows, exact in best_of_rows(looked_at, x, seen)
        ]
        known = np.concatenate([*shares, np.zeros(0)])
        known = known[~np.isnan(known)]
        return ranked, Recall(float(known.sum()), len(known), int(np.count_nonzero(short)))

    def work(placed: tuple[int, Examples]) -> tuple[pa.Table, Tally]:
        start, block = placed
        seen = None if request.include_seen or block.seen is None else dataset.among_labels(block.seen)
        recall = ALL_EXACT
        if search is None:
            ranked = best(ranker, block.x, seen)
        else:
            unknown = is_blank(block) if marked else np.zeros(len(block), bool)
            ranked, recall = find(search, start, block.x, seen, unknown)
        fallback = None
        if popular is not None:
            fallback = is_blank(block)
            for_blank = np.flatnonzero(fallback)
            if len(for_blank):
                others = best(popular, take_rows(block.x, for_blank), None)
                ranked.labels[for_blank], ranked.scores[for_blank] = others.labels, others.scores
                ranked.n_top[for_blank] = others.n_top
        p = None if request.calibration is None else probabilities(block, ranked.scores)
        improbable = 0
        if p is not None and request.threshold:
            ranked, improbable = above(ranked, p, request.threshold)
        cost = NO_COST
        if request.reranking is not None:
            by_score, ranked = ranked, request.reranking.apply(ranked, request.top_k)
            cost = cost_of(by_score.labels[:, : request.top_k], ranked.labels, block)
            p = None if p is None else probabilities(block, ranked.scores)
        schema = _schema(dataset, request, block.ids.type)
        rows = prediction_rows(schema, block.ids, labels, ranked.labels, ranked.scores, p, fallback)
        n_blank = int(np.count_nonzero(is_blank(block)))
        return rows, Tally(
            examples=len(block),
            rows=rows.num_rows,
            blank=n_blank,
            fallback=n_blank if marked else 0,
            fewer=int(np.count_nonzero(ranked.n_top < request.top_k)),
            nothing=int(np.count_nonzero(ranked.n_top == 0)),
            ndcg_by_score=cost.before,
            ndcg_reranked=cost.after,
            measured=cost.examples,
            recall=recall.total,
            recalled=recall.examples,
            exact=recall.exact,
            improbable=improbable,
        )

    most = min(most, max(1, BLOCK_ROWS // min(request.listed, dataset.n_labels)))
    yield from map_blocks(work, itertools.islice(_placed(cut(batches, most), first), skip, None), threads)


def above(ranked: Ranked, p: NDArray[np.float32], threshold: float) -> tuple[Ranked, int]:
    """The lists without labels whose probability (m, k) is below a threshold or not known, and how many these are."""
    # Those that stay are the first ones: p never rises.
    n_top = np.count_nonzero(p >= np.float32(threshold), axis=1).astype(np.int32)
    out = np.arange(p.shape[1]) >= n_top[:, None]
    left = ranked._replace(
        labels=np.where(out, np.int32(-1), ranked.labels),
        scores=np.where(out, np.float32(np.nan), ranked.scores),
        n_top=n_top,
    )
    return left, int((ranked.n_top - n_top).sum())


def _placed(blocks: Iterator[Examples], first: int) -> Iterator[tuple[int, Examples]]:
    """Each block with the number of examples before it, which are `first` before all blocks."""
    for block in blocks:
        yield first, block
        first += len(block)


class Recall(NamedTuple):
    """Shares of exact lists that were found, summed over examples; and how many were ranked exactly anyway."""

    total: float
    examples: int
    exact: int


ALL_EXACT = Recall(0.0, 0, 0)


class Cost(NamedTuple):
    """NDCG at top_k summed over examples that have positives, before and after re-ranking."""

    before: float
    after: float
    examples: int


NO_COST = Cost(0.0, 0.0, 0)


def cost_of(before: NDArray[np.int32], after: NDArray[np.int32], block: Examples) -> Cost:
    """What re-ranking costs the examples of a block, whose lists (m, k) were `before`."""
    some = np.diff(block.positives.indptr) > 0
    judged = [ranks_in_lists(top, block.positives, block.grades) for top in (before, after)]
    totals = [float(ndcg(ranks, before.shape[1])[some].sum()) for ranks in judged]
    return Cost(totals[0], totals[1], int(np.count_nonzero(some)))


def example_ids(dataset: Dataset, request: PredictRequest) -> pa.Array:
    """The ids of the prepared examples that are asked for (n,), in the order of the stream."""
    if request.split is None:
        return dataset.example_ids
    ids = [examples.ids for examples in _prepared(dataset, request)]
    return pa.concat_arrays(ids) if ids else dataset.example_ids.slice(0, 0)


def examples_of(dataset: Dataset, request: PredictRequest, counts: Counts) -> Iterator[Examples]:
    """The examples that are asked for, in batches; `counts` hears what the dataset does not know."""
    if request.examples is not None:
        yield request.examples
    elif request.is_new:
        yield from _new(dataset, request, counts)
    elif request.rows is not None:
        yield from _selected(lambda: _prepared(dataset, request), request.rows)
    else:
        yield from _prepared(dataset, request)


class Part(NamedTuple):
    """A part of the stream.

    first   how many examples come before it
    source  where its examples are: among these rows of the stored ones; or the examples themselves, to be sent
    """

    first: int
    source: tuple[int, int] | Examples


def parts_of(dataset: Dataset, request: PredictRequest, counts: Counts) -> Iterator[Part]:
    """The same examples in parts, each of them one batch, for others to read."""
    first = 0
    if request.is_new or request.rows is not None or request.split == "train":
        for examples in examples_of(dataset, request, counts):
            yield Part(first, replace(examples, y=None))  # of the labels, which whoever ranks has
            first += len(examples)
        return
    n = dataset.n_stored
    for start in range(0, n, READ_ROWS):
        rows = start, min(start + READ_ROWS, n)
        yield Part(first, rows)
        # How many of these rows are of a split is seen by reading them; without one, all are asked for.
        asked = [rows[1] - start] if request.split is None else map(len, _prepared(dataset, request, rows))
        first += sum(asked)


def examples_in(dataset: Dataset, request: PredictRequest, part: Part) -> Iterator[Examples]:
    """The examples of a part, in one batch, or none where none of its rows is asked for."""
    if isinstance(part.source, Examples):
        return iter([part.source])
    return _prepared(dataset, request, part.source)


def _prepared(
    dataset: Dataset, request: PredictRequest, within: tuple[int, int] | None = None
) -> Iterator[Examples]:
    """Everyone, or the examples of a split; of train, everyone with a history. within: only of these stored rows."""
    if request.split is None:
        yield from dataset.everyone_batches(READ_ROWS, within)
    elif request.split != "train":
        yield from dataset.held_out_batches(request.split, request.fit_on, READ_ROWS, within)
    else:
        known = dataset.training(request.fit_on if dataset.task == RECOMMENDATION else ("train",))
        if dataset.task == RECOMMENDATION:
            known = Examples(known.ids, known.x, known.positives, seen=known.positives, own=False)
        yield from cut([known], READ_ROWS)


def _selected(batches: Callable[[], Iterator[Examples]], rows: NDArray[np.int64]) -> Iterator[Examples]:
    """The examples at these positions of the stream, in that order: SELECTED_ROWS at a time, each in one pass."""
    for start in range(0, len(rows), SELECTED_ROWS):
        wanted = rows[start : start + SELECTED_ROWS]
        order = np.argsort(wanted, kind="stable")
        ascending, first, parts = wanted[order], 0, []
        for examples in batches():
            low, high = np.searchsorted(ascending, [first, first + len(examples)])
            if high > low:
                parts.append(examples.take(ascending[low:high] - first))
            first += len(examples)
            if first > ascending[-1]:
                break
        yield stack(parts).take(inverse(order))


def _new(dataset: Dataset, request: PredictRequest, counts: Counts) -> Iterator[Examples]:
    people = None if request.user_file is None else read_people(dataset, request.user_file)
    encoder = Encoder(dataset, people)
    found = () if request.input is None else read_encoded(encoder, request.input, size=READ_ROWS)
    for encoded in encoder.and_the_others(found):
        counts.unknown += encoded.unknown
        counts.unweighted |= encoded.unweighted
        if len(encoded.examples):
            yield encoded.examples


def is_blank(block: Examples) -> NDArray[np.bool_]:
    """Of whom nothing is known (n,). With a constant feature no bag is empty."""
    return np.diff(block.x.indptr) == 0 if isinstance(block.x, Bags) else np.zeros(len(block), bool)
