"""What the two waveform generators share: the harmonic source, a ladder of upsampling rungs, and their residual blocks.

Rung i multiplies the length by `upsample_rates[i]`, halves the channels and adds the source at that length.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .blocks import AdaIN1d, snake
from .construction import weight_norm
from .source import SourceModuleHnNSF

PUBLISHED_IN = "Modules/hifigan.py or Modules/istftnet.py"  # in the public sources

SAMPLING_RATE = 24_000


class LadderGenerator(nn.Module):
    """The base of both generators. A subclass makes the source and the output, and fills in one rung's details.

    `source_channels` is what the source has, `output_channels` what the last convolution makes, and
    `samples_per_step` the waveform samples for one step of its output.
    """

    def __init__(
        self,
        style_dim: int,
        resblock_kernel_sizes: Sequence[int],
        upsample_rates: Sequence[int],
        upsample_initial_channel: int,
        resblock_dilation_sizes: Sequence[Sequence[int]],
        upsample_kernel_sizes: Sequence[int],
        *,
        source_channels: int,
        output_channels: int,
        samples_per_step: int,
    ) -> None:
        super().__init__()
        self.num_kernels = len(resblock_kernel_sizes)
        self.num_upsamples = len(upsample_rates)
        samples_per_pitch = math.prod(upsample_rates) * samples_per_step
        self.m_source = SourceModuleHnNSF(SAMPLING_RATE, samples_per_pitch, harmonic_num=8, voiced_threshold=10)
        self.f0_upsamp = nn.Upsample(scale_factor=samples_per_pitch)

        self.noise_convs = nn.ModuleList()
        self.noise_res = nn.ModuleList()
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        channels = upsample_initial_channel
        for rung, (rate, kernel_size) in enumerate(zip(upsample_rates, upsample_kernel_sizes, strict=True)):
            below, channels = channels, upsample_initial_channel // 2 ** (rung + 1)
            self.ups.append(weight_norm(self._upsampling_conv(below, channels, kernel_size, rate)))
            # The source has the final length: it comes down by the rates that are still to come.
            stride = math.prod(upsample_rates[rung + 1 :])
            last = rung + 1 == self.num_upsamples
            self.noise_convs.append(
                nn.Conv1d(source_channels, channels, 1)
                if last
                else nn.Conv1d(source_channels, channels, stride * 2, stride, padding=(stride + 1) // 2)
            )
            self.noise_res.append(AdaINResBlock1(channels, 11 if last else 7, (1, 3, 5), style_dim))
            for block_kernel_size, dilations in zip(resblock_kernel_sizes, resblock_dilation_sizes, strict=True):
                self.resblocks.append(AdaINResBlock1(channels, block_kernel_size, dilations, style_dim))
        self.conv_post = weight_norm(nn.Conv1d(channels, output_channels, 7, padding=3))

    def climb(self, x: Tensor, style: Tensor, source: Tensor) -> Tensor:
        """[B, upsample_initial_channel, T] to [B, C, T * prod(upsample_rates)], adding `source` at every rung."""
        for rung in range(self.num_upsamples):
            x = self._activate(x, rung)
            source_here = self.noise_res[rung](self.noise_convs[rung](source), style)
            x = self._upsample(x, rung) + source_here
            x = self._mean_of_blocks(x, style, rung)
        return x

    def _mean_of_blocks(self, x: Tensor, style: Tensor, rung: int) -> Tensor:
        first = rung * self.num_kernels
        total = self.resblocks[first](x, style)
        for index in range(first + 1, first + self.num_kernels):
            total = total + self.resblocks[index](x, style)
        return total / self.num_kernels

    def _upsample(self, x: Tensor, rung: int) -> Tensor:
        return self.ups[rung](x)

    def _activate(self, x: Tensor, rung: int) -> Tensor:
        raise NotImplementedError

    @staticmethod
    def _upsampling_conv(in_channels: int, out_channels: int, kernel_size: int, rate: int) -> nn.ConvTranspose1d:
        raise NotImplementedError


class AdaINResBlock1(nn.Module):
    """Three residual steps of dilated convolutions with style-conditioned norms, [B, C, T] -> [B, C, T]."""

    def __init__(self, channels: int, kernel_size: int, dilations: Sequence[int], style_dim: int) -> None:
        super().__init__()
        steps = range(3)  # as published: a longer list of dilations is cut, a shorter one is an IndexError
        self.convs1 = nn.ModuleList(_same_conv(channels, kernel_size, dilations[step]) for step in steps)
        self.convs2 = nn.ModuleList(_same_conv(channels, kernel_size, 1) for _ in steps)
        self.adain1 = nn.ModuleList(AdaIN1d(style_dim, channels) for _ in steps)
        self.adain2 = nn.ModuleList(AdaIN1d(style_dim, channels) for _ in steps)
        self.alpha1 = nn.ParameterList(nn.Parameter(torch.ones(1, channels, 1)) for _ in steps)
        self.alpha2 = nn.ParameterList(nn.Parameter(torch.ones(1, channels, 1)) for _ in steps)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        for conv1, conv2, norm1, norm2, alpha1, alpha2 in zip(
            self.convs1, self.convs2, self.adain1, self.adain2, self.alpha1, self.alpha2, strict=True
        ):
            h = conv1(snake(norm1(x, style), alpha1))
            x = conv2(snake(norm2(h, style), alpha2)) + x
        return x


def _same_conv(channels: int, kernel_size: int, dilation: int) -> nn.Conv1d:
    """A convolution that keeps the length, for an odd `kernel_size`."""
    padding = (kernel_size - 1) * dilation // 2
    return weight_norm(nn.Conv1d(channels, channels, kernel_size, dilation=dilation, padding=padding))
