"""`shapecheck report` from outside: which files it writes, what it refuses, and its exit codes."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from shapecheck.cli import main
from shapecheck.exit_codes import ExitCode
from shapecheck.lengths.lengthset import LengthSet
from tests.models.preflight.datasets import Clip, make
from tests.test_cli_preflight import SHORT, clips

SCHEMA = json.loads((Path(__file__).parent / "render" / "limits.schema.json").read_text(encoding="utf-8"))
FILES = ["components.csv", "layers.csv", "report.html", "report.json", "report.md"]

NET = """
import torch
from torch import nn

class Encoder(nn.Module):
    def __init__(self, dim=4):
        super().__init__()
        self.first = nn.Conv1d(dim, dim, 4, stride=2)
        self.last = nn.Conv1d(dim, dim, 5)

    def forward(self, x):
        print("noise")
        return self.last(self.first(x))

class Even(nn.Module):
    def forward(self, x):
        if x.shape[-1] % 2:
            raise ValueError("even lengths only")
        return x

class Open(nn.Module):
    def forward(self, x):
        return x[..., : int(x.sum())]
"""
X = "f32[1, 4, T]"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(NET)

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main(["report", *arguments])
        out, err = capfd.readouterr()
        return code, out, err

    return command


def module(run: Run, *options: str, name: str = "Encoder") -> tuple[int, str, str]:
    return run("module", f"net.py:{name}", X, *options)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_all_files_of_a_module(run: Run, tmp_path: Path) -> None:
    code, out, err = module(run, "--output", "deep/report", "--unit", "frames=0.0125 s")
    assert (code, out) == (ExitCode.OK, "")
    folder = tmp_path / "deep" / "report"
    assert names(folder) == FILES
    for name in FILES:
        assert f"shapecheck: wrote deep/report/{name}\n" in err
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, SCHEMA)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "T &gt;= 12" in page
    assert "Kernel size can&#39;t be greater than actual input size" in page
    assert "# Encoder" in (folder / "report.md").read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_document(run: Run, tmp_path: Path) -> None:
    assert run("styletts2", "--component", "mpd", "--component", "bert", "--output", "r")[0] == ExitCode.OK
    document = json.loads((tmp_path / "r" / "report.json").read_text(encoding="utf-8"))
    components, layers = (
        list(csv.DictReader((tmp_path / "r" / name).read_text(encoding="utf-8").splitlines()))
        for name in ("components.csv", "layers.csv")
    )
    assert (
        [row["component"] for row in components] == [each["name"] for each in document["components"]] == ["bert", "mpd"]
    )
    expected = [(component, layer) for component in document["components"] for layer in component["layers"]]
    assert len(layers) == len(expected)
    for row, (component, layer) in zip(layers, expected, strict=True):
        assert (row["component"], row["layer"], row["kind"]) == (component["name"], layer["name"], layer["kind"])
        assert row["kernel_size"] == "x".join(map(str, layer["kernel_size"]))
        assert row["minimum"] == ("" if layer["minimum"] is None else str(layer["minimum"]))
        assert row["rejects"] == ("" if not layer["rejects"]["ranges"] else layer["rejects"]["text"])
    for row, component in zip(components, document["components"], strict=True):
        assert row["valid"] == component["valid"]["text"]
        assert row["minimum"] == str(component["minimum"])
        assert row["maximum"] == ("" if component["maximum"] is None else str(component["maximum"]))
        assert row["proved"] == "yes"
    assert [components[1][key] for key in ("mel_frames", "samples", "seconds")] == ["0.02", "6", "0.00025"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("markdown", ["report.md"]),
        ("html", ["report.html"]),
        ("json", ["report.json"]),
        ("csv", ["components.csv", "layers.csv"]),
    ],
)
def test_one_format_alone(written: str, expected: list[str], run: Run, tmp_path: Path) -> None:
    assert module(run, "--output", "r", "--format", written)[0] == ExitCode.OK
    assert names(tmp_path / "r") == expected


def test_periodic_sets(run: Run, tmp_path: Path) -> None:
    assert module(run, "--output", "r", name="Even")[0] == ExitCode.OK
    document = json.loads((tmp_path / "r" / "report.json").read_text(encoding="utf-8"))
    valid = document["components"][0]["valid"]
    assert LengthSet.parse(valid["text"]) == LengthSet.parse("T >= 2, T even")
    assert 'data-ranges="2,,2"' in (tmp_path / "r" / "report.html").read_text(encoding="utf-8")


def test_what_is_left_unknown_is_an_exit_code(run: Run, tmp_path: Path) -> None:
    assert module(run, "--output", "r", name="Open")[0] == ExitCode.UNKNOWN
    assert "partly unknown" in (tmp_path / "r" / "report.html").read_text(encoding="utf-8")


def test_our_own_files_are_replaced_and_others_are_not(run: Run, tmp_path: Path) -> None:
    assert module(run, "--output", "r")[0] == ExitCode.OK
    before = {name: (tmp_path / "r" / name).read_bytes() for name in FILES}
    assert module(run, "--output", "r")[0] == ExitCode.OK
    assert {name: (tmp_path / "r" / name).read_bytes() for name in FILES} == before
    for name in ("report.md", "layers.csv"):
        (tmp_path / "r" / name).write_text("my own\n")
    code, _, err = module(run, "--output", "r")
    assert code == ExitCode.USAGE
    assert "report.md and layers.csv are there already, and not of a report; give another folder, or --force" in err
    assert (tmp_path / "r" / "report.md").read_text() == "my own\n"
    assert module(run, "--output", "r", "--format", "html")[0] == ExitCode.OK
    assert module(run, "--output", "r", "--force")[0] == ExitCode.OK
    assert (tmp_path / "r" / "report.md").read_bytes() == before["report.md"]


def test_with_data_the_preflight_is_in_it(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHAPECHECK_CACHE", str(tmp_path / "cache"))
    make(tmp_path, clips(SHORT, Clip(samples=9_001)))
    code, _, _ = run("styletts2", "--config", "config.yml", "--data", "--output", "r", "--format", "html")
    assert code == ExitCode.FINDINGS
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert "WILL FAIL" in page
    assert 'id="finding-clip-too-short"' in page
    assert "It starts at the shortest clip of the data." in page
    assert '<strong data-symbol="S">9,001</strong>' in page
    code, _, _ = run("styletts2", "--config", "config.yml", "--stage", "first", "--no-data", "--output", "r")
    assert "train_first.py" in (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert "## Pre-flight" in (tmp_path / "r" / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments",
    [(), ("--help",), ("styletts2", "--help"), ("module", "--help"), ("presets", "--help")],
)
def test_help(arguments: tuple[str, ...], run: Run) -> None:
    code, out, err = run(*arguments)
    assert (code, err) == (ExitCode.OK, "")
    assert "Examples:" in out


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (("styletts2",), ("--output: is missing; give a folder, such as --output report",)),
        (("presets",), ("--output: is missing",)),
        (("styletts2", "--output", ""), ("--output: the name is empty; give a folder",)),
        (("styletts2", "--output", "net.py"), ("--output net.py: is a file; give a folder",)),
        (("styletts2", "--output", "net.py/r"), ("--output net.py/r: cannot be made: ",)),
        (("styletts2", "--output", "r\0"), ("--output 'r\\x00': is no name of a folder",)),
        (("styletts2", "--output", "r" * 300), ("is no name of a folder",)),
        (("styletts2", "--output", "taken"), ("report.html is there already, and not of a report",)),
        (("styletts2", "--output", "folders"), ("report.json: is a directory",)),
        (
            ("styletts2", "--format", "pdf", "--component", "mdp", "--lengths", "9:1", "--output", "net.py"),
            (
                "4 problems",
                "--format pdf: unknown; one of: markdown, html, json, csv",
                "--component mdp",
                "--lengths 9:1",
            ),
        ),
        (("styletts2", "--data", "--train", "--output", "r"), ("--data with --train: the pre-flight needs",)),
        (("module", "no.py:Nobody", X, "--output", "r"), ("no.py: there is no such",)),
        (("module", "net.py:Encoder", "--output", "r"), ("Encoder.forward",)),
    ],
)
def test_misuse(arguments: tuple[str, ...], messages: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "report.html").write_text("<p>mine</p>")
    (tmp_path / "folders" / "report.json").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    code, out, err = run(*arguments)
    assert (code, out) == (ExitCode.USAGE, "")
    for message in messages:
        assert message in err
    assert "Traceback" not in err
    assert sorted(path for path in tmp_path.rglob("*") if "__pycache__" not in str(path)) == before
