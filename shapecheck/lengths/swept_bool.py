"""Swept booleans: one truth value for each candidate length.

Invariant: `values[i]` is exact for the length `sweep.first + i`, and a pattern holds for all lengths from its start on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from shapecheck.lengths.certificate import Pattern, align, end_of
from shapecheck.lengths.comparison import where
from shapecheck.lengths.mixed import numpy_function

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shapecheck.lengths.swept import Sweep
    from shapecheck.lengths.swept_int import Int


class SweptBool:
    """A boolean for each length of a sweep. `bool()` of it splits the execution.

    In arithmetic it is 0 or 1, as a Python bool is.
    """

    __slots__ = ("_somewhere", "pattern", "sweep", "values")

    def __init__(self, sweep: Sweep, values: NDArray[np.bool_], pattern: Pattern | None) -> None:
        self.sweep = sweep
        self.values = values
        self.pattern = pattern
        self._somewhere: bool | None = None

    @property
    def somewhere(self) -> bool:
        """Whether it is true for any length of the sweep; asked again and again of the live lengths, so remembered."""
        if self._somewhere is None:
            self._somewhere = bool(self.values.any())
        return self._somewhere

    # `isinstance(flag.item(), bool)` holds in eager, so it does here
    @property
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        return bool

    def __bool__(self) -> bool:
        return self.sweep.decide(self)

    def __index__(self) -> int:
        return int(bool(self))

    __int__ = __index__

    def __float__(self) -> float:
        return float(bool(self))

    def end(self) -> bool | None:
        """The value that it has for ever from some swept length on, where it is known to settle there."""
        return end_of(self.values, self.sweep.first, self.sweep.last, self.pattern)

    # connectives: `&`, `|` and `^` of two truth values; with other integers they are Python's on 0 and 1

    def __invert__(self) -> SweptBool:
        # not Python's ~, which gives -1 or -2 and is deprecated: the analyzer's own "not"
        return SweptBool(self.sweep, ~self.values, self.pattern)

    def __and__(self, other: Any) -> Any:
        if type(other) is SweptBool:
            if self is other or other is self.sweep.always:
                return self
            if self is self.sweep.always:
                return other
            return self.sweep.boolean(self.values & other.values, self._joint(other, absorbing=False))
        if _is_bool(other):
            return self if other else self.sweep.never()
        return self.as_int() & other

    def __or__(self, other: Any) -> Any:
        if type(other) is SweptBool:
            if self is other or self is self.sweep.always:
                return self
            if other is self.sweep.always:
                return other
            return self.sweep.boolean(self.values | other.values, self._joint(other, absorbing=True))
        if _is_bool(other):
            return self.sweep.always if other else self
        return self.as_int() | other

    def __xor__(self, other: Any) -> Any:
        if type(other) is SweptBool:
            return self.sweep.boolean(self.values ^ other.values, align(self.pattern, other.pattern))
        if _is_bool(other):
            return ~self if other else self
        return self.as_int() ^ other

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def _joint(self, other: SweptBool, *, absorbing: bool) -> Pattern | None:
        """The pattern of `&` (absorbing False) and `|` (True): it settles where one of the two stays absorbing."""
        for one in (self, other):
            if one.end() is absorbing:
                return one.pattern
        return align(self.pattern, other.pattern)

    # arithmetic

    def as_int(self) -> Int:
        return where(self, 1, 0)

    def __add__(self, other: Any) -> Any:
        return self.as_int() + other

    def __sub__(self, other: Any) -> Any:
        return self.as_int() - other

    def __rsub__(self, other: Any) -> Any:
        return other - self.as_int()

    def __mul__(self, other: Any) -> Any:
        return self.as_int() * other

    def __truediv__(self, other: Any) -> Any:
        return self.as_int() / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / self.as_int()

    def __floordiv__(self, other: Any) -> Any:
        return self.as_int() // other

    def __rfloordiv__(self, other: Any) -> Any:
        return other // self.as_int()

    def __mod__(self, other: Any) -> Any:
        return self.as_int() % other

    def __rmod__(self, other: Any) -> Any:
        return other % self.as_int()

    def __pow__(self, other: Any) -> Any:
        return self.as_int() ** other

    def __rpow__(self, other: Any) -> Any:
        return other ** int(self)

    def __lshift__(self, other: Any) -> Any:
        return self.as_int() << other

    def __rshift__(self, other: Any) -> Any:
        return self.as_int() >> other

    def __neg__(self) -> Any:
        return -self.as_int()

    def __pos__(self) -> Any:
        return self.as_int()

    __radd__, __rmul__, __abs__ = __add__, __mul__, __pos__
    __trunc__ = __floor__ = __ceil__ = __round__ = __pos__

    # comparison

    def __eq__(self, other: object) -> Any:
        if type(other) is SweptBool or _is_bool(other):
            return ~(self ^ other)
        return self.as_int() == other

    def __ne__(self, other: object) -> Any:
        if type(other) is SweptBool or _is_bool(other):
            return self ^ other
        return self.as_int() != other

    def __lt__(self, other: Any) -> Any:
        return self.as_int() < other

    def __le__(self, other: Any) -> Any:
        return self.as_int() <= other

    def __gt__(self, other: Any) -> Any:
        return self.as_int() > other

    def __ge__(self, other: Any) -> Any:
        return self.as_int() >= other

    def __hash__(self) -> int:
        return object.__hash__(self) if self.sweep.inside else hash(bool(self))

    # what else Python code may do with it

    def __array_ufunc__(self, function: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return numpy_function(self.sweep, function, method, inputs, options)

    def __copy__(self) -> SweptBool:
        return self

    def __deepcopy__(self, memo: object) -> SweptBool:
        return self

    def __reduce_ex__(self, protocol: object) -> Any:
        return bool, (bool(self),)

    def __format__(self, spec: str) -> str:
        return repr(self) if self.sweep.inside else format(bool(self), spec)

    def __str__(self) -> str:
        return self.__format__("")

    def __repr__(self) -> str:
        return f"<swept bool, true for {int(self.values.sum())} of {len(self.values)} lengths>"


def _is_bool(other: object) -> bool:
    return type(other) is bool or isinstance(other, np.bool_)


Bool: TypeAlias = "bool | SweptBool"
