"""`awe calibrate`."""

from __future__ import annotations

from typing import Annotated

import typer

from awe_cli.cli import console
from awe_cli.cli.options import (
    DEFAULT_WORKSPACE,
    DryRunOption,
    JsonOption,
    QuietOption,
    ThreadsOption,
    WaitOption,
    WorkspaceOption,
    settings_from,
    settings_options,
)
from awe_cli.cli.progress import announce_compiling
from awe_cli.config.evaluate import CalibrateSettings

EXAMPLE = """
awe calibrate --model awe
awe predict --model awe --threshold 0.5 --output tags.csv
awe calibrate --model popularity --method platt
"""


@settings_options(CalibrateSettings)
def calibrate(
    *,
    model: Annotated[str, typer.Option("--model", "-m", help="Model whose scores are calibrated.")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    threads: ThreadsOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    wait: WaitOption = 0,
    quiet: QuietOption = False,
    **flags: object,
) -> None:
    """Learn which probability a score of a model stands for.

    From validation, ranked by a fit that has not seen it: a map that never falls, so that no order changes. `awe
    predict --probabilities` writes what it says of each score, `awe evaluate --metric ece,brier` measures how far off
    that is. In annotation it is the probability that a label is one of the example's; in recommendation that an item
    is among those that were held out from a person, which are a few of all that they may come to choose.
    """
    from awe_cli.models.store import load_result
    from awe_cli.report.tables import calibration_line
    from awe_cli.steps.calibrate import calibrate as step
    from awe_cli.workspace import Workspace

    announce_compiling()
    settings = settings_from(CalibrateSettings, "calibrate", workspace, flags).settings
    made, fresh = step(
        Workspace(workspace, dry_run=dry_run),
        model,
        settings,
        threads=threads,
        wait=wait,
        announce=console.log,
    )
    result = load_result(made)
    console.log(calibration_line(result))
    console.stored(f"calibrations/{made.name}.json", made.digest, fresh)
    if as_json:
        console.print_json({"calibration": made.name, "digest": made.digest, "made": fresh, **result})
    console.next_step(f"awe predict --model {model} --probabilities --output predictions.parquet")
