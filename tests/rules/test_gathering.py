"""Slices, indices and assignments beside eager."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.drawing import ANY, SIZES, Drawer, drawn
from tests.rules.oracle import Fact, differences, facts

INDICES = (
    "0", "2", "-1", "-3", "..., 0", "..., 3", "..., -4", ":", "...", "()", "None", ":, :, None", "..., None, 0", "..., 3:", "..., :3",
    "..., -3:", "..., :-3", "..., 2:-2", "..., ::2", "..., 1::3", "..., ::-1", "..., ::0", "..., 5:2", "..., -2:-5", "True", "False",
    "..., x.shape[-1] // 2:", "..., :x.shape[-1] // 2", "..., x.shape[-1]:", "..., 5 - x.shape[-1]:", "..., :5 - x.shape[-1]",
    "..., x.shape[-1] - 5:x.shape[-1] - 2", "..., x.shape[-1] - 1", "..., x.shape[-1] // 2", "..., 5 - x.shape[-1]", "[0]", "[0, 1]", "[5]",
    "..., [0, 1]", ":, [2, 0]", "[0, 1], [1, 2]", "index(0, 1)", ":, index(0, 1, 2)", ":, index(0, 3)", ":, index(-1, -3)", ":, index(-4)",
    "torch.tensor([True, False])", ":, torch.tensor([True, False, True])", "torch.tensor(1)", "index(0, 1).int()", "1.0", "'a'", "0, 0, 0, 0",
    "..., ...", "..., torch.arange(x.shape[-1])", "..., torch.arange(x.shape[-1] + 1)", "..., torch.arange(x.shape[-1] // 2) * 2",
    "..., torch.arange(x.shape[-1]) + 1", "..., torch.arange(x.shape[-1]) - 1", "..., torch.arange(x.shape[-1]) - x.shape[-1] - 1",
    ":, [0, 2], 1:", "0, [0, 2]", "[0, 1], :, 0", "range(2)", "np.array([0, 1])", "np.int64(1)", ":, :, torch.tensor(1):", "1, 2", "0, ..., 0",
    "1, 2, 0", ":, None, 1:", "index(0, 1)[:, None], index(0, 2)", "[[0, 1], [1, 0]]", ":, index()",
)  # fmt: skip

GETITEM = "\n".join(
    [
        *(f"x[{index}] :: f32[2, 3, T] :: few, 1:7, open" for index in INDICES),
        *(
            f"x[{index}] :: {spec} :: 1:6, open"
            for index in INDICES
            for spec in ("f32[T, 3, 4]", "f32[T]", "f32[2, 3, T - 1]")
        ),
    ]
)

VIEWS = """
x[:, 1:].view(2, -1)                              :: f32[2, 3, T]        :: all, 1:6
x[..., 1:].view(2, -1)                            :: f32[2, 3, T]        :: few, 1:6
x[:1].view(-1)                                    :: f32[2, 3, T]        :: few, 1:6
x[:, :, ::2].view(2, 3, -1)                       :: f32[2, 3, T]        :: few, 1:6
x[:1, 1:].view(-1)                                :: f32[2, 3, T]        :: few, 1:6
x[:, 0].view(-1)                                  :: f32[2, 3, T]        :: few, 1:6
x[..., ::2].view(6, -1)                           :: f32[2, 3, T]        :: few, 1:6
x.unfold(-1, 2, 1)                                :: f32[2, 3, T]        :: all, 1:6
x.unfold(2, 3, 2)                                 :: f32[2, 3, T]        :: few
x.unfold(2, x.shape[-1], 1)                       :: f32[2, 3, T]
x.unfold(1, 4, 1)                                 :: f32[2, T, 3]
x.unfold(2, 0, 1)                                 :: f32[2, 3, T]        :: 1:3
x.unfold(2, 1, 0)                                 :: f32[2, 3, T]        :: 1:3
x.diagonal(0, 1, 2)                               :: f32[2, 3, T]        :: all, 1:6
x.diagonal(-1, 0, 2)                              :: f32[2, 3, T]        :: 1:6
x.diagonal(4, 1, 2)                               :: f32[2, 3, T]
"""

PICKED = """
x.narrow(-1, 1, 2)                                :: f32[2, 3, T]        :: few
x.narrow(-1, 0, x.shape[-1] // 2)                 :: f32[2, 3, T]
x.narrow(-1, -2, 2)                               :: f32[2, 3, T]
x.narrow(-1, 1, 0)                                :: f32[2, 3, T]
x.narrow(-1, 1, -1)                               :: f32[2, 3, T]        :: 1:4
torch.narrow(x, 1, 1, 3)                          :: f32[2, T, 3]
x.narrow(-1, x.shape[-1] - 2, 2)                  :: f32[2, 3, T]
x.select(1, 2)                                    :: f32[2, T, 3]        :: few
x.select(-1, -2)                                  :: f32[2, 3, T]        :: all, 1:6
torch.select(x, -1, x.shape[-1] // 2)             :: f32[2, 3, T]
x.index_select(1, index(0, 2))                    :: f32[2, T, 3]        :: all, 1:6
x.index_select(1, index(0, 3))                    :: f32[2, 3, T]        :: 1:4
x.index_select(1, index(-1))                      :: f32[2, 3, T]        :: 1:4
x.index_select(1, torch.tensor(1))                :: f32[2, 3, T]        :: 1:4
x.index_select(1, index(0)[None])                 :: f32[2, 3, T]        :: 1:4
x.index_select(-1, torch.arange(x.shape[-1]))     :: f32[2, 3, T - 1]
x.index_select(-1, torch.arange(1, x.shape[-1] + 1)) :: f32[2, 3, T - 1]
x.index_select(0, torch.arange(3))                :: f32[T, 3]
x.gather(-1, zeros(2, 3, 2, dtype=i64))           :: f32[2, 3, T]        :: few
x.gather(-1, zeros(2, 3, 2, dtype=i64))           :: f32[2, 3, T - 1]
x.gather(1, torch.full((2, 3, 2), 3))             :: f32[2, T, 2]
x.gather(1, zeros(3, 3, 1, dtype=i64))            :: f32[T, 3, 2]
x.gather(2, zeros(2, 3, x.shape[-1] + 2, dtype=i64)) :: f32[2, 3, T]
x.gather(1, zeros(2, 5, x.shape[-1] // 2, dtype=i64)) :: f32[1, T, T]
x.gather(1, zeros(2, 3, dtype=i64))               :: f32[2, 3, T]        :: 1:3
x.gather(1, zeros(2, 3, 1, dtype=i32))            :: f32[2, 3, T]        :: 1:3
F.embedding(torch.arange(x.shape[-1]), ones(6, 4)) :: f32[T]
F.embedding(torch.arange(x.shape[-1])[:3], ones(6, 4)) :: f32[T]
F.embedding(torch.arange(10)[: x.shape[-1]], ones(6, 4)) :: f32[T]
F.embedding(torch.arange(x.shape[-1]) - 1, ones(6, 4)) :: f32[T]         :: 1:4
F.embedding(torch.full((2, x.shape[-1]), 5), ones(6, 4)) :: f32[T]       :: 1:4
F.embedding(torch.full((2, x.shape[-1]), 6), ones(6, 4)) :: f32[T]       :: 1:4
F.embedding(torch.arange(x.shape[-1]).clamp(max=5), ones(6, 4)) :: f32[T] :: open
F.embedding(torch.tensor([7]), ones(6, 4)) + x[0] :: f32[T]              :: 1:4
F.embedding(x, ones(6, 4))                        :: f32[T]              :: 1:4
F.embedding(x, ones(6, 4))                        :: i32[2, T]           :: few, 1:4
F.embedding(x, ones(6, 4))                        :: i8[T]               :: 1:4
x[torch.arange(x.shape[-1]) - 1]                  :: f32[3]              :: 1:4
x[torch.arange(y.shape[-1]) - 1]                  :: f32[3] & f32[T]
x.take(index(0, 3))                               :: f32[2, 3, T]
x.topk(2)[0]                                      :: f32[2, 3, T]
x.scatter(1, zeros(2, 1, x.shape[-1], dtype=i64), 1.0) :: f32[2, 3, T]   :: 1:6
x.index_fill(1, index(1), 2.0)                    :: f32[2, T, 3]        :: 1:6
x.masked_select(x > 0)                            :: f32[2, 3, T]        :: open
"""

ASSIGNED = "\n".join(
    f"x[{index}] = y; x :: {one} & {other} :: 1:5, open"
    for index, one, other in product(
        (
            "0",
            "..., 0",
            "..., 1:",
            ":",
            "..., :x.shape[-1] // 2",
            "7",
            "x > 0",
            "[0, 1]",
            "None",
            "0, 0, 0, 0",
            "..., ::2",
        ),
        ("f32[2, 3, T]", "f32[T, 3, 3]", "f32[T]"),
        ("f32[]", "f32[1]", "f32[T]", "f32[3, T]", "f32[1, 1, 1, T]", "f32[T // 2]", "i64[]", "f64[T]", "c64[]"),
    )
)

NUMBERS = "\n".join(
    f"x[{index}] = {value}; x :: {spec} :: 1:2"
    for index, value, spec in product(
        ("0", "..., 1:", "x > 0"),
        ("1.0", "2", "True", "300", "1j", "None", "'a'", "torch.tensor(1.0)", "x.shape[-1]"),
        ("f32[2, 3, T]", "i64[2, 3, T]", "b8[2, T]", "u8[2, T]"),
    )
)

BUFFERS = """
x[0] = 1.0; x                                     :: f32[2, 3, T]        :: all, 1:4
x[..., 0] = 1.0; x                                :: f32[2, 3, T]        :: all, 1:4
x[:, 1:] = x[:, :1]; x                            :: f32[2, 3, T]        :: all, 1:4
x[x > 0] = 1.0; x                                 :: f32[2, 3, T]        :: all, 1:4
y = zeros(2, 3, 10); y[:, :, : x.shape[-1]] = x; y :: f32[2, 3, T]
y = zeros(2, 3, x.shape[-1] + 2); y[..., 1:-1] = x; y :: f32[2, 3, T]    :: few
y = zeros(x.shape); y[:, :, 2:] = x[:, :, :-2]; y :: f32[2, 3, T]        :: few, open
y = zeros(5, dtype=i64); y[0] = x.shape[-1]; y[1:3] = 7; y :: f32[2, 3, T]
x[0] = 70000; x                                   :: f16[2, T]           :: 1:2
x[0] = float('-inf'); x                           :: f16[2, T]           :: 1:2
x[0] = float('nan'); x                            :: f32[2, T]           :: 1:2
x[0] = 1e300; x                                   :: f32[2, T]           :: 1:2
x[0] = -2.5; x                                    :: u8[2, T]            :: 1:2
x[0] = float('nan'); x                            :: b8[2, T]            :: 1:2
x[index(0, 1)] = 0.5; x                           :: b8[2, T]            :: 1:2
x[x > 0] = index(70000); x                        :: f16[2, T]           :: 1:2
x[x > 0] = ones(1, dtype=f64); x                  :: f32[2, T]           :: 1:2
y = zeros(3, dtype=i64); y[x.shape[-1]] = 1; y    :: f32[2, 3, T]
y = zeros(3, dtype=i64); y[0] = x.shape[-1]; F.embedding(y, ones(6, 4)) :: f32[T] :: open
"""


@pytest.mark.parametrize("fact", facts(GETITEM, share=0.3))
def test_getitem(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(VIEWS + PICKED))
def test_parts(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(ASSIGNED + "\n" + NUMBERS, share=0.25) + facts(BUFFERS))
def test_setitem(fact: Fact) -> None:
    fact.check()


LIMITS = st.one_of(st.none(), st.integers(-6, 6), st.sampled_from(["n // 2", "n - 3", "2 - n", "n + 1", "-n"]))
PARTS = st.one_of(
    st.tuples(LIMITS, LIMITS, st.sampled_from([None, 1, 2, 3])),
    st.integers(-4, 4),
    st.sampled_from(["n - 1", "n // 2 - 1", "n - 4"]),
    st.none(),
)


@settings(max_examples=80, derandomize=True, deadline=None)
@given(st.lists(PARTS, min_size=1, max_size=3))
def test_any_basic_index(parts: list[object]) -> None:
    def picked(x: torch.Tensor) -> torch.Tensor:
        n = x.shape[-1]

        def number(item: Any) -> Any:
            return eval(item, {"n": n}) if isinstance(item, str) else item

        index: Any = tuple(slice(*map(number, part)) if isinstance(part, tuple) else number(part) for part in parts)
        return x[(..., *index)]

    problems = differences(picked, "f32[3, 5, T]", lengths=(1, 9))
    assert not problems, problems[:3]


@drawn()
def test_any_index(d: Drawer) -> tuple[str, ...]:
    """Numbers, slices, None, lists, masks and index tensors, read or written."""
    rank = d.whole(1, 4)
    sizes = d.some(rank, rank, ("T", "3", "3", "5", "T + 1", "T - 1", "0", "1"))
    parts: list[str] = []
    for size in sizes[: d.whole(1, rank)]:
        limits = ("", "", "1", "2", "-1", "-3", "n // 2", "n - 2", "n", "5 - n", "-n")
        parts.append(
            d.one(
                (
                    ":", f"{d.one(limits)}:{d.one(limits)}", f"{d.one(limits)}:{d.one(limits)}:{d.one(('1', '2', '3'))}", d.one(("0", "1", "-1", "2", "-3", "n - 1", "n // 2")),
                    "None", "..." if "..." not in parts else ":", "[0, 1]", "[0, -1, 1]", "index(0, 2)", "index(0, 1)[:, None]", "index(2, 0)[None]", "torch.arange(3)",
                    f"ones({d.one((3, 2, 5))}) > 0", "torch.tensor(1)", "torch.arange(n)", "torch.arange(n) - 1",
                )
            )
        )  # fmt: skip
        del size
    index = ", ".join(parts)
    dtype, other = d.one(ANY), d.spec(0, 2, sizes=("T", "1", "3"))
    if d.whole(0, 2):
        return f"n = y.shape[-1]; x[{index}]", f"{dtype}[{', '.join(sizes)}]", "f32[T]"
    value = d.one(("1.0", "2", "z", "z", "True", "x.shape[-1]", "0.5"))
    return f"n = y.shape[-1]; x[{index}] = {value}; x", f"{dtype}[{', '.join(sizes)}]", "f32[T]", other


@drawn()
def test_any_pick(d: Drawer) -> tuple[str, ...]:
    sizes = d.some(0, 3, SIZES)
    rank, spec = len(sizes), f"{d.one(ANY)}[{', '.join(sizes)}]"
    a, b, limits = d.axis(rank), d.axis(rank), ("0", "1", "2", "3", "-1", "n", "n // 2", "n - 1")
    index = d.one(
        (
            "index(0)",
            "index(0, 2)",
            "index(-1)",
            "torch.arange(n)",
            "torch.arange(n - 1)",
            "torch.tensor(1)",
            "index(1).int()",
        )
    )
    text = d.one(
        (
            f"x.narrow({a}, {d.one(limits)}, {d.one(limits)})", f"x.select({a}, {d.one(limits)})", f"x.unfold({a}, {d.one(limits)}, {d.one((1, 2, 3))})",
            f"x.diagonal({d.one((0, 1, -1, 3))}, {a}, {b})", f"x.index_select({a}, {index})", f"x.gather({a}, zeros({''.join(f'{d.whole(0, 3)}, ' for _ in sizes)}dtype=i64))",
            f"x.split({d.one(limits)}, {a})", f"x.split([{d.one(limits)}, {d.one(limits)}], {a})", f"x.chunk({d.one((1, 2, 3, 5))}, {a})", f"x.unbind({a})",
            f"torch.tensor_split(x, {d.one((1, 2, 3))}, {a})", f"F.embedding({index}, ones({d.one((3, 5))}, 2))", f"[p.reshape(-1) for p in x.split(2, {a})]",
            f"x.roll({d.one(('1', '-2', 'n'))}, {a})", f"x.take({index})", f"x.index_fill({a}, {index}, 0)", "len(x)", f"x.flip(({a}, {b}))",
        )
    )  # fmt: skip
    return f"n = y.shape[-1]; {text}", spec, "f32[T]"
