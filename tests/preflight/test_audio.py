"""One audio file: every format that soundfile writes, whole and cut off, and all kinds of what is no audio."""

from __future__ import annotations

import os
import pickle
import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile

from shapecheck.preflight import AudioFile, Decoded
from shapecheck.preflight.audio import SILENT_PEAK, read_audio

from .sounds import SAMPLES, clip, noise


def written(path: Path | BytesIO, form: str, subtype: str, channels: int) -> bool:
    """Write noise; False if libsndfile does not write this. Some formats have one rate only."""
    for rate in (24_000, 8_000):
        try:
            soundfile.write(path, noise(SAMPLES, channels), rate, format=form, subtype=subtype)
            return True
        except (soundfile.LibsndfileError, ValueError):
            continue
    return False


KINDS = [
    (form, subtype, channels)
    for form in soundfile.available_formats()
    if form not in ("RAW", "SD2")  # without a header; in two files
    for subtype in soundfile.available_subtypes(form)
    for channels in (1, 2)
    if written(BytesIO(), form, subtype, channels)
]
# what soundfile writes and cannot read back in full: libsndfile fails to go to the end of it
BROKEN = {("AIFF", "DWVW_16"), ("AIFF", "DWVW_24")}
# formats whose header makes it clear that the file was cut off, in every subtype
CUT_OFF_IS_SEEN = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "SVX", "WVE", "HTK")


def read_by_soundfile(path: Path) -> int:
    """How many samples `soundfile.read` gives; 0 where it raises."""
    try:
        return len(soundfile.read(path)[0])
    except (soundfile.LibsndfileError, ValueError):
        return 0


def test_that_the_usual_ones_are_among_them() -> None:
    usual = {("WAV", kind) for kind in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")}
    usual |= {("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")}
    usual |= {("AIFF", "PCM_16"), ("WAVEX", "PCM_24"), ("RF64", "PCM_16"), ("W64", "PCM_16"), ("CAF", "ALAC_16")}
    assert {(form, subtype, channels) for form, subtype in usual for channels in (1, 2)} <= set(KINDS)


@pytest.mark.parametrize(("form", "subtype", "channels"), KINDS)
def test_a_whole_file(tmp_path: Path, form: str, subtype: str, channels: int) -> None:
    path = tmp_path / f"clip.{form.lower()}"
    assert written(path, form, subtype, channels)
    header, whole = read_audio(str(path)), read_audio(str(path), decode=True)
    assert (header.format, header.subtype, header.channels) == (form, subtype, channels)
    assert header.error == ""
    assert header.decoded is None
    assert whole.samples == read_by_soundfile(path)
    if (form, subtype) in BROKEN:
        assert not header.exact
        assert whole.error.startswith("cannot be decoded: ")
        return
    assert header.samples == whole.samples >= SAMPLES
    assert header.seconds == header.samples / header.sample_rate
    assert whole.exact
    assert whole.error == ""
    assert whole.decoded
    assert not whole.decoded.silent
    assert whole.decoded.non_finite == 0


@pytest.mark.parametrize(("form", "subtype", "channels"), KINDS)
@pytest.mark.parametrize("part", [0.95, 0.5])
def test_a_file_that_was_cut_off(tmp_path: Path, form: str, subtype: str, channels: int, part: float) -> None:
    path = tmp_path / f"clip.{form.lower()}"
    assert written(path, form, subtype, channels)
    whole = read_audio(str(path))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    header, decoded = read_audio(str(path)), read_audio(str(path), decode=True)
    assert decoded.samples == read_by_soundfile(path)
    assert header.samples == decoded.samples or not header.exact
    assert header.error or header.samples < whole.samples or not header.exact
    assert decoded.error or decoded.samples < whole.samples
    if form in CUT_OFF_IS_SEEN or form in ("FLAC", "MP3"):
        assert decoded.error
    if form in CUT_OFF_IS_SEEN:
        assert header.error


def test_how_a_file_that_was_cut_off_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    clip(path, 1000)
    path.write_bytes(path.read_bytes()[:1044])
    error = "truncated: its header says 2,000 bytes, and 1,000 are there"
    assert read_audio(str(path)) == AudioFile(str(path), 500, 24_000, 1, "WAV", "PCM_16", error)
    mp3 = tmp_path / "a.mp3"
    clip(mp3)
    mp3.write_bytes(mp3.read_bytes()[:-1000])
    assert read_audio(str(mp3)).samples == SAMPLES
    left = read_audio(str(mp3), decode=True)
    assert left.error == f"truncated: its header says 12,345 samples, and decoding gives {left.samples:,}"
    flac = tmp_path / "a.flac"
    clip(flac)
    flac.write_bytes(flac.read_bytes()[:-1000])
    assert read_audio(str(flac)).error == ""
    left = read_audio(str(flac), decode=True)
    assert left.samples == 0
    assert left.error == "cannot be decoded: Error : flac decoder lost sync; its header says 12,345 samples"


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_a_wav_from_a_pipe_is_not_cut_off(tmp_path: Path, size: int) -> None:
    """Its size was not known when its header was written."""
    path = tmp_path / "a.wav"
    clip(path)
    content = bytearray(path.read_bytes())
    content[40:44] = struct.pack("<I", size)
    path.write_bytes(content)
    assert read_audio(str(path)) == AudioFile(str(path), SAMPLES, 24_000, 1, "WAV", "PCM_16")
    assert read_by_soundfile(path) == SAMPLES


def test_a_flac_from_a_pipe_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    clip(path)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # 36 bits in the STREAMINFO block
    content[22:26] = bytes(4)
    path.write_bytes(content)
    for decode in (False, True):
        found = read_audio(str(path), decode=decode)
        assert found.samples == 0
        assert found.error.startswith("its header leaves the number of samples open")
    with pytest.raises(ValueError, match="array is too big"):
        soundfile.read(path)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("empty.wav", b"", "empty: 0 bytes"),
        (
            "pointer.wav",
            b"version https://git-lfs.github.com/spec/v1\nsize 12\n",
            "not audio: format not recognised",
        ),
        ("page.mp3", b"<!DOCTYPE html><html></html>\n" * 50, "not audio: format not recognised"),
        ("zeros.flac", bytes(5000), "not audio: format not recognised"),
        ("bare.raw", bytes(5000), "raw samples without a header"),
        ("tag.mp3", b"ID3\x03\0\0\0\0\0\x10" + bytes(16), "not audio: format not recognised"),
        ("short.wav", b"RIFF\x24\0\0\0WAVEfmt ", "not readable as audio: Error in WAV"),
    ],
)
def test_what_is_no_audio(tmp_path: Path, name: str, content: bytes, error: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    found = read_audio(str(path))
    assert found.error.startswith(error)
    assert found == AudioFile(str(path), 0, 0, 0, "", "", found.error)
    assert not found.error.endswith(".")
    assert str(tmp_path) not in found.error
    assert found.seconds == 0


@pytest.mark.parametrize("form", ["WAV", "AIFF", "AU"])
def test_no_samples(tmp_path: Path, form: str) -> None:
    path = tmp_path / "a"
    soundfile.write(path, np.zeros(0), 24_000, format=form)
    found = read_audio(str(path))
    assert found.samples == 0
    assert found.error == "no samples"


def test_what_is_no_file(tmp_path: Path) -> None:
    assert read_audio(str(tmp_path / "a.wav")).error == "missing"
    assert read_audio("").error == "missing"
    assert read_audio(str(tmp_path)).error == "a folder"
    assert read_audio("a\0b").error == "not readable: embedded null byte"
    assert read_audio("a" * 5000).error == "not readable: File name too long"
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    assert read_audio(str(tmp_path / "gone.wav")).error == "missing"
    os.mkfifo(tmp_path / "pipe.wav")
    assert read_audio(str(tmp_path / "pipe.wav")).error == "not a regular file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read(tmp_path: Path) -> None:
    path = Path(clip(tmp_path / "a.wav"))
    path.chmod(0)
    assert read_audio(str(path)).error == "not readable: permission denied"


def test_what_may_not_be_read_even_for_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"not audio")
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    assert read_audio(str(path)).error == "not readable: permission denied"


@pytest.mark.parametrize(
    ("samples", "expected", "silent"),
    [
        ([0.5, -0.75, 0.25], Decoded(0.75, 0), False),
        ([0.0, 0.0, 0.0], Decoded(0.0, 0), True),
        ([SILENT_PEAK / 2, 0.0, 0.0], Decoded(SILENT_PEAK / 2, 0), True),
        ([SILENT_PEAK * 2, 0.0, 0.0], Decoded(SILENT_PEAK * 2, 0), False),
        ([0.5, np.nan, np.inf], Decoded(0.5, 2), False),
        ([np.nan, -np.inf, np.nan], Decoded(0.0, 3), True),
    ],
)
def test_the_samples(tmp_path: Path, samples: list[float], expected: Decoded, silent: bool) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.asarray(samples), 24_000, subtype="DOUBLE")
    found = read_audio(str(path), decode=True)
    assert found.decoded == expected
    assert expected.silent is silent
    assert found.samples == 3
    assert found.error == ""


def test_the_samples_of_many_blocks(tmp_path: Path) -> None:
    samples = np.full((200_000, 2), 0.25)
    samples[199_999, 1] = -0.5
    samples[70_000] = np.nan
    soundfile.write(tmp_path / "a.wav", samples, 48_000, subtype="FLOAT")
    found = read_audio(str(tmp_path / "a.wav"), decode=True)
    assert found.samples == 200_000
    assert found.decoded == Decoded(0.5, 2)


def test_another_path_to_show(tmp_path: Path) -> None:
    assert read_audio(clip(tmp_path / "a.wav"), "clips/a.wav").path == "clips/a.wav"
    assert read_audio(str(tmp_path / "b.wav"), "clips/b.wav").path == "clips/b.wav"


def test_between_processes(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.wav")
    for found in (read_audio(path), read_audio(path, decode=True), read_audio("nowhere.wav")):
        assert pickle.loads(pickle.dumps(found)) == found
