"""An explanation as text: the way of the length, what refuses it, what runs, what would decide next; and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.text import Text

from shapecheck._version import __version__
from shapecheck.explanation import Bottleneck, Explanation, Outcome
from shapecheck.model import Component
from shapecheck.render import units
from shapecheck.render.cells import LONGEST_SET, geometry
from shapecheck.render.columns import Column, Fit, print_hanging, print_table
from shapecheck.render.document import failure_values, json_text, set_values, step_values
from shapecheck.render.table import MARK

SCHEMA = "shapecheck.explanation/1"
Stage = tuple[str, str, str, str, bool]  # layer, operation, formula, size, whether it refuses the length

_EXPANDED_LEVELS = 3


def text(component: Component, found: Explanation, console: Console) -> str:
    """The whole explanation, ending with a newline."""
    report, variable = found.report, found.report.variable
    with console.capture() as capture:
        heading = Text(component.name, style="bold")
        of = ", ".join(filter(None, (component.class_name, component.role)))
        heading.append(f"  {of}", style="not bold")
        console.print(heading)
        print_hanging(console, "  input    ", f"{', '.join(report.inputs)}; {variable} counts {component.unit.name}")
        print_hanging(console, "  length   ", sentence(component, found), style="bold")
        console.print()
        _print_way(console, found)
        if found.failure is not None:
            console.print()
            print_hanging(console, "  PyTorch  ", " ".join((found.failure.error, *found.failure.draws)))
        for reason in found.reasons:
            print_hanging(console, "  unknown  ", reason)
        print_hanging(console, "  runs     ", _runs(component, found))
        console.print()
        _print_bottlenecks(console, found, variable)
    return "".join(line.rstrip() + "\n" for line in capture.get().splitlines())


def document(component: Component, found: Explanation) -> str:
    """The whole explanation as a JSON document, ending with a newline."""
    report, variable = found.report, found.report.variable
    limit = found.limit
    values: dict[str, Any] = {
        "schema": SCHEMA,
        "shapecheck_version": __version__,
        "component": component.name,
        "variable": variable,
        "unit": component.unit.name,
        "seconds_per_step": component.unit.seconds,
        "inputs": list(report.inputs),
        "length": found.length,
        "outcome": found.outcome.value,
        "valid": set_values(report.valid, variable),
        "proved": report.proved,
        "below": found.below,
        "above": found.above,
        "steps": [step_values(step) for step in found.steps],
        "failure": None if found.failure is None else failure_values(found.failure, variable),
        "needs": None if limit is None else limit.needs,
        "got": found.got,
        "bottlenecks": [
            {
                "layer": each.layer,
                "operation": each.operation,
                "refuses": set_values(each.refuses, variable),
                "error": each.error,
                "then_valid": set_values(each.valid, variable),
                "then_minimum": each.minimum,
            }
            for each in found.bottlenecks
        ],
        "rest": [failure_values(failure, variable) for failure in found.rest],
        "reasons": list(found.reasons),
    }
    return json_text(values, _EXPANDED_LEVELS) + "\n"


def sentence(component: Component, found: Explanation) -> str:
    """`"T = 64: 64 mel frames = 19,200 samples = 0.8 s: refused by shared.6, which needs 5 and gets 4"`."""
    start = f"{found.report.variable} = {found.length:,}: {units.equivalents(component.unit, found.length)}"
    if found.outcome is Outcome.VALID:
        return f"{start}: runs"
    if found.failure is None:
        return f"{start}: unknown"
    needs = found.limit.needs if found.limit is not None else None
    why = f", which needs {needs:,} and gets {found.got:,}" if needs is not None and found.got is not None else ""
    return f"{start}: refused by {place(found.failure.layer, found.failure.operation)}{why}"


def place(layer: str, operation: str) -> str:
    """`"shared.6 (conv2d)"`; a function's name stands once: `"encoder.stft"`."""
    return layer if not operation or layer.rpartition(".")[2] == operation else f"{layer} ({operation})"


def stages(found: Explanation) -> list[Stage]:
    """The input, each step, and the layer that refuses the length."""
    variable = found.report.variable
    settings = {each.name: f" {geometry(each)}".removesuffix(" -") for each in found.report.layers}
    first = found.steps[0].before if found.steps else variable
    start = variable if first == variable else f"{variable}; {first}"
    rows = [("input", "", start, f"{found.length:,}", False)]
    rows += [
        (
            step.layer,
            step.operation + settings.get(step.layer, ""),
            step.after,
            "" if step.value is None else f"{step.value:,}",
            False,
        )
        for step in found.steps
    ]
    if found.failure is not None:
        limit = found.limit
        kind = found.failure.operation if limit is None else f"{limit.kind} {geometry(limit)}".removesuffix(" -")
        needs = "" if limit is None or limit.needs is None else f"needs {limit.needs:,}"
        got = "" if found.got is None or not needs else f"{found.got:,}"
        rows.append((found.failure.layer, kind, needs, got, True))
    return rows


def _print_way(console: Console, found: Explanation) -> None:
    rows = stages(found)
    marks = tuple(MARK if refuses else "" for *_, refuses in rows)
    print_table(
        console,
        layouts=(
            (
                *([Column("", marks)] if any(marks) else []),
                Column("layer", tuple(row[0] for row in rows), Fit.NAME),
                Column("operation", tuple(row[1] for row in rows), Fit.WORDS),
                Column("length after it", tuple(row[2] for row in rows), Fit.WORDS),
                Column(f"at {found.report.variable} = {found.length:,}", tuple(row[3] for row in rows), right=True),
            ),
        ),
        emphasized=[refuses for *_, refuses in rows],
    )


def _runs(component: Component, found: Explanation) -> str:
    report, unit = found.report, component.unit
    valid = report.valid.text(report.variable, limit=LONGEST_SET)
    whole = f"{valid} ({'proved for every length' if report.proved else 'of those swept'})"
    near = [
        f"{length if found.outcome is Outcome.VALID else units.equivalents(unit, length)}"
        f" ({abs(length - found.length):,} {'less' if length < found.length else 'more'})"
        for length in (found.below, found.above)
        if length is not None
    ]
    if found.outcome is Outcome.VALID:
        return whole + (f"; the nearest refused: {' and '.join(near)}" if near else "; none is refused")
    return whole + (f"; the nearest: {' and '.join(near)}" if near else "")


def _print_bottlenecks(console: Console, found: Explanation, variable: str) -> None:
    if not found.bottlenecks:
        if found.report.invalid:
            print_hanging(console, "  next     ", "what would decide after this layer is not known")
        return
    groups = grouped(found.bottlenecks)
    print_hanging(
        console, "", "What would run if these layers accepted everything, each with all those above it:", style="bold"
    )
    print_table(
        console,
        layouts=(
            (
                Column("layer", tuple(_names(group) for group in groups), Fit.NAME),
                Column("operation", tuple(group[0].operation for group in groups)),
                Column("refuses", tuple(_set(group[0].refuses, variable) for group in groups), Fit.WORDS),
                Column("then valid", tuple(_set(group[-1].valid, variable) for group in groups), Fit.WORDS),
            ),
        ),
        emphasized=[False] * len(groups),
    )
    for failure in found.rest:
        where = place(failure.layer, failure.operation)
        print_hanging(console, "", f"{where} refuses {_set(failure.lengths, variable)} whatever the others do")


def grouped(bottlenecks: Sequence[Bottleneck]) -> list[list[Bottleneck]]:
    """Neighbours that are one kind of operation and refuse the same: only with all of them anything changes."""
    return [list(group) for _, group in groupby(bottlenecks, key=lambda each: (each.operation, each.refuses))]


def _names(group: Sequence[Bottleneck]) -> str:
    return group[0].layer + (f" and {len(group) - 1:,} alike" if len(group) > 1 else "")


def _set(lengths: Any, variable: str) -> str:
    return lengths.text(variable, limit=LONGEST_SET)


__all__ = ["SCHEMA", "document", "grouped", "place", "sentence", "stages", "text"]
