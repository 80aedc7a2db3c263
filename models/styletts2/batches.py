"""StyleTTS2 with B samples in a batch: every component, and what the training scripts hand from one to another.

`training.X` is component X as the scripts call it on one device, with what they make of the modules before it;
`replica.X` the same with nn.DataParallel, B samples on each device. Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from shapecheck import Component, Model, Skipped

from .config import StyleTTS2Config

if TYPE_CHECKING:
    from torch import nn

SYMBOL = "B"
DEVICES = 2

REFERENCE_FRAMES = 192  # mel frames to which the data loader pads reference clips
CLIP_TOKENS = 2  # any number will do: what is refused for a number of mel frames does not depend on the text

NOTE = (
    f"{SYMBOL} is the number of samples in a batch; training.X is component X as the training scripts call it on one"
    f" device, and replica.X with nn.DataParallel, {SYMBOL} samples on each of {DEVICES} devices"
)


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of the scripts: a class of `training`, the components that it holds, and the specs of its inputs."""

    class_name: str
    receiver: str  # the component that is called in the end
    before: tuple[str, ...]  # those whose outputs it gets
    inputs: Callable[[StyleTTS2Config, str], tuple[str, ...]]  # of the configuration and the batch's size
    variable: str
    name: str = ""  # where it is not the receiver's


def with_batch(model: Model, config: StyleTTS2Config, sizes: tuple[int, int]) -> Model:
    """A model whose specs have the symbol B, for B from first to last, and with the calls of the training scripts.

    The modules in these are the model's own. A call is left out where a component of it is.
    """
    ranges = {SYMBOL: sizes}
    known = {component.name: component for component in model.components}
    missing = {skipped.name: skipped.reason for skipped in model.skipped}
    calls: list[Component] = []
    skipped: list[Skipped] = []
    for devices in (1, DEVICES):
        for call in _CALLS:
            name = f"{'training' if devices == 1 else 'replica'}.{call.name or call.receiver}"
            lacking = [part for part in (*call.before, call.receiver) if part not in known]
            if lacking:
                skipped.append(Skipped(name, f"{lacking[0]}: {missing[lacking[0]]}"))
            else:
                calls.append(_component(call, name, config, known, devices))
    return replace(
        model,
        components=tuple(replace(component, sizes=ranges) for component in (*model.components, *calls)),
        skipped=(*model.skipped, *skipped),
        notes=(*model.notes, NOTE),
    )


def _component(
    call: _Call, name: str, config: StyleTTS2Config, known: Mapping[str, Component], devices: int
) -> Component:
    receiver = known[call.receiver]
    parts = [known[part] for part in (*call.before, call.receiver)]
    unit = next(component.unit for component in known.values() if component.variable == call.variable)
    return replace(
        receiver,
        name=name,
        class_name=call.class_name,
        build=partial(_build, call.class_name, parts, devices),
        inputs=call.inputs(config, SYMBOL if devices == 1 else f"{devices}*{SYMBOL}"),
        keyword_inputs={},
        variable=call.variable,
        unit=unit,
        surroundings=parts[0].surroundings,  # of all: one source made them
    )


def _build(class_name: str, parts: list[Component], devices: int) -> nn.Module:
    from . import training

    return getattr(training, class_name)(*(part.build() for part in parts), devices=devices)


def _clips(config: StyleTTS2Config, batch: str, frames: str | int) -> str:
    return f"f32[{batch}, {config.model_params.n_mels}, {frames}]"


def _text(config: StyleTTS2Config, batch: str, tokens: str | int) -> str:
    return f"f32[{batch}, {config.model_params.hidden_dim}, {tokens}]"


def _to_predictor(config: StyleTTS2Config, batch: str) -> tuple[str, ...]:
    tokens = CLIP_TOKENS
    text = (_text(config, batch, tokens), f"i64[{batch}] = {tokens}", f"f32[{batch}, {tokens}, T//2]")
    return (_clips(config, batch, "T"), *text, f"b8[{batch}, {tokens}]")


def _to_diffusion(config: StyleTTS2Config, batch: str) -> tuple[str, ...]:
    clips = _clips(config, batch, REFERENCE_FRAMES)
    embedding = f"f32[{batch}, L, {config.plbert.hidden_size}]"
    return (clips, embedding, clips) if config.model_params.multispeaker else (clips, embedding)


def _to_slmadv(config: StyleTTS2Config, batch: str) -> tuple[str, ...]:
    text = (_text(config, batch, "L"), f"i64[{batch}] = L", f"b8[{batch}, L]")
    return (_clips(config, batch, REFERENCE_FRAMES), *text)


def _to_decoder(config: StyleTTS2Config, batch: str) -> tuple[str, ...]:
    return _clips(config, batch, "2*c"), _text(config, batch, "c")


def _to_slm(_config: StyleTTS2Config, batch: str) -> tuple[str, ...]:
    return f"f32[{batch}, 1, N]", f"f32[{batch}, 1, N]"


_ENCODERS = ("style_encoder", "predictor_encoder")
_CALLS = (
    _Call("StylesToPredictor", "predictor", _ENCODERS, _to_predictor, "T"),
    _Call("StylesToDiffusion", "diffusion", _ENCODERS, _to_diffusion, "L"),
    _Call("StylesToSLMAdversarial", "predictor", _ENCODERS, _to_slmadv, "L", name="slmadv"),
    _Call("PitchToDecoder", "decoder", ("style_encoder", "pitch_extractor"), _to_decoder, "c"),
    _Call("WaveformsToSLM", "slm", (), _to_slm, "N"),
)
