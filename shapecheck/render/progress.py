"""One line on standard error that says what is being done, gone afterwards; only for a person at a terminal.

Without a terminal nothing is written, and rich is not even imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TextIO, cast


@contextmanager
def progress_line() -> Generator[Callable[[str], None]]:
    """Give a function that shows a text in place of the one before."""
    stream = cast("TextIO | None", sys.stderr)  # None where it was closed before Python started
    if stream is None or not stream.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda _: None
        return

    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=True)
    with Live(
        console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as live:
        yield lambda text: live.update(Text(text, style="dim", no_wrap=True, overflow="ellipsis"), refresh=True)
