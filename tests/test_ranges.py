"""Ranges under the operations of torch, against what torch computes of sampled numbers in them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from shapecheck.ranges import COMPARISONS, OPERATIONS, Range, anything, converted, hull, maximum, minimum, where

INTEGERS = (torch.int32, torch.int64)
FLOATS = (torch.float32, torch.float64)
SAMPLES = 40
EXAMPLES = 50
TINY = torch.finfo(torch.float32).tiny

TORCH: dict[str, Callable[..., Tensor]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "truediv": torch.true_divide,
    "floordiv": torch.floor_divide,
    "truncdiv": lambda left, right: torch.div(left, right, rounding_mode="trunc"),
    "mod": torch.remainder,
    "max": torch.maximum,
    "min": torch.minimum,
    "and": torch.logical_and,
    "or": torch.logical_or,
    "invert": torch.bitwise_not,
    "logical_not": torch.logical_not,
    **{
        name: getattr(torch, name)
        for name in (
            "abs",
            "neg",
            "sign",
            "floor",
            "ceil",
            "trunc",
            "round",
            "log",
            "log2",
            "log10",
            "sqrt",
            "exp",
            "relu",
        )
    },
}
OF_FLOATS = ("truediv", "log", "log2", "log10", "sqrt", "exp")
OF_BOOLEANS = ("and", "or", "invert", "logical_not")


@st.composite
def ranges(draw: Any, dtype: torch.dtype) -> tuple[Range, Tensor]:
    """A range and numbers of the dtype in it: its ends, others near them and anywhere."""
    if dtype == torch.bool:
        low, high = sorted(draw(st.tuples(st.booleans(), st.booleans())))
        return Range(int(low), int(high)), torch.tensor([low, high] * (SAMPLES // 2))
    if dtype in INTEGERS:
        info = torch.iinfo(dtype)
        number = st.one_of(st.integers(-9, 9), st.integers(-1000, 1000), st.integers(info.min, info.max))
    else:
        width = 32 if dtype == torch.float32 else 64
        number = st.one_of(
            st.integers(-9, 9).map(float), st.floats(-100, 100, width=width), st.floats(width=width, allow_nan=False)
        )
    low, high = sorted((draw(number), draw(number)))
    others = random.Random(draw(st.integers(0, 2**32)))
    inside = [_between(low, high, others) for _ in range(SAMPLES - 2)]
    return Range(low, high), torch.tensor([low, high, *inside], dtype=dtype).clamp(low, high)


def _between(low: Any, high: Any, draw: Any) -> Any:
    """Anywhere, near an end, or a small whole number."""
    if isinstance(low, int):
        near = max(low, min(high, draw.choice([low + 1, high - 1, draw.randint(-9, 9)])))
        return draw.choice([near, draw.randint(low, high)])
    near = draw.choice([math.nextafter(low, high), math.nextafter(high, low), float(draw.randint(-9, 9)), 0.1, 1e-40])
    anywhere = draw.uniform(low, high) if high - low < math.inf else low
    return max(low, min(high, draw.choice([near, anywhere])))


def holds(found: Range, results: Tensor) -> bool:
    return all((math.isnan(value) and found.nan) or found.low <= value <= found.high for value in results.tolist())


def dtypes_of(name: str) -> tuple[torch.dtype, ...]:
    return (torch.bool,) if name in OF_BOOLEANS else FLOATS if name in OF_FLOATS else (*INTEGERS, *FLOATS)


@pytest.mark.parametrize(
    ("name", "dtype"), [(name, dtype) for name in OPERATIONS for dtype in dtypes_of(name)], ids=str
)
@given(data=st.data())
@settings(max_examples=EXAMPLES, deadline=None)
def test_an_operation_holds_what_torch_computes(name: str, dtype: torch.dtype, data: Any) -> None:
    arity, operation = OPERATIONS[name]
    drawn = [data.draw(ranges(dtype)) for _ in range(arity)]
    try:
        results = TORCH[name](*(samples for _, samples in drawn))
    except RuntimeError:  # integers divided by zero
        return
    assert results.dtype == dtype
    assert holds(operation(dtype, *(found for found, _ in drawn)), results)


@pytest.mark.parametrize("name", COMPARISONS)
@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS, torch.bool], ids=str)
@given(data=st.data())
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_comparison_holds_what_torch_says(name: str, dtype: torch.dtype, data: Any) -> None:
    (left, first), (right, second) = data.draw(ranges(dtype)), data.draw(ranges(dtype))
    assert holds(COMPARISONS[name](torch.bool, left, right), getattr(torch, name)(first, second))


@pytest.mark.parametrize("source", [*INTEGERS, *FLOATS, torch.bool], ids=str)
@pytest.mark.parametrize("target", [*INTEGERS, *FLOATS, torch.bool], ids=str)
@given(data=st.data())
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_cast_holds_what_torch_gives(source: torch.dtype, target: torch.dtype, data: Any) -> None:
    found, samples = data.draw(ranges(source))
    assert holds(converted(found, source, target), samples.to(target))


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS], ids=str)
@given(data=st.data())
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_choice_holds_what_torch_chooses(dtype: torch.dtype, data: Any) -> None:
    (condition, flags), (left, first), (right, second) = (data.draw(ranges(d)) for d in (torch.bool, dtype, dtype))
    assert holds(where(dtype, condition, left, right), torch.where(flags, first, second))
    assert holds(hull(left, right), torch.cat([first, second]))


LOGARITHMS = {"log": torch.log, "log2": torch.log2, "log10": torch.log10, "sqrt": torch.sqrt, "exp": torch.exp}


@pytest.mark.parametrize("name", LOGARITHMS)
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_a_single_number_has_a_narrow_range_that_holds_what_torch_computes_in_any_lane(
    name: str, dtype: torch.dtype
) -> None:
    numbers = torch.cat([torch.arange(0, 4000), torch.logspace(-30, 4 if name == "exp" else 18, 400)]).to(dtype)
    together = LOGARITHMS[name](numbers)
    _, operation = OPERATIONS[name]
    for number, result in zip(numbers, together, strict=True):
        found = operation(dtype, Range(number.item(), number.item()))
        alone = LOGARITHMS[name](number[None])[0]
        assert holds(found, torch.stack([result, alone]))
        assert not math.isfinite(result) or found.high - found.low <= 1e-5 * max(abs(found.low), 1e-20)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (OPERATIONS["add"][1](torch.int64, Range(0, 5), Range(-3, 3)), Range(-3, 8)),
        (OPERATIONS["add"][1](torch.int64, Range(0, 2**63 - 1), Range(0, 1)), anything(torch.int64)),
        (OPERATIONS["abs"][1](torch.int64, Range(-5, 3)), Range(0, 5)),
        (OPERATIONS["mod"][1](torch.int64, Range(3, 4), Range(5, 5)), Range(3, 4)),
        (OPERATIONS["mod"][1](torch.int64, Range(3, 5), Range(5, 5)), Range(0, 4)),
        (OPERATIONS["mod"][1](torch.int64, Range(3, 6), Range(-5, -5)), Range(-4, 0)),
        (OPERATIONS["truediv"][1](torch.float32, Range(0.0, 6.0), Range(2.0, 2.0)), Range(0.0, 3.0)),
        (OPERATIONS["truediv"][1](torch.float32, Range(0.0, 6.0), Range(-1.0, 2.0)), anything(torch.float32)),
        (OPERATIONS["log"][1](torch.float32, Range(0.0, 1.0)), Range(-math.inf, TINY)),
        (OPERATIONS["log"][1](torch.float32, Range(-2.0, -1.0)), anything(torch.float32)),
        (OPERATIONS["floor"][1](torch.float32, Range(-0.5, 2.5)), Range(-1.0, 2.0)),
        (converted(Range(-0.9, 2.9), torch.float32, torch.int64), Range(0, 2)),
        (converted(Range(0.0, 2.0**63), torch.float32, torch.int64), anything(torch.int64)),
        (converted(Range(0.0, math.inf), torch.float32, torch.int64), anything(torch.int64)),
        (converted(Range(0, 2**24), torch.int64, torch.float32), Range(0.0, 2.0**24)),
        (converted(Range(-3, -1), torch.int64, torch.bool), Range(1, 1)),
        (maximum(torch.int64, Range(-9, 9), Range(0, 0)), Range(0, 9)),
        (minimum(torch.int64, Range(-9, 9), Range(0, 0)), Range(-9, 0)),
        (where(torch.int64, Range(1, 1), Range(2, 3), Range(7, 8)), Range(2, 3)),
        (where(torch.int64, Range(0, 1), Range(2, 3), Range(7, 8)), Range(2, 8)),
        (COMPARISONS["lt"](torch.bool, Range(0, 4), Range(5, 5)), Range(1, 1)),
        (COMPARISONS["lt"](torch.bool, Range(0, 5), Range(5, 5)), Range(0, 1)),
        (COMPARISONS["lt"](torch.bool, Range(0.0, 4.0, nan=True), Range(5.0, 5.0)), Range(0, 1)),
        (COMPARISONS["ne"](torch.bool, Range(0, 4), Range(5, 5)), Range(1, 1)),
    ],
)
def test_ranges_are_as_narrow_as_they_can_be(found: Range, expected: Range) -> None:
    assert found == expected
