"""Which module calls make a length shorter by a factor, read from the graph of an analysis: from the sizes before and
after each call, not from names.

What is switched off together: in a block whose branches both halve, one branch alone would not fit the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch.fx
from torch import nn
from torch.nn.modules.conv import _ConvNd

from shapecheck.lengths.swept import Int, is_plain
from shapecheck.record import submodules
from shapecheck.report import THE_MODULE
from shapecheck.tensor import Dims, SweptTensor
from shapecheck.trees import leaves

_LEAST = 1.5  # the factor from which on a call counts as a downsampling
_SLACK = 0.05  # of a factor that is read off two sizes
_FEWEST = 16  # steps between the two lengths that a factor is read off

Call = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Removal:
    """How a downsampling is switched off: the module becomes nn.Identity, or its stride 1."""

    name: str
    by_stride: bool


@dataclass(slots=True)
class _Group:
    """The operations of one call of one module, or one operation in a module's own forward."""

    call: Call
    name: str  # of the module, or of the operation
    is_operation: bool
    nodes: list[torch.fx.Node] = field(default_factory=list[torch.fx.Node])
    inside: list[_Group] = field(default_factory=list["_Group"])
    factor: float | None = None  # by which it makes the length shorter; None: not to be told
    keeps_channels: bool = False

    @property
    def shortens(self) -> bool:
        return self.factor is not None and self.factor >= _LEAST


class Shortenings:
    """The downsamplings of a module, as one analysis saw them."""

    def __init__(self, module: nn.Module, graph: torch.fx.Graph) -> None:
        self._modules: Mapping[str, nn.Module] = dict(submodules(module))
        self._root = _grouped(graph)
        self._by_name: dict[str, _Group] = {}
        for group in _walk(self._root):
            if not group.is_operation:
                self._by_name.setdefault(group.name, group)

    def units(self, among: Collection[torch.fx.Node] | None = None) -> list[str]:
        """The layers in which a downsampling can be switched off, in the order of their first calls, each as few of the
        downsamplings at once as fit together. `among`: only those with one of these nodes in them."""
        found: dict[str, None] = {}
        for group in self._units(self._root):
            is_meant = among is None or any(node in among for node in group.nodes)
            if is_meant and not self.removals(group.name)[1]:
                found[group.name] = None
        return list(found)

    def removals(self, layer: str) -> tuple[tuple[Removal, ...], str]:
        """What is to be switched off within a layer, all of it together; and if nothing is, or not all of it can be,
        why not."""
        group = self._by_name.get(layer)
        if group is None:
            return (), "it is not called, or not seen by itself"
        removals, own = self._collect(group)
        if own:
            return (), f"{own}: there is no layer to switch off"
        if not removals:
            return (), "nothing in it makes the length shorter by a factor and could be left out"
        return tuple(dict.fromkeys(removals)), ""

    def factor(self, layer: str) -> float | None:
        """By how much a call of the layer makes the length shorter; None where that is not to be told."""
        group = self._by_name.get(layer)
        return None if group is None else group.factor

    def _units(self, group: _Group) -> Iterator[_Group]:
        parts = [part for part in group.inside if part.shortens or not (part.is_operation or part.factor)]
        shortening = [part for part in parts if part.shortens]
        if group.shortens and (not shortening or self._is_pure(group) or _are_parallel(group, shortening)):
            yield group
            return
        for part in parts:
            if not part.is_operation:
                yield from self._units(part)

    def _collect(self, group: _Group) -> tuple[list[Removal], str]:
        """What is to be switched off in a call, and what is in the way."""
        layer = self._modules.get(group.name)
        if group.shortens and layer is not None:
            if isinstance(layer, _ConvNd):
                is_left_out = group.keeps_channels and 1 < layer.groups == layer.in_channels and group.name
                return [Removal(group.name, by_stride=not is_left_out)], ""
            if self._is_pure(group) and group.name:
                return [Removal(group.name, by_stride=False)], ""
        removals: list[Removal] = []
        own = ""
        for part in group.inside:
            if part.is_operation:
                if part.shortens and not own:
                    own = f"the forward of {group.name or THE_MODULE} itself makes the length shorter, by {part.name}"
                continue
            more, in_the_way = self._collect(part)
            removals += more
            own = own or in_the_way
        return removals, own

    def _is_pure(self, group: _Group) -> bool:
        """Whether a module does nothing else than to make its input shorter: at most one layer in it has weights, and
        that one mixes no channels."""
        module = self._modules.get(group.name)
        if module is None or not group.keeps_channels or not group.shortens:
            return False
        if sum(part.shortens for part in group.inside) > 1:  # branches that come together again
            return False
        weighted = [layer for _, layer in submodules(module) if _has_weights(layer)]
        return not weighted or (len(weighted) == 1 and _is_by_channel(weighted[0]))


def _has_weights(layer: Any) -> bool:
    if "parametrizations" in layer._modules:
        return True
    is_part = type(layer).__module__.startswith("torch.nn.utils.parametriz") or isinstance(layer, nn.ParameterList)
    return bool(layer._parameters) and not is_part


def _is_by_channel(layer: nn.Module) -> bool:
    return isinstance(layer, _ConvNd) and layer.groups == layer.in_channels


def _are_parallel(group: _Group, parts: list[_Group]) -> bool:
    """Whether they cannot come one after the other: together they would make more of a difference than there is."""
    assert group.factor is not None
    product = float(np.prod([part.factor for part in parts if part.factor is not None]))
    return product > group.factor * (1 + _LEAST) / 2


def _grouped(graph: torch.fx.Graph) -> _Group:
    root = _Group((), "", False)
    groups: dict[Call, _Group] = {(): root}
    latest: dict[str, _Group] = {"": root}
    for node in graph.nodes:
        if node.op not in ("call_module", "call_function"):
            continue
        call: Call | None = node.meta.get("call")
        if call is None:  # a join stands at the end of the call whose paths it joins
            _add(node, latest.get(node.meta.get("layer", ""), root), groups)
            continue
        parent = root
        for depth in range(1, len(call) + 1):
            prefix = call[:depth]
            group = groups.get(prefix)
            if group is None:
                is_operation = depth == len(call) and node.op == "call_function"
                group = groups[prefix] = _Group(prefix, prefix[-1][0], is_operation)
                parent.inside.append(group)
            if not group.is_operation:
                latest[group.name] = group
            parent = group
        _add(node, parent, groups)
    for group in groups.values():
        _measure(group)
    own = next((part for part in root.inside if part.call and part.name == ""), None)
    return own or root  # the call of the module itself


def _add(node: torch.fx.Node, group: _Group, groups: Mapping[Call, _Group]) -> None:
    for depth in range(len(group.call) + 1):
        groups[group.call[:depth]].nodes.append(node)


def _walk(group: _Group) -> Iterator[_Group]:
    yield group
    for part in group.inside:
        yield from _walk(part)


def _measure(group: _Group) -> None:
    """By which factor the length is shorter behind the call than before it."""
    members = set(group.nodes)
    before = [node for member in group.nodes for node in member.all_input_nodes if node not in members]
    after = [node for node in group.nodes if any(user not in members for user in node.users)]
    for result in reversed(after):
        for source in before:
            factor = _factor(source, result)
            if factor is not None:
                group.factor, group.keeps_channels = factor
                return


def _factor(source: torch.fx.Node, result: torch.fx.Node) -> tuple[float, bool] | None:
    one, other = _dims(source), _dims(result)
    if not one or len(one) != len(other) or "live" not in source.meta or "live" not in result.meta:
        return None
    live = np.flatnonzero(source.meta["live"].values & result.meta["live"].values)
    if not len(live):
        return None
    last = int(live[-1])
    first = int(live[len(live) // 4])
    if last - first < _FEWEST:
        return None
    for axis in range(len(one) - 1, -1, -1):
        gone, left = _rise(one[axis], first, last), _rise(other[axis], first, last)
        if gone > 0 and left > 0:
            channels = 1 if axis != 1 and len(one) > 2 else len(one) - 1
            factor = gone / left
            nearest = round(factor)
            exact = float(nearest) if abs(factor - nearest) <= _SLACK * nearest else factor
            return exact, _same(one[channels], other[channels])
    return None


def _dims(node: torch.fx.Node) -> Dims:
    found = [leaf._dims for leaf in leaves(node.meta.get("swept")) if type(leaf) is SweptTensor]
    return found[0] if node.op != "get_attr" and found else ()


def _rise(size: Int, first: int, last: int) -> int:
    return 0 if is_plain(size) else int(size.values[last]) - int(size.values[first])


def _same(one: Int, other: Int) -> bool:
    return is_plain(one) and is_plain(other) and one == other


__all__ = ["Removal", "Shortenings"]
