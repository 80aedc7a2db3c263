"""Indices that follow from positions: in range for every length, or not called so; beside eager, past the sweep too."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import shapecheck

Bucket = Callable[[Tensor], Tensor]


class Positions(nn.Module):
    """A table of `rows` rows, looked up at indices that are a function of the length of the input."""

    def __init__(self, indices: Callable[[int], Tensor], rows: int) -> None:
        super().__init__()
        self.indices = indices
        self.table = nn.Embedding(rows, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.table(self.indices(x.shape[-1]))


def relative(length: int) -> Tensor:
    return torch.arange(length)[None, :] - torch.arange(length)[:, None]


def of(bucket: Bucket) -> Callable[[int], Tensor]:
    return lambda length: bucket(relative(length))


def wavlm(distance: Tensor) -> Tensor:
    """Half of 320 rows for each side; from 80 on logarithmically, up to 800."""
    size = distance.abs()
    far = 80 + (torch.log(size.float() / 80) / math.log(10) * 80)
    far = torch.min(far.to(torch.long), torch.full_like(size, 159))
    return (distance > 0).to(torch.long) * 160 + torch.where(size < 80, size, far)


def t5(distance: Tensor) -> Tensor:
    """32 rows in one direction: 16 near ones, and 16 up to a distance of 128."""
    back = -torch.min(distance, torch.zeros_like(distance))
    far = 16 + (torch.log(back.float() / 16) / math.log(128 / 16) * 16).to(torch.long)
    far = torch.min(far, torch.full_like(far, 31))
    return torch.where(back < 16, back, far)


def t5_in_place(distance: Tensor) -> Tensor:
    buckets = torch.zeros_like(distance)
    buckets += (distance > 0).long() * 16
    size = torch.abs(distance)
    far = 8 + (torch.log(size.float() / 8) / math.log(16) * 8).long()
    return buckets + size.where(size < 8, far.clamp(max=15))


def without_minimum(distance: Tensor) -> Tensor:
    size = distance.abs()
    far = 4 + (torch.log2(size.float() / 4) * 2).long()
    return torch.where(size < 4, size, far)


def clipped(distance: Tensor) -> Tensor:
    return torch.clamp(distance, -16, 16) + 16


def deberta(distance: Tensor) -> Tensor:
    """Both signs in one table: log buckets times the sign, moved up."""
    sign = torch.sign(distance)
    size = torch.where((distance < 8) & (distance > -8), torch.tensor(7), torch.abs(distance))
    log = torch.ceil(torch.log(size / 8) / math.log(511 / 8) * 7) + 8
    bucket = torch.where(size <= 8, distance.type_as(log), log * sign)
    return torch.clamp(bucket.long() + 16, 0, 31)


def meshed(length: int) -> Tensor:
    rows, columns = torch.meshgrid(torch.arange(length), torch.arange(length), indexing="ij")
    return (columns - rows).clip(min=-3, max=3).add(3).flatten()


def halved(length: int) -> Tensor:
    return torch.arange(length).div(2, rounding_mode="floor").unsqueeze(0).clamp_max(7)


PROVED: dict[str, tuple[Callable[[int], Tensor], int]] = {
    "wavlm": (of(wavlm), 320),
    "wavlm, seen through a view": (lambda length: wavlm(relative(length).unsqueeze(0)).permute(2, 1, 0), 320),
    "t5": (of(t5), 32),
    "t5 in place": (of(t5_in_place), 32),
    "clipped": (of(clipped), 33),
    "clipped by min and max": (of(lambda d: d.minimum(torch.tensor(4)).maximum(torch.tensor(-4)) + 4), 9),
    "clipped in place": (of(lambda d: d.clamp_(-2, 2).add_(2)), 5),
    "deberta": (of(deberta), 32),
    "meshgrid": (meshed, 7),
    "remainder": (lambda length: torch.arange(length) % 5, 5),
    "remainder of negative ones": (of(lambda d: d % 5), 5),
    "signs": (of(lambda d: torch.sign(d) + 1), 3),
    "causal": (of(lambda d: (d > 0).long()), 2),
    "masked": (of(lambda d: d.masked_fill(d.abs() > 7, 0) + 7), 15),
    "floats": (lambda length: torch.arange(length, dtype=torch.float32).clamp(0, 9.5).floor().long(), 10),
    "logarithm": (lambda length: torch.log2(torch.arange(1, length + 1).float()).long().clamp(max=8), 9),
    "a constant": (lambda length: torch.full((length, length), 3), 4),
    "backwards": (lambda length: torch.arange(length - 1, -1, -1).clamp(max=3), 4),
    "32 bits": (of(lambda d: d.int().clamp(-3, 3) + 3), 7),
    "booleans": (of(lambda d: ((d > 3) | ~(d < 9) & (d != 0)).int()), 2),
}


@pytest.mark.parametrize("name", PROVED)
def test_in_range_for_every_length(name: str) -> None:
    report = beside_eager(*PROVED[name])
    assert (str(report.valid), report.proved) == ("T >= 1", True)


LEFT_OPEN: dict[str, tuple[Callable[[int], Tensor], int]] = {
    "without the minimum": (of(without_minimum), 24),
    "alibi": (of(lambda d: d.abs()), 512),
    "one row too few": (of(clipped), 32),
    "one row too few below": (of(lambda d: torch.clamp(d, -17, 15) + 16), 33),
    "from the end": (of(lambda d: d.clamp(-3, 3)), 4),
    "one far distance": (of(lambda d: (d == 300).long()), 1),
    "the logarithm of zero": (of(lambda d: torch.log2(d.abs().float()).long().clamp(min=-1, max=8) + 0), 9),
    "a view that is not the element": (of(lambda d: torch.where(d.T < 100, d.abs(), 5).clamp(min=0)), 100),
    "where as a method": (of(lambda d: d.abs().where(d.abs() < 100, 0)), 2),
    "a number that 32 bits do not hold": (of(lambda d: (d.int().clamp(0, 9) + 2**31 - 5).long() % 9), 5),
    "periodic": (lambda length: torch.arange(length) // 2 * 2 % 2, 1),  # in range, which takes more than ranges
    "twice": (lambda length: torch.arange(length)[:, None].clamp(max=3) + torch.arange(length).clamp(max=3), 6),
}


@pytest.mark.parametrize("name", LEFT_OPEN)
def test_not_in_range_for_every_length_is_not_proved(name: str) -> None:
    report = beside_eager(*LEFT_OPEN[name])
    assert not (report.proved and str(report.valid) == "T >= 1")


def test_without_the_minimum_long_inputs_fail() -> None:
    report = analyze(of(without_minimum), 24, 128)
    assert (str(report.valid), report.proved) == ("1 <= T <= 128", False)
    assert not runs(Positions(of(without_minimum), 24), 4 * 2**10 + 1)


@pytest.mark.parametrize("rows", [16, 17])
def test_an_index_into_a_tensor_counts_from_its_end(rows: int) -> None:
    def forward(x: Tensor) -> Tensor:
        return torch.zeros(rows)[relative(x.shape[-1]).clamp(-17, 15)]

    report = shapecheck.analyze(Of(forward), "f32[T]", lengths=(1, 40))
    assert report.proved == (rows == 17)
    assert [length in report.valid for length in range(1, 41)] == [runs(Of(forward), length) for length in range(1, 41)]


def test_a_table_that_grows_with_the_length() -> None:
    def forward(x: Tensor) -> Tensor:
        return x[relative(x.shape[-1]).clamp(0, 4) // 5]

    report = shapecheck.analyze(Of(forward), "f32[T]", lengths=(1, 40))
    assert (str(report.valid), report.proved) == ("T >= 1", True)


class Of(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


SWEEP = 128


def analyze(indices: Callable[[int], Tensor], rows: int, last: int = SWEEP) -> shapecheck.Report:
    return shapecheck.analyze(Positions(indices, rows), "f32[T]", lengths=(1, last))


def runs(module: nn.Module, length: int) -> bool:
    try:
        with torch.no_grad():
            module(torch.zeros(length))
    except (IndexError, RuntimeError):
        return False
    return True


def beside_eager(indices: Callable[[int], Tensor], rows: int) -> shapecheck.Report:
    """The report, which eager agrees with: on the sweep, at its end, and past it where it says `proved`."""
    report = analyze(indices, rows)
    assert not report.unknown
    draw = random.Random(rows)
    lengths = {*range(1, 20), *draw.sample(range(1, SWEEP), 10), SWEEP - 1, SWEEP}
    if report.proved:
        lengths.update((SWEEP + 1, *draw.sample(range(SWEEP + 2, 2000), 5)))
    module: Any = Positions(indices, rows)
    wrong = [length for length in sorted(lengths) if (length in report.valid) != runs(module, length)]
    assert not wrong
    return report
