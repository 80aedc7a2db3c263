"""StyleTTS2, built in: its architecture, its configuration, and the length chain of its training scripts.

`load(path)` and `preset(name)` give a shapecheck Model; neither imports torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shapecheck import Model

__all__ = ["load", "preset"]


def load(path: str | Path, *, source: str | Path | None = None) -> Model:
    """The model of a YAML configuration. Raises ConfigError, a UsageError, which lists every wrong field.

    `source`: a checkout of StyleTTS2, or the installed package "styletts2", whose own modules are taken; its code runs
    at once, which can raise UsageError, too.
    """
    from . import checkout, components, config

    if source is None:
        return components.model(config.read(path))
    own = checkout.Checkout(source)
    return own.model(config.read(path, folders=(own.folder,)))


def preset(name: str, *, source: str | Path | None = None) -> Model:
    """The model of a public configuration: "ft", "ljspeech" or "libritts"; `source` as in `load`."""
    from . import checkout, components, config

    if source is None:
        return components.model(config.preset(name))
    own = checkout.Checkout(source)
    return own.model(config.preset(name, folders=(own.folder,)))
