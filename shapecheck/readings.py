"""Values that follow from lengths alone, where code or PyTorch takes those of a tensor for Python's numbers.

Invariant: a number that is read is, at each live length, the one that eager reads there; it carries no proof past them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
import torch
import torch.nn.functional as F

from shapecheck.execution import values_at
from shapecheck.lengths.swept import Sweep, SweptBool, SweptFloat, is_plain
from shapecheck.tensor import LARGEST_VALUES, SweptTensor, known_values, listed, make, product
from shapecheck.trees import map_tree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shapecheck.ask import Budget


class Running(Protocol):
    """What of the analysis readings use."""

    sweep: Sweep
    live: SweptBool

    def place(self, what: str) -> str: ...


class Readings:
    """The numbers that are read in one analysis."""

    def __init__(self, tracer: Running, budget: Budget) -> None:
        self._tracer = tracer
        self._budget = budget

    def prepared(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of a torch function, with numbers for the tensors that it takes for numbers."""
        if function in _READ and type(args[0]) is SweptTensor:
            return (self._readable(args[0]), *args[1:]), kwargs
        if function in _SLICE:
            several = isinstance(args[1], tuple)
            parts: tuple[Any, ...] = args[1] if several else (args[1],)
            parts = tuple([self._numbers(part) if type(part) is slice else part for part in parts])
            return (args[0], parts if several else parts[0], *args[2:]), kwargs
        if function in _FACTORIES:
            return cast("tuple[tuple[Any, ...], dict[str, Any]]", self._numbers((args, kwargs)))
        if function in _TAKE_NUMBERS:
            rest, named = self._numbers((args[1:], kwargs))
            return (*args[:1], *rest), named
        return args, kwargs

    def _numbers(self, tree: Any) -> Any:
        return map_tree(self._number, tree)

    def _number(self, leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor) or leaf.dim() or leaf.dtype not in _INTEGERS:
            return leaf
        values = known_values(self._readable(leaf) if type(leaf) is SweptTensor else leaf)
        return leaf if values is None else values[()]

    def _readable(self, tensor: SweptTensor) -> SweptTensor:
        """A small tensor whose values follow from lengths alone, with those values at the live lengths."""
        tracer, dims = self._tracer, tensor._dims
        if tensor._values is not None or tensor._recipe is None or tensor._dtype.is_complex:
            return tensor
        if not all(map(is_plain, dims)) or product(dims) > LARGEST_VALUES:
            return tensor
        live = np.flatnonzero(tracer.live.values)
        self._budget.spend(len(live), "what gives a value")
        kind = np.bool_ if tensor._dtype == torch.bool else np.float64 if tensor.is_floating_point() else np.int64
        rows = np.array([listed(values_at(tensor, index, {}).reshape(-1)) for index in live.tolist()], dtype=kind)
        tracer.sweep.asked_at(tracer.live, lambda: tracer.place("a value that was computed"))
        values = np.empty(rows.shape[1], dtype=object)
        for column in range(rows.shape[1]):
            values[column] = self._spread(rows[:, column], live)
        return make(dims, tensor._dtype, values=values.reshape([int(size) for size in dims]))

    def _spread(self, found: NDArray[Any], live: NDArray[np.intp]) -> Any:
        """A number for each live length as one; those at others are never looked at."""
        sweep = self._tracer.sweep
        if bool((found == found[0]).all()):
            return found[0].item()
        everywhere = np.full(len(sweep.lengths), found[0], dtype=found.dtype)
        everywhere[live] = found
        if found.dtype == np.bool_:
            return SweptBool(sweep, everywhere, None)
        if found.dtype.kind == "f":
            return SweptFloat.make(sweep, everywhere)
        return sweep.integer(everywhere, None)


# what hands out values of a tensor as Python's
_READ = frozenset(
    getattr(torch.Tensor, name) for name in ("item", "__bool__", "__int__", "__index__", "__float__", "tolist")
)
# and what takes a tensor of no axes for a number
_INTEGERS = frozenset((torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8))
_SLICE = frozenset((torch.Tensor.__getitem__, torch.Tensor.__setitem__))
_FACTORIES = frozenset((torch.zeros, torch.ones, torch.empty, torch.full, torch.rand, torch.randn, torch.arange))
_NAMES = ("view", "reshape", "expand", "repeat", "tile", "narrow", "select", "split", "unfold", "unflatten")
_TAKE_NUMBERS = frozenset(
    (F.pad, F.interpolate, *(getattr(o, name) for o in (torch, torch.Tensor) for name in _NAMES if hasattr(o, name)))
)

__all__ = ["Readings"]
