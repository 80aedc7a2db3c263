"""The smallest size of its own input that a layer accepts, found by running the layer alone over a sweep of sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.fx
from torch import nn

from shapecheck.lengths.swept import Sweep, SweptBool, SweptFloat, SweptInt, at
from shapecheck.session import session
from shapecheck.smallest import smallest_by_rule
from shapecheck.tensor import Order, SweptTensor, make
from shapecheck.tracer import Tracer
from shapecheck.trees import kind_of, leaves, map_tree

_SIZES = (64, 2048)  # sweeps tried one after the other; where PyTorch executes each size, only the first
_SETTINGS = ("kernel_size", "stride", "padding", "dilation", "padding_mode", "output_padding", "groups", "in_channels")
_FUNCTIONS: dict[type[nn.Module], Any] = {
    nn.Conv1d: torch.conv1d,
    nn.Conv2d: torch.conv2d,
    nn.Conv3d: torch.conv3d,
    nn.ConvTranspose1d: torch.conv_transpose1d,
    nn.ConvTranspose2d: torch.conv_transpose2d,
    nn.ConvTranspose3d: torch.conv_transpose3d,
}
_known: dict[Any, int | None] = {}


class _Alone(nn.Module):
    """A function of torch as a module of its own."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


def needs_of(node: torch.fx.Node, axis: int | None) -> int | None:
    """The smallest size along the time axis that this layer accepts, its other sizes as they are; None if not decided.

    Where another argument varies with the length, too (a padding amount, say), it is the smallest size that occurred
    and was accepted.
    """
    args, kwargs = node.meta["arguments"]
    if axis is None or not args or not isinstance(args[0], torch.Tensor):
        return None
    live = node.meta["live"].values
    fails = node.meta.get("fails")
    accepted = live if fails is None else live & ~fails.values
    running = np.flatnonzero(accepted)
    sample = int(running[0]) if len(running) else int(np.flatnonzero(live)[-1])
    own = node.meta["inputs"][0]
    if _varies((args[1:], kwargs, _settings_of(node.meta.get("module")))):
        size = own[axis]
        if not len(running):
            return None
        return int(size.values[accepted].min()) if type(size) is SweptInt else int(size)
    others = tuple(at(size, sample) if position - len(own) != axis else None for position, size in enumerate(own))
    layer = node.meta.get("module") or node.target
    key = _key(layer, others)
    if key is not None and key in _known:
        return _known[key]
    result = _smallest_by_rule(layer, others, args, kwargs, args[0].dtype)
    if result is None:
        result = _smallest(layer, others, args, kwargs, args[0].dtype)
    if key is not None and len(_known) < 4096:
        _known[key] = result
    return result


def _varies(tree: Any) -> bool:
    return any(map(_varies_itself, leaves(tree)))


def _varies_itself(leaf: Any) -> bool:
    """Whether a number, or anything of a tensor, differs between lengths, as far as is known without computing it."""
    if type(leaf) is not SweptTensor:
        return type(leaf) in (SweptInt, SweptBool, SweptFloat)
    known = [] if leaf._values is None else list(leaf._values.flat)
    known += [] if leaf._bounds is None else [leaf._bounds.low, leaf._bounds.high]
    return not isinstance(leaf._strides, (Order, type(None))) or any(map(_varies_itself, (*leaf._dims, *known)))


def _settings_of(layer: Any) -> tuple[Any, ...]:
    return tuple(getattr(layer, name, None) for name in _SETTINGS)


def _key(layer: Any, others: tuple[Any, ...]) -> Any:
    """What decides the answer; None where that cannot be named."""
    if isinstance(layer, nn.Module):
        return (type(layer), _settings_of(layer), others) if hasattr(layer, "in_channels") else None
    return None


def _smallest_by_rule(layer: Any, others: tuple[Any, ...], args: Any, kwargs: Any, dtype: torch.dtype) -> int | None:
    """The same from the rule that the layer comes down to, without a run; None where that does not tell."""
    if not isinstance(layer, nn.Module):
        return smallest_by_rule(layer, others, args[1:], kwargs, dtype, _SIZES)
    function = _FUNCTIONS.get(kind_of(layer))
    if function is None or layer.padding_mode != "zeros":
        return None
    settings = (layer.weight, layer.bias, layer.stride, layer.padding, *_remaining(layer))
    return smallest_by_rule(function, others, settings, {}, dtype, _SIZES)


def _remaining(layer: Any) -> tuple[Any, ...]:
    """The settings of a conv layer past its padding, in the order of its function."""
    if layer.transposed:
        return layer.output_padding, layer.groups, layer.dilation
    return layer.dilation, layer.groups


def _smallest(layer: Any, others: tuple[Any, ...], args: Any, kwargs: Any, dtype: torch.dtype) -> int | None:
    module = layer if isinstance(layer, nn.Module) else _Alone(layer)
    for last in _SIZES:
        sweep = Sweep(1, last)
        tracer = Tracer(sweep, executions=20_000)
        with session(tracer):
            size = sweep.variable()
            tensor = make(tuple(size if other is None else other for other in others), dtype)
            rest, named = map_tree(lambda leaf: leaf, (args[1:], kwargs))
            outcomes = tracer.run(module, "forward", (tensor, *rest), named)
            works = np.zeros(len(sweep.lengths), dtype=np.bool_)
            for mask, _ in outcomes:
                works |= mask.values
            unsure = any(bool(doubt.lengths.values.any()) for doubt in tracer.record.doubts)
        if bool(works.any()) and not unsure:
            return int(np.argmax(works)) + 1
        if unsure or sweep.executed:
            return None
    return None
