"""The clips of a list with their lengths, from their headers; nothing of the audio is kept.

Source of the arithmetic: yl4579/StyleTTS2, meldataset.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from shapecheck.preflight import AudioFile

from .. import chain
from .lists import ClipList, Line

STEREO = 2  # channels of which the loader keeps the first; more it cannot take


@dataclass(frozen=True)
class Clip:
    """One line of a list and its audio. `audio` is None where the line names none."""

    line: Line
    audio: AudioFile | None

    @property
    def has_length(self) -> bool:
        """Whether the loader gets through to a number of mel frames."""
        audio = self.audio
        return audio is not None and audio.is_readable and audio.channels <= STEREO and not looks_stereo(audio)

    @cached_property
    def samples(self) -> int:
        """At the loader's rate; needs `has_length`."""
        assert self.audio is not None
        return chain.resampled(self.audio.samples, self.audio.sample_rate)

    @cached_property
    def mel_frames(self) -> int:
        """Even; needs `has_length`."""
        return chain.mel_frames(self.samples, chain.LOADER_HOP_LENGTH)

    @property
    def seconds(self) -> float:
        """As it is stored; needs `has_length`."""
        assert self.audio is not None
        return self.audio.seconds

    @property
    def numbers(self) -> dict[str, int | float | str]:
        """What tells the user which clip it is, and how long."""
        if not self.has_length:
            return {}
        assert self.audio is not None
        return {
            "samples": self.audio.samples,
            "sample_rate": self.audio.sample_rate,
            "seconds": round(self.seconds, 4),
            "mel_frames": self.mel_frames,
        }


@dataclass(frozen=True)
class ClipSet:
    """A list with its clips, in the list's order."""

    listed: ClipList
    clips: tuple[Clip, ...]

    @cached_property
    def with_lengths(self) -> tuple[Clip, ...]:
        return tuple(clip for clip in self.clips if clip.has_length)

    @property
    def hours(self) -> float:
        return sum(clip.seconds for clip in self.with_lengths) / 3600


def joined(listed: ClipList, root: str, audio: Mapping[str, AudioFile]) -> ClipSet:
    """`audio` by path, as `path_of` gives it, or as the list has it."""

    def audio_of(line: Line) -> AudioFile | None:
        return (audio.get(path_of(root, line)) or audio.get(line.path)) if line.path else None

    return ClipSet(listed, tuple(Clip(line, audio_of(line)) for line in listed.lines))


def looks_stereo(audio: AudioFile) -> bool:
    """Whether the loader takes the two samples of one channel for two channels, and fails."""
    return audio.channels == 1 and audio.samples == STEREO


def path_of(root: str, line: Line) -> str:
    """Where the loader looks for a clip."""
    return str(Path(root, line.path))
