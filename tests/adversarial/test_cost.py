"""What an analysis may cost, in memory."""

from __future__ import annotations

import gc
import time
import tracemalloc
from typing import Any

import torch
from torch import nn

import shapecheck
from tests.adversarial.against import Of, X, process_state


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
