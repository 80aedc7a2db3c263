"""Products that sum over an axis: linear layers, matrix products, embeddings."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from shapecheck.lengths.swept import Int
from shapecheck.rules.call import Call, NoRule
from shapecheck.rules.indexing import index_in_range
from shapecheck.rules.pointwise import broadcast
from shapecheck.tensor import SweptTensor, dims_of, is_surely_contiguous, make


def linear(call: Call, input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> SweptTensor:
    dims, matrix = dims_of(input), dims_of(weight)
    if not dims or len(matrix) != 2 or not input.dtype.is_floating_point:
        raise NoRule
    call.positive(*dims)
    call.need_same_dtype(input, weight, bias)
    if bias is not None and dims_of(bias) != (matrix[0],):
        raise NoRule
    call.need_equal(dims[-1], matrix[1])
    return call.out((*dims[:-1], matrix[0]), input)


def matmul(call: Call, input: torch.Tensor, other: torch.Tensor) -> SweptTensor:
    left, right = dims_of(input), dims_of(other)
    if len(left) < 2 or len(right) < 2 or not input.dtype.is_floating_point:
        raise NoRule
    call.positive(*left, *right)
    call.need_same_dtype(input, other)
    call.need_equal(left[-1], right[-2])
    batch: tuple[Int, ...] = broadcast(call, [left[:-2], right[:-2]]) if len(left) > 2 or len(right) > 2 else ()
    dims = (*batch, left[-2], right[-1])
    # a matrix times a batch is folded, and may come out transposed
    plain = len(left) == len(right) or len(right) == 2
    if plain and is_surely_contiguous(input) and is_surely_contiguous(other):
        return make(dims, input.dtype)
    return make(dims, input.dtype, call.lazy_strides())


def bmm(call: Call, input: torch.Tensor, mat2: torch.Tensor) -> SweptTensor:
    left, right = dims_of(input), dims_of(mat2)
    if len(left) != 3 or len(right) != 3 or not input.dtype.is_floating_point:
        raise NoRule
    call.positive(*left, *right)
    call.need_same_dtype(input, mat2)
    call.need_equal(left[0], right[0])
    call.need_equal(left[2], right[1])
    return make((left[0], left[1], right[2]), input.dtype)


def embedding(
    call: Call, input: torch.Tensor, weight: torch.Tensor, padding_idx: int | None = None, *rest: Any, **named: Any
) -> SweptTensor:
    matrix = dims_of(weight)
    if len(matrix) != 2 or rest or any(named.get(key) for key in ("max_norm", "scale_grad_by_freq", "sparse")):
        raise NoRule
    if input.dtype not in (torch.int64, torch.int32):
        raise NoRule
    index_in_range(call, input, matrix[0])
    return make((*dims_of(input), matrix[1]), weight.dtype)


ROWS: dict[Any, Any] = {
    F.linear: linear,
    torch._C._nn.linear: linear,  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue, reportUnknownMemberType]
    torch.matmul: matmul,
    torch.Tensor.matmul: matmul,
    torch.Tensor.__matmul__: matmul,
    torch.bmm: bmm,
    torch.Tensor.bmm: bmm,
    F.embedding: embedding,
}
