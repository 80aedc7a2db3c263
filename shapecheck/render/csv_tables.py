"""The tables of a report as CSV: a line for each component, and a line for each call of each layer."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from shapecheck.model import ComponentReport, ModelReport
from shapecheck.render import cells, units

COMPONENTS = (
    "component", "class", "role", "variable", "unit", "valid", "unknown", "minimum", "threshold", "maximum",
    "mel_frames", "samples", "seconds", "convs", "decided_by", "proved", "swept_first", "swept_last",
)  # fmt: skip
LAYERS = (
    "component", "layer", "kind", "kernel_size", "stride", "padding", "dilation", "input_length", "output_length",
    "needs", "minimum", "rejects", "is_conv", "is_binding",
)  # fmt: skip


def components_csv(report: ModelReport) -> str:
    """What is not there is an empty cell; sets are written out whole."""
    return _csv(COMPONENTS, map(_component, report.components))


def layers_csv(report: ModelReport) -> str:
    """In the order of the report. `minimum` is empty where there is none, or the layer is not called."""
    rows = (
        (
            entry.name,
            layer.name,
            layer.kind,
            *map(_sizes, (layer.kernel_size, layer.stride, layer.padding, layer.dilation)),
            layer.input_length,
            layer.output_length,
            layer.needs,
            layer.minimum,
            layer.rejects.text(entry.report.variable) if layer.rejects else "",
            _flag(layer.is_conv),
            _flag(layer.is_binding),
        )
        for entry in report.components
        for layer in entry.report.layers
    )
    return _csv(LAYERS, rows)


def _component(entry: ComponentReport) -> Sequence[object]:
    report, unit, least = entry.report, entry.component.unit, entry.report.minimum
    durations = [
        None if least is None or (text := convert(unit, least)) is None else text.replace(",", "")
        for convert in (units.mel_frames, units.samples, units.seconds)
    ]
    return (
        entry.name,
        entry.component.class_name,
        entry.component.role,
        report.variable,
        unit.name,
        report.valid.text(report.variable),
        report.unknown.text(report.variable) if report.unknown else "",
        least,
        report.threshold,
        report.maximum,
        *durations,
        cells.conv_layers(report),
        " ".join(cells.deciding(report)),
        _flag(report.proved),
        *report.swept,
    )


def _csv(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(titles)
    writer.writerows(rows)
    return text.getvalue()


def _sizes(values: tuple[int, ...]) -> str:
    return "x".join(map(str, values))


def _flag(value: bool) -> str:
    return "yes" if value else "no"
