"""`awe export`."""

from __future__ import annotations

from typing import Annotated

import typer

from awe_cli.cli import console
from awe_cli.cli.completion import model_names
from awe_cli.cli.options import (
    DEFAULT_WORKSPACE,
    DryRunOption,
    JsonOption,
    QuietOption,
    WorkspaceOption,
    settings_from,
    settings_options,
)
from awe_cli.config.export import ExportSettings

EXAMPLE = """
awe export --model wsabie --output vectors
awe export --model wsabie --format faiss --output index
awe export --model wsabie --format word2vec --output words
awe export --model wsabie --vectors users --output users.parquet
awe export --model awe --as-candidates --format hnswlib --output candidates
"""


@settings_options(ExportSettings)
def export(
    *,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            help="Folder to write; that of an earlier export is replaced as a whole. Or a file with vectors of one "
            "kind: .parquet, or .txt or .vec for word2vec.",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            autocompletion=model_names,
            help="Model of train or retrain (default: the only one), or svd, lsi, nmf or ials.",
        ),
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    **flags: object,
) -> None:
    """Write the vectors of a model for other libraries and indexes.

    The vectors of labels (V), features (U) and users (Ux) with their names beside them, a model card (README.md), with
    code that ranks, and export.json. What is read back ranks as the model does. Where vectors are compared by cosine or
    distance (word2vec, hnswlib) they get one number more, which keeps that order. A model whose affinity ranks in
    another order than Ux·V_y is refused, or with --as-candidates exported with a warning.
    """
    from awe_cli.io.remote import target_of
    from awe_cli.steps.export import export as step
    from awe_cli.workspace import Workspace

    settings = settings_from(ExportSettings, "export", workspace, flags).settings
    made = step(
        Workspace(workspace, dry_run=dry_run), target_of(output), model, settings, announce=console.log
    )
    document = made.document
    if document["other_order"]:
        console.warn(
            f"these vectors rank in another order than {document['model']} does: {document['other_order']}"
        )
    if document["earlier_version"]:
        console.warn(
            f"{document['model']} was made from an earlier version of the dataset: labels that came since have no "
            "vectors"
        )
    if as_json:
        console.print_json({**document, "folder": str(made.folder)})
    else:
        rows = [
            (
                kind,
                f"{about['rows']:,}",
                document["dim"] + document["one_more"],
                ", ".join(document["files"][kind]),
            )
            for kind, about in document["kinds"].items()
        ]
        console.table("", ("vectors", "rows", "numbers", "files"), rows)
    size = console.bytes_in_words(sum(made.sizes.values()))
    if "README.md" in made.sizes:
        console.log(
            f"wrote {len(made.sizes)} files, {size}: {made.folder} (README.md says how to rank with them)"
        )
    else:
        console.log(f"wrote {size}: {made.folder}")
