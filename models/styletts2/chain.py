"""The length chain of the fine-tuning scripts, from a clip's samples to what each module receives, and its inverses.

    samples at the model's rate -> + 10,000 zeros -> 1 + floor(N / hop) mel frames -> one less if odd     (each clip)
    shortest of the batch m -> c = min(m / 2 - 1, floor(max_len / 2)) decoder frames = 2c mel frames      (each batch)

Integers only, and exact. `advise` turns the limits that were found into the shortest clip and the smallest max_len.
Source: yl4579/StyleTTS2, meldataset.py and train_finetune.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .config import StyleTTS2Config

if TYPE_CHECKING:
    from shapecheck import ModelReport, Report

PADDING = 10_000  # zeros that the data loader adds to a clip, half of them on each side
LOADER_SAMPLE_RATE = 24_000  # this and the next: of the public data loader, whatever the configuration says
LOADER_HOP_LENGTH = 300
GATE = 80  # mel frames; the scripts pass over a batch whose clips are shorter, without a word

# The modules that get a whole clip before any cropping: each at 2h mel frames.
WHOLE_CLIP = ("style_encoder", "predictor_encoder", "text_aligner")


def mel_frames(samples: int, hop_length: int) -> int:
    """Mel frames of a clip of so many samples, always even."""
    frames = 1 + (samples + PADDING) // hop_length
    return frames - frames % 2


def resampled(samples: int, sample_rate: int, target_rate: int = LOADER_SAMPLE_RATE) -> int:
    """Samples after the loader's resampling, which rounds up in floating point (librosa.resample)."""
    return samples if sample_rate == target_rate else math.ceil(samples * (float(target_rate) / sample_rate))


def shortest_at(samples: int, sample_rate: int, target_rate: int = LOADER_SAMPLE_RATE) -> int:
    """The smallest number of samples at `sample_rate` that gives `samples` or more after resampling."""
    count = max(0, (samples - 1) * sample_rate // target_rate - 1)
    while resampled(count, sample_rate, target_rate) < samples:
        count += 1
    return count


def shortest_clip(frames: int, hop_length: int) -> int:
    """The smallest number of samples that gives `frames` mel frames or more."""
    even = frames + frames % 2
    return max(0, (even - 1) * hop_length - PADDING)  # 1 + floor(N / hop) >= even  <=>  N >= (even - 1) * hop


def clip_frames(shortest: int, max_len: int) -> int:
    """Decoder frames of every clip in a batch whose shortest member has `shortest` mel frames (even)."""
    return min(shortest // 2 - 1, max_len // 2)


def shortest_member(decoder_frames: int) -> int:
    """The smallest even number of mel frames that a batch's shortest clip must have for so many decoder frames."""
    return 2 * (decoder_frames + 1)


def smallest_max_len(decoder_frames: int) -> int:
    return 2 * decoder_frames


def advise(report: ModelReport, config: StyleTTS2Config) -> tuple[str, ...]:
    """What the limits found mean for the clips and for max_len; () where no component here sees audio.

    Of the components in the report only: the advice is as good as the choice of components.
    """
    chain = _Chain.of(config)
    reports: dict[str, list[Report]] = {}  # of each component one for each batch size
    for entry in report.components:
        reports.setdefault(entry.component.name, []).append(entry.report)
    whole = [_need(name, each, chain.doubled) for name in WHOLE_CLIP for each in reports.get(name, ())]
    cropped = [
        _need(name, each, length) for name, length in chain.receivers().items() for each in reports.get(name, ())
    ]
    needs = [*whole, *cropped]
    if not needs:
        return ()
    undecided = list(dict.fromkeys(need.undecided for need in needs if need.undecided))
    if undecided:
        return (f"No shortest clip and no smallest max_len can be named: {'; '.join(undecided)}.",)
    limit = "" if all(need.proved for need in needs) else " As far as lengths were swept."
    sentences = [chain.whole_clips(whole)] if whole else []
    return (*sentences, chain.cropped_clips(cropped, config.training.max_len) + limit) if cropped else tuple(sentences)


@dataclass(frozen=True, slots=True)
class _Need:
    """The smallest count, of pairs of mel frames, from which on a component runs at every count."""

    component: str
    count: int
    layer: str  # which refuses one less; "" where nothing does
    undecided: str  # why there is no count; "" where there is
    proved: bool


def _need(component: str, report: Report, length: Callable[[int], int]) -> _Need:
    """`length(count)` is what the component receives; it grows with the count."""

    def undecided(why: str) -> _Need:
        return _Need(component, 0, "", f"{component} {why}", report.proved)

    threshold = report.threshold if report.proved else report.valid.swept_threshold
    if threshold is None:
        return undecided(f"has no length from which on every one runs (valid: {report.valid.text(report.variable)})")
    count = 1
    while length(count) < threshold:
        count *= 2
    low = count // 2  # length(low) < threshold <= length(count)
    while count - low > 1:
        middle = (low + count) // 2
        low, count = (middle, count) if length(middle) < threshold else (low, middle)
    while count > 1 and length(count - 1) in report.valid:  # the lengths between those that can come do not matter
        count -= 1
    if count == 1:
        return _Need(component, 1, "", "", report.proved)
    below = length(count - 1)
    if below < report.swept[0]:
        return undecided(f"was swept from {report.variable} = {report.swept[0]:,} on only, and runs there")
    failure = next((failure for failure in report.failures if below in failure.lengths), None)
    if failure is None:
        return undecided(f"is undecided at {report.variable} = {below:,}")
    return _Need(component, count, f"{failure.layer} ({failure.operation})", "", report.proved)


@dataclass(frozen=True, slots=True)
class _Chain:
    """Counts are pairs of mel frames: for a whole clip half its mel frames, for a crop its decoder frames."""

    sample_rate: int
    hop_length: int
    slm_rate: int

    @classmethod
    def of(cls, config: StyleTTS2Config) -> _Chain:
        return cls(config.preprocess.sr, config.preprocess.hop_length, config.model_params.slm.sr)

    def doubled(self, count: int) -> int:
        return 2 * count

    def receivers(self) -> dict[str, Callable[[int], int]]:
        """What each module gets of a crop of so many decoder frames."""

        def samples(count: int) -> int:
            return 2 * self.hop_length * count

        return {
            "style_encoder": self.doubled,
            "predictor_encoder": self.doubled,
            "pitch_extractor": self.doubled,
            "predictor.F0Ntrain": lambda count: count,
            "decoder": lambda count: count,
            "mpd": samples,
            "msd": samples,
            "slm": lambda count: -(-samples(count) * self.slm_rate // self.sample_rate),  # the resampler rounds up
        }

    def whole_clips(self, needs: Sequence[_Need]) -> str:
        count = max(need.count for need in needs)
        if count == 1:
            return "No clip is too short for the modules that get whole clips."
        return (
            f"Shortest clip: {self._clip(2 * count)}, since the training scripts encode whole clips and"
            f" {_deciders(needs)}; a shorter one ends the run."
        )

    def cropped_clips(self, needs: Sequence[_Need], max_len: int) -> str:
        count = max(need.count for need in needs)
        gated = max(count, GATE // 2)
        own = f"this configuration has {max_len:,}" + (", too few" if max_len // 2 < gated else "")
        reason = (
            f"the modules run from {smallest_max_len(count):,} on, where {_deciders(needs)}, but the training scripts"
            f" pass over every batch under {GATE} mel frames"
            if gated > count
            else _deciders(needs)
        )
        return (
            f"Smallest max_len: {smallest_max_len(gated):,} = {_counted(gated, 'decoder frame')} ="
            f" {self._samples(2 * self.hop_length * gated)} ({own}): {reason}; the shortest clip of a batch then needs"
            f" {self._clip(shortest_member(gated))}."
        )

    def _clip(self, frames: int) -> str:
        """The recording, before the scripts pad it, that gives so many mel frames."""
        return f"{_counted(frames, 'mel frame')} = {self._samples(shortest_clip(frames, self.hop_length))}"

    def _samples(self, count: int) -> str:
        milliseconds = -(-count * 1000 // self.sample_rate)  # rounded up, so that the seconds are enough, too
        return f"{_counted(count, 'sample')} = {milliseconds / 1000:g} s"


def _deciders(needs: Sequence[_Need]) -> str:
    count = max(need.count for need in needs)
    components: dict[str, list[str]] = {}
    for need in needs:
        if need.count == count and need.layer and need.component not in components.setdefault(need.layer, []):
            components[need.layer].append(need.component)
    if not components:
        return "no module needs more"
    layers = [f"{layer} of {' and '.join(names)}" for layer, names in components.items()]
    return f"{' and '.join(layers)} refuse{'s' * (len(layers) == 1)} less"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"
