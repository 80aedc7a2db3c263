"""A set of lengths as rectangles on an axis: runs as one, the members of a progression one by one while they have room.

`page.js` draws the same rectangles when it zooms; a test compares them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from shapecheck.lengths.lengthset import LengthSet
from shapecheck.render.page.axis import Axis, percent

WIDTH = 900  # pixels of an axis, about: what has room is decided by it
NARROWEST = 0.004  # of the width: the least that an eye finds
MEMBERS = 200  # rectangles of one progression
PARTS = 60  # progressions of one segment; what a longer set has is drawn up to its end as one
_ROOM = 3.0  # pixels that a member needs to stand alone

Progression = tuple[int, int | None, int]


@dataclass(frozen=True, slots=True)
class Segment:
    """Lengths of one row that are drawn alike and told as one."""

    state: str  # runs, refused, elsewhere, unknown
    words: str  # all that is to be known of it: the text of a tooltip, and of a screen reader
    ranges: tuple[Progression, ...]

    @property
    def data(self) -> str:
        """`"1,64,1;70,,2"`: for the script."""
        return ";".join(f"{first},{'' if last is None else last},{step}" for first, last, step in self.ranges)


@dataclass(frozen=True, slots=True)
class Rectangle:
    x: str  # percent of the width
    width: str
    is_dense: bool = False  # only some of the lengths under it are members


@dataclass(frozen=True, slots=True)
class Strip:
    """One segment with what is drawn of it."""

    segment: Segment
    rectangles: tuple[Rectangle, ...]


def parts(lengths: LengthSet) -> tuple[Progression, ...]:
    """The progressions of a set, as many as are drawn one by one; the last one stands for all that come after it."""
    found = lengths.ranges()
    if len(found) <= PARTS:
        return found
    first = found[PARTS - 1][0]
    ends = [last for _, last, _ in found[PARTS - 1 :]]
    last = None if None in ends else max(end for end in ends if end is not None)
    return (*found[: PARTS - 1], (first, last, 2))


def strips(segments: Iterable[Segment], axis: Axis, factor: float = 1.0) -> list[Strip]:
    """`factor`: what one step of the lengths is on the axis, such as its seconds."""
    drawn = [Strip(segment, tuple(_rectangles(segment.ranges, axis, factor))) for segment in segments]
    return [strip for strip in drawn if strip.rectangles]


def _rectangles(ranges: Sequence[Progression], axis: Axis, factor: float) -> Iterator[Rectangle]:
    end = math.ceil(axis.high / factor - 1e-9) - 1  # the largest length that begins on the axis
    for first, last, step in ranges:
        last = end if last is None else min(last, end)
        if first > last:
            continue
        if step == 1:
            yield _between(first, last + 1, axis, factor)
            continue
        drawn = 0
        while first <= last and drawn < MEMBERS:
            room = axis.position((first + 1) * factor) - axis.position(first * factor)
            if room * WIDTH < _ROOM:
                break
            yield _between(first, first + 1, axis, factor)
            first, drawn = first + step, drawn + 1
        if first <= last:
            yield _between(first, last + 1, axis, factor, is_dense=True)


def _between(first: int, end: int, axis: Axis, factor: float, *, is_dense: bool = False) -> Rectangle:
    left = max(0.0, axis.position(first * factor))
    right = min(1.0, axis.position(end * factor))
    return Rectangle(percent(min(left, 1 - NARROWEST)), percent(max(right - left, NARROWEST)), is_dense)
