"""StyleTTS2, built in: its architecture, its configuration, and what its training scripts make of lengths.

`load(path)` and `preset(name)` give a shapecheck Model; neither imports torch. `prepare(path).preflight(report)`
says what a training run with the configuration will meet, and `repair(report, path).plan` what mends its clips.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .preflight.options import Options
from .presets import NAMES as PRESETS

if TYPE_CHECKING:
    from shapecheck import Model, ModelReport

    from .checkout import Checkout
    from .config import StyleTTS2Config
    from .preflight.check import Preparation
    from .preflight.repaired import Repairing

__all__ = ["PRESETS", "Options", "load", "prepare", "preset", "repair", "values_of"]


def load(
    path: str | Path,
    *,
    source: str | Path | None = None,
    batch: tuple[int, int] | None = None,
    changes: Mapping[str, str] | None = None,
) -> Model:
    """The model of a YAML configuration. Raises ConfigError, a UsageError, which lists every wrong field.

    `source`: a checkout of StyleTTS2, or the installed package "styletts2", whose own modules are taken; its code runs
    at once, which can raise UsageError, too. `batch`: every component for so many samples, from first to last, and the
    calls that the training scripts make between the modules; without it, one sample, and the components alone.
    `changes`: keys of the configuration, such as "model_params.n_layer", that have another value, as YAML has it.
    """
    from . import config

    return _model(source, batch, lambda folders: config.read(path, folders=folders, changes=changes))


def preset(
    name: str,
    *,
    source: str | Path | None = None,
    batch: tuple[int, int] | None = None,
    changes: Mapping[str, str] | None = None,
) -> Model:
    """The model of a public configuration: "ft", "ljspeech" or "libritts"; the rest is as in `load`."""
    from . import config

    return _model(source, batch, lambda folders: config.preset(name, folders=folders, changes=changes))


def values_of(path: str | Path | None, preset: str, keys: Sequence[str]) -> dict[str, str]:
    """The present values of keys of a configuration, as YAML writes them; "" where one is not given."""
    from . import config
    from .changes import text_of, value_at

    read = config.preset(preset) if path is None else config.read(path)
    found = {key: value_at(read.values, key) for key in keys}
    return {key: "" if value is None else text_of(value) for key, value in found.items()}


def prepare(
    path: str | Path | None = None,
    options: Options | None = None,
    *,
    preset: str = "ft",
    source: str | Path | None = None,
) -> Preparation:
    """Get ready to say what a training run with a configuration will meet; `.preflight(report)` says it.

    Without `path`, with the preset. Raises UsageError with all that is wrong with the options, and with the files that
    they or the configuration name.
    """
    from . import checkout, config
    from .preflight.check import Preparation

    folders = () if source is None else (checkout.Checkout(source).folder,)
    read = config.preset(preset, folders=folders) if path is None else config.read(path, folders=folders)
    return Preparation.of(read, options or Options(), None if path is None else Path(path).parent)


def repair(
    report: ModelReport,
    path: str | Path | None = None,
    options: Options | None = None,
    *,
    goal: str = "training",
    preset: str = "ft",
    source: str | Path | None = None,
) -> Repairing:
    """What mends the clips of a configuration's lists, by the limits that were found: `.plan`; nothing is written.

    `goal`: "training", or "slm" for training clips that are long enough for the SLM stage, too. The rest as in
    `prepare`. Raises UsageError as `prepare` does, without a list or audio, and for a goal that the run does not have.
    """
    from .preflight.repair import named
    from .preflight.repaired import Repairing

    return Repairing.of(prepare(path, options, preset=preset, source=source), report, named(goal))


def _model(
    source: str | Path | None, batch: tuple[int, int] | None, read: Callable[[tuple[Path, ...]], StyleTTS2Config]
) -> Model:
    from . import components
    from .batches import SYMBOL, with_batch

    samples = 1 if batch is None else SYMBOL
    if source is None:
        config = read(())
        model = components.model(config, samples)
    else:
        own, config = _checkout(source, read)
        model = own.model(config, samples)
    return model if batch is None else with_batch(model, config, batch)


def _checkout(
    source: str | Path, read: Callable[[tuple[Path, ...]], StyleTTS2Config]
) -> tuple[Checkout, StyleTTS2Config]:
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
    return own, read((own.folder,))
