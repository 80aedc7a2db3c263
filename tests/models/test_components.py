"""Each component is built from the configuration; called as its specs say, it runs, and refuses, in eager mode."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from shapecheck import Component, Model, Unit
from shapecheck.models import styletts2
from shapecheck.models.styletts2 import components, config, presets

NAMES = (
    "text_encoder",
    "style_encoder",
    "predictor_encoder",
    "bert",
    "predictor",
    "predictor.F0Ntrain",
    "decoder",
    "text_aligner",
    "pitch_extractor",
    "diffusion",
    "mpd",
    "msd",
    "wd",
    "slm",
)

DTYPES = {"f32": torch.float32, "i64": torch.int64, "i32": torch.int32, "b8": torch.bool}
CONVS = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d)


@cache
def model(name: str = "ft") -> Model:
    return styletts2.preset(name)


def named(name: str, preset: str = "ft") -> Component:
    return next(component for component in model(preset).components if component.name == name)


def built(component: Component) -> nn.Module:
    with torch.device("meta"):
        return component.build().eval()


def real(component: Component) -> nn.Module:
    """The component on the CPU, all weights zero where that is faster than what they begin with: only shapes matter."""
    if component.name == "msd":  # its windows are no buffers, and would stay on meta
        with torch.random.fork_rng(devices=[]):
            return component.build().eval()
    module = built(component).to_empty(device="cpu")
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.data.zero_()
    return module


def value(spec: Any, variable: str, length: int) -> Any:
    """A tensor of a spec at one length, by Python's own arithmetic: no part of the engine."""
    if not isinstance(spec, str):
        return spec
    dtype, rest = spec.split("[", 1)
    dims, _, filled = rest.partition("]")
    shape = [eval(dim, {}, {variable: length}) for dim in dims.split(",")]
    fill = eval(filled.strip(" =") or "0", {}, {variable: length})
    return torch.full(shape, fill, dtype=DTYPES[dtype])


def run(component: Component, module: nn.Module, length: int) -> Any:
    inputs = [value(spec, component.variable, length) for spec in component.inputs]
    keywords = {name: value(spec, component.variable, length) for name, spec in component.keyword_inputs.items()}
    with torch.no_grad():
        return getattr(module, component.method)(*inputs, **keywords)


def tensors(output: Any) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        yield output
    else:
        for part in output.values() if isinstance(output, dict) else output:
            yield from tensors(part)


@pytest.mark.parametrize("preset", presets.NAMES)
def test_every_component_is_there_and_in_order(preset: str) -> None:
    assert tuple(component.name for component in model(preset).components) == NAMES
    assert model(preset).skipped == ()
    assert (model(preset).name, model(preset).config, model(preset).source) == (
        "StyleTTS2",
        f"preset {preset}",
        "builtin",
    )


def test_a_model_needs_no_torch_until_it_is_built() -> None:
    code = "from shapecheck.models.styletts2 import preset; preset('ft'); import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("preset", presets.NAMES)
def test_every_component_is_built_on_meta(preset: str) -> None:
    for component in model(preset).components:
        module = built(component)
        assert {parameter.device.type for parameter in module.parameters()} == {"meta"}, component.name
        if component.name != "diffusion":  # its class is the network's, inside the object that training calls
            assert type(module).__name__ == component.class_name


@pytest.mark.parametrize(("preset", "convs"), [("ft", 284), ("libritts", 284), ("ljspeech", 232)])
def test_the_published_number_of_convs(preset: str, convs: int) -> None:
    distinct = [component for component in model(preset).components if component.name not in ("predictor", "slm")]
    modules = [module for component in distinct for module in built(component).modules()]
    assert sum(isinstance(module, CONVS) for module in modules) == convs


@pytest.mark.parametrize(
    ("preset", "count"), [("ft", 191_468_193), ("libritts", 191_468_193), ("ljspeech", 187_045_995)]
)
def test_the_published_number_of_parameters(preset: str, count: int) -> None:
    distinct = [component for component in model(preset).components if component.name not in ("predictor", "slm")]
    params = config.preset(preset)
    bert_encoder = (
        params.plbert.hidden_size + 1
    ) * params.model_params.hidden_dim  # the one module without a component
    total = sum(parameter.numel() for component in distinct for parameter in built(component).parameters())
    assert total + bert_encoder == count


@pytest.mark.parametrize(
    ("name", "runs", "refused"),
    [
        ("text_encoder", (1, 2, 7), ()),
        ("style_encoder", (65, 66, 193), (1, 64)),
        ("predictor_encoder", (65,), (64,)),
        ("bert", (1, 512), (513,)),
        ("predictor", (1, 2, 7), ()),
        ("predictor.F0Ntrain", (2, 3), (1,)),
        ("text_aligner", (1, 2, 3, 4, 81), ()),
        ("pitch_extractor", (1, 2, 5), ()),
        ("diffusion", (1, 512), (513,)),
        ("mpd", (6, 7), (1, 5)),
        ("msd", (1025,), (1024,)),
        ("wd", (1, 2), ()),
        ("slm", (400, 401), (399,)),
    ],
)
def test_the_inputs_are_those_that_the_module_takes(
    name: str, runs: tuple[int, ...], refused: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tensor, "get_device", lambda tensor: "cpu")  # on a CPU it is -1, which `to` refuses
    component = named(name)
    module = real(component)
    for length in runs:
        assert list(tensors(run(component, module, length)))
    for length in refused:
        with pytest.raises((RuntimeError, ValueError, AssertionError)):
            run(component, module, length)


def test_the_other_diffusion_takes_its_inputs() -> None:
    component = named("diffusion", "ljspeech")
    assert list(tensors(run(component, real(component), 3)))


@pytest.mark.parametrize("preset", ["ft", "ljspeech"])
def test_the_decoder_makes_600_samples_of_a_frame_and_refuses_one_frame(preset: str) -> None:
    component = named("decoder", preset)
    module = real(component)
    assert run(component, module, 2).shape == (1, 1, 1200)
    with pytest.raises(ValueError, match="Expected more than 1 spatial element"):
        run(component, module, 1)


def test_sizes_follow_the_configuration() -> None:
    params = config.preset("ft")
    small = replace(
        params.model_params, style_dim=16, n_mels=40, slm=replace(params.model_params.slm, hidden=8, nlayers=3)
    )
    inputs = {
        component.name: (*component.inputs, *component.keyword_inputs.values())
        for component in components.model(replace(params, model_params=small)).components
    }
    assert inputs["style_encoder"] == ("f32[1, 1, 40, T]",)
    assert inputs["predictor.F0Ntrain"] == ("f32[1, 528, c]", "f32[1, 16]")
    assert inputs["decoder"] == ("f32[1, 512, c]", "f32[1, 2*c]", "f32[1, 2*c]", "f32[1, 16]")
    assert inputs["diffusion"] == ("f32[1, 1, 32]", "f32[1, L, 768]", "f32[1, 32]")
    assert inputs["wd"] == ("f32[1, 24, F]",)


def test_units_in_seconds_samples_and_mel_frames() -> None:
    units = {component.name: component.unit for component in model().components}
    assert units["style_encoder"] == Unit("mel frames", seconds=0.0125, samples=300, mel_frames=1)
    assert units["decoder"] == Unit("decoder frames", seconds=0.025, samples=600, mel_frames=2)
    assert units["mpd"] == Unit("samples", seconds=1 / 24000, samples=1, mel_frames=1 / 300)
    assert units["wd"] == Unit("SLM frames", seconds=0.02, samples=480, mel_frames=1.6)
    assert units["slm"] == Unit("samples at 16,000 Hz", seconds=1 / 16000, samples=1.5, mel_frames=0.005)
    assert units["text_encoder"] == Unit("tokens")


def test_without_transformers_two_components_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    without = components.model(config.preset("ft"))
    assert [component.name for component in without.components] == [
        name for name in NAMES if name not in ("bert", "slm")
    ]
    reason = "needs the extra hf: pip install 'torch-shapecheck[hf]'"
    assert [(entry.name, entry.reason) for entry in without.skipped] == [("bert", reason), ("slm", reason)]


def test_another_speech_model_is_skipped() -> None:
    params = config.preset("ft")
    for name, known in (("microsoft/wavlm-large", False), ("/models/wavlm-base-plus/", True)):
        slm = replace(params.model_params.slm, model=name)
        other = components.model(replace(params, model_params=replace(params.model_params, slm=slm)))
        assert ("slm" in [component.name for component in other.components]) is known
        assert bool(other.skipped) is not known


def test_what_the_scripts_do_not_read_is_noted() -> None:
    params = config.preset("ft")
    odd = replace(
        params,
        preprocess=replace(params.preprocess, hop_length=256),
        model_params=replace(
            params.model_params,
            n_mels=100,
            decoder=replace(params.model_params.decoder, upsample_rates=(10, 6), upsample_kernel_sizes=(20, 12)),
        ),
    )
    assert components.model(odd).notes[len(params.notes) :] == (
        (
            "preprocess_params say hop_length = 256: the units follow them, and the public training scripts count with"
            " 300 all the same"
        ),
        "n_mels is 100: the public training scripts compute 80 all the same",
        (
            "the decoder makes 60 samples of a mel frame and the hop length is 256: its audio has another length than"
            " the recording, which training does not survive"
        ),
    )
    assert model().notes == params.notes
