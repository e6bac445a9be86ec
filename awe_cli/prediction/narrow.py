"""Some of the prepared examples, by id, and some of the labels, by lists of what is allowed and what is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from awe_cli.dataset.dataset import RECOMMENDATION, Dataset
from awe_cli.dataset.encode import Encoder
from awe_cli.dataset.vocabulary import look_up
from awe_cli.errors import DataError, MissingInputError, UsageError, did_you_mean
from awe_cli.prediction.id_lists import known_ids, read_id_list
from awe_cli.prediction.stream import PredictRequest, example_ids


@dataclass(frozen=True)
class Only:
    """What alone is wanted.

    ids          ids of prepared examples
    ids_file     a file of such ids
    allow, deny  files of labels: the only candidates, and those that are none
    allowed, denied  the same as lists in memory
    """

    ids: Sequence[str] = ()
    ids_file: str | None = None
    allow: str | None = None
    deny: str | None = None
    allowed: Sequence[str] | None = None
    denied: Sequence[str] | None = None


def narrow(dataset: Dataset, request: PredictRequest, only: Only) -> tuple[PredictRequest, tuple[str, ...]]:
    """The question with the rows and labels that `only` names, and warnings of what it names and is not there.

    Ids are ranked in the order in which they are named, each once: those of `ids` first. An id of `ids` that is not
    there raises MissingInputError; ids of a file that are not there are counted, unless none of them is.
    Raises UsageError where ids are named beside an input, DataError where no example or no label is left.
    """
    notes: list[str] = []
    if only.ids or only.ids_file is not None:
        request = replace(request, rows=_rows(dataset, request, only, notes))
    if any(labels is not None for labels in (only.allow, only.deny, only.allowed, only.denied)):
        request = replace(request, allowed=_allowed(dataset, only, notes))
    return request, tuple(notes)


def _rows(dataset: Dataset, request: PredictRequest, only: Only, notes: list[str]) -> np.ndarray:
    if request.is_new:
        raise UsageError(
            "--id and --ids are for prepared examples, and an input is named: "
            f"{request.user_file if request.input is None else request.input}",
            hint="leave out one of them; to rank some of the input, give only its rows",
        )
    known = example_ids(dataset, request)
    noun = "person" if dataset.task == RECOMMENDATION else "example"
    where = "the dataset" if request.split is None else f"the split {request.split}"
    wanted = list(dict.fromkeys(only.ids))
    rows = look_up(pa.array(wanted, pa.string()), known, "--id", untyped=True).astype(np.int64)
    if (rows < 0).any():
        name = wanted[int(np.argmax(rows < 0))]
        raise MissingInputError(
            f"--id: {where} has no {noun} {name!r} among its {len(known):,}",
            hint=did_you_mean(
                name,
                map(str, known.to_pylist()),
                "ids are written as in the data prepared; give people who are new as a file with their items",
            ),
        )
    if only.ids_file is not None:
        key = Encoder(dataset).key
        names = list(dict.fromkeys(name for name in (key, "id", "user", "query") if name))
        found = read_id_list(only.ids_file, "--ids", known, names)
        if not len(found.rows) and not len(rows):
            raise DataError(
                f"--ids {only.ids_file}: expected ids of {where}, found "
                + (f"none among {found.shown()}" if found.unknown else "no id at all"),
                hint=f"write one id a line, or name the column {names[0]!r}",
            )
        if found.unknown:
            notes.append(f"--ids {only.ids_file}: not in {where}, and left out: {found.shown()}")
        rows = np.concatenate([rows, found.rows])
    return rows[np.sort(np.unique(rows, return_index=True)[1])]


def _allowed(dataset: Dataset, only: Only, notes: list[str]) -> np.ndarray:
    names = list(
        dict.fromkeys(name for name in (dataset.settings["columns"].get("item"), "item", "label") if name)
    )
    keep = np.ones(dataset.n_labels, bool)
    for option, path, given in (
        ("--allow", only.allow, only.allowed), ("--deny", only.deny, only.denied),
    ):  # fmt: skip
        if path is None and given is None:
            continue
        where = option if path is None else f"{option} {path}"
        found = (
            known_ids(pa.array(given, pa.string()), dataset.labels, where, untyped=True)
            if path is None
            else read_id_list(path, option, dataset.labels, names)
        )
        if found.unknown:
            notes.append(f"{where}: labels that the dataset does not have: {found.shown()}")
        if option == "--deny":
            keep[found.rows] = False
            continue
        if not len(found.rows):
            raise DataError(
                f"{where}: expected labels of the dataset, found "
                + (f"none among {found.shown()}" if found.unknown else "no label at all"),
                hint=f"write one label a line, or name the column {names[0]!r}",
            )
        keep[:] = False
        keep[found.rows] = True
    if not keep.any():
        raise DataError(
            f"--deny{'' if only.deny is None else ' ' + only.deny}: leaves no label to rank",
            hint="take labels out of it, or allow more",
        )
    return np.flatnonzero(keep)
