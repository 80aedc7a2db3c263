"""Indexing: `x[...]` with numbers, slices, tensors and masks, assignments to it, and the functions that pick elements.

Numbers, slices and None give a view; index tensors then pick from it, and their values must be in range.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from shapecheck.lengths.swept import SweptInt, Undecidable, compare, is_plain
from shapecheck.rules.axes import axis_of, is_number
from shapecheck.rules.call import Call, NoRule, frozen
from shapecheck.rules.indexing import index_in_range
from shapecheck.rules.pointwise import broadcast
from shapecheck.rules.slicing import select, sliced
from shapecheck.rules.values import carries, limits, shares, spoil
from shapecheck.rules.views import inherit, rearranged, unsqueeze
from shapecheck.tensor import (
    Dims,
    Lazy,
    Strides,
    SweptTensor,
    dims_of,
    has_loose_strides,
    is_surely_contiguous,
    known_values,
    make,
    product,
    strides_of,
)

_INDEX = (torch.int64, torch.int32)
_BASIC = (torch.int64, torch.int32, torch.int16, torch.int8)  # a tensor of one such number is that number


def getitem(call: Call, input: torch.Tensor, index: Any) -> torch.Tensor:
    view, picked = _viewed(call, input, _parts(index))
    if picked:
        return _picked(call, view, picked)
    if view is input:  # x[:], x[...]: a view of everything
        source = frozen(input)
        strides: Strides = Lazy(lambda: strides_of(source), has_loose_strides(input))
        if is_surely_contiguous(input):
            strides = source._strides if type(source) is SweptTensor else None
        return shares(rearranged(make(dims_of(input), input.dtype, strides), input, np.copy), input)
    return view


def setitem(call: Call, input: torch.Tensor, index: Any, value: Any) -> None:
    """x[index] = value: the value broadcasts to what x[index] is, its leading axes of size 1 dropped."""
    if not isinstance(value, torch.Tensor) and not _fits(value, input.dtype):
        raise NoRule
    parts = _parts(index)
    if len(parts) == 1 and isinstance(parts[0], torch.Tensor) and _is_unknown_mask(parts[0]):
        _fill_mask(call, input, parts[0], value)
    else:
        view, picked = _viewed(call, input, parts)
        if picked:
            if isinstance(value, torch.Tensor):
                masks = [part.dtype == torch.bool for part in parts if isinstance(part, torch.Tensor)]
                if masks == [True] and all(is_plain(size) and size == 1 for size in dims_of(value)):
                    _need_fitting(input, value)
                else:
                    call.need_same_dtype(input, value)
            view = _picked(call, view, picked)
        else:
            call.need_writable(view)
        if isinstance(value, torch.Tensor):
            _broadcasts_to(call, value, dims_of(view))
    if type(input) is not SweptTensor:
        call.written.append(input)
    elif not input.dtype.is_floating_point and (carries(input) or isinstance(value, torch.Tensor)):
        spoil(input)


def _fits(value: Any, dtype: torch.dtype) -> bool:
    """Whether a number surely converts to the dtype."""
    if not is_number(value) and type(value) not in (bool, float):
        return False
    if dtype == torch.bool or type(value) is bool:
        return True
    if dtype.is_floating_point or dtype.is_complex:
        largest = torch.finfo(dtype).max
        return largest > 2**64 if type(value) is SweptInt else not largest < abs(value) < math.inf
    low, high = limits(dtype)
    if type(value) is float:
        return low <= value < high  # cut to an integer; not so NaN
    return dtype == torch.int64 or (is_plain(value) and low <= value <= high)


def _need_fitting(input: torch.Tensor, value: torch.Tensor) -> None:
    """One element fills a mask as its number does, whatever its dtype."""
    large = value.dtype in (torch.int64, torch.int32, torch.int16) and input.dtype == torch.float16
    if torch.promote_types(value.dtype, input.dtype) == input.dtype and not large:
        return
    if type(value) is SweptTensor or value.is_meta:
        raise Undecidable("whether a number fits a dtype depends on the value of a tensor")
    if not _fits(value.item(), input.dtype):
        raise NoRule


def _fill_mask(call: Call, input: torch.Tensor, mask: torch.Tensor, value: Any) -> None:
    dims, masked = dims_of(input), dims_of(mask)
    if not masked or len(masked) > len(dims):
        raise NoRule
    if isinstance(value, torch.Tensor):
        if not all(is_plain(size) and size == 1 for size in dims_of(value)):
            raise Undecidable("how many elements a mask selects depends on the values of a tensor")
        _need_fitting(input, value)
    for size, wanted in zip(masked, dims, strict=False):
        call.need_equal(size, wanted)


def _broadcasts_to(call: Call, value: torch.Tensor, target: Dims) -> None:
    shape = dims_of(value)
    while len(shape) > len(target) and is_plain(shape[0]) and shape[0] == 1:
        shape = shape[1:]
    dims = broadcast(call, [target, shape])
    if len(dims) != len(target):
        raise NoRule
    for size, wanted in zip(target, dims, strict=True):
        call.need_equal(size, wanted)


# what an index consists of ----------------------------------------------------------------------------------------


def _parts(index: Any) -> list[Any]:
    """The parts of an index: numbers, slices, None, Ellipsis, and tensors for everything that picks elements."""
    return [_part(part) for part in (index if isinstance(index, tuple) else (index,))]


def _part(part: Any) -> Any:
    if part is None or part is Ellipsis or is_number(part):
        return part
    if type(part) is slice:
        return slice(_limit(part.start), _limit(part.stop), _limit(part.step))
    if isinstance(part, (list, range)):
        return _listed(list(part))
    if isinstance(part, np.ndarray):
        return _listed(part.tolist()) if part.dtype == np.int64 and part.ndim else _unknown()
    if not isinstance(part, torch.Tensor):
        raise NoRule
    if not dims_of(part):
        return _limit(part)
    if part.dtype not in _INDEX and part.dtype != torch.bool:
        raise NoRule
    return part


def _unknown() -> Any:
    raise NoRule


def _listed(items: list[Any]) -> torch.Tensor:
    """A list of plain integers, as an index tensor."""
    if not items or not all(type(item) is int for item in items):
        raise NoRule
    return torch.tensor(items)


def _limit(limit: Any) -> Any:
    """A number that may be given as a tensor of no axes."""
    if limit is None or is_number(limit):
        return limit
    if not isinstance(limit, torch.Tensor) or limit.dtype not in _BASIC or dims_of(limit):
        raise NoRule
    values = known_values(limit)
    if values is None:
        raise NoRule
    return values[()]


def _viewed(call: Call, input: torch.Tensor, parts: list[Any]) -> tuple[torch.Tensor, list[tuple[int, torch.Tensor]]]:
    """The view that numbers, slices and None give, and the index tensors that are left, each with its axis."""
    rank = len(dims_of(input))
    consumed = sum(_consumes(part) for part in parts)
    ellipses = [position for position, part in enumerate(parts) if part is Ellipsis]
    if consumed > rank or len(ellipses) > 1:
        raise NoRule
    fill: list[Any] = [slice(None)] * (rank - consumed)
    if ellipses:
        parts[ellipses[0] : ellipses[0] + 1] = fill
    else:
        parts += fill
    view: torch.Tensor = input
    picked: list[tuple[int, torch.Tensor]] = []
    axis = 0
    for part in parts:
        if part is None:
            view = unsqueeze(call, view, axis)
            axis += 1
        elif type(part) is slice:
            if part.start is not None or part.stop is not None or part.step is not None:
                view = sliced(view, axis, part)
            axis += 1
        elif isinstance(part, torch.Tensor):
            for index in _indices(call, part, dims_of(view)[axis:]):
                picked.append((axis, index))
                axis += 1
        else:
            view = select(call, view, axis, part)
    return view, picked


def _consumes(part: Any) -> int:
    """How many axes a part of an index stands for."""
    if part is None or part is Ellipsis:
        return 0
    return len(dims_of(part)) if isinstance(part, torch.Tensor) and part.dtype == torch.bool else 1


def _is_unknown_mask(part: torch.Tensor) -> bool:
    return part.dtype == torch.bool and (type(part) is SweptTensor or part.is_meta)


def _indices(call: Call, part: torch.Tensor, dims: Dims) -> list[torch.Tensor]:
    """An index tensor; for a mask of known values one for each of its axes."""
    if part.dtype != torch.bool:
        return [part]
    if _is_unknown_mask(part):
        raise NoRule  # how many elements it selects depends on its values
    for size, wanted in zip(part.shape, dims, strict=False):
        call.need(compare(wanted, "==", size))
    return list(part.nonzero(as_tuple=True))


def _picked(call: Call, view: torch.Tensor, picked: list[tuple[int, torch.Tensor]]) -> SweptTensor:
    dims = dims_of(view)
    chosen = broadcast(call, [dims_of(index) for _, index in picked])
    axes = [axis for axis, _ in picked]
    rest = [size for axis, size in enumerate(dims) if axis not in axes]
    together = axes == list(range(axes[0], axes[0] + len(axes)))
    place = axes[0] if together else 0  # index tensors that are apart put their axes in front
    out = (*rest[:place], *chosen, *rest[place:])
    nothing = compare(product(out), "==", 0)
    for axis, index in picked:  # "index is out of bounds for dimension with size 0" even where nothing is picked
        call.need(compare(dims[axis], "!=", 0) | compare(product(chosen), "==", 0))
        index_in_range(call, index, dims[axis], from_end=True, unless=nothing)
    result = make(out, view.dtype, None if is_surely_contiguous(view) and together else call.lazy_strides())
    values = known_values(view)
    positions = [known_values(index) for _, index in picked]
    if values is not None and type(view) is SweptTensor and all(_are_plain(array) for array in positions):
        selector: list[Any] = [slice(None)] * len(dims)
        for axis, array in zip(axes, positions, strict=True):
            selector[axis] = np.asarray(array, dtype=np.int64)
        try:
            result._values = np.asarray(values[tuple(selector)], dtype=object)
            return result
        except IndexError:  # out of range, which PyTorch refuses
            pass
    return inherit(result, view)


def _are_plain(array: Any) -> bool:
    return array is not None and all(is_plain(value) for value in array.flat)


# functions that pick elements -------------------------------------------------------------------------------------


def index_select(call: Call, input: torch.Tensor, dim: int, index: torch.Tensor) -> SweptTensor:
    dims = dims_of(input)
    axis = axis_of(dim, len(dims))
    if len(dims_of(index)) > 1 or index.dtype not in _INDEX:
        raise NoRule
    index_in_range(call, index, dims[axis])
    result = make((*dims[:axis], product(dims_of(index)), *dims[axis + 1 :]), input.dtype)
    values, positions = known_values(input), known_values(index)
    if type(input) is SweptTensor and values is not None and _are_plain(positions):
        try:
            result._values = np.asarray(
                values.take(np.atleast_1d(np.asarray(positions)).astype(np.int64), axis), dtype=object
            )
            return result
        except IndexError:
            pass
    return inherit(result, input)


def gather(call: Call, input: torch.Tensor, dim: int, index: torch.Tensor, **named: Any) -> SweptTensor:
    dims, wanted = dims_of(input), dims_of(index)
    axis = axis_of(dim, len(dims))
    if named or len(wanted) != len(dims) or index.dtype != torch.int64:
        raise NoRule
    index_in_range(call, index, dims[axis])
    empty: Any = compare(product(wanted), "==", 0)
    for position, (size, limit) in enumerate(zip(wanted, dims, strict=True)):
        if position != axis and size is not limit:
            call.need(compare(size, "<=", limit) | empty)
    return inherit(make(wanted, input.dtype), input)


ROWS: dict[Any, Any] = {
    torch.Tensor.__getitem__: getitem,
    torch.Tensor.__setitem__: setitem,
    torch.gather: gather,
    torch.Tensor.gather: gather,
    torch.index_select: index_select,
    torch.Tensor.index_select: index_select,
}
