"""Where a finished text goes: standard output or a file. Checked before the work, written in one step after it.

A file that exists is replaced only by a complete new one; a failed run leaves it as it was.
"""

from __future__ import annotations

import os
import secrets
import stat
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from shapecheck.errors import UsageError


@dataclass(frozen=True, slots=True)
class Destination:
    """Standard output (`path` None) or a file."""

    path: Path | None
    stream: TextIO | None = None  # where the path is None, instead of the present sys.stdout
    option: str = "--output"  # that named it

    @classmethod
    def checked(cls, text: str | None, sources: tuple[str | None, ...] = (), option: str = "--output") -> Destination:
        """Read `option`; None and `-` are standard output. `sources` are files that must not be written over.

        Raises UsageError if the file cannot be written, which is tried with a file beside it that is removed again.
        """
        if text is None or text == "-":
            if sys.stdout is None:  # type: ignore[reportUnnecessaryComparison]  # closed before Python started: >&-
                raise UsageError("standard output is closed; write to a file with --output FILE")
            return cls(None)
        if not text:
            raise UsageError(f"{option}: the name is empty; give a file name, or - for standard output")
        path = Path(os.path.realpath(text))  # of a link, the file that it points to
        try:
            _check(path, text, tuple(source for source in sources if source is not None), option)
        except OSError as error:
            raise UsageError(f"{option} {text}: cannot be written: {error.strerror or error}") from error
        return cls(path, option=option)

    def write(self, text: str) -> None:
        """Write the whole text.

        Raises UsageError if it cannot be written any more, and BrokenPipeError if its reader went away.
        """
        try:
            if self.path is None:
                _write_to_standard_output(text, self.stream or sys.stdout)
            elif _is_special(self.path):  # a device or a named pipe is written to, not replaced
                self.path.write_text(text, encoding="utf-8", errors="backslashreplace")
            else:
                _replace(self.path, text)
        except BrokenPipeError:
            raise
        except OSError as error:
            where = f"{self.option} {self.path}" if self.path is not None else "standard output"
            raise UsageError(f"{where}: cannot be written: {error.strerror or error}") from error


def _check(path: Path, text: str, sources: tuple[str, ...], option: str) -> None:
    with suppress(FileNotFoundError):
        path.lstat()  # fails where the name itself is not possible
    if text.endswith(("/", os.sep)) or path.is_dir():
        raise UsageError(f"{option} {text}: is a directory; give a file name")
    if any(_same_file(path, source) for source in sources):
        raise UsageError(f"{option} {text}: is a file that this command reads; give another name")
    if path.is_file() and _holds_data(path):
        raise UsageError(f"{option} {text}: is there and holds no text, as audio or a checkpoint; give another name")
    if not path.parent.is_dir():
        raise UsageError(f"{option} {text}: there is no directory {path.parent}; create it first")
    if path.exists() and not os.access(path, os.W_OK):
        raise UsageError(f"{option} {text}: cannot be written: the file is write-protected")
    if not _is_special(path):
        probe = _temporary(path)
        probe.touch(exist_ok=False)
        probe.unlink()


def _holds_data(path: Path) -> bool:
    """Whether a file is none that this command could have written: all that it writes is text."""
    try:
        with path.open("rb") as file:
            return b"\0" in file.read(8192)
    except OSError:
        return False


def _write_to_standard_output(text: str, stream: TextIO) -> None:
    try:
        stream.write(text)
        stream.flush()
    except OSError:
        # Python flushes once more when it exits, and would complain again
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise


def _replace(path: Path, text: str) -> None:
    temporary = _temporary(path)
    try:
        with temporary.open("x", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        if path.exists():
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _temporary(path: Path) -> Path:
    # in the same directory, so that the replacement is one step; short, so that it fits wherever the name itself does
    return path.parent / f".shapecheck-{secrets.token_hex(6)}"


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file()


def _same_file(path: Path, source: str) -> bool:
    return path.exists() and Path(source).exists() and path.samefile(source)
