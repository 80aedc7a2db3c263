"""Operations that compute each element of several places: elementwise, along an axis, or of everything."""

from __future__ import annotations

import math
from typing import Any

import torch

from shapecheck.receptive.call import (
    Call,
    Rule,
    as_hull,
    axes_of,
    collapsed,
    everything,
    hulls_of,
    needs_constant,
)
from shapecheck.receptive.hull import Hull, UnknownOperation, union
from shapecheck.record import operation_name
from shapecheck.rules import pointwise
from shapecheck.trees import is_sequence


def elementwise(call: Call, *args: Any, **kwargs: Any) -> Hull:
    """Each element of those at its place, broadcast."""
    return union(hulls_of((args, kwargs)), call.dims)


def reduced(call: Call, input: Hull, dim: Any = None, *args: Any, **kwargs: Any) -> list[Hull]:
    """One element of all along some axes: mean, sum, argmax."""
    if isinstance(dim, Hull) or "other" in kwargs:  # max(x, y)
        return [elementwise(call, input, dim, *args, **kwargs)]
    return _reduced(call, input, kwargs.get("axis", None if isinstance(dim, bool) else dim))


def norm(call: Call, input: Hull, _p: Any = None, dim: Any = None, *_args: Any, **_kwargs: Any) -> list[Hull]:
    return _reduced(call, input, dim)


def along(call: Call, input: Hull, dim: Any = None, *_args: Any, **_kwargs: Any) -> list[Hull]:
    """Each element of all along its axis: softmax, sort."""
    axis = -1 if dim is None else dim
    return [input.over((axis,)).expanded(dims) for dims in call.results]


def normalized(call: Call, input: Hull, _p: float = 2.0, dim: Any = 1, *_args: Any, **_kwargs: Any) -> Hull:
    return input.over(axes_of(dim, len(input.dims))).expanded(call.dims)


def cumulative(call: Call, input: Hull, dim: int, *_args: Any, **_kwargs: Any) -> list[Hull]:
    """Each element of those before it along an axis."""
    low, high = input.full()
    seen = Hull.of(torch.cummin(low, dim).values, torch.cummax(high, dim).values, input.through)
    return [seen] * len(call.results)


def transformed(call: Call, input: Hull, _n: Any = None, dim: int = -1, *_args: Any) -> Hull:
    """A Fourier transform along an axis."""
    return collapsed(input, (dim,)).expanded(call.dims)


def linear(call: Call, input: Hull, weight: Any, bias: Any = None) -> Hull:
    needs_constant(weight, bias)
    return collapsed(input, (-1,)).expanded(call.dims)


def matmul(call: Call, input: Any, other: Any) -> Hull:
    """Rows of the one with columns of the other."""
    left, right = as_hull(input), as_hull(other)
    if len(left.dims) == 1:
        left = left.each(lambda bound: bound.unsqueeze(0))
    if len(right.dims) == 1:
        right = right.each(lambda bound: bound.unsqueeze(-1))
    parts = [collapsed(left, (-1,)), collapsed(right, (-2,))]
    dims = torch.broadcast_shapes(*(part.dims for part in parts))
    return union(parts, dims).each(lambda bound: bound.reshape(call.dims))


def added(call: Call, input: Any, left: Any, right: Any, **_named: Any) -> Hull:
    """addmm, baddbmm."""
    return union([as_hull(input), matmul(call, left, right)], call.dims)


def einsum(call: Call, equation: str, *operands: Any) -> Hull:
    """Sums over the labels that the result does not have."""
    operands = tuple(operands[0]) if len(operands) == 1 and is_sequence(operands[0]) else operands
    if not isinstance(equation, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UnknownOperation
    terms, _, result = equation.replace(" ", "").partition("->")
    if "." in equation or "->" not in equation or any(len(set(term)) < len(term) for term in terms.split(",")):
        raise UnknownOperation
    parts: list[Hull] = []
    for term, operand in zip(terms.split(","), operands, strict=True):
        dropped = [axis for axis, label in enumerate(term) if label not in result]
        hull = collapsed(as_hull(operand), dropped)
        order = [*[term.index(label) for label in result if label in term], *dropped]
        shape = [hull.dims[term.index(label)] if label in term else 1 for label in result]
        parts.append(hull.each(lambda bound, order=order, shape=shape: bound.permute(order).reshape(shape)))
    return union(parts, call.dims)


def attention(call: Call, query: Any, key: Any, value: Any, attn_mask: Any = None, *_args: Any, **named: Any) -> Hull:
    """Each query with all keys and values."""
    if named.get("enable_gqa"):
        raise UnknownOperation
    parts = [collapsed(as_hull(query), (-1,)), *[collapsed(as_hull(side), (-1, -2)) for side in (key, value)]]
    if isinstance(attn_mask, Hull):
        parts.append(collapsed(attn_mask, (-1,)))
    return union(parts, call.dims)


def multi_head(call: Call, query: Any, key: Any, value: Any, *args: Any, **named: Any) -> list[Hull]:
    """The same of [steps, batch, features], or of [steps, features]."""
    masks = [hull for hull in hulls_of((args, named)) if not hull.is_empty]
    parts = [collapsed(as_hull(query), (-1,)), *[collapsed(as_hull(side), (0, -1)) for side in (key, value)]]
    if masks:
        parts.append(everything(masks, (1,) * len(as_hull(query).dims)))
    seen = [union(parts, call.dims)]
    return seen + [everything(parts, dims) for dims in call.results[1:]]  # the weights


def group_norm(call: Call, input: Hull, num_groups: int, *args: Any, **_kwargs: Any) -> Hull:
    needs_constant(args)
    whole = input.over(range(1, len(input.dims)))
    if not call.is_whole(whole) and num_groups > 1 and max(input.low.shape[1], input.high.shape[1]) > 1:
        raise UnknownOperation  # groups that see different places
    return statistic(call, input, range(1, len(input.dims)))


def instance_norm(
    call: Call, input: Hull, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None,
    use_input_stats: bool = True, *_args: Any, **_kwargs: Any,
) -> Hull:  # fmt: skip
    needs_constant(running_mean, running_var, weight, bias)
    return statistic(call, input, range(2, len(input.dims))) if use_input_stats else input


def batch_norm(
    call: Call, input: Hull, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None,
    training: bool = False, *_args: Any, **_kwargs: Any,
) -> Hull:  # fmt: skip
    needs_constant(running_mean, running_var, weight, bias)
    return statistic(call, input, [0, *range(2, len(input.dims))]) if training else input


def layer_norm(call: Call, input: Hull, normalized_shape: Any, *args: Any, **kwargs: Any) -> Hull:
    needs_constant(args, kwargs)
    count = len(normalized_shape) if is_sequence(normalized_shape) else 1
    return statistic(call, input, range(-count, 0))


def statistic(call: Call, input: Hull, axes: Any) -> Hull:
    """Scaled and shifted by a mean and a variance along some axes: of everything, they are not counted."""
    whole = input.over(axes)
    if call.is_whole(whole):
        call.is_statistic = True
        return input
    return whole


def loss(call: Call, *args: Any, **kwargs: Any) -> Hull:
    """Of two tensors, elementwise or reduced to one number."""
    hulls = hulls_of((args, kwargs))
    return everything(hulls, call.dims) if call.dims == () else union(hulls, call.dims)


def prelu(call: Call, input: Hull, weight: Any) -> Hull:
    needs_constant(weight)
    return input


def _reduced(call: Call, input: Hull, dim: Any) -> list[Hull]:
    seen = collapsed(input, axes_of(dim, len(input.dims))) if input.dims else input
    if any(math.prod(dims) != math.prod(seen.dims) for dims in call.results):
        raise UnknownOperation
    return [seen.each(lambda bound, dims=dims: bound.reshape(dims)) for dims in call.results]


_OF_POINTWISE = (
    pointwise.pointwise, pointwise.unary, pointwise.powers, pointwise.reflected_powers, pointwise.in_place,
    pointwise.masked_fill, pointwise.contiguous_unary, pointwise.angle,
)  # fmt: skip
_MORE_POINTWISE = """
rrelu erfinv lgamma digamma sinc complex polar heaviside nextafter logaddexp2 float_power asinh acosh atanh sgn conj
conj_physical signbit ldexp truediv rtruediv iadd isub imul itruediv add sub mul
"""
_REDUCED = """
mean sum prod amax amin max min argmax argmin std var std_mean var_mean median nanmean nansum all any logsumexp
count_nonzero
"""

ROWS: dict[str, Rule] = {
    **{operation_name(name).strip("_"): elementwise for name, rule in pointwise.ROWS.items() if rule in _OF_POINTWISE},
    **dict.fromkeys(_MORE_POINTWISE.split(), elementwise),
    **dict.fromkeys(_REDUCED.split(), reduced),
    **dict.fromkeys(("norm", "linalg_norm", "linalg_vector_norm"), norm),
    **dict.fromkeys(("softmax", "log_softmax", "sort", "argsort"), along),
    **dict.fromkeys(("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"), cumulative),
    **dict.fromkeys(("fft_fft", "fft_ifft", "fft_rfft", "fft_irfft"), transformed),
    **dict.fromkeys(("matmul", "mm", "bmm", "__matmul__"), matmul),
    **dict.fromkeys(("addmm", "baddbmm"), added),
    **dict.fromkeys(("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"), loss),
    **dict.fromkeys(("layer_norm", "rms_norm"), layer_norm),
    "normalize": normalized,
    "linear": linear,
    "einsum": einsum,
    "scaled_dot_product_attention": attention,
    "multi_head_attention_forward": multi_head,
    "group_norm": group_norm,
    "instance_norm": instance_norm,
    "batch_norm": batch_norm,
    "prelu": prelu,
}

__all__ = [
    "ROWS",
    "along",
    "batch_norm",
    "elementwise",
    "group_norm",
    "layer_norm",
    "linear",
    "multi_head",
    "statistic",
]
