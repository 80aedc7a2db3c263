"""A model's limits as text: for each component a heading, a row for each layer call and what fails; then the summary.

Everything is said in words and marks, never by colour alone. Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import starmap

from rich.console import Console
from rich.text import Text

from shapecheck.model import ComponentReport, ModelReport
from shapecheck.options import Layers
from shapecheck.render import cells, units
from shapecheck.render.columns import Column, Fit, print_hanging, print_table
from shapecheck.report import Failure, LayerLimit, Undecided

MARK = ">>"  # before the row of a layer that decides

_SHORT_SET = 20  # characters

_LEGEND = {
    MARK: "decides: refuses lengths that everything before it accepts",
    "needs": "the smallest size of its own input that the layer accepts, along the axis that varies",
    "minimum": "the smallest length of the component with which the layer runs",
    "rejects": "the lengths that the layer itself refuses",
    "s, p, d": "stride, padding, dilation, where a narrow table has them behind the kernel size; 1, 0, 1 are left out",
}


def table(report: ModelReport, console: Console, layers: Layers = Layers.ALL) -> str:
    """The whole report as text for a console, as wide and as colourful as the console is."""
    with console.capture() as captured:
        print_report(report, console, layers)
    return "".join(line.rstrip() + "\n" for line in captured.get().splitlines())


def print_report(report: ModelReport, console: Console, layers: Layers = Layers.ALL) -> None:
    """Print a report part by part."""
    mode = ", in training mode" if report.train else ""
    config = f" ({report.model.config})" if report.model.config else ""
    console.print(Text(f"{report.model.name}{config}{mode}", style="bold"))
    for note in report.model.notes:
        print_hanging(console, "note: ", note)
    if layers is not Layers.NONE:
        console.print()
        for word, meaning in _LEGEND.items():
            print_hanging(console, f"  {word:<9}", meaning, style="dim")
    for entry in report.components:
        console.print()
        _print_component(console, entry, layers)
    console.print()
    _print_summary(console, report)
    for sentence in report.advice:
        console.print()
        console.print(Text(sentence))


def _print_component(console: Console, entry: ComponentReport, layers: Layers) -> None:
    component, report = entry.component, entry.report
    heading = Text(entry.name, style="bold")
    heading.append(f"  {component.class_name}, {component.role}", style="not bold")
    console.print(heading)
    inputs = ", ".join(report.inputs)
    print_hanging(
        console, "  input    ", f"{inputs}; {report.variable} counts {component.unit.name}" if inputs else "none"
    )
    print_hanging(console, "  valid    ", cells.validity(report), style="bold" if report.failures else None)
    if report.minimum is not None:
        print_hanging(console, "  minimum  ", cells.minimum(entry))
    listed = layers.of(report.layers)
    if listed:
        console.print()
        _print_layers(console, listed, report.variable)
    for failure in report.failures:
        console.print()
        _print_failure(console, failure, report.variable)
    for undecided in report.undecided:
        console.print()
        _print_undecided(console, undecided, report.variable)


def _print_layers(console: Console, layers: Sequence[LayerLimit], variable: str) -> None:
    def column(title: str, cell: Callable[[LayerLimit], str], fit: Fit = Fit.WHOLE, *, right: bool = False) -> Column:
        return Column(title, tuple(map(cell, layers)), fit, right)

    mark = column("", lambda layer: MARK if layer.is_binding else "")
    marks = [mark] if any(mark.cells) else []
    name = column("layer", lambda layer: layer.name, Fit.NAME)
    kind = column("kind", lambda layer: layer.kind)
    sizes = [
        column("kernel", lambda layer: cells.sizes(layer.kernel_size)),
        column("stride", lambda layer: cells.short(layer.stride)),
        column("padding", lambda layer: cells.short(layer.padding)),
        column("dilation", lambda layer: cells.short(layer.dilation)),
    ]
    merged_sizes = column("kernel", cells.geometry)
    kind_and_sizes = column("kind", lambda layer: f"{layer.kind} {cells.geometry(layer)}".removesuffix(" -"), Fit.WORDS)
    lengths = [
        column("input length", lambda layer: layer.input_length, Fit.WORDS),
        column("output length", lambda layer: layer.output_length, Fit.WORDS),
    ]
    both_lengths = column("length", _lengths, Fit.WORDS)
    limits = [
        column("needs", cells.needs, right=True),
        column("minimum", cells.layer_minimum, right=True),
    ]
    rejects = column(
        "rejects", lambda layer: cells.set_text(layer.rejects, variable) if layer.rejects else "-", Fit.WORDS
    )
    if max(map(len, rejects.cells)) <= _SHORT_SET:
        rejects = replace(rejects, fit=Fit.WHOLE)  # the few rows that decide are those that must not wrap
    print_table(
        console,
        layouts=(
            (*marks, name, kind, *sizes, *lengths, *limits, rejects),
            (*marks, name, kind, merged_sizes, *lengths, *limits, rejects),
            (*marks, name, kind_and_sizes, both_lengths, *limits, rejects),
            (*marks, name, kind_and_sizes, both_lengths, *limits),  # what is rejected stands below the table, too
        ),
        emphasized=[layer.is_binding for layer in layers],
    )


def _lengths(layer: LayerLimit) -> str:
    if layer.input_length == layer.output_length:
        return layer.input_length
    return f"{layer.input_length} -> {layer.output_length}"


def _print_failure(console: Console, failure: Failure, variable: str) -> None:
    where = f"{cells.set_text(failure.lengths, variable)} at {_place(failure)}"
    print_hanging(console, "  fails    ", where, style="bold")
    at = f"{variable} = {failure.at}"
    print_hanging(console, "           ", f"with {' and '.join((at, *failure.draws))}: {failure.error}")
    if failure.chain:
        print_hanging(console, "           ", f"what changed the length on the way, with {at}:")
    rows = [
        (
            step.layer,
            step.operation,
            f"{step.before} -> {step.after}",
            "" if step.value is None else f"= {step.value:,}",
        )
        for step in failure.chain
    ]
    indent = " " * 13
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    fits = len(indent) + sum(widths) + 2 * (len(widths) - 1) <= console.width
    for row in rows:
        parts = starmap(str.ljust, zip(row, widths, strict=True)) if fits else filter(None, row)
        print_hanging(console, indent, "  ".join(parts))


def _print_undecided(console: Console, undecided: Undecided, variable: str) -> None:
    where = f"{cells.set_text(undecided.lengths, variable)} at {_place(undecided)}"
    print_hanging(console, "  unknown  ", where, style="bold")
    print_hanging(console, "           ", undecided.reason)


def _place(event: Failure | Undecided) -> str:
    return f"{event.layer} ({event.operation})" if event.operation else event.layer


def _print_summary(console: Console, report: ModelReport) -> None:
    entries = report.components
    reports = [entry.report for entry in entries]

    def in_unit(convert: units.Conversion) -> tuple[str, ...]:
        return tuple(
            "-" if entry.report.minimum is None else convert(entry.component.unit, entry.report.minimum) or "-"
            for entry in entries
        )

    names = Column("component", tuple(entry.name for entry in entries), Fit.NAME)
    unit = Column("unit", tuple(entry.component.unit.name for entry in entries), Fit.WORDS)
    valid = Column("valid", tuple(map(cells.valid_or_unknown, reports)), Fit.WORDS)
    mel_frames = Column("mel frames", in_unit(units.mel_frames), right=True)
    samples = Column("samples", in_unit(units.samples), right=True)
    seconds = Column("seconds", in_unit(units.seconds), right=True)
    convs = Column("convs", tuple(map(cells.conv_layers, reports)), right=True)
    deciding = Column("decided by", tuple(", ".join(cells.deciding(each)) or "-" for each in reports), Fit.NAME)
    durations = [column for column in (mel_frames, samples, seconds) if set(column.cells) != {"-"}]
    console.print(Text("Summary: the smallest length of each component", style="bold"))
    print_table(
        console,
        layouts=(
            (names, valid, unit, *durations, convs, deciding),
            (names, valid, unit, *durations[-2:], deciding),
            (names, valid, unit, *durations[-1:], deciding),
        ),
        emphasized=[False] * len(entries),
    )
    for skipped in report.skipped:
        print_hanging(console, "skipped: ", f"{skipped.name}: {skipped.reason}")
