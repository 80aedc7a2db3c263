"""Whole modules: analyzed over all lengths at once, and run by eager PyTorch on the CPU at each of them.

A wrong verdict, a crash of the analyzer, a hang, or anything in the process or the module that is left changed is a
failure; so is an open verdict, unless the test expects it.
"""

from __future__ import annotations

import copy
import random
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn

import shapecheck
from shapecheck import Report
from shapecheck.lengths.notation import InputSpec
from tests.hanging import limited

X = "f32[1, 4, T]"  # what most modules here take
LENGTHS = (1, 64)
TEXT = 120  # characters of an error that are compared
SECONDS = 60  # past which an analysis is called hanging

_DTYPES = {
    "f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "i64": torch.int64,
    "i32": torch.int32, "i16": torch.int16, "i8": torch.int8, "u8": torch.uint8, "b8": torch.bool,
    "c64": torch.complex64, "c128": torch.complex128,
}  # fmt: skip


class Of(nn.Module):
    """A function `forward(self, *inputs)` as a module, with whatever it needs as attributes."""

    def __init__(self, function: Callable[..., Any], **attributes: Any) -> None:
        super().__init__()
        self.function = function
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(self, *args, **kwargs)


def need(condition: Any) -> None:
    """What the modules here raise where a condition does not hold."""
    if not condition:
        raise ValueError("needed")


def let(value: Any, function: Callable[[Any], Any]) -> Any:
    """`function(value)`: names a value within an expression."""
    return function(value)


@dataclass(frozen=True)
class Comparison:
    """One analysis beside eager: for each length where they differ, what both say; the lengths left open."""

    wrong: Mapping[int, str]
    unknown: tuple[int, ...]
    texts: Mapping[int, str]  # where the error reported for a length is not eager's
    report: Report

    def __str__(self) -> str:
        lines = [f"T = {length}: {what}" for length, what in list(self.wrong.items())[:3]]
        reasons = [f"{u.layer} {u.operation}: {u.reason} at {u.lengths}" for u in self.report.undecided[:2]]
        return "; ".join([f"{len(self.wrong)} wrong, {len(self.unknown)} unknown", *lines, *reasons])


def compare(
    module: nn.Module,
    *specs: Any,
    lengths: tuple[int, int] = LENGTHS,
    method: str = "forward",
    fresh: Callable[[], None] = lambda: None,
    rules: bool = True,
    **named: Any,
) -> Comparison:
    """Analyze and run; `fresh` puts state outside of the module back to its beginning, before each of the two.

    Fails where the analysis changes the process or the module, takes too long, or raises.
    """
    fresh()
    eager = {
        length: _eager(module, length, specs, named, method, fresh) for length in range(lengths[0], lengths[1] + 1)
    }
    fresh()
    with unchanged(module), limited(SECONDS):
        report = shapecheck.analyze(
            module,
            *copy.deepcopy(specs),
            lengths=lengths,
            method=method,
            train=None,
            rules=rules,
            **copy.deepcopy(named),
        )
    wrong: dict[int, str] = {}
    unknown: list[int] = []
    for length, error in eager.items():
        if length in report.unknown:
            unknown.append(length)
        elif (length in report.valid) != (error is None):
            said = "valid" if length in report.valid else f"invalid ({_error_of(report, length)})"
            wrong[length] = f"shapecheck says {said}, eager {'runs' if error is None else error}"
    texts = {
        failure.at: f"reported {failure.error[:TEXT]!r}, eager {eager[failure.at]!r}"
        for failure in report.failures
        if failure.at not in wrong and (eager.get(failure.at) or "")[:TEXT] != failure.error[:TEXT]
    }
    return Comparison(wrong, tuple(unknown), texts, report)


def agrees(module: nn.Module, *specs: Any, **options: Any) -> Report:
    """Every verdict is given, and is eager's."""
    found = compare(module, *specs, **options)
    assert not found.wrong, str(found)
    assert not found.unknown, str(found)
    assert not found.texts, str(found.texts)
    return found.report


def sound(module: nn.Module, *specs: Any, **options: Any) -> Report:
    """Every verdict that is given is eager's; some may be left open."""
    found = compare(module, *specs, **options)
    assert not found.wrong, str(found)
    return found.report


def undecided(module: nn.Module, *specs: Any, lengths: tuple[int, int] = LENGTHS, **options: Any) -> Report:
    """No verdict at all, for eager's own would differ from one run to the next."""
    with unchanged(module), limited(SECONDS):
        report = shapecheck.analyze(module, *specs, lengths=lengths, train=None, **options)
    open_ones = [length for length in range(lengths[0], lengths[1] + 1) if length in report.unknown]
    assert len(open_ones) == lengths[1] - lengths[0] + 1, f"valid: {report.valid}; invalid: {report.invalid}"
    return report


def inputs_at(specs: Any, length: int) -> Any:
    """The inputs of one eager run, as the specs describe them."""
    if isinstance(specs, dict):
        return {key: inputs_at(value, length) for key, value in specs.items()}
    if isinstance(specs, tuple) and not hasattr(specs, "_fields"):
        return tuple(inputs_at(value, length) for value in specs)
    if not isinstance(specs, str) or "[" not in specs:
        return copy.deepcopy(specs)
    spec = InputSpec.parse(specs)
    values = dict.fromkeys(spec.symbols, length)
    shape = [size.evaluate(values, min, max) for size in spec.dims]
    dtype = _DTYPES[spec.dtype]
    if isinstance(spec.values, tuple):
        return torch.tensor([value.evaluate(values, min, max) for value in spec.values], dtype=dtype)
    if spec.values is not None:
        return torch.full(shape, spec.values.evaluate(values, min, max), dtype=dtype)
    return torch.zeros(shape, dtype=dtype) if not dtype.is_floating_point else torch.ones(shape, dtype=dtype)


def _eager(
    module: nn.Module, length: int, specs: Any, named: Any, method: str, fresh: Callable[[], None]
) -> str | None:
    """What eager raises at one length, with a module as it was before any call; None where it runs."""
    own = copy.deepcopy(module)
    fresh()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            (own if method == "forward" else getattr(own, method))(
                *inputs_at(specs, length), **inputs_at(named, length)
            )
        except Exception as error:
            return f"{type(error).__name__}: {error}"[:TEXT]
    return None


def _error_of(report: Report, length: int) -> str:
    return next(
        (failure.error[:TEXT] for failure in report.failures if length in failure.lengths), "no failure holds it"
    )


# what an analysis must leave as it was ----------------------------------------------------------------------------


@contextmanager
def unchanged(module: nn.Module | None = None) -> Iterator[None]:
    """Fails where the process or the module is not left as it was."""
    process, inside = process_state(), {} if module is None else state(module)
    try:
        yield
    finally:
        after, inside_after = process_state(), {} if module is None else state(module)
    changed = _difference(process, after) + _difference(inside, inside_after)
    assert not changed, f"left changed: {'; '.join(changed)}"


def process_state() -> dict[str, Any]:
    """What analyzed code or the analyzer may change for everybody."""
    return {
        "default dtype": torch.get_default_dtype(),
        "grad mode": torch.is_grad_enabled(),
        "random": random.getstate(),
        "numpy.random": repr(np.random.get_state()),  # noqa: NPY002
        "torch generator": torch.get_rng_state().tolist(),
        "nn.Module": {name: id(value) for name, value in vars(nn.Module).items()},
        "random functions": {name: id(value) for name, value in vars(random).items()},
        "numpy functions": {name: id(value) for name, value in vars(np.random).items()},
        "torch functions": [name for name, value in vars(torch).items() if _is_ours(value)],
        "warning filters": list(warnings.filters),
        "showwarning": warnings.showwarning,
        "function modes": len(torch.overrides._get_current_function_mode_stack()),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "numpy errors": np.geterr(),
        "a plain result": str((torch.ones(2) + 1).tolist()),
    }


def _is_ours(function: object) -> bool:
    return str(getattr(function, "__module__", "")).startswith("shapecheck")


def state(module: nn.Module) -> dict[str, Any]:
    """Everything that hangs on a module: attributes, tensors and their values, hooks, containers and plain objects."""
    found: dict[str, Any] = {}
    _collect(module, "module", found, set(), 0)
    return found


def _collect(value: Any, path: str, found: dict[str, Any], seen: set[int], depth: int) -> None:
    if isinstance(value, torch.Tensor):
        known = (id(value), type(value).__name__, value.dtype, tuple(value.shape), value.requires_grad)
        found[path] = (
            *known,
            tuple(value.stride()),
            str(value.device),
            str(value.tolist()) if not value.is_meta else "",
        )
        return
    if isinstance(value, torch.jit.ScriptModule):  # torch fills its caches when it likes
        found[path] = {name: str(tensor.tolist()) for name, tensor in value.state_dict().items()}
        return
    if id(value) in seen or depth > 8:
        return
    if isinstance(value, (dict, list, tuple, set, nn.Module, SimpleNamespace)) or type(value).__module__.startswith(
        "test"
    ):
        seen.add(id(value))
    if isinstance(value, random.Random):
        found[path] = value.getstate()
    elif isinstance(value, np.random.Generator):
        found[path] = repr(value.bit_generator.state)
    elif isinstance(value, torch.Generator):
        found[path] = value.get_state().tolist()
    elif isinstance(value, np.ndarray):
        found[path] = repr(value)
    elif isinstance(value, Mapping):
        found[path] = (type(value), [_key(key) for key in value])
        for key, item in value.items():
            _collect(item, f"{path}[{_key(key)}]", found, seen, depth + 1)
    elif isinstance(value, (list, tuple)):
        found[path] = (type(value), len(value))
        for position, item in enumerate(value):
            _collect(item, f"{path}[{position}]", found, seen, depth + 1)
    elif isinstance(value, (set, frozenset)):
        found[path] = sorted(map(_key, value))
    elif isinstance(value, (nn.Module, SimpleNamespace)) or type(value).__module__.startswith("test"):
        found[path] = (type(value), id(value))
        for name, item in vars(value).items() if hasattr(value, "__dict__") else ():
            _collect(item, f"{path}.{name}", found, seen, depth + 1)
    else:
        found[path] = _key(value)


def _key(value: Any) -> str:
    if type(value) in (int, float, str, bool, type(None), bytes, complex):
        return repr(value)
    return f"{type(value).__module__}.{type(value).__qualname__} {id(value)}"


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    keys = [key for key in {**before, **after} if before.get(key, "nothing") != after.get(key, "nothing")]
    return [f"{key}: {str(before.get(key, 'nothing'))[:120]} -> {str(after.get(key, 'nothing'))[:120]}" for key in keys]
