"""Swept integers and booleans: at every length what Python gives, whatever they meet."""

from __future__ import annotations

import copy
import fractions
import math
import operator
import pickle
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapecheck.lengths.swept import (
    Certificate,
    Sweep,
    SweptBool,
    SweptInt,
    Undecidable,
    at,
    compare,
    is_plain,
    maximum,
    minimum,
    where,
)
from tests.lengths.paths import Paths, explore, plainly, same

NAN = float("nan")


class Color(IntEnum):
    RED = 3


# one line per fact: each is run for T = 1..40 at once, and by Python for each T ------------------------------------

FACTS: dict[str, Callable[[Any], Any]] = {
    "plus": lambda t: (t + 3, 3 + t, t + t, t + -3, t + 0),
    "minus": lambda t: (t - 3, 3 - t, t - t, t - -3, t - 0, t // 2 - t),
    "times": lambda t: (t * 3, -3 * t, t * t, t * 0, t * 1),
    "divided": lambda t: (t // 3, t // -3, -t // 3, -t // -3, 100 // t, -100 // t, (t + 90) // t, t // 1),
    "divided by sizes": lambda t: (2 * t // t, 6 * t // (2 * t), (3 * t + 1) // t, (t - 9) * 4 // (t + 9), -2 * t // t),
    "remainder": lambda t: (t % 3, t % -3, -t % 3, -t % -3, 100 % t, -100 % t, (t + 90) % t, t % -t),
    "divmod": lambda t: (divmod(t, 7), divmod(-t, 7), divmod(50, t), divmod(t, t + 1)),
    "by zero": lambda t: t // 0,
    "remainder by zero": lambda t: t % 0,
    "by zero at times": lambda t: 7 // (t - 5),
    "remainder by zero at times": lambda t: t % (t % 4),
    "negative": lambda t: (-t, +t, ~t, abs(t - 20), abs(-t)),
    "power": lambda t: (t**0, t**1, t**2, t**3, (t - 20) ** 3, (t % 3) ** 40),
    "negative power": lambda t: t**-2,
    "negative power of zero": lambda t: (t - 5) ** -1,
    "power of sizes": lambda t: t ** (t % 4),
    "power of a constant": lambda t: 2**t,
    "power with a modulus": lambda t: pow(t, 3, 7),
    "shifts": lambda t: (t << 3, t >> 2, -t >> 2, 1 << t, 1000 >> t),
    "negative shift": lambda t: t << -1,
    "masks": lambda t: (t & 3, t & 6, t & -8, t & ~7, -t & 12, 12 & t, t & 0, t & -1),
    "other bits": lambda t: (t | 8, t ^ 5, -t | 3, 5 ^ -t, t & (t - 1), t | (t + 5), t ^ (t * 3)),
    "comparison": lambda t: (t < 5, t <= 5, t > 5, t >= 5, t == 5, t != 5, operator.lt(5, t), operator.eq(5, t)),
    "compared with sizes": lambda t: (t < 2 * t - 9, t // 2 == t % 7, t != t // 1, t <= t + 0),
    "compared with a float": lambda t: (
        t < 5.5,
        t <= 5.0,
        t > 5.5,
        t >= 5.5,
        t == 5.0,
        t == 5.5,
        t != 5.5,
        operator.lt(5.5, t),
    ),
    "compared with no number": lambda t: (t == "5", t != None, t == [5]),  # noqa: E711
    "compared with infinity": lambda t: (t < math.inf, t > -math.inf, t >= math.inf, t == math.inf, t < NAN, t != NAN),
    "compared with what no size reaches": lambda t: (t < 2**63, t > -(2**80), t == 2**64, operator.le(2**63 - 1, t)),
    "order with a text": lambda t: t < "5",
    "minimum and maximum": lambda t: (min(t, 5), max(t, 5, t // 2), min(7, t), max(t % 4, t % 7)),
    "truth": lambda t: (bool(t - 5), not t % 3, t % 2 and 7, t % 2 or 7),
    "bool": lambda t: (t + True, True + t, t * False, t // True, t == True),  # noqa: E712
    "an enum": lambda t: (t + Color.RED, t == Color.RED, Color.RED * t),
    "a fraction": lambda t: (t + fractions.Fraction(1, 3), t < fractions.Fraction(7, 2)),
    "a complex number": lambda t: (t * 2j, t + 1j == 5 + 1j),
    "a text times": lambda t: "ab" * t,
    "a list times": lambda t: [0] * t,
    "range": lambda t: list(range(t % 5)),
    "index": lambda t: [*range(9)][t],
    "slice": lambda t: "abcdefgh"[t - 3 : t],
    "rounded": lambda t: (round(t), round(t, 2), round(t, 0), round(t, -1), math.floor(t), math.ceil(t), math.trunc(t)),
    "integer": lambda t: (int(t), operator.index(t), float(t), complex(t)),
    "methods of int": lambda t: (t.bit_length(), t.numerator, t.denominator, t.real, t.conjugate()),
    "no method of int": lambda t: t.shape,
    "math": lambda t: (math.sqrt(t), math.gcd(t, 12), math.log2(t), math.prod([t, 2, t])),
    "its class": lambda t: (isinstance(t, int), isinstance(t, float), type(t)("7")),
    "copies": lambda t: (copy.copy(t), copy.deepcopy([t])[0], pickle.loads(pickle.dumps(t))),
    "sums": lambda t: (sum([t, 1, t]), sum(range(t % 9))),
    "collatz": lambda t: t // 2 if t % 2 == 0 else 3 * t + 1,
    "larger than 64 bits": lambda t: (t**20, t**20 % 7, t * 2**70, 2**70 - t, t // 2**70, t % 2**70, t & 2**70),
    "past 64 bits and back": lambda t: (t + 2**62) * 8 // 2**64,
    "a NumPy integer": lambda t: (t + np.int64(3), np.int64(3) * t, t // np.int64(3), np.int64(9) - t, np.int64(3) < t),
    "a small NumPy integer": lambda t: (t + np.int32(3), np.uint8(3) + t, np.int16(3) == t),
    "a NumPy float": lambda t: (t * np.float64(0.5), np.float64(7.5) / t, np.float64(5.5) < t, t // np.float64(2.5)),
    "a small NumPy float": lambda t: (t * np.float32(0.1), np.float32(0.1) + t),
    "a NumPy bool": lambda t: t + np.bool_(True),
    "NumPy's functions": lambda t: (np.maximum(t, 5), np.minimum(t, 5), np.abs(t - 9), np.add(t, 2), np.square(t)),
    "NumPy's rounding": lambda t: (np.ceil(t / 4), np.floor(t / 4), np.rint(t / 4), np.trunc(-t / 4)),
    "NumPy's roots": lambda t: (np.sqrt(t), np.log2(t), np.exp(t / 40)),
    "NumPy's arrays": lambda t: ((np.arange(3) * t).tolist(), (t - np.arange(3)).tolist(), (np.arange(3) < t).tolist()),
    "NumPy's product": lambda t: np.prod([t, 2, t]),
}


@pytest.mark.parametrize("name", FACTS)
def test_is_what_python_gives(name: str):
    explore(FACTS[name], 1, 40)


@pytest.mark.parametrize("name", ["plus", "divided", "remainder", "masks", "comparison", "compared with a float"])
@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 9), (5, 5), (17, 31)])
def test_is_what_python_gives_on_other_sweeps(name: str, first: int, last: int):
    explore(FACTS[name], first, last)


@pytest.mark.parametrize(
    "function",
    [
        lambda t: t + "a",
        lambda t: "a" + t,
        lambda t: t - None,
        lambda t: {1: 2} - t,
        lambda t: t < "5",
        lambda t: t >= None,
        lambda t: t & {1},
        lambda t: t / "a",
        lambda t: t // 0,
        lambda t: t % 0,
        lambda t: t / 0,
        lambda t: t.shape,
    ],
)
def test_errors_read_as_those_of_python(function: Callable[[Any], Any]):
    texts: list[str] = []
    for number in (Sweep(1, 9).variable(), 5):
        with pytest.raises((TypeError, ZeroDivisionError, AttributeError)) as caught:
            function(number)
        texts.append(str(caught.value))
    assert texts[0] == texts[1]


def test_truth_values_are_those_of_python():
    for function in (
        lambda a, b: a & b,
        lambda a, b: a | b,
        lambda a, b: a ^ b,
        lambda a, b: a == b,
        lambda a, b: a != b,
    ):
        sweep = Sweep(1, 12)
        t: Any = sweep.variable()
        left: Any = compare(t % 2, "==", 0)
        right: Any = compare(t, "<", 7)
        for other, column in ((right, right.values), (True, True), (False, False), (left, left.values)):
            found = function(left, other)
            assert [at(found, i) for i in range(12)] == function(left.values, column).tolist()


FLAGS: dict[str, Callable[[Any], Any]] = {
    "arithmetic": lambda b: (b + 1, 1 - b, b * 3, b - b, b // 2, 7 % (b + 1), b / 2, 2 / (b + 1), b**2, 2**b, b << 2),
    "signs": lambda b: (-b, +b, abs(b), round(b), math.floor(b)),
    "bits": lambda b: (b & 6, b | 6, 6 ^ b, b & True, False | b),
    "comparison": lambda b: (b < 1, b == 1, b == True, b != 0, b >= 0.5, operator.gt(1, b)),  # noqa: E712
    "conversion": lambda b: (bool(b), int(b), float(b), str(b), f"{b}", not b, [3, 4][b]),
    "class": lambda b: (isinstance(b, bool), isinstance(b, int)),
    "copies": lambda b: (bool(copy.copy(b)), bool(copy.deepcopy(b)), pickle.loads(pickle.dumps(b))),
    "NumPy": lambda b: (np.add(b, 1), np.int64(3) * b, np.sqrt(b)),
}


@pytest.mark.parametrize("name", FLAGS)
def test_a_truth_value_is_an_integer_as_in_python(name: str):
    paths = Paths(lambda t: FLAGS[name](compare(t, ">", 5)), Sweep(1, 9))
    for length in range(1, 10):
        found = paths.at(length)
        for mine, theirs in zip(found, FLAGS[name](length > 5), strict=True):
            assert same(mine, theirs)


# splitting ----------------------------------------------------------------------------------------------------------


def test_one_run_for_each_value():
    assert len(explore(lambda t: [1, 2, 3][t % 3]).found) == 3


def test_a_comparison_splits_in_two():
    assert len(explore(lambda t: 1 if t > 5 else 2).found) == 2


def test_arithmetic_does_not_split():
    assert len(explore(lambda t: ((t + 15) // 16 * 16 - t) % 7 & 3).found) == 1


def test_a_division_splits_only_by_zero():
    assert len(explore(lambda t: 7 // (t - 5)).found) == 2


def test_nothing_that_splits_is_remembered():
    paths = explore(lambda t: (t**30 % 5, t**30 % 5), 1, 9)
    assert len(paths.found) == 9
    assert not [key for key in paths.sweep.memory if key[0] == "**"]


def test_inside_the_analyzer_a_comparison_is_a_vector():
    assert type(Sweep(1, 9).variable() > 5) is SweptBool


def test_inside_the_analyzer_numbers_past_61_bits_are_undecidable():
    with pytest.raises(Undecidable, match=r"2\*\*61"):
        _ = (Sweep(1, 9).variable() + 2**60) * 2
    with pytest.raises(Undecidable, match=r"2\*\*61"):
        Sweep(1, 9).integer(np.full(9, 2**62), None)


def test_choosing_a_number_past_61_bits_is_undecidable_only_if_it_is_chosen():
    t: Any = Sweep(1, 9).variable()
    assert minimum(t, 2**63) is t
    with pytest.raises(Undecidable, match=r"2\*\*61"):
        where(compare(t, ">", 5), 2**63, t)


@given(st.integers(-(2**61), 2**61), st.integers(-(2**63), 2**63), st.sampled_from("+-*"))
@settings(max_examples=200, deadline=None)
def test_nothing_wraps(left: int, right: int, symbol: str):
    function = {"+": operator.add, "-": operator.sub, "*": operator.mul}[symbol]
    explore(lambda t: function(t * (left // 4) + left % 4, right), 1, 3)
    explore(lambda t: function(t * (left // 8), t * (right // 16) - t), 1, 3)


def test_a_size_as_a_key_splits_by_value():
    paths = Paths(lambda t: {t: 1}.get(5), Sweep(1, 9))
    assert [paths.at(length) for length in (4, 5, 6)] == [None, 1, None]


def test_a_key_of_an_analysis_that_is_over_is_equal_to_no_other():
    sweep = Sweep(1, 9)
    known: dict[Any, int] = {}
    Paths(lambda t: known.setdefault(t, 1), sweep)
    sweep.over = True
    assert 5 not in known


def test_division_by_zero_with_numpy_is_undecidable():
    with pytest.raises(Undecidable, match="NumPy"):
        Paths(lambda t: t // np.int64(0), Sweep(1, 9))
    with pytest.raises(Undecidable, match="NumPy"):
        Paths(lambda t: 7 // (t * np.int64(1) - 5), Sweep(1, 9))


def test_what_only_numpy_numbers_have_is_undecidable_once_they_came_in():
    assert Paths(lambda t: t.dtype, Sweep(1, 9)).at(5) is AttributeError
    with pytest.raises(Undecidable, match="NumPy"):
        Paths(lambda t: (np.int64(2) * t).dtype, Sweep(1, 9))


def test_numbers_of_two_sweeps_do_not_meet():
    t, other = Sweep(1, 9).variable(), Sweep(1, 9).variable()
    for function in (operator.add, operator.mul, operator.lt, maximum):
        with pytest.raises(Undecidable, match="another analysis"):
            function(t, other)
    with pytest.raises(Undecidable, match="another analysis"):
        where(compare(t, ">", 5), other, 0)
    with pytest.raises(Undecidable, match="another analysis"):
        _ = t / 2 + other


# the sweep ----------------------------------------------------------------------------------------------------------


def test_every_number_lives_as_long_as_its_sweep():
    sweep = Sweep(1, 9)
    t: Any = sweep.variable()
    numbers = [t * t + i for i in range(50)] + [t + i for i in range(50)]
    known = {id(number) for number in numbers}
    del numbers
    assert known.isdisjoint(id(object()) for _ in range(1000))
    kept = {id(number) for bucket in sweep._interned.values() for number in bucket}  # pyright: ignore[reportPrivateUsage]
    assert known <= kept


def test_values_cannot_be_written():
    t: Any = Sweep(1, 9).variable()
    with pytest.raises(ValueError, match="read-only"):
        t.values[0] = 7


def test_a_memo_is_computed_once():
    sweep, calls = Sweep(1, 9), list[int]()
    assert [sweep.memo(("key", 1), lambda: calls.append(1) or 5) for _ in range(3)] == [5, 5, 5]
    assert calls == [1]


def test_an_empty_sweep_is_refused():
    with pytest.raises(ValueError, match="first <= last"):
        Sweep(5, 4)


def test_a_sweep_of_one_length():
    t: Any = Sweep(7, 7).variable()
    assert type(t) is SweptInt
    assert (t.certificate, at(t * 2, 0)) == (Certificate(7, 1, 1), 14)


def test_is_plain():
    assert is_plain(5)
    assert is_plain(True)
    assert not is_plain(Sweep(1, 9).variable())
    assert not is_plain(5.0)
    assert not is_plain(np.int64(5))


def test_at():
    t: Any = Sweep(3, 9).variable()
    assert (at(t, 2), at(compare(t, ">", 4), 2), at(t / 2, 2), at("text", 2), at(7, 2)) == (5, True, 2.5, "text", 7)


def test_texts():
    t: Any = Sweep(1, 64).variable()
    assert (repr((t + 15) // 16), f"{t * t}", str(t / 2)) == ("ceil(T/16)", "<1..4096>", "<swept float 0.5..32>")
    assert repr(compare(t, ">", 4)) == "<swept bool, true for 60 of 64 lengths>"


NUMBERS = st.recursive(
    st.one_of(st.just("T"), st.integers(-20, 20)),
    lambda inner: st.tuples(
        st.sampled_from(["+", "-", "*", "//", "%", "&", "|", "^", "min", "max", "abs"]), inner, inner
    ),
    max_leaves=6,
)
OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "min": min,
    "max": max,
    "abs": lambda a, b: abs(a) - b,
}


def compute(tree: Any, t: Any) -> Any:
    if isinstance(tree, tuple):
        return OPERATIONS[tree[0]](compute(tree[1], t), compute(tree[2], t))
    return t if tree == "T" else tree


@given(NUMBERS, st.integers(0, 9), st.integers(0, 20))
@settings(max_examples=300, deadline=None)
def test_random_expressions_are_what_python_gives(tree: Any, first: int, more: int):
    paths = Paths(lambda t: compute(tree, t), Sweep(first, first + more))
    for length in range(first, first + more + 1):
        assert same(paths.at(length), plainly(lambda t: compute(tree, t), length)), length
