"""Swept floats: bit for bit what Python computes, and integers made of them that are proved past the sweep."""

from __future__ import annotations

import copy
import math
import operator
import pickle
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shapecheck.lengths.quotient import Quotient
from shapecheck.lengths.swept import Certificate, Sweep, SweptFloat, SweptInt, Undecidable, at, compare
from tests.lengths.paths import Paths, explore, plainly, same

NAN = float("nan")

# one line per fact: each is run for T = 1..40 at once, and by Python for each T ------------------------------------

FACTS: dict[str, Callable[[Any], Any]] = {
    "quotients": lambda t: (t / 2, t / 3, 7 / t, t / (t + 1), t / -4, -t / 7, t / 2.5, 2.5 / t, t / True),
    "by zero": lambda t: t / 0,
    "by a float zero": lambda t: t / 0.0,
    "by zero at times": lambda t: 1 / (t - 5),
    "by a zero half at times": lambda t: 1 / (t / 2 - 5),
    "floor division by zero at times": lambda t: 7 // (t / 2 - 5),
    "remainder by zero at times": lambda t: 7.5 % (t - 5),
    "sums": lambda t: (t + 0.5, 0.1 + t, t / 3 + t / 7, t - 0.3, 0.3 - t, t / 2 - t, t - t / 2, t + t / 3),
    "products": lambda t: (t * 0.5, 0.1 * t, t / 3 * 3, t / 49 * 49, t / 2 * (t / 3), t * 1.5, t * -0.5, t * 0.0),
    "floor quotients": lambda t: (t // 2.0, t / 2 // 1, -t // 0.3, 7.5 // t, t // -2.5, 10 // (t / 2), t / 3 // t),
    "remainders": lambda t: (t % 2.5, t / 3 % 1, -t % 0.3, 7.5 % t, t % -2.5, 10 % (t / 2), t / 3 % t),
    "divmod": lambda t: (divmod(t, 2.5), divmod(t / 2, 2), divmod(7.5, t), divmod(10, t / 3)),
    "powers": lambda t: (t**0.5, (t / 3) ** 2, 1.5**t, t**-1, (t / 7) ** (t / 5), 2 ** (t / 2), t**-0.5, (t / 2) ** 0),
    "power of zero": lambda t: (t / 2 - 5) ** -1,
    "power that overflows": lambda t: (t / 2) ** 400,
    "power of a negative": lambda t: ((5 - t) / 2) ** 0.5,
    "signs": lambda t: (-(t / 3), +(t / 3), abs(5 - t / 2)),
    "floor": lambda t: (math.floor(t / 4), math.floor(-t / 4), math.floor(t * 0.7), math.floor(t / 3 + 1)),
    "ceil": lambda t: (math.ceil(t / 4), math.ceil(-t / 4), math.ceil(t * 0.7), math.ceil((t - 3) / 2 + 1)),
    "trunc": lambda t: (math.trunc(t / 4 - 3), math.trunc(t * 0.7 - 9), math.trunc(5 - t / 2)),
    "round": lambda t: (round(t / 2), round(-t / 2), round(t / 4 - 3), round(t / 3), round(t * 0.7), round(t * 1.5)),
    "round to digits": lambda t: (
        round(t / 7, 1),
        round(t / 8, 2),
        round(t / 2, 0),
        round(t * 2.675, 2),
        round(t / 1, -1),
    ),
    "integers": lambda t: (int(t / 2), int(-t / 2), int(t * 0.7), int(t**0.5)),
    "conversion": lambda t: (float(t / 2), bool(t / 2), bool(t / 2 - 5), complex(t / 2)),
    "floor of infinity": lambda t: math.floor(t * 1e308),
    "floor of no number": lambda t: math.floor((t * 1e308 - t * 1e308) * 0.0),
    "floor past 64 bits": lambda t: math.floor(t * 1e30),
    "comparison": lambda t: (
        t / 2 > 5,
        t / 2 == 5,
        t / 3 != 5,
        operator.lt(5, t / 2),
        t / 2 <= t / 3 + 1,
        t / 2 < t,
        t > t / 2,
    ),
    "comparison without a fraction": lambda t: (
        t * 0.7 > 5,
        t * 0.1 == t / 10,
        t / 10 + 0.2 == (t + 2) / 10,
        t / 3 < 0.1 * t,
    ),
    "comparison of thirds": lambda t: (t / 3 == 2 * t / 6, t / 3 + t / 7 == 10 * t / 21, t / 3 * 3 == t, t / 3 > t / 3),
    "comparison with infinity": lambda t: (t / 2 < math.inf, t / 2 == NAN, t / 2 != NAN, t * 0.7 < math.inf),
    "comparison with large integers": lambda t: (
        t * 1e16 == 10**16 * 7 + 1,
        t / 2 < 10**400,
        t * 1e16 > 2**60,
        t * 0.7 < 2**70,
    ),
    "comparison with others": lambda t: (t / 2 == "2.5", t / 2 == Fraction(5, 2), t / 2 == 2.5 + 0j),
    "order with a text": lambda t: t / 2 < "5",
    "minimum and maximum": lambda t: (min(t / 2, 5), max(t / 3, t / 2 - 1)),
    "methods of float": lambda t: (
        (t / 2).is_integer(),
        (t * 0.7).is_integer(),
        (t / 4).as_integer_ratio(),
        (t / 2).hex(),
    ),
    "no method of float": lambda t: (t / 2).bit_length(),
    "no index": lambda t: range(t / 2),
    "its class": lambda t: (isinstance(t / 2, float), isinstance(t / 2, int), type(t / 2)("2.5")),
    "copies": lambda t: (copy.copy(t / 2), copy.deepcopy(t / 2), pickle.loads(pickle.dumps(t / 2))),
    "mathematics": lambda t: (math.sqrt(t / 2), math.log2(t / 2), math.isclose(t / 2, 5), math.fmod(t / 2, 2)),
    "large integers": lambda t: (
        t * 2**52 / 3,
        (t * 2**55 + 1) / (t * 2**54 + 1),
        2**60 / (t + 2**53),
        t * 2**55 + 0.5,
    ),
    "sizes of convolutions": lambda t: (math.floor((t + 2 * 3 - 2 * (5 - 1) - 1) / 3 + 1), int((t - 5) / 2) + 1),
    "NumPy": lambda t: (np.ceil(t / 4), np.floor(t * 0.7), np.rint(t / 2), np.sqrt(t / 2), np.float64(0.5) * (t / 3)),
    "NumPy's small floats": lambda t: (np.float32(0.1) * (t / 3), t / 3 < np.float32(0.7)),
}


@pytest.mark.parametrize("name", FACTS)
def test_is_what_python_gives(name: str):
    explore(FACTS[name], 1, 40)


@pytest.mark.parametrize("name", ["quotients", "sums", "products", "floor", "ceil", "round", "comparison"])
def test_is_what_python_gives_on_a_sweep_from_another_length(name: str):
    explore(FACTS[name], 17, 31)


# what is proved -----------------------------------------------------------------------------------------------------

PROVED: list[tuple[str, Callable[[Any], Any], Certificate]] = [
    ("half rounded up", lambda t: math.ceil(t / 2), Certificate(1, 2, 1)),
    ("a third rounded down", lambda t: math.floor(t / 3), Certificate(1, 3, 1)),
    ("a third, moved", lambda t: math.floor((t + 2) / 3 - 1), Certificate(1, 3, 1)),
    ("three quarters", lambda t: math.floor(t * 0.75), Certificate(1, 4, 3)),
    ("one and a half, divided", lambda t: math.ceil(1.5 * t / 4), Certificate(1, 8, 3)),
    ("halves of thirds", lambda t: math.floor(t / 3 / 2 + 0.5), Certificate(1, 6, 1)),
    ("divided by a half", lambda t: math.floor(t / 0.5), Certificate(1, 1, 2)),
    ("towards 0", lambda t: math.trunc(t / 2 - 5), Certificate(10, 2, 1)),
    ("rounded", lambda t: round(t / 4), Certificate(1, 8, 2)),
    ("absolute", lambda t: math.floor(abs(t / 2 - 5)), Certificate(10, 2, 1)),
    ("negative", lambda t: math.floor(-t / 2), Certificate(1, 2, -1)),
    ("NumPy's ceil", lambda t: math.floor(np.ceil(t / 4)), Certificate(1, 4, 1)),
]


@pytest.mark.parametrize(("function", "wanted"), [pytest.param(*row[1:], id=row[0]) for row in PROVED])
def test_certificates_through_floats(function: Callable[[Any], Any], wanted: Certificate):
    found = function(Sweep(1, 64).variable())
    assert found.certificate == wanted
    for length in range(1, 640):
        value = function(length + wanted.period) - function(length) if length >= wanted.start else wanted.rise
        assert value == wanted.rise


LEFT_OPEN: dict[str, Callable[[Any], Any]] = {
    "no dyadic factor": lambda t: math.floor(t * 0.7),
    "a third times three": lambda t: math.floor(t / 3 * 3),
    "a third of a third": lambda t: math.floor(t / 3 / 3),
    "two thirds": lambda t: math.floor(t / 3 + t / 7),
    "root": lambda t: math.floor(t**0.5),
    "numerators past 2**47": lambda t: math.floor(t * 2**47 / 3),
}


@pytest.mark.parametrize("name", LEFT_OPEN)
def test_where_rounding_could_decide_nothing_is_claimed(name: str):
    assert LEFT_OPEN[name](Sweep(1, 64).variable()).certificate is None


def test_a_branch_on_a_half_is_proved():
    paths = explore(lambda t: 1 if t / 2 > 5 else 2)
    assert paths.sweep.proved
    assert [path.live.pattern for path in paths.found] == [(11, 1), (11, 1)]


def test_infinity_is_out_of_reach():
    t: Any = Sweep(1, 64).variable()
    assert (t < math.inf, t / 2 < math.inf, t / 3 == -math.inf, t / 2 != NAN) == (True, True, False, True)


@pytest.mark.parametrize(
    "function",
    [
        lambda v: v + "a",
        lambda v: "a" + v,
        lambda v: v < "5",
        lambda v: v // 0,
        lambda v: v % 0.0,
        lambda v: v / 0,
        range,
    ],
)
def test_errors_read_as_those_of_python(function: Callable[[Any], Any]):
    texts: list[str] = []
    sweep = Sweep(1, 9)
    sweep.decide = lambda condition: bool(condition.values.all())
    half: Any = sweep.variable()
    for number in (half / 2, 2.5):
        with pytest.raises((TypeError, ZeroDivisionError)) as caught:
            function(number)
        texts.append(str(caught.value))
    assert texts[0] == texts[1]


def test_numpy_takes_the_mean_of_sizes():
    explore(lambda t: np.mean([t, 5]))


def test_too_many_roundings_end_the_claim():
    t: Any = Sweep(1, 64).variable()
    number: Any = t / 3
    for _ in range(14):
        number = number + 1
    assert number.quotient.roundings == 15
    assert (number + 1).quotient is None


def test_division_by_zero_with_numpy_is_undecidable():
    with pytest.raises(Undecidable, match="NumPy"):
        Paths(lambda t: t / np.float64(0), Sweep(1, 9))
    with pytest.raises(Undecidable, match="NumPy"):
        Paths(lambda t: (np.float64(1) * t - 5) ** -1, Sweep(1, 9))


def test_what_only_numpy_numbers_have_is_undecidable_once_they_came_in():
    assert Paths(lambda t: (t / 2).astype(int), Sweep(1, 9)).at(5) is AttributeError
    with pytest.raises(Undecidable, match="NumPy"):
        Paths(lambda t: np.ceil(t / 2).astype(int), Sweep(1, 9))


# random expressions --------------------------------------------------------------------------------------------------

FLOATS = st.sampled_from([0.5, 0.25, 1.5, 2.0, -0.75, 3.0, 0.1, 0.7, 1e-3, 7.3, 1e18])
STEPS = st.tuples(st.sampled_from("+-*/"), st.one_of(st.integers(-9, 9).filter(bool), FLOATS), st.booleans())
ROUNDINGS: list[Callable[[Any], Any]] = [math.floor, math.ceil, math.trunc, round]


def chain(t: Any, factor: int, steps: list[Any]) -> Any:
    value = t * factor / 1
    for symbol, constant, swapped in steps:
        left, right = (constant, value) if swapped and symbol != "/" else (value, constant)
        value = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b}[
            symbol
        ](left, right)
    return value


@given(st.integers(-(2**46), 2**46), st.lists(STEPS, max_size=5), st.integers(1, 2000))
@settings(max_examples=400, deadline=None)
@example(2**46 // 2000 - 1, [("/", 3, False), ("+", 1, False)], 1990)
@example(1, [("/", 7, False), ("-", 0.5, True)], 1)
def test_rounding_and_comparing_is_what_python_does(factor: int, steps: list[Any], first: int):
    sweep = Sweep(first, first + 12)
    found = chain(sweep.variable(), factor, steps)
    truth = [chain(length, factor, steps) for length in range(first, first + 13)]
    if type(found) is float:
        assert set(truth) == {found}
        return
    assert found.values.tolist() == truth
    for rounding in ROUNDINGS:
        if max(map(abs, truth)) < 2**61:
            integer = rounding(found)
            assert [at(integer, i) for i in range(13)] == list(map(rounding, truth))
    middle = truth[6]
    for constant in (round(middle), round(middle) + 0.5, middle):
        for symbol in ("<", "<=", "==", ">", ">=", "!="):
            claimed = found.compared(symbol, constant)
            wanted = [{"<": v < constant, "<=": v <= constant, "==": v == constant}.get(symbol) for v in truth]
            opposite = [{">": v > constant, ">=": v >= constant, "!=": v != constant}.get(symbol) for v in truth]
            assert [at(claimed, i) for i in range(13)] == [
                a if b is None else b for a, b in zip(wanted, opposite, strict=True)
            ]


@given(st.integers(-(2**40), 2**40), st.lists(STEPS, max_size=5), st.integers(1, 2000))
@settings(max_examples=400, deadline=None)
def test_a_float_is_as_near_to_its_fraction_as_is_said(factor: int, steps: list[Any], first: int):
    found = chain(Sweep(first, first + 12).variable(), factor, steps)
    if type(found) is float or found.quotient is None:
        return
    quotient: Quotient = found.quotient
    for i in range(13):
        exact = Fraction(at(quotient.numerator, i), quotient.denominator)
        error = abs(Fraction(found.values[i].item()) - exact)
        assert error <= Fraction(quotient.roundings, 32 * quotient.denominator)
        if exact.denominator & (exact.denominator - 1) == 0:
            assert error == 0


@given(st.integers(-12, 12).filter(bool), st.lists(STEPS, max_size=4))
@settings(max_examples=300, deadline=None)
def test_what_is_claimed_through_floats_holds(factor: int, steps: list[Any]):
    sweep = Sweep(1, 30)
    found = chain(sweep.variable(), factor, steps)
    truth = [chain(length, factor, steps) for length in range(1, 300)]
    if type(found) is not SweptFloat or max(map(abs, truth)) > 2**50:
        return
    for rounding in ROUNDINGS:
        integer, numbers = rounding(found), list(map(rounding, truth))
        if type(integer) is not SweptInt:
            assert set(numbers) == {integer}
        elif integer.certificate is not None:
            start, period, rise = integer.certificate
            assert all(numbers[i + period] == numbers[i] + rise for i in range(start - 1, len(numbers) - period))
    for symbol, function in (("<", lambda v: v < 5.5), (">=", lambda v: v >= 3), ("==", lambda v: v == 7)):
        condition = found.compared(symbol, {"<": 5.5, ">=": 3, "==": 7}[symbol])
        flags = list(map(function, truth))
        if type(condition) is bool:
            assert set(flags) == {condition}
        elif condition.pattern is not None:
            start, period = condition.pattern
            assert all(flags[i + period] == flags[i] for i in range(start - 1, len(flags) - period))


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "**": lambda a, b: a**b,
    "<": lambda a, b: 1 if a < b else 2.5,
    "floor": lambda a, b: math.floor(a) + b,
    "round": lambda a, b: round(b, 1) - a,
}
TREES = st.recursive(
    st.one_of(st.just("T"), st.integers(-4, 4), st.sampled_from([0.5, -2.5, 0.1, 1e200])),
    lambda inner: st.tuples(st.sampled_from(sorted(OPERATIONS)), inner, inner),
    max_leaves=5,
)


def compute(tree: Any, t: Any) -> Any:
    if isinstance(tree, tuple):
        left, right = compute(tree[1], t), compute(tree[2], t)
        if tree[0] == "**" and not -5 < right < 5:
            return left  # powers of powers would take for ever
        return OPERATIONS[tree[0]](left, right)
    return t if tree == "T" else tree


@given(TREES, st.integers(0, 9), st.integers(0, 8))
@settings(max_examples=400, deadline=None)
def test_random_expressions_are_what_python_gives(tree: Any, first: int, more: int):
    paths = Paths(lambda t: compute(tree, t), Sweep(first, first + more))
    for length in range(first, first + more + 1):
        found, wanted = paths.at(length), plainly(lambda t: compute(tree, t), length)
        assert same(found, wanted), f"T = {length}: {found!r}, Python: {wanted!r}"


def test_a_size_compares_with_a_float_as_with_an_integer():
    t: Any = Sweep(1, 9).variable()
    assert t.compared(">", 5.5) is compare(t, ">", 5)
