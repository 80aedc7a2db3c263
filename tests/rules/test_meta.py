"""Where torch's meta kernels and its CPU kernels disagree, the CPU is the truth, with the rules and without them.

Each line: what both say of the expression at length 5. A line that no longer holds (a newer torch) fails here, and may go.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.rules.oracle import Fact, Raises, Wrapped, eager, facts

ACCEPTED_BY_META = """
F.conv1d(x, ones(4, 3, 3))                        :: f64[2, 3, T]     :: 3:6
F.conv1d(x, ones(4, 3, 3))                        :: i64[2, 3, T]     :: 3:6
F.conv1d(x, ones(4, 3, 3, dtype=b8))              :: b8[2, 3, T]      :: 3:6
F.conv1d(x, ones(5, 3, 3), groups=2)              :: f32[2, 6, T]     :: 3:6
F.conv1d(x, ones(4, 3, 3), stride=(1, 1))         :: f32[2, 3, T]     :: 3:6
F.conv1d(x, ones(4, 3, 3), dilation=0)            :: f32[2, 3, T]     :: 3:6
F.conv1d(x, ones(4, 3, 3), ones(3))               :: f32[2, 3, T]     :: 3:6
F.conv1d(x, ones(4, 3, 3, 3))                     :: f32[2, 3, T]     :: 3:6
F.conv1d(x, ones(0, 3, 3))                        :: f32[2, 3, T]     :: 3:6
F.conv_transpose1d(x, ones(3, 4, 3, dtype=i32))   :: i32[2, 3, T]     :: 3:6
F.conv_transpose1d(x, ones(3, 4, 3))              :: f32[2, T, 5]     :: 4:6
F.conv_transpose1d(x, ones(3, 4, 3), stride=0)    :: f32[2, 3, T]     :: 3:6
F.conv_transpose1d(x, ones(3, 4, 3), output_padding=1) :: f32[2, 3, T] :: 3:6
F.max_pool1d(x, 2)                                :: i64[2, 3, T]     :: 3:6
F.avg_pool1d(x, 2)                                :: i32[2, 3, T]     :: 3:6
F.adaptive_avg_pool1d(x, 2)                       :: i64[2, 3, T]     :: 3:6
F.adaptive_max_pool1d(x, 2)                       :: u8[2, 3, T]      :: 3:6
F.embedding(x, ones(6, 4))                        :: i64[1] = T + 3   :: 3:6
x.index_select(0, index(3).to(x.device))          :: f32[2, T]        :: 3:6
x.expand(2, 5).add_(1)                            :: f32[1, T]        :: 5:5
"""

REFUSED_BY_META = """
x[index(0, 1).to(u8).to(x.device)]                :: f32[2, T]        :: 3:6, open
x << 1                                            :: b8[T]            :: 3:6, open
x.roll(1, 5)                                      :: f32[T - 5]       :: 5:5, open
F.conv_transpose1d(x, ones(3, 4, 4), padding=4)   :: f32[2, 3, T]     :: 5:5, open
"""


def on_meta(fact: Fact) -> Exception | None:
    """What the meta kernels say of the expression at length 5."""

    def moved(value: Any) -> Any:
        return value.to("meta") if isinstance(value, torch.Tensor) else value

    function = fact.function()
    inputs = [moved(value) for value in fact.real_inputs(5)]
    try:
        with torch.no_grad(), torch.device("meta"):
            function(*inputs)
    except Exception as error:  # noqa: BLE001  # that it raises is what is compared
        return error
    return None


def on_cpu(fact: Fact) -> Any:
    return eager(Wrapped(fact.function(), lambda x: x), fact.inputs, 5)


@pytest.mark.parametrize("fact", facts(ACCEPTED_BY_META))
def test_meta_accepts_what_the_cpu_refuses(fact: Fact) -> None:
    assert on_meta(fact) is None
    assert isinstance(on_cpu(fact), Raises)
    fact.check()
    fact.check(rules=False)


@pytest.mark.parametrize("fact", facts(REFUSED_BY_META))
def test_meta_refuses_what_the_cpu_accepts(fact: Fact) -> None:
    assert on_meta(fact) is not None
    assert not isinstance(on_cpu(fact), Raises)
    fact.check()
    fact.check(rules=False)
