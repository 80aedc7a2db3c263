"""Comparing and choosing: vectors of truth values, and the integers that are picked by them.

Invariant: what is returned is exact at every swept length; its pattern or certificate is that of `certificate.py`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from shapecheck.lengths import certificate as certificates
from shapecheck.lengths.certificate import Certificate
from shapecheck.lengths.undecidable import TooLargeError, Undecidable

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import TypeIs

    from shapecheck.lengths.swept import Sweep
    from shapecheck.lengths.swept_bool import Bool, SweptBool
    from shapecheck.lengths.swept_int import Int, SweptInt

LARGEST = 2**61  # twice it still fits an int64 with room to spare

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def is_plain(number: object) -> TypeIs[int]:
    """A plain int, which `isinstance(number, int)` does not tell: a swept integer answers True to it, as in eager."""
    return issubclass(type(number), int)


def compare(left: Int, symbol: str, right: Int) -> Bool:
    """`left symbol right` as a vector, in analyzed code too."""
    if is_plain(left):
        if is_plain(right):
            return COMPARISONS[symbol](left, right)
        left, right, symbol = right, left, MIRRORED[symbol]
    if right is left:
        return symbol in ("<=", ">=", "==")
    if type(right) is type(left):
        key = (symbol, id(left), (id(right),))
    elif not is_plain(right):
        return left.compared(symbol, right)
    elif abs(right) <= LARGEST:
        key = (symbol, id(left), int(right))
    else:  # out of reach of every swept integer
        return COMPARISONS[symbol](0, right)
    memory = left.sweep.memory
    known = memory.get(key)
    if known is None:
        known = memory[key] = _comparison(left, symbol, right)
    return known


def compare_with_float(left: SweptInt, symbol: str, right: float) -> Bool:
    """As Python compares an int with a float: exactly."""
    if math.isnan(right):
        return symbol == "!="
    if math.isinf(right):
        return COMPARISONS[symbol](0.0, right)
    floor = math.floor(right)
    if right == floor:
        return compare(left, symbol, floor)
    if symbol in ("==", "!="):
        return symbol == "!="
    return compare(left, "<=" if symbol in ("<", "<=") else ">", floor)


def answer(condition: Any) -> Any:
    """What a comparison gives: analyzed code gets a real bool, as in eager, and is split here if need be."""
    if condition is True or condition is False:
        return condition
    sweep: Sweep | None = getattr(condition, "sweep", None)
    return condition if sweep is None or sweep.inside else sweep.decide(condition)


def where(condition: Bool, left: Int, right: Int) -> Int:
    """`left` where the condition holds, else `right`."""
    if is_plain(condition) or isinstance(condition, np.bool_):
        return left if condition else right
    if left is right or (is_plain(left) and is_plain(right) and left == right):
        return left
    sweep, pattern = condition.sweep, condition.pattern
    # values tell a condition from others only where they tell how it goes on; an object that is kept always does
    is_known = pattern is not None and certificates.is_covered(pattern, sweep.last)
    which = condition.values.tobytes() if is_known else id(condition)
    key = ("where", which, pattern, _identity(left), _identity(right))
    known = sweep.memory.get(key)
    if known is None:
        try:
            known = sweep.memory[key] = _choice(condition, left, right), condition
        except TooLargeError as error:
            raise error.undecidable() from None
    return known[0]


def minimum(left: Int, right: Int) -> Int:
    """The smaller one, for each length."""
    return where(compare(left, "<=", right), left, right)


def maximum(left: Int, right: Int) -> Int:
    """The larger one, for each length."""
    return where(compare(left, ">=", right), left, right)


def check_same_sweep(left: SweptInt | SweptBool, right: Int) -> None:
    """Numbers of two analyses have nothing to do with each other, and only one's own live as long as the memory."""
    if not is_plain(right) and right.sweep is not left.sweep:
        raise Undecidable("a size that another analysis left behind is used")


def certificate_of(number: Int, sweep: Sweep) -> Certificate | None:
    """The certificate of a plain or swept integer."""
    return Certificate(sweep.first, 1, 0) if is_plain(number) else number.certificate


def _comparison(left: SweptInt, symbol: str, right: Int) -> SweptBool:
    check_same_sweep(left, right)
    sweep = left.sweep
    other = right if is_plain(right) else right.values
    values: NDArray[np.bool_] = COMPARISONS[symbol](left.values, other)
    both = left.certificate, certificate_of(right, sweep)
    pattern, wanted = certificates.of_comparison(left.values, other, both, sweep.first, sweep.last)
    sweep.want(wanted)
    return sweep.boolean(values, pattern)


def _choice(condition: SweptBool, left: Int, right: Int) -> Int:
    check_same_sweep(condition, left)
    check_same_sweep(condition, right)
    sweep, pattern = condition.sweep, condition.pattern
    values = np.where(condition.values, _values(left, condition.values), _values(right, ~condition.values))
    first, second = certificate_of(left, sweep), certificate_of(right, sweep)
    certificate = certificates.of_choice(condition.values, pattern, first, second, sweep.first, sweep.last)
    if certificate is None and pattern is not None and first is not None and second is not None:
        sweep.want(pattern.start + pattern.period - 1)  # there it may turn out to settle
    bound = max(_bound(left), _bound(right))
    return sweep.computed(values.astype(np.int64, copy=False), certificate, bound)


def _values(number: Int, used: NDArray[np.bool_]) -> NDArray[np.int64] | int:
    if not is_plain(number):
        return number.values
    if abs(number) <= LARGEST:
        return int(number)
    if bool(used.any()):
        raise TooLargeError
    return 0


def _bound(number: Int) -> int:
    return abs(int(number)) if is_plain(number) else number.bound


def _identity(number: Int) -> Any:
    return int(number) if is_plain(number) else (id(number),)
