"""A bare program of typer and rich, which `awe --help` is held against."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer()


@app.command()
def greet(name: Annotated[str, typer.Option(help="Whom to greet.")] = "all") -> None:
    """Greet someone."""
    Console().print(f"[bold]Hello[/bold], {name}")


@app.command()
def leave() -> None:
    """Say goodbye."""
    Console().print("Goodbye")


if __name__ == "__main__":
    app()
