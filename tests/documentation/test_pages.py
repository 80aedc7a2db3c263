"""What README.md and the pages of docs/ show is what really comes out; `make readme` writes it anew.

`console`: run, and compared line by line; `sh`: run, and must end well; `python`: a doctest; `yaml`: read. A page is
one session: its commands run in order in one folder (`workplace.py`).
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from shapecheck.cli import main
from shapecheck.exit_codes import ExitCode

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
DOCUMENTED = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts)
    for file in sorted((ROOT / "shapecheck").rglob("*.py"))
    if ">>> " in file.read_text(encoding="utf-8")
]
BLOCKS = re.compile(r"^```(?P<kind>\w+)\n(?P<text>(?:.*\n)*?)```$", re.MULTILINE)
ENDED_WELL = (ExitCode.OK, ExitCode.FINDINGS)
NOT_RUN = ("make ", "git ", "pip ")  # they set up what the tests run in; CI runs the two of README.md


@dataclass(frozen=True)
class Block:
    kind: str
    text: str
    start: int  # of the text, in its page
    end: int


def blocks(page: Path) -> list[Block]:
    found = BLOCKS.finditer(page.read_text(encoding="utf-8"))
    return [Block(match["kind"], match["text"], match.start("text"), match.end("text")) for match in found]


def having(*kinds: str) -> list[Path]:
    return [page for page in PAGES if any(block.kind in kinds for block in blocks(page))]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def output_of(command: str) -> str:
    """Standard output of a shell command, with the environment's own `shapecheck`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode in ENDED_WELL, done.stderr
    return done.stdout


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    kinds = {block.kind for page in PAGES for block in blocks(page)}
    assert kinds <= {"console", "sh", "python", "yaml", "text"}
    for page in PAGES:
        assert page.read_text(encoding="utf-8").count("```") == 2 * len(blocks(page)), page


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("page", having("console", "sh"), ids=name_of)
def test_commands(page: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> None:
    text = page.read_text(encoding="utf-8")
    anew, copied = "", 0
    for block in blocks(page):
        if block.kind == "console":
            first, _, _ = block.text.partition("\n")
            out = output_of(first.removeprefix("$ "))
            assert "```" not in out
            anew += f"{text[copied : block.start]}{first}\n{out}"
            copied = block.end
        elif block.kind == "sh":
            for line in block.text.replace("\\\n", " ").splitlines():
                if line and not line.startswith(NOT_RUN):
                    program, *arguments = shlex.split(line, comments=True)
                    assert program == "shapecheck", line
                    code = main(arguments)
                    assert code in ENDED_WELL, (line, capsys.readouterr().err)
    anew += text[copied:]
    if request.config.getoption("--overwrite-golden"):
        page.write_text(anew, encoding="utf-8")
    else:
        assert anew == text, f"{name_of(page)} shows something else; if the new output is right: make readme"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("page", having("python"), ids=name_of)
def test_python_examples(page: Path) -> None:
    """With prompts a doctest; without, a script, whose own assertions hold."""
    if ">>> " in page.read_text(encoding="utf-8"):
        failed, tried = doctest.testfile(str(page), module_relative=False, optionflags=doctest.ELLIPSIS)
        assert tried
        assert not failed
    for block in blocks(page):
        if block.kind == "python" and ">>> " not in block.text:
            exec(compile(block.text, str(page), "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("page", having("yaml"), ids=name_of)
def test_yaml(page: Path) -> None:
    for block in blocks(page):
        if block.kind == "yaml":
            assert yaml.safe_load(block.text)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstring_examples(name: str) -> None:
    failed, tried = doctest.testmod(import_module(name))
    assert tried
    assert not failed


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_within_the_repository(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target
