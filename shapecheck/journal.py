"""What the analyzed code changed, so that a module call can be run again, and everything be left as it was.

Invariant: after `roll_back(0)` every attribute, container, plain tensor and process setting is as it was before.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from shapecheck.join import Joiner, NotJoinable
from shapecheck.lengths.swept import SweptBool, Undecidable
from shapecheck.state import (
    Content,
    Obstacle,
    Slots,
    content_of,
    has_one_hash,
    held,
    hooks_of,
    reachable,
    same_content,
)
from shapecheck.tensor import SweptTensor, dims_of
from shapecheck.trees import is_mapping, is_sequence, kind_of

_MODULE: Any = nn.Module  # torch leaves the arguments of its methods without types
_original_setattr: Callable[[nn.Module, str, Any], None] = _MODULE.__setattr__
_original_delattr: Callable[[nn.Module, str], None] = _MODULE.__delattr__

States = dict[int, tuple[Any, Any]]  # of one path: for each container that it changed, the container and its content


class _Data:
    """A plain tensor that was changed in place."""

    __slots__ = ("after", "before", "tensor")

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor
        self.before = self._now()
        self.after: Any = None

    def _now(self) -> tuple[torch.Tensor, bool]:
        with torch._C.DisableTorchFunction(), torch.no_grad():
            return self.tensor.detach().clone(), self.tensor.requires_grad

    def settle(self) -> None:
        self.after = self._now()

    def undo(self) -> None:
        self._put(*self.before)

    def redo(self) -> None:
        if self.after is not None:
            self._put(*self.after)

    def _put(self, data: torch.Tensor, requires_grad: bool) -> None:
        with torch._C.DisableTorchFunction(), torch.no_grad():
            if self.tensor.shape == data.shape and self.tensor.stride() == data.stride():
                self.tensor.copy_(data)
            else:
                self.tensor.data = data.clone()
            if self.tensor.requires_grad != requires_grad:
                self.tensor.requires_grad_(requires_grad)


@dataclass(slots=True)
class _Form:
    """A swept tensor that was given another shape in place."""

    tensor: SweptTensor
    before: tuple[Any, Any]
    after: tuple[Any, Any]

    def settle(self) -> None:
        pass

    def undo(self) -> None:
        self.tensor._dims, self.tensor._strides = self.before

    def redo(self) -> None:
        self.tensor._dims, self.tensor._strides = self.after


class _Settings:
    """torch's process-wide settings that code may change."""

    __slots__ = ("after", "before")

    def __init__(self) -> None:
        self.before = self._now()
        self.after: Any = None

    def _now(self) -> tuple[torch.dtype, bool]:
        return torch.get_default_dtype(), torch.is_grad_enabled()

    def settle(self) -> None:
        self.after = self._now()

    def undo(self) -> None:
        self._put(self.before)

    def redo(self) -> None:
        if self.after is not None:
            self._put(self.after)

    def _put(self, settings: tuple[torch.dtype, bool]) -> None:
        if settings != self._now():
            torch.set_default_dtype(settings[0])
            torch._C._set_grad_enabled(settings[1])


@dataclass(slots=True)
class _Class:
    """A module that became one of another class, as lazy layers do."""

    module: nn.Module
    before: type
    after: type | None = None

    def settle(self) -> None:
        self.after = type(self.module)

    def undo(self) -> None:
        object.__setattr__(self.module, "__class__", self.before)

    def redo(self) -> None:
        if self.after is not None:
            object.__setattr__(self.module, "__class__", self.after)


class Journal:
    """Changes in order, each of which can be undone and redone."""

    def __init__(self) -> None:
        self._entries: list[Any] = []
        self._begun: dict[int, int] = {}  # for each module call that began: where what it could change ends
        self._fresh: dict[int, nn.Module] = {}  # modules that the analyzed code made
        self._copies: dict[tuple[int, str], tuple[nn.Module, list[Any]]] = {}  # and the state that was copied

    def position(self) -> int:
        return len(self._entries)

    def since(self, position: int) -> list[Any]:
        """The changes since then, ready to be redone."""
        entries = self._entries[position:]
        for entry in entries:
            entry.settle()
        return entries

    def enter(self, module: nn.Module | None, arguments: Any, *, hooks_only: bool = False) -> int:
        """A module call begins: remember all that it could change; of a layer of torch's own, only its hooks could."""
        start = len(self._entries)
        self._entries.append(_Settings())
        if hooks_only and module is not None:
            arguments, module = (arguments, *hooks_of(module)), None
        self._entries += reachable(module, (arguments, _in_context()))
        self._begun[start] = len(self._entries)
        return start

    def enter_all(self, module: nn.Module) -> None:
        """The analysis begins: remember what hangs on any of the modules."""
        for child in module.modules():
            self._entries += held(child)

    def given(self, args: Any, kwargs: Any) -> list[Content]:
        """The containers that a caller gives to a call, in order."""
        return [entry for entry in reachable(None, (args, kwargs, _in_context())) if isinstance(entry, Content)]

    def hand_over(self, before: list[Content], now: list[Content]) -> bool:
        """After a replay: what the call did to its caller's containers is done to those that the caller made anew."""
        if before is now:
            return True
        if len(before) != len(now):
            return False
        for old, new in zip(before, now, strict=True):
            if old.container is not new.container:
                if type(old.container) is not type(new.container):
                    return False
                new.fill(old.container)
        return True

    def obstacle(self, position: int) -> str | None:
        """Why the call that began there cannot be run again, if it cannot."""
        for entry in self._entries[position:]:
            if isinstance(entry, Obstacle):
                return entry.what
        return None

    def made(self, module: nn.Module) -> None:
        """A module that the analyzed code makes is its own affair: nobody has it to get it back unchanged."""
        self._fresh[id(module)] = module

    def made_alike(self, left: Any, right: Any) -> bool:
        """Whether two runs made the same layer anew; their weights may differ."""
        with torch._C.DisableTorchFunction():  # no operations of the analyzed code
            return id(left) in self._fresh and id(right) in self._fresh and _is_like(left, right)

    def set_attribute(self, module: nn.Module, name: str, value: Any) -> None:
        if name == "__class__":
            self._entries.append(_Class(module, type(module)))
        else:
            self._touch(module)
        _original_setattr(module, name, value)

    def delete_attribute(self, module: nn.Module, name: str) -> None:
        self._touch(module)
        _original_delattr(module, name)

    def _touch(self, module: nn.Module) -> None:
        """Another module than the one that runs may be changed, too."""
        if id(module) in self._fresh:
            return
        own = vars(module)
        self._entries.append(Content(own))
        for registry in ("_parameters", "_buffers", "_modules"):
            if registry in own:
                self._entries.append(Content(own[registry]))

    def reform(self, tensor: SweptTensor, like: SweptTensor) -> None:
        """`tensor` takes the shape and the layout of `like`, in place."""
        entry = _Form(tensor, (tensor._dims, tensor._strides), (like._dims, like._strides))
        entry.redo()
        self._entries.append(entry)

    def before_in_place(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A plain operation is about to run: keep the data that it changes in place."""
        for tensor in changed_by(function, args, kwargs):
            if type(tensor) is not SweptTensor and not tensor.is_meta:
                self._entries.append(_Data(tensor))

    def roll_back(self, position: int) -> None:
        """Undo everything since; what was remembered when the call began stays in force."""
        for entry in reversed(self._entries[position:]):
            entry.undo()
        del self._entries[self._begun.get(position, position) :]

    def redo(self, entries: list[Any]) -> None:
        for entry in entries:
            entry.redo()
        self._entries += entries

    def states_since(self, position: int) -> States:
        """What the path that ends here changed."""
        state: States = {}
        for entry in self._entries[position:]:
            if isinstance(entry, Content) and (id(entry.container) in state or entry.changed):
                state[id(entry.container)] = (entry.container, content_of(entry.container))
            elif isinstance(entry, Slots) and (id(entry) in state or entry.changed):
                state[id(entry)] = (entry, entry.now())
            elif isinstance(entry, _Form):
                state[id(entry.tensor)] = (entry.tensor, (entry.tensor._dims, entry.tensor._strides))
            elif isinstance(entry, _Data):
                state[id(entry.tensor)] = (entry.tensor, _form_of(entry.tensor))
        return state

    def reconcile(
        self, position: int, states: list[States], masks: list[SweptBool], joiner: Joiner, *, drew: bool
    ) -> tuple[list[torch.Tensor], list[list[Any]]]:
        """After several paths: whatever they changed gets its value joined over the paths.

        Returns the plain tensors whose data now depends on the length; and for each path the changes to be redone
        where the caller goes on with it, if there is no joined value: no changes at all if there is. Paths to which
        random draws led (`drew`) are taken for the same lengths: they are joined only if they changed everything alike.
        """
        changed = {key: entry[0] for state in states for key, entry in state.items()}
        if not changed:
            return [], []
        self.roll_back(position)
        data = [thing for thing in changed.values() if _is_plain_tensor(thing)]
        if any(state[id(tensor)][1] != _form_of(tensor) for tensor in data for state in states if id(tensor) in state):
            raise Undecidable("a tensor is given different shapes in place for different lengths")
        things = {key: thing for key, thing in changed.items() if not _is_plain_tensor(thing)}
        columns = [
            (thing, [state[key][1] if key in state else _now(thing) for state in states])
            for key, thing in things.items()
        ]
        try:
            joined = [_change(thing, _joined(thing, values, masks, joiner)) for thing, values in columns]
        except NotJoinable:
            joined = None
        if joined is None or (drew and not _alike(states)):
            return data, [[_change(thing, values[path]) for thing, values in columns] for path in range(len(states))]
        self.redo(joined)
        return data, []

    def once(self, module: nn.Module, args: Any, kwargs: Any) -> Any:
        """One run of a module that leaves no trace on it; undecided if it would."""
        entries = [entry for child in module.modules() for entry in reachable(child, None)]
        try:
            result = module(*args, **kwargs)
            if any(isinstance(entry, (Content, Slots)) and entry.changed for entry in entries):
                raise Undecidable(f"{type(module).__name__} changes its own state")
        finally:
            for entry in reversed(entries):
                entry.undo()
        return result

    def on_meta(self, module: nn.Module) -> nn.Module:
        """The module with all its tensors on meta: itself, or a copy."""
        if isinstance(module, torch.jit.ScriptModule) and not [*module.parameters(), *module.buffers()]:
            raise Undecidable("a frozen module keeps its tensors to itself")
        if all(tensor.is_meta for tensor in (*module.parameters(), *module.buffers())):
            return module
        return self._copy(module, "meta")

    def on_cpu(self, module: nn.Module) -> nn.Module:
        """A copy of the module on the CPU, its meta tensors without values."""
        return self._copy(module, "cpu")

    def _copy(self, module: nn.Module, device: str) -> nn.Module:
        known, state = self._copies.get((id(module), device), (None, ()))
        if known is None or any(isinstance(entry, (Content, Slots)) and entry.changed for entry in state):
            state = [entry for child in module.modules() for entry in held(child)]  # to tell whether it changed
            try:
                known = copy.deepcopy(module)
                is_meta = any(tensor.is_meta for tensor in (*module.parameters(), *module.buffers()))
                known = known.to_empty(device=device) if is_meta else known.to(device)
            except Exception as error:
                raise Undecidable(f"{type(module).__name__} cannot be copied to {device}: {error}") from error
            self._copies[(id(module), device)] = known, state
        return known


def _is_container(value: Any) -> bool:
    return isinstance(value, (dict, list, set))


def _in_context() -> tuple[Any, ...]:
    """The containers in context variables: hooks collect what they see in there."""
    values: list[Any] = list(copy_context().values())
    return tuple(filter(_is_container, values))


def _is_plain_tensor(thing: Any) -> bool:
    return isinstance(thing, torch.Tensor) and type(thing) is not SweptTensor


def _form_of(tensor: torch.Tensor) -> Any:
    with torch._C.DisableTorchFunction():  # not an operation of the analyzed code
        return tuple(tensor.shape), tuple(tensor.stride())


def _now(thing: Any) -> Any:
    """The present state of what a path may change."""
    if type(thing) is SweptTensor:
        return thing._dims, thing._strides
    return thing.now() if isinstance(thing, Slots) else content_of(thing)


def _change(thing: Any, state: Any) -> Any:
    """The entry that gives something a state."""
    if type(thing) is SweptTensor:
        return _Form(thing, (thing._dims, thing._strides), state)
    entry = thing.again() if isinstance(thing, Slots) else Content(thing)
    entry.after = (state,) if isinstance(thing, Slots) else state
    return entry


def _joined(thing: Any, states: list[Any], masks: list[SweptBool], joiner: Joiner) -> Any:
    """One state for all paths."""
    paths = list(zip(masks, states, strict=True))
    first = states[0]
    if type(thing) is SweptTensor:
        if all(form == first for form in states):
            return first
        shape = joiner.shape(masks, [dims for dims, _ in states])
        if shape is None or any(layout is not None for _, layout in states):
            raise NotJoinable
        return shape, None
    if isinstance(thing, Slots):
        return joiner.value(paths)
    if all(same_content(state, first) for state in states):
        return first
    if isinstance(first, list):
        return joiner.value(paths)
    if not is_mapping(first) or any(list(map(id, state)) != list(map(id, first)) for state in states):
        raise NotJoinable
    if not all(map(has_one_hash, first)):
        raise NotJoinable
    return {name: joiner.value([(mask, state[name]) for mask, state in paths]) for name in first}


def _is_like(left: Any, right: Any) -> bool:
    """Whether two modules are of the same kind, made with the same options."""
    kind = kind_of(left)
    if kind is not kind_of(right):
        return False
    if isinstance(left, nn.Module):
        return _is_like(vars(left), vars(right))
    if isinstance(left, torch.Tensor):
        return dims_of(left) == dims_of(right) and left.dtype == right.dtype
    if is_mapping(left) or is_sequence(left):
        if len(left) != len(right) or (is_mapping(left) and list(left) != list(right)):
            return False
        pairs = zip(left.values(), right.values(), strict=True) if is_mapping(left) else zip(left, right, strict=True)
        return all(_is_like(one, other) for one, other in pairs)
    return left is right or (kind in (int, float, bool, str, set) and left == right)


def _alike(states: list[States]) -> bool:
    """Whether all paths changed the same things in the same way; the data of tensors is not compared."""
    first = states[0] if states else {}
    for state in states[1:]:
        if state.keys() != first.keys():
            return False
        for key, (thing, content) in state.items():
            other = first[key][1]
            is_container = not isinstance(thing, (torch.Tensor, Slots))
            same = content is other or _is_plain_tensor(thing) or (is_container and same_content(content, other))
            if not same:
                return False
    return True


def changed_by(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[torch.Tensor]:
    """The tensors that an operation changes in place, by the conventions of torch's names."""
    name: str = getattr(function, "__name__", "")
    found: list[Any] = []
    in_place = (name.endswith("_") and not name.endswith("__")) or name in ("__setitem__", "__set__")
    if in_place or (name.startswith("__i") and name not in ("__int__", "__index__", "__invert__", "__iter__")):
        first = args[0] if args else kwargs.get("tensor", kwargs.get("input"))
        found += first if is_sequence(first) else [first]  # _foreach_add_ takes a list
    out = kwargs.get("out")
    found += out if is_sequence(out) else [out]
    if name == "batch_norm" and (kwargs.get("training") or (len(args) > 5 and args[5] is True)):
        found += [*args[1:3], kwargs.get("running_mean"), kwargs.get("running_var")]
    if name == "numpy":
        found += args[:1]  # the array shares the tensor's memory
    return [tensor for tensor in found if isinstance(tensor, torch.Tensor)]
