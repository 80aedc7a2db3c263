"""New tensors made of the elements of others: joins, repetitions, copies, and other orders of the same elements."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from shapecheck.lengths.swept import Int, SweptInt, Undecidable, compare, is_plain, maximum, minimum
from shapecheck.rules.axes import axes_of, axis_of, is_number, sizes_of
from shapecheck.rules.call import Call, NoRule, frozen
from shapecheck.rules.preserved import preserved
from shapecheck.rules.values import carries, converted
from shapecheck.rules.views import inherit, rearranged
from shapecheck.tensor import (
    Bounds,
    Dims,
    Lazy,
    Strides,
    SweptTensor,
    contiguous_where,
    dims_of,
    is_surely_contiguous,
    known_values,
    make,
    ordered,
    strides_of,
)


def cat(call: Call, tensors: Any, dim: int = 0, **named: Any) -> SweptTensor:
    if named.keys() - {"axis", "out"} or named.get("out") is not None or not isinstance(tensors, (tuple, list)):
        raise NoRule
    dim = named.get("axis", dim)
    parts: list[Any] = list(tensors)
    if not parts or not all(isinstance(part, torch.Tensor) for part in parts):
        raise NoRule
    shapes = [dims_of(part) for part in parts]
    rank = len(shapes[0])
    if rank == 0 or any(len(shape) != rank for shape in shapes):
        raise NoRule  # the legacy case of an empty one-dimensional tensor, or an error
    axis = axis_of(dim, rank)
    for shape in shapes:
        if rank == 1:
            call.positive(shape[0])
    out = list(shapes[0])
    for shape in shapes[1:]:
        for position in range(rank):
            if position == axis:
                out[axis] = out[axis] + shape[axis]
            else:
                call.need_equal(out[position], shape[position])
    return _joined(call, parts, tuple(out), lambda values: np.concatenate(values, axis=axis))


def stack(call: Call, tensors: Any, dim: int = 0, **named: Any) -> SweptTensor:
    if named.get("out") is not None or not isinstance(tensors, (tuple, list)):
        raise NoRule
    parts: list[Any] = list(tensors)
    if not parts or not all(isinstance(part, torch.Tensor) for part in parts):
        raise NoRule
    first = dims_of(parts[0])
    axis = axis_of(dim, len(first) + 1)
    for part in parts[1:]:
        if len(dims_of(part)) != len(first):
            raise NoRule
        for size, other in zip(first, dims_of(part), strict=True):
            call.need_equal(size, other)
    out = (*first[:axis], len(parts), *first[axis:])
    return _joined(call, parts, out, lambda values: np.stack(values, axis=axis))


def _joined(call: Call, parts: list[torch.Tensor], out: Dims, function: Any) -> SweptTensor:
    dtype = parts[0].dtype
    for part in parts[1:]:
        dtype = torch.promote_types(dtype, part.dtype)
    result = make(out, dtype, call.in_format_of(parts, out, call.lazy_strides()))
    if not dtype.is_floating_point and not dtype.is_complex and any(carries(part) for part in parts):
        values = [known_values(part) for part in parts]
        if all(value is not None for value in values) and all(is_plain(size) for size in out):
            try:
                result._values = converted(function(values), dtype)
            except ValueError:  # PyTorch refuses it, too
                result._tainted = True
        else:
            _inherit_all(result, parts)
    return result


def _inherit_all(result: SweptTensor, parts: list[torch.Tensor]) -> None:
    """The bounds of all parts together; those of an input's own values are in range wherever they are."""
    for part in parts:
        own = inherit(make(dims_of(part), part.dtype), part)
        result._tainted = result._tainted or own._tainted or part.dtype != result.dtype
        if own._bounds is not None:
            before = result._bounds or own._bounds
            low, high = minimum(before.low, own._bounds.low), maximum(before.high, own._bounds.high)
            result._bounds = Bounds(low, high, exact=False)


def repeat(call: Call, input: torch.Tensor, *repeats: Any, **named: Any) -> SweptTensor:
    return _tiled(call, input, sizes_of((*repeats, *named.values())))


def tile(call: Call, input: torch.Tensor, *dims: Any, **named: Any) -> SweptTensor:
    times = sizes_of((*dims, *named.values()))
    return _tiled(call, input, (1,) * (len(dims_of(input)) - len(times)) + times)


def _tiled(call: Call, input: torch.Tensor, times: tuple[Any, ...]) -> SweptTensor:
    dims = dims_of(input)
    if len(times) < len(dims):
        raise NoRule
    for count in times:
        if not is_number(count) or not (count >= 1):
            raise NoRule
    padded = (1,) * (len(times) - len(dims)) + dims
    out = [count * size for count, size in zip(times, padded, strict=True)]
    if all(is_plain(size) for size in (*out, *times)):
        return rearranged(make(out, input.dtype), input, np.tile, times)
    return inherit(make(out, input.dtype), input)


def repeat_interleave(call: Call, input: torch.Tensor, repeats: Any, dim: Any = None, **named: Any) -> SweptTensor:
    """Each element as often as a number says."""
    if named.get("output_size") is not None or not is_number(repeats) or not (repeats >= 1):
        raise NoRule
    dims = dims_of(input)
    if dim is None:
        if len(dims) != 1:
            raise NoRule
        dim = 0
    axis = axis_of(dim, len(dims))
    out = make((*dims[:axis], dims[axis] * repeats, *dims[axis + 1 :]), input.dtype)
    if is_plain(repeats) and all(is_plain(size) for size in dims):
        return rearranged(out, input, np.repeat, repeats, axis)
    return inherit(out, input)


def contiguous(call: Call, input: torch.Tensor, *, memory_format: Any = torch.contiguous_format) -> Any:
    if memory_format is not torch.contiguous_format:
        raise NoRule
    if type(input) is SweptTensor and is_surely_contiguous(input):
        return input
    strides: Strides = None
    # a path of its own: where an axis has size 1, the others may be in order, and strides are kept
    if type(input) is SweptTensor and any(type(size) is SweptInt and size == 1 for size in dims_of(input)):
        try:
            if contiguous_where(input):
                return input
        except Undecidable:
            strides = ordered(tuple(range(len(dims_of(input)))), loose=True)
    return rearranged(make(dims_of(input), input.dtype, strides), input, np.copy)


def clone(call: Call, input: torch.Tensor, *, memory_format: Any = torch.preserve_format) -> SweptTensor:
    if memory_format not in (None, torch.contiguous_format, torch.preserve_format):
        raise NoRule
    strides = None if memory_format is torch.contiguous_format else preserved(input)
    return rearranged(make(dims_of(input), input.dtype, strides), input, np.copy)


def flip(call: Call, input: torch.Tensor, *dims: Any, **named: Any) -> Any:
    rank = len(dims_of(input))
    axes = [axis_of(axis, rank) for axis in sizes_of((*dims, *named.values()))]
    if len(set(axes)) != len(axes):
        return call.refuse()  # "dim 0 appears multiple times in the list of dims"
    return rearranged(make(dims_of(input), input.dtype, preserved(input)), input, np.flip, tuple(axes))


def roll(call: Call, input: torch.Tensor, shifts: Any, dims: Any = None) -> SweptTensor:
    own = dims_of(input)
    call.positive(*own)
    amounts = sizes_of((shifts,))
    axes = [] if dims is None or dims == () else axes_of(dims, len(own))
    if (axes and len(axes) != len(amounts)) or (not axes and len(amounts) != 1) or not all(map(is_number, amounts)):
        raise NoRule
    return inherit(make(own, input.dtype, call.in_format_of([input], own, call.lazy_strides())), input)


def triangle(call: Call, input: torch.Tensor, diagonal: Any = 0, **named: Any) -> SweptTensor:
    """tril and triu: some elements become 0."""
    dims = dims_of(input)
    if named or len(dims) < 2 or not is_number(diagonal):
        raise NoRule
    exact = not input.dtype.is_floating_point and not input.dtype.is_complex
    return make(dims, input.dtype, tainted=exact and carries(input))


def pixel_shuffle(call: Call, input: torch.Tensor, upscale_factor: int) -> Any:
    """[..., C r^2, H, W] to [..., C, H r, W r]."""
    dims = dims_of(input)
    if len(dims) < 3 or not is_plain(upscale_factor) or upscale_factor < 1:
        raise NoRule
    call.positive(*dims)
    call.need(compare(dims[-3] % upscale_factor**2, "==", 0))
    out = (*dims[:-3], dims[-3] // upscale_factor**2, dims[-2] * upscale_factor, dims[-1] * upscale_factor)
    return inherit(make(out, input.dtype, call.in_format_of([input], out, call.lazy_strides())), input)


def glu(call: Call, input: torch.Tensor, dim: int = -1) -> SweptTensor:
    """F.glu: the first half of an axis times the sigmoid of the second."""
    dims = dims_of(input)
    axis = axis_of(dim, len(dims))
    call.positive(*dims)
    if not input.dtype.is_floating_point:
        raise NoRule
    call.need(compare(dims[axis] % 2, "==", 0))  # "Halving dimension must be even"
    out = (*dims[:axis], dims[axis] // 2, *dims[axis + 1 :])
    return make(out, input.dtype, None if is_surely_contiguous(input) else call.lazy_strides())


def meshgrid(call: Call, *tensors: Any, indexing: str | None = None) -> Any:
    parts: list[Any] = list(sizes_of(tensors))
    if indexing not in ("ij", "xy", None) or not parts or not all(isinstance(part, torch.Tensor) for part in parts):
        raise NoRule
    if any(len(dims_of(part)) > 1 for part in parts) or len({part.dtype for part in parts}) != 1:
        return call.refuse()  # its text shows the values of the tensor, which is why it is not asked
    if any(not dims_of(part) for part in parts):
        raise NoRule
    order = list(range(len(parts)))
    if indexing == "xy" and len(parts) > 1:
        order[0], order[1] = 1, 0
    sizes: list[Int] = [dims_of(parts[position])[0] for position in order]
    results: list[SweptTensor] = []
    for position, part in enumerate(parts):
        axis = order.index(position)

        def strides(axis: int = axis, part: torch.Tensor = frozen(part)) -> Dims:  # noqa: B008  # as it is now
            return tuple(strides_of(part)[0] if place == axis else 0 for place in range(len(parts)))

        results.append(inherit(make(sizes, part.dtype, Lazy(strides)), part))
    return tuple(results)


def _rows() -> dict[Any, Any]:
    rows: dict[Any, Any] = {
        torch.stack: stack,
        torch.Tensor.contiguous: contiguous,
        torch.Tensor.repeat: repeat,
        torch.meshgrid: meshgrid,
        torch.pixel_shuffle: pixel_shuffle,
        F.glu: glu,
    }
    for function in (torch.cat, torch.concat, torch.concatenate):
        rows[function] = cat
    shared: dict[str, Any] = {
        "tile": tile, "repeat_interleave": repeat_interleave, "clone": clone, "flip": flip, "roll": roll,
        "tril": triangle, "triu": triangle,
    }  # fmt: skip
    for name, rule in shared.items():
        for owner in (torch, torch.Tensor):
            rows[getattr(owner, name)] = rule
    return rows


ROWS: dict[Any, Any] = _rows()
