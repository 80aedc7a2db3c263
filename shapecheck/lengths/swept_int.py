"""Swept integers: one value for each candidate length, closed under the arithmetic of shapes.

Invariant: `values[i]` is exact for the length `sweep.first + i`, and a certificate holds for all lengths from its start
on. Every swept integer is made by `Sweep.computed`, which keeps it as long as the sweep: its memory holds the `id`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from shapecheck.lengths.arithmetic import (
    common_bits,
    difference,
    masked,
    multiple,
    power,
    product,
    quotient,
    reflected_quotient,
    remainder,
    shifted,
    total,
)
from shapecheck.lengths.comparison import (
    COMPARISONS,
    MIRRORED,
    answer,
    check_same_sweep,
    compare,
    compare_with_float,
    maximum,
)
from shapecheck.lengths.mixed import (
    OPERATORS,
    by_zero,
    hash_of,
    is_of_numpy,
    is_stale,
    is_swept,
    mixed,
    numpy_function,
    operand,
    refused,
)
from shapecheck.lengths.undecidable import TooLargeError, Undecidable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shapecheck.lengths.certificate import Certificate
    from shapecheck.lengths.swept import Sweep


class SweptInt:
    """An integer for each length of a sweep.

    `int()`, `range()` and indexing with it split the execution by value, and so does whatever vectors cannot follow:
    that is Python's own answer then, value by value.
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
        """For the sweep alone."""
        self: SweptInt = object.__new__(SweptInt)
        self.sweep = sweep
        self.values = values
        self.certificate = certificate
        self.bound = bound
        return self

    # arithmetic -------------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Any:
        if type(other) is int:
            return self._do("+", other, shifted) if other else self
        return self._do("+", other, total) if type(other) is SweptInt else mixed("+", self, other)

    def __radd__(self, other: Any) -> Any:
        return self + other if type(other) is int else mixed("+", other, self)

    def __sub__(self, other: Any) -> Any:
        if type(other) is int:
            return self._do("+", -other, shifted) if other else self
        if type(other) is SweptInt:
            return 0 if other is self else self._do("-", other, difference)
        return mixed("-", self, other)

    def __rsub__(self, other: Any) -> Any:
        return -self + other if type(other) is int else mixed("-", other, self)

    def __mul__(self, other: Any) -> Any:
        if type(other) is int:
            return 0 if other == 0 else self if other == 1 else self._do("*", other, multiple)
        return self._do("*", other, product) if type(other) is SweptInt else mixed("*", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self * other if type(other) is int else mixed("*", other, self)

    def __floordiv__(self, other: Any) -> Any:
        if type(other) is int:
            if other == 0:
                return by_zero(self.sweep, "//", 1)
            return self if other == 1 else self._do("//", other, quotient)
        if type(other) is not SweptInt:
            return mixed("//", self, other)
        return by_zero(self.sweep, "//", 1) if _has_zero(other) else self._do("//", other, quotient)

    def __rfloordiv__(self, other: Any) -> Any:
        if type(other) is not int:
            return mixed("//", other, self)
        return by_zero(self.sweep, "//", 1) if _has_zero(self) else self._do("r//", other, reflected_quotient)

    def __mod__(self, other: Any) -> Any:
        if type(other) is int:
            return self._do("%", other, remainder) if other else by_zero(self.sweep, "%", 1)
        if type(other) is not SweptInt:
            return mixed("%", self, other)
        return by_zero(self.sweep, "%", 1) if _has_zero(other) else self - other * (self // other)

    def __rmod__(self, other: Any) -> Any:
        if type(other) is not int:
            return mixed("%", other, self)
        return by_zero(self.sweep, "%", 1) if _has_zero(self) else other - self * (other // self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __truediv__(self, other: Any) -> Any:
        return mixed("/", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return mixed("/", other, self)

    def __pow__(self, other: Any, modulus: Any = None) -> Any:
        if modulus is not None:
            return _POWER(int(self), other, modulus)
        if type(other) is SweptInt:
            return self ** int(other)  # int or float, as the exponent says
        if type(other) is not int or other < 0:
            return mixed("**", self, other)
        return self._do("**", other, power) if other else 1

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
        if type(other) is int:
            # below zero the complement is cut out: f & m = f - (f & ~m)
            return self._do("&", other, masked) if other >= 0 else self - (self & ~other)
        return self._do("&", other, common_bits) if type(other) is SweptInt else mixed("&", self, other)

    def __or__(self, other: Any) -> Any:
        if type(other) is int or type(other) is SweptInt:
            return self + other - (self & other)
        return mixed("|", self, other)

    def __xor__(self, other: Any) -> Any:
        if type(other) is int or type(other) is SweptInt:
            return self + other - 2 * (self & other)
        return mixed("^", self, other)

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
        number: Any = other
        if type(other) is not int and type(other) is not SweptInt:
            number = operand(self.sweep, other)
        if type(number) is int or type(number) is SweptInt:
            return compare(self, symbol, number)
        if type(number) is float:
            return compare_with_float(self, symbol, number)
        if number is NotImplemented:
            return refused(COMPARISONS[symbol], (self, other), 1)
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
        return False if is_stale(self.sweep, other) else answer(self.compared("==", other))

    def __ne__(self, other: object) -> Any:
        return answer(self.compared("!=", other))

    def __hash__(self) -> int:
        return hash_of(self)

    # where Python wants a plain value ---------------------------------------------------------------------------

    # `isinstance(x.shape[-1], int)` holds in eager, so it does here; tensor.py widens it to what torch's parsers want
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
        if is_of_numpy(self.sweep, name, np.int64):
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
        """The value that it has for ever from its certificate's start on, where it is known to be constant there."""
        known = self.certificate
        if known is None or known.rise != 0 or known.period != 1 or known.start > self.sweep.last:
            return None
        return int(self.values[known.start - self.sweep.first])

    # private ----------------------------------------------------------------------------------------------------

    def _do(self, symbol: str, other: Any, compute: Callable[[SweptInt, Any], Any]) -> Any:
        """`compute(self, other)`, once for each pair; past the range of vectors Python's own, value by value."""
        key = (symbol, id(self), other if type(other) is int else (id(other),))
        memory = self.sweep.memory
        known = memory.get(key)
        if known is None:
            check_same_sweep(self, other)
            try:
                known = memory[key] = compute(self, other)
            except TooLargeError as error:
                if self.sweep.inside or self.sweep.meets_numpy:  # NumPy's integers wrap, Python's do not
                    raise error.undecidable() from None
                if symbol == "r//":
                    return other // int(self)
                return OPERATORS[symbol](int(self), int(other))
        return known


def _has_zero(divisor: SweptInt) -> bool:
    """Splits: eager raises for these lengths only."""
    return bool(compare(divisor, "==", 0))


_POWER: Callable[[int, Any, Any], Any] = pow

Int: TypeAlias = "int | SweptInt"
