"""A periodic set as few arithmetic progressions, disjoint and in order.

Exact: the progressions together have the members of the set, and no others.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

from shapecheck.lengths.periodic import EMPTY, LONGEST_PERIOD, Booleans, Periodic, divisors, from_members, progression

if TYPE_CHECKING:
    from numpy.typing import NDArray

# first, last (None: for ever), step; the last is a member, and a single member has step 1
Progression = tuple[int, int | None, int]

_LONGEST_PATTERN = 8  # runs in one period that are looked for in a finite set
_LONGEST_HEAD = 2**20  # more lengths than these before the set repeats, or ends, are not searched for a pattern


def progressions(members: Periodic) -> tuple[Progression, ...]:
    """Few disjoint progressions (first, last, step), by first; last is None where one goes on for ever."""
    tail = _tail(members)
    finite = members.below(members.start) if tail else members
    plain = _finite(finite) + tail
    if tail and tail[0][2] > 1 and finite.edges and members.start <= _LONGEST_HEAD:
        tail, finite = _extend_down(tail, finite)
        extended = _finite(finite) + tail
        plain = min(plain, extended, key=len)
    return tuple(sorted(plain, key=lambda part: part[0]))


def union_of(parts: Iterable[Progression]) -> Periodic:
    """The set of these progressions, in any order; where the last of one is not hit, it ends before.

    Raises ValueError where one is none, or where together they are too long to write down.
    """
    members, unions = 0, list[Periodic]()
    singles: list[NDArray[np.int64]] = []
    for first, last, step in parts:
        if first < 0 or step < 1 or (last is not None and last < first):
            raise ValueError(f"({first}, {last}, {step}) is no progression of lengths")
        if step == 1:
            unions.append(progression(first, last, step))
            continue
        members += step if last is None else (last - first) // step + 1
        if members > LONGEST_PERIOD:
            raise ValueError("a set of too many single lengths to write down")
        if last is None:
            unions.append(progression(first, None, step))
        else:
            singles.append(np.arange(first, last + 1, step))
    if singles:
        unions.append(from_members(np.concatenate(singles).tolist()))
    while len(unions) > 1:  # in pairs, so that many parts cost little more than few
        unions = [one.union(other) for one, other in zip_longest(unions[::2], unions[1::2], fillvalue=EMPTY)]
    return unions[0] if unions else EMPTY


def finite_pattern(members: Periodic) -> tuple[int, tuple[int, ...]] | None:
    """(period, remainders) if a finite set is exactly the t of minimum..maximum with t % period in remainders, or None.

    Only patterns that repeat at least twice, with few runs in one period, are found.
    """
    edges = np.array(members.edges, dtype=np.int64)
    inner = edges[1:-1]  # the first and the last run may be cut short
    for runs in range(1, _LONGEST_PATTERN + 1):
        if len(inner) < 2 * runs + 2:
            return None
        period = int(inner[2 * runs] - inner[0])
        if not np.all(inner[2 * runs :] - inner[: -2 * runs] == period):
            continue
        first, last = int(edges[0]), int(edges[-1]) - 1
        if not 2 * period <= last - first + 1 <= _LONGEST_HEAD:
            return None
        mask = members.mask(first, last)
        if np.array_equal(mask[period:], mask[:-period]):
            return period, tuple(sorted(((np.flatnonzero(mask[:period]) + first) % period).tolist()))
    return None


def _tail(members: Periodic) -> list[Progression]:
    if not members.infinite:
        return []
    start, period = members.start, members.period
    if period == 1:
        return [(start, None, 1)]
    mask = members.mask(start, start + period - 1)
    return [
        (start + (remainder - start) % step, None, step)
        for step, remainder in residue_classes(np.roll(mask, start % period))
    ]


def residue_classes(mask: Booleans) -> list[tuple[int, int]]:
    """Disjoint classes (step, remainder) that cover {t : mask[t % len(mask)]}, coarse ones first."""
    left = np.array(mask, dtype=np.bool_)
    found: list[tuple[int, int]] = []
    for step in divisors(len(mask)):
        if not left.any():
            break
        table = np.reshape(left, (-1, step))  # a view: what is found is struck out below
        whole = np.flatnonzero(table.all(axis=0))
        found += [(step, int(remainder)) for remainder in whole]
        table[:, whole] = False
    return found


def _extend_down(tail: list[Progression], head: Periodic) -> tuple[list[Progression], Periodic]:
    """The endless progressions, each begun as early as the members of the finite head allow; and what is left of it."""
    end = head.edges[-1]
    left = head.mask(0, end - 1)
    extended: list[Progression] = []
    for first, _, step in tail:
        places = np.arange(first % step, min(first, end), step)
        # Lengths between the head's end and `first` are no members, so a progression that skips some of them stays.
        if first - step >= end or not len(places):
            extended.append((first, None, step))
            continue
        missing = np.flatnonzero(~left[places])
        taken = places[missing[-1] + 1 :] if len(missing) else places
        left[taken] = False
        extended.append((int(taken[0]) if len(taken) else first, None, step))
    rest = np.flatnonzero(left)
    return extended, from_members(rest.tolist())


def _finite(members: Periodic) -> list[Progression]:
    """Runs as they are; three or more single members at equal distances as one progression."""
    if not members.edges:
        return []
    pattern = finite_pattern(members)
    if pattern is not None:
        period, remainders = pattern
        first, last = members.edges[0], members.edges[-1] - 1
        mask = np.zeros(period, dtype=np.bool_)
        mask[list(remainders)] = True
        found: list[Progression] = []
        for step, remainder in residue_classes(mask):
            begin, stop = first + (remainder - first) % step, last - (last - remainder) % step
            found.append((begin, stop, step if stop > begin else 1))
        return found
    edges = np.array(members.edges, dtype=np.int64)
    opens, closes = edges[::2], edges[1::2]
    single = closes - opens == 1
    # Two neighbouring runs are linked if both are single members; a progression is a stretch of links of equal length.
    gaps = np.where(single[1:] & single[:-1], opens[1:] - opens[:-1], -1)
    bounds = (
        np.flatnonzero(np.concatenate(([True], gaps[1:] != gaps[:-1], [True]))) if len(gaps) else np.zeros(1, np.int64)
    )
    found, done = [], 0
    for begin, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        begin = max(begin, done)
        if gaps[begin - (begin == len(gaps))] < 0 or stop - begin < 2:  # fewer than three members
            continue
        found += [(int(opens[i]), int(closes[i]) - 1, 1) for i in range(done, begin)]
        found.append((int(opens[begin]), int(opens[stop]), int(gaps[begin])))
        done = stop + 1
    found += [(int(opens[i]), int(closes[i]) - 1, 1) for i in range(done, len(opens))]
    return found
