"""Joining the outputs of the paths of one module call: per length, the value that its path gave.

Outputs that have no common form (another structure, rank or dtype) are not joined; the caller runs once for each form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from shapecheck.lengths.swept import Int, SweptBool, SweptFloat, SweptInt, is_plain, where
from shapecheck.tensor import (
    Bounds,
    Lazy,
    Strides,
    SweptSize,
    SweptTensor,
    dims_of,
    make,
    order_of,
    ordered,
    size_of,
    strides_of,
)


class NotJoinable(Exception):
    """The values have no common form."""


JoinNode = Callable[[list[SweptTensor], SweptTensor], None]  # gives a joined tensor its node in the graph


def join(join_node: JoinNode, outcomes: list[tuple[SweptBool, Any]]) -> list[tuple[SweptBool, Any]]:
    """One (lengths, output) pair for each form that the outputs come in; the first form first."""
    joined: list[tuple[SweptBool, Any]] = []
    left = outcomes
    while left:
        members, others = [left[0]], list[tuple[SweptBool, Any]]()
        value = left[0][1]
        for outcome in left[1:]:
            try:
                value = join_leaves(join_node, [*members, outcome])
            except NotJoinable:
                others.append(outcome)
            else:
                members.append(outcome)
        lengths = members[0][0]
        for mask, _ in members[1:]:
            lengths = lengths | mask
        joined.append((lengths, value))
        left = others
    return joined


def join_leaves(join_node: JoinNode, outcomes: list[tuple[SweptBool, Any]]) -> Any:
    """The joined value of trees of one form; raises NotJoinable."""
    first = outcomes[0][1]
    values = [value for _, value in outcomes]
    if all(value is first for value in values):
        return first
    kind = type(first)
    if kind in (tuple, list) or kind is SweptSize or (isinstance(first, tuple) and hasattr(first, "_fields")):
        if any(type(value) not in (kind, torch.Size, SweptSize) or len(value) != len(first) for value in values):
            raise NotJoinable
        items = [
            join_leaves(join_node, [(mask, value[i]) for mask, value in outcomes]) for i in range(len(first))
        ]
        if kind is SweptSize:
            return size_of(items)
        return kind(*items) if hasattr(first, "_fields") else kind(items)
    if isinstance(first, dict):
        if any(type(value) is not kind or list(value) != list(first) for value in values):
            raise NotJoinable
        joined = {key: join_leaves(join_node, [(mask, value[key]) for mask, value in outcomes]) for key in first}
        return joined if kind is dict else kind(**joined)
    if isinstance(first, torch.Tensor):
        if not all(isinstance(value, torch.Tensor) for value in values):
            raise NotJoinable
        return _join_tensors(join_node, outcomes)
    if all(isinstance(value, (bool, SweptBool)) for value in values):
        result: Any = values[-1]
        for mask, value in reversed(outcomes[:-1]):
            result = (mask & value) | (~mask & result)
        return result
    if all(type(value) is SweptInt or is_plain(value) for value in values):
        return _join_numbers(outcomes)
    if any(isinstance(value, (SweptInt, SweptBool, SweptFloat)) for value in values):
        raise NotJoinable
    if all(type(value) is kind for value in values) and isinstance(first, (str, float, torch.dtype, torch.device)):
        if all(value == first for value in values):
            return first
    raise NotJoinable


def _join_numbers(outcomes: list[tuple[SweptBool, Any]]) -> Int:
    result: Int = outcomes[-1][1]
    for mask, value in reversed(outcomes[:-1]):
        result = where(mask, value, result)
    return result


def _join_tensors(join_node: JoinNode, outcomes: list[tuple[SweptBool, Any]]) -> SweptTensor:
    tensors: list[torch.Tensor] = [value for _, value in outcomes]
    first = tensors[0]
    rank = len(dims_of(first))
    if any(tensor.dtype != first.dtype or len(dims_of(tensor)) != rank for tensor in tensors):
        raise NotJoinable
    masks = [mask for mask, _ in outcomes]

    def each(rows: list[tuple[Int, ...]]) -> tuple[Int, ...]:
        return tuple(_join_numbers(list(zip(masks, column, strict=True))) for column in zip(*rows, strict=True))

    dims = each([dims_of(tensor) for tensor in tensors])
    strides: Strides = None
    orders = {order_of(tensor) for tensor in tensors}
    if len(orders) > 1 or None in orders:
        strides = Lazy(lambda: each([strides_of(tensor) for tensor in tensors]))
    elif first_order := orders.pop():
        strides = ordered(dims, first_order)
    values, bounds, tainted = _join_values(join_node, masks, tensors)
    result = make(dims, first.dtype, strides, values=values, bounds=bounds, tainted=tainted)
    join_node([tensor for tensor in tensors if type(tensor) is SweptTensor], result)
    return result


def _join_values(join_node: JoinNode, masks: list[SweptBool], tensors: list[torch.Tensor]) -> tuple[Any, Any, bool]:
    """(values, bounds, tainted) of the joined integer tensor."""
    swept = [tensor for tensor in tensors if type(tensor) is SweptTensor]
    carriers = [t for t in swept if t._values is not None or t._bounds is not None or t._tainted]  # pyright: ignore[reportPrivateUsage]
    if not carriers and len(swept) == len(tensors):
        return None, None, False
    values = [t._values if type(t) is SweptTensor else None for t in tensors]  # pyright: ignore[reportPrivateUsage]
    if all(value is not None and value.shape == values[0].shape for value in values):  # pyright: ignore[reportOptionalMemberAccess]
        joined = np.empty(values[0].shape, dtype=object)  # pyright: ignore[reportOptionalMemberAccess]
        try:
            for index in np.ndindex(joined.shape):
                column = [value[index] for value in values]  # pyright: ignore[reportOptionalSubscript]
                joined[index] = join_leaves(join_node, list(zip(masks, column, strict=True)))
        except NotJoinable:
            return None, None, True
        return joined, None, False
    bounds = [t._bounds if type(t) is SweptTensor else None for t in tensors]  # pyright: ignore[reportPrivateUsage]
    if all(bound is not None for bound in bounds):
        known: list[Bounds] = [bound for bound in bounds if bound is not None]
        low = _join_numbers([(mask, bound.low) for mask, bound in zip(masks, known, strict=True)])
        high = _join_numbers([(mask, bound.high) for mask, bound in zip(masks, known, strict=True)])
        return None, Bounds(low, high, all(bound.exact for bound in known)), False
    return None, None, first_is_integer(tensors)


def first_is_integer(tensors: list[torch.Tensor]) -> bool:
    """Whether values of the joined tensor could be used as an index."""
    dtype = tensors[0].dtype
    return not dtype.is_floating_point and not dtype.is_complex
