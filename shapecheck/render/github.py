"""Notices as the workflow commands of GitHub Actions, which become annotations of a pull request.

https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from collections.abc import Sequence

from shapecheck.render.notices import Level, Notice, counted

_COMMANDS = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}


def workflow_commands(found: Sequence[Notice]) -> str:
    """One command for each error and warning; all notes in one, for GitHub shows ten of a kind."""
    lines = [_command(each) for each in found if each.level is not Level.NOTE]
    notes = [each for each in found if each.level is Level.NOTE]
    if notes:
        text = "\n".join(each.text for each in notes)
        lines.append(_command(Notice("limits", Level.NOTE, counted(found), text, file=notes[0].file)))
    return "".join(f"{line}\n" for line in lines)


def _command(notice: Notice) -> str:
    properties = {"file": notice.file, "line": str(notice.line or ""), "title": f"shapecheck {notice.rule}"}
    if notice.rule == "limits":
        properties["title"] = f"shapecheck: {notice.subject}"
    given = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
    return f"::{_COMMANDS[notice.level]} {given}::{_data(notice.text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


__all__ = ["workflow_commands"]
