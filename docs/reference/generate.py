"""A hook of mkdocs: the reference of the command, from itself, and that of the package, from its public surface."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, cast

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import shapecheck
from shapecheck.cli import app


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the two pages, which are no files."""
    for name, text in (("command.md", command_page()), ("python.md", python_page())):
        files.append(File.generated(config, f"reference/{name}", content=text))
    return files


def command_page() -> str:
    """The help of each command, as it prints it."""
    os.environ["COLUMNS"] = "100"
    parts = ["# The command", "What `--help` shows."]
    for path, context in _commands(cast("Any", typer.main.get_command(app)), "shapecheck", None):
        parts += [f"## {path}", f"```text\n{context.get_help()}\n```"]
    return "\n\n".join(parts) + "\n"


def python_page() -> str:
    """The public names, with their docstrings."""
    names: list[str] = [name for name in cast("Any", shapecheck).__all__ if not name.startswith("__")]
    return "# Python\n\n" + "\n\n".join(f"::: shapecheck.{name}" for name in names) + "\n"


def _commands(command: Any, path: str, parent: Any) -> Iterator[tuple[str, Any]]:
    context = command.context_class(command, info_name=path.rpartition(" ")[2], parent=parent)
    context.help_option_names = ["-h", "--help"]
    yield path, context
    for name, child in getattr(command, "commands", {}).items():
        yield from _commands(child, f"{path} {name}", context)
