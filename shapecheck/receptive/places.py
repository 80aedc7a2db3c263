"""Operations that move elements: each element of the result is one of the input's, or a constant.

Most are run as they are, on the bounds instead of the values.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from shapecheck.receptive.call import Call, Rule, as_hull, hulls_of, needs_constant
from shapecheck.receptive.hull import NOWHERE, Hull, UnknownOperation, nowhere, through_of, union
from shapecheck.trees import leaves, map_tree


def same_order(call: Call, input: Hull, *_args: Any, **_kwargs: Any) -> Hull:
    """The same elements in the same order under other sizes: view, flatten, squeeze."""
    if math.prod(input.dims) != math.prod(call.dims):
        raise UnknownOperation
    return input.each(lambda bound: bound.reshape(call.dims))


def broadcast(call: Call, input: Hull, *_args: Any, **_kwargs: Any) -> Hull:
    return input.expanded(call.dims)


def same(_call: Call, input: Hull, *_args: Any, **_kwargs: Any) -> Hull:
    return input


def moved(call: Call, input: Hull, *args: Any, **kwargs: Any) -> list[Hull]:
    """PyTorch's own function, on the bounds."""
    if any(isinstance(leaf, (Hull, Tensor)) for leaf in leaves((args, kwargs))):
        raise UnknownOperation
    return _run(call, (input, *args), kwargs)


def joined(call: Call, *args: Any, **kwargs: Any) -> list[Hull]:
    """The same of several tensors: cat, stack."""
    args, kwargs = map_tree(lambda leaf: as_hull(leaf) if isinstance(leaf, Tensor) else leaf, (args, kwargs))
    return _run(call, args, kwargs)


def indexed(call: Call, input: Hull, *args: Any, **kwargs: Any) -> list[Hull]:
    """x[...], index_select: indices that are tensors need known values."""
    return _run(call, (input, *map_tree(_index, args)), map_tree(_index, kwargs))


def written(_call: Call, target: Any, index: Any, value: Any) -> Hull:
    """`x[index] = value`: x afterwards."""
    target = as_hull(target)
    index = map_tree(_index, index)
    source = as_hull(value) if isinstance(value, (Hull, Tensor)) else None
    bounds: list[Tensor] = []
    for position, bound in enumerate(target.full()):
        bound = bound.clone(memory_format=torch.contiguous_format)
        bound[index] = NOWHERE[position] if source is None else source.full()[position]
        bounds.append(bound)
    return Hull.of(bounds[0], bounds[1], through_of(hulls_of((target, source))))


def packed(call: Call, input: Hull, lengths: Any, batch_first: bool) -> list[Hull]:
    """The data of a packed sequence; its batch sizes depend on nothing."""
    data, sizes = _run(call, (input, _index(lengths), batch_first), {})
    low = sizes.low
    return [data, Hull(torch.full_like(low, NOWHERE[0]), torch.full_like(low, NOWHERE[1]), sizes.dims, values=low)]


def unpacked(call: Call, data: Hull, batch_sizes: Any, batch_first: bool, _padding: Any, total_length: int) -> Any:
    sizes = _index(batch_sizes)
    low, high = (
        call.function(bound, sizes, batch_first, outside, total_length)[0]
        for bound, outside in zip(data.full(), NOWHERE, strict=True)
    )
    return [Hull.of(low, high, data.through), nowhere(call.results[1])]


def triangle(call: Call, input: Hull, diagonal: int = 0) -> Hull:
    """tril and triu: zeros on the other side."""
    kept = call.function(torch.ones(input.dims[-2:], dtype=torch.int64), diagonal) != 0
    low, high = (torch.where(kept, bound, outside) for bound, outside in zip(input.full(), NOWHERE, strict=True))
    return Hull.of(low, high, input.through)


def pad(_call: Call, input: Hull, pad: Any, mode: str = "constant", value: Any = None) -> Hull:
    pads = [int(amount) for amount in pad]
    for number in range(0, len(pads), 2):
        input = padded(input, -1 - number // 2, pads[number], pads[number + 1], mode)
    return input


def padded(hull: Hull, axis: int, left: int, right: int, mode: str) -> Hull:
    """Padded along one axis, in one of the modes of torch.nn.functional.pad."""
    size = hull.dims[axis]
    if left == right == 0:
        return hull
    if mode in ("constant", "zeros"):
        return hull.windows(axis, 1, 1, 1, left, size + left + right)
    places = torch.arange(size, dtype=torch.float64)
    return hull.selected(axis, F.pad(places[None, None], (left, right), mode)[0, 0].long())


def interpolate(
    call: Call, input: Hull, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None, recompute_scale_factor: bool | None = None, antialias: bool = False,
) -> Hull:  # fmt: skip
    """What each place is read from is asked of PyTorch: a ramp is resized, axis by axis."""
    linear = mode in ("linear", "bilinear", "trilinear")
    if antialias or not (linear or mode in ("nearest", "nearest-exact")):
        raise UnknownOperation
    rank = len(input.dims) - 2
    for number in range(rank):
        axis = number - rank
        own_size, own_scale = (
            value[number] if isinstance(value, (tuple, list)) else value for value in (size, scale_factor)
        )
        places = torch.arange(input.dims[axis], dtype=torch.float64 if linear else torch.float32)
        read = F.interpolate(
            places[None, None], own_size, own_scale, "linear" if linear else mode,
            align_corners, recompute_scale_factor,
        )[0, 0].double()  # fmt: skip
        near = read.round()
        read = torch.where((read - near).abs() < 1e-9 * len(places) + 1e-9, near, read)
        sources = [input.selected(axis, end.long()) for end in (read.floor(), read.ceil())]
        input = union(sources, sources[0].dims)
    return input


def embedding(call: Call, input: Hull, weight: Any, *_args: Any, **_kwargs: Any) -> Hull:
    """A vector for each index."""
    needs_constant(weight)
    return input.each(lambda bound: bound.unsqueeze(-1)).expanded(call.dims)


def glu(call: Call, input: Hull, dim: int = -1) -> Hull:
    """One half, scaled by the other."""
    low, high = (bound.chunk(2, dim) for bound in input.full())
    return union([Hull.of(low[half], high[half], input.through) for half in range(2)], call.dims)


def _run(call: Call, args: Any, kwargs: Any) -> list[Hull]:
    """The function's results from the low bounds, and from the high ones."""
    through = through_of(hulls_of((args, kwargs)))
    low, high = (leaves(call.function(*_side(args, side), **_side(kwargs, side))) for side in range(2))
    return [Hull.of(first, last, through) for first, last in zip(low, high, strict=True)]


def _side(tree: Any, side: int) -> Any:
    return map_tree(lambda leaf: leaf.full()[side] if isinstance(leaf, Hull) else leaf, tree)


def _index(leaf: Any) -> Any:
    """An index with its values."""
    if isinstance(leaf, Hull):
        if leaf.values is None:
            raise UnknownOperation
        return leaf.values
    if isinstance(leaf, Tensor) and leaf.is_meta:
        raise UnknownOperation
    return leaf


_SAME_ORDER = "view view_as reshape reshape_as flatten ravel unflatten squeeze unsqueeze"
_BROADCAST = "expand expand_as broadcast_to"
_SAME = "contiguous clone detach real imag dropout dropout1d dropout2d dropout3d alpha_dropout"
_MOVED = """
permute transpose swapaxes swapdims t movedim moveaxis chunk split split_with_sizes tensor_split unsafe_chunk
unbind select narrow diagonal unfold flip fliplr flipud roll rot90 repeat tile repeat_interleave pixel_shuffle
pixel_unshuffle channel_shuffle
"""
_JOINED = "cat concat concatenate stack hstack vstack dstack column_stack broadcast_tensors meshgrid"

ROWS: dict[str, Rule] = {
    **dict.fromkeys(_SAME_ORDER.split(), same_order),
    **dict.fromkeys(_BROADCAST.split(), broadcast),
    **dict.fromkeys(_SAME.split(), same),
    **dict.fromkeys(_MOVED.split(), moved),
    **dict.fromkeys(_JOINED.split(), joined),
    **dict.fromkeys(("__getitem__", "index_select"), indexed),
    **dict.fromkeys(("tril", "triu"), triangle),
    "_pack_padded_sequence": packed,
    "_pad_packed_sequence": unpacked,
    "pad": pad,
    "interpolate": interpolate,
    "embedding": embedding,
    "glu": glu,
}

VIEWS = frozenset((*_SAME_ORDER.split(), *_BROADCAST.split(), *_SAME.split(), *_MOVED.split(), "__getitem__"))

__all__ = ["ROWS", "VIEWS", "padded", "same_order", "written"]
