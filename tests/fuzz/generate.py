"""All kinds of statements, entered into the table of the grammar."""

from __future__ import annotations

from tests.fuzz import control, integers, joining, layers, shaping
from tests.fuzz.grammar import ROWS, write

__all__ = ["ROWS", "control", "integers", "joining", "layers", "shaping", "write"]
