"""Where torch's meta kernels and its CPU kernels disagree, the CPU is the truth, with the rules and without them.

Each line: what both say of the expression at length 5. A line that no longer holds (a newer torch) fails here, and may go.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.oracle import Fact, Raises, Wrapped, eager, facts, on_meta

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

# kernels for some dtypes only, and settings that the CPU looks at
ALSO_ACCEPTED_BY_META = """
x.softmax(2)                                      :: b8[2, T]                    :: 3:6
nn.Softmax(dim=1)(x)                              :: f32[T]                      :: 3:6
x[[5]]                                            :: f32[T]                      :: 3:6
x[:, index(0, 3)]                                 :: f32[2, 3, T]                :: 3:6
x[:, index(-4)]                                   :: f32[2, 3, T]                :: 3:6
x.index_select(1, index(0)[None])                 :: f32[2, 3, T]                :: 3:6
F.gelu(x)                                         :: b8[2, T]                    :: 3:6
F.group_norm(x, 1)                                :: c64[2, 3, T]                :: 3:6
torch.abs(x)                                      :: b8[2, T]                    :: 3:6
F.adaptive_avg_pool1d(x, 2)                       :: b8[2, 3, T]                 :: 3:6
F.adaptive_max_pool1d(x, 2)                       :: b8[2, 3, T]                 :: 3:6
torch.addcmul(x, x, x, value=2)                   :: b8[2, T]                    :: 3:6
x @ ones(3, 4, dtype=b8)                          :: b8[2, T, 3]                 :: 3:6
torch.atan2(x, y)                                 :: c64[2, T] & c64[2, T]       :: 3:6
F.avg_pool1d(x, 2)                                :: b8[2, 3, T]                 :: 3:6
F.instance_norm(x)                                :: c64[2, 3, T]                :: 3:6
F.dropout(x, 0.3, True)                           :: c64[2, T]                   :: 3:6
x & 1                                             :: c64[2, T]                   :: 3:6
torch.bitwise_not(x)                              :: c64[2, T]                   :: 3:6
torch.bmm(x, ones(2, 3, 4, dtype=b8))             :: b8[2, T, 3]                 :: 3:6
F.interpolate(x, scale_factor=2)                  :: i64[2, 3, T]                :: 3:6
torch.copysign(x, y)                              :: c64[2, T] & c64[2, T]       :: 3:6
x.cummax(-1)[0]                                   :: c64[2, 3, T]                :: 3:6
torch.div(x, 2, rounding_mode='trunc')            :: c64[2, T]                   :: 3:6
F.elu(x)                                          :: c64[2, T]                   :: 3:6
torch.erf(x)                                      :: c64[2, T]                   :: 3:6
torch.fmod(x, y)                                  :: b8[2, T] & b8[2, T]         :: 3:6
torch.frac(x)                                     :: u8[2, T]                    :: 3:6
(x > 0).any(-1)                                   :: c64[2, 3, T]                :: 3:6
x.masked_fill(x > 0, 1)                           :: c64[2, T]                   :: 3:6
F.hardswish(x)                                    :: b8[2, T]                    :: 3:6
F.unfold(x, 3)                                    :: i64[2, 3, 4, T]             :: 3:6
F.leaky_relu(x)                                   :: c64[2, T]                   :: 3:6
torch.lerp(x, x, 0.5)                             :: b8[2, T]                    :: 3:6
F.logsigmoid(x)                                   :: u8[2, T]                    :: 3:6
F.log_softmax(x, 0)                               :: u8[2, T]                    :: 3:6
torch.lt(x, y)                                    :: c64[2, T] & c64[2, T]       :: 3:6
x.max()                                           :: c64[2, 3, T]                :: 3:6
F.max_pool2d(x, 2)                                :: b8[2, 3, 4, T]              :: 3:6
F.max_pool1d(x, 2)                                :: b8[2, 3, T]                 :: 3:6
x.amax(-1)                                        :: c64[2, 3, T]                :: 3:6
x.median(-1)[0]                                   :: b8[2, 3, T]                 :: 3:6
x.amin()                                          :: c64[2, 3, T]                :: 3:6
F.mish(x)                                         :: b8[2, T]                    :: 3:6
torch.pow(x, y)                                   :: b8[2, T] & b8[2, T]         :: 3:6
2 % x                                             :: c64[2, T]                   :: 3:6
torch.round(x)                                    :: b8[2, T]                    :: 3:6
F.silu(x)                                         :: b8[2, T]                    :: 3:6
F.conv1d(x, ones(4, 3, 3))                        :: b8[2, 3, T]                 :: 3:6
F.conv_transpose1d(x, ones(3, 4, 3, dtype=b8))    :: b8[2, 3, T]                 :: 3:6
F.softmax(x, -1)                                  :: b8[2, T]                    :: 3:6
F.softplus(x)                                     :: b8[2, T]                    :: 3:6
F.threshold(x, 0.1, -1)                           :: b8[2, T]                    :: 3:6
torch.sign(x)                                     :: c64[2, T]                   :: 3:6
F.relu6(x)                                        :: c64[2, T]                   :: 3:6
torch.floor(x)                                    :: c64[2, T]                   :: 3:6
torch.trunc(x)                                    :: c64[2, T]                   :: 3:6
torch.relu(x)                                     :: b8[2, T]                    :: 3:6
torch.add(x, x, alpha=2.5)                        :: b8[2, T]                    :: 3:6
F.conv_transpose1d(x, ones(4, 2, 3), groups=3)    :: f32[2, 6, T]                :: 3:6
F.conv_transpose1d(x, ones(3, 4, 3))              :: f32[2, T - 1, 5]            :: 3:6
x.index_select(1, index(-1))                      :: f32[2, 3, T]                :: 3:6
x[[0, 1]] = y; x                                  :: f32[T] & c64[]              :: 3:6
F.conv1d(x, ones(4, 3, 3))                        :: bf16[2, 3, T]               :: 3:6
x ** -1                                           :: b8[2, T]                    :: 3:6
x **= -1; x                                       :: i64[2, T]                   :: 3:6
2 - x                                             :: b8[2, T]                    :: 3:6
x - True                                          :: b8[2, T]                    :: 3:6
x // (x - x)                                      :: i64[] = T                   :: 3:6
x % (x - 3)                                       :: i32[2] = [T, 3]             :: 3:6
F.celu(x, 0)                                      :: u8[2, T]                    :: 3:6
x.argmax()                                        :: b8[2, 3, T]                 :: 3:6
F.conv1d(x, ones(4, 3, 0))                        :: f32[2, 3, T]                :: 3:6
F.conv1d(x, ones(4, 3, 3), dilation=(1, 1))       :: f32[2, 3, T]                :: 3:6
x @ ones(3, 4, dtype=b8)                          :: f32[2, T, 3]                :: 3:6
x.max(-1)                                         :: c64[2, 3, T]                :: 3:6
torch.max(x, x)                                   :: c64[2, 3, T]                :: 3:6
torch.maximum(x, x.flip(0))                       :: c64[2, T]                   :: 3:6
F.batch_norm(x, ones(3), ones(3))                 :: f64[2, 3, T]                :: 3:6
F.instance_norm(x, weight=ones(3), bias=ones(3))  :: f64[2, 3, T]                :: 3:6
F.layer_norm(x, [3], ones(3, dtype=f64))          :: f32[T, 3]                   :: 3:6
F.conv1d(x, ones(4, 3, 3), padding=-1)            :: f32[2, 3, T]                :: 3:6
F.conv_transpose1d(x, ones(3, 4, 3), groups=0)    :: f32[2, 3, T]                :: 3:6
F.unfold(x, 2, padding=-1)                        :: f32[2, 3, 4, T]             :: 3:6
x.mul_(y)                                         :: b8[2, T] & u8[T]            :: 3:6
x.add_(y)                                         :: f64[2, T] & c64[T]          :: 3:6
x.mul_(y)                                         :: b8[2, T] & c64[T]           :: 3:6
x.mul_(y)                                         :: b8[2, T] & f64[T]           :: 3:6
F.linear(x, ones(4, 3, dtype=b8), ones(4, dtype=f32)) :: b8[2, T, 3]             :: 3:6
F.smooth_l1_loss(x, y, beta=-1.0)                 :: f32[2, T] & f32[2, T]       :: 3:6
x.std()                                           :: b8[2, 3, T]                 :: 3:6
x.var((1, 2))                                     :: b8[2, 3, T]                 :: 3:6
x.fill_(300)                                      :: u8[2, T]                    :: 3:6
x[0] = 1j; x                                      :: u8[2, T]                    :: 3:6
"""

REFUSED_BY_META = """
x[index(0, 1).to(u8).to(x.device)]                :: f32[2, T]        :: 3:6, open
x << 1                                            :: b8[T]            :: 3:6, open
x.roll(1, 5)                                      :: f32[T - 5]       :: 5:5, open
F.conv_transpose1d(x, ones(3, 4, 4), padding=4)   :: f32[2, 3, T]     :: 5:5, open
F.log_softmax(x, 0)                               :: b8[0, T]         :: 3:6, open
F.scaled_dot_product_attention(x, x, ones(2, 3, 6, 4)) :: f32[2, 3, T, 4] :: 5:5, open
"""

DIFFERENT = """
F.huber_loss(x, y)                                :: f32[2, T] & f64[2, T] :: 3:6, open
F.huber_loss(x, y, reduction='none')              :: f32[2, T] & f64[2, T] :: 3:6, open
"""


def on_cpu(fact: Fact) -> Any:
    return eager(Wrapped(fact.function(), lambda x: x), fact.inputs, 5)


@pytest.mark.parametrize("fact", facts(ACCEPTED_BY_META + ALSO_ACCEPTED_BY_META))
def test_meta_accepts_what_the_cpu_refuses(fact: Fact) -> None:
    assert not isinstance(on_meta(fact, 5), Exception)
    assert isinstance(on_cpu(fact), Raises)
    fact.check()
    fact.check(rules=False)


@pytest.mark.parametrize("fact", facts(REFUSED_BY_META))
def test_meta_refuses_what_the_cpu_accepts(fact: Fact) -> None:
    assert isinstance(on_meta(fact, 5), Exception)
    assert not isinstance(on_cpu(fact), Raises)
    fact.check()
    fact.check(rules=False)


@pytest.mark.parametrize("fact", facts(DIFFERENT))
def test_meta_and_the_cpu_give_different_results(fact: Fact) -> None:
    result, truth = on_meta(fact, 5), on_cpu(fact)
    assert (result.dtype, tuple(result.shape), result.stride()) != truth.outputs[0][:3]
    fact.check()
    fact.check(rules=False)
