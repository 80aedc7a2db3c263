"""What the tests of StyleTTS2 share."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def package() -> Path:
    """The folder of the published package `styletts2`; its files are read, nothing of it is imported."""
    spec = find_spec("styletts2")
    assert spec is not None, "the tests need styletts2 0.1.6: pip install --no-deps styletts2==0.1.6"
    assert spec.origin is not None
    return Path(spec.origin).parent
