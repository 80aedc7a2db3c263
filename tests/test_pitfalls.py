"""What a shadow of eager PyTorch gets wrong first: layouts, integer values, dtypes, ways around torch's dispatch, hooks, devices."""

from __future__ import annotations

import argparse
import copy
import math
import pickle
import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

import shapecheck
from tests.against_eager import Of, agrees, sound, undecided

X = "f32[1, 4, T]"


def need(condition: Any) -> None:
    if not condition:
        raise ValueError("needed")


# strides and layouts -----------------------------------------------------------------------------------------------

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
    "a view of a copy by to with a layout": lambda x: x.transpose(1, 2).to(torch.float64, memory_format=torch.contiguous_format).view(-1),
    "a view after to channels last": lambda x: x.unsqueeze(0).expand(1, 2, 4, -1).to(memory_format=torch.channels_last).view(-1),
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
    "channels last conv": lambda x: F.conv2d(x.view(1, 2, 2, -1).to(memory_format=torch.channels_last), torch.ones(3, 2, 1, 1)).view(-1),
    "a module in channels last": lambda x: nn.Conv2d(2, 3, 1).to(memory_format=torch.channels_last)(x.view(1, 2, 2, -1)).view(-1),
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
    "zeros_like with a layout": lambda x: torch.zeros_like(x.transpose(1, 2), memory_format=torch.contiguous_format).view(-1),
    "new_zeros": lambda x: x.transpose(1, 2).new_zeros(x.shape).view(-1),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout(name: str) -> None:
    sound(Of(lambda self, x: LAYOUTS[name](x)), X)


# values of small integer tensors -----------------------------------------------------------------------------------

VALUES: dict[str, Callable[[torch.Tensor], Any]] = {
    "item": lambda n: need(n.item() == 5),
    "item is an int": lambda n: need(type(n.item()) is int),
    "int": lambda n: need(int(n) == 5),
    "bool": lambda n: need(n - 5),
    "float": lambda n: need(float(n) > 5.5),
    "index": lambda n: need([*range(70)][n] == 5),
    "range": lambda n: need(len(range(n)) == 5),
    "tolist": lambda n: need(n.tolist() == [5]),
    "numpy": lambda n: need(n.numpy()[0] == 5),
    "numpy dtype": lambda n: need(n.numpy().dtype == np.int64),
    "numpy float": lambda n: need((n.numpy() / 2)[0] == 2.5),
    "numpy root": lambda n: need(np.sqrt(n.numpy())[0] == 4),
    "numpy max": lambda n: need(n.numpy().max() == 5),
    "numpy astype": lambda n: need(n.numpy().astype(np.int32)[0] == 5),
    "cpu numpy": lambda n: need(n.detach().cpu().numpy()[0] == 5),
    "np.asarray": lambda n: need(np.asarray(n)[0] == 5),
    "f-string": lambda n: need(f"{n.item()}" == "5"),
    "f-string of a tensor": lambda n: need(f"{n}" == "tensor([5])"),
    "str of a tensor": lambda n: need(str(n) == "tensor([5])"),
    "format of a scalar tensor": lambda n: need(f"{n[0]:d}" == "5"),
    "plus": lambda n: need((n + 1).item() == 6),
    "reflected minus": lambda n: need((10 - n).item() == 5),
    "floor division": lambda n: need((n // 2).item() == 3),
    "negative floor division": lambda n: need((-n // 2).item() == -3),
    "true division": lambda n: need((n / 2).item() == 2.5),
    "ceil of a division": lambda n: need(torch.ceil(n / 2).long().item() == 3),
    "ceil of a division to int": lambda n: need(int(torch.ceil(n / 2)) == 3),
    "div with rounding": lambda n: need(torch.div(-n, 2, rounding_mode="trunc").item() == -2),
    "div with floor": lambda n: need(torch.div(-n, 2, rounding_mode="floor").item() == -3),
    "remainder": lambda n: need((n % 4).item() == 1),
    "remainder of a negative": lambda n: need((-n % 4).item() == 1),
    "fmod of a negative": lambda n: need(torch.fmod(-n, 4).item() == -1),
    "division by zero": lambda n: n // (n - 5),
    "remainder by zero": lambda n: n % 0,
    "power": lambda n: need((n**2).item() == 25),
    "shift": lambda n: need((n << 1).item() == 10),
    "right shift": lambda n: need((n >> 1).item() == 3),
    "bit and": lambda n: need((n & 1).item()),
    "bit not": lambda n: need((~n).item() == -6),
    "abs": lambda n: need((n - 9).abs().item() == 2),
    "clamp": lambda n: need(n.clamp(max=9).item() == 9),
    "clamp in place": lambda n: (n.clamp_(max=9), need(n.item() == 9)),
    "plus in place": lambda n: (n.add_(1), need(n.item() == 6)),
    "plus assigned": lambda n: (n.__iadd__(1), need(n.item() == 6)),
    "set an item": lambda n: (n.__setitem__(0, 7), need(n.item() == 7)),
    "fill_": lambda n: (n.fill_(7), need(n.item() == 7)),
    "zero_": lambda n: (n.zero_(), need(n.item() == 0)),
    "a view changed in place": lambda n: (n[:1].add_(1), need(n.item() == 6)),
    "a reshaped view changed in place": lambda n: (n.view(1, 1).add_(1), need(n.item() == 6)),
    "an item of a view set": lambda n: (n.view(-1).__setitem__(0, 7), need(n.item() == 7)),
    "a detached view changed in place": lambda n: (n.detach().fill_(7), need(n.item() == 7)),
    "data changed in place": lambda n: (n.data.fill_(7), need(n.item() == 7)),
    "a base changed under a view": lambda n: (lambda v: (n.fill_(7), need(v.item() == 7)))(n[:1]),
    "an unsqueezed view changed": lambda n: (n.unsqueeze(0).fill_(7), need(n.item() == 7)),
    "to the same device changed": lambda n: (n.to("cpu").fill_(7), need(n.item() == 7)),
    "long changed": lambda n: (n.long().fill_(7), need(n.item() == 7)),
    "a clone changed": lambda n: (n.clone().fill_(7), need(n.item() == 5)),
    "a copy by to changed": lambda n: (n.to(torch.int64, copy=True).fill_(7), need(n.item() == 5)),
    "numpy changed": lambda n: (n.numpy().fill(7), need(n.item() == 7)),
    "sum of ones like": lambda n: need((n + torch.ones_like(n)).item() == 6),
    "out": lambda n: (torch.add(n, 1, out=n), need(n.item() == 6)),
    "cumsum": lambda n: need(n.cumsum(0)[-1].item() == 5),
    "cumsum of a cat": lambda n: need(torch.cat([n, n]).cumsum(0)[-1].item() == 10),
    "cat": lambda n: need(torch.cat([n, torch.tensor([3])]).max().item() == 5),
    "stack": lambda n: need(torch.stack([n, n + 1]).max().item() == 6),
    "max of two": lambda n: need(torch.max(n, torch.tensor([5])).item() == 5),
    "maximum": lambda n: need(torch.maximum(n, torch.tensor([5])).item() == 5),
    "amax": lambda n: need(n.amax().item() == 5),
    "max along an axis": lambda n: need(n.max(0).values.item() == 5),
    "argmax": lambda n: need(torch.cat([n, torch.tensor([5])]).argmax().item() == 0),
    "prod": lambda n: need(torch.cat([n, n]).prod().item() == 25),
    "mean": lambda n: need(n.float().mean().item() == 5),
    "any": lambda n: need((n > 5).any()),
    "all": lambda n: need((n > 5).all().item()),
    "where": lambda n: need(torch.where(n > 5, n, 0).item() == 0),
    "compared": lambda n: need(n == 5),
    "compared tensors": lambda n: need(n < torch.tensor([5])),
    "equal": lambda n: need(torch.equal(n, torch.tensor([5]))),
    "compared is a bool": lambda n: need((n > 5).item() is True),
    "compared as a key": lambda n: {True: 1, False: 2}[(n > 5).item()],
    "compared and counted": lambda n: need((n > 5).sum().item() == 0),
    "compared and added": lambda n: need((n > 5).item() + 1 == 1),
    "compared and ordered": lambda n: need((n > 5).item() < 1),
    "compared and divided": lambda n: need((n > 5).item() / 2 == 0),
    "compared and negated": lambda n: need(-(n > 5).item() == 0),
    "compared and floated": lambda n: need(float((n > 5).item()) == 0),
    "compared and formatted": lambda n: need(str((n > 5).item()) == "False"),
    "compared is an int": lambda n: need(isinstance((n > 5).item(), int) and isinstance((n > 5).item(), bool)),
    "bools summed": lambda n: need(sum((torch.cat([n, n]) > 5).tolist()) == 0),
    "bool used as an int": lambda n: need((n > 5).long().item() == 0),
    "not": lambda n: need(not (n > 5)),
    "logical_not": lambda n: need((~(n > 5)).item()),
    "logical_and": lambda n: need(((n > 5) & (n < 9)).item()),
    "in": lambda n: need(5 in n),
    "nonzero": lambda n: need(len((n - 5).nonzero()) == 0),
    "unique": lambda n: need(len(torch.unique(torch.cat([n, torch.tensor([5])]))) == 1),
    "sorted": lambda n: need(sorted([n.item(), 5])[0] == 5),
    "sort": lambda n: need(torch.cat([n, torch.tensor([5])]).sort().values[0].item() == 5),
    "sort in reverse": lambda n: need(torch.cat([n, torch.tensor([5])]).sort(descending=True)[0][0].item() == 5),
    "topk": lambda n: need(torch.cat([n, torch.tensor([5])]).topk(1).values.item() == 5),
    "as a size": lambda n: need(torch.zeros(n.item()).shape == (5,)),
    "as a size by max": lambda n: need(torch.zeros(int(n.max())).shape == (5,)),
    "as a size without item": lambda n: need(torch.zeros(n[0]).shape == (5,)),
    "arange": lambda n: need(torch.arange(n.max()).shape[0] == 5),
    "arange of a tensor": lambda n: need(torch.arange(n[0]).numel() == 5),
    "slice": lambda n: need(torch.ones(9)[: n[0]].numel() == 5),
    "slice by item": lambda n: need(torch.ones(9)[: n.item()].numel() == 5),
    "index by item": lambda n: torch.ones(9)[n.item()],
    "index by a tensor": lambda n: torch.ones(9)[n],
    "index by a scalar tensor": lambda n: torch.ones(9)[n[0]],
    "negative index by a tensor": lambda n: torch.ones(9)[-n],
    "index past a tensor": lambda n: torch.ones(9).index_select(0, n),
    "gather": lambda n: torch.ones(9).gather(0, n),
    "embedding": lambda n: F.embedding(n, torch.ones(9, 2)),
    "embedding after a shift": lambda n: F.embedding(n - 3, torch.ones(9, 2)),
    "embedding of a range": lambda n: F.embedding(torch.arange(n.item()), torch.ones(9, 2)),
    "one_hot": lambda n: F.one_hot(n, 9),
    "one_hot without a number of classes": lambda n: need(F.one_hot(n).shape[-1] == 6),
    "bincount": lambda n: need(torch.bincount(n).shape[0] == 6),
    "repeat_interleave": lambda n: need(torch.repeat_interleave(torch.ones(1), n).shape[0] == 5),
    "split sizes": lambda n: torch.ones(9).split([n.item(), 4]),
    "tensor_split": lambda n: need(len(torch.ones(9).tensor_split(n.item())) == 5),
    "repeat": lambda n: need(torch.ones(2).repeat(n.item()).shape[0] == 10),
    "expand": lambda n: need(torch.ones(1).expand(n.item()).shape[0] == 5),
    "view": lambda n: torch.ones(12).view(n.item(), -1),
    "linspace": lambda n: need(torch.linspace(0, 1, n.item()).shape[0] == 5),
    "full": lambda n: need(torch.full((2,), n.item())[0].item() == 5),
    "tensor of a tensor": lambda n: need(torch.tensor([n.item(), 1]).sum().item() == 6),
    "tensor of two": lambda n: need(torch.tensor([n, n])[1].item() == 5),
    "as_tensor": lambda n: need(torch.as_tensor(n).item() == 5),
    "LongTensor": lambda n: need(torch.LongTensor([n.item()])[0].item() == 5),
    "LongTensor of a size": lambda n: need(torch.LongTensor(n.item()).shape == (5,)),
    "FloatTensor": lambda n: need(torch.FloatTensor([n.item(), 2]).shape == (2,)),
    "Tensor of a size": lambda n: need(torch.Tensor(2, n.item()).shape == (2, 5)),
    "new_tensor": lambda n: need(n.new_tensor([n.item()]).item() == 5),
    "new_full": lambda n: need(n.new_full((1,), n.item()).item() == 5),
    "from_numpy": lambda n: need(torch.from_numpy(n.numpy()).item() == 5),
    "tensor of numpy": lambda n: need(torch.tensor(n.numpy()).item() == 5),
    "int8 wraps": lambda n: need((n * 5).to(torch.int8).item() > 0),
    "uint8 wraps": lambda n: need((n - 6).to(torch.uint8).item() > 100),
    "byte wraps": lambda n: need((n - 6).byte().item() > 100),
    "int8 arithmetic wraps": lambda n: need((n.to(torch.int8) * 5).item() > 0),
    "int32 arithmetic wraps": lambda n: need((n.int() * 2**27).item() > 0),
    "int64 arithmetic wraps": lambda n: need((n * 2**59).item() > 0),
    "int64 sum wraps": lambda n: need((n * 2**58 + n * 2**58).item() > 0),
    "int8 of a literal": lambda n: torch.tensor([5 * n.item()], dtype=torch.int8),
    "bool of an int": lambda n: need((n - 5).bool().item()),
    "bool as an index": lambda n: need(torch.ones(1)[n > 5].shape[0] == 0),
    "bool tensor of a size": lambda n: need(torch.tensor([n.item() > 5]).item() is False),
    "float and back": lambda n: need(n.float().long().item() == 5),
    "half and back": lambda n: need((n * 100 + 1).half().long().item() % 2),
    "complex": lambda n: need(n.to(torch.complex64).real.item() == 5),
    "mask from lengths": lambda n: need((torch.arange(9).unsqueeze(0) < n.unsqueeze(1)).sum().item() == 5),
    "mask from lengths as an index": lambda n: need(torch.ones(1, 9)[torch.arange(9).unsqueeze(0) < n.unsqueeze(1)].shape[0] == 5),
    "mask from lengths is all": lambda n: need((torch.arange(9) < n).all()),
    "mask of the longest": lambda n: torch.ones(1, 9)[:, : n.max()] * (torch.arange(n.max()) < n[:, None]),
    "masked_fill": lambda n: torch.ones(1, 9).masked_fill(torch.arange(n.item()) < 3, 0),
    "iterated": lambda n: need(next(iter(n)).item() == 5),
    "len of tolist": lambda n: need(len([0] * n.tolist()[0]) == 5),
    "unpacked": lambda n: (lambda a: need(a == 5))(*n),
    "flip": lambda n: need(torch.cat([n, n + 1]).flip(0)[0].item() == 6),
    "roll": lambda n: need(torch.cat([n, n + 1]).roll(1)[0].item() == 6),
    "repeat and index": lambda n: need(n.repeat(3)[2].item() == 5),
    "expand and index": lambda n: need(n.expand(3)[2].item() == 5),
    "view and index": lambda n: need(n.view(1, 1)[0, 0].item() == 5),
    "diff": lambda n: need(torch.cat([n, 2 * n]).diff().item() == 5),
    "dot": lambda n: need((n @ n).item() == 25),
    "outer": lambda n: need((n[:, None] * n[None]).item() == 25),
    "meshgrid": lambda n: need(torch.meshgrid(n, n, indexing="ij")[0].item() == 5),
    "searchsorted": lambda n: need(torch.searchsorted(torch.tensor([4, 8, 16]), n).item() == 1),
    "bucketize": lambda n: need(torch.bucketize(n, torch.tensor([4, 8, 16])).item() == 1),
    "isin": lambda n: need(torch.isin(n, torch.tensor([1, 5])).item()),
    "gcd": lambda n: need(torch.gcd(n, torch.tensor([12])).item() == 4),
    "sign": lambda n: need((n - 5).sign().item() == 0),
    "copied into": lambda n: (lambda z: (z.copy_(n), need(z.item() == 5)))(torch.zeros(1, dtype=torch.long)),
    "set into": lambda n: (lambda z: (z.__setitem__(1, n[0]), need(z.sum().item() == 5)))(torch.zeros(3, dtype=torch.long)),
    "set into by item": lambda n: (lambda z: (z.__setitem__(1, n.item()), need(z.sum().item() == 5)))(torch.zeros(3, dtype=torch.long)),
    "numel": lambda n: need(n.numel() == 1 and len(n) == 1),
    "deep copy": lambda n: need(copy.deepcopy(n).item() == 5),
    "copy": lambda n: need(copy.copy(n).item() == 5),
    "type": lambda n: need(n.type() == "torch.LongTensor"),
    "is_nonzero": lambda n: need((n - 5).is_nonzero()),
    "math.ceil": lambda n: need(math.ceil(n / 2) == 3),
    "math.sqrt": lambda n: need(math.sqrt(n) == 4),
    "round": lambda n: need(round((n / 4).item()) == 3),
    "compared with a size": lambda n: need(torch.ones(5).shape[0] == n),
    "min of python": lambda n: need(min(n, 5) == 5),
    "max of python": lambda n: need(max([n.item(), 5]) == 5),
    "sum of python": lambda n: need(sum(n) == 5),
    "hash": lambda n: need(n.item() in {5, 7}),
    "tensor in a set": lambda n: need(n in {n}),
    "tensor in a list": lambda n: need(n in [torch.tensor([5])]),
    "allclose": lambda n: need(torch.allclose(n, torch.tensor([5]))),
    "assert": lambda n: torch._assert(n.item() > 5, "short"),
    "assert of a tensor": lambda n: torch._assert((n > 5).all(), "short"),
    "assert_async": lambda n: torch._assert_async((n > 5).all()),
}


@pytest.mark.parametrize("name", VALUES)
def test_values(name: str) -> None:
    sound(Of(lambda self, n: VALUES[name](n)), "i64[1] = T")


# those that must not be left open: the idioms of speech models
DECIDED = (
    "item", "int", "index", "range", "tolist", "plus", "floor division", "remainder", "cat", "stack", "max of two", "maximum", "compared", "not",
    "compared tensors", "as a size", "as a size by max", "arange", "slice by item", "index by item", "index by a tensor", "index past a tensor", "gather", "embedding",
    "embedding after a shift", "embedding of a range", "split sizes", "repeat", "expand", "view", "tensor of a tensor", "sort", "mask of the longest", "numel", "hash", "max of python",
    "view and index", "deep copy", "as_tensor", "sorted", "cpu numpy", "numpy max",
)  # fmt: skip


@pytest.mark.parametrize("name", DECIDED)
def test_values_are_decided(name: str) -> None:
    agrees(Of(lambda self, n: VALUES[name](n)), "i64[1] = T")


def test_values_of_two_lengths() -> None:
    agrees(Of(lambda self, x, n: pack_padded_sequence(x, n, batch_first=True)), "f32[2, T, 3]", "i64[2] = [T, T // 2]")


def test_values_of_two_lengths_that_are_not_sorted() -> None:
    agrees(Of(lambda self, x, n: pack_padded_sequence(x, n, batch_first=True)), "f32[2, T, 3]", "i64[2] = [T // 2, T]")


def test_values_through_packing() -> None:
    def forward(self: Any, x: torch.Tensor, n: torch.Tensor) -> None:
        packed = pack_padded_sequence(x, n.cpu().numpy(), batch_first=True, enforce_sorted=False)
        y, m = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        need(y.shape[1] == m.max() and y.shape[1] % 2)

    agrees(Of(forward, lstm=nn.LSTM(3, 2, batch_first=True)), "f32[2, T, 3]", "i64[2] = [T, T // 2 + 1]")


def test_a_size_made_a_tensor() -> None:
    agrees(Of(lambda self, x: need(torch.tensor(x.shape)[-1].item() == 5)), X)


def test_a_size_made_a_list_tensor() -> None:
    agrees(Of(lambda self, x: need(torch.tensor([x.shape[-1]]).item() == 5)), X)


def test_a_half_made_a_tensor() -> None:
    sound(Of(lambda self, x: need(torch.tensor(x.shape[-1] / 2).item() == 2.5)), X)


def test_pad_sequence() -> None:
    agrees(Of(lambda self, x: pad_sequence([x, x[1:]], batch_first=True).view(2, 3, -1, 4)), "f32[T, 4]")


# dtypes ------------------------------------------------------------------------------------------------------------

DTYPES: dict[str, Callable[[torch.Tensor], Any]] = {
    "half into a float layer": lambda x: F.conv1d(x.half(), torch.ones(1, 4, 3)),
    "double into a float layer": lambda x: F.linear(x.double().mT, torch.ones(3, 4)),
    "int plus float": lambda x: F.conv1d(x.long() + 1.0, torch.ones(1, 4, 3)),
    "int plus int": lambda x: F.conv1d(x.long() + 1, torch.ones(1, 4, 3)),
    "mean of ints": lambda x: x.long().mean(),
    "softmax of ints": lambda x: x.long().softmax(-1),
    "branch on a dtype": lambda x: x.view(3, -1) if x.dtype == torch.float64 else x.view(2, -1),
    "branch on is_floating_point": lambda x: x.view(3, -1) if x.is_floating_point() else x,
    "branch on torch.is_floating_point": lambda x: x.view(3, -1) if torch.is_floating_point(x) else x,
    "branch on is_complex": lambda x: x.view(3, -1) if torch.view_as_complex(x.reshape(1, 2, -1, 2)).is_complex() else x,
    "real of a complex tensor": lambda x: torch.fft.rfft(x).real.view(1, 4, 3, -1),
    "imag of a real tensor": lambda x: x.imag,
    "real of a real tensor": lambda x: x.real.view(1, 4, 3, -1),
    "abs of a complex tensor": lambda x: F.conv1d(torch.fft.rfft(x).abs(), torch.ones(1, 4, 3)),
    "a complex tensor into a layer": lambda x: F.conv1d(torch.fft.rfft(x), torch.ones(1, 4, 3)),
    "comparison into a layer": lambda x: F.conv1d(x > 0, torch.ones(1, 4, 3)),
    "comparison subtracted": lambda x: (x > 0) - (x > 1),
    "comparison added": lambda x: F.conv1d(((x > 0) + (x > 1)).float(), torch.ones(1, 4, 3)),
    "bool minus one": lambda x: 1 - (x > 0),
    "negated bool": lambda x: -(x > 0),
    "inverted float": lambda x: ~x,
    "bit and of floats": lambda x: x & 1,
    "in place into a smaller dtype": lambda x: x.long().add_(1.5),
    "in place into a larger dtype": lambda x: x.double().add_(1),
    "in place division of ints": lambda x: x.long().div_(2),
    "division of ints": lambda x: F.conv1d(x.long() / 2, torch.ones(1, 4, 3)),
    "masked by floats": lambda x: x[x],
    "masked_fill by a float mask": lambda x: x.masked_fill(x, 0.0),
    "where with an int condition": lambda x: torch.where(x.long(), x, x),
    "embedding by floats": lambda x: F.embedding(x, torch.ones(3, 2)),
    "cat of two dtypes": lambda x: F.conv1d(torch.cat([x, x.double()], -1), torch.ones(1, 4, 3)),
    "stack of two dtypes": lambda x: F.conv1d(torch.stack([x, x.double()])[1], torch.ones(1, 4, 3)),
    "matmul of two dtypes": lambda x: x.mT @ x.double(),
    "matmul of ints": lambda x: (x.mT.long() @ x.long()).view(3, -1),
    "type by name": lambda x: F.conv1d(x.type("torch.DoubleTensor"), torch.ones(1, 4, 3)),
    "type": lambda x: need(x.type() == "torch.FloatTensor" and x.shape[-1] > 3),
    "type_as": lambda x: F.conv1d(x.type_as(torch.ones(1).double()), torch.ones(1, 4, 3)),
    "to like another": lambda x: F.conv1d(x.to(torch.ones(1).double()), torch.ones(1, 4, 3)),
    "result_type": lambda x: need(torch.result_type(x, 1) == torch.float32 and x.shape[-1] > 3),
    "promote_types": lambda x: need(torch.promote_types(x.dtype, torch.int64) == torch.float32),
    "can_cast": lambda x: need(torch.can_cast(x.dtype, torch.int64) or x.shape[-1] > 3),
    "finfo": lambda x: x.masked_fill(x > 0, torch.finfo(x.dtype).min).view(1, 4, 3, -1),
    "itemsize": lambda x: need(x.itemsize == 4 and x.element_size() == 4 and x.shape[-1] > 3),
    "nbytes": lambda x: need(x.nbytes == 112),
    "default dtype of zeros": lambda x: F.conv1d(x, torch.zeros(1, 4, 3).to(x.dtype)),
    "autocast": lambda x: F.conv1d(_autocast(x), torch.ones(1, 4, 3)),
    "autocast dtype": lambda x: need(_autocast(x).dtype == torch.float32),
    "autocast of matmul": lambda x: need(_autocast_of(lambda: x @ x.mT) == torch.bfloat16),
    "autocast of a pointwise operation": lambda x: need(_autocast_of(lambda: x + 1) == torch.float32),
    "autocast disabled": lambda x: need(_autocast_of(lambda: x @ x.mT, enabled=False) == torch.float32),
    "autocast of an lstm": lambda x: need(_autocast_of(lambda: nn.LSTM(4, 2)(x.mT)[0]) == torch.bfloat16),
    "autocast of softmax": lambda x: need(_autocast_of(lambda: x.half().softmax(-1)) == torch.float32),
    "quantize": lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8).int_repr().view(1, 4, 3, -1),
    "sparse": lambda x: x[0].to_sparse().to_dense().view(4, 3, -1),
    "view_as_real": lambda x: torch.view_as_real(torch.fft.rfft(x)).view(1, 4, 3, -1, 2),
    "requires_grad": lambda x: need(not x.requires_grad and x.shape[-1] > 3),
    "requires_grad_": lambda x: need(x.requires_grad_().requires_grad),
    "requires_grad_ of ints": lambda x: x.long().requires_grad_(),
    "requires_grad assigned": lambda x: (setattr(x, "requires_grad", True), need(x.requires_grad)),
    "a gradient": lambda x: _gradient(x).view(1, 4, 3, -1),
    "numpy of what requires a gradient": lambda x: x.requires_grad_().numpy(),
    "enable_grad": lambda x: need(_enabled(x).requires_grad),
    "is_grad_enabled": lambda x: need(not torch.is_grad_enabled() and x.shape[-1] > 3),
    "inference mode": lambda x: need(not torch.is_inference_mode_enabled() and x.shape[-1] > 3),
    "is_leaf": lambda x: need(x.is_leaf and x.shape[-1] > 3),
    "grad": lambda x: need(x.grad is None and x.grad_fn is None and x.shape[-1] > 3),
    "version": lambda x: (x.add_(1), need(x._version == 1)),
    "backward": lambda x: x.sum().backward(),
    "default dtype set within": lambda x: F.conv1d(x, _with_default_dtype(lambda: torch.ones(1, 4, 3))),
}


def _autocast(x: torch.Tensor) -> torch.Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return F.conv1d(x, torch.ones(4, 4, 1))


def _autocast_of(compute: Callable[[], torch.Tensor], *, enabled: bool = True) -> torch.dtype:
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
        return compute().dtype


def _enabled(x: torch.Tensor) -> torch.Tensor:
    with torch.enable_grad():
        return x * nn.Parameter(torch.ones(1))


def _gradient(x: torch.Tensor) -> torch.Tensor:
    with torch.enable_grad():
        y = x.detach().requires_grad_()
        return torch.autograd.grad((y * y).sum(), y)[0]


def _with_default_dtype(compute: Callable[[], torch.Tensor]) -> torch.Tensor:
    torch.set_default_dtype(torch.float64)
    try:
        return compute()
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", DTYPES)
def test_dtype(name: str) -> None:
    sound(Of(lambda self, x: DTYPES[name](x)), X)


def test_a_module_in_double() -> None:
    agrees(nn.Conv1d(4, 4, 5).double(), "f64[1, 4, T]")


def test_a_float_input_to_a_module_in_double() -> None:
    agrees(nn.Conv1d(4, 4, 5).double(), X)


def test_a_module_in_half() -> None:
    sound(nn.Sequential(nn.Conv1d(4, 4, 5), nn.ReLU()).half(), "f16[1, 4, T]")


def test_integer_inputs() -> None:
    agrees(nn.Sequential(nn.Embedding(10, 4), nn.LSTM(4, 3)), "i64[T, 2]")


def test_complex_inputs() -> None:
    agrees(Of(lambda self, x: torch.fft.ifft(x).view(3, -1)), "c64[T]")


# around __torch_function__ ----------------------------------------------------------------------------------------


def quiet(make: Callable[..., Any], *args: Any) -> Any:
    """Without the warning that torch.jit is deprecated: the models in use have it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(*args)


def script(function: Any) -> Any:
    return quiet(torch.jit.script, function)


@script
def scripted(x: torch.Tensor, n: int) -> torch.Tensor:
    return torch.tanh(x[:, :n]) * torch.sigmoid(x[:, n:])


@script
def scripted_branch(x: torch.Tensor) -> torch.Tensor:
    if x.size(-1) % 2 == 0:
        return x[:, :, :2]
    return x.view(1, 2, -1)


@script
def scripted_constant(x: torch.Tensor) -> torch.Tensor:
    return x + torch.ones(7)


@script
def scripted_raise(x: torch.Tensor) -> torch.Tensor:
    if x.size(-1) < 5:
        raise ValueError("short")
    return x


@script
def scripted_size(x: torch.Tensor) -> int:
    return x.size(-1) // 2


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        return grad


class Halve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, k: int) -> torch.Tensor:
        if x.shape[-1] % 2:
            x = x[..., 1:]
        return x.view(*x.shape[:-1], -1, k)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        return grad, None


class Itself(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        return grad


@torch.library.custom_op("shapecheck_tests::double", mutates_args=())
def custom_double(x: torch.Tensor) -> torch.Tensor:
    if x.shape[-1] < 5:
        raise ValueError("short")
    return torch.cat([x, x], -1)


@torch.library.custom_op("shapecheck_tests::faked", mutates_args=())
def custom_faked(x: torch.Tensor) -> torch.Tensor:
    return torch.cat([x, x], -1)


@custom_faked.register_fake
def _(x: torch.Tensor) -> torch.Tensor:
    return torch.cat([x, x], -1)


AROUND: dict[str, Callable[[torch.Tensor], Any]] = {
    "a scripted function": lambda x: F.conv1d(scripted(x, 2), torch.ones(1, 2, 5)),
    "a scripted function that branches": scripted_branch,
    "a scripted function with a constant": scripted_constant,
    "a scripted function that raises": scripted_raise,
    "a scripted function that is caught": lambda x: _caught(scripted_raise, x),
    "a scripted function that gives a size": lambda x: need(scripted_size(x) == 3),
    "a scripted function with a size": lambda x: scripted(x, x.shape[-1] % 4),
    "a scripted module": lambda x: SCRIPTED(x),
    "a traced module": lambda x: TRACED(x),
    "a traced function": lambda x: TRACED_FUNCTION(x),
    "vmap": lambda x: torch.vmap(lambda row: row.view(3, -1))(x[0]),
    "vmap of a layer": lambda x: torch.vmap(lambda row: F.conv1d(row, torch.ones(1, 4, 5)))(x),
    "functorch.grad": lambda x: torch.func.grad(lambda y: (y * y).sum())(x).view(3, -1),
    "jvp": lambda x: torch.func.jvp(lambda y: y * y, (x,), (x,))[1].view(3, -1),
    "functional_call": lambda x: torch.func.functional_call(CONV, dict(CONV.named_parameters()), (x,)),
    "functional_call with other weights": lambda x: torch.func.functional_call(
        CONV, {"weight": torch.ones(4, 4, 3), "bias": torch.ones(4)}, (x,)
    ),
    "checkpoint": lambda x: checkpoint(CONV, x, use_reentrant=False),
    "reentrant checkpoint": lambda x: checkpoint(CONV, x, use_reentrant=True),
    "an autograd function": lambda x: Square.apply(x).view(1, 4, 3, -1),
    "an autograd function that branches": lambda x: Halve.apply(x, 3),
    "an autograd function that returns its input": lambda x: Itself.apply(x).view(1, 4, 3, -1),
    "a custom operator": lambda x: custom_double(x).view(3, -1),
    "a custom operator with a fake": lambda x: custom_faked(x).view(1, 4, 3, -1),
    "a custom operator by name": lambda x: torch.ops.shapecheck_tests.faked(x).view(1, 4, 3, -1),
    "an aten operator": lambda x: torch.ops.aten.add(x, 1).view(1, 4, 3, -1),
    "an aten overload": lambda x: torch.ops.aten.view.default(x, [1, 4, 3, x.shape[-1] // 3]),
    "an aten operator with a size": lambda x: torch.ops.aten.narrow(x, 2, 3, x.shape[-1] - 3),
    "torch._C": lambda x: torch._C._nn.avg_pool2d(x, 3),
    "torch functions disabled": lambda x: _disabled(lambda: x.view(3, -1)),
    "torch functions disabled for factories": lambda x: _disabled(lambda: torch.ones(7)) + x,
    "a function mode of the user's own": lambda x: _in_mode(lambda: x.view(1, 4, 3, -1)),
    "a dispatch mode of the user's own": lambda x: _in_dispatch_mode(lambda: x.view(1, 4, 3, -1)),
    "a function mode that counts": lambda x: need(_counted(lambda: (x + 1) * 2) == 2),
    "torch.compile": lambda x: COMPILED(x),
    "torch.cond": lambda x: torch.cond(x.shape[-1] > 3, lambda y: y + 1, lambda y: y - 1, (x,)).view(1, 4, 3, -1),
    "a device as a context": lambda x: _on_device("cpu", lambda: torch.ones(7)) + x,
    "meta as a context": lambda x: _on_device("meta", lambda: torch.ones(7)) + x,
    "as_subclass": lambda x: x.as_subclass(torch.Tensor).view(1, 4, 3, -1),
    "a subclass": lambda x: x.as_subclass(Named).view(1, 4, 3, -1),
    "a Parameter of an input": lambda x: nn.Parameter(x).view(1, 4, 3, -1),
    "isinstance Tensor": lambda x: need(isinstance(x, torch.Tensor) and x.shape[-1] > 3),
    "isinstance FloatTensor": lambda x: need(isinstance(x, torch.FloatTensor) and x.shape[-1] > 3),
    "isinstance LongTensor": lambda x: need(not isinstance(x, torch.LongTensor) and x.shape[-1] > 3),
    "type is Tensor": lambda x: need(type(x) is torch.Tensor and x.shape[-1] > 3),
    "class is Tensor": lambda x: need(x.__class__ is torch.Tensor and x.shape[-1] > 3),
    "type of the output is Tensor": lambda x: need(type(x + 1) is torch.Tensor and x.shape[-1] > 3),
    "is_tensor": lambda x: need(torch.is_tensor(x) and x.shape[-1] > 3),
    "overrides": lambda x: need(not torch.overrides.is_tensor_like(3) and x.shape[-1] > 3),
    "has_torch_function": lambda x: need(not torch.overrides.has_torch_function((x,)) and x.shape[-1] > 3),
    "is_scripting": lambda x: need(not torch.jit.is_scripting() and not torch.jit.is_tracing() and x.shape[-1] > 3),
    "is_compiling": lambda x: need(not torch.compiler.is_compiling() and x.shape[-1] > 3),
    "hasattr": lambda x: need(hasattr(x, "shape") and not hasattr(x, "nothing") and x.shape[-1] > 3),
    "an attribute that is not there": lambda x: x.nothing,
    "a private attribute": lambda x: need(not hasattr(x, "_dims") and not hasattr(x, "_node")),
    "an attribute of its own": lambda x: (setattr(x, "note", 3), need(x.note < x.shape[-1])),
    "an attribute named like a field": lambda x: (setattr(x, "_dtype", 3), F.conv1d(x, torch.ones(1, 4, 3))),
    "names": lambda x: need(x.names == (None, None, None) and x.shape[-1] > 3),
    "has_names": lambda x: need(not x.has_names() and x.shape[-1] > 3),
    "is_same_size": lambda x: need(x.is_same_size(x[..., :5])),
    "is_pinned": lambda x: need(not x.is_pinned() and x.shape[-1] > 3),
    "is_shared": lambda x: need(not x.is_shared() and x.shape[-1] > 3),
    "is_inference": lambda x: need(not x.is_inference() and x.shape[-1] > 3),
    "is_conj": lambda x: need(not x.is_conj() and not x.is_neg() and x.shape[-1] > 3),
    "is_set_to": lambda x: need(x.is_set_to(x) and x.shape[-1] > 3),
    "retains_grad": lambda x: need(not x.retains_grad and x.shape[-1] > 3),
    "output_nr": lambda x: need(x.output_nr == 0 and x.shape[-1] > 3),
    "dim_order": lambda x: need(x.dim_order() == (0, 1, 2) and x.shape[-1] > 3),
    "base": lambda x: need(x._base is None and x.view(-1)._base is x),
    "identity of a view": lambda x: need(x.view(x.shape) is not x and x.contiguous() is x and x.shape[-1] > 3),
    "identity of float()": lambda x: need(x.float() is x and x.to("cpu") is x and x.cpu() is x and x.shape[-1] > 3),
    "identity of detach": lambda x: need(x.detach() is not x and x.data is not x and x.shape[-1] > 3),
    "identity of expand_as": lambda x: need(x.expand_as(x) is not x and x.reshape(x.shape) is not x),
    "identity of an in-place operation": lambda x: need(x.add_(1) is x and F.relu(x, inplace=True) is x and x.shape[-1] > 3),
    "identity of dropout": lambda x: need(F.dropout(x, training=False) is x or x.shape[-1] > 3),
    "hash of a tensor": lambda x: need({x: 1}[x] and x.shape[-1] > 3),
    "truth of a tensor": lambda x: need(x),
    "compared with None": lambda x: need(x is not None and x.shape[-1] > 3),
    "equal to None": lambda x: need((x == None) is False and x.shape[-1] > 3),  # noqa: E711
    "equal to a text": lambda x: need((x == "a") is False and x.shape[-1] > 3),
    "plus a text": lambda x: x + "a",
    "pickle": lambda x: pickle.loads(pickle.dumps(x)).view(1, 4, 3, -1),  # noqa: S301
    "deep copy": lambda x: copy.deepcopy(x).view(1, 4, 3, -1),
    "copy": lambda x: copy.copy(x).view(1, 4, 3, -1),
    "deep copy changed in place": lambda x: (copy.deepcopy(x).unsqueeze_(0), need(x.dim() == 3 and x.shape[-1] > 3)),
    "numpy": lambda x: need(x.numpy().shape[-1] > 3),
    "np.asarray": lambda x: need(np.asarray(x).shape[-1] > 3),
    "numpy function": lambda x: need(np.sum(x).item() > 30),
    "tolist": lambda x: need(len(x.tolist()[0][0]) > 3),
    "torch.from_numpy": lambda x: torch.from_numpy(np.ones(7, dtype=np.float32)) + x,
    "dlpack": lambda x: torch.from_dlpack(x).view(1, 4, 3, -1),
    "tensor of a tensor": lambda x: torch.tensor(x).view(1, 4, 3, -1),
    "legacy constructor": lambda x: torch.Tensor(1, 4, x.shape[-1]).view(1, 4, 3, -1),
    "legacy constructor of a shape": lambda x: torch.FloatTensor(x.shape).view(1, 4, 3, -1),
    "legacy constructor of a size": lambda x: torch.FloatTensor(x.size(0), x.size(2)).zero_().view(1, 3, -1),
    "new": lambda x: x.new(1, x.shape[-1]).view(1, 3, -1),
    "new of a shape": lambda x: x.new(x.shape).view(1, 4, 3, -1),
    "new_tensor": lambda x: x.new_tensor([1.0, 2.0]) + x,
    "new_empty": lambda x: x.new_empty(x.shape[-1]).view(3, -1),
    "empty_strided": lambda x: torch.empty_strided((x.shape[-1],), (1,)).view(3, -1),
    "size as an argument of a layer": lambda x: nn.Upsample(x.shape[-1] // 2)(x),
    "equal": lambda x: need(torch.equal(x, x.clone()) or x.shape[-1] > 3),
    "equal to another shape": lambda x: need(torch.equal(x, torch.ones(1, 4, 7))),
    "allclose": lambda x: need(torch.allclose(x, x)),
    "isnan": lambda x: need(not torch.isnan(x).any()),
    "max item": lambda x: need(x.max().item() <= 1),
    "boolean mask": lambda x: x[x > 0].view(3, -1),
    "nonzero": lambda x: need(x.nonzero().shape[0] > 12),
    "unique": lambda x: need(torch.unique(x).shape[0] == 1),
    "values made from a size": lambda x: need(torch.ones(x.shape[-1]).sum().item() > 3),
    "values made from a size, integers": lambda x: need(torch.arange(x.shape[-1]).sum().item() > 10),
    "values of a mask": lambda x: need((torch.arange(x.shape[-1]) < 5).sum().item() == 5),
    "boolean mask of a size": lambda x: x[..., torch.arange(x.shape[-1]) > 3].view(1, 4, 3, -1),
    "tril": lambda x: torch.tril(torch.ones(x.shape[-1], x.shape[-1]))[:7, :7] + torch.ones(7, 7),
    "sum of plain and swept": lambda x: sum([x, x], torch.zeros(7)),
    "printing": lambda x: need(len(repr(x)) > 3 and len(str(x)) > 3 and len(f"{x}") > 3 and x.shape[-1] > 3),
    "set_printoptions": lambda x: need(str(x)),
    "torch.save": lambda x: torch.save(x, __import__("io").BytesIO()),
    "share_memory_": lambda x: x.share_memory_().view(1, 4, 3, -1),
    "register_hook": lambda x: x.register_hook(lambda g: g),
    "multiprocessing like queues": lambda x: __import__("queue").Queue().put(x),
    "argparse namespace": lambda x: need(argparse.Namespace(x=x).x.shape[-1] > 3),
}


class Named(torch.Tensor):
    pass


class Scripted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(4, 4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.size(-1) % 2 == 0:
            return self.conv(x)
        return x + torch.zeros(1)


CONV = nn.Conv1d(4, 4, 5)
SCRIPTED = script(Scripted())
TRACED = quiet(torch.jit.trace, nn.Sequential(nn.Conv1d(4, 4, 5), nn.ReLU()), torch.ones(1, 4, 9))
TRACED_FUNCTION = quiet(torch.jit.trace, lambda x: x.view(1, 2, -1) + torch.ones(1), torch.ones(1, 4, 9))
COMPILED = torch.compile(nn.Conv1d(4, 4, 5), backend="eager", dynamic=True)


def _caught(function: Callable[..., Any], x: torch.Tensor) -> torch.Tensor:
    try:
        return function(x)
    except (RuntimeError, ValueError):
        return x.view(1, 2, 2, -1)


def _disabled(compute: Callable[[], Any]) -> Any:
    with torch._C.DisableTorchFunction():
        return compute()


class _Passing(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls += 1
        return func(*args, **(kwargs or {}))


class _Dispatching(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


def _in_mode(compute: Callable[[], Any]) -> Any:
    with _Passing():
        return compute()


def _in_dispatch_mode(compute: Callable[[], Any]) -> Any:
    with _Dispatching():
        return compute()


def _counted(compute: Callable[[], Any]) -> int:
    with _Passing() as mode:
        compute()
    return mode.calls


def _on_device(device: str, compute: Callable[[], Any]) -> Any:
    with torch.device(device):
        return compute()


@pytest.mark.parametrize("name", AROUND)
def test_around(name: str) -> None:
    sound(Of(lambda self, x: AROUND[name](x)), X)


def test_a_scripted_function_in_a_submodule() -> None:
    inner = Of(lambda self, x: F.conv1d(scripted(x, 2), torch.ones(1, 2, 5)))
    agrees(Of(lambda self, x: self.inner(x)[..., 2:].view(1, 2, -1), inner=inner), X)


def test_a_scripted_module_as_the_root() -> None:
    sound(script(Scripted()), X)


def test_a_traced_module_as_the_root() -> None:
    agrees(quiet(torch.jit.trace, nn.Sequential(nn.Conv1d(4, 4, 5), nn.ReLU()), torch.ones(1, 4, 9)), X)


def test_a_frozen_module() -> None:
    module = nn.Sequential(quiet(torch.jit.freeze, script(nn.Conv1d(4, 4, 5).eval())), nn.ReLU())  # cannot be copied
    report = shapecheck.analyze(module, X, lengths=(1, 12))
    assert not any(length in report.invalid for length in range(5, 13))
    assert not any(length in report.valid for length in range(1, 5))


def test_a_compiled_module_as_the_root() -> None:
    sound(torch.compile(nn.Conv1d(4, 4, 5), backend="eager", dynamic=True), X, lengths=(1, 12))


def test_a_bypass_with_a_constant_of_the_forward() -> None:
    sound(Of(lambda self, x: scripted(x, 2) + torch.ones(7)), X)


def test_a_bypass_with_a_tensor_attribute() -> None:
    sound(Of(lambda self, x: scripted(x, 2) + self.table, table=torch.ones(7)), X)


def test_a_bypass_with_a_tensor_in_a_list() -> None:
    sound(Of(lambda self, x: scripted(x, 2) + self.tables[0], tables=[torch.ones(7)]), X)


def test_a_bypass_with_a_parameter() -> None:
    agrees(Of(lambda self, x: scripted(x, 2) + self.table, table=nn.Parameter(torch.ones(7))), X)


def test_a_bypass_with_a_branch_on_the_device() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        y = scripted(x, 2)
        need(y.device.type == "cpu")
        return y

    sound(Of(forward), X)


def test_a_bypass_with_a_branch_on_is_meta() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        need(not x.is_meta and not next(self.parameters()).is_meta)
        return scripted(x, 2)

    sound(Of(forward, conv=nn.Conv1d(1, 1, 1)), X)


def test_a_bypass_with_a_counter() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        self.n += 1
        need(self.n == 1)
        return scripted(x, 2)

    sound(Of(forward, n=0), X)


def test_a_bypass_with_a_counter_and_a_weight() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        self.n += 1
        need(self.n == 1)
        return scripted(self.conv(x), 2)

    sound(Of(forward, n=0, conv=nn.Conv1d(4, 4, 1)), X)


def test_a_bypass_with_a_buffer_that_counts() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        need(self.calls.item() == 1)
        return scripted(x, 2)

    module = Of(forward)
    module.register_buffer("calls", torch.tensor(0))
    sound(module, X)


def test_a_bypass_that_leaves_an_attribute() -> None:
    def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
        self.n = x.shape[-1]
        return scripted(x, 2)

    def forward(self: Any, x: torch.Tensor) -> None:
        self.inner(x)
        need(self.inner.n == 5)

    module = Of(inner)
    module.n = 5
    sound(Of(forward, inner=module), X)


def test_a_bypass_that_follows_an_attribute() -> None:
    def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
        return scripted(x, 2).view(1, self.k, -1)

    def forward(self: Any, x: torch.Tensor) -> None:
        self.inner.k = 2
        self.inner(x)
        self.inner.k = 3
        self.inner(x)

    sound(Of(forward, inner=Of(inner, k=1, conv=nn.Conv1d(1, 1, 1))), X)


def test_a_bypass_that_draws() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        y = scripted(x, 2)
        need(torch.rand(1).item() < 0.5)
        return y

    undecided(Of(forward), X, lengths=(1, 4))


def test_a_bypass_in_a_try() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return scripted_constant(x)
        except:  # noqa: E722
            return x.view(1, 2, 2, -1)

    sound(Of(forward), X)


def test_a_bypass_in_an_inner_module_that_the_outer_catches() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.inner(x)
        except RuntimeError:
            return x.view(1, 2, 2, -1)

    sound(Of(forward, inner=Of(lambda self, x: scripted_branch(x))), X)


def test_a_bypass_with_known_values() -> None:
    sound(Of(lambda self, x, n: need(scripted_size(x) == n.item())), X, "i64[1] = 3")


# hooks -------------------------------------------------------------------------------------------------------------


def hooked(module: nn.Module, register: str, hook: Callable[..., Any], **options: Any) -> nn.Module:
    getattr(module, register)(hook, **options)
    return module


def pad(module: nn.Module, args: Any) -> Any:
    return (F.pad(args[0], (0, 2)),)


def cut(module: nn.Module, args: Any, output: Any) -> Any:
    return output[..., 2:]


def long_enough(module: nn.Module, args: Any) -> None:
    need(args[0].shape[-1] > 8)


HOOKS: dict[str, Callable[[], nn.Module]] = {
    "a pre-hook that pads": lambda: hooked(nn.Conv1d(4, 4, 5), "register_forward_pre_hook", pad),
    "a pre-hook that raises": lambda: hooked(nn.Conv1d(4, 4, 5), "register_forward_pre_hook", long_enough),
    "a hook that cuts": lambda: hooked(nn.Conv1d(4, 4, 5), "register_forward_hook", cut),
    "a hook that raises": lambda: hooked(nn.Conv1d(4, 4, 5), "register_forward_hook", lambda m, a, o: need(o.shape[-1] > 3)),
    "a pre-hook with keywords": lambda: hooked(
        nn.Conv1d(4, 4, 5), "register_forward_pre_hook", lambda m, a, k: ((F.pad(a[0], (0, 2)),), k), with_kwargs=True
    ),
    "a hook with keywords": lambda: hooked(nn.Conv1d(4, 4, 5), "register_forward_hook", lambda m, a, k, o: o[..., 2:], with_kwargs=True),
    "a hook that is always called": lambda: hooked(
        nn.Conv1d(4, 4, 5), "register_forward_hook", lambda m, a, o: need(a[0].shape[-1] > 8), always_call=True
    ),
    "a pre-hook of the root that branches": lambda: hooked(
        Of(lambda self, x: F.conv1d(x, torch.ones(1, 4, 5))),
        "register_forward_pre_hook",
        lambda m, a: (a[0] if a[0].shape[-1] % 2 else a[0][..., 1:],),
    ),
    "a pre-hook on an LSTM": lambda: hooked(nn.LSTM(1, 4), "register_forward_pre_hook", lambda m, a: need(a[0].shape[-1] == 1)),
    "a backward hook": lambda: hooked(nn.Conv1d(4, 4, 5), "register_full_backward_hook", lambda m, gi, go: None),
    "a backward pre-hook": lambda: hooked(nn.Conv1d(4, 4, 5), "register_full_backward_pre_hook", lambda m, go: None),
    "weight norm, old": lambda: nn.utils.weight_norm(nn.Conv1d(4, 4, 5)),
    "weight norm, new": lambda: parametrizations.weight_norm(nn.Conv1d(4, 4, 5)),
    "spectral norm, old": lambda: nn.utils.spectral_norm(nn.Conv1d(4, 4, 5)),
    "spectral norm, new": lambda: parametrizations.spectral_norm(nn.Conv1d(4, 4, 5)),
    "spectral norm, in evaluation": lambda: nn.utils.spectral_norm(nn.Conv1d(4, 4, 5)).eval(),
    "orthogonal": lambda: parametrizations.orthogonal(nn.Linear(4, 4)),
    "weight norm of a transposed conv": lambda: nn.utils.weight_norm(nn.ConvTranspose1d(4, 4, 5, padding=3)),
    "weight norm of a linear layer": lambda: nn.Sequential(nn.Flatten(), nn.utils.weight_norm(nn.Linear(28, 4))),
    "pruning": lambda: (lambda conv: (prune.random_unstructured(conv, "weight", 0.5), conv)[1])(nn.Conv1d(4, 4, 5)),
    "a hook named like weight norm": lambda: hooked(nn.Conv1d(4, 4, 5), "register_forward_pre_hook", type("WeightNorm", (), {"__call__": lambda self, m, a: pad(m, a)})()),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", HOOKS)
def test_hook(name: str) -> None:
    spec = "f32[T, 1, 1]" if "LSTM" in name else "f32[1, T, 4]" if name == "orthogonal" else X
    with torch.no_grad():  # else the old weight_norm leaves a weight that cannot be copied
        module = nn.Sequential(HOOKS[name]())
    agrees(module, spec)


def test_a_parametrization_that_changes_the_shape() -> None:
    class Wider(nn.Module):
        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            return torch.cat([weight, weight], dim=-1)

    conv = nn.Conv1d(4, 4, 3)
    parametrize.register_parametrization(conv, "weight", Wider(), unsafe=True)
    agrees(conv, X)


def test_a_pre_hook_on_an_lstm() -> None:
    lstm = hooked(nn.LSTM(4, 3), "register_forward_pre_hook", lambda m, a: need(a[0].shape[0] > 5))
    agrees(nn.Sequential(lstm), "f32[T, 1, 4]")


def test_a_hook_on_an_lstm() -> None:
    lstm = hooked(nn.LSTM(4, 3), "register_forward_hook", lambda m, a, o: o[0][2:])
    agrees(nn.Sequential(lstm, nn.Flatten(0), nn.Unflatten(0, (3, -1))), "f32[T, 1, 4]")


def test_an_lstm_whose_forward_is_replaced() -> None:
    lstm = nn.LSTM(4, 3)
    lstm.forward = lambda x: x.view(3, -1)
    agrees(nn.Sequential(lstm), "f32[T, 1, 4]")


def test_a_subclass_of_an_lstm() -> None:
    class Longer(nn.LSTM):
        def forward(self, x: torch.Tensor) -> Any:
            return super().forward(x[2:])

    agrees(nn.Sequential(Longer(4, 3)), "f32[T, 1, 4]")


def test_an_lstm_in_double() -> None:
    agrees(nn.LSTM(4, 3).double(), "f32[T, 1, 4]")


def test_an_lstm_with_weight_norm() -> None:
    sound(nn.Sequential(parametrizations.weight_norm(nn.LSTM(4, 3), "weight_hh_l0")), "f32[T, 1, 4]")


def test_lstm_cell_over_time() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        state = None
        for step in x:
            state = self.cell(step, state)
        return state[0].view(3)

    agrees(Of(forward, cell=nn.LSTMCell(4, 3)), "f32[T - 1, 1, 4]", lengths=(1, 12))


def test_a_hook_on_a_container() -> None:
    module = hooked(nn.Sequential(nn.Conv1d(4, 4, 5)), "register_forward_pre_hook", pad)
    agrees(nn.Sequential(module), X)


def test_a_hook_that_is_removed_in_forward() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        handle = self.conv.register_forward_pre_hook(pad)
        try:
            return self.conv(x)
        finally:
            handle.remove()

    agrees(Of(forward, conv=nn.Conv1d(4, 4, 5)), X)


def test_a_hook_that_is_added_in_forward() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        need(len(self.conv._forward_pre_hooks) == 0)
        self.conv.register_forward_pre_hook(pad)
        if x.shape[-1] % 2:
            x = x[..., 1:]
        return self.conv(x)

    sound(Of(forward, conv=nn.Conv1d(4, 4, 5)), X)


def test_a_hook_that_keeps_outputs() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        self.conv(x[..., x.shape[-1] % 2 :])
        need(len(kept) == 1 and kept.pop().shape[-1] > 2)

    kept: list[Any] = []
    conv = hooked(nn.Sequential(nn.Conv1d(4, 4, 2)), "register_forward_hook", lambda m, a, o: kept.append(o))
    sound(Of(forward, conv=conv), X, fresh=kept.clear)


def test_a_global_hook() -> None:
    handle = nn.modules.module.register_module_forward_pre_hook(lambda m, a: pad(m, a) if isinstance(m, nn.Conv1d) else None)
    try:
        agrees(nn.Sequential(nn.Conv1d(4, 4, 5)), X)
    finally:
        handle.remove()


def test_a_global_hook_on_outputs() -> None:
    handle = nn.modules.module.register_module_forward_hook(lambda m, a, o: cut(m, a, o) if isinstance(m, nn.Conv1d) else None)
    try:
        agrees(nn.Sequential(nn.Conv1d(4, 4, 5), nn.MaxPool1d(2)), X)
    finally:
        handle.remove()


def test_a_leaf_whose_forward_is_replaced_on_the_instance() -> None:
    conv = nn.Conv1d(4, 4, 5)
    conv.forward = types.MethodType(lambda self, x: F.conv1d(F.pad(x, (1, 1)), self.weight), conv)
    agrees(nn.Sequential(conv), X)


# devices -----------------------------------------------------------------------------------------------------------

DEVICES: dict[str, Callable[[torch.Tensor], Any]] = {
    "device": lambda x: need(x.device == torch.device("cpu") and x.shape[-1] > 3),
    "device type": lambda x: need(x.device.type == "cpu" and x.shape[-1] > 3),
    "device of an output": lambda x: need((x + 1).device.type == "cpu" and x.shape[-1] > 3),
    "device as a text": lambda x: need(str(x.device) == "cpu" and x.shape[-1] > 3),
    "zeros on its device": lambda x: torch.zeros(7, device=x.device) + x,
    "to its device": lambda x: x.to(x.device).view(3, -1),
    "to the device of a parameter": lambda x: x.to(CONV.weight.device).view(3, -1),
    "to cpu": lambda x: x.cpu().view(3, -1),
    "is_cuda": lambda x: need(not x.is_cuda and x.is_cpu and x.shape[-1] > 3),
    "is_meta": lambda x: need(not x.is_meta and not (x + 1).is_meta and x.shape[-1] > 3),
    "cuda.is_available": lambda x: x.cuda() if torch.cuda.is_available() else x.view(3, -1),
    "to meta": lambda x: need(x.to("meta").is_meta and x.shape[-1] > 3),
    "to meta and back": lambda x: x.to("meta").to("cpu"),
    "zeros on meta": lambda x: torch.zeros(7, device="meta") + x,
    "device of zeros on meta": lambda x: need(torch.zeros(x.shape[-1], device="meta").device.type == "meta"),
    "is_sparse": lambda x: need(not x.is_sparse and not x.is_quantized and x.layout == torch.strided and x.shape[-1] > 3),
}


@pytest.mark.parametrize("name", DEVICES)
def test_device(name: str) -> None:
    sound(Of(lambda self, x: DEVICES[name](x)), X)


REQUESTS: dict[str, Callable[[torch.Tensor], Any]] = {
    "cuda": lambda x: x.cuda(),
    "to": lambda x: x.to("cuda"),
    "to a keyword": lambda x: x.to(device="cuda:0", dtype=torch.float32),
    "to a torch.device": lambda x: x.to(torch.device("cuda", 1)),
    "to an index": lambda x: x.to(0),
    "zeros": lambda x: x + torch.zeros(1, device="cuda"),
    "zeros of a size": lambda x: x + torch.zeros(x.shape[-1], device="cuda"),
    "arange": lambda x: x + torch.arange(x.shape[-1], device="cuda"),
    "tensor": lambda x: x + torch.tensor([1.0], device="cuda"),
    "ones to": lambda x: x + torch.ones(1).to("cuda"),
    "ones cuda": lambda x: x + torch.ones(1).cuda(),
    "zeros_like": lambda x: x + torch.zeros_like(x, device="cuda"),
    "new_zeros": lambda x: x + x.new_zeros(1, device="cuda"),
    "get_device": lambda x: x.to(x.get_device()),
    "a layer": lambda x: nn.Conv1d(4, 4, 1).to("cuda")(x),
    "a layer by cuda": lambda x: nn.Conv1d(4, 4, 1).cuda()(x),
    "a layer with a device": lambda x: nn.Conv1d(4, 4, 1, device="cuda")(x),
    "rand": lambda x: x + torch.rand(1, device="cuda"),
    "full": lambda x: x + torch.full((1,), 2.0, device="cuda"),
    "a device as a context": lambda x: _on_device("cuda", lambda: torch.ones(1)) + x,
    "pin_memory": lambda x: x.pin_memory(),
    "non_blocking": lambda x: x.to("cuda", non_blocking=True),
    "another tensor": lambda x: x.to(torch.ones(1, device="cuda")),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_device_request_reaches_no_device_and_decides_nothing(name: str) -> None:
    report = shapecheck.analyze(Of(lambda self, x: REQUESTS[name](x).reshape(1, 4, 3, -1)), X, lengths=(1, 12))
    assert [length for length in range(1, 13) if length in report.valid] in ([3, 6, 9, 12], [])
    assert not any(length in report.invalid for length in (3, 6, 9, 12))
