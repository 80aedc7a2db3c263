"""Edits applied to a module, in place: what its layers are afterwards is what constructors would have made of them.

Invariant: either every edit is applied, or UsageError names all that cannot be and the module is not to be used.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import UninitializedParameter

from shapecheck.changes.edits import DOWNSAMPLE, SETTINGS, Edit, Value, value_text
from shapecheck.changes.layer_settings import has_own_constructor, kind_text, rank_of, settings_of, spread, torch_class
from shapecheck.changes.origins import Origin, origin_of
from shapecheck.changes.shortenings import Shortenings
from shapecheck.changes.weights import replace_weight
from shapecheck.errors import UsageError
from shapecheck.record import submodules
from shapecheck.report import THE_MODULE

_MOST_NAMES = 8  # in a message
_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)


@dataclass(frozen=True, slots=True)
class Applied:
    """What an edit did to one layer."""

    layer: str
    setting: str  # "padding"; "" where the layer was replaced
    before: str  # the setting's value; of a layer that was replaced, the layer
    after: str
    kind: str  # the layer as it was: "Conv2d(512, 512, kernel_size=(5, 5), stride=(1, 1))"
    result: str  # and as it is now
    origin: Origin | None
    also: tuple[str, ...]  # layers that the same line made, which it then changes, too
    notes: tuple[str, ...] = ()


def apply(module: nn.Module, edits: Sequence[Edit], shortenings: Shortenings | None = None) -> tuple[Applied, ...]:
    """Apply the edits, one after the other. Raises UsageError with all that cannot be.

    `shortenings`: needed for a downsampling that is switched off; of the module before the edits.
    """
    origins = _Origins(module)
    found: list[Applied] = []
    problems: list[str] = []
    for edit in edits:
        try:
            found += _applied(module, edit, shortenings, origins)
        except UsageError as error:
            problems.append(f"--set {edit}: {error}")
    if problems:
        raise UsageError("\n".join(problems))
    return tuple(found)


def _applied(module: nn.Module, edit: Edit, shortenings: Shortenings | None, origins: _Origins) -> list[Applied]:
    layers = dict(submodules(module))
    if edit.layer not in layers:
        raise UsageError(f"there is no layer {edit.layer}; {_near(edit, layers)}")
    if edit.setting == DOWNSAMPLE:
        assert shortenings is not None
        return _switched_off(module, layers, edit.layer, shortenings, origins)
    layer = layers[edit.layer]
    return [_set(edit.layer, layer, edit.setting, edit.value, origins)]


def _set(name: str, layer: nn.Module, setting: str, value: Value, origins: _Origins) -> Applied:
    known = settings_of(layer)
    kind = kind_text(layer)
    if isinstance(layer, torch.jit.ScriptModule):
        raise UsageError("it is a module of TorchScript: its settings are compiled, and cannot be changed")
    if setting not in known:
        values = ", ".join(f"{key}={value_text(present)}" for key, present in known.items())
        has = f"has {values}" if values else "has none of " + ", ".join(SETTINGS)
        raise UsageError(f"{kind} has no {setting}; it {has}")
    notes: list[str] = []
    if isinstance(layer, _ConvNd):
        _set_conv(layer, setting, value)
    else:
        _set_other(layer, setting, value)
    if torch_class(layer) is None or has_own_constructor(layer):
        what = f"{type(layer).__name__} is no class of torch's own"
        notes.append(f"{what}: what its constructor or its forward makes of {setting} elsewhere is not recomputed")
    return Applied(
        layer=name or THE_MODULE,
        setting=setting,
        before=_written(known[setting]),
        after=_written(settings_of(layer)[setting]),
        kind=kind,
        result=kind_text(layer),
        origin=origins.of(name),
        also=origins.beside(name),
        notes=tuple(notes),
    )


def _set_conv(layer: Any, setting: str, value: Value) -> None:
    """What the constructor of torch makes of the value, with all that follows from it."""
    rank = len(layer.kernel_size)
    is_lazy = LazyModuleMixin in type(layer).__mro__
    if setting == "padding_mode" and value not in _PADDING_MODES:
        raise UsageError(f"{kind_text(layer)}: padding_mode is one of {', '.join(_PADDING_MODES)}")
    if is_lazy or any(isinstance(each, UninitializedParameter) for each in layer.parameters()):
        raise UsageError(f"{kind_text(layer)} has no weights yet")
    new = {name: getattr(layer, name) for name in SETTINGS}
    new[setting] = _for_rank(layer, setting, value, rank)
    if isinstance(layer, _ConvTransposeNd):
        new["output_padding"] = layer.output_padding
    device = next((tensor.device for tensor in layer.parameters()), torch.device("cpu"))
    dtype = next((tensor.dtype for tensor in layer.parameters()), torch.float32)
    kind: Any = torch_class(layer)
    drawn = torch.get_rng_state()
    try:
        made = kind(
            layer.in_channels,
            layer.out_channels,
            groups=layer.groups,
            bias=layer.bias is not None,
            device=device if setting == "kernel_size" else "meta",
            dtype=dtype,
            **new,
        )
    except (ValueError, RuntimeError) as error:
        raise UsageError(f"{kind_text(layer)}: {error}") from error
    finally:
        torch.set_rng_state(drawn)
    for name in (*new, "_reversed_padding_repeated_twice"):
        setattr(layer, name, getattr(made, name))
    if setting == "kernel_size":
        replace_weight(layer, made.weight.detach())


def _set_other(layer: Any, setting: str, value: Value) -> None:
    """Pools, paddings and whatever else has such an attribute: one number stays one, where it was one."""
    present = getattr(layer, setting)
    if isinstance(present, str):
        raise UsageError(f"{kind_text(layer)}: {setting} can only be set for a convolution")
    if isinstance(value, str):
        raise UsageError(f"{kind_text(layer)}: {setting} is a number here, not {value}")
    rank = rank_of(layer)
    before: Any = present
    wanted: Sequence[int] = value if isinstance(value, tuple) else (value,)
    count = len(spread(present, 1)) if isinstance(present, tuple | list) else rank
    if len(wanted) > 1 and count is not None and len(wanted) != count:
        raise UsageError(f"{kind_text(layer)}: {setting} takes {_numbers(count)}, not {len(wanted)}")
    setattr(layer, setting, _stored(present, wanted, count))
    if isinstance(layer, _POOLS):
        kernel, padding = (spread(getattr(layer, name), rank or 1) for name in ("kernel_size", "padding"))
        if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
            setattr(layer, setting, before)
            raise UsageError(f"{kind_text(layer)}: the padding of a pool is at most half of its kernel_size")


def _stored(present: Any, wanted: Sequence[int], count: int | None) -> int | tuple[int, ...]:
    """As the constructor would keep it: several numbers where it keeps several."""
    if len(wanted) > 1:
        return tuple(wanted)
    (number,) = wanted
    return (number,) * (count or 1) if isinstance(present, tuple | list) else number


def _for_rank(layer: Any, setting: str, value: Value, rank: int) -> Value:
    if isinstance(value, str):
        if setting == "padding" and isinstance(layer, _ConvTransposeNd):
            raise UsageError(f"{kind_text(layer)}: padding is a number here, not {value}")
        return value
    numbers = value if isinstance(value, tuple) else (value,)
    if len(numbers) == 1:
        return numbers * rank
    if len(numbers) != rank:
        raise UsageError(f"{kind_text(layer)}: {setting} takes {_numbers(rank)}, not {len(numbers)}")
    return numbers


def _switched_off(
    module: nn.Module,
    layers: Mapping[str, nn.Module],
    name: str,
    shortenings: Shortenings,
    origins: _Origins,
) -> list[Applied]:
    removals, obstacle = shortenings.removals(name)
    if obstacle:
        units = shortenings.units()
        near = f"; a downsampling can be switched off in {_listed(units)}" if units else ""
        raise UsageError(f"{name or THE_MODULE}: {obstacle}{near}")
    found: list[Applied] = []
    made = origins.of(name)
    notes = () if made is None or not made.text else (f"{name or THE_MODULE} is made at {made}: {made.text}",)
    for removal in removals:
        layer = layers[removal.name]
        if removal.by_stride:
            found.append(_set(removal.name, layer, "stride", 1, origins))
            continue
        parent, _, own = removal.name.rpartition(".")
        found.append(
            Applied(
                layer=removal.name,
                setting="",
                before=kind_text(layer),
                after="Identity()",
                kind=kind_text(layer),
                result="Identity()",
                origin=origins.of(removal.name),
                also=origins.beside(removal.name),
                notes=notes if removal is removals[0] and removal.name != name else (),
            )
        )
        dict(submodules(module))[parent].register_module(own, nn.Identity().train(layer.training))
    return found


class _Origins:
    """Where the layers of a module were made, as it was before any edit."""

    def __init__(self, module: nn.Module) -> None:
        layers = dict(submodules(module))
        self._origins = {name: origin_of(layer, _owner(layers, name)) for name, layer in layers.items()}
        self._made_by: dict[Origin, list[str]] = {}
        for name, origin in self._origins.items():
            if origin is not None and origin.line is not None:
                self._made_by.setdefault(origin, []).append(name)

    def of(self, name: str) -> Origin | None:
        return self._origins[name]

    def beside(self, name: str) -> tuple[str, ...]:
        """The other layers of the same kind that the same line made."""
        origin = self._origins[name]
        return () if origin is None else tuple(other for other in self._made_by.get(origin, []) if other != name)


def _owner(layers: Mapping[str, nn.Module], name: str) -> nn.Module:
    """The innermost module around a layer that is of no class of torch's own; else the layer itself."""
    around = name
    while around:
        around = around.rpartition(".")[0]
        module = layers.get(around)
        if module is not None and torch_class(module) is None:
            return module
    return layers[name]


def _near(edit: Edit, layers: Mapping[str, nn.Module]) -> str:
    """The layers that are meant, perhaps: those that have the setting first."""
    fitting = [
        name
        for name, layer in layers.items()
        if name and (edit.setting == DOWNSAMPLE or edit.setting in settings_of(layer))
    ]
    return f"there are {_listed(fitting or [name for name in layers if name], edit.layer)}"


def _listed(names: Sequence[str], like: str = "") -> str:
    near = difflib.get_close_matches(like, names, 3, 0.75)
    if near:
        return f"{', '.join(near)}" + (f" and {len(names) - len(near)} more" if len(names) > len(near) else "")
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _numbers(count: int) -> str:
    return "one number" if count == 1 else f"one number or {count}"


def _written(value: Value) -> str:
    """As one writes it in a constructor: one number where all axes have the same."""
    if isinstance(value, tuple) and len(set(value)) == 1:
        return str(value[0])
    return repr(value)


__all__ = ["Applied", "apply"]
