"""`analyze`: one module, one free length, one report."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from shapecheck.errors import UsageError
from shapecheck.failures import failures_of, undecided_of
from shapecheck.lengths.lengthset import LengthSet
from shapecheck.lengths.notation import InputSpec, SpecError, looks_like_spec
from shapecheck.lengths.swept import Sweep, SweptBool, SweptInt, align, maximum, minimum
from shapecheck.limits import layers_of
from shapecheck.record import Doubt, Refusal
from shapecheck.report import THE_MODULE, Failure, Report
from shapecheck.rules.values import limits
from shapecheck.session import random_state, session
from shapecheck.tensor import LARGEST_VALUES, SweptTensor, make
from shapecheck.tracer import Tracer
from shapecheck.trees import leaves, map_tree

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIRST_SWEEP = 2048  # lengths of the first try, where none are asked for
LARGEST_SWEEP = 65_536  # past it a verdict holds for the lengths swept only

_DTYPES = {
    "f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "i64": torch.int64,
    "i32": torch.int32, "i16": torch.int16, "i8": torch.int8, "u8": torch.uint8, "b8": torch.bool,
    "c64": torch.complex64, "c128": torch.complex128,
}  # fmt: skip


def analyze(
    module: nn.Module,
    *inputs: Any,
    lengths: tuple[int, int] | None = None,
    method: str = "forward",
    train: bool | None = False,
    rules: bool = True,
    **keyword_inputs: Any,
) -> Report:
    """For which lengths `module(*inputs, **keyword_inputs)` runs in eager PyTorch, and for which it raises.

    An input is a spec such as `"f32[1, 1, 80, T]"` (sizes are integers or integer expressions of one variable) or
    `"i64[1] = T"` (an integer tensor with known values), also inside of a list, tuple or dict; anything else is passed
    on as it is. The module is analyzed in
    evaluation mode, with `train=True` in training mode (`None`: each layer in the mode that it is in), without
    gradients; it is left as it was. Random draws that decide shapes or branches are tried with every outcome: a length
    is valid if it runs with all of them. `lengths` = (first, last) sets the sweep; without it the analyzer sweeps as
    far as a proof for every length needs, at most to 65,536. `rules=False` asks PyTorch for every operation instead of
    using the rules.

    Raises UsageError for specs, lengths or a method that make no sense. Errors of the module are findings, not
    exceptions. Analyses do not run at the same time: a second thread waits.

    >>> from torch import nn
    >>> report = analyze(nn.Conv1d(1, 1, kernel_size=5), "f32[1, 1, T]")
    >>> print(report.valid, report.proved, report.failures[0].error.partition(". ")[0])
    T >= 5 True RuntimeError: Calculated padded input size per channel: (4)
    """
    specs = [_parse(leaf) for leaf in leaves((inputs, keyword_inputs))]
    variable = _check(module, specs, lengths, method)
    texts = tuple(str(spec) for spec in specs if spec is not None)

    def on(sweep: Sweep) -> Report:
        with in_mode(module, train):
            return _analyze(module, inputs, keyword_inputs, method, variable, texts, sweep, rules)[0]

    if lengths is not None:
        return on(Sweep(*lengths))
    last = FIRST_SWEEP
    while True:
        sweep = Sweep(1, last)
        report = on(sweep)
        needed = max(sweep.horizon, sweep.wanted)
        if report.proved or sweep.executed or not last < needed <= LARGEST_SWEEP:
            return report
        last = min(LARGEST_SWEEP, max(needed, 2 * last))


def _analyze(
    module: nn.Module,
    inputs: tuple[Any, ...],
    keyword_inputs: Mapping[str, Any],
    method: str,
    variable: str,
    texts: tuple[str, ...],
    sweep: Sweep,
    rules: bool,
    *,
    accepting: bool = False,
) -> tuple[Report, tuple[Failure, ...]]:
    """The report, and the refusals with which lengths went on nevertheless; the sets are of the others only."""
    tracer = Tracer(sweep, rules=rules, accepting=accepting)
    arguments: list[tuple[int | str, Any]] = [*enumerate(inputs), *keyword_inputs.items()]
    with session(tracer):
        values = {variable: sweep.variable()}
        args, kwargs = map_tree(lambda leaf: _argument(leaf, values), (inputs, dict(keyword_inputs)))
        drawn = random_state()
        outcomes = tracer.run(module, method, args, kwargs)
        by_chance = random_state() != drawn  # in a way that is not seen
        if by_chance:
            tracer.record.doubts.append(
                Doubt("", "random", sweep.always, "a random number is drawn, or a generator seeded")
            )
        valid = sweep.never()
        for mask, _ in outcomes:
            valid = valid | mask
        invalid, unknown = sweep.never(), sweep.never()
        refusals = [refusal for refusal in tracer.record.refusals if not refusal.is_accepted]
        for refusal in refusals:
            invalid = invalid | refusal.lengths
        for doubt in tracer.record.doubts:
            unknown = unknown | doubt.lengths
        ran = valid
        for refusal in refusals:
            disputed = refusal.lengths & valid & tracer.by_data
            if disputed.somewhere:
                tracer.record.doubts.append(_runs_otherwise(refusal, disputed))
                unknown = unknown | disputed
        if tracer.drew and not by_chance:  # one outcome that fails is enough, whatever becomes of the others
            fails = invalid & ~tracer.by_data  # but for outcomes that the data may never have
            valid, unknown = valid & ~fails, unknown & ~fails
        # otherwise a length that took several ways is not decided; it cannot, and this is the net below that statement
        twice = (valid.values & invalid.values) | ~(valid.values | invalid.values | unknown.values)
        if bool(twice.any()):
            unknown = unknown | SweptBool(sweep, twice, None)
        valid, invalid = valid & ~unknown, invalid & ~unknown
        proved = sweep.proved and not tracer.record.doubts and align(valid.pattern, invalid.pattern) is not None

    def to_set(lengths: SweptBool) -> LengthSet:
        return length_set(lengths, proved)

    report = Report(
        variable=variable,
        inputs=texts,
        swept=(sweep.first, sweep.last),
        valid=length_set(valid, proved),
        invalid=length_set(invalid, proved),
        unknown=length_set(unknown, proved),
        proved=proved,
        layers=layers_of(tracer, module, variable, proved, to_set),
        failures=failures_of(tracer, ran, unknown & tracer.by_data, variable, proved, to_set),
        undecided=undecided_of(tracer, to_set),
        graph=tracer.record.graph,
        arguments=tuple((key, value) for key, value in arguments if _parse(value) is not None),
        method=method,
        executed=tuple(sorted(name or THE_MODULE for name in tracer.record.executed)),
    )
    if not accepting:
        return report, ()
    nothing = sweep.never()
    return report, failures_of(tracer, nothing, nothing, variable, proved, to_set, accepted=True)


def accepting(
    module: nn.Module,
    *inputs: Any,
    lengths: tuple[int, int],
    method: str = "forward",
    train: bool | None = False,
    **keyword_inputs: Any,
) -> tuple[Report, tuple[Failure, ...]]:
    """The report of a module in which operations take the sizes that they refuse, and what each of them refused.

    As if their inputs had been padded or cropped to what they accept (`acceptance.py`), one after the other, so that
    each entry holds for the lengths that get there. The report's own failures are those of what accepts nothing.
    """
    specs = [_parse(leaf) for leaf in leaves((inputs, keyword_inputs))]
    variable = _check(module, specs, lengths, method)
    with in_mode(module, train):
        return _analyze(module, inputs, keyword_inputs, method, variable, (), Sweep(*lengths), True, accepting=True)


def _runs_otherwise(refusal: Refusal, lengths: SweptBool) -> Doubt:
    """It raises with some values of tensors and runs with others, which the input may never or always have."""
    kind = refusal.text.partition(":")[0]
    reason = f"raises {kind} with {' and '.join(refusal.draws)}, and runs otherwise"
    return Doubt(refusal.layer, refusal.operation, lengths, reason)


@contextmanager
def in_mode(module: nn.Module, train: bool | None) -> Generator[None]:
    """The module, and all inside, in training or evaluation mode; afterwards as before. None: as they are.

    Sets `training` only: a `train` or `eval` of the module's own may do more, which nobody could undo.
    """
    children = module.modules() if train is not None else ()
    before = [(child, child.training) for child in children if hasattr(child, "training")]  # frozen modules have none
    try:
        for child, _ in before:
            child.training = bool(train)
        yield
    finally:
        for child, training in before:
            child.training = training


def length_set(lengths: SweptBool, proved: bool) -> LengthSet:
    """The set of these lengths: going on past the sweep where that is proved."""
    pattern = lengths.pattern
    if proved and pattern is not None and pattern.start + pattern.period - 1 <= lengths.sweep.last:
        return LengthSet.from_mask(lengths.values, lengths.sweep.first, pattern.start, pattern.period)
    return LengthSet.from_mask(lengths.values, lengths.sweep.first, None, None)


def _parse(value: Any) -> InputSpec | None:
    if not isinstance(value, str) or not looks_like_spec(value):
        return None
    try:
        return InputSpec.parse(value)
    except SpecError as error:
        raise UsageError(str(error)) from None


def _is_pair(lengths: Any) -> bool:
    return type(lengths) in (tuple, list) and [type(length) for length in lengths] == [int, int]


def _check(module: nn.Module, specs: list[InputSpec | None], lengths: tuple[int, int] | None, method: str) -> str:
    """The variable of the analysis; raises UsageError with all that is wrong."""
    problems: list[str] = []
    if not isinstance(module, nn.Module):  # pyright: ignore[reportUnnecessaryIsInstance]
        problems.append(f"module: expected a torch.nn.Module, got {type(module).__name__}")
    elif not callable(getattr(module, method, None)):
        problems.append(f"method: {type(module).__name__} has no method {method!r}")
    symbols = sorted({symbol for spec in specs if spec is not None for symbol in spec.symbols})
    if len(symbols) > 1:
        problems.append(f"inputs: one variable is swept at a time, found {', '.join(symbols)}")
    if lengths is not None and not _is_pair(lengths):
        problems.append(f"lengths: expected a pair of integers (first, last), got {lengths!r}")
    elif lengths is not None:
        first, last = lengths
        if first < 1 or last < first:
            problems.append(f"lengths: expected 1 <= first <= last, got {first}:{last}")
        elif last - first >= 2**20:
            problems.append(f"lengths: at most {2**20:,} lengths are swept at once, got {last - first + 1:,}")
    if problems:
        raise UsageError("; ".join(problems))
    return symbols[0] if symbols else "T"


def _argument(value: Any, values: Mapping[str, Any]) -> Any:
    """The swept tensor that a spec describes; anything else as it is."""
    spec = _parse(value)
    if spec is None:
        return value
    dims = tuple(size.evaluate(values, minimum, maximum) for size in spec.dims)
    known: NDArray[Any] | None = None
    if spec.values is not None:
        if not all(isinstance(size, int) and type(size) is int for size in dims) or int(np.prod(dims)) > LARGEST_VALUES:
            raise UsageError(f"{spec}: a tensor with values needs a fixed size of at most {LARGEST_VALUES} elements")
        known = np.empty(dims, dtype=object)
        if isinstance(spec.values, tuple):
            for position, element in enumerate(spec.values):
                known[position] = element.evaluate(values, minimum, maximum)
        else:
            element = spec.values.evaluate(values, minimum, maximum)
            for index in np.ndindex(dims):
                known[index] = element
    if known is not None and not _DTYPES[spec.dtype].is_floating_point:
        low, high = limits(_DTYPES[spec.dtype])
        for element in known.flat:
            values_of = element.values if type(element) is SweptInt else np.array(element)
            if int(values_of.min()) < low or int(values_of.max()) > high:
                raise UsageError(f"{spec}: a value does not fit {spec.dtype} for some of the lengths swept")
    for size in dims:
        lowest = size if type(size) is int else int(size.values.min())
        if lowest < 0:
            raise UsageError(f"{spec}: a size is negative for some of the lengths swept")
    return make(dims, _DTYPES[spec.dtype], values=known)


__all__ = ["LARGEST_SWEEP", "SweptTensor", "accepting", "analyze", "length_set"]
