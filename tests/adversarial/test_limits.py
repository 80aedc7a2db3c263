"""What the README says that the analysis cannot see or leaves open: today's answers, so that a cure shows itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests.adversarial.against import Of, X, compare, let, need

# README: "What it cannot see, since Python has no way to change it"
OF_SIZES: dict[str, Callable[[Any], Any]] = {
    "isinstance SymInt": lambda n: not isinstance(n, torch.SymInt),
    "type is int": lambda n: type(n) is int,
    "type equals int": lambda n: type(n) == int,  # noqa: E721
    "type in a tuple": lambda n: type(n) in (int, float),
    "class is int": lambda n: n.__class__ is int,
    "type is float of a half": lambda n: type(n / 2) is float,
    "dtype of an array": lambda n: np.array([n, 5]).dtype == np.int64,
    "issubdtype": lambda n: np.issubdtype(type(n), np.integer),
}
OF_SHAPES: dict[str, Callable[[torch.Tensor], Any]] = {
    "type is Size": lambda x: type(x.shape) is torch.Size,
}
OF_VALUES: dict[str, Callable[[torch.Tensor], Any]] = {
    "item is an int": lambda n: need(type(n.item()) is int),
    "numpy dtype": lambda n: need(n.numpy().dtype == np.int64),
}
OF_TENSORS: dict[str, Callable[[torch.Tensor], Any]] = {
    "type is Tensor": lambda x: need(type(x) is torch.Tensor and x.shape[-1] > 3),
    "type of the output is Tensor": lambda x: need(type(x + 1) is torch.Tensor and x.shape[-1] > 3),
    "has_torch_function": lambda x: need(not torch.overrides.has_torch_function((x,)) and x.shape[-1] > 3),
    "a private attribute": lambda x: need(not hasattr(x, "_dims") and not hasattr(x, "_node")),
    "identity of dropout": lambda x: need(F.dropout(x, training=False) is x or x.shape[-1] > 3),
}
UNSEEN: dict[str, tuple[Callable[[Any], Any], str]] = {
    **{f"size: {name}": (lambda x, p=p: need(p(x.shape[-1])), X) for name, p in OF_SIZES.items()},
    **{f"shape: {name}": (lambda x, p=p: need(p(x)), X) for name, p in OF_SHAPES.items()},
    **{f"value: {name}": (p, "i64[1] = T") for name, p in OF_VALUES.items()},
    **{f"tensor: {name}": (p, X) for name, p in OF_TENSORS.items()},
    "the stride of a varying axis at T = 1": (
        lambda x: torch.where(torch.ones(1, 1, 2).permute(2, 1, 0) > 0, x.mT.unsqueeze(0).relu(), 1.0).view(-1),
        "f32[2, T]",
    ),
}


@pytest.mark.parametrize("name", UNSEEN)
def test_what_cannot_be_seen(name: str) -> None:
    function, spec = UNSEEN[name]
    assert compare(Of(lambda self, x: function(x)), spec).wrong, "it can be seen now: move the row back"


# unknown, never wrong
OPEN: dict[str, Callable[[torch.Tensor], Any]] = {
    "json": lambda x: need(let(x.shape[-1], lambda n: json.dumps(n) == "5")),
    "unravel_index": lambda x: need(let(x.shape[-1], lambda n: np.unravel_index(n % 6, (2, 3))[0] == 1)),
    "broadcast_shapes": lambda x: need(let(x, lambda x: torch.broadcast_shapes(x.shape, (1, 1, 5)) == (1, 4, 5))),
}


@pytest.mark.parametrize("name", OPEN)
def test_what_is_left_open(name: str) -> None:
    found = compare(Of(lambda self, x: OPEN[name](x)), X)
    assert not found.wrong, str(found)
    assert found.unknown, "it is decided now: move the row back"


@pytest.mark.xfail(reason="a swept tensor's own fields are not hidden", raises=TypeError)
def test_an_attribute_named_like_a_field() -> None:
    compare(Of(lambda self, x: (setattr(x, "_dtype", 3), F.conv1d(x, torch.ones(1, 4, 3)))), X)
