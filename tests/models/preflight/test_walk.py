"""The length chain beside the scripts' own arithmetic, executed on arrays of the real sizes."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from shapecheck.models.styletts2 import chain
from shapecheck.models.styletts2.preflight.walk import BatchWalk, ClipWalk


def loaded(samples: int) -> tuple[np.ndarray, torch.Tensor]:
    """A clip as the loader makes it: its wave with zeros around it, and its mel, framed as torch.stft frames it."""
    wave = np.concatenate([np.zeros([5000]), np.ones(samples), np.zeros([5000])], axis=0)
    spectrum = torch.stft(
        torch.from_numpy(wave),
        n_fft=2048,
        hop_length=300,
        win_length=1200,
        window=torch.ones(1200),
        return_complex=True,
    )
    mel = spectrum.abs()[:80]
    length = mel.size(1)
    return wave, mel[:, : (length - length % 2)]


def cropped(clips: list[tuple[np.ndarray, torch.Tensor]], max_len: int) -> list[tuple[int, int, int]]:
    """(decoder frames, mel frames, samples) of each clip of a batch, cut as the training loop cuts them."""
    lengths = torch.tensor([mel.size(1) for _, mel in clips])
    aligned = torch.zeros(len(clips), int(lengths.max()) // 2)
    mel_len = min(int(lengths.min().item() / 2 - 1), max_len // 2)
    found: list[tuple[int, int, int]] = []
    for bib, (wave, mel) in enumerate(clips):
        mel_length = int(lengths[bib].item() / 2)
        start = np.random.randint(0, mel_length - mel_len)
        en = aligned[bib, start : start + mel_len]
        gt = mel[:, (start * 2) : ((start + mel_len) * 2)]
        y = wave[(start * 2) * 300 : ((start + mel_len) * 2) * 300]
        found.append((en.shape[-1], gt.shape[-1], len(y)))
    return found


@pytest.mark.parametrize("samples", [1, 299, 300, 9_499, 9_500, 10_099, 10_100, 14_299, 14_300, 24_000, 31_234])
def test_a_clip(samples: int) -> None:
    wave, mel = loaded(samples)
    walk = ClipWalk(samples)
    assert (walk.padded, walk.even) == (len(wave), mel.size(1))
    assert walk.frames - walk.frames % 2 == walk.even


@pytest.mark.parametrize("seed", range(8))
def test_a_batch(seed: int) -> None:
    drawn = random.Random(seed)
    np.random.seed(seed)
    clips = [loaded(drawn.randint(1, 60_000)) for _ in range(drawn.randint(1, 5))]
    max_len = drawn.choice((79, 80, 81, 100, 400))
    walk = BatchWalk(min(mel.size(1) for _, mel in clips), max_len)
    assert set(cropped(clips, max_len)) == {(walk.decoder_frames, walk.mel_frames, walk.samples)}
    assert ("passed over" in str(walk)) is (walk.mel_frames < chain.GATE)


def test_how_a_walk_reads() -> None:
    assert str(ClipWalk(9_500)) == "9,500 samples -> 19,500 with 10,000 zeros -> 66 mel frames -> 66, even"
    assert str(BatchWalk(82, 400)) == (
        "shortest clip 82 mel frames -> crops of 80 mel frames = 40 decoder frames = 24,000 samples"
    )
    assert str(BatchWalk(80, 400)).endswith("= 23,400 samples, under 80: the batch is passed over")


def test_resampling_rounds_up_in_floating_point() -> None:
    """As librosa.resample counts: int(np.ceil(n * (float(24000) / rate)))."""
    for rate in (8_000, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 11_025):
        for samples in [*range(50), *range(9_000, 9_400, 7), 44_101, 1_234_567]:
            assert chain.resampled(samples, rate) == int(np.ceil(samples * (float(24_000) / rate)))
        for needed in (1, 2, 9_500, 14_300):
            shortest = chain.shortest_at(needed, rate)
            assert chain.resampled(shortest, rate) >= needed > chain.resampled(shortest - 1, rate)
    assert chain.resampled(123, 24_000) == 123
