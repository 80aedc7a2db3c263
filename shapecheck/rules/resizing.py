"""Padding and interpolation: operations that make an axis longer or shorter by a rule of their own."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from shapecheck.lengths.swept import Int, SweptInt, is_plain
from shapecheck.rules.call import Call, NoRule
from shapecheck.tensor import SweptTensor, dims_of


def pad(
    call: Call, input: torch.Tensor, pad: Any, mode: str = "constant", value: float | None = None
) -> SweptTensor:
    dims = dims_of(input)
    pairs = list(pad)
    if len(pairs) % 2 or len(pairs) // 2 > len(dims):
        raise NoRule
    axes = len(pairs) // 2
    if mode != "constant" and (len(dims) not in (axes + 1, axes + 2) or input.dtype not in (torch.float32, torch.float64)):
        raise NoRule
    call.positive(*dims)
    out = list(dims)
    for axis in range(axes):
        left, right = pairs[2 * axis], pairs[2 * axis + 1]
        for amount in (left, right):
            if not (amount >= 0):  # cropping has preconditions of its own
                raise NoRule
        size = dims[-1 - axis]
        if mode == "reflect":  # the border itself is not repeated
            call.need(size >= left + 1)
            call.need(size >= right + 1)
        elif mode == "circular":
            call.need(size >= left)
            call.need(size >= right)
        elif mode not in ("constant", "replicate"):
            raise NoRule
        out[-1 - axis] = size + left + right
    return call.windowed(out, input)


def interpolate(
    call: Call,
    input: torch.Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> SweptTensor:
    dims = dims_of(input)
    rank = len(dims) - 2
    needed = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}.get(mode)
    if mode not in ("nearest", "nearest-exact", "area") and needed != rank:
        raise NoRule
    if rank not in (1, 2, 3) or antialias or not input.dtype.is_floating_point or mode == "area":
        raise NoRule
    if align_corners is not None and needed is None:
        raise NoRule
    if (size is None) == (scale_factor is None):
        raise NoRule
    call.positive(*dims)
    if size is not None:
        wanted = size if isinstance(size, (tuple, list)) else (size,) * rank
        if len(wanted) != rank or recompute_scale_factor:
            raise NoRule
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
    if not isinstance(factor, (int, float)) or type(factor) is SweptInt or factor <= 0:
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

    The double is p/q * (1 + e). For e >= 0 the product of a multiple of q is rounded to the exact integer or above it, and
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
