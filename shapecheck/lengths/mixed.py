"""Swept numbers that meet others: truth values, floats, NumPy's numbers, fractions, complex numbers.

Invariant: the result is what Python or NumPy computes at each length. Where vectors cannot follow, the execution is split
and the plain numbers meet instead.
"""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from shapecheck.lengths.comparison import maximum, minimum
from shapecheck.lengths.undecidable import Undecidable

if TYPE_CHECKING:
    from shapecheck.lengths.swept import Sweep

Function = Callable[[Any, Any], Any]


def is_swept(number: object) -> bool:
    """Whether it is a swept integer, float or boolean."""
    return type(number).__name__ in ("SweptInt", "SweptFloat", "SweptBool")


def plain(number: Any) -> Any:
    """The plain number that it is on this path, which is split for it; anything else as it is."""
    kind = type(number).__name__
    if kind == "SweptInt":
        return int(number)
    if kind == "SweptFloat":
        return float(number)
    return bool(number) if kind == "SweptBool" else number


def operand(sweep: Sweep, number: Any) -> Any:
    """The number as swept arithmetic takes it: int, float, swept integer or swept float.

    Numbers of other kinds as they are; NotImplemented for what is no number.
    """
    kind = type(number)
    if kind is int or kind is float:
        return number
    if is_swept(number):
        if number.sweep is not sweep:
            raise Undecidable("a size that another analysis left behind is used")
        return number.as_int() if kind.__name__ == "SweptBool" else number
    if issubclass(kind, (np.bool_, np.int64, np.float64)):
        sweep.meets_numpy = True
        return number.item()
    if issubclass(kind, int):
        return int(number)
    if issubclass(kind, float):
        return float(number)
    return number if isinstance(number, numbers.Number) else NotImplemented


def mixed(function: Function, left: Any, right: Any) -> Any:
    """`function(left, right)` for two numbers of which one is a swept integer and the other need not be an integer."""
    from shapecheck.lengths.swept_float import SweptFloat, by_element  # which is made of swept integers

    sweep = left.sweep if is_swept(left) else right.sweep
    left, right = operand(sweep, left), operand(sweep, right)
    if left is NotImplemented or right is NotImplemented:
        return NotImplemented
    integers = _is_integer(left), _is_integer(right)
    if not all(integers[i] or type(number) in (float, SweptFloat) for i, number in enumerate((left, right))):
        return function(plain(left), plain(right))
    if all(integers):
        negative = function is operator.pow and type(right) is int and right < 0
        if function is not operator.truediv and not negative:
            return function(left, right)
        if max(_largest(left), _largest(right)) >= 2**53:  # rounded once by Python; as floats they would be rounded twice
            return by_element(sweep, function, left, right)
    return function(_as_float(left), _as_float(right))


def numpy_function(sweep: Sweep, function: np.ufunc, method: str, inputs: Any, options: Any) -> Any:
    """What NumPy computes for a swept number: as a swept one for functions that Python has, else value by value."""
    sweep.meets_numpy = True
    if method == "__call__" and not options and function in _OF_PYTHON:
        arguments = [operand(sweep, number) for number in inputs]
        kinds = {type(number).__name__ for number in arguments}
        if kinds <= ({"int", "SweptInt"} if function in _OF_INTEGERS else {"int", "float", "SweptInt", "SweptFloat"}):
            return _OF_PYTHON[function](*arguments)
        if kinds == {"SweptFloat"} and function in _ROUNDINGS:
            return arguments[0].rounded(_ROUNDINGS[function])
    return getattr(function, method)(*map(plain, inputs), **options)


_OF_INTEGERS: dict[np.ufunc, Callable[..., Any]] = {
    np.maximum: maximum,
    np.minimum: minimum,
    np.bitwise_and: operator.and_,
    np.bitwise_or: operator.or_,
    np.bitwise_xor: operator.xor,
}
_OF_PYTHON: dict[np.ufunc, Callable[..., Any]] = {
    **_OF_INTEGERS,
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.true_divide: operator.truediv,
    np.floor_divide: operator.floordiv,
    np.remainder: operator.mod,
    np.negative: operator.neg,
    np.positive: operator.pos,
    np.absolute: operator.abs,
    np.less: operator.lt,
    np.less_equal: operator.le,
    np.greater: operator.gt,
    np.greater_equal: operator.ge,
    np.equal: operator.eq,
    np.not_equal: operator.ne,
}
_ROUNDINGS: dict[np.ufunc, Callable[[Any], Any]] = {
    np.floor: math.floor,
    np.ceil: math.ceil,
    np.trunc: math.trunc,
    np.rint: round,
}

# what NumPy looks up on the elements of an array of objects, and no Python integer has
NUMPY_FUNCTIONS = frozenset(name for name, value in vars(np).items() if isinstance(value, np.ufunc))


def _is_integer(number: Any) -> bool:
    return type(number) is int or type(number).__name__ == "SweptInt"


def _largest(number: Any) -> int:
    return abs(number) if type(number) is int else number.bound


def _as_float(number: Any) -> Any:
    from shapecheck.lengths.swept_float import SweptFloat

    return SweptFloat.of(number) if type(number).__name__ == "SweptInt" else number
