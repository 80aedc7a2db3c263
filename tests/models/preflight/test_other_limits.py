"""Modules with other limits: thresholds and findings follow them, not the published ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shapecheck import Failure, LengthSet, ModelReport, check
from shapecheck.models import styletts2
from shapecheck.preflight import Moment, Preflight, Severity

from .datasets import Clip, make
from .test_findings import clips, names, one, report

pytestmark = pytest.mark.filterwarnings("ignore")  # weight_norm and spectral_norm of the package


@pytest.fixture
def deeper(checkout: Path) -> Path:
    """A checkout whose style encoders end in a kernel of 5x9: they need ceil(T/16) >= 9, so 129 mel frames."""
    text = (checkout / "models.py").read_text()
    start = text.index("class StyleEncoder")
    changed = text[start:].replace("(dim_out, dim_out, 5, 1, 0)", "(dim_out, dim_out, (5, 9), 1, 0)", 1)
    assert changed != text[start:]
    (checkout / "models.py").write_text(text[:start] + changed)
    return checkout


def test_a_checkout_with_a_larger_kernel(deeper: Path, tmp_path: Path) -> None:
    """Whole clips of 128 mel frames are refused, and crops of 128 are, which clips of 130 leave."""
    samples = {frames: (frames - 1) * 300 - 10_000 for frames in (128, 130, 132)}  # the fewest with so many mel frames
    train = [Clip(count, text="abc") for count in samples.values()]
    data = make(tmp_path / "data", clips(24, *train))
    limits = check(styletts2.load(data.config, source=deeper))

    def found(**values: int) -> Preflight:
        changed = make(tmp_path / "data", clips(24, *train), config=values)
        return styletts2.prepare(changed.config, styletts2.Options(cache=False), source=deeper).preflight(limits)

    preflight = found()
    lines = {
        name: [file.line for file in one(preflight, name).files] for name in ("clip-too-short", "clip-crop-too-short")
    }
    assert lines == {"clip-too-short": [1], "clip-crop-too-short": [2]}
    assert one(preflight, "clip-crop-too-short").severity is Severity.FATAL
    thresholds = {threshold.name: threshold.mel_frames for threshold in preflight.thresholds}
    assert thresholds["crash"] == thresholds["validation_batch_lost"] == 132
    assert thresholds["batch_dropped"] == 82
    assert preflight.max_len["smallest"] == 130
    assert "max-len-too-low" in names(found(max_len=129))
    assert "refuses 128 mel frames" in one(found(max_len=129), "max-len-too-low").message
    assert "max-len-too-low" not in names(found(max_len=130))


def with_lengths(component: str, valid: str, refused: str) -> ModelReport:
    """The published limits, but for one component."""
    found = report()
    changed = []
    for entry in found.components:
        if entry.component.name == component:
            variable = entry.report.variable
            lengths = LengthSet.parse(refused, variable)
            failure = Failure("layer", "conv1d", lengths, lengths.maximum or 99, "RuntimeError: no", ())
            own = replace(entry.report, valid=LengthSet.parse(valid, variable), invalid=lengths, failures=(failure,))
            entry = replace(entry, report=own)
        changed.append(entry)
    return replace(found, components=tuple(changed))


def test_a_module_that_never_runs(tmp_path: Path) -> None:
    data = make(tmp_path, clips(16))
    limits = with_lengths("msd", "none", "N >= 1")
    found = styletts2.prepare(data.config, styletts2.Options(cache=False)).preflight(limits)
    finding = one(found, "module-never-runs")
    assert (finding.severity, finding.when) == (Severity.FATAL, Moment.FIRST_STEP)
    assert names(found) == {"module-never-runs"}


@pytest.mark.parametrize(("stage", "severity"), [("finetune", Severity.DROP), ("first", Severity.FATAL)])
def test_a_clip_that_the_aligner_refuses(tmp_path: Path, stage: str, severity: Severity) -> None:
    clip = Clip(14_300, text="abc")  # 82 mel frames
    data = make(tmp_path, clips(24, clip), config={"loss_params.TMA_epoch": 5})
    limits = with_lengths("text_aligner", "T >= 83", "1 <= T <= 82")
    options = styletts2.Options(cache=False, stage=stage)
    found = styletts2.prepare(data.config, options).preflight(limits)
    assert (one(found, "clip-refused-by-aligner").severity, one(found, "clip-refused-by-aligner").count) == (
        severity,
        1,
    )


def test_a_set_with_holes_decides_clip_by_clip(tmp_path: Path) -> None:
    """82 mel frames are refused, 80 and 84 are not; a crop of 82 comes from 84."""
    limits = with_lengths("style_encoder", "1 <= T <= 81 or T >= 83", "T = 82")
    data = make(tmp_path, clips(24, *(Clip(count, text="abc") for count in (13_700, 14_300, 14_900, 15_500))))
    found = styletts2.prepare(data.config, styletts2.Options(cache=False)).preflight(limits)
    assert [file.line for file in one(found, "clip-too-short").files] == [2]
    assert [file.line for file in one(found, "clip-crop-too-short").files] == [3]
    assert [file.line for file in one(found, "clip-drops-batch").files] == [1]


def test_a_vocabulary_that_is_larger(tmp_path: Path) -> None:
    data = make(tmp_path, clips(16), config={"model_params.n_token": 200})
    found = styletts2.prepare(data.config, styletts2.Options(cache=False)).preflight(report())
    assert one(found, "vocabulary-larger").severity is Severity.INFO
    assert names(found) == set()
