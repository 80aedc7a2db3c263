"""What users put into their builds: the formats from outside, the hook, the action, and the completion of a shell."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from shapecheck.cli import main
from shapecheck.exit_codes import ExitCode

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
X = "f32[1, 80, T]"
CONV = ("module", "torch.nn:Conv1d", X, "--init", "[80, 64, 5]")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return command


@pytest.fixture
def configs(tmp_path: Path, package: Path) -> tuple[str, str]:
    """The published configuration, and one with which nothing is trained."""
    text = (package / "Configs" / "config_ft.yml").read_text()
    assert "\nmax_len: 400 " in text
    (tmp_path / "good.yml").write_text(text)
    (tmp_path / "bad.yml").write_text(text.replace("\nmax_len: 400 ", "\nmax_len: 70 "))
    return "good.yml", "bad.yml"


@pytest.fixture
def package() -> Path:
    from tests.models.published import config_path

    return config_path("ft").parent.parent


def in_shell(command: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_github(run: Run) -> None:
    code, out, err = run(*CONV, "--format", "github")
    assert (code, err) == (ExitCode.OK, "")
    assert out == (
        "::notice title=shapecheck%3A 0 errors%2C 0 warnings%2C 1 note::"
        "Conv1d runs with T >= 5: at least 5 steps; (the module itself) decides.\n"
    )


def test_sarif(run: Run, configs: tuple[str, str], tmp_path: Path) -> None:
    code, out, _ = run("styletts2", "--config", configs[1], "--no-data", "--format", "sarif", "--output", "a.sarif")
    assert (code, out) == (ExitCode.FINDINGS, "")
    (found,) = json.loads((tmp_path / "a.sarif").read_text())["runs"]
    errors = [each for each in found["results"] if each["level"] == "error"]
    assert [each["ruleId"] for each in errors] == ["max-len-too-low"]
    place = errors[0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "bad.yml"
    lines = (tmp_path / "bad.yml").read_text().splitlines()
    assert lines[place["region"]["startLine"] - 1].startswith("max_len: 70")


def test_sarif_is_valid(run: Run, configs: tuple[str, str], tmp_path: Path) -> None:
    run("styletts2", "--config", configs[1], "--no-data", "--format", "sarif", "--output", "a.sarif")
    validator = ROOT / "tests" / "browser" / "node_modules" / ".bin" / "sarif-multitool"
    if not validator.exists():
        pytest.skip("the validator of SARIF logs is not there: make browser (needs npm)")
    done = in_shell([str(validator), "validate", "a.sarif", "--level", "Error", "--output", "found.sarif"], tmp_path)
    assert done.returncode == 0, done.stdout
    assert json.loads((tmp_path / "found.sarif").read_text())["runs"][0]["results"] == [], done.stdout


def test_junit(run: Run, configs: tuple[str, str]) -> None:
    code, out, _ = run("styletts2", "--config", configs[1], "--no-data", "--format", "junit")
    assert code == ExitCode.FINDINGS
    root = ET.fromstring(out)
    assert [case.attrib["classname"] for case in root.iter("testcase") if case.find("failure") is not None] == [
        "shapecheck.preflight.max-len-too-low"
    ]


def test_the_hook_is_one(tmp_path: Path) -> None:
    done = in_shell(["pre-commit", "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml")], tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("chosen", "code"), [((0,), 0), ((1, 0), 1)])
def test_the_hook_looks_at_each_file(
    chosen: tuple[int, ...], code: int, configs: tuple[str, str], tmp_path: Path
) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    done = in_shell([*shlex.split(hook["entry"]), *(configs[number] for number in chosen)], tmp_path)
    assert done.returncode == code, done.stderr
    assert done.stdout.count("Pre-flight: ") == len(chosen)


def test_the_action_is_one() -> None:
    done = in_shell(["check-jsonschema", "--builtin-schema", "vendor.github-actions", "action.yml"], ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="the action runs in bash")
def test_what_the_action_runs(configs: tuple[str, str], tmp_path: Path) -> None:
    steps: list[dict[str, Any]] = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    (step,) = [step for step in steps if step.get("id") == "shapecheck"]
    output = tmp_path / "output"
    done = in_shell(
        ["bash", "-e", "-o", "pipefail", "-c", step["run"]],
        tmp_path,
        CONFIG=configs[1],
        ARGUMENTS="--no-data --stage finetune",
        RUNNER_TEMP=str(tmp_path),
        GITHUB_OUTPUT=str(output),
    )
    assert done.returncode == ExitCode.FINDINGS
    assert done.stdout.startswith("::error file=bad.yml,line=")
    key, _, path = output.read_text().strip().partition("=")
    assert key == "sarif"
    assert json.loads(Path(path).read_text())["version"] == "2.1.0"


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("shapecheck expl", ["explain"]),
        ("shapecheck styletts2 --comp", ["--component"]),
        ("shapecheck styletts2 --component style", ["style_encoder"]),
        ("shapecheck explain styletts2 --preset l", ["libritts", "ljspeech"]),
    ],
)
def test_completion(typed: str, offered: list[str], tmp_path: Path) -> None:
    variables = {"_SHAPECHECK_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    done = in_shell([str(BIN / "shapecheck")], tmp_path, **variables)
    assert sorted(done.stdout.split()) == offered, done.stderr
