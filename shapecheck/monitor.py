"""What a report says, held against real calls: a guard before `forward`, and an assertion for a project's own tests.

Invariant: a guard stops a call only at a length of which the report says that it is invalid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch._compile import _disable_dynamo

from shapecheck.errors import UsageError
from shapecheck.lengths.expression import Expression
from shapecheck.lengths.formula import Formula
from shapecheck.lengths.lengthset import LengthSet
from shapecheck.lengths.notation import InputSpec, SpecError
from shapecheck.report import THE_MODULE, Failure, LayerLimit, Report

if TYPE_CHECKING:
    from torch import nn
    from torch.utils.hooks import RemovableHandle

    from shapecheck.model import ComponentReport

OnViolation = Callable[["LengthError"], None]

_SEARCHED = 65_536  # lengths on either side of a refused one among which the nearest valid ones are sought


class LengthError(ValueError):
    """A call with a length that the module refuses, stopped before any layer ran."""

    def __init__(
        self,
        component: str,
        variable: str,
        length: int,
        failure: Failure | None,
        layer: LayerLimit | None,
        lengths: LengthSet,
    ) -> None:
        self.component = component
        self.length = length
        self.layer = failure.layer if failure is not None else THE_MODULE
        self.needed = layer.needs if layer is not None else None  # what the layer needs of its own input
        self.got = size_at(layer.input_length, variable, length) if layer is not None else None
        self.lengths = lengths  # those that work
        self.below, self.above = nearest(lengths, length)
        self.remedy = self._remedy()
        kind = f" ({layer.kind})" if layer is not None else ""
        what = f"{component}: {variable} = {length}: {self.layer}{kind} refuses it"
        if self.needed is not None and self.got is not None:
            what = f"{component}: {variable} = {length}: {self.layer}{kind} needs {self.needed} and gets {self.got}"
        super().__init__(f"{what}. It runs with {lengths.text(variable, limit=80)}: {self.remedy}")

    def _remedy(self) -> str:
        above = None if self.above is None else f"pad it by {self.above - self.length} to {self.above}"
        below = None if self.below is None else f"crop it by {self.length - self.below} to {self.below}"
        ways = [way for way in (above, below) if way is not None]
        return f"{', '.join([*ways, 'or leave it out'])}." if ways else "no length near it runs."


def guard(
    module: nn.Module,
    report: Report | ComponentReport,
    *,
    on_violation: str | OnViolation = "raise",
) -> RemovableHandle:
    """Check the sizes of every real call of `module` against a report of it, before any layer runs.

    A call at a length that the report calls invalid raises LengthError; with "warn" it warns and goes on, and a
    callable is given the error. Only the size that varies is looked at, not the values of a tensor: other batch sizes
    pass, and so does a length of which the report says nothing. The handle's `remove()` takes the guard off.

    Raises UsageError where the report is not of `forward`, or no input's size shows the length.

    >>> from torch import nn
    >>> import torch, shapecheck
    >>> conv = nn.Conv1d(1, 1, kernel_size=5)
    >>> handle = shapecheck.guard(conv, shapecheck.analyze(conv, "f32[1, 1, T]"))
    >>> conv(torch.zeros(8, 1, 4))
    Traceback (most recent call last):
    shapecheck.monitor.LengthError: Conv1d: T = 4: (the module itself) (Conv1d) needs 5 and gets 4. It runs with \
T >= 5: pad it by 1 to 5, or leave it out.
    """
    import warnings

    found = report if isinstance(report, Report) else report.report
    component = type(module).__name__ if isinstance(report, Report) else report.component.name
    if found.method != "forward":
        raise UsageError(f"guard: the report is of {found.method}, and only calls of forward are guarded")
    if on_violation == "raise":
        react: OnViolation = _raise
    elif on_violation == "warn":
        react = lambda error: warnings.warn(str(error), stacklevel=2)  # noqa: E731
    elif callable(on_violation):
        react = on_violation
    else:
        raise UsageError(f"guard: on_violation is {on_violation!r}; it is 'raise', 'warn' or a callable")
    inner: Any = module
    if type(module).__name__ in ("DataParallel", "DistributedDataParallel"):
        inner = module.module
    hook = _Guard(component, found, _reader(inner, found), found.invalid.ranges(), react)
    return inner.register_forward_pre_hook(hook, with_kwargs=True)


def assert_valid(
    module: nn.Module,
    *inputs: Any,
    lengths: tuple[int, int] | str,
    method: str = "forward",
    train: bool | None = False,
    **keyword_inputs: Any,
) -> Report:
    """Assert that a module runs at all these lengths, for a project's own tests; inputs as for `analyze`.

    `lengths`: (first, last), or a set such as "T >= 65", which then must be proved. AssertionError names the lengths
    that fail or are not decided, with layers and messages. Returns the report.
    """
    from shapecheck.analysis import analyze

    sweep = lengths if not isinstance(lengths, str) else None
    report = analyze(module, *inputs, lengths=sweep, method=method, train=train, **keyword_inputs)
    if isinstance(lengths, str):
        try:
            wanted = LengthSet.parse(lengths, report.variable)
        except SpecError as error:
            raise UsageError(f"lengths: {error}") from None
    else:
        wanted = LengthSet.interval(*lengths)
    missing = wanted - report.valid
    if not missing:
        return report
    variable = report.variable
    lines = [f"{type(module).__name__} does not run with {_text(missing, variable)}"]
    lines += [
        f"  {_text(failure.lengths & missing, variable)} at {failure.layer}: {failure.error}"
        for failure in report.failures
        if not failure.lengths.isdisjoint(missing)
    ]
    lines += [
        f"  {_text(open_.lengths & missing, variable)} not decided at {open_.layer} ({open_.operation}): {open_.reason}"
        for open_ in report.undecided
        if not open_.lengths.isdisjoint(missing)
    ]
    if len(lines) == 1:
        lines.append(f"  swept {report.swept[0]:,} to {report.swept[1]:,}; nothing is proved past it")
    raise AssertionError("\n".join(lines))


def _text(lengths: LengthSet, variable: str) -> str:
    return lengths.text(variable, limit=120)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Where a call shows its length: an argument's axis, and the lengths for a size there; None: the size itself."""

    position: int | None
    name: str
    axis: int
    rank: int
    lengths: dict[int, int] | None

    def read(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The length, or None where the call does not show it."""
        if self.position is not None and self.position < len(args):
            tensor = args[self.position]
        else:
            tensor = kwargs.get(self.name)
        shape = getattr(tensor, "shape", None)
        if shape is None or len(shape) != self.rank:
            return None
        size = shape[self.axis]
        return size if self.lengths is None else self.lengths.get(size)


@dataclass(frozen=True, slots=True)
class _Guard:
    """The hook: comparisons of plain numbers, so that it costs little and torch.compile can trace it."""

    component: str
    report: Report
    reader: _Reader
    invalid: tuple[tuple[int, int | None, int], ...]
    react: OnViolation

    def __call__(self, _module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        length = self.reader.read(args, kwargs)
        if length is None:
            return
        for first, last, step in self.invalid:
            if length >= first and (last is None or length <= last) and (step == 1 or (length - first) % step == 0):
                _violated(self, int(length))
                return


@_disable_dynamo  # a compiled module leaves its graph for it; torch.compiler.disable would import the compiler here
def _violated(guard: _Guard, length: int) -> None:
    guard.react(_error(guard.component, guard.report, length))


def _raise(error: LengthError) -> None:
    raise error


def _reader(module: Any, report: Report) -> _Reader:
    """The simplest place that shows the length: a size that is the variable, or else one that tells lengths apart."""
    import inspect

    parameters = list(inspect.signature(module.forward).parameters)
    found: list[tuple[int, _Reader]] = []
    for key, text in report.arguments:
        spec = InputSpec.parse(text)
        name = key if isinstance(key, str) else parameters[key] if key < len(parameters) else ""
        position = key if isinstance(key, int) else parameters.index(key) if key in parameters else None
        for axis, size in enumerate(spec.dims):
            if report.variable in size.symbols:
                lengths = None if str(size) == report.variable else _inverse(size, report)
                found.append((len(lengths or ()), _Reader(position, name, axis, len(spec.dims), lengths)))
    if not found:
        raise UsageError(f"guard: no size of an input shows {report.variable}; the values of tensors are not looked at")
    plain = [reader for _, reader in found if reader.lengths is None]
    return plain[0] if plain else max(found, key=lambda entry: entry[0])[1]


def _inverse(size: Expression, report: Report) -> dict[int, int]:
    """The length for each size that one swept length alone leads to, or several of one verdict."""
    first, last = report.swept
    lengths = np.arange(first, last + 1)
    sizes = np.broadcast_to(np.asarray(size.evaluate({report.variable: lengths})), lengths.shape)
    bad = report.invalid.mask(first, last)
    found: dict[int, int] = {}
    dropped: set[int] = set()
    for value, length in zip(sizes.tolist(), lengths.tolist(), strict=True):
        known = found.setdefault(value, length)
        if bad[known - first] != bad[length - first]:
            dropped.add(value)
    return {value: length for value, length in found.items() if value not in dropped}


def _error(component: str, report: Report, length: int) -> LengthError:
    failure = next((failure for failure in report.failures if length in failure.lengths), None)
    layer = None
    if failure is not None:
        own = [layer for layer in report.layers if layer.name == failure.layer and length in layer.rejects]
        layer = own[0] if own else None
    return LengthError(component, report.variable, length, failure, layer, report.valid)


def size_at(formula: str, variable: str, length: int) -> int | None:
    """A layer's input size at a length; None where its formula is none."""
    try:
        return int(Formula.parse(formula, variable).evaluate(np.array([length], dtype=np.int64))[0])
    except SpecError:
        return None


def nearest(lengths: LengthSet, length: int) -> tuple[int | None, int | None]:
    """The valid lengths next to one: the largest below, the smallest above."""
    first = max(1, length - _SEARCHED)
    below = np.flatnonzero(lengths.mask(first, length))
    above = np.flatnonzero(lengths.mask(length, length + _SEARCHED))
    return (
        first + int(below[-1]) if len(below) else None,
        length + int(above[0]) if len(above) else None,
    )


__all__ = ["LengthError", "assert_valid", "guard", "nearest", "size_at"]
