"""The published modules, executed eagerly at one length: the oracle of the verdicts. Nothing here uses the engine.

For WavLM nothing is published: what is executed is the class of `transformers` that the built-in component is, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from unittest import mock

import torch
from torch import Size, Tensor, nn
from torch.nn.modules.conv import _ConvNd

from shapecheck import Component
from shapecheck.models import styletts2

from .published import build_published

SLM = "slm"
ENCODER_TWICE = "predictor_encoder"  # a style_encoder

_DTYPES = {"f32": torch.float32, "i64": torch.int64, "b8": torch.bool}
_istft = torch.istft


@dataclass(frozen=True, slots=True)
class Case:
    """A component of a configuration."""

    config: str
    name: str

    def __str__(self) -> str:
        return f"{self.config}-{self.name}"


# Each module once: every other component is one of these in all sizes and inputs, which a test shows.
CASES = (
    *(Case("ft", component.name) for component in styletts2.preset("ft").components if component.name != ENCODER_TWICE),
    Case("ljspeech", "decoder"),
    Case("ljspeech", "diffusion"),
)


@cache
def component(case: Case) -> Component:
    """As it is built in: its inputs, method and variable, and how it is built."""
    return next(entry for entry in styletts2.preset(case.config).components if entry.name == case.name)


@cache
def built_in(case: Case) -> nn.Module:
    """The built-in module on meta, in eval mode."""
    with torch.device("meta"):
        return component(case).build().eval()


@cache
def executed(case: Case, device: str) -> nn.Module:
    """The module that is executed, in eval mode; the entry points of the predictor share one."""
    if case.name != SLM:
        return build_published(case.config, device)[case.name.split(".")[0]]
    with torch.device(device), torch.random.fork_rng(devices=[]):
        return component(case).build().eval()


def convolutions(module: nn.Module) -> dict[str, _ConvNd]:
    return {name: layer for name, layer in module.named_modules() if isinstance(layer, _ConvNd)}


@dataclass(slots=True)
class Call:
    """What one call of a layer got, and what it gave back; None where it raised."""

    input: Size
    output: Size | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    """One eager run: the error with its type, "" where there is none; the innermost module in it; the convs' calls."""

    error: str
    raised_in: str
    calls: dict[str, list[Call]] = field(compare=False)

    @property
    def runs(self) -> bool:
        return not self.error


@cache
def execute(case: Case, length: int, device: str) -> Execution:
    """Run a case at a length, in eval mode and without gradients; outcomes are kept, a second time costs nothing."""
    module, entry = executed(case, device), component(case)
    with torch.no_grad(), torch.random.fork_rng(devices=[]), standing_in(device), _watched(module) as (entered, calls):
        torch.manual_seed(length)
        inputs = [value_of(spec, entry.variable, length, device) for spec in entry.inputs]
        named = {key: value_of(spec, entry.variable, length, device) for key, spec in entry.keyword_inputs.items()}
        try:
            getattr(module, entry.method)(*inputs, **named)
        except NotImplementedError:  # what meta cannot do says nothing of the module
            raise
        except (RuntimeError, ValueError, IndexError, AssertionError) as error:  # others are mistakes of the test
            return Execution(f"{type(error).__name__}: {error}", entered[-1] if entered else "", calls)
        return Execution("", "", calls)


def value_of(spec: Any, variable: str, length: int, device: str) -> Any:
    """A tensor of a spec at one length, by Python's own arithmetic: random numbers, or zeros in integers and masks."""
    if not isinstance(spec, str):
        return spec
    dtype, rest = spec.split("[", 1)
    sizes, _, filled = rest.partition("]")
    shape = [eval(size, {}, {variable: length}) for size in sizes.split(",")]
    if dtype == "f32":
        return torch.randn(shape, device=device)
    fill = eval(filled.strip(" =") or "0", {}, {variable: length})
    return torch.full(shape, fill, dtype=_DTYPES[dtype], device=device)


@contextmanager
def standing_in(device: str) -> Iterator[None]:
    """What a machine without a GPU, or a tensor without data, lacks. The published sources stay as they are."""
    with ExitStack() as stack:
        # on a CPU it is -1, and `window.to(-1)` raises
        stack.enter_context(mock.patch.object(Tensor, "get_device", lambda tensor: tensor.device))
        if device == "meta":
            stack.enter_context(mock.patch.object(torch, "istft", _istft_of_no_data))
        yield


def _istft_of_no_data(spectrum: Tensor, *args: Any, window: Tensor, **options: Any) -> Tensor:
    """It reads its window, which has no numbers on meta: computed of zeros on the CPU, with that window as it is."""
    zeros = torch.zeros(spectrum.shape, dtype=spectrum.dtype)
    return _istft(zeros, *args, window=torch.hann_window(len(window)), **options).to("meta")


@contextmanager
def _watched(module: nn.Module) -> Iterator[tuple[list[str], dict[str, list[Call]]]]:
    """The names of the modules that are being called, outermost first, and all calls of convs by the conv's name."""
    entered: list[str] = []
    calls: dict[str, list[Call]] = {}
    with ExitStack() as stack:
        for name, layer in module.named_modules():
            conv = isinstance(layer, _ConvNd)

            def before(_: nn.Module, args: Any, name: str = name, conv: bool = conv) -> None:
                entered.append(name)
                if conv:
                    calls.setdefault(name, []).append(Call(args[0].shape))

            def after(_: nn.Module, args: Any, output: Any, name: str = name, conv: bool = conv) -> None:
                entered.pop()
                if conv:
                    calls[name][-1].output = output.shape

            # before the hooks of weight_norm and spectral_norm: what they raise belongs to the layer, too
            stack.callback(layer.register_forward_pre_hook(before, prepend=True).remove)
            stack.callback(layer.register_forward_hook(after).remove)
        yield entered, calls
