"""The mutable state that a module call can reach: what it may change without torch noticing.

A call is run again for other lengths, so what its first run changed must be put back. What cannot be put back (an
iterator that was advanced) is an obstacle: then the call is not run again.
"""

from __future__ import annotations

import copy
import dis
import functools
import random
import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn

from shapecheck.lengths.swept import SweptBool, SweptFloat, SweptInt
from shapecheck.tensor import SweptSize, SweptTensor
from shapecheck.trees import is_mapping, kind_of

_NumPyRandomState, _NumPyGenerator = np.random.RandomState, np.random.Generator  # the names are patched in a session

_LruCache = type(functools.lru_cache(len))
_DICT: Any = dict  # of whatever items
_OWN_METHODS: tuple[Any, ...] = (OrderedDict, dict, list, deque)
_CONTAINERS = (list, dict, set, deque, np.ndarray)
_MOST = 5_000  # objects looked at for one call
_OWN = frozenset(nn.Module().__dict__)
_ATOMS: frozenset[type] = frozenset(
    {int, float, bool, str, bytes, complex, type(None), type, MethodType, ModuleType, slice, range}
    | {torch.dtype, torch.device, torch.Size, SweptInt, SweptBool, SweptFloat}
    | {SweptTensor, torch.Tensor, nn.Parameter}
)


class Content:
    """A dict, list, set or deque, the attributes of an object, or an array, with its content at one time."""

    __slots__ = ("after", "before", "container")

    def __init__(self, container: Any) -> None:
        self.container = container
        self.before = content_of(container)
        self.after: Any = None

    def settle(self) -> None:
        """Keep the content as it is now, for `redo`."""
        self.after = content_of(self.container)

    def undo(self) -> None:
        _refill(self.container, self.before)

    def redo(self) -> None:
        if self.after is not None:
            _refill(self.container, self.after)

    def fill(self, content: Any) -> None:
        _refill(self.container, content)

    @property
    def changed(self) -> bool:
        return not same_content(self.before, self.container)


class Generator:
    """A random number generator that the analyzed code holds."""

    __slots__ = ("_get", "_set", "after", "before")

    def __init__(self, get: Callable[[], Any], put: Callable[[Any], Any]) -> None:
        self._get, self._set = get, put
        self.before = get()
        self.after: Any = None

    def settle(self) -> None:
        self.after = self._get()

    def undo(self) -> None:
        self._set(self.before)

    def redo(self) -> None:
        if self.after is not None:
            self._set(self.after)


class Slots:
    """Values that code rebinds, not changes: counters in globals, closures and class attributes."""

    __slots__ = ("_get", "_set", "after", "before")

    def __init__(self, get: Callable[[], Any], put: Callable[[Any], None]) -> None:
        self._get, self._set = get, put
        self.before = get()
        self.after: Any = None

    def settle(self) -> None:
        self.after = (self._get(),)

    def undo(self) -> None:
        if self._get() is not self.before:
            self._set(self.before)

    def redo(self) -> None:
        if self.after is not None and self._get() is not self.after[0]:
            self._set(self.after[0])

    @property
    def changed(self) -> bool:
        return self._get() is not self.before

    def now(self) -> Any:
        return self._get()

    def again(self) -> Slots:
        return Slots(self._get, self._set)


class Memory:
    """The memory of a plain tensor: `set_` gives it another one, and no function mode is told."""

    __slots__ = ("before", "tensor")

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor
        with torch._C.DisableTorchFunction():
            self.before = tensor.detach()

    def settle(self) -> None:
        pass

    redo = settle

    def undo(self) -> None:
        with torch._C.DisableTorchFunction():
            if self.tensor.shape != self.before.shape or self.tensor.data_ptr() != self.before.data_ptr():
                self.tensor.data = self.before


class Cache:
    """A function with an lru_cache: each path finds it empty, since what it holds may come of another path."""

    __slots__ = ("function",)

    def __init__(self, function: Any) -> None:
        self.function = function

    def settle(self) -> None:
        pass

    redo = settle

    def undo(self) -> None:
        self.function.cache_clear()


class Obstacle:
    """Something that changes when it is used and cannot be put back."""

    __slots__ = ("what",)

    def __init__(self, what: str) -> None:
        self.what = what

    def settle(self) -> None:
        pass

    undo = redo = settle


def reachable(module: nn.Module | None, arguments: Any) -> list[Any]:
    """An entry for everything mutable that a call of the module's forward can reach, but for its submodules."""
    walk = _Walk()
    if module is not None:
        walk.seen.add(id(module))
        walk.visit_module(module)
        walk.visit_class(type(module))
    walk.visit(arguments)
    return walk.entries


def held(module: nn.Module) -> list[Any]:
    """An entry for everything that hangs on a module, though none of its own code may run."""
    walk = _Walk()
    walk.visit_module(module)
    for hooks in _registries_of_hooks(module):
        walk.entries.append(Content(hooks))
    for tensor in (*module._parameters.values(), *module._buffers.values()):
        if tensor is not None and type(tensor) is not SweptTensor and not tensor.is_meta:
            walk.entries.append(Memory(tensor))
    return walk.entries


def _registries_of_hooks(module: Any) -> tuple[dict[int, Any], dict[int, Any]]:
    return module._forward_pre_hooks, module._forward_hooks  # torch leaves their types open


def hooks_of(module: nn.Module) -> list[Any]:
    """The hooks of a module's forward."""
    before, after = _registries_of_hooks(module)
    return [*before.values(), *after.values()]


class _Walk:
    def __init__(self) -> None:
        self.entries: list[Any] = []
        self.seen: set[int] = set()

    def visit(self, value: Any) -> None:
        kind = kind_of(value)
        if kind is FunctionType:
            self.visit_function(value)
        if kind in _ATOMS or id(value) in self.seen:
            return
        if kind is FunctionType or isinstance(value, (torch.Tensor, type)) or len(self.seen) > _MOST:
            return
        self.seen.add(id(value))
        if kind is _LruCache:
            self.entries.append(Cache(value))
        elif isinstance(value, nn.Module):
            self.visit_module(value)
        elif isinstance(value, (list, deque)):
            self.entries.append(Content(value))
            for item in _items(value):
                self.visit(item)
        elif is_mapping(value):
            self.entries.append(Content(value))
            for item in _values(value):
                self.visit(item)
        elif isinstance(value, set):
            self.entries.append(Content(value))
        elif isinstance(value, tuple):
            for item in _items(value):
                self.visit(item)
        elif isinstance(value, np.ndarray):
            if value.size <= 2**20:
                self.entries.append(Content(value))
        elif isinstance(value, random.Random):
            self.entries.append(Generator(value.getstate, value.setstate))
        elif isinstance(value, _NumPyRandomState):
            self.entries.append(Generator(value.get_state, value.set_state))
        elif isinstance(value, _NumPyGenerator):
            bits = value.bit_generator
            self.entries.append(Generator(lambda: copy.deepcopy(bits.state), lambda s: setattr(bits, "state", s)))
        elif isinstance(value, torch.Generator):
            self.entries.append(Generator(value.get_state, value.set_state))
        elif isinstance(value, Iterator):
            self.entries.append(Obstacle(f"a {kind.__name__} that it can advance"))
        elif issubclass(kind, functools.partial):
            self.visit((value.args, value.keywords))
        elif _is_users(kind) and hasattr(value, "__dict__"):
            self.visit_attributes(value)

    def visit_module(self, module: nn.Module) -> None:
        """The attributes and registries of a module, but not its submodules."""
        self.entries.append(Content(vars(module)))
        for registry in (module._parameters, module._buffers, module._modules):
            if type(registry) is dict:  # a scripted module has its own kind
                self.entries.append(Content(registry))
        for child in module._modules.values():
            if isinstance(child, (nn.ModuleList, nn.ModuleDict)):  # never called, so never entered
                self.entries.append(Content(child._modules))
        for name, value in list(vars(module).items()):
            if name not in _OWN:
                self.visit(value)

    def visit_attributes(self, value: object) -> None:
        """The attributes of an object of the analyzed code."""
        attributes: dict[str, Any] = vars(value)
        self.entries.append(Content(attributes))
        for item in list(attributes.values()):
            self.visit(item)

    def visit_class(self, kind: type[nn.Module]) -> None:
        """Class attributes, and what the methods of the class have around them."""
        for owner in kind.__mro__:
            if not _is_users(owner):
                continue
            for name, value in vars(owner).items():
                if isinstance(value, _CONTAINERS) or type(value) is _LruCache:
                    self.visit(value)
                elif type(value) in (int, float, bool, str, type(None)) and not name.startswith("__"):
                    get, put = functools.partial(getattr, owner, name), functools.partial(setattr, owner, name)
                    self.entries.append(Slots(get, put))
            for function in _methods(owner):
                self.visit_function(function)

    def visit_function(self, function: FunctionType) -> None:
        """Globals, closures and defaults of a function."""
        if id(function) in self.seen:
            return
        self.seen.add(id(function))
        stored, named = _globals_of(function.__code__)
        scope = function.__globals__
        for name in stored:
            if name in scope:
                get, put = functools.partial(scope.get, name), functools.partial(scope.__setitem__, name)
                self.entries.append(Slots(get, put))
        for name in named:
            value = scope.get(name)
            own = value is not None and type(value).__module__ == function.__module__
            if own or isinstance(value, _CONTAINERS) or type(value) is _LruCache:
                self.visit(value)
        for cell in function.__closure__ or ():
            try:
                value = cell.cell_contents
            except ValueError:  # not filled yet
                continue
            get = functools.partial(getattr, cell, "cell_contents")
            self.entries.append(Slots(get, functools.partial(setattr, cell, "cell_contents")))
            self.visit(value)
        self.visit(function.__defaults__)
        self.visit(function.__kwdefaults__)


@functools.lru_cache(maxsize=4096)
def _methods(kind: type) -> tuple[FunctionType, ...]:
    """The methods of a class that have more around them than a module's constants."""
    return tuple(value for value in vars(kind).values() if isinstance(value, FunctionType))


@functools.lru_cache(maxsize=4096)
def _globals_of(code: CodeType) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(names that the code rebinds in its globals, names that it uses)."""
    stored = {i.argval for i in dis.get_instructions(code) if i.opname == "STORE_GLOBAL"}
    return tuple(stored), tuple(code.co_names)


@functools.lru_cache(maxsize=4096)
def _is_users(kind: type) -> bool:
    """Whether objects of this class are the analyzed code's own: not the standard library's, torch's or NumPy's."""
    if kind is SimpleNamespace:
        return True
    root = (kind.__module__ or "").partition(".")[0]
    return root not in sys.stdlib_module_names and root not in ("torch", "numpy", "shapecheck", "builtins")


def _items(container: Any) -> list[Any]:
    """The items as they are now: looking at them may add some."""
    return list(container)


def same_content(left: Any, right: Any) -> bool:
    """Same items by identity: an equality test could itself ask a swept value."""
    if issubclass(kind_of(left), np.ndarray):
        return left is right or np.array_equal(left, right)
    if len(left) != len(right):
        return False
    if is_mapping(left):
        if not _same_keys(left, right):
            return False
        return all(a is b for a, b in zip(_values(left), _values(right), strict=True))
    if isinstance(left, set):
        return set(map(id, _items(left))) == set(map(id, _items(right))) and all(map(has_one_hash, _items(left)))
    return all(a is b for a, b in zip(left, right, strict=True))


def _same_keys(left: Any, right: Any) -> bool:
    keys = zip(left, right, strict=True)
    return all((a is b and has_one_hash(a)) or (type(a) is str and type(b) is str and a == b) for a, b in keys)


def has_one_hash(key: Any) -> bool:
    """Whether a key is found at the same place for all lengths; a size has another hash on each path."""
    kind = kind_of(key)
    if kind is tuple or kind is SweptSize:
        return all(map(has_one_hash, key))
    return kind not in (SweptInt, SweptFloat, SweptBool)


def _values(mapping: Any) -> list[Any]:
    """The values by dict's own method: a subclass may make what it is asked for."""
    return list(_DICT.values(mapping))


def _refill(container: Any, content: Any) -> None:
    if same_content(container, content):
        return
    kind = kind_of(container)
    if issubclass(kind, np.ndarray):
        container[...] = content
        return
    base: Any = _base_of(kind)
    base.clear(container)
    if base.__name__ in ("list", "deque"):
        base.extend(container, content)
    elif base.__name__ == "OrderedDict":
        for key, value in content.items():
            base.__setitem__(container, key, value)
    else:
        base.update(container, content)


def content_of(container: Any) -> Any:
    """A copy of what is in a container."""
    base: Any = _base_of(kind_of(container))
    if base.__name__ == "OrderedDict":
        return dict(base.items(container))
    if base.__name__ == "dict":
        return base.copy(container)  # asks no key for its hash
    if base.__name__ in ("list", "deque"):
        return list(base.__iter__(container))
    return copy.copy(container)


def _base_of(kind: Any) -> Any:
    """The class whose own methods are used: those of a subclass may do anything, as a registry of classes does."""
    return next((base for base in _OWN_METHODS if issubclass(kind, base)), kind)
