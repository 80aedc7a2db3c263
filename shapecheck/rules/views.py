"""Views of a whole tensor: the same elements under another shape. `reshape` and `flatten` copy where there is none."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import torch

from shapecheck.layout import is_same
from shapecheck.lengths.swept import Int, Undecidable, compare, is_plain, where
from shapecheck.rules.axes import are_whole, axis_of, sizes_of
from shapecheck.rules.call import Call, NoRule, frozen
from shapecheck.rules.values import shares
from shapecheck.tensor import (
    LARGEST_VALUES,
    Bounds,
    Dims,
    Lazy,
    Strides,
    SweptTensor,
    dims_of,
    has_loose_strides,
    is_dense,
    is_surely_contiguous,
    known_values,
    make,
    order_of,
    ordered,
    product,
    strides_of,
)

_COUNTED = 2**20  # elements up to which the values of a plain tensor are looked at


def inherit(result: SweptTensor, source: torch.Tensor) -> SweptTensor:
    """Some of the same values in another arrangement: what was known of them all still holds."""
    if type(source) is SweptTensor:
        if source._values is not None or source._tainted:
            result._tainted = True
        bounds = source._bounds
        if bounds is not None:
            result._bounds = Bounds(bounds.low, bounds.high, exact=False)
    elif not source.is_meta and source.dtype in (torch.int64, torch.int32) and 0 < source.numel() <= _COUNTED:
        result._bounds = Bounds(int(source.min()), int(source.max()), exact=False)
    return result


def rearranged(result: SweptTensor, source: torch.Tensor, function: Any, *args: Any) -> SweptTensor:
    """All of the same values: exact ones as NumPy's function of the same effect arranges them."""
    values = known_values(source)
    if values is not None and type(source) is SweptTensor:
        try:
            result._values = np.asarray(function(values, *args), dtype=object)
            return result
        except (ValueError, IndexError, TypeError):
            pass
    inherit(result, source)
    if type(source) is SweptTensor:
        result._bounds = source._bounds
    return result


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
    whole, known = product(left), product(right)
    if len(wanted) == len(sizes):
        call.need_equal(whole, known)
        return tuple(sizes)
    if is_plain(known) and known == 1:
        rest: Int = whole
    else:
        rest = whole // known
        call.need_equal(rest * known, whole)
    return tuple(rest if is_plain(size) and size == -1 else size for size in sizes)


def view(call: Call, input: torch.Tensor, *shape: Any, **named: Any) -> Any:
    sizes = sizes_of(shape)
    if named or not sizes:
        raise NoRule
    if isinstance(sizes[0], torch.dtype):
        return _reinterpreted(input, sizes[0])
    if not are_whole(sizes):
        return call.refuse()
    out = view_sizes(call, dims_of(input), sizes)
    return _viewed(call, input, out)


def _reinterpreted(input: torch.Tensor, dtype: torch.dtype) -> SweptTensor:
    """The same memory as elements of another dtype."""
    if dtype.itemsize != input.dtype.itemsize or type(input) is not SweptTensor:
        if not is_surely_contiguous(input):
            raise Undecidable("a view as another dtype depends on strides that do not matter otherwise")
        raise NoRule
    exact = not dtype.is_floating_point and not dtype.is_complex
    return shares(make(dims_of(input), dtype, frozen(input)._strides, tainted=exact), input)


def view_as(call: Call, input: torch.Tensor, other: torch.Tensor) -> Any:
    return view(call, input, *dims_of(other))


def _viewed(call: Call, input: torch.Tensor, out: Dims) -> Any:
    strides: Strides
    parts = None if is_surely_contiguous(input) else _parts(dims_of(input), out)
    if parts is not None:  # no axes are merged: a view of any layout
        source = frozen(input)
        loose = has_loose_strides(input) or any(map(_may_be_one, out))
        strides = Lazy(lambda: _split_strides(strides_of(source), parts), loose, is_dense=is_dense(input))
        return shares(rearranged(make(out, input.dtype, strides), input, _reshaped, out), input)
    laid_out = None if is_surely_contiguous(input) else strides_of(input)
    if laid_out is None or is_surely_contiguous(input):  # what was open may have turned out contiguous
        strides = _contiguous_view(input, out)
    else:
        found = view_strides(dims_of(input), laid_out, out)
        if found is None:
            return call.refuse()  # "view size is not compatible with input tensor's size and stride"
        strides = Lazy(lambda: found, loose=True) if has_loose_strides(input) else found
    return shares(rearranged(make(out, input.dtype, strides), input, _reshaped, out), input)


def _reshaped(values: Any, out: Dims) -> Any:
    return values.reshape([int(size) for size in out])


def _parts(dims: Dims, out: Dims) -> list[list[Int]] | None:
    """The sizes into which a view splits each axis; None where it does more than that."""
    parts: list[list[Int]] = []
    rest = list(out)
    for size in dims:
        if not rest:
            return None
        own = [rest.pop(0)]
        while rest and is_plain(rest[0]) and not is_same(product(own), size):
            own.append(rest.pop(0))
        if not is_same(product(own), size):
            return None
        parts.append(own)
    if not parts or not all(is_same(size, 1) for size in rest):
        return None
    parts[-1] += rest
    return parts


def _split_strides(strides: Dims, parts: list[list[Int]]) -> Dims:
    return tuple(
        stride * product(sizes[place + 1 :])
        for stride, sizes in zip(strides, parts, strict=True)
        for place in range(len(sizes))
    )


def _contiguous_view(input: torch.Tensor, out: Dims) -> Strides:
    """The layout of a view of these sizes of a tensor that is surely contiguous."""
    has_own = type(input) is SweptTensor and input._strides is not None  # strides of axes of size 1
    return ordered(tuple(range(len(out))), loose=True) if has_own and any(map(_may_be_one, out)) else None


def _may_be_one(size: Int) -> bool:
    return size == 1 if is_plain(size) else int(size.values.min()) <= 1


def view_strides(dims: Dims, strides: Dims, out: Dims) -> Dims | None:
    """The strides of a view; None where there is none: `computeStride` of ATen/TensorUtils.cpp for positive sizes.

    Walks both shapes from the last axis on: axes whose memory is in one run are taken together, and each such run must
    be the product of some axes of the view. Where that differs between lengths, the execution is split.
    """
    found: list[Int] = [1] * len(out)
    position = len(out) - 1
    step: Any = strides[-1] if dims else 1
    run: Any = 1
    covered: Any = 1
    for axis in range(len(dims) - 1, -1, -1):
        run = run * dims[axis]
        if axis and (compare(dims[axis - 1], "==", 1) | compare(strides[axis - 1], "==", run * step)):
            continue
        while position >= 0 and (compare(covered, "<", run) | compare(out[position], "==", 1)):
            found[position] = covered * step
            covered = covered * out[position]
            position -= 1
        if compare(covered, "!=", run):
            return None
        if axis:
            step, run, covered = strides[axis - 1], 1, 1
    return tuple(found) if position < 0 or not dims else None


def reshape(call: Call, input: torch.Tensor, *shape: Any, **named: Any) -> Any:
    sizes = sizes_of((*shape, *named.values()))
    if not are_whole(sizes):
        return call.refuse()
    out = view_sizes(call, dims_of(input), sizes)
    # a reshape that cannot be a view copies; one that can keeps the strides of the view
    strides = _contiguous_view(input, out) if is_surely_contiguous(input) else call.lazy_strides()
    return shares(rearranged(make(out, input.dtype, strides), input, _reshaped, out), input)


def reshape_as(call: Call, input: torch.Tensor, other: torch.Tensor) -> Any:
    return reshape(call, input, *dims_of(other))


def ravel(call: Call, input: torch.Tensor) -> Any:
    return reshape(call, input, -1)


def flatten(call: Call, input: torch.Tensor, start_dim: int = 0, end_dim: int = -1) -> SweptTensor:
    dims = dims_of(input)
    if not dims:
        raise NoRule
    call.positive(*dims)
    first, last = axis_of(start_dim, len(dims)), axis_of(end_dim, len(dims))
    if first > last:
        raise NoRule
    out = (*dims[:first], product(dims[first : last + 1]), *dims[last + 1 :])
    strides = _contiguous_view(input, out) if is_surely_contiguous(input) else call.lazy_strides()
    return shares(rearranged(make(out, input.dtype, strides), input, _reshaped, out), input)


def unflatten(call: Call, input: torch.Tensor, dim: int, sizes: Any) -> Any:
    dims = dims_of(input)
    axis = axis_of(dim, len(dims))
    if not isinstance(sizes, (tuple, list)) or not sizes:
        raise NoRule
    if not are_whole(tuple(sizes)):
        return call.refuse()
    call.positive(*dims)
    part = view_sizes(call, (dims[axis],), tuple(sizes))
    return _viewed(call, input, (*dims[:axis], *part, *dims[axis + 1 :]))


def permute(call: Call, input: torch.Tensor, *order: Any, **named: Any) -> SweptTensor:
    rank = len(dims_of(input))
    axes = tuple(axis_of(axis, rank) for axis in sizes_of((*order, *named.values())))
    if sorted(axes) != list(range(rank)):
        raise NoRule
    return permuted(input, axes)


def permuted(input: torch.Tensor, axes: tuple[int, ...]) -> SweptTensor:
    """The axes in this order."""
    dims = dims_of(input)
    out = tuple(dims[axis] for axis in axes)
    order = order_of(input)
    if order is not None:
        strides = ordered(tuple(axes.index(axis) for axis in order.axes), loose=order.loose)
    else:
        source = frozen(input)
        loose = has_loose_strides(input)
        strides = Lazy(lambda: tuple(strides_of(source)[axis] for axis in axes), loose, is_dense=is_dense(input))
    return shares(rearranged(make(out, input.dtype, strides), input, np.transpose, axes), input)


def transpose(call: Call, input: torch.Tensor, dim0: int, dim1: int) -> SweptTensor:
    rank = len(dims_of(input))
    axes = list(range(rank))
    first, second = axis_of(dim0, rank), axis_of(dim1, rank)
    axes[first], axes[second] = axes[second], axes[first]
    return permuted(input, tuple(axes))


def matrix_transpose(call: Call, input: torch.Tensor) -> SweptTensor:
    rank = len(dims_of(input))
    if rank > 2:
        raise NoRule
    return permuted(input, tuple(range(rank - 1, -1, -1)))


def movedim(call: Call, input: torch.Tensor, source: Any, destination: Any) -> SweptTensor:
    rank = len(dims_of(input))
    sources, targets = sizes_of((source,)), sizes_of((destination,))
    if len(sources) != len(targets):
        raise NoRule
    moving = dict(zip([axis_of(a, rank) for a in targets], [axis_of(a, rank) for a in sources], strict=True))
    if len(moving) != len(targets) or len(set(moving.values())) != len(targets):
        raise NoRule
    staying = iter([axis for axis in range(rank) if axis not in moving.values()])
    return permuted(input, tuple(moving[axis] if axis in moving else next(staying) for axis in range(rank)))


def unsqueeze(call: Call, input: torch.Tensor, dim: int) -> SweptTensor:
    dims = dims_of(input)
    axis = axis_of(dim, len(dims) + 1)
    out = (*dims[:axis], 1, *dims[axis:])
    order = order_of(input)
    if order is not None:
        strides = ordered(_with_axis(order.axes, axis), loose=order.loose)
    else:
        source = frozen(input)
        strides = Lazy(lambda: _with_unit(strides_of(source), dims, axis), has_loose_strides(input))
    return shares(rearranged(make(out, input.dtype, strides), input, np.expand_dims, axis), input)


def _with_axis(order: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """With a new axis of size 1, whose stride is that of the next axis times its size, and 1 if it is the last."""
    moved = [a + (a >= axis) for a in order]
    place = moved.index(axis + 1) if axis + 1 in moved else len(moved)
    return (*moved[:place], axis, *moved[place:])


def _with_unit(strides: Dims, dims: Dims, axis: int) -> Dims:
    step: Any = strides[axis] * dims[axis] if axis < len(dims) else 1
    return (*strides[:axis], step, *strides[axis:])


def squeeze(call: Call, input: torch.Tensor, dim: Any = None) -> Any:
    dims = dims_of(input)
    if dim is None:
        axes = list(range(len(dims)))
    else:
        given = dim if isinstance(dim, (tuple, list)) else (dim,)
        axes = [axis_of(axis, max(len(dims), 1)) for axis in given]
        if len(set(axes)) != len(axes):
            return call.refuse()  # "dim 1 appears multiple times in the list of dims"
    dropped = [axis for axis in axes if dims and dims[axis] == 1]  # a swept size splits the execution here
    kept = [axis for axis in range(len(dims)) if axis not in dropped]
    order = order_of(input)
    out = tuple(dims[axis] for axis in kept)
    if order is not None:
        strides = ordered(tuple(kept.index(axis) for axis in order.axes if axis in kept), loose=order.loose)
    else:
        source = frozen(input)
        strides = Lazy(lambda: tuple(strides_of(source)[axis] for axis in kept), has_loose_strides(input))
    result = rearranged(make(out, input.dtype, strides), input, lambda values: np.squeeze(values, tuple(dropped)))
    return shares(result, input)


def expand(call: Call, input: torch.Tensor, *sizes: Any, **named: Any) -> Any:
    if set(named) - {"size", "implicit"}:
        raise NoRule
    dims = dims_of(input)
    wanted = sizes_of((*sizes, *([named["size"]] if "size" in named else [])))
    if len(wanted) < len(dims):
        raise NoRule
    if not are_whole(wanted):
        return call.refuse()
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

    source = frozen(input)

    def strides() -> Dims:
        old = strides_of(source)
        return (*((0,) * new), *(where(same, step, 0) for same, step in zip(kept, old, strict=True)))

    unchanged = not new and all(same is True for same in kept)
    layout: Strides = Lazy(strides, has_loose_strides(input))
    if unchanged and type(input) is SweptTensor:
        layout = input._strides
    elif unchanged and is_surely_contiguous(input):
        layout = None
    result = inherit(make(out, input.dtype, layout), input)
    values = known_values(input) if type(input) is SweptTensor else None
    plain = [size for size in out if is_plain(size)]
    if values is not None and len(plain) == len(out) and int(np.prod(plain)) <= LARGEST_VALUES:
        with contextlib.suppress(ValueError):  # PyTorch refuses it, too
            result._values, result._tainted = np.broadcast_to(values, plain).copy(), False
    return shares(result, input)


def broadcast_to(call: Call, input: torch.Tensor, size: Any) -> Any:
    return expand(call, input, *tuple(size))


def expand_as(call: Call, input: torch.Tensor, other: torch.Tensor) -> Any:
    return expand(call, input, *dims_of(other))


def _rows() -> dict[Any, Any]:
    rows: dict[Any, Any] = {
        torch.Tensor.view: view,
        torch.Tensor.view_as: view_as,
        torch.Tensor.reshape_as: reshape_as,
        torch.Tensor.expand: expand,
        torch.Tensor.expand_as: expand_as,
    }
    shared: dict[str, Any] = {
        "reshape": reshape, "ravel": ravel, "flatten": flatten, "unflatten": unflatten,
        "permute": permute, "transpose": transpose, "swapaxes": transpose, "swapdims": transpose, "t": matrix_transpose,
        "movedim": movedim, "moveaxis": movedim, "unsqueeze": unsqueeze, "squeeze": squeeze,
        "broadcast_to": broadcast_to,
    }  # fmt: skip
    for name, rule in shared.items():
        for owner in (torch, torch.Tensor):
            rows[getattr(owner, name)] = rule
    return rows


ROWS: dict[Any, Any] = _rows()
