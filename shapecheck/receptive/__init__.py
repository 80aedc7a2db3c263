"""The receptive field of a module: how many steps of its variable one element of its output depends on.

Found in the graph of an analysis: exact for every operation that is known here, and not known for others. What code
decides by looking at values is not counted, nor are operations outside of any element, such as a length that is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from shapecheck.analysis import analyze
from shapecheck.joint import bound
from shapecheck.lengths.swept import at, is_plain
from shapecheck.limits import geometry_of
from shapecheck.receptive.hull import Hull
from shapecheck.receptive.walk import Places, UnknownPlaces, Whole, places_of

if TYPE_CHECKING:
    from torch import nn

    from shapecheck.model import Component
    from shapecheck.report import Report

_FIRST = 64  # steps of the first input looked at
_GROWTH = 4
_LARGEST = 2**18  # steps past which the input is no longer grown
_LONGER = (3, 2)  # times as long: the second input, on which everything must come out the same
_MOST = 2**28  # elements computed for one length past which no longer ones are tried: some seconds


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """How much of the input one element of the output depends on, in steps of the module's variable.

    `size` counts the steps from the first to the last on which an element depends, at the place where it is largest,
    on all ways that pass by whatever sees the whole input: the statistics of a norm over the length (the norm itself is
    passed through), recurrent layers, attention, pools to a fixed size (of which each part grows with the input), sums
    over the length. Where something of that kind stands in the way, it is the largest field of what goes into one of
    them, or comes out beside them. Strictly, an output sees the whole input if `whole_by` names something.
    """

    size: int | None  # 0: the output does not depend on the input; None: the whole input, or not known
    before: str = ""  # what the field of this size goes into: "AdaptiveAvgPool2d shared.7"; "": it is the output's
    whole_by: str = ""  # the first operation or layer by which an output sees the whole input; "": none does
    unknown: str = ""  # the operation and the layer that are not known, or why else there is no size
    length: int = 0  # steps of the input with which it was found
    note: str = ""  # what had to be taken for granted: all of a window that has no values, on the meta device

    @property
    def is_known(self) -> bool:
        """Whether something can be said: a size, or that it is the whole input."""
        return not self.unknown


def receptive_field(module: nn.Module, *inputs: Any, method: str = "forward", **keyword_inputs: Any) -> ReceptiveField:
    """The receptive field of `module.method(*inputs, **keyword_inputs)`, in evaluation mode.

    Inputs are as for `analyze`. The input is grown until the field is smaller than half of it and stays as it is on a
    longer one. Several inputs count together: where one has 2 T elements, two of them are one step. Raises UsageError
    as `analyze` does.

    >>> from torch import nn
    >>> receptive_field(nn.Conv1d(1, 1, kernel_size=5, dilation=2), "f32[1, 1, T]").size
    9
    """
    lengths = _Lengths(module, inputs, method, keyword_inputs)
    return _grown(lengths.only) or _grown(lengths.near) or ReceptiveField(None, unknown=lengths.obstacle)


def component_field(component: Component, module: nn.Module, sizes: Mapping[str, int] | None = None) -> ReceptiveField:
    """The receptive field of a component, of which `module` was built; `component.unit` says how long a step is.

    `sizes`: values of the component's other sizes; without them each has its smallest.
    """
    values = {name: smallest for name, (smallest, _) in component.sizes.items()} | dict(sizes or {})
    inputs, keyword_inputs = bound((component.inputs, dict(component.keyword_inputs)), values)
    with component.surroundings():
        return receptive_field(module, *inputs, method=component.method, **keyword_inputs)


class _Lengths:
    """The analyses of single lengths at which the module runs."""

    def __init__(self, module: nn.Module, inputs: Any, method: str, keyword_inputs: Mapping[str, Any]) -> None:
        self._analyze = partial(analyze, module, *inputs, method=method, **keyword_inputs)
        self._reports: dict[int, Report] = {}
        self._all: Report | None = None
        self.obstacle = "too few lengths run to tell"

    def only(self, length: int) -> Report | None:
        """At this length; None if it does not run."""
        if length not in self._reports:
            report = self._reports[length] = self._analyze(lengths=(length, length))
            if report.undecided:
                doubt = report.undecided[0]
                self.obstacle = f"{doubt.operation} {doubt.layer}".rstrip() + f": {doubt.reason}"
        return self._reports[length] if length in self._reports[length].valid else None

    def near(self, length: int) -> Report | None:
        """At the first length from this one on that runs, if it comes before the next that is asked for."""
        if self._all is None:
            self._all = self._analyze()
        found = next((other for other in range(length, length * _GROWTH) if other in self._all.valid), None)
        return self.only(found) if found is not None else None


def _grown(report_at: Callable[[int], Report | None]) -> ReceptiveField | None:
    """The field at the first length that shows it; None where there is none."""
    asked, field = _FIRST, None
    while asked <= _LARGEST:
        report = report_at(asked)
        if report is not None:
            field, work = _field(report)
            if field.unknown:
                return field
            if field.size is not None:
                longer = next(filter(None, (report_at(factor * field.length) for factor in _LONGER)), None)
                if longer is None:
                    return None
                if _said(_field(longer)[0]) == _said(field):
                    return field
            if work > _MOST:
                return replace(field, size=None, unknown=f"not below {field.length // 2} steps, or the whole input")
        asked *= _GROWTH
    if field is not None and field.size is not None:
        return replace(field, size=None, unknown="it grows with the input, and what sees all of it was not found")
    return field


def _said(field: ReceptiveField) -> tuple[Any, ...]:
    return field.size, field.before, field.whole_by, field.unknown


def _field(report: Report) -> tuple[ReceptiveField, int]:
    """As it is at one length, and the work that it took; the size is None where the input is too short to tell."""
    try:
        places = places_of(report)
    except UnknownPlaces as unknown:
        return ReceptiveField(None, unknown=str(unknown), length=report.swept[0]), 0
    size = max((hull.size for hull in places.outputs), default=0)
    before = ""
    for whole in places.whole:
        if whole.before is not None and whole.before.size > size:
            size, before = whole.before.size, whole.name
    whole_by = places.whole[0].name if places.whole else ""
    if 2 * size > places.length or _reaches_past_the_ends(report):
        field = ReceptiveField(None, before, whole_by or places.outgrown, "", places.length, places.note)
    else:
        field = ReceptiveField(size, before, whole_by, "", places.length, places.note)
    return field, places.work


def _reaches_past_the_ends(report: Report) -> bool:
    """Whether a kernel is longer than what it slides over, or a padding than what it is put beside.

    Then parts of the input may come together in a longer one only: the outer taps of a wide dilation, say.
    """
    for node in report.graph.nodes:
        given = node.meta.get("inputs")
        if not given or not given[0]:
            continue
        args, kwargs = node.meta["arguments"]
        if node.meta["operation"] == "pad":
            amounts = [at(amount, 0) for amount in kwargs.get("pad", args[1] if len(args) > 1 else ())]
            spans = [max(amounts[place : place + 2]) for place in range(0, len(amounts), 2)]
        else:
            kernel, _, _, dilation = geometry_of(node)
            spans = [step * (size - 1) + 1 for size, step in zip(kernel, dilation, strict=False)][::-1]
        for size, span in zip(reversed(given[0]), spans, strict=False):
            if not is_plain(size) and at(size, 0) < span:
                return True
    return False


__all__ = [
    "Hull",
    "Places",
    "ReceptiveField",
    "UnknownPlaces",
    "Whole",
    "component_field",
    "places_of",
    "receptive_field",
]
