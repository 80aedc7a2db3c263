"""The rendered documentation: no warning, all commands and public names, and nothing fetched from elsewhere."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

import shapecheck

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder


def text_of(site: Path, page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", (site / page / "index.html").read_text(encoding="utf-8")))


def test_each_page_is_there(site: Path) -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").with_suffix("")
        assert (site / (name.parent if name.name == "index" else name) / "index.html").exists(), name


def test_the_reference_has_every_public_name_with_its_docstring(site: Path) -> None:
    page = (site / "reference" / "python" / "index.html").read_text(encoding="utf-8")
    text = " ".join(text_of(site, "reference/python").split())
    for name in cast("Any", shapecheck).__all__:
        if name.startswith("__"):
            continue
        assert f'id="shapecheck.{name}"' in page, name
        first = (getattr(shapecheck, name).__doc__ or "").strip().split("\n\n")[0]
        assert first, name
        assert re.sub(r"[`\s]+", " ", first)[:40].strip() in re.sub(r"[`\s]+", " ", text), name


def test_the_reference_has_the_help_of_each_command(site: Path) -> None:
    text = text_of(site, "reference/command")
    for command in ("styletts2", "module", "diff", "explain styletts2", "explain module"):
        assert f"Usage: shapecheck {command} [OPTIONS]" in text
    assert "--write-filtered-lists DIR" in text


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        for found in re.findall(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="([^"]+)"', page.read_text("utf-8")):
            assert not found.startswith(("http:", "https:", "//")), (page, found)
