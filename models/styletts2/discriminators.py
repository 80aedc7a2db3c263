"""The discriminators: many periods and many spectrogram resolutions of a waveform, and a head on WavLM's hidden states.

MPD and MSD take a real and a generated waveform [B, 1, N] and return, for each part, the scores of both and then the
feature maps of both. Source: StyleTTS2, Modules/discriminators.py; MPD is HiFi-GAN's, MSD is Universal MelGAN's.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .construction import weight_norm

PUBLISHED_IN = "Modules/discriminators.py"  # in the public sources

LEAKY_SLOPE = 0.1
PERIODS = (2, 3, 5, 7, 11)
RESOLUTIONS = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))  # fft size, hop and window length in samples

Scored = tuple[Tensor, list[Tensor]]
Judged = tuple[list[Tensor], list[Tensor], list[list[Tensor]], list[list[Tensor]]]


class MultiPeriodDiscriminator(nn.Module):
    """Folds the waveform by each of the periods 2, 3, 5, 7 and 11."""

    def __init__(self) -> None:
        super().__init__()
        self.discriminators = nn.ModuleList(DiscriminatorP(period) for period in PERIODS)

    def forward(self, y: Tensor, y_hat: Tensor) -> Judged:
        return _judge(self.discriminators, y, y_hat)


class DiscriminatorP(nn.Module):
    """A waveform [B, 1, N], reflect-padded to whole periods, as an image [B, 1, ceil(N / period), period] -> scores.

    N must exceed the padding; the convolutions run along the first image axis only.
    """

    def __init__(self, period: int) -> None:
        super().__init__()
        self.period = period
        channels = (1, 32, 128, 512, 1024, 1024)
        strides = (3, 3, 3, 3, 1)
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv2d(*pair, (5, 1), (stride, 1), padding=(2, 0)))
            for pair, stride in zip(pairwise(channels), strides, strict=True)
        )
        self.conv_post = weight_norm(nn.Conv2d(channels[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, x: Tensor) -> Scored:
        batch, channels, length = x.shape
        if length % self.period != 0:
            missing = self.period - length % self.period
            x = F.pad(x, (0, missing), "reflect")
            length = length + missing
        return _score(self.convs, self.conv_post, x.view(batch, channels, length // self.period, self.period))


class MultiResSpecDiscriminator(nn.Module):
    """Three short-time Fourier transforms of the waveform; the longest, of 2048 samples, needs N > 1024."""

    def __init__(self) -> None:
        super().__init__()
        self.discriminators = nn.ModuleList(SpecDiscriminator(*resolution) for resolution in RESOLUTIONS)

    def forward(self, y: Tensor, y_hat: Tensor) -> Judged:
        return _judge(self.discriminators, y, y_hat)


class SpecDiscriminator(nn.Module):
    """The spectrogram of a waveform [B, 1, N] as an image [B, 1, N // shift_size + 1, fft_size // 2 + 1] -> scores."""

    def __init__(self, fft_size: int, shift_size: int, win_length: int) -> None:
        super().__init__()
        self.fft_size = fft_size
        self.shift_size = shift_size
        self.win_length = win_length
        self.discriminators = nn.ModuleList(
            weight_norm(nn.Conv2d(*pair, kernel_size, (1, stride), padding=(1, kernel_size[1] // 2)))
            for pair, kernel_size, stride in (
                ((1, 32), (3, 9), 1),
                ((32, 32), (3, 9), 2),
                ((32, 32), (3, 9), 2),
                ((32, 32), (3, 9), 2),
                ((32, 32), (3, 3), 1),
            )
        )
        self.out = weight_norm(nn.Conv2d(32, 1, 3, padding=1))

    def forward(self, y: Tensor) -> Scored:
        return _score(self.discriminators, self.out, self.spectrogram(y.squeeze(1)).unsqueeze(1))

    def spectrogram(self, y: Tensor) -> Tensor:
        """[B, N] -> [B, frames, fft_size // 2 + 1]."""
        window = torch.hann_window(self.win_length, device=y.device)  # not kept: made on meta, it would have no values
        spectrum = torch.stft(y, self.fft_size, self.shift_size, self.win_length, window, return_complex=True)
        return spectrum.abs().transpose(2, 1)


class WavLMDiscriminator(nn.Module):
    """WavLM's hidden states, stacked to [B, slm_layers * slm_hidden, F] -> scores [B, F]."""

    def __init__(self, slm_hidden: int = 768, slm_layers: int = 13, initial_channel: int = 64) -> None:
        super().__init__()
        self.pre = weight_norm(nn.Conv1d(slm_hidden * slm_layers, initial_channel, 1))
        channels = (initial_channel, initial_channel * 2, initial_channel * 4, initial_channel * 4)
        self.convs = nn.ModuleList(weight_norm(nn.Conv1d(*pair, 5, padding=2)) for pair in pairwise(channels))
        self.conv_post = weight_norm(nn.Conv1d(channels[-1], 1, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return _score(self.convs, self.conv_post, self.pre(x))[0]


def _score(convs: Iterable[nn.Module], last: nn.Module, x: Tensor) -> Scored:
    """The flattened output of `last`, and the feature maps that lead there, its own included."""
    features: list[Tensor] = []
    for conv in convs:
        x = F.leaky_relu(conv(x), LEAKY_SLOPE)
        features.append(x)
    x = last(x)
    features.append(x)
    return torch.flatten(x, 1, -1), features


def _judge(discriminators: Iterable[nn.Module], y: Tensor, y_hat: Tensor) -> Judged:
    real: list[Scored] = []
    generated: list[Scored] = []
    for discriminator in discriminators:
        real.append(discriminator(y))
        generated.append(discriminator(y_hat))
    return (
        [score for score, _ in real],
        [score for score, _ in generated],
        [features for _, features in real],
        [features for _, features in generated],
    )
