"""Joining the outputs of the paths of one module call: per length, the value that its path gave.

Outputs that have no common form (another structure, rank or dtype) are not joined; the caller runs once for each form.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import torch

from shapecheck.lengths.swept import Int, Sweep, SweptBool, SweptInt, Undecidable, compare, is_plain, where
from shapecheck.tensor import (
    Bounds,
    Lazy,
    Strides,
    SweptSize,
    SweptTensor,
    dims_of,
    has_loose_strides,
    is_surely_contiguous,
    make,
    order_of,
    ordered,
    size_of,
    strides_of,
)
from shapecheck.trees import is_named, kind_of, mapping_of, sequence_of

_NUMBERS = (SweptInt, int)


class NotJoinable(Exception):
    """The values have no common form."""


JoinNode = Callable[[list[SweptTensor], SweptTensor], None]  # gives a joined tensor its node in the graph


class Joiner:
    """Joins what the paths of one call gave; `began`: tensors of a lower serial number existed before the call."""

    def __init__(self, sweep: Sweep, join_node: JoinNode, began: int) -> None:
        self._sweep = sweep
        self._join_node = join_node
        self._began = began

    def join(self, outcomes: list[tuple[SweptBool, Any]]) -> list[tuple[SweptBool, Any]]:
        """One (lengths, output) pair for each form that the outputs come in; the first form first."""
        joined: list[tuple[SweptBool, Any]] = []
        left = outcomes
        with suppress(NotJoinable):  # the usual case, and one that is linear in the number of paths
            return [(_either(outcomes), self.value(outcomes))]
        while left:
            members, others = [left[0]], list[tuple[SweptBool, Any]]()
            value = left[0][1]
            for outcome in left[1:]:
                try:
                    value = self.value([*members, outcome])
                except NotJoinable:
                    others.append(outcome)
                else:
                    members.append(outcome)
            joined.append((_either(members), value))
            left = others
        return joined

    def value(self, outcomes: list[tuple[SweptBool, Any]]) -> Any:
        """The joined value of trees of one form; raises NotJoinable."""
        first = outcomes[0][1]
        values = [value for _, value in outcomes]
        if all(value is first for value in values):
            return first
        kind = kind_of(first)
        if kind in (SweptSize, torch.Size):
            if any(type(value) not in (SweptSize, torch.Size) or len(value) != len(first) for value in values):
                raise NotJoinable
            return size_of(self._items(outcomes))
        if kind in (tuple, list) or is_named(first):
            if any(type(value) is not kind or len(value) != len(first) for value in values):
                raise NotJoinable
            return sequence_of(kind_of(first), self._items(outcomes))
        if kind is dict or issubclass(kind, OrderedDict):
            keys: list[Any] = list(first)
            if any(kind_of(value) is not kind or list(value) != keys for value in values):
                raise NotJoinable
            joined = {key: self.value([(mask, value[key]) for mask, value in outcomes]) for key in keys}
            return mapping_of(kind_of(first), joined)
        if isinstance(first, torch.Tensor):
            return self._tensors(outcomes)
        if all(isinstance(value, bool) or type(value) is SweptBool for value in values):
            result: Any = values[-1]
            for mask, value in reversed(outcomes[:-1]):
                result = (mask & value) | (~mask & result)
            return result
        if all(type(value) is SweptInt or (is_plain(value) and type(value) is int) for value in values):
            return _numbers(outcomes)
        comparable = kind in (str, float, int, torch.dtype, torch.device)
        if comparable and all(type(value) is kind and value == first for value in values):
            return first
        raise NotJoinable

    def agree(self, left: Any, right: Any) -> SweptBool:
        """The lengths at which two outputs are interchangeable; where that is not known, they are not."""
        sweep = self._sweep
        kind = kind_of(left)
        if left is right:
            return sweep.always
        if kind in _NUMBERS and kind_of(right) in _NUMBERS:
            same: Any = compare(left, "==", right)
            return same if type(same) is SweptBool else sweep.always if same else sweep.never()
        if kind_of(right) is not kind:
            return sweep.never()
        if isinstance(left, torch.Tensor):
            return self._same_tensor(left, right)
        if kind in (tuple, list, SweptSize, torch.Size) or is_named(left):
            pairs = list(zip(left, right, strict=True)) if len(left) == len(right) else [(0, 1)]
        elif kind is dict:
            pairs = [(left[key], right[key]) for key in left] if list(left) == list(right) else [(0, 1)]
        else:
            alike = kind in (float, str, bool, type(None), torch.dtype, torch.device) and left == right
            return sweep.always if alike else sweep.never()
        result = sweep.always
        for one, other in pairs:
            result = result & self.agree(one, other)
        return result

    def _same_tensor(self, left: Any, right: Any) -> SweptBool:
        never = self._sweep.never()
        if left.dtype != right.dtype or len(dims_of(left)) != len(dims_of(right)):
            return never
        for tensor in (left, right):
            if type(tensor) is not SweptTensor or tensor._serial < self._began:
                return never  # one that existed before the call has an identity
            if (
                tensor._recipe is not None
                or tensor._source is not None
                or tensor._bounds is not None
                or tensor._tainted
            ):
                return never
        pairs = list(zip(dims_of(left), dims_of(right), strict=True))
        if order_of(left) is None or order_of(left) != order_of(right):
            try:
                pairs += zip(strides_of(left), strides_of(right), strict=True)
            except Undecidable:
                return never
        if (left._values is None) is not (right._values is None):
            return never
        if left._values is not None:
            if left._values.shape != right._values.shape:
                return never
            pairs += zip(left._values.flat, right._values.flat, strict=True)
        result = self._sweep.always
        for one, other in pairs:
            result = result & self.agree(one, other)
        return result

    def shape(self, masks: list[SweptBool], shapes: list[Any]) -> Any:
        """The joined sizes of shapes of one rank; None where they have different ranks."""
        if any(len(shape) != len(shapes[0]) for shape in shapes):
            return None
        return tuple(_numbers(list(zip(masks, column, strict=True))) for column in zip(*shapes, strict=True))

    def _items(self, outcomes: list[tuple[SweptBool, Any]]) -> list[Any]:
        count = len(outcomes[0][1])
        return [self.value([(mask, value[position]) for mask, value in outcomes]) for position in range(count)]

    def _tensors(self, outcomes: list[tuple[SweptBool, Any]]) -> SweptTensor:
        tensors: list[Any] = [value for _, value in outcomes]
        first = tensors[0]
        # a tensor that the caller has, too, keeps its identity: it may be changed in place, or compared with `is`
        if any(type(tensor) is not SweptTensor or tensor._serial < self._began for tensor in tensors):
            raise NotJoinable
        rank = len(dims_of(first))
        if any(tensor.dtype != first.dtype or len(dims_of(tensor)) != rank for tensor in tensors):
            raise NotJoinable
        masks = [mask for mask, _ in outcomes]

        def each(rows: list[tuple[Int, ...]]) -> tuple[Int, ...]:
            return tuple(_numbers(list(zip(masks, column, strict=True))) for column in zip(*rows, strict=True))

        dims = each([dims_of(tensor) for tensor in tensors])
        strides: Strides = None
        order = order_of(first)
        if order is not None and all(order_of(tensor) == order for tensor in tensors):
            strides = ordered(order.axes, loose=order.loose)
        elif any(np.count_nonzero(mask.values) == 1 for mask in masks) and len(set(map(_known_layout, tensors))) > 1:
            raise NotJoinable  # what is not known at one length, where an axis has size 1, would not be at any
        elif all(is_surely_contiguous(tensor) for tensor in tensors):
            strides = ordered(tuple(range(rank)), loose=True)
        else:
            loose = any(has_loose_strides(tensor) for tensor in tensors)
            strides = Lazy(lambda: each([strides_of(tensor) for tensor in tensors]), loose)
        values, bounds, tainted = self._known(masks, tensors)
        result = make(dims, first.dtype, strides, values=values, bounds=bounds, tainted=tainted)
        self._join_node(tensors, result)
        return result

    def _known(self, masks: list[SweptBool], tensors: list[SweptTensor]) -> tuple[Any, Bounds | None, bool]:
        """(values, bounds, tainted) of the joined tensor, as far as something was known of all of them."""
        if not any(tensor._values is not None or tensor._bounds is not None or tensor._tainted for tensor in tensors):
            computed = any(tensor._recipe is not None or tensor._source is not None for tensor in tensors)
            return None, None, computed and _could_index(tensors[0])
        values = [tensor._values for tensor in tensors if tensor._values is not None]
        if len(values) == len(tensors) and all(value.shape == values[0].shape for value in values):
            joined = np.empty(values[0].shape, dtype=object)
            try:
                for index in np.ndindex(joined.shape):
                    column = [value[index] for value in values]
                    joined[index] = self.value(list(zip(masks, column, strict=True)))
            except NotJoinable:
                return None, None, True
            return joined, None, False
        bounds = [tensor._bounds for tensor in tensors if tensor._bounds is not None]
        if len(bounds) == len(tensors):
            low = _numbers([(mask, bound.low) for mask, bound in zip(masks, bounds, strict=True)])
            high = _numbers([(mask, bound.high) for mask, bound in zip(masks, bounds, strict=True)])
            return None, Bounds(low, high, all(bound.exact for bound in bounds)), False
        return None, None, _could_index(tensors[0])


def _either(outcomes: list[tuple[SweptBool, Any]]) -> SweptBool:
    lengths = outcomes[0][0]
    for mask, _ in outcomes[1:]:
        lengths = lengths | mask
    return lengths


def _known_layout(tensor: SweptTensor) -> str:
    """How far the strides of a tensor are known, without computing them."""
    if isinstance(tensor._strides, Lazy) and tensor._strides.is_open:
        return "open"
    if has_loose_strides(tensor):
        return "loose"
    return "contiguous" if tensor._strides is None else "in order" if is_surely_contiguous(tensor) else "any"


def _numbers(outcomes: list[tuple[SweptBool, Any]]) -> Int:
    result: Int = outcomes[-1][1]
    for mask, value in reversed(outcomes[:-1]):
        result = where(mask, value, result)
    return result


def _could_index(tensor: torch.Tensor) -> bool:
    return not tensor.dtype.is_floating_point and not tensor.dtype.is_complex
