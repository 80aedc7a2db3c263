"""Pointwise operations beside eager: broadcasting, type promotion, what is refused, layouts, and changes in place."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.drawing import ANY, REAL, Drawer, drawn
from tests.rules.oracle import ALL, LAYOUTS, Fact, differences, facts

SHAPES = ("T", "1", "3", "2, T", "T, 1", "1, T", "T, T", "T + 1", "2, 1, T", "T - 1", "T % 2 + 1", "", "T // 2")

BROADCAST = "\n".join(
    f"{text} :: f32[{one}] & f32[{other}] :: 1:6"
    for one, other in product(SHAPES, SHAPES)
    for text in ("x + y", "x.add_(y)")
)

BINARY = "\n".join(
    f"torch.{name}(x, y) :: {one}[2, T] & {other}[2, T] :: 1:1"
    for name in (
        "add", "sub", "mul", "div", "floor_divide", "remainder", "pow", "maximum", "eq", "logical_and", "bitwise_and", "atan2",
        "copysign", "fmod", "lt",
    )
    for one, other in product(("f64", "f32", "f16", "i64", "i32", "u8", "b8", "c64"), repeat=2)
    if name in ("add", "sub", "div", "pow", "maximum", "bitwise_and", "remainder") or one == other
)  # fmt: skip

SCALARS = "\n".join(
    f"{text} :: {dtype}[2, T] :: 1:1"
    for dtype in ("f32", "f16", "i64", "u8", "b8", "c64")
    for text in (
        "x + 2", "x - True", "x * 2.5", "x / 2", "x // 2", "x % 2", "x ** 2", "x ** -1", "x ** 0.5", "2 - x", "2.5 / x", "2 ** x",
        "x + 1j", "x == 2.5", "x & 1", "x | True", "~x", "-x", "abs(x)", "2 // x", "2 % x", "x + 300", "x.clamp(0, 1)",
        "x.clamp(min=0.5)", "x.clamp()", "torch.add(x, x, alpha=2)", "torch.add(x, x, alpha=2.5)", "torch.rsub(x, 2)",
        "torch.div(x, 2, rounding_mode='floor')", "torch.div(x, 2, rounding_mode='trunc')", "torch.div(x, 2, rounding_mode='up')",
        "torch.where(x > 0, x, 0.0)", "torch.where(x > 0, 1, x)", "x.masked_fill(x > 0, 2.5)", "x.masked_fill(x > 0, 1)",
        "x.masked_fill(x, 1)", "torch.lerp(x, x, 0.5)", "torch.addcmul(x, x, x, value=2)", "torch.maximum(x, x.flip(0))",
    )
)  # fmt: skip

UNARY = "\n".join(
    f"{text} :: {dtype}[2, T] :: 1:1"
    for dtype in ("f32", "f16", "i64", "u8", "b8", "c64")
    for text in (
        *(
            f"torch.{name}(x)"
            for name in (
                "abs", "neg", "exp", "log", "sqrt", "rsqrt", "sin", "tanh", "sigmoid", "erf", "floor", "round", "frac", "sign",
                "square", "reciprocal", "isnan", "logical_not", "bitwise_not", "relu", "angle", "nan_to_num", "trunc",
            )
        ),
        *(
            f"F.{name}(x)"
            for name in ("leaky_relu", "gelu", "silu", "mish", "elu", "hardtanh", "softplus", "logsigmoid", "relu6", "hardswish", "glu")
        ),
        "F.softmax(x, -1)", "F.log_softmax(x, 0)", "F.softmax(x, -1, dtype=f32)", "x.softmax(2)", "x.cumsum(-1)", "x.cumsum(2)",
        "torch.cumprod(x, 0)", "F.dropout(x, 0.3, False)", "F.dropout(x, 1.3, False)", "F.dropout(x, 0.3, True)",
        "F.hardtanh(x, 3, 2)", "F.hardtanh(x, -1, 2)", "F.celu(x, 0)", "F.softshrink(x, -1)", "F.threshold(x, 0.1, -1)",
        "F.leaky_relu(x, -0.5)", "F.gelu(x, approximate='tanh')", "x.exp_()", "x.relu_()", "x.neg_()",
    )
)  # fmt: skip

IN_PLACE_DTYPES = "\n".join(
    f"{text} :: {one}[2, T] & {other}[T] :: 1:1"
    for one, other in product(("f32", "f64", "i64", "u8", "b8", "c64"), repeat=2)
    for text in ("x.add_(y)", "x.mul_(y)", "x.div_(y)", "x.copy_(y)", "x.eq_(y)", "x.clamp_(y)", "x[0] = y; x", "x.masked_fill_(y > 0, 2)")
)  # fmt: skip

IN_PLACE = """
x += 1; x                                         :: i64[2, T]                           :: 1:2
x += 2.5; x                                       :: i64[2, T]                           :: 1:2
x /= 2; x                                         :: i64[2, T]                           :: 1:2
x //= 2; x                                        :: i64[2, T]                           :: 1:2
x **= -1; x                                       :: i64[2, T]                           :: 1:2
x += True; x                                      :: b8[2, T]                            :: 1:2
x -= True; x                                      :: b8[2, T]                            :: 1:2
x &= True; x                                      :: i64[2, T]                           :: 1:2
x.fill_(300)                                      :: u8[2, T]                            :: 1:2
x.fill_(2.5)                                      :: i64[2, T]                           :: 1:2
x.masked_fill_(x > 0, 1j)                         :: f32[2, T]                           :: 1:2
torch.add(x, y, out=zeros(2, 3))                  :: f32[2, T] & f32[2, T]               :: open
torch.add(x, y, out=zeros(2, 3, dtype=i64))       :: f32[2, 3] & f32[2, 3]               :: open, 1:1
x.add_(y)                                         :: f32[2, 3, T] & f32[2, 3, T]         :: all, 1:4
x.copy_(y)                                        :: f32[2, 3, T] & f32[2, 3, T]         :: all, 1:4
x.mul_(2)                                         :: f32[2, 3, T]                        :: all, 1:4
x.zero_()                                         :: f32[2, 3, T]                        :: all, 1:4
x.fill_(1)                                        :: f32[2, 3, T]                        :: all, 1:4
x.masked_fill_(ones(2, 3, 1) > 0, 1.0)            :: f32[2, 3, T]                        :: all, 1:4
F.relu(x, inplace=True)                           :: f32[2, 3, T]                        :: all, 1:4
F.leaky_relu(x, 0.1, inplace=True)                :: f32[2, 3, T]                        :: all, 1:4
F.dropout(x, 0.1, True, True)                     :: f32[2, 3, T]                        :: all, 1:4
F.dropout(x, 0.1, False, True)                    :: f32[2, 3, T]                        :: all, 1:4
F.threshold(x, 0.1, 0.0, inplace=True)            :: f32[2, 3, T]                        :: all, 1:4
"""

LAID_OUT = "\n".join(
    f"{text} :: {spec} :: all, 1:4"
    for text in (
        "F.relu(x)", "x.softmax(-1)", "x.log_softmax(0)", "x.cumsum(-1)", "F.dropout(x, 0.1, True)", "F.dropout(x, 0.1, False)",
        "x.half()", "x.to(f64)", "x.type_as(x.double())", "-x", "F.logsigmoid(x)", "x.masked_fill(x > 0, 0.0)", "x.detach()",
        "x.isnan()", "F.alpha_dropout(x, 0.1, True)", "F.prelu(x, ones(1))", "torch.where(x > 0, x, 0.0)", "x + ones(3, 1, 1)",
        "x + ones(1)", "x.angle()", "x.clamp(0, 1)",
    )
    for spec in ("f32[2, 3, T]", "f32[2, 3, 4, T]")
)  # fmt: skip

RANKS = """
F.dropout1d(x, 0.3, True)                         :: f32[2, 3, T]      :: all, 1:4
F.dropout1d(x, 0.3, True)                         :: f32[2, 3, 4, T]   :: 1:4
F.dropout1d(x, 0.3, True)                         :: f32[T]            :: 1:4
F.dropout2d(x, 0.3, True)                         :: f32[2, 3, 4, T]   :: all, 1:4
F.dropout(x, 0.3, True)                           :: f32[2, 3, T - 1]  :: all, 1:4
F.glu(x, 0)                                       :: f32[2, 3, T]      :: all, 1:4
F.glu(x)                                          :: f32[2, 3, T]      :: all, 1:9
F.glu(x, 3)                                       :: f32[2, 3, T]
F.softmax(x)                                      :: f32[2, T]
nn.Softmax(dim=1)(x)                              :: f32[T]
"""


@pytest.mark.parametrize("fact", facts(BROADCAST, share=0.25))
def test_broadcasting(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(BINARY + "\n" + SCALARS, share=0.3))
def test_type_promotion(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(UNARY, share=0.4) + facts(RANKS))
def test_one_operand(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(IN_PLACE_DTYPES, share=0.25) + facts(IN_PLACE))
def test_in_place(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(LAID_OUT))
def test_layouts(fact: Fact) -> None:
    fact.check()


@settings(max_examples=80, derandomize=True, deadline=None)
@given(
    st.sampled_from(ALL),
    st.sampled_from(ALL),
    st.sampled_from(
        [("2, 3, T", "2, 3, T"), ("2, 3, T", "3, T"), ("2, T, 4, 3", "2, T, 4, 3"), ("1, 3, T", "2, 1, T")]
    ),
    st.sampled_from(
        [torch.add, torch.maximum, torch.eq, lambda x, y: torch.where(x > 0, y, 0.0), torch.Tensor.masked_fill]
    ),
)
def test_layout_of_two_operands(one: str, other: str, sizes: tuple[str, str], function: object) -> None:
    def computed(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        left, right = LAYOUTS[one](x), LAYOUTS[other](y)
        if function is torch.Tensor.masked_fill:
            return left.masked_fill(right > 0, 0.0)
        return function(left, right)  # type: ignore[operator]

    problems = differences(computed, *(f"f32[{size}]" for size in sizes), lengths=(1, 4))
    assert not problems, problems[:3]


BINARY_NAMES = ("add", "sub", "mul", "div", "floor_divide", "remainder", "pow", "maximum", "eq", "lt", "logical_and", "bitwise_or", "atan2", "fmod", "copysign", "xlogy", "hypot", "logaddexp")  # fmt: skip
UNARY_NAMES = (
    "x.abs()", "-x", "~x", "x.exp()", "x.sqrt()", "x.sigmoid()", "torch.floor(x)", "x.sign()", "x.square()", "x.isnan()", "x.logical_not()", "F.relu(x)",
    "F.leaky_relu(x, 0.1)", "F.gelu(x)", "F.silu(x)", "F.elu(x)", "F.softplus(x)", "F.logsigmoid(x)", "F.hardtanh(x)", "x.softmax({a})", "F.log_softmax(x, {a})",
    "F.softmax(x, {a}, dtype=f64)", "x.cumsum({a})", "torch.cumprod(x, {a})", "F.dropout(x, 0.3, True)", "F.dropout(x, 0.3, False)", "x.clamp(0, 1)",
    "x.clamp(min=0.5)", "x.nan_to_num()", "x.relu_()", "x.exp_()", "x.mul_(2)", "x.div_(2)", "x.clamp_(0, 1)", "x.half()", "x.to(f64)", "x.zero_()", "x.bool()",
    "F.relu(x, inplace=True)", "x.angle()", "x.reciprocal()", "x.neg_()", "F.glu(x, {a})", "F.mish(x)", "x.round()", "x.trunc()", "torch.log1p(x)", "x.bitwise_not()",
)  # fmt: skip
NUMBERS = ("2", "-1", "0", "2.5", "True", "1j", "300", "x.shape[-1]", "0.0", "float('inf')")


@drawn()
def test_any_two_operands(d: Drawer) -> tuple[str, ...]:
    dtypes = REAL if d.whole(0, 1) else ANY
    one, other = d.spec(1, 4, dtypes), d.spec(0, 4, dtypes)
    if d.whole(0, 1):  # sizes that fit
        sizes = one[one.index("[") + 1 : -1].split(", ")
        kept = [d.one((size, size, "1")) for size in sizes][d.whole(0, len(sizes)) :]
        other = f"{d.one(dtypes)}[{', '.join(kept)}]"
    name = d.one(BINARY_NAMES)
    text = d.one(
        (
            f"torch.{name}(x, y)", f"torch.{name}(y, x)", f"x.{name}(y)", f"x.{name}_(y)", "x.copy_(y)", "torch.where(x > 0, x, y)" if "c" not in one[:2] else "x + y",
            "x.masked_fill(y > 0, 2)" if "c" not in other[:2] else "x - y", "torch.lerp(x, y, 0.5)", "torch.addcmul(x, y, y)", "x @ y" if d.seldom() else "x * y", "torch.clamp(x, y)",
            "x == y", "x ** y", "x // y", "x % y", "F.mse_loss(x, y)", "F.mse_loss(x, y, reduction='none')", "x += y; x",
        )
    )  # fmt: skip
    return text, one, other


@drawn()
def test_any_number(d: Drawer) -> tuple[str, ...]:
    name, number = d.one(("+", "-", "*", "/", "//", "%", "**", "==", "<", "&", "|", "^")), d.one(NUMBERS)
    text = d.one(
        (
            f"x {name} {number}", f"{number} {name} x", f"x.clamp(max={number})", f"x.masked_fill(x != x, {number})", f"x.fill_({number})", f"torch.add(x, x, alpha={number})",
            f"torch.where(x == x, x, {number})", f"x.mul_({number})", f"torch.pow({number}, x)", f"torch.rsub(x, {number})", f"x.add_({number})",
        )
    )  # fmt: skip
    return text, d.spec(1, 3, ANY)


@drawn()
def test_any_one_operand(d: Drawer) -> tuple[str, ...]:
    spec = d.spec(0, 4, d.one((REAL, ANY)))
    rank = spec.count(",") + (not spec.endswith("[]"))
    return d.one(UNARY_NAMES).format(a=d.axis(rank)), spec
