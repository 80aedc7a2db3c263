"""Operations that rearrange elements: views, slices, joins and splits."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from shapecheck.lengths.swept import Int, SweptInt, compare, is_plain, maximum, minimum, where
from shapecheck.rules.call import Call, NoRule
from shapecheck.rules.indexing import index_in_range
from shapecheck.tensor import (
    Bounds,
    Dims,
    Lazy,
    Strides,
    SweptTensor,
    dims_of,
    is_surely_contiguous,
    known_values,
    make,
    order_of,
    ordered,
    product,
    strides_of,
)


def axis_of(dim: Any, rank: int) -> int:
    if not is_plain(dim) or not -rank <= dim < rank:
        raise NoRule
    return dim % rank


def sizes_of(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """`view(2, -1)` and `view((2, -1))` alike."""
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        return tuple(args[0])
    return args


def inherit(result: SweptTensor, source: torch.Tensor) -> SweptTensor:
    """The same values in another arrangement: what was known of them all still holds."""
    if type(source) is SweptTensor:
        if source._values is not None or source._tainted:
            result._tainted = True
        result._bounds = source._bounds
    elif not source.is_meta and source.dtype in (torch.int64, torch.int32) and 0 < source.numel() <= 2**20:
        result._bounds = Bounds(int(source.min()), int(source.max()), exact=False)
    return result


def rearranged(result: SweptTensor, source: torch.Tensor, function: Any, *args: Any) -> SweptTensor:
    """`inherit`, and exact values where NumPy's function of the same effect gives them."""
    values = known_values(source)
    if values is not None and type(source) is SweptTensor:
        try:
            result._values = np.asarray(function(values, *args), dtype=object)
            return result
        except (ValueError, IndexError, TypeError):
            pass
    return inherit(result, source)


def view_sizes(call: Call, dims: Dims, sizes: tuple[Any, ...]) -> Dims:
    """The sizes with -1 resolved; equal sizes on both sides cancel, so that products stay small and provable."""
    wanted = [size for size in sizes if not (is_plain(size) and size == -1)]
    if len(sizes) - len(wanted) > 1:
        raise NoRule
    call.positive(*dims)
    for size in wanted:
        if not (size >= 1):
            raise NoRule
    left: list[Int] = []
    right = list(wanted)
    for size in dims:
        for position, other in enumerate(right):
            if other is size or (is_plain(other) and is_plain(size) and other == size):
                del right[position]
                break
        else:
            left.append(size)
    total, known = product(left), product(right)
    if len(wanted) == len(sizes):
        call.need_equal(total, known)
        return tuple(sizes)
    if is_plain(known) and known == 1:
        rest: Int = total
    else:
        rest = total // known
        call.need_equal(rest * known, total)
    return tuple(rest if is_plain(size) and size == -1 else size for size in sizes)


def view(call: Call, input: torch.Tensor, *shape: Any, **named: Any) -> SweptTensor:
    sizes = sizes_of(shape)
    if named or not sizes or isinstance(sizes[0], torch.dtype):
        raise NoRule
    out = view_sizes(call, dims_of(input), sizes)
    strides = None if is_surely_contiguous(input) else view_strides(call, dims_of(input), strides_of(input), out)
    return rearranged(make(out, input.dtype, strides), input, lambda values: values.reshape([int(s) for s in out]))


def view_strides(call: Call, dims: Dims, strides: Dims, out: Dims) -> Dims:
    """The strides of a view of a tensor that is not contiguous, where sizes of both sides can be matched in groups.

    Splitting an axis is always a view. Two axes can be merged if the outer one steps over the whole inner one, or if one of
    them has size 1: `computeStride` in ATen/TensorUtils.cpp.
    """
    result: list[Int] = []
    for old, new in _groups(dims, out):
        axes = [axis for axis in old if not (is_plain(dims[axis]) and dims[axis] == 1)]
        if len(axes) > 2:
            raise NoRule
        step: Any = strides[axes[-1]] if axes else 1
        if len(axes) == 2:
            outer, inner = axes
            merges = compare(strides[outer], "==", dims[inner] * strides[inner])
            call.need(merges | compare(dims[outer], "==", 1) | compare(dims[inner], "==", 1))
            step = where(compare(dims[inner], "==", 1), strides[outer], step)
        inside: list[Int] = []
        for position in reversed(new):
            inside.append(step)
            step = step * out[position]
        result += reversed(inside)
    return tuple(result)


def _groups(dims: Dims, out: Dims) -> list[tuple[list[int], list[int]]]:
    """Runs of axes of both sides with equal products, as short as they can be."""
    groups: list[tuple[list[int], list[int]]] = []
    left = right = 0
    while left < len(dims) or right < len(out):
        old, new = [left] if left < len(dims) else [], [right] if right < len(out) else []
        left, right = left + len(old), right + len(new)
        while True:
            mine, theirs = product([dims[axis] for axis in old]), product([out[axis] for axis in new])
            if mine is theirs or (is_plain(mine) and is_plain(theirs) and mine == theirs):
                break
            if right < len(out) and _divides(theirs, mine):
                new.append(right)
                right += 1
            elif left < len(dims):
                old.append(left)
                left += 1
            else:
                raise NoRule
        groups.append((old, new))
    return groups


def _divides(part: Int, whole: Int) -> bool:
    """Whether more axes are likely to make the part the whole; a wrong guess ends in NoRule."""
    if is_plain(part):
        return not is_plain(whole) or part < whole
    return not is_plain(whole) and bool((part.values <= whole.values).all())


def reshape(call: Call, input: torch.Tensor, *shape: Any, **named: Any) -> SweptTensor:
    sizes = sizes_of((*shape, *named.values()))
    out = view_sizes(call, dims_of(input), sizes)
    # a reshape that cannot be a view copies; one that can keeps the strides of the view
    strides: Strides = None if is_surely_contiguous(input) else call.lazy_strides()
    return rearranged(
        make(out, input.dtype, strides), input, lambda values: values.reshape([int(s) for s in out])
    )


def flatten(call: Call, input: torch.Tensor, start_dim: int = 0, end_dim: int = -1) -> SweptTensor:
    dims = dims_of(input)
    if not dims:
        raise NoRule
    call.positive(*dims)
    first, last = axis_of(start_dim, len(dims)), axis_of(end_dim, len(dims))
    if first > last:
        raise NoRule
    out = (*dims[:first], product(dims[first : last + 1]), *dims[last + 1 :])
    strides: Strides = None if is_surely_contiguous(input) else call.lazy_strides()
    return inherit(make(out, input.dtype, strides), input)


def unflatten(call: Call, input: torch.Tensor, dim: int, sizes: Any) -> SweptTensor:
    dims = dims_of(input)
    axis = axis_of(dim, len(dims))
    part = view_sizes(call, (dims[axis],), tuple(sizes))
    out = (*dims[:axis], *part, *dims[axis + 1 :])
    strides = None if is_surely_contiguous(input) else view_strides(call, dims, strides_of(input), out)
    return inherit(make(out, input.dtype, strides), input)


def permute(call: Call, input: torch.Tensor, *order: Any, **named: Any) -> SweptTensor:
    dims = dims_of(input)
    axes = sizes_of((*order, *named.values()))
    axes = tuple(axis_of(axis, len(dims)) for axis in axes)
    if sorted(axes) != list(range(len(dims))):
        raise NoRule
    return _permuted(input, axes)


def _permuted(input: torch.Tensor, axes: tuple[int, ...]) -> SweptTensor:
    dims = dims_of(input)
    out = tuple(dims[axis] for axis in axes)
    order = order_of(input)
    if order is not None:
        strides = ordered(out, tuple(axes.index(axis) for axis in order))
    else:
        strides = Lazy(lambda: tuple(strides_of(input)[axis] for axis in axes))
    return rearranged(make(out, input.dtype, strides), input, np.transpose, axes)


def transpose(call: Call, input: torch.Tensor, dim0: int, dim1: int) -> SweptTensor:
    rank = len(dims_of(input))
    axes = list(range(rank))
    first, second = axis_of(dim0, rank), axis_of(dim1, rank)
    axes[first], axes[second] = axes[second], axes[first]
    return _permuted(input, tuple(axes))


def matrix_transpose(call: Call, input: torch.Tensor) -> SweptTensor:
    rank = len(dims_of(input))
    if rank > 2:
        raise NoRule
    return _permuted(input, tuple(range(rank - 1, -1, -1)))


def unsqueeze(call: Call, input: torch.Tensor, dim: int) -> SweptTensor:
    dims = dims_of(input)
    axis = axis_of(dim, len(dims) + 1)
    out = (*dims[:axis], 1, *dims[axis:])
    order = order_of(input)
    if order is not None:
        strides = ordered(out, (axis, *(a + (a >= axis) for a in order)))
    else:
        strides = Lazy(lambda: _with_unit(strides_of(input), dims, axis))
    return rearranged(make(out, input.dtype, strides), input, np.expand_dims, axis)


def _with_unit(strides: Dims, dims: Dims, axis: int) -> Dims:
    step: Any = strides[axis] * dims[axis] if axis < len(dims) else 1
    return (*strides[:axis], step, *strides[axis:])


def squeeze(call: Call, input: torch.Tensor, dim: Any = None) -> SweptTensor:
    dims = dims_of(input)
    if dim is None:
        axes = range(len(dims))
    elif isinstance(dim, (tuple, list)):
        axes = [axis_of(axis, len(dims)) for axis in dim]
    else:
        axes = [axis_of(dim, len(dims))] if dims else []
    dropped = [axis for axis in axes if dims[axis] == 1]  # a swept size splits the execution here
    kept = [axis for axis in range(len(dims)) if axis not in dropped]
    order = order_of(input)
    out = tuple(dims[axis] for axis in kept)
    if order is not None:
        strides = ordered(out, tuple(kept.index(axis) for axis in order if axis in kept))
    else:
        strides = Lazy(lambda: tuple(strides_of(input)[axis] for axis in kept))
    result = make(out, input.dtype, strides)
    return rearranged(result, input, lambda values: np.squeeze(values, tuple(dropped)))


def expand(call: Call, input: torch.Tensor, *sizes: Any, **named: Any) -> SweptTensor:
    if set(named) - {"size", "implicit"}:
        raise NoRule
    dims = dims_of(input)
    wanted = sizes_of((*sizes, *([named["size"]] if "size" in named else [])))
    if len(wanted) < len(dims):
        raise NoRule
    new = len(wanted) - len(dims)
    out: list[Int] = []
    kept: list[Any] = []
    for position, size in enumerate(wanted):
        if position < new:
            if not (size >= 0):
                raise NoRule
            out.append(size)
            continue
        have = dims[position - new]
        if is_plain(size) and size == -1:
            size = have
        if size is not have:
            call.need((size == have) | (have == 1))
            if not (size >= 0):
                raise NoRule
        out.append(size)
        kept.append(True if size is have else size == have)

    def strides() -> Dims:
        old = strides_of(input)
        return (*((0,) * new), *(where(same, step, 0) for same, step in zip(kept, old, strict=True)))

    unchanged = not new and all(same is True for same in kept)
    layout: Strides = Lazy(strides)
    if unchanged and type(input) is SweptTensor:
        layout = input._strides
    elif unchanged and is_surely_contiguous(input):
        layout = None
    return inherit(make(out, input.dtype, layout), input)


def broadcast_to(call: Call, input: torch.Tensor, size: Any) -> SweptTensor:
    return expand(call, input, *tuple(size))


def expand_as(call: Call, input: torch.Tensor, other: torch.Tensor) -> SweptTensor:
    return expand(call, input, *dims_of(other))


def repeat(call: Call, input: torch.Tensor, *repeats: Any, **named: Any) -> SweptTensor:
    times = sizes_of((*repeats, *named.values()))
    dims = dims_of(input)
    if len(times) < len(dims):
        raise NoRule
    for count in times:
        if not (count >= 1):
            raise NoRule
    padded = (1,) * (len(times) - len(dims)) + dims
    out = [count * size for count, size in zip(times, padded, strict=True)]
    return inherit(make(out, input.dtype), input)


def cat(call: Call, tensors: Any, dim: int = 0, **named: Any) -> SweptTensor:
    if set(named) - {"axis"}:
        raise NoRule
    dim = named.get("axis", dim)
    tensors = list(tensors)
    if not tensors:
        raise NoRule
    shapes = [dims_of(tensor) for tensor in tensors]
    rank = len(shapes[0])
    if rank == 0 or any(len(shape) != rank for shape in shapes):
        raise NoRule  # the legacy case of an empty one-dimensional tensor, or an error
    axis = axis_of(dim, rank)
    out = list(shapes[0])
    for shape in shapes[1:]:
        for position in range(rank):
            if position == axis:
                out[axis] = out[axis] + shape[axis]
            else:
                call.need_equal(out[position], shape[position])
    for shape in shapes:
        if rank == 1 and not (shape[0] >= 1):
            raise NoRule
    dtype = tensors[0].dtype
    if any(tensor.dtype != dtype for tensor in tensors):
        dtype = torch_result_type(tensors)
    strides: Strides = None if call.plain_formats(*tensors) else call.lazy_strides()
    result = make(out, dtype, strides)
    values = [known_values(tensor) for tensor in tensors]
    if any(type(t) is SweptTensor and (t._values is not None or t._bounds is not None or t._tainted) for t in tensors):
        if all(value is not None for value in values):
            result._values = np.concatenate([value for value in values if value is not None], axis=axis)
        else:
            result._tainted = not dtype.is_floating_point
    return result


def torch_result_type(tensors: list[torch.Tensor]) -> torch.dtype:
    dtype = tensors[0].dtype
    for tensor in tensors[1:]:
        dtype = torch.promote_types(dtype, tensor.dtype)
    return dtype


def stack(call: Call, tensors: Any, dim: int = 0) -> SweptTensor:
    tensors = list(tensors)
    if not tensors:
        raise NoRule
    first = dims_of(tensors[0])
    axis = axis_of(dim, len(first) + 1)
    dtype = tensors[0].dtype
    for tensor in tensors[1:]:
        if len(dims_of(tensor)) != len(first) or tensor.dtype != dtype:
            raise NoRule
        for size, other in zip(first, dims_of(tensor), strict=True):
            call.need_equal(size, other)
    strides: Strides = None if call.plain_formats(*tensors) else call.lazy_strides()
    result = make((*first[:axis], len(tensors), *first[axis:]), dtype, strides)
    values = [known_values(tensor) for tensor in tensors]
    if any(type(t) is SweptTensor and (t._values is not None or t._bounds is not None or t._tainted) for t in tensors):
        if all(value is not None for value in values):
            result._values = np.stack([value for value in values if value is not None], axis=axis)
        else:
            result._tainted = not dtype.is_floating_point
    return result


def _parts(input: torch.Tensor, axis: int, sizes: list[Int]) -> tuple[SweptTensor, ...]:
    dims = dims_of(input)
    leading = all(is_plain(size) and size == 1 for size in dims[:axis])
    strides: Strides = None
    if not (leading and is_surely_contiguous(input)):
        strides = Lazy(lambda: strides_of(input))
    parts = [make((*dims[:axis], size, *dims[axis + 1 :]), input.dtype, strides) for size in sizes]
    values = known_values(input) if type(input) is SweptTensor else None
    if values is not None:
        stops = np.cumsum([int(size) for size in sizes])[:-1]
        for part, value in zip(parts, np.split(values, stops, axis=axis), strict=True):
            part._values = value
        return tuple(parts)
    return tuple(inherit(part, input) for part in parts)


def chunk(call: Call, input: torch.Tensor, chunks: int, dim: int = 0) -> tuple[SweptTensor, ...]:
    dims = dims_of(input)
    axis = axis_of(dim, len(dims))
    if not is_plain(chunks) or chunks < 1:
        raise NoRule
    call.positive(dims[axis])
    step = (dims[axis] + (chunks - 1)) // chunks
    return _split_by(call, input, step, axis)


def split(call: Call, input: torch.Tensor, split_size_or_sections: Any = None, dim: int = 0, **named: Any) -> Any:
    sizes = named.get("split_size", split_size_or_sections)
    dims = dims_of(input)
    axis = axis_of(dim, len(dims))
    if isinstance(sizes, (tuple, list)):
        total: Any = 0
        for size in sizes:
            if not (size >= 0):
                raise NoRule
            total = total + size
        call.need_equal(total, dims[axis])
        return _parts(input, axis, list(sizes))
    call.positive(dims[axis], sizes)
    return _split_by(call, input, sizes, axis)


def _split_by(call: Call, input: torch.Tensor, step: Int, axis: int) -> tuple[SweptTensor, ...]:
    size = dims_of(input)[axis]
    count = int((size + (step - 1)) // step)  # a number of tensors is a plain int: one run for each
    return _parts(input, axis, [*([step] * (count - 1)), size - step * (count - 1)])


def unbind(call: Call, input: torch.Tensor, dim: int = 0) -> tuple[SweptTensor, ...]:
    dims = dims_of(input)
    axis = axis_of(dim, len(dims))
    return tuple(_selected(input, axis, position) for position in range(int(dims[axis])))


def _selected(input: torch.Tensor, axis: int, position: Any) -> SweptTensor:
    dims = dims_of(input)
    leading = all(is_plain(size) and size == 1 for size in dims[:axis])
    strides: Strides = None
    if not (leading and is_surely_contiguous(input)):
        strides = Lazy(lambda: (*strides_of(input)[:axis], *strides_of(input)[axis + 1 :]))
    result = make((*dims[:axis], *dims[axis + 1 :]), input.dtype, strides)
    if is_plain(position):
        return rearranged(result, input, np.take, position, axis)
    return inherit(result, input)


def select(call: Call, input: torch.Tensor, dim: int, index: Int) -> SweptTensor:
    dims = dims_of(input)
    axis = axis_of(dim, len(dims))
    call.need((index < dims[axis]) & (index >= -dims[axis]))
    return _selected(input, axis, index)


def narrow(call: Call, input: torch.Tensor, dim: int, start: Any, length: Any) -> SweptTensor:
    dims = dims_of(input)
    axis = axis_of(dim, len(dims))
    if isinstance(start, torch.Tensor) or not (start >= 0) or not (length >= 0):
        raise NoRule
    call.need(start + length <= dims[axis])
    return _parts(input, axis, [dims[axis]])[0] if length is dims[axis] else _cut(input, axis, length)


def _cut(input: torch.Tensor, axis: int, length: Int, step: int = 1) -> SweptTensor:
    dims = dims_of(input)
    leading = all(is_plain(size) and size == 1 for size in dims[:axis])
    strides: Strides = None
    if not (leading and step == 1 and is_surely_contiguous(input)):

        def stepped() -> Dims:
            old = strides_of(input)
            return (*old[:axis], old[axis] * step, *old[axis + 1 :])

        strides = Lazy(stepped)
    return inherit(make((*dims[:axis], length, *dims[axis + 1 :]), input.dtype, strides), input)


def _slice_bounds(size: Int, part: slice) -> tuple[Int, Int]:
    """(start, number of elements), as Python and torch clamp them."""
    step = 1 if part.step is None else part.step
    if not is_plain(step) or step < 1:
        raise NoRule
    start = _clamped(0 if part.start is None else part.start, size)
    stop = size if part.stop is None else _clamped(part.stop, size)
    span = maximum(stop - start, 0)
    return start, span if step == 1 else (span + (step - 1)) // step


def _clamped(position: Any, size: Int) -> Int:
    if not (is_plain(position) or type(position) is SweptInt):
        raise NoRule
    if is_plain(position):
        if position == 0:
            return 0
        if position >= 2**62:
            return size
        return maximum(size + position, 0) if position < 0 else minimum(size, position)
    shifted = where(position < 0, maximum(size + position, 0), position)
    return minimum(shifted, size)


def index_select(call: Call, input: torch.Tensor, dim: int, index: torch.Tensor) -> SweptTensor:
    dims = dims_of(input)
    axis = axis_of(dim, len(dims))
    if len(dims_of(index)) != 1 or index.dtype not in (torch.int64, torch.int32):
        raise NoRule
    index_in_range(call, index, dims[axis])
    result = make((*dims[:axis], dims_of(index)[0], *dims[axis + 1 :]), input.dtype)
    return inherit(result, input)


def gather(call: Call, input: torch.Tensor, dim: int, index: torch.Tensor, **named: Any) -> SweptTensor:
    dims, wanted = dims_of(input), dims_of(index)
    axis = axis_of(dim, len(dims))
    if named or len(wanted) != len(dims) or index.dtype != torch.int64:
        raise NoRule
    index_in_range(call, index, dims[axis])
    for position, (size, limit) in enumerate(zip(wanted, dims, strict=True)):
        if position != axis and size is not limit:
            call.need(size <= limit)
    return inherit(make(wanted, input.dtype), input)


def _gathered(input: torch.Tensor, index: torch.Tensor) -> SweptTensor:
    """Known values picked by known positions."""
    values, positions = known_values(input), known_values(index)
    if type(input) is not SweptTensor or values is None or values.ndim != 1 or positions is None:
        raise NoRule
    if not all(is_plain(position) and -len(values) <= position < len(values) for position in positions.flat):
        raise NoRule
    picked = values[positions.astype(np.int64)]
    return make(dims_of(index), input.dtype, values=np.asarray(picked, dtype=object))


def getitem(call: Call, input: torch.Tensor, index: Any) -> SweptTensor:
    if isinstance(index, torch.Tensor) and index.dtype == torch.int64:
        return _gathered(input, index)
    parts = list(index) if isinstance(index, tuple) else [index]
    for part in parts:
        known = part is None or part is Ellipsis or type(part) is slice or type(part) is SweptInt
        if not known and not (is_plain(part) and not isinstance(part, bool)):
            raise NoRule
    dims = dims_of(input)
    consumed = sum(1 for part in parts if part is not None and part is not Ellipsis)
    ellipses = [position for position, part in enumerate(parts) if part is Ellipsis]
    if consumed > len(dims) or len(ellipses) > 1:
        raise NoRule
    fill: list[Any] = [slice(None)] * (len(dims) - consumed)
    if ellipses:
        parts[ellipses[0] : ellipses[0] + 1] = fill
    else:
        parts += fill
    result: torch.Tensor = input
    axis = 0
    for part in parts:
        if part is None:
            result = unsqueeze(call, result, axis)
            axis += 1
        elif type(part) is slice:
            size = dims_of(result)[axis]
            if part.start is not None or part.stop is not None or part.step is not None:
                _, length = _slice_bounds(size, part)
                step = 1 if part.step is None else part.step
                if length is not size or step != 1:
                    result = _sliced(result, axis, part, length, step)
            axis += 1
        else:
            result = select(call, result, axis, part)
    if result is input:  # x[:], x[...]: a view of everything
        strides: Strides = None if is_surely_contiguous(input) else Lazy(lambda: strides_of(input))
        return rearranged(make(dims, input.dtype, strides), input, np.copy)
    assert type(result) is SweptTensor
    return result


def _sliced(input: torch.Tensor, axis: int, part: slice, length: Int, step: int) -> SweptTensor:
    result = _cut(input, axis, length, step)
    values = known_values(input) if type(input) is SweptTensor else None
    plain = all(limit is None or is_plain(limit) for limit in (part.start, part.stop))
    if values is not None and plain and is_plain(length):
        result._values = values[(slice(None),) * axis + (part,)]
        result._tainted = False
    return result


def setitem(call: Call, input: torch.Tensor, index: Any, value: Any) -> None:
    """x[index] = value: the value broadcasts to the slice."""
    from shapecheck.rules.pointwise import broadcast

    target = getitem(call, input, index)
    if isinstance(value, torch.Tensor):
        shape = dims_of(value)
        while len(shape) > len(target._dims) and is_plain(shape[0]) and shape[0] == 1:
            shape = shape[1:]  # leading axes of size 1 are dropped
        dims = broadcast(call, [target._dims, shape])
        if len(dims) != len(target._dims):
            raise NoRule
        for size, wanted in zip(target._dims, dims, strict=True):
            call.need_equal(size, wanted)
    if type(input) is not SweptTensor:
        call.written.append(input)
    elif not input.dtype.is_floating_point:
        carries = input._values is not None or input._bounds is not None or input._tainted
        if carries or isinstance(value, torch.Tensor):
            input._values, input._bounds, input._tainted = None, None, True


def contiguous(call: Call, input: torch.Tensor, *, memory_format: Any = torch.contiguous_format) -> Any:
    if memory_format is not torch.contiguous_format:
        raise NoRule
    if type(input) is SweptTensor and input._strides is None:
        return input
    return rearranged(make(dims_of(input), input.dtype), input, np.copy)


def clone(call: Call, input: torch.Tensor, *, memory_format: Any = torch.preserve_format) -> SweptTensor:
    if memory_format is torch.contiguous_format or is_surely_contiguous(input):
        return rearranged(make(dims_of(input), input.dtype), input, np.copy)
    return inherit(call.out(dims_of(input), input), input)


def flip(call: Call, input: torch.Tensor, *dims: Any, **named: Any) -> SweptTensor:
    axes = sizes_of((*dims, *named.values()))
    for axis in axes:
        axis_of(axis, len(dims_of(input)))
    return inherit(call.out(dims_of(input), input), input)


def reduction(call: Call, input: torch.Tensor, dim: Any = None, keepdim: bool = False, **named: Any) -> SweptTensor:
    """mean, sum and the like over given axes of a floating point tensor."""
    dims = dims_of(input)
    if set(named) - {"keepdims", "axis"} or not input.dtype.is_floating_point or isinstance(dim, bool):
        raise NoRule
    dim = named.get("axis", dim)
    keepdim = bool(named.get("keepdims", keepdim))
    call.positive(*dims)
    if dim is None:
        axes = list(range(len(dims)))
    else:
        axes = [axis_of(axis, len(dims)) for axis in (dim if isinstance(dim, (tuple, list)) else (dim,))]
        if not axes or len(set(axes)) != len(axes):
            raise NoRule
    out = [1 if axis in axes else size for axis, size in enumerate(dims) if keepdim or axis not in axes]
    return make(out, input.dtype)


def _rows() -> dict[Any, Any]:
    rows: dict[Any, Any] = {}
    shared: dict[str, Any] = {
        "reshape": reshape,
        "flatten": flatten,
        "unflatten": unflatten,
        "permute": permute,
        "transpose": transpose,
        "swapaxes": transpose,
        "swapdims": transpose,
        "t": matrix_transpose,
        "unsqueeze": unsqueeze,
        "squeeze": squeeze,
        "chunk": chunk,
        "split": split,
        "unbind": unbind,
        "select": select,
        "narrow": narrow,
        "clone": clone,
        "flip": flip,
        "mean": reduction,
        "sum": reduction,
    }
    for name, rule in shared.items():
        for owner in (torch, torch.Tensor):
            function = getattr(owner, name, None)
            if function is not None:
                rows[function] = rule
    rows[torch.Tensor.view] = view
    rows[torch.Tensor.expand] = expand
    rows[torch.Tensor.expand_as] = expand_as
    rows[torch.broadcast_to] = rows[torch.Tensor.broadcast_to] = broadcast_to
    rows[torch.Tensor.repeat] = repeat
    rows[torch.Tensor.__getitem__] = getitem
    rows[torch.Tensor.__setitem__] = setitem
    rows[torch.Tensor.contiguous] = contiguous
    for function in (torch.cat, torch.concat, torch.concatenate):
        rows[function] = cat
    rows[torch.stack] = stack
    rows[torch.gather] = rows[torch.Tensor.gather] = gather
    rows[torch.index_select] = rows[torch.Tensor.index_select] = index_select
    return rows


ROWS: dict[Any, Any] = _rows()
