"""`awe describe`."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from awe_cli.cli import console
from awe_cli.cli.completion import artifact_names
from awe_cli.cli.console import bytes_in_words
from awe_cli.cli.options import DEFAULT_WORKSPACE, JsonOption, QuietOption, WorkspaceOption

if TYPE_CHECKING:
    from awe_cli.report.tables import Table

EXAMPLE = """
awe describe plays.csv.gz
awe describe ratings.dat --separator "::" --columns user,item,rating,time
awe describe dataset
awe describe awe --json
awe describe neighbors/wsabie
"""
_MOST_COLUMNS = 40  # that are shown
_WIDEST = 24  # of an example


def describe(
    name: Annotated[
        str,
        typer.Argument(
            metavar="FILE|NAME",
            autocompletion=artifact_names,
            help="A file or folder of input, - for stdin; or dataset, the name of a model, table or result, or its "
            "kind and name, as models/awe.",
        ),
    ],
    *,
    format: Annotated[
        str | None, typer.Option("--format", help="Format of the file.  [detected in the file]")
    ] = None,
    separator: Annotated[
        str | None, typer.Option("--separator", help="What separates the cells, as for awe prepare.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns", help="Names of the columns, separated by commas, of a file without a header."
        ),
    ] = None,
    encoding: Annotated[str | None, typer.Option("--encoding", help="Encoding of a text file.")] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Describe an input file, or an artifact of the workspace.

    Of a file: its format, its columns with their types, missing and distinct values and examples, and a command that
    prepares it, guessed from these. At most 1,000,000 rows are read. Of a dataset, model, table or result: what it
    holds, what it was made from, and whether that is still there.
    """
    from awe_cli.io.options import ReadOptions, encoding_of, separator_of
    from awe_cli.steps.describe import describe as step
    from awe_cli.steps.describe import problem_of
    from awe_cli.workspace import Workspace

    names = tuple(one.strip() for one in columns.split(",")) if columns else ()
    options = ReadOptions(format, separator_of(separator, "--separator"), names, encoding_of(encoding))
    documents = step(Workspace(workspace), name, options)
    if as_json:
        console.print_json(documents[0] if len(documents) == 1 else documents)
    for number, document in enumerate(documents if not as_json else ()):
        if number:
            console.print_result()
        (_show_file if document["what"] == "file" else _show_artifact)(document)
    if documents[0]["what"] == "file" and not as_json:
        _suggest(documents[-1]["suggestion"])
    for problem in filter(None, map(problem_of, documents)):
        raise problem


def _show_file(document: dict[str, Any]) -> None:
    rows, read = document["rows"], document["rows_read"]
    if rows is None:
        counted = f"{read:,} rows could be read" if document["problem"] else f"the first {read:,} rows"
    else:
        counted = f"{rows:,} rows" + (f", the first {read:,} of them read" if rows > read else "")
    counted += f", {document['rows_skipped']:,} cannot be read" if document["rows_skipped"] else ""
    what = [document["format"], document["packing"], document["encoding"]]
    files = f", {document['files']:,} files" if document["files"] > 1 else ""
    console.print_result(
        f"{document['name']}: {', '.join(filter(None, what))}, {bytes_in_words(document['bytes'])}{files}, {counted}, "
        f"{len(document['columns']):,} columns" + ("" if document["header"] else " without a header")
    )
    shown = document["columns"][:_MOST_COLUMNS]
    cells = [
        (
            " ".join(one["name"].split()),
            one["type"],
            f"{one['missing']:,}",
            "many" if one["distinct"] is None else f"{one['distinct']:,}",
            _range(one),
            ", ".join(_short(example) for example in one["examples"]),
        )
        for one in shown
    ]
    console.table("", ("column", "type", "missing", "distinct", "range", "examples"), cells)
    if len(document["columns"]) > len(shown):
        console.print_result(f"and {len(document['columns']) - len(shown):,} more columns, in --json")


def _suggest(suggestion: dict[str, Any]) -> None:
    """How a file can be prepared."""
    for note in suggestion["notes"]:
        for line in textwrap.wrap(f"note: {note}", console.width(), subsequent_indent="  "):
            console.log(line)
    if suggestion["command"]:
        console.log(f"as {suggestion['task']}, going by names and values:")
        console.next_step(suggestion["command"])


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def _range(one: dict[str, Any]) -> str | None:
    if "mean_words" in one and one["mean_words"] > 1:
        return f"{one['mean_words']:g} words"
    if "mean_length" in one:
        return f"{one['mean_length']:g} entries"
    if "least" not in one:
        return None
    return f"{_number(one['least'])} to {_number(one['greatest'])}"


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _show_artifact(document: dict[str, Any]) -> None:
    made = (document["created"] or "")[:16].replace("T", " ")
    state = document["state"] + (f": {document['reason']}" if document["reason"] else "")
    parents = ", ".join(f"{role} {parent}" for role, parent in document["parents"].items() if parent != role)
    rows = [
        ("digest", document["digest"][:12]),
        ("made", f"{made} UTC, {bytes_in_words(document['size'])}"),
        ("from", ", ".join(filter(None, [parents, "dataset" if "dataset" in document["parents"] else ""]))),
        ("state", state),
        *_facts(document["kind"], document["details"]),
    ]
    console.table("", (document["kind"], document["name"] or ""), [row for row in rows if row[1]])
    for table in _tables(document["kind"], document["details"]):
        console.print_result()
        console.show(table)


def _facts(kind: str, details: dict[str, Any]) -> list[tuple[str, str]]:
    from awe_cli.dataset.diagnostics import hashing_notes

    if kind == "dataset":
        splits = ", ".join(f"{split} {n:,}" for split, n in details["summary"]["splits"].items() if n)
        most = ", ".join(f"{one['label']} ({one['train']:,})" for one in details["most_frequent"])
        return [
            ("task", details["task"]),
            ("labels", f"{details['labels']:,}; most frequent in train: {most}"),
            ("features", f"{details['features']:,}"),
            ("examples", f"{splits}; the first: {', '.join(map(str, details['ids']))}"),
            *(("hashed", note) for note in hashing_notes(details["summary"])),
        ]
    if kind == "model":
        return _model_facts(details)
    if kind in ("neighbors", "affinity"):
        return _built_facts(kind, details)
    if kind == "calibration":
        from awe_cli.report.tables import calibration_line

        return [("map", calibration_line(details["result"]))]
    if kind == "predictions":
        counts = details["counts"]
        search = details["settings"].get("approximate")
        facts = [("rows", f"{counts['rows']:,} for {counts['examples']:,} examples")]
        if search is not None:
            recall = f", recall {counts['recall'] / counts['recalled']:.4f}" if counts["recalled"] else ""
            facts.append(("search", f"{search['method']}, effort {search['effort']:,}{recall}"))
        return facts
    if kind == "index":
        settings = details["settings"]
        return [("index", f"{settings['method']}, of the fit {'-'.join(settings['fit'])}")]
    return []


def _model_facts(details: dict[str, Any]) -> list[tuple[str, str]]:
    from awe_cli.report.tables import chosen_lines, kept_line

    result = details["result"]
    facts = [("type", details["type"]), ("fits", ", ".join("-".join(fit) for fit in details["fits"]))]
    if "affinity" in result:
        parameters = ", ".join(
            f"{k} {v}" for k, v in result["affinity"].items() if k not in ("name", "members")
        )
        facts.append(("affinity", result["affinity"]["name"] + (f" ({parameters})" if parameters else "")))
    if "U" in details:
        facts.append(("shapes", "U {} × {}, V {} × {}".format(*details["U"], *details["V"])))
    if "dtype" in details:
        facts.append(("stored as", details["dtype"]))
    if "kept" in result:
        facts.append(("chosen", kept_line(result)))
    elif "chosen" in result:
        facts += [("chosen", line) for line in chosen_lines(result)]
    elif "choice" in result:
        facts.append(
            ("chosen", ", ".join(f"{k} {v}" for k, v in result["choice"].items()) or "nothing to choose")
        )
    if "models" in result:
        parts = zip(result["models"], result["weights"], strict=True)
        facts.append(("models", ", ".join(f"{weight:.4g} × {part}" for part, weight in parts)))
    return facts


def _built_facts(kind: str, details: dict[str, Any]) -> list[tuple[str, str]]:
    from awe_cli.report.tables import fit_lines, neighbors_line

    if kind == "neighbors":
        return [("neighbours", neighbors_line(details["result"]).removeprefix("chosen: "))]
    return [
        ("affinity", details["settings"]["affinity"]),
        *(("fit", line) for line in fit_lines(details["result"])),
    ]


def _tables(kind: str, details: dict[str, Any]) -> list[Table]:
    from awe_cli.report.tables import comparison, neighbors_table, tried_table

    if kind == "metrics":
        return comparison(details)
    if kind == "predictions":
        from awe_cli.prediction.rows import sample_table

        return [sample_table(details["id_name"], details["sample"])]
    found = neighbors_table(details["result"]) if kind == "neighbors" else None
    if kind == "affinity":
        found = tried_table(details["result"])
    return [found] if found is not None else []
