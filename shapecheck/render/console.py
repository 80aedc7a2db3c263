"""How text reaches a reader: width, colour and encoding of the output.

Consoles write into memory; the finished text goes out in one piece (`destination.py`).
"""

from __future__ import annotations

import io
import os
import sys
from functools import partial
from typing import Any, TextIO

from rich.console import Console

PLAIN_WIDTH = 100  # columns where nothing says how wide the reader's screen is: a file, a log
NARROWEST = 60  # below this, lines are left to the terminal to wrap


def for_stream(stream: TextIO) -> Console:
    """A console as the reader of a stream can take it: no escape sequences in a pipe or under NO_COLOR.

    It takes its looks from the stream and writes nothing to it.
    """
    seen = _plain_console(file=stream)
    on_a_screen = any(known is not None and known.isatty() for known in (sys.__stdin__, sys.__stdout__, sys.__stderr__))
    width = seen.width if on_a_screen or os.environ.get("COLUMNS", "").isdigit() else PLAIN_WIDTH
    colours = None if os.environ.get("NO_COLOR") else seen.color_system
    return _in_memory(max(width, NARROWEST), seen.encoding, colours)


def for_file() -> Console:
    """A console for a text file: UTF-8, no escape sequences, always the same width."""
    return _in_memory(PLAIN_WIDTH, "utf-8", None)


def _in_memory(width: int, encoding: str, colours: Any) -> Console:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return _plain_console(file=file, width=width, color_system=colours, force_terminal=colours is not None)


# nothing in a text is taken for markup: PyTorch's messages are full of [1, 1, 3]
_plain_console = partial(Console, highlight=False, markup=False, emoji=False)
