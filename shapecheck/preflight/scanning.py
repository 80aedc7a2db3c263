"""Many audio files: in parallel, on this machine or on a Dask cluster, and only those that are not known from before.

Invariant: what the result says of a file does not depend on how, where, or in how many processes it was read.
"""

from __future__ import annotations

import gc
import os
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from shapecheck.errors import UsageError
from shapecheck.preflight.audio import AudioFile, read_audio
from shapecheck.preflight.durations_cache import FolderCache, Stamp, stamp_of

_START_SECONDS = 1.0  # what processes take to start; work that is done sooner stays in this one
_BATCH = {False: 256, True: 16}  # files that one task reads, by `decode`
_CONNECT_SECONDS = 10

Progress = Callable[[int, int], object]


def scan(
    paths: Iterable[str | os.PathLike[str]],
    *,
    jobs: int | None = None,
    cache: bool = True,
    decode: bool = False,
    dask: str | None = None,
    progress: Progress | None = None,
) -> tuple[AudioFile, ...]:
    """The audio files, each once, in the order given.

    `jobs` processes read them, by default one for each core; with `dask="tcp://..."`, the workers of that cluster do,
    which must see the files under the same paths. `decode` reads the samples, too. `cache` uses and keeps what was read
    before, as long as a file has the same size and time. `progress(done, total)` is called from time to time.

    What is wrong with a file stands in its value. UsageError: a wrong number of jobs, no such cluster, no Dask.
    """
    if jobs is not None and jobs < 1:
        raise UsageError(f"jobs: {jobs}; at least one process is needed")
    listed = list(dict.fromkeys(os.fspath(path) for path in paths))
    known = _Known(decode=decode) if cache else None
    found = known.look_up(listed) if known else {}
    unknown = [path for path in listed if path not in found]
    if found and progress:
        progress(len(found), len(listed))
    try:
        for batch in _read(unknown, jobs, decode, dask):
            for file in batch:
                found[file.path] = file
                if known:
                    known.add(file)
            if progress:
                progress(len(found), len(listed))
    finally:
        if known:
            known.save()  # after an interruption, too: what was read need not be read again
    return tuple(found[path] for path in listed)


class _Known:
    """The cache of all folders that are met."""

    def __init__(self, *, decode: bool) -> None:
        self._decode = decode
        self._folders: dict[str, FolderCache] = {}  # by what stands in front of the file's name
        self._unknown: dict[str, tuple[FolderCache, str, Stamp]] = {}

    def look_up(self, paths: Sequence[str]) -> dict[str, AudioFile]:
        """Those that are known, by their path."""
        found: dict[str, AudioFile] = {}
        by_place: dict[str, FolderCache] = {}
        for path in paths:
            stamp = stamp_of(path)
            if stamp is None:
                continue
            place, name = os.path.split(path)
            folder = by_place.get(place)
            if folder is None:
                folder = by_place[place] = self._folder(place)
            file = folder.find(name, stamp, path)
            if file is not None:
                found[path] = file
            else:
                self._unknown[path] = (folder, name, stamp)
        return found

    def add(self, file: AudioFile) -> None:
        if file.path in self._unknown:
            folder, name, stamp = self._unknown[file.path]
            folder.add(name, stamp, file)

    def save(self) -> None:
        for folder in self._folders.values():
            folder.save()

    def _folder(self, place: str) -> FolderCache:
        absolute = os.path.abspath(place)  # noqa: PTH100  (Path has no way to remove "..")
        if absolute not in self._folders:
            self._folders[absolute] = FolderCache(absolute, decode=self._decode)
        return self._folders[absolute]


def _read(paths: Sequence[str], jobs: int | None, decode: bool, dask: str | None) -> Iterator[list[AudioFile]]:
    """The files in batches, in any order. Disks are fast or far away: the first files tell how long the rest takes."""
    batches = [paths[start : start + _BATCH[decode]] for start in range(0, len(paths), _BATCH[decode])]
    if dask is not None and batches:
        with _client(dask) as client:
            yield from _in_parallel(batches, decode, n_jobs=-1, backend="dask", client=client)
        return
    begun = time.perf_counter()
    for done, batch in enumerate(batches):
        left = len(batches) - done
        if jobs != 1 and done and (time.perf_counter() - begun) / done * left > _START_SECONDS:
            yield from _in_parallel(batches[done:], decode, n_jobs=jobs or -1, backend="loky")
            return
        yield [read_audio(path, decode=decode) for path in batch]


def _in_parallel(
    batches: Sequence[Sequence[str]], decode: bool, n_jobs: int, **backend: Any
) -> Iterator[list[AudioFile]]:
    """One batch a task, as they come back. Whoever stops early ends the tasks."""
    joblib: Any = import_module("joblib")
    with joblib.parallel_config(n_jobs=n_jobs, **backend):
        parallel = joblib.Parallel(return_as="generator_unordered", batch_size=1)
    results = parallel(_tasks(batches, decode))
    try:
        yield from results
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there were more tasks
            results.close()


def _tasks(batches: Sequence[Sequence[str]], decode: bool) -> Iterator[Any]:
    joblib: Any = import_module("joblib")
    for batch in batches:
        # another process may have another working folder
        yield joblib.delayed(_read_batch)([(os.path.abspath(path), path) for path in batch], decode)  # noqa: PTH100


def _read_batch(paths: Sequence[tuple[str, str]], decode: bool) -> list[AudioFile]:
    return [read_audio(path, given, decode=decode) for path, given in paths]


@contextmanager
def _client(address: str) -> Generator[Any]:
    """A connection to a Dask cluster. UsageError if there is none, or nobody who works there."""
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise UsageError("a Dask cluster needs the extra dask: pip install 'torch-shapecheck[dask]'") from None
    with _connected(distributed, address) as client:
        if not client.nthreads():
            raise UsageError(f"the Dask cluster at {address!r} has no workers: start some with `dask worker {address}`")
        yield client


def _connected(distributed: Any, address: str) -> Any:
    try:
        return distributed.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as failure:
        reason = str(failure)
    gc.collect()  # the client that failed: if it is left to the thread of the next one, they wait for each other
    raise UsageError(
        f"no Dask cluster answers at {address!r} ({reason}); give the address of a running scheduler, "
        "such as tcp://127.0.0.1:8786"
    )
