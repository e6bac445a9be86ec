"""A command as the parser has it: its help in panels (sections of plain text off a terminal), its run recorded."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

from awe_cli.cli import console, run_record
from awe_cli.cli.dry_run import run_dry

ONCE_BEGUN = "awe.once_begun"  # in `meta`: what to call when the log of the run is open
RUN = "Run"  # the panel of the options that every command has


class PanelCommand(TyperCommand):
    """A command that lists its options in panels: first those without one, last those that every command has."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The arguments and options in the order of their panels."""
        params = super().get_params(ctx)
        panels = list(dict.fromkeys(_panel(param) for param in params if _panel(param) not in (None, RUN)))
        order = {panel: place for place, panel in enumerate([None, *panels, RUN])}
        return sorted(params, key=lambda param: (param.param_type_name != "argument", order[_panel(param)]))

    def invoke(self, ctx: Any) -> Any:
        """Run the command, in the record of its workspace."""
        root = ctx.find_root().params
        log = {
            key: ctx.params.pop(f"log_{key}", None) or root.get(f"log_{key}") for key in ("format", "file")
        }
        if console.is_part():
            return super().invoke(ctx)
        step, is_dry = str(ctx.info_name), bool(ctx.params.get("dry_run"))
        run_record.begin(step, ctx.params["workspace"], log, is_recorded=not is_dry)
        ctx.meta.get(ONCE_BEGUN, lambda: None)()
        if is_dry:
            return run_dry(
                lambda: super(PanelCommand, self).invoke(ctx), step, bool(ctx.params.get("as_json"))
            )
        return super().invoke(ctx)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write a section a panel."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                kind = "Arguments" if param.param_type_name == "argument" else "Options"
                panels.setdefault(_panel(param) or kind, []).append(record)
        for panel, records in panels.items():
            with formatter.section(panel):
                formatter.write_dl(records)


def _panel(param: Any) -> str | None:
    """The panel that an option names; --help is one of those that every command has."""
    return RUN if param.name == "help" else getattr(param, "rich_help_panel", None)
