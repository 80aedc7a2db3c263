"""Swept floats: what `T / 2` gives on the way to `math.ceil`.

Invariant: `values[i]` is, bit for bit, what Python computes at the length `sweep.first + i`. A quotient, where there is
one, is what floor, ceil and comparisons go by (see there); without one they have no certificate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from shapecheck.lengths.comparison import COMPARISONS, LARGEST, answer
from shapecheck.lengths.mixed import (
    OPERATORS,
    by_zero,
    hash_of,
    is_foreign,
    is_of_numpy,
    is_stale,
    is_swept,
    numpy_function,
    operand,
    plain,
    refused,
)
from shapecheck.lengths.quotient import Quotient
from shapecheck.lengths.swept_bool import SweptBool
from shapecheck.lengths.swept_int import Int, SweptInt
from shapecheck.lengths.undecidable import TooLargeError, Undecidable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shapecheck.lengths.swept import Sweep

Rule = Callable[[Quotient, Quotient], Quotient | None]


class SweptFloat:
    """A float for each length of a sweep. `float()` and `int()` of it split the execution by value."""

    __slots__ = ("quotient", "sweep", "values")

    quotient: Quotient | None
    sweep: Sweep
    values: NDArray[np.float64]

    def __new__(cls, *args: Any) -> Any:
        """What `type(half)("2.5")` is in eager."""
        return float(*args)

    @staticmethod
    def make(sweep: Sweep, values: NDArray[np.float64], quotient: Quotient | None = None) -> SweptFloat:
        """The swept float with these values."""
        self: SweptFloat = object.__new__(SweptFloat)
        self.sweep = sweep
        self.values = values
        self.quotient = quotient
        return self

    @staticmethod
    def of(number: SweptInt) -> SweptFloat:
        """`float(number)`, without a split."""
        return SweptFloat.make(number.sweep, number.values.astype(np.float64), Quotient.of(number))

    # arithmetic -------------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Any:
        return self._vector("+", self, other, Quotient.plus)

    def __radd__(self, other: Any) -> Any:
        return self._vector("+", other, self, Quotient.plus)

    def __sub__(self, other: Any) -> Any:
        return self._vector("-", self, other, _minus)

    def __rsub__(self, other: Any) -> Any:
        return self._vector("-", other, self, _minus)

    def __mul__(self, other: Any) -> Any:
        return self._vector("*", self, other, Quotient.times)

    def __rmul__(self, other: Any) -> Any:
        return self._vector("*", other, self, Quotient.times)

    def __truediv__(self, other: Any) -> Any:
        return self._vector("/", self, other, Quotient.over)

    def __rtruediv__(self, other: Any) -> Any:
        return self._vector("/", other, self, Quotient.over)

    def __floordiv__(self, other: Any) -> Any:
        return self._by_element("//", self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._by_element("//", other, self)

    def __mod__(self, other: Any) -> Any:
        return self._by_element("%", self, other)

    def __rmod__(self, other: Any) -> Any:
        return self._by_element("%", other, self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __pow__(self, other: Any) -> Any:
        return self._by_element("**", self, other)

    def __rpow__(self, other: Any) -> Any:
        return self._by_element("**", other, self)

    def __neg__(self) -> SweptFloat:
        return SweptFloat.make(self.sweep, -self.values, self.quotient and self.quotient.negated())

    def __pos__(self) -> SweptFloat:
        return self

    def __abs__(self) -> SweptFloat:
        return SweptFloat.make(self.sweep, np.abs(self.values), self.quotient and self.quotient.absolute())

    # comparison -------------------------------------------------------------------------------------------------

    def compared(self, symbol: str, other: object) -> Any:
        """`self symbol other` as a vector."""
        number = operand(self.sweep, other)
        if number is NotImplemented:
            return refused(COMPARISONS[symbol], (self, other), 1.0)
        if is_foreign(number):
            return COMPARISONS[symbol](float(self), number)
        known = Quotient.of(number) if type(number) is not SweptFloat else number.quotient
        if self.quotient is not None and known is not None:
            condition = self.quotient.compared(symbol, known)
            if condition is not None:
                return condition
        if type(number) is float and self.quotient is not None and not math.isfinite(number):
            return COMPARISONS[symbol](0.0, number)
        # as Python, which compares ints and floats exactly
        rows = zip(self.values.tolist(), _column(number, len(self.values)), strict=True)
        return SweptBool(self.sweep, np.array([COMPARISONS[symbol](*row) for row in rows], dtype=np.bool_), None)

    def __lt__(self, other: Any) -> Any:
        return answer(self.compared("<", other))

    def __le__(self, other: Any) -> Any:
        return answer(self.compared("<=", other))

    def __gt__(self, other: Any) -> Any:
        return answer(self.compared(">", other))

    def __ge__(self, other: Any) -> Any:
        return answer(self.compared(">=", other))

    def __eq__(self, other: object) -> Any:
        return False if is_stale(self.sweep, other) else answer(self.compared("==", other))

    def __ne__(self, other: object) -> Any:
        return answer(self.compared("!=", other))

    def __hash__(self) -> int:
        return hash_of(self)

    # integers ---------------------------------------------------------------------------------------------------

    def __floor__(self) -> Int:
        return self.quotient.floor() if self.quotient is not None else self._integer(math.floor)

    def __ceil__(self) -> Int:
        return self.quotient.ceil() if self.quotient is not None else self._integer(math.ceil)

    def __trunc__(self) -> Int:
        return self.quotient.trunc() if self.quotient is not None else self._integer(math.trunc)

    def __round__(self, digits: int | None = None) -> Any:
        if digits is not None:
            return by_element(self.sweep, lambda number, _: round(number, digits), self, 0)
        return self.quotient.round() if self.quotient is not None else self._integer(round)

    def rounded(self, rounding: Callable[[Any], Any]) -> Any:
        """What NumPy's functions of that kind give: a float."""
        number = rounding(self)
        return SweptFloat.of(number) if type(number) is SweptInt else float(number)

    def is_integer(self) -> Any:
        """As Python's: whether it has no fraction."""
        if self.quotient is None:
            return answer(SweptBool(self.sweep, self.values == np.floor(self.values), None))
        return answer(self.quotient.is_integer())

    # where Python wants a plain value ---------------------------------------------------------------------------

    python_class: type = float  # what `isinstance` answers to; tensor.py widens it to what torch's parsers ask for

    @property
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        return SweptFloat.python_class

    def __bool__(self) -> bool:
        condition = self.compared("!=", 0)
        return condition if type(condition) is bool else self.sweep.decide(condition)

    def __float__(self) -> float:
        return float(self.sweep.decide_value(self))

    def __int__(self) -> int:
        return int(self.__trunc__())

    def __index__(self) -> int:
        raise TypeError("'float' object cannot be interpreted as an integer")

    def __getattr__(self, name: str) -> Any:
        if name == "node":  # torch.SymFloat's
            self.sweep.poked = True
            raise Undecidable("a number made from sizes is passed to a function of torch that cannot be followed")
        if not name.startswith("__") and hasattr(float, name):
            return getattr(float(self), name)
        if is_of_numpy(self.sweep, name, np.float64):
            raise Undecidable(f"a number made from sizes is used as a number of NumPy ({name})")
        raise AttributeError(f"'float' object has no attribute {name!r}")

    def __array_ufunc__(self, function: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return numpy_function(self.sweep, function, method, inputs, options)

    def __copy__(self) -> SweptFloat:
        return self

    def __deepcopy__(self, memo: object) -> SweptFloat:
        return self

    def __reduce_ex__(self, protocol: object) -> Any:
        return float, (float(self),)

    def __format__(self, spec: str) -> str:
        text = self.sweep.text(self, spec)
        return repr(self) if text is None else text

    def __str__(self) -> str:
        return self.__format__("")

    def __repr__(self) -> str:
        if not self.sweep.inside:
            text = self.sweep.text(self, "")
            if text is not None:
                return text
        return f"<swept float {self.values[0]:g}..{self.values[-1]:g}>"

    # private ----------------------------------------------------------------------------------------------------

    def _vector(self, symbol: str, left: Any, right: Any, rule: Rule) -> Any:
        """An operation that IEEE 754 rounds correctly, in Python as in NumPy."""
        given = left, right
        left, right = operand(self.sweep, left), operand(self.sweep, right)
        if left is NotImplemented or right is NotImplemented:
            return refused(OPERATORS[symbol], given, 1.0)
        if is_foreign(left) or is_foreign(right):
            return OPERATORS[symbol](plain(left), plain(right))
        left, right = _as_float(left), _as_float(right)
        if symbol == "/" and _equals_zero(right):  # splits, as eager raises for those lengths
            return by_zero(self.sweep, symbol, 1.0)
        with np.errstate(all="ignore"):
            values: NDArray[np.float64] = OPERATORS[symbol](_values(left), _values(right))
        first, second = _quotient(left), _quotient(right)
        known = rule(first, second) if first is not None and second is not None else None
        return SweptFloat.make(self.sweep, values, known)

    def _by_element(self, symbol: str, left: Any, right: Any) -> Any:
        given = left, right
        left, right = operand(self.sweep, left), operand(self.sweep, right)
        if left is NotImplemented or right is NotImplemented:
            return refused(OPERATORS[symbol], given, 1.0)
        if is_foreign(left) or is_foreign(right):
            return OPERATORS[symbol](plain(left), plain(right))
        return by_element(self.sweep, OPERATORS[symbol], _as_float(left), _as_float(right))

    def _integer(self, rounding: Callable[[float], int]) -> Any:
        found = by_element(self.sweep, lambda number, _: float(rounding(number)), self, 0)
        if type(found) is not SweptFloat:
            return rounding(float(self))
        if float(np.abs(found.values).max()) > LARGEST:
            if self.sweep.inside:
                raise TooLargeError().undecidable()
            return rounding(float(self))
        return self.sweep.integer(found.values.astype(np.int64), None)


def by_element(sweep: Sweep, function: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    """`function(left, right)` by Python itself, length by length; those without a float go their own way."""
    rows = list(zip(_column(left, len(sweep.lengths)), _column(right, len(sweep.lengths)), strict=True))
    values = np.zeros(len(rows), dtype=np.float64)
    others: dict[Any, list[int]] = {}
    for i, row in enumerate(rows):
        try:
            result = function(*row)
        except (ArithmeticError, ValueError) as error:
            others.setdefault(type(error), []).append(i)
        else:
            if type(result) is float:
                values[i] = result
            else:
                others.setdefault(type(result), []).append(i)
    for kind, indices in others.items():
        mask = np.zeros(len(rows), dtype=np.bool_)
        mask[indices] = True
        if bool(SweptBool(sweep, mask, None)):
            if sweep.meets_numpy:
                raise Undecidable("a function of numbers, which NumPy's numbers survive or not")
            if issubclass(kind, Exception):
                return function(*rows[indices[0]])  # Python's own error
            return function(plain(left), plain(right))
    return SweptFloat.make(sweep, values)


def _minus(left: Quotient, right: Quotient) -> Quotient | None:
    return left.plus(right.negated())


def _equals_zero(number: Any) -> bool:
    return bool(number.compared("==", 0)) if is_swept(number) else number == 0


def _as_float(number: Any) -> Any:
    if type(number) is SweptInt:
        return SweptFloat.of(number)
    return float(number) if type(number) is int else number


def _values(number: Any) -> Any:
    return number.values if type(number) is SweptFloat else number


def _quotient(number: Any) -> Quotient | None:
    return number.quotient if type(number) is SweptFloat else Quotient.of(number)


def _column(number: Any, length: int) -> list[Any]:
    return number.values.tolist() if is_swept(number) else [number] * length


__all__ = ["SweptFloat", "by_element"]
