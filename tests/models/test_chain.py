"""The length chain against arrays that are really padded, framed and cropped; the advice against counts by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from shapecheck import Component, ComponentReport, Failure, LengthSet, Model, ModelReport, Report
from shapecheck.models import styletts2
from shapecheck.models.styletts2 import chain, config

HOP = 300


def framed(samples: int, hop_length: int = HOP) -> int:
    """The frames of a centred spectrogram of a padded clip, trimmed to an even number, by doing it."""
    wave = np.concatenate([np.zeros(5000), np.ones(samples), np.zeros(5000)])
    centres = np.arange(len(wave) + 1)[::hop_length]  # centred frames: one at every hop, the end included
    return len(centres[: len(centres) - len(centres) % 2])


def test_mel_frames_of_a_clip() -> None:
    for hop_length in (300, 256, 1):
        for samples in [*range(40), *range(9400, 9600, 7), 9499, 9500, 24000, 123_457]:
            assert chain.mel_frames(samples, hop_length) == framed(samples, hop_length), (samples, hop_length)


@pytest.mark.parametrize("hop_length", [300, 256, 7, 20_000])
def test_the_shortest_clip_is_the_shortest(hop_length: int) -> None:
    for frames in range(130):
        samples = chain.shortest_clip(frames, hop_length)
        assert chain.mel_frames(samples, hop_length) >= frames
        assert samples == 0 or chain.mel_frames(samples - 1, hop_length) < frames


def test_the_clip_of_a_batch() -> None:
    for shortest in range(2, 130, 2):
        for max_len in range(1, 130):
            mel_len = min(int(shortest / 2 - 1), max_len // 2)  # as the scripts write it
            assert chain.clip_frames(shortest, max_len) == mel_len


def test_the_inverses_of_the_clip() -> None:
    for frames in range(1, 70):
        shortest, max_len = chain.shortest_member(frames), chain.smallest_max_len(frames)
        assert chain.clip_frames(shortest, max_len) == frames
        assert chain.clip_frames(shortest - 2, max_len) < frames
        assert chain.clip_frames(shortest, max_len - 1) < frames


@pytest.mark.parametrize(
    ("samples", "event"),
    [(9500, "crash"), (10100, "validation"), (14300, "gate")],
)
def test_the_thresholds_that_were_run(samples: int, event: str) -> None:
    """The events that the real script showed, each at its first harmless clip."""

    def harmless(samples: int) -> bool:
        frames = chain.mel_frames(samples, HOP)
        crop = 2 * chain.clip_frames(frames, 400)
        return {"crash": frames > 64, "validation": crop > 64, "gate": crop >= chain.GATE}[event]

    assert harmless(samples)
    assert not harmless(samples - 1)


# ---- advice


def found(
    name: str, valid: str, *layers: tuple[str, str, str], swept: tuple[int, int] = (1, 40_000), proved: bool = True
) -> ComponentReport:
    """A component's report: `layers` are the failures, as (layer, operation, lengths)."""
    component = next(entry for entry in styletts2.preset("ft").components if entry.name == name)
    lengths = LengthSet.parse(valid, component.variable)
    if not proved:
        lengths = LengthSet.from_mask(lengths.mask(*swept), swept[0])
    failures = tuple(
        Failure(layer, operation, LengthSet.parse(text, component.variable), 1, "RuntimeError: no", ())
        for layer, operation, text in layers
    )
    invalid = LengthSet.parse("none")
    for failure in failures:
        invalid |= failure.lengths
    graph: Any = None
    report = Report(
        component.variable,
        (),
        swept,
        lengths.swept(*swept),
        invalid.swept(*swept),
        LengthSet.parse("none"),
        proved,
        (),
        failures,
        (),
        graph,
    )
    return ComponentReport(component, report)


def advice(*reports: ComponentReport, max_len: int = 400, hop_length: int = 300) -> tuple[str, ...]:
    params = config.preset("ft")
    params = replace(
        params,
        training=replace(params.training, max_len=max_len),
        preprocess=replace(params.preprocess, hop_length=hop_length),
    )
    components: tuple[Component, ...] = tuple(entry.component for entry in reports)
    model = Model("StyleTTS2", "c.yml", "builtin", components, advise=lambda report: chain.advise(report, params))
    return ModelReport(model, reports, ()).advice


LAST = ("shared.6", "Conv2d", "1 <= T <= 64")
NORM = ("encode.norm1.norm", "InstanceNorm1d", "c = 1")
STYLE = found("style_encoder", "T >= 65", LAST)
PROSODY = found("predictor_encoder", "T >= 65", LAST)
DECODER = found("decoder", "c >= 2", NORM)
MPD = found("mpd", "N >= 6", ("discriminators.4", "pad reflect", "1 <= N <= 5"))
MSD = found("msd", "N >= 1025", ("discriminators.1", "stft", "1 <= N <= 1024"))
SLM = found("slm", "N >= 400", ("feature_extractor.conv_layers.6.conv", "Conv1d", "1 <= N <= 399"))
ALIGNER = found("text_aligner", "T >= 1")
TEXT = found("text_encoder", "L >= 1")


def test_the_advice_for_the_public_model() -> None:
    assert advice(TEXT, STYLE, PROSODY, DECODER, ALIGNER, MPD, MSD, SLM) == (
        (
            "Shortest clip: 66 mel frames = 9,500 samples = 0.396 s, since the training scripts encode whole clips and"
            " shared.6 (Conv2d) of style_encoder and predictor_encoder refuses less; a shorter one ends the run."
        ),
        (
            "Smallest max_len: 80 = 40 decoder frames = 24,000 samples = 1 s (this configuration has 400): the modules"
            " run from 66 on, where shared.6 (Conv2d) of style_encoder and predictor_encoder refuses less, but the"
            " training scripts pass over every batch under 80 mel frames; the shortest clip of a batch then needs 82"
            " mel frames = 14,300 samples = 0.596 s."
        ),
    )


def test_the_numbers_come_from_the_report() -> None:
    deep = found("style_encoder", "T >= 129", ("shared.7", "Conv2d", "1 <= T <= 128"))
    first, second = advice(deep, DECODER, max_len=129)
    assert first.startswith("Shortest clip: 130 mel frames = 28,700 samples = 1.196 s, since")
    assert second == (
        "Smallest max_len: 130 = 65 decoder frames = 39,000 samples = 1.625 s (this configuration has 129, too few):"
        " shared.7 (Conv2d) of style_encoder refuses less; the shortest clip of a batch then needs 132 mel frames ="
        " 29,300 samples = 1.221 s."
    )


def test_the_largest_need_decides_whoever_has_it() -> None:
    (only,) = advice(MSD, DECODER, MPD)
    both = "encode.norm1.norm (InstanceNorm1d) of decoder and discriminators.1 (stft) of msd refuse less"
    assert f": the modules run from 4 on, where {both}, but" in only
    (only,) = advice(found("slm", "N >= 6000", ("conv", "Conv1d", "1 <= N <= 5999")))
    assert "the modules run from 30 on, where conv (Conv1d) of slm refuses less" in only


def test_another_hop_length_moves_the_clip() -> None:
    first, _ = advice(STYLE, hop_length=256)
    assert first.startswith("Shortest clip: 66 mel frames = 6,640 samples = 0.277 s")


def test_lengths_that_cannot_come_do_not_matter() -> None:
    refused = ("shared.6", "Conv2d", "1 <= T <= 61 or T in {63, 65}")
    even = found("style_encoder", "T = 62 or T = 64 or T >= 66", refused)
    assert advice(even)[0].startswith("Shortest clip: 62 mel frames")


def test_nothing_to_say_without_audio() -> None:
    assert advice(TEXT) == ()
    assert advice() == ()


def test_modules_that_take_everything() -> None:
    assert advice(ALIGNER) == ("No clip is too short for the modules that get whole clips.",)
    (only,) = advice(found("pitch_extractor", "T >= 1"))
    assert "the modules run from 2 on, where no module needs more, but the training scripts" in only


@pytest.mark.parametrize("valid", ["none", "T >= 1, T odd", "T <= 100"])
def test_no_length_from_which_on_all_run(valid: str) -> None:
    (only,) = advice(found("style_encoder", valid), DECODER)
    text = LengthSet.parse(valid).text()
    assert only == (
        "No shortest clip and no smallest max_len can be named: style_encoder has no length from which on every one"
        f" runs (valid: {text})."
    )


def test_a_sweep_that_starts_late_names_no_limit() -> None:
    (only,) = advice(found("style_encoder", "T >= 70", swept=(70, 100)))
    assert only == (
        "No shortest clip and no smallest max_len can be named: style_encoder was swept from T = 70 on only, and runs"
        " there."
    )
    assert len(advice(found("style_encoder", "T >= 65", LAST, swept=(60, 100)))) == 2


def test_a_sweep_that_ends_early_says_so() -> None:
    short = found("style_encoder", "T >= 65", LAST, swept=(1, 100), proved=False)
    assert advice(short)[1].endswith("= 0.596 s. As far as lengths were swept.")
    (only,) = advice(found("style_encoder", "T >= 65", LAST, swept=(1, 50), proved=False))
    assert "style_encoder has no length from which on every one runs (valid: none)" in only


def test_undecided_lengths_name_no_limit() -> None:
    (only,) = advice(found("style_encoder", "T >= 65"))
    assert only.endswith("named: style_encoder is undecided at T = 64.")
