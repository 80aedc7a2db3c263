"""The arithmetic of swept integers, one operation each: values, certificate, bound.

Invariant: nothing wraps, for operands are at most 2**61 and what could leave 64 bits is refused first (TooLargeError).
Nothing splits the execution: results are remembered for all lengths, whichever are live.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shapecheck.lengths import certificate as certificates
from shapecheck.lengths.comparison import LARGEST, is_plain
from shapecheck.lengths.undecidable import TooLargeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shapecheck.lengths.swept_int import Int, SweptInt


def shifted(left: SweptInt, constant: int) -> Int:
    _check(abs(constant))
    return left.sweep.computed(left.values + constant, left.certificate, left.bound + abs(constant))


def total(left: SweptInt, right: SweptInt) -> Int:
    certificate = certificates.of_sum(left.certificate, right.certificate, 1)
    return left.sweep.computed(left.values + right.values, certificate, left.bound + right.bound)


def difference(left: SweptInt, right: SweptInt) -> Int:
    certificate = certificates.of_sum(left.certificate, right.certificate, -1)
    return left.sweep.computed(left.values - right.values, certificate, left.bound + right.bound)


def multiple(left: SweptInt, factor: int) -> Int:
    _check(abs(factor))
    bound = left.bound * abs(factor)
    if bound > 2 * LARGEST:  # the bound may be far above the values
        bound = magnitude(left.values) * abs(factor)
        _check(bound)
    return left.sweep.computed(left.values * factor, certificates.of_multiple(left.certificate, factor), bound)


def product(left: SweptInt, right: SweptInt) -> Int:
    bound = left.bound * right.bound
    if bound > 2 * LARGEST:
        bound = magnitude(left.values) * magnitude(right.values)
        _check(bound)
    certificate = certificates.of_product(left.certificate, right.certificate, (left.end(), right.end()))
    return left.sweep.computed(left.values * right.values, certificate, bound)


def power(left: SweptInt, exponent: int) -> Int:
    if exponent == 1:
        return left
    half = power(left, exponent // 2)
    square = half * half if is_plain(half) else product(half, half)
    return square if exponent % 2 == 0 else multiple(left, square) if is_plain(square) else product(left, square)


def quotient(left: SweptInt, divisor: Int) -> Int:
    if is_plain(divisor):
        _check(abs(divisor))
        certificate = certificates.of_quotient(left.certificate, divisor)
        return left.sweep.computed(left.values // divisor, certificate, left.bound)
    values = left.values // _without_zeros(divisor)
    return left.sweep.computed(values, _of_ratio(left, divisor, values), left.bound)


def _of_ratio(left: SweptInt, divisor: SweptInt, values: NDArray[np.int64]) -> certificates.Certificate | None:
    """Of left // divisor where left is a multiple of divisor, the same for ever."""
    ratio = int(values[-1])
    scaled = certificates.of_multiple(divisor.certificate, ratio)
    if left.certificate is None or scaled is None:
        return None
    if not certificates.same_for_ever(left.certificate, scaled, left.sweep.last):
        return None
    start = max(left.certificate.start, scaled.start)
    known = slice(start - left.sweep.first, None)
    if not bool((values[known] == ratio).all()) or bool((left.values[known] % _without_zeros(divisor)[known]).any()):
        return None
    return certificates.Certificate(start, 1, 0)


def reflected_quotient(right: SweptInt, dividend: int) -> Int:
    _check(abs(dividend))
    return right.sweep.computed(dividend // _without_zeros(right), None, abs(dividend))


def remainder(left: SweptInt, divisor: int) -> Int:
    _check(abs(divisor))
    certificate = certificates.of_remainder(left.certificate, divisor)
    return left.sweep.computed(left.values % divisor, certificate, abs(divisor))


def masked(left: SweptInt, mask: int) -> Int:
    """left & mask depends on left % 2**bits alone."""
    _check(2 * mask)
    certificate = certificates.of_remainder(left.certificate, 1 << mask.bit_length())
    return left.sweep.computed(left.values & mask, certificate, mask)


def common_bits(left: SweptInt, right: SweptInt) -> Int:
    return left.sweep.computed(left.values & right.values, None)


def _without_zeros(divisor: SweptInt) -> NDArray[np.int64]:
    return np.where(divisor.values == 0, 1, divisor.values)  # lengths that are not live any more


def _check(bound: int) -> None:
    if bound > 2 * LARGEST:
        raise TooLargeError


def magnitude(values: NDArray[np.int64]) -> int:
    """The largest absolute value."""
    return max(abs(int(values.min())), abs(int(values.max())))
