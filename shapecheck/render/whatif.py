"""What edits do as text: the lines to change, then before and after, the checkpoint and eager PyTorch.

Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from shapecheck.changes.comparison import Side, TensorChange, WhatIf
from shapecheck.changes.editing import Applied
from shapecheck.changes.search import Search
from shapecheck.lengths.lengthset import LengthSet
from shapecheck.model import Unit
from shapecheck.receptive import ReceptiveField
from shapecheck.render import units
from shapecheck.render.columns import Column, Fit, print_hanging, print_table
from shapecheck.report import Report

LONGEST_SET = 60  # characters; what a longer text leaves out is counted in it, and the document has it all

_MOST_TENSORS = 6  # named; the document has all
_MOST_OUTPUTS = 4
_MOST_BESIDE = 3
_MOST_TRIED = 8


def text(result: WhatIf | None, found: Search | None, console: Console) -> str:
    """What the edits do, if there are any, and what a search from there found; ends with a newline."""
    with console.capture() as captured:
        if result is not None:
            _print_result(console, result)
        if found is not None:
            if result is not None:
                console.print()
            _print_search(console, found)
    return "".join(line.rstrip() + "\n" for line in captured.get().splitlines())


def change_lines(result: WhatIf) -> list[str]:
    """What is to be changed, a line each; lines that say more of the one above begin with two spaces."""
    lines: list[str] = []
    for key in result.keys:
        lines += [f"{key.file or 'configuration'}: {key.path}  {key.before or 'not given'} -> {key.after}"]
        lines += [f"  {key.line}"]
    for changes in _by_layer(result.changes):
        first = changes[0]
        where = "" if first.origin is None else f"{first.origin}: "
        if first.setting:
            what = ": " + ", ".join(f"{each.setting} {each.before} -> {each.after}" for each in changes)
        else:
            what = f" -> {first.after}"
        lines.append(f"{where}{first.layer}  {first.kind}{what}")
        if first.origin is not None and first.origin.text:
            lines.append(f"  {first.origin.text}")
        if first.also:
            lines.append(f"  the line makes {_listed(first.also, _MOST_BESIDE)}, too: change {first.layer} only")
        lines += dict.fromkeys(f"  {note}" for each in changes for note in each.notes)
    return lines


def field_text(field: ReceptiveField, unit: Unit) -> str:
    """`"187 mel frames = 2,337.5 ms, before AdaptiveAvgPool2d shared.7"`."""
    if field.unknown:
        return f"unknown: {field.unknown}"
    if field.size is None:
        return f"the whole input, by {field.whole_by}" if field.whole_by else "the whole input"
    size = f"{field.size:,} {units.singular(unit.name) if field.size == 1 else unit.name}"
    if unit.seconds is not None:
        size += f" = {units.number(round(field.size * unit.seconds * 1000, 6))} ms"
    return f"{size}, before {field.before}" if field.before else size


def checkpoint_lines(result: WhatIf) -> list[str]:
    """What becomes of the tensors of a checkpoint of the model as it was."""
    lines: list[str] = []
    for found, what in (
        (result.reshaped, "no longer load: load_state_dict raises"),
        (result.added, "are new: a checkpoint does not have them"),
        (result.unused, "are no longer used: load_state_dict raises if it is strict"),
    ):
        if found:
            names = _listed([_tensor_text(each) for each in found], _MOST_TENSORS)
            lines.append(f"{len(found):,} tensor{'s' * (len(found) > 1)} {_verb(what, len(found))}: {names}")
    return lines or ["loads as before: every tensor keeps its name and its shape"]


def _print_result(console: Console, result: WhatIf) -> None:
    component, before, after = result.component, result.before, result.after
    variable = after.report.variable
    heading = Text(component.name, style="bold")
    kind = ", ".join(filter(None, (component.class_name, component.role)))
    heading.append(f"  {kind}", style="not bold")
    console.print(heading)
    print_hanging(console, "  input   ", f"{', '.join(after.report.inputs)}; {variable} counts {component.unit.name}")
    _print_changes(console, "  change  ", result)
    console.print()
    rows = [
        ("valid", _valid(before.report), _valid(after.report)),
        ("minimum", _minimum(before.report, component.unit), _minimum(after.report, component.unit)),
        ("output", *_outputs(before, after)),
        ("receptive field", field_text(before.field, component.unit), field_text(after.field, component.unit)),
        ("parameters", f"{before.parameters:,}", f"{after.parameters:,}"),
    ]
    if result.at is not None:
        title = f"multiply-adds at {variable} = {result.at:,}"
        rows.append((title, _count(before.multiply_adds), _count(after.multiply_adds)))
    names, old, new = zip(*rows, strict=True)
    columns = (Column("", names), Column("before", old, Fit.WORDS), Column("after", new, Fit.WORDS))
    print_table(console, [columns], [False] * len(rows))
    console.print()
    for label, lengths in (("gained", result.gained), ("lost", result.lost), ("unknown", after.report.unknown)):
        if lengths:
            style = "bold yellow" if label == "lost" else None
            print_hanging(console, f"  {label:<10}  ", _set(lengths, variable), style=style)
    for number, line in enumerate(checkpoint_lines(result)):
        print_hanging(console, "  checkpoint  " if number == 0 else " " * 14, line)
    eager = confirmed_text(result)
    if eager:
        print_hanging(console, "  in eager    ", eager)


def _print_search(console: Console, found: Search) -> None:
    report = found.start
    variable = report.variable
    target = f"Target: every length from {variable} = {found.target:,} on"
    if found.is_met:
        print_hanging(console, "", f"{target}: met as it is, {_valid(report)}", style="bold")
        return
    if not found.proposals:
        print_hanging(console, "", f"{target}: no set of at most {_edits(found.most_edits)} was found", style="bold")
    else:
        count = len(found.proposals) + found.left_out
        sets = f"{count:,} set{'s' * (count > 1)} of at most {_edits(found.most_edits)}"
        print_hanging(console, "", f"{target}: {sets}, the cheapest first", style="bold")
        console.print()
        _print_proposals(console, found)
        console.print()
        for number, proposal in enumerate(found.proposals, 1):
            _print_changes(console, f"  {number:>2}  ", proposal)
        console.print()
        obstacle = found.proposals[0].confirmation.obstacle
        runs = "was run in eager PyTorch at the target and on each side of its minimum: all as analyzed"
        print_hanging(console, "", f"None was run in eager PyTorch: {obstacle}" if obstacle else f"Each {runs}.")
        if found.left_out:
            print_hanging(
                console, "", f"{found.left_out:,} more {'set is' if found.left_out == 1 else 'sets are'} not shown."
            )
    if not found.proposals:
        for obstacle in found.obstacles:
            failure = obstacle.failure
            tried = _listed([str(edit) for edit in obstacle.edits], _MOST_TRIED)
            why = f"tried: {tried}" if tried else "no padding, kernel, dilation or downsampling decides it"
            print_hanging(console, "  ", f"{failure.layer} refuses {_set(failure.lengths, variable)}; {why}")
        if not found.obstacles:
            print_hanging(console, "  ", f"no operation was found that refuses them; valid: {_valid(report)}")
    if not found.is_complete:
        print_hanging(console, "", f"The search stopped after {found.tried:,} sets: there may be others.")
    if found.undecided:
        print_hanging(console, "", f"With {found.undecided:,} of the sets, not every length was decided.")


def _print_proposals(console: Console, found: Search) -> None:
    first = found.proposals[0]
    unit = first.component.unit
    rows = [("", "as it is", first.before, "-", "-")]
    rows += [
        (str(number), _names(each, found), each.after, str(len(each.reshaped) + len(each.added)), str(len(each.unused)))
        for number, each in enumerate(found.proposals, 1)
    ]
    at = {each.at for each in found.proposals}
    adds = f"multiply-adds at {found.start.variable} = {first.at:,}" if len(at) == 1 and first.at else "multiply-adds"
    numbers, names, sides, lost, unused = zip(*rows, strict=True)
    columns = (
        Column("", numbers, right=True),
        Column("edits", names, Fit.WORDS),
        Column("valid", tuple(_valid(each.report) for each in sides), Fit.WORDS),
        Column("not loaded", lost, right=True),
        Column("unused", unused, right=True),
        Column("receptive field", tuple(_short_field(each.field, unit) for each in sides), Fit.WORDS),
        Column(adds, tuple(_count(each.multiply_adds) for each in sides), Fit.WORDS, right=True),
    )
    print_table(console, [columns], [False] * len(rows))
    for name in dict.fromkeys(each.field.before for each in sides if each.field.before):
        print_hanging(console, "", f"receptive field: of what goes into {name}, which sees everything")


def _print_changes(console: Console, label: str, result: WhatIf) -> None:
    for number, line in enumerate(change_lines(result)):
        print_hanging(console, label if number == 0 else " " * len(label), line)


def _by_layer(changes: Sequence[Applied]) -> list[list[Applied]]:
    """Settings of one layer together."""
    found: dict[str, list[Applied]] = {}
    for change in changes:
        found.setdefault(change.layer, []).append(change)
    return list(found.values())


def _names(result: WhatIf, found: Search) -> str:
    """The edits of a proposal, but for those that the search began with."""
    own = [str(edit) for edit in result.edits[found.given :]]
    return " ".join(own)


def confirmed_text(result: WhatIf) -> str:
    """`"32 refused, 33 runs"`, or why it could not be tried."""
    if result.confirmation.obstacle:
        return f"not tried: {result.confirmation.obstacle}"
    return ", ".join(f"{run.length:,} {'refused' if run.error else 'runs'}" for run in result.confirmed)


def _valid(report: Report) -> str:
    how = "proved" if report.proved else f"swept to {report.swept[1]:,}"
    return f"{_set(report.valid, report.variable)} ({how})"


def _minimum(report: Report, unit: Unit) -> str:
    return "none" if report.minimum is None else units.equivalents(unit, report.minimum)


def _outputs(before: Side, after: Side) -> tuple[str, str]:
    """Those that differ; if none does, the first few."""
    old, new = list(before.outputs), list(after.outputs)
    if len(old) == len(new) and old != new:
        pairs = [(one, other) for one, other in zip(old, new, strict=True) if one != other]
        pairs = list(dict.fromkeys(pairs))
        return _listed([one for one, _ in pairs], _MOST_OUTPUTS), _listed([other for _, other in pairs], _MOST_OUTPUTS)
    return _listed(old, _MOST_OUTPUTS) or "none", _listed(new, _MOST_OUTPUTS) or "none"


def _short_field(field: ReceptiveField, unit: Unit) -> str:
    if field.unknown:
        return "unknown"
    if field.size is None:
        return "all"
    milliseconds = "" if unit.seconds is None else f" = {units.number(round(field.size * unit.seconds * 1000, 6))} ms"
    return f"{field.size:,}{milliseconds}"


def _tensor_text(change: TensorChange) -> str:
    shapes = [str(list(shape)) for shape in (change.before, change.after) if shape is not None]
    return f"{change.name} {' -> '.join(shapes)}"


def _verb(what: str, count: int) -> str:
    """`"are new"` of one: `"is new"`; `"no longer load"`: `"no longer loads"`."""
    if count > 1:
        return what
    return what.replace("are ", "is ", 1) if what.startswith("are ") else what.replace("load:", "loads:", 1)


def _edits(count: int) -> str:
    return "1 edit" if count == 1 else f"{count} edits"


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _listed(names: Sequence[str], most: int) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _set(lengths: LengthSet, variable: str) -> str:
    return lengths.text(variable, limit=LONGEST_SET)


__all__ = ["change_lines", "checkpoint_lines", "confirmed_text", "field_text", "text"]
