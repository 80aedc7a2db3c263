"""`range` of swept integers: a loop splits the lengths by how often it runs, not by what they are.

Invariant: on each path it gives what Python's `range` gives at every live length.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from shapecheck.lengths.swept_int import SweptInt

_RANGE = range


class SweptRange:
    """`range(start, stop, step)` with at least one swept integer."""

    def __init__(self, *limits: Any) -> None:
        self.start, self.stop, self.step = limits if len(limits) == 3 else (0, *limits, 1)[-3:]
        if self.step == 0:
            raise ValueError("range() arg 3 must not be zero")

    @property
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        return _RANGE

    def __iter__(self) -> Iterator[Any]:
        number, is_within = self.start, self._is_within()
        while is_within(number, self.stop):
            yield number
            number = number + self.step

    def __len__(self) -> int:
        return int(self._count())

    def __bool__(self) -> bool:
        return bool(self._is_within()(self.start, self.stop))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._plain()[index]
        place = operator.index(index) if not isinstance(index, SweptInt) else index
        count = self._count()
        if place < 0:
            place = place + count
        if place < 0 or place >= count:
            raise IndexError("range object index out of range")
        return self.start + place * self.step

    def __contains__(self, number: Any) -> bool:
        if not isinstance(number, int):
            return number in self._plain()
        first, last = (self.start, self.stop) if self.step > 0 else (self.stop + 1, self.start + 1)
        return bool(number >= first) and bool(number < last) and bool((number - self.start) % self.step == 0)

    def __reversed__(self) -> Iterator[int]:
        return reversed(self._plain())

    def __eq__(self, other: object) -> bool:
        return self._plain() == (other._plain() if type(other) is SweptRange else other)

    def __hash__(self) -> int:
        return hash(self._plain())

    def __repr__(self) -> str:
        return repr(self._plain())

    def count(self, number: Any) -> int:
        return self._plain().count(number)

    def index(self, number: Any) -> int:
        return self._plain().index(number)

    def _is_within(self) -> Callable[[Any, Any], Any]:
        return operator.lt if self.step > 0 else operator.gt

    def _count(self) -> Any:
        if self.step > 0:
            return max(0, (self.stop - self.start + self.step - 1) // self.step)
        return max(0, (self.start - self.stop - self.step - 1) // -self.step)

    def _plain(self) -> range:
        """Python's own, on a path for each combination of limits."""
        return _RANGE(int(self.start), int(self.stop), int(self.step))


class _OfSwept(type):
    """What `range` is during an analysis: Python's own, but for swept integers."""

    def __call__(cls, *limits: Any) -> Any:
        is_swept = any(type(limit) is SweptInt for limit in limits) and len(limits) <= 3
        if is_swept and all(isinstance(limit, int) for limit in limits):
            return SweptRange(*limits)
        return _RANGE(*limits)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _RANGE)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _RANGE)


class SweptOrPlainRange(metaclass=_OfSwept):
    """Stands for `range` in the builtins while an analysis runs."""


__all__ = ["SweptOrPlainRange", "SweptRange"]
