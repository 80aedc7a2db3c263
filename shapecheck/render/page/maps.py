"""The maps of lengths against layers: for each component a row for all of it and one for each layer that refuses any.

The axis of a component's map is in its own unit, with the seconds below; the map of all components is in seconds, and
those whose lengths last no time are on maps of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shapecheck.lengths.lengthset import LengthSet
from shapecheck.model import ComponentReport, Unit
from shapecheck.render import cells, units
from shapecheck.render.explanation import place
from shapecheck.render.page.axis import Axis, Tick, ticks
from shapecheck.render.page.strips import Segment, Strip, parts, strips
from shapecheck.report import Failure, LayerLimit, Report

_LONGEST = 20  # seconds or more are of no interest, unless a component has a limit there


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    detail: str
    strips: tuple[Strip, ...]
    factor: float = 1.0  # what one step of the row's lengths is on the axis
    is_whole: bool = False  # the component, not one of its layers
    link: str = ""  # the identity of the component's section


@dataclass(frozen=True, slots=True)
class Map:
    identity: str
    title: str
    unit: str  # what the axis counts
    axis: Axis
    above: tuple[Tick, ...]
    seconds: tuple[Tick, ...]  # below; () where a step has none, or they stand above
    factor: float  # seconds of a step of the axis; 0.0 where it has none
    rows: tuple[Row, ...]


def component_map(entry: ComponentReport, identity: str) -> Map:
    """All of one component, and each layer that refuses a length of it."""
    report, unit = entry.report, entry.component.unit
    axis = _axis(report)
    rows = [_whole(entry, axis)]
    rows += [
        Row(layer.name, f"{layer.kind} {cells.geometry(layer)}".removesuffix(" -"), _of_layer(layer, entry, axis))
        for layer in report.layers
        if layer.rejects
    ]
    named = {layer.name for layer in report.layers if layer.rejects}
    rows += [
        Row(failure.layer, failure.operation, _of_failure(failure, entry, axis))
        for failure in report.failures
        if failure.layer not in named
    ]
    seconds = tuple(ticks(axis, unit.seconds)) if unit.seconds and axis.low > 0 else ()
    return Map(
        identity=identity,
        title=entry.name,
        unit=unit.name,
        axis=axis,
        above=tuple(ticks(axis)),
        seconds=seconds,
        factor=unit.seconds or 0.0,
        rows=tuple(rows),
    )


def overview(entries: Sequence[ComponentReport], identities: Sequence[str]) -> tuple[Map, ...]:
    """All components, by what their lengths last; then those without a duration, by unit."""
    timed = [pair for pair in zip(entries, identities, strict=True) if pair[0].component.unit.seconds]
    maps = [_timed(timed)] if timed else []
    others: dict[str, list[tuple[ComponentReport, str]]] = {}
    for entry, identity in zip(entries, identities, strict=True):
        if not entry.component.unit.seconds:
            others.setdefault(entry.component.unit.name, []).append((entry, identity))
    for number, (name, pairs) in enumerate(others.items(), 1):
        high = max(entry.report.swept[1] for entry, _ in pairs) + 1
        axis = Axis(1, high)
        rows = tuple(_whole(entry, axis, link=identity) for entry, identity in pairs)
        maps.append(Map(f"map-{number}", f"Lengths in {name}", name, axis, tuple(ticks(axis)), (), 0.0, rows))
    return tuple(maps)


def _timed(pairs: Sequence[tuple[ComponentReport, str]]) -> Map:
    durations = [(entry, entry.component.unit.seconds or 1.0) for entry, _ in pairs]
    low = min(seconds * max(1, entry.report.swept[0]) for entry, seconds in durations)
    edges = [seconds * _last_edge(entry.report) for entry, seconds in durations]
    high = next(power for power in (1, 2, 5, 10, *(_LONGEST * 2**n for n in range(40))) if power >= 1.5 * max(edges))
    axis = Axis(low, max(high, 20 * low))
    rows = tuple(_whole(entry, axis, entry.component.unit.seconds or 1.0, link=identity) for entry, identity in pairs)
    return Map("map-0", "Lengths in seconds", "seconds", axis, tuple(ticks(axis)), (), 1.0, rows)


def _last_edge(report: Report) -> int:
    """The largest length, as far as can be told, at which something changes."""
    found = [0]
    for lengths in (report.valid, report.invalid, report.unknown):
        found += [last or first for first, last, _ in lengths.ranges() if last is None or last < report.swept[1]]
    return max(found)


def _axis(report: Report) -> Axis:
    first, last = report.swept
    if first < 1:
        return Axis(first, last + 1, is_logarithmic=False)
    return Axis(first, max(last + 1, 2 * first))


def _whole(entry: ComponentReport, axis: Axis, factor: float = 1.0, link: str = "") -> Row:
    report = entry.report
    segments = [_segment("runs", f"{entry.name} runs", report.valid, entry)]
    explained = LengthSet()
    for failure in report.failures:
        words = f"{entry.name}: {place(failure.layer, failure.operation)} refuses"
        segments.append(_segment("refused", words, failure.lengths, entry))
        explained = explained | failure.lengths
    segments.append(_segment("refused", f"{entry.name} refuses", report.invalid - explained, entry))
    segments.append(_segment("unknown", f"{entry.name} is undecided for", report.unknown, entry))
    drawn = tuple(strips(filter(_is_drawn, segments), axis, factor))
    if not link:
        return Row("all of it", cells.valid_or_unknown(report), drawn, factor, is_whole=True)
    deciding = cells.deciding(report)
    by = f", by {deciding[0]}" + (f" and {len(deciding) - 1} more" if len(deciding) > 1 else "") if deciding else ""
    return Row(entry.name, cells.valid_or_unknown(report) + by, drawn, factor, is_whole=True, link=link)


def _of_layer(layer: LayerLimit, entry: ComponentReport, axis: Axis) -> tuple[Strip, ...]:
    kind = f"{layer.name} ({layer.kind} {cells.geometry(layer)}".removesuffix(" -") + ")"
    asks = [f"needs {cells.needs(layer)} of its input {layer.input_length}"] if layer.needs is not None else []
    if layer.minimum is not None:
        asks.append(f"runs from {units.equivalents(entry.component.unit, layer.minimum)} on")
    words = f"; {', '.join(asks)}" if asks else ""
    return _refusing(kind, layer.rejects, entry, axis, words)


def _of_failure(failure: Failure, entry: ComponentReport, axis: Axis) -> tuple[Strip, ...]:
    return _refusing(place(failure.layer, failure.operation), failure.lengths, entry, axis, "")


def _refusing(name: str, refused: LengthSet, entry: ComponentReport, axis: Axis, words: str) -> tuple[Strip, ...]:
    report = entry.report
    segments = (
        _segment("runs", f"{name} is no obstacle, the component runs", report.valid - refused, entry),
        _segment("elsewhere", f"{name} is not what refuses", report.invalid - refused, entry),
        _segment("unknown", f"{name}: the component is undecided for", report.unknown - refused, entry),
        _segment("refused", f"{name} refuses", refused, entry, words),
    )
    return tuple(strips(filter(_is_drawn, segments), axis))


def _segment(state: str, words: str, lengths: LengthSet, entry: ComponentReport, more: str = "") -> Segment:
    variable, unit = entry.report.variable, entry.component.unit
    return Segment(
        state, f"{words} {cells.set_text(lengths, variable)} ({extent(lengths, unit)}){more}", parts(lengths)
    )


def _is_drawn(segment: Segment) -> bool:
    return bool(segment.ranges)


def extent(lengths: LengthSet, unit: Unit) -> str:
    """`"1 to 64 mel frames, 0.0125 to 0.8 s"`; `"from 65 mel frames on, 0.8125 s"`."""
    first, last = lengths.minimum, lengths.maximum
    if first is None:
        return "none"
    ends = [first] if last is None or last == first else [first, last]
    counted = " to ".join(f"{end:,}" for end in ends)
    durations = [text for end in ends if (text := units.seconds(unit, end)) is not None]
    seconds = f", {' to '.join(durations)} s" if durations else ""
    name = units.singular(unit.name) if ends == [1] and last is not None else unit.name
    return f"from {counted} {name} on{seconds}" if last is None else f"{counted} {name}{seconds}"


def refusing_layers(maps: Iterable[Map]) -> int:
    return sum(not row.is_whole for each in maps for row in each.rows)


__all__ = ["Map", "Row", "component_map", "extent", "overview", "refusing_layers"]
