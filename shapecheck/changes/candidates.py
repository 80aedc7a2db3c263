"""Edits that may let a layer take what it refuses, read from an analysis in which every layer took it.

Each group is one setting of one layer, from the smallest change to the largest: past the first that does, the others
are of no use. Only a guess: whoever tries them analyzes and runs the edited module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch.fx
from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.padding import _CircularPadNd, _ReflectionPadNd

from shapecheck.changes.edits import DOWNSAMPLE, NONE, Edit, Value
from shapecheck.changes.layer_settings import settings_of, spread
from shapecheck.changes.shortenings import Shortenings
from shapecheck.lengths.swept import is_plain
from shapecheck.limits import name_of
from shapecheck.record import submodules
from shapecheck.report import Failure, Report
from shapecheck.tensor import Dims

_MOST_BEFORE = 4  # layers before the one that refuses that are tried for making the length shorter by a few
_FROM_ITSELF = ("reflect", "circular")  # padding that is taken from the input, of which there must be enough


@dataclass(frozen=True, slots=True)
class Group:
    """Values for one setting of one layer, the gentlest first."""

    edits: tuple[Edit, ...]
    customary: Edit | None = None  # to be tried even if a gentler one does: the padding that keeps the length


def groups_for(
    failures: Sequence[Failure], report: Report, module: nn.Module, target: int
) -> list[tuple[Failure, list[Group]]]:
    """What to try against each failure from the target on, of an analysis of `module`."""
    shortenings = Shortenings(module, report.graph)
    layers: dict[str, nn.Module] = dict(submodules(module))
    found: list[tuple[Failure, list[Group]]] = []
    for failure in failures:
        if not reaches(failure, target):
            continue
        nodes = [node for node in report.graph.nodes if _is_of(node, failure)]
        before = _ancestors(nodes)
        owners = dict.fromkeys(node.meta["layer"] for node in nodes)  # a conv layer with a forward of its own, too
        groups = [group for name in owners for group in _own(name, layers.get(name), nodes)]
        for unit in shortenings.units(before):
            groups += _shorter(unit, layers[unit], shortenings)
        groups += _longer_before(before, report.graph, layers)
        found.append((failure, groups))
    return found


def reaches(failure: Failure, target: int) -> bool:
    """Whether it refuses a length from the target on."""
    maximum = failure.lengths.maximum
    return bool(failure.lengths) and (maximum is None or maximum >= target)


def _own(name: str, layer: nn.Module | None, nodes: Sequence[torch.fx.Node]) -> Iterator[Group]:
    """Of the layer that refuses: more padding, a smaller kernel, less dilation; less of a padding from the input."""
    if layer is None:
        return
    known = settings_of(layer)
    axes = _varying_axes(nodes)
    if known.get("padding_mode") in _FROM_ITSELF or isinstance(layer, _ReflectionPadNd | _CircularPadNd):
        yield _group(name, "padding", _less(known.get("padding"), 0))
        if "padding_mode" in known:
            yield Group((Edit(name, "padding_mode", "zeros"), Edit(name, "padding_mode", "replicate")))
    elif "padding" in known and "kernel_size" in known and not isinstance(layer, _ConvTransposeNd):
        yield from _padding(name, layer, axes)
    yield from _smaller(name, layer, axes)


def _smaller(name: str, layer: nn.Module, axes: set[int]) -> Iterator[Group]:
    known = settings_of(layer)
    if "kernel_size" in known and not isinstance(layer, _ConvTransposeNd):
        yield _group(name, "kernel_size", _smaller_kernels(known["kernel_size"], axes))
        if "dilation" in known:
            yield _group(name, "dilation", _less(known["dilation"], 1))


def _shorter(unit: str, layer: nn.Module, shortenings: Shortenings) -> Iterator[Group]:
    """Of a layer that makes the length shorter: a smaller stride, or nothing in its place."""
    known = settings_of(layer)
    removals, _ = shortenings.removals(unit)
    if "stride" in known:
        yield _group(unit, "stride", _less(known["stride"], 1))
    if not ("stride" in known and all(removal.by_stride for removal in removals)):
        yield Group((Edit(unit, DOWNSAMPLE, NONE),))


def _longer_before(
    before: set[torch.fx.Node], graph: torch.fx.Graph, layers: Mapping[str, nn.Module]
) -> Iterator[Group]:
    """Of the nearest layers that make the length shorter by a few: more padding, a smaller kernel, less dilation."""
    names: dict[str, None] = {}
    for node in reversed(graph.nodes):
        if node not in before or node.op not in ("call_module", "call_function"):
            continue
        name, axes = node.meta["layer"], _varying_axes([node])
        layer = layers.get(name)
        is_other = name in names or not isinstance(layer, _ConvNd) or isinstance(layer, _ConvTransposeNd)
        if len(names) == _MOST_BEFORE or is_other or layer is None:
            continue
        groups = list(_padding(name, layer, axes))
        if groups:
            names[name] = None
            yield from (*groups, *_smaller(name, layer, axes))


def _padding(name: str, layer: Any, axes: set[int]) -> Iterator[Group]:
    """More padding on each side, up to half of what the kernel reaches over."""
    known = settings_of(layer)
    kernel, padding, dilation = known["kernel_size"], known["padding"], known.get("dilation", 1)
    if isinstance(padding, str) or isinstance(kernel, str) or isinstance(dilation, str):
        return
    rank = max((len(value) for value in (kernel, padding, dilation) if isinstance(value, tuple)), default=1)
    kernels, paddings, dilations = (spread(value, rank) for value in (kernel, padding, dilation))
    half = _halves(layer, kernels, dilations)
    is_even = all(len(set(values)) == 1 for values in (kernels, paddings, dilations))
    grown: list[Value] = []
    for more in range(1, max(half, default=0) + 1):
        new = tuple(
            max(own, min(own + more, most)) if is_even or axis - rank in axes else own
            for axis, (own, most) in enumerate(zip(paddings, half, strict=True))
        )
        if new != paddings and new not in grown:
            grown.append(new)
    if grown:
        group = _group(name, "padding", grown)
        yield Group(group.edits, group.edits[-1])


def _halves(layer: Any, kernels: Sequence[int], dilations: Sequence[int]) -> list[int]:
    if isinstance(layer, _ConvNd):
        return [-(-d * (k - 1) // 2) for k, d in zip(kernels, dilations, strict=True)]
    return [k // 2 for k in kernels]  # more is refused by a pool


def _smaller_kernels(kernel: Value, axes: set[int]) -> list[Value]:
    """The next smaller odd ones, down to 1: of all axes alike, where they are alike, else of those that vary."""
    kernels = spread(kernel, 1)
    is_even = len(set(kernels)) == 1
    found: list[Value] = []
    for less in range(1, max(kernels)):
        new = tuple(
            max(1, own - less) if is_even or axis - len(kernels) in axes else own for axis, own in enumerate(kernels)
        )
        changed = [size for size, own in zip(new, kernels, strict=True) if size != own]
        if changed and all(size % 2 for size in changed) and new not in found:
            found.append(new)
    return found


def _less(value: Value | None, least: int) -> list[Value]:
    """Smaller and smaller, wherever it is more than the least."""
    if value is None or isinstance(value, str):
        return []
    numbers = spread(value, 1)
    steps = range(1, max(numbers) - least + 1)
    return [tuple(max(least, own - step) if own > least else own for own in numbers) for step in steps]


def _group(name: str, setting: str, values: Sequence[Value]) -> Group:
    return Group(tuple(Edit(name, setting, _plain(value)) for value in values))


def _plain(value: Value) -> Value:
    """One number where all axes have the same."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


def _is_of(node: torch.fx.Node, failure: Failure) -> bool:
    return (
        node.op in ("call_module", "call_function")
        and "layer" in node.meta
        and (node.meta.get("operation") != "join" and name_of(node) == failure.layer)
    )


def _ancestors(nodes: Sequence[torch.fx.Node]) -> set[torch.fx.Node]:
    """The operations that lead to these."""
    found: set[torch.fx.Node] = set()
    pending = [source for node in nodes for source in node.all_input_nodes]
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            pending += node.all_input_nodes
    return found


def _varying_axes(nodes: Sequence[torch.fx.Node]) -> set[int]:
    """The axes of a layer's input, from the end, that vary with the length."""
    found: set[int] = set()
    for node in nodes:
        inputs: Sequence[Dims] = node.meta.get("inputs") or ()
        if inputs:
            found |= {axis - len(inputs[0]) for axis, size in enumerate(inputs[0]) if not is_plain(size)}
    return found


__all__ = ["Group", "groups_for", "reaches"]
