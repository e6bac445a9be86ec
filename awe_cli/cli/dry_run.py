"""Running a command dry: what it would do and why, in place of doing it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from awe_cli.cli import console
from awe_cli.cli.console import bytes_in_words

if TYPE_CHECKING:
    from awe_cli.workspace.plan import Plan


def run_dry(command: Callable[[], Any], step: str, as_json: bool) -> Any:
    """Run a command whose workspace is opened with `dry_run`; print the plan that it comes to."""
    from awe_cli.workspace.plan import Planned

    try:
        return command()
    except Planned as planned:
        _show(planned.plan, step, as_json)
        return None


def _show(plan: Plan, step: str, as_json: bool) -> None:
    if as_json:
        console.print_json(
            {
                "dry_run": True,
                "step": step,
                "target": plan.target,
                "would_run": plan.would_run,
                "reasons": list(plan.reasons),
                **({"memory_bytes": plan.needs.memory, "disk_bytes": plan.needs.disk} if plan.needs else {}),
            }
        )
        return
    console.print_result(f"{'would run' if plan.would_run else 'up to date'}: awe {step}, {plan.target}")
    for reason in plan.reasons:
        console.print_result(f"  {reason}")
    if plan.needs and (plan.needs.disk or plan.needs.memory):
        sizes = {"disk": plan.needs.disk, "memory": plan.needs.memory}
        words = " and ".join(f"{bytes_in_words(size)} of {what}" for what, size in sizes.items() if size)
        console.print_result(f"  it takes about {words}")
