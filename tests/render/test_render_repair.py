"""A repair plan as text, as JSON and as CSV: the whole of it, from a value that has a bit of everything."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from shapecheck.preflight import (
    AudioFile,
    Finding,
    LateStage,
    Listed,
    LoaderChange,
    Mended,
    Moment,
    Place,
    Policy,
    Repair,
    RepairPlan,
    Severity,
    Threshold,
)
from shapecheck.render import console
from shapecheck.render.repair import document, plan_csv, plan_text

SCHEMA = json.loads((Path(__file__).parent / "repair.schema.json").read_text(encoding="utf-8"))


def audio(name: str, samples: int, rate: int = 24_000) -> AudioFile:
    return AudioFile(f"wavs/{name}", samples, rate, 1, "WAV", "PCM_16")


PLAN = RepairPlan(
    stage="finetune",
    stage_reason="epochs is given",
    goal="training",
    lists=(Listed("train.txt", "train", 400, 3_600.0), Listed("val.txt", "val", 100, 900.0)),
    root="wavs",
    thresholds=(
        Threshold("crash", 9_500, 9_500 / 24_000, 66, "style_encoder shared.6 refuses 64 mel frames"),
        Threshold("validation_batch_lost", None, None, None, "no length will do"),
    ),
    repairs=(
        Repair(
            (Place("train.txt", 7, "a.wav"), Place("train.txt", 9, "a.wav")),
            audio("a.wav", 12_000),
            ("batch_dropped",),
            14_300,
            2,
        ),
        Repair(
            (Place("train.txt", 8, "b|.wav"),),
            audio("b.wav", 2_000, 16_000),
            ("crash", "validation_batch_lost"),
            9_533,
            no_repetition="its text so often has too many tokens (bert)",
        ),
        Repair(
            (Place("val.txt", 3, "c.wav"),),
            audio("c.wav", 0, 0),
            ("unreadable",),
            None,
            reason="it cannot be read (missing)",
        ),
    ),
    loader=LoaderChange(14_300, "wave = np.pad(wave, ...)", "meldataset.py", 2, {"it cannot be read (missing)": 1}),
    late_stage=LateStage("SLM", 400, 390, 110_300),
    notes=("some lengths of wd were left undecided, and count as running",),
    not_checked=("data_params.val_data: is not given",),
)
LEFT = Finding("validation-clip-alone", Severity.DROP, Moment.END_OF_EPOCH_1, 1, "One clip is alone.", "One more.")
MENDED = Mended(Policy.PAD, "new", ("new/train.txt", "new/val.txt"), 2, 1, 1, 1, (LEFT,), ())

WHOLE = """\
Repair: stage finetune (epochs is given), goal training
  train    train.txt: 400 lines, 1 h, 3 to repair
  val      val.txt: 100 lines, 0.25 h, 1 to repair
  needed   9,500 samples (0.3958 s), or it ends the run: style_encoder shared.6 refuses 64 mel
           frames
  needed   no length from which on no clip loses its validation batch: no length will do
  long     SLM stage: 390 of 400 training clips under 110,300 samples; --goal slm plans for them,
           too
  note: some lengths of wd were left undecided, and count as running
  not checked: data_params.val_data: is not given

3 clips to repair: 1 ends the run, 1 loses its validation batch, 1 drops its batch, 1 cannot be
read.

policy   lines mended  left out  new files  hours kept  synthetic    lost
──────── ───────────── ───────── ────────── ─────────── ────────── ──────
drop                0         4          0      1.2497     0.0000  0.0003
pad                 3         1          2      1.2500     0.0002  0.0000
repeat              2         2          1      1.2500     0.0003  0.0000
stretch             2         2          1      1.2500     0.0001  0.0000
  pad, repeat and stretch leave out 1 clip: it cannot be read (missing)
  repeat leaves out 1 clip: its text so often has too many tokens (bert)
  stretch leaves out 1 clip: more than 2 times as long, which is no speech any more
  pad puts the zeros at the end of the clip
  repeat writes the text of a clip as often as the clip

  loader   one line more in the data loader pads every clip up to 14,300 samples, and mends 2 clips
           without a new file:
             wave = np.pad(wave, ...)
           in meldataset.py
           it does not mend 1 clip: it cannot be read (missing)

clip                samples   needs  zeros  times  stretch  because it
─────────────────── ──────── ─────── ────── ────── ──────── ────────────────────────────────────────
train.txt:8 b|.wav    2,000   9,533  7,533      -   over 2  ends the run, loses its validation batch
train.txt:7 a.wav    12,000  14,300  2,300      2    1.192  drops its batch, in 2 lines
val.txt:3 c.wav           0       -      -      -        -  cannot be read; only left out

Written to new with --policy pad
  audio    2 new files, 1 of which an earlier run had finished
           1 in a format that loses something: their recordings were encoded anew
           1 as WAV, since their own format does not keep the number of samples
  list     new/train.txt
  list     new/val.txt
  is left: drop validation-clip-alone: One clip is alone.
"""


def text(plan: RepairPlan, mended: Mended | None = None, *policies: Policy) -> str:
    return plan_text(plan, policies or tuple(Policy), console.for_file(), mended)


def test_the_whole_text() -> None:
    assert text(PLAN, MENDED) == WHOLE


def test_other_outcomes() -> None:
    assert "pre-flight of the new lists: no such finding is left\n" in text(PLAN, replace(MENDED, remaining=()))
    assert "not of this: drop validation-clip-alone" in text(PLAN, replace(MENDED, remaining=(), others=(LEFT,)))
    assert text(replace(PLAN, repairs=(), loader=None)).endswith("\n\nNothing to repair.\n")
    hopeless = replace(PLAN, repairs=(), loader=None, hopeless="max_len 79 is too low")
    assert text(hopeless).endswith("\n\nNo clip can be repaired: max_len 79 is too low.\n")
    only_pad = text(PLAN, None, Policy.PAD)
    assert "\nstretch" not in only_pad
    assert "repeat writes" not in only_pad
    assert "--goal slm plans" not in text(replace(PLAN, goal="slm"))


@pytest.mark.parametrize("mended", [None, MENDED], ids=["planned", "written"])
def test_the_document(mended: Mended | None) -> None:
    values = json.loads(document(PLAN, tuple(Policy), mended))
    jsonschema.validate(values, SCHEMA)
    assert [each["policy"] for each in values["policies"]] == ["drop", "pad", "repeat", "stretch"]
    first, second, third = values["repairs"]
    assert (first["padding"], first["repetitions"], first["stretch"]) == (2_300, 2, "143/120")
    assert [place["line"] for place in first["places"]] == [7, 9]
    assert (second["repetitions"], second["stretch"]) == (None, None)
    assert (third["needed"], third["only_drop_because"]) == (None, "it cannot be read (missing)")
    assert (values["written"] is None) is (mended is None)


def test_every_line_is_in_the_csv() -> None:
    rows = list(csv.DictReader(io.StringIO(plan_csv(PLAN))))
    assert [(row["list"], row["line"], row["file"]) for row in rows] == [
        ("train.txt", "7", "a.wav"),
        ("train.txt", "9", "a.wav"),
        ("train.txt", "8", "b|.wav"),
        ("val.txt", "3", "c.wav"),
    ]
    assert (rows[0]["padding"], rows[0]["stretch"], rows[0]["events"]) == ("2300", "143/120", "batch_dropped")
    assert (rows[2]["events"], rows[2]["repetitions"]) == ("crash validation_batch_lost", "")
    assert rows[3]["only_drop_because"] == "it cannot be read (missing)"
