"""Functions that make tensors of given sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from shapecheck.lengths.swept import Int, SweptBool, SweptInt, is_plain, maximum
from shapecheck.rules.call import Call, NoRule
from shapecheck.rules.axes import sizes_of
from shapecheck.tensor import LARGEST_VALUES, Bounds, SweptTensor, dims_of, is_surely_contiguous, make

_ALLOWED = {"dtype", "device", "requires_grad", "layout", "pin_memory", "generator", "size", "memory_format", "names"}


def _filled(call: Call, sizes: tuple[Any, ...], named: dict[str, Any], dtype: torch.dtype | None) -> SweptTensor:
    if set(named) - _ALLOWED or named.get("layout") not in (None, torch.strided):
        raise NoRule
    for size in sizes:
        call.need(size >= 0)
    return make(sizes, named.get("dtype") or dtype or torch.get_default_dtype())


def sized(call: Call, *size: Any, **named: Any) -> SweptTensor:
    """zeros, ones, empty, rand, randn."""
    return _filled(call, sizes_of((*size, *([named["size"]] if "size" in named else []))), named, None)


def full(call: Call, size: Any, fill_value: Any, **named: Any) -> SweptTensor:
    if isinstance(fill_value, bool):
        dtype = torch.bool
    elif is_plain(fill_value):
        dtype = torch.int64
    elif isinstance(fill_value, float) and type(fill_value).__name__ == "float":
        dtype = torch.get_default_dtype()
    else:
        raise NoRule
    result = _filled(call, tuple(size), named, dtype)
    if is_plain(fill_value) and not result.dtype.is_floating_point and not isinstance(fill_value, bool):
        result._bounds = Bounds(fill_value, fill_value, exact=True)
    return result


def like(call: Call, input: torch.Tensor, *rest: Any, **named: Any) -> SweptTensor:
    """zeros_like, rand_like and so on."""
    if set(named) - _ALLOWED or named.get("layout") not in (None, torch.strided):
        raise NoRule
    memory_format = named.get("memory_format", torch.preserve_format)
    if not is_surely_contiguous(input) and memory_format is not torch.contiguous_format:
        return make(dims_of(input), named.get("dtype") or input.dtype, call.lazy_strides())
    return make(dims_of(input), named.get("dtype") or input.dtype)


def new_sized(call: Call, input: torch.Tensor, *size: Any, **named: Any) -> SweptTensor:
    """x.new_zeros and so on: the dtype of x."""
    return _filled(call, sizes_of((*size, *([named["size"]] if "size" in named else []))), named, input.dtype)


def arange(call: Call, *limits: Any, **named: Any) -> SweptTensor:
    if set(named) - _ALLOWED - {"start", "end", "step"}:
        raise NoRule
    limits = (*limits, *(named[key] for key in ("start", "end", "step") if key in named))
    if not 1 <= len(limits) <= 3 or not all(is_plain(limit) or type(limit) is SweptInt for limit in limits):
        raise NoRule
    start, end, step = (0, limits[0], 1) if len(limits) == 1 else (*limits, 1)[:3]
    if not is_plain(step) or step == 0:
        raise NoRule
    if step > 0:
        call.need(end >= start)
        size: Int = (end - start + (step - 1)) // step
    else:
        call.need(start >= end)
        size = (start - end + (-step - 1)) // -step
    dtype = named.get("dtype") or torch.int64
    result = make((size,), dtype)
    if not dtype.is_floating_point:
        last = start + step * (size - 1)
        low, high = (start, last) if step > 0 else (last, start)
        # for an empty range nothing is out of range
        result._bounds = Bounds(low, maximum(high, low) if step > 0 else high, exact=True)
    return result


def tensor(call: Call, data: Any, **named: Any) -> SweptTensor:
    """torch.tensor and torch.as_tensor of integers: the values are kept."""
    if isinstance(data, np.ndarray):
        data = data.tolist()
    if set(named) - _ALLOWED or isinstance(data, torch.Tensor):
        raise NoRule
    items = np.empty(_nested_shape(data), dtype=object)
    for position in np.ndindex(items.shape):
        item: Any = data
        for index in position:
            item = item[index]
        if not (is_plain(item) or type(item) in (SweptInt, SweptBool)):
            raise NoRule
        items[position] = item
    dtype = named.get("dtype") or (torch.bool if all(isinstance(v, (bool, SweptBool)) for v in items.flat) else torch.int64)
    keeps = not dtype.is_floating_point and items.size <= LARGEST_VALUES
    return make(items.shape, dtype, values=items if keeps else None, tainted=not keeps)


def _nested_shape(data: Any) -> tuple[int, ...]:
    if isinstance(data, (list, tuple)):
        return (len(data), *_nested_shape(data[0])) if data else (0,)
    return ()


def _rows() -> dict[Any, Any]:
    rows: dict[Any, Any] = {torch.full: full, torch.arange: arange, torch.tensor: tensor, torch.as_tensor: tensor}
    for name in ("zeros", "ones", "empty", "rand", "randn"):
        rows[getattr(torch, name)] = sized
        rows[getattr(torch, name + "_like")] = like
    rows[torch.full_like] = like
    for name in ("new_zeros", "new_ones", "new_empty"):
        rows[getattr(torch.Tensor, name)] = new_sized
    return rows


ROWS: dict[Any, Any] = _rows()

# rows that know values, not only sizes
VALUES: dict[Any, Any] = {torch.arange: arange, torch.tensor: tensor, torch.as_tensor: tensor}
