"""Many files: order, errors, progress, processes, a cluster, interruptions."""

from __future__ import annotations

import importlib
import os
import pkgutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import soundfile

from shapecheck import UsageError, preflight
from shapecheck.preflight import AudioFile, scan

from .sounds import clip

scanning: Any = importlib.import_module("shapecheck.preflight.scanning")


def clips(folder: Path, count: int = 40) -> list[str]:
    return [clip(folder / f"{number}.wav", 100 + number) for number in range(count)]


@pytest.fixture
def in_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes from the second batch on, however fast it goes, and small batches."""
    monkeypatch.setattr(scanning, "_START_SECONDS", -1.0)
    monkeypatch.setattr(scanning, "_BATCH", {False: 4, True: 4})


def test_no_public_name_is_that_of_a_submodule() -> None:
    """Importing a submodule sets it as an attribute of the package."""
    modules = {module.name for module in pkgutil.iter_modules(preflight.__path__)}
    assert not modules & set(preflight.__all__)


def test_the_order_given_and_each_path_once(tmp_path: Path) -> None:
    listed = clips(tmp_path / "wavs", 5)
    found = scan([listed[3], listed[1], Path(listed[3]), listed[0]])
    assert [file.path for file in found] == [listed[3], listed[1], listed[0]]
    assert [file.samples for file in found] == [103, 101, 100]


def test_nothing_to_scan() -> None:
    assert scan([]) == ()
    assert scan([], jobs=2, decode=True, cache=False) == ()


def test_what_is_wrong_with_one_file_stops_no_other(tmp_path: Path) -> None:
    listed = clips(tmp_path, 2)
    (tmp_path / "text.wav").write_text("text", encoding="utf-8")
    found = scan([listed[0], str(tmp_path / "nowhere.wav"), str(tmp_path / "text.wav"), str(tmp_path), listed[1]])
    assert [file.error for file in found] == ["", "missing", "not audio: format not recognised", "a folder", ""]


@pytest.mark.parametrize("decode", [False, True])
@pytest.mark.parametrize("jobs", [1, 2, None])
def test_the_same_in_any_number_of_processes(
    tmp_path: Path, in_processes: None, jobs: int | None, decode: bool
) -> None:
    listed = [*clips(tmp_path), str(tmp_path / "missing.wav"), clip(tmp_path / "a.flac", channels=2)]
    alone = scan(listed, jobs=1, cache=False, decode=decode)
    assert scan(listed, jobs=jobs, cache=False, decode=decode) == alone
    assert [file.samples for file in alone] == [*range(100, 140), 0, 12_345]
    assert all((file.decoded is not None) == (decode and not file.error) for file in alone)


def test_relative_paths_in_processes(tmp_path: Path, in_processes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the processes were started in another folder."""
    clips(tmp_path / "one")
    clips(tmp_path / "two", 20)
    for folder, count in (("one", 40), ("two", 20)):
        monkeypatch.chdir(tmp_path / folder)
        found = scan([f"./{number}.wav" for number in range(40)], jobs=2)
        assert [file.path for file in found] == [f"./{number}.wav" for number in range(40)]
        assert sum(not file.error for file in found) == count


@pytest.mark.parametrize("jobs", [1, 2])
def test_progress(tmp_path: Path, in_processes: None, jobs: int) -> None:
    listed = clips(tmp_path)
    calls: list[tuple[int, int]] = []
    scan(listed[:8], progress=lambda done, total: calls.append((done, total)))
    assert calls == [(4, 8), (8, 8)]
    calls.clear()
    scan(listed, jobs=jobs, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(done, 40) for done in range(8, 41, 4)]  # eight are known
    calls.clear()
    scan(listed, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(40, 40)]


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    """soundfile cannot open it, here or in a training script."""
    path = str(tmp_path / os.fsdecode(b"\xff\xfe.wav"))
    Path(clip(tmp_path / "a.wav")).rename(path)
    error = "not readable: its path is no Unicode text, which soundfile needs"
    assert scan([path]) == scan([path]) == (AudioFile(path, 0, 0, 0, "", "", error),)
    with pytest.raises(UnicodeEncodeError):
        soundfile.read(path)


def test_a_wrong_number_of_jobs() -> None:
    with pytest.raises(UsageError, match="jobs: 0; at least one process is needed"):
        scan([], jobs=0)


def test_a_scan_that_is_stopped_ends_its_work(tmp_path: Path, in_processes: None) -> None:
    listed = clips(tmp_path)

    def stop(done: int, _total: int) -> None:
        if done >= 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(listed, jobs=2, progress=stop)
    assert scan(listed, jobs=2) == scan(listed, cache=False)


INTERRUPTED = """
import sys
from importlib import import_module
scanning = import_module("shapecheck.preflight.scanning")
scanning._START_SECONDS = -1.0
scanning._BATCH = {False: 4, True: 4}
def slow(paths, decode, read=scanning._read_batch):
    import time
    time.sleep(0.05)
    return read(paths, decode)
def told(done, total):
    print(done, flush=True)
import joblib
kept = joblib.delayed
joblib.delayed = lambda function: kept(slow)
scanning.scan(sys.argv[1:], jobs=2, progress=told)
"""


def test_an_interruption_leaves_nothing_behind(tmp_path: Path, cache_folder: Path) -> None:
    listed = clips(tmp_path / "wavs", 800)
    started = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, *listed], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    while int(started.stdout.readline()) < 24:
        pass
    workers = psutil.Process(started.pid).children(recursive=True)
    assert workers
    started.send_signal(signal.SIGINT)
    _, errors = started.communicate(timeout=60)
    assert started.returncode != 0
    assert errors.rstrip().endswith("KeyboardInterrupt")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(_alive(worker) for worker in workers):
        time.sleep(0.05)
    assert not [worker for worker in workers if _alive(worker)]
    kept = [file for file in cache_folder.rglob("*") if file.is_file()]
    assert [file.suffix for file in kept] == [".json"]
    assert not [file for file in kept if file.name.startswith(".")]
    known: list[int] = []
    assert scan(listed, progress=lambda done, _total: known.append(done)) == scan(listed, cache=False)
    assert 24 <= known[0] < 800  # what was read before the interruption


def _alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


LOADED = """
import sys
from shapecheck.preflight import scan
print(scan(sys.argv[1:])[0].samples, *sorted({"numpy", "torch", "soundfile", "joblib", "rich"} & set(sys.modules)))
"""


def test_nothing_heavy_is_loaded_before_there_is_something_to_read(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.wav")

    def says() -> str:
        command = [sys.executable, "-c", LOADED, path]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    assert says() == "12345 numpy soundfile\n"
    assert says() == "12345\n"


def test_on_a_dask_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(scanning, "_BATCH", {False: 4, True: 4})
    listed = [*clips(tmp_path / "wavs"), str(tmp_path / "missing.wav")]
    monkeypatch.chdir(tmp_path / "wavs")
    listed[3] = "3.wav"
    expected = scan(listed, jobs=1, cache=False, decode=True)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, local_directory=str(tmp_path)
    ) as cluster:
        address = cluster.scheduler_address
        calls: list[int] = []
        found = scan(listed, dask=address, decode=True, progress=lambda done, _total: calls.append(done))
        assert found == expected
        assert calls[-1] == 41
        assert calls == sorted(calls)
        assert len(calls) >= 10
        assert scan(listed, dask=address, cache=False) == scan(listed, jobs=1, cache=False)
    assert scan(listed[:40], dask=address, decode=True) == expected[:40]  # known: nobody is asked


def test_no_dask_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    listed = clips(tmp_path, 1)
    monkeypatch.setattr(scanning, "_CONNECT_SECONDS", 0.5)
    for address in ("tcp://127.0.0.1:9", "nonsense://x", "127.0.0.1:notaport", ""):
        with pytest.raises(UsageError, match="no Dask cluster answers at "):
            scan(listed, dask=address)
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=None, local_directory=str(tmp_path)) as cluster,
        pytest.raises(UsageError, match="has no workers: start some with `dask worker"),
    ):
        scan(listed, dask=cluster.scheduler_address)


def test_without_the_extra_dask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"needs the extra dask: pip install 'torch-shapecheck\[dask\]'"):
        scan(clips(tmp_path, 1), dask="tcp://127.0.0.1:8786")


def test_soundfile_agrees(tmp_path: Path) -> None:
    listed = clips(tmp_path, 10)
    assert [file.samples for file in scan(listed)] == [len(soundfile.read(path)[0]) for path in listed]
