"""The decoder: aligned text features, pitch, energy and style to a waveform, by either generator.

Attribute names are the published ones, so that a published checkpoint loads. The odd capitals are theirs.
"""

from __future__ import annotations

import random

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import AdainResBlk1d
from .construction import weight_norm

PUBLISHED_IN = "Modules/hifigan.py or Modules/istftnet.py"  # in the public sources

# Widths that the published decoder fixes, whatever the configuration says.
TEXT_CHANNELS = 512
RESIDUAL_CHANNELS = 64
INNER_CHANNELS = 1024
OUTPUT_CHANNELS = 512

# Widths of the moving averages over pitch and energy that training draws from; 0 is none.
PITCH_SMOOTHING = (0, 3, 7)
ENERGY_SMOOTHING = (0, 3, 7, 15)


class Decoder(nn.Module):
    """Four style-conditioned blocks at c decoder frames, then a generator at 2c pitch steps. Refuses c = 1."""

    def __init__(self, generator: nn.Module, dim_in: int = TEXT_CHANNELS, style_dim: int = 64) -> None:
        """`generator` maps features [B, 512, 2c], style [B, style_dim] and pitch [B, 2c] to a waveform."""
        super().__init__()
        inner = INNER_CHANNELS + RESIDUAL_CHANNELS + 2  # with the text, the pitch and the energy beside it
        self.encode = AdainResBlk1d(dim_in + 2, INNER_CHANNELS, style_dim)
        self.decode = nn.ModuleList(
            [
                *(AdainResBlk1d(inner, INNER_CHANNELS, style_dim) for _ in range(3)),
                AdainResBlk1d(inner, OUTPUT_CHANNELS, style_dim, upsample=True),
            ]
        )
        self.F0_conv = weight_norm(nn.Conv1d(1, 1, 3, stride=2, padding=1))
        self.N_conv = weight_norm(nn.Conv1d(1, 1, 3, stride=2, padding=1))
        self.asr_res = nn.Sequential(weight_norm(nn.Conv1d(TEXT_CHANNELS, RESIDUAL_CHANNELS, 1)))
        self.generator = generator

    def forward(self, asr: Tensor, f0_curve: Tensor, energy_curve: Tensor, style: Tensor) -> Tensor:
        """`asr` is [B, dim_in, c], both curves [B, 2c], `style` [B, style_dim]; the waveform is [B, 1, 600c]."""
        if self.training:
            f0_width, energy_width = random.choice(PITCH_SMOOTHING), random.choice(ENERGY_SMOOTHING)
            f0_curve = _moving_average(f0_curve, f0_width)
            energy_curve = _moving_average(energy_curve, energy_width)
        f0 = self.F0_conv(f0_curve.unsqueeze(1))  # [B, 1, c]
        energy = self.N_conv(energy_curve.unsqueeze(1))  # [B, 1, c]
        x = self.encode(torch.cat([asr, f0, energy], dim=1), style)
        asr_residual = self.asr_res(asr)
        for block in self.decode:
            x = block(torch.cat([x, asr_residual, f0, energy], dim=1), style)
        return self.generator(x, style, f0_curve)


def _moving_average(curve: Tensor, width: int) -> Tensor:
    """A curve [B, N] smoothed over an odd `width` with zeros past its ends; the sum is always over `width`."""
    if not width:
        return curve
    kernel = torch.ones(1, 1, width, device=curve.device)
    return F.conv1d(curve.unsqueeze(1), kernel, padding=width // 2).squeeze(1) / width
