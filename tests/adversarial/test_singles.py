"""Axes of size 1: their strides are free, and decide how the result of a sum or of a convolution is laid out.

Drawn chains of views, copies and operations on operands that are laid out otherwise, with a `view` at the end, which
tells layouts apart.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.adversarial.against import Comparison, Of, agrees, compare, sound

Dims = list[Any]  # of sizes, and "T"

DENSE = int(os.environ.get("DENSE", "0"))  # chains; as `make attack` sets it
CHAINS, BLOCK = DENSE or 400, 50
MOST_OPEN = 4  # chains of a block with an unknown length
CONVOLUTIONS = {f"conv{c}{d}": nn.Conv2d(c, d, 1) for c in (1, 2, 3) for d in (1, 2)}


def _fixed(dims: Dims, *sizes: int) -> list[int]:
    """The axes of these sizes."""
    return [axis for axis, size in enumerate(dims) if size in sizes]


def _permuted(draw: random.Random, dims: Dims) -> str:
    axes = draw.sample(range(len(dims)), len(dims))
    dims[:] = [dims[axis] for axis in axes]
    return f"x.permute({axes})"


def _unsqueezed(draw: random.Random, dims: Dims) -> str:
    axis = draw.randint(0, len(dims))
    dims.insert(axis, 1)
    return f"x.unsqueeze({axis})"


def _reshaped(draw: random.Random, dims: Dims) -> str:
    sizes = [f"x.shape[{axis}]" for axis in range(len(dims))]
    axis = draw.randint(0, len(dims))
    sizes.insert(axis, "1")
    dims.insert(axis, 1)
    return f"x.reshape({', '.join(sizes)})"


def _squeezed(draw: random.Random, dims: Dims) -> str:
    axis = draw.choice(_fixed(dims, 1))
    del dims[axis]
    return f"x.squeeze({axis})"


def _selected(draw: random.Random, dims: Dims) -> str:
    axis = draw.choice(_fixed(dims, 1, 2, 3))
    del dims[axis]
    return f"x.select({axis}, 0)"


def _narrowed(draw: random.Random, dims: Dims) -> str:
    axis = draw.choice(_fixed(dims, 2, 3))
    dims[axis] = 1
    return f"x.narrow({axis}, {draw.randint(0, 1)}, 1)"


def _halved(draw: random.Random, dims: Dims) -> str:
    axis = draw.choice(_fixed(dims, 2))
    dims[axis] = 1
    return f"x.chunk(2, {axis})[1]"


def _expanded(draw: random.Random, dims: Dims) -> str:
    axis = draw.choice(_fixed(dims, 1))
    dims[axis] = 2
    return f"x.expand({[2 if a == axis else -1 for a in range(len(dims))]})"


def _summed(draw: random.Random, dims: Dims) -> str:
    axis = draw.choice(_fixed(dims, 1, 2, 3))
    dims[axis] = 1
    return f"x.sum({axis}, keepdim=True)"


def _convolved(draw: random.Random, dims: Dims) -> str:
    _, channels, _, _ = dims  # an image
    if channels == "T":
        raise ValueError
    made = draw.choice((1, 2))
    dims[1] = made
    return f"convolutions['conv{channels}{made}'](x)"


def _with_another(draw: random.Random, dims: Dims) -> str:
    """Beside an operand of some of its axes, which is laid out in any order; where x has size 1, it may have 2."""
    own = [size if size != "T" and draw.random() < 0.5 else 1 for size in dims[draw.randrange(len(dims)) :]]
    new = len(dims) - len(own)
    single = [axis for axis in range(new, len(dims)) if dims[axis] == 1]
    if single and draw.random() < 0.5:
        axis = draw.choice(single)
        dims[axis] = own[axis - new] = 2
    axes = draw.sample(range(len(own)), len(own))
    back = [axes.index(axis) for axis in range(len(own))]
    other = f"torch.zeros({[own[axis] for axis in axes]}).permute({back})"
    return draw.choice((f"x + {other}", f"{other} + x", f"torch.where({other} > 0, x, 1.0)"))


STEPS: tuple[Callable[[random.Random, Dims], str], ...] = (
    _permuted, _permuted, _unsqueezed, _reshaped, _squeezed, _selected, _narrowed, _halved, _expanded, _summed,
    _convolved, _with_another, _with_another, _with_another,
    lambda draw, dims: "x.clone()",
    lambda draw, dims: "x.contiguous()",
    lambda draw, dims: "torch.relu(x)",
    lambda draw, dims: "F.pad(x, (0, 0))",
    lambda draw, dims: f"x.flip({draw.randrange(len(dims))})",
)  # fmt: skip


def chain(number: int) -> tuple[str, list[str]]:
    """The input of a drawn program, and its expressions, each of the x before."""
    draw = random.Random(f"singles {number}")
    dims: Dims = [draw.choice((1, 1, 2, 3)) for _ in range(draw.choice((2, 3, 3, 4, 4)))]
    dims[draw.randrange(len(dims))] = "T"
    spec = f"f32[{', '.join(map(str, dims))}]"
    texts: list[str] = []
    count = draw.randint(2, 6)
    while len(texts) < count:
        after = list(dims)
        with suppress(IndexError, ValueError):  # no such axis, no image
            text = draw.choice(STEPS)(draw, after)
            if 1 <= len(after) <= 5:
                texts.append(text)
                dims = after
    return spec, [*texts, draw.choice(("x.view(-1)", "x.flatten(-2).view(-1)", "x.mT.view(-1)"))]


def _compared(number: int) -> tuple[str, Comparison]:
    spec, texts = chain(number)
    steps = [compile(text, "<step>", "eval") for text in texts]

    def forward(module: Any, x: torch.Tensor) -> torch.Tensor:
        names = {"torch": torch, "F": F, "convolutions": module.convolutions}
        for step in steps:
            x = eval(step, names, {"x": x})
        return x

    found = compare(Of(forward, convolutions=nn.ModuleDict(CONVOLUTIONS)), spec, lengths=(2, 6))
    return f"{number}: {spec}; {'; '.join(texts)}: {found}", found


@pytest.mark.parametrize("first", range(0, CHAINS, BLOCK))
def test_chains(first: int) -> None:
    found = [_compared(number) for number in range(first, first + BLOCK)]
    assert not [text for text, each in found if each.wrong]
    assert sum(bool(each.unknown) for _, each in found) <= MOST_OPEN, [text for text, each in found if each.unknown]
    assert 0 < sum(not each.report.valid for _, each in found) < BLOCK / 2


# an image whose channel came last: convolutions keep that format
IMAGES: dict[str, tuple[Callable[[Any, torch.Tensor], Any], str]] = {
    "permuted": (lambda self, x: self.layer(x.permute(0, 3, 1, 2)), "f32[2, T, 6, 1]"),
    "unsqueezed and moved": (lambda self, x: self.layer(x.unsqueeze(-1).movedim(-1, 1)), "f32[1, T, 6]"),
    "copied first": (lambda self, x: self.layer(x.permute(0, 3, 1, 2).clone()), "f32[2, T, 6, 1]"),
    "viewed first": (lambda self, x: self.layer(x.mT.view(1, 1, -1, 6)), "f32[1, 6, T]"),
    "as a signal": (lambda self, x: self.signal(x.mT), "f32[1, T, 1]"),
}

# at T = 1 the tensor is contiguous as it is, in whatever order its axes are
AT_ONE: dict[str, tuple[Callable[[Any, torch.Tensor], Any], str]] = {
    "convolved": (lambda self, x: self.wide(x.mT.contiguous()).view(1, -1), "f32[2, T, 3]"),
    "convolved outside": (lambda self, x: self.wide(self.turned(x)).view(1, -1), "f32[2, T, 3]"),
    "convolved inside": (lambda self, x: self.both(x).view(2, -1), "f32[2, T, 3]"),
    "expanded": (lambda self, x: x.permute(1, 2, 0).contiguous().expand(-1, 2, -1).clone().view(-1), "f32[3, T, 1]"),
}


@pytest.mark.parametrize("name", AT_ONE)
def test_a_copy_that_is_none_at_one_length(name: str) -> None:
    function, spec = AT_ONE[name]
    turned = Of(lambda self, x: x.mT.contiguous())
    wide = nn.Conv1d(3, 2, 1, padding=1)
    module = Of(function, turned=turned, wide=wide, both=nn.Sequential(turned, wide))
    assert set(compare(module, spec).unknown) <= {1}
    sound(module, spec)


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_whose_channel_came_last(name: str) -> None:
    function, spec = IMAGES[name]
    layers = {"layer": nn.Conv2d(1, 4, 3), "signal": nn.Conv1d(1, 4, 3)}
    sound(Of(lambda self, x: function(self, x).view(x.shape[0], -1), **layers), spec)
    agrees(Of(lambda self, x: function(self, x).reshape(x.shape[0], -1), **layers), spec)
