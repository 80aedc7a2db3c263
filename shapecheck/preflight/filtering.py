"""A list of clips without some of its lines; the others stay as they are."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path


def without_lines(file: Path, numbers: Collection[int]) -> str:
    """The text without the lines of these numbers, counted from 1; what is no UTF-8 goes, as for the public loader."""
    with file.open(encoding="utf-8", errors="ignore", newline="") as stream:
        return "".join(line for number, line in enumerate(stream, 1) if number not in numbers)
