"""What the tests of StyleTTS2 share."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

STAND_INS = {
    "torchaudio/__init__.py": "",
    "torchaudio/functional.py": """
import torch
def create_dct(n_mfcc, n_mels, norm):
    return torch.zeros(n_mels, n_mfcc)
""",
    "torchaudio/transforms.py": "",
    "scipy/__init__.py": "",
    "scipy/signal.py": """
import numpy as np
def get_window(window, length, fftbins):
    return 0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, length + 1))[:-1]
""",
}


@pytest.fixture(scope="session")
def package() -> Path:
    """The folder of the published package `styletts2`; its files are read, nothing of it is imported."""
    spec = find_spec("styletts2")
    assert spec is not None, "the tests need styletts2 0.1.6: pip install --no-deps styletts2==0.1.6"
    assert spec.origin is not None
    return Path(spec.origin).parent


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture
def libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the stand-ins; their modules are known to no other test."""
    import transformers

    assert transformers.AlbertModel is not None  # it looks for scipy when it is imported, and must not see a stand-in
    folder = tmp_path / "libraries"
    write(folder, STAND_INS)
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])
    tops = ("torchaudio", "scipy")
    for name in [name for name in sys.modules if name.partition(".")[0] in tops]:
        monkeypatch.delitem(sys.modules, name)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] in tops]:
        del sys.modules[name]


@pytest.fixture
def checkout(package: Path, tmp_path: Path, libraries: Path) -> Path:
    """A copy of the package in a folder with a space, with absolute imports."""
    folder = tmp_path / "my StyleTTS2"
    shutil.copytree(package, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "__init__.py").unlink()
    for file in (*folder.glob("*.py"), *folder.glob("Modules/*.py")):
        inside = "Modules." if file.parent.name == "Modules" else ""
        file.write_text(re.sub(r"(?m)^(\s*)from \.(\w)", rf"\1from {inside}\2", file.read_text()))
    assert "from Utils.ASR.models import ASRCNN" in (folder / "models.py").read_text()
    return folder
