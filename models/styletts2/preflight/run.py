"""A training run as far as it is known before it starts: what the checks look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from shapecheck import ModelReport
from shapecheck.preflight import Affected

from .. import chain
from ..config import StyleTTS2Config
from .clips import Clip, ClipSet
from .fates import Fates, Refusal
from .lists import TextList
from .stage import DEFAULT_EPOCHS, Stage


@dataclass(frozen=True)
class Run:
    """`train`, `val`, `texts`: None where they were not found or not asked for."""

    config: StyleTTS2Config
    stage: Stage
    gpus: int
    report: ModelReport
    train: ClipSet | None = None
    val: ClipSet | None = None
    texts: TextList | None = None

    @cached_property
    def fates(self) -> Fates:
        return Fates(self.report, self.stage, self.config)

    @property
    def batch_size(self) -> int:
        return self.config.training.batch_size

    @property
    def epochs(self) -> int:
        training = self.config.training
        given = {"epochs": training.epochs, "epochs_1st": training.epochs_1st, "epochs_2nd": training.epochs_2nd}
        return given[self.stage.epochs_key] or DEFAULT_EPOCHS

    def is_reached(self, epoch: int | None) -> bool:
        """Whether the run comes to an epoch, counted from 0."""
        return epoch is not None and epoch < self.epochs

    @property
    def reaches_diffusion(self) -> bool:
        return self.stage.trains_prosody and self.is_reached(self.config.training.diff_epoch)

    @property
    def reaches_joint_training(self) -> bool:
        return self.stage.trains_prosody and self.is_reached(self.config.training.joint_epoch)

    def single(self, samples: int) -> Refusal | None:
        """What refuses a batch of so many samples for the sake of one that is alone: in it, or on one of the GPUs."""
        if samples == 1:
            return self.fates.alone
        return self.fates.alone_in_replica if 1 in self.chunks(samples) else None

    def single_in_validation(self, samples: int) -> Refusal | None:
        """Likewise of a validation batch; accelerate, in the first stage on several GPUs, fills the last one up."""
        if not self.stage.trains_prosody and self.gpus > 1:
            samples = max(1, self.batch_size // self.gpus)
        return self.single(samples)

    def chunks(self, samples: int) -> tuple[int, ...]:
        """How nn.DataParallel divides a batch: as torch.chunk does. The first stage divides by processes."""
        if self.gpus == 1 or not self.stage.trains_prosody:
            return (samples,)
        size = -(-samples // self.gpus)
        return tuple(min(size, samples - start) for start in range(0, samples, size))


def affected(clips: ClipSet, chosen: Iterable[Clip]) -> tuple[Affected, ...]:
    return tuple(
        Affected(clip.line.path or clip.line.raw, clips.listed.name, clip.line.number, clip.numbers) for clip in chosen
    )


def duration(samples: int) -> str:
    """Samples at the loader's rate, in words: `"9,500 samples (0.396 s)"`."""
    milliseconds = -(-samples * 1000 // chain.LOADER_SAMPLE_RATE)  # rounded up, so that the seconds are enough, too
    return f"{samples:,} samples ({milliseconds / 1000:g} s)"


def counted(count: int, noun: str) -> str:
    """`"1 clip"`, `"2,000 clips"`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "es" if noun.endswith("ch") else "s")
