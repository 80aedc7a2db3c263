"""Training mode: what every component takes there, beside the published modules in training mode on the meta device."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from torch import Tensor

import shapecheck

from .execution import CASES, SLM, Case, built_in, component, execute, executed
from .test_verdicts import device_of

TRAINED = [case for case in CASES if case.name != SLM]
DECODERS = [case for case in CASES if case.name == "decoder"]
NEAR = 2  # lengths on each side of a change of verdict


@contextmanager
def training(case: Case) -> Iterator[None]:
    """The published module in training mode, and its requests for a GPU not granted."""
    device = device_of(case)
    module = executed(case, device).train()
    to: Any = Tensor.to

    def stay(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return to(tensor, *((device,) if args == ("cuda",) else args), **kwargs)

    try:
        with mock.patch.object(Tensor, "to", stay):
            yield
    finally:
        module.eval()


def runs(case: Case, length: int) -> bool:
    return execute.__wrapped__(case, length, device_of(case)).runs  # what the cache has is of evaluation mode


def analyzed(case: Case) -> shapecheck.Report:
    entry = component(case)
    return shapecheck.analyze(built_in(case), *entry.inputs, method=entry.method, train=True, **entry.keyword_inputs)


@pytest.mark.parametrize("case", TRAINED, ids=str)
def test_every_component_around_its_changes(case: Case) -> None:
    found = analyzed(case)
    assert found.proved
    assert not found.unknown
    changes = [1, *(edge for first, last, _ in found.valid.ranges() for edge in (first, (last or 0) + 1))]
    lengths = sorted({n for edge in changes for n in range(edge - NEAR, edge + NEAR + 1) if n >= 1})
    with training(case):
        assert {n: n in found.valid for n in lengths} == {n: runs(case, n) for n in lengths}


@pytest.mark.parametrize("case", DECODERS, ids=str)
def test_every_outcome_of_the_decoders_draws(case: Case) -> None:
    """The published decoder draws randint(0, 2) for the pitch and randint(0, 3) for the energy."""
    found = analyzed(case)
    with training(case):
        for length in (1, 2):
            for outcome in itertools.product(range(3), range(4)):
                with mock.patch.object(random, "randint", side_effect=outcome):
                    assert runs(case, length) is (length in found.valid)
    kernels = {layer.kernel_size for layer in found.layers if layer.name == "conv1d"}
    assert kernels == {(3,), (7,), (15,)}


def test_the_module_is_in_evaluation_mode_afterwards() -> None:
    case = next(case for case in CASES if case.name == "style_encoder")
    analyzed(case)
    assert not any(module.training for module in built_in(case).modules())
