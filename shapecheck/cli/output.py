"""Standard output for the command alone, while code that is not ours runs in its process.

Invariant: what such code writes to the descriptor of standard output, by itself, in a thread or in another program that
it starts, goes to standard error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import TextIO, cast

from shapecheck.exit_codes import ExitCode

_process = SimpleNamespace(is_ours=False)


def this_process_is_ours() -> None:
    """The process ends with the command: what other code writes at exit does not go to standard output either."""
    _process.is_ours = True


@contextmanager
def kept_output() -> Generator[TextIO | None]:
    """Give the stream to write the result to; None: standard output, which has no descriptor of its own here."""
    descriptor = _descriptor(cast("TextIO | None", sys.stdout))
    if descriptor is None:
        yield None
        return
    sys.stdout.flush()
    error = _descriptor(cast("TextIO | None", sys.stderr))
    with open(os.dup(descriptor), "w", encoding=sys.stdout.encoding, errors="backslashreplace") as stream:  # noqa: PTH123
        instead = os.dup(error) if error is not None else os.open(os.devnull, os.O_WRONLY)
        os.dup2(instead, descriptor)
        os.close(instead)
        try:
            yield stream
        finally:
            if not _process.is_ours:
                with suppress(OSError, ValueError):
                    sys.stdout.flush()
                os.dup2(stream.fileno(), descriptor)


def with_kept_output(run: Callable[[TextIO | None], ExitCode]) -> ExitCode:
    """Run a command that writes its result to the stream which it is given."""
    with kept_output() as stream:
        return run(stream)


def _descriptor(stream: TextIO | None) -> int | None:
    """None for a stream that is closed or in memory."""
    try:
        return None if stream is None else stream.fileno()
    except (OSError, ValueError):
        return None
