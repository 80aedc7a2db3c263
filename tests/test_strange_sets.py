"""Sets of lengths that no threshold describes: told as they should be, proved, and as eager has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import shapecheck
from shapecheck.lengths.notation import InputSpec

FAR = (997, 1_050)  # eager runs at 1..128 and there


class Of(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.function(*inputs)


def halved(x: torch.Tensor, times: int) -> list[torch.Tensor]:
    """A tensor, and what is left of it after each of so many poolings."""
    levels = [x]
    for _ in range(times):
        levels.append(F.avg_pool1d(levels[-1], 2))
    return levels


def unet(x: torch.Tensor, times: int) -> torch.Tensor:
    """Skip connections that meet only where the length is a multiple of 2 ** times."""
    levels = halved(x, times)
    up = levels.pop()
    while levels:
        up = F.interpolate(up, scale_factor=2.0) + levels.pop()
    return up


def refused(condition: bool, x: torch.Tensor) -> torch.Tensor:
    """A convolution that x is too short for, where the condition holds."""
    return F.conv1d(x[..., :2], torch.ones(1, 1, 3)) if condition else x


def two_holes(x: torch.Tensor) -> torch.Tensor:
    n = x.shape[-1]
    return refused(7 <= n <= 9 or n == 20, x)


def residues(x: torch.Tensor) -> torch.Tensor:
    return refused(x.shape[-1] % 6 not in (1, 5), x)


def branch_far_out(x: torch.Tensor) -> torch.Tensor:
    return x.view(1, -1, 7) if x.shape[-1] > 1_000 else x


def t_and_2t_plus_1(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Two inputs meet after a convolution of stride 2 and one that takes 5 steps; one of 9 needs more."""
    short = F.conv1d(y, torch.ones(1, 1, 3), stride=2)  # T
    return F.conv1d(x + short, torch.ones(1, 1, 9))


X = "f32[1, 1, T]"
SETS: dict[str, tuple[Callable[..., Any], tuple[str, ...], str]] = {
    "a view of 4T/3": (lambda x: x.view(1, 1, -1, 4), ("f32[1, 1, (4*T)//3]",), "T in {3, 6, 9, ...}"),
    "even and at least 6": (lambda x: F.conv1d(x.view(1, -1, 2)[..., 0], torch.ones(1, 1, 3)), (X,), "T >= 6, T even"),
    "an interval": (lambda x: F.conv1d(x, torch.ones(1, 1, 5)) + nn.Embedding(60, 1)(torch.arange(x.shape[-1]))[4:, 0],
                    (X,), "5 <= T <= 60"),
    "a union of residues": (residues, (X,), "T >= 1, T mod 6 in {1, 5}"),
    "empty": (lambda x: (x.view(1, -1, 2), x[..., 1:].view(1, -1, 2)), (X,), "none"),
    "all but one": (lambda x: F.conv1d(x[..., : abs(x.shape[-1] - 5)], torch.ones(1, 1, 1)), (X,), "T >= 1, T != 5"),
    "multiples of 8": (lambda x: unet(x, 3), (X,), "T in {8, 16, 24, ...}"),
    "multiples of 16": (lambda x: unet(x, 4), (X,), "T in {16, 32, 48, ...}"),
    "a branch above 1,000": (branch_far_out, (X,), "1 <= T <= 1000 or T in {1001, 1008, 1015, ...}"),
    "two holes": (two_holes, (X,), "T >= 1, T not in {7, 8, 9, 20}"),
    "exactly 1,023 fails": (lambda x: refused(x.shape[-1] == 1_023, x), (X,), "T >= 1, T != 1023"),
    "T and 2T + 1": (t_and_2t_plus_1, (X, "f32[1, 1, 2*T + 1]"), "T >= 9"),
    "every third up to 40": (lambda x: refused(x.shape[-1] % 3 > 0 or x.shape[-1] > 40, x),
                             (X,), "T in {3, 6, ..., 39}"),
}  # fmt: skip


def runs(module: nn.Module, specs: tuple[str, ...], length: int) -> bool:
    """Whether eager runs at one length."""
    parsed = [InputSpec.parse(spec) for spec in specs]
    inputs = [torch.zeros([int(size.evaluate({"T": length})) for size in spec.dims]) for spec in parsed]
    try:
        with torch.no_grad():
            module(*inputs)
    except (RuntimeError, ValueError, IndexError):
        return False
    return True


@pytest.mark.parametrize("name", SETS)
def test_a_strange_set(name: str) -> None:
    function, specs, text = SETS[name]
    module = Of(function).eval()
    report = shapecheck.analyze(module, *specs)
    assert report.proved
    for length in (*range(1, 129), *range(*FAR)):
        assert (length in report.valid) is runs(module, specs, length), length
    assert str(report.valid) == text
    assert ~report.valid == report.invalid


# what the shape polymorphism of other tools cannot decide
HARD: dict[str, tuple[Callable[[Any], Any], str]] = {
    "T % 4 >= T % 2": (lambda n: n % 4 >= n % 2, "T >= 1"),
    "rounding up to 16": (lambda n: (n + 15) // 16 * 16 >= n and ((n + 15) // 16 * 16) % 16 == 0, "T >= 1"),
    "T % 2 + (T + 1) % 2 == 1": (lambda n: n % 2 + (n + 1) % 2 == 1, "T >= 1"),
    "T // 2 + (T + 1) // 2 == T": (lambda n: n // 2 + (n + 1) // 2 == n, "T >= 1"),
    "min(T, 5) + max(T, 5) == T + 5": (lambda n: min(n, 5) + max(n, 5) == n + 5, "T >= 1"),
}


@pytest.mark.parametrize("name", HARD)
def test_a_query_that_is_hard_for_others(name: str) -> None:
    holds, text = HARD[name]
    report = shapecheck.analyze(Of(lambda x: refused(not holds(x.shape[-1]), x)).eval(), X)
    assert report.proved
    assert str(report.valid) == text
