"""LengthSet: an exact set of lengths, finite or eventually periodic.

Always in normal form, so `==` and `hash` compare the members: how a set was made, and what was swept, plays no part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from shapecheck.lengths import periodic
from shapecheck.lengths.periodic import EMPTY, Periodic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shapecheck.lengths.progressions import Progression


@dataclass(frozen=True, slots=True)
class LengthSet:
    """A set of lengths (integers >= 0), such as "T >= 6, T even".

    `first` and `last` are the sweep: what iteration and `len` walk over, and where a complement begins. A set that was
    not swept has last None; it is walked in full if it is finite, and refuses to be if it is not.

    >>> odd = LengthSet.parse("T >= 5, T odd")
    >>> 7 in odd, 8 in odd, odd.minimum, odd.threshold
    (True, False, 5, None)
    >>> print(odd | LengthSet.parse("T >= 64"))
    5 <= T <= 61, T odd or T >= 63
    """

    members: Periodic = EMPTY
    first: int = field(default=1, compare=False)
    last: int | None = field(default=None, compare=False)

    @classmethod
    def from_mask(
        cls, mask: NDArray[np.bool_], first: int, start: int | None = None, period: int | None = None
    ) -> LengthSet:
        """The set with mask[i] for the length first + i.

        With start and period: for every T >= start, T is a member if and only if T + period is. The mask must reach
        start + period, and must repeat as it is said to (ValueError otherwise: the certificate is wrong).
        Without: nothing is known past the mask, and the set is finite.
        """
        mask = np.ascontiguousarray(mask, dtype=np.bool_)
        if (start is None) != (period is None):
            raise ValueError("start and period are given together or not at all")
        if start is None or period is None:
            members = periodic.from_finite_mask(mask, first)
        else:
            members = periodic.from_mask(mask, first, start, period)
        return cls(members, first, first + len(mask) - 1)

    @classmethod
    def of(cls, lengths: Iterable[int], first: int = 1, last: int | None = None) -> LengthSet:
        """The finite set of these lengths."""
        values = list(lengths)
        if values and min(values) < 0:
            raise ValueError(f"a length is 0 or more, not {min(values)}")
        return cls(periodic.from_members(values), first, last)

    @classmethod
    def at_least(cls, minimum: int, first: int = 1, last: int | None = None) -> LengthSet:
        """Every length >= minimum."""
        return cls(periodic.progression(minimum, None, 1), first, last)

    @classmethod
    def interval(cls, minimum: int, maximum: int) -> LengthSet:
        """minimum, ..., maximum."""
        return cls(periodic.interval(minimum, maximum))

    @classmethod
    def from_ranges(cls, ranges: Iterable[Progression], first: int = 1, last: int | None = None) -> LengthSet:
        """The set that `ranges()` lists. Raises ValueError where one is none, or they are too long."""
        from shapecheck.lengths.progressions import union_of

        return cls(union_of(ranges), first, last)

    @classmethod
    def parse(cls, text: str, variable: str = "T", first: int = 1) -> LengthSet:
        """The set that `text` names, in the notation that `str` prints; "T even" alone is read within T >= first.

        Raises SpecError for anything else, and for a text that `text(limit=...)` abbreviated.
        """
        from shapecheck.lengths import settext

        return cls(settext.parse(text, variable, first), first)

    def text(self, variable: str = "T", limit: int | None = None) -> str:
        """The shortest text, exact; past `limit` characters it is cut, and says how much it leaves out."""
        from shapecheck.lengths import settext

        exact = settext.describe(self.members, variable)
        return exact if limit is None else settext.abbreviate(exact, limit)

    def ranges(self) -> tuple[Progression, ...]:
        """Few disjoint arithmetic progressions (first, last, step); last is None where one goes on for ever."""
        from shapecheck.lengths.progressions import progressions

        return progressions(self.members)

    @property
    def minimum(self) -> int | None:
        """The smallest member; None if there is none."""
        return self.members.minimum

    @property
    def maximum(self) -> int | None:
        """The largest member; None if there is none, or the set goes on for ever."""
        return self.members.maximum

    @property
    def threshold(self) -> int | None:
        """The smallest m such that every T >= m is a member; None if there is no such m."""
        return self.members.threshold

    @property
    def swept_threshold(self) -> int | None:
        """The smallest m such that m, ..., last (the last swept length) are members; None if last is not one."""
        if self.last is None:
            return self.threshold
        edges = self.members.edges_below(self.last + 1)
        return int(edges[-1]) if len(edges) % 2 else None

    @property
    def infinite(self) -> bool:
        """Whether it goes on for ever."""
        return self.members.infinite

    def mask(self, first: int, last: int) -> NDArray[np.bool_]:
        """Whether first, ..., last are members."""
        return self.members.mask(first, last)

    def swept(self, first: int, last: int | None) -> LengthSet:
        """The same members with another sweep."""
        return replace(self, first=first, last=last)

    def __contains__(self, length: object) -> bool:
        return isinstance(length, (int, np.integer)) and int(cast(int, length)) in self.members

    def __bool__(self) -> bool:
        return bool(self.members.edges)

    def __iter__(self) -> Iterator[int]:
        first, last = self._window()
        edges = self.members.edges_below(last + 1).tolist()
        if len(edges) % 2:
            edges.append(last + 1)
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            yield from range(max(begin, first), end)

    def __len__(self) -> int:
        return self.members.count(*self._window())

    def __or__(self, other: LengthSet) -> LengthSet:
        return self._with(self.members.union(other.members), other)

    def __and__(self, other: LengthSet) -> LengthSet:
        return self._with(self.members.intersection(other.members), other)

    def __sub__(self, other: LengthSet) -> LengthSet:
        return self._with(self.members.difference(other.members), other)

    def __xor__(self, other: LengthSet) -> LengthSet:
        return self._with(self.members.symmetric_difference(other.members), other)

    def __invert__(self) -> LengthSet:
        """The lengths >= first that are no members, also past the sweep: do not invert a set that is not proved."""
        return replace(self, members=periodic.progression(self.first, None, 1).difference(self.members))

    def __le__(self, other: LengthSet) -> bool:
        return not self.members.difference(other.members).edges

    def isdisjoint(self, other: LengthSet) -> bool:
        """Whether no length is in both."""
        return not self.members.intersection(other.members).edges

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"LengthSet({self.text(limit=200)!r})"

    def _window(self) -> tuple[int, int]:
        if self.last is not None:
            return self.first, self.last
        if self.infinite:
            raise ValueError(f"{self} goes on for ever: give it a sweep first, as in lengths.swept(1, 1024)")
        maximum = self.maximum
        return 0, -1 if maximum is None else maximum

    def _with(self, members: Periodic, other: LengthSet) -> LengthSet:
        """The result of an operation: its sweep spans those of both."""
        lasts = [last for last in (self.last, other.last) if last is not None]
        return LengthSet(members, min(self.first, other.first), max(lasts, default=None))
