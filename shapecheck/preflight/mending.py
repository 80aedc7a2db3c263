"""One clip made longer: read as it is stored, and written with the format's own parameters as a new file.

Invariant: a new file has exactly the promised number of samples, or it is not there. Where the format keeps samples as
they are, those of the recording are the same in the new file. No file that exists is written over.
"""

from __future__ import annotations

import errno
import io
import os
import re
import secrets
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shapecheck.errors import UsageError
from shapecheck.preflight.audio import AudioFile, read_audio
from shapecheck.preflight.repairing import Policy
from shapecheck.saved import printable

if TYPE_CHECKING:
    from soundfile import SoundFile  # pyright: ignore[reportMissingTypeStubs]

TEMPORARY = ".shapecheck-"  # how the names of unfinished files begin

# Subtypes that are decoded to floating point; encoding them again changes the samples.
_LOSSY = frozenset(("VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III"))
_FLOATS = {"FLOAT": "float32", "DOUBLE": "float64"}
_BITS = re.compile(r"(?:PCM|ALAC|DWVW)_[SU]?(\d+)")
_PROBED = 5_000  # samples, no multiple of the blocks of any format
_WAV = {8: "PCM_U8", 16: "PCM_16", 24: "PCM_24", 32: "PCM_32"}  # by the most bits that they hold


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """What a new file is written as."""

    format: str  # as soundfile names it
    subtype: str

    @property
    def is_lossy(self) -> bool:
        return self.subtype in _LOSSY

    def suffix(self, audio: AudioFile) -> str:
        """Of the new file's name: the old one's, unless the format is another."""
        return Path(audio.path).suffix if self.format == audio.format else f".{self.format.lower()}"


def format_for(audio: AudioFile, samples: int) -> AudioFormat:
    """The format of a new file with so many samples: the clip's own, or WAV where that does not keep the number.

    Blocks of ADPCM, for example, are filled up. Found out by encoding some noise in memory, an even or an odd number of
    samples; `mend` looks at what really came out.
    """
    own = AudioFormat(audio.format, audio.subtype)
    if _keeps(own, audio.channels, audio.sample_rate, _PROBED + samples % 2):
        return own
    if audio.subtype in _LOSSY or audio.subtype in _FLOATS:
        return AudioFormat("WAV", "DOUBLE" if audio.subtype == "DOUBLE" else "FLOAT")
    known = _BITS.fullmatch(audio.subtype)
    bits = int(known[1]) if known else 16  # what is not PCM is decoded to 16 bits
    return AudioFormat("WAV", next(subtype for most, subtype in _WAV.items() if bits <= most))


def mend(audio: AudioFile, target: Path, policy: Policy, samples: int) -> None:
    """Write the clip with so many samples to a file that must not be there; its folder must be.

    Raises FileExistsError; UsageError where the clip is not what its header said, or cannot be read or written.
    """
    form = format_for(audio, samples)
    made, endian = _made(audio, policy, samples)
    temporary = target.parent / f"{TEMPORARY}{secrets.token_hex(6)}"
    try:
        try:
            _write(temporary, made, audio, form, endian)
            kept = audio.samples if policy is Policy.PAD else samples  # zeros may change: A-law has none
            _check(temporary, made, audio, form, kept)
        except (RuntimeError, OSError, AssertionError) as failure:  # soundfile asserts that all of it was written
            raise UsageError(f"{printable(str(target))}: cannot be written: {_reason(failure)}") from failure
        place(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def is_finished(target: Path, audio: AudioFile, samples: int) -> bool:
    """Whether a file is what `mend` would write, by its header; False where there is none.

    Raises UsageError for another file of that name.
    """
    if not target.exists() and not target.is_symlink():
        return False
    form = format_for(audio, samples)
    there = read_audio(str(target))
    expected = AudioFile(str(target), samples, audio.sample_rate, audio.channels, form.format, form.subtype)
    if there != expected:
        raise UsageError(
            f"{printable(str(target))}: is there, and is not what is to be written: {samples:,} samples at"
            f" {audio.sample_rate:,} Hz; give another folder"
        )
    return True


def check_stretching() -> None:
    """Raises UsageError if the library that stretches is missing."""
    try:
        import_module("librosa")
    except ImportError:
        raise UsageError(
            "--policy stretch needs the extra stretch: pip install 'torch-shapecheck[stretch]'; pad and repeat do"
            " without"
        ) from None


def _dtype(subtype: str) -> Any:
    """In which a subtype's samples are read and written without a change; int32 are shifted to the left."""
    return "float32" if subtype in _LOSSY else _FLOATS.get(subtype, "int32")


def _made(audio: AudioFile, policy: Policy, samples: int) -> tuple[Any, str]:
    """(the new file's samples, a row for each; the endianness of the old one)."""
    import numpy as np
    import soundfile  # pyright: ignore[reportMissingTypeStubs]

    where = printable(audio.path)
    dtype: Any = "float32" if policy is Policy.STRETCH else _dtype(audio.subtype)
    try:
        with soundfile.SoundFile(audio.path) as opened:
            data: Any = opened.read(dtype=dtype, always_2d=True)
            rate, endian = opened.samplerate, opened.endian
    except (RuntimeError, OSError, TypeError) as failure:
        raise UsageError(f"{where}: cannot be read: {_reason(failure)}") from failure
    if (len(data), data.shape[1], rate) != (audio.samples, audio.channels, audio.sample_rate):
        raise UsageError(
            f"{where}: has {len(data):,} samples, and its header says {audio.samples:,}: it is damaged, or was"
            " changed meanwhile; start again with --decode"
        )
    if policy is Policy.REPEAT:
        return np.tile(data, (samples // len(data), 1)), endian
    if policy is Policy.STRETCH:
        data = _stretched(data, samples)
    zeros = np.zeros((max(0, samples - len(data)), data.shape[1]), data.dtype)
    return np.concatenate([data, zeros])[:samples], endian


def _stretched(data: Any, samples: int) -> Any:
    """About so many samples."""
    import numpy as np

    effects: Any = import_module("librosa.effects")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a clip is shorter than a window of the phase vocoder
        made = effects.time_stretch(np.ascontiguousarray(data.T), rate=len(data) / samples)
    return np.clip(made.T, -1, 1)


def _write(file: Path | io.BytesIO, data: Any, audio: AudioFile, form: AudioFormat, endian: str) -> None:
    import soundfile  # pyright: ignore[reportMissingTypeStubs]

    endian = endian if form == AudioFormat(audio.format, audio.subtype) else "FILE"
    quality: dict[str, Any] = {}
    if form.is_lossy and "compression_level" in signature(soundfile.SoundFile).parameters:  # from soundfile 0.13 on
        quality["compression_level"] = 0.0  # the best: encoding anew loses enough
    with soundfile.SoundFile(
        file, "w", audio.sample_rate, audio.channels, form.subtype, endian, form.format, **quality
    ) as opened:
        opened.write(data)
    if isinstance(file, Path):
        with file.open("rb+") as written:
            os.fsync(written.fileno())


def _check(file: Path, made: Any, audio: AudioFile, form: AudioFormat, kept: int) -> None:
    """Raises RuntimeError if the file is not what was made, in its first `kept` samples to the last bit."""
    import soundfile  # pyright: ignore[reportMissingTypeStubs]

    with soundfile.SoundFile(file) as opened:
        said = opened.frames
        facts = (opened.samplerate, opened.channels, opened.format, opened.subtype)
        data = opened.read(dtype=made.dtype.name, always_2d=True)
    if (said, len(data)) != (len(made), len(made)):
        raise RuntimeError(f"it came out with {len(data):,} samples, not {len(made):,}")
    if facts != (audio.sample_rate, audio.channels, form.format, form.subtype):
        raise RuntimeError(f"it came out as {facts}")
    is_kept = not form.is_lossy and made.dtype.name == _dtype(audio.subtype)
    if is_kept and data[:kept].tobytes() != made[:kept].tobytes():
        raise RuntimeError("its samples came out changed")


@lru_cache(maxsize=256)
def _keeps(form: AudioFormat, channels: int, rate: int, samples: int) -> bool:
    """Whether a file of the format has as many samples as it was given, the same ones unless it is lossy."""
    import numpy as np
    import soundfile  # pyright: ignore[reportMissingTypeStubs]

    audio = AudioFile("", samples, rate, channels, form.format, form.subtype)
    dtype = _dtype(form.subtype)
    bits = int(known[1]) if (known := _BITS.fullmatch(form.subtype)) else 16
    noise: Any = np.random.default_rng(samples).integers(-(1 << 15), 1 << 15, (samples, channels))
    noise = noise.astype("int32") << 16 if dtype == "int32" else (noise / (1 << 15)).astype(dtype)
    if dtype == "int32":
        noise &= -1 << (32 - min(bits, 32))
    file = io.BytesIO()
    try:
        _write(file, noise, audio, form, "FILE")
        file.seek(0)
        opened: SoundFile
        with soundfile.SoundFile(file) as opened:
            said, data = opened.frames, opened.read(dtype=dtype, always_2d=True)
            is_same = (opened.format, opened.subtype) == (form.format, form.subtype)
    except (RuntimeError, OSError, ValueError, TypeError):
        return False
    if not is_same or (said, len(data)) != (samples, samples):
        return False
    return form.is_lossy or known is None or data.tobytes() == noise.tobytes()


def place(temporary: Path, target: Path) -> None:
    """Give a finished file its name, in one step; FileExistsError if there is such a file."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # the file system has no links
        if target.exists() or target.is_symlink():
            raise FileExistsError(errno.EEXIST, "is there", str(target)) from None
        temporary.rename(target)


def _reason(failure: Exception) -> str:
    found = getattr(failure, "error_string", None) or getattr(failure, "strerror", None) or failure
    return str(found).rstrip(".") or "not all of it was taken; is the disk full?"


def remove_unfinished(folder: Path) -> None:
    """What an interrupted run left there, in all folders below."""
    for file in folder.rglob(f"{TEMPORARY}*"):
        with suppress(OSError):
            file.unlink()
