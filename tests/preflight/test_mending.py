"""New audio files: as many samples as promised, those of the recording unchanged, and nothing half-written."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from shapecheck import UsageError
from shapecheck.preflight import AudioFile, Policy
from shapecheck.preflight.audio import read_audio
from shapecheck.preflight.mending import AudioFormat, check_stretching, format_for, is_finished, mend, remove_unfinished

PAD, REPEAT, STRETCH = Policy.PAD, Policy.REPEAT, Policy.STRETCH

# (format, subtype, in which its samples are exact)
EXACT = [
    ("WAV", "PCM_U8", "int32"),
    ("WAV", "PCM_16", "int32"),
    ("WAV", "PCM_24", "int32"),
    ("WAV", "PCM_32", "int32"),
    ("WAV", "FLOAT", "float32"),
    ("WAV", "DOUBLE", "float64"),
    ("WAV", "ULAW", "int16"),
    ("WAV", "ALAW", "int16"),
    ("WAVEX", "PCM_16", "int32"),
    ("RF64", "PCM_24", "int32"),
    ("W64", "PCM_16", "int32"),
    ("FLAC", "PCM_S8", "int32"),
    ("FLAC", "PCM_16", "int32"),
    ("FLAC", "PCM_24", "int32"),
    ("AIFF", "PCM_16", "int32"),
    ("AU", "FLOAT", "float32"),
    ("CAF", "PCM_24", "int32"),
    ("CAF", "ALAC_16", "int32"),
    ("NIST", "PCM_16", "int32"),
]
LOSSY = [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]
NOW, NEEDED = 4_999, 14_301  # odd: some formats fill up


def recorded(
    path: Path, form: str, subtype: str, samples: int = NOW, channels: int = 1, rate: int = 24_000
) -> AudioFile:
    noise = np.random.default_rng(samples).uniform(-0.9, 0.9, (samples, channels))
    soundfile.write(path, noise, rate, subtype=subtype, format=form)
    return read_audio(str(path))


def samples_of(path: Path | str, dtype: Any) -> np.ndarray:
    return soundfile.read(path, dtype=dtype, always_2d=True)[0]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("form", "subtype", "dtype"), EXACT, ids=lambda value: str(value))
def test_padding_and_repeating_keep_every_sample(
    tmp_path: Path, form: str, subtype: str, dtype: str, channels: int
) -> None:
    audio = recorded(tmp_path / "a", form, subtype, channels=channels)
    assert audio.samples == NOW
    before = samples_of(audio.path, dtype)
    assert len(np.unique(before)) > 100
    padded, repeated = tmp_path / "padded", tmp_path / "repeated"
    mend(audio, padded, PAD, NEEDED)
    mend(audio, repeated, REPEAT, 3 * NOW)
    zero = 8 if subtype == "ALAW" else 0  # its smallest step: A-law has no zero
    after = samples_of(padded, dtype)
    assert np.array_equal(after[:NOW], before)
    assert (np.abs(after[NOW:]) <= zero).all()
    assert len(after) == NEEDED
    assert np.array_equal(samples_of(repeated, dtype), np.tile(before, (3, 1)))
    for path in (padded, repeated):
        found = read_audio(str(path))
        assert (found.format, found.subtype, found.sample_rate, found.channels) == (form, subtype, 24_000, channels)
        assert found.error == ""
    assert is_finished(padded, audio, NEEDED)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a", "padded", "repeated"]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("form", "subtype"), LOSSY)
def test_lossy_formats_are_encoded_anew(tmp_path: Path, form: str, subtype: str, channels: int) -> None:
    audio = recorded(tmp_path / "a", form, subtype, channels=channels)
    kept = format_for(audio, NEEDED)
    assert kept.is_lossy
    assert (kept.format, kept.subtype) == (form, subtype)
    mend(audio, tmp_path / "b", PAD, NEEDED)
    found = read_audio(str(tmp_path / "b"), decode=True)
    assert (found.samples, found.format, found.subtype, found.error) == (NEEDED, form, subtype, "")
    before, after = samples_of(audio.path, "float64"), samples_of(tmp_path / "b", "float64")
    assert np.corrcoef(before[:, 0], after[: len(before), 0])[0, 1] > 0.9
    assert np.abs(after[len(before) + 2_000 :]).max() < 0.01


def test_a_format_that_fills_up_becomes_wav(tmp_path: Path) -> None:
    """Blocks of ADPCM hold so many samples; what was decoded from them is exact in 16 bits."""
    audio = recorded(tmp_path / "a.wav", "WAV", "IMA_ADPCM")
    before = samples_of(audio.path, "int16")
    form = format_for(audio, NEEDED)
    assert form == AudioFormat("WAV", "PCM_16")
    mend(audio, tmp_path / "b.wav", PAD, NEEDED)
    after = samples_of(tmp_path / "b.wav", "int16")
    assert len(after) == NEEDED
    assert np.array_equal(after[: len(before)], before)
    assert not after[len(before) :].any()


@pytest.mark.parametrize(
    ("form", "subtype", "expected"),
    [
        ("AIFF", "PCM_S8", AudioFormat("WAV", "PCM_U8")),  # an odd number of bytes is filled up
        ("AIFF", "PCM_16", AudioFormat("AIFF", "PCM_16")),
        ("PAF", "PCM_24", AudioFormat("WAV", "PCM_24")),
        ("MP3", "MPEG_LAYER_I", AudioFormat("WAV", "FLOAT")),  # cannot be written at all
        ("WAV", "GSM610", AudioFormat("WAV", "PCM_16")),
    ],
)
def test_which_format_is_written(form: str, subtype: str, expected: AudioFormat) -> None:
    audio = AudioFile("wavs/a.aif", 100, 24_000, 1, form, subtype)
    found = format_for(audio, NEEDED)
    assert found == expected
    assert found.suffix(audio) == (".aif" if found.format == form else ".wav")


def test_nothing_is_written_over(tmp_path: Path) -> None:
    audio = recorded(tmp_path / "a.wav", "WAV", "PCM_16")
    (tmp_path / "b.wav").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        mend(audio, tmp_path / "b.wav", PAD, NEEDED)
    assert (tmp_path / "b.wav").read_bytes() == b"mine"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.wav", "b.wav"]
    with pytest.raises(UsageError, match="is there, and is not what is to be written"):
        is_finished(tmp_path / "b.wav", audio, NEEDED)
    (tmp_path / "d.wav").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError):
        mend(audio, tmp_path / "d.wav", PAD, NEEDED)
    assert (tmp_path / "d.wav").is_symlink()
    with pytest.raises(UsageError, match="is there, and is not what is to be written"):
        is_finished(tmp_path / "d.wav", audio, NEEDED)
    assert not is_finished(tmp_path / "c.wav", audio, NEEDED)


def test_nothing_is_written_over_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise OSError("no links here")

    monkeypatch.setattr("os.link", refused)
    audio = recorded(tmp_path / "a.wav", "WAV", "PCM_16")
    mend(audio, tmp_path / "b.wav", PAD, NEEDED)
    assert is_finished(tmp_path / "b.wav", audio, NEEDED)
    with pytest.raises(FileExistsError):
        mend(audio, tmp_path / "b.wav", PAD, NEEDED + 1)
    assert is_finished(tmp_path / "b.wav", audio, NEEDED)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.wav", "b.wav"]


def test_a_clip_that_is_not_what_its_header_said(tmp_path: Path) -> None:
    audio = recorded(tmp_path / "a.wav", "WAV", "PCM_16")
    recorded(tmp_path / "a.wav", "WAV", "PCM_16", samples=NOW + 1)
    with pytest.raises(UsageError, match=r"has 5,000 samples, and its header says 4,999"):
        mend(audio, tmp_path / "b.wav", PAD, NEEDED)
    (tmp_path / "a.wav").unlink()
    with pytest.raises(UsageError, match=r"a\.wav: cannot be read"):
        mend(audio, tmp_path / "b.wav", PAD, NEEDED)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audio = recorded(tmp_path / "a.wav", "WAV", "PCM_16")
    assert format_for(audio, NEEDED).format == "WAV"
    true_write = soundfile.SoundFile.write

    def half(self: soundfile.SoundFile, data: Any) -> None:
        true_write(self, data[: len(data) // 2])
        raise AssertionError  # as soundfile does where not all of it was taken

    monkeypatch.setattr(soundfile.SoundFile, "write", half)
    with pytest.raises(UsageError, match="is the disk full"):
        mend(audio, tmp_path / "b.wav", PAD, NEEDED)
    assert [file.name for file in tmp_path.iterdir()] == ["a.wav"]


def test_a_file_that_came_out_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audio = recorded(tmp_path / "a.wav", "WAV", "PCM_16")
    assert format_for(audio, NEEDED).format == "WAV"
    true_write = soundfile.SoundFile.write
    for wrong, why in ((lambda data: data[:-1], "14,300 samples, not 14,301"), (np.flip, "its samples came out")):
        monkeypatch.setattr(
            soundfile.SoundFile,
            "write",
            lambda self, data, wrong=wrong: true_write(self, np.ascontiguousarray(wrong(data))),
        )
        with pytest.raises(UsageError, match=why):
            mend(audio, tmp_path / "b.wav", PAD, NEEDED)
    assert [file.name for file in tmp_path.iterdir()] == ["a.wav"]


def test_what_an_interrupted_run_left_is_removed(tmp_path: Path) -> None:
    for name in ("wavs/b/.shapecheck-12", ".shapecheck-34", "wavs/a.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    remove_unfinished(tmp_path)
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["a.wav"]


# ---- stretching


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(
        UsageError, match=r"--policy stretch needs the extra stretch: pip install 'torch-shapecheck\[stretch\]'"
    ):
        check_stretching()


@pytest.mark.parametrize("given", [NEEDED - 100, NEEDED, NEEDED + 100])
def test_a_stretched_clip_has_what_was_promised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: int) -> None:
    """Whatever the library gives: it promises no number."""
    asked: list[float] = []

    def time_stretch(data: np.ndarray, *, rate: float) -> np.ndarray:
        assert (data.shape, data.dtype) == ((2, NOW), np.float32)
        asked.append(rate)
        return np.full((2, given), 1.5, np.float32)

    monkeypatch.setitem(sys.modules, "librosa", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "librosa.effects", SimpleNamespace(time_stretch=time_stretch))
    audio = recorded(tmp_path / "a.wav", "WAV", "PCM_16", channels=2)
    mend(audio, tmp_path / "b.wav", STRETCH, NEEDED)
    found = samples_of(tmp_path / "b.wav", "float64")
    assert len(found) == NEEDED
    assert (found[: min(given, NEEDED)] > 0.99).all()  # cut off at full scale
    assert not found[given:].any()
    assert asked == [NOW / NEEDED]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("form", "subtype"), [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", "PCM_24"), ("OGG", "VORBIS")]
)
def test_stretching_keeps_the_pitch(tmp_path: Path, form: str, subtype: str, channels: int) -> None:
    pytest.importorskip("librosa")
    rate, pitch = 16_000, 440
    wave = 0.3 * np.sin(2 * np.pi * pitch * np.arange(7_000) / rate)
    soundfile.write(tmp_path / "a", np.stack([wave] * channels, axis=1), rate, subtype=subtype, format=form)
    mend(read_audio(str(tmp_path / "a")), tmp_path / "b", STRETCH, 9_533)
    found = samples_of(tmp_path / "b", "float64")
    assert found.shape == (9_533, channels)
    heard = np.fft.rfftfreq(8_000, 1 / rate)[np.abs(np.fft.rfft(found[500:8_500, 0])).argmax()]
    assert heard == pytest.approx(pitch, abs=5)
    assert np.abs(found[-500:]).max() > 0.1  # speech to the end, no zeros
