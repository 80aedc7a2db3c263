"""StyleTTS2 as it is built in, whole: the state dicts of all its components are those of the published model."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from shapecheck.models import styletts2

from .published import CONFIGS, build_published

# entries of all state dicts, parameters and convolutions, without WavLM
TOTALS = {
    "ft": (1460, 191_468_193, 284),
    "libritts": (1460, 191_468_193, 284),
    "ljspeech": (1153, 187_045_995, 232),
}
WAVLM_CONVOLUTIONS = 8  # one of them parametrized, which makes its class another


def built(config: str) -> dict[str, nn.Module]:
    """Each module once, on meta: the two entry points of the predictor share one."""
    with torch.device("meta"):
        return {
            component.name: component.build()
            for component in styletts2.preset(config).components
            if component.method == "forward"
        }


def entries(modules: dict[str, nn.Module]) -> dict[str, dict[str, torch.Size]]:
    return {
        name: {key: tensor.shape for key, tensor in module.state_dict().items()} for name, module in modules.items()
    }


def convolutions(module: nn.Module) -> int:
    return sum(isinstance(layer, _ConvNd) for layer in module.modules())


@pytest.mark.parametrize("config", CONFIGS)
def test_every_published_module_is_built_in_with_its_keys_and_shapes(config: str):
    ours = built(config)
    # PLBERT's projection is one linear layer, which takes any length: no component, and counted here
    ours["bert_encoder"] = nn.Linear(768, 512, device="meta")
    assert convolutions(ours.pop("slm")) == WAVLM_CONVOLUTIONS
    assert entries(ours) == entries(build_published(config, "meta"))
    whole = nn.ModuleDict(ours)
    parameters = sum(parameter.numel() for parameter in whole.parameters())
    assert (len(whole.state_dict()), parameters, convolutions(whole)) == TOTALS[config]
