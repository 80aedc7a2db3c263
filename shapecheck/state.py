"""The mutable state that a module call can reach: what it may change without torch noticing.

A call is run again for other lengths, so what its first run changed must be put back. What cannot be put back (an iterator
that was advanced) is an obstacle: then the call is not run again.
"""

from __future__ import annotations

import copy
import functools
import random
import sys
from collections import deque
from collections.abc import Callable, Iterator
from types import FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn

from shapecheck.lengths.swept import SweptBool, SweptFloat, SweptInt

_MOST = 5_000  # objects looked at for one call
_OWN = frozenset(nn.Module().__dict__)
_ATOMS: frozenset[type] = frozenset(
    {int, float, bool, str, bytes, complex, type(None), type, FunctionType, MethodType, ModuleType, slice, range}
    | {torch.dtype, torch.device, torch.Size, SweptInt, SweptBool, SweptFloat}
)


class Content:
    """A dict, list, set or deque, the attributes of an object, or an array, with its content at one time."""

    __slots__ = ("after", "before", "container")

    def __init__(self, container: Any) -> None:
        self.container = container
        self.before = copy.copy(container)
        self.after: Any = None

    def settle(self) -> None:
        """Keep the content as it is now, for `redo`."""
        self.after = copy.copy(self.container)

    def undo(self) -> None:
        _refill(self.container, self.before)

    def redo(self) -> None:
        if self.after is not None:
            _refill(self.container, self.after)

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
        walk.entries.append(Content(vars(module)))
        walk.seen.add(id(vars(module)))
        for registry in (module._parameters, module._buffers, module._modules):
            walk.entries.append(Content(registry))
        for name, value in list(vars(module).items()):
            if name not in _OWN:
                walk.visit(value)
        walk.visit_surroundings(type(module))
    walk.visit(arguments)
    return walk.entries


class _Walk:
    def __init__(self) -> None:
        self.entries: list[Any] = []
        self.seen: set[int] = set()

    def visit(self, value: Any) -> None:
        kind = type(value)
        if kind in _ATOMS or id(value) in self.seen:
            return
        if isinstance(value, (torch.Tensor, nn.Module, type)) or len(self.seen) > _MOST:
            return
        self.seen.add(id(value))
        if isinstance(value, (list, deque)):
            self.entries.append(Content(value))
            for item in list(value):
                self.visit(item)
        elif isinstance(value, dict):
            self.entries.append(Content(value))
            for item in list(value.values()):
                self.visit(item)
        elif isinstance(value, set):
            self.entries.append(Content(value))
        elif isinstance(value, tuple):
            for item in value:
                self.visit(item)
        elif isinstance(value, np.ndarray):
            if value.size <= 2**20:
                self.entries.append(Content(value))
        elif isinstance(value, random.Random):
            self.entries.append(Generator(value.getstate, value.setstate))
        elif isinstance(value, np.random.RandomState):
            self.entries.append(Generator(value.get_state, value.set_state))
        elif isinstance(value, np.random.Generator):
            bits = value.bit_generator
            self.entries.append(Generator(lambda: copy.deepcopy(bits.state), lambda s: setattr(bits, "state", s)))
        elif isinstance(value, torch.Generator):
            self.entries.append(Generator(value.get_state, value.set_state))
        elif isinstance(value, Iterator):
            self.entries.append(Obstacle(f"a {kind.__name__} that it can advance"))
        elif isinstance(value, functools.partial):
            self.visit((value.args, value.keywords))
        elif _is_users(kind) and hasattr(value, "__dict__"):
            self.entries.append(Content(vars(value)))
            for item in list(vars(value).values()):
                self.visit(item)

    def visit_surroundings(self, kind: type[nn.Module]) -> None:
        """Class attributes, globals, closures and defaults of the module's own forward."""
        for owner in kind.__mro__:
            if owner is nn.Module:
                break
            for value in vars(owner).values():
                if isinstance(value, (list, dict, set, deque, np.ndarray)):
                    self.visit(value)
        forward = getattr(kind, "forward", None)
        if isinstance(forward, FunctionType):
            for value in _named_by(forward):
                self.visit(value)


def _named_by(function: FunctionType) -> Iterator[Any]:
    """Containers, and objects of the function's own module, that the function names."""
    scope = function.__globals__
    for name in function.__code__.co_names:
        value = scope.get(name)
        if isinstance(value, (list, dict, set, deque, np.ndarray)):
            yield value
        elif value is not None and type(value).__module__ == function.__module__:
            yield value
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not filled yet
            continue
    yield function.__defaults__
    yield function.__kwdefaults__


@functools.lru_cache(maxsize=4096)
def _is_users(kind: type) -> bool:
    """Whether objects of this class are the analyzed code's own: not the standard library's, torch's or NumPy's."""
    if kind is SimpleNamespace:
        return True
    root = (kind.__module__ or "").partition(".")[0]
    return root not in sys.stdlib_module_names and root not in ("torch", "numpy", "shapecheck", "builtins")


def same_content(left: Any, right: Any) -> bool:
    """Same items by identity: an equality test could itself ask a swept value."""
    if isinstance(left, np.ndarray):
        return left.shape == right.shape and (left is right or bool(np.array_equal(left, right)))
    if len(left) != len(right):
        return False
    if isinstance(left, dict):
        return all(key in right and right[key] is value for key, value in left.items())
    if isinstance(left, set):
        return {id(item) for item in left} == {id(item) for item in right}
    return all(a is b for a, b in zip(left, right, strict=True))


def _refill(container: Any, content: Any) -> None:
    if same_content(container, content):
        return
    if isinstance(container, np.ndarray):
        container[...] = content
        return
    container.clear()
    if isinstance(container, (list, deque)):
        container.extend(content)
    else:
        container.update(content)
