"""The smallest size of its own input that a layer accepts, found by running the layer alone over a sweep of sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.fx
from torch import nn

from shapecheck.lengths.swept import Sweep, SweptInt, at
from shapecheck.rules import RULES, Call, NoRule
from shapecheck.session import session
from shapecheck.tensor import SweptTensor, dims_of, make
from shapecheck.tracer import Tracer
from shapecheck.trees import kind_of, map_tree

_SIZES = (64, 2048)  # sweeps tried one after the other
_SETTINGS = ("kernel_size", "stride", "padding", "dilation", "padding_mode", "output_padding", "groups", "in_channels")
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
    if _varies((args[1:], kwargs)):
        size = own[axis]
        if not len(running):
            return None
        return int(size.values[accepted].min()) if type(size) is SweptInt else int(size)
    others = tuple(at(size, sample) if position - len(own) != axis else None for position, size in enumerate(own))
    layer = node.meta.get("module") or node.target
    key = _key(layer, others)
    if key is not None and key in _known:
        return _known[key]
    result = _smallest_of_conv(layer, others, args[0].dtype) if _is_plain_conv(layer) else None
    if result is None:
        result = _smallest(layer, others, args, kwargs, args[0].dtype)
    if key is not None and len(_known) < 4096:
        _known[key] = result
    return result


def _varies(tree: Any) -> bool:
    found: list[bool] = []

    def look(leaf: Any) -> None:
        if type(leaf) is SweptInt or (type(leaf) is SweptTensor and any(type(s) is SweptInt for s in dims_of(leaf))):
            found.append(True)

    map_tree(look, tree)
    return bool(found)


def _key(layer: Any, others: tuple[Any, ...]) -> Any:
    """What decides the answer; None where that cannot be named."""
    if isinstance(layer, nn.Module):
        settings = tuple(getattr(layer, name, None) for name in _SETTINGS)
        return (type(layer), settings, others) if hasattr(layer, "in_channels") else None
    return None


def _is_plain_conv(layer: Any) -> bool:
    return isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Conv3d)) and layer.padding_mode == "zeros"


def _smallest_of_conv(layer: Any, others: tuple[Any, ...], dtype: torch.dtype) -> int | None:
    """The same by the rule alone, which is what the layer comes down to; None where the rule does not tell."""
    function = {nn.Conv1d: torch.conv1d, nn.Conv2d: torch.conv2d, nn.Conv3d: torch.conv3d}.get(kind_of(layer))
    if function is None:
        return None
    sweep = Sweep(1, _SIZES[0])
    sweep.decide = lambda condition: bool(condition.values.all())  # sizes >= 1, the rule's only question
    size = sweep.variable()
    args = (make(tuple(size if other is None else other for other in others), dtype), layer.weight, layer.bias)
    settings = (layer.stride, layer.padding, layer.dilation, layer.groups)
    call = Call(sweep, sweep.always, function, (*args, *settings), {})
    try:
        RULES[function](call, *args, *settings)
    except NoRule:
        return None
    refused = call.refused()
    works = sweep.always.values if refused is None else ~refused.values
    return int(np.argmax(works)) + 1 if bool(works.any()) else None


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
        if unsure:
            return None
        if bool(works.any()):
            return int(np.argmax(works)) + 1
    return None
