"""A difference as text: the verdict in one line, then what changed, component by component; and as a JSON document.

Nothing is decided here. What is the same in both reports is counted and not shown; the document has it all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from shapecheck._version import __version__
from shapecheck.difference import (
    Change,
    ComponentDifference,
    Difference,
    LayerDifference,
    Presence,
    Value,
    Verdict,
)
from shapecheck.lengths.lengthset import LengthSet
from shapecheck.model import Unit
from shapecheck.render import units
from shapecheck.render.columns import Column, Fit, print_hanging, print_table
from shapecheck.render.document import json_text, set_values
from shapecheck.saved import SavedComponent, SavedReport

SCHEMA = "shapecheck.diff/1"
LONGEST_SET = 60  # characters; what a longer text leaves out is counted in it, and the document has it all

_EXPANDED_LEVELS = 4  # document, components, component, its lists; what lies deeper is one line each

# how many components became what: as the first part of the sentence, and as a later one
_PARTS = {
    Verdict.WORSE: ("got worse", "worse"),
    Presence.REMOVED: ("disappeared", "disappeared"),
    Verdict.UNKNOWN: ("became less certain", "less certain"),
    Presence.NEWLY_SKIPPED: ("newly skipped", "newly skipped"),
    Verdict.BETTER: ("got better", "better"),
    Presence.ADDED: ("added", "added"),
    Verdict.CHANGED: ("changed without getting worse", "changed without getting worse"),
    Verdict.SAME: ("the same", "the same"),
}


def sentence(difference: Difference) -> str:
    """The verdict in words: `"2 components got worse, 1 better, 11 the same"`."""
    counts = Counter(each.presence if each.presence in _PARTS else each.verdict for each in difference.components)
    if set(counts) <= {Verdict.SAME}:
        return f"No difference: {_plural(len(difference.components), 'component')}, all the same"
    parts: list[str] = []
    for what, (first, later) in _PARTS.items():
        if counts[what]:
            parts.append(f"{counts[what]:,} {later}" if parts else f"{_plural(counts[what], 'component')} {first}")
    return ", ".join(parts)


def differing(difference: Difference) -> list[ComponentDifference]:
    """The components of which there is something to show, the worst first."""
    order = list(Verdict)
    shown = (each for each in difference.components if each.verdict is not Verdict.SAME)
    return sorted(shown, key=lambda each: order.index(each.verdict))


def heading(component: ComponentDifference) -> str:
    """What became of a component, and why: `"worse: the minimum rises"`."""
    if component.presence is Presence.ADDED:
        skipped = isinstance(component.changes[0].after, str) if component.changes else False
        return "added, but skipped" if skipped else "added"
    reasons = "; ".join(reason.text for reason in component.reasons) or _what_changed(component)
    return f"{component.verdict.value}: {reasons}" if reasons else component.verdict.value


def _what_changed(component: ComponentDifference) -> str:
    fields = ", ".join(change.field.replace("_", " ") for change in component.changes)
    counts = Counter(layer.presence for layer in component.layers)
    words = ((Presence.BOTH, "changed"), (Presence.REMOVED, "gone"), (Presence.ADDED, "new"))
    layers = [f"{counts[presence]:,} {word}" for presence, word in words if counts[presence]]
    if layers:
        number, word = layers[0].split()
        layers[0] = f"{number} layer{'' if number == '1' else 's'} {word}"
    return "; ".join(filter(None, (fields, ", ".join(layers))))


def side(report: SavedReport) -> str:
    """One of the two reports: where it is from, and of what."""
    of = f"{report.model} ({report.config})" if report.config else report.model
    mode = ", in training mode" if report.mode == "train" else ""
    return f"{report.origin}: {of}{mode}"


def rows(component: ComponentDifference) -> list[tuple[str, str, str]]:
    """What changed in a component: label, value in A, value in B. What became of the lengths comes first."""
    found = [
        (label, "", _set(lengths, _variable(component)))
        for label, lengths in (
            ("lost", component.lost),
            ("gained", component.gained),
            ("now unknown", component.undecided),
            ("now decided", component.decided),
        )
        if lengths
    ]
    one_sided = component.before or component.after
    if one_sided is not None and component.presence is not Presence.BOTH:
        limits = _set(one_sided.valid, one_sided.variable)
        found.append(("valid", limits, "") if component.before else ("valid", "", limits))
    for change in component.changes:
        before = value_text(change.field, change.before, component.before)
        after = value_text(change.field, change.after, component.after)
        found.append((change.field.replace("_", " "), before, after))
    if component.compared is None:
        return found
    first, last = component.compared
    if last is not None and component.verdict is not Verdict.SAME:
        found.append(("compared", "", f"{first:,} to {last:,}, which both swept"))
    return found


def value_text(field: str, value: Value, component: SavedComponent | None) -> str:
    """A value of a component's field, in words."""
    if isinstance(value, LengthSet):
        return _set(value, component.variable if component is not None else "T")
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        separator = {"swept": " to ", "inputs": ", ", "decided_by": ", ", "failures": "; "}.get(field, "x")
        return separator.join(f"{each:,}" if isinstance(each, int) else each for each in value)
    if isinstance(value, int) and component is not None and field in ("minimum", "threshold", "maximum"):
        return units.equivalents(Unit(component.unit, component.seconds_per_step), value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def layer_rows(component: ComponentDifference) -> list[tuple[str, str, str, str]]:
    """What changed in the layers that are in both reports: layer, what, value in A, value in B.

    Layers that changed alike stand together, under the first of them.
    """
    alike: dict[tuple[Change, ...], list[str]] = {}
    for layer in component.layers:
        if layer.changes:
            alike.setdefault(layer.changes, []).append(layer_name(layer))
    found: list[tuple[str, str, str, str]] = []
    for changes, names in alike.items():
        marks = [names[0], f"and {_plural(len(names) - 1, 'layer')} alike" if len(names) > 1 else ""]
        if len(changes) == 1:
            marks = [" ".join(marks).rstrip()]
        for index, change in enumerate(changes):
            before = _layer_value(change.before, component.before)
            after = _layer_value(change.after, component.after)
            mark = marks[index] if index < len(marks) else ""
            found.append((mark, change.field.replace("_", " "), before, after))
    return found


def layers_in_one(component: ComponentDifference) -> list[tuple[str, list[str]]]:
    """The layers that only one report has: a label, and their names."""
    found: list[tuple[str, list[str]]] = []
    for label, presence in (("gone", Presence.REMOVED), ("new", Presence.ADDED)):
        names = [layer_name(layer) for layer in component.layers if layer.presence is presence]
        if names:
            found.append((f"{label}, {_plural(len(names), 'layer')}", names))
    return found


def layer_name(layer: LayerDifference) -> str:
    """The layer, with which call it is where it is called more than once."""
    return f"{layer.name} (call {layer.call})" if layer.calls > 1 else layer.name


def table(difference: Difference, console: Console) -> str:
    """The whole difference as text for a console, as wide and as colourful as the console is."""
    with console.capture() as captured:
        _print(difference, console)
    return "".join(line.rstrip() + "\n" for line in captured.get().splitlines())


def document(difference: Difference) -> str:
    """The whole difference as a JSON document of the schema `shapecheck.diff/1`, ending with a newline."""
    values = {
        "schema": SCHEMA,
        "shapecheck_version": __version__,
        "model": difference.after.model,
        "verdict": difference.verdict.value,
        "summary": sentence(difference),
        "before": _side_values(difference.before),
        "after": _side_values(difference.after),
        "notes": list(difference.notes),
        "components": [_component_values(component) for component in difference.components],
    }
    return json_text(values, _EXPANDED_LEVELS) + "\n"


def _print(difference: Difference, console: Console) -> None:
    print_hanging(console, "", sentence(difference), style="bold")
    shown = differing(difference)
    if shown:
        print_hanging(console, "A  ", side(difference.before))
        print_hanging(console, "B  ", side(difference.after))
    for note in difference.notes:
        print_hanging(console, "note: ", note)
    for component in shown:
        console.print()
        label = Text(component.name, style="bold")
        label.append(
            f"  {heading(component)}", style="bold yellow" if component.verdict is Verdict.WORSE else "not bold"
        )
        console.print(label)
        changed = rows(component)
        width = max((len(name) for name, _, _ in changed), default=0)
        for name, before, after in changed:
            values = f"{before} -> {after}" if before and after else before or after
            print_hanging(console, f"  {name:<{width}}  ", values)
        _print_layers(console, component)


def _print_layers(console: Console, component: ComponentDifference) -> None:
    changed = layer_rows(component)
    if changed:
        names, fields, before, after = zip(*changed, strict=True)
        columns = (
            Column("layer", names, Fit.NAME),
            Column("what", fields),
            Column("A", before, Fit.WORDS),
            Column("B", after, Fit.WORDS),
        )
        console.print()
        print_table(console, [columns], [False] * len(changed))
    for label, names in layers_in_one(component):
        console.print()
        print_hanging(console, f"  {label}: ", ", ".join(names))


def _layer_value(value: Value, component: SavedComponent | None) -> str:
    if isinstance(value, tuple):
        return "x".join(map(str, value)) or "none"
    return value_text("", value, component)


def _variable(component: ComponentDifference) -> str:
    known = component.after or component.before
    return known.variable if known is not None else "T"


def _set(lengths: LengthSet, variable: str) -> str:
    return lengths.text(variable, limit=LONGEST_SET)


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _side_values(report: SavedReport) -> dict[str, Any]:
    return {
        "origin": report.origin,
        "config": report.config,
        "source": report.source,
        "mode": report.mode,
        "torch_version": report.torch_version,
        "shapecheck_version": report.shapecheck_version,
    }


def _component_values(component: ComponentDifference) -> dict[str, Any]:
    variable = _variable(component)
    return {
        "name": component.name,
        "presence": component.presence.value,
        "verdict": component.verdict.value,
        "reasons": [reason.text for reason in component.reasons],
        "compared": None if component.compared is None else list(component.compared),
        "lost": set_values(component.lost, variable),
        "gained": set_values(component.gained, variable),
        "undecided": set_values(component.undecided, variable),
        "decided": set_values(component.decided, variable),
        "changes": _changes_values(component.changes, component),
        "layers": [
            {
                "name": layer.name,
                "call": layer.call,
                "presence": layer.presence.value,
                "changes": _changes_values(layer.changes, component),
            }
            for layer in component.layers
        ],
    }


def _changes_values(changes: Iterable[Change], component: ComponentDifference) -> list[dict[str, Any]]:
    return [
        {
            "field": change.field,
            "before": _plain(change.before, component.before),
            "after": _plain(change.after, component.after),
        }
        for change in changes
    ]


def _plain(value: Value, component: SavedComponent | None) -> Any:
    if isinstance(value, LengthSet):
        return set_values(value, component.variable if component is not None else "T")
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
