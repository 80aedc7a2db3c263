"""Where a report says `proved`, eager agrees at 40 seeded lengths above the sweep, for each component.

What runs is the published package's module (for WavLM transformers') on the meta device, where length costs nothing.
There a recurrent layer gives the shape of its output only: its kernel would unroll time, half a minute for one length.
The text encoder and the predictor copy their lengths to NumPy, which meta tensors cannot do: they run on the CPU, with
their LSTMs as they are but narrow, and the narrow module is analyzed, too. Numbers are computed in test_verdicts.
"""

from __future__ import annotations

import random
import warnings
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor, nn

import shapecheck
from shapecheck import Report

from .execution import CASES, Case, built_in, component, execute, value_of
from .published import published

COUNT = 40
FARTHEST = 6000  # lengths above the sweep's end
FARTHEST_ON_CPU = 500

WIDTH, STYLE = 16, 8
NARROW: dict[str, tuple[Any, tuple[str, ...]]] = {
    "text_encoder": (
        lambda: published().models.TextEncoder(WIDTH, kernel_size=5, depth=3, n_symbols=178),
        ("i64[1, L]", "i64[1] = L", "b8[1, L]"),
    ),
    "predictor": (
        lambda: published().models.ProsodyPredictor(STYLE, WIDTH, nlayers=3, max_dur=50),
        (f"f32[1, {WIDTH}, L]", f"f32[1, {STYLE}]", "i64[1] = L", "f32[1, L, 100]", "b8[1, L]"),
    ),
}


def lengths_above(report: Report, case: Case, farthest: int) -> list[int]:
    last = report.swept[1]
    return random.Random(f"above {case}").sample(range(last + 1, last + farthest), COUNT)


def report_of(case: Case) -> Report:
    entry = component(case)
    return shapecheck.analyze(built_in(case), *entry.inputs, method=entry.method, **entry.keyword_inputs)


@pytest.mark.parametrize("case", [case for case in CASES if case.name not in NARROW], ids=str)
def test_eager_agrees_above_the_sweep(case: Case) -> None:
    report = report_of(case)
    assert report.proved
    lengths = lengths_above(report, case, FARTHEST)
    with mock.patch.object(nn.LSTM, "forward", shape_alone):
        runs = {length: execute(case, length, "meta").runs for length in lengths}
    assert runs == {length: length in report.valid for length in lengths}
    assert not any(length in report.invalid for length in lengths if runs[length])


def shape_alone(layer: nn.LSTM, x: Tensor, _: Any = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """What an LSTM gives, without numbers; what it refuses has no steps, or a wrong size at every length."""
    assert x.shape[-1] == layer.input_size
    assert 0 not in x.shape
    directions = 2 if layer.bidirectional else 1
    state = x.new_empty(directions * layer.num_layers, x.shape[0 if layer.batch_first else 1], layer.hidden_size)
    return x.new_empty(*x.shape[:-1], directions * layer.hidden_size), (state, state)


@pytest.mark.parametrize("name", NARROW)
def test_eager_agrees_above_the_sweep_on_the_cpu(name: str) -> None:
    case = Case("ft", name)
    build, specs = NARROW[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LSTM dropout with one layer
        module: nn.Module = build().eval()
    wide, narrow = report_of(case), shapecheck.analyze(module, *specs)
    assert wide.proved
    assert narrow.proved
    assert wide.valid == narrow.valid
    for length in lengths_above(wide, case, FARTHEST_ON_CPU):
        assert length in wide.valid
        with torch.no_grad():
            module(*(value_of(spec, "L", length, "cpu") for spec in specs))
