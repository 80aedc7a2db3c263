"""What a rule gets to see and to say of one call of a torch function.

A rule computes the output's sizes, and calls `need` for every precondition of PyTorch; it never computes a verdict.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch

from shapecheck.ask import Budget, ask
from shapecheck.layout import is_loose, strides_in
from shapecheck.lengths.swept import (
    Bool,
    Int,
    Sweep,
    SweptBool,
    SweptFloat,
    SweptInt,
    Undecidable,
    compare,
    where,
)
from shapecheck.rules.iteration import OpenOrderError, iterated
from shapecheck.tensor import (
    Dims,
    Lazy,
    Strides,
    SweptTensor,
    contiguous_strides,
    contiguous_where,
    dims_of,
    has_loose_strides,
    is_dense,
    is_surely_contiguous,
    make,
    ordered,
    product,
    strides_of,
)
from shapecheck.trees import kind_of, map_tree, tensors_of

LOOSE = "a memory layout depends on the strides of an axis of size 1, which are not followed"
_RESHAPES = ("reshape", "reshape_as", "flatten", "ravel")


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

    def refuse(self) -> Any:
        """PyTorch raises at every live length; what a rule returns then is never used."""
        self.need(False)

    def need_same_dtype(self, *tensors: torch.Tensor | None) -> None:
        """PyTorch refuses operands of different dtypes here."""
        dtypes = {tensor.dtype for tensor in tensors if tensor is not None}
        self.need(len(dtypes) == 1)

    def need_kernel(self, *stand_ins: tuple[torch.dtype, int], **named: Any) -> None:
        """The CPU has a kernel for tensors of these dtypes and ranks, with torch's defaults for what is not named."""
        if any(dtype not in (torch.float32, torch.float64) for dtype, _ in stand_ins):
            self.need(_implemented(self.function, stand_ins, tuple(named.items())))

    def need_writable(self, target: torch.Tensor) -> None:
        """PyTorch does not write to a tensor of which two elements share their memory, as in an expanded one."""
        if not is_dense(target):
            dims = dims_of(target)
            empty = compare(product(dims), "==", 0)
            for size, step in zip(dims, strides_of(target), strict=True):
                self.need(compare(step, "!=", 0) | compare(size, "<=", 1) | empty)

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
        """The result of an elementwise operation: laid out as its argument `like`, as far as that is dense."""
        dims = tuple(dims)
        try:
            layout = iterated(dims, [like])
        except OpenOrderError:
            layout = self.elementwise_strides([like], dims)
        return make(dims, dtype or like.dtype, layout)

    def elementwise_strides(self, tensors: Sequence[torch.Tensor], dims: Sequence[Int]) -> Lazy:
        """Contiguous where all operands turn out to be, or to have their axes in order, else as PyTorch lays it out.

        It is looked at only if ever needed.
        """
        asked, operands, sizes = self.lazy_strides(), [frozen(tensor) for tensor in tensors], tuple(dims)
        loose = any(map(has_loose_strides, operands))

        def compute() -> Dims | None:
            with contextlib.suppress(OpenOrderError):
                layout = iterated(sizes, [self._in_known_order(tensor) for tensor in operands])
                if loose or not is_loose(layout):
                    return strides_in(sizes, layout)
            if loose:
                raise Undecidable(LOOSE)
            if all(self._always(_in_order(tensor, sizes)) for tensor in operands):
                return None
            return asked.strides()

        return Lazy(compute, loose, is_dense=True)

    def _in_known_order(self, tensor: torch.Tensor) -> torch.Tensor:
        """The tensor, or one of its sizes whose layout says that it is contiguous where that turns out."""
        if type(tensor) is not SweptTensor or is_surely_contiguous(tensor) or not self._is_contiguous(tensor):
            return tensor
        return make(tensor._dims, tensor._dtype, ordered(tuple(range(len(tensor._dims))), loose=True))

    def _is_contiguous(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor is contiguous at every live length."""
        if type(tensor) is not SweptTensor or is_surely_contiguous(tensor):
            return tensor.is_contiguous() if type(tensor) is not SweptTensor else True
        return self._always(contiguous_where(tensor))

    def _always(self, condition: Bool) -> bool:
        """Whether a condition on a memory layout holds at every live length."""
        if type(condition) is not SweptBool:
            return bool(condition)
        self.sweep.rest_on(condition, self.live, "a memory layout")
        return bool((condition.values | ~self.live.values).all())

    def windowed(self, dims: Sequence[Int], like: torch.Tensor) -> SweptTensor:
        """The result of an operation that keeps the suggested memory format of its argument."""
        return make(dims, like.dtype, self.in_format_of([like], dims, self.lazy_strides()))

    def in_format_of(self, tensors: Sequence[torch.Tensor], dims: Sequence[Int], otherwise: Lazy) -> Strides:
        """The layout of a fresh tensor: contiguous where the suggested memory format of all tensors is, or `otherwise`.

        If that is open, it is looked at only on demand.
        """
        if any(type(t) is SweptTensor and isinstance(t._strides, Lazy) and len(t._dims) in (4, 5) for t in tensors):
            dims = tuple(dims)
            formats = tuple(tensors)
            return Lazy(
                lambda: contiguous_strides(dims) if self.plain_formats(*formats) else otherwise.strides(),
                is_dense=True,
            )
        return None if self.plain_formats(*tensors) else otherwise

    def plain_formats(self, *tensors: torch.Tensor) -> bool:
        """Whether the suggested memory format of all is the contiguous one, at every live length.

        That is torch's `suggest_memory_format`: channels last only for tensors of 4 or 5 axes whose strides say so.
        """
        for tensor in tensors:
            dims = dims_of(tensor)
            if len(dims) not in (4, 5) or (type(tensor) is SweptTensor and tensor._strides is None):
                continue
            if has_loose_strides(tensor):
                channels_last = _channels_last_for_some(dims) if is_surely_contiguous(tensor) else True
            else:
                channels_last = _channels_last(dims, strides_of(tensor))
            if type(channels_last) is not SweptBool:
                if channels_last:
                    return False
                continue
            self.sweep.rest_on(channels_last, self.live, "a memory format")
            if bool((channels_last.values & self.live.values).any()):
                return False
        return True

    def lazy_strides(self, position: int | None = None) -> Lazy:
        """The strides of the result (or of one of several), asked of PyTorch if ever needed."""
        sweep, live, function = self.sweep, self.live, self.function
        args, kwargs = map_tree(frozen, (self.args, self.kwargs))
        loose = [tensor for tensor in tensors_of((args, kwargs)) if has_loose_strides(tensor)]
        decisive = getattr(function, "__name__", "") not in _RESHAPES and any(len(dims_of(one)) > 3 for one in loose)

        @functools.cache
        def compute() -> tuple[Int, ...]:
            if decisive:  # for the memory format, say
                raise Undecidable(LOOSE)
            refused = self.refused()
            asked = live if refused is None else live & ~refused
            with torch._C.DisableTorchFunction():  # strides may be asked for by analyzed code, outside of any operation
                answer = ask(sweep, function, args, kwargs, asked, {}, Budget(200_000))
            if answer.varied:
                name = getattr(function, "__name__", function)
                sweep.asked_at(asked, f"the memory layout of {name}, which was executed")
            if len(answer.groups) != 1 or len(answer.refused):
                raise Undecidable(f"the memory layout of {getattr(function, '__name__', function)} cannot be followed")
            result = answer.groups[0].result
            return strides_of(result if position is None else result[position])

        return Lazy(compute, bool(loose))

    def dtype_of_result(self) -> torch.dtype:
        """PyTorch's own dtype for these operands, from one-element stand-ins; NoRule where it refuses them."""
        skeleton = _tuples(map_tree(_stand_in, (self.args, tuple(sorted(self.kwargs.items())))))
        try:
            return _probe(self.function, skeleton)
        except TypeError:
            raise NoRule from None


def _in_order(tensor: torch.Tensor, sizes: Dims) -> Bool:
    """Where no two axes of an operand ask for another order of the result: `reorder_dimensions` of TensorIterator.cpp.

    It swaps axes of which the slower has the smaller stride or, of the same stride, the smaller size; a stride of 0
    and that of a broadcast axis does not count. What no operand wants swapped stays, and a new tensor is contiguous.
    """
    dims, strides = dims_of(tensor), strides_of(tensor)
    own = sizes[len(sizes) - len(dims) :]
    ignored: list[Any] = [
        compare(step, "==", 0) | (compare(size, "==", 1) & compare(result, "!=", 1))
        for size, result, step in zip(dims, own, strides, strict=True)
    ]
    verdict: Any = True
    for slow, fast in itertools.combinations(range(len(dims)), 2):
        tie = compare(strides[slow], "==", strides[fast]) & compare(own[slow], ">=", own[fast])
        verdict = verdict & (ignored[slow] | ignored[fast] | compare(strides[slow], ">", strides[fast]) | tie)
    return verdict


def _channels_last_for_some(dims: Dims) -> Bool:
    """The same for a contiguous tensor if the strides of axes of size 1 may be any."""
    one_column: Any = True
    for size in dims[2:]:
        one_column = compare(size, "==", 1) & one_column
    return compare(dims[1], "==", 1) | one_column


def _channels_last(dims: Dims, strides: Dims) -> Bool:
    """`is_channels_last_strides_2d` and `_3d` of c10/core/MemoryFormat.h, for each length."""
    verdict: Any = compare(strides[1], "!=", 0)
    least: Int = 0
    for axis in (1, *range(len(dims) - 1, 1, -1), 0):
        verdict = verdict & compare(dims[axis], "!=", 0) & compare(strides[axis], ">=", least)
        if axis == 0:  # one element in each channel: ambiguous, and taken as contiguous
            verdict = verdict & compare(least, "!=", strides[1])
        least = where(compare(dims[axis], ">", 1), strides[axis] * dims[axis], strides[axis])
    return verdict


def frozen(leaf: Any) -> Any:
    """A copy that later changes in place do not reach; anything but a swept tensor as it is."""
    if type(leaf) is SweptTensor:
        return make(leaf._dims, leaf._dtype, leaf._strides, values=leaf._values, bounds=leaf._bounds)
    return leaf


class _Stand(tuple[Any, ...]):
    """(dtype, rank) of a tensor argument, or (type, value) of a number: 1, 1.0 and True are one key otherwise."""

    __slots__ = ()


def _stand_in(leaf: Any) -> Any:
    if isinstance(leaf, torch.Tensor):
        return _Stand((leaf.dtype, len(dims_of(leaf))))
    kind = kind_of(leaf)
    if kind in (SweptBool, SweptInt, SweptFloat):
        return _Stand(({SweptBool: bool, SweptInt: int, SweptFloat: float}[kind], 1))
    if kind in (bool, int, float, complex):
        return _Stand((kind, leaf))
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
        with torch.no_grad(), torch._C.DisableTorchFunction():
            result = function(*args, **kwargs)
    except Exception:  # noqa: BLE001  # whatever PyTorch says, it is asked in full
        raise NoRule from None
    if not isinstance(result, torch.Tensor):
        raise NoRule
    return result.dtype


@functools.lru_cache(maxsize=1024)
def _implemented(
    function: Callable[..., Any], stand_ins: tuple[tuple[torch.dtype, int], ...], named: tuple[tuple[str, Any], ...]
) -> bool:
    try:
        with torch.no_grad(), torch._C.DisableTorchFunction():
            function(*[torch.ones((1,) * rank, dtype=dtype) for dtype, rank in stand_ins], **dict(named))
    except Exception:  # noqa: BLE001  # whatever PyTorch says, it refuses
        return False
    return True


def _build(item: Any) -> Any:
    if isinstance(item, _Stand):
        if isinstance(item[0], torch.dtype):
            return torch.ones((1,) * item[1], dtype=item[0])
        return item[0](item[1])
    if isinstance(item, tuple):
        return tuple(_build(part) for part in item)
    return item


__all__ = ["Call", "NoRule", "frozen"]
