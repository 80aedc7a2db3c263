"""What one audio file is: its length and format from the header, and on request what its samples are.

Invariant: `AudioFile.samples` is what `soundfile.read` gives as far as it is known: 0 where that is known to raise.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundfile import SoundFile  # pyright: ignore[reportMissingTypeStubs]

SILENT_PEAK = 1e-4  # of full scale, -80 dB: three steps of 16 bits, which is what dither alone reaches

# Formats and subtypes whose header tells a number of samples that nothing but decoding holds against the data.
_ON_TRUST = ("FLAC", "MP3", "SDS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III", "DWVW_12", "DWVW_16", "DWVW_24")
_UNTOLD = (1 << 63) - 1  # libsndfile's number for a FLAC stream whose header leaves the number open
_OPEN_END = 0x7FFF0000  # bytes from which on a size is what a program writes that does not know it yet
NO_SAMPLES = "no samples"
_BLOCK = 1 << 16  # samples decoded at once

# libsndfile corrects a size that the file does not have, and notes it in its log: in bytes, or as RF64 does in samples.
# W64 is known by the size of the whole file alone.
_CLAIMED = re.compile(r"^ *(?:data|SSND|BODY|Data Size|Data length|riff) *:? (\d+) \(?should be (\d+)\)?", re.MULTILINE)
_COUNTED = re.compile(r"Calculated frame count (\d+) does not match value from 'ds64' chunk of (\d+)")


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the samples of a file are, once they are read."""

    peak: float  # the largest magnitude of a finite sample, 1.0 is full scale; 0.0 where there is none
    non_finite: int  # how many values are NaN or infinite, in all channels

    @property
    def silent(self) -> bool:
        """Whether no finite sample is louder than `SILENT_PEAK`."""
        return self.peak <= SILENT_PEAK


@dataclass(frozen=True, slots=True)
class AudioFile:
    """One audio file, as its header or a manifest tells it.

    `error` is "" or what is wrong with the file. Where it can be read in spite of that, `samples` is not 0: a truncated
    file has the samples that are left of it.
    """

    path: str  # as it was given
    samples: int  # of each channel, as they are stored: at the file's own rate
    sample_rate: int
    channels: int
    format: str  # as soundfile names it: "WAV", "FLAC", "OGG"; "" if it could not be opened, or stands in a manifest
    subtype: str  # "PCM_16", "VORBIS"
    error: str = ""
    decoded: Decoded | None = None  # None: only the header was read

    def __reduce__(self) -> tuple[Any, ...]:
        # between processes: what dataclasses do themselves takes as long as reading a header
        values = (self.path, self.samples, self.sample_rate, self.channels, self.format, self.subtype, self.error)
        return AudioFile, (*values, self.decoded)

    @property
    def is_readable(self) -> bool:
        """Whether `soundfile.read` gives its samples, as far as is known, if only none or not all of them."""
        return self.samples > 0 or self.error == NO_SAMPLES

    @property
    def seconds(self) -> float:
        return self.samples / self.sample_rate if self.sample_rate else 0.0

    @property
    def exact(self) -> bool:
        """Whether `samples` is what decoding gives; otherwise it is what the header of a FLAC or MP3 file says.

        Both keep their header when they are cut off. An MP3 file without a Xing header has none, and libsndfile goes
        by its first frame.
        """
        return self.decoded is not None or not (self.format in _ON_TRUST or self.subtype in _ON_TRUST)


def read_audio(path: str, given: str | None = None, *, decode: bool = False) -> AudioFile:
    """Read one file's header, and with `decode` all of its samples. Whatever is wrong with the file stands in `error`.

    `given` is the path that the value carries, if it is another one.
    """
    name = path if given is None else given
    error = _cannot_be_opened(path)
    if error:
        return AudioFile(name, 0, 0, 0, "", "", error)
    import soundfile  # pyright: ignore[reportMissingTypeStubs]

    try:
        with soundfile.SoundFile(path) as opened:
            return _facts(opened, name, decode)
    except TypeError:  # soundfile goes by the suffix .raw
        return AudioFile(name, 0, 0, 0, "", "", "raw samples without a header")
    except UnicodeEncodeError:
        return AudioFile(name, 0, 0, 0, "", "", "not readable: its path is no Unicode text, which soundfile needs")
    except (soundfile.SoundFileError, OSError) as failure:
        return AudioFile(name, 0, 0, 0, "", "", _why_not_opened(path, failure))


def _cannot_be_opened(path: str) -> str:
    """Why, as far as the file system knows; "" if it does not."""
    try:
        found = os.stat(path)  # noqa: PTH116  (three times as fast as Path.stat, for many files)
    except FileNotFoundError:
        return "missing"
    except (OSError, ValueError) as failure:  # ValueError: a null character
        return f"not readable: {getattr(failure, 'strerror', None) or failure}"
    if stat.S_ISDIR(found.st_mode):
        return "a folder"
    if not stat.S_ISREG(found.st_mode):
        return "not a regular file"  # opening a pipe would wait for somebody to write into it
    return "" if found.st_size else "empty: 0 bytes"


def _why_not_opened(path: str, failure: Exception) -> str:
    if not os.access(path, os.R_OK):
        return "not readable: permission denied"
    reason = str(getattr(failure, "error_string", failure)).rstrip(".")  # without the path, which may be another
    # where the suffix is .mp3, libsndfile says of a file in which it finds none that it does not exist
    if "not recognised" in reason or "does not exist" in reason:
        return "not audio: format not recognised"
    return f"not readable as audio: {reason}"


def _facts(opened: SoundFile, name: str, decode: bool) -> AudioFile:
    samples, rate, channels = opened.frames, opened.samplerate, opened.channels
    form, subtype = opened.format, opened.subtype
    if samples == _UNTOLD:
        error = "its header leaves the number of samples open, and soundfile.read fails on it: encode it again"
        return AudioFile(name, 0, rate, channels, form, subtype, error)
    error = _truncated(opened.extra_info) or ("" if samples else NO_SAMPLES)
    if not decode:
        return AudioFile(name, samples, rate, channels, form, subtype, error)
    try:
        count, decoded = _decode(opened)
    except RuntimeError as failure:
        reason = str(getattr(failure, "error_string", failure)).rstrip(".")
        error = f"cannot be decoded: {reason}; its header says {samples:,} samples"
        return AudioFile(name, 0, rate, channels, form, subtype, error, Decoded(0.0, 0))
    if count != samples:
        error = error or f"truncated: its header says {samples:,} samples, and decoding gives {count:,}"
    return AudioFile(name, count, rate, channels, form, subtype, error, decoded)


def _truncated(log: str) -> str:
    """What libsndfile's log of reading a header says of data that the file does not have; "" for a whole file."""
    for claimed, there in ((int(found[1]), int(found[2])) for found in _CLAIMED.finditer(log)):
        if there < claimed < _OPEN_END:
            return f"truncated: its header says {claimed:,} bytes, and {there:,} are there"
    for there, claimed in ((int(found[1]), int(found[2])) for found in _COUNTED.finditer(log)):
        if there < claimed:
            return f"truncated: its header says {claimed:,} samples, and {there:,} are there"
    return ""


def _decode(opened: SoundFile) -> tuple[int, Decoded]:
    """(number of samples, what they are), a block at a time. RuntimeError if they cannot be decoded."""
    import numpy as np

    samples = non_finite = 0
    peak = 0.0
    while True:
        block: Any = opened.read(_BLOCK, dtype="float64", always_2d=True)
        if not len(block):
            return samples, Decoded(peak, non_finite)
        samples += len(block)
        finite = np.isfinite(block)
        if not finite.all():
            non_finite += int(block.size - finite.sum())
            block = block[finite]
        if block.size:
            peak = max(peak, float(np.abs(block).max()))
