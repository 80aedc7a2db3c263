"""A tracer in miniature: runs a function of T for all lengths at once, on one path after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from shapecheck.lengths.swept import Sweep, SweptBool, SweptFloat, SweptInt, at, compare


@dataclass(frozen=True)
class Path:
    """The lengths that took one path, and what came of it: a value, or the class of an exception."""

    live: SweptBool
    outcome: Any

    def holds(self, length: int) -> bool:
        """Whether a length takes this path, which for those past the sweep is what the pattern says."""
        sweep, pattern = self.live.sweep, self.live.pattern
        if length > sweep.last:
            assert pattern is not None
            assert pattern.start + pattern.period - 1 <= sweep.last, "proved, but a period was not swept"
            length = pattern.start + (length - pattern.start) % pattern.period
        return bool(self.live.values[length - sweep.first])


class Paths:
    """All paths of `function(T)` over a sweep."""

    def __init__(self, function: Callable[[Any], Any], sweep: Sweep, most: int = 400) -> None:
        self.sweep = sweep
        self.found: list[Path] = []
        self._live = sweep.always
        self._prefix: list[bool] = []
        self._taken: list[bool] = []
        self._pending: list[list[bool]] = [[]]
        sweep.decide, sweep.decide_value = self._decide, self._decide_value
        variable = sweep.variable()
        while self._pending and len(self.found) < most:
            self._prefix, self._taken, self._live = self._pending.pop(), [], sweep.always
            sweep.inside = 0
            try:
                outcome = function(variable)
            except Exception as error:  # noqa: BLE001 - what the function raises is what is compared
                outcome = type(error)
            finally:
                sweep.inside = 1
            self.found.append(Path(self._live, outcome))

    def at(self, length: int) -> Any:
        """What came of one swept length."""
        index = length - self.sweep.first
        outcomes = [path.outcome for path in self.found if path.live.values[index]]
        assert len(outcomes) == 1, f"T = {length} took {len(outcomes)} paths"
        return plain_at(outcomes[0], index)

    def _decide(self, condition: SweptBool) -> bool:
        self.sweep.rest_on(condition, self._live, "a branch")
        values = condition.values[self._live.values]
        if values.all() or not values.any():
            return bool(values.all())
        position = len(self._taken)
        if position < len(self._prefix):
            chosen = self._prefix[position]
        else:
            chosen = True
            self._pending.append([*self._taken, False])
        self._taken.append(chosen)
        self._live = self._live & (condition if chosen else ~condition)
        return chosen

    def _decide_value(self, number: SweptInt | SweptFloat) -> Any:
        while True:
            first = number.values[self._live.values][0].item()
            condition: Any = compare(number, "==", first) if type(number) is SweptInt else number.compared("==", first)
            if type(condition) is bool or self._decide(condition):
                return first


def explore(function: Callable[[Any], Any], first: int = 1, last: int = 64) -> Paths:
    """Run `function(T)` over first..last, and assert that it gives what plain Python gives at each of these lengths."""
    paths = Paths(function, Sweep(first, last))
    for length in range(first, last + 1):
        found, wanted = paths.at(length), plainly(function, length)
        assert same(found, wanted), f"T = {length}: {found!r}, Python: {wanted!r}"
    return paths


def plainly(function: Callable[[Any], Any], length: int) -> Any:
    """What the function gives for one plain length: a value, or the class of an exception."""
    try:
        return function(length)
    except Exception as error:  # noqa: BLE001 - as above
        return type(error)


def plain_at(value: Any, index: int) -> Any:
    """Nested tuples and lists of swept numbers at one index of the sweep."""
    if type(value) in (tuple, list):
        return type(value)(plain_at(part, index) for part in value)
    return at(value, index)


def same(found: Any, wanted: Any) -> bool:
    """Equal, and of one kind of number: 2.0 is not 2. Which of NumPy's kinds it is plays no part."""
    if type(wanted) in (tuple, list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    found, wanted = (number.item() if isinstance(number, np.generic) else number for number in (found, wanted))
    return type(found) is type(wanted) and (found == wanted or (found != found and wanted != wanted))
