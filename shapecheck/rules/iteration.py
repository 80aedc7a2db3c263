"""The order in which TensorIterator lays out the result of an elementwise operation whose operands differ.

It sorts the axes by the strides of the first operand that tells two of them apart: `reorder_dimensions` in
TensorIterator.cpp. Strides of axes of size 1 count, and strides of 0 do not. That is no total order, so an axis of size
1 can decide in which order two others come; every order that strides which are not known allow is looked at.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from shapecheck.layout import is_same
from shapecheck.lengths.swept import SweptInt, is_plain
from shapecheck.tensor import Dims, Strides, dims_of, order_of, ordered


class OpenOrderError(Exception):
    """The order is not known, or depends on strides that are not."""


@dataclass(frozen=True, slots=True)
class _Operand:
    """One operand by the axes of the result."""

    order: tuple[int, ...]  # from the slowest to the fastest
    ignored: frozenset[int]  # axes that it does not have, or along which it is repeated
    doubtful: frozenset[int]  # axes along which it may be repeated
    loose: bool

    @property
    def is_whole(self) -> bool:
        """It tells any two axes apart, but for some of size 1."""
        return not self.ignored and not self.doubtful


def iterated(dims: Dims, tensors: Sequence[torch.Tensor]) -> Strides:
    """The layout of the result, from operands whose axes are in a known order as far as they are looked at."""
    swept = [axis for axis, size in enumerate(dims) if type(size) is SweptInt and int(size.values.min()) <= 1]
    axes, loose = _sorted(dims, frozenset(), tensors)
    for count in range(1, len(swept) + 1):
        for single in map(frozenset, itertools.combinations(swept, count)):  # of size 1 at some length
            others, also_loose = _sorted(dims, single, tensors)
            if _without(others, single) != _without(axes, single):
                raise OpenOrderError
            loose = loose or also_loose or others != axes
    return ordered(axes, loose=loose or _may_be_normal(dims, axes))


def _may_be_normal(dims: Dims, axes: tuple[int, ...]) -> bool:
    """Whether torch may lay it out in a memory format, axes of size 1 and all, without looking at strides."""
    ones = frozenset(axis for axis, size in enumerate(dims) if is_plain(size) and size == 1)
    rank = len(dims)
    formats = [tuple(range(rank)), (0, *range(2, rank), 1)][: 2 if rank in (4, 5) else 1]
    return axes not in formats[:1] and any(_without(axes, ones) == _without(usual, ones) for usual in formats)


def _sorted(dims: Dims, single: frozenset[int], tensors: Sequence[torch.Tensor]) -> tuple[tuple[int, ...], bool]:
    """The axes from the slowest to the fastest where those of `single` have size 1.

    And whether those of size 1 may be elsewhere in that order.
    """
    ones = single | {axis for axis, size in enumerate(dims) if is_plain(size) and size == 1}
    operands: list[_Operand] = []
    for tensor in tensors:
        operand = _operand(dims, ones, tensor)
        if operand is None and not (operands and operands[-1].is_whole):
            raise OpenOrderError
        if operand is None:
            break
        operands.append(operand)
    orders = _orders(len(dims), ones, tuple(operands), len(operands) < len(tensors))
    if len(orders) == 1:
        return min(orders), False
    if operands[0].is_whole:  # its strides are in one order, whatever they are
        return operands[0].order, True
    if len({_without(order, ones) for order in orders}) > 1:
        raise OpenOrderError
    return min(orders), True


def _without(order: tuple[int, ...], axes: frozenset[int]) -> tuple[int, ...]:
    return tuple(axis for axis in order if axis not in axes)


def _operand(dims: Dims, ones: frozenset[int], tensor: torch.Tensor) -> _Operand | None:
    own, order = dims_of(tensor), order_of(tensor)
    if order is None:
        return None
    new = len(dims) - len(own)
    ignored, doubtful = set(range(new)), set[int]()
    for axis, (size, result) in enumerate(zip(own, dims[new:], strict=True), new):
        if axis not in ones and not is_same(size, result):
            (ignored if is_plain(size) else doubtful).add(axis)
    axes = (*range(new), *(axis + new for axis in order.axes))
    return _Operand(axes, frozenset(ignored), frozenset(doubtful), order.loose)


@functools.lru_cache(maxsize=4096)
def _orders(
    rank: int, ones: frozenset[int], operands: tuple[_Operand, ...], has_more: bool
) -> frozenset[tuple[int, ...]]:
    """Each order, from the slowest axis to the fastest, to which the insertion sort may come.

    `has_more`: there are further operands, of which nothing is known.
    """
    found: set[tuple[int, ...]] = set()
    seen: set[tuple[tuple[int, ...], int, int, int]] = set()
    to_do = [(tuple(range(rank - 1, -1, -1)), 1, 0, 1)]  # torch keeps the fastest axis first
    while to_do:
        state = to_do.pop()
        if state in seen:
            continue
        seen.add(state)
        axes, inserted, place, moving = state
        if inserted >= rank:
            found.add(axes[::-1])
            continue
        following = (inserted + 1, inserted, inserted + 1)
        outcomes = _compared(axes[place], axes[moving], ones, operands) if place >= 0 else {-1}
        if has_more and place >= 0 and 0 in outcomes:
            outcomes = {-1, 0, 1}
        if -1 in outcomes:
            to_do.append((axes, *following))
        if 0 in outcomes:
            to_do.append((axes, inserted, place - 1, moving))
        if 1 in outcomes:
            swapped = list(axes)
            swapped[place], swapped[moving] = axes[moving], axes[place]
            to_do.append((tuple(swapped), inserted, place - 1, place))
    return frozenset(found)


def _compared(fast: int, slow: int, ones: frozenset[int], operands: tuple[_Operand, ...]) -> set[int]:
    """What `should_swap` may say of two axes: 1 to swap them, -1 to leave them, 0 where no operand tells them apart."""
    found: set[int] = set()
    for operand in operands:
        if fast in operand.ignored or slow in operand.ignored:
            continue
        outcomes = _outcomes(fast, slow, ones, operand)
        found |= outcomes - {0}
        if 0 not in outcomes and not {fast, slow} & operand.doubtful:
            return found
    return found | {0}


def _outcomes(fast: int, slow: int, ones: frozenset[int], operand: _Operand) -> set[int]:
    """The same for one operand. Of equal strides the axis of the larger size counts as the slower one."""
    tie = 0 if fast in ones else 1 if slow in ones else 0
    if operand.loose and (fast in ones or slow in ones):
        return {-1, 1, tie}
    first, last = sorted((operand.order.index(fast), operand.order.index(slow)))
    between = frozenset(operand.order[first + 1 : last + 1])  # what makes the stride of one larger than the other's
    strict = -1 if operand.order[last] == fast else 1
    single = ones | operand.ignored  # the operand's own sizes there are 1
    if between <= single:
        return {tie}
    return {strict, tie} if between <= single | operand.doubtful else {strict}


__all__ = ["OpenOrderError", "iterated"]
