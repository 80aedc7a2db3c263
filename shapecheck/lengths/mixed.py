"""Swept numbers that meet others: truth values, floats, NumPy's numbers, fractions, complex numbers.

Invariant: the result is what Python or NumPy computes at each length. Where vectors cannot follow, the execution is
split and the plain numbers meet instead.
"""

from __future__ import annotations

import dis
import math
import numbers
import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from shapecheck.lengths.comparison import COMPARISONS, compare, is_plain, maximum, minimum
from shapecheck.lengths.undecidable import Undecidable, Unhashable

if TYPE_CHECKING:
    from shapecheck.lengths.swept import Sweep

_NO_NUMBERS = (str, bytes, type(None), list, tuple, dict, set, frozenset)
_EXACT_IN_NUMPY: tuple[Any, ...] = (np.bool_, np.int64, np.float64)  # the others wrap or round differently

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right,
    "//": lambda left, right: left // right,
    "%": lambda left, right: left % right,
    "**": lambda left, right: left**right,
    "&": lambda left, right: left & right,
    "|": lambda left, right: left | right,
    "^": lambda left, right: left ^ right,
}


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


def hash_of(number: Any) -> int:
    """The hash of the plain number, on a path for each value: numbers of different paths never meet as keys.

    einops knows symbolic sizes, which have no hash, and then goes without its cache, which outlives the analysis.
    """
    if number.sweep.inside:
        raise Undecidable("a size is used as a key")
    if _caller().partition(".")[0] == "einops":
        raise Unhashable("unhashable type: a size is not one number here")
    return hash(plain(number))


def is_stale(sweep: Sweep, other: Any) -> bool:
    """Whether a key of an analysis that is over meets another one in a dict, a set or a cache: no key of this run."""
    foreign = is_swept(other) and other.sweep is not sweep
    if not sweep.over and not foreign:
        return False
    frame = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]
    return dis.opname[frame.f_code.co_code[frame.f_lasti]] != "COMPARE_OP"  # who compares on purpose is told


def _caller() -> str:
    """The name of the module that asks a swept number for something, through C or not."""
    frame: FrameType | None = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        name: str = frame.f_globals.get("__name__", "")
        if not name.startswith("shapecheck."):
            return name
        frame = frame.f_back
    return ""


def operand(sweep: Sweep, number: Any) -> Any:
    """The number as swept arithmetic takes it: int, float, swept integer or swept float.

    Numbers of other kinds as they are; NotImplemented for what is no number.
    """
    if type(number) is int or type(number) is float:
        return number
    if is_swept(number):
        if number.sweep is not sweep:
            raise Undecidable("a size that another analysis left behind is used")
        return number.as_int() if type(number).__name__ == "SweptBool" else number
    if isinstance(number, _EXACT_IN_NUMPY):
        sweep.meets_numpy = sweep.meets_numpy or not sweep.inside
        return number.item()
    if isinstance(number, int):
        return int(number)
    if isinstance(number, float):
        return float(number)
    return number if isinstance(number, numbers.Number) else NotImplemented


def mixed(symbol: str, left: Any, right: Any) -> Any:
    """`left symbol right` for two numbers of which one is a swept integer and the other need not be an integer."""
    from shapecheck.lengths.swept_float import SweptFloat, by_element  # which is made of swept integers

    function = OPERATORS[symbol]
    sweep = left.sweep if is_swept(left) else right.sweep
    given = left, right
    left, right = operand(sweep, left), operand(sweep, right)
    if left is NotImplemented or right is NotImplemented:
        return refused(function, given, 1)
    if is_foreign(left) or is_foreign(right):
        return function(plain(left), plain(right))
    if _is_integer(left) and _is_integer(right):
        if symbol != "/" and not (symbol == "**" and type(right) is int and right < 0):
            return function(left, right)
        if symbol == "/" and bool(compare(right, "==", 0)):  # splits: eager raises for these lengths only
            return by_zero(sweep, symbol, 1)
        if max(_largest(left), _largest(right)) >= 2**53:  # as floats they would be rounded twice
            return by_element(sweep, function, left, right)
    return function(
        *(number if is_plain(number) or _is_float(number) else SweptFloat.of(number) for number in (left, right))
    )


def refused(function: Callable[[Any, Any], Any], operands: tuple[Any, Any], one: float) -> Any:
    """NotImplemented; but what Python raises, where one operand is of a kind of its own that has no answer either."""
    if any(type(number) in _NO_NUMBERS for number in operands):
        function(*(one if is_swept(number) else number for number in operands))
    return NotImplemented


def by_zero(sweep: Sweep, symbol: str, one: float) -> Any:
    """Raises what Python does for a division by zero, of an int or a float."""
    if sweep.meets_numpy:
        raise Undecidable("a division by zero, which NumPy's numbers survive")
    return OPERATORS[symbol](one, 0 * one)


def numpy_function(sweep: Sweep, function: np.ufunc, method: str, inputs: Any, options: Any) -> Any:
    """What NumPy computes for a swept number: as a swept one for functions that Python has, else value by value."""
    sweep.meets_numpy = sweep.meets_numpy or not sweep.inside
    if method == "__call__" and not options:
        arguments = [number if type(number).__name__ == "SweptBool" else operand(sweep, number) for number in inputs]
        kinds = {type(number).__name__ for number in arguments}
        if function in _ROUNDINGS and kinds == {"SweptFloat"}:
            return arguments[0].rounded(_ROUNDINGS[function])
        if function in _OF_PYTHON:
            followed = {"int", "SweptInt"} if function in _OF_INTEGERS else {"int", "float", "SweptInt", "SweptFloat"}
            if kinds <= followed:
                return _OF_PYTHON[function](*arguments)
    return getattr(function, method)(*map(plain, inputs), **options)


def _negative(number: Any) -> Any:
    return -number


_OF_INTEGERS: dict[np.ufunc, Callable[..., Any]] = {
    np.maximum: maximum,
    np.minimum: minimum,
    np.bitwise_and: OPERATORS["&"],
    np.bitwise_or: OPERATORS["|"],
    np.bitwise_xor: OPERATORS["^"],
}
_OF_PYTHON: dict[np.ufunc, Callable[..., Any]] = {
    **_OF_INTEGERS,
    np.add: OPERATORS["+"],
    np.subtract: OPERATORS["-"],
    np.multiply: OPERATORS["*"],
    np.true_divide: OPERATORS["/"],
    np.floor_divide: OPERATORS["//"],
    np.remainder: OPERATORS["%"],
    np.negative: _negative,
    np.absolute: abs,
    np.less: COMPARISONS["<"],
    np.less_equal: COMPARISONS["<="],
    np.greater: COMPARISONS[">"],
    np.greater_equal: COMPARISONS[">="],
    np.equal: COMPARISONS["=="],
    np.not_equal: COMPARISONS["!="],
}
_ROUNDINGS: dict[np.ufunc, Callable[[Any], Any]] = {
    np.floor: math.floor,
    np.ceil: math.ceil,
    np.trunc: math.trunc,
    np.rint: round,
}

# what NumPy looks up on the elements of an array of objects, and no Python number has
_NUMPY_FUNCTIONS = frozenset(name for name, value in vars(np).items() if isinstance(value, np.ufunc))


def is_of_numpy(sweep: Sweep, name: str, kind: type) -> bool:
    """Whether an attribute that Python's numbers lack is wanted of one that may well be NumPy's."""
    if name in _NUMPY_FUNCTIONS:
        return True
    if not sweep.meets_numpy or name.startswith("__") or not hasattr(kind, name):
        return False
    caller: str = sys._getframe(2).f_globals.get("__name__", "")  # pyright: ignore[reportPrivateUsage]
    return not caller.startswith("numpy.")  # which does without


def is_foreign(number: Any) -> bool:
    """Whether it is a number that swept arithmetic does not take: it meets plain ones."""
    return not is_swept(number) and type(number) not in (int, float)


def _is_swept_int(number: Any) -> bool:
    return type(number).__name__ == "SweptInt"


def _is_float(number: Any) -> bool:
    return type(number) is float or type(number).__name__ == "SweptFloat"


def _is_integer(number: Any) -> bool:
    return type(number) is int or _is_swept_int(number)


def _largest(number: Any) -> int:
    return abs(number) if type(number) is int else number.bound
