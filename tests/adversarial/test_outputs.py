"""Outputs whose structure, rank, dtype or identity depends on the length, within a module and out of it."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, defaultdict, namedtuple
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from tests.adversarial.against import Of, X, agrees, need, sound

Pair = namedtuple("Pair", "first second")  # noqa: PYI024


class Typed(NamedTuple):
    first: torch.Tensor
    second: Any


@dataclasses.dataclass
class Output:
    value: torch.Tensor
    extra: Any = None


class Plain:
    def __init__(self, value: torch.Tensor) -> None:
        self.value = value


OUTPUTS: dict[str, Callable[[torch.Tensor], Any]] = {
    "rank": lambda x: x if x.shape[-1] % 2 else x[0],
    "dtype": lambda x: x if x.shape[-1] % 2 else x.double(),
    "tuple or tensor": lambda x: x if x.shape[-1] % 2 else (x, x),
    "tuples of two lengths": lambda x: (x,) if x.shape[-1] % 2 else (x, x),
    "None or tensor": lambda x: x if x.shape[-1] % 2 else None,
    "dict keys": lambda x: {"a": x} if x.shape[-1] % 2 else {"b": x},
    "dict order": lambda x: {"a": x, "b": 1} if x.shape[-1] % 2 else {"b": 1, "a": x},
    "list or tuple": lambda x: [x] if x.shape[-1] % 2 else (x,),
    "string": lambda x: "odd" if x.shape[-1] % 2 else "even",
    "number or tensor": lambda x: x.shape[-1] if x.shape[-1] % 2 else x,
    "bool or int": lambda x: True if x.shape[-1] % 2 else 3,
    "float or int": lambda x: 1.0 if x.shape[-1] % 2 else 1,
    "float": lambda x: 1.5 if x.shape[-1] % 2 else 2.5,
    "half": lambda x: x.shape[-1] / 2 if x.shape[-1] % 2 else 0.5,
    "named tuple": lambda x: Pair(x, 1) if x.shape[-1] % 2 else Pair(x[..., 1:], 2),
    "typed named tuple": lambda x: Typed(x, None) if x.shape[-1] % 2 else Typed(x[..., 1:], x),
    "dataclass": lambda x: Output(x) if x.shape[-1] % 2 else Output(x[..., 1:], 3),
    "object": lambda x: Plain(x) if x.shape[-1] % 2 else Plain(x[..., 1:]),
    "shape": lambda x: x.shape if x.shape[-1] % 2 else x.shape[1:],
    "Size or tuple": lambda x: x.shape if x.shape[-1] % 2 else (1, 4, 5),
    "ordered dict": lambda x: OrderedDict(a=x) if x.shape[-1] % 2 else OrderedDict(a=x[..., 1:]),
    "default dict": lambda x: defaultdict(int, a=x) if x.shape[-1] % 2 else defaultdict(int, a=x[..., 1:]),
    "dict with integer keys": lambda x: OrderedDict({1: x}) if x.shape[-1] % 2 else OrderedDict({1: x[..., 1:]}),
    "nested": lambda x: {"a": [x, (x, {"b": x.shape[-1]})]} if x.shape[-1] % 2 else {"a": [x, (x[0], {"b": 2})]},
    "set": lambda x: {1, 2} if x.shape[-1] % 2 else {1},
    "function": lambda x: (lambda: x.shape[-1]) if x.shape[-1] % 2 else (lambda: 4),
    "generator": lambda x: (x[..., i] for i in range(2)) if x.shape[-1] % 2 else (x[..., i] for i in range(3)),
    "iterator": lambda x: iter([x]) if x.shape[-1] % 2 else iter([x, x]),
    "array": lambda x: np.ones(3) if x.shape[-1] % 2 else np.ones(4),
    "parameter": lambda x: nn.Parameter(torch.ones(3)) if x.shape[-1] % 2 else nn.Parameter(torch.ones(4)),
    "plain tensor": lambda x: torch.ones(3) if x.shape[-1] % 2 else torch.zeros(4),
    "input or a copy": lambda x: x if x.shape[-1] % 2 else x.clone(),
    "dtype as a value": lambda x: x.dtype if x.shape[-1] % 2 else torch.int64,
    "one of three": lambda x: (x, x[0], (x, x))[x.shape[-1] % 3],
}


def _describe(x: torch.Tensor, out: Any) -> None:
    """Raises for some of the outputs, by what they are."""
    if isinstance(out, torch.Tensor):
        need(out.dim() < 3 or out.dtype != torch.float32 or out.shape[-1] > 4)
        need(out is not x or x.shape[-1] != 7)
        need(not isinstance(out, nn.Parameter) or out.shape[0] == 4)
    elif isinstance(out, dict):
        need(list(out)[0] != "a" or x.shape[-1] > 5)
        if isinstance(out, defaultdict):
            need(out["new"] == 0)
        if 1 in out:
            need(out[1].shape[-1] > 3)
    elif isinstance(out, str):
        need(out == "odd")
    elif out is None:
        need(x.shape[-1] > 6)
    elif isinstance(out, bool):
        need(x.shape[-1] < 20)
    elif isinstance(out, int):
        need(out > 3 or x.shape[-1] < 10)
    elif isinstance(out, float):
        need(out > 1 and out != 3.5)
    elif isinstance(out, torch.Size):
        need(len(out) == 2 or out[2] > 5)
    elif isinstance(out, (Pair, Typed)):
        need(out.first.shape[-1] > 5 and out[1] is not None)
    elif isinstance(out, (tuple, list)):
        need(len(out) == 2 or isinstance(out, tuple))
    elif isinstance(out, (Output, Plain)):
        need(out.value.shape[-1] > 5)
    elif callable(out):
        need(out() > 3)
    elif isinstance(out, (set, np.ndarray)):
        need(len(out) in (1, 3))
    elif isinstance(out, Iterator):
        need(len(list(out)) != 2)
    elif isinstance(out, torch.dtype):
        need(out.is_floating_point)


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs_that_differ_in(name: str) -> None:
    inner = Of(lambda self, x: OUTPUTS[name](x))
    check = sound if name in ("generator", "iterator") else agrees  # which the second run of the caller finds used up
    check(Of(lambda self, x: _describe(x, self.inner(x)), inner=inner), X)


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_whole_module_gives_outputs_that_differ_in(name: str) -> None:
    agrees(Of(lambda self, x: OUTPUTS[name](x)), X)


def test_an_output_in_a_dict_goes_on() -> None:
    inner = Of(lambda self, x: {"y": x[..., ::2], "n": x.shape[-1] // 2})
    agrees(Of(lambda self, x: need((o := self.inner(x))["y"].shape[-1] == o["n"]), inner=inner), X)


def test_the_joined_output_is_the_input_itself_where_eager_returns_it() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        self.inner(x).unsqueeze_(0)
        need(x.dim() == 3)

    agrees(Of(forward, inner=Of(lambda self, x: x if x.shape[-1] % 2 else x.clone())), X)


def test_an_output_that_shares_memory_with_the_input_on_one_path() -> None:
    def forward(self: Any, n: torch.Tensor) -> None:
        self.inner(n).add_(1)
        need(n.item() % 2 == 0)

    sound(Of(forward, inner=Of(lambda self, n: n if n.item() % 2 else n.clone())), "i64[1] = T")
