"""The text of sets: the shortest natural form, and what the parser accepts and refuses."""

from __future__ import annotations

import numpy as np
import pytest

from shapecheck.lengths.lengthset import LengthSet
from shapecheck.lengths.scanner import SpecError


@pytest.mark.parametrize(
    "text",
    [
        "none",
        "T = 5",
        "T >= 1",
        "T >= 0",
        "T >= 65",
        "T >= 6, T even",
        "T >= 5, T odd",
        "T in {4, 8, 12, ...}",
        "T in {500, 516, 532, ...}",
        "1 <= T <= 512",
        "T in {1, 2}",
        "T in {1, 4, 9}",
        "T in {4, 8, ..., 64}",
        "2 <= T <= 64, T even",
        "T >= 1, T != 1023",
        "T >= 1, T not in {5, 9}",
        "1 <= T <= 100, T != 50",
        "T = 1 or T >= 65",
        "1 <= T <= 62 or T >= 65",
        "T >= 8, T mod 3 != 0",
        "T >= 1, T mod 16 != 0",
        "T >= 1, T mod 5 in {1, 3}",
        "T >= 2, T mod 7 not in {1, 5}",
        "1 <= T <= 1024, T mod 3 != 0",
        "T in {4, 8, 12, ...}, T != 16",
        "T in {8, 16, ..., 56} or T >= 64",
        "5 <= T <= 61, T odd or T >= 63",
        "1 <= T <= 90 or T >= 92, T mod 7 in {1, 2}",
        "T >= 1, T mod 3 != 0 or T in {507, 522, 537, ...}",
    ],
)
def test_prints_as_it_was_written(text: str):
    assert str(LengthSet.parse(text)) == text


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("T even", "T >= 2, T even"),
        ("T <= 4", "1 <= T <= 4"),
        ("T != 7", "T >= 1, T != 7"),
        ("T mod 3 in {1, 2}", "T >= 1, T mod 3 != 0"),
        ("T >= 5, T <= 9", "5 <= T <= 9"),
        ("T in {2, 4, 6, ...}", "T >= 2, T even"),
        ("T in {1, 2, 3, ...}", "T >= 1"),
        ("T == 5 or T = 5", "T = 5"),
        ("T >= 5, T <= 4", "none"),
        ("T in {9, 1, 4, 4}", "T in {1, 4, 9}"),
        ("T even or T odd", "T >= 1"),
        ("T in {0, 5}", "T in {0, 5}"),
    ],
)
def test_other_ways_to_write_it(written: str, printed: str):
    assert str(LengthSet.parse(written)) == printed


def test_the_lengths_that_conditions_without_a_lower_bound_are_read_in():
    assert str(LengthSet.parse("T even", first=0)) == "T >= 0, T even"
    assert str(LengthSet.parse("T <= 4", first=3)) == "T in {3, 4}"
    assert str(LengthSet.parse("T >= 1", first=3)) == "T >= 1"


def test_other_variables():
    assert LengthSet.parse("L >= 6, L even", "L").text("N") == "N >= 6, N even"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the variable 'T' at position 0, found the end of the text"),
        ("N >= 5", "expected the variable 'T' at position 0, found 'N'"),
        ("T > 5", "expected one of >= <= = != in, not in, even, odd, mod at position 2, found '>'"),
        ("T >= x", "expected a number at position 5, found 'x'"),
        ("T >= 5 T odd", "expected the end of the text at position 7, found 'T'"),
        ("T >= 5 or", "expected the variable 'T' at position 9"),
        ("none or T = 1", "expected the end of the text at position 5"),
        ("T in {}", "expected a number at position 6, found '}'"),
        ("T in {1, 2", "expected '}' at position 10"),
        ("T in {1, ...}", "'...' continues two or more numbers at one distance"),
        ("T in {1, 2, 4, ...}", "'...' continues two or more numbers at one distance"),
        ("T in {4, 8, ..., 63}", "63 does not continue 4, 8, ..."),
        ("T mod 0 = 0", "nothing repeats with period 0"),
        ("T mod 3 = 3", "a remainder mod 3 is less than 3, not 3"),
        ("T in {1, 2, ... (37 more)}", "this text is abbreviated and names no exact set"),
        ("T = 1 or ... (5 more)", "this text is abbreviated and names no exact set"),
        ("T >= 99999999999999999999999", "is larger than 1,099,511,627,776"),
        ("T mod 99999999 = 1", "too long to write down"),
    ],
)
def test_names_what_is_wrong(text: str, message: str):
    with pytest.raises(SpecError) as caught:
        LengthSet.parse(text)
    assert message in str(caught.value)
    assert "Example: 'T >= 6, T even or T in {1, 5}'" in str(caught.value)


def test_the_example_parses():
    with pytest.raises(SpecError) as caught:
        LengthSet.parse("", "N")
    assert str(LengthSet.parse(caught.value.example, "N")) == "T in {1, 5} or T >= 6, T even"


def test_long_texts_are_cut_and_counted():
    squares = LengthSet.of([i * i for i in range(1, 51)])
    assert squares.text(limit=60) == "T in {1, 4, 9, 16, 25, 36, 49, 64, ... (42 more)}"
    assert squares.text(limit=1000) == str(squares)
    irregular = LengthSet.from_mask(np.random.default_rng(0).random(2000) < 0.5, 1)
    assert len(irregular.text(limit=120)) <= 120
    assert len(irregular.ranges()) > 100
    assert LengthSet.parse(str(irregular)) == irregular
