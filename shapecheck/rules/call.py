"""What a rule gets to see and to say of one call of a torch function.

A rule computes the output's sizes, and calls `need` for every precondition of PyTorch; it never computes a verdict itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch

from shapecheck.ask import Budget, ask, map_tree
from shapecheck.lengths.swept import Bool, Int, Sweep, SweptBool, SweptFloat, SweptInt, is_plain
from shapecheck.tensor import (
    Lazy,
    Strides,
    SweptTensor,
    contiguous_strides,
    dims_of,
    is_surely_contiguous,
    make,
    strides_of,
)


class NoRule(Exception):
    """The rule does not cover this call; PyTorch is asked instead."""


class Call:
    """One call: its function and arguments, and what the rule found out so far."""

    __slots__ = ("args", "function", "kwargs", "live", "needs", "sweep", "written")

    def __init__(
        self, sweep: Sweep, live: SweptBool, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.sweep = sweep
        self.live = live
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.needs: list[Bool] = []
        self.written: list[torch.Tensor] = []  # plain tensors whose data is now swept

    def need(self, condition: Bool) -> None:
        """PyTorch raises where the condition does not hold."""
        if type(condition) is SweptBool or not condition:
            self.needs.append(condition)

    def need_equal(self, left: Int, right: Int) -> None:
        if left is not right:
            self.need(left == right)

    def need_same_dtype(self, *tensors: torch.Tensor | None) -> None:
        """PyTorch refuses operands of different dtypes here."""
        dtypes = {tensor.dtype for tensor in tensors if tensor is not None}
        self.need(len(dtypes) == 1)

    def positive(self, *sizes: Int) -> None:
        """The rule holds for sizes of at least 1 only; smaller ones are asked of PyTorch, on a path of their own."""
        for size in sizes:
            if not (size >= 1):
                raise NoRule

    def refused(self) -> SweptBool | None:
        """The lengths that fail a precondition."""
        refused: SweptBool | None = None
        for condition in self.needs:
            broken = ~condition if type(condition) is SweptBool else self.sweep.always
            refused = broken if refused is None else refused | broken
        return refused

    def out(self, dims: Sequence[Int], like: torch.Tensor, dtype: torch.dtype | None = None) -> SweptTensor:
        """A result of these sizes: contiguous if the argument `like` is, else laid out as PyTorch will say when asked."""
        strides: Strides = None if is_surely_contiguous(like) else self.lazy_strides()
        return make(dims, dtype or like.dtype, strides)

    def lazy_strides(self, position: int | None = None) -> Lazy:
        """The strides of the result (or of one of several), asked of PyTorch if ever needed."""
        sweep, live, function = self.sweep, self.live, self.function
        args, kwargs = map_tree(_frozen, (self.args, self.kwargs))

        def compute() -> tuple[Int, ...]:
            refused = self.refused()
            asked = live if refused is None else live & ~refused
            answer = ask(sweep, function, args, kwargs, asked, {}, Budget(200_000))
            if answer.varied:
                sweep.gaps.append("a memory layout, which was executed")
            if len(answer.groups) != 1:
                raise NoRule
            result = answer.groups[0].result
            return strides_of(result if position is None else result[position])

        return Lazy(compute)

    def dtype_of_result(self) -> torch.dtype:
        """PyTorch's own dtype for these operands, from one-element stand-ins; NoRule where it refuses them."""
        skeleton = _tuples(map_tree(_stand_in, (self.args, tuple(sorted(self.kwargs.items())))))
        try:
            return _probe(self.function, skeleton)
        except TypeError:
            raise NoRule from None


def _frozen(leaf: Any) -> Any:
    """A copy that later changes in place do not reach."""
    if type(leaf) is SweptTensor:
        return make(leaf._dims, leaf._dtype, leaf._strides, values=leaf._values, bounds=leaf._bounds)  # pyright: ignore[reportPrivateUsage]
    return leaf


class _Stand(tuple[Any, ...]):
    """(dtype, rank) of a tensor argument."""

    __slots__ = ()


def _stand_in(leaf: Any) -> Any:
    if isinstance(leaf, torch.Tensor):
        return _Stand((leaf.dtype, len(dims_of(leaf))))
    if isinstance(leaf, (bool, SweptBool)):
        return _Stand((bool,))
    if type(leaf) is SweptInt or is_plain(leaf):
        return _Stand((int,))
    if isinstance(leaf, (float, SweptFloat)):
        return _Stand((float,))
    return leaf


def _tuples(tree: Any) -> Any:
    """Lists as tuples, so that the whole is a key."""
    if type(tree) in (list, tuple):
        return tuple(_tuples(item) for item in tree)
    return tree


@functools.lru_cache(maxsize=4096)
def _probe(function: Callable[..., Any], skeleton: Any) -> torch.dtype:
    args, kwargs = _build(skeleton[0]), {key: _build(value) for key, value in skeleton[1]}
    try:
        with torch.no_grad(), torch._C.DisableTorchFunction():  # pyright: ignore[reportPrivateUsage]
            result = function(*args, **kwargs)
    except Exception:
        raise NoRule from None
    if not isinstance(result, torch.Tensor):
        raise NoRule
    return result.dtype


def _build(item: Any) -> Any:
    if isinstance(item, _Stand):
        if len(item) == 2:
            return torch.empty((1,) * item[1], dtype=item[0], device="meta")
        return item[0](1)
    if isinstance(item, tuple):
        return tuple(_build(part) for part in item)
    return item


__all__ = ["Call", "Lazy", "NoRule", "contiguous_strides"]
