"""Texts of a command line as arguments: a row is a text and what it stands for, or what is wrong with it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from shapecheck import UsageError
from shapecheck.arguments import Arguments, parse_init, parse_unit

SPEC = "f32[1, 80, T]"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (SPEC, SPEC),
        ("i64[1] = T", "i64[1] = T"),  # the values of a tensor, no keyword
        ("1.0", 1.0),
        (" -3 ", -3),
        ("None", None),
        ("True", True),
        ("'linear'", "linear"),
        ("(1, 2)", (1, 2)),
        ("['f32[1, T]', {'mask': 'b8[1, T]'}]", ["f32[1, T]", {"mask": "b8[1, T]"}]),
        ("'a=b'", "a=b"),
        ("{1: 2}", {1: 2}),
        ("1e999", math.inf),
    ],
)
def test_positional(text: str, value: Any) -> None:
    assert Arguments.parse([SPEC, text]).positional == (SPEC, value)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("speed=1.0", "speed", 1.0),
        ("x = f32[1, T]", "x", "f32[1, T]"),
        ("lengths=i64[1] = T", "lengths", "i64[1] = T"),
        ("größe='ä'", "größe", "ä"),
        ("flag=None", "flag", None),
    ],
)
def test_keyword(text: str, name: str, value: Any) -> None:
    assert Arguments.parse([SPEC, text]).keywords == {name: value}


def test_variables_are_those_of_all_specs_also_inside_of_others() -> None:
    assert Arguments.parse(["f32[1, 2*L]", "x=[('i64[1] = L',)]"]).variable == "L"
    assert Arguments.parse([]).variable == "T"


def test_sizes_of_other_symbols() -> None:
    arguments = Arguments.parse(["f32[B, T]", "B=1:4", "speed=2"])
    assert (arguments.variable, arguments.sizes) == ("T", {"B": (1, 4)})
    assert (arguments.positional, arguments.keywords) == (("f32[B, T]",), {"speed": 2})


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["1", "f32[1]"], "INPUT: none has a variable, such as T in 'f32[1, 1, 80, T]': there is no length to analyze"),
        (["nan"], "INPUT nan: is neither a spec such as 'f32[1, 1, 80, T]' nor a Python literal such as 1.0,"),
        (["x=foo()"], "INPUT x: foo(): is neither"),
        ([""], "INPUT : is neither"),
        (["9" * 5000], "INPUT " + "9" * 80 + "...: is neither"),  # Python reads no number of so many digits
        (["[" * 5000], "INPUT " + "[" * 80 + "...: is neither"),
        (["{[]: 1}"], "INPUT {[]: 1}: is neither"),
        (["speed==1"], "INPUT speed==1: is neither"),
        (["a=1", SPEC], f"INPUT {SPEC}: stands after a keyword; give positional inputs first"),
        (["a=1", "a=2"], "INPUT a: is given twice"),
        (
            [SPEC, "i64[L]"],
            "INPUT: one symbol is swept, and T, L have no values: give values to all others, such as T=",
        ),
        ([SPEC, "T=1:4"], "INPUT: no symbol is left to be swept: give values to all others, such as B=1:4"),
        ([SPEC, "B=1:4"], "INPUT: B: no input has it"),
        (["f32[B, T]", "B=4:1"], "INPUT: B=4:1: expected 0 <= first <= last"),
        (["f32[B, T]", "B=1:4", "B=1:4"], "INPUT B: is given twice"),
        (["f32[B, T]", "B=1:400"], "400 combinations of sizes; at most 64 are analyzed"),
        (["['f32[1, T']"], "INPUT 'f32[1, T': expected ']'"),
        (["f32[1, -2, T]"], "dimension 2 is -2: a size is 0 or more"),
    ],
)
def test_misuse(texts: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Arguments.parse(texts)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 400


def test_all_that_is_wrong_is_in_one_message() -> None:
    with pytest.raises(UsageError) as caught:
        Arguments.parse(["what", "a=1", "2", "f32[", "a=3"])
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        "INPUT what", "INPUT 2", "INPUT 'f32['", "INPUT a",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "made_with"),
    [
        (None, ((), {})),
        ('{"dim_in": 64}', ((), {"dim_in": 64})),
        ("[80, [1, 2], null]", ((80, [1, 2], None), {})),
        ("{}", ((), {})),
    ],
)
def test_init(text: str | None, made_with: Any) -> None:
    assert parse_init(text) == made_with


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{'dim_in': 64}", "is not JSON: Expecting property name enclosed in double quotes at position 1; write"),
        ("dim_in=64", "is not JSON: "),
        ("", "--init : is not JSON: "),
        ("64", "--init 64: is neither a JSON object nor a list; write --init '{\"dim_in\": 64}'"),
        ('{"a": 1, "a": 2}', "cannot be read: a is given twice"),
        ("[" + "9" * 5000 + "]", "cannot be read: Exceeds the limit (4300 digits) for integer string conversion"),
        ("[" * 100_000, "--init " + "[" * 80 + "...: "),
    ],
)
def test_init_misuse(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_init(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "name", "seconds"),
    [
        (None, "steps", None),
        ("tokens", "tokens", None),
        ("mel frames=0.0125 s", "mel frames", 0.0125),
        ("frames = 12.5 ms", "frames", 0.0125),
        ("samples=1/24000 s", "samples", 1 / 24000),
    ],
)
def test_unit(text: str | None, name: str, seconds: float | None) -> None:
    unit = parse_unit(text)
    assert (unit.name, unit.seconds) == (name, seconds)


@pytest.mark.parametrize(
    "text", ["", "=1 s", "x=", "x=1", "x=0 s", "x=-1 s", "x=nan s", "x=1e999999999 s", "x=1/0 s", "a\nb", "x=1/. s"]
)
def test_unit_misuse(text: str) -> None:
    with pytest.raises(UsageError, match=r"write what a length counts and how long one lasts: 'mel frames=0.0125 s'"):
        parse_unit(text)
