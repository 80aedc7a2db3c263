"""The weight of a conv layer in another shape, whatever norm stands before it: plain, the hooks of weight_norm and
spectral_norm, and parametrizations.

Invariant: the state dict afterwards has the names, the shapes and the order of a layer that was constructed so.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from shapecheck.errors import UsageError

_spectral: Any = parametrizations._SpectralNorm


def replace_weight(layer: Any, weight: Tensor) -> None:
    """Give the layer a new plain weight, and put what its norm keeps beside it into step."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the old norms are deprecated, and what published checkpoints have
        hooks = [hook for hook in layer._forward_pre_hooks.values() if type(hook) in (WeightNorm, SpectralNorm)]
        of_weight = [hook for hook in hooks if hook.name == "weight"]
        if parametrize.is_parametrized(layer, "weight"):
            _reparametrize(layer, weight)
        elif of_weight:
            _renormalize(layer, of_weight[0], weight)
        else:
            layer.weight = nn.Parameter(weight, requires_grad=layer.weight.requires_grad)


def _renormalize(layer: Any, hook: Any, weight: Tensor) -> None:
    if type(hook) is WeightNorm:
        nn.utils.remove_weight_norm(layer)
        layer.weight = nn.Parameter(weight)
        nn.utils.weight_norm(layer, dim=hook.dim)
        return
    nn.utils.remove_spectral_norm(layer)
    layer.weight = nn.Parameter(weight)
    nn.utils.spectral_norm(layer, n_power_iterations=hook.n_power_iterations, eps=hook.eps, dim=hook.dim)


def _reparametrize(layer: Any, weight: Tensor) -> None:
    """One after the other, as they were; that of spectral_norm has vectors of the weight's size, and is made anew."""
    chain = list(layer.parametrizations["weight"])
    with torch.no_grad():
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
    layer.weight = nn.Parameter(weight)
    for step in chain:
        if type(step) is _spectral:
            options = {"n_power_iterations": step.n_power_iterations, "eps": step.eps, "dim": step.dim}
            parametrizations.spectral_norm(layer, **options)
            continue
        try:
            parametrize.register_parametrization(layer, "weight", step)
        except (RuntimeError, ValueError, NotImplementedError) as error:
            what = f"its parametrization {type(step).__name__} does not take a weight of another shape: {error}"
            raise UsageError(what) from error


__all__ = ["replace_weight"]
