"""A pre-flight as text, as JSON and as CSV: the whole of it, from a value that has a bit of everything."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from shapecheck.preflight import Affected, Finding, Moment, Preflight, Severity, Threshold
from shapecheck.render import console
from shapecheck.render.document import preflight_values
from shapecheck.render.preflight import affected_csv, preflight_text

SHORT = Finding(
    "clip-too-short",
    Severity.FATAL,
    Moment.EPOCH_1,
    4,
    "4 clips of train.txt: too short for the encoders, which get whole clips.",
    "Leave out, or pad, clips under 9,500 samples (0.396 s).",
    tuple(Affected(f"{n}.wav", "train.txt", n, {"samples": 9_000 + n, "seconds": 0.375}) for n in (2, 3, 5, 8)),
    is_removable=True,
)
JOINT = Finding(
    "joint-before-diffusion", Severity.FATAL, Moment.JOINT_EPOCH, 1, "joint_epoch 9 comes before diff_epoch 10.", "10."
)
TEXT = Finding(
    "text-unknown-symbols",
    Severity.DEGRADE,
    Moment.EPOCH_1,
    1,
    "1 text of train.txt: symbols that the scripts leave out.",
    "Phonemize the texts.",
    (Affected("7.wav", "train.txt", 7, {"tokens": 12}),),
)
EVERYTHING = Preflight(
    stage="finetune",
    stage_reason="epochs is given",
    chain=("S samples at 24,000 Hz -> E mel frames", "batch: m = smallest E"),
    thresholds=(
        Threshold("crash", 9_500, 9_500 / 24_000, 66, "style_encoder shared.6 refuses 64 mel frames"),
        Threshold("batch_dropped", None, None, None, "no length will do"),
    ),
    max_len={"configured": 400, "smallest": 80, "recommended": 200, "because": "the scripts' own value", "memory": 2.0},
    findings=(SHORT, JOINT, TEXT),
    epochs={"epochs": 50, "diff_epoch": 10, "joint_epoch": 60},
    data={
        "train": {
            "list": "train.txt",
            "lines": 20,
            "clips_measured": 19,
            "hours": 0.5,
            "shortest_seconds": 0.375,
            "longest_seconds": 6.0,
        },
        "ood": {"list": "ood.txt", "lines": 1_000, "texts_drawn_from": 900},
    },
    batches={
        "batch_size": 8,
        "steps_per_epoch": 2,
        "left_over": 4,
        "crash": 0.25,
        "dropped": 0.4,
        "fine": 0.35,
        "crop_mel_frames": {"0.05": 78, "0.5": 400},
        "bucketed_dropped": 0.1,
        "without_short": {"clips": 3, "hours": 0.01},
        "slm_stage": 0.5,
        "validation": {"batches": 3, "lost": 1},
    },
    not_checked=("data_params.val_data val.txt: not found in the working directory",),
)


def text(preflight: Preflight, width: int = 100) -> str:
    return preflight_text(preflight, Console(width=width, file=io.StringIO(), highlight=False, markup=False))


def test_the_whole_text(golden: Callable[[str, str], None]) -> None:
    golden("preflight.txt", preflight_text(EVERYTHING, console.for_file()))


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    shown = text(EVERYTHING, width)
    assert max(map(len, shown.splitlines())) <= width
    for word in ("WILL FAIL", "clip-too-short", "9,500", "--list", "5.wav", "not checked"):
        assert word in shown
    assert "8.wav" not in shown  # the fourth example


@pytest.mark.parametrize(
    ("findings", "title"),
    [
        ((), "GO"),
        ((replace(TEXT, severity=Severity.INFO),), "GO"),
        ((TEXT,), "WILL DEGRADE"),
        ((replace(TEXT, severity=Severity.DROP), TEXT), "WILL DEGRADE"),
        ((TEXT, JOINT), "WILL FAIL"),
    ],
)
def test_the_verdict(findings: tuple[Finding, ...], title: str) -> None:
    preflight = replace(EVERYTHING, findings=findings, not_checked=())
    assert preflight.verdict.value == title
    assert f"─ {title} ─" in text(preflight)
    assert f"─ {title}, as far as was checked ─" in text(replace(preflight, not_checked=("the data",)))


def test_a_moment_that_never_comes() -> None:
    shown = text(EVERYTHING)
    assert "joint_epoch 60, never reached (50 epochs)" in shown
    assert "diff_epoch" not in text(replace(EVERYTHING, epochs={"epochs": 50}, findings=()))


def test_the_document() -> None:
    values = json.loads(json.dumps(preflight_values(EVERYTHING)))
    assert (values["stage"], values["verdict"]) == ("finetune", "WILL FAIL")
    assert values["thresholds"]["crash"]["samples"] == 9_500
    assert values["findings"][0] == {
        "id": "clip-too-short",
        "severity": "fatal",
        "when": "within epoch 1",
        "count": 4,
        "message": SHORT.message,
        "remedy": SHORT.remedy,
        "files": [
            {"file": f"{n}.wav", "list": "train.txt", "line": n, "samples": 9_000 + n, "seconds": 0.375}
            for n in (2, 3, 5, 8)
        ],
    }
    assert values["batches"]["dropped"] == 0.4
    assert values["data"]["train"]["lines"] == 20
    assert values["checkpoint"] is None


def test_all_affected_files() -> None:
    rows = list(csv.DictReader(io.StringIO(affected_csv(EVERYTHING))))
    assert [row["file"] for row in rows] == ["2.wav", "3.wav", "5.wav", "8.wav", "7.wav"]
    assert rows[0] == {
        "finding": "clip-too-short",
        "severity": "fatal",
        "when": "within epoch 1",
        "list": "train.txt",
        "line": "2",
        "file": "2.wav",
        "samples": "9002",
        "seconds": "0.375",
        "tokens": "",
    }
    assert rows[-1]["tokens"] == "12"


def test_lines_to_leave_out() -> None:
    assert EVERYTHING.offending_lines("train.txt") == {2, 3, 5, 8}
    assert EVERYTHING.offending_lines("val.txt") == frozenset()
