"""The pre-flight from the command line: when it runs, what it writes, its exit codes, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import jsonschema
import pytest

from shapecheck.cli import main
from tests.models.preflight.datasets import TEXT, Clip, DataSet, make

SCHEMA = json.loads((Path(__file__).parent / "render" / "limits.schema.json").read_text(encoding="utf-8"))
SHORT = Clip(14_299, text="ab")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHAPECHECK_CACHE", str(tmp_path / "cache"))


def clips(*others: Clip) -> list[Clip]:
    return [*others, *(Clip() for _ in range(16 - len(others)))]


def run(data: DataSet, *options: str) -> int:
    return main(["styletts2", "--config", str(data.config), "--layers", "none", *options])


def test_a_clean_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(make(tmp_path, clips()), "--data") == 0
    shown = capsys.readouterr().out
    assert "Pre-flight: stage finetune (epochs is given)" in shown
    assert "─ GO, as far as was checked ─" in shown  # the checkpoint is not there


def test_everything_that_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = make(tmp_path, clips(SHORT, Clip(line=""), Clip(text="abcdefgh中")))
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    listed, filtered = tmp_path / "affected.csv", tmp_path / "new" / "lists"
    code = run(data, "--format", "json", "--list", str(listed), "--write-filtered-lists", str(filtered))
    assert code == 1
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    found = {finding["id"]: finding for finding in document["preflight"]["findings"]}
    assert set(found) == {"clip-drops-batch", "list-blank-line", "text-unknown-symbols"}
    assert found["clip-drops-batch"]["files"][0]["line"] == 1
    assert document["preflight"]["verdict"] == "WILL FAIL"
    assert listed.read_text(encoding="utf-8").count("\n") == 4
    # the lines that end the run or lose a batch are gone, all others are as they were
    assert (filtered / "train.txt").read_text(encoding="utf-8").splitlines() == data.train[2:]
    assert (filtered / "val.txt").read_bytes() == (tmp_path / "val.txt").read_bytes()
    assert all(file.read_bytes() == content for file, content in before.items())
    (tmp_path / "train.txt").write_bytes((filtered / "train.txt").read_bytes())
    assert run(data, "--data") == 0
    assert run(data, "--data", "--strict") == 1  # a symbol that is left out


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--write-filtered-lists", "."], "train.txt and val.txt are there already; give another folder"),
        (["--write-filtered-lists", "train.txt"], "is a file; give a folder"),
        (["--output", "train.txt"], "is a file that this command reads; give another name"),
        (["--output", "ood.txt"], "is a file that this command reads; give another name"),
        (["--list", "val.txt"], "is a file that this command reads; give another name"),
        (["--list", "wavs/train0000.wav"], "is there and holds no text, as audio or a checkpoint; give another name"),
        (["--output", "wavs/val0000.wav"], "is there and holds no text, as audio or a checkpoint; give another name"),
        (["--write-filtered-lists", ""], "--write-filtered-lists: the name is empty"),
        (["--list", "config.yml"], "--list config.yml: is a file that this command reads"),
        (["--list", "nowhere/a.csv"], "--list nowhere/a.csv: there is no directory"),
        (["--stage", "third"], "--stage third: unknown; one of: finetune, finetune-accelerate, first, second"),
        (["--gpus", "0"], "--gpus 0: expected 1 or more"),
        (["--train-list", "nowhere.txt"], "--train-list nowhere.txt: there is no such file"),
        (["--root", "nowhere"], "--root nowhere: there is no such file or folder"),
        (["--manifest", "nowhere"], "--manifest nowhere: there is no such file"),
        (["--val-list", "wavs"], "--val-list wavs: is a folder; give a file"),
        (["--root", "train.txt"], "--root train.txt: is a file; give the folder of the clips"),
        (["--manifest", "empty"], "empty: the manifest is empty; give one line for each clip"),
        (["--no-data", "--train-list", "a"], "--no-data with --train-list: leave out one of the two"),
        (["--data", "--component", "style_encoder"], "--data with --component: the pre-flight needs all components"),
        (["--gpus", "2", "--lengths", "1:9"], "--gpus with --lengths: the pre-flight needs all components"),
        (["--gpus", "2", "--batch", "1:2"], "--gpus with --batch: the pre-flight needs all components"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_misuse(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: Sequence[str],
    expected: str,
) -> None:
    make(tmp_path, clips())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").touch()
    before = sorted(tmp_path.rglob("*"))
    assert main(["styletts2", "--config", "config.yml", "--layers", "none", *options]) == 2
    captured = capsys.readouterr()
    assert expected in captured.err
    assert "Traceback" not in captured.err
    assert [path for path in sorted(tmp_path.rglob("*")) if "cache" not in str(path)] == before


def test_only_where_it_can_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = make(tmp_path, clips(SHORT))
    assert run(data, "--component", "wd") == 0
    assert main(["styletts2", "--preset", "ft", "--component", "wd", "--layers", "none"]) == 0
    assert "Pre-flight" not in capsys.readouterr().out
    assert run(data, "--no-data") == 0
    shown = capsys.readouterr().out
    assert "not checked: the data: --no-data" in shown
    assert "GO; no clip was looked at" in shown


def test_clips_that_are_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = make(tmp_path, clips(SHORT))
    (tmp_path / "wavs").rename(tmp_path / "elsewhere")
    assert run(data) == 0
    assert "GO; no clip was looked at" in capsys.readouterr().out
    assert run(data, "--write-filtered-lists", str(tmp_path / "new")) == 2
    assert "the clips were not found (" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_other_lists_and_a_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = make(tmp_path, clips())
    other = tmp_path / "other.txt"
    other.write_text("".join(f"far/{n}.wav|{TEXT}|0\n" for n in range(9)), encoding="utf-8")
    manifest = tmp_path / "durations.jsonl"
    rows = [{"path": f"far/{n}.wav", "samples": 14_299 + n, "sample_rate": 24_000} for n in range(9)]
    manifest.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    assert run(data, "--manifest", str(manifest)) == 0
    assert "not checked: 16 clips of " in " ".join(capsys.readouterr().out.split())
    lists = ["--train-list", str(other), "--val-list", str(other), "--manifest", str(manifest)]
    assert run(data, *lists, "--format", "json") == 1
    found = {finding["id"]: finding for finding in json.loads(capsys.readouterr().out)["preflight"]["findings"]}
    assert found["clip-drops-batch"]["count"] == 1
    assert found["clip-in-both-lists"]["count"] == 9


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_an_interruption_leaves_nothing_half_written(tmp_path: Path) -> None:
    data = make(tmp_path, clips(SHORT))
    command = [sys.executable, "-m", "shapecheck", "styletts2", "--config", str(data.config), "--layers", "none"]
    extras = ["--list", str(tmp_path / "a.csv"), "--write-filtered-lists", str(tmp_path / "new")]
    process = subprocess.Popen([*command, *extras], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"interrupted; nothing was written" in error
    assert not (tmp_path / "a.csv").exists()
    assert list((tmp_path / "new").glob("**/*")) == []


def test_two_runs_at_once_agree(tmp_path: Path) -> None:
    data = make(tmp_path, clips(SHORT))
    command = [sys.executable, "-m", "shapecheck", "styletts2", "--config", str(data.config), "--layers", "none"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    outputs = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [1, 1], outputs
    assert outputs[0][0] == outputs[1][0]
