"""Expressions against Python's own arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapecheck.lengths.expression import Expression, Node, Operation
from shapecheck.lengths.scanner import LARGEST_LITERAL, SpecError


@pytest.mark.parametrize(
    ("text", "printed", "at_9"),
    [
        ("T", "T", 9),
        ("7", "7", 7),
        ("2*3 + 1", "7", 7),
        ("300*T", "300T", 2700),
        ("300T", "300T", 2700),
        ("2(T + 1)", "2*(T + 1)", 20),
        ("T + 3", "T + 3", 12),
        ("2T - 2", "2T - 2", 16),
        ("T - (T - 1)", "T - (T - 1)", 1),
        ("T // 2", "T//2", 4),
        ("T//2T", "T//2T", 0),
        ("(T - 1)//120 + 1", "(T - 1)//120 + 1", 1),
        ("ceil(T/16)", "ceil(T/16)", 1),
        ("ceil(T*3/2)", "ceil(T*3/2)", 14),
        ("ceil(3T/2)", "ceil(3T/2)", 14),
        ("ceil(T/(T - 5))", "ceil(T/(T - 5))", 3),
        ("ceil(-T/2)", "ceil((-T)/2)", -4),
        ("floor((T + 3)/2) - 1", "floor((T + 3)/2) - 1", 5),
        ("5ceil(T/6)", "5*ceil(T/6)", 10),
        ("T + T % 2", "T + T % 2", 10),
        ("(T % 2)*3", "(T % 2)*3", 3),
        ("T // 2 % 3", "(T//2) % 3", 1),
        ("min(T, 5)", "min(T, 5)", 5),
        ("max(3, T, 4)", "max(3, T, 4)", 9),
        ("-T//2", "(-T)//2", -5),
        ("-(T//2)", "-(T//2)", -4),
        ("-3T", "-3T", -27),
        ("0 - 3T", "0 - 3T", -27),
        ("302 - T", "302 - T", 293),
        ("T*-2", "T*(-2)", -18),
        ("--T", "T", 9),
        ("-(-T)", "-(-T)", 9),
    ],
)
def test_parses_prints_and_evaluates(text: str, printed: str, at_9: int):
    expression = Expression.parse(text)
    assert str(expression) == printed
    assert Expression.parse(printed) == expression
    assert expression.evaluate({"T": 9}) == at_9
    assert np.array_equal(np.broadcast_to(expression.evaluate({"T": np.array([9, 9])}), 2), [at_9, at_9])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a number, a variable or '(' at position 0, found the end of the text"),
        ("T +", "expected a number, a variable or '(' at position 3, found the end of the text"),
        ("3 T", "expected the end of the text at position 2, found 'T'"),
        ("(3)T", "expected the end of the text at position 3, found 'T'"),
        ("T 3", "expected the end of the text at position 2, found '3'"),
        ("T $ 2", "expected the end of the text at position 2, found '$'"),
        ("1.5", "expected the end of the text at position 1, found '.'"),
        ("T/2", "a quotient '/' stands only in ceil(a/b) and floor(a/b), elsewhere write '//'"),
        ("T**2", "powers are written as products, T*T: expected no '**' at position 1"),
        ("ceil(T)", "ceil takes one quotient, as in ceil((T + 3)/2): expected '/' at position 6, found ')'"),
        ("ceil(T + 3/2)", "expected '/' at position 7, found '+'"),
        ("(T", "expected ')' at position 2"),
        ("min(T)", "expected ',' at position 5"),
        ("ceil", "expected '(' after ceil at position 4"),
        ("eval(T)", "'eval' at position 0 is no function; there are ceil, floor, min, max"),
        ("T // 0", "// divides by zero"),
        ("T % (1 - 1)", "% divides by zero"),
        ("\N{FULLWIDTH DIGIT NINE}", "expected a number, a variable or '('"),
        (str(LARGEST_LITERAL + 1), "is larger than 1,099,511,627,776"),
        ("9" * 5000, "a number of 5000 digits at position 0 is larger than"),
        ("T*T*T*T", "leave 64 bits"),
        (f"{LARGEST_LITERAL}*{LARGEST_LITERAL}", "leaves 64 bits"),
        ("(" * 5000 + "T", "more than 40 parentheses inside one another"),
        ("-" * 5000 + "T + ", "expected a number"),
        ("T" + " + T" * 200, "more than 100 operations inside one another"),
    ],
)
def test_names_what_is_wrong(text: str, message: str):
    with pytest.raises(SpecError) as caught:
        Expression.parse(text)
    assert message in str(caught.value)
    assert "Example: 'ceil((2T + 1)/16)'" in str(caught.value)


def test_symbols_are_in_order_of_appearance():
    assert Expression.parse("min(B, T)*T + A").symbols == ("B", "T", "A")


def test_constant():
    assert Expression.parse("2*40").constant == 80
    assert Expression.parse("T - T").constant is None


def test_division_by_zero_is_never_silent():
    expression = Expression.parse("T // (T - 1)")
    with pytest.raises(ZeroDivisionError):
        expression.evaluate({"T": 1})
    with pytest.raises(ZeroDivisionError):
        expression.evaluate({"T": np.array([1, 2])})


class Poser:
    """An integer-like object that says it is an int, as swept integers do, and must not be compared."""

    def __init__(self, value: int) -> None:
        self.value = value

    __class__ = int  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def __add__(self, other: int) -> Poser:
        return Poser(self.value + other)

    def __rsub__(self, other: int) -> Poser:
        return Poser(other - self.value)

    def __floordiv__(self, other: int) -> Poser:
        return Poser(self.value // other)

    def __lt__(self, other: object) -> bool:
        raise AssertionError("compared")

    __gt__ = __lt__


def test_other_integers_are_not_compared():
    assert Expression.parse("ceil(T/4)").evaluate({"T": Poser(9)}).value == 3
    with pytest.raises(TypeError, match="need evaluate"):
        Expression.parse("min(T, 3)").evaluate({"T": Poser(9)})
    assert Expression.parse("min(T, 3)").evaluate({"T": Poser(9)}, minimum=lambda a, b: min(a.value, b)) == 3


def nodes() -> st.SearchStrategy[Node]:
    leaves = st.integers(0, 20) | st.sampled_from(["T", "L"])
    operators = st.sampled_from(["+", "-", "*", "//", "%", "ceil", "floor", "min", "max"])
    return st.recursive(leaves, lambda inner: st.builds(Operation, operators, inner, inner), max_leaves=8)


def value(node: Node, t: int, length: int) -> int:
    if isinstance(node, int):
        return node
    if isinstance(node, str):
        return {"T": t, "L": length}[node]
    a, b = value(node.left, t, length), value(node.right, t, length)
    match node.operator:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "//" | "floor":
            return a // b
        case "%":
            return a % b
        case "ceil":
            return -(-a // b)
        case "min":
            return min(a, b)
        case _:
            return max(a, b)


@given(nodes(), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=300, deadline=None)
def test_any_expression_round_trips_and_evaluates(node: Node, t: int, length: int):
    text = str(Expression(node))
    try:
        expected = value(node, t, length)
    except ZeroDivisionError:
        return
    try:
        parsed = Expression.parse(text)
    except SpecError as error:
        assert "64 bits" in str(error) or "by zero" in str(error)  # noqa: PT017
        return
    assert parsed.evaluate({"T": t, "L": length}) == expected
    assert Expression.parse(str(parsed)) == parsed


@given(st.text(alphabet="T2+-*/%()ceilmin, ", max_size=12))
@settings(max_examples=300, deadline=None)
def test_any_text_parses_or_raises_spec_error(text: str):
    try:
        parsed = Expression.parse(text)
    except SpecError:
        return
    assert Expression.parse(str(parsed)) == parsed


def test_ceil_is_that_of_the_quotient():
    expression = Expression.parse("ceil((T + 3)/7)")
    assert [expression.evaluate({"T": t}) for t in range(-20, 20)] == [math.ceil((t + 3) / 7) for t in range(-20, 20)]
