"""The decoder's audio beside the recording, as the discriminators' loss compares them.

Source: yl4579/StyleTTS2, train_finetune.py and losses.py (DiscriminatorLoss).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class DecodedBesideRecording(nn.Module):
    """A decoder and the two discriminators, which score real and generated audio and subtract the scores."""

    def __init__(self, decoder: nn.Module, mpd: nn.Module, msd: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder
        self.mpd = mpd
        self.msd = msd

    def forward(self, recording: Tensor, *inputs: Tensor) -> Any:
        """`recording` is [1, 1, 600c]; `inputs` are the decoder's for c frames."""
        generated = self.decoder(*inputs)
        differences: list[Tensor] = []
        for discriminator in (self.mpd, self.msd):
            real, fake, _, _ = discriminator(recording, generated)
            differences += [score - other for score, other in zip(real, fake, strict=True)]
        return differences
