"""Normalizations: the shape passes through; some need more than one element."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from shapecheck.lengths.swept import is_plain
from shapecheck.rules.axes import are_whole
from shapecheck.rules.call import Call, NoRule
from shapecheck.tensor import SweptTensor, dims_of, is_surely_contiguous, make, product


def _affine(*parameters: torch.Tensor | None, channels: Any, dtype: torch.dtype) -> None:
    for parameter in parameters:
        if parameter is not None and (dims_of(parameter) != (channels,) or parameter.dtype != dtype):
            raise NoRule


def instance_norm(
    call: Call,
    input: torch.Tensor,
    running_mean: torch.Tensor | None = None,
    running_var: torch.Tensor | None = None,
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    dims = dims_of(input)
    if len(dims) < 3 or not input.dtype.is_floating_point:
        raise NoRule
    call.positive(*dims)
    _affine(running_mean, running_var, weight, bias, channels=dims[1], dtype=input.dtype)
    if not use_input_stats and (running_mean is None or running_var is None):
        return call.refuse()  # "Expected running_mean and running_var to be defined"
    if use_input_stats:
        call.need(product(dims[2:]) != 1)  # "Expected more than 1 spatial element when training", in eval mode too
    return call.windowed(dims, input)


def batch_norm(
    call: Call,
    input: torch.Tensor,
    running_mean: torch.Tensor | None,
    running_var: torch.Tensor | None,
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    dims = dims_of(input)
    if len(dims) < 2 or not input.dtype.is_floating_point:
        raise NoRule
    call.positive(*dims)
    _affine(running_mean, running_var, weight, bias, channels=dims[1], dtype=input.dtype)
    if not training and (running_mean is None or running_var is None):
        return call.refuse()  # "running_mean must be defined in evaluation mode"
    if training:
        call.need(product((dims[0], *dims[2:])) != 1)  # "Expected more than 1 value per channel when training"
    return make(dims, input.dtype, None if is_surely_contiguous(input) else call.lazy_strides())


def group_norm(
    call: Call,
    input: torch.Tensor,
    num_groups: int,
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    eps: float = 1e-5,
) -> SweptTensor:
    dims = dims_of(input)
    if len(dims) < 2 or not input.dtype.is_floating_point or not is_plain(dims[1]):
        raise NoRule
    if not is_plain(num_groups) or type(num_groups) is bool or num_groups < 1 or dims[1] % num_groups:
        raise NoRule
    call.positive(*dims)
    _affine(weight, bias, channels=dims[1], dtype=input.dtype)
    # "Expected more than 1 value per channel when training": checked on the groups, in eval mode too
    call.need(product((dims[0] * dims[1] // num_groups, *dims[2:])) != 1)
    return call.windowed(dims, input)


def layer_norm(
    call: Call,
    input: torch.Tensor,
    normalized_shape: Any,
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    eps: float = 1e-5,
) -> Any:
    dims, shape = dims_of(input), tuple(normalized_shape)
    if not are_whole(shape):
        return call.refuse()
    if not shape or len(dims) < len(shape) or not input.dtype.is_floating_point:
        raise NoRule
    call.positive(*dims)
    for parameter in (weight, bias):
        if parameter is not None and (dims_of(parameter) != shape or parameter.dtype != input.dtype):
            raise NoRule
    for size, wanted in zip(dims[-len(shape) :], shape, strict=True):
        call.need_equal(size, wanted)
    return make(dims, input.dtype)


ROWS: dict[Any, Any] = {
    F.instance_norm: instance_norm,
    F.batch_norm: batch_norm,
    F.group_norm: group_norm,
    F.layer_norm: layer_norm,
}
