"""Products that sum over an axis: linear layers, matrix products, embeddings."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from shapecheck.layout import open_layout
from shapecheck.lengths.swept import Int, compare, is_plain
from shapecheck.rules.axes import is_number
from shapecheck.rules.call import Call, NoRule
from shapecheck.rules.indexing import index_in_range
from shapecheck.rules.pointwise import broadcast
from shapecheck.tensor import SweptTensor, dims_of, is_surely_contiguous, make

_DEPENDS = "the memory layout of an attention's output depends on the backend"


def linear(call: Call, input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> Any:
    dims, matrix = dims_of(input), dims_of(weight)
    if not dims or len(matrix) != 2 or not input.dtype.is_floating_point:
        raise NoRule
    call.positive(*dims)
    call.need_same_dtype(input, weight)
    if bias is not None and dims_of(bias) != (matrix[0],):
        raise NoRule
    if bias is not None and bias.dtype != input.dtype:
        if not is_surely_contiguous(input):
            raise NoRule  # a product, to which a bias of any floating point dtype is added
        return call.refuse()
    call.need_kernel((input.dtype, 2), (input.dtype, 2))
    call.need_equal(dims[-1], matrix[1])
    return make((*dims[:-1], matrix[0]), input.dtype)


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
    return make(dims, input.dtype, call.lazy_strides() if len(left) == 2 and len(right) > 2 else None)


def bmm(call: Call, input: torch.Tensor, mat2: torch.Tensor) -> SweptTensor:
    left, right = dims_of(input), dims_of(mat2)
    if len(left) != 3 or len(right) != 3 or not input.dtype.is_floating_point:
        raise NoRule
    call.positive(*left, *right)
    call.need_same_dtype(input, mat2)
    call.need_equal(left[0], right[0])
    call.need_equal(left[2], right[1])
    return make((left[0], left[1], right[2]), input.dtype)


def product_of_matrices(call: Call, input: torch.Tensor, mat2: torch.Tensor, **named: Any) -> SweptTensor:
    """torch.mm: `matmul` of two matrices and nothing else."""
    if named or len(dims_of(input)) != 2 or len(dims_of(mat2)) != 2:
        raise NoRule
    return matmul(call, input, mat2)


def added(
    call: Call,
    input: torch.Tensor,
    first: torch.Tensor,
    second: torch.Tensor,
    *,
    beta: Any = 1,
    alpha: Any = 1,
    out: Any = None,
) -> SweptTensor:
    """addmm and baddbmm: a product, and something that broadcasts to it."""
    rank = 3 if "bmm" in call.function.__name__ else 2
    left, right, own = dims_of(first), dims_of(second), dims_of(input)
    if (
        out is not None
        or len(left) != rank
        or len(right) != rank
        or len(own) > rank
        or not first.dtype.is_floating_point
    ):
        raise NoRule
    call.positive(*left, *right, *own)
    call.need_same_dtype(input, first, second)
    call.need_equal(left[-1], right[-2])
    if rank == 3:
        call.need_equal(left[0], right[0])
    dims = (*left[:-1], right[-1])
    for size, wanted in zip(own, dims[rank - len(own) :], strict=True):
        call.need((size == wanted) | (size == 1))
    return make(dims, first.dtype, call.lazy_strides())


def attention(
    call: Call,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> SweptTensor:
    """scaled_dot_product_attention: softmax(q k^T) v over the last two axes."""
    q, k, v = dims_of(query), dims_of(key), dims_of(value)
    if not len(q) == len(k) == len(v) >= 3 or dropout_p or not query.dtype.is_floating_point:
        raise NoRule
    if enable_gqa:  # heads of the query share those of keys and values
        heads = (q[-3], k[-3], v[-3])
        if len(q) != 4 or not all(map(is_plain, heads)) or k[1] != v[1] or k[1] < 1 or q[1] % k[1]:
            raise NoRule
        k, v = (k[0], q[1], *k[2:]), (v[0], q[1], *v[2:])
    if attn_mask is not None and (is_causal or attn_mask.dtype not in (torch.bool, query.dtype)):
        raise NoRule
    call.positive(*q, *k, *v)
    call.need_same_dtype(query, key, value)
    for one, other in (*zip(q[:-2], k[:-2], strict=True), *zip(k[:-1], v[:-1], strict=True)):
        if one is not other and not (one == other):
            raise NoRule  # some kernels broadcast, and some do not look
    call.need_equal(q[-1], k[-1])
    if attn_mask is not None:
        mask = dims_of(attn_mask)
        scores = (*q[:-2], q[-2], k[-2])
        if not 2 <= len(mask) <= len(scores):
            raise NoRule
        for size, wanted in zip(mask, scores[len(scores) - len(mask) :], strict=True):
            if size is not wanted and not (is_plain(size) and size == 1):
                call.need((size == wanted) | (size == 1))
    # which kernel runs, and so the layout, depends on the backend
    return make((*q[:-1], v[-1]), query.dtype, open_layout(_DEPENDS, is_dense=True))


def multi_head_attention(
    call: Call,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: torch.Tensor | None,
    in_proj_bias: torch.Tensor | None,
    bias_k: torch.Tensor | None,
    bias_v: torch.Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: torch.Tensor,
    out_proj_bias: torch.Tensor | None,
    training: bool = True,
    key_padding_mask: torch.Tensor | None = None,
    need_weights: bool = True,
    attn_mask: torch.Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: torch.Tensor | None = None,
    k_proj_weight: torch.Tensor | None = None,
    v_proj_weight: torch.Tensor | None = None,
    static_k: torch.Tensor | None = None,
    static_v: torch.Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[SweptTensor, SweptTensor | None]:
    """F.multi_head_attention_forward of [L, N, E] and [S, N, E], with weights of the sizes they should have.

    Without a batch, N is left out.
    """
    q, k, v = dims_of(query), dims_of(key), dims_of(value)
    is_batched = len(q) == 3
    if not is_batched and len(q) == len(k) == len(v) == 2:
        q, k, v = ((size, 1, channels) for size, channels in (q, k, v))
    if static_k is not None or static_v is not None or query.dtype not in (torch.float32, torch.float64):
        raise NoRule
    if not len(q) == len(k) == len(v) == 3 or (is_causal and attn_mask is None):
        raise NoRule
    width, key_width, value_width = embed_dim_to_check, embed_dim_to_check, embed_dim_to_check
    if use_separate_proj_weight:
        if q_proj_weight is None or k_proj_weight is None or v_proj_weight is None:
            raise NoRule
        key_width, value_width = dims_of(k_proj_weight)[-1], dims_of(v_proj_weight)[-1]
        for weight, given in ((q_proj_weight, width), (k_proj_weight, key_width), (v_proj_weight, value_width)):
            if dims_of(weight) != (width, given):
                raise NoRule
    elif in_proj_weight is None or dims_of(in_proj_weight) != (3 * width, width):
        raise NoRule
    for bias in (bias_k, bias_v):
        if (bias is None) is not (bias_k is None) or (bias is not None and dims_of(bias) != (1, 1, width)):
            raise NoRule
    if in_proj_bias is not None and dims_of(in_proj_bias) != (3 * width,):
        raise NoRule
    if dims_of(out_proj_weight) != (width, width) or num_heads < 1 or width % num_heads:
        raise NoRule
    call.positive(*q, *k)
    call.need_same_dtype(query, key, value, out_proj_weight, out_proj_bias, bias_k, bias_v)
    widths = ((q[2], width), (k[2], key_width), (v[2], value_width))
    for size, wanted in (*widths, (k[0], v[0]), (k[1], v[1]), (q[1], k[1])):
        call.need_equal(size, wanted)
    is_hint = is_causal and key_padding_mask is None and not need_weights  # the mask itself is not looked at
    if attn_mask is not None and not is_hint:
        mask = dims_of(attn_mask)
        if attn_mask.dtype not in (torch.bool, query.dtype):
            raise NoRule
        wanted_mask = (q[0], k[0]) if len(mask) == 2 else (q[1] * num_heads, q[0], k[0])
        if len(mask) != len(wanted_mask):
            raise NoRule
        for size, wanted in zip(mask, wanted_mask, strict=True):
            call.need_equal(size, wanted)
    if key_padding_mask is not None:
        mask = dims_of(key_padding_mask) if is_batched else (1, *dims_of(key_padding_mask))
        if len(mask) != 2 or key_padding_mask.dtype not in (torch.bool, query.dtype):
            raise NoRule
        call.need_equal(mask[0], k[1])
        call.need_equal(mask[1], k[0])
    # nn.MultiheadAttention(batch_first=True) hands over transposed inputs; in eager its fast path has another layout
    fast = not training and not is_surely_contiguous(query)
    batch = (q[1],) if is_batched else ()
    output = make((q[0], *batch, width), query.dtype, open_layout(_DEPENDS, is_dense=True) if fast else None)
    if not need_weights:
        return output, None
    heads: tuple[Int, ...] = () if average_attn_weights else (num_heads,)
    added_keys = int(bias_k is not None) + int(add_zero_attn)
    return output, make((*batch, *heads, q[0], k[0] + added_keys), query.dtype)


def embedding(
    call: Call, input: torch.Tensor, weight: torch.Tensor, padding_idx: int | None = None, *rest: Any, **named: Any
) -> SweptTensor:
    matrix = dims_of(weight)
    if len(matrix) != 2 or rest or any(named.get(key) for key in ("max_norm", "scale_grad_by_freq", "sparse")):
        raise NoRule
    if input.dtype not in (torch.int64, torch.int32):
        raise NoRule
    if padding_idx is not None:
        if not is_number(padding_idx):
            raise NoRule
        call.need(compare(padding_idx, "<", matrix[0]) & compare(padding_idx, ">=", -matrix[0]))
    index_in_range(call, input, matrix[0])
    return make((*dims_of(input), matrix[1]), weight.dtype)


ROWS: dict[Any, Any] = {
    F.linear: linear,
    torch._C._nn.linear: linear,  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    torch.matmul: matmul,
    torch.Tensor.matmul: matmul,
    torch.mm: product_of_matrices,
    torch.Tensor.mm: product_of_matrices,
    torch.addmm: added,
    torch.Tensor.addmm: added,
    torch.baddbmm: added,
    torch.Tensor.baddbmm: added,
    torch.bmm: bmm,
    torch.Tensor.bmm: bmm,
    F.embedding: embedding,
    F.multi_head_attention_forward: multi_head_attention,
    F.scaled_dot_product_attention: attention,
}
