"""The workplace, once for a test process; each page gets a fresh copy of what its commands write into."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.documentation import workplace


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return workplace.make(tmp_path_factory.mktemp("user"))


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with links to what is only read, and the environment of a user's shell."""
    base = tmp_path / "user"
    shutil.copytree(made, base / "project", symlinks=True)
    for name in ("StyleTTS2", "libraries"):
        (base / name).symlink_to(made.parent / name)
    monkeypatch.setenv("SHAPECHECK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("PYTHONUTF8", "1")
    import transformers

    assert transformers.AlbertModel is not None  # it looks for scipy when it is imported, and must not see a stand-in
    monkeypatch.setattr(sys, "path", [*sys.path, str(base / "libraries")])
    monkeypatch.chdir(base / "project")
    return base / "project"
