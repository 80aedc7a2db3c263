"""Parameters and multiply-adds by hand, and beside PyTorch's counter on the CPU."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from shapecheck import Cost, UsageError, cost_of
from shapecheck.examples import examples_at

X = "f32[1, 4, T]"


class Of(nn.Module):
    """A function of a tensor and a layer."""

    def __init__(self, function, layer=None):
        super().__init__()
        self.function, self.layer = function, layer

    def forward(self, *inputs):
        return self.function(self.layer, *inputs)


BY_HAND = [
    # out places x kernel x channels in / groups x channels out
    (lambda: nn.Conv1d(4, 6, 5), X, 4 * 5 * 6 + 6, 16 * 5 * 4 * 6),
    (lambda: nn.Conv1d(4, 6, 5, stride=3, padding=2, bias=False), "f32[2, 4, T]", 4 * 5 * 6, 2 * 7 * 5 * 4 * 6),
    (lambda: nn.Conv1d(4, 6, 3, dilation=2, groups=2), X, 2 * 3 * 6 + 6, 16 * 3 * 2 * 6),
    (lambda: nn.Conv2d(2, 3, (3, 5)), "f32[1, 2, 8, T]", 2 * 15 * 3 + 3, 6 * 16 * 15 * 2 * 3),
    # in places x kernel x channels in x channels out / groups
    (lambda: nn.ConvTranspose1d(4, 6, 5, stride=2), X, 4 * 5 * 6 + 6, 20 * 5 * 4 * 6),
    (lambda: nn.ConvTranspose1d(4, 6, 5, stride=2, groups=2), X, 4 * 5 * 3 + 6, 20 * 5 * 4 * 3),
    (lambda: nn.Conv1d(4, 4, 3, padding="same", padding_mode="circular"), X, 4 * 3 * 4 + 4, 20 * 3 * 4 * 4),
    (lambda: nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 6, 5)), X, 4 * 5 * 6 + 6 + 6, 16 * 5 * 4 * 6),
    (lambda: nn.Linear(7, 3), "f32[2, T, 7]", 7 * 3 + 3, 2 * 20 * 7 * 3),
    # steps x (gates x hidden) x (in + hidden), for each direction
    (lambda: nn.LSTM(5, 3, batch_first=True), "f32[2, T, 5]", 12 * (5 + 3) + 24, 2 * 20 * 12 * (5 + 3)),
    (lambda: nn.LSTM(5, 3, bidirectional=True), "f32[T, 2, 5]", 2 * (12 * 8 + 24), 2 * 40 * 12 * 8),
    (lambda: nn.LSTM(5, 3, 2), "f32[T, 1, 5]", 12 * 8 + 24 + 12 * 6 + 24, 20 * 12 * (8 + 6)),
    (lambda: nn.GRU(5, 3), "f32[T, 2, 5]", 9 * 8 + 18, 40 * 9 * 8),
    (lambda: nn.LSTMCell(5, 3), "f32[T, 5]", 12 * 8 + 24, 20 * 12 * 8),
    (lambda: nn.Sequential(nn.ReLU(), nn.BatchNorm1d(4), nn.AvgPool1d(2)), X, 8, 0),
    (lambda: Of(lambda _, x: x.transpose(1, 2) @ x), X, 0, 20 * 20 * 4),
    (lambda: Of(lambda _, x: torch.einsum("bct,bcs->bts", x, x)), X, 0, 20 * 20 * 4),
    (lambda: Of(lambda _, x: F.scaled_dot_product_attention(x, x, x)), "f32[1, 2, T, 4]", 0, 2 * 2 * 20 * 20 * 4),
    (lambda: Of(lambda layer, x: layer(layer(x)), nn.Linear(4, 4)), "f32[T, 4]", 20, 2 * 20 * 16),
]


@pytest.mark.parametrize(("make", "spec", "parameters", "multiply_adds"), BY_HAND)
def test_by_hand(make, spec, parameters, multiply_adds):
    cost = cost_of(make(), spec, length=20)
    assert (cost.parameters, cost.multiply_adds, cost.unknown) == (parameters, multiply_adds, "")


class Packed(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 3, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths.cpu(), batch_first=True)
        return nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True)[0]


def test_packed_sequences_cost_what_they_hold():
    cost = cost_of(Packed(), "f32[2, T, 4]", "i64[2] = [T, T//2]", length=20)
    assert cost.multiply_adds == 2 * 12 * (4 + 3) * (20 + 10)


@pytest.mark.parametrize(
    ("make", "spec"),
    [
        (lambda: nn.Sequential(nn.Conv1d(4, 8, 3), nn.ConvTranspose1d(8, 6, 4, 2), nn.Conv1d(6, 6, 3, groups=3)), X),
        (lambda: nn.Sequential(nn.Conv2d(1, 4, 3, 2), nn.Conv2d(4, 2, (1, 5), dilation=2)), "f32[2, 1, 9, T]"),
        (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True), "f32[1, T, 8]"),
        (lambda: Of(lambda layer, x: layer(x, x, x)[0], nn.MultiheadAttention(8, 2)), "f32[T, 1, 8]"),
        (lambda: Of(lambda _, x: torch.baddbmm(x, x @ x.mT, x)), "f32[2, T, 8]"),
    ],
)  # fmt: skip
def test_beside_the_count_of_an_execution(make, spec):
    module = make().eval()
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        module(examples_at(spec, 33))
    assert counter.get_total_flops() > 0
    assert cost_of(module, spec, length=33).multiply_adds == counter.get_total_flops() // 2


@pytest.fixture(autouse=True)
def _counted():
    """The fast path of attention in evaluation mode is one operation, which the counter does not know."""
    torch.backends.mha.set_fastpath_enabled(False)
    yield
    torch.backends.mha.set_fastpath_enabled(True)


def test_layers_and_the_module_itself():
    module = nn.Sequential(nn.Conv1d(4, 4, 3), nn.ReLU(), nn.Conv1d(4, 2, 3))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    cost = cost_of(module, X, length=12)
    assert cost.layers == {"0": 10 * 3 * 16, "2": 8 * 3 * 8}
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert module.training


def draws(_, x):
    return x @ x.mT if bool(torch.rand(()) < 0.5) else x @ x.mT @ x


@pytest.mark.parametrize(
    ("module", "unknown"),
    [
        (nn.Conv1d(4, 2, 30), "the module does not run at T = 20"),
        (Of(draws), "random draws decide what is computed"),
    ],
)
def test_what_is_not_known(module, unknown):
    parameters = sum(parameter.numel() for parameter in module.parameters())
    assert cost_of(module, X, length=20) == Cost(parameters, None, unknown=unknown)


def test_examples():
    inputs = ("f32[1, T]", ["i64[2, T]", "i64[2] = [T, T//2]"], {"mask": "b8[1, 2*T]", "c": "c64[T]"}, None, 3.5)
    numbers, (zeros, lengths), named, nothing, plain = examples_at(inputs, 5)
    assert (numbers.shape, numbers.dtype) == ((1, 5), torch.float32)
    assert numbers.abs().min() > 0
    assert (zeros.tolist(), lengths.tolist()) == ([[0] * 5] * 2, [5, 2])
    assert named["mask"].tolist() == [[False] * 10]
    assert (named["c"].dtype, nothing, plain) == (torch.complex64, None, 3.5)
    assert torch.equal(numbers, examples_at(inputs, 5)[0])
    assert not torch.equal(numbers, examples_at(inputs, 5, seed=1)[0])
    assert examples_at("f32[B, T]", {"B": 2, "T": 3}, device="meta").is_meta


@pytest.mark.parametrize(
    ("spec", "values", "said"),
    [
        ("f32[T - 9]", 3, "a size is negative"),
        ("f32[B, T]", {"T": 3}, "B has no value"),
        ("f32[4 // T]", 0, "it divides by 0"),
        ("f32[T", 3, "expected"),
    ],
)
def test_examples_that_cannot_be_made(spec, values, said):
    with pytest.raises(UsageError, match=said):
        examples_at(spec, values)
