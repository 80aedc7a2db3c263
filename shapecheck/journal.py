"""What the analyzed code changed of its own state, so that a module call can be run again, and be left as it was.

Invariant: after `roll_back(0)` every module attribute, attribute container and plain tensor that the analysis changed is as
before.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from shapecheck.join import Joiner, NotJoinable
from shapecheck.lengths.swept import SweptBool, Undecidable
from shapecheck.tensor import SweptTensor

_MISSING = object()
_OWN = frozenset(nn.Module().__dict__)
_original_setattr: Callable[[nn.Module, str, Any], None] = nn.Module.__setattr__
_original_delattr: Callable[[nn.Module, str], None] = nn.Module.__delattr__


@dataclass(slots=True)
class _Attribute:
    module: nn.Module
    name: str
    before: Any
    after: Any

    def undo(self) -> None:
        self._put(self.before)

    def redo(self) -> None:
        self._put(self.after)

    def _put(self, value: Any) -> None:
        if value is _MISSING:
            _original_delattr(self.module, self.name)
        else:
            _original_setattr(self.module, self.name, value)


@dataclass(slots=True)
class _Container:
    container: Any
    before: Any
    after: Any = None

    def undo(self) -> None:
        self.after = copy.copy(self.container)
        _refill(self.container, self.before)

    def redo(self) -> None:
        if self.after is not None:
            _refill(self.container, self.after)


@dataclass(slots=True)
class _Data:
    """A plain tensor that was changed in place."""

    tensor: torch.Tensor
    before: torch.Tensor
    after: torch.Tensor | None = None

    def undo(self) -> None:
        self.after = self.tensor.detach().clone()
        with torch.no_grad():
            self.tensor.copy_(self.before)

    def redo(self) -> None:
        if self.after is not None:
            with torch.no_grad():
                self.tensor.copy_(self.after)


@dataclass(slots=True)
class _Form:
    """A swept tensor that was given another shape in place."""

    tensor: SweptTensor
    before: tuple[Any, Any]
    after: tuple[Any, Any]

    def undo(self) -> None:
        self.tensor._dims, self.tensor._strides = self.before  # pyright: ignore[reportPrivateUsage]

    def redo(self) -> None:
        self.tensor._dims, self.tensor._strides = self.after  # pyright: ignore[reportPrivateUsage]


class Journal:
    """Changes in order, each of which can be undone and redone."""

    def __init__(self) -> None:
        self._entries: list[Any] = []
        self._copies: dict[int, nn.Module] = {}

    def position(self) -> int:
        return len(self._entries)

    def since(self, position: int) -> list[Any]:
        return self._entries[position:]

    def enter(self, module: nn.Module | None) -> int:
        """A module call begins: remember its attribute containers, which change without an assignment."""
        start = len(self._entries)
        if module is not None:
            for name, value in module.__dict__.items():
                if name not in _OWN and isinstance(value, (list, dict, set, deque)):
                    self._entries.append(_Container(value, copy.copy(value)))  # pyright: ignore[reportUnknownArgumentType]
        return start

    def set_attribute(self, module: nn.Module, name: str, value: Any) -> None:
        before = type(module) if name == "__class__" else module.__dict__.get(name, _MISSING)
        for registry in (module._parameters, module._buffers, module._modules):  # pyright: ignore[reportPrivateUsage]
            if name in registry:
                before = registry[name]
        _original_setattr(module, name, value)
        self._entries.append(_Attribute(module, name, before, value))

    def delete_attribute(self, module: nn.Module, name: str) -> None:
        before = getattr(module, name, _MISSING)
        _original_delattr(module, name)
        self._entries.append(_Attribute(module, name, before, _MISSING))

    def reform(self, tensor: SweptTensor, like: SweptTensor) -> None:
        """`tensor` takes the shape and the layout of `like`, in place."""
        after = (like._dims, like._strides)  # pyright: ignore[reportPrivateUsage]
        entry = _Form(tensor, (tensor._dims, tensor._strides), after)  # pyright: ignore[reportPrivateUsage]
        entry.redo()
        self._entries.append(entry)

    def before_in_place(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A plain operation is about to run: keep the data that it changes in place."""
        name: str = getattr(function, "__name__", "")
        if (name.endswith("_") and not name.endswith("__")) or name.startswith("__i") or name == "__setitem__":
            self.keep(args[0] if args else None)
        if kwargs.get("out") is not None:
            for target in kwargs["out"] if isinstance(kwargs["out"], (tuple, list)) else (kwargs["out"],):
                self.keep(target)

    def keep(self, tensor: Any) -> None:
        if isinstance(tensor, torch.Tensor) and type(tensor) is not SweptTensor and not tensor.is_meta:
            self._entries.append(_Data(tensor, tensor.detach().clone()))

    def roll_back(self, position: int) -> None:
        """Undo everything since; the snapshots taken at the entry stay in force."""
        for entry in reversed(self._entries[position:]):
            entry.undo()
        kept: list[Any] = []
        for entry in self._entries[position:]:
            if not isinstance(entry, _Container):
                break
            kept.append(_Container(entry.container, copy.copy(entry.container)))
        self._entries[position:] = kept

    def redo(self, entries: list[Any]) -> None:
        for entry in entries:
            entry.redo()
            self._entries.append(entry)

    def attributes_since(self, position: int) -> dict[tuple[int, str], Any]:
        """The final value of every attribute set since, and the content of every container that may have changed."""
        state: dict[tuple[int, str], Any] = {}
        for entry in self._entries[position:]:
            if isinstance(entry, _Attribute):
                state[(id(entry.module), entry.name)] = (entry.module, entry.name, entry.before, entry.after)
            elif isinstance(entry, _Container) and not _same(entry.before, entry.container):
                state[(id(entry.container), "")] = copy.copy(entry.container)
        return state

    def reconcile(self, states: list[dict[tuple[int, str], Any]], masks: list[SweptBool], joiner: Joiner) -> None:
        """After several paths: each attribute gets the value joined over the paths, or the call is undecided."""
        keys = {key for state in states for key in state}
        for key in keys:
            found = [state.get(key) for state in states]
            if key[1] == "":
                first = found[0]
                if any(item is None or not _same(item, first) for item in found):
                    raise Undecidable("a container of the module ends up different for different lengths")
                continue
            sample = next(item for item in found if item is not None)
            module, name, before = sample[0], sample[1], sample[2]
            values = [before if item is None else item[3] for item in found]
            if all(value is values[0] for value in values):
                continue
            try:
                joined = joiner.value(list(zip(masks, values, strict=True)))
            except NotJoinable:
                what = f"{type(module).__name__}.{name}"
                raise Undecidable(f"the attribute {what} ends up different for different lengths") from None
            self.set_attribute(module, name, joined)

    def on_meta(self, module: nn.Module) -> nn.Module:
        """The module with all its tensors on meta: itself, or a copy."""
        tensors = [*module.parameters(), *module.buffers()]
        if all(tensor.is_meta for tensor in tensors):
            return module
        known = self._copies.get(id(module))
        if known is None:
            try:
                known = self._copies[id(module)] = copy.deepcopy(module).to("meta")
            except Exception as error:
                raise Undecidable(f"{type(module).__name__} cannot be copied to meta: {error}") from error
        return known


def _refill(container: Any, content: Any) -> None:
    container.clear()
    if isinstance(container, (list, deque)):
        container.extend(content)
    else:
        container.update(content)


def _same(left: Any, right: Any) -> bool:
    """Same items by identity: an equality test could itself ask a swept value."""
    if len(left) != len(right):
        return False
    if isinstance(left, dict):
        return all(key in right and right[key] is value for key, value in left.items())
    if isinstance(left, set):
        return {id(item) for item in left} == {id(item) for item in right}
    return all(a is b for a, b in zip(left, right, strict=True))
