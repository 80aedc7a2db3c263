"""The blocks that several parts of StyleTTS2 share: style-conditioned norms and the residual block built on them.

Attribute names are the published ones, so that a published checkpoint loads. Sequences are [B, C, T], styles [B, S].
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .construction import weight_norm

PUBLISHED_IN = "models.py, or the decoder's own Modules/hifigan.py or Modules/istftnet.py"  # in the public sources

LEAKY_SLOPE = 0.2


class LinearNorm(nn.Module):
    """A linear layer with Xavier-uniform weights, [..., in_dim] -> [..., out_dim]."""

    def __init__(self, in_dim: int, out_dim: int, *, bias: bool = True, w_init_gain: str = "linear") -> None:
        super().__init__()
        self.linear_layer = nn.Linear(in_dim, out_dim, bias=bias)
        nn.init.xavier_uniform_(self.linear_layer.weight, gain=nn.init.calculate_gain(w_init_gain))  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return self.linear_layer(x)


class AdaLayerNorm(nn.Module):
    """Layer norm over the channels of [B, T, C], scaled and shifted by a style [B, S]."""

    def __init__(self, style_dim: int, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.channels = channels
        self.eps = eps
        self.fc = nn.Linear(style_dim, channels * 2)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        gamma, beta = (parameter.transpose(1, -1) for parameter in style_affine(self.fc, style))  # [B, 1, C] each
        return (1 + gamma) * F.layer_norm(x, (self.channels,), eps=self.eps) + beta


class AdaIN1d(nn.Module):
    """Instance norm of [B, C, T], scaled and shifted by a style [B, S]. Refuses T = 1, as InstanceNorm1d does."""

    def __init__(self, style_dim: int, num_features: int) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm1d(num_features, affine=False)
        self.fc = nn.Linear(style_dim, num_features * 2)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        gamma, beta = style_affine(self.fc, style)
        return (1 + gamma) * self.norm(x) + beta


class AdainResBlk1d(nn.Module):
    """A style-conditioned residual block, [B, dim_in, T] -> [B, dim_out, T], or 2T where it upsamples."""

    def __init__(
        self, dim_in: int, dim_out: int, style_dim: int = 64, *, upsample: bool = False, dropout_p: float = 0.0
    ) -> None:
        super().__init__()
        self.actv = nn.LeakyReLU(LEAKY_SLOPE)
        self.upsample = nn.Upsample(scale_factor=2) if upsample else nn.Identity()
        self.conv1 = weight_norm(nn.Conv1d(dim_in, dim_out, 3, padding=1))
        self.conv2 = weight_norm(nn.Conv1d(dim_out, dim_out, 3, padding=1))
        self.norm1 = AdaIN1d(style_dim, dim_in)
        self.norm2 = AdaIN1d(style_dim, dim_out)
        self.learned_sc = dim_in != dim_out
        if self.learned_sc:
            self.conv1x1 = weight_norm(nn.Conv1d(dim_in, dim_out, 1, bias=False))
        self.dropout = nn.Dropout(dropout_p)
        self.pool = weight_norm(_doubling_conv(dim_in)) if upsample else nn.Identity()

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        return (self._residual(x, style) + self._shortcut(x)) / math.sqrt(2)  # unit variance

    def _residual(self, x: Tensor, style: Tensor) -> Tensor:
        x = self.pool(self.actv(self.norm1(x, style)))
        x = self.conv1(self.dropout(x))
        x = self.actv(self.norm2(x, style))
        return self.conv2(self.dropout(x))

    def _shortcut(self, x: Tensor) -> Tensor:
        x = self.upsample(x)
        return self.conv1x1(x) if self.learned_sc else x


def snake(x: Tensor, alpha: Tensor) -> Tensor:
    """The periodic activation x + sin(alpha x)^2 / alpha, with one alpha [1, C, 1] per channel of [B, C, T]."""
    return x + (1 / alpha) * (torch.sin(alpha * x) ** 2)


def style_affine(projection: nn.Linear, style: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and shift [B, C, 1] that a projection S -> 2C makes of a style [B, S]; a style [S] raises."""
    h = projection(style)
    gamma, beta = h.view(h.size(0), h.size(1), 1).chunk(2, dim=1)
    return gamma, beta


def _doubling_conv(channels: int) -> nn.ConvTranspose1d:
    """T -> 2T on each channel by itself: 2(T - 1) - 2 + 2 + 1 + 1."""
    return nn.ConvTranspose1d(channels, channels, 3, stride=2, padding=1, output_padding=1, groups=channels)
