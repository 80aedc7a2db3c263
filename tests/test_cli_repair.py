"""Repair from the command line: what it shows and writes, its exit codes, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import jsonschema
import pytest
import soundfile

from shapecheck import ModelReport, cli
from shapecheck.cli import main
from shapecheck.cli import repair as command
from shapecheck.cli.checking import analyzed
from tests.models.preflight.datasets import TEXT, Clip, DataSet, make

SCHEMA = json.loads((Path(__file__).parent / "render" / "repair.schema.json").read_text(encoding="utf-8"))
SHORT = Clip(9_000, text="abcdef")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHAPECHECK_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True, scope="module")
def _analyzed_once() -> Iterator[None]:
    """The limits of the preset are the same in all of these runs."""
    known: list[ModelReport] = []

    def once(*arguments: object) -> ModelReport:
        if not known:
            known.append(analyzed(*arguments))  # type: ignore[arg-type]
        return known[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "analyzed", once)
        yield


@pytest.fixture
def data(tmp_path: Path) -> DataSet:
    return make(tmp_path / "data", [SHORT, *(Clip() for _ in range(15))])


def run(data: DataSet, *options: str) -> int:
    return main(["repair", "--config", str(data.config), *options])


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(file.relative_to(folder)): (file.read_bytes(), file.stat().st_mtime_ns)
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_a_plan_writes_nothing(data: DataSet, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(data.folder)
    assert run(data) == 1
    shown = capsys.readouterr().out
    assert "1 clip to repair: 1 ends the run." in shown
    assert all(f"\n{policy} " in shown for policy in ("drop", "pad", "repeat", "stretch"))
    assert run(data, "--policy", "pad") == 1
    assert "\nrepeat " not in capsys.readouterr().out
    assert files(data.folder) == before


def test_nothing_to_repair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = make(tmp_path / "data", [Clip() for _ in range(16)])
    assert run(data, "--policy", "pad", "--output", str(tmp_path / "new")) == 0
    assert "Nothing to repair." in capsys.readouterr().out
    assert not (tmp_path / "new").exists()
    data = make(tmp_path / "data", [Clip() for _ in range(16)], config={"max_len": 79})
    assert run(data) == 1
    assert "No clip can be repaired: max_len 79" in capsys.readouterr().out


def test_all_that_is_written(data: DataSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(data.folder)
    new, listed = tmp_path / "deep" / "new", tmp_path / "clips.csv"
    options = ("--policy", "pad", "--output", str(new), "--list", str(listed), "--format", "json")
    assert run(data, *options) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    assert document["written"]["files"] == document["written"]["written"] == 1
    assert (document["written"]["remaining"], document["written"]["others"]) == ([], [])
    assert files(data.folder) == before
    assert sorted(files(new)) == ["repair.json", "train.txt", "val.txt", "wavs/train0000.wav"]
    assert soundfile.info(new / "wavs" / "train0000.wav").frames == 14_300
    assert listed.read_text(encoding="utf-8").count("\n") == 2
    written = files(new)
    assert run(data, *options) == 0  # again: nothing is left to do
    assert json.loads(capsys.readouterr().out)["written"]["written"] == 0
    assert files(new) == written
    lists = ("--train-list", str(new / "train.txt"), "--val-list", str(new / "val.txt"))
    assert run(data, *lists) == 0
    assert "Nothing to repair." in capsys.readouterr().out
    strict = [
        "styletts2",
        "--config",
        str(data.config),
        "--layers",
        "none",
        *lists,
        "--root",
        str(data.folder / "wavs"),
    ]
    assert main(strict) == 0


def test_what_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without its short clip the validation list leaves one alone in its last batch."""
    data = make(tmp_path / "data", [Clip() for _ in range(16)], [SHORT, *(Clip() for _ in range(9))])
    assert run(data, "--policy", "drop", "--output", str(tmp_path / "new")) == 1
    assert "is left: drop validation-clip-alone" in capsys.readouterr().out


def test_the_slm_goal(data: DataSet, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "--goal", "slm", "--format", "json") == 1
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    (repair,) = document["repairs"]
    assert repair["events"] == ["crash"]
    assert repair["needed"] == 110_300


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--output", "new"], "--output new: needs a --policy: drop, pad, repeat, stretch"),
        (["--policy", "mend"], "--policy mend: unknown; one of: drop, pad, repeat, stretch"),
        (["--goal", "speed"], "--goal speed: unknown; one of: training, slm"),
        (["--format", "yaml"], "--format yaml: unknown; one of: table, json"),
        (["--policy", "pad", "--output", ""], "--output: the name is empty"),
        (["--policy", "pad", "--output", "data/train.txt"], "is a file; give a folder"),
        (["--policy", "pad", "--output", "data"], "is not empty, and no run of this command made it"),
        (["--policy", "pad", "--output", "data/wavs/new"], "is in the folder of the clips; give one outside of it"),
        (["--policy", "pad", "--output", "data/wavs"], "is in the folder of the clips; give one outside of it"),
        (["--policy", "pad", "--output", "data/train.txt/new"], "data/train.txt/new: cannot be"),
        (["--policy", "drop", "--output", "new", "--manifest", "lengths"], "with --manifest: the audio is not at hand"),
        (["--list", "data/train.txt"], "--list data/train.txt: is a file that this command reads"),
        (["--stage", "third"], "--stage third: unknown"),
        (["--gpus", "0"], "--gpus 0: expected 1 or more"),
        (["--root", "nowhere"], "--root nowhere: there is no such file or folder"),
        (["--preset", "ft"], "give one of the two"),
        (["--goal", "slm", "--stage", "first"], "--goal slm: this run has no SLM stage: stage first has none"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_misuse(
    data: DataSet,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: Sequence[str],
    expected: str,
) -> None:
    monkeypatch.chdir(data.folder.parent)
    Path("lengths").write_text('{"path": "train0000.wav", "samples": 1, "sample_rate": 24000}\n')
    before = {name: content for name, content in files(Path()).items() if not name.startswith("cache")}
    assert main(["repair", "--config", "data/config.yml", *options]) == 2
    captured = capsys.readouterr()
    assert expected in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert {name: content for name, content in files(Path()).items() if not name.startswith("cache")} == before
    assert not Path("new").exists()


def test_all_that_is_wrong_is_said_at_once(data: DataSet, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "--goal", "speed", "--output", "new", "--manifest", "nowhere") == 2
    error = capsys.readouterr().err
    assert "3 problems" in error or "4 problems" in error
    assert all(what in error for what in ("--goal speed", "needs a --policy", "--manifest nowhere"))


def test_stretching_without_its_extra(
    data: DataSet, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "librosa", None)
    assert run(data, "--policy", "stretch", "--output", str(tmp_path / "new")) == 2
    assert "needs the extra stretch: pip install 'torch-shapecheck[stretch]'" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    assert run(data, "--policy", "stretch") == 1  # the plan does without


def test_an_interruption_says_what_is_there(
    data: DataSet, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from shapecheck.preflight import rewriting

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    new = tmp_path / "new"
    with monkeypatch.context() as patch:
        patch.setattr(rewriting, "mend", interrupted)
        assert run(data, "--policy", "pad", "--output", str(new)) == 130
    error = capsys.readouterr().err
    assert f"interrupted; what {new} has is whole; run the same command again, and it goes on from there" in error
    assert "nothing was written" not in error
    assert sorted(files(new)) == ["repair.json"]
    assert run(data, "--policy", "pad", "--output", str(new)) == 0


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_while_audio_is_written(tmp_path: Path) -> None:
    """Whenever it comes, what is there is whole, and the same command goes on from there."""
    data = make(tmp_path / "data", [*(Clip(9_000 + number, text="abcdef") for number in range(300)), Clip(), Clip()])
    options = ["repair", "--config", str(data.config), "--policy", "pad", "--output", str(tmp_path / "new")]
    process = subprocess.Popen(
        [sys.executable, "-m", "shapecheck", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    end = time.monotonic() + 120
    while not (tmp_path / "new" / "wavs").exists() and time.monotonic() < end:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130, error
    assert b"goes on from there" in error
    there = files(tmp_path / "new")
    assert 0 < len(there) < 303
    assert not any(name.endswith(".txt") or ".shapecheck-" in name for name in there)
    assert all(soundfile.info(tmp_path / "new" / name).frames == 14_300 for name in there if name.endswith(".wav"))
    assert main(options) == 0
    now = files(tmp_path / "new")
    assert all(now[name] == content for name, content in there.items())
    assert len(now) == 303


def test_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["repair", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Examples:" in shown
    assert "--policy drop|pad|repeat|stretch" in shown
    assert main(["--help"]) == 0
    assert "repair" in capsys.readouterr().out
    assert cli.app.registered_commands[-1].name == "repair"


def test_through_another_list(data: DataSet, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text(f"train0000.wav|{TEXT}|0\n" * 16, encoding="utf-8")
    assert run(data, "--train-list", str(other), "--policy", "pad", "--output", str(tmp_path / "new")) == 0
    assert sorted(files(tmp_path / "new")) == ["other.txt", "repair.json", "val.txt", "wavs/train0000.wav"]
