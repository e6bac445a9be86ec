"""What a file or an artifact holds, in words: before and after `prepare`."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from awe_cli.config.prepare import PrepareSettings
from awe_cli.dataset.plan_reading import with_beir_folder
from awe_cli.dataset.suggest import Suggestion, suggest
from awe_cli.errors import DataError, MissingInputError, did_you_mean
from awe_cli.io.delimited import NoHeaderError
from awe_cli.io.options import ReadOptions
from awe_cli.io.profile import NUMBER, TEXT, WHOLE, Column, Profile, profile, with_options
from awe_cli.io.reader import columns_of
from awe_cli.io.remote import is_remote
from awe_cli.io.sources import STDIN, Source, open_sources
from awe_cli.models.load import EMBEDDING, choose_fit
from awe_cli.models.precision import stored_type
from awe_cli.models.store import load_result, load_state, open_dataset
from awe_cli.steps.evaluate import RESULT as METRICS
from awe_cli.steps.predict import SUMMARY as PREDICTIONS
from awe_cli.steps.status import status
from awe_cli.workspace import KINDS, Artifact, Workspace
from awe_cli.workspace.artifact import read_document

FILE, ARTIFACT = "file", "artifact"
_UNIX = 1e8  # the least number that is taken for a time in seconds: 1973
_MOST_RATING = 100


def describe(ws: Workspace, name: str, options: ReadOptions | None = None) -> list[dict[str, Any]]:
    """The documents that --json prints: one of a file, or of each artifact that is called so.

    name     a file or folder, "-" for stdin; or `dataset`, a name, or a kind and a name, as models/awe
    options  how a file is read, where it does not show

    A file comes first where both are there. Of a file at most MOST_ROWS rows are read. `problem` is why it could not
    be read further: a message and a hint.
    Raises MissingInputError where there is neither, DataError for a file of which not even columns can be told.
    """
    path = Path(name)
    pointer = _pointer(ws, path)
    if pointer is None and (
        name == STDIN
        or is_remote(name)
        or os.path.lexists(path)
        or any(p.suffix == ".zip" for p in path.parents)
    ):
        return _files(name, options or ReadOptions())
    found = list(_named(ws, pointer or name))
    if not found:
        raise MissingInputError(
            f"{name}: expected a file, or a name in the workspace {ws.root}, found neither",
            hint=did_you_mean(
                name, [*_known(ws), *_beside(path)], "`awe status` lists what is in the workspace"
            ),
        )
    return [_artifact(ws, *one) for one in found]


# Files.


def _files(name: str, options: ReadOptions) -> list[dict[str, Any]]:
    """The document of a file or a folder of parts; of each file where a folder is in the form of BEIR."""
    settings, _ = with_beir_folder(PrepareSettings(), [name])
    if settings.queries is None:
        return [_file(name, options)]
    named = [settings.queries, settings.documents, settings.relevance]
    found = [_file(str(file), replace(options, relevance=file == settings.relevance)) for file in named]
    notes = (
        "a folder in the form of BEIR: queries, documents and relevance",
        "where the text is English, --stem english takes the forms of a word for one",
    )
    suggestion = Suggestion("retrieval", {}, notes)
    for document in found:
        document["suggestion"] = _suggestion_document(name, suggestion, {})
    return found


def _file(name: str, options: ReadOptions) -> dict[str, Any]:
    with open_sources([name], options=options) as [source]:
        try:
            found = profile(source)
            unnamed = 0 if found.header or options.columns else len(columns_of(source))
        except NoHeaderError as error:
            unnamed = error.columns
        if unnamed:
            columns = tuple(f"column{number}" for number in range(1, unnamed + 1))
            named = with_options(source, replace(options, columns=columns))
            return _file_document(name, named, profile(named), options, named=False)
        return _file_document(name, source, found, options, named=True)


def _file_document(
    name: str, source: Source, found: Profile, options: ReadOptions, *, named: bool
) -> dict[str, Any]:
    columns, reading = list(found.columns), options.as_flags()
    if not named:
        columns = _named_by_content(columns, found.rows)
        reading["--columns"] = ",".join(one.name for one in columns)
    guess = suggest(columns, found.rows, source.format)
    if not found.rows:
        guess = Suggestion(None, {}, ("there are no rows to guess from",))
    problem = found.problem
    return {
        "what": FILE,
        "name": source.name,
        "format": source.format,
        "packing": source.packing,
        "encoding": source.encoding,
        "files": len(source.parts) or 1,
        "bytes": sum(file.path.stat().st_size for file in source.files()),
        "rows": found.total,
        "rows_read": found.rows,
        "rows_skipped": found.skipped,
        "header": named,
        "columns": [_column_document(one) for one in found.columns],
        "suggestion": _suggestion_document(name, guess, reading),
        "problem": None if problem is None else {"message": problem.message, "hint": problem.hint},
    }


def _column_document(one: Column) -> dict[str, Any]:
    ends = {"least": _plain(one.low), "greatest": _plain(one.high)} if one.low is not None else {}
    return {
        "name": one.name,
        "type": one.kind,
        "missing": one.missing,
        "distinct": one.distinct,
        **ends,
        **({"mean_words": round(one.length, 1)} if one.type == TEXT and not one.listed else {}),
        **({"mean_length": round(one.length, 1)} if one.listed else {}),
        **({"joined_by": one.joined} if one.joined else {}),
        "examples": list(one.examples),
    }


def _plain(value: Any) -> Any:
    """A number that JSON can hold, else text."""
    return value if isinstance(value, int | float) and math.isfinite(value) else str(value)


def _suggestion_document(name: str, guess: Suggestion, reading: dict[str, str]) -> dict[str, Any]:
    """What a guess is in a command; `reading`: the options with which the file is read."""
    file = f"./{name}" if name.startswith("-") and name != STDIN else name
    words = ["awe", "prepare", file, *(word for pair in reading.items() for word in pair), *guess.arguments()]
    return {
        "task": guess.kind,
        "command": shlex.join(words) if guess.kind else None,
        "notes": list(guess.notes),
    }


def _named_by_content(columns: list[Column], rows: int) -> list[Column]:
    """Columns of a file without a header, called after what they may be: user, item, rating, time."""
    names: list[str] = []
    for one in columns:
        is_number = one.type in (WHOLE, NUMBER) and one.low is not None
        is_time = is_number and one.low > _UNIX
        is_id = (
            not one.listed and (one.type == WHOLE or (one.type == TEXT and one.length <= 2)) and not is_time
        )
        if is_id and "item" not in names and (one.distinct is None or one.distinct < rows):
            names.append("item" if "user" in names else "user")
        elif is_time and "time" not in names:
            names.append("time")
        elif is_number and one.high <= _MOST_RATING and "rating" not in names:
            names.append("rating")
        else:
            names.append(one.name)
    if "item" not in names:
        return columns
    return [replace(one, name=name) for one, name in zip(columns, names, strict=True)]


# Artifacts.


def _pointer(ws: Workspace, path: Path) -> str | None:
    """The name that a file such as workspace/models/awe.json stands for; None for other files."""
    try:
        inside = path.resolve().relative_to(ws.root.resolve())
    except ValueError:
        return None
    name = inside.as_posix().removesuffix(".json")
    return name if inside.suffix == ".json" and any(_named(ws, name)) else None


def _named(ws: Workspace, name: str) -> Iterator[tuple[str, str | None]]:
    """The kind and name of each artifact that is called so."""
    folder, _, last = name.rpartition("/")
    for kind in KINDS.values():
        if kind.folder is None:
            if name == kind.name and kind.pointer(ws.root, None).exists():
                yield kind.name, None
        elif folder in ("", kind.folder, kind.name) and last in ws.names(kind.name):
            yield kind.name, last


def _known(ws: Workspace) -> list[str]:
    return [name for kind in KINDS.values() if kind.folder is not None for name in ws.names(kind.name)] + [
        "dataset"
    ]


def _beside(path: Path) -> list[str]:
    """The files in the folder where a file was looked for."""
    try:
        return [str(path.with_name(entry)) for entry in os.listdir(path.parent)]
    except (OSError, ValueError):
        return []


def _artifact(ws: Workspace, kind: str, name: str | None) -> dict[str, Any]:
    artifact = ws.find(kind, name)
    entry = next(entry for entry in status(ws) if (entry.kind, entry.name) == (kind, name))
    about = {key: value for key, value in asdict(entry).items() if key not in ("hint", "kind", "name")}
    details = {
        "dataset": _dataset,
        "model": _model,
        "predictions": _predictions,
        "metrics": _metrics,
        "index": _index,
    }
    return {
        "what": ARTIFACT,
        "kind": kind,
        "name": name,
        **about,
        "files": {path.name: path.stat().st_size for path in sorted(artifact.path.iterdir())},
        "details": details.get(kind, _built)(ws, artifact),
    }


def _dataset(ws: Workspace, artifact: Artifact) -> dict[str, Any]:
    dataset = open_dataset(artifact)
    counts = dataset.label_counts(("train",))
    most = np.argsort(-counts, kind="stable")[:5]
    return {
        "task": dataset.task,
        "features": dataset.n_features,
        "labels": dataset.n_labels,
        "most_frequent": [
            {"label": dataset.labels[int(row)].as_py(), "train": int(counts[row])} for row in most
        ],
        "ids": [dataset.example_ids[row].as_py() for row in range(min(3, len(dataset.example_ids)))],
        "summary": dataset.summary,
    }


def _model(ws: Workspace, artifact: Artifact) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": artifact.settings["model_type"],
        "fits": [list(fit) for fit in artifact.settings["fits"]],
        "result": load_result(artifact),
    }
    if found["type"] == EMBEDDING:
        state = load_state(artifact, choose_fit(artifact, None))
        found |= {"U": list(state.U.shape), "V": list(state.V.shape), "dtype": stored_type(artifact.settings)}
    return found


def _built(ws: Workspace, artifact: Artifact) -> dict[str, Any]:
    return {"settings": artifact.settings, "result": load_result(artifact)}


def _predictions(ws: Workspace, artifact: Artifact) -> dict[str, Any]:
    return {"settings": artifact.settings, **read_document(artifact.file(PREDICTIONS))}


def _index(ws: Workspace, artifact: Artifact) -> dict[str, Any]:
    return {"settings": artifact.settings}


def _metrics(ws: Workspace, artifact: Artifact) -> dict[str, Any]:
    return read_document(artifact.file(METRICS))


def problem_of(document: dict[str, Any]) -> DataError | None:
    """The error that stopped the reading of a file; None where there was none."""
    problem = document.get("problem")
    return None if problem is None else DataError(problem["message"], hint=problem["hint"])
