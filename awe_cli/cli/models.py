"""`awe models`."""

from __future__ import annotations

from awe_cli.cli import console
from awe_cli.cli.console import bytes_in_words
from awe_cli.cli.options import DEFAULT_WORKSPACE, JsonOption, QuietOption, WorkspaceOption

EXAMPLE = """
awe models
awe models --json
"""


def models(
    *,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """List models and aliases.

    Their versions, what they were made from, which splits they were fitted on, how well they rank validation.
    """
    from awe_cli.steps.promote import list_models
    from awe_cli.workspace import Workspace

    listed = list_models(Workspace(workspace))
    if as_json:
        console.print_json(listed)
        return
    columns = ("name", "version", "digest", "alias of", "type", "affinity", "fits", "from", "validation", "size",
               "since (UTC)")  # fmt: skip
    rows = [
        (
            model["name"],
            model["versions"][-1]["version"] if "versions" in model else None,
            model.get("digest", "")[:12],
            model.get("alias_of"),
            model.get("type"),
            model.get("affinity"),
            ", ".join(model.get("fits", ())),
            ", ".join(f"{role} {digest[:8]}" for role, digest in model.get("parents", {}).items()),
            None if model.get("validation") is None else f"{model['validation']:.4f} {model['metric']}",
            bytes_in_words(model.get("size", 0)),
            model.get("created", "")[:16].replace("T", " "),
        )
        for model in listed
    ]
    console.table("", columns, rows)
    for model in listed:
        if "error" in model:
            console.warn(f"{model['name']}: {model['error']}")
