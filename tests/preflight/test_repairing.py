"""The arithmetic of a repair plan: what each policy makes of a clip, and of all of them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from shapecheck.preflight import (
    MOST_STRETCH,
    AudioFile,
    Listed,
    Place,
    Policy,
    Repair,
    RepairPlan,
)

DROP, PAD, REPEAT, STRETCH = Policy


def clip(
    samples: int,
    needed: int | None,
    repetitions: int | None = None,
    *,
    rate: int = 1_000,
    lines: int = 1,
    **reasons: str,
) -> Repair:
    places = tuple(Place("a.txt", line, "a.wav") for line in range(1, lines + 1))
    audio = AudioFile("wavs/a.wav", samples, rate, 1, "WAV", "PCM_16")
    return Repair(places, audio, ("crash",), needed, repetitions, **reasons)


def plan(*repairs: Repair, seconds: float = 100.0) -> RepairPlan:
    lists = (Listed("a.txt", "train", 50, seconds),)
    return RepairPlan("finetune", "", "training", lists, "wavs", (), repairs)


def test_one_clip() -> None:
    repair = clip(9_000, 14_300, 2)
    assert repair.padding == 5_300
    assert repair.stretch == Fraction(143, 90)
    assert [repair.samples_after(policy) for policy in Policy] == [None, 14_300, 18_000, 14_300]
    assert [repair.why_left_out(policy) for policy in Policy] == [""] * 4


def test_where_stretching_ends() -> None:
    assert clip(7_150, 14_300, 2).stretch == MOST_STRETCH == 2
    slower = clip(7_149, 14_300, 3)
    assert slower.stretch is None
    assert slower.samples_after(STRETCH) is None
    assert slower.samples_after(PAD) == 14_300
    assert slower.why_left_out(STRETCH) == "more than 2 times as long, which is no speech any more"


def test_what_only_leaving_out_helps() -> None:
    repair = clip(0, None, reason="it has no samples")
    assert (repair.padding, repair.stretch) == (None, None)
    assert [repair.samples_after(policy) for policy in Policy] == [None] * 4
    assert [repair.why_left_out(policy) for policy in Policy] == ["", *["it has no samples"] * 3]


@pytest.mark.parametrize(
    ("policy", "mended", "left_out", "files", "kept", "synthetic", "lost"),
    [
        (DROP, 0, 5, 0, 100 - 2 * 4 - 6 - 5 - 1, 0, 20),
        (PAD, 4, 1, 3, 99, 2 * 6 + 4 + 5, 1),
        (REPEAT, 3, 2, 2, 93, 2 * 8 + 5, 7),
        (STRETCH, 2, 3, 2, 100 - 2 * 4 - 1, 4 + 5, 9),
    ],
)
def test_what_a_policy_makes_of_all(
    policy: Policy, mended: int, left_out: int, files: int, kept: float, synthetic: float, lost: float
) -> None:
    found = plan(
        clip(4_000, 10_000, 3, lines=2),  # 2.5 times as long
        clip(6_000, 10_000, None, no_repetition="too many tokens"),
        clip(5_000, 10_000, 2),
        clip(1_000, None, reason="three channels"),
    )
    totals = found.totals(policy)
    assert (totals.mended, totals.left_out, totals.files) == (mended, left_out, files)
    assert totals.mended + totals.left_out == found.lines == 5
    assert totals.seconds_kept == pytest.approx(kept)
    assert totals.seconds_synthetic == pytest.approx(synthetic)
    assert totals.seconds_lost == pytest.approx(lost)
    assert totals.hours_kept + totals.hours_lost == pytest.approx(100 / 3600)
    assert totals.hours_synthetic == pytest.approx(synthetic / 3600)


def test_who_is_left_out_is_counted_by_reason() -> None:
    found = plan(clip(4_000, 10_000, 3), clip(3_000, 10_000, 4), clip(1_000, None, reason="three channels"))
    assert found.left_out(PAD) == {"three channels": 1}
    assert found.left_out(STRETCH) == {"more than 2 times as long, which is no speech any more": 2, "three channels": 1}
    assert found.left_out(DROP) == {}


def test_nothing_to_repair() -> None:
    totals = plan().totals(PAD)
    assert (totals.mended, totals.left_out, totals.seconds_kept, totals.seconds_synthetic) == (0, 0, 100.0, 0)
