"""Functions that make tensors of given sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from shapecheck.lengths.swept import Int, SweptBool, SweptFloat, compare, is_plain, maximum
from shapecheck.rules.axes import is_number, sizes_of
from shapecheck.rules.call import Call, NoRule
from shapecheck.rules.preserved import preserved
from shapecheck.rules.values import limits
from shapecheck.tensor import LARGEST_VALUES, Bounds, Dims, SweptTensor, dims_of, make, product

_ALLOWED = {"dtype", "device", "requires_grad", "layout", "pin_memory", "generator", "size", "memory_format", "names"}
_DRAWN = {torch.randn, torch.randn_like, torch.rand, torch.rand_like}  # no kernel draws such integers


def _filled(call: Call, sizes: tuple[Any, ...], named: dict[str, Any], dtype: torch.dtype | None) -> SweptTensor:
    _check(named)
    if not all(is_number(size) for size in sizes):
        raise NoRule
    for size in sizes:
        call.need(size >= 0)
    chosen: torch.dtype = named.get("dtype") or dtype or torch.get_default_dtype()
    _drawn(call, chosen, sizes)
    return make(sizes, chosen)


def _check(named: dict[str, Any]) -> None:
    given = {key for key, value in named.items() if value is not None}
    if given - _ALLOWED or named.get("layout") not in (None, torch.strided) or named.get("names"):
        raise NoRule


def _drawn(call: Call, dtype: torch.dtype, sizes: Dims) -> None:
    if call.function in _DRAWN and not dtype.is_floating_point and not dtype.is_complex:
        draws_none = "randn" in call.function.__name__ and compare(product(sizes), "==", 0)
        call.need(draws_none)


def sized(call: Call, *size: Any, **named: Any) -> SweptTensor:
    """zeros, ones, empty, rand, randn."""
    return _filled(call, sizes_of((*size, *([named["size"]] if "size" in named else []))), named, None)


def full(call: Call, size: Any, fill_value: Any, **named: Any) -> SweptTensor:
    if not isinstance(size, (tuple, list)):
        raise NoRule
    result = _filled(call, tuple(size), named, _dtype_of(fill_value))
    return _with_fill(result, fill_value)


def _dtype_of(value: Any) -> torch.dtype:
    """The dtype of a tensor made of one number."""
    if type(value) in (bool, SweptBool):
        return torch.bool
    if is_number(value):
        return torch.int64
    if type(value) in (float, SweptFloat):
        return torch.get_default_dtype()
    raise NoRule


def _with_fill(result: SweptTensor, value: Any) -> SweptTensor:
    """The values of a tensor filled with one number, where they may be an index."""
    dtype = result.dtype
    if dtype.is_floating_point or dtype.is_complex or dtype == torch.bool:
        return result
    low, high = limits(dtype)
    if not is_number(value) or (dtype != torch.int64 and not (is_plain(value) and low <= value <= high)):
        raise NoRule  # a number that may not fit
    result._bounds = Bounds(value, value, exact=True)
    return result


def like(call: Call, input: torch.Tensor, *rest: Any, **named: Any) -> SweptTensor:
    """zeros_like, full_like and so on."""
    _check(named)
    memory_format = named.get("memory_format") or torch.preserve_format
    if memory_format not in (torch.preserve_format, torch.contiguous_format):
        raise NoRule
    dtype = named.get("dtype") or input.dtype
    _drawn(call, dtype, dims_of(input))
    result = make(dims_of(input), dtype, None if memory_format is torch.contiguous_format else preserved(input))
    if call.function is not torch.full_like:
        return result
    fill = rest[0] if rest else named.get("fill_value")
    _dtype_of(fill)
    return _with_fill(result, fill)


def new_sized(call: Call, input: torch.Tensor, *size: Any, **named: Any) -> SweptTensor:
    """x.new_zeros and so on: the dtype of x."""
    return _filled(call, sizes_of((*size, *([named["size"]] if "size" in named else []))), named, input.dtype)


def new_full(call: Call, input: torch.Tensor, size: Any, fill_value: Any, **named: Any) -> SweptTensor:
    if not isinstance(size, (tuple, list)):
        raise NoRule
    _dtype_of(fill_value)
    return _with_fill(_filled(call, tuple(size), named, input.dtype), fill_value)


def arange(call: Call, *numbers: Any, **named: Any) -> SweptTensor:
    _check({key: value for key, value in named.items() if key not in ("start", "end", "step")})
    if len(numbers) == 1 and "end" in named:
        raise NoRule
    given = (*numbers, *(named[key] for key in ("start", "end", "step") if key in named))
    if not 1 <= len(given) <= 3 or not all(map(is_number, given)):
        raise NoRule
    start, end, step = (0, given[0], 1) if len(given) == 1 else (*given, 1)[:3]
    if not is_plain(step) or step == 0:
        raise NoRule
    dtype = named.get("dtype") or torch.int64
    call.need(dtype not in (torch.bool, torch.complex64, torch.complex128))
    if step > 0:
        call.need(end >= start)
        size: Int = (end - start + (step - 1)) // step
    else:
        call.need(start >= end)
        size = (start - end + (-step - 1)) // -step
    result = make((size,), dtype)
    if dtype == torch.int64:
        last = start + step * (size - 1)
        low, high = (start, last) if step > 0 else (last, start)
        # for an empty range nothing is out of range
        result._bounds = Bounds(low, maximum(high, low) if step > 0 else high, exact=True)
    elif not dtype.is_floating_point:
        result._tainted = True
    return result


def linspace(call: Call, start: Any, end: Any, steps: Any, **named: Any) -> SweptTensor:
    _check(named)
    if not is_number(steps) or not all(is_number(limit) or type(limit) is float for limit in (start, end)):
        raise NoRule
    dtype = named.get("dtype") or torch.get_default_dtype()
    if dtype not in (torch.float32, torch.float64):
        raise NoRule
    call.need(steps >= 0)  # "number of steps must be non-negative"
    return make((steps,), dtype)


def tensor(call: Call, data: Any, **named: Any) -> Any:
    """torch.tensor and torch.as_tensor of integers: the values are kept."""
    if isinstance(data, np.ndarray):
        data = data.tolist()
    _check(named)
    if isinstance(data, torch.Tensor):
        raise NoRule
    items = np.empty(_nested_shape(data), dtype=object)
    for position in np.ndindex(items.shape):
        item: Any = data
        for index in position:
            item = item[index]
        items[position] = item
    kinds = {_dtype_of(item) for item in items.flat}
    order = (torch.bool, torch.int64, torch.get_default_dtype())
    dtype = named.get("dtype") or max(kinds, key=order.index, default=torch.get_default_dtype())
    if dtype.is_floating_point or dtype.is_complex:
        return make(items.shape, dtype, tainted=True)
    if any(kind not in (torch.bool, dtype) for kind in kinds) or dtype not in (torch.bool, torch.int64):
        raise NoRule  # a conversion: whether the numbers fit is asked
    keeps = items.size <= LARGEST_VALUES
    return make(items.shape, dtype, values=items if keeps else None, tainted=not keeps)


def _nested_shape(data: Any) -> tuple[int, ...]:
    """The shape of nested sequences; NoRule where they are ragged."""
    if not isinstance(data, (list, tuple)):
        return ()
    if not data:
        return (0,)
    inner = _nested_shape(data[0])
    if any(_nested_shape(item) != inner for item in data[1:]):
        raise NoRule
    return (len(data), *inner)


def _rows() -> dict[Any, Any]:
    rows: dict[Any, Any] = {torch.full: full, torch.linspace: linspace, **VALUES}
    for name in ("zeros", "ones", "empty", "rand", "randn"):
        rows[getattr(torch, name)] = sized
        rows[getattr(torch, name + "_like")] = like
    rows[torch.full_like] = like
    for name in ("new_zeros", "new_ones", "new_empty"):
        rows[getattr(torch.Tensor, name)] = new_sized
    rows[torch.Tensor.new_full] = new_full
    return rows


# rows that know values, not only sizes
VALUES: dict[Any, Any] = {torch.arange: arange, torch.tensor: tensor, torch.as_tensor: tensor}

ROWS: dict[Any, Any] = _rows()
