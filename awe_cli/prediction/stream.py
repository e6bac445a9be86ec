"""The best labels of a stream of examples, as a stream of rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.dataset.encode import Encoder, read_encoded
from awe_cli.dataset.examples import Examples
from awe_cli.engine.local import map_blocks
from awe_cli.evaluation.held_out import READ_ROWS, cut
from awe_cli.matrices.matrix import Bags
from awe_cli.prediction.rows import id_column, prediction_rows, prediction_schema
from awe_cli.ranking.ranker import Ranker
from awe_cli.ranking.validation import rank, rows_at_once

BLOCK_ROWS = 1 << 18  # the most rows of output that one block may make


@dataclass(frozen=True)
class PredictRequest:
    """Whose best labels are wanted, and how many.

    input   a file in the format that was prepared, "-" for stdin; None: the prepared examples of `split`
    fit_on  the splits that the model has seen; in recommendation they are the history of prepared people
    """

    model: str
    top_k: int
    include_seen: bool
    fit_on: tuple[str, ...]
    split: str | None = None
    input: str | None = None


@dataclass
class Counts:
    """What went by: examples and rows; entries of the input that the dataset does not know and that were left
    out; examples without anything known, which are ranked alike."""

    examples: int = 0
    rows: int = 0
    unknown: int = 0
    blank: int = 0


def top_rows(
    ranker: Ranker, dataset: Dataset, request: PredictRequest, counts: Counts, threads: int | None
) -> Iterator[pa.Table]:
    """Tables of rows, a block of examples each, in the order of the examples; at least one, maybe empty.

    `counts` grows as they go by. Raises DataError for bad input, and for a score that is not a number.
    """
    labels = dataset.labels
    id_name = id_column(Encoder(dataset).key)

    def work(block: Examples) -> tuple[Examples, pa.Table]:
        seen = None if request.include_seen or block.seen is None else dataset.among_labels(block.seen)
        ranked = rank(ranker, block.x, None, seen, request.top_k, request.model)
        schema = prediction_schema(id_name, block.ids.type, labels.type)
        return block, prediction_rows(schema, block.ids, labels, ranked.labels, ranked.scores)

    batches = _new(dataset, request.input, counts) if request.input else _prepared(dataset, request)
    most = min(rows_at_once(ranker), max(1, BLOCK_ROWS // min(request.top_k, dataset.n_labels)))
    for block, rows in map_blocks(work, cut(batches, most), threads):
        counts.examples += len(block)
        counts.rows += rows.num_rows
        counts.blank += _blank(block)
        yield rows
    if not counts.examples:
        yield prediction_schema(id_name, pa.string(), labels.type).empty_table()


def _prepared(dataset: Dataset, request: PredictRequest) -> Iterator[Examples]:
    """The examples of a split; of train, everyone with a history."""
    assert request.split is not None
    if request.split != "train":
        yield from dataset.held_out_batches(request.split, request.fit_on, READ_ROWS)
    elif dataset.task == RECOMMENDATION:
        people = dataset.training(request.fit_on)
        yield Examples(people.ids, people.x, people.positives, seen=people.positives, own=False)
    else:
        yield dataset.training(("train",))


def _new(dataset: Dataset, path: str, counts: Counts) -> Iterator[Examples]:
    for encoded in read_encoded(Encoder(dataset), path, size=READ_ROWS):
        counts.unknown += encoded.unknown
        yield encoded.examples


def _blank(block: Examples) -> int:
    """How many people have no known item. With a constant feature no bag is empty."""
    return int(np.count_nonzero(np.diff(block.x.indptr) == 0)) if isinstance(block.x, Bags) else 0
