"""How fast a folder of clips is scanned: beside a plain loop over `soundfile.info`, and once it is known.

The clips are on a local disk and in the file cache of the system. What a known file still costs is that the system is
asked for its size and time; a header costs some ten times as much, and much more where the disk is far away.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from shapecheck.preflight import scan

from .measuring import Cost, Table, cost_of_call, interleaved, ratio, typical

CLIPS = 20_000
LONG_CLIPS = 1_000
REPEATS = 5
OLD = 1_600_000_000  # long enough ago to be kept

FILES_AT_LEAST = 5_000  # a second
INFO_AT_LEAST = 1.0  # times as fast as a plain loop in threads
KNOWN_AT_LEAST = 4.0  # times as fast as the headers
DECODED_AT_LEAST = 20.0  # times as fast as the samples


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("clips")
    samples = np.random.default_rng(0).standard_normal(4000).astype(np.float32) * 0.1
    paths = [folder / f"{number:05}.wav" for number in range(CLIPS)]
    for number, path in enumerate(paths):
        soundfile.write(path, samples[: 1000 + number % 3000], 24_000)
        os.utime(path, (OLD, OLD))
    return [str(path) for path in paths]


@pytest.fixture(scope="module")
def long_clips(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Of three seconds, all of them the same one under other names."""
    folder = tmp_path_factory.mktemp("long")
    path = folder / "clip.wav"
    soundfile.write(path, np.random.default_rng(0).standard_normal(72_000) * 0.1, 24_000)
    os.utime(path, (OLD, OLD))
    for number in range(LONG_CLIPS):
        (folder / f"{number}.wav").hardlink_to(path)
    return [str(folder / f"{number}.wav") for number in range(LONG_CLIPS)]


def test_headers_beside_a_plain_loop_in_threads(clips: list[str]) -> None:
    def plain() -> None:
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            found = list(threads.map(soundfile.info, clips, chunksize=100))
        assert len(found) == CLIPS

    found = interleaved(
        {"plain": lambda: cost_of_call(plain), "scan": lambda: cost_of_call(lambda: scan(clips, cache=False))}, REPEATS
    )
    speed = CLIPS / typical(found["scan"]).wall
    faster = ratio(found["plain"], found["scan"])
    table = Table(f"the headers of {CLIPS:,} clips, on {os.cpu_count()} cores")
    table.cost("soundfile.info in as many threads", found["plain"])
    table.cost("scan", found["scan"])
    table.line("  files a second", f"{speed:,.0f}", bar=f">= {FILES_AT_LEAST:,}")
    table.ratio("  times as fast", faster, f">= {INFO_AT_LEAST} x")
    table.show()
    assert speed >= FILES_AT_LEAST
    assert faster.wall >= INFO_AT_LEAST


def test_a_second_run(clips: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(f"{CLIPS:,} clips for the second time")
    known = _known(table, "the headers", lambda: scan(clips), KNOWN_AT_LEAST, tmp_path, monkeypatch)
    table.show()
    assert known >= KNOWN_AT_LEAST


def test_a_second_run_with_the_samples(long_clips: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(f"{LONG_CLIPS:,} clips of 3 s for the second time")
    known = _known(table, "the samples", lambda: scan(long_clips, decode=True), DECODED_AT_LEAST, tmp_path, monkeypatch)
    table.show()
    assert known >= DECODED_AT_LEAST


def _known(
    table: Table,
    what: str,
    run: Callable[[], object],
    at_least: float,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> float:
    """How many times as fast a run is whose files are known."""
    monkeypatch.setenv("SHAPECHECK_CACHE", str(folder))

    def first() -> Cost:
        shutil.rmtree(folder / "durations", ignore_errors=True)
        return cost_of_call(run)

    found = interleaved({"first": first, "second": lambda: cost_of_call(run)}, REPEATS)
    faster = ratio(found["first"], found["second"])
    table.cost(f"{what}, read", found["first"])
    table.cost(f"{what}, known", found["second"])
    table.ratio("  times as fast", faster, f">= {at_least} x")
    return faster.wall
