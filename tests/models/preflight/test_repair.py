"""Repair: the plan beside the scripts' own arithmetic on arrays, the new files, and the pre-flight of the new lists."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from shapecheck import UsageError, check
from shapecheck.models import styletts2
from shapecheck.models.styletts2.preflight.repaired import Repairing
from shapecheck.preflight import Policy, Repair

from .datasets import LONG, RATE, TEXT, Clip, DataSet, make
from .repairs import (
    DROP,
    PAD,
    REPEAT,
    SHORT,
    STRETCH,
    joined,
    lines_of,
    mel_frames,
    modules_once,
    one,
    repaired,
    runs,
    state,
    written,
)
from .test_findings import report
from .test_other_limits import with_lengths

__all__ = ["modules_once"]  # a fixture

KINDS: tuple[dict[str, Any], ...] = (
    {"suffix": "wav", "subtype": "PCM_16", "rate": 24_000, "channels": 1},
    {"suffix": "flac", "subtype": "PCM_24", "rate": 44_100, "channels": 2},
    {"suffix": "ogg", "subtype": "VORBIS", "rate": 16_000, "channels": 1},
)


# ---- 500 clips, of which 60 are short, in three formats


def made_clips(seed: int, count: int, short: int, edges: tuple[int, ...]) -> list[Clip]:
    """Every few clips a short one, at the edges (in samples at 24 kHz) and below; the others long enough."""
    draws = np.random.default_rng(seed)
    every = count // short
    clips: list[Clip] = []
    for number in range(count):
        kind = KINDS[number % 3]
        if number % every == 0 and number // every < short:
            turn = number // every
            edge = edges[turn % len(edges)]
            samples = edge - 1 if turn % 2 else draws.integers(2_500, edge)
        else:
            samples = draws.integers(14_400, 20_000)
        own = int(samples) * kind["rate"] // 24_000
        clips.append(Clip(own, text="abcdefgh", **kind))
    return clips


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    train = made_clips(1, 400, 40, (9_500, 14_300))
    val = made_clips(2, 100, 20, (9_500, 10_100))
    return make(tmp_path_factory.mktemp("data"), train, val)


@pytest.fixture(scope="module")
def repairing(data: DataSet) -> Repairing:
    return repaired(data)


def test_the_right_clips_are_in_the_plan(data: DataSet, repairing: Repairing) -> None:
    expected = set()
    for role, lines in (("train", data.train), ("val", data.val)):
        for number, line in enumerate(lines, 1):
            info = soundfile.info(data.folder / "wavs" / line.split("|")[0])
            if not runs(info.frames, info.samplerate, {role}):
                expected.add((role, number))
    found = {(Path(place.listed).stem, place.line) for each in repairing.plan.repairs for place in each.places}
    assert len(expected) == 60
    assert found == expected
    assert {Path(each.audio.path).suffix for each in repairing.plan.repairs} == {".wav", ".flac", ".ogg"}


def test_each_number_is_the_smallest(repairing: Repairing) -> None:
    """One sample, or one repetition, less does not run."""
    for each in repairing.plan.repairs:
        roles = {Path(place.listed).stem for place in each.places}
        rate = each.audio.sample_rate
        assert each.needed is not None
        assert runs(each.needed, rate, roles)
        assert not runs(each.needed - 1, rate, roles)
        assert each.padding == each.needed - each.samples > 0
        times = each.repetitions or -(-each.needed // each.samples)
        assert runs(times * each.samples, rate, roles)
        assert not runs((times - 1) * each.samples, rate, roles)
        tokens, frames = times * len("abcdefgh ") + 1, mel_frames(times * each.samples, rate)  # with one at each end
        assert (each.repetitions is None) is (tokens > frames // 2)
        assert (each.no_repetition == "") is (each.repetitions is not None)
        factor = Fraction(each.needed, each.samples)
        assert each.stretch == (factor if factor <= 2 else None)
    needed = {
        (each.audio.sample_rate, Path(each.places[0].listed).stem): each.needed for each in repairing.plan.repairs
    }
    assert needed == {
        (24_000, "train"): 14_300,
        (44_100, "train"): 26_275,
        (16_000, "train"): 9_533,
        (24_000, "val"): 10_100,
        (44_100, "val"): 18_557,
        (16_000, "val"): 6_733,
    }


def test_what_happens_because_of_each(repairing: Repairing) -> None:
    for each in repairing.plan.repairs:
        frames = mel_frames(each.samples, each.audio.sample_rate)
        if each.places[0].listed.endswith("train.txt"):
            assert each.events == (("crash",) if frames < 65 else ("batch_dropped",))
        else:
            assert each.events == ("validation_batch_lost",)


@pytest.mark.parametrize("policy", [PAD, REPEAT, STRETCH], ids=lambda policy: policy.value)
def test_writing_all_of_it(data: DataSet, repairing: Repairing, tmp_path: Path, policy: Policy) -> None:
    if policy is STRETCH:
        pytest.importorskip("librosa")
    before = state(data.folder)
    mended = written(repairing, policy, tmp_path / "new")
    assert state(data.folder) == before
    assert (mended.remaining, mended.others) == ((), ())
    totals = repairing.plan.totals(policy)
    assert mended.files == mended.written == totals.files == (60 - totals.left_out)
    of_policy = {PAD: "needed", REPEAT: "repetitions", STRETCH: "stretch"}[policy]
    assert totals.left_out == [getattr(each, of_policy) for each in repairing.plan.repairs].count(None)
    assert (totals.left_out == 0) is (policy is PAD)
    assert mended.encoded_anew == sum(
        each.audio.format == "OGG" and each.samples_after(policy) is not None for each in repairing.plan.repairs
    )
    assert mended.as_wav == 0
    by_place = {(place.listed, place.line): each for each in repairing.plan.repairs for place in each.places}
    for name, old in (("train.txt", data.train), ("val.txt", data.val)):
        new = iter(lines_of(tmp_path / "new" / name))
        for number, line in enumerate(old, 1):
            each = by_place.get((str(data.folder / name), number))
            path, text, speaker = line.split("|")
            if each is None:
                assert next(new) == [path, text, speaker]
                continue
            promised = each.samples_after(policy)
            if promised is None:
                continue
            new_path, new_text, new_speaker = next(new)
            times = each.repetitions if policy is REPEAT else 1
            assert (new_text, new_speaker) == (" ".join([text] * (times or 1)), speaker)
            found = joined(data.folder / "wavs", new_path)
            assert_mended(each, found, policy, promised)
        assert list(new) == []
    assert not list((tmp_path / "new").rglob(".*"))


def assert_mended(each: Repair, path: str, policy: Policy, promised: int) -> None:
    made, old = soundfile.info(path), each.audio
    assert made.frames == promised
    assert (made.format, made.subtype, made.samplerate, made.channels) == (
        old.format,
        old.subtype,
        old.sample_rate,
        old.channels,
    )
    assert Path(path).suffix == Path(old.path).suffix
    after = soundfile.read(path, dtype="int32", always_2d=True)[0]
    assert len(after) == promised
    if old.format == "OGG" or policy is STRETCH:
        return
    before = soundfile.read(old.path, dtype="int32", always_2d=True)[0]
    assert before.any()
    if policy is PAD:
        assert np.array_equal(after[: len(before)], before)
        assert not after[len(before) :].any()
    else:
        assert np.array_equal(after, np.tile(before, (promised // len(before), 1)))


def test_dropping(data: DataSet, repairing: Repairing, tmp_path: Path) -> None:
    mended = written(repairing, DROP, tmp_path / "new")
    assert (mended.files, mended.remaining) == (0, ())
    out = {(Path(place.listed).name, place.line) for each in repairing.plan.repairs for place in each.places}
    for name, old in (("train.txt", data.train), ("val.txt", data.val)):
        kept = [line for number, line in enumerate(old, 1) if (name, number) not in out]
        assert (tmp_path / "new" / name).read_text(encoding="utf-8").splitlines() == kept
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == ["repair.json", "train.txt", "val.txt"]


def test_hours(data: DataSet, repairing: Repairing) -> None:
    infos = {
        (name, number): soundfile.info(data.folder / "wavs" / line.split("|")[0])
        for name, lines in (("train", data.train), ("val", data.val))
        for number, line in enumerate(lines, 1)
    }
    everything = sum(info.frames / info.samplerate for info in infos.values())
    short = sum(each.audio.seconds for each in repairing.plan.repairs)
    padding = sum((each.padding or 0) / each.audio.sample_rate for each in repairing.plan.repairs)
    drop, pad = repairing.plan.totals(DROP), repairing.plan.totals(PAD)
    assert drop.seconds_kept == pytest.approx(everything - short)
    assert (drop.seconds_synthetic, drop.seconds_lost) == (0, pytest.approx(short))
    assert (pad.seconds_kept, pad.seconds_synthetic, pad.seconds_lost) == (
        pytest.approx(everything),
        pytest.approx(padding),
        0,
    )


def test_one_line_in_the_loader_mends_all(repairing: Repairing) -> None:
    loader = repairing.plan.loader
    assert loader is not None
    assert (loader.samples, loader.mends, loader.leaves) == (14_300, 60, {})
    for each in repairing.plan.repairs:
        names: dict[str, Any] = {
            "np": np,
            "wave": np.ones(int(np.ceil(each.samples * (24_000 / each.audio.sample_rate)))),
        }
        exec(loader.code, names)
        assert runs(len(names["wave"]), 24_000, {"train", "val"})
        assert len(names["wave"]) == 14_300
    longer: dict[str, Any] = {"np": np, "wave": np.ones(14_301)}
    exec(loader.code, longer)
    assert len(longer["wave"]) == 14_301


# ---- clips of their own kind


def test_what_can_only_be_left_out(tmp_path: Path) -> None:
    others = [Clip(0), Clip(channels=3), Clip(line=f"nowhere.wav|{TEXT}|0"), Clip(line=f"broken.wav|{TEXT}|0")]
    data = make(tmp_path / "data", [*others, *(Clip() for _ in range(16))])
    (data.folder / "wavs" / "broken.wav").write_bytes(b"no audio")
    repairing = repaired(data)
    reasons = [each.reason for each in repairing.plan.repairs]
    assert reasons == [
        "it has no samples, and would be nothing but silence",
        "it has 3 channels, and no length helps",
        "it cannot be read (missing)",
        "it cannot be read (not audio: format not recognised)",
    ]
    assert all(each.samples_after(policy) is None for each in repairing.plan.repairs for policy in Policy)
    assert repairing.plan.loader is None
    mended = written(repairing, PAD, tmp_path / "new")
    assert (mended.files, mended.remaining) == (0, ())
    assert len(lines_of(tmp_path / "new" / "train.txt")) == 16


def test_two_samples(tmp_path: Path) -> None:
    """The loader takes them for two channels, before any line that pads."""
    repairing = repaired(make(tmp_path / "data", [Clip(2, text="ab"), SHORT, *(Clip() for _ in range(16))]))
    two, _ = repairing.plan.repairs
    assert two.events == ("two_samples", "crash")
    assert (two.padding, two.repetitions, two.no_repetition) == (14_298, None, "more than 32 times")
    assert repairing.plan.loader is not None
    assert repairing.plan.loader.leaves == {"the loader takes its two samples for two channels before": 1}
    assert written(repairing, PAD, tmp_path / "new").remaining == ()


def test_two_samples_that_nothing_else_happens_with(tmp_path: Path) -> None:
    limits = with_lengths("style_encoder", "T >= 20", "1 <= T <= 19")
    data = make(tmp_path / "data", [Clip() for _ in range(16)], [Clip(2, text="ab"), *(Clip() for _ in range(7))])
    repairing = repaired(data, limits, stage="first")
    assert (one(repairing).events, one(repairing).needed) == (("two_samples",), 3)
    assert written(repairing, PAD, tmp_path / "new").remaining == ()


def test_a_clip_in_several_lines_is_one_file(tmp_path: Path) -> None:
    """What it needs is what all of its lines need."""
    again = Clip(line="train0000.wav|abcdef|0")
    clip = Clip(12_000, text="abcdef")  # enough for validation
    data = make(tmp_path / "data", [clip, again, *(Clip() for _ in range(14))], [again, *(Clip() for _ in range(7))])
    repairing = repaired(data)
    assert [(Path(place.listed).name, place.line) for place in one(repairing).places] == [
        ("train.txt", 1),
        ("train.txt", 2),
        ("val.txt", 1),
    ]
    assert one(repairing).needed == 14_300
    mended = written(repairing, PAD, tmp_path / "new")
    assert (mended.files, mended.remaining) == (1, ())
    paths = [lines_of(tmp_path / "new" / name)[0][0] for name in ("train.txt", "val.txt")]
    assert paths[0] == paths[1]


def test_one_list_for_both(tmp_path: Path) -> None:
    data = make(tmp_path / "data", [SHORT, *(Clip() for _ in range(15))])
    repairing = repaired(data, val_list=str(data.folder / "train.txt"), train_list=str(data.folder / "train.txt"))
    assert len(one(repairing).places) == 1
    assert repairing.plan.totals(DROP).left_out == 1
    assert written(repairing, PAD, tmp_path / "new").remaining == ()


def test_a_text_that_cannot_be_repeated(tmp_path: Path) -> None:
    """PLBERT has 512 positions, of which two are at the ends: twice 255 known symbols do not fit with a space."""
    fits, long = ((TEXT * 6)[:count] for count in (254, 255))
    data = make(tmp_path / "data", [Clip(9_000, text=fits), Clip(9_000, text=long), *(Clip() for _ in range(16))])
    repairing = repaired(data)
    first, second = repairing.plan.repairs
    assert (first.repetitions, first.no_repetition) == (2, "")
    assert (second.repetitions, second.no_repetition) == (None, "its text so often has too many tokens (bert)")
    mended = written(repairing, REPEAT, tmp_path / "new")
    assert (mended.files, mended.remaining) == (1, ())
    assert lines_of(tmp_path / "new" / "train.txt")[0][1] == f"{fits} {fits}"


def test_what_leaving_out_brings_about(tmp_path: Path) -> None:
    """Eight validation clips without one: seven are a batch; nine without one leave nothing over, ten leave one."""
    data = make(tmp_path / "data", [Clip() for _ in range(16)], [SHORT, *(Clip() for _ in range(9))])
    assert written(repaired(data), PAD, tmp_path / "padded").remaining == ()
    mended = written(repaired(data), DROP, tmp_path / "dropped")
    assert [found.identity for found in mended.remaining] == ["validation-clip-alone"]


# ---- other limits, other goals


def test_holes(tmp_path: Path) -> None:
    """82 and 86 mel frames are refused, in whole clips and in crops, which 84 and 88 leave: 90 is the first to run."""
    valid, refused = "1 <= T <= 81 or 83 <= T <= 85 or T >= 87", "T = 82 or T = 86"
    limits = with_lengths("style_encoder", valid, refused)
    frames = {count: (count - 1) * 300 - 10_000 for count in range(60, 100, 2)}  # the fewest samples with so many
    data = make(
        tmp_path / "data",
        [*(Clip(frames[count], text="abc") for count in range(80, 92, 2)), *(Clip() for _ in range(16))],
    )
    repairing = repaired(data, limits)
    assert [(place.line, each.needed) for each in repairing.plan.repairs for place in each.places] == [
        (line, frames[90]) for line in range(1, 6)
    ]
    assert repairing.plan.loader is not None
    assert (repairing.plan.loader.samples, repairing.plan.loader.mends) == (frames[90], 5)
    assert written(repairing, PAD, tmp_path / "new").remaining == ()


def test_holes_on_the_way_of_repetitions(tmp_path: Path) -> None:
    """Twice 9,000 samples are 94 mel frames, of which crops of 92 are cut: where those are refused, three times."""
    limits = with_lengths("decoder", "2 <= c <= 45 or c >= 47", "c = 1 or c = 46")
    data = make(tmp_path / "data", [SHORT, *(Clip() for _ in range(16))])
    assert mel_frames(18_000, RATE) == 94
    assert one(repaired(data, limits)).repetitions == 3
    assert one(repaired(data)).repetitions == 2


def test_a_clip_that_the_aligner_refuses(tmp_path: Path) -> None:
    limits = with_lengths("text_aligner", "T >= 83", "1 <= T <= 82")
    data = make(tmp_path / "data", [Clip(14_300, text="abc"), *(Clip() for _ in range(16))])
    repairing = repaired(data, limits)
    assert (one(repairing).events, one(repairing).needed) == (("aligner_refuses",), 14_900)
    assert written(repairing, PAD, tmp_path / "new").remaining == ()


def test_lengths_that_are_too_long(tmp_path: Path) -> None:
    limits = with_lengths("style_encoder", "65 <= T <= 500", "1 <= T <= 64 or T >= 501")
    data = make(tmp_path / "data", [Clip(LONG, text=TEXT), *(Clip(4 * RATE) for _ in range(16))], [Clip(4 * RATE)] * 8)
    repairing = repaired(data, limits)
    assert (one(repairing).events, one(repairing).needed) == (("crash",), None)
    assert one(repairing).reason == "no longer clip will do"
    assert written(repairing, PAD, tmp_path / "new").remaining == ()


@pytest.mark.parametrize("max_len", [79, 80])
def test_where_no_length_will_do(tmp_path: Path, max_len: int) -> None:
    data = make(tmp_path / "data", [SHORT, *(Clip() for _ in range(16))], config={"max_len": max_len})
    plan = repaired(data).plan
    if max_len == 80:
        assert (len(plan.repairs), plan.hopeless) == (1, "")
    else:
        assert plan.repairs == ()
        assert plan.hopeless.startswith("max_len 79 leaves crops under 80 mel frames, and every batch is passed over")


def test_a_crop_that_is_always_refused(tmp_path: Path) -> None:
    """Clips that are short enough to leave shorter crops would run, and lengthening the others does not help."""
    limits = with_lengths("style_encoder", "1 <= T <= 99 or T >= 101", "T = 100")
    data = make(tmp_path / "data", [SHORT, *(Clip() for _ in range(16))], config={"max_len": 100})
    plan = repaired(data, limits).plan
    assert plan.repairs == ()
    assert plan.hopeless.startswith("max_len 100 leaves crops that are refused (style_encoder layer")
    assert repaired(data).plan.hopeless == ""


def test_validation_that_no_length_helps(tmp_path: Path) -> None:
    limits = with_lengths("decoder", "c >= 5000", "1 <= c <= 4999")
    data = make(tmp_path, [Clip() for _ in range(16)])
    (tmp_path / "train.txt").unlink()
    assert repaired(data).plan.hopeless == ""
    assert repaired(data, limits).plan.hopeless.startswith(f"no length of a clip of {tmp_path / 'val.txt'} will do")


def test_the_slm_stage_as_a_goal(tmp_path: Path) -> None:
    """More than 200 half frames: 402 mel frames, 110,300 samples; validation does not come to it."""
    train = [Clip(110_299, text=TEXT), Clip(110_300, text=TEXT), *(Clip() for _ in range(14))]
    data = make(tmp_path / "data", train, [Clip(20_000)] * 8)
    assert repaired(data).plan.repairs == ()
    late = repaired(data).plan.late_stage
    assert late is not None
    assert (late.lines, late.short, late.samples) == (16, 1, 110_300)
    repairing = repaired(data, goal="slm")
    assert (one(repairing).events, one(repairing).padding) == (("slm_missed",), 1)
    assert mel_frames(110_300, RATE) // 2 > 200 >= mel_frames(110_299, RATE) // 2
    assert written(repairing, PAD, tmp_path / "new").remaining == ()
    assert repaired(data, goal="slm", train_list=str(tmp_path / "new" / "train.txt")).plan.repairs == ()


@pytest.mark.parametrize(
    ("options", "config", "why"),
    [
        ({"stage": "first"}, {}, "stage first has none"),
        ({}, {"epochs": 30}, "it is not reached"),
    ],
)
def test_a_goal_that_the_run_does_not_have(
    tmp_path: Path, options: dict[str, Any], config: dict[str, int], why: str
) -> None:
    data = make(tmp_path, [Clip() for _ in range(16)], config=config)
    with pytest.raises(UsageError, match=f"--goal slm: this run has no SLM stage: {why}"):
        repaired(data, goal="slm", **options)
    with pytest.raises(UsageError, match="--goal none: unknown; one of: training, slm"):
        repaired(data, goal="none")


def test_the_first_stage(tmp_path: Path) -> None:
    """No encoder gets whole clips there: a clip of 0.1 s drops its batch, and in validation it ends the run."""
    short = Clip(2_400, text="ab")
    data = make(
        tmp_path / "data",
        [short, *(Clip() for _ in range(32))],
        [short, *(Clip() for _ in range(32))],
        preset="ljspeech",
    )
    limits = report("ljspeech")
    repairing = repaired(data, limits, stage="first")
    train, val = repairing.plan.repairs
    assert (train.events, train.needed) == (("batch_dropped",), 14_300)
    assert (val.events, val.needed) == (("validation_crash",), 10_100)
    assert written(repairing, PAD, tmp_path / "new").remaining == ()


@pytest.fixture
def deeper(checkout: Path) -> Path:
    """A checkout whose style encoders end in a kernel of 5x9: they need ceil(T/16) >= 9, so 129 mel frames."""
    text = (checkout / "models.py").read_text()
    start = text.index("class StyleEncoder")
    changed = text[start:].replace("(dim_out, dim_out, 5, 1, 0)", "(dim_out, dim_out, (5, 9), 1, 0)", 1)
    assert changed != text[start:]
    (checkout / "models.py").write_text(text[:start] + changed)
    return checkout


@pytest.mark.filterwarnings("ignore")  # weight_norm and spectral_norm of the package
def test_another_kernel_gives_another_target(deeper: Path, tmp_path: Path) -> None:
    """Crops of 130 mel frames, which clips of 132 leave."""
    data = make(tmp_path / "data", [Clip(20_000, text="abc"), Clip(29_300, text="abc"), *(Clip() for _ in range(16))])
    assert repaired(data).plan.repairs == ()
    limits = check(styletts2.load(data.config, source=deeper))
    repairing = styletts2.repair(limits, data.config, styletts2.Options(cache=False), source=deeper)
    assert one(repairing).needed == (132 - 1) * 300 - 10_000 == 29_300
    assert one(repairing).events == ("crash",)
    assert written(repairing, PAD, tmp_path / "new").remaining == ()


# ---- what is needed for it


def test_a_manifest_is_enough_for_a_plan(tmp_path: Path) -> None:
    data = make(tmp_path, [Clip(line=f"{name}|{TEXT}|0") for name in ("a.wav", "b.wav", "c.wav")])
    rows = [{"path": name, "samples": count, "sample_rate": 16_000} for name, count in (("a.wav", 6_000), ("b.wav", 0))]
    (tmp_path / "lengths.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    plan = repaired(data, manifest=str(tmp_path / "lengths.jsonl")).plan
    assert [(each.needed, each.reason) for each in plan.repairs] == [
        (9_533, ""),
        (None, "it has no samples, and would be nothing but silence"),
    ]
    assert any("1 clip of" in what and "not in" in what for what in plan.not_checked)


def test_without_lists_or_clips(tmp_path: Path) -> None:
    data = make(tmp_path, [SHORT])
    (tmp_path / "val.txt").unlink()
    found = repaired(data)
    assert one(found).needed == 14_300
    assert any("data_params.val_data" in what for what in found.plan.not_checked)
    (tmp_path / "wavs").rename(tmp_path / "other")
    with pytest.raises(UsageError, match="there is no folder of clips: give --root"):
        repaired(data)
    assert one(repaired(data, root=str(tmp_path / "other"))).needed == 14_300
    (tmp_path / "train.txt").unlink()
    with pytest.raises(UsageError, match="there is no list of clips to repair"):
        repaired(data)
