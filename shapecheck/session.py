"""What an analysis changes outside of itself while it runs, and puts back: torch's and Python's global state.

One analysis runs at a time: module calls are intercepted through `nn.Module`, which all threads share, so a second
thread waits. Modules that other threads run meanwhile are not touched.
"""

from __future__ import annotations

import builtins
import functools
import random
import sys
import threading
import warnings
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode, handle_torch_function

from shapecheck.draws import SEEDING, stand_ins
from shapecheck.lengths.swept import Undecidable
from shapecheck.lengths.swept_range import SweptOrPlainRange
from shapecheck.modules import ScriptedCall, changes_arguments
from shapecheck.tensor import SweptTensor
from shapecheck.tracer import Tracer

_LOCK = threading.RLock()

_SEED = 0x5EED_5EED_5EED  # of an analysis: that of the analyzed code's own is hardly the same
_STATE = {"seed", "getstate", "setstate", "get_state", "set_state", "get_bit_generator", "set_bit_generator"}
# what would draw a number and is not explored; torch's own draws are functions that the tracer sees
_DRAWS: dict[Any, list[str]] = {
    random.SystemRandom: ["random", "getrandbits"],
    np.random: [name for name in np.random.__all__ if name[0].islower() and name not in _STATE],
    torch: ["seed", "initial_seed"],
    torch.random: ["seed", "initial_seed"],
}


class _Interceptor(TorchFunctionMode):
    """Hands every torch function that the analyzed code calls to the tracer."""

    def __init__(self, tracer: Tracer) -> None:
        super().__init__()
        self._tracer = tracer

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return self._tracer.dispatch(func, args, kwargs or {})


@contextmanager
def session(tracer: Tracer) -> Generator[None]:
    """Everything inside runs as the analysis of `tracer`; then the world is as before, also after an exception."""
    with _LOCK, ExitStack() as stack:
        if SweptTensor.dispatcher is not None:
            raise Undecidable("an analysis inside of an analyzed module")
        thread = threading.get_ident()
        _keep_random_state(stack)
        _keep_grad_and_dtype(stack)
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        module_class: Any = nn.Module  # torch leaves the arguments of its methods without types
        original_call = module_class.__call__
        original_setattr = module_class.__setattr__
        original_delattr = module_class.__delattr__

        def call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != thread:
                return original_call(module, *args, **kwargs)
            return tracer.call_module(module, original_call, args, kwargs)

        def set_attribute(module: nn.Module, name: str, value: Any) -> None:
            if threading.get_ident() != thread or tracer.asking:  # a copy that PyTorch executes is nobody's state
                original_setattr(module, name, value)
            else:
                tracer.journal.set_attribute(module, name, value)

        def delete_attribute(module: nn.Module, name: str) -> None:
            if threading.get_ident() != thread or tracer.asking:
                original_delattr(module, name)
            else:
                tracer.journal.delete_attribute(module, name)

        def notice(doubt: Undecidable) -> None:
            if threading.get_ident() == thread:
                tracer.in_doubt(doubt)

        original_init = nn.Module.__init__

        def init(module: nn.Module, *args: Any, **kwargs: Any) -> None:
            if threading.get_ident() == thread:
                tracer.journal.made(module)
            original_init(module, *args, **kwargs)

        _patch(stack, nn.Module, "__init__", init)
        _patch(stack, nn.Module, "__call__", call)
        _patch(stack, nn.Module, "__setattr__", set_attribute)
        _patch(stack, nn.Module, "__delattr__", delete_attribute)

        script_function: Any = torch.jit.ScriptFunction
        original_script: Any = script_function.__call__
        scripted: dict[Any, ScriptedCall | None] = {}  # None: its operations reach the dispatcher

        def script(function: Any, *args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != thread or tracer.asking:
                return original_script(function, *args, **kwargs)
            if function not in scripted:
                plain = functools.partial(original_script, function)
                scripted[function] = None if changes_arguments(function) else ScriptedCall(function.name, plain)
            one = scripted[function]
            if one is None or not torch._C._is_torch_function_mode_enabled():
                return original_script(function, *args, **kwargs)
            return handle_torch_function(one, (), *args, **kwargs)  # to the interceptor, as every torch function

        _patch(stack, script_function, "__call__", script)

        def is_analyzed() -> bool:
            busy = tracer.asking or tracer.sweep.inside or threading.get_ident() != thread
            return not busy and not _is_importing()

        _watch_draws(stack, tracer, is_analyzed)
        _patch(stack, builtins, "range", SweptOrPlainRange)
        _patch(stack, SweptTensor, "dispatcher", tracer)
        _patch(stack, Undecidable, "notice", notice)
        stack.callback(tracer.journal.roll_back, 0)
        stack.enter_context(torch.no_grad())
        stack.enter_context(_Interceptor(tracer))
        yield


def random_state() -> Any:
    """The states of Python's and NumPy's global generators, and the seed of torch's.

    They tell whether anything was drawn or seeded in a way that is not seen, as by a function imported by name.
    """
    state: Any = np.random.get_state(legacy=True)  # noqa: NPY002  # the global generator is what user code draws from
    kind, words, *position = state
    return random.getstate(), kind, words.tobytes(), position, torch.default_generator.initial_seed()


def _is_importing() -> bool:
    """Whether a module is being imported: torch imports sympy when it first needs it, which draws."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _watch_draws(stack: ExitStack, tracer: Tracer, is_analyzed: Callable[[], bool]) -> None:
    """Draws from the global generators are explored, or in doubt; none is made."""

    def doubtful(name: str, original: Any) -> Any:
        def draw(*args: Any, **kwargs: Any) -> Any:
            if is_analyzed():
                raise Undecidable(f"{name} draws a random number")
            return original(*args, **kwargs)

        return draw

    def seeding(original: Any) -> Any:
        def seed(*args: Any, **kwargs: Any) -> Any:
            tracer.seeded = tracer.seeded or is_analyzed()
            return original(*args, **kwargs)

        return seed

    replaced = [
        (owner, name, doubtful(f"{owner.__name__}.{name}", getattr(owner, name)))
        for owner, names in _DRAWS.items()
        for name in names
        if hasattr(owner, name)
    ]
    replaced += [(owner, name, seeding(getattr(owner, name))) for owner, names in SEEDING for name in names]
    for owner, name, stand_in in (*replaced, *stand_ins(tracer, is_analyzed)):
        _patch(stack, owner, name, stand_in)


def _patch(stack: ExitStack, owner: Any, name: str, value: Any) -> None:
    """Set an attribute until the stack is left."""
    own = name in vars(owner)
    before = getattr(owner, name)
    setattr(owner, name, value)
    stack.callback(setattr, owner, name, before) if own else stack.callback(delattr, owner, name)


def _keep_random_state(stack: ExitStack) -> None:
    stack.callback(random.setstate, random.getstate())
    stack.callback(np.random.set_state, np.random.get_state())  # noqa: NPY002  # what user code draws from
    stack.callback(torch.set_rng_state, torch.get_rng_state())
    torch.default_generator.manual_seed(_SEED)


def _keep_grad_and_dtype(stack: ExitStack) -> None:
    stack.callback(torch.set_default_dtype, torch.get_default_dtype())
    stack.callback(torch.set_grad_enabled, torch.is_grad_enabled())
