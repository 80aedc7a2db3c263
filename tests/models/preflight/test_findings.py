"""Every finding: a configuration or data set that has it, at the right moment and count; one step better, and none."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from shapecheck import ModelReport, UsageError, check
from shapecheck.models import styletts2
from shapecheck.preflight import Finding, Moment, Preflight, Severity, Verdict

from .datasets import LONG, RATE, TEXT, Clip, make

FATAL, DROP, DEGRADE, INFO = Severity.FATAL, Severity.DROP, Severity.DEGRADE, Severity.INFO


@lru_cache
def report(preset: str = "ft") -> ModelReport:
    """Of the published configuration; what a test changes in it decides no limit."""
    return check(styletts2.preset(preset))


def checked(
    folder: Path,
    train: Sequence[Clip],
    val: Sequence[Clip] | None = None,
    *,
    stage: str = "",
    gpus: int = 1,
    decode: bool = False,
    **made: Any,
) -> Preflight:
    data = make(folder, train, val, **made)
    options = styletts2.Options(stage=stage, gpus=gpus, data=True, cache=False, decode=decode)
    return styletts2.prepare(data.config, options).preflight(report(made.get("preset", "ft")))


def one(preflight: Preflight, identity: str) -> Finding:
    (found,) = [finding for finding in preflight.findings if finding.identity == identity]
    return found


def names(preflight: Preflight, *severities: Severity) -> set[str]:
    wanted = severities or (FATAL, DROP, DEGRADE)
    return {finding.identity for finding in preflight.findings if finding.severity in wanted}


def clips(count: int = 16, *others: Clip) -> list[Clip]:
    return [*others, *(Clip() for _ in range(count - len(others)))]


def test_a_clean_data_set_has_no_finding(tmp_path: Path) -> None:
    found = checked(tmp_path, clips(200))
    assert names(found) == set()
    assert found.verdict is Verdict.GO
    assert [text.partition(":")[0] for text in found.not_checked] == [
        "pretrained_model Models/LibriTTS/epochs_2nd_00020.pth",
        "ASR_path Utils/ASR/epoch_00080.pth",
        "F0_path Utils/JDC/bst.t7",
        "PLBERT_dir Utils/PLBERT/",
    ]
    assert found.stage == "finetune"


# ---- clips, at their boundaries: samples at 24 kHz

CRASH, LOST, DROPPED = 9_500, 10_100, 14_300  # from which on it does not happen


def around_the_boundaries(folder: Path, **clip: Any) -> Preflight:
    """A clip at each boundary and one a sample shorter, in samples at the clips' own rate."""
    rate = clip.get("rate", RATE)
    before, after = ({edge: (edge - 1) * rate // RATE + step for edge in (CRASH, LOST, DROPPED)} for step in (0, 1))
    train = [Clip(made[edge], text="ab", **clip) for edge in (CRASH, DROPPED) for made in (before, after)]
    val = [Clip(made[LOST], text="ab", **clip) for made in (before, after)]
    return checked(folder, clips(16, *train), clips(16, *val))


def assert_boundaries(found: Preflight) -> None:
    lines = {
        finding.identity: (finding.severity, finding.when, [file.line for file in finding.files])
        for finding in found.findings
        if finding.identity.startswith("clip-")
    }
    assert lines == {
        "clip-too-short": (FATAL, Moment.EPOCH_1, [1]),
        "clip-drops-batch": (DROP, Moment.EPOCH_1, [2, 3]),
        "clip-loses-validation": (DROP, Moment.END_OF_EPOCH_1, [1]),
    }
    assert all(finding.count == len(finding.files) for finding in found.findings if finding.files)


@pytest.mark.parametrize("rate", [24_000, 16_000, 22_050, 44_100, 48_000])
def test_the_shortest_clips(tmp_path: Path, rate: int) -> None:
    assert_boundaries(around_the_boundaries(tmp_path, rate=rate))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("suffix", "subtype"),
    [("wav", "PCM_16"), ("wav", "PCM_24"), ("wav", "FLOAT"), ("flac", "PCM_16"), ("flac", "PCM_24"), ("ogg", "VORBIS")],
)
def test_the_formats(tmp_path: Path, suffix: str, subtype: str, channels: int) -> None:
    assert_boundaries(around_the_boundaries(tmp_path, suffix=suffix, subtype=subtype, channels=channels))


def test_what_threshold_is_named(tmp_path: Path) -> None:
    found = checked(tmp_path, clips(16))
    named = {threshold.name: (threshold.samples, threshold.mel_frames) for threshold in found.thresholds}
    assert named == {
        "crash": (9_500, 66),
        "validation_batch_lost": (10_100, 68),
        "batch_dropped": (14_300, 82),
        "slm_eligible": (110_300, 402),
        "slm_eligible_surely": (140_300, 502),
    }
    assert (found.max_len["smallest"], found.max_len["recommended"], found.max_len["memory"]) == (80, 400, 1.0)
    crash = found.thresholds[0]
    assert "shared.6" in crash.because
    assert crash.seconds == pytest.approx(0.3958, abs=1e-4)


def test_no_whole_clips_in_the_first_stage(tmp_path: Path) -> None:
    """A clip of 0.1 s drops its batches there, and ends the run only in validation, where nothing is swallowed."""
    short = Clip(2_400, text="ab")
    found = checked(tmp_path / "train", clips(32, short), preset="ljspeech", stage="first")
    assert names(found) == {"clip-drops-batch"}
    found = checked(tmp_path / "val", clips(32), clips(16, short), preset="ljspeech", stage="first")
    assert one(found, "clip-loses-validation").severity is FATAL
    assert [threshold.name for threshold in found.thresholds] == ["crash", "validation_crash", "batch_dropped"]
    found = checked(tmp_path / "max_len", clips(32), preset="ljspeech", stage="first", config={"max_len": 81})
    assert names(found) == set()


# ---- texts

KNOWN_510 = (TEXT * 12)[:510]


def test_tokens_beyond_plbert(tmp_path: Path) -> None:
    """510 known symbols and one token at each end are 512; what is not known does not count."""
    fits = Clip(16 * RATE, KNOWN_510 + "中")
    found = checked(tmp_path / "fits", clips(16, fits), clips(16, fits))
    assert "text-too-long" not in names(found)
    long = Clip(16 * RATE, KNOWN_510 + "a")
    found = checked(tmp_path / "long", clips(16, long))
    finding = one(found, "text-too-long")
    assert (finding.severity, finding.when, finding.count) == (FATAL, Moment.EPOCH_1, 1)
    assert "bert" in finding.message
    assert "must match the existing size (512)" in finding.message
    assert finding.files[0].numbers["tokens"] == 513
    found = checked(tmp_path / "val", clips(16), clips(16, long))
    assert one(found, "text-too-long").severity is DROP
    assert found.batches is not None
    assert found.batches["validation"] == {"batches": 2, "lost": 1}


def test_no_limit_of_tokens_in_the_first_stage(tmp_path: Path) -> None:
    found = checked(tmp_path, clips(32, Clip(16 * RATE, KNOWN_510 + "a")), preset="ljspeech", stage="first")
    assert "text-too-long" not in names(found)


def test_texts_out_of_distribution(tmp_path: Path) -> None:
    fits, long, short = KNOWN_510, KNOWN_510 + "a", "short"
    found = checked(tmp_path / "a", clips(16), ood=[fits, long, short, "last"])
    finding = one(found, "ood-text-too-long")
    assert (finding.severity, finding.when, finding.count) == (FATAL, Moment.JOINT_EPOCH, 1)
    assert finding.files[0].line == 2
    assert "ood-text-too-long" not in names(checked(tmp_path / "b", clips(16), ood=[fits, short, long]))  # the last
    never = {"epochs": 30}  # joint_epoch is 30, counted from 0
    found = checked(tmp_path / "c", clips(16), ood=[fits, long, "last"], config=never)
    assert names(found) == set()
    assert one(found, "joint-epoch-never-reached").severity is INFO
    assert [finding.identity for finding in found.findings].count("diff-epoch-never-reached") == 0
    found = checked(tmp_path / "d", clips(16), ood=[fits, long, "last"], config={"epochs": 31})
    assert names(found) == {"ood-text-too-long"}


@pytest.mark.parametrize(
    ("lines", "minimum", "expected"),
    [
        (["a" * 60], 50, "ood-no-text"),  # low >= high
        (["a" * 60, "last"], 50, None),
        (["a" * 48, "a" * 60], 50, "ood-no-text"),  # the long one is the last, which is never drawn
        (["a" * 49, "a" * 60], 50, None),  # the end of the line counts
        (["a" * 60, "last"], 0, "ood-no-text"),  # nothing is drawn, and nothing is there
        (["a" * 60, "last"], 1, None),
        ([], 50, "ood-unreadable"),
        (["x.wav|" + "a" * 60 + "|0", "y.wav"], 50, "ood-unreadable"),
        (["x.wav|" + "a" * 60 + "|0", "y.wav|a|0"], 50, None),
    ],
)
def test_the_file_of_texts(tmp_path: Path, lines: list[str], minimum: int, expected: str | None) -> None:
    found = checked(tmp_path, clips(16), ood=lines, config={"data_params.min_length": minimum})
    assert names(found) == ({expected} if expected else set())
    if expected:
        assert one(found, expected).when is (Moment.IMPORT if expected == "ood-unreadable" else Moment.FIRST_STEP)


def test_a_text_without_a_known_symbol(tmp_path: Path) -> None:
    finding = one(checked(tmp_path / "a", clips(16, Clip(text="中文"))), "text-without-symbols")
    assert (finding.severity, finding.when, finding.count) == (FATAL, Moment.EPOCH_1, 1)
    found = checked(tmp_path / "b", clips(16, Clip(text="中abcdefg")))
    assert names(found) == {"text-unknown-symbols"}
    assert one(found, "text-unknown-symbols").count == 1
    assert names(checked(tmp_path / "c", clips(16, Clip(text="a")), config={"model_params.max_dur": 200})) == set()
    first = checked(tmp_path / "d", clips(16, Clip(text="中文")), stage="first", preset="libritts")
    assert (one(first, "text-without-symbols").severity, first.batches and first.batches["crash"]) == (DEGRADE, 0.0)


def test_more_tokens_than_frames_of_the_aligner(tmp_path: Path) -> None:
    """1 s is 33,000 + 1,000 samples padded, 114 mel frames, 57 frames of the aligner: 55 symbols fit."""
    text = (TEXT * 2)[:55]
    assert names(checked(tmp_path / "a", clips(16, Clip(RATE, text)))) == set()
    found = checked(tmp_path / "b", clips(16, Clip(RATE, text + "a")))
    assert names(found) == {"text-longer-than-clip"}
    assert one(found, "text-longer-than-clip").count == 1


def test_a_token_longer_than_max_dur(tmp_path: Path) -> None:
    """6 s are 257 half frames: 6 tokens of 50 are enough, 5 are not."""
    assert names(checked(tmp_path / "a", clips(16, Clip(LONG, "abcd")))) == set()
    assert names(checked(tmp_path / "b", clips(16, Clip(LONG, "abc")))) == {"token-too-long"}


# ---- lists


@pytest.mark.parametrize(
    ("line", "identity"),
    [
        ("", "list-blank-line"),
        ("train0001.wav", "list-fields"),
        (f"train0001.wav|{TEXT}|0|more", "list-fields"),
        (f"train0001.wav|{TEXT}|name", "list-speaker-not-a-number"),
        (f"train0001.wav|{TEXT}|001", "list-speaker-not-found"),
        (f"train0001.wav|{TEXT}| 1", "list-speaker-not-found"),
        (f"|{TEXT}|0", "list-no-path"),
        (f"train0001.wav|{TEXT}|1", None),
        (f"train0001.wav|{TEXT}", None),  # speaker 0, which other lines have
        (f"train0001.wav|{TEXT}|00", None),  # likewise
    ],
)
@pytest.mark.parametrize("in_training", [True, False])
def test_lines_of_a_list(tmp_path: Path, line: str, identity: str | None, in_training: bool) -> None:
    own = Clip(line=line.replace("train", "train" if in_training else "val"))
    lists = (clips(17, own), None) if in_training else (clips(16), clips(17, own))
    found = checked(tmp_path, *lists)
    assert names(found, FATAL) == ({identity} if identity else set())
    if identity:
        finding = one(found, identity)
        assert finding.when is (Moment.EPOCH_1 if in_training else Moment.END_OF_EPOCH_1)
        assert finding.files[0].line == 1


def test_what_is_no_plain_utf_8(tmp_path: Path) -> None:
    data = make(tmp_path, clips(16))
    content = (tmp_path / "train.txt").read_bytes()

    def found(content: bytes) -> Preflight:
        (tmp_path / "train.txt").write_bytes(content)
        return styletts2.prepare(data.config, styletts2.Options(cache=False)).preflight(report())

    marked = found(b"\xef\xbb\xbf" + content)
    assert one(marked, "list-byte-order-mark").files[0].line == 1
    assert names(marked, FATAL) == {"list-byte-order-mark", "audio-unreadable"}
    lossy = found(content.replace(b"0001.wav|", b"0001.wav|\xe9"))  # e with an accent, as Latin-1 writes it
    assert names(lossy) == {"list-not-utf-8"}
    assert [file.line for file in one(lossy, "list-not-utf-8").files] == [2]
    assert names(found(content.replace(b"\n", b"\r\n"))) == set()


def test_two_fields_where_nobody_is_speaker_0(tmp_path: Path) -> None:
    lines = [Clip(line=f"train{number:04d}.wav|{TEXT}") for number in range(3)]
    found = checked(tmp_path, [*lines, *(Clip(speaker="1") for _ in range(14))])
    assert one(found, "list-speaker-not-found").count == 3
    assert "a must be greater than 0 unless no samples are taken" in one(found, "list-speaker-not-found").message


def test_fewer_clips_than_a_batch(tmp_path: Path) -> None:
    found = checked(tmp_path / "a", clips(7))
    finding = one(found, "training-list-too-short")
    assert (finding.severity, finding.when, finding.count) == (FATAL, Moment.IMPORT, 7)
    assert names(checked(tmp_path / "b", clips(8))) == set()
    assert "num_samples=0" in one(checked(tmp_path / "c", []), "training-list-too-short").message


def test_a_batch_that_is_passed_over_does_not_end_the_run(tmp_path: Path) -> None:
    """66 mel frames are enough for the encoders, and their crop of 64 is passed over before they would refuse it."""
    found = checked(tmp_path, clips(16, Clip(9_500, "abc")))
    assert found.batches is not None
    assert (found.batches["crash"], found.batches["dropped"]) == (0.0, 0.5)
    found = checked(tmp_path, clips(16, Clip(9_500, "abc"), Clip(text="中文")))
    assert found.batches is not None
    assert found.batches["dropped"] == 0.5


def test_every_batch_passed_over(tmp_path: Path) -> None:
    short = [Clip(14_299, "abc")] * 9
    found = checked(tmp_path / "a", clips(16, *short))
    assert one(found, "every-batch-dropped").severity is FATAL
    assert found.max_len["recommended"] == 400
    found = checked(tmp_path / "b", clips(16, *short[:8]))
    assert names(found) == {"clip-drops-batch"}


def test_a_last_validation_batch_that_is_lost(tmp_path: Path) -> None:
    """The second stage decodes its clips after all, with the alignment of the batch before, and swallows nothing."""
    long, longer = Clip(LONG), Clip(LONG + 600)
    config = {"batch_size": 2}

    def ends(*val: Clip, stage: str = "second") -> bool:
        found = checked(tmp_path, clips(16), list(val), config=config, stage=stage, preset="libritts")
        return "validation-ends-in-lost-batch" in names(found, FATAL)

    assert ends(long, long, longer)
    assert not ends(long, longer, long)
    assert ends(long, long, long, Clip(9_499, "abc"))
    assert not ends(long, Clip(9_499, "abc"), long, long)
    assert not ends(long, long, long, Clip(9_500, "abc"))  # its crop alone is refused
    assert not ends(long, long, longer, stage="finetune")


def test_clips_in_two_places(tmp_path: Path) -> None:
    twice = Clip(line=f"train0001.wav|{TEXT}|0")
    found = checked(tmp_path / "a", clips(16, twice))
    assert names(found) == set()
    assert one(found, "clip-listed-twice").count == 2
    found = checked(tmp_path / "b", clips(16), clips(9, twice, Clip()))
    assert one(found, "clip-in-both-lists").count == 1


# ---- audio


def test_audio_that_the_loader_refuses(tmp_path: Path) -> None:
    missing = Clip(line=f"nowhere.wav|{TEXT}|0")
    found = checked(tmp_path / "a", clips(16, missing, Clip(0), Clip(channels=3), Clip(channels=2)))
    assert one(found, "audio-unreadable").count == 1
    assert one(found, "clip-too-short").files[0].numbers["samples"] == 0  # the loader pads nothing to 10,000 zeros
    assert one(found, "audio-channels").count == 1
    assert (one(found, "audio-stereo").severity, one(found, "audio-stereo").count) == (INFO, 1)
    assert names(found, FATAL) == {"audio-unreadable", "audio-channels", "clip-too-short"}
    found = checked(tmp_path / "b", clips(16), clips(16, missing))
    assert (one(found, "audio-unreadable").when, one(found, "audio-unreadable").count) == (Moment.END_OF_EPOCH_1, 1)


def test_two_samples_are_taken_for_two_channels(tmp_path: Path) -> None:
    found = checked(tmp_path, clips(16, Clip(2), Clip(3)), stage="first", preset="libritts")
    assert (one(found, "audio-two-samples").severity, one(found, "audio-two-samples").count) == (FATAL, 1)
    assert one(found, "clip-drops-batch").count == 1


def test_what_only_the_samples_tell(tmp_path: Path) -> None:
    data = make(tmp_path, clips(16))
    silent, odd = np.zeros(LONG, np.float32), np.full(LONG, 0.1, np.float32)
    odd[5] = np.nan
    for number, samples in ((0, silent), (1, odd)):
        soundfile.write(tmp_path / "wavs" / f"train{number:04d}.wav", samples, RATE, subtype="FLOAT")
    whole = (tmp_path / "wavs" / "train0002.wav").read_bytes()
    (tmp_path / "wavs" / "train0002.wav").write_bytes(whole[: len(whole) // 2])

    def found(decode: bool) -> Preflight:
        return styletts2.prepare(data.config, styletts2.Options(cache=False, decode=decode)).preflight(report())

    assert names(found(decode=False)) == {"audio-truncated"}
    decoded = found(decode=True)
    lines = {name: [file.line for file in one(decoded, name).files] for name in names(decoded)}
    assert lines == {"audio-silent": [1], "audio-not-finite": [2], "audio-truncated": [3]}
    assert one(decoded, "audio-not-finite").severity is FATAL


def test_long_clips_are_told(tmp_path: Path) -> None:
    text = TEXT * 11
    found = checked(
        tmp_path, clips(16, Clip(120 * RATE, text), Clip(120 * RATE + 1, text)), config={"model_params.max_dur": 99}
    )
    assert names(found) == set()
    assert one(found, "clip-very-long").count == 1


# ---- batches and validation


def test_a_validation_list_whose_batches_are_all_lost(tmp_path: Path) -> None:
    short = Clip(10_099, "ab")
    found = checked(tmp_path / "a", clips(16), [*clips(8, short), *clips(8, short)])
    finding = one(found, "validation-all-lost")
    assert (finding.severity, finding.when, finding.count) == (FATAL, Moment.END_OF_EPOCH_1, 2)
    assert "ZeroDivisionError" in finding.message
    found = checked(tmp_path / "b", clips(16), [*clips(8, short), *clips(8)])
    assert names(found) == {"clip-loses-validation"}
    found = checked(tmp_path / "c", clips(16), [])
    assert names(found) == {"validation-all-lost"}


@pytest.mark.parametrize(
    ("stage", "size", "gpus", "identity"),
    [
        ("finetune", 1, 1, "batch-of-one"),
        ("finetune", 2, 1, None),
        ("finetune", 1, 2, "batch-of-one"),
        ("finetune", 8, 8, "replica-of-one"),
        ("finetune", 8, 4, None),
        ("finetune", 5, 2, None),  # 3 and 2
        ("finetune", 3, 2, "replica-of-one"),  # 2 and 1
        ("finetune", 4, 3, None),  # 2 and 2
        ("first", 1, 1, "batch-of-one"),
        ("first", 8, 8, "batch-of-one"),
        ("first", 9, 8, "batch-not-divisible"),
        ("first", 8, 4, None),
    ],
)
def test_one_sample_alone(tmp_path: Path, stage: str, size: int, gpus: int, identity: str | None) -> None:
    preset = "ljspeech" if stage == "first" else "ft"
    values = {"batch_size": size, "slmadv_params.batch_percentage": 2.0}
    found = checked(tmp_path, clips(24), clips(24), preset=preset, stage=stage, gpus=gpus, config=values)
    assert names(found, FATAL) - {"validation-all-lost"} == ({identity} if identity else set())
    if identity in ("batch-of-one", "replica-of-one"):
        message = one(found, identity).message
        expected = "IndexError: Dimension out of range (expected to be in range of [-1, 0], but got 1)"
        other = "Given groups=1, weight of size [1, 1, 3], expected input[1, 160, 1] to have 1 channels, but got 160"
        assert (expected if (stage, size) == ("finetune", 1) else other) in message
        assert one(found, identity).when is Moment.FIRST_STEP


def test_a_validation_clip_alone(tmp_path: Path) -> None:
    """The last batch of nine is one clip; and of eleven on two GPUs two and one."""
    found = checked(tmp_path / "a", clips(16), clips(9))
    finding = one(found, "validation-clip-alone")
    assert (finding.severity, finding.when, finding.count) == (DROP, Moment.END_OF_EPOCH_1, 1)
    assert found.batches is not None
    assert found.batches["validation"] == {"batches": 2, "lost": 1}
    assert names(checked(tmp_path / "b", clips(16), clips(10))) == set()
    assert names(checked(tmp_path / "c", clips(16), clips(11), gpus=2)) == {"validation-clip-alone"}
    assert names(checked(tmp_path / "d", clips(16), clips(12), gpus=2)) == set()
    assert names(checked(tmp_path / "e", clips(16), [Clip()])) == {"validation-all-lost"}
    found = checked(tmp_path / "f", clips(32), clips(17), preset="ljspeech", stage="first")
    assert one(found, "validation-clip-alone").severity is FATAL
    assert names(checked(tmp_path / "g", clips(32), clips(17), preset="ljspeech", stage="first", gpus=2)) == set()


@pytest.mark.parametrize(("epoch", "when"), [(0, Moment.FIRST_STEP), (5, Moment.TMA_EPOCH), (200, None)])
def test_weights_of_the_first_stage(tmp_path: Path, epoch: int, when: Moment | None) -> None:
    """They are read from TMA_epoch on; the run has 200 epochs."""
    values = {"loss_params.TMA_epoch": epoch, "loss_params.lambda_mono": None}
    found = checked(tmp_path, clips(32), preset="ljspeech", stage="first", config=values)
    assert [finding.when for finding in found.findings if finding.identity == "key-missing"] == ([when] if when else [])


def test_the_shares_of_batches(tmp_path: Path) -> None:
    """1 of 20 clips short, batches of 8: 1 - C(19, 8) / C(20, 8) = 8 / 20."""
    found = checked(tmp_path, clips(20, Clip(14_299, "ab")))
    batches = found.batches
    assert batches is not None
    assert (batches["steps_per_epoch"], batches["left_over"]) == (2, 4)
    assert (batches["dropped"], batches["crash"], batches["fine"]) == (0.4, 0.0, 0.6)
    assert batches["bucketed_dropped"] == 0.0  # the short one is left over
    assert batches["without_short"]["clips"] == 1
    assert batches["crop_mel_frames"] == {"0.05": 78, "0.5": 400, "0.95": 400}


def test_the_recommended_max_len(tmp_path: Path) -> None:
    """Clips of 2 s leave crops of 192 mel frames: more costs memory and is never reached. Short clips do not count."""
    two_seconds = [Clip(48_000, text="abcdefgh") for _ in range(16)]
    found = checked(tmp_path, [*two_seconds, Clip(14_299, text="ab")])
    assert (found.max_len["recommended"], found.max_len["memory"]) == (192, 2.08)


# ---- configuration


@pytest.mark.parametrize(("max_len", "is_found"), [(79, True), (80, False), (81, False)])
def test_max_len(tmp_path: Path, max_len: int, is_found: bool) -> None:
    found = checked(tmp_path, clips(16), config={"max_len": max_len})
    assert names(found) == ({"max-len-too-low"} if is_found else set())
    if is_found:
        finding = one(found, "max-len-too-low")
        assert (finding.severity, finding.when, finding.count) == (FATAL, Moment.FIRST_STEP, 1)


@pytest.mark.parametrize(
    ("joint", "diffusion", "multispeaker", "is_found"),
    [(9, 10, True, True), (10, 10, True, False), (9, 10, False, False), (60, 61, True, False)],
)
def test_joint_training_before_diffusion(
    tmp_path: Path, joint: int, diffusion: int, multispeaker: bool, is_found: bool
) -> None:
    values = {
        "loss_params.joint_epoch": joint,
        "loss_params.diff_epoch": diffusion,
        "model_params.multispeaker": multispeaker,
    }
    found = checked(tmp_path, clips(16), config=values)
    assert names(found) == ({"joint-before-diffusion"} if is_found else set())
    if is_found:
        assert one(found, "joint-before-diffusion").when is Moment.JOINT_EPOCH


@pytest.mark.parametrize(("percentage", "is_found"), [(0.125, True), (0.126, False)])
def test_the_slm_stage_with_one_clip(tmp_path: Path, percentage: float, is_found: bool) -> None:
    found = checked(tmp_path, clips(16), config={"slmadv_params.batch_percentage": percentage})
    assert names(found) == ({"slm-stage-one-clip"} if is_found else set())


def test_the_slm_stage_without_long_clips(tmp_path: Path) -> None:
    """110,299 samples are 400 mel frames, which is not more than min_len."""
    short = [Clip(110_299) for _ in range(15)]
    found = checked(tmp_path / "a", [*short, Clip()])
    finding = one(found, "slm-stage-clips-too-short")
    assert (finding.severity, finding.when, finding.count) == (DEGRADE, Moment.JOINT_EPOCH, 15)
    assert found.batches is not None
    assert found.batches["slm_stage"] == 0.0
    assert names(checked(tmp_path / "b", [Clip(110_300) for _ in range(16)])) == set()


@pytest.mark.parametrize(
    ("values", "identity", "severity"),
    [
        ({"epochs": None}, "epochs-missing", DEGRADE),
        ({"preprocess_params.sr": 22_050}, "preprocessing-ignored", DEGRADE),
        ({"preprocess_params.spect_params.hop_length": 256}, "preprocessing-ignored", DEGRADE),
        ({"model_params.n_mels": 100}, "mels-ignored", DEGRADE),
        ({"slmadv_params.batch_percentge": 0.5}, "key-unknown", DEGRADE),
        ({"my_own_notes": "x"}, "key-unknown", INFO),
        ({"optimizer_params.lr": "1e-4"}, "number-is-text", FATAL),
        ({"loss_params.lambda_mel": None}, "key-missing", FATAL),
        ({"slmadv_params.sig": None}, "key-missing", FATAL),
        ({"loss_params.joint_epoch": None}, "key-missing", FATAL),
        ({"pretrained_model": ""}, "no-starting-point", FATAL),
        ({"second_stage_load_pretrained": False}, "no-starting-point", FATAL),
    ],
    ids=str,
)
def test_values_of_the_configuration(tmp_path: Path, values: dict[str, Any], identity: str, severity: Severity) -> None:
    found = checked(tmp_path, clips(16), config=values)
    finding = one(found, identity)
    assert finding.severity is severity
    assert finding.remedy
    assert names(found) <= {identity}


def test_a_vocabulary_that_is_too_small(tmp_path: Path) -> None:
    """The stressed vowels have numbers up to 176; the text "ab" needs 70."""
    found = checked(tmp_path / "a", clips(16), config={"model_params.n_token": 100})
    finding = one(found, "vocabulary-too-small")
    assert (finding.severity, finding.when, finding.count) == (FATAL, Moment.EPOCH_1, 24)
    small = [Clip(3 * RATE, text="abc") for _ in range(16)]
    found = checked(tmp_path / "b", small, small[:8], config={"model_params.n_token": 100, "model_params.max_dur": 99})
    assert one(found, "vocabulary-too-small").severity is INFO


@pytest.mark.parametrize(
    ("values", "identity"),
    [
        ({"upsample_rates": [10, 6], "upsample_kernel_sizes": [20, 12]}, "decoder-length"),
        ({"upsample_kernel_sizes": [16, 16, 4, 4]}, "decoder-branches"),
        ({"upsample_rates": [10, 3, 5, 2], "upsample_kernel_sizes": [20, 6, 10, 4]}, None),
    ],
)
def test_the_decoder(tmp_path: Path, values: dict[str, Any], identity: str | None) -> None:
    changed = {f"model_params.decoder.{key}": value for key, value in values.items()}
    data = make(tmp_path, clips(16), config=changed)
    limits = check(styletts2.load(data.config))
    found = styletts2.prepare(data.config, styletts2.Options(data=True, cache=False)).preflight(limits)
    assert names(found) == ({identity} if identity else set())
    if identity:
        finding = one(found, identity)
        assert (finding.severity, finding.when) == (FATAL, Moment.FIRST_STEP)
        assert "The size of tensor a" in finding.message


# ---- what is not checked


def test_lists_that_are_not_there(tmp_path: Path) -> None:
    data = make(tmp_path, clips(16))
    for name in ("train.txt", "val.txt", "ood.txt"):
        (tmp_path / name).unlink()
    found = styletts2.prepare(data.config).preflight(report())
    assert found.verdict is Verdict.GO
    assert len(found.not_checked) == 3 + 4  # with the checkpoints
    assert f"train.txt: not found in the working directory nor in {tmp_path}" in found.not_checked[0]
    with pytest.raises(UsageError) as raised:
        styletts2.prepare(data.config, styletts2.Options(data=True, stage="third", gpus=0))
    assert str(raised.value).count("--data: data_params.") == 3
    assert "--stage third: unknown; one of: finetune, " in str(raised.value)
    assert "--gpus 0: expected 1 or more" in str(raised.value)


def test_lists_without_their_audio(tmp_path: Path) -> None:
    data = make(tmp_path, clips(16, Clip(line="")), config={"data_params.root_path": "elsewhere"})
    found = styletts2.prepare(data.config).preflight(report())
    assert names(found) == {"list-blank-line"}
    assert "root_path elsewhere: not found" in found.not_checked[0]
    assert found.batches is None
