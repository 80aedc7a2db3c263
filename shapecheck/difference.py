"""What differs between two reports of one model: component by component, and whether anything got worse.

Pure: two values in, one value out. Lengths are compared only where both reports say something of them: at every length
from the first one on where both are proved, else at those that both swept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from shapecheck.errors import UsageError
from shapecheck.lengths.lengthset import LengthSet
from shapecheck.saved import SavedComponent, SavedLayer, SavedReport

_NOTHING = LengthSet()

Value = str | int | float | bool | tuple[int, ...] | tuple[str, ...] | LengthSet | None


class Verdict(Enum):
    """What became of a component, or of the whole model; the first that holds of any component holds of the model."""

    WORSE = "worse"
    UNKNOWN = "less certain"  # something that was decided is not any more
    BETTER = "better"
    CHANGED = "changed"  # something else differs, of which no length is the worse
    SAME = "same"


class Presence(Enum):
    """In which of the two reports something is."""

    BOTH = "in both"
    ADDED = "added"
    REMOVED = "removed"
    NEWLY_SKIPPED = "newly skipped"
    NEWLY_ANALYZED = "newly analyzed"
    SKIPPED = "skipped in both"


class Reason(Enum):
    """One thing that makes a component worse, less certain or better."""

    GONE = ("the component is gone", Verdict.WORSE)
    LOST = ("lengths that were valid are refused", Verdict.WORSE)
    NO_MINIMUM = ("no length is valid any more", Verdict.WORSE)
    MINIMUM_RISES = ("the minimum rises", Verdict.WORSE)
    NO_THRESHOLD = ("the threshold disappears", Verdict.WORSE)
    THRESHOLD_RISES = ("the threshold rises", Verdict.WORSE)
    NEWLY_SKIPPED = ("it is not analyzed any more", Verdict.UNKNOWN)
    NOT_COMPARABLE = ("no length was swept by both", Verdict.UNKNOWN)
    UNDECIDED = ("lengths that were decided are unknown", Verdict.UNKNOWN)
    PROOF_LOST = ("it is not proved any more", Verdict.UNKNOWN)
    GAINED = ("lengths that were refused are valid", Verdict.BETTER)
    MINIMUM_FALLS = ("the minimum falls", Verdict.BETTER)
    THRESHOLD_FALLS = ("the threshold falls", Verdict.BETTER)
    DECIDED = ("lengths that were unknown are decided", Verdict.BETTER)
    PROVED = ("it is proved now", Verdict.BETTER)
    NEWLY_ANALYZED = ("it is analyzed now", Verdict.BETTER)

    def __init__(self, text: str, verdict: Verdict) -> None:
        self.text = text
        self.verdict = verdict


@dataclass(frozen=True, slots=True)
class Change:
    """A field with two different values."""

    field: str
    before: Value
    after: Value


@dataclass(frozen=True, slots=True)
class LayerDifference:
    """One call of a layer that differs; of a layer that is in one report only, there are no changes."""

    name: str
    call: int  # 1 for the first call of this layer
    calls: int  # in that of the two reports that has more
    presence: Presence
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class ComponentDifference:
    """What became of one component. The four sets are disjoint and within the lengths compared."""

    name: str
    presence: Presence
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    compared: tuple[int, int | None] | None = None  # the first and the last length; None for ever; None: no length
    lost: LengthSet = _NOTHING  # valid before, refused after
    gained: LengthSet = _NOTHING  # refused before, valid after
    undecided: LengthSet = _NOTHING  # decided before, unknown after
    decided: LengthSet = _NOTHING  # unknown before, decided after
    changes: tuple[Change, ...] = ()
    layers: tuple[LayerDifference, ...] = ()
    before: SavedComponent | None = None
    after: SavedComponent | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """The whole comparison; components in the order of the second report, and before them those that are gone."""

    before: SavedReport
    after: SavedReport
    components: tuple[ComponentDifference, ...]
    notes: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        found = {component.verdict for component in self.components}
        return next((verdict for verdict in Verdict if verdict in found), Verdict.SAME)


def check_same_model(before: tuple[str, str], after: tuple[str, str]) -> None:
    """Raise UsageError if two reports, each given by its origin and its model's name, are not of one model."""
    if before[1] != after[1]:
        sides = f"{before[0]} is of {before[1]}, and {after[0]} of {after[1]}"
        raise UsageError(f"{sides}: only two reports of one model can be compared")


def compare(before: SavedReport, after: SavedReport) -> Difference:
    """Compare two reports. Raises UsageError if they are not of one model, or cannot be compared exactly."""
    check_same_model((before.origin, before.model), (after.origin, after.model))
    layers = all(any(component.layers for component in report.components) for report in (before, after))
    old = {component.name: component for component in before.components}
    new = {component.name: component for component in after.components}
    old_reasons = {entry.name: entry.reason for entry in before.skipped}
    new_reasons = {entry.name: entry.reason for entry in after.skipped}
    names = [name for name in (*old, *old_reasons) if name not in new and name not in new_reasons]
    return Difference(
        before,
        after,
        tuple(
            _component(name, old.get(name) or old_reasons.get(name), new.get(name) or new_reasons.get(name), layers)
            for name in (*names, *new, *new_reasons)
        ),
        _notes(before, after, layers),
    )


def deciding_layers(component: SavedComponent) -> tuple[str, ...]:
    """The layers that refuse the lengths next to the valid ones; every layer that refuses any, where none is valid."""
    edges = (component.minimum, component.threshold)
    beside = {edge - 1 for edge in edges if edge is not None}
    if component.maximum is not None:
        beside.add(component.maximum + 1)
    refusing = (each for each in component.failures if not beside or any(length in each.lengths for length in beside))
    return tuple(dict.fromkeys(failure.layer for failure in refusing))


def _component(
    name: str, old: SavedComponent | str | None, new: SavedComponent | str | None, layers: bool
) -> ComponentDifference:
    """`old` and `new`: the component, the reason why it was skipped, or None where the report has nothing of it."""
    if isinstance(old, SavedComponent) and isinstance(new, SavedComponent):
        return _both(old, new, layers)
    reasons_to_skip = tuple(each if isinstance(each, str) else None for each in (old, new))
    analyzed = ComponentDifference(
        name,
        Presence.SKIPPED,
        Verdict.SAME,
        before=old if isinstance(old, SavedComponent) else None,
        after=new if isinstance(new, SavedComponent) else None,
        changes=_changes([("skipped", reasons_to_skip[0], reasons_to_skip[1])]),
    )
    if new is None:
        return replace(analyzed, presence=Presence.REMOVED, verdict=Verdict.WORSE, reasons=(Reason.GONE,))
    if old is None:
        return replace(analyzed, presence=Presence.ADDED, verdict=Verdict.CHANGED)
    if isinstance(old, SavedComponent):
        if LengthSet.interval(*old.swept) <= old.unknown:  # nothing was decided that is not any more
            return replace(analyzed, presence=Presence.NEWLY_SKIPPED, verdict=Verdict.CHANGED)
        reasons = (Reason.NEWLY_SKIPPED,)
        return replace(analyzed, presence=Presence.NEWLY_SKIPPED, verdict=Verdict.UNKNOWN, reasons=reasons)
    if isinstance(new, SavedComponent):
        reasons = (Reason.NEWLY_ANALYZED,)
        return replace(analyzed, presence=Presence.NEWLY_ANALYZED, verdict=Verdict.BETTER, reasons=reasons)
    return replace(analyzed, verdict=Verdict.CHANGED if analyzed.changes else Verdict.SAME)


def _both(old: SavedComponent, new: SavedComponent, layers: bool) -> ComponentDifference:
    result = ComponentDifference(
        old.name,
        Presence.BOTH,
        Verdict.SAME,
        changes=_component_changes(old, new),
        layers=_layers(old.layers, new.layers) if layers else (),
        before=old,
        after=new,
    )
    result = _with_lengths(result, old, new)
    reasons = tuple(_reasons(result, old, new))
    verdicts = {reason.verdict for reason in reasons}
    if result.changes or result.layers:
        verdicts.add(Verdict.CHANGED)
    return replace(result, reasons=reasons, verdict=next((each for each in Verdict if each in verdicts), Verdict.SAME))


def _with_lengths(result: ComponentDifference, old: SavedComponent, new: SavedComponent) -> ComponentDifference:
    """The result with what became of each length that both reports say something of."""
    first, last = max(old.swept[0], new.swept[0]), min(old.swept[1], new.swept[1])
    windows: list[tuple[int, int | None]] = [(first, last)] if first <= last else []
    if old.proved and new.proved:
        windows.insert(0, (first, None))
    for window in windows:
        common = LengthSet.from_ranges([(*window, 1)])
        try:
            old_valid, old_unknown = old.valid & common, old.unknown & common
            new_valid, new_unknown = new.valid & common, new.unknown & common
            return replace(
                result,
                compared=window,
                lost=old_valid - new_valid - new_unknown,
                gained=new_valid - old_valid - old_unknown,
                undecided=new_unknown - old_unknown,
                decided=old_unknown - new_unknown,
            )
        except ValueError:  # two long periods: what comes of them together is longer than can be followed
            continue
    if windows:
        raise UsageError(f"{old.name}: the sets of its lengths repeat too late to be compared")
    return result


def _reasons(result: ComponentDifference, old: SavedComponent, new: SavedComponent) -> Iterable[Reason]:
    """All that hold, in the order of their declaration: those that make it worse first."""
    found: set[Reason] = set()
    if result.compared is None:
        found.add(Reason.NOT_COMPARABLE)
    else:
        common = LengthSet.from_ranges([(*result.compared, 1)])
        found |= _of_limit(
            (old.valid & common).minimum,
            (new.valid & common).minimum,
            Reason.NO_MINIMUM,
            Reason.MINIMUM_RISES,
            Reason.MINIMUM_FALLS,
        )
        found |= _of_limit(
            _threshold(old, result.compared[0]),
            _threshold(new, result.compared[0]),
            Reason.NO_THRESHOLD,
            Reason.THRESHOLD_RISES,
            Reason.THRESHOLD_FALLS,
        )
        sets = {
            Reason.LOST: result.lost,
            Reason.UNDECIDED: result.undecided,
            Reason.GAINED: result.gained,
            Reason.DECIDED: result.decided,
        }
        found |= {reason for reason, lengths in sets.items() if lengths}
    if old.proved != new.proved:
        found.add(Reason.PROVED if new.proved else Reason.PROOF_LOST)
    return (reason for reason in Reason if reason in found)


def _of_limit(old: int | None, new: int | None, none: Reason, rises: Reason, falls: Reason) -> set[Reason]:
    if old == new:
        return set()
    if new is None:
        return {none}
    return {rises if old is not None and new > old else falls}


def _threshold(component: SavedComponent, first: int) -> int | None:
    """The threshold among the lengths from `first` on: what the other report did not sweep plays no part in it."""
    return None if component.threshold is None else max(component.threshold, first)


def _component_changes(old: SavedComponent, new: SavedComponent) -> tuple[Change, ...]:
    return _changes(
        [
            ("class", old.class_name, new.class_name),
            ("role", old.role, new.role),
            ("variable", old.variable, new.variable),
            ("unit", old.unit, new.unit),
            ("seconds_per_step", old.seconds_per_step, new.seconds_per_step),
            ("inputs", old.inputs, new.inputs),
            ("swept", old.swept, new.swept),
            ("valid", old.valid, new.valid),
            ("minimum", old.minimum, new.minimum),
            ("threshold", old.threshold, new.threshold),
            ("maximum", old.maximum, new.maximum),
            ("proved", old.proved, new.proved),
            ("unknown", old.unknown, new.unknown),
            ("decided_by", deciding_layers(old), deciding_layers(new)),
            ("failures", _failures(old), _failures(new)),
        ]
    )


def _failures(component: SavedComponent) -> tuple[str, ...]:
    return tuple(f"{each.lengths.text(component.variable)} at {each.layer}" for each in component.failures)


def _layers(old: Sequence[SavedLayer], new: Sequence[SavedLayer]) -> tuple[LayerDifference, ...]:
    """The calls that differ: those of the second report in its order, then those that are gone."""
    before, after = _by_call(old), _by_call(new)
    calls = Counter(name for name, _ in before) | Counter(name for name, _ in after)  # the larger count of the two
    found: list[LayerDifference] = []
    for name, call in dict.fromkeys((*after, *before)):
        one, other = before.get((name, call)), after.get((name, call))
        if one is not None and other is not None:
            changes = _layer_changes(one, other)
            if changes:
                found.append(LayerDifference(name, call, calls[name], Presence.BOTH, changes))
        else:
            presence = Presence.ADDED if one is None else Presence.REMOVED
            found.append(LayerDifference(name, call, calls[name], presence))
    return tuple(found)


def _by_call(layers: Sequence[SavedLayer]) -> dict[tuple[str, int], SavedLayer]:
    seen: Counter[str] = Counter()
    found: dict[tuple[str, int], SavedLayer] = {}
    for layer in layers:
        seen[layer.name] += 1
        found[layer.name, seen[layer.name]] = layer
    return found


def _layer_changes(old: SavedLayer, new: SavedLayer) -> tuple[Change, ...]:
    return _changes(
        [
            ("kind", old.kind, new.kind),
            ("kernel_size", old.kernel_size, new.kernel_size),
            ("stride", old.stride, new.stride),
            ("padding", old.padding, new.padding),
            ("dilation", old.dilation, new.dilation),
            ("input_length", old.input_length, new.input_length),
            ("output_length", old.output_length, new.output_length),
            ("needs", old.needs, new.needs),
            ("minimum", old.minimum, new.minimum),
            ("rejects", old.rejects, new.rejects),
        ]
    )


def _changes(values: Sequence[tuple[str, Value, Value]]) -> tuple[Change, ...]:
    return tuple(Change(field, before, after) for field, before, after in values if before != after)


def _notes(before: SavedReport, after: SavedReport, layers: bool) -> tuple[str, ...]:
    """What the reader must know before a difference is taken for one of the model."""
    notes: list[str] = []
    if before.mode != after.mode:
        modes = {"eval": "evaluation mode", "train": "training mode"}
        notes.append(
            f"A is of {modes[before.mode]}, and B of {modes[after.mode]}: the lengths may differ for that alone"
        )
    for what, one, other in (
        ("PyTorch", before.torch_version, after.torch_version),
        ("shapecheck", before.shapecheck_version, after.shapecheck_version),
    ):
        if one != other:
            notes.append(f"A was made with {what} {one}, and B with {what} {other}")
    if before.source != after.source:
        notes.append(f"the modules of A are those of {before.source}, and those of B of {after.source}")
    empty = [name for name, report in (("A", before), ("B", after)) if not any(c.layers for c in report.components)]
    if not layers and len(empty) == 1:
        notes.append(f"{empty[0]} lists no layers: layers are not compared")
    return tuple(notes)
