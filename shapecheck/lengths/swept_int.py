"""Swept integers: one value for each candidate length, closed under the arithmetic of shapes.

Invariant: `values[i]` is exact for the length `sweep.first + i`, and a certificate holds for every length from its start
on. Every swept integer is made by `Sweep.integer`, which keeps it as long as the sweep: memos hold its `id`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from shapecheck.lengths import certificate as certificates
from shapecheck.lengths.comparison import (
    COMPARISONS,
    LARGEST,
    MIRRORED,
    answer,
    check_same_sweep,
    compare,
    compare_with_float,
    is_plain,
    maximum,
)
from shapecheck.lengths.mixed import NUMPY_FUNCTIONS, is_swept, mixed, numpy_function, operand
from shapecheck.lengths.undecidable import TooLarge, Undecidable, Unhashable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shapecheck.lengths.certificate import Certificate
    from shapecheck.lengths.swept import Sweep


class SweptInt:
    """An integer for each length of a sweep.

    `int()`, `range()` and indexing with it split the execution by value, and so does whatever vectors cannot follow: that
    is Python's own answer then, value by value.
    """

    __slots__ = ("bound", "certificate", "sweep", "values")

    bound: int  # an upper bound of |values|
    certificate: Certificate | None
    sweep: Sweep
    values: NDArray[np.int64]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """What `type(size)("7")` is in eager."""
        return int(*args, **kwargs)

    @staticmethod
    def make(sweep: Sweep, values: NDArray[np.int64], certificate: Certificate | None, bound: int) -> SweptInt:
        """For `Sweep.integer` alone."""
        self: SweptInt = object.__new__(SweptInt)
        self.sweep = sweep
        self.values = values
        self.certificate = certificate
        self.bound = bound
        return self

    # arithmetic -------------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Any:
        kind = type(other)
        if kind is int:
            return self._do("+", other, _shifted) if other else self
        return self._do("+", other, _sum) if kind is SweptInt else mixed(operator.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return self + other if type(other) is int else mixed(operator.add, other, self)

    def __sub__(self, other: Any) -> Any:
        kind = type(other)
        if kind is int:
            return self._do("+", -other, _shifted) if other else self
        if kind is SweptInt:
            return 0 if other is self else self._do("-", other, _difference)
        return mixed(operator.sub, self, other)

    def __rsub__(self, other: Any) -> Any:
        return -self + other if type(other) is int else mixed(operator.sub, other, self)

    def __mul__(self, other: Any) -> Any:
        kind = type(other)
        if kind is int:
            return 0 if other == 0 else self if other == 1 else self._do("*", other, _multiple)
        return self._do("*", other, _product) if kind is SweptInt else mixed(operator.mul, self, other)

    def __rmul__(self, other: Any) -> Any:
        return self * other if type(other) is int else mixed(operator.mul, other, self)

    def __floordiv__(self, other: Any) -> Any:
        kind = type(other)
        if kind is int:
            return self if other == 1 else self._do("//", other, _quotient) if other else self._by_zero(operator.floordiv)
        if kind is not SweptInt:
            return mixed(operator.floordiv, self, other)
        return self._by_zero(operator.floordiv) if _has_zero(other) else self._do("//", other, _quotient)

    def __rfloordiv__(self, other: Any) -> Any:
        if type(other) is not int:
            return mixed(operator.floordiv, other, self)
        return self._by_zero(operator.floordiv) if _has_zero(self) else self._do("r//", other, _reflected_quotient)

    def __mod__(self, other: Any) -> Any:
        kind = type(other)
        if kind is int:
            return self._do("%", other, _remainder) if other else self._by_zero(operator.mod)
        if kind is not SweptInt:
            return mixed(operator.mod, self, other)
        return self._by_zero(operator.mod) if _has_zero(other) else self - other * (self // other)

    def __rmod__(self, other: Any) -> Any:
        if type(other) is not int:
            return mixed(operator.mod, other, self)
        return self._by_zero(operator.mod) if _has_zero(self) else other - self * (other // self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __truediv__(self, other: Any) -> Any:
        return mixed(operator.truediv, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return mixed(operator.truediv, other, self)

    def __pow__(self, other: Any, modulus: Any = None) -> Any:
        if modulus is not None:
            return pow(int(self), other, modulus)
        if type(other) is SweptInt:
            return self ** int(other)  # int or float, as the exponent says
        if type(other) is not int or other < 0:
            return mixed(operator.pow, self, other)
        return self._do("**", other, _power) if other else 1

    def __rpow__(self, other: Any) -> Any:
        return other ** int(self)

    def __neg__(self) -> Any:
        return self * -1

    def __pos__(self) -> SweptInt:
        return self

    def __abs__(self) -> Any:
        return maximum(self, -self)

    def __invert__(self) -> Any:
        return -self - 1

    def __trunc__(self) -> SweptInt:
        return self

    __floor__ = __ceil__ = __trunc__

    def __round__(self, digits: int | None = None) -> Any:
        return self if digits is None or digits >= 0 else round(int(self), digits)

    # bits -------------------------------------------------------------------------------------------------------

    def __and__(self, other: Any) -> Any:
        kind = type(other)
        if kind is int:
            # below zero the complement is cut out: f & m = f - (f & ~m)
            return self._do("&", other, _masked) if other >= 0 else self - (self & ~other)
        return self._do("&", other, _common_bits) if kind is SweptInt else mixed(operator.and_, self, other)

    def __or__(self, other: Any) -> Any:
        if type(other) is int or type(other) is SweptInt:
            return self + other - (self & other)
        return mixed(operator.or_, self, other)

    def __xor__(self, other: Any) -> Any:
        if type(other) is int or type(other) is SweptInt:
            return self + other - 2 * (self & other)
        return mixed(operator.xor, self, other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __lshift__(self, other: Any) -> Any:
        return self * 2**other if type(other) is int and 0 <= other < 60 else int(self) << other

    def __rshift__(self, other: Any) -> Any:
        return self // 2**other if type(other) is int and 0 <= other < 60 else int(self) >> other

    def __rlshift__(self, other: Any) -> Any:
        return other << int(self)

    def __rrshift__(self, other: Any) -> Any:
        return other >> int(self)

    # comparison -------------------------------------------------------------------------------------------------

    def compared(self, symbol: str, other: object) -> Any:
        """`self symbol other` as a vector, whatever `other` is."""
        kind = type(other)
        if kind is not int and kind is not SweptInt:
            other = operand(self.sweep, other)
            kind = type(other)
        number: Any = other
        if kind is int or kind is SweptInt:
            return compare(self, symbol, number)
        if kind is float:
            return compare_with_float(self, symbol, number)
        if number is NotImplemented:
            return number
        if is_swept(number):
            return number.compared(MIRRORED[symbol], self)
        return COMPARISONS[symbol](int(self), number)

    def __lt__(self, other: Any) -> Any:
        return answer(self.compared("<", other))

    def __le__(self, other: Any) -> Any:
        return answer(self.compared("<=", other))

    def __gt__(self, other: Any) -> Any:
        return answer(self.compared(">", other))

    def __ge__(self, other: Any) -> Any:
        return answer(self.compared(">=", other))

    def __eq__(self, other: object) -> Any:
        return answer(self.compared("==", other))

    def __ne__(self, other: object) -> Any:
        return answer(self.compared("!=", other))

    def __hash__(self) -> int:
        raise Unhashable("unhashable type: a size is not one number here")

    # where Python wants a plain value ---------------------------------------------------------------------------

    # `isinstance(x.shape[-1], int)` holds in eager, so it does here; tensor.py widens it to what torch's parsers ask for
    python_class: type = int

    @property
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        return SweptInt.python_class

    def __bool__(self) -> bool:
        condition = compare(self, "!=", 0)
        return condition if type(condition) is bool else self.sweep.decide(condition)  # pyright: ignore[reportArgumentType]

    def __index__(self) -> int:
        return int(self.sweep.decide_value(self))

    __int__ = __index__

    def __float__(self) -> float:
        return float(int(self))

    def __getattr__(self, name: str) -> Any:
        if name == "node":  # torch.SymInt's: a parser that does not dispatch is about to read it
            self.sweep.poked = True
            raise Undecidable("a size is passed to a function of torch that cannot be followed")
        if not name.startswith("__") and hasattr(int, name):
            return getattr(int(self), name)  # rarer needs of Python code: one run for each value
        if name in NUMPY_FUNCTIONS or (self.sweep.meets_numpy and hasattr(np.int64, name)):
            raise Undecidable(f"a size is used as a number of NumPy ({name})")
        raise AttributeError(f"'int' object has no attribute {name!r}")

    def __array_ufunc__(self, function: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return numpy_function(self.sweep, function, method, inputs, options)

    def __copy__(self) -> SweptInt:
        return self

    def __deepcopy__(self, memo: object) -> SweptInt:
        return self

    def __reduce_ex__(self, protocol: object) -> Any:
        return int, (int(self),)

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
        from shapecheck.lengths.formula import fit  # the only use of formulas here, and a rare one

        return fit(self.values, self.sweep.lengths, None) or f"<{int(self.values[0])}..{int(self.values[-1])}>"

    def end(self) -> int | None:
        """The value that it has for ever from its certificate's start on, where it is known to be constant from there."""
        known = self.certificate
        if known is None or known.rise != 0 or known.period != 1 or known.start > self.sweep.last:
            return None
        return int(self.values[known.start - self.sweep.first])

    # private ----------------------------------------------------------------------------------------------------

    def _do(self, symbol: str, other: Any, compute: Callable[[SweptInt, Any], Any]) -> Any:
        """`compute(self, other)`, once for each pair; where it leaves the vectors' range, Python's own, value by value."""
        key = (symbol, id(self), other if type(other) is int else (id(other),))
        memory = self.sweep.memory
        known = memory.get(key)
        if known is None:
            check_same_sweep(self, other)
            try:
                known = memory[key] = compute(self, other)
            except TooLarge:
                if self.sweep.inside or self.sweep.meets_numpy:  # NumPy's integers wrap, Python's do not
                    raise
                plain = int(self), int(other)
                return _PYTHON[symbol](*plain)
        return known

    def _by_zero(self, function: Callable[[int, int], int]) -> int:
        if self.sweep.meets_numpy:
            raise Undecidable("a division by zero, which NumPy's numbers survive")
        return function(1, 0)  # Python's own error


# One operation each: values, certificate, bound. None of them splits: their results are remembered for all lengths. None
# wraps: operands are at most 2**61, and what could leave 64 bits is refused first.


def _shifted(left: SweptInt, constant: int) -> Int:
    _check(abs(constant))
    return left.sweep.integer(left.values + constant, left.certificate, left.bound + abs(constant))


def _sum(left: SweptInt, right: SweptInt) -> Int:
    certificate = certificates.of_sum(left.certificate, right.certificate, 1)
    return left.sweep.integer(left.values + right.values, certificate, left.bound + right.bound)


def _difference(left: SweptInt, right: SweptInt) -> Int:
    certificate = certificates.of_sum(left.certificate, right.certificate, -1)
    return left.sweep.integer(left.values - right.values, certificate, left.bound + right.bound)


def _multiple(left: SweptInt, factor: int) -> Int:
    _check(abs(factor))
    bound = left.bound * abs(factor)
    if bound > 2 * LARGEST:  # the bound may be far above the values
        bound = magnitude(left.values) * abs(factor)
        _check(bound)
    return left.sweep.integer(left.values * factor, certificates.of_multiple(left.certificate, factor), bound)


def _product(left: SweptInt, right: SweptInt) -> Int:
    bound = left.bound * right.bound
    if bound > 2 * LARGEST:
        bound = magnitude(left.values) * magnitude(right.values)
        _check(bound)
    certificate = certificates.of_product(left.certificate, right.certificate, (left.end(), right.end()))
    return left.sweep.integer(left.values * right.values, certificate, bound)


def _power(left: SweptInt, exponent: int) -> Int:
    if exponent == 1:
        return left
    half = _power(left, exponent // 2)
    square = half * half if is_plain(half) else _product(half, half)
    return square if exponent % 2 == 0 else _multiple(left, square) if is_plain(square) else _product(left, square)


def _quotient(left: SweptInt, divisor: Int) -> Int:
    if is_plain(divisor):
        _check(abs(divisor))
        certificate = certificates.of_quotient(left.certificate, divisor)
        return left.sweep.integer(left.values // divisor, certificate, left.bound)
    return left.sweep.integer(left.values // _without_zeros(divisor), None, left.bound)


def _reflected_quotient(right: SweptInt, dividend: int) -> Int:
    _check(abs(dividend))
    return right.sweep.integer(dividend // _without_zeros(right), None, abs(dividend))


def _remainder(left: SweptInt, divisor: int) -> Int:
    _check(abs(divisor))
    certificate = certificates.of_remainder(left.certificate, divisor)
    return left.sweep.integer(left.values % divisor, certificate, abs(divisor))


def _masked(left: SweptInt, mask: int) -> Int:
    """left & mask depends on left % 2**bits alone."""
    _check(2 * mask)
    certificate = certificates.of_remainder(left.certificate, 1 << mask.bit_length())
    return left.sweep.integer(left.values & mask, certificate, mask)


def _common_bits(left: SweptInt, right: SweptInt) -> Int:
    return left.sweep.integer(left.values & right.values, None)


def _has_zero(divisor: SweptInt) -> bool:
    """Splits: eager raises for these lengths only."""
    return bool(compare(divisor, "==", 0))


def _without_zeros(divisor: SweptInt) -> NDArray[np.int64]:
    return np.where(divisor.values == 0, 1, divisor.values)  # lengths that are not live any more


def _check(bound: int) -> None:
    if bound > 2 * LARGEST:
        raise TooLarge


def magnitude(values: NDArray[np.int64]) -> int:
    """The largest absolute value."""
    return max(abs(int(values.min())), abs(int(values.max())))


_PYTHON: dict[str, Callable[[int, int], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "**": operator.pow,
    "//": operator.floordiv,
    "r//": lambda divisor, dividend: dividend // divisor,
    "%": operator.mod,
    "&": operator.and_,
}

Int: TypeAlias = "int | SweptInt"
