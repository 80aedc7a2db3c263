"""The modules of the published package `kokoro`, small, loaded without its `__init__`, which needs a text frontend."""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch import nn

from tests.adversarial.against import Of
from tests.families.family import Family, family

STYLE = "f32[1, 16]"
GENERATOR: dict[str, Any] = {
    "resblock_kernel_sizes": [3, 7], "upsample_rates": [3, 2], "upsample_initial_channel": 32,
    "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5]], "upsample_kernel_sizes": [7, 4], "gen_istft_n_fft": 20,
    "gen_istft_hop_size": 5,
}  # fmt: skip
BERT: dict[str, Any] = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32,
    "embedding_size": 16, "vocab_size": 50, "max_position_embeddings": 40,
}  # fmt: skip


@cache
def published() -> SimpleNamespace:
    """Its modules by name: `published().istftnet.Decoder`."""
    spec = find_spec("kokoro")
    assert spec is not None, "the package `kokoro` is not installed: `make` installs it"
    package = ModuleType("kokoro")
    package.__path__ = list(spec.submodule_search_locations or ())
    sys.modules["kokoro"] = package
    try:
        modules = {name: import_module(f"kokoro.{name}") for name in ("istftnet", "modules", "custom_stft")}
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "kokoro"]:
            del sys.modules[name]
    return SimpleNamespace(**modules)


def _block(**settings: Any) -> nn.Module:
    return published().istftnet.AdainResBlk1d(8, 12, 16, **settings)


def _predictor() -> Any:
    return published().modules.ProsodyPredictor(16, 32, 2, max_dur=20)


def _albert() -> nn.Module:
    from transformers import AlbertConfig

    def forward(self: Any, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """With the mask that its caller makes of the lengths."""
        longest: Any = lengths.max()  # arange takes a tensor for a number
        mask = torch.arange(longest).unsqueeze(0).expand(lengths.shape[0], -1).type_as(lengths)
        mask = torch.gt(mask + 1, lengths.unsqueeze(1))
        return self.bert(tokens, attention_mask=(~mask).int())

    return Of(forward, bert=published().modules.CustomAlbert(AlbertConfig(**BERT)))


KOKORO: dict[str, Family] = {
    "kokoro TextEncoder": family(
        lambda: published().modules.TextEncoder(32, 5, 2, 50), "i64[1, L]", "i64[1] = L", "b8[1, L]"
    ),
    "kokoro TextEncoder, two texts": family(
        lambda: published().modules.TextEncoder(32, 5, 2, 50), "i64[2, L]", "i64[2] = L", "b8[2, L]"
    ),
    "kokoro DurationEncoder": family(
        lambda: _predictor().text_encoder, "f32[1, 32, L]", STYLE, "i64[1] = L", "b8[1, L]"
    ),
    "kokoro ProsodyPredictor": family(
        _predictor, "f32[1, 32, L]", STYLE, "i64[1] = L", "f32[1, L, 30]", "b8[1, L]"
    ),
    "kokoro ProsodyPredictor.F0Ntrain": Family(_predictor, ("f32[1, 48, T]", STYLE), method="F0Ntrain"),
    "kokoro CustomAlbert": family(_albert, "i64[1, L]", "i64[1] = L"),
    "kokoro AdainResBlk1d": family(_block, "f32[1, 8, T]", STYLE),
    "kokoro AdainResBlk1d, doubling": family(lambda: _block(upsample=True), "f32[1, 8, T]", STYLE),
    "kokoro TorchSTFT": family(lambda: published().istftnet.TorchSTFT(20, 5, 20), "f32[1, N]"),
    "kokoro CustomSTFT": family(lambda: published().custom_stft.CustomSTFT(20, 5, 20), "f32[1, N]"),
    **{
        f"kokoro {name}{', disable_complex' * plain}": Family(
            lambda make=make, plain=plain: make(plain), specs, largest=largest
        )
        for name, make, specs, largest in (
            (
                "Generator",
                lambda plain: published().istftnet.Generator(16, **GENERATOR, disable_complex=plain),
                ("f32[1, 32, 2*T]", STYLE, "f32[1, 2*T]"),
                600,
            ),
            (
                "Decoder",
                lambda plain: published().istftnet.Decoder(
                    512, 16, 80, **{**GENERATOR, "upsample_initial_channel": 512}, disable_complex=plain
                ),
                ("f32[1, 512, T]", "f32[1, 2*T]", "f32[1, 2*T]", STYLE),
                24,
            ),
        )
        for plain in (False, True)
    },
}  # fmt: skip
