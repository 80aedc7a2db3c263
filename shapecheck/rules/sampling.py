"""Sampling at the points of a grid, and grids of an affine map."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from shapecheck.rules.axes import is_number
from shapecheck.rules.call import Call, NoRule
from shapecheck.tensor import SweptTensor, dims_of, make

_MODES = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")
_REALS = (torch.float32, torch.float64)


def grid_sample(
    call: Call,
    input: torch.Tensor,
    grid: torch.Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> SweptTensor:
    """[N, C, H, W] at the points [N, Y, X, 2] gives [N, C, Y, X]; likewise with one axis more."""
    dims, points = dims_of(input), dims_of(grid)
    if len(dims) not in (4, 5) or len(points) != len(dims) or input.dtype not in _REALS or grid.dtype != input.dtype:
        raise NoRule
    if mode not in _MODES or padding_mode not in _PADDINGS or (mode == "bicubic" and len(dims) != 4):
        raise NoRule
    call.positive(*dims, *points)
    call.need_equal(points[0], dims[0])
    call.need_equal(points[-1], len(dims) - 2)
    return make((*dims[:2], *points[1:-1]), input.dtype)


def affine_grid(call: Call, theta: torch.Tensor, size: Any, align_corners: bool | None = None) -> Any:
    """The points of images of this size, [N, C, H, W] or [N, C, D, H, W], mapped by [N, 2, 3] or [N, 3, 4]."""
    matrix = dims_of(theta)
    if not isinstance(size, (tuple, list)) or not all(map(is_number, size)) or theta.dtype not in _REALS:
        raise NoRule
    axes = len(size) - 2
    if axes not in (2, 3):
        return call.refuse()  # "affine_grid only supports 4D and 5D sizes"
    if len(matrix) != 3:
        raise NoRule
    call.positive(*size, *matrix)
    for own, wanted in zip(matrix, (size[0], axes, axes + 1), strict=True):
        call.need_equal(own, wanted)
    return make((size[0], *size[2:], axes), theta.dtype)


ROWS: dict[Any, Any] = {F.grid_sample: grid_sample, F.affine_grid: affine_grid}
