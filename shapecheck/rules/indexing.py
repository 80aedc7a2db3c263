"""Integer tensors used as indices: the values that lengths decide must be in range, with and without rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from shapecheck.execution import values_at
from shapecheck.lengths.swept import Bool, Int, SweptBool, Undecidable, at, compare, is_plain
from shapecheck.rules.call import Call
from shapecheck.rules.positions import unpooled
from shapecheck.tensor import SweptTensor, dims_of, product
from shapecheck.trees import tensors_of
from shapecheck.value_ranges import always_within

MOST_LENGTHS = 4096  # at which the ranges of indices are looked at one by one

# functions without a rule that use integers as an index: where the index is (position, keyword), the source, its axis
_AT_AXIS: dict[str, tuple[tuple[int, str], tuple[int, str], int | tuple[int, str]]] = {
    "embedding": ((0, "input"), (1, "weight"), 0),
    "embedding_bag": ((0, "input"), (1, "weight"), 0),
    "index_select": ((2, "index"), (0, "input"), (1, "dim")),
    "gather": ((2, "index"), (0, "input"), (1, "dim")),
    "scatter": ((2, "index"), (0, "input"), (1, "dim")),
    "scatter_add": ((2, "index"), (0, "input"), (1, "dim")),
    "scatter_reduce": ((2, "index"), (0, "input"), (1, "dim")),
    "index_add": ((2, "index"), (0, "input"), (1, "dim")),
    "index_copy": ((2, "index"), (0, "input"), (1, "dim")),
    "index_fill": ((2, "index"), (0, "input"), (1, "dim")),
    "cross_entropy": ((1, "target"), (0, "input"), 1),
    "nll_loss": ((1, "target"), (0, "input"), 1),
}

# and those whose index is not of one axis: its values are followed only where they are exact
_UNPOOLS = {f"max_unpool{rank}d": rank for rank in (1, 2, 3)}
_ANYWHERE: dict[str, tuple[int, str]] = {
    "take": (1, "index"),
    "take_along_dim": (1, "indices"),
    "__getitem__": (1, "index"),
    "__setitem__": (1, "index"),
    "index_put": (1, "indices"),
    "one_hot": (0, "input"),
    "bincount": (0, "input"),
    "repeat_interleave": (1, "repeats"),
    "tensor_split": (1, "tensor_indices_or_sections"),
}


def check_indices(call: Call, name: str) -> None:
    """What PyTorch needs of the indices of a function that is asked, as far as lengths decide their values.

    Meta kernels do not look at values, and the CPU is asked with stand-ins where these are not exact.
    """
    name = name if name in _ANYWHERE else name.removesuffix("_")
    if name in _UNPOOLS:
        indices = _argument(call, (1, "indices"))
        places = unpooled(call.args, call.kwargs, _UNPOOLS[name])
        if type(indices) is SweptTensor and places is not None:
            index_in_range(call, indices, places[0], unless=places[1])
    elif name == "take_along_dim" and _argument(call, (2, "dim")) is not None:
        _check_at_axis(call, (1, "indices"), (0, "input"), (2, "dim"))
    elif name in _AT_AXIS:
        _check_at_axis(call, *_AT_AXIS[name])
    elif name in _ANYWHERE:
        for index in tensors_of(_argument(call, _ANYWHERE[name])):
            if type(index) is not SweptTensor or index._values is not None or index.dtype == torch.bool:
                continue
            if index._tainted or index._bounds is not None:
                raise Undecidable(f"an index of {name} computed from lengths may be out of range")


def _check_at_axis(
    call: Call, at_index: tuple[int, str], at_source: tuple[int, str], at_axis: int | tuple[int, str]
) -> None:
    index, source = _argument(call, at_index), _argument(call, at_source)
    axis = at_axis if isinstance(at_axis, int) else _argument(call, at_axis)
    if type(index) is not SweptTensor or not (
        index._tainted or index._bounds is not None or index._values is not None or index._source is not None
    ):
        return
    dims = dims_of(source) if isinstance(source, torch.Tensor) else ()
    if not is_plain(axis) or not -len(dims) <= axis < len(dims):
        return  # PyTorch itself refuses it
    index_in_range(call, index, dims[axis])


def _argument(call: Call, place: tuple[int, str]) -> Any:
    position, keyword = place
    return call.args[position] if position < len(call.args) else call.kwargs.get(keyword)


def index_in_range(call: Call, index: torch.Tensor, size: Int, *, from_end: bool = False, unless: Bool = False) -> None:
    """All values of an index must lie in 0..size-1, or in -size..size-1 where x[index] counts from the end.

    Values of the user's own input, which are not there, are taken to. `unless`: where PyTorch does not look at them.
    """
    lowest: Int = -size if from_end else 0
    empty: Any = unless | compare(product(dims_of(index)), "==", 0)

    def inside(low: Int, high: Int) -> Any:
        return (compare(low, ">=", lowest) & compare(high, "<", size)) | empty

    if type(index) is not SweptTensor:
        if index.numel() and not index.is_meta:
            call.need(inside(int(index.min()), int(index.max())))
        return
    if index._values is not None:
        for value in index._values.reshape(-1):
            call.need(inside(value, value))
        return
    bounds = index._bounds
    if bounds is not None:
        verdict = inside(bounds.low, bounds.high)
        if bounds.exact:
            call.need(verdict)
            return
        if verdict is True or (type(verdict) is SweptBool and not bool((~verdict.values & call.live.values).any())):
            call.need(verdict)
            return
    if index._recipe is not None:
        if always_within(index, lowest, size - 1, call.live):
            return
        call.need(_computed(call, index, lowest, size) | unless)
    elif index._source is not None:
        if not (always_within(index, lowest, size - 1, call.live) or _in_any_case(call, index, lowest, size) | unless):
            raise Undecidable("whether an index is in range depends on the values of an input")
    elif (index._tainted or bounds is not None) and (bounds is None or not inside(bounds.low, bounds.high)):
        raise Undecidable("an index computed from lengths may be out of range")  # where it is in range, a path goes on


def _in_any_case(call: Call, index: SweptTensor, lowest: Int, size: Int) -> SweptBool:
    """The lengths at which all indices are in range, whatever the values of inputs that they are made of."""
    inside = np.zeros(len(call.sweep.lengths), dtype=np.bool_)
    live = np.flatnonzero(call.live.values)
    if len(live) <= MOST_LENGTHS:
        for position in live.tolist():
            inside[position] = always_within(index, lowest, size - 1, call.live, at=position)
    call.sweep.executed = True
    return SweptBool(call.sweep, inside, None)


def _computed(call: Call, index: SweptTensor, lowest: Int, size: Int) -> SweptBool:
    """Whether all indices are in range, from their values at each live length."""
    inside = np.ones(len(call.sweep.lengths), dtype=np.bool_)
    for position in np.flatnonzero(call.live.values):
        values = values_at(index, int(position), {})
        if values.numel():
            low, high = at(lowest, int(position)), at(size, int(position))
            inside[position] = low <= int(values.min()) and int(values.max()) < high
    call.sweep.executed = True
    return SweptBool(call.sweep, inside, None)
