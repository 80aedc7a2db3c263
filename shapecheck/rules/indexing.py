"""Integer tensors used as indices: the values that lengths decide must be in range.

Meta kernels do not look at values, so this check is on with and without rules.
"""

from __future__ import annotations

from typing import Any

import torch

from shapecheck.lengths.swept import Int, Undecidable
from shapecheck.rules.call import Call
from shapecheck.tensor import SweptTensor


def index_in_range(call: Call, index: torch.Tensor, size: Int) -> None:
    """Values that lengths decided must lie in 0..size-1; those of the user's own input are taken to."""
    if type(index) is not SweptTensor:
        return
    if index._tainted:  # pyright: ignore[reportPrivateUsage]
        raise Undecidable("an index computed from lengths may be out of range")
    if index._values is not None:  # pyright: ignore[reportPrivateUsage]
        for value in index._values.reshape(-1):  # pyright: ignore[reportPrivateUsage]
            call.need((value >= 0) & (value < size))
    bounds = index._bounds  # pyright: ignore[reportPrivateUsage]
    if bounds is not None:
        inside: Any = (bounds.low >= 0) & (bounds.high < size)
        if bounds.exact:
            call.need(inside)
        elif not inside:
            raise Undecidable("an index computed from lengths may be out of range")
