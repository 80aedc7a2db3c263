"""Views of a part of a tensor: slices, single positions, and all the parts of a split."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from shapecheck.lengths.swept import Int, compare, is_plain, maximum, minimum, where
from shapecheck.rules.axes import axis_of, is_number
from shapecheck.rules.call import Call, NoRule, frozen
from shapecheck.rules.values import shares
from shapecheck.rules.views import inherit
from shapecheck.tensor import (
    Dims,
    Lazy,
    Strides,
    SweptTensor,
    dims_of,
    has_loose_strides,
    is_dense,
    is_plainly_contiguous,
    known_values,
    make,
    strides_of,
)


def chunk(call: Call, input: torch.Tensor, chunks: int, dim: int = 0) -> tuple[SweptTensor, ...]:
    dims = dims_of(input)
    axis = axis_of(dim, len(dims))
    if not is_plain(chunks) or chunks < 1:
        raise NoRule
    call.positive(dims[axis])
    step = (dims[axis] + (chunks - 1)) // chunks
    return _split_by(input, step, axis)


def split(call: Call, input: torch.Tensor, split_size_or_sections: Any = None, dim: int = 0, **named: Any) -> Any:
    if named.keys() - {"split_size", "split_sizes"}:
        raise NoRule
    sizes = named.get("split_size", named.get("split_sizes", split_size_or_sections))
    dims = dims_of(input)
    axis = axis_of(dim, len(dims))
    if isinstance(sizes, (tuple, list)):
        if not sizes:
            raise NoRule
        total: Any = 0
        for size in sizes:
            if not is_number(size) or not (size >= 0):
                raise NoRule
            total = total + size
        call.need_equal(total, dims[axis])
        return _parts(input, axis, list(sizes))
    if not is_number(sizes):
        raise NoRule
    call.positive(dims[axis], sizes)
    return _split_by(input, sizes, axis)


def _split_by(input: torch.Tensor, step: Int, axis: int) -> tuple[SweptTensor, ...]:
    size = dims_of(input)[axis]
    count = int((size + (step - 1)) // step)  # a number of tensors is a plain int: one run for each
    return _parts(input, axis, [*([step] * (count - 1)), size - step * (count - 1)])


def _parts(input: torch.Tensor, axis: int, sizes: list[Int]) -> tuple[SweptTensor, ...]:
    dims = dims_of(input)
    source = frozen(input)
    strides: Strides = Lazy(lambda: strides_of(source), has_loose_strides(input), is_dense=is_dense(input))
    if _is_leading(dims, axis) and is_plainly_contiguous(input):
        strides = None
    parts = [make((*dims[:axis], size, *dims[axis + 1 :]), input.dtype, strides) for size in sizes]
    values = known_values(input) if type(input) is SweptTensor else None
    if values is not None and all(is_plain(size) for size in sizes) and sum(sizes) == values.shape[axis]:
        stops = np.cumsum([int(size) for size in sizes])[:-1]
        for part, value in zip(parts, np.split(values, stops, axis=axis), strict=True):
            part._values = value
        return tuple(shares(part, input) for part in parts)
    return tuple(shares(inherit(part, input), input) for part in parts)


def _is_leading(dims: Dims, axis: int) -> bool:
    """Whether a part along this axis is one run of memory: there is one position only on all axes before it."""
    return all(is_plain(size) and size == 1 for size in dims[:axis])


def unbind(call: Call, input: torch.Tensor, dim: int = 0) -> tuple[SweptTensor, ...]:
    dims = dims_of(input)
    axis = axis_of(dim, len(dims))
    return tuple(_selected(input, axis, position) for position in range(int(dims[axis])))


def select(call: Call, input: torch.Tensor, dim: int, index: Int) -> SweptTensor:
    dims = dims_of(input)
    axis = axis_of(dim, len(dims))
    if not is_number(index):
        raise NoRule
    call.need(compare(index, "<", dims[axis]) & compare(index, ">=", -dims[axis]))
    return _selected(input, axis, index)


def _selected(input: torch.Tensor, axis: int, position: Any) -> SweptTensor:
    dims = dims_of(input)
    source = frozen(input)
    strides: Strides = Lazy(
        lambda: (*strides_of(source)[:axis], *strides_of(source)[axis + 1 :]),
        has_loose_strides(input),
        is_dense=is_dense(input),
    )
    if _is_leading(dims, axis) and is_plainly_contiguous(input):
        strides = None
    result = make((*dims[:axis], *dims[axis + 1 :]), input.dtype, strides)
    values = known_values(input) if type(input) is SweptTensor else None
    if values is not None and is_plain(position) and -values.shape[axis] <= position < values.shape[axis]:
        result._values = np.asarray(np.take(values, position, axis), dtype=object)
        return shares(result, input)
    return shares(inherit(result, input), input)


def narrow(call: Call, input: torch.Tensor, dim: int, start: Any, length: Any) -> SweptTensor:
    dims = dims_of(input)
    axis = axis_of(dim, len(dims))
    if not is_number(start) or not is_number(length) or not (start >= 0) or not (length >= 0):
        raise NoRule
    call.need(compare(start + length, "<=", dims[axis]))
    return _parts(input, axis, [dims[axis]])[0] if length is dims[axis] else _cut(input, axis, length)


def _cut(input: torch.Tensor, axis: int, length: Int, step: int = 1) -> SweptTensor:
    dims = dims_of(input)
    source = frozen(input)

    def stepped() -> Dims:
        old = strides_of(source)
        return (*old[:axis], old[axis] * step, *old[axis + 1 :])

    strides: Strides = Lazy(stepped, has_loose_strides(input), is_dense=is_dense(input))
    if step == 1 and _is_leading(dims, axis) and is_plainly_contiguous(input):
        strides = None
    return shares(inherit(make((*dims[:axis], length, *dims[axis + 1 :]), input.dtype, strides), input), input)


def sliced(input: torch.Tensor, axis: int, part: slice) -> torch.Tensor:
    """`x[..., start:stop:step]`; the tensor itself where that is all of it."""
    size = dims_of(input)[axis]
    step = 1 if part.step is None else part.step
    length = _count(size, part, step)
    if length is size and step == 1:
        return input
    result = _cut(input, axis, length, step)
    values = known_values(input) if type(input) is SweptTensor else None
    if values is not None and all(limit is None or is_plain(limit) for limit in (part.start, part.stop)):
        result._values = values[(slice(None),) * axis + (part,)]
        result._tainted = False
    return result


def _count(size: Int, part: slice, step: Any) -> Int:
    """The number of elements of a slice, its limits clamped as Python and torch do."""
    if not is_plain(step) or step < 1:
        raise NoRule
    start = _clamped(0 if part.start is None else part.start, size)
    stop = size if part.stop is None else _clamped(part.stop, size)
    span = maximum(stop - start, 0)
    return span if step == 1 else (span + (step - 1)) // step


def _clamped(position: Any, size: Int) -> Int:
    if not is_number(position):
        raise NoRule
    if is_plain(position):
        if position == 0:
            return 0
        if position >= 2**62:
            return size
        return maximum(size + position, 0) if position < 0 else minimum(size, position)
    shifted = where(position < 0, maximum(size + position, 0), position)
    return minimum(shifted, size)


def unfold(call: Call, input: torch.Tensor, dimension: int, size: Any, step: Any) -> SweptTensor:
    """x.unfold: windows along one axis, their elements on a new last axis."""
    dims = dims_of(input)
    axis = axis_of(dimension, len(dims))
    if not is_number(size) or not is_plain(step) or step < 1 or not (size >= 0):
        raise NoRule
    call.need(compare(size, "<=", dims[axis]))
    count: Any = (dims[axis] - size) // step + 1

    source = frozen(input)

    def strides() -> Dims:
        old = strides_of(source)
        return (*old[:axis], old[axis] * step, *old[axis + 1 :], old[axis])

    layout = Lazy(strides, has_loose_strides(input))
    result = inherit(make((*dims[:axis], count, *dims[axis + 1 :], size), input.dtype, layout), input)
    return shares(result, input)


def diagonal(call: Call, input: torch.Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> SweptTensor:
    dims = dims_of(input)
    first, second = axis_of(dim1, len(dims)), axis_of(dim2, len(dims))
    if first == second or not is_plain(offset):
        raise NoRule
    rows, columns = (dims[first], dims[second] - offset) if offset >= 0 else (dims[first] + offset, dims[second])
    rest = [axis for axis in range(len(dims)) if axis not in (first, second)]

    source = frozen(input)

    def strides() -> Dims:
        old = strides_of(source)
        return (*(old[axis] for axis in rest), old[first] + old[second])

    layout = Lazy(strides, has_loose_strides(input))
    size = maximum(minimum(rows, columns), 0)
    return shares(inherit(make((*(dims[axis] for axis in rest), size), input.dtype, layout), input), input)


def _rows() -> dict[Any, Any]:
    rows: dict[Any, Any] = {
        torch.Tensor.unfold: unfold,
        torch.split_with_sizes: split,
        torch.Tensor.split_with_sizes: split,
    }
    shared: dict[str, Any] = {
        "chunk": chunk, "split": split, "unbind": unbind, "select": select, "narrow": narrow, "diagonal": diagonal,
    }  # fmt: skip
    for name, rule in shared.items():
        for owner in (torch, torch.Tensor):
            rows[getattr(owner, name)] = rule
    return rows


ROWS: dict[Any, Any] = _rows()
