"""The two encoders that read data: tokens to text features, and a mel spectrogram to one style vector.

Attribute names are the published ones, so that a published checkpoint loads.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import LEAKY_SLOPE
from .construction import spectral_norm, weight_norm
from .packing import pad_time, run_packed

PUBLISHED_IN = "models.py"  # in the public sources


class TextEncoder(nn.Module):
    """Tokens [B, L] to features [B, channels, L]: an embedding, `depth` convolutions and a bidirectional LSTM."""

    def __init__(self, channels: int, kernel_size: int, depth: int, n_symbols: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_symbols, channels)
        self.cnn = nn.ModuleList(
            nn.Sequential(
                weight_norm(nn.Conv1d(channels, channels, kernel_size, padding=(kernel_size - 1) // 2)),
                LayerNorm(channels),
                nn.LeakyReLU(LEAKY_SLOPE),
                nn.Dropout(0.2),
            )
            for _ in range(depth)
        )
        self.lstm = nn.LSTM(channels, channels // 2, batch_first=True, bidirectional=True)

    def forward(self, tokens: Tensor, lengths: Tensor, mask: Tensor) -> Tensor:
        """`lengths` [B] counts the tokens of each text; `mask` [B, L] is true past a text's end."""
        mask = mask.to(lengths.device).unsqueeze(1)  # [B, 1, L]
        x = self.embedding(tokens).transpose(1, 2)  # [B, C, L]
        x.masked_fill_(mask, 0.0)
        for layer in self.cnn:
            x = layer(x)
            x.masked_fill_(mask, 0.0)
        x = pad_time(run_packed(self.lstm, x.transpose(1, 2), lengths), mask.shape[-1])
        return x.transpose(1, 2).masked_fill_(mask, 0.0)


class LayerNorm(nn.Module):
    """Layer norm over the channels of [B, C, T]."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.channels = channels
        self.eps = eps
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        x = F.layer_norm(x.transpose(1, -1), (self.channels,), self.gamma, self.beta, self.eps)
        return x.transpose(1, -1)


class StyleEncoder(nn.Module):
    """A mel spectrogram [B, 1, n_mels, T] to a style [B, style_dim]: four halvings, then a 5x5 convolution.

    80 mels leave exactly 5 rows for the 5x5 convolution, and ceil(T/16) >= 5 columns need T >= 65.
    """

    def __init__(self, dim_in: int = 48, style_dim: int = 48, max_conv_dim: int = 384) -> None:
        super().__init__()
        channels = [dim_in, *(min(dim_in * 2**halvings, max_conv_dim) for halvings in range(1, 5))]
        self.shared = nn.Sequential(
            spectral_norm(nn.Conv2d(1, dim_in, 3, padding=1)),
            *(ResBlk(before, after) for before, after in pairwise(channels)),
            nn.LeakyReLU(LEAKY_SLOPE),
            spectral_norm(nn.Conv2d(channels[-1], channels[-1], 5)),
            nn.AdaptiveAvgPool2d(1),
            nn.LeakyReLU(LEAKY_SLOPE),
        )
        self.unshared = nn.Linear(channels[-1], style_dim)

    def forward(self, mel: Tensor) -> Tensor:
        h = self.shared(mel)  # [B, C, 1, 1]
        return self.unshared(h.view(h.size(0), -1))


class ResBlk(nn.Module):
    """A residual block that halves both axes, [B, dim_in, H, T] -> [B, dim_out, H // 2, ceil(T/2)], for an even H."""

    def __init__(self, dim_in: int, dim_out: int) -> None:
        super().__init__()
        self.actv = nn.LeakyReLU(LEAKY_SLOPE)
        self.downsample = DownSample()
        self.downsample_res = LearnedDownSample(dim_in)
        self.conv1 = spectral_norm(nn.Conv2d(dim_in, dim_in, 3, padding=1))
        self.conv2 = spectral_norm(nn.Conv2d(dim_in, dim_out, 3, padding=1))
        self.learned_sc = dim_in != dim_out
        if self.learned_sc:
            self.conv1x1 = spectral_norm(nn.Conv2d(dim_in, dim_out, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return (self._shortcut(x) + self._residual(x)) / math.sqrt(2)  # unit variance

    def _shortcut(self, x: Tensor) -> Tensor:
        return self.downsample(self.conv1x1(x) if self.learned_sc else x)

    def _residual(self, x: Tensor) -> Tensor:
        x = self.downsample_res(self.conv1(self.actv(x)))
        return self.conv2(self.actv(x))


class DownSample(nn.Module):
    """Averages 2x2 cells of [B, C, H, T]; the last column of an odd T counts twice."""

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] % 2 != 0:
            x = torch.cat([x, x[..., -1].unsqueeze(-1)], dim=-1)
        return F.avg_pool2d(x, 2)


class LearnedDownSample(nn.Module):
    """Halves both axes of [B, C, H, T] by a convolution of stride 2, each channel by itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = spectral_norm(nn.Conv2d(channels, channels, 3, stride=2, padding=1, groups=channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)
