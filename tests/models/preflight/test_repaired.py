"""The folder that a repair writes: what is in it, killed and resumed runs, and what is never written over."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from shapecheck import UsageError

from .datasets import RATE, TEXT, Clip, DataSet, make
from .repairs import (
    DROP,
    PAD,
    REPEAT,
    SHORT,
    joined,
    lines_of,
    modules_once,
    repaired,
    state,
    written,
)

__all__ = ["modules_once"]  # a fixture


@pytest.fixture
def small(tmp_path: Path) -> DataSet:
    train = [SHORT, Clip(9_100, text="abcdef"), Clip(9_200, text="abcdef"), *(Clip() for _ in range(16))]
    return make(tmp_path / "data", train)


INTERRUPTED = """
import os, pickle, signal, sys
from pathlib import Path
from shapecheck.preflight import mending, rewriting
output = pickle.loads(Path(sys.argv[1]).read_bytes())
at, left = sys.argv[2], [int(sys.argv[3])]
true = getattr(mending, at)
def counted(*arguments):
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    return true(*arguments)
setattr(mending, at, counted)
if hasattr(rewriting, at):
    setattr(rewriting, at, counted)
output.write()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals")
@pytest.mark.parametrize(
    ("at", "after", "audio", "lists"),
    [
        ("_write", 0, 0, 0),
        ("_check", 1, 1, 0),  # with a file half done beside
        ("place", 0, 0, 0),  # the record
        ("place", 3, 2, 0),
        ("place", 4, 3, 0),
        ("place", 5, 3, 1),  # between the lists
    ],
)
def test_a_run_that_is_killed_is_resumed(
    small: DataSet, tmp_path: Path, at: str, after: int, audio: int, lists: int
) -> None:
    folder = tmp_path / "new"
    repairing = repaired(small)
    output = repairing.output(PAD, folder)
    (tmp_path / "output").write_bytes(pickle.dumps(output))
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path / "output"), at, str(after)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == -signal.SIGKILL
    there = state(folder)
    finished = {name: content for name, content in there.items() if ".shapecheck-" not in name}
    assert sum(name.endswith(".wav") for name in finished) == audio
    assert sum(name.endswith(".txt") for name in finished) == lists
    for name in finished:
        if name.endswith(".wav"):
            assert soundfile.info(folder / name).frames == 14_300
    mended = written(repaired(small), PAD, folder)
    assert (mended.files, mended.written, mended.remaining) == (3, 3 - audio, ())
    now = state(folder)
    assert all(now[name] == content for name, content in finished.items())  # not written again
    fresh = written(repaired(small), PAD, tmp_path / "fresh")
    assert fresh.written == 3
    assert {name: content for name, (content, _) in state(tmp_path / "fresh").items() if name.endswith(".wav")} == {
        name: content for name, (content, _) in now.items() if name.endswith(".wav")
    }
    assert sorted(now) == sorted(state(tmp_path / "fresh"))


def test_a_finished_folder_stays_as_it_is(small: DataSet, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    written(repaired(small), PAD, folder)
    before = state(folder)
    assert written(repaired(small), PAD, folder).written == 0
    assert state(folder) == before


@pytest.mark.parametrize(
    "change", ["policy", "clip", "list", "new list", "new clip", "goal", "no record"], ids=lambda value: value
)
def test_what_another_run_wrote_is_refused(small: DataSet, tmp_path: Path, change: str) -> None:
    folder = tmp_path / "new"
    written(repaired(small), PAD, folder)
    if change == "clip":
        soundfile.write(small.folder / "wavs" / "train0000.wav", np.ones(9_000) / 9, RATE)  # as many samples
    elif change == "list":
        with (small.folder / "val.txt").open("a") as file:
            file.write("val0000.wav|more|0\n")
    elif change == "new list":
        (folder / "val.txt").write_text("mine")
    elif change == "new clip":
        (folder / "wavs" / "train0001.wav").write_bytes(b"mine")
    elif change == "no record":
        (folder / "repair.json").unlink()
    before = state(folder)
    again = repaired(small, goal="slm" if change == "goal" else "training")
    with pytest.raises(UsageError, match="another folder"):
        again.output(REPEAT if change == "policy" else PAD, folder).write()
    assert state(folder) == before


def test_names_that_collide_or_lead_elsewhere(tmp_path: Path) -> None:
    data = make(tmp_path / "data", [Clip() for _ in range(8)])
    elsewhere = tmp_path / "elsewhere"
    names = ["a.wav", "A.wav", "speaker/a.wav", "../elsewhere/a.wav", "a.ogg", str(elsewhere / "b.wav")]
    for name in names:
        path = Path(data.folder / "wavs", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.full(9_000 + 50 * len(name), 0.1), RATE)
    with (data.folder / "train.txt").open("a") as file:
        file.writelines(f"{name}|abcdef|0\n" for name in names)
    mended = written(repaired(data), PAD, tmp_path / "new")
    assert mended.remaining == ()
    made = [path for path, *_ in lines_of(tmp_path / "new" / "train.txt")[8:]]
    assert len({path.casefold() for path in made}) == len(names)
    for name, path in zip(names, made, strict=True):
        file = Path(joined(data.folder / "wavs", path)).resolve()
        assert (tmp_path / "new" / "wavs") in file.parents
        assert file.suffix == Path(name).suffix
        sound = soundfile.read(file)[0]
        assert np.flatnonzero(np.abs(sound) > 0.05)[-1] == pytest.approx(
            9_000 + 50 * len(name), abs=20
        )  # its own recording
        assert len(sound) == 14_300


def test_through_links(small: DataSet, tmp_path: Path) -> None:
    """`..` after a link leads to where the link points."""
    real = tmp_path / "far" / "away" / "wavs"
    real.parent.mkdir(parents=True)
    (small.folder / "wavs").rename(real)
    (small.folder / "wavs").symlink_to(real)
    assert written(repaired(small), PAD, tmp_path / "new").remaining == ()
    path, *_ = lines_of(tmp_path / "new" / "train.txt")[0]
    assert soundfile.info(joined(small.folder / "wavs", path)).frames == 14_300
    with pytest.raises(UsageError, match="is in the folder of the clips"):
        repaired(small).output(PAD, real / "new")


@pytest.mark.parametrize("name", ["a|b", "a\tb", "a\nb"])
def test_a_folder_that_a_list_cannot_name(small: DataSet, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="a list cannot hold this path"):
        repaired(small).output(PAD, tmp_path / name)
    assert repaired(small).output(DROP, tmp_path / name).files == ()


def test_line_ends_and_other_lines_stay(small: DataSet, tmp_path: Path) -> None:
    content = f"train0000.wav|abcdef|0\r\n\r\n  train0001.wav|abcdef \r\ntrain0003.wav|{TEXT}|0".encode()
    (small.folder / "train.txt").write_bytes(content)
    mended = written(repaired(small), PAD, tmp_path / "new")
    new = (tmp_path / "new" / "train.txt").read_bytes().decode()
    where = os.path.relpath(tmp_path / "new" / "wavs", small.folder / "wavs")
    assert new == (f"{where}/train0000.wav|abcdef|0\r\n\r\n{where}/train0001.wav|abcdef\r\ntrain0003.wav|{TEXT}|0")
    assert mended.remaining == ()
    assert {found.identity for found in mended.others} == {"list-blank-line", "training-list-too-short"}
