"""Input specs: what parses, what it prints, and every fault in one message."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapecheck.lengths.expression import Expression
from shapecheck.lengths.notation import DTYPES, InputSpec, SpecError


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("f32[1, 1, 80, T]", "f32[1, 1, 80, T]"),
        (" f32 [1,1,  300*T] ", "f32[1, 1, 300T]"),
        ("b8[1, T]", "b8[1, T]"),
        ("f32[]", "f32[]"),
        ("f32[0, T]", "f32[0, T]"),
        ("bf16[min(T, 512), max(T - 1, 2)]", "bf16[min(T, 512), max(T - 1, 2)]"),
        ("i64[1] = T", "i64[1] = T"),
        ("i64[] = 3", "i64[] = 3"),
        ("i64[B, T] = T // 2", "i64[B, T] = T//2"),
        ("i64[2] = [T, T // 2]", "i64[2] = [T, T//2]"),
        ("i64[0] = []", "i64[0] = []"),
        ("i32[2]=[-1,T]", "i32[2] = [-1, T]"),
    ],
)
def test_parses_and_prints(text: str, printed: str):
    spec = InputSpec.parse(text)
    assert str(spec) == printed
    assert InputSpec.parse(printed) == spec


def test_fields():
    spec = InputSpec.parse("i64[2] = [T, L // 2]")
    assert spec == InputSpec("i64", (Expression(2),), (Expression.parse("T"), Expression.parse("L//2")))
    assert spec.symbols == ("T", "L")
    assert InputSpec.parse("i64[1] = T").values == Expression("T")
    assert InputSpec.parse("f32[T]").values is None
    assert InputSpec.parse("f32[]").dims == ()


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("float32[T]", ["'float32' at position 0 is no dtype (did you mean f32?); there are " + ", ".join(DTYPES)]),
        ("f32", ["expected '[' with the sizes at position 3"]),
        ("f32[1, T", ["expected ']' at position 8 for the '[' at position 3"]),
        ("f32[1, -2]", ["dimension 2 is -2: a size is 0 or more"]),
        ("f32[1, , T]", ["dimension 2 at position 6 is empty"]),
        ("f32[1, T,]", ["dimension 3 at position 9 is empty"]),
        ("f32[1 T]", ["dimension 1: expected ',' or ']' at position 6, found 'T'"]),
        ("f32[T+]", ["dimension 1: expected a number, a variable or '(' at position 6, found ']'"]),
        ("f32[1.5]", ["dimension 1: expected ',' or ']' at position 5, found '.'"]),
        ("f32[(T]", ["dimension 1: expected ')' at position 6, found ']'"]),
        ("f32[T][2]", ["expected '= values' or the end of the text at position 6, found '[2]'"]),
        ("f32[1] = T", ["only integer tensors carry values, f32 does not"]),
        ("i64[1] =", ["the value at position 8 is empty"]),
        ("i64[2] = [T", ["expected ']' at position 11 for the '[' at position 9"]),
        ("i64[2] = [T]", ["1 values for 2 elements"]),
        ("i64[1] = [T] 4", ["expected the end of the text at position 12, found '4'"]),
        ("i64[1, 2] = [T, T]", ["listed values need one dimension of a fixed size"]),
        ("i64[T] = [T]", ["listed values need one dimension of a fixed size"]),
        ("u8[1] = 300", ["the value 300 does not fit in u8 (0..255)"]),
        (
            "f33[1, -2, T+, ] = 3 3",
            [
                "'f33' at position 0 is no dtype; there are " + ", ".join(DTYPES),
                "dimension 3: expected a number, a variable or '(' at position 13, found ','",
                "dimension 4 at position 14 is empty",
                "dimension 2 is -2: a size is 0 or more",
                "the value: expected the end of the text at position 21, found '3'",
            ],
        ),
    ],
)
def test_names_every_fault(text: str, problems: list[str]):
    with pytest.raises(SpecError) as caught:
        InputSpec.parse(text)
    assert list(caught.value.problems) == problems
    assert str(caught.value).startswith(f"{text!r}: ")
    assert "Example: '" in str(caught.value)


def test_the_example_parses():
    for text in ("", "i64[1] ="):
        with pytest.raises(SpecError) as caught:
            InputSpec.parse(text)
        InputSpec.parse(caught.value.example)


def test_errors_are_pickled_whole():
    with pytest.raises(SpecError) as caught:
        InputSpec.parse("f32")
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems


@given(st.text(alphabet="f32i64[]=,T +-()", max_size=16))
@settings(max_examples=300, deadline=None)
def test_any_text_parses_or_raises_spec_error(text: str):
    try:
        spec = InputSpec.parse(text)
    except SpecError:
        return
    assert InputSpec.parse(str(spec)) == spec
