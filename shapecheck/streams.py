"""The standard streams while code that is not ours runs: everything that it prints goes to standard error.

Invariant: whatever that code does to `sys.stdout` and `sys.stderr`, closing or wrapping them, ours work afterwards.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any, TextIO


@contextmanager
def diverted() -> Generator[None]:
    """Standard output and standard error are both standard error, at the level of Python's own streams."""
    before = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = _Diverted(before[1])
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class _Diverted(io.TextIOBase):
    """Writes to another stream and never closes it: to wrap `sys.stdout.buffer` anew is a custom of many scripts."""

    encoding = "utf-8"  # type: ignore[assignment]
    errors = "backslashreplace"  # type: ignore[assignment]

    def __init__(self, target: TextIO | None) -> None:
        super().__init__()
        self._target = target  # None where it was closed before Python started
        self.buffer = _DivertedBytes(self)

    def write(self, text: str, /) -> int:
        if self._target is not None:
            with suppress(ValueError):  # a logger may keep this stream for longer than its target lives
                self._target.write(text)
        return len(text)

    def flush(self) -> None:
        if self._target is not None:
            with suppress(ValueError):
                self._target.flush()

    def close(self) -> None:
        self.flush()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        if self._target is None:
            raise io.UnsupportedOperation("fileno")
        return self._target.fileno()


class _DivertedBytes(io.BufferedIOBase):
    def __init__(self, text: _Diverted) -> None:
        super().__init__()
        self._text = text

    def write(self, data: Any, /) -> int:
        self._text.write(bytes(data).decode("utf-8", "backslashreplace"))
        return len(data)

    def flush(self) -> None:
        self._text.flush()

    def close(self) -> None:
        self.flush()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._text.fileno()
