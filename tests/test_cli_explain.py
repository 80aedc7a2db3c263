"""`shapecheck explain` from outside: text, JSON and picture, what it refuses, and its exit codes."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from shapecheck.cli import main
from shapecheck.exit_codes import ExitCode

SCHEMA = json.loads((Path(__file__).parent / "render" / "explanation.schema.json").read_text(encoding="utf-8"))
SVG = "{http://www.w3.org/2000/svg}"

NET = """
import torch
from torch import nn

class Encoder(nn.Module):
    def __init__(self, dim=4):
        super().__init__()
        self.first = nn.Conv1d(dim, dim, 4, stride=2)
        self.norm = nn.InstanceNorm1d(dim)
        self.last = nn.Conv1d(dim, dim, 5)

    def forward(self, x):
        return self.last(self.norm(self.first(x)))

class Fixed(nn.Module):
    def forward(self, x):
        if x.shape[-1] != 8:
            raise ValueError("8 frames <only> & no others")
        return x

class Open(nn.Module):
    def forward(self, x):
        return x[..., : int(x.sum())]
"""
X = "f32[1, 4, T]"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    Path("net.py").write_text(NET)

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main(["explain", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return command


def module(run: Run, length: int, *options: str, name: str = "Encoder") -> tuple[int, str, str]:
    return run("module", f"net.py:{name}", X, "--length", str(length), *options)


def test_style_encoder(run: Run, golden: Callable[[str, str], None]) -> None:
    code, out, err = run("styletts2", "--preset", "ft", "--component", "style_encoder", "--length", "64")
    assert code == ExitCode.OK
    assert err == "shapecheck: note: preset ft: the text aligner and PLBERT have their published values\n"
    golden("explain_style_encoder.txt", out)


def test_a_module(run: Run, golden: Callable[[str, str], None]) -> None:
    code, out, err = module(run, 10, "--unit", "mel frames=0.0125 s")
    assert (code, err) == (ExitCode.OK, "")
    golden("explain_module.txt", out)


def test_a_length_that_runs(run: Run) -> None:
    code, out, _ = module(run, 30)
    assert code == ExitCode.OK
    assert "T = 30: 30 steps: runs" in out
    assert "the nearest refused: 11 (19 less)" in out


@pytest.mark.parametrize(("name", "length"), [("Encoder", 5), ("Encoder", 30), ("Fixed", 3), ("Fixed", 8), ("Open", 4)])
def test_json(name: str, length: int, run: Run) -> None:
    code, out, _ = module(run, length, "--format", "json", name=name)
    found = json.loads(out)
    jsonschema.validate(found, SCHEMA)
    assert found["length"] == length
    expected = {"Encoder": "invalid" if length == 5 else "valid", "Fixed": "invalid" if length == 3 else "valid"}
    assert found["outcome"] == expected.get(name, "unknown")
    assert code == (ExitCode.UNKNOWN if name == "Open" else ExitCode.OK)
    if (name, length) == ("Encoder", 5):  # the norm comes first, which refuses it
        assert [each["then_minimum"] for each in found["bottlenecks"]] == [12, 4, 1]
    if (name, length) == ("Fixed", 3):
        assert found["failure"]["error"] == "ValueError: 8 frames <only> & no others"
        assert [failure["lengths"]["text"] for failure in found["rest"]] == ["T >= 1, T != 8"]


@pytest.mark.parametrize(("name", "length"), [("Encoder", 10), ("Encoder", 30), ("Fixed", 3)])
def test_picture(name: str, length: int, run: Run, tmp_path: Path) -> None:
    code, _, err = module(run, length, "--svg", "way.svg", name=name)
    assert (code, err) == (ExitCode.OK, "")
    root = ET.parse(tmp_path / "way.svg").getroot()
    assert root.tag == f"{SVG}svg"
    width, height = (float(root.attrib[key]) for key in ("width", "height"))
    for bar in root.iter(f"{SVG}rect"):
        assert float(bar.get("x", "0")) >= 0
        assert float(bar.get("x", "0")) + float(bar.attrib["width"]) <= width
        assert float(bar.get("y", "0")) + float(bar.attrib["height"]) <= height
    texts = [text.text or "" for text in root.iter(f"{SVG}text")]
    assert str(length) in texts
    if (name, length) == ("Encoder", 10):
        assert "4 of 5 needed" in texts
        bars = {bar.get("class"): float(bar.attrib["width"]) for bar in root.iter(f"{SVG}rect")}
        assert bars["short"] / bars["needed"] == pytest.approx(4 / 5, rel=0.01)
    assert "http" not in ET.tostring(root, encoding="unicode").replace("http://www.w3.org/2000/svg", "")


def test_to_files(run: Run, tmp_path: Path) -> None:
    code, out, _ = module(run, 10, "--output", "why.txt", "--svg", "way.svg")
    assert (code, out) == (ExitCode.OK, "")
    assert (tmp_path / "why.txt").read_text().startswith("Encoder")
    assert not list(tmp_path.glob(".shapecheck*"))


def test_a_fixed_size_beside_the_length(run: Run) -> None:
    code, out, _ = run("module", "net.py:Encoder", "f32[B, 4, T]", "B=2:2", "--length", "10")
    assert code == ExitCode.OK
    assert out.startswith("Encoder, B = 2")


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",), ("styletts2", "--help"), ("module", "--help")])
def test_help(arguments: tuple[str, ...], run: Run) -> None:
    code, out, err = run(*arguments)
    assert (code, err) == (ExitCode.OK, "")
    assert "Examples:" in out


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (("styletts2",), ("--component: is missing; one of: text_encoder, ", "--length: is missing")),
        (("styletts2", "--component", "mpd", "--length", "0"), ("--length 0: expected a whole number from 1 to",)),
        (("styletts2", "--component", "mpd", "--length", "²"), ("--length ²: expected a whole number",)),
        (("styletts2", "--component", "mdp", "--length", "5"), ("--component mdp: unknown; did you mean msd or mpd",)),
        (("styletts2", "--component", "mpd", "--length", "5", "--format", "svg"), ("--format svg: unknown",)),
        (("styletts2", "--config", "no.yml", "--component", "mpd", "--length", "5"), ("no.yml",)),
        (
            ("module", "no.py:Nobody", X, "--length", "x"),
            ("no.py: there is no such", "--length x: expected a whole number"),
        ),
        (("module", "net.py:Encoder", "--length", "5"), ("Encoder.forward",)),
        (("module", "net.py:Encoder", "f32[B, 4, T]", "B=1:3", "--length", "5"), ("give one value for each",)),
        (("module", "net.py:Encoder", X, "--length", "5", "--svg", "-"), ("--svg -: the explanation goes to",)),
        (("module", "net.py:Encoder", X, "--length", "5", "--svg", "a", "--output", "a"), ("is the file of --output",)),
        (("module", "net.py:Encoder", X, "--length", "5", "--svg", "net.py"), ("is a file that this command reads",)),
        (("module", "net.py:Encoder", X, "--length", "5", "--svg", "no/a.svg"), ("there is no directory",)),
        (("models",), ("models",)),
    ],
)
def test_misuse(arguments: tuple[str, ...], messages: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    code, out, err = run(*arguments)
    assert (code, out) == (ExitCode.USAGE, "")
    for message in messages:
        assert message in err
    assert "Traceback" not in err
    assert sorted(tmp_path.iterdir()) == before
