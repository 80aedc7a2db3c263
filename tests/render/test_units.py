"""Lengths in other units."""

from __future__ import annotations

import pytest

from shapecheck import Unit
from shapecheck.render.units import equivalents, number, singular
from tests import handmade

AT_16_KHZ = Unit("samples at 16 kHz", seconds=1 / 16000, samples=1.5, mel_frames=1 / 200)


@pytest.mark.parametrize(
    ("unit", "length", "expected"),
    [
        (handmade.MEL, 65, "65 mel frames = 19,500 samples = 0.8125 s"),
        (handmade.MEL, 1, "1 mel frame = 300 samples = 0.0125 s"),
        (handmade.DECODER, 2, "2 decoder frames = 4 mel frames = 1,200 samples = 0.05 s"),
        (handmade.WAVE, 6, "6 samples = 0.02 mel frames = 0.00025 s"),
        (handmade.WAVE, 1025, "1,025 samples = 3.417 mel frames = 0.04271 s"),
        (handmade.WAVE, 300, "300 samples = 1 mel frame = 0.0125 s"),
        (handmade.WAVE, 1, "1 sample = 0.003333 mel frames = 0.000042 s"),
        (handmade.TOKENS, 1, "1 token"),
        (handmade.TOKENS, 512, "512 tokens"),
        (AT_16_KHZ, 400, "400 samples at 16 kHz = 2 mel frames = 600 samples = 0.025 s"),
        (AT_16_KHZ, 401, "401 samples at 16 kHz = 2.005 mel frames = 602 samples = 0.02506 s"),
        (handmade.MEL, 1_000_000, "1,000,000 mel frames = 300,000,000 samples = 12,500.0 s"),
    ],
)
def test_equivalents(unit: Unit, length: int, expected: str) -> None:
    assert equivalents(unit, length) == expected


def test_numbers() -> None:
    assert [number(value) for value in (0, 1.0, 19500.0, 3.41666, 12340.5)] == ["0", "1", "19,500", "3.417", "12,340.5"]


def test_singular() -> None:
    assert [singular(name) for name in ("mel frames", "tokens", "sample")] == ["mel frame", "token", "sample"]
