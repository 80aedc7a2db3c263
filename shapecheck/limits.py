"""From the graph to what each layer asks of the lengths.

Plain passes over the recorded graph: nothing here decides a length, it only reads what the trace found.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch.fx
from torch import nn
from torch.nn.modules.conv import _ConvNd

from shapecheck.lengths.formula import fit
from shapecheck.lengths.lengthset import LengthSet
from shapecheck.lengths.swept import Int, SweptBool, SweptInt, is_plain, where
from shapecheck.needs import needs_of
from shapecheck.record import submodules
from shapecheck.report import (
    DRAWN,
    NOT_CALLED,
    NOT_FOLLOWED,
    SEE_LENGTHS,
    THE_MODULE,
    LayerLimit,
)
from shapecheck.tensor import Dims, SweptTensor
from shapecheck.trees import is_sequence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shapecheck.tracer import Tracer

_CONVOLUTIONS = {
    "conv1d": "Conv1d",
    "conv2d": "Conv2d",
    "conv3d": "Conv3d",
    "conv_transpose1d": "ConvTranspose1d",
    "conv_transpose2d": "ConvTranspose2d",
    "conv_transpose3d": "ConvTranspose3d",
}

ToSet = Callable[[SweptBool], LengthSet]
Geometry = tuple[
    tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]
]  # kernel, stride, padding, dilation


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of one layer, over all paths that the lengths took to it."""

    node: torch.fx.Node
    live: SweptBool
    fails: SweptBool | None
    axis: int | None  # the time axis, from the end
    before: Int | None  # size of its input along the time axis
    after: Int | None
    drawn: bool  # these differ for one length: random draws decide


def layers_of(tracer: Tracer, module: nn.Module, variable: str, proved: bool, to_set: ToSet) -> tuple[LayerLimit, ...]:
    """One entry for each call of a conv layer, each one never called, and each other call that refuses a length."""
    groups: dict[Any, list[torch.fx.Node]] = {}
    for node in tracer.record.graph.nodes:
        if node.op not in ("call_module", "call_function") or _is_inside(node, tracer.record.executed):
            continue
        if _is_conv(node) or node.meta.get("fails") is not None:
            operation = node.meta["operation"]
            which = (operation, geometry_of(node)[0] if _has_plain_kernel(node) else ())
            groups.setdefault((node.meta.get("call"), which), []).append(node)
    called = tuple(_limit(_merged(groups[key]), variable, proved, to_set) for key in _in_order(groups))
    names = {layer.name for layer in called}
    idle = [
        _idle(name or THE_MODULE, layer, to_set(tracer.sweep.never()), tracer.record.executed)
        for name, layer in submodules(module)
        if isinstance(layer, _ConvNd) and (name or THE_MODULE) not in names
    ]
    return (*called, *idle)


def _in_order(calls: Collection[Any]) -> list[Any]:
    """The calls of one layer in the order of execution; paths may have been followed in another one."""
    layers: dict[Any, list[Any]] = {}
    for call, operation in calls:
        layers.setdefault((tuple(path for path, _ in call), operation), []).append((call, operation))
    in_order = {layer: iter(sorted(found)) for layer, found in layers.items()}
    return [next(in_order[tuple(path for path, _ in call), operation]) for call, operation in calls]


def _is_inside(node: torch.fx.Node, executed: set[str]) -> bool:
    """Whether a layer was seen before its module turned out to be one that PyTorch executes as a whole."""
    return node.op == "call_module" and any(_is_part(str(node.target), module) for module in executed)


def _is_part(name: str, module: str) -> bool:
    return name != module and (not module or name.startswith(f"{module}."))


def _idle(name: str, layer: _ConvNd, nothing: LengthSet, executed: set[str]) -> LayerLimit:
    """A conv layer that the analyzed method reaches at no length, or not in sight of the analysis."""
    kernel_size, stride, padding, dilation = _settings(layer)
    followed = NOT_FOLLOWED if any(_is_part(name, module) for module in executed) else NOT_CALLED
    return LayerLimit(
        name=name,
        kind=type(layer).__name__,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        input_length=followed,
        output_length=followed,
        needs=None,
        minimum=None,
        rejects=nothing,
        is_conv=True,
        is_binding=False,
    )


def _is_conv(node: torch.fx.Node) -> bool:
    if node.op == "call_module":
        return isinstance(node.meta.get("module"), _ConvNd)
    return node.meta["operation"] in _CONVOLUTIONS


def _has_plain_kernel(node: torch.fx.Node) -> bool:
    """Whether a convolution is of one kernel size, not of one for each length: draws may lead to several."""
    return node.meta["operation"] in _CONVOLUTIONS and all(map(is_plain, geometry_of(node)[0]))


def _merged(nodes: list[torch.fx.Node]) -> _Call:
    first = nodes[0]
    live: SweptBool = first.meta["live"]
    fails: SweptBool | None = first.meta.get("fails")
    given, result = _input_dims(first), _output_dims(first)
    drawn = False
    for node in nodes[1:]:
        mine: SweptBool = node.meta["live"]
        both = (live & mine).values
        drawn = drawn or _differ(_input_dims(node), given, both) or _differ(_output_dims(node), result, both)
        given = _either(mine, _input_dims(node), given)
        result = _either(mine, _output_dims(node), result)
        live = live | mine
        more: SweptBool | None = node.meta.get("fails")
        fails = more if fails is None else fails if more is None else fails | more
    axis = _time_axis(given, live)
    before = given[axis] if axis is not None else None
    after = result[axis] if axis is not None and len(result) >= -axis else None
    if not _is_conv(first) and after is not None:
        own = varying(result)
        after = after if own is None else own
    return _Call(first, live, fails, axis, before, after, drawn)


def _differ(dims: Dims, others: Dims, lengths: NDArray[np.bool_]) -> bool:
    """Whether two runs of one layer for the same lengths saw different sizes: random draws led to them."""
    if not lengths.any() or not dims or not others:
        return False
    pairs = [(_column(one, lengths), _column(other, lengths)) for one, other in zip(dims, others, strict=False)]
    return len(dims) != len(others) or any(bool((one != other).any()) for one, other in pairs)


def _column(size: Int, lengths: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.full(int(lengths.sum()), size) if is_plain(size) else size.values[lengths]


def _either(lengths: SweptBool, dims: Dims, others: Dims) -> Dims:
    """The sizes at these lengths, and those at the others; of different ranks, of the last axes that both have."""
    if not dims or not others:
        return dims or others
    rank = min(len(dims), len(others))
    return tuple(where(lengths, one, other) for one, other in zip(dims[-rank:], others[-rank:], strict=True))


def _time_axis(dims: Dims, live: SweptBool) -> int | None:
    """The last axis, from the end, that varies with the variable; the last one of all if none does."""
    swept = {axis - len(dims): size for axis, size in enumerate(dims) if type(size) is SweptInt}
    changing = [axis for axis, size in swept.items() if len(np.unique(size.values[live.values])) > 1]
    return ([*changing[-1:], *reversed(swept), -1])[0] if dims else None


def _input_dims(node: torch.fx.Node) -> Dims:
    inputs: tuple[Dims, ...] = node.meta.get("inputs") or ()
    return inputs[0] if inputs else ()


def _output_dims(node: torch.fx.Node) -> Dims:
    result = node.meta.get("swept")
    return result._dims if type(result) is SweptTensor else ()


def varying(dims: Dims) -> Int | None:
    found = [size for size in dims if type(size) is SweptInt]
    return found[-1] if found else None


def _limit(call: _Call, variable: str, proved: bool, to_set: ToSet) -> LayerLimit:
    node, sweep = call.node, call.live.sweep
    works = call.live.values if call.fails is None else call.live.values & ~call.fails.values
    running = np.flatnonzero(works)
    rejects = sweep.never() if call.fails is None else call.fails
    kernel_size, stride, padding, dilation = geometry_of(node)
    accepted = SweptBool(sweep, works, None)
    return LayerLimit(
        name=name_of(node),
        kind=kind_of_node(node),
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        input_length=DRAWN if call.drawn else formula(call.before, call.live, variable, proved),
        output_length=DRAWN if call.drawn else formula(call.after, accepted, variable, proved),
        needs=needs_of(node, call.axis),
        minimum=sweep.first + int(running[0]) if len(running) else None,
        rejects=to_set(rejects),
        is_conv=_is_conv(node),
        is_binding=bool(rejects.values.any()),
    )


def formula(size: Int | None, live: SweptBool, variable: str, proved: bool) -> str:
    """A closed form of a size at all live lengths; "see lengths" where none fits, "-" where there is no size."""
    if size is None:
        return "-"
    if is_plain(size):
        return str(size)
    slope = None
    certificate = size.certificate
    if proved and certificate is not None and live.pattern is not None:
        slope = Fraction(certificate.rise, certificate.period)
    key = ("formula", id(size), live.values.tobytes() if not live.values.all() else b"", variable, slope)
    text = size.sweep.memo(key, lambda: fit(size.values, size.sweep.lengths, live.values, variable, slope))
    return text if text is not None else SEE_LENGTHS


def name_of(node: torch.fx.Node) -> str:
    layer: str = node.meta["layer"]
    if node.op == "call_module":
        return str(node.target) or THE_MODULE
    return f"{layer}.{node.meta['operation']}".lstrip(".")


def kind_of_node(node: torch.fx.Node) -> str:
    operation: str = node.meta["operation"]
    if node.op == "call_module":
        return operation
    if operation == "pad":
        args, kwargs = node.meta["arguments"]
        mode = kwargs.get("mode", args[2] if len(args) > 2 else "constant")
        return f"pad {mode}"
    return _CONVOLUTIONS.get(operation, operation)


def geometry_of(node: torch.fx.Node) -> Geometry:
    """The settings of a layer; empty for one without."""
    module = node.meta.get("module")
    if module is not None:
        if not hasattr(module, "kernel_size"):
            return (), (), (), ()
        if isinstance(module, _ConvNd):
            return _settings(module)
        rank = len(_tuple(module.kernel_size, 1)) or 1
        kernel, stride, padding, dilation = (
            _tuple(getattr(module, name, None), rank) for name in ("kernel_size", "stride", "padding", "dilation")
        )
        return kernel, stride, padding, dilation
    if node.meta["operation"] not in _CONVOLUTIONS:
        return (), (), (), ()
    args, kwargs = node.meta["arguments"]
    weight = args[1] if len(args) > 1 else kwargs["weight"]
    kernel = tuple(weight.shape[2:])
    transposed = "transpose" in node.meta["operation"]
    names = ("stride", "padding", *(("output_padding", "groups") if transposed else ()), "dilation")
    settings = {"stride": 1, "padding": 0, "dilation": 1, **dict(zip(names, args[3:], strict=False)), **kwargs}
    rank = len(kernel)
    rest = [_tuple(settings[name], rank) for name in ("stride", "padding", "dilation")]
    return kernel, rest[0], rest[1], rest[2]


def _settings(layer: _ConvNd) -> Geometry:
    padding = layer.padding
    if isinstance(padding, str):
        reach = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
        padding = tuple(r // 2 for r in reach) if padding == "same" else (0,) * len(reach)
    rank = len(layer.kernel_size)
    settings = (layer.kernel_size, layer.stride, padding, layer.dilation)
    kernel_size, stride, padding, dilation = (_tuple(value, rank) for value in settings)
    return kernel_size, stride, padding, dilation


def _tuple(value: Any, rank: int) -> tuple[int, ...]:
    if is_sequence(value):
        return tuple(map(_number, value))
    number = _number(value)
    return (number,) * max(rank, 1) if type(number) is int else ()


def _number(value: Any) -> Any:
    is_of_numpy = isinstance(value, np.integer)  # a product of NumPy's in a constructor
    return int(cast("int", value)) if is_of_numpy else value


__all__ = ["ToSet", "formula", "geometry_of", "kind_of_node", "layers_of", "name_of", "varying"]
