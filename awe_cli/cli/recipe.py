"""`awe recipe`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from awe_cli.cli import console
from awe_cli.cli.options import (
    DEFAULT_WORKSPACE,
    JsonOption,
    QuietOption,
    WorkspaceOption,
    settings_from,
    settings_options,
)
from awe_cli.config.recipe import RecipeSettings
from awe_cli.errors import UsageError

EXAMPLE = """
awe recipe
awe recipe --budget 1h
awe recipe | sh
awe recipe --makefile > recipe.mk
"""


@settings_options(RecipeSettings)
def recipe(
    *,
    makefile: Annotated[bool, typer.Option("--makefile", help="Print targets of a Makefile.")] = False,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    **flags: Any,
) -> None:
    """Print the commands of the best known chain for the dataset.

    Which members, and whether they fit, is decided by the kind and size of what was prepared; validation weighs them.
    Each line is an ordinary command, and the last one makes the model `best`. `awe recipe | sh` runs them; what is up
    to date is not made again. The budget is compared with estimates, not with a clock.
    """
    from awe_cli.steps.recipe import as_makefile, as_script
    from awe_cli.steps.recipe import recipe as step
    from awe_cli.workspace import Workspace

    if makefile and as_json:
        raise UsageError("--makefile and --json both say what to print", hint="leave out one of them")
    settings = settings_from(RecipeSettings, "recipe", workspace, flags).settings
    found = step(Workspace(workspace), settings)
    if as_json:
        console.print_json({**found.document(), "workspace": str(workspace)})
        return
    lines = (
        as_makefile(found, str(workspace)) if makefile else as_script(found, console.with_workspace("awe"))
    )
    for line in lines:
        print(line)
    if sys.stdout.isatty():
        console.next_step(
            "awe recipe" + (f" --budget {settings.budget}" if flags["budget"] else "") + " | sh"
        )
