"""Encoders, prosody predictor and decoders against the published modules: keys, numbers, and what they refuse."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from shapecheck.models.styletts2 import hifigan, istftnet
from shapecheck.models.styletts2.construction import construct
from shapecheck.models.styletts2.decoder import Decoder
from shapecheck.models.styletts2.encoders import StyleEncoder, TextEncoder
from shapecheck.models.styletts2.prosody import ProsodyPredictor

from .published import CONFIGS, build_published, model_params

COMPONENTS = ("text_encoder", "style_encoder", "predictor_encoder", "predictor", "decoder")
DISTINCT = ("ft", "ljspeech")  # libritts has the shapes of ft in all of these modules
TOLERANCE = 1e-5


def _ours(config: str, name: str) -> nn.Module:
    """Our module of a component, with the arguments of a published configuration, on torch's default device."""
    params = model_params(config)
    style_dim, hidden_dim = params["style_dim"], params["hidden_dim"]
    if name == "text_encoder":
        return TextEncoder(hidden_dim, 5, params["n_layer"], params["n_token"])
    if name == "predictor":
        return ProsodyPredictor(style_dim, hidden_dim, params["n_layer"], params["max_dur"], params["dropout"])
    if name == "decoder":
        decoder = dict(params["decoder"])
        generators = {"hifigan": hifigan.Generator, "istftnet": istftnet.Generator}
        generator = generators[decoder.pop("type")](style_dim, **decoder)
        return Decoder(generator, hidden_dim, style_dim)
    return StyleEncoder(params["dim_in"], style_dim, hidden_dim)


@cache
def _pair(config: str, name: str) -> tuple[nn.Module, nn.Module]:
    """(published, ours) in eval mode; ours is made on meta and takes over the published tensors themselves."""
    theirs = build_published(config)[name]
    with torch.device("meta"):
        ours = construct(lambda: _ours(config, name))
    ours.load_state_dict(theirs.state_dict(), strict=True, assign=True)
    return theirs, ours.eval()


def _inputs(name: str, length: int, batch: int = 2) -> tuple[Any, ...]:
    """Seeded arguments at a length; a second text of a batch is one token shorter where it can be."""
    torch.manual_seed(length)
    style = torch.randn(batch, 128)
    if name in ("style_encoder", "predictor_encoder"):
        return (torch.randn(batch, 1, 80, length),)
    if name == "F0Ntrain":
        return torch.randn(batch, 640, length), style
    if name == "decoder":
        pitch = torch.rand(batch, 2 * length) * 200  # Hz; below 10 is unvoiced
        pitch[:, ::3] = 0
        return torch.randn(batch, 512, length), pitch, torch.randn(batch, 2 * length), style
    lengths = torch.tensor([max(length - row, min(length, 1)) for row in range(batch)])
    mask = torch.arange(length) >= lengths.unsqueeze(1)
    if name == "text_encoder":
        return torch.randint(178, (batch, length)), lengths, mask
    alignment = torch.randint(2, (batch, length, 2 * length + 1)).float()
    return torch.randn(batch, 512, length), style, lengths, alignment, mask


@dataclass(frozen=True, slots=True)
class _Outcome:
    error: str | None  # type and message of the exception
    outputs: tuple[Tensor, ...] = ()


@torch.no_grad()
def _run(call: Callable[..., Any], arguments: tuple[Any, ...], seed: int = 0) -> _Outcome:
    """What a call on copies of the arguments gives, with torch's and Python's generators seeded."""
    torch.manual_seed(seed)
    random.seed(seed)
    try:
        outputs = call(*(value.clone() for value in arguments))
    except Exception as error:  # noqa: BLE001 - which one it is, is what is compared
        return _Outcome(f"{type(error).__name__}: {error}")
    return _Outcome(None, outputs if isinstance(outputs, tuple) else (outputs,))


def _assert_same(theirs: Any, ours: Any, arguments: tuple[Any, ...], *, refused: bool, seed: int = 0) -> None:
    expected, actual = _run(theirs, arguments, seed), _run(ours, arguments, seed)
    assert (expected.error is not None) == refused, expected.error
    assert actual.error == expected.error
    for left, right in zip(expected.outputs, actual.outputs, strict=True):
        assert left.shape == right.shape
        assert torch.isfinite(left).all()
        assert (left - right).abs().max() <= TOLERANCE


@pytest.mark.parametrize("name", COMPONENTS)
@pytest.mark.parametrize("config", CONFIGS)
def test_state_dict_is_the_published_one(config: str, name: str) -> None:
    expected = {key: (value.shape, value.dtype) for key, value in build_published(config)[name].state_dict().items()}
    for fast in (True, False):
        with torch.device("meta"):
            module = construct(lambda: _ours(config, name)) if fast else _ours(config, name)
        state = module.state_dict()
        assert {key: (value.shape, value.dtype) for key, value in state.items()} == expected
        assert all(value.is_meta for value in state.values())


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_module_built_on_cpu_is_ready(name: str) -> None:
    theirs = build_published("ljspeech")[name]
    ours = construct(lambda: _ours("ljspeech", name)).eval()
    assert all(torch.isfinite(value).all() for value in ours.state_dict().values())
    assert {type(value) for value in ours.parameters()} == {nn.Parameter}
    ours.load_state_dict(theirs.state_dict(), strict=True)
    _assert_same(theirs, ours, _inputs(name, 66 if "encoder" in name else 2), refused=False)


def test_construction_on_meta_skips_initialization() -> None:
    quick = min(_seconds_on_meta(construct) for _ in range(3))
    plain = min(_seconds_on_meta(lambda build: build()) for _ in range(3))
    assert quick < plain / 2  # a sixth on a quiet machine


def test_construction_on_meta_imports_no_compiler() -> None:
    """Without `construct`, the first norm on meta imports torch._dynamo, which takes as long as torch itself."""
    code = """
import sys, torch
before = set(sys.modules)
from shapecheck.models.styletts2 import encoders, hifigan
from shapecheck.models.styletts2.construction import construct
with torch.device("meta"):
    construct(lambda: encoders.StyleEncoder(64, 128, 512))
    construct(lambda: hifigan.Generator(128, [3], [10], 64, [[1, 3, 5]], [20]))
print({"torch._dynamo", "torch._refs", "sympy"} & (set(sys.modules) - before))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


def _seconds_on_meta(make: Callable[[Callable[[], nn.Module]], nn.Module]) -> float:
    start = time.perf_counter()
    with torch.device("meta"):
        for name in COMPONENTS:
            make(partial(_ours, "ft", name))
    return time.perf_counter() - start


@pytest.mark.parametrize("length", [1, 2, 37])
def test_text_encoder(length: int) -> None:
    _assert_same(*_pair("ft", "text_encoder"), _inputs("text_encoder", length), refused=False)


@pytest.mark.parametrize("name", ["style_encoder", "predictor_encoder"])
@pytest.mark.parametrize(("length", "refused"), [(1, True), (64, True), (65, False), (66, False), (123, False)])
def test_style_encoder(name: str, length: int, refused: bool) -> None:
    _assert_same(*_pair("ft", name), _inputs(name, length, batch=1), refused=refused)


@pytest.mark.parametrize("length", [1, 2, 37])
def test_predictor(length: int) -> None:
    _assert_same(*_pair("ft", "predictor"), _inputs("predictor", length), refused=False)


@pytest.mark.parametrize(("length", "refused"), [(1, True), (2, False), (3, False), (41, False)])
def test_predictor_curves(length: int, refused: bool) -> None:
    theirs, ours = _pair("ft", "predictor")
    _assert_same(theirs.F0Ntrain, ours.F0Ntrain, _inputs("F0Ntrain", length), refused=refused)


@pytest.mark.parametrize("config", DISTINCT)
@pytest.mark.parametrize(("length", "refused"), [(1, True), (2, False), (3, False), (8, False)])
def test_decoder(config: str, length: int, refused: bool) -> None:
    _assert_same(*_pair(config, "decoder"), _inputs("decoder", length, batch=1), refused=refused)


def test_decoder_of_a_batch() -> None:
    _assert_same(*_pair("ljspeech", "decoder"), _inputs("decoder", 2, batch=2), refused=False)


@pytest.mark.parametrize("config", CONFIGS)
def test_every_configuration_gives_equal_numbers(config: str) -> None:
    for name, length in (("text_encoder", 5), ("style_encoder", 65), ("predictor_encoder", 65), ("predictor", 5)):
        _assert_same(*_pair(config, name), _inputs(name, length, batch=1), refused=False)
    _assert_same(*_pair(config, "decoder"), _inputs("decoder", 4, batch=1), refused=False)


@pytest.mark.parametrize("name", ["text_encoder", "predictor"])
def test_no_token_is_refused_alike(name: str) -> None:
    _assert_same(*_pair("ft", name), _inputs(name, 0), refused=True)


@pytest.mark.parametrize("name", ["F0Ntrain", "decoder", "style_encoder"])
def test_no_frame_is_refused_alike(name: str) -> None:
    theirs, ours = (getattr(m, name, m) for m in _pair("ft", "predictor" if name == "F0Ntrain" else name))
    _assert_same(theirs, ours, _inputs(name, 0), refused=True)


@pytest.mark.parametrize("extra", [-2, -1, 1, 2])
@pytest.mark.parametrize("which", [1, 2], ids=["pitch", "energy"])
def test_curves_that_do_not_fit_the_text_meet_the_same_answer(which: int, extra: int) -> None:
    arguments = list(_inputs("decoder", 4, batch=1))
    arguments[which] = torch.ones(1, 8 + extra)
    pair = _pair("ljspeech", "decoder")
    # (2c + 1) // 2 of 2c - 1 values is c, too: an energy curve that is one shorter fits
    _assert_same(*pair, tuple(arguments), refused=(which, extra) != (2, -1))


@pytest.mark.parametrize("name", ["F0Ntrain", "predictor", "decoder"])
def test_a_style_without_batch_axis_is_refused_alike(name: str) -> None:
    """What `squeeze()` makes of a batch of one: the norms raise, the expansion beside the text does not."""
    theirs, ours = (getattr(m, name, m) for m in _pair("ft", "predictor" if name == "F0Ntrain" else name))
    arguments = tuple(value.squeeze(0) if value.shape == (1, 128) else value for value in _inputs(name, 4, batch=1))
    assert str(_run(ours, arguments).error).startswith("IndexError: Dimension out of range")
    _assert_same(theirs, ours, arguments, refused=True)


@pytest.mark.parametrize("dtype", [torch.int32, torch.float32])
def test_lengths_of_another_dtype_are_taken_alike(dtype: torch.dtype) -> None:
    tokens, lengths, mask = _inputs("text_encoder", 6)
    _assert_same(*_pair("ft", "text_encoder"), (tokens, lengths.to(dtype), mask), refused=False)


@pytest.mark.parametrize("width", [5, 7])
def test_a_mask_that_does_not_fit_the_text_meets_the_same_answer(width: int) -> None:
    tokens, lengths, _ = _inputs("text_encoder", 6)
    _assert_same(*_pair("ft", "text_encoder"), (tokens, lengths, torch.zeros(2, width).bool()), refused=True)


@pytest.mark.parametrize("name", ["text_encoder", "predictor"])
def test_training_draws_the_same_numbers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, ours = _in_training(name, "ft", monkeypatch)
    _assert_same(theirs, ours, _inputs(name, 9), refused=False)


class _Recorder(nn.Module):
    """In the place of a generator: gives back what it gets."""

    def forward(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        return arguments


@pytest.mark.parametrize("length", [1, 2, 3, 7])
def test_decoder_in_training_smooths_the_curves_alike(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, ours = _in_training("decoder", "ft", monkeypatch)
    for module in (theirs, ours):
        monkeypatch.setitem(module._modules, "generator", _Recorder())
    to = Tensor.to  # the published module asks for the device "cuda" here
    monkeypatch.setattr(Tensor, "to", lambda tensor, *args: tensor if args == ("cuda",) else to(tensor, *args))
    arguments = _inputs("decoder", length)
    for seed in range(12):
        _assert_same(theirs, ours, arguments, refused=length == 1, seed=seed)


def _in_training(name: str, config: str, monkeypatch: pytest.MonkeyPatch) -> tuple[nn.Module, nn.Module]:
    pair = _pair(config, name)
    for module in (m for root in pair for m in root.modules()):
        monkeypatch.setattr(module, "training", True)
    return pair
