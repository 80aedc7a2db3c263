"""What an operation is given instead where it refuses sizes, so that the lengths that it refuses go on: for asking what
would decide if it did not.

    a window or transform larger than its input   the input, padded with zeros to the smallest size that is accepted
    reflection, or repetition round, of too few   zeros instead
    a norm over one element                       a size of two, and the result is that of the one
    operands of different sizes                   each cropped to the smallest, where they are neither 1 nor alike
    `expand` to another size                      the input at that size
    an index or a position out of its table       one whose value is not known

No other operation is made to accept anything. The sizes that come of it are those of PyTorch's own rule for what is
given instead; nothing of it enters a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from shapecheck.lengths.swept import Int, SweptBool, SweptInt, at, is_plain, minimum
from shapecheck.smallest import smallest_by_rule
from shapecheck.tensor import Dims, SweptTensor, make
from shapecheck.trees import is_sequence, leaves, map_tree

_SIZES = (64, 4096)
_NORMS = (F.instance_norm, torch.instance_norm, F.batch_norm, torch.batch_norm, F.group_norm, torch.group_norm)
_JOINING = (torch.cat, torch.concat, torch.concatenate)
_EXPANDING = (torch.Tensor.expand, torch.Tensor.expand_as, torch.broadcast_to, torch.Tensor.broadcast_to)
_ELEMENTWISE = frozenset(
    getattr(owner, name)
    for owner in (torch, torch.Tensor)
    for name in (
        *("add", "sub", "mul", "div", "true_divide", "where", "maximum", "minimum", "lerp", "addcmul", "stack"),
        *("__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__", "__rtruediv__"),
        *("add_", "sub_", "mul_", "div_", "__iadd__", "__isub__", "__imul__", "__itruediv__"),
        *("masked_fill", "masked_fill_", "copy_"),
    )
    if hasattr(owner, name)
)

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Instead:
    """Other arguments for the same function, and what its result is taken for."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Callable[[Any], Any] = lambda result: result


def instead(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], live: SweptBool) -> Instead | None:
    """What `function` accepts at the live lengths in place of what it refuses there; None where that is not known."""
    first = args[0] if args else None
    named = dict(kwargs)
    if function in _JOINING:
        tensors, dim = first, kwargs.get("dim", args[1] if len(args) > 1 else 0)
        if is_sequence(tensors) and type(dim) is int:
            return Instead((_cropped(tensors, but=dim), *args[1:]), named)
        return None
    if function in _ELEMENTWISE:
        stacked = is_sequence(first)
        cropped = iter(_cropped([leaf for leaf in (first if stacked else args) if isinstance(leaf, torch.Tensor)]))
        if stacked:
            return Instead((list(cropped), *args[1:]), named)
        return Instead(tuple(next(cropped) if isinstance(leaf, torch.Tensor) else leaf for leaf in args), named)
    if not isinstance(first, torch.Tensor):
        return None
    if function is F.pad:
        mode = kwargs.get("mode", args[2] if len(args) > 2 else "constant")
        if mode == "constant":
            return None
        return Instead(args[:2], {**{k: v for k, v in named.items() if k != "value"}, "mode": "constant"})
    if function in _EXPANDING:
        return _expanded(args, named)
    if type(first) is not SweptTensor:
        return _without_values(args, named)
    if function in _NORMS:
        return _doubled(first, args, named)
    return _padded(function, first, args, named, live) or _without_values(args, named)


def _cropped(tensors: Sequence[Any], but: int | None = None) -> list[Any]:
    """Tensors that fit each other: on each axis, from the end, as long as the shortest that does not broadcast.

    Axis `but`, along which they are joined, is left as it is; then none broadcasts.
    """
    rank = max((tensor.dim() for tensor in tensors), default=0)
    kept = None if but is None else but - rank if but >= 0 else but
    smallest: dict[int, Int] = {}
    for tensor in tensors:
        for axis, size in enumerate(_dims(tensor)):
            place = axis - tensor.dim()
            if place != kept and (but is not None or not (is_plain(size) and size == 1)):
                smallest[place] = size if place not in smallest else minimum(smallest[place], size)
    return [_with_dims(tensor, smallest) for tensor in tensors]


def _with_dims(tensor: Any, wanted: Mapping[int, Int]) -> Any:
    dims = list(_dims(tensor))
    for place, size in wanted.items():
        if -place <= len(dims) and not (is_plain(dims[place]) and dims[place] == 1):
            dims[place] = size
    return make(tuple(dims), tensor.dtype)


def _expanded(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Instead | None:
    wanted: tuple[Any, ...] = args[1:]
    if len(wanted) == 1 and isinstance(wanted[0], torch.Tensor):
        wanted = _dims(wanted[0])
    elif len(wanted) == 1 and is_sequence(wanted[0]):
        wanted = tuple(wanted[0])
    dims = _dims(args[0])
    if len(wanted) < len(dims) or kwargs:
        return None
    new: list[Int] = []
    for size, target in zip(dims, wanted[len(wanted) - len(dims) :], strict=True):
        is_kept = is_plain(target) and (target == -1 or (is_plain(size) and size == 1))
        new.append(size if is_kept else target)
    return Instead((make(tuple(new), args[0].dtype), *args[1:]), kwargs)


def _doubled(first: SweptTensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Instead:
    """Norms keep sizes, so the result has those of what was really given."""
    dims = first._dims
    longer = len(dims) - 1 if len(dims) > 2 else 0  # batch norm of a matrix counts rows
    more = tuple(2 * size if axis == longer else size for axis, size in enumerate(dims))
    return Instead((make(more, first.dtype), *args[1:]), kwargs, lambda result: make(dims, result.dtype))


def _padded(
    function: Any, first: SweptTensor, args: tuple[Any, ...], kwargs: dict[str, Any], live: SweptBool
) -> Instead | None:
    """With an axis, or several, as long as needed: one that varies, all that do, any other but batch and channels."""
    index = int(np.flatnonzero(live.values)[-1])
    varying = [axis for axis, size in enumerate(first._dims) if type(size) is SweptInt]
    others = range(min(2, len(first._dims) - 1), len(first._dims))  # an operation before may have been given its least
    for chosen in (*([axis] for axis in reversed(varying)), varying, *([axis] for axis in reversed(others)), others):
        sizes = tuple(None if axis in chosen else at(size, index) for axis, size in enumerate(first._dims))
        needed = smallest_by_rule(function, sizes, args[1:], kwargs, first.dtype, _SIZES)
        if needed is None or any(_reaches(first._dims[axis], needed, live) for axis in chosen):
            continue  # not refused for being short
        dims: Dims = tuple(needed if axis in chosen else size for axis, size in enumerate(first._dims))
        return Instead((make(dims, first.dtype), *args[1:]), kwargs)
    return None


def _reaches(size: Int, needed: int, live: SweptBool) -> bool:
    return size >= needed if is_plain(size) else bool((size.values >= needed)[live.values].any())


def _without_values(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Instead | None:
    def forget(leaf: Any) -> Any:
        has_values = type(leaf) is SweptTensor and (leaf._values is not None or leaf._bounds is not None)
        return make(leaf._dims, leaf._dtype, leaf._strides) if has_values else leaf

    new_args, new_kwargs = map_tree(forget, (args, kwargs))
    pairs = zip(leaves((new_args, new_kwargs)), leaves((args, kwargs)), strict=True)
    return Instead(new_args, new_kwargs) if any(new is not old for new, old in pairs) else None


def _dims(tensor: Any) -> Dims:
    return tensor._dims if type(tensor) is SweptTensor else tuple(tensor.shape)


__all__ = ["Instead", "instead"]
