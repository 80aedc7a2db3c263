"""The fraction that a float stands for: what makes `math.ceil(T / 2)` exact, and provable past the sweep.

Invariant: a float v with the quotient n / k has |v - n/k| <= roundings * 2**-5 / k, which is less than half of 1/k, and
is exactly n / k wherever that is a dyadic rational (an integer over a power of two); without roundings it always is.

So v lies on the same side as n / k of every integer and half-integer: those are 1/k and 1/(2k) away from n / k, or
equal to it. Hence floor, ceil, round and comparisons can be computed from n and k, which are below 2**47 (doubles have
53 bits, rounding is off by at most 2**-53 times the value, and a number that a double can hold is not rounded at all).
Why the operations keep it:

- n / k rounded once is off by |n/k| * 2**-53 < 2**-6 / k. A dyadic one has a numerator below 2**47: a double holds it.
- n1/k1 + n2/k2 with one of them exact: errors add up, the sum is rounded once more. If the sum is dyadic, both are.
- (n/k) * (p/q) with both exact is exact. With n/k rounded, for powers of two p and q only: the error scales likewise.
- (n/k) / (p/q) with both exact is n*q / (k*p) rounded once. With n/k rounded, for powers of two only, as above.

The bounds are checked on the sweep; for lengths past it see the scope in `certificate.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shapecheck.lengths.comparison import compare, is_plain, maximum, where

if TYPE_CHECKING:
    from shapecheck.lengths.swept_bool import Bool
    from shapecheck.lengths.swept_int import Int

_LARGEST = 2**47
_MOST_ROUNDINGS = 15


@dataclass(frozen=True, slots=True)
class Quotient:
    """numerator / denominator, and the error of the float in units of 2**-5 / denominator."""

    numerator: Int
    denominator: int  # > 0
    roundings: int

    @classmethod
    def of(cls, number: Int | float) -> Quotient | None:
        """Of an integer or a plain float."""
        if type(number) is float:
            return _checked(*number.as_integer_ratio(), 0) if math.isfinite(number) else None
        integer: Any = number
        return _checked(integer, 1, 0)

    def plus(self, other: Quotient) -> Quotient | None:
        """Of the rounded sum."""
        if self.roundings and other.roundings:
            return None
        denominator = math.lcm(self.denominator, other.denominator)
        first, second = denominator // self.denominator, denominator // other.denominator
        if _size(self.numerator) * first + _size(other.numerator) * second >= _LARGEST:
            return None
        roundings = self.roundings * first + other.roundings * second
        numerator = self.numerator * first + other.numerator * second
        return _checked(numerator, denominator, roundings + 1 if roundings else 0)

    def times(self, other: Quotient) -> Quotient | None:
        """Of the rounded product."""
        left, right = (other, self) if other.roundings or is_plain(self.numerator) else (self, other)
        factor, denominator = right.numerator, left.denominator
        if left.roundings and not (is_plain(factor) and _is_power_of_two(factor) and not right.roundings):
            return None
        if is_plain(factor):
            common = math.gcd(factor, denominator)
            factor, denominator = factor // common, denominator // common
        if _size(left.numerator) * _size(factor) >= _LARGEST:
            return None
        roundings = left.roundings * _size(factor)
        return _checked(left.numerator * factor, denominator * right.denominator, roundings)

    def over(self, other: Quotient) -> Quotient | None:
        """Of the rounded quotient, by a plain number other than 0."""
        divisor, factor = other.numerator, other.denominator
        if not is_plain(divisor) or other.roundings or (self.roundings and not _is_power_of_two(divisor)):
            return None
        common = math.gcd(factor, self.denominator)
        factor, denominator = factor // common, self.denominator // common * abs(divisor)
        if _size(self.numerator) * factor >= _LARGEST:
            return None
        roundings = self.roundings * factor if self.roundings else 0 if _is_power_of_two(denominator) else 1
        return _checked(self.numerator * (factor if divisor > 0 else -factor), denominator, roundings)

    def negated(self) -> Quotient:
        """Of the float with the other sign."""
        return Quotient(-self.numerator, self.denominator, self.roundings)

    def absolute(self) -> Quotient:
        """Of the float without its sign."""
        return Quotient(maximum(self.numerator, -self.numerator), self.denominator, self.roundings)

    def compared(self, symbol: str, other: Quotient) -> Bool | None:
        """How the two floats compare; None where rounding could decide."""
        denominator = math.lcm(self.denominator, other.denominator)
        first, second = denominator // self.denominator, denominator // other.denominator
        error = self.roundings * first + other.roundings * second
        largest = max(_size(self.numerator) * first, _size(other.numerator) * second)
        # different fractions are 1 / denominator apart; equal ones are equal floats, if one of them is exact
        if error >= 2**5 or (self.roundings and other.roundings) or largest >= 2 * _LARGEST:
            return None
        return compare(self.numerator * first, symbol, other.numerator * second)

    def is_integer(self) -> Bool:
        """Where the float is an integer."""
        return compare(self.numerator % self.denominator, "==", 0)

    def floor(self) -> Int:
        """The largest integer that is not above."""
        return self.numerator // self.denominator

    def ceil(self) -> Int:
        """The smallest integer that is not below."""
        return -(-self.numerator // self.denominator)

    def trunc(self) -> Int:
        """Towards 0."""
        return where(compare(self.numerator, ">=", 0), self.floor(), self.ceil())

    def round(self) -> Int:
        """The nearest integer; halves to even ones."""
        twice = 2 * self.numerator + self.denominator
        nearest = twice // (2 * self.denominator)
        is_half = compare(twice % (2 * self.denominator), "==", 0)
        return where(is_half & compare(nearest % 2, "==", 1), nearest - 1, nearest)


def _checked(numerator: Int, denominator: int, roundings: int) -> Quotient | None:
    if max(_size(numerator), denominator) >= _LARGEST or roundings > _MOST_ROUNDINGS:
        return None
    return Quotient(numerator, denominator, roundings)


def _size(number: Int) -> int:
    return abs(number) if is_plain(number) else number.bound


def _is_power_of_two(number: int) -> bool:
    number = abs(number)
    return number > 0 and number & (number - 1) == 0
