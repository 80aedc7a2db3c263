"""`shapecheck module` from outside: what a user sees, exit codes, and that nothing else is on standard output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shapecheck.cli import main
from shapecheck.exit_codes import ExitCode

ROOT = Path(__file__).parent.parent

NET = """
import os, sys, threading
from torch import nn
class Encoder(nn.Module):
    \"\"\"Halves twice, and looks at five.\"\"\"
    def __init__(self, dim_in=80):
        super().__init__()
        self.first = nn.Conv1d(dim_in, 8, 3, stride=2, padding=1)
        self.second = nn.Conv1d(8, 8, 3, stride=2, padding=1)
        self.last = nn.Conv1d(8, 8, 5)
    def forward(self, x, speed: float = 1.0):
        return self.last(self.second(self.first(x))) * speed
class Exits(Encoder):
    def forward(self, x): sys.exit("bye")
class Exact(Encoder):
    def forward(self, x): return self.first(x) if x.sum() > 0 else self.last(x)
class Missing(Encoder):
    def forward(self, x): import gruut; return self.first(x)
"""

X = "f32[1, 80, T]"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "net.py").write_text(NET)

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main(["module", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return command


@pytest.mark.parametrize("columns", [80, 120])
def test_table(columns: int, run: Run, golden: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    code, out, err = run("net.py:Encoder", X, "--unit", "mel frames=0.0125 s")
    assert (code, err) == (ExitCode.OK, "")
    golden(f"module_{columns}.txt", out)


def test_json(run: Run) -> None:
    code, out, err = run("net.py:Encoder", "f32[1, 40, T]", "--init", '{"dim_in": 40}', "--format", "json", "--train")
    assert (code, err) == (ExitCode.OK, "")
    found = json.loads(out)
    assert (found["model"], found["source"], found["config"], found["mode"]) == (
        "net.py:Encoder", "net.py", "", "train",
    )  # fmt: skip
    component = found["components"][0]
    assert (component["name"], component["class"], component["minimum"]) == ("Encoder", "Encoder", 17)
    assert component["unit"] == "steps"


def test_output(run: Run, tmp_path: Path) -> None:
    assert run("net.py:Encoder", X, "--output", "limits.txt")[:2] == (ExitCode.OK, "")
    assert (tmp_path / "limits.txt").read_text().startswith("net.py:Encoder\n")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["limits.txt", "net.py"]  # no __pycache__


def test_lengths_layers_and_method(run: Run) -> None:
    out = run("net.py:Encoder", X, "--lengths", "3:30", "--layers", "binding")[1]
    assert "swept 3 to 30" in out
    assert ">>  last" in out
    assert "first  Conv1d" not in out


def test_what_is_not_decided_has_an_exit_code(run: Run) -> None:
    assert run("net.py:Exact", X)[0] == ExitCode.UNKNOWN


def test_without_inputs_it_says_what_to_give(run: Run) -> None:
    code, out, err = run("net.py:Encoder", "--init", '{"dim_in": 40}')
    assert (code, out) == (ExitCode.USAGE, "")
    assert err.splitlines() == [
        "shapecheck: net.py:Encoder: give an input for each argument of Encoder.forward(x, speed=1.0)",
        "to start from: shapecheck module net.py:Encoder 'f32[1, 40, T]' --init '{\"dim_in\": 40}'",
    ]


def test_the_line_to_start_from_works(run: Run) -> None:
    import shlex

    line = run("net.py:Encoder", "--init", "[40]")[2].partition("to start from: ")[2]
    assert main(shlex.split(line)[1:]) == ExitCode.OK


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["net.py"], "net.py: names no class, instance or function; write net.py:NAME, one of: Encoder, Exits, Exact,"),
        (["net.py:Encode", X], "net.py:Encode: net.py has no Encode; it has Encoder, Exits, Exact, Missing"),
        (["net.py:Encoder", X, "--init", '{"dim": 3}'], "net.py:Encoder: got an unexpected keyword argument 'dim'"),
        (["net.py:Encoder", X, "rate=1"], "net.py:Encoder: got an unexpected keyword argument 'rate': Encoder.forward"),
        (
            ["net.py:Encoder", "f32[1, 80, 100]"],
            "INPUT: none has a variable, such as T in 'f32[1, 1, 80, T]': there is",
        ),
        (["net.py:Exits", X], "net.py:Exits: net.py, line 14 called sys.exit('bye')"),
        (
            ["net.py:Encoder", X, "--output", "net.py"],
            "--output net.py: is a file that this command reads; give another name",
        ),
        (
            ["absent.py:X", "nan", "--init", "3", "--unit", "=", "--lengths", "2:1", "--format", "xml"],
            (
                "6 problems:\n"
                "  absent.py:X: absent.py: there is no such file; write FILE.py:NAME, as in shapecheck module"
                " models.py:StyleEncoder 'f32[1, 1, 80, T]'\n"
                "  INPUT nan: is neither a spec such as 'f32[1, 1, 80, T]' nor a Python literal such as 1.0, None or"
                " '\"text\"'\n"
                "  --init 3: is neither a JSON object nor a list; write --init '{\"dim_in\": 64}'\n"
                "  --unit =: write what a length counts and how long one lasts: 'mel frames=0.0125 s'\n"
                "  --lengths 2:1: the first length is larger than the last; did you mean 1:2?\n"
                "  --format xml: unknown; one of: table, json"
            ),
        ),
    ],
)
def test_misuse(arguments: list[str], message: str, run: Run, tmp_path: Path) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (ExitCode.USAGE, "")
    assert err.startswith(f"shapecheck: {message}")
    assert [file.name for file in tmp_path.iterdir()] == ["net.py"]


def test_debug_shows_the_traceback(run: Run) -> None:
    err = run("net.py:Exits", X, "--debug")[2]
    assert err.startswith("Traceback (most recent call last):")
    assert err.endswith("shapecheck: net.py:Exits: net.py, line 14 called sys.exit('bye')\n")


LOUD = """
import atexit, os, subprocess, sys, threading, time
os.environ["PYTHONUNBUFFERED"] = "1"
print("at import")
os.write(1, b"below Python\\n")
os.system("echo by a program")
print("around", file=sys.__stdout__, flush=True)
atexit.register(print, "at exit")
def run():
    for _ in range(300):
        print("from a thread")
        time.sleep(0.01)
threading.Thread(target=run).start()
"""


def python(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "shapecheck", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_standard_output_is_the_command_s_alone(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET + LOUD)
    (tmp_path / "random.py").write_text("raise ValueError('not the one that is meant')")
    done = python("module", "net.py:Encoder", X, "--format", "json", folder=tmp_path)
    assert done.returncode == ExitCode.OK
    assert json.loads(done.stdout)["components"][0]["minimum"] == 17
    for text in ("at import", "below Python", "by a program", "around", "at exit", "from a thread"):
        assert text in done.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == ["net.py", "random.py"]


def test_standard_output_is_as_before_in_a_process_that_goes_on(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(NET + "os.system('echo by a program')")
    code = f"""
import os, sys
from shapecheck.cli import main
for _ in range(2):
    before = os.listdir("/dev/fd")
    assert main(["module", "loud.py:Encoder", {X!r}, "--layers", "none"]) == 0
    assert os.listdir("/dev/fd") == before or _ == 0
print("afterwards", flush=True)
os.system("echo afterwards")
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stderr == "by a program\n" * 2
    assert done.stdout.count("loud.py:Encoder\n") == 2
    assert done.stdout.endswith("afterwards\nafterwards\n")
