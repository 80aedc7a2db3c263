"""The two parts of StyleTTS2 that are `transformers` models: PLBERT, its text model, and WavLM, its speech model.

Built from configurations: nothing is downloaded and no weight is read. `transformers` is imported when a part is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

WAVLM_BASE_PLUS: Mapping[str, Any] = {
    # Source: microsoft/wavlm-base-plus, config.json. 16 kHz audio, one frame in 320 samples, 400 samples at least.
    "conv_dim": (512,) * 7,
    "conv_kernel": (10, 3, 3, 3, 3, 2, 2),
    "conv_stride": (5, 2, 2, 2, 2, 2, 2),
    "conv_bias": False,
    "feat_extract_norm": "group",
    "feat_extract_activation": "gelu",
    "num_conv_pos_embeddings": 128,
    "num_conv_pos_embedding_groups": 16,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "num_buckets": 320,
    "max_bucket_distance": 800,
    "do_stable_layer_norm": False,
    "layer_norm_eps": 1e-5,
    "vocab_size": 32,
    "output_hidden_size": 768,
}


class MissingExtra(ImportError):
    """A part of the model needs a package of an extra that is not installed."""

    def __init__(self, part: str, extra: str, package: str) -> None:
        super().__init__(f"{part} needs the extra {extra}: pip install 'torch-shapecheck[{extra}]'", name=package)


def build_plbert(config: Mapping[str, Any]) -> nn.Module:
    """PLBERT from the `model_params` of its own configuration: tokens i64 [B, L] -> [B, L, hidden_size].

    L is at most `max_position_embeddings`. MissingExtra without `transformers`.
    """
    try:
        from transformers.models.albert.configuration_albert import AlbertConfig
    except ImportError as error:
        raise _missing("PLBERT", error) from error
    return _plbert_class()(AlbertConfig(**config))


def build_wavlm(config: Mapping[str, Any] = WAVLM_BASE_PLUS) -> nn.Module:
    """WavLM: 16 kHz audio f32 [B, N] -> a `transformers` output; its `hidden_states`, asked for, are 13 x [B, F, 768].

    StyleTTS2 calls it as `wavlm(input_values=audio, output_hidden_states=True)`. MissingExtra without `transformers`.
    """
    try:
        from transformers.models.wavlm.configuration_wavlm import WavLMConfig
        from transformers.models.wavlm.modeling_wavlm import WavLMModel
    except ImportError as error:
        raise _missing("WavLM", error) from error
    model: Any = WavLMModel(WavLMConfig(**config))
    return model.to(torch.get_default_device())  # its masked_spec_embed is made on the CPU whatever the default


@cache
def _plbert_class() -> type[nn.Module]:
    from transformers.models.albert.modeling_albert import AlbertModel

    class PLBERT(AlbertModel):
        """ALBERT that returns its last hidden state alone; the state dict is ALBERT's."""

        def forward(self, *args: Any, **kwargs: Any) -> Tensor:
            output: Any = super().forward(*args, **kwargs)
            return output.last_hidden_state

    return PLBERT


def _missing(part: str, error: ImportError) -> ImportError:
    """Another package's failed import inside `transformers` is not a missing extra, and stays as it is."""
    return MissingExtra(part, "hf", "transformers") if (error.name or "").split(".")[0] == "transformers" else error
