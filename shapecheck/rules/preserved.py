"""The layout of a copy that preserves the memory format: `clone`, `to(dtype)`, `zeros_like` and their kin.

A dense tensor keeps its strides; gaps and repeated elements go, and the order of the axes stays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from shapecheck.lengths.swept import Int, SweptBool, SweptInt, Undecidable, at, compare
from shapecheck.rules.call import LOOSE, frozen
from shapecheck.tensor import (
    Dims,
    Lazy,
    Strides,
    contiguous_strides,
    dims_of,
    has_loose_strides,
    order_of,
    ordered,
    strides_of,
)


class _VariesError(Exception):
    """The order of the axes differs between lengths."""


def preserved(tensor: torch.Tensor) -> Strides:
    """The layout of a copy; strides are looked at only where they are needed."""
    order = order_of(tensor)
    if order is not None:
        return ordered(order.axes, loose=order.loose)
    source = frozen(tensor)

    def dense() -> Dims:
        if has_loose_strides(source):  # beside strides of 0 they decide the order of the axes
            raise Undecidable(LOOSE)
        return _dense(dims_of(source), strides_of(source))

    return Lazy(dense)


def _dense(dims: Dims, strides: Dims) -> Dims:
    swept = [number for number in (*dims, *strides) if type(number) is SweptInt]
    if not swept:
        return _in_order(dims, _order(dims, strides, bool))
    sweep = swept[0].sweep

    def uniform(condition: Any) -> bool:
        if type(condition) is not SweptBool:
            return bool(condition)
        sweep.rest_on(condition, sweep.always, "a memory layout")
        if bool(condition.values.all()):
            return True
        if bool(condition.values.any()):
            raise _VariesError
        return False

    try:
        return _in_order(dims, _order(dims, strides, uniform))
    except _VariesError:
        sweep.gap("a memory layout")
    table = np.empty((len(dims), len(sweep.lengths)), dtype=np.int64)
    for index in range(len(sweep.lengths)):
        own: Any = tuple(at(size, index) for size in dims)
        steps: Any = tuple(at(step, index) for step in strides)
        table[:, index] = _in_order(own, _order(own, steps, bool))
    return tuple(sweep.integer(row.copy(), None) for row in table)


def _order(dims: Dims, strides: Dims, holds: Callable[[Any], bool]) -> list[int]:
    """The axes from the slowest to the fastest: `infer_dense_strides` in ATen/ExpandUtils.cpp."""

    def behind(one: int, other: int) -> int:
        if holds(compare(strides[one], "==", 0)) or holds(compare(strides[other], "==", 0)):
            return 0
        if holds(compare(strides[one], "<", strides[other])):
            return -1
        if holds(compare(strides[one], ">", strides[other])):
            return 1
        return 1 if holds(compare(dims[one], ">", dims[other])) else 0

    axes = list(range(len(dims) - 1, -1, -1))
    for start in range(1, len(axes)):
        moving = start
        for before in range(start - 1, -1, -1):
            verdict = behind(axes[before], axes[moving])
            if verdict > 0:
                axes[before], axes[moving] = axes[moving], axes[before]
                moving = before
            elif verdict < 0:
                break
    return axes[::-1]


def _in_order(dims: Dims, axes: list[int]) -> tuple[Int, ...]:
    steps = contiguous_strides([dims[axis] for axis in axes])
    return tuple(steps[axes.index(axis)] for axis in range(len(axes)))


__all__ = ["preserved"]
