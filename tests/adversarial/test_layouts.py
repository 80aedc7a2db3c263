"""Memory layouts: whether a view is one depends on strides, and strides depend on what was done before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.adversarial.against import Of, X, agrees, need, sound

LAYOUTS: dict[str, Callable[[torch.Tensor], Any]] = {
    "a view of a transposed tensor": lambda x: x.transpose(1, 2).view(-1),
    "a view of a transposed tensor of one row": lambda x: x[:, :1].transpose(1, 2).view(-1),
    "a reshape of a transposed tensor": lambda x: x.transpose(1, 2).reshape(-1),
    "a view of what a pointwise operation made of a transposed tensor": lambda x: (x.transpose(1, 2) + 1).view(-1),
    "a view after contiguous": lambda x: x.transpose(1, 2).contiguous().view(-1),
    "a view of a slice": lambda x: x[..., : x.shape[-1] // 2].view(-1),
    "a view of a stepped slice": lambda x: x[..., ::2].view(-1),
    "a view of an expanded tensor": lambda x: x[:, :1].expand(-1, 4, -1).view(-1),
    "a view of a copy of a stepped slice in another dtype": lambda x: x[..., ::2].double().view(-1),
    "a view of an expanded tensor in another dtype": lambda x: x[:, :1].expand(-1, 4, -1).double().view(-1),
    "a view of a stepped slice in the same dtype": lambda x: x[..., ::2].float().view(-1),
    "a view of a copy by to": lambda x: x.transpose(1, 2).to(torch.float64).view(-1),
    "a view of a copy by to with a layout": lambda x: (
        x.transpose(1, 2).to(torch.float64, memory_format=torch.contiguous_format).view(-1)
    ),
    "a view after to channels last": lambda x: (
        x.unsqueeze(0).expand(1, 2, 4, -1).to(memory_format=torch.channels_last).view(-1)
    ),
    "a view of a clone": lambda x: x.transpose(1, 2).clone().view(-1),
    "a view of a contiguous clone": lambda x: x.transpose(1, 2).clone(memory_format=torch.contiguous_format).view(-1),
    "a view of a flip": lambda x: x.flip(-1).view(-1),
    "a view of a permuted softmax": lambda x: x.permute(2, 0, 1).softmax(0).view(-1),
    "a view of T": lambda x: x[0].T.view(-1),
    "a view of mT": lambda x: x.mT.view(-1),
    "a view of H": lambda x: x[0].H.view(-1),
    "a view of a squeezed tensor": lambda x: x.transpose(0, 2).squeeze().view(-1),
    "a view as another dtype": lambda x: x.view(torch.float64),
    "a view as another dtype of a transposed tensor": lambda x: x.transpose(1, 2).view(torch.int32),
    "a view as complex": lambda x: torch.view_as_complex(x.view(1, 4, -1, 2)),
    "a view in place of a base": lambda x: x.view(4, -1).mul_(2).view(2, -1),
    "is_contiguous": lambda x: need(x.transpose(1, 2).is_contiguous()),
    "is_contiguous of a slice": lambda x: need(x[..., : x.shape[-1] // 2].is_contiguous()),
    "is_contiguous is a bool": lambda x: need(x.transpose(1, 2).is_contiguous() is False or x.shape[-1] == 1),
    "is_contiguous with a layout": lambda x: need(x.unsqueeze(0).is_contiguous(memory_format=torch.channels_last)),
    "stride": lambda x: need(x.stride() == (28, 7, 1)),
    "stride of an axis": lambda x: need(x.stride(1) == 7),
    "stride of the last axis": lambda x: need(x.stride(-1) == 1),
    "stride of a transposed tensor": lambda x: need(x.transpose(1, 2).stride(-1) == 7),
    "stride of an axis out of range": lambda x: x.stride(5),
    "strides as a tuple": lambda x: need(isinstance(x.stride(), tuple) and max(x.stride()) == 28),
    "storage_offset": lambda x: need(x.storage_offset() == 0),
    "storage_offset of a slice": lambda x: need(x[..., 3:].storage_offset() == 3),
    "storage_offset in a comparison of views": lambda x: need(x[0, 1].storage_offset() == 7),
    "as_strided": lambda x: x.as_strided((2, 3), (4, 1)),
    "as_strided by strides": lambda x: torch.as_strided(x, (1, 4, 2), x.stride()),
    "unfold": lambda x: x.unfold(-1, 3, 2).view(-1, 3),
    "channels last conv": lambda x: F.conv2d(
        x.view(1, 2, 2, -1).to(memory_format=torch.channels_last), torch.ones(3, 2, 1, 1)
    ).view(-1),
    "a module in channels last": lambda x: (
        nn.Conv2d(2, 3, 1).to(memory_format=torch.channels_last)(x.view(1, 2, 2, -1)).view(-1)
    ),
    "resize_": lambda x: x.resize_(3),
    "set_": lambda x: x.set_(torch.ones(3)).view(3),
    "data is assigned": lambda x: (setattr(x, "data", torch.ones(3)), x.view(3)),
    "untyped_storage": lambda x: need(x.untyped_storage().nbytes() == 112),
    "data_ptr of a view": lambda x: need(x.view(-1).data_ptr() == x.data_ptr()),
    "transposed in place": lambda x: (x.transpose_(1, 2), x.view(-1)),
    "unsqueezed in place, then a view": lambda x: (x.unsqueeze_(0), x.view(1, 1, 2, -1)),
    "in place with a layout of its own": lambda x: x.transpose(1, 2).add_(1).view(-1),
    "cat of transposed tensors": lambda x: torch.cat([x.transpose(1, 2), x.transpose(1, 2)]).view(-1),
    "stack of transposed tensors": lambda x: torch.stack([x.transpose(1, 2)] * 2).view(-1),
    "einsum": lambda x: torch.einsum("bct->tcb", x).view(-1),
    "bmm of transposed tensors": lambda x: (x.transpose(1, 2) @ x).view(-1),
    "linear of a transposed tensor": lambda x: F.linear(x.transpose(1, 2), torch.ones(3, 4)).view(-1),
    "the output of an LSTM": lambda x: nn.LSTM(4, 3, batch_first=True)(x.transpose(1, 2))[0].view(-1),
    "chunks": lambda x: x.chunk(2, 1)[0].view(-1),
    "chunks along time": lambda x: x.chunk(2, -1)[0].view(-1),
    "unbind": lambda x: x.unbind(-1)[0].view(4),
    "diagonal": lambda x: x[0].diagonal().view(-1),
    "where of two layouts": lambda x: torch.where(x.transpose(1, 2) > 0, x.transpose(1, 2), 0.0).view(-1),
    "empty_like": lambda x: torch.empty_like(x.transpose(1, 2)).view(-1),
    "zeros_like with a layout": lambda x: torch.zeros_like(
        x.transpose(1, 2), memory_format=torch.contiguous_format
    ).view(-1),
    "new_zeros": lambda x: x.transpose(1, 2).new_zeros(x.shape).view(-1),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout(name: str) -> None:
    sound(Of(lambda self, x: LAYOUTS[name](x)), X)


def test_a_sum_whose_axes_of_size_1_have_strides_that_order_it() -> None:
    def forward(_: Any, x: torch.Tensor) -> torch.Tensor:
        return (x[:, :1].unsqueeze(-1).transpose(2, 3) + torch.zeros(1, 2, 1, 3).permute(1, 3, 0, 2)[:1]).view(-1)

    sound(Of(forward), X)


def open_layout(x: torch.Tensor) -> torch.Tensor:
    """[1, 6, T], whose strides the backend decides."""
    return F.conv1d(x.transpose(1, 2).contiguous().transpose(1, 2), torch.ones(6, 4, 1))


IN_OPEN: dict[str, Callable[[torch.Tensor], Any]] = {
    "written in place": lambda x: open_layout(x).add_(1).sum(),
    "written in place past an elementwise operation": lambda x: F.leaky_relu(open_layout(x)).add_(open_layout(x)),
    "a view that splits an axis": lambda x: open_layout(x).view(1, 2, 3, -1).sum(),
    "a view that splits an axis of another": lambda x: open_layout(x).view(1, 2, 3, x.shape[-1])[:, :, 5],
    "unflatten": lambda x: open_layout(x).unflatten(1, (3, 2)).sum(),
    "axes of size 1 beside it": lambda x: open_layout(x).view(1, 1, 6, -1, 1).sum(),
}


@pytest.mark.parametrize("name", IN_OPEN)
def test_what_needs_no_strides_is_decided(name: str) -> None:
    agrees(Of(lambda self, x: IN_OPEN[name](x)), X)


SPLIT: dict[str, Callable[[torch.Tensor], Any]] = {
    "a transposed tensor": lambda x: x.transpose(1, 2).view(1, -1, 2, 2).view(-1),
    "a slice": lambda x: x[..., ::2].view(1, 2, 2, -1).view(-1),
    "a slice, merged where it was split": lambda x: x[..., ::2].view(1, 2, 2, -1).view(1, 4, -1).sum(),
    "an expanded tensor": lambda x: x[:, :1].expand(1, 4, -1).view(1, 2, 2, -1).view(4, -1),
    "a permuted tensor": lambda x: x.permute(2, 1, 0).view(-1, 2, 2, 1).transpose(0, 2).reshape(4, -1).view(-1),
    "an axis that takes from the next": lambda x: x.transpose(1, 2).view(1, 2, -1, 4),
}


@pytest.mark.parametrize("name", SPLIT)
def test_a_view_that_splits_axes(name: str) -> None:
    sound(Of(lambda self, x: SPLIT[name](x)), X)


REPEATED: dict[str, Callable[[torch.Tensor], Any]] = {
    "positive": lambda x: x.positive(),
    "plus": lambda x: +x,
    "dropout in evaluation": lambda x: F.dropout(x, 0.5, False),
    "relu": lambda x: F.relu(x),
    "the same dtype": lambda x: x.float(),
    "a pad of nothing": lambda x: F.pad(x, (0, 0)),
    "detached": lambda x: x.detach(),
    "conj": lambda x: x.conj(),
    "a view that splits an axis": lambda x: x.view(1, 2, 2, -1),
    "a copy": lambda x: x.clone(),
    "zeros like it": lambda x: torch.zeros_like(x),
}


@pytest.mark.parametrize("name", REPEATED)
def test_writing_into_what_became_of_an_expanded_tensor(name: str) -> None:
    agrees(Of(lambda self, x: REPEATED[name](x[:, :1].expand(-1, 4, -1)).add_(1)), X)


def test_a_write_needs_no_strides() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x.transpose(1, 2)).view(1, 2, 2, -1).transpose(1, 2)
        y[..., 0] = 1.0
        y[:, 1:, :, ::2] += 2
        padded = F.pad(y, (1, 1))
        padded[..., -1] = 0
        return self.conv(padded[..., :4, 1:].flatten(1, 2).transpose(1, 2)) if x.shape[1] < 9 else padded

    agrees(Of(forward, conv=nn.Conv1d(4, 4, 3)), "f32[1, T, 4]")
