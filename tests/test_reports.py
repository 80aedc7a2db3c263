"""The documents in reports/ are what `make reports` writes, byte for byte, wherever it runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from shapecheck.saved import parse

ROOT = Path(__file__).parent.parent
REPORTS = ROOT / "reports"
NAMES = ("config_ft", "config_libritts", "config_ljspeech")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made anew, in another folder, with another locale, hash seed, time zone and width of the terminal."""
    folder = tmp_path_factory.mktemp("elsewhere")
    environment = {"COLUMNS": "60", "LC_ALL": "C", "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "PYTHONUTF8": "0"}
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    done = subprocess.run(
        [sys.executable, "-m", "shapecheck", "report", "presets", "--output", "reports"],
        cwd=folder,
        env={**os.environ, **environment, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "reports"


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_same_files(made: Path) -> None:
    assert files(made) == files(REPORTS)
    assert files(REPORTS) == sorted(
        ["README.md", *(f"{name}/report.{ending}" for name in NAMES for ending in ("md", "html", "json"))]
    )


@pytest.mark.parametrize("name", files(REPORTS))
def test_the_same_bytes(name: str, made: Path) -> None:
    assert (made / name).read_bytes() == (REPORTS / name).read_bytes(), f"{name} differs; if meant: make reports"


@pytest.mark.parametrize("name", files(REPORTS))
def test_nothing_of_the_machine_is_in_them(name: str) -> None:
    text = (REPORTS / name).read_text(encoding="utf-8")
    assert str(ROOT) not in text
    assert not re.search(r"/home/|/tmp/|/root/|[A-Z]:\\\\", text)
    assert not re.search(r"\b20[2-9]\d-\d\d-\d\d\b", text)
    assert not re.search(r"PyTorch \d+\.\d+\.\d", text)
    if name.endswith(".html"):
        assert len(text.encode()) < 600_000


@pytest.mark.parametrize("name", NAMES)
def test_the_documents_are_documents_of_limits(name: str) -> None:
    path = REPORTS / name / "report.json"
    schema = json.loads((ROOT / "tests" / "render" / "limits.schema.json").read_text(encoding="utf-8"))
    document = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(document, schema)
    assert parse(path.read_bytes(), str(path)).components


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_of_the_index_is_that_of_the_document(name: str) -> None:
    """Each row of the index says of this configuration what its document says, and whether that is proved."""
    document = json.loads((REPORTS / name / "report.json").read_text(encoding="utf-8"))
    lines = (REPORTS / "README.md").read_text(encoding="utf-8").splitlines()
    titles = next(line for line in lines if line.startswith("| component |")).strip("| ").split(" | ")
    for component in document["components"]:
        row = next(line for line in lines if line.startswith(f"| `{component['name']}` |")).strip("| ").split(" | ")
        cell = row[titles.index(name)]
        cell = row[1] if cell == "the same" else cell
        assert cell.startswith(f"`{component['valid']['text']}`: {component['minimum']:,} ")
        assert cell.endswith("proved" if component["proved"] else f"swept 1 to {component['swept'][1]:,}")
