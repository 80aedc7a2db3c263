"""What was read of audio files, kept in the user's cache folder: one small file for each folder of audio.

A file of the cache is only ever replaced as a whole, so that runs at the same time need no lock: at worst what one of
them read is read again. What is damaged or of another version is as good as not there, and a folder that cannot be
written is no error.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
import zlib
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from shapecheck.preflight.audio import AudioFile, Decoded

VARIABLE = "SHAPECHECK_CACHE"  # the environment variable that names another folder

_SCHEMA = "shapecheck.durations/1"
# A file that is written once more within the clock's granularity keeps its time: 2 s on the coarsest file systems.
_SETTLED = 2_000_000_000  # ns

Stamp = tuple[int, int]  # size in bytes, time of modification in ns
Entry = list[Any]  # a stamp and an AudioFile's fields without the path, as JSON has them


class FolderCache:
    """The entries of the audio files of one folder.

    With `decode`, those of whole decoded files, which are kept apart from those of headers.
    """

    def __init__(self, folder: str, *, decode: bool) -> None:
        self._head = {"schema": _SCHEMA, "soundfile": _soundfile_version(), "folder": folder, "decoded": decode}
        name = hashlib.sha256(f"{decode} {folder}".encode(errors="surrogateescape")).hexdigest()[:32]
        self._file = cache_folder() / "durations" / f"{name}.json"
        self._entries = self._load()
        self._added: dict[str, Entry] = {}

    def find(self, name: str, stamp: Stamp, path: str) -> AudioFile | None:
        """What is known of the file of that name, if it is still the one that was read; as an AudioFile of `path`."""
        entry = self._entries.get(name)
        if entry is None or (entry[0], entry[1]) != stamp:
            return None
        _, _, samples, rate, channels, form, subtype, error, decoded = entry
        return AudioFile(
            path, samples, rate, channels, form, subtype, error, Decoded(*decoded) if decoded is not None else None
        )

    def add(self, name: str, stamp: Stamp, file: AudioFile) -> None:
        """Keep what was read of a file that had this stamp before it was read.

        Only of files that could be opened: whether one can be read may change and leave no trace in the stamp.
        """
        if not file.format or time.time_ns() - stamp[1] < _SETTLED:
            return
        decoded = file.decoded and (file.decoded.peak, file.decoded.non_finite)
        values = (file.samples, file.sample_rate, file.channels, file.format, file.subtype, file.error, decoded)
        self._added[name] = [*stamp, *values]

    def save(self) -> None:
        """Write what was added, together with what other runs have written in the meantime."""
        if not self._added:
            return
        body = json.dumps({**self._load(), **self._added}, separators=(",", ":")).encode()
        head = json.dumps({**self._head, "crc32": zlib.crc32(body)}).encode()
        with suppress(OSError):
            _replace(self._file, head + b"\n" + body)
        self._added.clear()

    def _load(self) -> dict[str, Entry]:
        try:
            head, _, body = self._file.read_bytes().partition(b"\n")
            if json.loads(head) != {**self._head, "crc32": zlib.crc32(body)}:
                return {}
            return json.loads(body)
        except (OSError, ValueError, RecursionError):  # ValueError: no JSON
            return {}


def cache_folder() -> Path:
    """Where everything is kept; it need not exist."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    import platformdirs

    return platformdirs.user_cache_path("shapecheck", appauthor=False)


def stamp_of(path: str) -> Stamp | None:
    """None if there is no such file."""
    try:
        found = os.stat(path)  # noqa: PTH116  (three times as fast as Path.stat, for many files)
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns


@cache
def _soundfile_version() -> str:
    """Another version may count otherwise. Importing the package to ask it would take longer than all the rest."""
    from importlib import metadata

    return metadata.version("soundfile")


def _replace(file: Path, content: bytes) -> None:
    """Write a file at once: it has the old content or the new one, whatever happens."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(content)
        Path(temporary).replace(file)
    except BaseException:  # an interruption, too, leaves nothing behind
        with suppress(OSError):
            Path(temporary).unlink()
        raise
