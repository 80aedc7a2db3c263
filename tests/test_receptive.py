"""Receptive fields beside the gradients of eager modules, element by element; and what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from shapecheck import UsageError
from shapecheck.receptive import ReceptiveField, receptive_field
from tests.gradients import compare

X = "f32[1, 4, T]"
IMAGE = "f32[1, 2, 6, T]"


class Of(nn.Module):
    """A function of tensors as a module, with layers that it calls."""

    def __init__(self, function: Callable[..., Any], **layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, *inputs: Tensor) -> Any:
        layers = list(self.children())
        return self.function(*layers, *inputs)


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def of(function: Callable[..., Any], *layers: nn.Module) -> Of:
    return Of(function, **{f"layer_{number}": layer for number, layer in enumerate(layers)})


CONVOLUTIONS = [
    lambda: nn.Conv1d(4, 3, 5),
    lambda: nn.Conv1d(4, 3, 5, padding=2),
    lambda: nn.Conv1d(4, 3, 4, padding="same"),
    lambda: nn.Conv1d(4, 3, 4, padding="same", dilation=3),
    lambda: nn.Conv1d(4, 3, 3, stride=2, dilation=4, padding=3),
    lambda: nn.Conv1d(4, 4, 3, stride=5, groups=2),
    lambda: nn.Conv1d(4, 3, 7, padding=3, padding_mode="reflect"),
    lambda: nn.Conv1d(4, 3, 7, padding=3, padding_mode="replicate"),
    lambda: nn.Conv1d(4, 3, 7, padding=3, padding_mode="circular"),
    lambda: nn.Conv1d(4, 3, 2, padding="same", padding_mode="reflect"),
    lambda: nn.ConvTranspose1d(4, 3, 4, stride=2, padding=1),
    lambda: nn.ConvTranspose1d(4, 3, 3, stride=5),  # some see nothing
    lambda: nn.ConvTranspose1d(4, 3, 7, stride=3, padding=2, output_padding=1),
    lambda: nn.ConvTranspose1d(4, 4, 3, stride=2, dilation=3, padding=7, output_padding=1, groups=4),
    lambda: nn.Sequential(nn.ConvTranspose1d(4, 3, 4, stride=3), nn.Conv1d(3, 2, 5, stride=2)),
    lambda: nn.AvgPool1d(3, 2, padding=1),
    lambda: nn.AvgPool1d(4, ceil_mode=True),
    lambda: nn.MaxPool1d(3, 2, padding=1, dilation=2, ceil_mode=True),
    lambda: nn.Sequential(nn.ReflectionPad1d((3, 1)), nn.Conv1d(4, 2, 3)),
    lambda: nn.Sequential(nn.ReplicationPad1d(2), nn.Conv1d(4, 2, 3)),
    lambda: nn.Sequential(nn.ZeroPad1d((5, -3)), nn.Conv1d(4, 2, 3)),
    lambda: nn.Sequential(nn.ConstantPad1d(2, 1.0), nn.Conv1d(4, 2, 2)),
    lambda: nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv1d(4, 2, 3)),
    lambda: nn.Sequential(nn.Conv1d(4, 2, 3), nn.Upsample(scale_factor=3, mode="linear")),
    lambda: nn.Upsample(scale_factor=2.5, mode="linear", align_corners=True),
    lambda: nn.Upsample(scale_factor=0.4, mode="linear"),
    lambda: nn.Upsample(scale_factor=0.3),
    lambda: nn.Upsample(size=31, mode="nearest-exact"),
    lambda: nn.Sequential(nn.LeakyReLU(0.2), nn.Conv1d(4, 4, 3), nn.BatchNorm1d(4), nn.GELU(), nn.Dropout(0.5)),
    lambda: nn.Sequential(nn.Conv1d(4, 4, 3), nn.InstanceNorm1d(4, affine=True), nn.Conv1d(4, 2, 3, stride=2)),
    lambda: nn.Sequential(nn.Conv1d(4, 4, 3), nn.GroupNorm(2, 4), nn.ELU(inplace=True), nn.Conv1d(4, 2, 3)),
    lambda: nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 2, 3, stride=2)),
    lambda: nn.GLU(1),
    lambda: nn.PReLU(4),
    lambda: nn.Softmax(1),
]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("make", CONVOLUTIONS)
def test_layers(make):
    assert compare(make(), X, length=29, draws=12, most=24) > 8


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Conv2d(2, 3, (3, 5), stride=(1, 2), padding=(1, 2)),
        lambda: nn.Conv2d(2, 3, (3, 5), padding=(4, 0)),  # rows of which all is padding
        lambda: nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"),
        lambda: nn.Conv2d(2, 2, 3, padding=(0, 1), padding_mode="circular", groups=2),
        lambda: nn.ConvTranspose2d(2, 3, (3, 4), stride=(2, 3), padding=1, output_padding=(1, 0)),
        lambda: nn.MaxPool2d((2, 3), (1, 2)),
        lambda: nn.AvgPool2d((6, 1)),
        lambda: nn.AdaptiveAvgPool2d((2, None)),
        lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.MaxPool2d(2, ceil_mode=True)),
        lambda: nn.Sequential(nn.Upsample(scale_factor=(2, 3), mode="bilinear"), nn.Conv2d(2, 1, 3)),
        lambda: nn.Sequential(nn.Flatten(2), nn.Conv1d(2, 2, 3)),
        lambda: nn.Dropout2d(0.3),
    ],
)
def test_layers_of_images(make):
    module = make()
    maximum = any(isinstance(layer, nn.MaxPool2d) for layer in module.modules())
    assert compare(module, IMAGE, length=23, draws=80 if maximum else 4, most=24) > 8


def conv(channels: int = 4, out: int = 4, kernel_size: int = 3, **settings: Any) -> nn.Conv1d:
    return nn.Conv1d(channels, out, kernel_size, **settings)


FUNCTIONS = [
    ("skip", lambda: of(lambda a, b, x: a(x) + b(x)[..., 1:], conv(), conv(kernel_size=2))),
    ("cat", lambda: of(lambda a, b, x: b(torch.cat([a(x), x[:, :, :-4]], 1)), conv(kernel_size=5), conv(8))),
    ("cat along", lambda: of(lambda a, x: torch.cat([a(x), x, torch.ones(1, 4, 2)], -1), conv())),
    ("halves", lambda: of(lambda a, x: a(x.chunk(2, 1)[1]), conv(2))),
    ("split", lambda: of(lambda a, x: [a(part) for part in x.split([2, 2], dim=1)][1:], conv(2))),
    ("slice", lambda: of(lambda a, x: a(x[..., 3::2])[:, 1], conv())),
    ("flip", lambda: of(lambda a, x: a(x.flip(-1)), conv())),
    ("roll", lambda: of(lambda a, x: a(x.roll(3, -1)), conv())),
    ("fold", lambda: of(lambda a, x: a(x[..., :28].reshape(1, 4, 7, 4)), nn.Conv2d(4, 2, (3, 1)))),
    ("flat", lambda: of(lambda x: x[:, :, :28].view(1, 4, 7, 4).mean(3))),
    ("stack", lambda: of(lambda a, x: a(torch.stack([x, x.flip(2)], 2)), nn.Conv2d(4, 2, (1, 3)))),
    ("transposed", lambda: of(lambda a, x: a(x.transpose(1, 2)).transpose(1, 2)[:, :2], nn.Linear(4, 3))),
    ("layer norm", lambda: of(lambda a, b, x: a(b(x).transpose(1, 2)), nn.LayerNorm(4), conv(stride=2))),
    ("expand", lambda: of(lambda a, x: a(x).mean(1, keepdim=True).expand(-1, 3, -1) * 2, conv())),
    ("windows", lambda: of(lambda x: x.unfold(-1, 5, 3).mean(-1))),
    ("maximum", lambda: of(lambda a, x: torch.maximum(a(x), x[..., 2:]), conv())),
    ("channels", lambda: of(lambda a, x: a(x).amax(1), conv())),
    ("softmax", lambda: of(lambda a, x: a(x).softmax(1)[:, 0], conv())),
    ("normalize", lambda: of(lambda a, x: F.normalize(a(x), dim=1), conv())),
    ("einsum", lambda: of(lambda a, b, x: torch.einsum("bct,oc->bto", a(x), b.weight), conv(), nn.Linear(4, 2))),
    ("matmul", lambda: of(lambda a, b, x: b.weight @ a(x), conv(), nn.Linear(4, 2))),
    ("bmm", lambda: of(lambda a, b, x: torch.bmm(b.weight[None], a(x)), conv(), nn.Linear(4, 2))),
    ("pad", lambda: of(lambda a, x: a(F.pad(x, (2, 5), "reflect")), conv())),
    ("pad more", lambda: of(lambda a, x: a(F.pad(x, (2, -5, 1, -1))), conv())),
    ("circular", lambda: of(lambda a, x: a(F.pad(x, (3, 4), "circular")), conv())),
    ("repeat", lambda: of(lambda a, x: a(x.repeat_interleave(3, -1)), conv(kernel_size=2))),
    ("tile", lambda: of(lambda a, x: a(x).repeat(1, 2, 1)[:, 5], conv())),
    ("shuffle", lambda: of(lambda a, x: F.pixel_shuffle(a(x)[:, :, None].expand(-1, -1, 2, -1), 2), conv())),
    ("cast", lambda: of(lambda a, x: a(x).type(x.dtype).to(torch.float64).to(x.dtype) * 2, conv())),
    ("in place", lambda: of(lambda a, x: a(x).mul_(2).add_(x[..., :-2]), conv())),
    ("written", lambda: of(lambda a, b, x: b(write(a(x), x)), conv(), conv())),
    ("zeros", lambda: of(lambda a, x: a(fill(torch.zeros(1, 4, x.shape[-1] + 3), x)), conv())),
    ("index", lambda: of(lambda a, x: a(x)[:, torch.tensor([2, 0]), 1:], conv())),
    ("index_select", lambda: of(lambda a, x: a(x).index_select(2, torch.arange(5, 9)), conv())),
    ("where", lambda: of(lambda a, x: torch.where(a(x) > 0, a(x), x[..., :-2]), conv())),
    ("lower", lambda: of(lambda x: x.transpose(1, 2).tril().transpose(1, 2) * 1.0)),
    ("interpolate", lambda: of(lambda a, x: F.interpolate(a(x), scale_factor=1.5, mode="linear"), conv())),
    ("stft", lambda: of(lambda x: spectrum(x, 8, 3, 6, torch.hann_window(6)))),
    ("stft plain", lambda: of(lambda x: spectrum(x, 8, 2, 8, torch.ones(8), center=False))),
    ("istft", lambda: of(lambda a, x: waves(a(x), 8, 2, 8, torch.hamming_window(8)), conv(out=10))),
    ("istft hann", lambda: of(lambda a, x: waves(a(x), 8, 2, 8, torch.hann_window(8)), conv(out=10))),
    ("istft short", lambda: of(lambda a, x: waves(a(x), 8, 3, 6, torch.hann_window(6)), conv(out=10))),
    ("batches", lambda: of(lambda a, x: a(x.view(4, 1, -1)).view(1, 4, -1), nn.Conv1d(1, 1, 3))),
    ("lstm of batches", lambda: of(lambda a, x: a(x.permute(2, 1, 0))[0], nn.LSTM(1, 3, batch_first=True))),
    ("norm over windows", lambda: of(lambda a, x: a(x.unfold(-1, 4, 2)), nn.LayerNorm(4))),
]  # fmt: skip


def write(x: Tensor, y: Tensor) -> Tensor:
    x[:, 1, 2:5] = y[:, 0, 20:23]
    x[:, 2] = 0
    return x


def spectrum(x: Tensor, n_fft: int, hop: int, size: int, window: Tensor, **named: Any) -> Tensor:
    return torch.stft(x[0], n_fft, hop, size, window=window.to(x.dtype), return_complex=True, **named).abs()


def waves(x: Tensor, n_fft: int, hop: int, size: int, window: Tensor) -> Tensor:
    return torch.istft(torch.complex(x[:, :5], x[:, 5:]), n_fft, hop, size, window=window.to(x.dtype))


def fill(x: Tensor, y: Tensor) -> Tensor:
    x = x.to(y.dtype)
    x[..., : y.shape[-1]] = y
    return x


@pytest.mark.parametrize(("name", "make"), FUNCTIONS, ids=[name for name, _ in FUNCTIONS])
def test_functions(name, make):
    del name
    assert compare(make(), X, length=29, draws=8, most=20) > 5


@st.composite
def stacks(draw: st.DrawFn) -> nn.Module:
    """Layers over [1, 4, T], with skip connections."""
    layers: list[nn.Module] = []
    for _ in range(draw(st.integers(1, 4))):
        kernel = draw(st.integers(1, 5))
        stride = draw(st.integers(1, 3))
        dilation = draw(st.integers(1, 3))
        padding = draw(st.integers(0, 3))
        mode: Any = draw(st.sampled_from(["zeros", "reflect", "replicate"]))
        layers.append(
            draw(
                st.sampled_from(
                    [
                        nn.Conv1d(4, 4, kernel, stride, padding, dilation, padding_mode=mode),
                        nn.Conv1d(4, 4, kernel, stride, padding, dilation, groups=2),
                        nn.ConvTranspose1d(4, 4, kernel, stride, min(padding, kernel // 2), dilation=dilation),
                        nn.AvgPool1d(kernel, stride, min(padding, kernel // 2), ceil_mode=padding == 1),
                        nn.Upsample(scale_factor=stride, mode="nearest"),
                        nn.Upsample(scale_factor=kernel / 2, mode="linear"),
                        nn.InstanceNorm1d(4),
                        of(lambda a, x: torch.cat([a(x), x], 1)[:, ::2], nn.Conv1d(4, 4, 3, padding=1)),
                        of(lambda a, x: a(x) + x, nn.Conv1d(4, 4, 5, padding=2)),
                        of(lambda a, x: a(x).flip(-1), nn.Conv1d(4, 4, 1)),
                    ]
                )
            )
        )
    return nn.Sequential(*layers)


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(stacks(), st.integers(30, 41))
def test_stacks_of_layers(module, length):
    with torch.no_grad():
        try:
            module(torch.zeros(1, 4, length))
        except (RuntimeError, ValueError):
            return
    compare(module, X, length=length, draws=2, most=8)


def sevens(layer: nn.Module, x: Tensor) -> Tensor:
    if x.shape[-1] % 7:
        raise ValueError("whole weeks only")
    return layer(x)


def short(layer: nn.Module, x: Tensor) -> Tensor:
    if x.shape[-1] > 70:
        raise ValueError("too long")
    return layer(x)


def squeezed(before: nn.Module, after: nn.Module, x: Tensor) -> Tensor:
    x = before(x)
    return after(x * x.mean(-1, keepdim=True).sigmoid())


def through_a_view(layer: nn.Module, x: Tensor) -> Tensor:
    y = layer(x)
    y[:, 0, 5:].mul_(x[:, 0, :-7])
    return y


def through_a_buffer(layer: nn.Module, x: Tensor) -> Tensor:
    buffer = torch.zeros(4, 3)
    buffer[:, 0] = layer(x)[0, :, 5]
    return x[..., :3] + buffer


def through_a_sort(x: Tensor) -> Tensor:
    return x[:, 0].sort(-1).values


GROWS = "it grows with the input, and what sees all of it was not found"
SHARED = "mul_, which writes to memory that other tensors are in"


def said(
    size: int | None, before: str = "", whole_by: str = "", unknown: str = "", *, length: int = 64
) -> ReceptiveField:
    return ReceptiveField(size, before, whole_by, unknown, length)


def both(size: int, what: str) -> ReceptiveField:
    """What stands in front of something that sees everything."""
    return said(size, what, what)


FIELDS = [
    (lambda: conv(dilation=2, kernel_size=5), said(9)),
    (lambda: nn.Identity(), said(1)),
    (lambda: of(lambda x: torch.zeros_like(x)), said(0)),
    (lambda: nn.Sequential(conv(kernel_size=33), conv(kernel_size=2)), said(34, length=256)),
    (lambda: nn.Sequential(conv(), nn.InstanceNorm1d(4), conv()), said(5, "", "InstanceNorm1d 1")),
    (lambda: nn.Sequential(conv(), nn.GroupNorm(2, 4), conv()), said(5, "", "GroupNorm 1")),
    (lambda: nn.Sequential(conv(), nn.AdaptiveAvgPool1d(3)), both(3, "AdaptiveAvgPool1d 1")),
    (lambda: of(lambda x: F.adaptive_avg_pool1d(x, x.shape[-1] // 2)), said(2)),
    (lambda: nn.Sequential(nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(4, 2)), both(1, "AdaptiveMaxPool1d 0")),
    (lambda: of(lambda x: x.reshape(1, 4, 8, -1).mean(-1)), said(None, unknown=GROWS, length=262144)),
    (lambda: of(squeezed, conv(), conv()), said(5, "", "mean")),
    (lambda: of(lambda a, b, x: b(a(x).mT)[0], conv(), nn.GRU(4, 2, batch_first=True)), both(3, "GRU layer_1")),
    (lambda: of(lambda a, x: a(x).cumsum(-1), conv()), both(3, "cumsum")),
    (lambda: of(lambda a, x: a(x).transpose(1, 2) @ x, conv()), both(3, "matmul")),
    (
        lambda: of(lambda a, x: a(*[x.permute(2, 0, 1)] * 3)[0], nn.MultiheadAttention(4, 2)),
        both(1, "MultiheadAttention layer_0"),
    ),
    (
        lambda: of(lambda a, x: a(*[x.mT] * 3)[0], nn.MultiheadAttention(4, 2, batch_first=True)),
        both(1, "MultiheadAttention layer_0"),
    ),
    (lambda: of(through_a_sort), both(1, "sort")),
    (lambda: of(lambda x: x + x.flip(-1)), both(1, "add")),
    (lambda: of(sevens, conv()), said(3, length=70)),
    (lambda: of(short, conv()), said(None, unknown="too few lengths run to tell", length=0)),
    (lambda: conv(padding=1, padding_mode="circular"), said(None, "", "Conv1d", length=262144)),
    (lambda: of(through_a_view, conv()), said(None, unknown=SHARED)),
    (lambda: of(through_a_buffer, conv()), said(None, unknown="__setitem__, which writes to a buffer")),
    (lambda: of(lambda a, x: F.conv1d(x, a(x)[..., :3].repeat(4, 1, 1)), conv()), said(None, unknown="Conv1d")),
    (lambda: nn.Sequential(conv(), nn.LocalResponseNorm(2)), said(None, unknown="LocalResponseNorm 1")),
    (lambda: of(lambda x: F.interpolate(x, scale_factor=2, mode="area")), said(None, unknown="interpolate")),
]


@pytest.mark.parametrize(("make", "field"), FIELDS)
def test_what_is_said(make, field):
    assert receptive_field(make(), X) == field


@pytest.mark.parametrize(
    ("make", "size"),
    [
        (lambda: conv(kernel_size=3, dilation=1500, padding=1500), 3001),
        (lambda: nn.Sequential(conv(kernel_size=4, stride=4), conv(dilation=900, padding=900)), 4 * 2 * 900 + 4),
        (lambda: of(lambda x: x + F.pad(x, (3000, 0))[..., : x.shape[-1]]), 3001),
    ],
)
def test_what_comes_together_in_long_inputs_only(make, size):
    """Its gradient, between two places of an input that is long enough."""
    module = make().eval()
    found = receptive_field(module, X)
    assert found.size == size
    x = torch.randn(1, 4, 3 * size).requires_grad_()
    output = module(x)
    (gradient,) = torch.autograd.grad(output[0, 0, output.shape[-1] // 2], x)
    places = gradient.abs().sum((0, 1)).nonzero()
    assert int(places.max() - places.min()) + 1 == size


SEEN = [(make, field) for make, field in FIELDS if field.whole_by and field.whole_by != "AdaptiveAvgPool1d 1"]


@pytest.mark.parametrize(("make", "field"), SEEN, ids=[field.whole_by for _, field in SEEN])
def test_what_sees_everything_does(make, field):
    """With the statistics, and past what the field stops at: some element depends on the first and the last step."""
    module = make().double().eval()
    seen = torch.zeros(0)
    for draw in range(60 if field.whole_by.startswith(("sort", "AdaptiveMax")) else 1):
        x = torch.randn(1, 4, 12, generator=torch.Generator().manual_seed(draw), dtype=torch.float64).requires_grad_()
        output = module(x).flatten()
        gradients = [torch.autograd.grad(element, x, retain_graph=True)[0] for element in output]
        spans = torch.stack([gradient.abs().sum((0, 1)) for gradient in gradients])
        seen = spans if not len(seen) else seen + spans
    assert bool(((seen[:, 0] > 0) & (seen[:, -1] > 0)).any())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_is_executed_as_a_whole_is_not_known():
    module = nn.Sequential(conv(), torch.jit.script(conv()))
    assert receptive_field(module, X).unknown


def test_an_operation_that_is_not_known_beside_what_is_seen_anyway():
    """Behind what sees everything, nothing more needs to be known."""
    module = nn.Sequential(nn.AdaptiveAvgPool1d(8), nn.LocalResponseNorm(2))
    pool = "AdaptiveAvgPool1d 0"
    assert receptive_field(module, X) == ReceptiveField(1, pool, pool, length=64)


def test_inputs_of_different_pace_count_in_steps_of_the_variable():
    module = of(lambda a, b, x, y: a(x) + b(y), conv(padding=1), conv(kernel_size=6, stride=2, padding=2))
    compare(module, X, "f32[1, 4, 2*T]", length=21)
    assert receptive_field(module, X, "f32[1, 4, 2*T]").size == 3
    halves = of(lambda a, x: a(x), conv(kernel_size=2))
    compare(halves, "f32[1, 4, T//2]", length=20)
    assert receptive_field(halves, "f32[1, 4, T//2]").size == 4


def test_methods_keywords_and_modes():
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(4)
            self.layer = conv()

        def encode(self, x: Tensor, *, scale: float) -> Tensor:
            return self.layer(self.norm(x)) * scale

    module = Two().train()
    threads = torch.get_num_threads()
    assert receptive_field(module, X, method="encode", scale=2.0) == ReceptiveField(3, length=64)
    assert (module.training, torch.get_num_threads()) == (True, threads)


def test_wrong_inputs_are_refused():
    with pytest.raises(UsageError, match="no method 'encode'"):
        receptive_field(conv(), X, method="encode")
