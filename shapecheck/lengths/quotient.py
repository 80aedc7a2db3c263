"""The fraction that a float stands for: what makes `math.ceil(T / 2)` exact, and provable past the sweep.

Invariant: a float v with the quotient n / k has |v - n/k| <= roundings * 2**-5 / k, less than half of 1/k, and is exactly
n / k wherever that is a dyadic rational (an integer over a power of two); with no roundings it always is. |n| < 2**47.

So v lies on the same side as n / k of every integer and half-integer, which are 1/k and 1/(2k) away from n / k or equal to
it: floor, ceil, round and comparisons with integers can be computed from n and k. Why the operations keep it, for doubles of
53 bits (rounding is off by at most 2**-53 times the value, and exact numbers that a double can hold are not rounded):
- n / k rounded is off by |n/k| * 2**-53 < 2**-6 / k. A dyadic n / k has a numerator below 2**47 and is held exactly.
- n1/k1 + n2/k2, one of them dyadic: errors add up, and the sum is rounded once more. If the sum is dyadic, both are.
- (n/k) * (p/q) with n/k exact: exact again, if the numerator stays below 2**47. If it is not, for powers of two p and q only:
  then the product just scales, error and all. Division is multiplication by q/p for exact n/k: one correct rounding.
Bounds hold on the sweep; past it, as long as the numbers stay below 2**47 (see the scope in `certificate.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shapecheck.lengths.comparison import compare, is_plain, where

if TYPE_CHECKING:
    from shapecheck.lengths.swept_bool import Bool
    from shapecheck.lengths.swept_int import Int

_LARGEST = 2**47
_MOST_ROUNDINGS = 15


@dataclass(frozen=True, slots=True)
class Quotient:
    """numerator / denominator, and how often the float was rounded on the way, in units of its error bound."""

    numerator: Int
    denominator: int  # > 0
    roundings: int

    @classmethod
    def of(cls, number: Int | float) -> Quotient | None:
        """Of an integer or a plain float."""
        if isinstance(number, float) and not is_plain(number):
            if not math.isfinite(number):
                return None
            return _checked(*number.as_integer_ratio(), 0)
        return _checked(number, 1, 0)

    def plus(self, other: Quotient) -> Quotient | None:
        """Of the rounded sum."""
        if self.roundings and other.roundings:
            return None
        denominator = math.lcm(self.denominator, other.denominator)
        first, second = denominator // self.denominator, denominator // other.denominator
        if max(_size(self.numerator) * first, _size(other.numerator) * second) >= _LARGEST:
            return None
        roundings = self.roundings * first + other.roundings * second
        return _checked(
            self.numerator * first + other.numerator * second, denominator, roundings + 1 if roundings else 0
        )

    def times(self, other: Quotient) -> Quotient | None:
        """Of the rounded product with a plain number or an exact integer."""
        if self.roundings:
            if not is_plain(other.numerator) or other.roundings or not _is_power_of_two(abs(other.numerator)):
                return other.times(self) if _is_power(self) else None
        elif other.roundings:
            return other.times(self)
        factor, divisor = other.numerator, other.denominator
        common = math.gcd(factor, self.denominator) if is_plain(factor) else 1
        if _size(self.numerator) * (_size(factor) // common) >= _LARGEST:
            return None
        scale = abs(factor) // common if is_plain(factor) else 1
        numerator = self.numerator * (factor // common if is_plain(factor) else factor)
        return _checked(numerator, self.denominator // common * divisor, self.roundings * scale)

    def over(self, other: Quotient) -> Quotient | None:
        """Of the rounded quotient by a plain number other than 0."""
        if not is_plain(other.numerator) or other.roundings or other.numerator == 0:
            return None
        divisor, factor = other.numerator, other.denominator
        if self.roundings and not _is_power_of_two(abs(divisor)):
            return None
        common = math.gcd(factor, self.denominator)
        factor //= common
        denominator = self.denominator // common * abs(divisor)
        if _size(self.numerator) * factor >= _LARGEST:
            return None
        roundings = self.roundings * factor if self.roundings else 0 if _is_power_of_two(denominator) else 1
        return _checked(self.numerator * (factor if divisor > 0 else -factor), denominator, roundings)

    def negated(self) -> Quotient:
        """Of the float with the other sign."""
        return Quotient(-self.numerator, self.denominator, self.roundings)
