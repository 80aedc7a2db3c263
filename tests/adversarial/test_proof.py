"""A verdict that is proved holds for lengths past the sweep."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

import shapecheck
from tests.adversarial.against import Of, X, need, unchanged

FAR = (3_000, 3_001, 4_096, 5_000, 7_919, 10_000, 65_536, 70_001)

PROOFS: dict[str, Any] = {
    "a threshold past the first sweep": lambda self, x: need(x.shape[-1] > 5_000),
    "a value past the first sweep": lambda self, x: need(x.shape[-1] != 5_000),
    "a threshold past the cap": lambda self, x: need(x.shape[-1] < 70_000),
    "a period": lambda self, x: need(x.shape[-1] % 7 != 2),
    "a long period": lambda self, x: need(x.shape[-1] % 4_999 != 1),
    "a period past the first sweep": lambda self, x: need((x.shape[-1] + 1) % 5_001),
    "two periods": lambda self, x: need(x.shape[-1] % 63 == x.shape[-1] % 65),
    "halves": lambda self, x: need(x.shape[-1] / 2 < 2_000),
    "times a half": lambda self, x: need(int(x.shape[-1] * 0.5) != 2_500),
    "a root": lambda self, x: need(x.shape[-1] ** 0.5 < 70),
    "a square": lambda self, x: need(x.shape[-1] * x.shape[-1] < 10_000_000),
    "a key": lambda self, x: need({5_000: 0}.get(x.shape[-1], 1)),
    "a set": lambda self, x: need(x.shape[-1] not in {5_000, 5}),
    "a range": lambda self, x: need(x.shape[-1] in range(2_100)),
    "a shape as a key": lambda self, x: need(x.shape not in {(1, 4, 5_000)}),
    "a shape compared": lambda self, x: need(x.shape != (1, 4, 5_000)),
    "min": lambda self, x: need(min(x.shape[-1], 6_000) < 5_500),
    "bits": lambda self, x: need(x.shape[-1] & 4_096 == 0),
    "a bit length": lambda self, x: need(x.shape[-1].bit_length() < 13),
    "math.log2": lambda self, x: need(x.shape[-1] < 2 or int(torch.tensor(float(x.shape[-1])).log2().ceil()) < 13),
    "a slice": lambda self, x: need(x[..., 2_500:].shape[-1] < 2_000),
    "a table": lambda self, x: x + torch.ones(x.shape[-1] + 1)[:5_000][: x.shape[-1]],
    "an expanded table": lambda self, x: x + torch.ones(5_000)[: x.shape[-1]],
    "a view": lambda self, x: x.view(1, 4, 7, -1),
    "a kernel": lambda self, x: F.conv1d(x, torch.ones(1, 4, 3_000)),
    "positions": lambda self, x: F.embedding(torch.arange(x.shape[-1]), torch.ones(5_000, 1)),
    "a loop": lambda self, x: need(sum(1 for _ in range(0, x.shape[-1], 1_000)) < 5),
    "pooling": lambda self, x: need(F.avg_pool1d(x, 3, 2, ceil_mode=True, padding=1).shape[-1] < 3_000),
    "interpolation": lambda self, x: need(F.interpolate(x, scale_factor=0.3).shape[-1] < 1_500),
    "interpolation that is exact": lambda self, x: need(F.interpolate(x, scale_factor=1.1).shape[-1] % 11 != 3),
}


@pytest.mark.parametrize("name", PROOFS)
def test_a_verdict_that_is_proved_holds_past_the_sweep(name: str) -> None:
    module = Of(PROOFS[name])
    with unchanged(module):
        report = shapecheck.analyze(module, X)
    first, last = report.swept
    for length in (
        *range(1, 40),
        *FAR,
        2_047,
        2_048,
        2_049,
        5_001,
        4_999,
        9_998,
        10_001,
        10_002,
        15_002,
        69_999,
        70_000,
    ):
        if not report.proved and not first <= length <= last:
            continue
        error: Exception | None = None
        with torch.no_grad():
            try:
                module(torch.empty(1, 4, length))
            except Exception as raised:  # noqa: BLE001
                error = raised
        if length in report.unknown:
            continue
        assert (length in report.valid) == (error is None), (
            f"T = {length}: {error}; valid: {report.valid}; proved: {report.proved}"
        )
