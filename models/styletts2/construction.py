"""How modules are made: the published weight and spectral norms, and construction on meta in milliseconds.

The old-style norms are used because the published state dicts have their keys, such as `weight_g` and `weight_orig`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_Module = TypeVar("_Module", bound=nn.Module)


def construct(build: Callable[[], _Module]) -> _Module:
    """What `build()` makes; on meta, where values do not exist, without the work of initializing them."""
    if torch.get_default_device().type != "meta":
        return build()
    with _ShapesOnly():
        return build()


def weight_norm(layer: _Module) -> _Module:
    """The layer with its weight as magnitude `weight_g` and direction `weight_v`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the new parametrization has other state-dict keys
        return nn.utils.weight_norm(layer)


def spectral_norm(layer: _Module) -> _Module:
    """The layer with its weight divided by its largest singular value: `weight_orig`, `weight_u`, `weight_v`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the new parametrization has other state-dict keys
        return nn.utils.spectral_norm(layer)


class _ShapesOnly(TorchFunctionMode):
    """Answers what construction asks of torch by shape alone: meta kernels for the same cost 50 times as much."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        stand_in = _STAND_INS.get(func, func)
        return stand_in(*args, **(kwargs or {}))


def _unchanged(tensor: Tensor, *_args: Any, **_kwargs: Any) -> Tensor:
    return tensor


def _new_empty(tensor: Tensor, *size: Any, **kwargs: Any) -> Tensor:
    return torch.empty(*size, **{"dtype": tensor.dtype, "device": tensor.device, **kwargs})


def _norm_except_dim(v: Tensor, _power: int, dim: int) -> Tensor:
    # exact only for dim >= 0: a negative one asks for the norm of the whole
    return _new_empty(v, *(size if axis == dim else 1 for axis, size in enumerate(v.shape)))


def _weight_norm(v: Tensor, _g: Tensor, _dim: int) -> Tensor:
    return _new_empty(v, *v.shape)  # not v itself, which is a parameter already


_STAND_INS: dict[Callable[..., Any], Callable[..., Any]] = {
    nn.init.constant_: _unchanged,
    nn.init.kaiming_normal_: _unchanged,
    nn.init.kaiming_uniform_: _unchanged,
    nn.init.normal_: _unchanged,
    nn.init.uniform_: _unchanged,
    Tensor.fill_: _unchanged,
    Tensor.normal_: _unchanged,
    Tensor.uniform_: _unchanged,
    Tensor.zero_: _unchanged,
    Tensor.new_empty: _new_empty,
    F.normalize: _unchanged,
    torch.ones: torch.empty,
    torch.zeros: torch.empty,
    torch.norm_except_dim: _norm_except_dim,
    torch._weight_norm: _weight_norm,  # pyright: ignore[reportPrivateImportUsage] - what weight_norm calls
}
