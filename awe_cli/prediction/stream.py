"""The best labels of a stream of examples, as a stream of rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

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
from awe_cli.matrices.matrix import Bags, Lists, Rows, take_rows
from awe_cli.prediction.rows import id_column, prediction_rows, prediction_schema
from awe_cli.ranking.block import Ranked
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
) -> Iterator[pa.Table]:
    """Tables of rows, a block of examples each, in the order of the examples; at least one, maybe empty.

    skip  blocks that are not ranked: `counts` has their examples and rows already

    `counts` grows as they go by. Raises DataError for bad input, and for a score that is not a number.
    """
    batches = examples_of(dataset, request, counts)
    for rows, tally in ranked_blocks(ranker, dataset, request, batches, threads, skip):
        counts.add(tally)
        yield rows
    if not counts.examples:
        yield no_rows(dataset, request)


def no_rows(dataset: Dataset, request: PredictRequest) -> pa.Table:
    """The table of rows where there are no examples."""
    return prediction_schema(_id_name(dataset, request), pa.string(), dataset.labels.type).empty_table()


def _id_name(dataset: Dataset, request: PredictRequest) -> str:
    return request.id_name or id_column(Encoder(dataset).key)


def ranked_blocks(
    ranker: Ranker,
    dataset: Dataset,
    request: PredictRequest,
    batches: Iterable[Examples],
    threads: int | None,
    skip: int = 0,
) -> Iterator[tuple[pa.Table, Tally]]:
    """The rows of each block of the examples, and what it adds to the counts; without the first `skip` blocks.

    Raises DataError for a score that is not a number.
    """
    labels, id_name = dataset.labels, _id_name(dataset, request)
    marked = request.marks_fallback(dataset)
    popular: Ranker | None = PopularityRanker(dataset.label_counts(request.fit_on)) if marked else None
    most = rows_at_once(ranker) if request.allowed is None else block_rows(ranker.n_labels)
    if request.allowed is not None:
        ranker = RestrictedRanker(ranker, request.allowed)
        popular = RestrictedRanker(popular, request.allowed) if popular is not None else None

    def best(ranker: Ranker, x: Rows, seen: Lists | None) -> Ranked:
        if not isinstance(ranker, RestrictedRanker):
            return rank(ranker, x, None, seen, request.listed, request.model)
        among = None if seen is None else ranker.among_allowed(seen)
        found = rank(ranker, x, None, among, request.listed, request.model)
        return found._replace(labels=ranker.original(found.labels))

    def work(block: Examples) -> tuple[pa.Table, Tally]:
        seen = None if request.include_seen or block.seen is None else dataset.among_labels(block.seen)
        ranked = best(ranker, block.x, seen)
        fallback = None
        if popular is not None:
            fallback = is_blank(block)
            for_blank = np.flatnonzero(fallback)
            if len(for_blank):
                others = best(popular, take_rows(block.x, for_blank), None)
                ranked.labels[for_blank], ranked.scores[for_blank] = others.labels, others.scores
                ranked.n_top[for_blank] = others.n_top
        cost = NO_COST
        if request.reranking is not None:
            by_score, ranked = ranked, request.reranking.apply(ranked, request.top_k)
            cost = cost_of(by_score.labels[:, : request.top_k], ranked.labels, block.positives)
        schema = prediction_schema(id_name, block.ids.type, labels.type, fallback=marked)
        rows = prediction_rows(schema, block.ids, labels, ranked.labels, ranked.scores, fallback)
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
        )

    most = min(most, max(1, BLOCK_ROWS // min(request.listed, dataset.n_labels)))
    yield from map_blocks(work, itertools.islice(cut(batches, most), skip, None), threads)


class Cost(NamedTuple):
    """NDCG at top_k summed over examples that have positives, before and after re-ranking."""

    before: float
    after: float
    examples: int


NO_COST = Cost(0.0, 0.0, 0)


def cost_of(before: NDArray[np.int32], after: NDArray[np.int32], positives: Lists) -> Cost:
    """What re-ranking costs the examples of a block that have positives; each positive has gain 1."""
    sizes = np.diff(positives.indptr)
    some = np.flatnonzero(sizes > 0)
    if not len(some):
        return NO_COST
    k = before.shape[1]
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(sizes[some], k)]
    wanted = [positives.indices[slice(*positives.indptr[e : e + 2])] for e in some]
    sums = [
        float(
            sum(
                (discount[: lists.shape[1]] * np.isin(lists[e], labels)).sum() / best
                for e, labels, best in zip(some, wanted, ideal, strict=True)
            )
        )
        for lists in (before, after)
    ]
    return Cost(sums[0], sums[1], len(some))


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


# Where the examples of a part of the stream are: rows of the stored ones, or the examples themselves, to be sent.
Part = tuple[int, int] | Examples


def parts_of(dataset: Dataset, request: PredictRequest, counts: Counts) -> Iterator[Part]:
    """The same examples in parts, each of them one batch, for others to read."""
    if request.is_new or request.rows is not None or request.split == "train":
        for examples in examples_of(dataset, request, counts):
            yield replace(examples, y=None)  # of the labels, which whoever ranks has
        return
    n = dataset.n_stored
    for start in range(0, n, READ_ROWS):
        yield start, min(start + READ_ROWS, n)


def examples_in(dataset: Dataset, request: PredictRequest, part: Part) -> Iterator[Examples]:
    """The examples of a part, in one batch, or none where none of its rows is asked for."""
    return iter([part]) if isinstance(part, Examples) else _prepared(dataset, request, part)


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
    for encoded in found:
        counts.unknown += encoded.unknown
        counts.unweighted |= encoded.unweighted
        yield encoded.examples
    if people is not None:
        others = encoder.people_without_items()
        counts.unknown += others.unknown
        if len(others.examples):
            yield others.examples


def is_blank(block: Examples) -> NDArray[np.bool_]:
    """Of whom nothing is known (n,). With a constant feature no bag is empty."""
    return np.diff(block.x.indptr) == 0 if isinstance(block.x, Bags) else np.zeros(len(block), bool)
