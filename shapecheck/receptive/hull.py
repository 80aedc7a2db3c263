"""The hull of what each element of a tensor depends on: the first and the last step of the variable.

Invariant: along an axis where nothing depends on the place, the two bounds are stored once, whatever the axis's size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import torch
from torch import Tensor

NOWHERE = (2**62, -1)  # the bounds of what depends on no step
_FEW = 32  # elements of a window that are faster one by one

Pair = tuple[Tensor, Tensor]


class UnknownOperation(Exception):
    """What an operation does to places is not known here."""


@dataclass(frozen=True, slots=True)
class Hull:
    """For each element of a tensor of sizes `dims`: it depends on no step before `low`, and on none after `high`.

    `low` and `high` are integers, [*dims] with 1 in place of each size along which they do not change. Where low is
    above high, the element depends on no step. `through` has the nodes by which everything is seen, on some way here.
    """

    low: Tensor
    high: Tensor
    dims: tuple[int, ...]
    through: frozenset[int] = frozenset()
    values: Tensor | None = None  # of a tensor on which no input has a part, if they are known

    @classmethod
    def of(cls, low: Tensor, high: Tensor, through: frozenset[int] = frozenset()) -> Hull:
        """From bounds of full size; an axis of stride 0 is stored once."""
        return cls(_once(low), _once(high), tuple(low.shape), through)

    @property
    def is_empty(self) -> bool:
        """Whether no element depends on any step."""
        return not bool((self.low <= self.high).any())

    @property
    def size(self) -> int:
        """The most steps from the first to the last one on which one element depends."""
        spans = self.high - self.low + 1
        return max(0, int(spans.max())) if spans.numel() else 0

    def full(self) -> Pair:
        """The bounds in full size, as views."""
        return self.low.expand(self.dims), self.high.expand(self.dims)

    def each(self, function: Callable[[Tensor], Tensor]) -> Hull:
        """`function`, which moves elements only, on both bounds in full size."""
        low, high = self.full()
        return Hull.of(function(low), function(high), self.through)

    def expanded(self, dims: Sequence[int]) -> Hull:
        """Broadcast to these sizes."""
        missing = (1,) * (len(dims) - len(self.dims))
        low, high = (bound.reshape(missing + tuple(bound.shape)) for bound in (self.low, self.high))
        return replace(self, low=low, high=high, dims=tuple(dims))

    def over(self, axes: Iterable[int]) -> Hull:
        """Along these axes each element with what all of them depend on."""
        axes = tuple({axis % len(self.dims) for axis in axes}) if self.dims else ()
        if not axes:
            return self
        low, high = self.low, self.high
        for axis in axes:
            low = low if low.shape[axis] == 1 else low.amin(axis, keepdim=True)
            high = high if high.shape[axis] == 1 else high.amax(axis, keepdim=True)
        return replace(self, low=low, high=high)

    def selected(self, axis: int, index: Tensor) -> Hull:
        """The elements at these places along an axis."""
        axis %= len(self.dims)
        dims = (*self.dims[:axis], len(index), *self.dims[axis + 1 :])
        low, high = (bound if bound.shape[axis] == 1 else bound[_at(axis, index)] for bound in (self.low, self.high))
        return replace(self, low=low, high=high, dims=dims)

    def stretched(self, axis: int, stride: int) -> Hull:
        """With stride - 1 elements that depend on nothing between each two along an axis."""
        axis %= len(self.dims)
        if stride == 1 or self.dims[axis] == 0:
            return self
        shape = list(torch.broadcast_shapes(self.low.shape, self.high.shape))
        shape[axis] = (self.dims[axis] - 1) * stride + 1
        place = _at(axis, slice(None, None, stride))
        low, high = (torch.full(shape, bound) for bound in NOWHERE)
        low[place], high[place] = self.low, self.high
        return replace(self, low=low, high=high, dims=(*self.dims[:axis], shape[axis], *self.dims[axis + 1 :]))

    def windows(self, axis: int, kernel: int, stride: int, dilation: int, left: int, count: int) -> Hull:
        """`count` windows along an axis, the first one beginning `left` elements before the tensor does.

        A window has what its `kernel` elements, `dilation` apart, depend on; outside of the tensor that is nothing.
        """
        axis %= len(self.dims)
        dims = (*self.dims[:axis], count, *self.dims[axis + 1 :])
        reach = dilation * (kernel - 1) + 1
        size = self.dims[axis]
        pads = [0, 0] * (len(dims) - axis - 1) + [left, (count - 1) * stride + reach - size - left]
        if self.low.shape[axis] == self.high.shape[axis] == 1 < size:
            inside = _padded(torch.zeros(size, dtype=torch.int64), pads[-2:], 1)
            if not bool(inside.unfold(0, reach, stride)[:, ::dilation].amin(1).any()):  # none lies outside as a whole
                return replace(self, dims=dims)
        shape = list(torch.broadcast_shapes(self.low.shape, self.high.shape))
        shape[axis] = size
        low, high = (
            _padded(bound.expand(shape), pads, outside).unfold(axis, reach, stride)[..., ::dilation]
            for bound, outside in zip((self.low, self.high), NOWHERE, strict=True)
        )
        if kernel > _FEW:
            return replace(self, low=low.amin(-1), high=high.amax(-1), dims=dims)
        return replace(
            self, low=reduce(torch.minimum, low.unbind(-1)), high=reduce(torch.maximum, high.unbind(-1)), dims=dims
        )


def nowhere(dims: Sequence[int], through: frozenset[int] = frozenset(), values: Tensor | None = None) -> Hull:
    """A tensor that depends on no step."""
    low, high = (torch.full((1,) * len(dims), bound) for bound in NOWHERE)
    return Hull(low, high, tuple(dims), through, values)


def union(hulls: Sequence[Hull], dims: Sequence[int]) -> Hull:
    """Each element with what those at its place, broadcast to `dims`, depend on."""
    parts = [hull.expanded(dims) for hull in hulls]
    low, high = parts[0].low, parts[0].high
    for part in parts[1:]:
        low, high = torch.minimum(low, part.low), torch.maximum(high, part.high)
    return Hull(low, high, tuple(dims), through_of(hulls))


def through_of(hulls: Iterable[Hull]) -> frozenset[int]:
    """All nodes by which everything is seen on a way to any of these."""
    return frozenset().union(*(hull.through for hull in hulls))


def _padded(bound: Tensor, pads: list[int], outside: int) -> Tensor:
    return torch.nn.functional.pad(bound, pads, value=outside) if any(pads) else bound


def _at(axis: int, place: Tensor | slice) -> tuple[Tensor | slice, ...]:
    return (*[slice(None)] * axis, place)


def _once(bound: Tensor) -> Tensor:
    """Without the copies that an expanded tensor only claims to have."""
    for axis, (size, stride) in enumerate(zip(bound.shape, bound.stride(), strict=True)):
        if stride == 0 and size > 1:
            bound = bound.narrow(axis, 0, 1)
    return bound


__all__ = ["NOWHERE", "Hull", "Pair", "UnknownOperation", "nowhere", "through_of", "union"]
