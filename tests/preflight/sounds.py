"""Audio files for the tests of the scan."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

SAMPLES = 12_345
OLD = 1_600_000_000  # a time of modification that is long past, so that the cache takes the file


def noise(samples: int = SAMPLES, channels: int = 1) -> Any:
    draws = np.random.default_rng(samples).standard_normal((samples, channels)) * 0.1
    return draws[:, 0] if channels == 1 else draws


def clip(path: Path, samples: int = SAMPLES, *, channels: int = 1, rate: int = 24_000) -> str:
    """Write noise as an old file, and give its path back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, noise(samples, channels), rate)
    return aged(path)


def aged(path: Path) -> str:
    os.utime(path, (OLD, OLD))
    return str(path)
