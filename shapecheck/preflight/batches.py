"""What random batches come to: how the shortest clip of a batch is distributed, and what share of batches meets what.

Batches are drawn without replacement, as a shuffling loader that drops the last one does, so that each batch is a
uniformly drawn set of B of the n clips. Counted exactly, in fractions; nothing is simulated.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Shares of all batches, which add up to 1 with those that are trained on as they should."""

    crash: Fraction  # they end the run
    dropped: Fraction  # they are passed over

    @property
    def fine(self) -> Fraction:
        return 1 - self.crash - self.dropped


@dataclass(frozen=True, slots=True)
class Batches:
    """n clips in random batches of B, the last incomplete one left out.

    `lengths`: of the clips that a batch is cropped to, one each, in any unit; `fatal`: positions of clips that end the
    run whatever batch they are in; `late`: of those that end it unless their batch is dropped.
    """

    lengths: Sequence[int]
    batch_size: int
    fatal: Collection[int] = ()
    late: Collection[int] = ()

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size {self.batch_size}: expected 1 or more")

    @property
    def per_epoch(self) -> int:
        return len(self.lengths) // self.batch_size

    @property
    def left_over(self) -> int:
        """Clips that an epoch does not see, other ones in each epoch."""
        return len(self.lengths) % self.batch_size

    def outcomes(self, is_dropped: Callable[[int], bool], is_fatal: Callable[[int], bool]) -> Outcomes:
        """Shares of the batches: by what becomes of one whose shortest clip has a length, and by its fatal clips.

        A batch that is dropped is not looked at further: `is_fatal` is asked of the others.
        """
        crash = share_with_any(len(self.lengths), len(set(self.fatal)), self.batch_size)
        dropped = Fraction(0)
        without_late = self._shortest({*self.fatal, *self.late})
        for length, share in self.shortest().items():
            if is_dropped(length):
                dropped += share
            elif is_fatal(length):
                crash += share
            else:
                crash += share - without_late.get(length, 0)
        return Outcomes(crash, dropped)

    def shortest(self) -> dict[int, Fraction]:
        """The share of batches whose shortest clip has each length, among those without a fatal clip.

        The shares add up to that of the batches without a fatal clip.
        """
        return self._shortest(set(self.fatal))

    def _shortest(self, without: Collection[int]) -> dict[int, Fraction]:
        lengths = sorted(length for position, length in enumerate(self.lengths) if position not in without)
        batches = comb(len(self.lengths), self.batch_size)
        if not batches:
            return {}
        shares: dict[int, Fraction] = {}
        start = 0
        while start < len(lengths):
            end = bisect_right(lengths, lengths[start])  # all B from the length on, and not all B above it
            count = comb(len(lengths) - start, self.batch_size) - comb(len(lengths) - end, self.batch_size)
            if count:
                shares[lengths[start]] = Fraction(count, batches)
            start = end
        return shares

    def share_with_enough(self, least: int, wanted: int) -> Fraction:
        """The share of batches in which `wanted` clips or more have at least the length `least`."""
        lengths = sorted(self.lengths)
        long = len(lengths) - bisect_left(lengths, least)
        return share_with_at_least(len(lengths), long, self.batch_size, wanted)

    def bucketed(self) -> tuple[int, ...]:
        """The shortest clip of each batch, if clips of like length were batched together."""
        lengths = sorted(self.lengths, reverse=True)
        return tuple(lengths[last] for last in range(self.batch_size - 1, len(lengths), self.batch_size))


def share_with_any(clips: int, marked: int, batch_size: int) -> Fraction:
    """The share of batches with one or more of the marked clips: 1 - C(n - k, B) / C(n, B)."""
    return share_with_at_least(clips, marked, batch_size, 1)


def share_with_at_least(clips: int, marked: int, batch_size: int, wanted: int) -> Fraction:
    """The share of batches with `wanted` or more of the marked clips; 0 where there is no whole batch."""
    batches = comb(clips, batch_size)
    if not batches:
        return Fraction(0)
    fewer = sum(comb(marked, count) * comb(clips - marked, batch_size - count) for count in range(wanted))
    return 1 - Fraction(fewer, batches)


def quantile(shares: Mapping[int, Fraction], level: float) -> int | None:
    """The smallest length that a batch's shortest clip does not exceed with at least this probability."""
    total = sum(shares.values())
    reached = Fraction(0)
    for length in sorted(shares):
        reached += shares[length]
        if reached >= total * Fraction(level):
            return length
    return None
