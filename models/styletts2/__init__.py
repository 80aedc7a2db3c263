"""StyleTTS2, built in: its architecture, its configuration, and the length chain of its training scripts.

`load(path)` and `preset(name)` give a shapecheck Model; neither imports torch.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shapecheck import Model

    from .config import StyleTTS2Config

__all__ = ["load", "preset"]


def load(path: str | Path, *, source: str | Path | None = None) -> Model:
    """The model of a YAML configuration. Raises ConfigError, a UsageError, which lists every wrong field.

    `source`: a checkout of StyleTTS2, or the installed package "styletts2", whose own modules are taken; its code runs
    at once, which can raise UsageError, too.
    """
    from . import components, config

    if source is None:
        return components.model(config.read(path))
    return _of_source(source, lambda folders: config.read(path, folders=folders))


def preset(name: str, *, source: str | Path | None = None) -> Model:
    """The model of a public configuration: "ft", "ljspeech" or "libritts"; `source` as in `load`."""
    from . import components, config

    if source is None:
        return components.model(config.preset(name))
    return _of_source(source, lambda folders: config.preset(name, folders=folders))


def _of_source(source: str | Path, read: Callable[[tuple[Path, ...]], StyleTTS2Config]) -> Model:
    from shapecheck import UsageError

    from . import checkout

    try:
        own = checkout.Checkout(source)
    except UsageError as error:
        try:
            read(())
        except UsageError as other:
            raise UsageError(f"{error}\n{other}") from error
        raise
    return own.model(read((own.folder,)))
