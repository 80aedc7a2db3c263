"""Convolutions and poolings beside eager: window arithmetic, channels, dtypes, layouts, and settings that make no sense."""

from __future__ import annotations

from itertools import product

import pytest

from tests.rules.drawing import ANY, REAL, Drawer, drawn
from tests.rules.oracle import Fact, facts

# kernel 1..5, stride, padding and dilation around the smallest size that fits
WINDOWS = "\n".join(
    [
        *(
            f"F.conv1d(x, ones(4, 3, {k}), None, {s}, {p}, {d}) :: f32[2, 3, T] :: 1:14"
            for k, s, p, d in product((1, 2, 3, 5), (1, 2, 3), (0, 1, 2, "'same'", "'valid'"), (1, 2))
        ),
        *(
            f"F.conv_transpose1d(x, ones(3, 4, {k}), None, {s}, {p}, {o}, 1, {d}) :: f32[2, 3, T] :: 1:6, open"
            for k, s, p, o, d in product((1, 2, 4), (1, 2, 3), (0, 1, 3), (0, 1), (1, 2))
        ),
        *(
            f"F.{f}(x, {k}, {s}, {p}, ceil_mode={c}) :: f32[2, 3, T] :: 1:14"
            for f, k, s, p, c in product(
                ("avg_pool1d", "max_pool1d"), (1, 2, 3), (None, 1, 2, 5), (0, 1, 2), (False, True)
            )
        ),
        *(
            f"F.max_pool2d(x, {k}, {s}, {p}, {d}, {c}) :: f32[2, 3, 7, T] :: 1:10"
            for k, s, p, d, c in product((2, 3), (1, 2, 4), (0, 1), (1, 3), (False, True))
        ),
        *(
            f"F.conv2d(x, ones(4, 3, *{k}), None, {s}, {p}) :: f32[2, 3, 6, T] :: 1:9"
            for k, s, p in product(((3, 3), (1, 5), (5, 1)), (1, 2, (2, 1)), (0, 1, (2, 0), "'same'"))
        ),
    ]
)

SIZES = """
F.conv1d(x, ones(4, 3, 3))                                   :: f32[2, 3, T - 1]
F.conv1d(x, ones(4, 3, 3), padding=1)                        :: f32[2, 3, T - 1]
F.conv1d(x, ones(4, 3, 3), padding=2)                        :: f32[2, 3, T - 1]
F.conv1d(x, ones(4, 3, 3), padding='same')                   :: f32[2, 3, T - 1]
F.conv1d(x, ones(4, 3, 3))                                   :: f32[T - 1, 3, 5]
F.conv1d(x, ones(4, 3, 3))                                   :: f32[2, T - 1, 5]
F.conv1d(x, ones(4, 3, 3))                                   :: f32[3, T]
F.conv1d(x, ones(4, 3, 3))                                   :: f32[T, 3]
F.conv1d(x, ones(4, 3, 3))                                   :: f32[T, 3, 5]
F.conv1d(x, ones(4, 3, 3))                                   :: f32[T]
F.conv1d(x, ones(4, 3, 3))                                   :: f32[1, 2, 3, T]
F.conv2d(x, ones(4, 3, 3, 3), padding=1, stride=2)           :: f32[3, T, T + 2]
F.conv3d(x, ones(4, 3, 3, 3, 3))                             :: f32[2, 3, 4, 5, T] :: all, 1:6
F.conv3d(x, ones(4, 3, 3, 3, 3), stride=2, padding=1)        :: f32[2, 3, T, 5, T] :: all, 1:6
F.conv_transpose1d(x, ones(3, 4, 3))                         :: f32[2, 3, T - 1]
F.conv_transpose1d(x, ones(3, 4, 3))                         :: f32[2, T - 1, 5]
F.conv_transpose1d(x, ones(3, 4, 3), padding=1)              :: f32[2, T, 5]
F.conv_transpose1d(x, ones(3, 4, 3), padding=2, stride=2)    :: f32[T, 3, 2]
F.conv_transpose1d(x, ones(3, 4, 3), output_padding=1)       :: f32[2, 3, T]
F.conv_transpose2d(x, ones(3, 4, 3, 3), stride=2, padding=1) :: f32[2, 3, 5, T]    :: all, 1:6
F.conv1d(x, y)                                               :: f32[2, 3, T] & f32[4, 3, T - 2] :: 2:9, open
F.conv1d(x, ones(4, 3, 3), padding=x.shape[-1] // 2)         :: f32[2, 3, T]
F.conv1d(x, ones(4, 3, 3), stride=x.shape[-1] // 2)          :: f32[2, 3, T]
nn.ConvTranspose1d(3, 4, 3, stride=2)(x, output_size=(x.shape[-1] * 2 + 1,)) :: f32[2, 3, T]
nn.ConvTranspose1d(3, 4, 3, stride=2)(x, output_size=(x.shape[-1] * 2 + 3,)) :: f32[2, 3, T]
nn.Conv1d(3, 4, 3, padding=1, padding_mode='reflect')(x)     :: f32[2, 3, T]
nn.Conv1d(3, 4, 5, padding=4, padding_mode='circular')(x)    :: f32[2, 3, T]
nn.Conv1d(3, 4, 4, padding='same', dilation=2, padding_mode='replicate')(x) :: f32[2, 3, T]
"""

CHANNELS = "\n".join(
    f"F.{f}(x, ones({o}, {i}, 3), groups={g}) :: f32[2, {n}] :: 1:7"
    for f, o, i, g, n in product(("conv1d", "conv_transpose1d"), (4, 6), (2, 3), (1, 2, 3, 4), ("6, T", "T, 6"))
)

REFUSED = """
F.conv1d(x, ones(4, 3, 3), stride=0)                          :: f32[2, 3, T] :: 1:6
F.conv1d(x, ones(4, 3, 3), stride=-1)                         :: f32[2, 3, T] :: 1:6
F.conv1d(x, ones(4, 3, 3), padding=-1)                        :: f32[2, 3, T] :: 1:6
F.conv1d(x, ones(4, 3, 3), dilation=0)                        :: f32[2, 3, T] :: 1:6
F.conv1d(x, ones(4, 3, 3), groups=0)                          :: f32[2, 3, T] :: 1:6
F.conv1d(x, ones(4, 3, 3), groups=-1)                         :: f32[2, 3, T] :: 1:6
F.conv1d(x, ones(4, 3, 3), stride=(1, 1))                     :: f32[2, 3, T] :: 1:6
F.conv1d(x, ones(4, 3, 3), dilation=(1, 1))                   :: f32[2, 3, T] :: 1:6
F.conv1d(x, ones(4, 3, 3), stride=2, padding='same')          :: f32[2, 3, T] :: 1:6
F.conv1d(x, ones(4, 3, 3), padding='full')                    :: f32[2, 3, T] :: 1:6
F.conv1d(x, ones(4, 3, 3), stride=2.0)                        :: f32[2, 3, T] :: 1:6, open
F.conv1d(x, ones(4, 3, 3), ones(3))                           :: f32[2, 3, T] :: 1:6
F.conv1d(x, ones(4, 3, 3), ones(4, 1))                        :: f32[2, 3, T] :: 1:6
F.conv1d(x, ones(4, 3))                                       :: f32[2, 3, T] :: 1:6
F.conv1d(x, ones(4, 3, 3, 3))                                 :: f32[2, 3, T] :: 1:6
F.conv1d(x, ones(0, 3, 3))                                    :: f32[2, 3, T] :: 1:6
F.conv1d(x, ones(4, 3, 0))                                    :: f32[2, 3, T] :: 1:6
F.conv_transpose1d(x, ones(3, 4, 3), stride=(1, 1))           :: f32[2, 3, T] :: 1:6
F.conv_transpose1d(x, ones(3, 4, 3), padding=-1)              :: f32[2, 3, T] :: 1:6
F.conv_transpose1d(x, ones(3, 4, 3), ones(3))                 :: f32[2, 3, T] :: 1:6
F.conv_transpose1d(x, ones(3, 4, 3), groups=0)                :: f32[2, 3, T] :: 1:6
F.avg_pool1d(x, 2, stride=0)                                  :: f32[2, 3, T] :: 1:4
F.avg_pool1d(x, 2, padding=2)                                 :: f32[2, 3, T] :: 1:4
F.avg_pool1d(x, 2, padding=-1)                                :: f32[2, 3, T] :: 1:4
F.max_pool1d(x, 2, stride=(1, 1))                             :: f32[2, 3, T] :: 1:4
F.max_pool1d(x, 0)                                            :: f32[2, 3, T] :: 1:4
F.max_pool1d(x, 2, dilation=0)                                :: f32[2, 3, T] :: 1:4
F.avg_pool2d(x, 2, divisor_override=0)                        :: f32[2, 3, 4, T] :: 1:4
F.adaptive_avg_pool1d(x, 0)                                   :: f32[2, 3, T] :: 1:4
F.adaptive_avg_pool1d(x, -1)                                  :: f32[2, 3, T] :: 1:4
F.adaptive_avg_pool2d(x, (1, 2, 3))                           :: f32[2, 3, 4, T] :: 1:3
"""

DTYPES = "\n".join(
    line.replace("DT", dtype)
    for dtype in ("f64", "f16", "bf16", "i64", "i32", "u8", "b8", "c64")
    for line in """
F.conv1d(x, ones(4, 3, 3)) :: DT[2, 3, T] :: 1:5
F.conv1d(x, ones(4, 3, 3, dtype=DT)) :: DT[2, 3, T] :: 1:5
F.conv1d(x, ones(4, 3, 3, dtype=DT), dilation=2) :: DT[2, 3, T] :: 1:6
F.conv_transpose1d(x, ones(3, 4, 3, dtype=DT), dilation=2, stride=2) :: DT[2, 3, T] :: 1:3
F.conv2d(x, ones(4, 3, 3, 3, dtype=DT), dilation=(1, 2)) :: DT[2, 3, 4, T] :: 1:6
F.conv3d(x, ones(4, 3, 1, 1, 3, dtype=DT)) :: DT[2, 3, 2, 2, T] :: 1:4
F.conv1d(x, ones(4, 3, 3, dtype=DT), ones(4)) :: DT[2, 3, T] :: 1:5
F.conv_transpose1d(x, ones(3, 4, 3, dtype=DT)) :: DT[2, 3, T] :: 1:5
F.avg_pool1d(x, 2) :: DT[2, 3, T] :: 1:5
F.max_pool1d(x, 2) :: DT[2, 3, T] :: 1:5
F.max_pool2d(x, 2) :: DT[2, 3, 4, T] :: 1:5
F.adaptive_avg_pool1d(x, 2) :: DT[2, 3, T] :: 1:5
F.adaptive_max_pool1d(x, 2) :: DT[2, 3, T] :: 1:5
""".strip().splitlines()
)

POOLS = """
F.unfold(x, (1, 2))                         :: f32[2, 3, 4, T]     :: all, 1:6
F.unfold(x, (2, 3), dilation=2, padding=1)  :: f32[2, 3, 4, T]     :: 1:9
F.unfold(x, 3, stride=(2, 3), padding=1)    :: f32[3, T, T]        :: 1:7
F.unfold(x, 3)                              :: f32[2, T, 4]        :: 1:7
F.unfold(x, 3)                              :: i64[2, 3, 4, T]     :: 1:6
F.unfold(x, 0)                              :: f32[2, 3, 4, T]     :: 1:3
F.unfold(x, 2, padding=-1)                  :: f32[2, 3, 4, T]     :: 1:3
F.unfold(x, 2)                              :: f32[2, 3, T - 1, 4] :: 1:5
F.unfold(x, 2)                              :: f32[T - 1, 3, 4, 4] :: 1:5
F.avg_pool1d(x, 2)                          :: f32[2, 3, T]        :: all, 1:8
F.avg_pool1d(x, 2)                          :: f32[3, T]           :: all, 1:8
F.max_pool1d(x, 2)                          :: f32[2, 3, T]        :: all, 1:8
F.max_pool1d(x, 3, return_indices=True)     :: f32[2, 3, T]        :: 1:8
F.avg_pool2d(x, 2)                          :: f32[2, 3, 4, T]     :: all, 1:8
F.max_pool2d(x, 3, 1, 1)                    :: f32[2, 3, 4, T]     :: all, 1:8
F.max_pool3d(x, 2)                          :: f32[2, 3, 4, 5, T]  :: few, 1:6
F.adaptive_avg_pool1d(x, 1)                 :: f32[2, 3, T]        :: all, 1:8
F.adaptive_avg_pool2d(x, (2, 3))            :: f32[2, 3, 4, T]     :: all, 1:8
F.adaptive_avg_pool2d(x, (None, 3))         :: f32[2, 3, 4, T]     :: all, 1:8
F.adaptive_avg_pool3d(x, 2)                 :: f32[2, 3, 4, 5, T]  :: few, 1:6
F.adaptive_avg_pool1d(x, x.shape[-1] // 2)  :: f32[2, 3, T]        :: 1:8
F.avg_pool1d(x, x.shape[-1])                :: f32[2, 3, T]        :: 1:8
F.avg_pool1d(x, 2)                          :: f32[2, 3, T - 1]
F.avg_pool1d(x, 2, padding=1)               :: f32[T - 1, 3, 5]
F.max_pool1d(x, 2, padding=1)               :: f32[2, T - 1, 5]
F.adaptive_avg_pool1d(x, 2)                 :: f32[2, 3, T - 1]
F.adaptive_avg_pool1d(x, 2)                 :: f32[T - 1, 3, 5]
F.adaptive_avg_pool2d(x, 2)                 :: f32[3, T - 1, 4]
F.max_pool2d(x, 2)                          :: f32[T, 3]
"""

LAYOUTS = """
F.conv1d(x, ones(4, 3, 3))                  :: f32[2, 3, T]    :: all, 1:6
F.conv2d(x, ones(4, 3, 3, 3), padding=1)    :: f32[2, 3, 6, T] :: all, 1:6
F.conv1d(x, ones(4, 3, 3)).view(2, -1)      :: f32[2, 3, T]    :: 1:6
F.max_pool2d(x, 2).view(2, -1)              :: f32[2, 3, 4, T] :: few, 1:6
"""


@pytest.mark.parametrize("fact", facts(WINDOWS, share=0.25))
def test_windows(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(SIZES + POOLS + LAYOUTS))
def test_sizes_and_layouts(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(CHANNELS, share=0.5))
def test_channels(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(REFUSED))
def test_settings_that_make_no_sense(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(DTYPES, share=0.5))
def test_dtypes(fact: Fact) -> None:
    fact.check()


@drawn()
def test_any_convolution(d: Drawer) -> tuple[str, ...]:
    rank, channels = d.whole(1, 3), d.whole(1, 3)
    groups = d.one((1, 1, 1, 2, 3)) if rank < 3 else 1  # torch 2.13 itself crashes for some grouped ones of three axes
    outputs = d.whole(1, 2) * groups + d.seldom()
    dtype = d.one(ANY) if d.seldom() else "f32"
    kernel = ", ".join(str(d.whole(1, 4)) for _ in range(rank))
    weight = f"ones({outputs}, {channels}, {kernel}, dtype={d.one(ANY) if d.seldom(20) else dtype})"
    bias = d.one(("None", "None", f"ones({outputs}, dtype={dtype})", f"ones({outputs + 1}, dtype={dtype})"))
    padding = d.one(("'same'", "'valid'")) if d.seldom() else d.each(rank, (0, 0, 1, 2, 3))
    options = f"stride={d.each(rank, (1, 1, 2, 3))}, padding={padding}, dilation={d.each(rank, (1, 1, 2, 3))}"
    return (
        f"F.conv{rank}d(x, {weight}, {bias}, {options}, groups={groups})",
        spatial(d, dtype, rank, channels * groups + d.seldom(16)),
    )


@drawn()
def test_any_transposed_convolution(d: Drawer) -> tuple[str, ...]:
    rank, groups = d.whole(1, 3), d.one((1, 1, 1, 2))
    channels, dtype = d.whole(1, 2) * groups + d.seldom(16), d.one(ANY) if d.seldom() else "f32"
    kernel = ", ".join(str(d.whole(1, 4)) for _ in range(rank))
    options = (
        f"stride={d.each(rank, (1, 2, 3))}, padding={d.each(rank, (0, 0, 1, 2))}, dilation={d.each(rank, (1, 1, 2))}"
    )
    extra = f", output_padding={d.each(rank, (0, 0, 1, 2))}, groups={groups}"
    return (
        f"F.conv_transpose{rank}d(x, ones({channels}, 2, {kernel}, dtype={dtype}), {options}{extra})",
        spatial(d, dtype, rank, channels + d.seldom(16)),
    )


@drawn()
def test_any_pooling(d: Drawer) -> tuple[str, ...]:
    rank, dtype = d.whole(1, 3), d.one(ANY) if d.seldom() else d.one(REAL)
    kernel = d.each(rank, (1, 2, 3, 4))
    options = d.arguments(
        stride=(1, 2, 3, 5, d.each(rank, (1, 2, 3))), padding=(0, 1, 2, d.each(rank, (0, 1))), ceil_mode=(False, True)
    )
    kind = d.one(("avg", "max", "max"))
    if kind == "max":
        options += d.arguments(dilation=(1, 2, 3), return_indices=(False, True))
    else:
        options += d.arguments(count_include_pad=(False, True))
    return f"F.{kind}_pool{rank}d(x, {kernel}{options})", spatial(d, dtype, rank, d.one((3, "T", "T - 1")))


@drawn()
def test_any_adaptive_pooling(d: Drawer) -> tuple[str, ...]:
    rank, dtype = d.whole(1, 3), d.one(ANY) if d.seldom() else d.one(REAL)
    size = d.each(rank, (1, 2, 3, 7, None) if rank > 1 else (1, 2, 3, 7))
    return f"F.adaptive_{d.one(('avg', 'avg', 'max'))}_pool{rank}d(x, {size})", spatial(d, dtype, rank, d.one((3, "T")))


@drawn()
def test_any_unfolding(d: Drawer) -> tuple[str, ...]:
    options = d.arguments(dilation=(1, 2, (1, 2)), padding=(0, 1, (0, 1)), stride=(1, 2, (2, 1)))
    kernel = d.each(2, (1, 2, 3))
    if d.whole(0, 1):
        return f"F.unfold(x, {kernel}{options})", spatial(d, d.one(REAL), 2, 2)
    return f"F.fold(x, {d.each(2, (3, 4, 5))}, {kernel}{options})", d.spec(
        2, 3, sizes=("T", "2*T", "4*T", "4", "9", "2")
    )


def spatial(d: Drawer, dtype: str, rank: int, channels: object) -> str:
    """What a layer with channels takes, with or without a batch."""
    batch = d.one((["2"], ["2"], ["1"], [], ["T"], ["0"], ["2", "2"])) if d.seldom(4) else ["2"]
    sizes = ["T", *(d.one(("T", "1", "4", "5", "2*T", "T - 1")) for _ in range(rank - 1))]
    return f"{dtype}[{', '.join([*batch, str(channels), *d.order(sizes)])}]"
