"""A list of clips without some of its lines, or with others in their place; the rest stays as it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path


def without_lines(file: Path, numbers: Collection[int]) -> str:
    """The text without the lines of these numbers, counted from 1; what is no UTF-8 goes, as for the public loader."""
    return changed_lines(file, dict.fromkeys(numbers))


def changed_lines(file: Path, changes: Mapping[int, str | None]) -> str:
    """The text with other lines in the place of these, which keep their ends; None leaves one out."""
    with file.open(encoding="utf-8", errors="ignore", newline="") as stream:
        return "".join(
            line if number not in changes else _changed(line, changes[number]) for number, line in enumerate(stream, 1)
        )


def _changed(line: str, text: str | None) -> str:
    return "" if text is None else text + line[len(line.rstrip("\r\n")) :]
