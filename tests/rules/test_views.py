"""Views beside eager: which shapes and layouts can be viewed, and what strides come out."""

from __future__ import annotations

from itertools import product
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.drawing import ANY, SIZES, Drawer, drawn
from tests.rules.oracle import Fact, differences, facts

SPECS = ("f32[2, 3, T]", "f32[2, 3, T - 1]", "f32[T, 6]", "f32[T, T]", "f32[1, T, 3]", "f32[2, 3, 2*T]")

VIEWS = "\n".join(
    f"{text} :: {spec} :: {layouts}, 1:7"
    for text, spec in product(
        (
            "x.view(-1)", "x.view(2, -1)", "x.view((x.shape[0], -1))", "x.view(6, x.shape[-1])", "x.view(2, 3, 1, -1)",
            "x.view(-1, 2)", "x.view(-1, x.shape[-1])", "x.view(-1, -1)", "x.view(2, 3, 5)", "x.view(-2, 3)", "x.view(0)",
            "x.view(2, 3, x.shape[-1] // 2, 2)", "x.view(2, 3, -1, 4)", "x.view(x.shape)", "x.view(6, -1)", "x.view(*x.shape, 1)",
            "x.view(1, *x.shape)", "x.view(x.shape[-1], -1)", "x.view_as(zeros(6, x.shape[-1]))",
            "x.reshape(2, -1)", "x.reshape(-1, 2)", "x.reshape(2, 3, 5)", "x.reshape(2, -1).view(2, 3, -1)",
        ),
        SPECS,
    )
    for layouts in (("all",) if spec in ("f32[2, 3, T]", "f32[T, T]") and "reshape" not in text else ("plain",))
)  # fmt: skip

SHAPES = "\n".join(
    f"{text} :: {spec} :: {options}"
    for text in (
        "x.reshape(-1)", "x.reshape(shape=(6, -1))", "x.reshape(())", "x.reshape(0, -1)", "x.reshape(-2)", "x.ravel()",
        "x.reshape_as(zeros(6, x.shape[-1]))", "x.flatten()", "x.flatten(1)", "x.flatten(0, 1)", "torch.flatten(x, -2)",
        "x.flatten(2, 1)", "x.flatten(0, 5)", "x.flatten(start_dim=1, end_dim=2)", "x.flatten(1, 1)", "x.unflatten(-1, (2, -1))",
        "x.unflatten(1, (3, 1))", "x.unflatten(0, (-1, 1))", "x.unflatten(1, (2, 2))", "x.unflatten(2, (x.shape[-1] // 2, 2))",
        "x.unflatten(7, (2, 2))", "x.unflatten(1, (-1, -1))", "x.unflatten(1, ())",
        "x.permute(2, 0, 1)", "x.permute((0, 2, 1))", "x.permute(-1, 0, 1)", "x.permute(0, 1)", "x.permute(0, 0, 1)",
        "x.permute(dims=(1, 0, 2))", "x.transpose(1, 2)", "x.transpose(-1, 0)", "x.transpose(1, 3)", "x.transpose(dim0=0, dim1=1)",
        "x.t()", "x[0].T", "x.mT", "x.swapaxes(0, 2)", "x.movedim(0, -1)", "x.movedim((0, 1), (1, 2))", "torch.moveaxis(x, 2, 0)",
        "x.movedim((0, 0), (1, 2))", "x.unsqueeze(0)", "x.unsqueeze(-1)", "x.unsqueeze(3)", "x.unsqueeze(4)", "x.unsqueeze(-5)",
        "x.squeeze()", "x.squeeze(0)", "x.squeeze(-1)", "x.squeeze((0, 2))", "x.squeeze(3)", "x.squeeze((1, 1))", "x.squeeze(dim=2)",
        "x.expand(2, 3, -1)", "x.expand(5, 2, 3, -1)", "x.expand(2, 3, x.shape[-1])", "x.expand(3, -1)", "x.expand(-1, 2, 3, -1)",
        "x.expand(0, 2, 3, -1)", "x.expand(-1, -1, 5)", "x.expand(-1, -1, -2)", "x.expand_as(zeros(4, 2, 3, x.shape[-1]))",
        "torch.broadcast_to(x, (4, 2, 3, x.shape[-1]))", "x[..., :1].expand(-1, -1, x.shape[-1])", "x[:1].expand(x.shape[-1], -1, -1)",
        "x.mean(-1, keepdim=True).expand(x.shape)", "x[:, :1].expand(-1, 4, -1).reshape(2, -1)", "x[:, :1].expand(-1, 4, -1).view(2, -1)",
        "x[:, :, None].expand(-1, -1, 2, -1).reshape(2, 3, -1)", "x[:, :, :, None].expand(-1, -1, -1, 2).reshape(2, 3, -1)",
        "x.view(torch.int32)", "x.transpose(1, 2).view(x.shape[0], -1)", "x.transpose(1, 2).contiguous().view(x.shape[0], -1)",
        "x.transpose(0, 1).reshape(3, -1).is_contiguous()", "x.transpose(1, 2).is_contiguous()",
    )
    for spec, options in (("f32[2, 3, T]", "few, 1:6, open"), ("f32[1, T, 1]", "1:4, open"), ("f32[T % 3, 3, 4]", "1:6, open"))
)  # fmt: skip

STRIDES = """
x.view(2, x.shape[-1] / 2)                        :: f32[2, T]                 :: 1:6
x.view(-1, x.shape[-1] / 2)                       :: f32[2, T]                 :: 1:6
x.reshape(-1, x.shape[-1] / 2)                    :: f32[2, T]                 :: 1:6
x.unflatten(1, (2, x.shape[-1] / 2))              :: f32[2, T]                 :: 1:6
x.expand(2, x.shape[-1] / 1)                      :: f32[2, T]                 :: 1:6
x.stride(-1)                                      :: f32[2, T, 3]              :: few, open
x.transpose(1, 2).stride()                        :: f32[2, T, 3]              :: few, open
x.transpose(1, 2).stride(1)                       :: f32[1, T, 1]              :: open
x.stride(3)                                       :: f32[2, T, 3]
x.mT                                              :: f32[2, T, 3]
x.mT                                              :: f32[T]                    :: 1:3
x[0, 0].mT                                        :: f32[2, T]                 :: 1:3
"""

IN_PLACE = """
x.unsqueeze_(1); x                                :: f32[2, 3, T]              :: few, 1:4
x.transpose_(0, 2); x                             :: f32[2, 3, T]              :: few, 1:4
x.t_(); x                                         :: f32[3, T]                 :: few, 1:4
x.squeeze_(1); x                                  :: f32[2, 1, T]              :: few, 1:4
"""

VALUES = """
x.view(1, 3)                                      :: i64[3] = [T, 4, 2*T]
x.reshape(-1, 1)                                  :: i64[3] = [T, 4, 2*T]
x.view(2, 2).t()                                  :: i64[4] = [T, 4, 2*T, 1]
x[None].expand(2, -1)                             :: i64[3] = [T, 4, 2*T]
x.expand(3)                                       :: i64[1] = T
x.unsqueeze(0).squeeze()                          :: i64[3] = [T, 4, 2*T]
x.view(-1)[1]                                     :: i64[3] = [T, 4, 2*T]
x.movedim(0, 0)                                   :: i64[3] = [T, 4, 2*T]
x.squeeze(3)                                      :: i64[] = T                 :: 1:3
x.expand(0, -1)                                   :: i64[1] = T                :: 1:3
y = x.view(-1); y += 1; x + 0                     :: i64[3] = [T, 4, 2*T]
y = x[1:]; y.add_(1); x * 1                       :: i64[3] = [T, 4, 2*T]
y = x.detach(); y.zero_(); x + 0                  :: i64[3] = [T, 4, 2*T]
"""

# sizes that coincide at one length: computeStride groups the axes otherwise there
COINCIDENCES = """
x.transpose(0, 1).contiguous().transpose(0, 1).view(2, -1)        :: f32[T, 6]
x.transpose(0, 1).contiguous().transpose(0, 1).view(2, 3, 1, -1)  :: f32[T, 6]
x[:, 0:1].view(2, -1)                                             :: f32[T, 3, 4]
x.transpose(0, 1).view(x.shape[1], -1)                            :: f32[T, T]
x.transpose(1, 2).view(2, 3, -1)                                  :: f32[2, T, 3]
x.transpose(1, 2).view(2, 4, -1)                                  :: f32[2, T, 3]
"""


@pytest.mark.parametrize("fact", facts(VIEWS, share=0.4) + facts(COINCIDENCES))
def test_views(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(SHAPES, share=0.4) + facts(STRIDES))
def test_shapes(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(VALUES))
def test_values_go_along(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(IN_PLACE))
def test_shapes_changed_in_place(fact: Fact) -> None:
    fact.check()


ANY_SIZE = st.sampled_from(["T", "1", "2", "3", "T + 1", "2*T", "4", "T % 2 + 1"])


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.lists(ANY_SIZE, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_view_of_any_permuted_tensor(sizes: list[str], random: Random) -> None:
    order = list(range(len(sizes)))
    random.shuffle(order)
    groups = [random.random() < 0.4 for _ in sizes]

    def viewed(x: Any) -> torch.Tensor:
        shuffled = x.permute(order)
        shape: list[Any] = []
        for size, joins in zip(shuffled.shape, groups, strict=True):
            if joins and shape:
                shape[-1] = shape[-1] * size
            else:
                shape.append(size)
        return shuffled.view(shape)

    problems = differences(viewed, f"f32[{', '.join(sizes)}]", lengths=(1, 7))
    assert not problems, problems[:3]


def specs(d: Drawer, low: int = 1, high: int = 4) -> tuple[list[str], str]:
    """Sizes, and their spec."""
    sizes = d.some(low, high, SIZES)
    return sizes, f"{d.one(ANY)}[{', '.join(sizes)}]"


def sized(size: str) -> str:
    """A size of a spec as an expression of y, whose last size is T."""
    return size.replace("T", "y.shape[-1]")


@drawn()
def test_any_shape(d: Drawer) -> tuple[str, ...]:
    """Sizes joined and split, and sometimes one that is -1 or does not fit."""
    sizes, spec = specs(d)
    parts: list[str] = []
    for size in sizes:
        if parts and d.whole(0, 1):
            parts[-1] = f"{parts[-1]} * ({sized(size)})"
        elif size in ("4", "2*T") and d.whole(0, 1):
            parts += ["2", "2" if size == "4" else "y.shape[-1]"]
        else:
            parts.append(f"({sized(size)})")
        if d.seldom(6):
            parts.append("1")
    if d.whole(0, 2) == 0:
        parts[d.whole(0, len(parts) - 1)] = "-1"
    if d.seldom():
        parts[d.whole(0, len(parts) - 1)] = d.one(("-1", "2", "y.shape[-1]", "0", "-2"))
    shape = ", ".join(parts)
    name = d.one(("x.view({})", "x.reshape({})", "x.view(({},))", "torch.reshape(x, ({},))"))
    if len(sizes) > 1 and d.whole(0, 1):
        order = d.order(range(len(sizes)))
        back = [order.index(axis) for axis in range(len(sizes))]
        return (
            f"{name.format(shape).replace('x', f'x.permute({order}).contiguous().permute({back})', 1)}",
            spec,
            "f32[T]",
        )
    return name.format(shape), spec, "f32[T]"


@drawn()
def test_any_change_of_axes(d: Drawer) -> tuple[str, ...]:
    sizes, spec = specs(d, 0)
    rank = len(sizes)
    a, b, order = d.axis(rank), d.axis(rank), d.order(range(rank))
    new = [
        d.one((sized(size), "-1", "y.shape[-1]", "3")) if size == "1" else d.one((sized(size), "-1")) for size in sizes
    ]
    new = [d.one(("2", "y.shape[-1]", "0", "-1"))] * d.one((0, 0, 0, 1)) + new
    text = d.one(
        (
            f"x.transpose({a}, {b})", f"x.permute({order})" if rank else "x.permute(())", f"x.movedim({a}, {b})", f"x.unsqueeze({a})", f"x.squeeze({a})", "x.squeeze()",
            f"x.flatten({a}, {b})", f"x.expand({', '.join(new) or '()'})", f"x.squeeze(({a}, {b}))", f"x.unflatten({a}, ({d.one(('2', '-1', '1', 'y.shape[-1]'))}, {d.one(('-1', '2', '1'))}))",
            f"x.swapaxes({a}, {b})", "x.t()", "x.ravel()", "x.flatten()", f"x.transpose({a}, {b}).contiguous()", f"x.unsqueeze({a}).expand({', '.join(['-1'] * (rank + 1))})",
            f"x.flip({a})", f"x.transpose({a}, {b}).reshape(-1)", f"x.transpose({a}, {b}).flatten({b})", "x.mT" if rank > 1 else "x.clone()", "x.view_as(y)", "x.expand_as(y)",
            f"torch.broadcast_to(x, ({', '.join(new)}{',' if new else ''}))", f"x.transpose({a}, {b}).view(-1)",
        )
    )  # fmt: skip
    return text, spec, f"f32[{', '.join(sizes)}]" if "_as" in text else "f32[T]"
