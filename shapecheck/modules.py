"""Modules as the tracer sees them: torch's own layers; a whole module call, or a scripted function, as one operation.

Invariant: what is skipped for a layer (its hooks, its `__call__`) decides no shape and raises nothing.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.nn.modules.module
from torch import nn
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from shapecheck.journal import Journal
from shapecheck.lengths.swept import Undecidable

_GLOBAL: Any = torch.nn.modules.module  # torch leaves the types of its hooks open


class WholeCall:
    """A module call that PyTorch executes as one function: called, on meta tensors; `on_cpu` for its truth."""

    on_meta = True  # told to those who execute it: its parameters are on meta

    def __init__(self, journal: Journal, module: nn.Module) -> None:
        self._journal = journal
        self._module = module
        self.__name__ = type(module).__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with _no_draws("a whole module"):
            return self._journal.once(self._journal.on_meta(self._module), args, kwargs)

    def on_cpu(self, *args: Any, **kwargs: Any) -> Any:
        return self._journal.once(self._journal.on_cpu(self._module), args, kwargs)


class ScriptedCall:
    """A function of TorchScript, which hides its operations: executed as one; called, on meta tensors."""

    on_meta = True

    def __init__(self, name: str, on_cpu: Callable[..., Any]) -> None:
        self.__name__ = name
        self.on_cpu = on_cpu

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with _no_draws("a scripted function"):
            return self.on_cpu(*args, **kwargs)


def changes_arguments(function: Any) -> bool:
    """Whether a function of TorchScript changes anything in place: its operations' schemas tell ("Tensor(a!)")."""

    def changes(block: Any) -> bool:
        return any("!" in node.schema() or any(map(changes, node.blocks())) for node in block.nodes())

    return changes(function.inlined_graph)


@contextmanager
def _no_draws(what: str) -> Generator[None]:
    """For meta tensors nothing is drawn: numbers that are could decide something."""
    before, known = _random_states(), len(sys.modules)
    try:
        yield
    finally:
        torch_state, others = _random_states()
        drawn = others != before[1] and len(sys.modules) == known  # an import may draw
        if drawn or not torch.equal(torch_state, before[0]):
            raise Undecidable(f"random numbers are drawn where PyTorch executes {what}")


def _random_states() -> tuple[Any, Any]:
    """The states of torch's global generator, and of Python's and NumPy's."""
    numpy: Any = np.random.get_state()  # noqa: NPY002  # what user code draws from
    return torch.get_rng_state(), (random.getstate(), numpy[1].tobytes(), numpy[2])


def is_layer(module: nn.Module) -> bool:
    """Whether the module is a layer of torch's own: one node of the graph."""
    where = getattr(getattr(type(module), "forward", None), "__module__", None) or ""
    package, _, file = where.rpartition(".")
    return package == "torch.nn.modules" and file not in ("container", "transformer", "module")


def kind_of_layer(module: nn.Module) -> str:
    """The class name of a layer: "Conv1d" for one whose weight is parametrized, too."""
    kind = type(module)
    return kind.__bases__[0].__name__ if "parametrizations" in module._modules else kind.__name__


def may_skip_hooks(module: Any) -> bool:
    """No hooks but those of weight_norm and spectral_norm, which decide no shape, and the forward of its class."""
    if module._forward_hooks or module._backward_hooks or module._backward_pre_hooks or "forward" in vars(module):
        return False
    if _GLOBAL._global_forward_hooks or _GLOBAL._global_forward_pre_hooks:
        return False
    return all(type(hook) in (WeightNorm, SpectralNorm) for hook in module._forward_pre_hooks.values())
