"""Padding and interpolation: operations that make an axis longer or shorter by a rule of their own."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from shapecheck.lengths.swept import Int, SweptFloat, SweptInt, is_plain
from shapecheck.rules.axes import are_whole, is_number
from shapecheck.rules.call import Call, NoRule
from shapecheck.rules.preserved import preserved
from shapecheck.rules.values import carries
from shapecheck.tensor import dims_of, is_surely_contiguous, make


def pad(call: Call, input: torch.Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    dims = dims_of(input)
    if not isinstance(pad, (tuple, list)):
        raise NoRule
    pairs: list[Any] = list(pad)
    if mode not in ("constant", "reflect", "replicate", "circular"):
        return call.refuse()
    if len(pairs) % 2 or len(pairs) // 2 > len(dims):
        raise NoRule
    axes = len(pairs) // 2
    if mode != "constant":
        if value not in (None, 0) or axes not in (1, 2, 3) or len(dims) not in (axes + 1, axes + 2):
            return call.refuse()  # "Padding size 2 is not supported for 1D input tensor"
        if input.dtype not in (torch.float32, torch.float64):
            raise NoRule
    call.positive(*dims)
    out = list(dims)
    for axis in range(axes):
        left, right = pairs[2 * axis], pairs[2 * axis + 1]
        for amount in (left, right):
            if not is_number(amount) or not (amount >= 0):  # cropping has preconditions of its own
                raise NoRule
        size = dims[-1 - axis]
        if mode == "reflect":  # the border itself is not repeated
            call.need(size >= left + 1)
            call.need(size >= right + 1)
        elif mode == "circular":
            call.need(size >= left)
            call.need(size >= right)
        out[-1 - axis] = size + left + right
    if mode == "constant" and all(is_plain(amount) and amount == 0 for amount in pairs):
        return make(dims, input.dtype, preserved(input))  # a copy
    exact = mode == "constant" and not input.dtype.is_floating_point and not input.dtype.is_complex
    moved = all(map(is_plain, pairs)) or is_surely_contiguous(input)  # at no length a copy that keeps its layout
    result = call.windowed(out, input) if moved else make(out, input.dtype, call.lazy_strides())
    result._tainted = exact and carries(input)
    return result


def interpolate(
    call: Call,
    input: torch.Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    dims = dims_of(input)
    rank = len(dims) - 2
    needed = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}.get(mode)
    if rank not in (1, 2, 3) or (mode not in ("nearest", "nearest-exact", "area") and needed != rank):
        return call.refuse()  # "Got 3D input, but bilinear mode needs 4D input"
    if antialias or not input.dtype.is_floating_point or mode == "area":
        raise NoRule
    if align_corners is not None and needed is None:
        return call.refuse()  # "align_corners option can only be set with the interpolating modes"
    if (size is None) == (scale_factor is None):
        raise NoRule
    call.positive(*dims[1:])
    if size is not None:
        wanted = size if isinstance(size, (tuple, list)) else (size,) * rank
        if len(wanted) != rank or recompute_scale_factor:
            raise NoRule
        if not are_whole(tuple(wanted)):
            return call.refuse()
        sizes: list[Int] = list(wanted)
    else:
        factors = scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * rank
        if len(factors) != rank:
            raise NoRule
        sizes = [scaled(length, factor) for length, factor in zip(dims[2:], factors, strict=True)]
    for length in sizes:
        call.need(length >= 1)  # "Input and output sizes should be greater than 0"
    return call.windowed((*dims[:2], *sizes), input)


def scaled(length: Int, factor: Any) -> Int:
    """floor(double(length) * factor), as PyTorch computes the size of an interpolated axis."""
    if type(factor) is SweptFloat:
        return math.floor(SweptFloat.of(length) * factor if type(length) is SweptInt else factor * length)
    if type(factor) not in (int, float) or not 0 < factor < 2**20:
        raise NoRule
    if is_plain(length):
        return math.floor(float(length) * float(factor))
    ratio = _safe_ratio(float(factor))
    if ratio is not None:
        return length * ratio.numerator // ratio.denominator
    values = np.floor(length.values.astype(np.float64) * float(factor)).astype(np.int64)
    return length.sweep.integer(values, None)


def _safe_ratio(factor: float) -> Fraction | None:
    """p/q such that floor(double(n) * factor) = n * p // q for every n of a tensor; None where rounding could decide.

    The double is p/q * (1 + e). For e >= 0 the product of a multiple of q is rounded to the exact integer or above it;
    the others stay below the next integer, from which they are 1/q away: sizes are below 2**40, and |e| <= 2**-53.
    For -2**-54 <= e < 0 rounding to nearest (ties to even) still gives the exact integer.
    """
    exact = Fraction(factor)
    ratio = exact.limit_denominator(4096)
    if ratio == 0:
        return None
    error = exact / ratio - 1
    if ratio.numerator <= 4096 and Fraction(-1, 2**54) <= error <= Fraction(1, 2**52):
        return ratio
    return None


ROWS: dict[Any, Any] = {
    F.pad: pad,
    torch._C._nn.pad: pad,  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    F.interpolate: interpolate,
}
