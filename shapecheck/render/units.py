"""Lengths in the units that people think in: mel frames, samples, seconds."""

from __future__ import annotations

import math
from collections.abc import Callable

from shapecheck.model import Unit

Conversion = Callable[[Unit, int], "str | None"]


def number(value: float) -> str:
    """A count for people to read: `19500.0` -> `"19,500"`."""
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.1f}" if value >= 1000 else f"{value:.4g}"


def mel_frames(unit: Unit, length: int) -> str | None:
    """Mel frames of a length, to four digits; None where a step has none."""
    return None if unit.mel_frames is None else number(_clean(length * unit.mel_frames))


def samples(unit: Unit, length: int) -> str | None:
    """Audio samples of a length at the model's own rate, rounded up to a whole one; None where a step has none."""
    return None if unit.samples is None else f"{math.ceil(_clean(length * unit.samples)):,}"


def seconds(unit: Unit, length: int) -> str | None:
    """Seconds of a length, to four digits; None where a step has none."""
    if unit.seconds is None:
        return None
    value = _clean(length * unit.seconds)
    return f"{value:,.1f}" if value >= 1000 else f"{value:.4g}" if value >= 0.0001 else f"{value:.6f}"


def equivalents(unit: Unit, length: int) -> str:
    """A length in all its units: `"65 mel frames = 19,500 samples = 0.8125 s"`."""
    named = f"{length:,} {singular(unit.name) if length == 1 else unit.name}"
    parts = {
        "mel frames": mel_frames(unit, length),
        "samples": samples(unit, length),
    }
    others = [
        f"{text} {singular(name) if text == '1' else name}"
        for name, text in parts.items()
        if text is not None and name != unit.name
    ]
    duration = seconds(unit, length)
    return " = ".join([named, *others, *([f"{duration} s"] if duration else [])])


def singular(name: str) -> str:
    """`"mel frames"` -> `"mel frame"`."""
    return name.removesuffix("s")


def _clean(value: float) -> float:
    """Take off the dust of binary fractions, so that 65 * 0.0125 is 0.8125 and 300 * (1 / 300) is 1."""
    return round(value, 9)
