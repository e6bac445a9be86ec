"""`awe init`."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
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
from awe_cli.config import settings_of
from awe_cli.config.prepare import PrepareSettings

EXAMPLE = """
awe init plays.parquet --user user --item artist --weight plays --holdout 5
awe init songs.csv --features 'mfcc*' --labels tags --folder /srv/tags
awe init plays.parquet --user user --item artist --force
"""


@settings_options(PrepareSettings)
def init(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE...]", help="Files of data, as for `awe prepare`.")
    ] = None,
    *,
    folder: Annotated[
        Path, typer.Option("--folder", help="Folder to write to, in which the commands will run.")
    ] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    **flags: Any,
) -> None:
    """Write what an unattended night needs for the data named.

    awe.toml in the workspace with the settings given; night.sh, which prepares, trains, promotes what is good enough
    and recommends; a Makefile of the same steps; awe.crontab, two lines for cron; awe.service and awe.timer for
    systemd; dvc.yaml. All are short and yours to change. The options are those of `awe prepare`, and the data
    are opened to see that their columns are there. Nothing is run.
    """
    from awe_cli.steps.init import init as step

    resolved = settings_from(PrepareSettings, "init", workspace, flags)
    given = {
        setting.key.replace("_", "-"): getattr(resolved.settings, setting.name)
        for setting in settings_of(PrepareSettings)
        if resolved.given(setting.name) and getattr(resolved.settings, setting.name) is not None
    }
    # What is relative to here is relative to the folder where the commands will run.
    place = workspace if workspace.is_absolute() or not _is_default(workspace) else folder / workspace
    written = step(
        files or [], resolved.settings, given, folder=folder, workspace=place, awe=_this_awe(), force=force
    )
    names = [os.path.relpath(path) for path in written]
    if as_json:
        console.print_json({"written": names})
    else:
        for name in names:
            console.print_result(name)
    console.log("next: ./night.sh in that folder; then awe.crontab for cron, or awe.timer for systemd")


def _is_default(workspace: Path) -> bool:
    return workspace == DEFAULT_WORKSPACE


def _this_awe() -> list[str]:
    """The words that run this very awe, also where cron's PATH does not lead to it."""
    beside = Path(sys.executable).with_name("awe")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("awe")
    return [os.path.abspath(found)] if found else [sys.executable, "-m", "awe_cli"]
