"""Joins, splits, repetitions and copies beside eager."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from tests.rules.drawing import ANY, REAL, SIZES, Drawer, drawn
from tests.rules.oracle import ALL, LAYOUTS, Fact, differences, facts

SHAPES = ("2, 3, T", "2, T, 3", "T, 3, 4", "0", "T", "2, 3", "T - 1", "", "2, 3, T + 1", "0, 3, T")

JOINED = "\n".join(
    f"{text} :: f32[{one}] & f32[{other}] :: 1:5"
    for one, other in product(SHAPES, SHAPES)
    for text in ("torch.cat([x, y], 0)", "torch.cat([x, y], -1)", "torch.stack([x, y], -1)")
)

DTYPES = "\n".join(
    f"{text} :: {one}[2, T] & {other}[2, T] :: 1:2"
    for one, other in product(("f64", "f32", "f16", "i64", "u8", "b8", "c64"), repeat=2)
    for text in ("torch.cat([x, y], 0)", "torch.stack([x, y], 0)")
)

CALLS = """
torch.cat([x], 1)                                 :: f32[2, 3, T]            :: few, 1:4
torch.cat([], 1)                                  :: f32[2, 3, T]            :: 1:2
torch.cat((x, x), -1)                             :: f32[2, 3, T]            :: few, 1:4
torch.cat(tensors=[x, x], dim=1)                  :: f32[2, 3, T]            :: 1:4
torch.concat([x, x], axis=1)                      :: f32[2, 3, T]            :: 1:4
torch.cat([x, x], 3)                              :: f32[2, 3, T]            :: 1:2
torch.cat([x[..., :1], x], -1)                    :: f32[2, 3, T]            :: few, 1:4
torch.cat([torch.empty(0), x], 1)                 :: f32[2, 3, T]            :: 1:4
torch.cat([zeros(2, 3, 5), x], -1)                :: f32[2, 3, T]            :: few, 1:4
torch.cat([x, 1])                                 :: f32[2, 3, T]            :: 1:2
torch.stack([], 0)                                :: f32[2, 3, T]            :: 1:2
torch.stack([x, x], 4)                            :: f32[2, 3, T]            :: 1:2
torch.stack(tuple(x), 0)                          :: f32[2, 3, T]            :: few, 1:4
torch.vstack([x, x])                              :: f32[2, 3, T]            :: 1:4
torch.meshgrid(x[0, 0], x[0, 1], indexing='ij')   :: f32[2, 3, T]            :: few, 1:4
torch.meshgrid(x[0, 0], x[0, 0], x[0, :, 0], indexing='xy') :: f32[2, 3, T]  :: few, 1:4
torch.meshgrid(torch.arange(x.shape[-1]), torch.arange(3), indexing='ij') :: f32[T] :: 1:4
x.repeat(1, 1, 2)                                 :: f32[2, 3, T]            :: few, 1:4
x.repeat((2, 1, 1, 1))                            :: f32[2, 3, T]            :: few, 1:4
x.repeat(2, 1)                                    :: f32[2, 3, T]            :: 1:2
x.repeat(1, 0, 2)                                 :: f32[2, 3, T]            :: 1:4
x.repeat(1, -1, 2)                                :: f32[2, 3, T]            :: 1:2
x.repeat(1, 1, x.shape[-1])                       :: f32[2, 3, T]            :: 1:5
x.tile((2,))                                      :: f32[2, 3, T]            :: few, 1:4
torch.tile(x, (2, 1, 1, 3))                       :: f32[2, 3, T]            :: 1:4
x.repeat_interleave(2, dim=-1)                    :: f32[2, 3, T]            :: few, 1:4
x.repeat_interleave(2)                            :: f32[2, 3, T]            :: 1:4
x.repeat_interleave(0, dim=1)                     :: f32[2, 3, T]            :: 1:4
x.repeat_interleave(-1, dim=1)                    :: f32[2, 3, T]            :: 1:4
x.repeat_interleave(x.shape[-1], dim=1)           :: f32[2, 3, T]            :: 1:4
x.contiguous()                                    :: f32[2, 3, 4, T]         :: all, 1:4
x.clone()                                         :: f32[2, 3, T]            :: all, 1:4
x.clone()                                         :: f32[2, 3, 4, T]         :: all, 1:4
x.clone(memory_format=torch.contiguous_format)    :: f32[2, 3, 4, T]         :: all, 1:4
x.clone(memory_format=torch.channels_last)        :: f32[2, 3, 4, T]         :: few, 1:4
x.clone(memory_format=torch.channels_last)        :: f32[2, 3, T]            :: 1:2
x.contiguous(memory_format=torch.channels_last)   :: f32[2, 3, 4, T]         :: few, 1:4
x.flip(-1)                                        :: f32[2, 3, T]            :: all, 1:4
x.flip((0, 2))                                    :: f32[2, 3, T]            :: all, 1:4
x.flip(0, 0)                                      :: f32[2, 3, T]            :: few, 1:4
x.flip(5)                                         :: f32[2, 3, T]            :: 1:2
x.roll(1, -1)                                     :: f32[2, 3, T]            :: all, 1:4
x.roll((1, 2), (0, 2))                            :: f32[2, 3, 4, T]         :: all, 1:4
x.roll(2)                                         :: f32[2, 3, T]            :: few, 1:4
x.roll((1, 2), 0)                                 :: f32[2, 3, T]            :: 1:2
x.roll(x.shape[-1] // 2, -1)                      :: f32[2, 3, T]            :: 1:4
x.tril()                                          :: f32[2, 3, T]            :: all, 1:4
torch.triu(x, 1)                                  :: f32[2, 3, T]            :: few, 1:4
x.tril(x.shape[-1])                               :: f32[T]                  :: 1:2
F.pixel_shuffle(x, 2)                             :: f32[2, 8, T, 3]         :: all, 1:4
F.pixel_shuffle(x, 2)                             :: f32[2, T, 2, 3]         :: 1:9
F.channel_shuffle(x, 3)                           :: f32[2, 6, T]            :: 1:4
torch.block_diag(x[0], x[0])                      :: f32[2, 3, T]            :: 1:4
"""

PARTS = "\n".join(
    f"{text} :: {spec} :: {options}"
    for text in (
        "x.chunk(2, -1)", "torch.chunk(x, 3, dim=1)", "x.chunk(5, 1)", "x.chunk(4, 2)", "x.chunk(0, 1)", "x.chunk(-1, 1)",
        "a, b = x.chunk(2, 1); (b, a)", "a, b = x.chunk(2, -1); (b, a)", "x.split(2, -1)", "torch.split(x, 1, 1)", "x.split([1, 2], 1)",
        "x.split([1, 1], 1)", "x.split([1, x.shape[-1] - 1], -1)", "x.split([4, -1], 1)", "x.split(x.shape[-1] // 2, -1)", "x.split(0, 1)",
        "x.split(-1, 1)", "x.split(split_size=2, dim=2)", "torch.split_with_sizes(x, [1, 2], 1)", "x.tensor_split(2, -1)", "x.unbind(0)",
        "x.unbind(-1)", "x.unbind(3)", "[a for a in x]", "[a * 2 for a in x.transpose(0, 2)]", "len(x)", "len(x.transpose(0, 2))",
        "[p.reshape(-1) for p in x.split(2, -1)]", "[p.view(2, -1) for p in x.chunk(3, 1)]", "[p.view(6, -1) for p in x.chunk(2, -1)]",
        "x.split([], 0)", "x.split(2, 5)", "x.chunk(2, -4)", "x.chunk(2.0, 1)", "torch.hsplit(x, 3)",
    )
    for spec, options in (("f32[2, 3, T]", "few, 1:6"), ("f32[2, 3, T - 1]", "1:5"), ("f32[T, 3, T]", "1:4"))
)  # fmt: skip


@pytest.mark.parametrize("fact", facts(JOINED + "\n" + DTYPES, share=0.25))
def test_joins(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(CALLS))
def test_copies(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(PARTS, share=0.5))
def test_splits(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("one", ALL)
def test_layouts_of_joins(one: str) -> None:
    for other in ALL:
        for name in ("cat", "stack"):

            def joined(x: torch.Tensor, y: torch.Tensor, other: str = other, name: str = name) -> torch.Tensor:
                return getattr(torch, name)([LAYOUTS[one](x), LAYOUTS[other](y)], 1)

            problems = differences(joined, "f32[2, 3, 4, T]", "f32[2, 3, 4, T]", lengths=(1, 3))
            assert not problems, (other, name, problems[:3])


@drawn()
def test_any_join(d: Drawer) -> tuple[str, ...]:
    dtypes = d.one((("f32",), REAL, ANY))
    sizes = d.some(0, 4, SIZES)
    a = d.axis(len(sizes))
    others = [
        d.one(SIZES) if d.seldom() or position == a % max(len(sizes), 1) else size
        for position, size in enumerate(sizes)
    ]
    if d.seldom(10):
        others = d.one(([], ["0"], ["T", *others]))
    name = d.one(("cat", "cat", "stack", "concat"))
    if name == "stack" and d.whole(0, 3):
        others = sizes
    text = d.one(
        (
            f"torch.{name}([x, y], {a})",
            f"torch.{name}((y, x, y), dim={a})",
            f"torch.{name}([x, x[..., :0], y], {a})" if sizes else f"torch.{name}([x], {a})",
        )
    )
    return text, f"{d.one(dtypes)}[{', '.join(sizes)}]", f"{d.one(dtypes)}[{', '.join(others)}]"


@drawn()
def test_any_copy(d: Drawer) -> tuple[str, ...]:
    sizes = d.some(0, 4, SIZES)
    rank, a = len(sizes), d.axis(len(sizes))
    times = ", ".join(str(d.one((1, 1, 2, 3, 0, "n"))) for _ in range(max(rank + d.one((0, 0, 0, 1, -1)), 0)))
    text = d.one(
        (
            f"x.repeat({times or '()'})", f"x.tile(({times}{',' if times else ''}))", f"x.repeat_interleave({d.one((1, 2, 0, 'n'))}, dim={a})", "x.repeat_interleave(2)", "x.clone()",
            "x.contiguous()", f"x.flip({a})", f"x.roll({d.one((1, -1, 'n'))}, {a})", "x.roll(1)", f"torch.tril(x, {d.one((0, 1, -2, 'n'))})", "x.triu()",
            "x.clone(memory_format=torch.contiguous_format)", "F.pixel_shuffle(x, 2)", f"F.glu(x, {a})", "torch.meshgrid(x, x, indexing='xy')", "torch.meshgrid(x, y, indexing='ij')",
            "F.pixel_unshuffle(x, 2)", f"x.cummax({a})[0]", f"x.diff(dim={a})", "torch.atleast_2d(x)",
        )
    )  # fmt: skip
    return f"n = y.shape[-1]; {text}", f"{d.one(ANY)}[{', '.join(sizes)}]", "f32[T]"
