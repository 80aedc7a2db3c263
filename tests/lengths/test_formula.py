"""Closed forms: derived from values, and the same at every length."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapecheck.lengths.expression import Expression
from shapecheck.lengths.formula import Formula, fit
from shapecheck.lengths.scanner import SpecError

T = np.arange(1, 1025)


def ceil(a: np.ndarray, b: int) -> np.ndarray:
    return -(-a // b)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (0 * T + 4, "4"),
        (0 * T, "0"),
        (T, "T"),
        (2 * T, "2T"),
        (300 * T, "300T"),
        (T + 3, "T + 3"),
        (2 * T - 2, "2T - 2"),
        (-T, "-T"),
        (302 - 3 * T, "302 - 3T"),
        (T // 2, "T//2"),
        (ceil(T, 2), "ceil(T/2)"),
        (ceil(T, 16), "ceil(T/16)"),
        (ceil(T, 300), "ceil(T/300)"),
        (ceil(T, 600), "ceil(T/600)"),
        (T // 600, "T//600"),
        (ceil(T + 3, 16), "(T + 18)//16"),
        ((T - 1) // 120 + 1, "ceil(T/120)"),
        ((T + 3) // 2 - 1, "ceil(T/2)"),
        (((T + 1) // 2 + 4) // 2 - 3, "(T - 3)//4"),
        (3 * T // 2, "3T//2"),
        ((7 * T + 3) // 5, "(7T + 3)//5"),
        (5 * ceil(T, 6), "5*ceil(T/6)"),
        (5 * ceil(T, 6) + 2, "5*ceil(T/6) + 2"),
        (16 * ceil(T, 16), "16*ceil(T/16)"),
        (100 - T // 3, "100 - T//3"),
        (-ceil(T, 16), "-ceil(T/16)"),
        (T + T % 2, "T + T % 2"),
        (T - T % 2, "2*(T//2)"),
        (2 * T + T % 3, "2T + T % 3"),
        (T % 4, "T % 4"),
        (3 * (T % 2) + 1, "3*(T % 2) + 1"),
        (np.maximum(T, 5), "max(T, 5)"),
        (np.minimum(T, 512), "min(T, 512)"),
        (np.maximum(ceil(T, 16), 4), "max(ceil(T/16), 4)"),
        (np.where(T % 2 == 0, T, 3 * T + 1), "T if T even else 3T + 1"),
        (np.where(T <= 600, 5, 6), "5 if T <= 600 else 6"),
        (np.where(T == 1, 7, 2 * T), "7 if T <= 1 else 2T"),
        (np.where(T <= 10, 2 * T, np.maximum(ceil(T, 16), 4)), "2T if T <= 10 else 4 if T <= 48 else ceil(T/16)"),
        (T * T, None),
        (np.random.default_rng(0).integers(0, 9, len(T)), None),
        (T + 2**50, None),
    ],
)
def test_fits(values: np.ndarray, text: str | None):
    assert fit(values, T) == text
    if text is not None:
        assert np.array_equal(Formula.parse(text).evaluate(T), values)


@pytest.mark.parametrize(
    ("values", "live", "text"),
    [
        (ceil(T, 16), T >= 65, "ceil(T/16)"),
        (ceil(T, 16), T <= 64, "ceil(T/16)"),
        (ceil(T, 16), T % 2 == 0, "ceil(T/16)"),
        (ceil(T, 16), T % 3 != 0, "ceil(T/16)"),
        (ceil(T, 16), T != 1000, "ceil(T/16)"),
        (ceil(T, 16), T == 64, "ceil(T/16)"),
        (ceil(T, 16), (T == 64) | (T == 65), "ceil(T/16)"),
        (ceil(T, 16), (T > 48) & (T <= 64), "4"),
        (T // 2, T % 2 == 0, "T//2"),
        (T // 4, T % 8 == 0, "T//4"),
        (0 * T + 7, T == 3, "7"),
        (300 * T, T == 3, "300T"),
        (T, T < 0, None),
        (np.where(T > 100, T * T, T), T <= 100, "T"),
    ],
)
def test_only_live_lengths_count(values: np.ndarray, live: np.ndarray, text: str | None):
    assert fit(values, T, live) == text


def test_other_variables():
    assert fit(ceil(T, 16), T, None, "frames") == "ceil(frames/16)"
    assert np.array_equal(Formula.parse("4 if L <= 9 else L", "L").evaluate(T), np.where(T <= 9, 4, T))


def test_a_long_run_slope_rules_out_forms_that_part_later():
    steps = 1 + (T > 11) + (T > 611)  # two jumps, and then 3 for ever
    assert fit(steps, T) == "(T + 1188)//600"
    assert fit(steps, T, slope=Fraction(0)) == "1 if T <= 11 else 2 if T <= 611 else 3"
    assert fit(ceil(T, 16), T, slope=Fraction(1, 16)) == "ceil(T/16)"


def test_pieces_are_refused_where_they_are_none():
    for text in ("T if T <= 4", "T if else T", "T else T", "T if T > 3 else T"):
        with pytest.raises(SpecError):
            Formula.parse(text)


@given(
    a=st.integers(-5, 12),
    b=st.integers(-30, 30),
    d=st.integers(1, 40),
    factor=st.integers(-4, 6),
    c=st.integers(-9, 9),
    first=st.integers(0, 80),
    count=st.integers(1, 400),
)
@settings(max_examples=400, deadline=None)
def test_scaled_floors(a: int, b: int, d: int, factor: int, c: int, first: int, count: int):
    lengths = np.arange(first, first + count)
    values = factor * ((a * lengths + b) // d) + c
    text = fit(values, lengths)
    assert text is None or np.array_equal(Formula.parse(text).evaluate(lengths), values)
    if count >= 8 * d:
        assert text is not None
        Expression.parse(text)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_any_text_is_true_at_every_live_length(data: st.DataObject):
    lengths = np.arange(1, 1 + data.draw(st.integers(1, 60)))
    live = np.array(data.draw(st.lists(st.booleans(), min_size=len(lengths), max_size=len(lengths))))
    form = data.draw(
        st.sampled_from(["T", "T//3", "2T + 1", "ceil(T/2)", "T + T % 2", "7", "max(T, 9)", "T % 3", "T*T"])
    )
    other = data.draw(st.sampled_from(["T", "2T", "ceil(T/4) + 1", "5", "T + 6"]))
    border = data.draw(st.integers(0, 60))
    values = np.where(lengths <= border, Formula.parse(other).evaluate(lengths), Formula.parse(form).evaluate(lengths))
    text = fit(values, lengths, live)
    if text is not None:
        assert np.array_equal(Formula.parse(text).evaluate(lengths[live]), values[live])


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=30))
@settings(max_examples=200, deadline=None)
def test_irregular_values(values: list[int]):
    lengths = np.arange(5, 5 + len(values))
    text = fit(np.array(values), lengths)
    assert text is None or Formula.parse(text).evaluate(lengths).tolist() == values
