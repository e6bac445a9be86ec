"""Parts of a prediction that the workers of a cluster make and publish."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from awe_cli.dataset.dataset import Dataset
from awe_cli.engine import parts
from awe_cli.engine.dask import Dask
from awe_cli.io.arrow_bytes import decoded, encoded
from awe_cli.io.remote import is_remote
from awe_cli.models.load import OpenRanker, load_fit
from awe_cli.models.store import open_dataset
from awe_cli.prediction.approximate import Approximate, open_search
from awe_cli.prediction.label_search import LabelSearch
from awe_cli.prediction.new_documents import open_documents
from awe_cli.prediction.stream import (
    Counts,
    Part,
    PredictRequest,
    Tally,
    examples_in,
    no_rows,
    parts_of,
    ranked_blocks,
)
from awe_cli.ranking.earlier import unscored_labels
from awe_cli.ranking.ranker import Ranker
from awe_cli.workspace import Workspace
from awe_cli.workspace.checkpoints import CheckpointFolder, SavedPiece

_opening = threading.Lock()  # several threads of a worker share one model


class _Opened(NamedTuple):
    dataset: Dataset
    ranker: Ranker
    search: LabelSearch | None


@dataclass(frozen=True)
class RankPart:
    """What a worker does of a part: its rows, by a model that it opens once.

    root      folder of the workspace; dataset, model: digests
    documents the file of other documents to rank, where one is named
    search    how the best labels are searched for, by an index that is there; None: all are scored
    """

    root: Path
    dataset: str
    model: str
    request: PredictRequest
    documents: str | None
    search: Approximate | None

    def __call__(self, part: Part) -> SavedPiece:
        """[labels that the model does not know, the tallies of the part's blocks], and their rows in one table."""
        with _opening:
            dataset, ranker, search = self._opened
        batches = examples_in(dataset, self.request, part)
        blocks = list(ranked_blocks(ranker, dataset, self.request, batches, 1, search, first=part.first))
        tables = [table for table, _ in blocks]
        rows = {"rows": encoded(pa.concat_tables(tables))} if tables else {}
        return [len(unscored_labels(ranker)), [tally for _, tally in blocks]], rows

    @functools.cached_property
    def _opened(self) -> _Opened:
        ws = Workspace(self.root)
        model = ws.get("model", self.model)
        dataset = open_dataset(ws.get("dataset", self.dataset))
        if self.documents is not None:
            dataset = open_documents(ws, model, dataset, self.documents)
        fit_on = self.request.fit_on
        opened = OpenRanker(load_fit(ws, model, dataset, fit_on), fit_on)
        search = None
        if self.search is not None:
            search = open_search(
                ws, model, opened, self.search, self.request.allowed, wait=False, announce=lambda line: None
            )
        return _Opened(dataset, opened.ranker, search)


def rows_by_parts(
    engine: Dask, make: RankPart, dataset: Dataset, counts: Counts, folder: CheckpointFolder
) -> Iterator[pa.Table]:
    """What `stream.top_rows` yields, worked out by a cluster: the same tables, a block of examples each."""
    folder.open_to_others()
    needed = [Path(make.documents)] if make.documents and not is_remote(make.documents) else []
    engine.expect_shared(folder.path, *needed)
    request = make.request
    alike = replace(make, request=replace(request, rows=None, examples=None))  # parts have the examples
    pieces = parts.parts_of(engine, alike, parts_of(dataset, request, counts), folder, "rows")
    for (counts.unscored, tallies), arrays in pieces:
        rows, start = decoded(arrays["rows"]) if tallies else no_rows(dataset, request), 0
        for tally in (Tally(*numbers) for numbers in tallies):
            yield rows.slice(start, tally.rows)
            start += tally.rows
            counts.add(tally)
    if not counts.examples:
        yield no_rows(dataset, request)
