"""Padding and interpolation beside eager: limits of each mode, negative amounts, exact sizes from float factors."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.drawing import ANY, REAL, Drawer, drawn
from tests.rules.oracle import Fact, differences, facts

AMOUNTS = "\n".join(
    f"F.pad(x, ({left}, {right}), '{mode}') :: f32[2, 3, T] :: 1:9"
    for mode, left, right in product(
        ("constant", "reflect", "replicate", "circular"), (-4, -1, 0, 1, 2, 5), (-2, 0, 1, 2, 5)
    )
)

RANKS = "\n".join(
    f"F.pad(x, {amounts}, '{mode}') :: f32[{sizes}] :: 1:4, open"
    for mode, amounts, sizes in product(
        ("constant", "reflect", "circular"),
        ("(1, 2)", "(0, -1)", "(1, 1, 2, 2)", "(0, 0, 1, 1, 2, 2)", "(1, 2, 3)", "()"),
        ("T", "3, T", "2, 3, T", "2, 3, 4, T", "2, 3, 4, 5, T", "T, 3, 4"),
    )
)

PADDING = """
F.pad(x, (1, 2, 1, 0))                            :: f32[2, 3, 4, T]     :: all, 1:6
F.pad(x, (1, 2))                                  :: f32[2, 3, T]        :: all, 1:6
F.pad(x, (0, 0))                                  :: f32[2, 3, T]        :: all, 1:6
F.pad(x, ())                                      :: f32[2, 3, 4, T]     :: all, 1:6
F.pad(x, (1, 2), 'reflect')                       :: f32[2, 3, T]        :: all, 1:6
F.pad(x, (1, 2, 1, 0), 'reflect')                 :: f32[2, 3, 4, T]     :: all, 1:6
F.pad(x, (1, 2), 'circular')                      :: f32[2, 3, T]        :: all, 1:6
F.pad(x, (1, 2, 1, 1), 'circular')                :: f32[2, 3, 4, T]     :: all, 1:6
F.pad(x, (1, 2, 1, 0), 'replicate')               :: f32[2, 3, 4, T]     :: all, 1:6
F.pad(x, (1, 2, 0, 0, 1, 1), 'replicate')         :: f32[2, 3, 4, 5, T]  :: few, 1:6
F.pad(x, (1, 1), 'reflect', value=2.0)            :: f32[2, 3, T]        :: 1:4
F.pad(x, (1, 1), 'replicate', value=2.0)          :: f32[2, 3, T]        :: 1:4
F.pad(x, (1, 1), 'circular', value=0)             :: f32[2, 3, T]        :: 1:4
F.pad(x, (1, 1), value=2.5)                       :: i64[2, 3, T]        :: 1:4
F.pad(x, (1, 1), 'mirror')                        :: f32[2, 3, T]        :: 1:4
F.pad(x, (1, 2), 'reflect')                       :: f32[2, 3, T - 1]    :: 1:6
F.pad(x, (1, 2), 'reflect')                       :: f32[T - 1, 3, 5]    :: 1:6
F.pad(x, (1, 2), 'replicate')                     :: f32[2, T - 1, 3]    :: 1:6
F.pad(x, (0, 1), 'circular')                      :: f32[3, T - 1]       :: 1:6
F.pad(x, (1, 2), 'reflect')                       :: f16[2, 3, T]        :: 1:6
F.pad(x, (1, 2), 'reflect')                       :: i64[2, 3, T]        :: 1:6
F.pad(x, (1, 2), 'replicate')                     :: b8[2, 3, T]         :: 1:6
F.pad(x, (1, 2), 'circular')                      :: c64[2, 3, T]        :: 1:6
F.pad(x, (0, x.shape[-1]))                        :: f32[2, 3, T]
F.pad(x, (0, x.shape[-1]), 'reflect')             :: f32[2, 3, T]
F.pad(x, (0, x.shape[-1]), 'circular')            :: f32[2, 3, T]
F.pad(x, (0, -x.shape[-1] % 4), 'reflect')        :: f32[2, 3, T]
F.pad(x, (x.shape[-1] - 5, 0))                    :: f32[2, 3, T]
F.pad(x, (0, 5 - x.shape[-1]))                    :: f32[2, 3, T]
F.pad(x, [x.shape[-1] // 2] * 2, 'reflect')       :: f32[2, 3, T]
nn.ReflectionPad1d((1, 0))(x)                     :: f32[2, 3, T]
nn.ReflectionPad2d(2)(x)                          :: f32[2, 3, 5, T]
nn.ZeroPad2d((1, 0, 2, -1))(x)                    :: f32[2, 3, 5, T]
nn.ReplicationPad1d(2)(x)                         :: f32[3, T]
nn.ReflectionPad1d(3)(x)                          :: f32[2, 3, 5, T]     :: 1:6, open
"""

MODES = "\n".join(
    f"F.interpolate(x, mode='{mode}', {options}) :: {spec} :: 1:9, open"
    for mode, spec in (
        ("nearest", "f32[2, 3, T]"), ("linear", "f32[2, 3, T]"), ("nearest-exact", "f32[2, 3, T]"), ("area", "f32[2, 3, T]"),
        ("bilinear", "f32[2, 3, T]"), ("bilinear", "f32[2, 3, 4, T]"), ("bicubic", "f32[2, 3, 4, T]"),
        ("linear", "f32[2, 3, 4, T]"), ("trilinear", "f32[1, 2, 3, 4, T]"), ("nearest", "f32[3, T]"), ("none", "f32[2, 3, T]"),
    )
    for options in (
        "scale_factor=2", "scale_factor=0.5", "scale_factor=1 / 3", "scale_factor=1.7", "scale_factor=0", "scale_factor=(2,)",
        "scale_factor=(2, 3)", "size=5", "size=(4, 6)", "size=0", "size=5, scale_factor=2", "size=5, recompute_scale_factor=True",
        "scale_factor=1.7, recompute_scale_factor=True", "scale_factor=2, align_corners=True",
    )
)  # fmt: skip

# the size is floor(double(length) * factor), which no fraction near the factor tells
FACTORS = "\n".join(
    f"F.interpolate(x, scale_factor={factor}) :: f32[1, 1, {size}] :: {lengths}"
    for size, lengths in (("T", "1:900"), ("300*T", "1:40"))
    for factor in ("1 / 300", "1 / 441", "0.3", "0.7", "1 / 3", "2 / 3", "1 / 7", "1.1", "1 / 120", "2 / 3 * 1.0000001", "49 / 50", "1 - 2**-53")
)  # fmt: skip

INTERPOLATION = """
F.interpolate(x, scale_factor=2)                            :: f32[2, 3, T]       :: all, 1:5
F.interpolate(x, scale_factor=2)                            :: f32[2, 3, 4, T]    :: all, 1:5
F.interpolate(x, scale_factor=2)                            :: f32[2, 16, 4, T]   :: few, 1:5
F.interpolate(x, scale_factor=2, mode='linear')             :: f32[2, 3, T]       :: all, 1:5
F.interpolate(x, scale_factor=2, mode='bilinear')           :: f32[2, 3, 4, T]    :: all, 1:5
F.interpolate(x, scale_factor=2, mode='bicubic')            :: f32[2, 3, 4, T]    :: few, 1:5
F.interpolate(x, scale_factor=2, mode='area')               :: f32[2, 3, 4, T]    :: few, 1:5
F.interpolate(x, scale_factor=2)                            :: f32[2, 3, T - 1]   :: 1:4
F.interpolate(x, size=3)                                    :: f32[2, T - 1, 3]   :: 1:4
F.interpolate(x, size=3)                                    :: f32[T - 1, 3, 5]   :: 1:4
F.interpolate(x, size=x.shape[-1] * 2)                      :: f32[2, 3, T]
F.interpolate(x, size=x.shape[-1] // 2)                     :: f32[2, 3, T]
F.interpolate(x, size=x.shape[-2:], mode='nearest')         :: f32[2, 3, 4, T]
F.interpolate(x, scale_factor=6 / x.shape[-1])              :: f32[2, 3, T]
F.interpolate(x, scale_factor=x.shape[-1])                  :: f32[2, 3, T]
F.interpolate(x, scale_factor=2)                            :: f16[2, 3, T]       :: 1:4
F.interpolate(x, scale_factor=2)                            :: i64[2, 3, T]       :: 1:4
F.interpolate(x, scale_factor=2)                            :: u8[2, 3, T]        :: 1:4
F.interpolate(x, scale_factor=2, mode='bilinear')           :: u8[2, 3, 2, T]     :: 1:4
F.interpolate(x, scale_factor=2, mode='linear')             :: bf16[2, 3, T]      :: 1:4
F.interpolate(x, scale_factor=2, mode='linear')             :: c64[2, 3, T]       :: 1:4
nn.Upsample(scale_factor=2.5)(x)                            :: f32[2, 3, T]
nn.Upsample(size=7, mode='linear')(x)                       :: f32[2, 3, T]
"""


@pytest.mark.parametrize("fact", facts(AMOUNTS + "\n" + RANKS, share=0.3) + facts(PADDING))
def test_padding(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(MODES, share=0.4) + facts(INTERPOLATION))
def test_interpolation(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(FACTORS))
def test_float_factors(fact: Fact) -> None:
    fact.check()


@settings(max_examples=25, derandomize=True, deadline=None)
@given(st.floats(1e-3, 40.0, allow_nan=False), st.integers(1, 3000))
def test_every_float_factor_is_floored_exactly(factor: float, first: int) -> None:
    import torch

    def grown(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(x, scale_factor=factor)

    assert not differences(grown, "f32[1, 1, T]", lengths=(first, first + 12))


@drawn()
def test_any_padding(d: Drawer) -> tuple[str, ...]:
    sizes, axes = d.some(1, 5, ("T", "T", "1", "2", "3", "5", "T - 1")), d.whole(1, 3)
    amounts = [
        str(d.one((0, 1, 1, 2, 3, -1, "x.shape[-1]", "5 - x.shape[-1]"))) for _ in range(2 * axes - d.seldom(12))
    ]
    mode = d.one(("constant", "constant", "reflect", "reflect", "replicate", "circular"))
    if mode != "constant" and d.whole(0, 4):
        sizes = [*["2", "3"][d.whole(0, 1) :], *(d.one(("T", "4", "T + 1")) for _ in range(axes))]
    value = d.arguments(value=(0, 1.5, None)) if d.seldom(4) else ""
    return f"F.pad(x, ({', '.join(amounts)}), '{mode}'{value})", f"{d.one(d.one((REAL, ANY)))}[{', '.join(sizes)}]"


@drawn()
def test_any_interpolation(d: Drawer) -> tuple[str, ...]:
    rank = d.whole(1, 3)
    fitting = (
        "nearest",
        "nearest-exact",
        "area",
        ("linear", "bilinear", "trilinear")[rank - 1],
        "bicubic" if rank == 2 else "nearest",
    )
    mode = d.one(("linear", "bilinear", "trilinear", "bicubic")) if d.seldom() else d.one(fitting)
    options = d.arguments(align_corners=(True, False, None)) if d.seldom(3) or "linear" in mode else ""
    if d.seldom(4):
        options += d.arguments(recompute_scale_factor=(True, False, None), antialias=(False, True))
    sizes = d.each(rank, (1, 2, 3, 5, "x.shape[-1]", "2 * x.shape[-1]", "x.shape[-1] // 2"))
    factors = d.each(rank, (2, 2, 0.5, 1, 1.5, 3, 0.3, 2.7, 1 / 3))
    target = f"size={sizes}" if d.whole(0, 1) else f"scale_factor={factors}"
    spatial = [d.one(("T", "T", "4", "3", "T + 1", "1")) for _ in range(rank + (d.one((-1, 1)) if d.seldom(12) else 0))]
    batch = [d.one(("2", "2", "1", "T - 1")), d.one(("3", "1", "4", "T - 1"))]
    spec = f"{d.one(d.one((REAL, REAL, ANY)))}[{', '.join([*batch, *spatial])}]"
    return f"F.interpolate(x, {target.replace(chr(39), '')}, mode='{mode}'{options})", spec
