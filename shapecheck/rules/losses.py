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


def classes(
    call: Call,
    input: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> SweptTensor:
    """cross_entropy and nll_loss of [N, C, ...] with the class of each of [N, ...]: all but C must agree."""
    dims, classes_dims = dims_of(input), dims_of(target)
    plain = size_average is None and reduce is None and weight is None and reduction in ("mean", "sum")
    if not plain or input.dtype != torch.float32 or target.dtype != torch.int64:
        raise NoRule
    if len(dims) < 2 or len(classes_dims) != len(dims) - 1:
        raise NoRule
    if type(target) is not SweptTensor or not _is_given(target) or not 0 <= label_smoothing <= 1:
        raise NoRule  # whether classes are in range is looked at where PyTorch is asked
    call.positive(*dims, *classes_dims)
    for own, other in zip((dims[0], *dims[2:]), classes_dims, strict=True):
        call.need_equal(own, other)
    return make((), input.dtype)


def _is_given(tensor: SweptTensor) -> bool:
    """Whether its values are the user's own, which are taken to be in range."""
    known = (tensor._values, tensor._bounds, tensor._recipe, tensor._source)
    return not tensor._tainted and all(one is None for one in known)


ROWS: dict[Any, Any] = {
    F.cross_entropy: classes,
    F.nll_loss: classes,
    F.mse_loss: elementwise,
    F.l1_loss: elementwise,
    F.smooth_l1_loss: elementwise,
    F.huber_loss: elementwise,
}
