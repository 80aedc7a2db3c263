"""LengthSet against Python's own sets."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shapecheck.lengths.lengthset import LengthSet

END = 400  # past every start and two common periods of the sets drawn here


@dataclass(frozen=True)
class Drawn:
    """A set made from a mask, and its members below END."""

    lengths: LengthSet
    members: frozenset[int]


@st.composite
def drawn_sets(draw: st.DrawFn) -> Drawn:
    first = draw(st.sampled_from([0, 1, 1, 1, 7]))
    head = draw(st.lists(st.booleans(), max_size=24))
    tail = draw(st.lists(st.booleans(), min_size=1, max_size=12)) * draw(st.integers(1, 3))
    if draw(st.booleans()):  # finite
        mask = head + tail
        lengths = LengthSet.from_mask(np.array(mask), first)
        return Drawn(lengths, frozenset(first + i for i, inside in enumerate(mask) if inside))
    start, period = first + len(head), len(tail)
    swept = head + tail * draw(st.integers(1, 2))
    lengths = LengthSet.from_mask(np.array(swept), first, start, period)
    mask = head + tail * END
    return Drawn(lengths, frozenset(t for t in range(first, END) if mask[t - first]))


def below_end(lengths: LengthSet) -> set[int]:
    return {t for t in range(END) if t in lengths}


@given(drawn_sets())
@settings(deadline=None)
def test_members(drawn: Drawn):
    assert below_end(drawn.lengths) == drawn.members
    assert bool(drawn.lengths) == bool(drawn.members)
    assert drawn.lengths.minimum == min(drawn.members, default=None)
    assert drawn.lengths.infinite == (max(drawn.members, default=0) > END - 60)
    assert np.flatnonzero(drawn.lengths.mask(0, END - 1)).tolist() == sorted(drawn.members)


@given(drawn_sets())
@settings(deadline=None)
def test_maximum_and_threshold(drawn: Drawn):
    maximum = None if drawn.lengths.infinite else max(drawn.members, default=None)
    holes = [t for t in range(END) if t not in drawn.members]
    threshold = max(holes, default=-1) + 1
    assert drawn.lengths.maximum == maximum
    assert drawn.lengths.threshold == (threshold if threshold < END - 60 else None)


@given(drawn_sets())
@settings(deadline=None)
def test_iteration_walks_the_sweep(drawn: Drawn):
    lengths, last = drawn.lengths, drawn.lengths.last
    assert last is not None
    swept = [t for t in range(lengths.first, last + 1) if t in drawn.members]
    assert list(lengths) == swept
    assert len(lengths) == len(swept)
    run = next((t for t in range(last, -1, -1) if t not in drawn.members), -1) + 1
    assert lengths.swept_threshold == (run if run <= last else None)


@given(drawn_sets())
@settings(max_examples=300, deadline=None)
def test_text_round_trips(drawn: Drawn):
    parsed = LengthSet.parse(str(drawn.lengths))
    assert parsed == drawn.lengths
    assert hash(parsed) == hash(drawn.lengths)
    assert str(parsed) == str(drawn.lengths)
    assert LengthSet.parse(drawn.lengths.text("frames"), "frames") == drawn.lengths


@given(drawn_sets())
@settings(max_examples=300, deadline=None)
def test_ranges_have_each_member_once(drawn: Drawn):
    listed = [
        t
        for first, last, step in drawn.lengths.ranges()
        for t in range(first, (END if last is None else last + 1), step)
    ]
    assert sorted(listed) == sorted(drawn.members)
    for first, last, step in drawn.lengths.ranges():
        assert step >= 1
        assert last is None or (last >= first and (last - first) % step == 0)
        assert last != first or step == 1


@given(drawn_sets(), drawn_sets())
@settings(max_examples=300, deadline=None)
def test_operations(left: Drawn, right: Drawn):
    a, b = left.lengths, right.lengths
    assert below_end(a | b) == left.members | right.members
    assert below_end(a & b) == left.members & right.members
    assert below_end(a - b) == left.members - right.members
    assert below_end(a ^ b) == left.members ^ right.members
    assert a.isdisjoint(b) == left.members.isdisjoint(right.members)
    assert (a <= b) == (left.members <= right.members)
    assert (a == b) == (left.members == right.members)
    assert (a & b) | (a - b) == a
    assert a ^ b == (a | b) - (a & b)


@given(drawn_sets())
@settings(deadline=None)
def test_complement_is_within_the_lengths_from_first_on(drawn: Drawn):
    lengths = drawn.lengths
    assert below_end(~lengths) == set(range(lengths.first, END)) - drawn.members
    assert ~~lengths == lengths


@given(drawn_sets(), st.integers(1, 5), st.integers(0, 30))
@settings(deadline=None)
def test_equality_does_not_see_how_a_set_was_made(drawn: Drawn, copies: int, more: int):
    if not drawn.lengths.infinite:
        return
    members, first = drawn.lengths.members, drawn.lengths.first
    start, period = max(members.start, first) + more, members.period * copies
    again = LengthSet.from_mask(drawn.lengths.mask(first, start + period + more), first, start, period)
    assert again == drawn.lengths
    assert hash(again) == hash(drawn.lengths)


@given(drawn_sets(), st.integers(10, 200))
@settings(deadline=None)
@example(Drawn(LengthSet.of([i * i for i in range(1, 60)]), frozenset()), 60)
def test_an_abbreviated_text_does_not_parse(drawn: Drawn, limit: int):
    exact, short = str(drawn.lengths), drawn.lengths.text(limit=limit)
    if short == exact:
        return
    assert " more)" in short
    assert len(short) < len(exact)
    with pytest.raises(ValueError, match="abbreviated"):
        LengthSet.parse(short)


@pytest.mark.parametrize(
    ("mask", "first", "start", "period", "text"),
    [
        ("1111", 1, 1, 1, "T >= 1"),
        ("0011", 1, 4, 1, "T >= 3"),
        ("000101", 1, 5, 2, "T >= 4, T even"),
        ("01010101", 1, 1, 8, "T >= 2, T even"),
        ("01" * 8, 1, None, None, "2 <= T <= 16, T even"),
        ("1110", 1, 4, 1, "1 <= T <= 3"),
        ("0000", 1, 1, 1, "none"),
        ("1111", 0, 1, 1, "T >= 0"),
        ("11", 5, 0, 1, "T >= 5"),
        ("", 1, None, None, "none"),
    ],
)
def test_from_mask(mask: str, first: int, start: int | None, period: int | None, text: str):
    assert str(LengthSet.from_mask(np.array([bit == "1" for bit in mask], dtype=bool), first, start, period)) == text


@pytest.mark.parametrize(
    ("mask", "first", "start", "period", "message"),
    [
        ("1111", 1, 4, 2, "does not fit in the lengths 1..4"),
        ("1111", 1, 1, 0, "does not fit"),
        ("1101", 1, 1, 2, "do not repeat with period 2"),
        ("1110", 1, 3, 1, "do not repeat with period 1"),
        ("1111", 1, 3, None, "together"),
        ("1", -1, None, None, "start at 0 or later"),
    ],
)
def test_a_wrong_certificate_is_refused(mask: str, first: int, start: int | None, period: int | None, message: str):
    with pytest.raises(ValueError, match=message):
        LengthSet.from_mask(np.array([bit == "1" for bit in mask]), first, start, period)


def test_a_mask_is_copied():
    mask = np.ones(4, dtype=bool)
    lengths = LengthSet.from_mask(mask, 1)
    mask[:] = False
    assert str(lengths) == "1 <= T <= 4"


def test_the_sweep_is_no_part_of_equality():
    assert LengthSet.at_least(65, last=100) == LengthSet.at_least(65, last=2000) == LengthSet.parse("T >= 65")


def test_an_endless_set_without_a_sweep_is_not_walked():
    for walk in (list, len):
        with pytest.raises(ValueError, match="goes on for ever"):
            walk(LengthSet.parse("T >= 65"))
    assert list(LengthSet.parse("T >= 65").swept(1, 67)) == [65, 66, 67]
    assert list(LengthSet.parse("T in {1, 4, 9}")) == [1, 4, 9]


def test_operations_span_both_sweeps():
    both = LengthSet.at_least(3, first=1, last=10) & LengthSet.at_least(4, first=2, last=12)
    assert (both.first, both.last) == (1, 12)


def test_membership_of_other_things():
    lengths = LengthSet.parse("T >= 5, T odd")
    assert np.int64(7) in lengths
    assert 7 in lengths
    assert 10**30 + 1 in lengths
    assert -1 not in lengths
    assert "7" not in lengths
    assert 7.0 not in lengths


def test_large_members_take_no_memory():
    lengths = LengthSet.of([5, 2**39]) | LengthSet.parse("T >= 1099511627770")
    assert 2**39 in lengths
    assert len(lengths.members.edges) < 10


def test_a_common_period_that_is_too_long_is_refused():
    def every(period: int) -> LengthSet:
        return LengthSet.parse(f"T mod {period} = 1")

    with pytest.raises(ValueError, match="4,292,870,399 lengths: too long to write down"):
        _ = every(65521) | every(65519)


def test_pickle_and_repr():
    lengths = LengthSet.parse("T >= 6, T even")
    assert pickle.loads(pickle.dumps(lengths)) == lengths
    assert repr(lengths) == "LengthSet('T >= 6, T even')"


@given(drawn_sets())
@settings(max_examples=300, deadline=None)
def test_ranges_round_trip(drawn: Drawn):
    assert LengthSet.from_ranges(drawn.lengths.ranges()) == drawn.lengths


@given(st.lists(st.tuples(st.integers(0, 60), st.one_of(st.none(), st.integers(0, 60)), st.integers(1, 7)), max_size=6))
@settings(deadline=None)
def test_ranges_may_overlap(drawn: list[tuple[int, int | None, int]]):
    ranges = [(first, None if more is None else first + more, step) for first, more, step in drawn]
    members = {t for first, last, step in ranges for t in range(first, END if last is None else last + 1, step)}
    assert below_end(LengthSet.from_ranges(ranges)) == {t for t in members if t < END}


@pytest.mark.parametrize("ranges", [(1, 0, 1), (1, 5, 0), (-1, 5, 1), (0, 2**50, 2), (0, None, 2**40)])
def test_ranges_that_are_refused(ranges: tuple[int, int | None, int]):
    with pytest.raises(ValueError, match=r"is no progression|too many single lengths"):
        LengthSet.from_ranges([ranges])
