"""How rules read axes and sizes from the arguments of a call."""

from __future__ import annotations

from typing import Any

from shapecheck.lengths.swept import SweptFloat, SweptInt, is_plain
from shapecheck.rules.call import NoRule


def axis_of(dim: Any, rank: int) -> int:
    """An axis counted from the front; what PyTorch says of one out of range is asked."""
    if not is_plain(dim) or type(dim) is bool or not -rank <= dim < rank:
        raise NoRule
    return dim % rank


def axes_of(dim: Any, rank: int) -> list[int]:
    """One axis or several different ones."""
    axes = [axis_of(axis, rank) for axis in (dim if isinstance(dim, (tuple, list)) else (dim,))]
    if len(set(axes)) != len(axes):
        raise NoRule
    return axes


def sizes_of(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """`view(2, -1)` and `view((2, -1))` alike."""
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        return tuple(args[0])
    return args


def are_whole(sizes: tuple[Any, ...]) -> bool:
    """Whether all are integers; False for a float computed from lengths, which PyTorch refuses as a size."""
    if any(type(size) is SweptFloat for size in sizes):
        return False
    if not all(map(is_number, sizes)):
        raise NoRule
    return True


def is_number(value: Any) -> bool:
    """A plain or swept integer; no bool, which indexes otherwise."""
    return type(value) is SweptInt or (is_plain(value) and type(value) is not bool)


__all__ = ["are_whole", "axes_of", "axis_of", "is_number", "sizes_of"]
