"""A folder of files that belong together: checked before the work, each written in one step after it.

A file that is there already is replaced only if a report wrote it, or on request.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shapecheck.errors import UsageError
from shapecheck.render.destination import Destination

_HEAD = 4096  # bytes in which a file's mark stands


@dataclass(frozen=True, slots=True)
class Folder:
    path: Path
    option: str = "--output"

    @classmethod
    def checked(
        cls, text: str, marks: Mapping[str, str], *, sources: Sequence[str | None] = (), force: bool = False
    ) -> Folder:
        """`marks`: of each file that will be written, what stands at the beginning of one that is ours.

        Raises UsageError with all that is wrong; nothing is made.
        """
        if not text:
            raise UsageError("--output: the name is empty; give a folder")
        path = Path(text)
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (OSError, ValueError) as error:
            raise UsageError(f"--output {text!r}: is no name of a folder: {error}") from error
        if path.exists() and not path.is_dir():
            raise UsageError(f"--output {text}: is a file; give a folder")
        if not path.exists():
            _check_new(path, text)
            return cls(path)
        problems: list[str] = []
        others: list[str] = []
        for name, mark in marks.items():
            file = path / name
            if not file.parent.is_dir():
                continue
            try:
                Destination.checked(str(file), tuple(sources))
            except UsageError as error:
                problems.append(str(error))
                continue
            if file.exists() and not force and not _has_mark(file, mark):
                others.append(name)
        if others:
            verb = "is" if len(others) == 1 else "are"
            what = f"{' and '.join(others)} {verb} there already, and not of a report"
            problems.append(f"--output {text}: {what}; give another folder, or --force")
        if problems:
            raise UsageError("\n".join(problems))
        return cls(path)

    def write(self, name: str, text: str) -> None:
        """Raises UsageError if it cannot be written any more."""
        file = self.path / name
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{self.option} {file.parent}: cannot be made: {error.strerror or error}") from error
        Destination.checked(str(file)).write(text)


def _check_new(path: Path, text: str) -> None:
    above = next((parent for parent in path.absolute().parents if parent.exists()), None)
    if above is None or not above.is_dir():
        raise UsageError(f"--output {text}: cannot be made: {above} is no folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise UsageError(f"--output {text}: cannot be made: {above} is write-protected")


def _has_mark(file: Path, mark: str) -> bool:
    try:
        with file.open("rb") as stream:
            return mark.encode() in stream.read(_HEAD)
    except OSError:
        return False
