"""Receptive fields of StyleTTS2's components beside the gradients of the published modules, element by element.

The published classes are built with few channels, which changes no place; that the built-in components in full size say
the same is a test of its own. Statistics of norms over the length are taken out, and what sees everything is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from shapecheck.cost import component_cost
from shapecheck.examples import examples_at
from shapecheck.model import built
from shapecheck.models import styletts2
from shapecheck.receptive import ReceptiveField, component_field, receptive_field
from tests.gradients import compare, without_statistics

from .published import _quiet, published

MEL, IMAGE, WAVE = "f32[1, 80, T]", "f32[1, 1, 80, T]", "f32[1, 1, N]"
FLOAT = torch.float32  # the published pitch extractor asks for it
DECODER = ("f32[1, 512, c]", "f32[1, 2*c]", "f32[1, 2*c]", "f32[1, 4]")


@pytest.fixture(autouse=True)
def _steady() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]), on_a_cpu(), _quiet():
        torch.manual_seed(1)
        yield


@contextmanager
def on_a_cpu() -> Iterator[None]:
    """The published discriminators ask for the number of a GPU."""
    with mock.patch.object(Tensor, "get_device", lambda tensor: tensor.device):
        yield


def eager(make: Callable[[], nn.Module], dtype: torch.dtype = torch.float64) -> nn.Module:
    """A module of its own, ready for gradients of its inputs only."""
    return without_statistics(make()).to(dtype).eval().requires_grad_(False)


class Voice(nn.Module):
    """In place of the harmonic source, whose phase is a sum over all that was: what is left, sample by sample."""

    def __init__(self, source: Any) -> None:
        super().__init__()
        self.l_linear = source.l_linear

    def forward(self, f0: Tensor) -> tuple[Tensor, None, None]:
        return torch.tanh(self.l_linear(f0.expand(-1, -1, self.l_linear.in_features))), None, None


def style_encoder() -> nn.Module:
    return published().models.StyleEncoder(dim_in=4, style_dim=4, max_conv_dim=8)


def text_encoder() -> nn.Module:
    return published().models.TextEncoder(channels=8, kernel_size=5, depth=3, n_symbols=10)


def aligner() -> nn.Module:
    return published().asr.ASRCNN(input_dim=80, hidden_dim=16, n_token=10, token_embedding_dim=16)


def predictor() -> nn.Module:
    return published().models.ProsodyPredictor(style_dim=4, d_hid=8, nlayers=1)


class Narrow(nn.Module):
    """A generator of few channels behind a decoder that has 512 for it."""

    def __init__(self, generator: nn.Module, channels: int) -> None:
        super().__init__()
        self.narrower = nn.Conv1d(512, channels, 1)
        self.generator = generator

    def forward(self, x: Tensor, style: Tensor, f0: Tensor) -> Tensor:
        return self.generator(self.narrower(x), style, f0)


def decoder(kind: str) -> nn.Module:
    rates, kernels, more = ([10, 5, 3, 2], [20, 10, 6, 4], ()) if kind == "hifigan" else ([10, 6], [20, 12], (20, 5))
    package = getattr(published(), kind)
    generator = package.Generator(4, [3, 7, 11], rates, 32, [[1, 3, 5]] * 3, kernels, *more)
    module = package.Decoder(512, style_dim=4)
    module.generator = Narrow(generator, 32)
    return module


def spoken(kind: str) -> nn.Module:
    module: Any = eager(lambda: decoder(kind))
    generator = module.generator.generator
    generator.m_source = Voice(generator.m_source)
    return module


def test_style_encoder():
    assert compare(style_encoder(), IMAGE, length=310, before="shared.7", eager=eager(style_encoder), most=10) > 8


@pytest.mark.parametrize("period", [2, 3, 5, 7, 11])
def test_period_discriminators(period):
    def make() -> nn.Module:
        return published().discriminators.DiscriminatorP(period)

    assert compare(make(), WAVE, length=701, eager=eager(make), draws=1, most=3) > 18


@pytest.mark.parametrize("resolution", [(1024, 120, 600), (2048, 240, 1200), (512, 50, 240)])
def test_spectrogram_discriminators(resolution):
    def make() -> nn.Module:
        return published().discriminators.SpecDiscriminator(*resolution)

    assert compare(make(), WAVE, length=5000, eager=eager(make), draws=1, most=3) > 18


def test_discriminator_of_wavlm():
    def make() -> nn.Module:
        return published().discriminators.WavLMDiscriminator(slm_hidden=8, slm_layers=2, initial_channel=4)

    assert compare(make(), "f32[1, 16, F]", length=40, eager=eager(make)) > 12


@pytest.mark.parametrize("before", ["", "bilstm_classifier"])
def test_pitch_extractor(before):
    """Its features beside the classifier, and what goes into it."""

    def make() -> nn.Module:
        module = published().jdc.JDCNet(num_class=1, seq_len=192)
        return module if before else Features(module)

    assert compare(make(), IMAGE, length=45, before=before, eager=eager(make, FLOAT), dtype=FLOAT, draws=2, most=3) > 3


class Features(nn.Module):
    def __init__(self, pitch: Any) -> None:
        super().__init__()
        self.pitch = pitch

    def forward(self, x: Tensor) -> Any:
        return self.pitch(x)[1:]


def test_text_aligner():
    assert compare(aligner(), MEL, length=430, eager=eager(aligner), draws=2, most=12) > 8


def test_text_encoder():
    specs = ("i64[1, L]", "i64[1] = L", "b8[1, L]")
    found = compare(text_encoder(), *specs, length=40, before="lstm", leaf="embedding", eager=eager(text_encoder))
    assert found > 12


def test_pitch_and_energy():
    specs = ("f32[1, 12, c]", "f32[1, 4]")
    assert compare(predictor(), *specs, length=12, before="shared", method="F0Ntrain", eager=eager(predictor)) > 8


@pytest.mark.parametrize("kind", ["hifigan", "istftnet"])
def test_decoder(kind):
    assert compare(decoder(kind), *DECODER, length=41, eager=spoken(kind), draws=1, most=6) > 5


def test_features_of_wavlm():
    wavlm = pytest.importorskip("transformers").models.wavlm.modeling_wavlm
    config = pytest.importorskip("transformers").WavLMConfig(conv_dim=(8,) * 7)

    def make() -> nn.Module:
        return wavlm.WavLMFeatureEncoder(config)

    assert compare(make(), "f32[1, N]", length=3000, eager=eager(make), draws=1) > 12


# the components in full size ---------------------------------------------------------------------------------------


@cache
def said(config: str, name: str) -> ReceptiveField:
    component = next(entry for entry in styletts2.preset(config).components if entry.name == name)
    with component.surroundings():
        module = built(component.build)
    return component_field(component, module)


@pytest.mark.parametrize(
    ("name", "make", "specs"),
    [
        ("style_encoder", style_encoder, (IMAGE,)),
        ("pitch_extractor", lambda: published().jdc.JDCNet(num_class=1, seq_len=192), (IMAGE,)),
        ("text_encoder", text_encoder, ("i64[1, L]", "i64[1] = L", "b8[1, L]")),
        ("decoder", lambda: decoder("hifigan"), DECODER),
        ("mpd", lambda: published().discriminators.MultiPeriodDiscriminator(), (WAVE, WAVE)),
        ("msd", lambda: published().discriminators.MultiResSpecDiscriminator(), (WAVE, WAVE)),
    ],
    ids=str,
)
def test_components_say_what_the_published_modules_say(name, make, specs):
    with torch.device("cpu" if name == "msd" else "meta"):  # the published window is made by the constructor
        module = make()
    of_component, of_published = said("ft", name), receptive_field(module, *specs)
    assert of_component.is_known
    assert (of_component.size, of_component.length) == (of_published.size, of_published.length)


def test_a_window_without_values_counts_as_a_whole():
    with torch.device("meta"):
        module = published().discriminators.SpecDiscriminator(512, 50, 240)
    there = receptive_field(published().discriminators.SpecDiscriminator(512, 50, 240), WAVE)
    gone = receptive_field(module, WAVE)
    assert (gone.size, there.note) == ((there.size or 0) + 1, "")
    assert gone.note == "all of the window of stft is counted: it has no values on the meta device"


@pytest.mark.parametrize(
    ("config", "name", "before", "whole_by"),
    [
        ("ft", "style_encoder", "AdaptiveAvgPool2d shared.7", "AdaptiveAvgPool2d shared.7"),
        ("ft", "text_encoder", "LSTM lstm", "LSTM lstm"),
        ("ft", "pitch_extractor", "", "LSTM bilstm_classifier"),
        ("ft", "predictor.F0Ntrain", "LSTM shared", "LSTM shared"),
        ("ft", "text_aligner", "", "GroupNorm cnns.0.0.blocks.0.2"),
        ("ft", "decoder", "", "InstanceNorm1d encode.norm1.norm"),
        ("ljspeech", "decoder", "", "InstanceNorm1d encode.norm1.norm"),
        ("ft", "mpd", "", ""),
        ("ft", "msd", "", ""),
        ("ft", "wd", "", ""),
    ],
)
def test_what_sees_everything(config, name, before, whole_by):
    field = said(config, name)
    assert (field.before, field.whole_by) == (before, whole_by)
    assert field.size


@pytest.mark.parametrize(
    "name", ["style_encoder", "predictor.F0Ntrain", "decoder", "pitch_extractor", "mpd", "wd", "slm"]
)
def test_costs_are_what_the_counter_of_torch_counts(name):
    component = next(entry for entry in styletts2.preset("ft").components if entry.name == name)
    length = 1000 if name in ("mpd", "slm") else 70
    with component.surroundings():
        module = built(component.build).eval()
        args, kwargs = examples_at((component.inputs, dict(component.keyword_inputs)), length, device="meta")
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            getattr(module, component.method)(*args, **kwargs)
    cost = component_cost(component, module, length)
    assert cost.multiply_adds == counter.get_total_flops() // 2
    assert cost.parameters == sum(parameter.numel() for parameter in module.parameters())
    assert sum(cost.layers.values()) == cost.multiply_adds


@pytest.mark.parametrize(("config", "name"), [("ft", "text_encoder"), ("ft", "predictor"), ("ljspeech", "decoder")])
def test_costs_where_the_counter_of_torch_needs_data(config, name):
    component = next(entry for entry in styletts2.preset(config).components if entry.name == name)
    with component.surroundings():
        module = built(component.build)
    once, twice, thrice = (component_cost(component, module, length).multiply_adds or 0 for length in (20, 40, 60))
    assert twice - once == thrice - twice  # without attention each step costs the same
    assert twice > once > 0
