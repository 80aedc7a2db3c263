"""What README.md shows is what really comes out; `make readme` writes it anew."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [page for page in (README, *sorted((ROOT / "docs").glob("*.md"))) if ">>> " in page.read_text(encoding="utf-8")]
DOCUMENTED = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts)
    for file in sorted((ROOT / "shapecheck").rglob("*.py"))
    if ">>> " in file.read_text(encoding="utf-8")
]
EXAMPLES = re.compile(r"^```console\n\$ (?P<command>.*)\n(?P<output>(?:.*\n)*?)```\n", re.MULTILINE)


def output_of(command: str) -> str:
    """Standard output of a shell command, in a terminal of 100 columns with the environment's own `shapecheck`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env={**os.environ, "PATH": path, "COLUMNS": "100", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_are_examples() -> None:
    assert len(EXAMPLES.findall(README.read_text(encoding="utf-8"))) == 5


@pytest.mark.parametrize(
    "command", [match["command"] for match in EXAMPLES.finditer(README.read_text(encoding="utf-8"))]
)
def test_console_example(command: str, request: pytest.FixtureRequest) -> None:
    shown = output_of(command)
    assert "```" not in shown
    text = README.read_text(encoding="utf-8")
    match = next(match for match in EXAMPLES.finditer(text) if match["command"] == command)
    if request.config.getoption("--overwrite-golden"):
        README.write_text(text[: match.start("output")] + shown + text[match.end("output") :], encoding="utf-8")
    else:
        assert match["output"] == shown, "README.md shows something else; if the new output is right: make readme"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_example(page: Path) -> None:
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert tried
    assert not failed


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstring_example(name: str) -> None:
    failed, tried = doctest.testmod(import_module(name))
    assert tried
    assert not failed
