"""Values of small integer tensors through arithmetic, beside eager: they decide sizes, indices and branches."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.oracle import Fact, differences, facts

SPECS = ("i64[3] = [T, 4, 2*T - 1]", "i32[2] = [T, 3]", "i64[] = T")

ARITHMETIC = "\n".join(
    f"{text} :: {spec} :: 1:8"
    for spec in SPECS
    for text in (
        "x + 1", "x - 5", "5 - x", "x * -3", "x // 2", "(x - 5) // 2", "x // -2", "x % 3", "(x - 5) % 3", "x % -3", "12 // x", "12 % x",
        "torch.remainder(x - 4, 3)", "torch.fmod(x - 4, 3)", "x / 2", "torch.div(x - 4, 2, rounding_mode='trunc')",
        "torch.div(x - 4, 2, rounding_mode='floor')", "torch.floor_divide(x - 4, 2)", "x ** 2", "2 ** x", "-x", "(x - 3).abs()", "x.max()",
        "x.min()", "x.sum()", "x.prod()", "x == 3", "x != 4", "x < 3", "x >= x.max()", "x.clamp(max=3)", "x.clamp(2, 5)", "x.float().long()",
        "(x.float() / 2).long()", "(x * 0.5).long()", "x + 0.5", "x // 2.0", "x & 1", "x >> 1", "~x", "x.bool()", "(x > 3).sum()", "~(x > 3)",
        "(x > 2) & (x < 6)", "(x > 3) | (x < 2)", "(x > 3) + (x < 5)", "(x > 3) * (x < 5)", "(x > 3) * 2", "(x > 3).long() + 1",
        "(x > 3).any()", "torch.where(x > 3, x, 0)", "torch.maximum(x, x - 1)", "torch.min(x, torch.tensor(4))", "torch.add(x, x, alpha=2)",
        "torch.rsub(x, 1)", "torch.sign(x - 3)", "x.square()", "x // (x - 2)", "x % (x - 3)", "x // (x - x)", "x.masked_fill(x > 3, 0)",
        "x.to(torch.int8) * 20", "x.to(torch.int8) + 125", "x.to(u8) - 5", "x.to(u8) * 100", "x.to(torch.int16) * 10000", "x.int() + 2**31 - 3",
        "x.to(u8).to(i64) - 300", "(x * 100).to(torch.int8)", "x.clone() + 1", "x.detach() * 2", "torch.ones_like(x) * x", "x.type_as(zeros(1, dtype=i32))",
    )
)  # fmt: skip

ELEMENTS = """
x[0]                                              :: i64[3] = [T, 4, 2*T - 1]
x[-1] + x[0]                                      :: i64[3] = [T, 4, 2*T - 1]
x[1:] - x[:-1]                                    :: i64[3] = [T, 4, 2*T - 1]
x[None] + x[:, None]                              :: i64[3] = [T, 4, 2*T - 1]
x[[0, 2]]                                         :: i64[3] = [T, 4, 2*T - 1]
x[index(2, 0, 0)]                                 :: i64[3] = [T, 4, 2*T - 1]
x[torch.tensor([True, False, True])]              :: i64[3] = [T, 4, 2*T - 1]
x[x > 3]                                          :: i64[3] = [T, 4, 2*T - 1]     :: open
x[5]                                              :: i64[3] = [T, 4, 2*T - 1]
x.index_select(0, index(1, 1))                    :: i64[3] = [T, 4, 2*T - 1]
x.gather(0, index(0, 2))                          :: i64[3] = [T, 4, 2*T - 1]
torch.cat([x, x + 1])                             :: i64[3] = [T, 4, 2*T - 1]
torch.cat([x, torch.tensor([2.5])])               :: i64[3] = [T, 4, 2*T - 1]
torch.stack([x, x.flip(0)])                       :: i64[3] = [T, 4, 2*T - 1]
x.repeat(2)                                       :: i64[3] = [T, 4, 2*T - 1]
x.repeat_interleave(2)                            :: i64[3] = [T, 4, 2*T - 1]
x.roll(1)                                         :: i64[3] = [T, 4, 2*T - 1]
x.sort()[0]                                       :: i64[3] = [T, 4, 2*T - 1]
x.sort(descending=True)[0]                        :: i64[3] = [T, 4, 2*T - 1]
x.sort()[0]                                       :: i64[3] = T
x.sort(descending=True)[1]                        :: i64[3] = T
x.new_zeros(0).sort()[1]                          :: i64[3] = T
torch.zeros(7)[x.sort()[1]]                       :: i64[3] = T
x.chunk(2)                                        :: i64[3] = [T, 4, 2*T - 1]
x.unbind()                                        :: i64[3] = [T, 4, 2*T - 1]
[a + 1 for a in x]                                :: i64[3] = [T, 4, 2*T - 1]
x[0] = 7; x + 0                                   :: i64[3] = [T, 4, 2*T - 1]
x.zero_(); x + 1                                  :: i64[3] = [T, 4, 2*T - 1]
x += 1; x * 2                                     :: i64[3] = [T, 4, 2*T - 1]
x.max(0)                                          :: i64[3] = [T, 4, 2*T - 1]
x.amax() - x.amin()                               :: i64[3] = [T, 4, 2*T - 1]
"""

DECISIONS = """
zeros(x[0].item())                                :: i64[2] = [T, 4]
zeros(int(x.max()))                               :: i64[2] = [T, 4]
zeros(*x.tolist())                                :: i64[2] = [T, 4]
zeros(x[0] - 3)                                   :: i64[2] = [T, 4]
torch.arange(x.max())                             :: i64[2] = [T, 4]
torch.arange(x[0], x[-1] + 1)                     :: i64[2] = [T, 4]
[i for i in range(x[0])]                          :: i64[2] = [T, 4]
x + 1 if x.max() > 4 else x - 1                   :: i64[2] = [T, 4]
x if x[0] == x[-1] else -x                        :: i64[2] = [T, 4]
min(x[0], x[-1])                                  :: i64[2] = [T, 4]
sum(x)                                            :: i64[2] = [T, 4]
max(x.tolist())                                   :: i64[2] = [T, 4]
torch.arange(int(x.max()))[None] < x[:, None]     :: i64[2] = [T, 4]
zeros(x[0].item() // 2)                           :: i64[2] = [T, 4]
len(x)                                            :: i64[2] = [T, 4]
nn.Embedding(6, 4)(x)                             :: i64[2] = [T, 4]
nn.Embedding(6, 4)(x - 2)                         :: i64[2] = [T, 4]
nn.Embedding(6, 4)(x.clamp(max=5))                :: i64[2] = [T, 4]
nn.Embedding(6, 4)((x * 0.5).long())              :: i64[2] = [T, 4]
nn.Embedding(6, 4)(x.to(torch.int8))              :: i64[2] = [T, 4]        :: 1:3
"""


@pytest.mark.parametrize("fact", facts(ARITHMETIC, share=0.4))
def test_arithmetic(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(ELEMENTS))
def test_elements(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(DECISIONS))
def test_values_decide(fact: Fact) -> None:
    fact.check()


STEPS = st.sampled_from(
    ["v + 3", "v - 7", "v * 2", "v // 3", "v % 5", "-v", "v.flip(0)", "v + v.max()", "v.abs()", "torch.maximum(v, v.flip(0))",
     "v.to(torch.int8).long()", "(v > 2).long() + v", "v[1:]", "torch.cat([v, v[:1]])", "v // -2", "torch.where(v > 3, v, 1)", "7 - v"]
)  # fmt: skip


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=5))
def test_any_sequence_of_steps(steps: list[str]) -> None:
    def run(v: torch.Tensor) -> torch.Tensor:
        for step in steps:
            v = eval(step, {"v": v, "torch": torch})
        return v

    problems = differences(run, "i64[4] = [T, 3, 20 - T, 100*T]", lengths=(1, 14))
    assert not problems, problems[:3]
