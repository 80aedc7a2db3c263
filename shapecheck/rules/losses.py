"""Losses that compare two tensors elementwise."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from shapecheck.rules.call import Call, NoRule
from shapecheck.rules.pointwise import broadcast
from shapecheck.tensor import SweptTensor, dims_of, is_surely_contiguous, make


def elementwise(call: Call, input: torch.Tensor, target: torch.Tensor, *rest: Any, **named: Any) -> SweptTensor:
    """mse_loss and l1_loss: the operands broadcast, and the reduction decides the shape."""
    reduction = named.get("reduction", "mean")
    if rest or any(value is not None for key, value in named.items() if key not in ("reduction", "delta", "beta")):
        raise NoRule
    if not input.dtype.is_floating_point or target.dtype != input.dtype or reduction not in ("none", "mean", "sum"):
        raise NoRule
    call.need(named.get("beta") is None or named["beta"] >= 0)
    call.need(named.get("delta") is None or named["delta"] > 0)
    dims = broadcast(call, [dims_of(input), dims_of(target)])
    if reduction != "none":
        return make((), input.dtype)
    if not is_surely_contiguous(input) or not is_surely_contiguous(target):
        raise NoRule
    return make(dims, input.dtype)


ROWS: dict[Any, Any] = {
    F.mse_loss: elementwise,
    F.l1_loss: elementwise,
    F.smooth_l1_loss: elementwise,
    F.huber_loss: elementwise,
}
