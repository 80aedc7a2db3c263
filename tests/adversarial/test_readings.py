"""Small tensors computed from sizes and buffers, read as Python's numbers or given where torch takes a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from tests.adversarial.against import Of, X, agrees, compare, need

KERNEL = torch.zeros(1, 4, 3)


def frames(self: Any, x: torch.Tensor) -> torch.Tensor:
    """As Encodec counts them: floats from a size and buffers, rounded, an integer again."""
    return torch.ceil((x.shape[-1] - self.k) / self.k).to(torch.int64)


READ: dict[str, Callable[[Any, torch.Tensor], Any]] = {
    "pad": lambda self, x: F.pad(x, (frames(self, x) * 0 + self.k, frames(self, x).abs())),
    "pad by a buffer": lambda self, x: F.pad(x, (self.k, self.k), mode="reflect"),
    "view": lambda self, x: torch.zeros(12).view(4, frames(self, x)),
    "reshape": lambda self, x: torch.zeros(12).reshape(4, frames(self, x)),
    "zeros": lambda self, x: torch.zeros(4, frames(self, x).abs()) + x[..., :1].reshape(4, 1),
    "narrow": lambda self, x: x.narrow(2, 0, frames(self, x)),
    "narrow by the smaller": lambda self, x: x.narrow(2, 0, min(frames(self, x), 4)),
    "slice": lambda self, x: F.conv1d(x[..., : frames(self, x)], KERNEL),
    "slice in place": lambda self, x: x.clone().__setitem__((..., slice(frames(self, x))), torch.zeros(1, 4, 3)),
    "expand": lambda self, x: x[..., :1].expand(1, 4, frames(self, x)),
    "arange": lambda self, x: torch.arange(frames(self, x)).view(2, -1),
    "repeat": lambda self, x: x.repeat(1, 1, frames(self, x)),
    "interpolate": lambda self, x: F.interpolate(x, size=frames(self, x)),
    "split": lambda self, x: x.split(frames(self, x), -1),
    "unfold": lambda self, x: x.unfold(2, frames(self, x), 1),
    "if": lambda self, x: F.conv1d(x, KERNEL) if frames(self, x) > 2 else x.view(3, -1),
    "item": lambda self, x: x.narrow(2, 0, frames(self, x).item()),
    "int": lambda self, x: need(int(torch.ceil(x.shape[-1] / self.k)) == 5),
    "float": lambda self, x: need(float(x.shape[-1] / self.k) > 2.5),
    "tolist": lambda self, x: need(torch.stack([self.k, frames(self, x)]).tolist() != [3, 4]),
    "bool of a comparison": lambda self, x: need(x.shape[-1] / self.k == 4),
    "half": lambda self, x: need((x.shape[-1] / self.k).half().item() > 2.3),
    "bfloat16": lambda self, x: need((x.shape[-1] / self.k).bfloat16().item() > 2.34),
}


@pytest.mark.parametrize("name", READ)
def test_read(name: str) -> None:
    agrees(Of(READ[name], k=torch.tensor(3)), X)


def test_a_buffer_that_changes_after_it_went_into_a_number() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        number = x.shape[-1] / self.k
        self.k.add_(1)
        return F.conv1d(x, KERNEL) if int(torch.ceil(number)) % 2 else x.view(3, -1)

    agrees(Of(forward, k=torch.tensor(3)), X)


def test_a_value_that_was_computed_carries_no_proof() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:  # the same at every length swept
        need(int(torch.ceil(self.k / (x.shape[-1] + 2**23))) == 1)
        return x

    report = agrees(Of(forward, k=torch.tensor(3.0)), X)
    assert str(report.valid) == "1 <= T <= 64"
    assert not report.proved


# integers made of an input's own are in range for some of its values only: in range for all of them, or open


def positions(ids: torch.Tensor) -> torch.Tensor:
    """As RoBERTa counts them: past the padding, and not beyond how many tokens there are."""
    mask = ids.ne(1).int()
    return torch.cumsum(mask, dim=1).type_as(mask) * mask + 1


INDEXED: dict[str, Callable[[torch.Tensor], Any]] = {
    "embedding": lambda ids: F.embedding(positions(ids), torch.zeros(40, 2)),
    "gather": lambda ids: torch.zeros(1, 40).gather(1, positions(ids)),
    "index": lambda ids: torch.zeros(40)[positions(ids)],
    "index_select": lambda ids: torch.zeros(40).index_select(0, positions(ids)[0]),
    "the number of them": lambda ids: torch.zeros(40)[ids.ne(0).sum(-1)],
}


@pytest.mark.parametrize("name", INDEXED)
def test_an_index_that_is_counted_from_data(name: str) -> None:
    found = compare(Of(lambda self, ids: INDEXED[name](ids.long())), "i64[1, T]")
    assert not found.wrong, str(found)
    last = found.report.valid.maximum
    assert last in (38, 39)
    assert found.unknown == tuple(range(last + 1, 65))
    assert "depends on the values of an input" in found.report.undecided[0].reason


def test_an_index_that_lengths_decide_where_pytorch_is_asked() -> None:
    agrees(Of(lambda self, x: torch.zeros(1, 20).gather(1, torch.arange(x.shape[-1])[None])), X)
    agrees(Of(lambda self, x: torch.zeros(1, 20).scatter(1, torch.arange(x.shape[-1])[None], 1.0)), X)
    agrees(Of(lambda self, x: F.nll_loss(torch.zeros(x.shape[-1], 20), torch.arange(x.shape[-1]))), X)


def test_indices_of_largest_values_that_are_stacked() -> None:
    agrees(Of(lambda self, x: F.embedding(torch.stack([x.argmax(1), x.argmin(1)]), torch.zeros(4, 2))), X)


OWN: dict[str, Callable[[torch.Tensor], Any]] = {
    "masked": lambda ids: ids.masked_fill(torch.zeros(1, 1, dtype=torch.bool), 3),
    "masked by themselves": lambda ids: ids.masked_fill(ids.eq(0), 3),
    "chosen": lambda ids: torch.where(ids > 3, ids, 3),
    "clamped": lambda ids: ids.clamp(0, 9),
    "reversed": lambda ids: ids.flip(1),
    "shifted": lambda ids: ids + 1,
    "their sum": lambda ids: ids.cumsum(1),
    "joined with positions": lambda ids: torch.cat([ids, torch.arange(ids.shape[1] // 2)[None]], 1),
}


@pytest.mark.parametrize("name", OWN)
def test_an_inputs_own_indices_are_in_range(name: str) -> None:
    agrees(Of(lambda self, ids: F.embedding(OWN[name](ids), torch.zeros(40, 2))), "i64[1, T]")
