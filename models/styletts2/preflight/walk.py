"""The length chain as values that read as it goes: of one clip, and of a batch by its shortest clip."""

from __future__ import annotations

from dataclasses import dataclass

from .. import chain
from .run import Run


@dataclass(frozen=True, slots=True)
class ClipWalk:
    """A clip of so many samples at the loader's rate, on its way to the modules that get it whole."""

    samples: int

    @property
    def padded(self) -> int:
        return self.samples + chain.PADDING

    @property
    def frames(self) -> int:
        """Of the mel, before it is made even."""
        return 1 + self.padded // chain.LOADER_HOP_LENGTH

    @property
    def even(self) -> int:
        return chain.mel_frames(self.samples, chain.LOADER_HOP_LENGTH)

    def __str__(self) -> str:
        return (
            f"{self.samples:,} samples -> {self.padded:,} with {chain.PADDING:,} zeros -> {self.frames:,} mel frames"
            f" -> {self.even:,}, even"
        )


@dataclass(frozen=True, slots=True)
class BatchWalk:
    """A batch whose shortest clip has so many mel frames (even), on its way to the modules that get its crops."""

    shortest: int
    max_len: int

    @property
    def decoder_frames(self) -> int:
        return chain.clip_frames(self.shortest, self.max_len)

    @property
    def mel_frames(self) -> int:
        return 2 * self.decoder_frames

    @property
    def samples(self) -> int:
        return chain.LOADER_HOP_LENGTH * self.mel_frames

    def __str__(self) -> str:
        frames = f"{self.mel_frames:,} mel frames = {self.decoder_frames:,} decoder frames = {self.samples:,} samples"
        gate = f", under {chain.GATE}: the batch is passed over" if self.mel_frames < chain.GATE else ""
        return f"shortest clip {self.shortest:,} mel frames -> crops of {frames}{gate}"


def chain_of(run: Run) -> tuple[str, ...]:
    """The chain of a run's stage, with the lengths of its own shortest clip where there is one."""
    whole = ["text_aligner"] + (["style_encoder", "predictor_encoder"] if run.stage.trains_prosody else [])
    limit = run.config.training.max_len // 2
    slm = run.config.model_params.slm.sr * 2 * chain.LOADER_HOP_LENGTH / run.config.preprocess.sr
    styles = "m - 2" if run.stage.styles_uncropped and run.config.model_params.multispeaker else "2c"
    clip = (
        f"S samples at 24,000 Hz -> T = 1 + floor((S + {chain.PADDING:,}) / {chain.LOADER_HOP_LENGTH}) mel frames ->"
        f" E = T - T % 2 -> {', '.join(whole)} get E mel frames"
    )
    batch = (
        f"batch: m = smallest E -> c = min(m/2 - 1, {limit}) -> passed over if 2c < {chain.GATE} -> style encoders get"
        f" {styles} mel frames, pitch_extractor 2c, decoder c, mpd and msd {2 * chain.LOADER_HOP_LENGTH}c samples,"
        f" slm {slm:g}c"
    )
    lines = [clip, batch]
    if run.train is not None and run.train.with_lengths:
        shortest = min(run.train.with_lengths, key=lambda clip: clip.samples)
        walk = ClipWalk(shortest.samples)
        lines += [
            f"the shortest clip, {shortest.line.path}: {walk}",
            f"a batch with it: {BatchWalk(walk.even, run.config.training.max_len)}",
        ]
        refusal = run.fates.whole(walk.even)
        if refusal is not None:
            lines[-1] = f"it goes no further: {refusal.text}"
    return tuple(lines)
