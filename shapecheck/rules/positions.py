"""Integer results that are positions in an argument: of the largest in a window, of what is sorted.

Meta kernels give no values; without their bounds these would pass for the user's own, which are taken to be in range.
"""

from __future__ import annotations

from typing import Any

import torch

from shapecheck.lengths.swept import Bool, Int, compare, is_plain, minimum
from shapecheck.tensor import Bounds, SweptTensor, dims_of, product
from shapecheck.trees import tensors_of

# along one axis: where the axis is (position), for a call that names none it is the last
_ALONG = {
    "topk": 2, "kthvalue": 2, "sort": 1, "argsort": 1, "mode": 1, "median": 1, "nanmedian": 1, "cummax": 1, "cummin": 1,
}  # fmt: skip

# in the last axes, flattened: how many
_IN_WINDOWS = {
    f"{kind}max_pool{rank}d_with_indices": rank for kind in ("", "adaptive_", "fractional_") for rank in (1, 2, 3)
}


def bound_positions(name: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
    """Give the integers of a result their bounds, if the function of this name makes positions."""
    if name not in _ALONG and name not in _IN_WINDOWS:
        return
    found = [one for one in tensors_of(result) if type(one) is SweptTensor and one.dtype == torch.int64]
    source: Any = args[0] if args else kwargs.get("input", kwargs.get("self"))
    for positions in found:
        if positions._values is not None or positions is source:
            continue
        high = _last(name, source, args, kwargs, dims_of(positions))
        positions._tainted = high is None
        positions._bounds = None if high is None else Bounds(0, high, exact=False)


def _last(name: str, source: torch.Tensor, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> Int | None:
    """The largest position there can be; None where that is not clear."""
    dims = dims_of(source)
    if name in _ALONG:
        axis = args[_ALONG[name]] if len(args) > _ALONG[name] else kwargs.get("dim", -1)
        return dims[axis] - 1 if type(axis) is int and -len(dims) <= axis < len(dims) else None
    rank = _IN_WINDOWS[name]
    last: Int = 0
    for axis in range(-rank, 0):
        end = dims[axis] - 1
        window = None if name[0] in "af" else _window(args, kwargs, rank, axis)
        if window is not None:  # the last window may end before the axis does
            kernel, stride, padding, dilation = window
            end = minimum(end, (out[axis] - 1) * stride - padding + dilation * (kernel - 1))
        last = last + end * product(dims[len(dims) + axis + 1 :])
    return last


def _window(args: tuple[Any, ...], kwargs: dict[str, Any], rank: int, axis: int) -> tuple[int, int, int, int] | None:
    """(kernel, stride, padding, dilation) of a pooling along an axis; None where they vary."""

    def setting(position: int, name: str, default: Any) -> Any:
        value = args[position] if len(args) > position else kwargs.get(name)
        value = default if value is None or (isinstance(value, (tuple, list)) and not value) else value
        return value[axis if len(value) == rank else 0] if isinstance(value, (tuple, list)) else value

    kernel = setting(1, "kernel_size", None)
    found = (kernel, setting(2, "stride", kernel), setting(3, "padding", 0), setting(4, "dilation", 1))
    return found if all(map(is_plain, found)) else None


def unpooled(args: tuple[Any, ...], kwargs: dict[str, Any], rank: int) -> tuple[Int, Bool] | None:
    """How many places max_unpool has in each channel: an index past them is refused; and where its size is refused.

    None where that is not clear.
    """

    def setting(position: int, name: str, default: Any) -> Any:
        value = args[position] if len(args) > position else kwargs.get(name)
        value = default if value is None else value
        return tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank

    size = args[5] if len(args) > 5 else kwargs.get("output_size")
    kernel = setting(2, "kernel_size", None)
    stride = setting(3, "stride", kernel)
    padding = setting(4, "padding", 0)
    sizes = dims_of(args[0] if args else kwargs["input"])[-rank:]
    if {len(kernel), len(stride), len(padding), len(sizes)} != {rank} or not all(
        map(is_plain, (*kernel, *stride, *padding))
    ):
        return None
    # (in - 1) * stride - 2 * padding + kernel, and less than a stride away from it
    usual = [(sizes[i] - 1) * stride[i] - 2 * padding[i] + kernel[i] for i in range(rank)]
    if size is None:
        return product(tuple(usual)), False
    chosen = tuple(size)[-rank:]
    refused: Any = False
    for one, own, step in zip(chosen, usual, stride, strict=True):
        refused = refused | compare(one, "<=", own - step) | compare(one, ">=", own + step)
    return product(chosen), refused


__all__ = ["bound_positions", "unpooled"]
