"""What a layer can be set to: its kernel, stride, padding, dilation and padding mode, as far as it has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

from shapecheck.changes.edits import SETTINGS, Value
from shapecheck.modules import kind_of_layer


def settings_of(layer: Any) -> dict[str, Value]:
    """The settings that a layer has: `{"kernel_size": (5, 5), "stride": (1, 1), ...}`."""
    found: dict[str, Value] = {}
    for name in SETTINGS:
        value: Any = getattr(layer, name, None)
        if _is_number(value) or isinstance(value, str):
            found[name] = value
        elif isinstance(value, tuple | list) and value and all(map(_is_number, cast("Sequence[Any]", value))):
            found[name] = tuple(cast("Iterable[int]", value))
    return found


def torch_class(layer: nn.Module) -> type[nn.Module] | None:
    """The class of torch's own that a layer is, or is derived from; None for other modules."""
    for kind in type(layer).__mro__:
        if kind.__module__.startswith("torch.nn.modules.") and kind.__name__[0].isupper():
            return kind if kind not in (nn.Module, LazyModuleMixin) else None
    return None


def kind_text(layer: nn.Module) -> str:
    """A layer in one line: the class of a parametrized one is that of the plain one, and other modules are named."""
    if torch_class(layer) is None:
        return type(layer).__name__ + "()" if not layer._modules else type(layer).__name__
    return f"{kind_of_layer(layer)}({layer.extra_repr()})"


def has_own_constructor(layer: nn.Module) -> bool:
    kind = torch_class(layer)
    for own in type(layer).__mro__:
        if own is kind:
            return False
        if "__init__" in vars(own) and not own.__module__.startswith("torch."):
            return True
    return False


def rank_of(layer: nn.Module) -> int | None:
    """The number of axes that a pool works along; None where the class does not tell."""
    kind = torch_class(layer)
    name = kind.__name__ if kind is not None else ""
    return int(name[-2]) if name[-2:] in ("1d", "2d", "3d") else None


def spread(value: Any, rank: int) -> tuple[int, ...]:
    return tuple(cast("Iterable[int]", value)) if isinstance(value, tuple | list) else (value,) * rank


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


__all__ = ["has_own_constructor", "kind_text", "rank_of", "settings_of", "spread", "torch_class"]
