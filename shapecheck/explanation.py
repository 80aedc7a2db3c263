"""Why a module runs or fails at one length, and what would decide if the layer that refuses it did not.

The way of the length is read off the recorded graph. The bottlenecks behind the first one come of a second analysis, in
which every operation is given what it accepts (`acceptance.py`): what each refuses of all that gets to it then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

from shapecheck.analysis import accepting, analyze
from shapecheck.errors import UsageError
from shapecheck.failures import chain_of, end_at
from shapecheck.lengths.lengthset import LengthSet
from shapecheck.model import arguments_of, built, built_on_cpu
from shapecheck.monitor import nearest, size_at
from shapecheck.report import Failure, LayerLimit, Report, Step

if TYPE_CHECKING:
    from torch import nn

    from shapecheck.model import Component

LONGEST = 2**20 - 1


class Outcome(Enum):
    """What becomes of one length."""

    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """A layer that refuses lengths, and what would run if it, and all bottlenecks before it, accepted everything.

    To accept is: to be given an input padded with zeros, or cropped, to a size that the layer takes.
    """

    layer: str
    operation: str
    refuses: LengthSet  # of all that gets there when every layer before it accepts everything
    error: str  # PyTorch's own text at the largest of them
    valid: LengthSet  # the lengths that would run

    @property
    def minimum(self) -> int | None:
        """The smallest length that would run; None if there is none."""
        return self.valid.minimum


@dataclass(frozen=True, slots=True)
class Explanation:
    """What becomes of one length, and why."""

    length: int
    outcome: Outcome
    report: Report  # over all lengths
    steps: tuple[Step, ...]  # what changed the length, up to the layer that refuses it or else to the end
    failure: Failure | None  # with PyTorch's words at this very length
    limit: LayerLimit | None  # what the layer that refuses it asks for; None where it is no layer
    below: int | None  # the nearest lengths on either side that run or, if this one does, that are refused
    above: int | None
    bottlenecks: tuple[Bottleneck, ...]  # the first is the layer that refuses this length
    rest: tuple[Failure, ...]  # what refuses lengths and cannot be made to accept them: these bound all of the above
    reasons: tuple[str, ...] = ()  # why it is not known

    @property
    def got(self) -> int | None:
        """The size that the refusing layer gets along its time axis; None where that is not known."""
        return None if self.limit is None else size_at(self.limit.input_length, self.report.variable, self.length)


def explain(
    module: nn.Module,
    *inputs: Any,
    length: int,
    lengths: tuple[int, int] | None = None,
    method: str = "forward",
    train: bool | None = False,
    **keyword_inputs: Any,
) -> Explanation:
    """Why `module` runs or fails at one length of the variable in its specs; the arguments are those of `analyze`.

    Raises UsageError as `analyze` does, and for a length that cannot be swept.

    >>> from torch import nn
    >>> model = nn.Sequential(nn.Conv1d(1, 1, 3, stride=2), nn.Conv1d(1, 1, 5))
    >>> found = explain(model, "f32[1, 1, T]", length=9)
    >>> print(found.outcome.value, found.failure.layer, found.got, found.limit.needs, found.above)
    invalid 1 4 5 11
    >>> print([(each.layer, str(each.valid)) for each in found.bottlenecks])
    [('1', 'T >= 3'), ('0', 'T >= 1')]
    """
    if not 1 <= length <= LONGEST:
        raise UsageError(f"length {length}: expected 1 to {LONGEST:,}")
    sweep = partial(analyze, module, *inputs, method=method, train=train, **keyword_inputs)
    report = sweep(lengths=lengths)
    first, last = report.swept
    if not first <= length <= last:
        report = sweep(lengths=(min(first, length), max(last, length)))
    alone = sweep(lengths=(length, length))
    relaxed = accepting(module, *inputs, lengths=report.swept, method=method, train=train, **keyword_inputs)
    found = traced(report, length, alone)
    bottlenecks = _bottlenecks(report, *relaxed, length, found.failure)
    return replace(found, bottlenecks=bottlenecks, rest=relaxed[0].failures)


def explain_component(component: Component, length: int, *, train: bool = False) -> Explanation:
    """`explain` for a component of a model, built as `check` builds it. Raises ImportError for a missing extra."""
    with component.surroundings():
        explanation = _of(component, built(component.build), length, train=train)
        if explanation.outcome is not Outcome.UNKNOWN:
            return explanation
        try:
            with_values = built_on_cpu(component.build)
        except Exception:  # noqa: BLE001  # then the one without values is all there is
            return explanation
        return _of(component, with_values, length, train=train)


def traced(report: Report, length: int, alone: Report | None = None) -> Explanation:
    """What a report itself says of one of its swept lengths: `explain` without what would decide next.

    `alone`: the report of this length alone, which has PyTorch's words for it, and may decide what the other could not.
    """
    index = length - report.swept[0]
    node, is_refused = end_at(report.graph, index)
    is_decided_alone = alone is not None and length in report.unknown and length not in alone.unknown
    decided = alone if alone is not None and is_decided_alone else report
    outcome = _outcome(decided, length)
    failures = (report if alone is None else alone).failures if outcome is Outcome.INVALID else ()
    failure = next((each for each in failures if length in each.lengths), None)
    steps = chain_of(node, index, report.variable, report.proved, through=not is_refused)
    if not steps and failure is not None and failure.at == length:
        steps = failure.chain
    below, above = nearest(report.invalid if outcome is Outcome.VALID else report.valid, length)
    reasons = [f"{each.layer} {each.operation}: {each.reason}" for each in decided.undecided]
    return Explanation(
        length=length,
        outcome=outcome,
        report=report,
        steps=steps,
        failure=failure,
        limit=_limit(report, failure, length),
        below=below,
        above=above,
        bottlenecks=(),
        rest=(),
        reasons=tuple(reasons) if outcome is Outcome.UNKNOWN else (),
    )


def _of(component: Component, module: nn.Module, length: int, *, train: bool) -> Explanation:
    inputs, keyword_inputs = arguments_of(component, module)
    return explain(
        module,
        *inputs,
        length=length,
        lengths=component.lengths,
        method=component.method,
        train=train and not component.is_frozen,
        **keyword_inputs,
    )


def _outcome(report: Report, length: int) -> Outcome:
    if length in report.unknown:
        return Outcome.UNKNOWN
    return Outcome.VALID if length in report.valid else Outcome.INVALID


def _limit(report: Report, failure: Failure | None, length: int) -> LayerLimit | None:
    if failure is None:
        return None
    return next((each for each in report.layers if each.name == failure.layer and length in each.rejects), None)


def _bottlenecks(
    report: Report, relaxed: Report, refused: Sequence[Failure], length: int, failure: Failure | None
) -> tuple[Bottleneck, ...]:
    """The layers in the order in which they decide: that which refuses the length, then each that would then."""
    everything = report.valid | report.invalid | report.unknown
    never = relaxed.invalid | relaxed.unknown
    lost = never
    for each in refused:
        lost = lost | each.lengths
    if lost != report.invalid | report.unknown:  # something caught what it raised: what it would do then is not known
        return ()
    left = list(refused)
    found: list[Bottleneck] = []
    while left:
        edge = length if any(length in each.lengths for each in left) else _edge(everything, never, left)
        deciding = [each for each in left if edge is not None and edge in each.lengths] or left
        first = deciding[0]
        if not found and failure is not None:
            first = next((each for each in deciding if each.layer == failure.layer), first)
        left.remove(first)
        valid = everything - never
        for each in left:
            valid = valid - each.lengths
        found.append(Bottleneck(first.layer, first.operation, first.lengths, first.error, valid))
    return tuple(found)


def _edge(everything: LengthSet, never: LengthSet, left: Sequence[Failure]) -> int | None:
    """The length next to those that run from which on all do, or else next to the smallest or the largest."""
    valid = everything - never
    for each in left:
        valid = valid - each.lengths
    edges = [edge - 1 for edge in (valid.swept_threshold, valid.minimum) if edge is not None]
    if valid.maximum is not None:
        edges.append(valid.maximum + 1)
    return next((edge for edge in edges if any(edge in each.lengths for each in left)), None)


__all__ = ["Bottleneck", "Explanation", "Outcome", "explain", "explain_component", "traced"]
