"""Commands with commands of their own: `shapecheck explain styletts2`."""

from __future__ import annotations

import typer


def group() -> typer.Typer:
    """A command whose name alone shows its help, as that of `shapecheck` does: its callback is to call `show_help`."""
    return typer.Typer(invoke_without_command=True, rich_markup_mode=None)


def show_help(context: typer.Context) -> None:
    """The help of a group that was called without one of its commands."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit
