"""torch.nn's own recurrent layers and transformers, with their masks, packed sequences and initial states."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests.adversarial.against import Of
from tests.families.family import Family, family

TIMES = "f32[L, 2, 12]"
BATCH = "f32[2, L, 12]"


def _packed(layer: nn.Module, *, total: bool = False) -> nn.Module:
    def forward(self: Any, x: torch.Tensor, lengths: torch.Tensor) -> Any:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        output, state = self.layer(packed)
        return pad_packed_sequence(output, batch_first=True, total_length=30 if total else None), state

    return Of(forward, layer=layer)


def _encoder_layer(**settings: Any) -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(12, 3, 16, **settings)


def _decoder_layer(**settings: Any) -> nn.TransformerDecoderLayer:
    return nn.TransformerDecoderLayer(12, 3, 16, **settings)


def _causal(encoder: nn.Module) -> nn.Module:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        return self.encoder(x, mask=mask, is_causal=True)

    return Of(forward, encoder=encoder)


def _attention(**settings: Any) -> nn.MultiheadAttention:
    return nn.MultiheadAttention(12, 3, **settings)


RECURRENT: dict[str, Family] = {
    **{
        f"{kind.__name__}{what}": family(make, *specs)
        for kind in (nn.LSTM, nn.GRU, nn.RNN)
        for what, make, specs in (
            ("", lambda kind=kind: kind(12, 8, 2, bidirectional=True), (TIMES,)),
            (", batch first", lambda kind=kind: kind(12, 8, batch_first=True), (BATCH,)),
            (", of a width", lambda kind=kind: kind(12, 8), ("f32[7, 2, C]",)),
            (", without a batch", lambda kind=kind: kind(12, 8), ("f32[L, 12]",)),
            (", packed", lambda kind=kind: _packed(kind(12, 8, batch_first=True)), (BATCH, torch.tensor([9, 5]))),
            (", packed whole", lambda kind=kind: _packed(kind(12, 8, batch_first=True)), (BATCH, "i64[2] = L")),
            (", packed to a total", lambda kind=kind: _packed(kind(12, 8, batch_first=True), total=True), (BATCH, "i64[2] = L")),
        )
    },
    "LSTM with a state": family(lambda: nn.LSTM(12, 8), TIMES, ("f32[1, 2, 8]", "f32[1, 2, 8]")),
    "LSTM with states of a batch": family(lambda: nn.LSTM(12, 8), "f32[7, N, 12]", ("f32[1, 5, 8]", "f32[1, 5, 8]")),
    "LSTM with a projection": family(lambda: nn.LSTM(12, 8, proj_size=3), TIMES),
    "GRU with a state of a width": family(lambda: nn.GRU(12, 8), "f32[7, 2, 12]", "f32[1, 2, H]"),
    "LSTM cell": family(lambda: nn.LSTMCell(12, 8), "f32[N, 12]", ("f32[5, 8]", "f32[5, 8]")),
    "GRU cell": family(lambda: nn.GRUCell(12, 8), "f32[2, C]"),
}  # fmt: skip

ATTENTION: dict[str, Family] = {
    "attention": family(_attention, TIMES, TIMES, TIMES),
    "attention, batch first": family(lambda: _attention(batch_first=True), BATCH, BATCH, BATCH),
    "attention across": family(lambda: _attention(batch_first=True), BATCH, "f32[2, 7, 12]", "f32[2, 7, 12]"),
    "attention of keys and values": family(lambda: _attention(batch_first=True), "f32[2, 7, 12]", BATCH, "f32[2, 9, 12]"),
    "attention without weights": family(_attention, TIMES, TIMES, TIMES, need_weights=False),
    "attention, each head": family(_attention, TIMES, TIMES, TIMES, average_attn_weights=False),
    "attention with padding": family(_attention, TIMES, TIMES, TIMES, key_padding_mask="b8[2, L]"),
    "attention with padding of a length": family(_attention, TIMES, TIMES, TIMES, key_padding_mask="b8[2, 14]"),
    "attention with a mask": family(_attention, TIMES, TIMES, TIMES, attn_mask="b8[14, L]"),
    "attention with a float mask": family(_attention, TIMES, TIMES, TIMES, attn_mask="f32[L, L]", need_weights=False),
    "attention with masks of heads": family(_attention, TIMES, TIMES, TIMES, attn_mask="f32[6, L, 14]"),
    "attention with biases": family(lambda: _attention(add_bias_kv=True, add_zero_attn=True), TIMES, TIMES, TIMES),
    "attention of other widths": family(
        lambda: _attention(kdim=5, vdim=7, batch_first=True), BATCH, "f32[2, L, 5]", "f32[2, L, 7]"
    ),
    "attention without a batch": family(_attention, "f32[L, 12]", "f32[L, 12]", "f32[L, 12]"),
    "encoder layer": family(_encoder_layer, TIMES),
    "encoder layer, fast path": family(lambda: _encoder_layer(batch_first=True), BATCH),
    "encoder layer, fast path with padding": family(
        lambda: _encoder_layer(batch_first=True), BATCH, src_key_padding_mask="b8[2, L]"
    ),
    "encoder layer, training": Family(lambda: _encoder_layer(batch_first=True), (BATCH,), train=True),
    "encoder": family(lambda: nn.TransformerEncoder(_encoder_layer(norm_first=True), 2, enable_nested_tensor=False), TIMES),
    "encoder, fast path": family(lambda: nn.TransformerEncoder(_encoder_layer(batch_first=True), 2), BATCH),
    "encoder, nested": family(
        lambda: nn.TransformerEncoder(_encoder_layer(batch_first=True), 2), BATCH, src_key_padding_mask="b8[2, L]"
    ),
    "encoder, padding of a length": family(
        lambda: nn.TransformerEncoder(_encoder_layer(batch_first=True), 2, enable_nested_tensor=False),
        BATCH,
        src_key_padding_mask="b8[2, 14]",
    ),
    "encoder, norm first": family(
        lambda: nn.TransformerEncoder(_encoder_layer(batch_first=True, norm_first=True), 2, nn.LayerNorm(12), enable_nested_tensor=False),
        BATCH,
    ),
    "encoder, causal": family(
        lambda: _causal(nn.TransformerEncoder(_encoder_layer(batch_first=True), 2, enable_nested_tensor=False)), BATCH
    ),
    "encoder with a mask": Family(  # whether the mask is the causal one decides how it is called
        lambda: nn.TransformerEncoder(_encoder_layer(batch_first=True), 2, enable_nested_tensor=False),
        (BATCH,),
        {"mask": "f32[14, 14]"},
        fills=(1, 0),
    ),
    "encoder, nested, even heads": Family(  # the padding decides how long its output is
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(12, 2, 16, batch_first=True), 2),
        (BATCH,),
        {"src_key_padding_mask": "b8[2, L]"},
        unknown="needs the values of a tensor",
    ),
    "encoder, even heads, with a mask": Family(
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(12, 2, 16, batch_first=True), 2),
        (BATCH,),
        {"mask": "b8[L, L]"},
        fills=(1, 0),
    ),
    "transformer with masks": Family(
        lambda: nn.Transformer(12, 3, 1, 1, 16, batch_first=True),
        (BATCH, "f32[2, 7, 12]"),
        {"src_mask": "f32[L, L]", "tgt_mask": "f32[7, 7]", "memory_mask": "f32[7, L]", "src_key_padding_mask": "b8[2, L]"},
        fills=(1, 0),
    ),
    "encoder told that its mask is not causal": family(
        lambda: nn.TransformerEncoder(_encoder_layer(batch_first=True), 2, enable_nested_tensor=False),
        BATCH,
        mask="f32[14, 14]",
        is_causal=False,
    ),
    "decoder layer": family(_decoder_layer, TIMES, "f32[7, 2, 12]"),
    "decoder": family(
        lambda: nn.TransformerDecoder(_decoder_layer(batch_first=True, norm_first=True), 2), BATCH, "f32[2, 7, 12]",
        tgt_mask="f32[14, 14]", tgt_is_causal=False,
    ),
    "decoder with a memory mask": family(
        lambda: nn.TransformerDecoder(_decoder_layer(batch_first=True), 2), BATCH, "f32[2, 7, 12]", memory_mask="b8[L, 7]",
        memory_key_padding_mask="b8[2, 7]",
    ),
    "transformer": family(lambda: nn.Transformer(12, 3, 1, 1, 16), TIMES, "f32[7, 2, 12]"),
    "transformer, batch first": family(lambda: nn.Transformer(12, 3, 1, 1, 16, batch_first=True), BATCH, BATCH),
}  # fmt: skip
