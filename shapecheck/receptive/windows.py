"""Operations that see a window of places: convolutions, pools, Fourier transforms of short frames."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from shapecheck.receptive.call import Call, Rule, collapsed, needs_constant
from shapecheck.receptive.hull import Hull, UnknownOperation
from shapecheck.receptive.places import padded


def convolution(
    call: Call, input: Hull, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Hull:  # fmt: skip
    """Each output sees kernel_size places, dilation apart, of all channels of its group."""
    needs_constant(weight, bias)
    kernel = _sizes(weight)[2:]
    rank = len(kernel)
    stride, dilation = _tuple(stride, rank), _tuple(dilation, rank)
    if isinstance(padding, str):
        reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        padding = tuple(r // 2 for r in reach) if padding == "same" else 0
    padding = _tuple(padding, rank)
    input = _channels(input, rank, groups, call.dims)
    for axis in range(-rank, 0):
        input = input.windows(axis, kernel[axis], stride[axis], dilation[axis], padding[axis], call.dims[axis])
    return input


def transposed(
    call: Call, input: Hull, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    groups: int = 1, dilation: Any = 1,
) -> Hull:  # fmt: skip
    """A convolution over the input with stride - 1 zeros between its elements."""
    needs_constant(weight, bias)
    kernel = _sizes(weight)[2:]
    rank = len(kernel)
    stride, padding, dilation = _tuple(stride, rank), _tuple(padding, rank), _tuple(dilation, rank)
    input = _channels(input, rank, groups, call.dims)
    for axis in range(-rank, 0):
        left = dilation[axis] * (kernel[axis] - 1) - padding[axis]
        input = input.stretched(axis, stride[axis])
        input = input.windows(axis, kernel[axis], 1, dilation[axis], left, call.dims[axis])
    return input


def pool(
    call: Call, input: Hull, kernel_size: Any, stride: Any = None, padding: Any = 0, *args: Any, **kwargs: Any
) -> list[Hull]:
    rank = int(call.operation.partition("pool")[2][0])
    dilation: Any = 1
    if call.operation.startswith("max"):
        dilation = kwargs.get("dilation", args[0] if args else 1)
    kernel, dilation, padding = (_tuple(value, rank) for value in (kernel_size, dilation, padding))
    stride = kernel if stride is None or stride == [] else _tuple(stride, rank)
    for axis in range(-rank, 0):
        input = input.windows(axis, kernel[axis], stride[axis], dilation[axis], padding[axis], call.dims[axis])
    return [input] * len(call.results)


def adaptive(call: Call, input: Hull, _output_size: Any, *_args: Any, **_kwargs: Any) -> list[Hull]:
    """Output i of o sees the places from floor(i n / o) up to ceil((i + 1) n / o) of n."""
    for axis in range(-int(call.operation[-2]), 0):
        varies = max(input.low.shape[axis], input.high.shape[axis]) > 1
        call.is_divided |= varies and call.dims[axis] < input.dims[axis] and not call.is_sized
        input = _parts(input, axis, call.dims[axis])
    return [input] * len(call.results)


def stft(
    call: Call, input: Hull, n_fft: int, hop_length: int | None = None, win_length: int | None = None,
    window: Any = None, center: bool = True, pad_mode: str = "reflect", *_args: Any, **named: Any,
) -> Hull:  # fmt: skip
    """Each frame sees the samples under its window, but for zeros at the window's ends."""
    if named.get("align_to_window"):
        raise UnknownOperation
    is_complex = len(call.dims) == len(input.dims) + 1  # otherwise real and imaginary parts are an axis of their own
    if center:
        input = padded(input, -1, n_fft // 2, n_fft // 2, pad_mode)
    first, last = _taps(call, n_fft, win_length, window)
    input = input.windows(
        -1, last - first + 1, hop_length or n_fft // 4, 1, -first, call.dims[-1 if is_complex else -2]
    )
    seen = input.each(lambda bound: bound.unsqueeze(-2))
    if not is_complex:
        seen = seen.each(lambda bound: bound.unsqueeze(-1))
    return seen.expanded(call.dims)


def istft(
    call: Call, input: Hull, n_fft: int, hop_length: int | None = None, win_length: int | None = None,
    window: Any = None, center: bool = True, *_args: Any, **_named: Any,
) -> Hull:  # fmt: skip
    """Each sample sees the frames whose windows, but for zeros at the ends, lie over it."""
    first, last = _taps(call, n_fft, win_length, window)
    seen = collapsed(input, (-2,)).each(lambda bound: bound.squeeze(-2)).stretched(-1, hop_length or n_fft // 4)
    left = last - (n_fft // 2 if center else 0)
    return seen.windows(-1, last - first + 1, 1, 1, left, call.dims[-1])


def _taps(call: Call, n_fft: int, win_length: int | None, window: Any) -> tuple[int, int]:
    """The first and the last sample of a frame that count."""
    length = win_length or n_fft
    first, last = 0, length - 1
    values = window.values if isinstance(window, Hull) else window
    if isinstance(values, Tensor) and not values.is_meta:
        counted = torch.nonzero(values.reshape(-1))
        if len(counted):
            first, last = int(counted[0]), int(counted[-1])
    elif window is not None:
        call.note = f"all of the window of {call.operation} is counted: it has no values on the meta device"
    offset = (n_fft - length) // 2
    return offset + first, offset + last


def _parts(hull: Hull, axis: int, count: int) -> Hull:
    axis %= len(hull.dims)
    size = hull.dims[axis]
    if size % count == 0:
        return hull.windows(axis, size // count, size // count, 1, 0, count)
    bounds = [(part * size // count, -(-(part + 1) * size // count)) for part in range(count)]
    low, high = hull.full()
    return Hull.of(
        torch.cat([low.narrow(axis, first, end - first).amin(axis, keepdim=True) for first, end in bounds], axis),
        torch.cat([high.narrow(axis, first, end - first).amax(axis, keepdim=True) for first, end in bounds], axis),
        hull.through,
    )


def _channels(hull: Hull, rank: int, groups: int, dims: tuple[int, ...]) -> Hull:
    """With the output's channels, each of which sees all input channels of its group."""
    axis = len(hull.dims) - rank - 1
    sizes = (*hull.dims[:axis], dims[axis], *hull.dims[axis + 1 :])
    if groups == 1 or hull.low.shape[axis] == hull.high.shape[axis] == 1:
        return collapsed(hull, (axis,)).expanded(sizes)
    each = collapsed(hull.each(lambda bound: bound.unflatten(axis, (groups, -1))), (axis + 1,))
    shape = (*hull.dims[:axis], groups, dims[axis] // groups, *hull.dims[axis + 1 :])
    return each.expanded(shape).each(lambda bound: bound.reshape(sizes))


def _sizes(weight: Any) -> tuple[int, ...]:
    return weight.dims if isinstance(weight, Hull) else tuple(weight.shape)


def _tuple(value: Any, rank: int) -> tuple[int, ...]:
    if not isinstance(value, (tuple, list)):
        return (int(value),) * rank
    return tuple(map(int, value)) if len(value) == rank else (int(value[0]),) * rank


_RANKS = ("1d", "2d", "3d")

ROWS: dict[str, Rule] = {
    **{f"conv{rank}": convolution for rank in _RANKS},
    **{f"conv_transpose{rank}": transposed for rank in _RANKS},
    **{f"{kind}_pool{rank}": pool for kind in ("max", "avg") for rank in _RANKS},
    **{f"max_pool{rank}_with_indices": pool for rank in _RANKS},
    **{f"adaptive_{kind}_pool{rank}": adaptive for kind in ("max", "avg") for rank in _RANKS},
    "stft": stft,
    "istft": istft,
}

WINDOWS = frozenset(name for name in ROWS if not name.startswith("adaptive"))

__all__ = ["ROWS", "WINDOWS"]
