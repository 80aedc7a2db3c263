"""Notices for other programs: levels, places, and the three forms in which they are written."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from shapecheck import Skipped
from shapecheck.preflight import Affected, Finding, Moment, Preflight, Severity
from shapecheck.render.github import workflow_commands
from shapecheck.render.junit import suites
from shapecheck.render.notices import Level, Notice, notices
from shapecheck.render.sarif import log
from tests import handmade

CONFIG = """\
# a comment
max_len: 70
model_params:
  decoder:
    type: hifigan
  max_len: 3
batch_size: 1
"""


def finding(message: str, remedy: str = "Change it.", **fields: object) -> Finding:
    values = {"severity": Severity.FATAL, "when": Moment.FIRST_STEP, "count": 1, "files": ()} | fields
    return Finding(identity="some-finding", message=message, remedy=remedy, **values)  # type: ignore[arg-type]


def preflight(*findings: Finding) -> Preflight:
    return Preflight("finetune", "as asked for", (), (), {}, findings, {"epochs": 50})


def of_findings(file: str, *findings: Finding) -> tuple[Notice, ...]:
    return notices(handmade.model_report(), preflight(*findings), file)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("config.yml").write_text(CONFIG)
    return "config.yml"


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("max_len is 70: too few.", 2),
        ("the decoder of max_len", 4),  # the first key that is named
        ("model_params.decoder.type: hifigan", 3),
        ("nothing that is a key", None),
    ],
)
def test_a_finding_stands_at_its_key(message: str, line: int | None, config: str) -> None:
    (notice,) = of_findings(config, finding(message))
    assert (notice.file, notice.line, notice.level) == (config, line, Level.ERROR)
    assert notice.message == f"{message} (first step)"


def test_a_remedy_may_name_the_key(config: str) -> None:
    (notice,) = of_findings(config, finding("too small", "batch_size: 2 at least."))
    assert notice.line == 7
    assert notice.text.endswith("Remedy: batch_size: 2 at least.")


@pytest.mark.parametrize("content", [b"", b"a: [", b"\xff\xfe", b"- 1\n- {b: 2}", b"just text"])
def test_a_configuration_without_that_key(content: bytes, config: str) -> None:
    Path(config).write_bytes(content)
    (notice,) = of_findings(config, finding("max_len is 70."))
    assert (notice.file, notice.line) == (config, None)


def test_lines_of_lists(config: str) -> None:
    files = tuple(Affected(f"{number}.wav", "train.txt", number, {"samples": 9}) for number in range(1, 8))
    found = of_findings(config, finding("too short.", files=files, severity=Severity.DROP))
    assert [(each.file, each.line) for each in found] == [("train.txt", 1), ("train.txt", 2), ("train.txt", 3)]
    assert "And 4 more." in found[0].message
    assert "1.wav: samples 9." in found[0].message


@pytest.mark.parametrize(
    ("severity", "level"),
    [
        (Severity.FATAL, Level.ERROR),
        (Severity.DROP, Level.ERROR),
        (Severity.DEGRADE, Level.WARNING),
        (Severity.INFO, Level.NOTE),
    ],
)
def test_levels(severity: Severity, level: Level) -> None:
    (notice,) = of_findings("", finding("x", severity=severity))
    assert (notice.level, notice.file, notice.line) == (level, "", None)


def test_components() -> None:
    report = handmade.model_report(
        handmade.style_encoder(), handmade.undecided(), skipped=(Skipped("slm", "needs hf"),)
    )
    found = {each.subject: each for each in notices(report, None, "")}
    assert found["style_encoder"].rule == "smallest-length"
    assert "style_encoder runs with T >= 65: at least 65 mel frames" in found["style_encoder"].message
    assert "; shared.6 decides." in found["style_encoder"].message
    undecided = next(each for each in found.values() if each.rule == "undecided")
    assert undecided.level is Level.WARNING
    assert (found["slm"].rule, found["slm"].message) == ("not-analyzed", "needs hf")


def test_a_component_that_never_runs() -> None:
    entry = handmade.style_encoder()
    never = replace(entry, report=replace(entry.report, valid=handmade.NOTHING))
    (notice,) = notices(handmade.model_report(never), None, "")
    assert (notice.rule, notice.level) == ("no-valid-length", Level.ERROR)
    assert "RuntimeError" in notice.message


ODD = Notice("a-rule", Level.ERROR, "some:thing", "100 %, a\nsecond line\r: <&>\x1b\x00", "Do\nit.", "a, b:c.yml", 3)
NOTE = Notice("smallest-length", Level.NOTE, "mpd", "mpd runs.", file="a, b:c.yml")
OPEN = Notice("undecided", Level.WARNING, "wd", "wd: not decided")


def test_workflow_commands() -> None:
    error = "::error file=a%2C b%3Ac.yml,line=3,title=shapecheck a-rule::"
    assert workflow_commands((ODD, NOTE, NOTE, OPEN)).splitlines() == [
        error + "100 %25, a%0Asecond line%0D: <&>\x1b\x00 Remedy: Do%0Ait.",
        "::warning title=shapecheck undecided::wd: not decided",
        "::notice file=a%2C b%3Ac.yml,title=shapecheck%3A 1 error%2C 1 warning%2C 2 notes::mpd runs.%0Ampd runs.",
    ]
    assert workflow_commands(()) == ""


def test_sarif(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    inside, outside = replace(NOTE, file=str(tmp_path / "in.yml")), replace(NOTE, file="/other/ä b.yml")
    (run,) = json.loads(log((ODD, NOTE, OPEN, inside, outside)))["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["a-rule", "smallest-length", "undecided"]
    assert [(each["level"], each["ruleIndex"]) for each in run["results"][:3]] == [
        ("error", 0),
        ("note", 1),
        ("warning", 2),
    ]
    places = [each["locations"][0]["physicalLocation"] for each in run["results"] if "locations" in each]
    assert [place["artifactLocation"]["uri"] for place in places] == [
        *("a%2C%20b%3Ac.yml", "a%2C%20b%3Ac.yml", "in.yml", "file:///other/%C3%A4%20b.yml")
    ]
    assert [place["region"]["startLine"] for place in places] == [3, 1, 1, 1]
    assert "locations" not in run["results"][2]


def test_junit() -> None:
    root = ET.fromstring(suites("A <model>", (ODD, NOTE, OPEN)))
    (suite,) = root
    assert (suite.attrib["name"], suite.attrib["tests"]) == ("A <model>", "3")
    assert (suite.attrib["failures"], suite.attrib["skipped"]) == ("1", "1")
    failed, passed, skipped = suite
    assert (failed.attrib["classname"], failed.attrib["name"]) == ("shapecheck.preflight.a-rule", "a-rule (some:thing)")
    assert (failed.attrib["file"], failed.attrib["line"]) == ("a, b:c.yml", "3")
    assert (failed.find("failure").text or "").startswith("100 %, a\nsecond line")  # type: ignore[union-attr]
    assert (passed.attrib["classname"], passed.attrib["name"]) == ("shapecheck.limits", "mpd")
    assert passed.findtext("system-out") == "mpd runs."
    assert skipped.find("skipped") is not None
