"""The settings of the log, which every command has: --log-format and --log-file."""

from __future__ import annotations

from dataclasses import dataclass

from awe_cli.config.schema import setting

FORMATS = ("text", "json")


@dataclass(frozen=True)
class LogSettings:
    """In awe.toml the table [log], in the environment AWE_LOG_FORMAT and AWE_LOG_FILE."""

    format: str | None = setting(
        None, help="How the log is written: as text, or a JSON object a line.", choices=FORMATS, auto="text"
    )
    file: str | None = setting(None, help="File that the log is added to.", auto="standard error")
