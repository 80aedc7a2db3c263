"""Where a length stands on a drawn axis, in percent of its width. `page.js` has the same arithmetic, for zooming.

A length n takes the room from n to n + 1: so the room of a clip's length in seconds ends where that of the next begins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from shapecheck.render import units

MOST_TICKS = 9
_STEPS = (1, 2, 5)
_DECADES = 20  # an axis that is shorter than these times its lower end has even steps


@dataclass(frozen=True, slots=True)
class Axis:
    """From `low` to `high`, in steps of a unit or in seconds; `low` of a logarithmic one is more than 0."""

    low: float
    high: float
    is_logarithmic: bool = True

    def position(self, value: float) -> float:
        """0 to 1 between the ends, and beyond them what follows."""
        if self.is_logarithmic:
            return math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True)
class Tick:
    percent: str  # of the axis' width, from its left end
    label: str


def ticks(axis: Axis, factor: float = 1.0) -> list[Tick]:
    """Round numbers on the axis, so many that they have room; `factor`: of what the labels count in one step."""
    low, high = axis.low * factor, axis.high * factor
    by_decades = axis.is_logarithmic and high / low >= _DECADES
    found = [value for value in (_decades(low, high) if by_decades else _even(low, high)) if value <= high]
    places = [(axis.position(value / factor), value) for value in found]
    return [Tick(percent(place), label(value)) for place, value in places if 0 <= place <= 0.95]


def percent(share: float) -> str:
    """A share as CSS and SVG write it: `0.5` -> `"50"`; always three decimals at most, on every machine."""
    return f"{100 * share:.3f}".rstrip("0").rstrip(".")


def label(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".") if value < 0.01 else units.number(round(value, 6))


def _decades(low: float, high: float) -> list[float]:
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high))
    for steps in (_STEPS, (1,)):
        values = [step * 10.0**power for power in range(first, last + 1) for step in steps]
        inside = [value for value in values if low * (1 - 1e-9) <= value <= high]
        if len(inside) <= MOST_TICKS:
            break
    return inside


def _even(low: float, high: float) -> list[float]:
    power = 10.0 ** math.floor(math.log10((high - low) / MOST_TICKS))
    step = next(step * power for step in (*_STEPS, 10) if (high - low) / (step * power) <= MOST_TICKS)
    return [step * number for number in range(math.ceil(low / step), math.floor(high / step) + 1)]
