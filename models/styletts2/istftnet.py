"""The iSTFTNet generator: the ladder ends at spectral frames, and an inverse Fourier transform makes the waveform."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .generator import LadderGenerator

PUBLISHED_IN = "Modules/istftnet.py"  # in the public sources

LADDER_SLOPE = 0.1


class Generator(LadderGenerator):
    """Features [B, C, T] and a pitch curve [B, T] in Hz to a waveform [B, 1, T * prod(upsample_rates) * hop]."""

    def __init__(
        self,
        style_dim: int,
        resblock_kernel_sizes: Sequence[int],
        upsample_rates: Sequence[int],
        upsample_initial_channel: int,
        resblock_dilation_sizes: Sequence[Sequence[int]],
        upsample_kernel_sizes: Sequence[int],
        gen_istft_n_fft: int,
        gen_istft_hop_size: int,
    ) -> None:
        super().__init__(
            style_dim,
            resblock_kernel_sizes,
            upsample_rates,
            upsample_initial_channel,
            resblock_dilation_sizes,
            upsample_kernel_sizes,
            source_channels=gen_istft_n_fft + 2,
            output_channels=gen_istft_n_fft + 2,
            samples_per_step=gen_istft_hop_size,
        )
        self.magnitudes = gen_istft_n_fft // 2 + 1
        self.reflection_pad = nn.ReflectionPad1d((1, 0))
        self.stft = TorchSTFT(gen_istft_n_fft, gen_istft_hop_size, gen_istft_n_fft)

    def forward(self, x: Tensor, style: Tensor, f0: Tensor) -> Tensor:
        with torch.no_grad():
            f0 = self.f0_upsamp(f0[:, None]).transpose(1, 2)  # [B, N, 1]
            source = self.m_source(f0)[0].transpose(1, 2).squeeze(1)  # [B, N]
            source = torch.cat(self.stft.transform(source), dim=1)  # [B, n_fft + 2, frames]
        x = self.conv_post(F.leaky_relu(self.climb(x, style, source)))
        magnitude = torch.exp(x[:, : self.magnitudes, :])
        phase = torch.sin(x[:, self.magnitudes :, :])
        return self.stft.inverse(magnitude, phase)

    def _activate(self, x: Tensor, rung: int) -> Tensor:
        del rung  # one slope for all
        return F.leaky_relu(x, LADDER_SLOPE)

    def _upsample(self, x: Tensor, rung: int) -> Tensor:
        x = super()._upsample(x, rung)
        # A centred transform of N samples has N / hop + 1 frames: one more than the ladder makes.
        return self.reflection_pad(x) if rung == self.num_upsamples - 1 else x

    @staticmethod
    def _upsampling_conv(in_channels: int, out_channels: int, kernel_size: int, rate: int) -> nn.ConvTranspose1d:
        # (T - 1) * rate - (kernel_size - rate) + kernel_size = T * rate, for an even kernel_size - rate
        return nn.ConvTranspose1d(in_channels, out_channels, kernel_size, rate, padding=(kernel_size - rate) // 2)


class TorchSTFT(nn.Module):
    """The short-time Fourier transform and its inverse, with a periodic Hann window."""

    def __init__(self, filter_length: int, hop_length: int, win_length: int) -> None:
        super().__init__()
        self.filter_length = filter_length
        self.hop_length = hop_length
        self.win_length = win_length

    def transform(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Magnitude and phase, [B, n_fft // 2 + 1, N // hop + 1] each, of a wave [B, N]; refuses N <= n_fft // 2."""
        spectrum = torch.stft(
            wave,
            self.filter_length,
            self.hop_length,
            self.win_length,
            window=self._window(wave.device),
            return_complex=True,
        )
        return torch.abs(spectrum), torch.angle(spectrum)

    def inverse(self, magnitude: Tensor, phase: Tensor) -> Tensor:
        """A wave [B, 1, N] from magnitude and phase, [B, n_fft // 2 + 1, N // hop + 1] each."""
        wave = torch.istft(
            magnitude * torch.exp(phase * 1j),
            self.filter_length,
            self.hop_length,
            self.win_length,
            window=self._window(magnitude.device),
        )
        return wave.unsqueeze(-2)

    def _window(self, device: torch.device) -> Tensor:
        """Made in each call: no state-dict entry, and right on every device. In double precision, as published."""
        return torch.hann_window(self.win_length, dtype=torch.float64, device=device).float()
