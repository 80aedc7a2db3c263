"""Swept sizes as torch takes and gives them: numbers that its argument parsers accept, and shapes that hold them.

Invariant: a shape behaves as `torch.Size` does, at every live length.
"""

# a size that is swept stands where torch's stubs have an int
# pyright: reportIncompatibleMethodOverride=false, reportIncompatibleVariableOverride=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import torch

from shapecheck.layout import product
from shapecheck.lengths.swept import SweptFloat, SweptInt, compare


class _IntLike(int, torch.SymInt):
    """The class that a swept integer claims: torch's argument parsers then take it without asking for its value."""


class _FloatLike(float, torch.SymFloat):
    """The same for a swept float."""


SweptInt.python_class = _IntLike
SweptFloat.python_class = _FloatLike


def size_of(dims: Sequence[Any]) -> Any:
    """`torch.Size` where all sizes are plain, else a `SweptSize`."""
    for size in dims:
        if type(size) is SweptInt:
            return SweptSize(dims)
    return torch.Size(dims)


_TUPLE: Any = tuple  # of whatever items


class SweptSize(tuple[Any, ...]):
    """What `shape` and `size()` return where a size is swept: like `torch.Size`, which takes plain ints only."""

    __slots__ = ()

    @property
    def __class__(self) -> type:
        return torch.Size

    def numel(self) -> Any:
        return product(self)

    def __getitem__(self, index: Any) -> Any:
        item = _TUPLE.__getitem__(self, index)
        return size_of(item) if isinstance(index, slice) else item

    def __add__(self, other: Any) -> Any:
        if isinstance(other, list):
            raise TypeError("can only concatenate tuple (not list) to torch.Size")
        return size_of(tuple(self) + tuple(other)) if _is_tuple(other) else NotImplemented

    def __radd__(self, other: Any) -> Any:
        if isinstance(other, list):
            raise TypeError('can only concatenate list (not "torch.Size") to list')
        return size_of(tuple(other) + tuple(self)) if _is_tuple(other) else NotImplemented

    def __eq__(self, other: object) -> Any:
        if not _is_tuple(other) or len(other) != len(self):
            return False
        return all(bool(compare(mine, "==", theirs)) for mine, theirs in zip(self, other, strict=True))

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"


def _is_tuple(value: object) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(value, tuple)
