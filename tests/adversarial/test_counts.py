"""Things that count calls, near and far: a call that is run again for other lengths has still been made once."""

from __future__ import annotations

import argparse
import array
import collections
import contextvars
import functools
import heapq
import io
import os
import queue
import sys
import threading
import types
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import shapecheck
from tests.adversarial.against import Of, X, need, sound
from tests.adversarial.test_surroundings import Counter, split

_CALLS = 0
_LIMIT = sys.getrecursionlimit()
_LOG: list[int] = []


def _count_call() -> int:
    global _CALLS  # noqa: PLW0603
    _CALLS += 1
    return _CALLS


def _log_call(log: list[int] = []) -> int:  # noqa: B006
    log.append(1)
    return len(log)


def _log_globally() -> int:
    _LOG.append(1)
    return len(_LOG)


def _through_another() -> int:
    return _log_globally()


def _fresh() -> None:
    global _CALLS  # noqa: PLW0603
    _CALLS = 0
    _LOG.clear()
    _log_call.__defaults__[0].clear()  # type: ignore[index]
    Slotted.shared.n = 0
    _CONTEXT.set(0)
    vars(_log_call).clear()
    os.environ.pop("SHAPECHECK_TEST", None)
    sys.setrecursionlimit(_LIMIT)
    mask.cache_clear()


class Slotted:
    __slots__ = ("__weakref__", "n")
    shared: Any

    def __init__(self) -> None:
        self.n = 0

    def tick(self) -> int:
        self.n += 1
        return self.n


Slotted.shared = Slotted()
_CONTEXT: contextvars.ContextVar[int] = contextvars.ContextVar("calls", default=0)


def _in_context() -> int:
    _CONTEXT.set(_CONTEXT.get() + 1)
    return _CONTEXT.get()


def _on_the_function() -> int:
    vars(_log_call)["calls"] = vars(_log_call).get("calls", 0) + 1
    return vars(_log_call)["calls"]


def _deeper() -> int:
    sys.setrecursionlimit(sys.getrecursionlimit() + 1)
    return sys.getrecursionlimit() - _LIMIT


@functools.lru_cache
def mask(n: int) -> torch.Tensor:
    return torch.ones(n, n)


def _kept_weakly(box: Any) -> int:
    box[len(box)] = Slotted.shared
    return len(box)


def _pushed(box: Any) -> int:
    box.append(1)
    return len(box)


COUNTS: dict[str, tuple[Callable[[], Any], Callable[[Any], int]]] = {
    "a global function that rebinds a global": (lambda: None, lambda box: _count_call()),
    "a global function with a mutable default": (lambda: None, lambda box: _log_call()),
    "a global function that fills a global list": (lambda: None, lambda box: _log_globally()),
    "a global function that calls another": (lambda: None, lambda box: _through_another()),
    "a function that the module holds": (lambda: _count_call, lambda box: box()),
    "a function in a dict": (lambda: {"f": _log_globally}, lambda box: box["f"]()),
    "a function in a partial": (lambda: functools.partial(_log_globally), lambda box: box()),
    "an attribute of a function": (lambda: None, lambda box: _on_the_function()),
    "a context variable": (lambda: None, lambda box: _in_context()),
    "a bound method": (lambda: Counter().tick, lambda box: box()),
    "a bound method in a list": (lambda: [Counter().tick], lambda box: box[0]()),
    "a bound method of a list": (lambda: [].append, lambda box: (box(1), len(box.__self__))[1]),
    "an object with slots": (Slotted, lambda box: box.tick()),
    "an object of the class": (lambda: None, lambda box: Slotted.shared.tick()),
    "a bytearray": (bytearray, _pushed),
    "an array": (lambda: array.array("i"), _pushed),
    "a UserList": (collections.UserList, _pushed),
    "a UserDict": (lambda: collections.UserDict(n=0), lambda box: (box.update(n=box["n"] + 1), box["n"])[1]),
    "a ChainMap": (lambda: collections.ChainMap({"n": 0}), lambda box: (box.update(n=box["n"] + 1), box["n"])[1]),
    "a namespace of argparse": (lambda: argparse.Namespace(n=0), lambda box: (setattr(box, "n", box.n + 1), box.n)[1]),
    "a queue": (queue.Queue, lambda box: (box.put(1), box.qsize())[1]),
    "a simple queue": (queue.SimpleQueue, lambda box: (box.put(1), box.qsize())[1]),
    "a StringIO": (io.StringIO, lambda box: box.write("x") and len(box.getvalue())),
    "a heap": (list, lambda box: (heapq.heappush(box, 1), len(box))[1]),
    "a thread's own": (threading.local, lambda box: (setattr(box, "n", getattr(box, "n", 0) + 1), box.n)[1]),
    "an array of NumPy, in a view": (
        lambda: np.zeros(3)[1:],
        lambda box: (box.__setitem__(0, box[0] + 1), int(box[0]))[1],
    ),
    "a large array": (lambda: np.zeros(2**21), lambda box: (box.__setitem__(0, box[0] + 1), int(box[0]))[1]),
    "a memory view": (lambda: memoryview(bytearray(1)), lambda box: (box.__setitem__(0, box[0] + 1), box[0])[1]),
    "an object after thousands": (lambda: [[] for _ in range(6_000)] + [Counter()], lambda box: box[-1].tick()),
    "a nested dict of lists of objects": (lambda: {"a": [{"b": (Counter(),)}]}, lambda box: box["a"][0]["b"][0].tick()),
    "a subclass of dict": (
        lambda: type("Munch", (dict,), {})(n=0),
        lambda box: (box.update(n=box["n"] + 1), box["n"])[1],
    ),
    "a subclass of list": (lambda: type("Log", (list,), {})(), _pushed),
    "an object of an object": (lambda: types.SimpleNamespace(inner=Counter()), lambda box: box.inner.tick()),
    "an lru_cache of a method": (lambda: None, lambda box: mask.cache_info().hits + 1 if mask(3) is not None else 0),
    "a plain tensor in a list": (lambda: [torch.zeros(1)], lambda box: int(box[0].add_(1).item())),
    "a plain tensor in an object": (
        lambda: types.SimpleNamespace(t=torch.zeros(1)),
        lambda box: int(box.t.add_(1).item()),
    ),
    "an environment variable": (lambda: None, lambda box: _environment()),
    "a weak dictionary": (weakref.WeakValueDictionary, lambda box: _kept_weakly(box)),
    "the recursion limit": (lambda: None, lambda box: _deeper()),
}


def _environment() -> int:
    os.environ["SHAPECHECK_TEST"] = os.environ.get("SHAPECHECK_TEST", "") + "x"
    return len(os.environ["SHAPECHECK_TEST"])


@pytest.mark.parametrize("name", COUNTS)
def test_a_count_before_a_split(name: str) -> None:
    """What counts the calls has counted one at the first call, whatever other lengths do."""
    make, count = COUNTS[name]

    def forward(self: Any, x: torch.Tensor) -> None:
        n = count(box)
        split(x)
        need(n == 1)

    def fresh() -> None:
        nonlocal box
        _fresh()
        box = make()

    box: Any = None
    sound(Of(forward), X, fresh=fresh, lengths=(1, 16))
    _fresh()


def test_a_list_of_a_submodule_that_is_not_called() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        self.inner.seen.append(x)
        split(x)
        need(len(self.inner.seen) == 1)

    sound(Of(forward, inner=Of(lambda self, x: x, seen=[])), X)


def test_a_list_of_a_module_in_a_list() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        self.others[0].seen.append(x)
        split(x)
        need(len(self.others[0].seen) == 1)

    sound(Of(forward, others=[Of(lambda self, x: x, seen=[])]), X)


def test_a_number_of_a_module_in_a_list() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        self.others[0].n += 1
        split(x)
        need(self.others[0].n == 1)

    sound(Of(forward, others=[Of(lambda self, x: x, n=0)]), X)


def test_a_list_of_the_parent_that_a_child_fills() -> None:
    def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
        self.parent[0].seen.append(x)
        return x[..., 1:] if x.shape[-1] % 2 else x

    def forward(self: Any, x: torch.Tensor) -> None:
        self.inner(x)
        need(len(self.seen) == 1)

    module = Of(forward, inner=Of(inner), seen=[])
    module.inner.parent = [module]
    sound(module, X)


def test_a_hook_of_a_layer_that_counts_and_splits() -> None:
    def hook(module: nn.Module, args: Any) -> Any:
        calls.append(1)
        return (args[0][..., 1:] if args[0].shape[-1] % 2 else args[0],)

    def forward(self: Any, x: torch.Tensor) -> None:
        self.conv(x)
        need(len(calls) == 1)

    calls: list[int] = []
    conv = nn.Conv1d(4, 4, 1)
    conv.register_forward_pre_hook(hook)
    sound(Of(forward, conv=conv), "f32[1, 4, T + 1]", fresh=calls.clear)


def test_a_run_for_each_of_many_sizes() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return self.conv(F.pad(x, (0, -int(x.shape[-1]) % 3)))

    report = shapecheck.analyze(Of(forward, conv=nn.Conv1d(4, 4, 5, stride=3)), X, lengths=(1, 1024))
    assert str(report.valid) == "4 <= T <= 1024"
