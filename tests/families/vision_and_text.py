"""Vision models with one side that varies and language models of `transformers`, small and with random weights."""

from __future__ import annotations

from typing import Any

import torch
import transformers as hf
from torch import nn

from tests.adversarial.against import Of
from tests.families.family import Family, family
from tests.families.speech import SMALL

SIDE = "f32[1, 3, 64, W]"
TOKENS = "i64[1, L]"
STAGES: dict[str, Any] = {"hidden_sizes": [8, 16, 32, 32], "depths": [1, 1, 1, 1]}
WORDS: dict[str, Any] = {**SMALL, "vocab_size": 50, "max_position_embeddings": 40}
HEADS: dict[str, Any] = {"num_attention_heads": [1, 2, 4, 4]}


def _unmasked(model: nn.Module) -> nn.Module:
    """With an attention mask of its own: nothing is masked."""
    return Of(lambda self, x: self.model(x, attention_mask=torch.ones(x.shape, dtype=torch.int64)), model=model)


VISION: dict[str, Family] = {
    "ResNet": family(lambda: hf.ResNetModel(hf.ResNetConfig(embedding_size=8, **STAGES)), SIDE),
    "ResNet for classes": family(
        lambda: hf.ResNetForImageClassification(hf.ResNetConfig(embedding_size=8, layer_type="basic", **STAGES)), SIDE
    ),
    "RegNet": family(lambda: hf.RegNetModel(hf.RegNetConfig(embedding_size=8, groups_width=8, **STAGES)), SIDE),
    "ConvNeXt": family(lambda: hf.ConvNextModel(hf.ConvNextConfig(**STAGES)), SIDE),
    "ConvNeXt V2": family(lambda: hf.ConvNextV2Model(hf.ConvNextV2Config(**STAGES)), SIDE),
    "EfficientNet": family(
        lambda: hf.EfficientNetModel(
            hf.EfficientNetConfig(
                width_coefficient=0.2, depth_coefficient=0.3, hidden_dim=256,
                num_block_repeats=[1, 1, 1, 1, 1, 1, 1],
            )
        ),
        SIDE,
    ),
    "MobileNet V1": Family(lambda: hf.MobileNetV1Model(hf.MobileNetV1Config(depth_multiplier=0.1)), (SIDE,), largest=130),
    "MobileNet V2": Family(lambda: hf.MobileNetV2Model(hf.MobileNetV2Config(depth_multiplier=0.1)), (SIDE,), largest=130),
    "SegFormer": family(lambda: hf.SegformerModel(hf.SegformerConfig(**STAGES, **HEADS)), SIDE),
    "SegFormer for segments": family(
        lambda: hf.SegformerForSemanticSegmentation(hf.SegformerConfig(**STAGES, **HEADS, decoder_hidden_size=16)), SIDE
    ),
    "Swin": family(
        lambda: hf.SwinModel(hf.SwinConfig(image_size=64, embed_dim=8, depths=[1, 2], num_heads=[2, 4], window_size=4)), SIDE
    ),
    "Swin V2": family(
        lambda: hf.Swinv2Model(hf.Swinv2Config(image_size=64, embed_dim=8, depths=[1, 2], num_heads=[2, 4], window_size=4)), SIDE
    ),
    "ViT": family(lambda: hf.ViTModel(hf.ViTConfig(**SMALL, image_size=64, patch_size=8)), SIDE),
    "ViT, interpolated": family(
        lambda: hf.ViTModel(hf.ViTConfig(**SMALL, image_size=64, patch_size=8)), SIDE, interpolate_pos_encoding=True
    ),
    "DINOv2": family(lambda: hf.Dinov2Model(hf.Dinov2Config(**SMALL, mlp_ratio=1, image_size=64, patch_size=8)), SIDE),
    "CLIP vision": family(
        lambda: hf.CLIPVisionModel(hf.CLIPVisionConfig(**SMALL, image_size=64, patch_size=8)), SIDE
    ),
}  # fmt: skip

TEXT: dict[str, Family] = {
    "ALBERT": family(lambda: hf.AlbertModel(hf.AlbertConfig(**WORDS, embedding_size=16)), TOKENS),
    "BERT": family(lambda: hf.BertModel(hf.BertConfig(**WORDS)), TOKENS),
    "BERT, masked": Family(  # whether anything is masked decides how attention is called
        lambda: hf.BertModel(hf.BertConfig(**WORDS)), ("i64[2, L]",), {"attention_mask": "i64[2, L]"},
        fills=(1, 0),
    ),
    "ALBERT, masked": Family(
        lambda: hf.AlbertModel(hf.AlbertConfig(**WORDS, embedding_size=16)), ("i64[2, L]",),
        {"attention_mask": "f32[2, L]"}, fills=(1, 0),
    ),
    "BERT, masked by a length": Family(  # a mask of another length is as good as none, where it masks nothing
        lambda: hf.BertModel(hf.BertConfig(**WORDS)),
        ("i64[2, L]",),
        {"attention_mask": "i64[2, 12]"},
        fills=(1, 0),
        unknown="and runs otherwise",
    ),
    "BERT, whole": family(lambda: _unmasked(hf.BertModel(hf.BertConfig(**WORDS))), "i64[2, L]"),
    "RoBERTa": Family(  # its positions depend on where the padding is
        lambda: hf.RobertaModel(hf.RobertaConfig(**WORDS)), (TOKENS,), unknown="depends on the values of an input"
    ),
    "BERT for tokens": family(
        lambda: hf.BertForTokenClassification(hf.BertConfig(**WORDS)), TOKENS, labels="i64[1, 12]"
    ),
    "ELECTRA": family(lambda: hf.ElectraModel(hf.ElectraConfig(**WORDS, embedding_size=16)), TOKENS),
    "DeBERTa V2": Family(
        lambda: hf.DebertaV2Model(hf.DebertaV2Config(**WORDS, relative_attention=True, pos_att_type=["p2c", "c2p"])),
        (TOKENS,),
        unknown="reads the storage of a tensor",
    ),
    "DistilBERT": family(
        lambda: hf.DistilBertModel(
            hf.DistilBertConfig(dim=32, n_layers=2, n_heads=4, hidden_dim=32, vocab_size=50, max_position_embeddings=40)
        ),
        TOKENS,
    ),
    "GPT-2": family(
        lambda: hf.GPT2Model(hf.GPT2Config(n_embd=32, n_layer=2, n_head=4, vocab_size=50, n_positions=40)), TOKENS
    ),
    "GPT-2 for language": family(
        lambda: hf.GPT2LMHeadModel(hf.GPT2Config(n_embd=32, n_layer=2, n_head=4, vocab_size=50, n_positions=40)),
        TOKENS,
        labels=TOKENS,
    ),
    "GPT-NeoX": family(lambda: hf.GPTNeoXModel(hf.GPTNeoXConfig(**WORDS)), TOKENS),
    "OPT": family(
        lambda: hf.OPTModel(
            hf.OPTConfig(
                vocab_size=50, hidden_size=32, num_hidden_layers=2, ffn_dim=32, max_position_embeddings=40,
                num_attention_heads=4, word_embed_proj_dim=32,
            )
        ),
        TOKENS,
    ),
    "BLOOM": family(lambda: hf.BloomModel(hf.BloomConfig(vocab_size=50, hidden_size=32, n_layer=2, n_head=4)), TOKENS),
    "T5 encoder": family(
        lambda: hf.T5EncoderModel(hf.T5Config(d_model=32, d_kv=8, d_ff=32, num_layers=2, num_heads=4, vocab_size=50)), TOKENS
    ),
    "T5": family(
        lambda: hf.T5Model(hf.T5Config(d_model=32, d_kv=8, d_ff=32, num_layers=2, num_heads=4, vocab_size=50)),
        TOKENS,
        decoder_input_ids="i64[1, 7]",
    ),
    "BART": family(
        lambda: hf.BartModel(
            hf.BartConfig(
                vocab_size=50, max_position_embeddings=40, d_model=32, encoder_layers=2, decoder_layers=2,
                encoder_ffn_dim=32, decoder_ffn_dim=32, encoder_attention_heads=4, decoder_attention_heads=4,
            )
        ),
        TOKENS,
        decoder_input_ids="i64[1, 7]",
    ),
    "Llama": family(lambda: hf.LlamaModel(hf.LlamaConfig(**WORDS)), TOKENS),
    "Mistral": family(lambda: hf.MistralModel(hf.MistralConfig(**WORDS, num_key_value_heads=2, sliding_window=16)), TOKENS),
    "Qwen 2": family(lambda: hf.Qwen2Model(hf.Qwen2Config(**WORDS, num_key_value_heads=2)), TOKENS),
}  # fmt: skip
