"""Integer tensors used as indices: the values that lengths decide must be in range.

Meta kernels do not look at values, so this check is on with and without rules.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from shapecheck.execution import values_at
from shapecheck.lengths.swept import Int, SweptBool, Undecidable, at, compare
from shapecheck.rules.call import Call
from shapecheck.tensor import SweptTensor, dims_of, product

# functions that use integer values as an index: position of the source, and its axis (or "dim": the second argument)
INDEXED: dict[str, tuple[int, int | str]] = {
    "embedding": (1, 0),
    "index_select": (0, "dim"),
    "gather": (0, "dim"),
    "take": (0, "flat"),
    "take_along_dim": (0, "flat"),
    "scatter": (0, "dim"),
    "scatter_": (0, "dim"),
    "scatter_add": (0, "dim"),
    "scatter_add_": (0, "dim"),
    "index_add": (0, "dim"),
    "index_add_": (0, "dim"),
    "index_copy": (0, "dim"),
    "index_copy_": (0, "dim"),
    "index_fill": (0, "dim"),
    "index_fill_": (0, "dim"),
    "__getitem__": (0, "flat"),
    "__setitem__": (0, "flat"),
    "index_put": (0, "flat"),
    "index_put_": (0, "flat"),
    "one_hot": (0, "flat"),
    "bincount": (0, "flat"),
    "repeat_interleave": (0, "flat"),
    "tensor_split": (0, "flat"),
    "embedding_bag": (1, 0),
    "cross_entropy": (0, "flat"),
    "nll_loss": (0, "flat"),
}


def index_in_range(call: Call, index: torch.Tensor, size: Int, *, from_end: bool = False) -> None:
    """All values of an index must lie in 0..size-1, or in -size..size-1 where x[index] counts from the end.

    Values of the user's own input, which are not there, are taken to.
    """
    lowest: Int = -size if from_end else 0
    empty: Any = compare(product(dims_of(index)), "==", 0)

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
        call.need(_computed(call, index, lowest, size))
    elif index._tainted or bounds is not None:
        raise Undecidable("an index computed from lengths may be out of range")


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
