"""Eventually periodic sets of non-negative integers: the algebra under LengthSet.

A set is the sorted places where membership changes ("edges"), up to one period past its start, and is always in normal
form: the true smallest period, then the smallest start. So two sets with the same members are the same value.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from math import gcd, isqrt, lcm

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
LONGEST_PERIOD = 2**23  # anything longer is refused: it would take seconds and gigabytes, and tell nobody anything


@dataclass(frozen=True, slots=True)
class Periodic:
    """The integers t >= 0 with an odd number of edges <= t, continued past `start` with `period`.

    Invariant (made by `normal`): edges ascend within [0, start + period); for every t >= start, t is a member if and
    only if t + period is; no smaller period will do, and with that period no smaller start. A finite set has period 1.
    """

    edges: tuple[int, ...]
    start: int
    period: int

    def __contains__(self, value: int) -> bool:
        if value >= self.start + self.period:
            value = self.start + (value - self.start) % self.period
        return bisect_right(self.edges, value) % 2 == 1

    @property
    def infinite(self) -> bool:
        # A tail with period 1 is all in or all out; a larger smallest period has members in every period.
        return self.period > 1 or len(self.edges) % 2 == 1

    @property
    def minimum(self) -> int | None:
        return self.edges[0] if self.edges else None

    @property
    def maximum(self) -> int | None:
        return self.edges[-1] - 1 if self.edges and not self.infinite else None

    @property
    def threshold(self) -> int | None:
        return self.start if self.period == 1 and self.infinite else None

    def edges_below(self, end: int) -> Integers:
        """All edges in [0, end)."""
        edges = np.array(self.edges, dtype=np.int64)
        known = self.start + self.period
        if end > known and self.period > 1:
            cycle = _cycle(edges, self.start)
            repeats = -(-(end - known) // self.period)
            if repeats * len(cycle) > LONGEST_PERIOD:
                raise ValueError(f"a periodic set followed for {end - self.start:,} lengths is too long to write down")
            shifts = (np.arange(1, repeats + 1) * self.period)[:, None]
            # The wrap-around edge of the cycle stands at `start`: one period on, it is the first past the known ones.
            edges = np.concatenate((edges, (cycle[None, :] + shifts).ravel()))
        return edges[: np.searchsorted(edges, end)]

    def mask(self, first: int, last: int) -> Booleans:
        """Membership of first, ..., last."""
        return self.at(np.arange(first, last + 1))

    def at(self, lengths: Integers) -> Booleans:
        """Membership of each of these lengths."""
        edges = self.edges_below(int(lengths.max(initial=-1)) + 1)
        return np.searchsorted(edges, lengths, side="right") % 2 == 1

    def count(self, first: int, last: int) -> int:
        """How many members lie in first..last."""
        if last < first:
            return 0
        bounds = np.maximum(self.edges_below(last + 1), first)
        closed = np.append(bounds, last + 1) if len(bounds) % 2 else bounds
        return int((closed[1::2] - closed[::2]).sum())

    def union(self, other: Periodic) -> Periodic:
        return _combine(self, other, np.logical_or)

    def intersection(self, other: Periodic) -> Periodic:
        return _combine(self, other, np.logical_and)

    def difference(self, other: Periodic) -> Periodic:
        return _combine(self, other, np.greater)  # in the first and not in the second

    def symmetric_difference(self, other: Periodic) -> Periodic:
        return _combine(self, other, np.not_equal)

    def below(self, end: int) -> Periodic:
        """The finite set of the members < end."""
        edges = self.edges_below(end)
        return normal(np.append(edges, end) if len(edges) % 2 else edges, end, 1)


EMPTY = Periodic((), 0, 1)


def from_mask(mask: Booleans, first: int, start: int, period: int) -> Periodic:
    """The set with mask[i] for first + i, periodic from `start`, which nothing below `first` is in.

    Raises ValueError if the mask is too short, or contradicts the period that it is said to have.
    """
    end, start = first + len(mask), max(start, first)  # what holds from an earlier start on holds from `first` on
    if first < 0 or period < 1 or start + period > end:
        raise ValueError(f"a period of {period} from {start} on does not fit in the lengths {first}..{end - 1}")
    tail = mask[start - first :]
    if not np.array_equal(tail[period:], tail[:-period]):
        raise ValueError(f"the lengths {start}..{end - 1} do not repeat with period {period}")
    return normal(_mask_edges(mask[: start + period - first], first), start, period)


def from_finite_mask(mask: Booleans, first: int) -> Periodic:
    """The set with mask[i] for first + i and nothing else."""
    if first < 0:
        raise ValueError(f"lengths start at 0 or later, not at {first}")
    edges = _mask_edges(mask, first)
    end = first + len(mask)
    return normal(np.append(edges, end) if len(edges) % 2 else edges, end, 1)


def from_members(members: list[int]) -> Periodic:
    """The finite set of these members, in any order."""
    values = np.unique(np.array(members, dtype=np.int64))
    if not len(values):
        return EMPTY
    opens = values[np.concatenate(([True], values[1:] != values[:-1] + 1))]
    closes = values[np.concatenate((values[1:] != values[:-1] + 1, [True]))] + 1
    return normal(np.stack((opens, closes), axis=1).ravel(), int(values[-1]) + 1, 1)


def progression(first: int, last: int | None, step: int) -> Periodic:
    """first, first + step, ... up to last (included if hit), or for ever."""
    if step == 1:
        return Periodic((first,), first, 1) if last is None else interval(first, last)
    endless = residues(step, (first % step,), first)
    return endless if last is None else endless.below(last + 1)


def interval(first: int, last: int) -> Periodic:
    """first, ..., last."""
    return Periodic((first, last + 1), last + 1, 1) if first <= last else EMPTY


def residues(period: int, remainders: tuple[int, ...], first: int = 0) -> Periodic:
    """Every t >= first with t % period in `remainders`."""
    if period > LONGEST_PERIOD:
        raise ValueError(f"a set that repeats after {period:,} lengths: too long to write down")
    wanted = np.zeros(period, dtype=np.bool_)
    wanted[list(remainders)] = True
    mask = wanted[np.arange(first, first + period) % period]
    return normal(_mask_edges(mask, first), first, period)


def normal(edges: Integers, start: int, period: int) -> Periodic:
    """The normal form of the set with these edges in [0, start + period), periodic from `start`."""
    cycle = _cycle(edges, start) if period > 1 else edges[:0]
    if not len(cycle):  # all in or all out from `start` on: with period 1 the start is the last change
        known = edges[: np.searchsorted(edges, start, side="right")]
        values = tuple(known.tolist())
        return Periodic(values, values[-1] if values else 0, 1)
    for copies in reversed(divisors(gcd(period, len(cycle) // 2))):
        width = len(cycle) // copies  # edges in one copy: an even number, so that membership repeats, not its opposite
        if np.all(cycle[width:] - cycle[: len(cycle) - width] == period // copies):
            period //= copies
            break
    # Membership of t and of t + period differ on some of the pieces between these places: where the last of those ends,
    # the smallest start is.
    places = np.concatenate((np.zeros(1, dtype=np.int64), edges[edges < start], edges[edges >= period] - period))
    places = np.unique(places[places < start])
    differs = (np.searchsorted(edges, places, side="right") - np.searchsorted(edges, places + period, side="right")) % 2
    last = np.flatnonzero(differs)
    if start == 0 or not len(last):
        start = 0
    elif last[-1] + 1 < len(places):
        start = int(places[last[-1] + 1])
    return Periodic(tuple(edges[: np.searchsorted(edges, start + period)].tolist()), start, period)


def divisors(value: int) -> list[int]:
    """All divisors, ascending."""
    small = [d for d in range(1, isqrt(value) + 1) if value % d == 0]
    return small + [value // d for d in reversed(small) if d * d != value]


def _cycle(edges: Integers, start: int) -> Integers:
    """The changes of membership around one period, as places in it; edges end with that period."""
    inner = edges[np.searchsorted(edges, start, side="right") :]  # places of (start, start + period)
    # Membership at the end of the period and at its start differ if an odd number of changes lies between.
    if len(inner) % 2:
        return np.concatenate((np.array([start], dtype=np.int64), inner))
    return inner


def _combine(left: Periodic, right: Periodic, operation: Callable[[Booleans, Booleans], Booleans]) -> Periodic:
    """Member by member; the operation makes False of two False, so that nothing below 0 appears."""
    start, period = max(left.start, right.start), lcm(left.period, right.period)
    if period > LONGEST_PERIOD:
        raise ValueError(f"a set that repeats after {period:,} lengths: too long to write down")
    left_edges, right_edges = left.edges_below(start + period), right.edges_below(start + period)
    places = np.unique(np.concatenate((left_edges, right_edges)))
    if not len(places):
        return EMPTY
    inside = operation(
        np.searchsorted(left_edges, places, side="right") % 2 == 1,
        np.searchsorted(right_edges, places, side="right") % 2 == 1,
    )
    changes = np.concatenate((inside[:1], inside[1:] != inside[:-1]))
    return normal(places[changes], start, period)


def _mask_edges(mask: Booleans, first: int) -> Integers:
    """The places where the mask changes; before it there is nothing."""
    changes = np.flatnonzero(mask[1:] != mask[:-1]) + (first + 1)
    if len(mask) and mask[0]:
        return np.concatenate((np.array([first], dtype=np.int64), changes))
    return changes
