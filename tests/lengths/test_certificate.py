"""Certificates and patterns: what is claimed for all lengths holds on a range ten times as long, computed by Python."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shapecheck.lengths.arithmetic import quotient
from shapecheck.lengths.certificate import Certificate, Pattern, align, of_quotient, same_for_ever, settled
from shapecheck.lengths.swept import Sweep, SweptBool, SweptInt, compare, maximum, minimum, where
from tests.lengths.paths import Paths, plainly, same

SYMBOLS = ("<", "<=", ">", ">=", "==", "!=")


def vector(left: Any, symbol: str, right: Any) -> Any:
    """A comparison that is not decided alike for all lengths."""
    return compare(left, symbol, right)


# one line per fact: what is computed, on which sweep, and the certificate or pattern that comes out -----------------

CERTIFICATES: list[tuple[str, Callable[[Any], Any], tuple[int, int], Any]] = [
    ("T", lambda t: t, (1, 64), Certificate(1, 1, 1)),
    ("T from 5 on", lambda t: t, (5, 64), Certificate(5, 1, 1)),
    ("T from 0 on", lambda t: t + 1, (0, 64), Certificate(0, 1, 1)),
    ("sum", lambda t: t + 2 * t - 7, (1, 64), Certificate(1, 1, 3)),
    ("difference of two periods", lambda t: t // 2 - t // 3, (1, 64), Certificate(1, 6, 1)),
    ("multiple", lambda t: -300 * t, (1, 64), Certificate(1, 1, -300)),
    ("quotient", lambda t: (t + 15) // 16, (1, 64), Certificate(1, 16, 1)),
    ("quotient of a multiple", lambda t: 6 * t // 4, (1, 64), Certificate(1, 2, 3)),
    ("quotient that is exact", lambda t: 300 * t // 300, (1, 64), Certificate(1, 1, 1)),
    ("quotient by a negative", lambda t: t // -3, (1, 64), Certificate(1, 3, -1)),
    ("quotient of a negative by a negative", lambda t: -5 * t // -3, (1, 64), Certificate(1, 3, 5)),
    ("quotient by a size that is no divisor", lambda t: quotient(2 * t + 1, t), (2, 64), None),
    ("quotient of a multiple that is not swept", lambda t: quotient(2 * (t // 40), t // 40), (40, 64), None),
    ("remainder", lambda t: t % 4, (1, 64), Certificate(1, 4, 0)),
    ("remainder by a negative", lambda t: t % -4, (1, 64), Certificate(1, 4, 0)),
    ("remainder of a multiple", lambda t: 6 * t % 4, (1, 64), Certificate(1, 2, 0)),
    ("remainder that is not swept", lambda t: t % 100, (1, 64), Certificate(1, 100, 0)),
    ("product of remainders", lambda t: (t % 2) * (t % 3), (1, 64), Certificate(1, 6, 0)),
    ("square", lambda t: t * t, (1, 64), None),
    ("square of a remainder", lambda t: (t % 2 + 1) ** 2, (1, 64), Certificate(1, 2, 0)),
    ("product with what settles", lambda t: t * minimum(t, 5), (1, 64), Certificate(6, 1, 5)),
    ("maximum", lambda t: maximum(t, 5), (1, 64), Certificate(5, 1, 1)),
    ("minimum", lambda t: minimum(t, 5), (1, 64), Certificate(6, 1, 0)),
    ("minimum past the sweep", lambda t: minimum(t, 100), (1, 64), None),
    ("maximum of two slopes", lambda t: maximum(2 * t, t + 30), (1, 64), Certificate(30, 1, 2)),
    ("maximum of two periods", lambda t: maximum(t % 2, t % 3), (1, 64), Certificate(1, 6, 0)),
    ("absolute value", lambda t: abs(t - 9), (1, 64), Certificate(9, 1, 1)),
    ("choice that alternates", lambda t: where(compare(t % 2, "==", 0), t, t + 7), (1, 64), Certificate(1, 2, 2)),
    ("choice between two slopes", lambda t: where(compare(t % 2, "==", 0), t, 2 * t), (1, 64), None),
    ("rounding up", lambda t: (t + 15) // 16 * 16, (1, 64), Certificate(1, 16, 16)),
    ("rounding up with a mask", lambda t: (t + 15) & ~15, (1, 64), Certificate(1, 16, 16)),
    ("low bits", lambda t: t & 6, (1, 64), Certificate(1, 8, 0)),
    ("common bits of two sizes", lambda t: t & (t + 1), (1, 64), None),
    ("floor of a quotient of floats", lambda t: math.floor((t + 2) / 3 + 1), (1, 64), Certificate(1, 3, 1)),
    ("ceil of a half", lambda t: math.ceil(t * 0.5), (1, 64), Certificate(1, 2, 1)),
    ("round of a half", lambda t: round(t / 2), (1, 64), Certificate(1, 4, 2)),
    ("floor of a float with no short fraction", lambda t: math.floor(t * 0.7), (1, 64), None),
]


@pytest.mark.parametrize(("compute", "swept", "wanted"), [pytest.param(*row[1:], id=row[0]) for row in CERTIFICATES])
def test_certificates(compute: Callable[[Any], Any], swept: tuple[int, int], wanted: Any):
    assert compute(Sweep(*swept).variable()).certificate == wanted


def test_a_quotient_that_is_the_same_for_ever_is_plain():
    t: Any = Sweep(1, 64).variable()
    later: Any = Sweep(5, 64).variable()
    assert quotient(6 * t + 6, 2 * t + 2) == 3
    assert quotient(2 * (later // 5), later // 5) == 2


PATTERNS: list[tuple[str, Callable[[Any], Any], Any]] = [
    ("T >= 5", lambda t: compare(t, ">=", 5), Pattern(5, 1)),
    ("T >= 100, which is not swept", lambda t: compare(t, ">=", 100), Pattern(101, 1)),
    ("T even", lambda t: compare(t % 2, "==", 0), Pattern(1, 2)),
    ("T // 3 < 5", lambda t: compare(t // 3, "<", 5), Pattern(15, 1)),
    ("T == 5", lambda t: compare(t, "==", 5), Pattern(6, 1)),
    ("5 - T > 0", lambda t: compare(5 - t, ">", 0), Pattern(5, 1)),
    ("ceil(T/16) <= T", lambda t: compare((t + 15) // 16, "<=", t), Pattern(1, 1)),
    ("a period that is not swept", lambda t: compare(t % 100, ">=", 0), Pattern(1, 100)),
    ("a rise whose period is not swept", lambda t: compare(t // 100, ">", 7), None),
    ("T * T > 5", lambda t: compare(t * t, ">", 5), None),
    ("T even and T divisible by 3", lambda t: compare(t % 2, "==", 0) & compare(t % 3, "==", 0), Pattern(1, 6)),
    ("T <= 9 and T * T > 5", lambda t: compare(t, "<=", 9) & compare(t * t, ">", 5), Pattern(10, 1)),
    ("T > 9 or T * T > 5", lambda t: compare(t * t, ">", 5) | compare(t, ">", 9), Pattern(3, 1)),
    ("T <= 9 or T * T > 5", lambda t: compare(t * t, ">", 5) | compare(t, "<=", 9), None),
    ("T / 2 > 5", lambda t: t / 2 > 5, Pattern(11, 1)),
    ("T / 3 == 5 // 1", lambda t: t / 3 == 5, Pattern(16, 1)),
    ("T > 5.5", lambda t: t > 5.5, Pattern(6, 1)),
]


@pytest.mark.parametrize(("compute", "wanted"), [pytest.param(*row[1:], id=row[0]) for row in PATTERNS])
def test_patterns(compute: Callable[[Any], Any], wanted: Any):
    assert compute(Sweep(1, 64).variable()).pattern == wanted


# what a solver for symbolic dimensions leaves open (JAX's documentation names the first two) is decided here
DECIDED: list[tuple[str, Callable[[Any], Any]]] = [
    ("T % 4 >= T % 2", lambda t: compare(t % 4, ">=", t % 2)),
    ("rounding up to 16 is not below", lambda t: compare((t + 15) // 16 * 16, ">=", t)),
    ("rounding up to 16 adds less than 16", lambda t: compare((t + 15) // 16 * 16, "<", t + 16)),
    ("rounding up to 16 is divisible by 16", lambda t: compare((t + 15) // 16 * 16 % 16, "==", 0)),
    ("one of two neighbours is odd", lambda t: compare(t % 2 + (t + 1) % 2, "==", 1)),
    ("halves add up", lambda t: compare(t // 2 + (t + 1) // 2, "==", t)),
    ("quotient and remainder", lambda t: compare(t // 7 * 7 + t % 7, "==", t)),
    ("quotient and remainder by a negative", lambda t: compare(t // -7 * -7 + t % -7, "==", t)),
    ("four halvings", lambda t: compare((((t + 1) // 2 + 1) // 2 + 1) // 2, "==", (t + 7) // 8)),
    ("minimum and maximum", lambda t: compare(minimum(t, 9) + maximum(t, 9), "==", t + 9)),
    ("one of three is divisible by 3", lambda t: compare(t % 3 * ((t + 1) % 3) * ((t + 2) % 3), "==", 0)),
]


@pytest.mark.parametrize("compute", [pytest.param(row[1], id=row[0]) for row in DECIDED])
def test_is_decided_for_every_length(compute: Callable[[Any], Any]):
    sweep = Sweep(1, 64)
    verdict = compute(sweep.variable())
    assert verdict is True or (verdict.values.all() and verdict.pattern == Pattern(1, 1))


@pytest.mark.parametrize(
    ("left", "right", "last", "wanted"),
    [
        (Certificate(1, 4, 0), Certificate(1, 4, 0), 4, True),
        (Certificate(1, 4, 0), Certificate(1, 4, 0), 3, False),
        (Certificate(1, 4, 0), Certificate(1, 6, 0), 8, True),  # 4 + 6 - gcd(4, 6)
        (Certificate(1, 4, 0), Certificate(1, 6, 0), 7, False),
        (Certificate(1, 4, 2), Certificate(5, 2, 1), 8, True),
        (Certificate(1, 4, 2), Certificate(1, 2, 2), 100, False),
        (None, None, 100, False),
        (None, Certificate(1, 1, 0), 100, False),
    ],
)
def test_same_for_ever(left: Certificate | None, right: Certificate | None, last: int, wanted: bool):
    assert same_for_ever(left, right, last) is wanted


@given(st.integers(1, 12), st.integers(1, 12), st.data())
@settings(max_examples=150, deadline=None)
def test_two_periods_that_agree_for_long_enough_agree_for_ever(p: int, q: int, data: st.DataObject):
    enough = p + q - math.gcd(p, q)
    first = data.draw(st.lists(st.integers(0, 1), min_size=p, max_size=p))
    second = [first[i % p] for i in range(q)]  # agrees as long as it can
    agreed = next((i for i in range(200) if first[i % p] != second[i % q]), 200)
    assert agreed == 200 or agreed < enough


def test_settled_reads_the_start_off_the_values():
    values = np.array([True, False, True, True, True, True])
    assert settled(values, 1, 6, Pattern(5, 1)) == Pattern(3, 1)
    assert settled(values, 1, 6, Pattern(3, 2)) == Pattern(3, 1)
    assert settled(values, 1, 6, Pattern(3, 5)) == Pattern(3, 5)  # its period is not swept
    assert settled(values, 1, 6, Pattern(7, 1)) == Pattern(7, 1)


def test_align():
    assert align(Pattern(3, 4), Pattern(7, 6)) == Pattern(7, 12)
    assert align(None, Pattern(1, 1)) is None


def test_a_quotient_stretches_the_period_no_more_than_needed():
    assert of_quotient(Certificate(1, 1, 300), 7) == Certificate(1, 7, 300)
    assert of_quotient(Certificate(1, 2, 6), -4) == Certificate(1, 4, -3)
    assert of_quotient(Certificate(1, 2, 0), 5) == Certificate(1, 2, 0)


# integers that look alike on the sweep and part after it -----------------------------------------------------------


def test_integers_that_part_after_the_sweep_are_two():
    t: Any = Sweep(1, 64).variable()
    early, late = t // 100 % 2, (t + 10) // 100 % 2
    assert early.certificate == late.certificate == Certificate(1, 200, 0)
    assert early is not late
    assert type(compare(early, "==", late)) is SweptBool
    assert type(early - late) is SweptInt


def test_integers_without_a_certificate_are_two():
    t: Any = Sweep(1, 9).variable()
    square, other = t * t, t * t + (t // 100) ** 2
    assert (square.values == other.values).all()
    assert square is not other


def test_choices_by_conditions_that_part_after_the_sweep_are_two():
    sweep = Sweep(1, 64)
    t: Any = sweep.variable()
    early: Any
    late: Any
    early, late = compare(t // 100 % 2, "==", 0), compare((t + 10) // 100 % 2, "==", 0)
    assert early.pattern == late.pattern
    assert where(early, 1, 2) is not where(late, 1, 2)
    assert where(early, 1, 2) is where(early, 1, 2)


def test_equal_integers_are_one():
    t: Any = Sweep(1, 64).variable()
    assert (t + 15) // 16 is -(-t // 16)
    assert (t // 2 + (t + 1) // 2) is t
    assert t % 4 is t - 4 * (t // 4)


def test_a_constant_becomes_plain_only_if_it_is_proved():
    t: Any = Sweep(1, 64).variable()
    assert t % 2 + (t + 1) % 2 == 1
    assert type(t % 2 + (t + 1) % 2) is int
    assert type(t // 100) is SweptInt  # 0 at all swept lengths
    assert type(minimum(t * t, 0)) is SweptInt  # 0, but nobody knows


def test_a_decision_past_the_sweep_asks_for_a_longer_one():
    sweep = Sweep(1, 64)
    t: Any = sweep.variable()
    sweep.rest_on(vector(t, ">=", 100), sweep.always, "")
    assert (sweep.proved, sweep.horizon) == (False, 101)


def test_a_certificate_past_the_sweep_asks_for_a_longer_one():
    sweep = Sweep(1, 64)
    minimum(sweep.variable(), 100)
    assert sweep.wanted == 101
    compare(sweep.variable() // 200, ">", 7)
    assert sweep.wanted == 200


def test_nothing_is_rested_on_where_no_length_is_live_for_ever():
    sweep = Sweep(1, 64)
    t: Any = sweep.variable()
    sweep.rest_on(vector(t * t, ">", 0), vector(t, "<=", 9), "")
    assert (sweep.proved, sweep.horizon) == (True, 10)


def test_a_gap_is_remembered():
    sweep = Sweep(1, 64)
    t: Any = sweep.variable()
    sweep.rest_on(vector(t * t, ">", 0), sweep.always, "squares")
    assert (sweep.proved, sweep.gaps) == (False, ["squares"])


# random expressions --------------------------------------------------------------------------------------------------

CONSTANTS = st.sampled_from([-300, -16, -5, -3, -2, -1, 0, 1, 2, 3, 4, 5, 7, 16, 30, 300])
DIVISORS = CONSTANTS.filter(bool)


def _grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    compared = st.tuples(st.sampled_from(SYMBOLS), inner, inner)
    joined = st.tuples(st.sampled_from(("and", "or", "xor")), compared, compared)
    return st.one_of(
        st.tuples(st.sampled_from("+-*"), inner, inner),
        st.tuples(st.sampled_from(("//", "%")), inner, DIVISORS),
        st.tuples(st.sampled_from(("min", "max")), inner, inner),
        st.tuples(st.just("&"), inner, CONSTANTS),
        st.tuples(st.just("where"), st.one_of(compared, joined), inner, inner),
    )


TREES = st.recursive(st.one_of(st.just("T"), CONSTANTS), _grown, max_leaves=9)

PLAIN: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "&": lambda a, b: a & b,
    "min": min,
    "max": max,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
    "where": lambda c, a, b: a if c else b,
}


SWEPT: dict[str, Callable[..., Any]] = {
    **PLAIN,
    "min": minimum,
    "max": maximum,
    "where": where,
    **{
        symbol: functools.partial(lambda symbol, left, right: compare(left, symbol, right), symbol)
        for symbol in SYMBOLS
    },
}


def evaluate(tree: Any, t: Any, functions: dict[str, Callable[..., Any]], found: list[Any]) -> Any:
    """The value of a tree; the values of all its parts are added to `found`, in order."""
    if isinstance(tree, tuple):
        value = functions[tree[0]](*[evaluate(part, t, functions, found) for part in tree[1:]])
    else:
        value = t if tree == "T" else tree
    found.append(value)
    return value


def holds(value: Any, sweep: Sweep, truth: list[Any]) -> None:
    """Assert all that a swept value claims; `truth` has the right values from sweep.first on."""
    swept = sweep.last - sweep.first + 1
    if type(value) in (bool, int):
        assert set(truth) == {value}, "a plain value is a claim about all lengths"
        return
    assert value.values.tolist() == truth[:swept]
    claim: Any = value.pattern if type(value) is SweptBool else value.certificate
    if claim is None:
        return
    start, period = max(claim.start, sweep.first) - sweep.first, claim.period
    for i in range(start, len(truth) - period):
        if type(value) is SweptBool:
            assert truth[i + period] == truth[i]
        else:
            assert truth[i + period] == truth[i] + claim.rise


@given(TREES, st.integers(0, 40), st.integers(0, 50))
@settings(max_examples=500, deadline=None)
@example(("//", ("*", "T", -3), -2), 1, 20)
@example(("min", ("*", "T", "T"), ("*", "T", 300)), 1, 40)
@example(("where", ("==", ("%", "T", 2), 0), ("*", "T", 3), ("*", "T", 3)), 0, 9)
@example(("max", ("//", "T", 300), ("%", "T", 30)), 3, 50)
@example(("-", ("//", ("+", "T", 5), 16), ("//", "T", 16)), 1, 9)
def test_whatever_is_claimed_holds(tree: Any, first: int, more: int):
    sweep = Sweep(first, first + more)
    values: list[Any] = []
    evaluate(tree, sweep.variable(), SWEPT, values)
    rows: list[list[Any]] = []
    for length in range(first, first + 10 * (more + 1) + 40):
        row: list[Any] = []
        evaluate(tree, length, PLAIN, row)
        rows.append(row)
    columns = [list(column) for column in zip(*rows, strict=True)]
    objects: dict[int, list[Any]] = {}
    for value, truth in zip(values, columns, strict=True):
        holds(value, sweep, truth)
        if type(value) is SweptInt:
            assert objects.setdefault(id(value), truth) == truth, "one object for two functions"


# random programs: branches, loops, divisions by zero -----------------------------------------------------------------


def run(program: Any, t: Any) -> Any:
    """Run a program as analyzed code runs: with Python's own operators and `if`."""
    total = t
    for step in program:
        kind, *parts = step
        numbers = [evaluate(part, t, PROGRAM, []) for part in parts[-2:]]
        if kind == "divide":
            total = total + numbers[0] // numbers[1] + numbers[0] % numbers[1]
        elif kind == "raise":
            if PLAIN[parts[0]](*numbers):
                raise ValueError
        elif PLAIN[parts[0]](*numbers):
            total = total * 2 if kind == "double" else total - t
    return total


PROGRAM = {key: function for key, function in PLAIN.items() if key not in ("and", "or", "xor")}
SMALL = st.recursive(
    st.one_of(st.just("T"), st.sampled_from([-3, 0, 1, 2, 5, 16])),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from("+-*"), inner, inner),
        st.tuples(st.sampled_from(("//", "%")), inner, st.sampled_from([-3, 2, 4, 7])),
        st.tuples(st.sampled_from(("min", "max")), inner, inner),
    ),
    max_leaves=4,
)
STEPS = st.one_of(
    st.tuples(st.just("divide"), SMALL, SMALL),
    st.tuples(st.sampled_from(("raise", "double", "subtract")), st.sampled_from(SYMBOLS), SMALL, SMALL),
)


@given(st.lists(STEPS, max_size=4), st.integers(1, 9), st.integers(1, 40))
@settings(max_examples=300, deadline=None)
@example([("raise", ">=", "T", 50)], 1, 20)
@example([("raise", "==", ("%", "T", 7), 6), ("double", ">", ("%", "T", 4), 2)], 1, 28)
@example([("divide", 5, ("-", "T", 5)), ("raise", "<", ("*", "T", "T"), 0)], 1, 20)
def test_what_is_proved_holds_past_the_sweep(program: Any, first: int, more: int):
    sweep = Sweep(first, first + more)
    paths = Paths(lambda t: run(program, t), sweep)
    for length in range(first, sweep.last + 1):
        assert same(paths.at(length), plainly(lambda t: run(program, t), length)), length
    if not sweep.proved:
        return
    for length in range(sweep.last + 1, sweep.last + 10 * (more + 1)):
        taken = [path for path in paths.found if path.holds(length)]
        assert len(taken) == 1
        wanted = plainly(lambda t: run(program, t), length)
        assert (taken[0].outcome if isinstance(taken[0].outcome, type) else int) is (
            wanted if isinstance(wanted, type) else int
        ), f"T = {length}"
