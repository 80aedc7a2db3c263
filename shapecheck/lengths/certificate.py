"""Certificates: how an integer or a boolean that was computed for first..last goes on past last.

Invariant: what a function here returns holds for every length from its `start` on, swept or not, if its arguments do.
A function that cannot know returns None, never a guess. The argument, operation by operation:

A *certificate* (start, period, rise) of f says f(T + period) = f(T) + rise for all T >= start. It stays true for a
larger start, and for every multiple of the period with the rise multiplied likewise, so two certificates can be
brought to one start s = the larger one and one period P = the least common multiple (`_common`). With f and g so
aligned, rises a and b:

- T itself: (first, 1, 1). A constant: (first, 1, 0).
- f + g, f - g (`of_sum`): a + b, a - b. c * f for a constant c (`of_multiple`): c * a.
- f * g (`of_product`): (f + a) * (g + b) = f * g + a * g + b * f + a * b, which is f * g + 0 if a = b = 0. If g is
  the constant c for all T >= s, f * g is c * f there. All other products leave the class.
- f // c (`of_quotient`) for a constant c != 0, also a negative one: take n periods, n = |c| / gcd(a, c), so that c
  divides n * a. Then f(T + n * P) // c = (f(T) + n * a) // c = f(T) // c + n * a / c: adding m * c to a number adds
  exactly m to its floor quotient by c, of whatever sign they are. f % c (`of_remainder`): f - c * (f // c), whose
  rise is n * a - n * a = 0.
- f // g for two sizes where f = c * g for ever, g != 0 (`same_for_ever`): c.
- g(f) for any function g, if f has rise 0: then f is periodic, and so is g(f), with f's start and period and rise 0.

A *pattern* (start, period) of a boolean says b(T + period) = b(T) for all T >= start.

- ~b has the pattern of b. Connectives (`align`): both patterns, aligned as above. If b is false for ever from some
  length on, so is b & c, whatever c is; likewise | and true (`end_of`).
- f < g and the like (`of_comparison`): the sign of d = f - g decides all six of them. If a = b, d repeats with period
  P, and so does its sign. If a > b, d(T + n * P) = d(T) + n * (a - b) grows in each class of residues: in all of them
  d > 0 from the first start + n * P on for which the smallest d of one whole period is > 0; likewise d < 0 for a < b.
  The period of d from start on must have been swept to be looked at.
- A pattern is tightened by looking (`settled`): a boolean that does not vary within one whole swept period from its
  start on never varies again, which is period 1; and from where on it does not, with period 1, is read off the swept
  values.
- f where b, else g (`of_choice`): where b has settled (period 1, seen), it is f, or g, from the later start on. Where
  b repeats with period Q: on T, T + R, T + 2R, ... with R = lcm(P, Q) it is always f or always g, and so rises by a *
  R/P per R if a = b. With a != b the residue classes drift apart: not in the class. min and max are choices by a
  comparison.
- f = g for ever (`same_for_ever`): f and g rise alike per length, so that what is left of them after that slope
  repeats with periods p and q. Two sequences of these periods that agree at p + q - gcd(p, q) places in a row agree
  for ever (Fine and Wilf 1965); so it is enough that so many lengths from the common start on were swept.

A decision "all live lengths are alike" that was seen on the sweep then holds for all lengths, if the sweep has one
whole period of the joint pattern (`align` of the condition's and the live lengths') from its start on: each later
length is there with the same two truth values.

Scope: "every length" means every one at which the integers of the shape arithmetic stay below 2**61 (PyTorch's own
sizes end at 2**63), and those that floats are made of (`quotient.py`) below 2**47.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Certificate(NamedTuple):
    """f(T + period) = f(T) + rise for all T >= start."""

    start: int
    period: int
    rise: int


class Pattern(NamedTuple):
    """b(T + period) = b(T) for all T >= start."""

    start: int
    period: int


# integers


def of_sum(left: Certificate | None, right: Certificate | None, sign: int) -> Certificate | None:
    """Of f + g (sign 1) or f - g (sign -1)."""
    pair = _common(left, right)
    if pair is None:
        return None
    start, period, first, second = pair
    return Certificate(start, period, first + sign * second)


def of_multiple(certificate: Certificate | None, factor: int) -> Certificate | None:
    """Of f * factor."""
    if certificate is None:
        return None
    return Certificate(certificate.start, certificate.period, certificate.rise * factor)


def of_product(
    left: Certificate | None, right: Certificate | None, ends: tuple[int | None, int | None]
) -> Certificate | None:
    """Of f * g; `ends` are the values that f and g have for ever from their certificate's start on, where known."""
    pair = _common(left, right)
    if pair is None:
        return None
    start, period, first, second = pair
    if first == 0 and second == 0:
        return Certificate(start, period, 0)
    if ends[1] is not None:
        return Certificate(start, period, first * ends[1])
    if ends[0] is not None:
        return Certificate(start, period, second * ends[0])
    return None


def of_quotient(certificate: Certificate | None, divisor: int) -> Certificate | None:
    """Of f // divisor."""
    if certificate is None:
        return None
    start, period, rise = certificate
    stretch = abs(divisor) // math.gcd(rise, divisor)
    return Certificate(start, period * stretch, rise * stretch // divisor)


def of_remainder(certificate: Certificate | None, divisor: int) -> Certificate | None:
    """Of f % divisor."""
    if certificate is None:
        return None
    start, period, rise = certificate
    return Certificate(start, period * (abs(divisor) // math.gcd(rise, divisor)), 0)


def of_choice(
    condition: NDArray[np.bool_],
    pattern: Pattern | None,
    left: Certificate | None,
    right: Certificate | None,
    first: int,
    last: int,
) -> Certificate | None:
    """Of f where the condition holds, else g."""
    if pattern is None:
        return None
    start = max(pattern.start, first)
    if pattern.period == 1 and start <= last:
        chosen = left if bool(condition[start - first]) else right
        return None if chosen is None else chosen._replace(start=max(chosen.start, start))
    pair = _common(left, right)
    if pair is None or pair[2] != pair[3]:
        return None
    period = math.lcm(pair[1], pattern.period)
    return Certificate(max(pair[0], start), period, pair[2] * (period // pair[1]))


def is_covered(known: Certificate | Pattern, last: int) -> bool:
    """Whether one whole period from the start on was swept."""
    return known.start + known.period - 1 <= last


def same_for_ever(left: Certificate | None, right: Certificate | None, last: int) -> bool:
    """Whether two functions that agree on the sweep agree everywhere."""
    if left is None or right is None or left.rise * right.period != right.rise * left.period:
        return False
    p, q = left.period, right.period
    return max(left.start, right.start) + p + q - math.gcd(p, q) - 1 <= last


# booleans


def align(left: Pattern | None, right: Pattern | None) -> Pattern | None:
    """The joint pattern of two booleans."""
    if left is None or right is None:
        return None
    return Pattern(max(left.start, right.start), math.lcm(left.period, right.period))


def of_comparison(
    left: NDArray[np.int64],
    right: NDArray[np.int64] | int,
    certificates: tuple[Certificate | None, Certificate | None],
    first: int,
    last: int,
) -> tuple[Pattern | None, int]:
    """Of f < g and the like; with it the length up to which a sweep would yield a pattern, if there is none yet."""
    pair = _common(*certificates)
    if pair is None:
        return None, first
    start, period, rise = pair[0], pair[1], pair[2] - pair[3]
    if rise == 0:
        return Pattern(start, period), first
    begin = max(start, first)
    if begin + period - 1 > last:
        return None, begin + period - 1
    window = slice(begin - first, begin - first + period)
    difference = left[window] - (right if isinstance(right, int) else right[window])
    worst = int(difference.min()) if rise > 0 else -int(difference.max())
    periods = 0 if worst > 0 else -((worst - 1) // abs(rise))  # ceil((1 - worst) / |rise|): then worst is at least 1
    return Pattern(begin + periods * period, 1), first


def settled(values: NDArray[np.bool_], first: int, last: int, pattern: Pattern) -> Pattern:
    """The same pattern with the smallest start and, where it does not vary any more, period 1, read off the values."""
    start, period = max(pattern.start, first), pattern.period
    if start + period - 1 > last:
        return Pattern(start, period)
    if period > 1:
        window = values[start - first : start - first + period]
        if bool(window.any()) and not bool(window.all()):
            return Pattern(start, period)
    before = values[: start - first]
    different = (before != values[start - first]).nonzero()[0]
    return Pattern(first + int(different[-1]) + 1 if different.size else first, 1)


def end_of(values: NDArray[np.bool_], first: int, last: int, pattern: Pattern | None) -> bool | None:
    """The value that a boolean has for ever from the start of its pattern on; None where it varies or is not known."""
    if pattern is None or pattern.period != 1 or pattern.start > last:
        return None
    return bool(values[max(pattern.start, first) - first])


def _common(left: Certificate | None, right: Certificate | None) -> tuple[int, int, int, int] | None:
    """(start, period, rise of left, rise of right) at the common start and period."""
    if left is None or right is None:
        return None
    if left.period == right.period:
        return max(left.start, right.start), left.period, left.rise, right.rise
    period = math.lcm(left.period, right.period)
    rises = left.rise * (period // left.period), right.rise * (period // right.period)
    return max(left.start, right.start), period, *rises
