"""The length chain as formulas is the one that the pre-flight computes with, clip by clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from shapecheck import ClipWay
from shapecheck.clip import value_of
from shapecheck.models.styletts2 import chain, config
from shapecheck.models.styletts2.clip_way import clip_way
from shapecheck.models.styletts2.config import StyleTTS2Config
from shapecheck.models.styletts2.preflight.fates import WHOLE, Fates
from shapecheck.models.styletts2.preflight.stage import STAGES, Stage

SAMPLES = (*range(0, 2_000, 7), *range(9_399, 10_402), 14_299, 14_300, 110_299, 110_300, 110_301, 500_000)


def read(name: str, max_len: int = 400, slm_rate: int = 16_000) -> StyleTTS2Config:
    found = config.preset(name)
    params = replace(found.model_params, slm=replace(found.model_params.slm, sr=slm_rate))
    return replace(found, training=replace(found.training, max_len=max_len), model_params=params)


def received(fates: Fates, frames: int) -> Iterator[dict[str, int]]:
    """By the pre-flight: of training crops, and of validation crops."""
    training = fates.config.training
    count = chain.clip_frames(frames, training.max_len)
    uncropped = fates.stage.styles_uncropped and fates.config.model_params.multispeaker
    yield dict(fates._received(count, frames - 2 if uncropped else 2 * count, in_validation=False))
    if not fates.stage.crops_validation:
        count = frames // 2 - 1
    yield dict(fates._received(count, 2 * count, in_validation=True))


def lengths(way: ClipWay, samples: int) -> list[dict[str, int]]:
    values = way.values(samples)
    return [{name: value_of(formula, values) for name, formula in each.lengths.items()} for each in way.occasions]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
@pytest.mark.parametrize("read_config", [read("ft"), read("ljspeech", 79), read("libritts", 300, 22_050)], ids=range(3))
def test_every_length(stage: Stage, read_config: StyleTTS2Config) -> None:
    way = clip_way(read_config, stage)
    fates = Fates(cast("Any", None), stage, read_config)
    for samples in SAMPLES[::5]:
        frames = chain.mel_frames(samples, chain.LOADER_HOP_LENGTH)
        *whole, crops, validation = lengths(way, samples)
        assert whole[0] == {"text_aligner": frames}
        assert whole[1:] == ([dict.fromkeys(WHOLE, frames)] if stage.trains_prosody else [])
        assert [crops, validation] == list(received(fates, frames))
        gate = way.occasions[-2].gate
        assert gate is not None
        passes = value_of(gate.formula, way.values(samples)) >= gate.least
        assert passes is not fates.is_passed_over(frames)


def test_the_order_is_that_of_the_calls() -> None:
    fates = Fates(cast("Any", None), STAGES[0], read("ft"))
    *_, training, validation = clip_way(read("ft")).occasions
    assert [list(each.lengths) for each in (training, validation)] == [list(each) for each in received(fates, 200)]
