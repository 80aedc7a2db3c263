"""What an analysis costs beside making the module's weights: they are neither copied nor read."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from torch import nn

import shapecheck

MODULES: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "dense and recurrent layers": (
        lambda: nn.Sequential(*[nn.Linear(1024, 1024) for _ in range(16)], nn.Conv1d(4, 4, 3), nn.LSTM(1022, 1024)),
        "f32[1, 4, 1024 + 0 * T]",
    ),
    "convolutions": (lambda: nn.Sequential(*[nn.Conv1d(512, 512, 3) for _ in range(40)]), "f32[1, 512, T]"),
}


@pytest.mark.parametrize("name", MODULES)
def test_less_than_making_the_weights(name: str) -> None:
    build, spec = MODULES[name]
    shapecheck.analyze(nn.Conv1d(1, 1, 1), "f32[1, 1, T]")  # what is imported and compiled once
    started = time.perf_counter()
    module = build()
    built = time.perf_counter()
    report = shapecheck.analyze(module, spec, lengths=(1, 1024))
    ratio = (time.perf_counter() - built) / (built - started)
    print(f"\n{name}: analysis / making the weights {ratio:.2f} x  <= 1 x")
    assert not report.unknown
    assert ratio <= 1
