"""The harmonic-plus-noise source: a waveform of sine harmonics that follows a pitch curve.

Random numbers are drawn in the published order, so that equal seeds give equal waveforms.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PUBLISHED_IN = "Modules/hifigan.py or Modules/istftnet.py"  # in the public sources


class SourceModuleHnNSF(nn.Module):
    """Pitch [B, N, 1] in Hz to (harmonic source, noise source, voiced flags), each [B, N, 1]."""

    def __init__(
        self,
        sampling_rate: int,
        upsample_scale: int,
        harmonic_num: int = 0,
        *,
        sine_amp: float = 0.1,
        noise_std: float = 0.003,
        voiced_threshold: float = 0,
    ) -> None:
        super().__init__()
        self.sine_amp = sine_amp
        self.l_sin_gen = SineGen(
            sampling_rate,
            upsample_scale,
            harmonic_num,
            sine_amp=sine_amp,
            noise_std=noise_std,
            voiced_threshold=voiced_threshold,
        )
        self.l_linear = nn.Linear(harmonic_num + 1, 1)
        self.l_tanh = nn.Tanh()

    def forward(self, f0: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with torch.no_grad():
            sines, voiced = self.l_sin_gen(f0)
        harmonic = self.l_tanh(self.l_linear(sines))
        noise = torch.randn_like(voiced) * self.sine_amp / 3
        return harmonic, noise, voiced


class SineGen(nn.Module):
    """Pitch [B, N, 1] in Hz to (sines [B, N, harmonic_num + 1], voiced flags [B, N, 1]); noise where unvoiced.

    Phase is summed at the frame rate, N / upsample_scale, and interpolated back: N must be a multiple of the scale.
    """

    def __init__(
        self,
        sampling_rate: int,
        upsample_scale: int,
        harmonic_num: int = 0,
        *,
        sine_amp: float = 0.1,
        noise_std: float = 0.003,
        voiced_threshold: float = 0,
    ) -> None:
        super().__init__()
        self.sampling_rate = sampling_rate
        self.upsample_scale = upsample_scale
        self.harmonics = harmonic_num + 1
        self.sine_amp = sine_amp
        self.noise_std = noise_std
        self.voiced_threshold = voiced_threshold

    def forward(self, f0: Tensor) -> tuple[Tensor, Tensor]:
        multiples = torch.arange(1, self.harmonics + 1, dtype=torch.float32, device=f0.device)
        sines = self._sines(f0 * multiples) * self.sine_amp
        voiced = (f0 > self.voiced_threshold).type(torch.float32)
        noise_amplitude = voiced * self.noise_std + (1 - voiced) * self.sine_amp / 3
        noise = noise_amplitude * torch.randn_like(sines)
        return sines * voiced + noise, voiced

    def _sines(self, frequencies: Tensor) -> Tensor:
        """Unit sines [B, N, H] of instantaneous frequencies [B, N, H]; each harmonic starts at a random phase."""
        cycles = (frequencies / self.sampling_rate) % 1  # whole cycles do not change a sine
        start = torch.rand(cycles.shape[0], cycles.shape[2], device=cycles.device)
        start[:, 0] = 0  # the fundamental starts at phase zero
        cycles[:, 0, :] = cycles[:, 0, :] + start

        cycles = F.interpolate(cycles.transpose(1, 2), scale_factor=1 / self.upsample_scale, mode="linear")
        phase = torch.cumsum(cycles.transpose(1, 2), dim=1) * 2 * math.pi
        phase = F.interpolate(
            phase.transpose(1, 2) * self.upsample_scale, scale_factor=self.upsample_scale, mode="linear"
        )
        return torch.sin(phase.transpose(1, 2))
