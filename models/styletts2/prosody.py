"""The prosody predictor: token durations from text and style, then pitch and energy curves from aligned features.

Attribute names are the published ones, so that a published checkpoint loads.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import AdainResBlk1d, AdaLayerNorm, LinearNorm
from .packing import pad_time, run_packed

PUBLISHED_IN = "models.py"  # in the public sources


class ProsodyPredictor(nn.Module):
    """Two entry points: `forward` takes L tokens to durations, `F0Ntrain` c decoder frames to pitch and energy."""

    def __init__(self, style_dim: int, d_hid: int, nlayers: int, max_dur: int = 50, dropout: float = 0.1) -> None:
        super().__init__()
        self.text_encoder = DurationEncoder(style_dim, d_hid, nlayers, dropout)
        self.lstm = nn.LSTM(d_hid + style_dim, d_hid // 2, batch_first=True, bidirectional=True)
        self.duration_proj = LinearNorm(d_hid, max_dur)
        self.shared = nn.LSTM(d_hid + style_dim, d_hid // 2, batch_first=True, bidirectional=True)
        self.F0 = _curve_blocks(d_hid, style_dim, dropout)
        self.N = _curve_blocks(d_hid, style_dim, dropout)
        self.F0_proj = nn.Conv1d(d_hid // 2, 1, 1)
        self.N_proj = nn.Conv1d(d_hid // 2, 1, 1)

    def forward(
        self, texts: Tensor, style: Tensor, text_lengths: Tensor, alignment: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Duration logits [B, L, max_dur] and aligned features [B, d_hid + style_dim, M].

        `texts` is [B, d_hid, L], `style` [B, style_dim], `alignment` [B, L, M]; `mask` [B, L] is true past a text's
        end.
        """
        features = self.text_encoder(texts, style, text_lengths, mask)  # [B, L, d_hid + style_dim]
        x = pad_time(run_packed(self.lstm, features, text_lengths), mask.shape[-1])
        duration = self.duration_proj(F.dropout(x, 0.5, training=self.training))
        return duration.squeeze(-1), features.transpose(-1, -2) @ alignment

    def F0Ntrain(self, x: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        """Pitch and energy curves, [B, 2c] each, from aligned features [B, d_hid + style_dim, c]."""
        shared = self.shared(x.transpose(-1, -2))[0].transpose(-1, -2)  # [B, d_hid, c]
        pitch = self.F0_proj(_apply_blocks(self.F0, shared, style))
        energy = self.N_proj(_apply_blocks(self.N, shared, style))
        return pitch.squeeze(1), energy.squeeze(1)


class DurationEncoder(nn.Module):
    """Text features [B, d_model, L] to [B, L, d_model + style_dim]: `nlayers` LSTMs, each followed by a norm."""

    def __init__(self, sty_dim: int, d_model: int, nlayers: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.lstms = nn.ModuleList()
        for _ in range(nlayers):
            self.lstms.append(nn.LSTM(d_model + sty_dim, d_model // 2, batch_first=True, bidirectional=True))
            self.lstms.append(AdaLayerNorm(sty_dim, d_model))
        self.dropout = dropout

    def forward(self, x: Tensor, style: Tensor, text_lengths: Tensor, mask: Tensor) -> Tensor:
        """`style` is [B, style_dim]; `mask` [B, L] is true past a text's end."""
        absent = mask.to(text_lengths.device).unsqueeze(-1)  # [B, L, 1]
        x = x.permute(2, 0, 1)  # [L, B, C]
        # Time first: a style without batch axis expands here, as published, and only the norms refuse it.
        style_steps = style.expand(x.shape[0], x.shape[1], -1).transpose(0, 1)  # [B, L, S]
        x = torch.cat([x.transpose(0, 1), style_steps], dim=-1).masked_fill_(absent, 0.0)
        for block in self.lstms:
            if isinstance(block, nn.LSTM):
                x = F.dropout(run_packed(block, x, text_lengths), p=self.dropout, training=self.training)
                x = pad_time(x, mask.shape[-1])
            else:
                x = torch.cat([block(x, style), style_steps], dim=-1).masked_fill_(absent, 0.0)
        return x


def _curve_blocks(d_hid: int, style_dim: int, dropout: float) -> nn.ModuleList:
    """[B, d_hid, c] -> [B, d_hid // 2, 2c]."""
    return nn.ModuleList(
        [
            AdainResBlk1d(d_hid, d_hid, style_dim, dropout_p=dropout),
            AdainResBlk1d(d_hid, d_hid // 2, style_dim, upsample=True, dropout_p=dropout),
            AdainResBlk1d(d_hid // 2, d_hid // 2, style_dim, dropout_p=dropout),
        ]
    )


def _apply_blocks(blocks: Iterable[nn.Module], x: Tensor, style: Tensor) -> Tensor:
    for block in blocks:
        x = block(x, style)
    return x
