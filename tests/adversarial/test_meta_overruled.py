"""Where PyTorch's meta kernels accept what the CPU refuses, and positions that pass for a user's own indices."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.adversarial.against import Of, agrees, compare


@pytest.mark.parametrize("rules", [True, False])
def test_a_loss_of_a_large_image_of_another_size(rules):
    loss = Of(lambda self, x, y: F.cross_entropy(x, y))
    agrees(loss, "f32[1, 60, 40, W]", "i64[1, 40, 12]", lengths=(8, 32), rules=rules)  # past 27 only meta was asked


def test_a_loss_with_weights_is_asked():
    loss = Of(lambda self, x, y: F.nll_loss(x, y, weight=torch.ones(60)))
    agrees(loss, "f32[1, 60, 40, W]", "i64[1, 40, 12]", lengths=(8, 32))


@pytest.mark.parametrize(
    "positions",
    [
        lambda x: x.topk(1).indices,
        lambda x: x.sort(-1).indices,
        lambda x: x.argsort(-1),
        lambda x: x.argmax(-1),
        lambda x: x.kthvalue(1).indices,
        lambda x: x.median(-1).indices,
        lambda x: x.cummax(-1).indices,
        lambda x: F.max_pool1d(x, 1, return_indices=True)[1],
        lambda x: F.adaptive_max_pool1d(x, 1, return_indices=True)[1],
    ],
)
def test_positions_are_indices_that_may_be_out_of_range(positions):
    module = Of(lambda self, x: self.table(positions(x)), table=nn.Embedding(10, 4))
    found = compare(module, "f32[1, 2, T]", lengths=(1, 24))
    assert found.unknown == tuple(range(11, 25))
    assert not [length for length in found.wrong if length <= 10]


def test_positions_in_the_same_tensor_are_in_range():
    agrees(Of(lambda self, x: torch.gather(x, -1, x.argsort(-1))), "f32[2, T]")
    agrees(Of(lambda self, x: torch.take_along_dim(x, x.argsort(-1), -1)), "f32[2, T]")


def test_unpooling_where_an_index_may_lie_outside():
    def forward(self, x):
        return F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2)

    found = compare(Of(forward), "f32[1, 2, 9, W]", lengths=(1, 12))
    assert not found.wrong
    assert found.unknown == (3, 5, 7, 9, 11)  # the indices count in rows of W, and the result has rows of W - 1


def test_hundreds_of_paths_are_joined_at_once():
    agrees(Of(lambda self, x: F.pad(x, (0, int(x.shape[-1]) % 2))), "f32[1, 3, T]", lengths=(1, 300))
