"""Ranges of numbers under the operations of torch on the CPU, element by element.

Invariant: a result holds what torch computes of any numbers in the arguments' ranges, rounding, overflow, undefined
casts and NaN included. Operations are monotone, or have their extremes at the ends of the ranges, unless they say more.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import torch

# relative: a few units in the last place, by which torch's kernels, vectorized or not, differ from Python's numbers
_SLACK = {torch.float32: 2.0**-20, torch.float64: 2.0**-48}
_EXACT = {torch.float32: 2**24, torch.float64: 2**53}  # integers up to here are floats, and sums of them are exact
DTYPES = frozenset((torch.bool, torch.int32, torch.int64, *_SLACK))


class Range(NamedTuple):
    """All numbers from `low` to `high`, and perhaps NaN; integers and booleans as Python integers."""

    low: Any
    high: Any
    nan: bool = False


Operation: TypeAlias = "Callable[..., Range]"  # of the dtype of the result, and of a range for each operand


def hull(*ranges: Range) -> Range:
    """The smallest range that holds all of these."""
    lows, highs, nans = zip(*ranges, strict=True)
    return Range(min(lows), max(highs), any(nans))


def anything(dtype: torch.dtype) -> Range:
    """All values of a dtype."""
    if dtype.is_floating_point:
        return Range(-math.inf, math.inf, nan=True)
    if dtype == torch.bool:
        return Range(0, 1)
    return Range(torch.iinfo(dtype).min, torch.iinfo(dtype).max)


def converted(found: Range, source: torch.dtype, target: torch.dtype) -> Range:
    """A cast. What torch's casts from floats give past the ends of an integer dtype is not defined."""
    if target == torch.bool:
        surely = found.low > 0 or found.high < 0
        return Range(int(surely), int(surely or found.nan or found.low != found.high or found.low != 0))
    if target.is_floating_point:
        return _rounded(found.low, found.high, target, exact=(True, True), nan=found.nan)
    if not source.is_floating_point:
        return _fitting(found.low, found.high, target)
    if found.nan or math.isinf(found.low) or math.isinf(found.high):
        return anything(target)
    return _fitting(math.trunc(found.low), math.trunc(found.high), target)


def _fitting(low: int, high: int, dtype: torch.dtype) -> Range:
    """Integers, which may have wrapped around if they do not fit the dtype."""
    every = anything(dtype)
    return Range(low, high) if every.low <= low and high <= every.high else every


def _rounded(low: Any, high: Any, dtype: torch.dtype, *, exact: tuple[bool, bool], nan: bool = False) -> Range:
    """Floats, outward by the slack but where an end is `exact` as long as it is a whole number that the dtype has."""
    if math.isnan(low) or math.isnan(high):
        return anything(dtype)
    known, largest = torch.finfo(dtype), _EXACT[dtype]
    ends: list[float] = []
    for end, sign, is_exact in ((float(low), -1, exact[0]), (float(high), 1, exact[1])):
        if not math.isinf(end) and not (is_exact and end.is_integer() and abs(end) <= largest):
            end += sign * (abs(end) * _SLACK[dtype])
            if abs(end) < known.tiny * 2**30:  # what is denormal has fewer digits, or is flushed to zero
                end = min(end, 0.0) if sign < 0 else max(end, 0.0)
                end += sign * known.tiny
        if end * sign > known.max:
            end = sign * math.inf
        elif end * -sign > known.max:
            end = -sign * known.max
        ends.append(end)
    return Range(ends[0], ends[1], nan)


def _at_corners(function: Callable[[Any, Any], Any]) -> Operation:
    """Of an operation on two ranges that is monotone in each of its numbers, for whatever the other one is."""

    def operation(dtype: torch.dtype, left: Range, right: Range) -> Range:
        corners = [(x, y) for x in left[:2] for y in right[:2]]
        results = [function(x, y) for x, y in corners]
        if not dtype.is_floating_point:
            return _fitting(min(results), max(results), dtype)
        if any(math.isnan(result) for result in results):
            return anything(dtype)
        low, high = min(results), max(results)
        exact = [
            all(abs(number) <= _EXACT[dtype] and number == int(number) for number in corner)
            or (result == 0 and 0 in corner)  # not an underflow
            for corner, result in zip(corners, results, strict=True)
        ]
        ends = [
            all(known for known, result in zip(exact, results, strict=True) if result == end) for end in (low, high)
        ]
        return _rounded(low, high, dtype, exact=(ends[0], ends[1]), nan=left.nan or right.nan)

    return operation


def _quotient(left: Any, right: Any) -> Any:
    return left / right


def _floor_of_quotient(left: Any, right: Any) -> Any:
    return left // right


def _toward_zero(left: Any, right: Any) -> Any:
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


_product = _at_corners(operator.mul)
_true_quotient = _at_corners(_quotient)
_floor_quotient = _at_corners(_floor_of_quotient)
_truncated_quotient = _at_corners(_toward_zero)


def _multiply(dtype: torch.dtype, left: Range, right: Range) -> Range:
    infinite = any(math.isinf(end) for end in (*left[:2], *right[:2]))
    if infinite and any(found.low <= 0 <= found.high for found in (left, right)):  # 0 * inf
        return anything(dtype)
    return _product(dtype, left, right)


def _divided(operation: Operation) -> Operation:
    def divide(dtype: torch.dtype, left: Range, right: Range) -> Range:
        if right.low <= 0 <= right.high or math.isinf(right.low) or math.isinf(right.high) or right.nan:
            return anything(dtype)
        if dtype.is_floating_point and operation is not _true_quotient:
            if math.isinf(left.low) or math.isinf(left.high):
                return anything(dtype)  # torch says NaN
            quotient = _true_quotient(dtype, left, right)
            return (_floor if operation is _floor_quotient else _truncate)(dtype, quotient)
        return operation(dtype, left, right)

    return divide


def _remainder(dtype: torch.dtype, left: Range, right: Range) -> Range:
    if dtype.is_floating_point or right.low != right.high or right.low == 0:
        return anything(dtype)
    divisor = right.low
    if left.low // divisor == left.high // divisor:
        return Range(*sorted((left.low % divisor, left.high % divisor)))
    return Range(min(divisor + 1, 0), max(divisor - 1, 0))


def maximum(_: torch.dtype, left: Range, right: Range) -> Range:
    return Range(max(left.low, right.low), max(left.high, right.high), left.nan or right.nan)


def minimum(_: torch.dtype, left: Range, right: Range) -> Range:
    return Range(min(left.low, right.low), min(left.high, right.high), left.nan or right.nan)


def where(_: torch.dtype, condition: Range, chosen: Range, other: Range) -> Range:
    return chosen if condition.low else hull(chosen, other) if condition.high else other


def _positive(dtype: torch.dtype, found: Range) -> Range:
    return maximum(dtype, found, Range(0, 0))


def same(_: torch.dtype, found: Range) -> Range:
    return found


def _absolute(dtype: torch.dtype, found: Range) -> Range:
    ends = abs(found.low), abs(found.high)
    return _ends(dtype, 0 if found.low <= 0 <= found.high else min(ends), max(ends), found)


def _negative(dtype: torch.dtype, found: Range) -> Range:
    return _ends(dtype, -found.high, -found.low, found)


def _sign(_: torch.dtype, found: Range) -> Range:
    low, high = ((end > 0) - (end < 0) for end in found[:2])
    return Range(-1, 1, nan=True) if found.nan else Range(low, high)


def _ends(dtype: torch.dtype, low: Any, high: Any, found: Range) -> Range:
    """Ends that no rounding changes."""
    return Range(low, high, found.nan) if dtype.is_floating_point else _fitting(low, high, dtype)


def _whole(function: Callable[[Any], int]) -> Operation:
    """floor and its kin: exact, and of an integer the integer itself."""

    def operation(_: torch.dtype, found: Range) -> Range:
        low, high = (end if math.isinf(end) else type(end)(function(end)) for end in found[:2])
        return Range(low, high, found.nan)

    return operation


_floor, _truncate = _whole(math.floor), _whole(math.trunc)


def _rising(function: Callable[[float], float], start: float = -math.inf) -> Operation:
    """A function of floats that rises from `start` on; NaN before it, and -inf or 0 there."""

    def operation(dtype: torch.dtype, found: Range) -> Range:
        if found.high < start:
            return anything(dtype)
        nan = found.nan or found.low < start
        low, high = function(max(found.low, start)), function(max(found.high, start))
        return _rounded(low, high, dtype, exact=(False, False), nan=nan)

    return operation


def _from_zero(function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda number: -math.inf if number == 0 else math.inf if number == math.inf else function(number)


def _exp(number: float) -> float:
    try:
        return math.exp(number)
    except OverflowError:
        return math.inf


def _not(_: torch.dtype, found: Range) -> Range:
    return Range(1 - found.high, 1 - found.low)


def _of_booleans(operation: Operation) -> Operation:
    def logical(dtype: torch.dtype, *found: Range) -> Range:
        return operation(dtype, *found) if dtype == torch.bool else anything(dtype)

    return logical


def _verdict(surely: bool, surely_not: bool, *found: Range) -> Range:
    return Range(0, 1) if any(each.nan for each in found) else Range(int(surely), int(not surely_not))


def _less(_: torch.dtype, left: Range, right: Range) -> Range:
    return _verdict(left.high < right.low, left.low >= right.high, left, right)


def _at_most(_: torch.dtype, left: Range, right: Range) -> Range:
    return _verdict(left.high <= right.low, left.low > right.high, left, right)


def _equal(_: torch.dtype, left: Range, right: Range) -> Range:
    apart = left.high < right.low or right.high < left.low
    return _verdict(left.low == left.high == right.low == right.high, apart, left, right)


def _greater(dtype: torch.dtype, left: Range, right: Range) -> Range:
    return _less(dtype, right, left)


def _at_least(dtype: torch.dtype, left: Range, right: Range) -> Range:
    return _at_most(dtype, right, left)


def _different(dtype: torch.dtype, left: Range, right: Range) -> Range:
    return _not(dtype, _equal(dtype, left, right))


COMPARISONS: dict[str, Operation] = {
    "lt": _less,
    "gt": _greater,
    "le": _at_most,
    "ge": _at_least,
    "eq": _equal,
    "ne": _different,
}

_UNARY: dict[str, Operation] = {
    "abs": _absolute,
    "neg": _negative,
    "sign": _sign,
    "floor": _floor,
    "ceil": _whole(math.ceil),
    "trunc": _truncate,
    "round": _whole(round),
    "relu": _positive,
    "log": _rising(_from_zero(math.log), 0),
    "log2": _rising(_from_zero(math.log2), 0),
    "log10": _rising(_from_zero(math.log10), 0),
    "sqrt": _rising(math.sqrt, 0),
    "exp": _rising(_exp),
    "logical_not": _of_booleans(_not),
    "invert": _of_booleans(_not),
}

_BINARY: dict[str, Operation] = {
    "add": _at_corners(operator.add),
    "sub": _at_corners(operator.sub),
    "mul": _multiply,
    "truediv": _divided(_true_quotient),
    "floordiv": _divided(_floor_quotient),
    "truncdiv": _divided(_truncated_quotient),
    "mod": _remainder,
    "max": maximum,
    "min": minimum,
    "and": _of_booleans(minimum),
    "or": _of_booleans(maximum),
}

# how many operands an operation takes, and its range in the dtype of its result
OPERATIONS: dict[str, tuple[int, Operation]] = {
    **{name: (1, operation) for name, operation in _UNARY.items()},
    **{name: (2, operation) for name, operation in _BINARY.items()},
}

__all__ = [
    "COMPARISONS",
    "DTYPES",
    "OPERATIONS",
    "Range",
    "anything",
    "converted",
    "hull",
    "maximum",
    "minimum",
    "same",
    "where",
]
