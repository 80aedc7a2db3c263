"""Integer tensors used as indices: the values that lengths decide must be in range.

Meta kernels do not look at values, so this check is on with and without rules.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from shapecheck.execution import values_at
from shapecheck.lengths.swept import Int, SweptBool, Undecidable, at
from shapecheck.rules.call import Call
from shapecheck.tensor import SweptTensor

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


def index_in_range(call: Call, index: torch.Tensor, size: Int) -> None:
    """Values that lengths decided must lie in 0..size-1; those of the user's own input are taken to.

    PyTorch counts a negative index from the end in x[index] only, which asks for itself.
    """
    if type(index) is not SweptTensor:
        if not index.is_meta and index.numel() and not index.dtype.is_floating_point and index.dtype != torch.bool:
            call.need((int(index.min()) >= 0) & (int(index.max()) < size))
        return
    if index._values is not None:
        for value in index._values.reshape(-1):
            call.need((value >= 0) & (value < size))
        return
    bounds = index._bounds
    if bounds is not None:
        inside: Any = (bounds.low >= 0) & (bounds.high < size)
        if bounds.exact:
            call.need(inside)
            return
        if inside is True or (type(inside) is SweptBool and not bool((~inside.values & call.live.values).any())):
            call.need(inside)
            return
    if index._recipe is not None:
        call.need(_computed(call, index, size))
    elif index._tainted or bounds is not None:
        raise Undecidable("an index computed from lengths may be out of range")


def _computed(call: Call, index: SweptTensor, size: Int) -> SweptBool:
    """Whether all indices are in range, from their values at each live length."""
    inside = np.ones(len(call.sweep.lengths), dtype=np.bool_)
    for position in np.flatnonzero(call.live.values):
        values = values_at(index, int(position), {})
        if values.numel():
            inside[position] = 0 <= int(values.min()) and int(values.max()) < at(size, int(position))
    call.sweep.executed = True
    return SweptBool(call.sweep, inside, None)
