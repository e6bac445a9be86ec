"""The best labels of each example, streamed to a file or into the workspace."""

from __future__ import annotations

import hashlib
import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from awe_cli.config.predict import PredictSettings
from awe_cli.dataset.dataset import ANNOTATION, RECOMMENDATION, Dataset
from awe_cli.dataset.encode import Encoded, Encoder, read_people, user_source
from awe_cli.dataset.examples import stack
from awe_cli.dataset.memory import Matrix, encode_matrix
from awe_cli.dataset.new_documents import OtherDocuments
from awe_cli.engine.checkpoints import NO_CHECKPOINTS, Checkpoints
from awe_cli.engine.dask import Dask, code_digest
from awe_cli.engine.engine import open_engine
from awe_cli.errors import MissingInputError, SettingsError, UsageError
from awe_cli.io.arrow_bytes import decoded, encoded
from awe_cli.io.options import ReadOptions
from awe_cli.io.remote import RemoteFile, is_remote
from awe_cli.io.sources import STDIN, find_source
from awe_cli.io.writers import row_writer
from awe_cli.models.calibration import find_calibration, open_calibration
from awe_cli.models.load import OpenRanker, choose_fit, find_model, open_ranker
from awe_cli.models.needs import prediction_needs
from awe_cli.models.products import find_product, open_product
from awe_cli.models.store import open_dataset
from awe_cli.models.versions import require_dataset, require_same_version
from awe_cli.prediction.approximate import Approximate, approximate_of, open_search
from awe_cli.prediction.label_search import LabelSearch
from awe_cli.prediction.narrow import Only, narrow
from awe_cli.prediction.new_documents import open_documents
from awe_cli.prediction.output import output_format, whole_file
from awe_cli.prediction.parts import RankPart, rows_by_parts
from awe_cli.prediction.reranking import reranking_of
from awe_cli.prediction.rows import first_lists
from awe_cli.prediction.stream import Counts, PredictRequest, Tally, top_rows
from awe_cli.ranking.earlier import unscored_labels
from awe_cli.workspace import Artifact, Recipe, Workspace
from awe_cli.workspace.artifact import canonical, read_document
from awe_cli.workspace.checkpoints import (
    DEFAULT_CHECKPOINTS,
    CheckpointFolder,
    CheckpointSettings,
    open_checkpoints,
)
from awe_cli.workspace.room import Needs

VERSION = 1
SUMMARY = "summary.json"
SAMPLE = 5  # examples
ROW_GROUP = 1 << 16  # rows gathered before they are written

_NOT_SHARED_OUT = (
    "ranked in this process: what comes from standard input or goes to standard output is not shared out to the "
    "workers of --scheduler; name files"
)


@dataclass(frozen=True)
class PredictProgress:
    """How far predictions are, for `on_progress`.

    total  examples in all; None for new input, which is not counted before it is read
    """

    examples: int
    rows: int
    total: int | None


OnProgress = Callable[[PredictProgress], None]


@dataclass(frozen=True)
class Predicted:
    """What was predicted.

    id_name   the column of ids
    sample    the first examples: {"id": …, "labels": [best, …]}
    artifact  the stored predictions, where no output was named
    fresh     False where they were up to date
    own       whether the model was fitted on some of these examples, labels and all: neighbours include the
              example itself
    noun      what an example is called
    notes     what a careful colleague would mention of the lists of ids that were named
    search    how an approximate search went about it; None where every label was scored
    """

    counts: Counts
    id_name: str
    sample: list[dict[str, Any]]
    artifact: Artifact | None = None
    fresh: bool = True
    own: bool = False
    notes: tuple[str, ...] = ()
    noun: str = "example"
    search: Approximate | None = None

    @property
    def nouns(self) -> str:
        """The noun in the plural."""
        return "people" if self.noun == "person" else f"{self.noun}s"


@dataclass(frozen=True)
class _Work:
    """What `predict` found in the workspace, and how it goes about it."""

    ws: Workspace
    stored: Artifact
    model: Artifact
    calibration: Artifact | None
    dataset: Dataset
    request: PredictRequest
    format: str
    documents: str | None
    search: Approximate | None
    scheduler: str | None
    threads: int | None
    wait: float
    announce: Callable[[str], None]
    on_progress: OnProgress

    def write(self, stream: IO[bytes], checkpoints: Checkpoints) -> Predicted:
        """Rank, and write the rows in groups of about ROW_GROUP, those first that checkpoints have."""
        counts = Counts(unknown=self.dataset.unknown if isinstance(self.dataset, OtherDocuments) else 0)
        with open_engine(self.scheduler, self.threads) as engine:
            if isinstance(engine, Dask) and isinstance(checkpoints, CheckpointFolder):
                tables = rows_by_parts(engine, self._part(), self.dataset, counts, checkpoints)
                return self._write(stream, _groups(self._heard(tables, counts)), counts)
        opened = open_ranker(self.ws, self.model, self.dataset, _left_out(self.request.split))
        counts.unscored = len(unscored_labels(opened.ranker))
        return self._write(stream, self._kept_groups(opened, counts, checkpoints), counts)

    def _part(self) -> RankPart:
        """What a worker of a cluster does; an index of labels is built here, where there is none."""
        if self.search is not None:
            self._index(
                self.search, open_ranker(self.ws, self.model, self.dataset, _left_out(self.request.split))
            )
        documents = self.documents
        if documents is not None and not is_remote(documents):
            documents = str(Path(documents).resolve())
        root = self.ws.root.resolve()
        return RankPart(root, self.stored.digest, self.model.digest, self.request, documents, self.search)

    def _write(self, stream: IO[bytes], groups: Iterator[pa.Table], counts: Counts) -> Predicted:
        first = next(groups)
        writer = row_writer(self.format, stream, first.schema, tag=self.request.model)
        sample = first_lists(first, SAMPLE)
        try:
            for group in itertools.chain([first], groups):
                writer.write(group)
        except BaseException:
            with suppress(Exception):
                writer.close()  # while the stream is open: left to the collector, it would complain
            raise
        writer.close()
        return Predicted(counts, first.column_names[0], sample)

    def _kept_groups(
        self, opened: OpenRanker, counts: Counts, checkpoints: Checkpoints
    ) -> Iterator[pa.Table]:
        """The groups of all tables, those first that checkpoints have."""
        number = blocks = 0
        while (kept := checkpoints.load(f"rows-{number}")) is not None:
            (blocks, *known), arrays = kept
            for name, value in zip(Tally._fields, known, strict=True):  # of all groups up to this one
                setattr(counts, name, value)
            number += 1
            yield decoded(arrays["rows"])
        if number:
            checkpoints.log(f"resuming from row {counts.rows + 1:,}")

        def counted(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
            nonlocal blocks
            for table in tables:
                blocks += 1
                yield table

        search = None if self.search is None else self._index(self.search, opened)
        tables = top_rows(opened.ranker, self.dataset, self.request, counts, self.threads, blocks, search)
        for group in _groups(counted(self._heard(tables, counts))):
            if group.num_rows >= ROW_GROUP:
                state = [blocks, *(getattr(counts, name) for name in Tally._fields)]
                checkpoints.keep(f"rows-{number}", state, {"rows": encoded(group)})
                number += 1
            yield group

    def _heard(self, tables: Iterator[pa.Table], counts: Counts) -> Iterator[pa.Table]:
        """The tables, with `on_progress` told of each."""
        total = self._n_known()
        for table in tables:
            self.on_progress(PredictProgress(counts.examples, counts.rows, total))
            yield table

    def _index(self, search: Approximate, opened: OpenRanker) -> LabelSearch:
        return open_search(
            self.ws, self.model, opened, search, self.request.allowed, wait=self.wait, announce=self.announce
        )

    def needs(self) -> Needs:
        """What the rows need on disk; new input is not counted before it is read."""
        n = self._n_known()
        if n is None:
            return Needs()
        return prediction_needs(n, min(self.request.top_k, self.dataset.n_labels), self.format)

    def _n_known(self) -> int | None:
        """How many examples are ranked for; None for new input."""
        request = self.request
        if request.is_new:
            return None
        if request.rows is not None:
            return len(request.rows)
        return len(self.dataset.example_ids) if request.split is None else self.dataset.splits[request.split]

    def recipe(self) -> Recipe:
        """All that decides what will be stored. Stdin cannot be known before it is read."""
        request = self.request
        source = request.input
        if source is not None and source != STDIN:
            source = find_source(source, Path(source), options=_reading(self.dataset.settings)).sha256()
        resolved: dict[str, Any] = {
            "top_k": request.top_k,
            "include_seen": request.include_seen,
            "split": request.split,
            "input": source,
            "format": self.format,
        }
        if request.user_file is not None:
            resolved["user_file"] = user_source(self.dataset, request.user_file).sha256()
        resolved |= {
            name: _digest(numbers)
            for name, numbers in (("rows", request.rows), ("allowed", request.allowed))
            if numbers is not None
        }
        if request.marks_fallback(self.dataset):
            resolved["fallback"] = True
        if request.reranking is not None:
            chosen = request.reranking
            resolved["reranking"] = {
                "pool": chosen.pool,
                "diversity": chosen.diversity,
                "vectors": _digest(chosen.vectors.view(np.int32).astype(np.int64)),
                "groups": [_digest(chosen.groups.indptr), _digest(chosen.groups.indices.astype(np.int64))],
                "cap": chosen.cap,
            }
        if self.search is not None:
            resolved["approximate"] = asdict(self.search)
        parents = {"dataset": self.stored.digest, "model": self.model.digest}
        if self.calibration is not None:
            resolved["threshold"] = request.threshold
            parents["calibration"] = self.calibration.digest
        if self.documents is not None:
            options = _reading(self.dataset.settings["label_features"])
            resolved["documents"] = find_source(
                self.documents, Path(self.documents), options=options
            ).sha256()
        return Recipe("predictions", VERSION, resolved, parents)


def predict(
    ws: Workspace,
    model: str,
    input: str | None = None,
    output: Path | RemoteFile | IO[bytes] | None = None,
    settings: PredictSettings | None = None,
    *,
    documents: str | None = None,
    user_file: str | None = None,
    only: Only | None = None,
    threads: int | None = None,
    scheduler: str | None = None,
    wait: float = False,
    announce: Callable[[str], None] = lambda line: None,
    on_progress: OnProgress = lambda progress: None,
    checkpoints: CheckpointSettings = DEFAULT_CHECKPOINTS,
) -> Predicted:
    """Write the best labels of each example: the id, `label`, `rank` from 1, `score`.

    `probability` follows where settings ask for it. New people in recommendation get a last column `fallback`: whether
    nothing is known of them, so that their labels are in the order of popularity among what the model was fitted on;
    the score is then the count, and no probability is known.

    input    a file in the format that was prepared, "-" for stdin; None: the examples of settings.split, or without
             one everybody that was prepared, with all their items as history (annotation: the examples of all splits)
    documents  a file with other documents to rank than those that were prepared (retrieval)
    user_file  a file with the features of new people; those of them who are not in the input have no items
    only     the examples and labels that are wanted
    scheduler  address of a Dask scheduler whose workers rank, in place of threads
    output   a file, which appears complete or not at all, or a stream; None: publish under predictions/
    on_progress  hears how far it is after each block

    Memory does not grow with the number of examples; the result does not depend on `threads`.
    Raises MissingInputError, SettingsError, UsageError for what is named and cannot be, DataError for bad
    input, for a model of another dataset and for scores that are no numbers, WriteError.
    """
    settings = settings or PredictSettings()
    format = output_format(settings.format, output)
    stored = ws.find("dataset")
    found = find_model(ws, model)
    require_dataset(ws, found, stored)
    dataset = open_dataset(stored)
    if documents is not None:
        require_same_version(ws, found, stored)
        dataset = open_documents(ws, found, dataset, documents)
    if user_file is not None:
        user_source(dataset, user_file)  # refused before anything is read
    request = replace(
        _request(found, dataset, model, input or user_file, settings), input=input, user_file=user_file
    )
    calibration = _calibration(ws, found, settings)
    request = replace(request, reranking=reranking_of(ws, found, dataset, stored, settings))
    request, notes = narrow(dataset, _calibrated(request, calibration, settings), only or Only())
    search = approximate_of(ws, found, dataset, settings, request.listed)
    if scheduler is not None and (
        STDIN in (input, documents) or not (output is None or isinstance(output, Path | RemoteFile))
    ):
        scheduler, notes = None, (*notes, _NOT_SHARED_OUT)
    work = _Work(
        ws,
        stored,
        found,
        calibration,
        dataset,
        request,
        format,
        documents,
        search,
        scheduler,
        threads,
        wait,
        announce,
        on_progress,
    )
    own = not request.is_new and request.split in (None, "train") and dataset.task == ANNOTATION
    resolved: dict[str, Any] = {
        "own": own,
        "notes": notes,
        "noun": "person" if dataset.task == RECOMMENDATION else "example",
        "search": search,
    }
    if output is None:
        usual = f"{model}-{request.split or ('input' if request.is_new else 'all')}"
        name = usual if settings.name is None else settings.name
        return replace(_store(work, name, wait, checkpoints), **resolved)
    target = output if isinstance(output, Path | RemoteFile) else None
    ws.would(str(target or "standard output"), "every run writes it anew")
    if isinstance(output, Path) and (output.is_file() or not output.exists()):
        ws.require_room(work.needs(), output.parent)
    elif isinstance(output, RemoteFile):
        ws.require_room(work.needs(), Path(tempfile.gettempdir()))
    with whole_file(output) if isinstance(output, Path | RemoteFile) else nullcontext(output) as stream:
        if request.input == STDIN or target is None:  # what was read or written is gone
            return replace(work.write(stream, NO_CHECKPOINTS), **resolved)
        recipe, path = work.recipe(), str(target.resolve() if isinstance(target, Path) else target)
        recipe = replace(recipe, settings={**recipe.settings, "output": path})
        with open_checkpoints(ws.root, recipe, path, code_digest(), checkpoints) as kept:
            return replace(work.write(stream, kept), **resolved)


@dataclass(frozen=True)
class Recommended:
    """The rows of a prediction in memory, and what went by.

    rows   id, label, rank from 1, score, as `predict` writes them
    notes  what a careful colleague would mention of the lists of ids that were named
    """

    rows: pa.Table
    counts: Counts
    notes: tuple[str, ...]


def recommend(
    ws: Workspace,
    model: str,
    input: pa.Table | Matrix | None = None,
    settings: PredictSettings | None = None,
    *,
    people: pa.Table | None = None,
    only: Only | None = None,
    threads: int | None = None,
    announce: Callable[[str], None] = lambda line: None,
) -> Recommended:
    """What `predict` writes, in memory: the best labels of each example, all at once.

    input  a table with the columns that were prepared, or a matrix (n, p) whose columns are the features of the
           dataset in its order (in recommendation its items), and whose rows are called 0, 1 … in the column `row`.
           None: as `predict`
    people  the features of new people in a table with the columns of the user file that was prepared; those of them
            who are not in the input have no items

    Raises as `predict`.
    """
    settings = settings or PredictSettings()
    stored = ws.find("dataset")
    found = find_model(ws, model)
    require_dataset(ws, found, stored)
    dataset = open_dataset(stored)
    is_new = input is not None or people is not None
    request = _request(found, dataset, model, "the input" if is_new else None, settings)
    request = replace(request, input=None)
    unknown, unweighted = 0, False
    if is_new:
        encoded = _in_memory(dataset, input, people)
        unknown, unweighted = encoded.unknown, encoded.unweighted
        is_table = input is None or isinstance(input, pa.Table)
        request = replace(request, examples=encoded.examples, id_name=None if is_table else "row")
    request = replace(request, reranking=reranking_of(ws, found, dataset, stored, settings))
    request = _calibrated(request, _calibration(ws, found, settings), settings)
    request, notes = narrow(dataset, request, only or Only())
    counts = Counts(unknown=unknown, unweighted=unweighted)
    opened = open_ranker(ws, found, dataset, _left_out(request.split))
    counts.unscored = len(unscored_labels(opened.ranker))
    search = approximate_of(ws, found, dataset, settings, request.listed)
    by_index = (
        None
        if search is None
        else open_search(ws, found, opened, search, request.allowed, wait=False, announce=announce)
    )
    rows = pa.concat_tables(list(top_rows(opened.ranker, dataset, request, counts, threads, search=by_index)))
    return Recommended(rows.combine_chunks(), counts, notes)


def _in_memory(dataset: Dataset, input: pa.Table | Matrix | None, people: pa.Table | None) -> Encoded:
    """New examples that are in memory, as `recommend` takes them."""
    if input is not None and not isinstance(input, pa.Table):
        if people is not None:
            raise UsageError(
                "expected the items of people in a table, which names the people, found a matrix",
                hint="give the items in a table with the columns that were prepared, or leave them out",
            )
        return Encoded(encode_matrix(dataset, input), 0)
    encoder = Encoder(dataset, None if people is None else read_people(dataset, people))
    found = [] if input is None else [encoder.encode(input, "the table")]
    parts = list(encoder.and_the_others(found))
    return Encoded(
        stack([part.examples for part in parts]),
        sum(part.unknown for part in parts),
        any(part.unweighted for part in parts),
    )


def project(
    ws: Workspace, model: str, input: pa.Table | Matrix | None = None, people: pa.Table | None = None
) -> tuple[pa.Array, NDArray[np.float32]]:
    """The ids of examples (n,) and their places in the space of a model's vectors (n, d), by its largest fit.

    That is Ux, and for nmf and ials the w that is found by fold-in.

    input, people  as `recommend` takes them; None: everyone that was prepared, with all that is known of them

    Raises SettingsError for a model without vectors, DataError for one of another version of the dataset.
    """
    stored = ws.find("dataset")
    dataset = open_dataset(stored)
    product = open_product(ws, find_product(ws, model, stored))
    if input is None and people is None:
        return product.everyone()
    examples = _in_memory(dataset, input, people).examples
    return examples.ids, product.place(examples.x)


def _groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Tables of ROW_GROUP rows or a few more, of whole blocks; the last may be shorter, even empty."""
    gathered: list[pa.Table] = []
    n = 0
    for table in tables:
        gathered.append(table)
        n += table.num_rows
        if n >= ROW_GROUP:
            yield pa.concat_tables(gathered).combine_chunks()
            gathered, n = [], 0
    if gathered:
        yield pa.concat_tables(gathered).combine_chunks()


def _request(
    model: Artifact, dataset: Dataset, name: str, input: str | None, settings: PredictSettings
) -> PredictRequest:
    split = settings.split
    if input is None:
        if split is not None and not dataset.splits.get(split):
            there = ", ".join(f"{known} ({n:,})" for known, n in dataset.splits.items() if n) or "none"
            raise MissingInputError(
                f"the dataset has no examples in the split {split!r}; splits with some: {there}",
                hint="name another with --split, or a file with new input",
            )
    elif split is not None:
        raise UsageError(
            f"--split {split} is for prepared examples, and an input is named: {input}",
            hint="leave out one of them",
        )
    fit_on = choose_fit(model, _left_out(split))
    return PredictRequest(name, settings.top_k, settings.include_seen, fit_on, split, input)


def _calibration(ws: Workspace, model: Artifact, settings: PredictSettings) -> Artifact | None:
    """The calibration of the model, where the settings ask for probabilities.

    Raises MissingInputError where there is none, SettingsError where labels that have none are asked for.
    """
    if not settings.probabilities and settings.threshold is None:
        return None
    if settings.include_seen:
        raise SettingsError(
            "--include-seen: expected to stand alone, found it with --probabilities or --threshold: a probability is "
            "that of an item which a person does not have yet",
            hint="leave out one of them",
        )
    return find_calibration(ws, model)


def _calibrated(
    request: PredictRequest, calibration: Artifact | None, settings: PredictSettings
) -> PredictRequest:
    if calibration is None:
        return request
    return replace(request, calibration=open_calibration(calibration), threshold=settings.threshold or 0.0)


def _reading(stored: Mapping[str, Any]) -> ReadOptions:
    """How new files are read: as those that were prepared."""
    return ReadOptions.of_stored(stored.get("reading"))


def _digest(numbers: NDArray[np.int64]) -> str:
    return hashlib.sha256(numbers.astype("<i8").tobytes()).hexdigest()


def _left_out(split: str | None) -> str | None:
    """The split that the fit in use must not have seen: none for train, and where no split is asked for."""
    return None if split == "train" else split


def _store(work: _Work, name: str, wait: float, checkpoints: CheckpointSettings) -> Predicted:
    if work.request.input == STDIN:
        work.ws.would(work.ws.target("predictions", name), "standard input is not known before it is read")
    recipe = work.recipe()
    current = work.ws.current("predictions", name, recipe, work.needs)
    if current is not None and work.request.input != STDIN:
        summary = read_document(current.file(SUMMARY))
        return Predicted(Counts(**summary["counts"]), summary["id_name"], summary["sample"], current, False)
    with (
        work.ws.lock(wait=wait),
        work.ws.stage("predictions", recipe) as staging,
        open_checkpoints(work.ws.root, recipe, name, code_digest(), checkpoints) as kept,
    ):
        with open(staging.file(f"predictions.{work.format}"), "wb") as stream:
            made = work.write(stream, NO_CHECKPOINTS if work.request.input == STDIN else kept)
        summary = {"counts": asdict(made.counts), "id_name": made.id_name, "sample": made.sample}
        staging.file(SUMMARY).write_bytes(canonical(summary))
        return Predicted(made.counts, made.id_name, made.sample, staging.publish(name))
