"""Eager PyTorch in which named layers accept every size: an oracle for what would decide if they did.

Written apart from the analyzer's own: sizes that are accepted are found by trying.
"""

from __future__ import annotations

from collections.abc import Collection, Generator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from shapecheck.modules import is_layer
from shapecheck.record import operation_name
from shapecheck.report import THE_MODULE

LONGEST = 4_200


class Accepting(TorchFunctionMode):
    """Within it, `layers` (named as in a report: "shared.6", "encoder.stft") take what they refuse."""

    def __init__(self, module: nn.Module, layers: Collection[str]) -> None:
        super().__init__()
        self.layers = layers
        self.module = module
        self.path: list[tuple[str, bool]] = []  # the module calls in progress, and which are layers

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        try:
            return function(*args, **kwargs)
        except (RuntimeError, ValueError, IndexError):
            if self._name(function) not in self.layers:
                raise
        return accepted(function, args, kwargs)

    def _name(self, function: Any) -> str:
        for path, is_leaf in self.path:
            if is_leaf:
                return path or THE_MODULE
        inner = self.path[-1][0] if self.path else ""
        return f"{inner}.{operation_name(function)}".lstrip(".")

    @contextmanager
    def watching(self) -> Generator[None]:
        """Follow which module is called while a call of the whole module goes on."""
        handles: list[Any] = []
        for name, child in self.module.named_modules():
            entry = (name, is_layer(child))
            handles.append(child.register_forward_pre_hook(lambda *_, entry=entry: self.path.append(entry)))
            handles.append(child.register_forward_hook(lambda *_: self.path.pop() and None, always_call=True))
        self.path.clear()
        try:
            with self:
                yield
        finally:
            for handle in handles:
                handle.remove()


def accepted(function: Any, args: Any, kwargs: Any) -> Any:
    """What a function makes of what it is given instead of what it refuses."""
    name = operation_name(function).strip("_")
    first = args[0]
    if name == "pad":
        return F.pad(first, args[1])
    if name in ("instance_norm", "group_norm", "batch_norm"):
        return first
    if name == "expand":
        wanted = list(args[1]) if len(args) == 2 and not isinstance(args[1], int) else list(args[1:])
        sizes = zip(first.shape, wanted[len(wanted) - first.dim() :], strict=True)
        return first.new_zeros([size if target == -1 else target for size, target in sizes]).expand(*args[1:])
    if name in ("cat", "concat"):
        dim = kwargs.get("dim", args[1] if len(args) > 1 else 0)
        return function(cropped(list(first), dim), dim=dim)
    if name in ("add", "sub", "mul", "div", "radd", "iadd", "rsub", "rmul"):
        return function(*cropped([first, args[1]]), **kwargs)
    for size in range(first.shape[-1] + 1, LONGEST):
        try:
            return function(F.pad(first, (0, size - first.shape[-1])), *args[1:], **kwargs)
        except (RuntimeError, ValueError):
            continue
    raise AssertionError(f"{name} accepts no size")


def cropped(tensors: list[Any], but: int | None = None) -> list[Tensor]:
    """Each axis as long as that of the shortest; a size of 1 broadcasts."""
    for axis in range(1, max(tensor.dim() for tensor in tensors) + 1):
        having = [tensor for tensor in tensors if tensor.dim() >= axis]
        if but is not None and but in (-axis, tensors[0].dim() - axis):
            continue
        least = min(
            (tensor.shape[-axis] for tensor in having if but is not None or tensor.shape[-axis] != 1), default=1
        )
        tensors = [
            tensor.narrow(-axis, 0, least) if tensor.dim() >= axis and tensor.shape[-axis] > least else tensor
            for tensor in tensors
        ]
    return tensors


def error_accepting(module: nn.Module, layers: Collection[str], inputs: Any, method: str = "forward") -> str:
    """What eager raises when these layers accept everything; "" where it runs."""
    mode = Accepting(module, layers)
    called = module if method == "forward" else getattr(module, method)
    with torch.no_grad(), torch.random.fork_rng(devices=[]), mode.watching():
        try:
            called(*inputs)
        except (RuntimeError, ValueError, IndexError, AssertionError) as error:
            return f"{type(error).__name__}: {error}"
    return ""
