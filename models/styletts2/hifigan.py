"""The HiFi-GAN generator: the ladder of rungs ends at the waveform's own rate."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .blocks import snake
from .generator import LadderGenerator

PUBLISHED_IN = "Modules/hifigan.py"  # in the public sources


class Generator(LadderGenerator):
    """Features [B, C, T] and a pitch curve [B, T] in Hz to a waveform [B, 1, T * prod(upsample_rates)]."""

    def __init__(
        self,
        style_dim: int,
        resblock_kernel_sizes: Sequence[int],
        upsample_rates: Sequence[int],
        upsample_initial_channel: int,
        resblock_dilation_sizes: Sequence[Sequence[int]],
        upsample_kernel_sizes: Sequence[int],
    ) -> None:
        super().__init__(
            style_dim,
            resblock_kernel_sizes,
            upsample_rates,
            upsample_initial_channel,
            resblock_dilation_sizes,
            upsample_kernel_sizes,
            source_channels=1,
            output_channels=1,
            samples_per_step=1,
        )
        self.alphas = nn.ParameterList(
            nn.Parameter(torch.ones(1, upsample_initial_channel // 2**rung, 1))
            for rung in range(len(upsample_rates) + 1)
        )

    def forward(self, x: Tensor, style: Tensor, f0: Tensor) -> Tensor:
        f0 = self.f0_upsamp(f0[:, None]).transpose(1, 2)  # [B, N, 1]
        source = self.m_source(f0)[0].transpose(1, 2)  # [B, 1, N]
        x = self.climb(x, style, source)
        return torch.tanh(self.conv_post(self._activate(x, self.num_upsamples)))

    def _activate(self, x: Tensor, rung: int) -> Tensor:
        return snake(x, self.alphas[rung])

    @staticmethod
    def _upsampling_conv(in_channels: int, out_channels: int, kernel_size: int, rate: int) -> nn.ConvTranspose1d:
        # (T - 1) * rate - 2 * padding + (kernel_size - 1) + rate % 2 + 1 = T * rate, exactly for kernel_size = 2 * rate
        padding = rate // 2 + rate % 2
        return nn.ConvTranspose1d(
            in_channels, out_channels, kernel_size, rate, padding=padding, output_padding=rate % 2
        )
