"""What an analysis may cost, in time and in memory."""

from __future__ import annotations

import gc
import time
import tracemalloc
from typing import Any

import torch
from torch import nn

import shapecheck
from tests.adversarial.against import Of, X, process_state


def test_a_large_module_is_not_copied() -> None:
    module = nn.Sequential(*[nn.Linear(1024, 1024) for _ in range(8)], nn.Conv1d(4, 4, 3), nn.LSTM(1022, 512))
    weights = sum(parameter.numel() * 4 for parameter in module.parameters())
    before = torch.ones(1)
    tracemalloc.start()
    started = time.perf_counter()
    report = shapecheck.analyze(module, "f32[1, 4, 1024 + 0 * T]", lengths=(1, 8))
    seconds = time.perf_counter() - started
    tracemalloc.stop()
    assert str(report.valid) == "T >= 1"
    assert seconds < 5
    assert weights > 30_000_000
    assert before is not None


def test_a_large_module_is_analyzed_fast() -> None:
    module = nn.Sequential(*[nn.Conv1d(512, 512, 3) for _ in range(40)])
    started = time.perf_counter()
    report = shapecheck.analyze(module, "f32[1, 512, T]")
    assert time.perf_counter() - started < 5
    assert report.minimum == 81


def test_a_large_buffer_changed_in_place_is_fast() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        for i in range(20):
            self.table[i] = 1
            if x.shape[-1] % (i + 2) == 0:
                x = x[..., 1:]
        return x

    module = Of(forward)
    module.register_buffer("table", torch.zeros(20, 500_000))
    started = time.perf_counter()
    shapecheck.analyze(module, X, lengths=(1, 16))
    assert time.perf_counter() - started < 10


def test_no_large_tensor_is_made() -> None:
    report = shapecheck.analyze(nn.Sequential(nn.Conv1d(4, 4, 3)), "f32[1000000, 4, 1000000 * T]", lengths=(1, 8))
    assert len(report.valid) == 8


def test_an_analysis_leaves_no_cycle_of_tensors_alive() -> None:
    def count() -> int:
        gc.collect()
        return sum(1 for item in gc.get_objects() if type(item).__name__ == "SweptTensor")

    module = nn.Sequential(nn.Conv1d(4, 4, 3), nn.ReLU())
    shapecheck.analyze(module, X, lengths=(1, 8))
    before = count()
    for _ in range(3):
        shapecheck.analyze(module, X, lengths=(1, 8))
    assert count() <= before


def test_importing_shapecheck_patches_nothing() -> None:
    before = process_state()
    import shapecheck.session
    import shapecheck.tracer  # noqa: F401

    assert process_state() == before
