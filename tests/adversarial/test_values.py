"""Small integer tensors whose values follow from the length: what is computed from them is what eager computes."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from tests.adversarial.against import Of, X, agrees, let, need, sound


def _set_into(value: Any) -> None:
    plain = torch.zeros(3, dtype=torch.long)
    plain[1] = value
    need(plain.sum().item() == 5)


VALUES: dict[str, Callable[[torch.Tensor], Any]] = {
    "item": lambda n: need(n.item() == 5),
    "int": lambda n: need(int(n) == 5),
    "bool": lambda n: need(n - 5),
    "float": lambda n: need(float(n) > 5.5),
    "index": lambda n: need([*range(70)][n] == 5),
    "range": lambda n: need(len(range(n)) == 5),
    "tolist": lambda n: need(n.tolist() == [5]),
    "numpy": lambda n: need(n.numpy()[0] == 5),
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
    "a base changed under a view": lambda n: let(n[:1], lambda v: (n.fill_(7), need(v.item() == 7))),
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
    "mask from lengths as an index": lambda n: need(
        torch.ones(1, 9)[torch.arange(9).unsqueeze(0) < n.unsqueeze(1)].shape[0] == 5
    ),
    "mask from lengths is all": lambda n: need((torch.arange(9) < n).all()),
    "mask of the longest": lambda n: torch.ones(1, 9)[:, : n.max()] * (torch.arange(n.max()) < n[:, None]),
    "masked_fill": lambda n: torch.ones(1, 9).masked_fill(torch.arange(n.item()) < 3, 0),
    "iterated": lambda n: need(next(iter(n)).item() == 5),
    "len of tolist": lambda n: need(len([0] * n.tolist()[0]) == 5),
    "unpacked": lambda n: let([*n], lambda v: need(v[0] == 5)),
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
    "copied into": lambda n: let(torch.zeros(1, dtype=torch.long), lambda z: (z.copy_(n), need(z.item() == 5))),
    "set into": lambda n: _set_into(n[0]),
    "set into by item": lambda n: _set_into(n.item()),
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
    "item", "int", "index", "range", "tolist", "plus", "floor division", "remainder", "cat", "stack", "max of two",
    "maximum", "compared", "not", "compared tensors", "as a size", "as a size by max", "arange", "slice by item",
    "index by item", "index by a tensor", "index past a tensor", "gather", "embedding", "embedding after a shift",
    "embedding of a range", "split sizes", "repeat", "expand", "view", "tensor of a tensor", "sort",
    "mask of the longest", "numel", "hash", "max of python", "view and index", "deep copy", "as_tensor", "sorted",
    "cpu numpy", "numpy max",
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

    sound(Of(forward, lstm=nn.LSTM(3, 2, batch_first=True)), "f32[2, T, 3]", "i64[2] = [T, T // 2 + 1]")


def test_a_size_made_a_tensor() -> None:
    agrees(Of(lambda self, x: need(torch.tensor(x.shape)[-1].item() == 5)), X)


def test_a_size_made_a_list_tensor() -> None:
    agrees(Of(lambda self, x: need(torch.tensor([x.shape[-1]]).item() == 5)), X)


def test_a_half_made_a_tensor() -> None:
    sound(Of(lambda self, x: need(torch.tensor(x.shape[-1] / 2).item() == 2.5)), X)


def test_pad_sequence() -> None:
    agrees(Of(lambda self, x: pad_sequence([x, x[1:]], batch_first=True).view(2, 3, -1, 4)), "f32[T, 4]")
