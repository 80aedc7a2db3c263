"""torch's own layers, each by the function that it stands for."""

from __future__ import annotations

import re
from typing import Any

from torch import nn
from torch.nn.modules.activation import __all__ as activations
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.nn.modules.rnn import RNNBase, RNNCellBase

from shapecheck.receptive import mixing, places, windows
from shapecheck.receptive.call import Call, as_hull, collapsed, everything, hulls_of
from shapecheck.receptive.hull import Hull, UnknownOperation, union

_ELEMENTWISE = frozenset(activations) - {
    "MultiheadAttention", "Softmax", "LogSoftmax", "Softmin", "Softmax2d", "GLU",
}  # fmt: skip
_SAME = frozenset({"Identity", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"})
_MOVED = frozenset({"PixelShuffle", "PixelUnshuffle", "ChannelShuffle"})
_SAME_ORDER = frozenset({"Flatten", "Unflatten"})
_PADS = {"Zero": "constant", "Constant": "constant", "Reflection": "reflect", "Replication": "replicate",
         "Circular": "circular"}  # fmt: skip
_PAD = re.compile(r"(Zero|Constant|Reflection|Replication|Circular)Pad[123]d")
_POOL = re.compile(r"(Max|Avg)Pool([123])d")
_ADAPTIVE = re.compile(r"Adaptive(Max|Avg)Pool([123])d")


def layer(call: Call, module: Any, *args: Any, **kwargs: Any) -> Hull | list[Hull]:
    """What a layer's output depends on. Raises UnknownOperation."""
    kind = call.operation
    if isinstance(module, RNNBase):
        return _recurrent(call, module, args, kwargs)
    if isinstance(module, RNNCellBase):
        return _cell(call, args, kwargs)
    if kind == "MultiheadAttention":
        return _attention(call, module, *args, **kwargs)
    if kind == "PReLU":
        return args[0]
    if kind in _ELEMENTWISE:
        return mixing.elementwise(call, *args, **kwargs)
    input: Hull = kwargs.pop("input", None) or args[0]
    if kind in _SAME:
        return input
    if kind in _SAME_ORDER:
        return places.same_order(call, input)
    if kind in _MOVED:
        return input.each(module.forward)
    if isinstance(module, _ConvNd):
        return _convolution(call, module, input)
    if isinstance(module, nn.Linear):
        return mixing.linear(call, input, module.weight)
    if isinstance(module, nn.Embedding):
        return places.ROWS["embedding"](call, input, module.weight)
    if isinstance(module, (nn.Softmax, nn.LogSoftmax, nn.Softmin)):
        return mixing.along(call, input, _default_axis(input) if module.dim is None else module.dim)
    if kind == "Softmax2d":
        return mixing.along(call, input, -3)
    if isinstance(module, nn.GLU):
        return places.ROWS["glu"](call, input, module.dim)
    if isinstance(module, nn.Upsample):
        return places.ROWS["interpolate"](
            call, input, module.size, module.scale_factor, module.mode, module.align_corners,
            module.recompute_scale_factor,
        )  # fmt: skip
    if match := _PAD.fullmatch(kind):
        return places.ROWS["pad"](call, input, module.padding, _PADS[match[1]])
    if match := _POOL.fullmatch(kind):
        return _pool(call, module, input, *match.groups())
    if match := _ADAPTIVE.fullmatch(kind):
        name = f"adaptive_{match[1].lower()}_pool{match[2]}d"
        named = _named(call, name)
        result = windows.ROWS[name](named, input, module.output_size)
        call.is_divided = named.is_divided
        return result
    return _norm(call, module, input)


def _norm(call: Call, module: Any, input: Hull) -> Hull:
    if isinstance(module, _InstanceNorm):
        if module.track_running_stats and module.running_mean is not None:
            return input
        spatial = int(re.sub(r"\D", "", call.operation)[:1])
        return mixing.statistic(call, input, range(-spatial, 0))
    if isinstance(module, _BatchNorm):
        return mixing.batch_norm(call, input, training=module.running_mean is None)
    if isinstance(module, nn.GroupNorm):
        return mixing.group_norm(call, input, module.num_groups)
    if isinstance(module, nn.LayerNorm) or call.operation == "RMSNorm":
        return mixing.layer_norm(call, input, module.normalized_shape)
    raise UnknownOperation


def _convolution(call: Call, module: Any, input: Hull) -> Hull | list[Hull]:
    rank = len(module.kernel_size)
    weight, padding = module.weight, module.padding
    name = f"conv{'_transpose' if module.transposed else ''}{rank}d"
    if module.transposed:
        return windows.ROWS[name](
            call, input, weight, None, module.stride, padding, None, module.groups, module.dilation
        )
    if isinstance(padding, str) or module.padding_mode != "zeros":
        amounts = module._reversed_padding_repeated_twice
        for axis in range(rank):
            left, right = amounts[2 * (rank - 1 - axis)], amounts[2 * (rank - 1 - axis) + 1]
            input = places.padded(input, axis - rank, left, right, module.padding_mode)
        padding = 0
    return windows.ROWS[name](call, input, weight, None, module.stride, padding, module.dilation, module.groups)


def _pool(call: Call, module: Any, input: Hull, kind: str, rank: str) -> Any:
    name = f"{kind.lower()}_pool{rank}d"
    more = (module.dilation,) if kind == "Max" else ()
    return windows.ROWS[name](_named(call, name), input, module.kernel_size, module.stride, module.padding, *more)


def _named(call: Call, operation: str) -> Call:
    return Call(operation, call.function, call.results, call.length)


def _recurrent(call: Call, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Hull]:
    """Each step with all steps of its sequence, in one direction as well: what comes later sees more and more."""
    hulls = hulls_of((args, kwargs))
    input = hulls[0]
    if len(input.dims) != 3 or len(call.dims) != 3 or any(not hull.is_empty for hull in hulls[1:]):
        return [everything(hulls, dims) for dims in call.results]  # packed, or one sequence, or states that are given
    time = 1 if module.batch_first else 0
    seen = collapsed(input, (time, 2))
    batch = seen.each(lambda bound: bound.reshape(1, -1, 1))
    return [seen.expanded(call.dims), *[batch.expanded(dims) for dims in call.results[1:]]]


def _cell(call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Hull]:
    parts = [collapsed(hull, (-1,)) for hull in hulls_of((args, kwargs))]
    return [union(parts, dims) for dims in call.results]


def _attention(call: Call, module: Any, query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> list[Hull]:
    if not module.batch_first or len(as_hull(query).dims) == 2:
        return mixing.multi_head(call, query, key, value, *args, **kwargs)
    turned = [as_hull(side).each(lambda bound: bound.transpose(0, 1)) for side in (query, key, value)]
    sizes = [(call.dims[1], call.dims[0], call.dims[2]), *call.results[1:]]
    first, *rest = mixing.multi_head(Call(call.operation, None, sizes, call.length), *turned, *args, **kwargs)
    return [first.each(lambda bound: bound.transpose(0, 1)), *rest]


def _default_axis(input: Hull) -> int:
    return 0 if len(input.dims) in (0, 1, 3) else 1


__all__ = ["layer"]
