"""`range` of sizes: a loop splits the lengths by how often it runs, and gives what Python's own gives."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import shapecheck
from tests.adversarial.against import Of, X, agrees, need

LOOPS: dict[str, Callable[[int], Any]] = {
    "in chunks": lambda n: need(sum(1 for _ in range(0, n, 16)) == 3),
    "in one chunk": lambda n: need([*range(0, n, n)] == [0]),
    "chunks of a part": lambda n: need([*range(0, n, n // 2 + 1)][-1] == n // 2 + 1),
    "from a size": lambda n: need([*range(n, 20)] == [18, 19]),
    "downwards": lambda n: need([*range(n, 0, -7)][-1] == 2),
    "a step that is a size": lambda n: need([*range(0, 30, n)][-1] == 28),
    "a step of 0": lambda n: [*range(0, 4, n - 5)],
    "no iteration": lambda n: need(not range(n, 10)),
    "len": lambda n: need(len(range(3, n, 2)) == 5),
    "an element": lambda n: need(range(0, n, 3)[4] == 12),
    "the last element": lambda n: need(range(0, n, 3)[-1] == 12),
    "past the end": lambda n: range(0, n, 3)[7],
    "before the beginning": lambda n: range(0, n, 3)[-7],
    "a slice": lambda n: need(range(0, n, 3)[1:3] == range(3, 9, 3)),
    "contains": lambda n: need(12 in range(0, n, 3)),
    "a size in it": lambda n: need(n in range(3, 40, 4)),
    "contains, downwards": lambda n: need(2 in range(n, 0, -7)),
    "reversed": lambda n: need([*reversed(range(0, n, 3))][0] == 12),
    "equal": lambda n: need(range(n) == range(12)),
    "hash": lambda n: need(hash(range(n)) == hash(range(12))),
    "index": lambda n: need(range(0, n, 3).index(12) == 4),
    "count": lambda n: need(range(0, n, 3).count(12) == 1),
    "isinstance": lambda n: need(isinstance(range(n), range) and isinstance(range(3), range)),
    "a class": lambda n: need(issubclass(type(range(3)), range)),
    "enumerate": lambda n: need([i for i, _ in enumerate(range(0, n, 4))][-1] == 5),
    "zip": lambda n: need(len([*zip(range(0, n, 4), range(9), strict=False)]) == 5),
    "a comprehension": lambda n: need([i * i for i in range(n // 5)][-1] == 9),
    "a float": lambda n: range(n / 2),
    "four arguments": lambda n: range(1, n, 2, 3),
    "no argument": lambda n: need(n > 3) or range(),
    "text": lambda n: need(repr(range(n)) == "range(0, 12)"),
    "while it changes": lambda n: need(sum(i for i in range(0, n, 10)) == 60),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops(name: str) -> None:
    agrees(Of(lambda self, x: LOOPS[name](x.shape[-1])), X)


def test_a_loop_over_chunks_is_proved_for_none_but_decided_past_what_one_run_a_length_would_allow() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([F.conv1d(x[..., i : i + 256], torch.zeros(1, 4, 3)) for i in range(0, x.shape[-1], 256)], -1)

    report = agrees(Of(forward), X, lengths=(1, 1100))
    assert not report.unknown


def test_builtins_are_as_before() -> None:
    before = builtins.range
    shapecheck.analyze(Of(lambda self, x: [x for _ in range(x.shape[-1])][0]), X, lengths=(1, 8))
    assert builtins.range is before
