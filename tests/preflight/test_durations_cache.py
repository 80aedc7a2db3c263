"""What is kept between runs, what is not, and that nothing about it can do harm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import platformdirs
import pytest

from shapecheck.preflight import scan
from shapecheck.preflight.durations_cache import FolderCache, cache_folder

from .sounds import OLD, aged, clip


@pytest.fixture
def listed(tmp_path: Path) -> list[str]:
    return [clip(tmp_path / "wavs" / f"{number}.wav", 100 + number, channels=1 + number % 2) for number in range(6)]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are really read."""
    scanning = import_module("shapecheck.preflight.scanning")
    read: Callable[..., object] = scanning.read_audio
    found: list[str] = []

    def counted(path: str, given: str | None = None, *, decode: bool = False) -> object:
        found.append(path)
        return read(path, given, decode=decode)

    monkeypatch.setattr(scanning, "read_audio", counted)
    return found


@pytest.mark.parametrize("decode", [False, True])
def test_a_second_run_reads_nothing(listed: list[str], reads: list[str], decode: bool) -> None:
    first = scan(listed, decode=decode)
    assert reads == listed
    reads.clear()
    assert scan(listed, decode=decode) == first == scan(listed, decode=decode)
    assert scan(reversed(listed), decode=decode) == first[::-1]
    assert reads == []


def test_headers_and_samples_are_kept_apart(listed: list[str], reads: list[str]) -> None:
    headers = scan(listed)
    samples = scan(listed, decode=True)
    assert reads == listed * 2
    assert scan(listed) == headers
    assert scan(listed, decode=True) == samples
    assert reads == listed * 2


def test_other_names_of_the_same_files(listed: list[str], reads: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    scan(listed)
    reads.clear()
    monkeypatch.chdir(Path(listed[0]).parent)
    for names in ([f"{number}.wav" for number in range(6)], [f"../wavs/./{number}.wav" for number in range(6)]):
        found = scan(names)
        assert [file.path for file in found] == names
        assert [file.samples for file in found] == [100 + number for number in range(6)]
    assert reads == []


def test_a_file_that_changed_is_read_again(listed: list[str], reads: list[str]) -> None:
    scan(listed)
    os.utime(listed[0], ns=(OLD * 10**9, OLD * 10**9 + 1))  # by a nanosecond
    clip(Path(listed[1]), 4000)  # another size at the same time
    Path(listed[2]).unlink()
    clip(Path(listed[3]).with_name("new.wav"), 7)
    reads.clear()
    found = scan([*listed, str(Path(listed[3]).with_name("new.wav"))])
    assert reads == [listed[0], listed[1], listed[2], str(Path(listed[3]).with_name("new.wav"))]
    assert [file.samples for file in found] == [100, 4000, 0, 103, 104, 105, 7]
    assert found[2].error == "missing"


def test_a_file_that_was_just_written_is_not_kept(tmp_path: Path, reads: list[str]) -> None:
    """It may be written once more within the same tick of the clock."""
    path = tmp_path / "a.wav"
    clip(path, 100)
    os.utime(path)
    for _ in range(2):
        scan([path])
    assert len(reads) == 2
    aged(path)
    for _ in range(2):
        scan([path])
    assert len(reads) == 3


def test_what_could_not_be_opened_is_tried_again(tmp_path: Path, reads: list[str], cache_folder: Path) -> None:
    (tmp_path / "text.wav").write_text("text", encoding="utf-8")
    listed = [str(tmp_path / "nowhere.wav"), aged(tmp_path / "text.wav"), str(tmp_path)]
    assert scan(listed) == scan(listed)
    assert reads == listed * 2
    assert not cache_folder.exists()


def test_what_is_wrong_with_a_file_is_kept(tmp_path: Path, reads: list[str]) -> None:
    path = tmp_path / "a.wav"
    clip(path)
    path.write_bytes(path.read_bytes()[:2000])
    aged(path)
    first = scan([path])
    assert first[0].error.startswith("truncated: ")
    assert scan([path]) == first
    assert len(reads) == 1


def test_without_the_cache(listed: list[str], reads: list[str], cache_folder: Path) -> None:
    scan(listed, cache=False)
    assert not cache_folder.exists()
    scan(listed)
    scan(listed, cache=False)
    assert reads == listed * 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"nonsense",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: content.replace(b"[", b"{", 1),
        lambda content: content.replace(b"24000", b"48000", 1),
        lambda content: b"\x80" + content,
        lambda content: b"[" * 100_000,
        lambda content: content.partition(b"\n")[0] + b"\n",
    ],
)
def test_a_damaged_cache_is_written_anew(
    listed: list[str], reads: list[str], cache_folder: Path, damage: Callable[[bytes], bytes]
) -> None:
    first = scan(listed)
    (kept,) = (cache_folder / "durations").iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(damage(whole))
    reads.clear()
    assert scan(listed) == first
    assert reads == listed
    assert kept.read_bytes() == whole
    assert scan(listed) == first
    assert reads == listed


@pytest.mark.parametrize(("field", "value"), [("schema", "shapecheck.durations/0"), ("soundfile", "0.0.1")])
def test_a_cache_of_another_version_is_written_anew(
    listed: list[str], reads: list[str], cache_folder: Path, field: str, value: str
) -> None:
    scan(listed)
    (kept,) = (cache_folder / "durations").iterdir()
    head, _, body = kept.read_bytes().partition(b"\n")
    kept.write_bytes(json.dumps({**json.loads(head), field: value}).encode() + b"\n" + body)
    reads.clear()
    scan(listed)
    assert reads == listed
    scan(listed)
    assert reads == listed


@pytest.mark.parametrize("place", ["/dev/null", "/dev/null/cache", "/proc/nowhere", "x" * 300, __file__])
def test_a_folder_that_cannot_be_written(
    listed: list[str], reads: list[str], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHAPECHECK_CACHE", place)
    assert scan(listed) == scan(listed)
    assert reads == listed * 2


def test_a_full_disk_leaves_nothing_behind(
    listed: list[str], cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    scan(listed)
    assert list((cache_folder / "durations").iterdir()) == []


def test_an_interruption_while_it_is_written_leaves_nothing_behind(
    listed: list[str], cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        scan(listed)
    assert list((cache_folder / "durations").iterdir()) == []


AT_ONCE = """
import sys, time
from shapecheck.preflight import scan
start, part, *paths = sys.argv[1:]
time.sleep(max(0.0, float(start) - time.time()))
for _ in range(20):
    found = scan(paths[int(part)::2] + paths[:3])
    assert all(not file.error for file in found)
print(sum(file.samples for file in found))
"""


def test_two_runs_at_once(tmp_path: Path, cache_folder: Path, reads: list[str]) -> None:
    listed = [clip(tmp_path / f"{number % 3}" / f"{number}.wav", 50 + number) for number in range(60)]
    start = str(time.time() + 2)
    runs = [
        subprocess.Popen([sys.executable, "-c", AT_ONCE, start, str(part), *listed], stdout=subprocess.PIPE, text=True)
        for part in range(2)
    ]
    said = [run.communicate(timeout=60)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert [int(text) for text in said] == [
        sum(50 + number for number in {*range(part, 60, 2), 0, 1, 2}) for part in range(2)
    ]
    assert [file.suffix for file in (cache_folder / "durations").iterdir()] == [".json"] * 3
    assert scan(listed) == scan(listed, cache=False)
    before = len(reads)
    scan(listed)
    assert len(reads) == before  # and all is known now


def test_what_another_run_wrote_in_the_meantime_stays(tmp_path: Path, cache_folder: Path) -> None:
    listed = [clip(tmp_path / name, 10) for name in ("a.wav", "b.wav")]
    files = scan(listed, cache=False)
    first, second = (FolderCache(str(tmp_path), decode=False) for _ in range(2))
    first.add("a.wav", (1, 2), files[0])
    second.add("b.wav", (3, 4), files[1])
    first.save()
    second.save()
    both = FolderCache(str(tmp_path), decode=False)
    assert both.find("a.wav", (1, 2), listed[0]) == files[0]
    assert both.find("b.wav", (3, 4), listed[1]) == files[1]
    assert both.find("b.wav", (3, 5), listed[1]) is None
    assert both.find("c.wav", (3, 4), listed[1]) is None


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() == tmp_path / "cache"
    for empty in (lambda: monkeypatch.setenv("SHAPECHECK_CACHE", ""), lambda: monkeypatch.delenv("SHAPECHECK_CACHE")):
        empty()
        assert cache_folder() == platformdirs.user_cache_path("shapecheck", appauthor=False)


def test_the_file_names_say_nothing_of_the_folders(tmp_path: Path, listed: list[str], cache_folder: Path) -> None:
    scan(listed)
    scan(listed, decode=True)
    names = [file.name for file in (cache_folder / "durations").iterdir()]
    assert len(set(names)) == 2
    assert all(len(name) == len("0123456789abcdef" * 2 + ".json") for name in names)
