"""Convolutions and poolings: windows that slide over the spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from shapecheck.layout import open_layout
from shapecheck.lengths.swept import Int, compare, is_plain, where
from shapecheck.rules.call import Call, NoRule, frozen
from shapecheck.tensor import (
    Dims,
    Lazy,
    Strides,
    SweptTensor,
    dims_of,
    has_loose_strides,
    is_plainly_contiguous,
    is_surely_contiguous,
    make,
    ordered,
    strides_of,
)

_DEPENDS = "the memory layout of a convolution of a permuted tensor depends on the backend"


def per_axis(value: Any, rank: int) -> tuple[Any, ...]:
    """`3` or `(3,)` or `(3, 1)` as one value for each spatial axis; what PyTorch says of another number is asked."""
    if isinstance(value, (tuple, list)):
        if len(value) == rank:
            return tuple(value)
        if len(value) != 1:
            raise NoRule
        value = value[0]
    if not is_plain(value) or type(value) is bool:
        raise NoRule
    return (value,) * rank


def _are_plain(*settings: Sequence[Any]) -> bool:
    return all(is_plain(value) for setting in settings for value in setting)


def _are_positive(*settings: Sequence[Any]) -> bool:
    return all(value >= 1 for setting in settings for value in setting)


def _plain_positive(*settings: Sequence[Any]) -> None:
    if not _are_plain(*settings) or not _are_positive(*settings):
        raise NoRule


def windows(size: Int, kernel: int, stride: int, padding: Int, dilation: int) -> Int:
    """Positions of a sliding window; may be < 1 where it does not fit."""
    reach = dilation * (kernel - 1)
    if stride == 1 and is_plain(padding) and 2 * padding == reach:
        return size
    return (size + (2 * padding - reach - 1)) // stride + 1  # (L + 2p - d(k-1) - 1) // s + 1


def _batched(call: Call, x: torch.Tensor, rank: int) -> tuple[Int, ...]:
    dims = dims_of(x)
    if len(dims) not in (rank + 1, rank + 2):
        raise NoRule
    call.positive(*dims)
    return dims


def _convolved(
    call: Call, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, rank: int, dilation: tuple[Any, ...]
) -> Dims:
    """The sizes of the argument; PyTorch needs one dtype, and one that its kernel is made for."""
    dims = dims_of(x)
    if len(dims) not in (rank + 1, rank + 2) or len(dims_of(weight)) != rank + 2:
        raise NoRule
    call.positive(*dims[:-rank])  # batch and channels
    for size in dims[-rank:]:
        call.need(size >= 1)  # "Only zero batch or zero channel inputs are supported"
    call.need_same_dtype(x, weight, bias)
    if _are_plain(dilation) and _are_positive(dilation):
        call.need_kernel((x.dtype, rank + 2), (x.dtype, rank + 2), dilation=dilation)
    return dims


def _layout(call: Call, input: torch.Tensor, rank: int, dims: Dims) -> Strides:
    """Contiguous but where the memory format of the input is channels last: there the backends differ."""
    if is_plainly_contiguous(input):
        return None
    channels_and_lengths = dims[-rank - 1 : -rank], dims[-rank:]
    if any(all(is_plain(size) and size == 1 for size in sizes) for sizes in channels_and_lengths):
        return ordered(tuple(range(len(dims))), loose=True)  # the memory formats differ in axes of size 1 only
    image = input if rank > 1 else _image(input)
    return call.in_format_of([image], dims, open_layout(_DEPENDS, is_dense=True))


def _image(input: torch.Tensor) -> SweptTensor:
    """A signal as the image of height 1 as which it is convolved."""
    source = frozen(input)
    dims = dims_of(source)

    def strides() -> Dims:
        steps = strides_of(source)
        batched = steps[:-2] or (steps[0] * dims[0],)
        return (*batched, steps[-2], steps[-1] * dims[-1], steps[-1])

    batch = dims[:-2] or (1,)
    layout: Strides = Lazy(strides, has_loose_strides(input))
    if is_surely_contiguous(input) and has_loose_strides(input):
        layout = ordered((0, 1, 2, 3), loose=True)
    return make((*batch, dims[-2], 1, dims[-1]), input.dtype, layout)


def convolution(rank: int) -> Any:
    """conv1d, conv2d, conv3d."""

    def rule(
        call: Call,
        input: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        stride, dilation = per_axis(stride, rank), per_axis(dilation, rank)
        dims = _convolved(call, input, weight, bias, rank, dilation)
        filters = dims_of(weight)
        kernel: Any = filters[2:]  # plain: checked below
        same = padding == "same"
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise NoRule
            padding = 0
        padding = per_axis(padding, rank)
        if not _are_plain(stride, padding, dilation, filters, (groups,)):
            raise NoRule
        if not _are_positive(stride, dilation, filters, (groups,)) or min(padding) < 0 or filters[0] % groups:
            return call.refuse()
        if (same and max(stride) > 1) or (bias is not None and dims_of(bias) != (filters[0],)):
            return call.refuse()
        call.need_equal(dims[-rank - 1], filters[1] * groups)
        out: list[Int] = [*dims[: -rank - 1], filters[0]]
        for axis in range(rank):
            size = dims[axis - rank]
            if same:  # d(k-1) zeros in all, the window always fits
                out.append(size)
                continue
            reach = dilation[axis] * (kernel[axis] - 1)
            call.need(size + 2 * padding[axis] >= reach + 1)
            out.append(windows(size, kernel[axis], stride[axis], padding[axis], dilation[axis]))
        return make(out, input.dtype, _layout(call, input, rank, tuple(out)))

    return rule


def transposed(rank: int) -> Any:
    """conv_transpose1d, conv_transpose2d, conv_transpose3d."""

    def rule(
        call: Call,
        input: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Any:
        stride, padding = per_axis(stride, rank), per_axis(padding, rank)
        output_padding, dilation = per_axis(output_padding, rank), per_axis(dilation, rank)
        dims = _convolved(call, input, weight, bias, rank, dilation)
        filters = dims_of(weight)
        kernel = filters[2:]
        if not _are_plain(stride, padding, output_padding, dilation, filters, (groups,)):
            raise NoRule
        if not _are_positive(stride, dilation, filters, (groups,)) or min(padding) < 0 or filters[0] % groups:
            return call.refuse()
        if bias is not None and dims_of(bias) != (filters[1] * groups,):
            return call.refuse()
        call.need_equal(dims[-rank - 1], filters[0])
        out: list[Int] = [*dims[: -rank - 1], filters[1] * groups]
        for axis in range(rank):
            extra = output_padding[axis]
            if not 0 <= extra < max(stride[axis], dilation[axis]):
                return call.refuse()  # "output padding must be smaller than either stride or dilation"
            reach = dilation[axis] * (kernel[axis] - 1)
            # (L - 1) s - 2p + d(k-1) + output_padding + 1
            size = (dims[axis - rank] - 1) * stride[axis] + (reach + extra + 1 - 2 * padding[axis])
            call.need(size >= 0)
            if not (compare(size, "!=", 0) | compare(dims[axis - rank], "<", 1)):  # the latter are refused
                raise NoRule  # some backends give an empty result, and some refuse
            out.append(size)
        return make(out, input.dtype, _layout(call, input, rank, tuple(out)))

    return rule


def _pooled(call: Call, size: Int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> Int:
    if not 0 <= padding <= kernel // 2:
        raise NoRule
    room = size + (2 * padding - dilation * (kernel - 1) - 1)
    if not ceil_mode:
        out = room // stride + 1
    else:
        out = (room + (stride - 1)) // stride + 1
        # the last window must start inside the input or its left padding
        starts_outside = (out - 1) * stride >= size + padding
        out = where(starts_outside, out - 1, out)
    call.need(out >= 1)
    return out


_DILATED = ("padding", "dilation", "ceil_mode", "return_indices")
_AVERAGED = ("padding", "ceil_mode", "count_include_pad", "divisor_override")


def pooling(rank: int, *, dilated: bool) -> Any:
    """avg_pool and max_pool over `rank` axes."""

    def rule(call: Call, input: torch.Tensor, kernel_size: Any, stride: Any = None, *rest: Any, **named: Any) -> Any:
        names = _DILATED if dilated else _AVERAGED
        if len(rest) > len(names) or named.keys() - set(names):
            raise NoRule
        named.update(zip(names, rest, strict=False))
        if named.get("return_indices") or named.get("divisor_override") == 0:
            raise NoRule
        dims = _batched(call, input, rank)
        kernel = per_axis(kernel_size, rank)
        stride = kernel if stride is None or stride == [] or stride == () else per_axis(stride, rank)
        padding = per_axis(named.get("padding", 0), rank)
        dilation = per_axis(named.get("dilation", 1), rank)
        _plain_positive(kernel, stride, dilation)
        if input.dtype not in (torch.float32, torch.float64):
            raise NoRule
        ceil_mode = bool(named.get("ceil_mode", False))
        if rank == 3 and not dilated:  # "input image smaller than kernel size", whatever the padding
            for size, reach in zip(dims[-rank:], kernel, strict=True):
                call.need(size >= reach)
        settings = zip(dims[-rank:], kernel, stride, padding, dilation, strict=True)
        out = [*dims[:-rank], *(_pooled(call, *axis, ceil_mode) for axis in settings)]
        return _as_image(call, out, input, rank) if not dilated else call.windowed(out, input)

    return rule


def adaptive(rank: int) -> Any:
    """adaptive_avg_pool1d, 2d, 3d: any input of at least one element gives the output size that was asked for."""

    def rule(call: Call, input: torch.Tensor, output_size: Any) -> SweptTensor:
        dims = _batched(call, input, rank)
        if isinstance(output_size, (tuple, list)) and len(output_size) != rank:
            raise NoRule
        wanted = per_axis(output_size, rank)
        if any(size is not None and (not is_plain(size) or size < 1) for size in wanted):
            raise NoRule
        if input.dtype not in (torch.float32, torch.float64):
            raise NoRule
        sizes = [dims[axis - rank] if size is None else size for axis, size in enumerate(wanted)]
        return _as_image(call, [*dims[:-rank], *sizes], input, rank)

    return rule


def _as_image(call: Call, dims: Sequence[Int], input: torch.Tensor, rank: int) -> SweptTensor:
    """The result of averaging; over one axis it is made as that of an image of height 1."""
    if rank > 1 or is_surely_contiguous(input):
        return call.windowed(dims, input)
    return make(dims, input.dtype, call.lazy_strides())


ROWS: dict[Any, Any] = {
    torch.conv1d: convolution(1),
    torch.conv2d: convolution(2),
    torch.conv3d: convolution(3),
    torch.conv_transpose1d: transposed(1),
    torch.conv_transpose2d: transposed(2),
    torch.conv_transpose3d: transposed(3),
    F.avg_pool1d: pooling(1, dilated=False),
    F.avg_pool2d: pooling(2, dilated=False),
    F.avg_pool3d: pooling(3, dilated=False),
    F.max_pool1d: pooling(1, dilated=True),
    F.max_pool2d: pooling(2, dilated=True),
    F.max_pool3d: pooling(3, dilated=True),
    torch.max_pool1d: pooling(1, dilated=True),
    torch.max_pool2d: pooling(2, dilated=True),
    torch.max_pool3d: pooling(3, dilated=True),
    F.adaptive_avg_pool1d: adaptive(1),
    F.adaptive_avg_pool2d: adaptive(2),
    F.adaptive_avg_pool3d: adaptive(3),
}
