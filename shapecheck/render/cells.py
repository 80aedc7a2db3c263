"""What a report says, as the words of one cell or line each; every way of showing a report takes them from here."""

from __future__ import annotations

from shapecheck.lengths.lengthset import LengthSet
from shapecheck.model import ComponentReport
from shapecheck.render import units
from shapecheck.report import NOT_CALLED, NOT_FOLLOWED, LayerLimit, Report

LONGEST_SET = 60  # characters; what a longer text leaves out is counted in it, and the JSON document has it all


def validity(report: Report) -> str:
    first, last = report.swept
    text = set_text(report.valid, report.variable)
    if report.unknown:
        text += f"; unknown: {set_text(report.unknown, report.variable)}"
    if report.proved:
        return f"{text} (proved for every length; swept {first:,} to {last:,})"
    run = f"; run, not proved: PyTorch executed {', '.join(report.executed)} at each length" if report.executed else ""
    return f"{text} (of the swept {first:,} to {last:,}{run}; nothing is said of other lengths)"


def minimum(entry: ComponentReport) -> str:
    report, unit = entry.report, entry.component.unit
    assert report.minimum is not None
    text = units.equivalents(unit, report.minimum)
    least_unknown = report.unknown.minimum
    if least_unknown is not None and least_unknown < report.minimum:
        text += ", or less: smaller lengths are unknown"
    elif report.minimum == report.swept[0] > 1:
        text += ", the first length swept"
    if report.threshold not in (None, report.minimum):
        text += f"; without a gap from {report.threshold:,}"
    if report.maximum is not None and (report.proved or report.maximum < report.swept[1]):
        text += f"; at most {units.equivalents(unit, report.maximum)}"
    return text


def sizes(values: tuple[int, ...]) -> str:
    """`(3, 3)` -> `"3x3"`."""
    return "x".join(map(str, values)) or "-"


def short(values: tuple[int, ...]) -> str:
    """Like `sizes`, but equal values once: `(2, 2)` -> `"2"`."""
    return sizes(values[:1] if len(set(values)) == 1 else values)


def geometry(layer: LayerLimit) -> str:
    """All four in one: `"5x5 s2 p2"`; what has the value that a layer has by default is left out."""
    if not layer.kernel_size:
        return "-"
    named = (("s", layer.stride, 1), ("p", layer.padding, 0), ("d", layer.dilation, 1))
    others = [f"{letter}{short(values)}" for letter, values, default in named if set(values) - {default}]
    return " ".join([sizes(layer.kernel_size), *others])


def needs(layer: LayerLimit) -> str:
    if layer.needs is None:
        return "-" if layer.input_length in ("-", NOT_CALLED) else "?"  # nothing varies there; not decided
    return f"{layer.needs:,}"


def layer_minimum(layer: LayerLimit) -> str:
    if layer.minimum is None:
        return "-" if layer.input_length in (NOT_CALLED, NOT_FOLLOWED) else "none"
    return f"{layer.minimum:,}"


def valid_or_unknown(report: Report) -> str:
    text = set_text(report.valid, report.variable)
    return f"{text}; unknown: {set_text(report.unknown, report.variable)}" if report.unknown else text


def conv_layers(report: Report) -> str:
    """How many conv layers the component uses; one that is called twice counts once."""
    return str(len({layer.name for layer in report.layers if layer.is_conv and layer.input_length != NOT_CALLED}))


def deciding(report: Report) -> list[str]:
    """The layers that refuse the lengths next to the valid ones; every layer that refuses any, where none is valid."""
    edges = (report.minimum, report.threshold)
    beside = {edge - 1 for edge in edges if edge is not None}
    if report.maximum is not None:
        beside.add(report.maximum + 1)
    layers = (failure.layer for failure in report.failures if not beside or any(n in failure.lengths for n in beside))
    return list(dict.fromkeys(layers))


def set_text(lengths: LengthSet, variable: str) -> str:
    return lengths.text(variable, limit=LONGEST_SET)
