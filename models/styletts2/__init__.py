"""StyleTTS2, built in: its architecture, its configuration, and the length chain of its training scripts.

`load(path)` and `preset(name)` give a shapecheck Model; neither imports torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shapecheck import Model

__all__ = ["load", "preset"]


def load(path: str | Path) -> Model:
    """The model of a YAML configuration. Raises ConfigError, a UsageError, which lists every wrong field."""
    from . import components, config

    return components.model(config.read(path))


def preset(name: str) -> Model:
    """The model of a public configuration: "ft", "ljspeech" or "libritts"."""
    from . import components, config

    return components.model(config.preset(name))
