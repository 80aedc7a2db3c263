"""A component as it is and with some edits beside each other: the lengths, and what the edits cost.

A cost is read off the two modules themselves: their state dicts, their graphs; nothing is estimated. What cannot be
known stands as None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor, nn

from shapecheck.changes.confirming import Confirmation, Run, boundaries, confirm
from shapecheck.changes.editable import Editable
from shapecheck.changes.editing import Applied
from shapecheck.changes.edits import Edit
from shapecheck.cost import cost_of
from shapecheck.lengths.lengthset import LengthSet
from shapecheck.lengths.swept import SweptBool
from shapecheck.limits import formula
from shapecheck.model import Component, arguments_of, report_of
from shapecheck.receptive import ReceptiveField, receptive_field
from shapecheck.tensor import SweptTensor
from shapecheck.trees import leaves

if TYPE_CHECKING:
    from shapecheck.report import Report

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """What there is to say of a module, as it is or with edits."""

    report: Report
    outputs: tuple[str, ...]  # sizes of each tensor that it returns, as formulas: "[1, 512, ceil(T/4)]"
    field: ReceptiveField
    parameters: int  # numbers in `module.parameters()`, each tensor once
    multiply_adds: int | None  # of one call at `WhatIf.at`; None: not known


@dataclass(frozen=True, slots=True)
class TensorChange:
    """A tensor of the state dict that a checkpoint of the module as it was does not fill any more, or not at all."""

    name: str
    before: Shape | None  # None: it is new, and keeps the values that it is made with
    after: Shape | None  # None: it is no longer used


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A key of the configuration with its present value and the new one, as YAML writes them; "": not given."""

    path: str
    before: str
    after: str
    file: str = ""  # of the configuration; "": a preset

    @property
    def line(self) -> str:
        """The line of the file: `"n_layer: 4"`."""
        return f"{self.path.rpartition('.')[2]}: {self.after}"


@dataclass(frozen=True, slots=True)
class WhatIf:
    """One component before and after."""

    component: Component  # with the keys of the configuration changed
    keys: tuple[KeyChange, ...]
    edits: tuple[Edit, ...]
    changes: tuple[Applied, ...]  # what the edits did, layer by layer
    before: Side
    after: Side
    at: int | None  # the length that the costs are counted at: the smallest that is valid in both, from the target on
    tensors: tuple[TensorChange, ...]
    confirmation: Confirmation  # at which lengths the edited module was run in eager PyTorch

    @property
    def reshaped(self) -> tuple[TensorChange, ...]:
        """Tensors of another shape: `load_state_dict` raises, strict or not."""
        return tuple(each for each in self.tensors if each.before is not None and each.after is not None)

    @property
    def added(self) -> tuple[TensorChange, ...]:
        return tuple(each for each in self.tensors if each.before is None)

    @property
    def unused(self) -> tuple[TensorChange, ...]:
        """Tensors of a checkpoint that nothing takes: `load_state_dict` raises only if it is strict."""
        return tuple(each for each in self.tensors if each.after is None)

    @property
    def lost(self) -> LengthSet:
        """Lengths that were valid and are refused now, as far as both analyses say."""
        old, new = self.before.report, self.after.report
        return old.valid & new.invalid & _window(old, new)

    @property
    def gained(self) -> LengthSet:
        old, new = self.before.report, self.after.report
        return old.invalid & new.valid & _window(old, new)

    @property
    def confirmed(self) -> tuple[Run, ...]:
        return self.confirmation.runs

    @property
    def is_undecided(self) -> bool:
        return bool(self.after.report.unknown)


def what_if(
    original: Editable,
    edits: Sequence[Edit],
    *,
    changed: Editable | None = None,
    keys: Sequence[KeyChange] = (),
    target: int | None = None,
) -> WhatIf:
    """The component of `original` beside the same with edits.

    `changed`: the component that the edits are applied to, where the configuration was changed, too, by `keys`;
    `target`: a length from which on it is to run. The edited module is run in eager PyTorch on each side of its limits
    and at the target. Raises UsageError for edits that cannot be applied, Contradiction where eager PyTorch does
    something else than the analysis says. Enters the surroundings of both.
    """
    base = changed or original
    with original.component.surroundings():
        old, before = original.unedited
    with base.component.surroundings():
        new, changes = base.module(edits)
        edited = base.edited(edits)
        after = report_of(edited, new, base.lengths, base.train)
    at = smallest_of_both(before, after, target or 1)
    runs = boundaries(after) if target is None else boundaries(after, target, target + 1)
    with original.component.surroundings():
        one = side(original.component, old, before, at)
    with base.component.surroundings():
        other = side(edited, new, after, at)
        confirmation = confirm(edited, after, runs, train=base.train, as_it_is=(original.edited(), before))
    return WhatIf(
        component=base.component,
        keys=tuple(keys),
        edits=tuple(edits),
        changes=changes,
        before=one,
        after=other,
        at=at,
        tensors=tensor_changes(old, new),
        confirmation=confirmation,
    )


def side(component: Component, module: nn.Module, report: Report, at: int | None) -> Side:
    """Of an analysis and the module, with the costs at one length."""
    inputs, keywords = arguments_of(component, module)
    cost = None if at is None else cost_of(module, *inputs, length=at, method=component.method, **keywords)
    field = ReceptiveField(None, unknown="no length runs")
    if report.valid:
        field = receptive_field(module, *inputs, method=component.method, **keywords)
    return Side(
        report=report,
        outputs=outputs_of(report),
        field=field,
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        multiply_adds=None if cost is None else cost.multiply_adds,
    )


def tensor_changes(before: nn.Module, after: nn.Module) -> tuple[TensorChange, ...]:
    """The tensors of the two state dicts that are not alike, in the order of the first."""
    old, new = _shapes(before), _shapes(after)
    return tuple(
        TensorChange(name, old.get(name), new.get(name))
        for name in dict.fromkeys((*old, *new))
        if old.get(name) != new.get(name)
    )


def outputs_of(report: Report) -> tuple[str, ...]:
    """The sizes of each tensor that the module returns, as formulas of the variable, at the lengths that run."""
    sources = [source for node in report.graph.nodes if node.op == "output" for source in node.all_input_nodes]
    return tuple(
        _sizes(leaf, source, report)
        for source in sources
        for leaf in leaves(source.meta.get("swept"))
        if type(leaf) is SweptTensor
    )


def smallest_of_both(before: Report, after: Report, least: int) -> int | None:
    """The smallest length >= least that is valid in both reports."""
    both = before.valid & after.valid & LengthSet.at_least(least)
    return both.minimum


def _sizes(tensor: SweptTensor, node: object, report: Report) -> str:
    live: SweptBool | None = getattr(node, "meta", {}).get("live")
    if live is None:
        return "[...]"
    sweep = live.sweep
    runs = live.values & report.valid.mask(sweep.first, sweep.last)
    accepted = live if bool((runs == live.values).all()) else SweptBool(sweep, runs, None)
    sizes = [formula(size, accepted, report.variable, report.proved) for size in tensor._dims]
    return f"[{', '.join(sizes)}]"


def _shapes(module: nn.Module) -> Mapping[str, Shape]:
    state: Mapping[str, object] = module.state_dict()
    return {name: tuple(entry.shape) for name, entry in state.items() if isinstance(entry, Tensor)}


def _window(old: Report, new: Report) -> LengthSet:
    """The lengths of which both reports say something."""
    first = max(old.swept[0], new.swept[0])
    if old.proved and new.proved:
        return LengthSet.at_least(first)
    last = min(old.swept[1], new.swept[1])
    return LengthSet.interval(first, last) if first <= last else LengthSet.of(())


__all__ = ["KeyChange", "Side", "TensorChange", "WhatIf", "outputs_of", "side", "tensor_changes", "what_if"]
