"""What the page shows, as values: tiles, tables, sections, and the data that its script reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from shapecheck._version import __version__
from shapecheck.model import ComponentReport, ModelReport
from shapecheck.preflight import Finding, Preflight
from shapecheck.render import cells, units
from shapecheck.render.document import short_version
from shapecheck.render.explanation import place
from shapecheck.render.page.data import data, slider_values
from shapecheck.render.page.funnels import Funnel, funnels
from shapecheck.render.page.maps import Map, component_map, extent, overview
from shapecheck.render.page.slider import slider
from shapecheck.render.preflight import event, facts, timeline, verdict
from shapecheck.report import LayerLimit, Report

LONGEST_FILE_LIST = 10  # files shown for a finding


@dataclass(frozen=True, slots=True)
class Section:
    """One component."""

    identity: str
    entry: ComponentReport
    status: str  # refuses, accepts, unknown
    valid: str
    facts: tuple[tuple[str, str], ...]
    map: Map
    funnels: tuple[Funnel, ...]
    events: tuple[Event, ...]
    calls: int
    refusing: int


@dataclass(frozen=True, slots=True)
class Event:
    """Lengths that are refused, or undecided, at one place."""

    kind: str  # refused, unknown
    lengths: str
    extent: str
    place: str
    message: str
    condition: str  # "with T = 64"


@dataclass(frozen=True, slots=True)
class Tile:
    label: str
    value: str
    note: str


def values(report: ModelReport, preflight: Preflight | None, *, versions: bool) -> dict[str, Any]:
    """All that the template needs. Without `versions`, only their first two numbers are named."""
    entries = report.components
    identities = _identities(entry.name for entry in entries)
    own = _shortest(preflight)
    made = slider(report, own)
    named = (__version__, version("torch"))
    shapecheck, torch = named if versions else map(short_version, named)
    return {
        "report": report,
        "mode": "training mode" if report.train else "evaluation mode",
        "versions": f"shapecheck {shapecheck} with PyTorch {torch}",
        "tiles": _tiles(report, preflight),
        "summary": [_summary(entry, identity) for entry, identity in zip(entries, identities, strict=True)],
        "units": _columns(entries),
        "maps": overview(entries, identities) if len(entries) > 1 else (),
        "own": own is not None,
        **slider_values(made, entries, identities),
        "sections": [_section(entry, identity) for entry, identity in zip(entries, identities, strict=True)],
        "layers": [
            (entry, identity, _cells(layer, entry.report))
            for entry, identity in zip(entries, identities, strict=True)
            for layer in entry.report.layers
        ],
        "preflight": None if preflight is None else _preflight(preflight),
        "data": data(report, made, identities),
    }


def _shortest(preflight: Preflight | None) -> int | None:
    """Samples of the shortest clip that the pre-flight has measured."""
    lists = (preflight.data or {}) if preflight is not None else {}
    found = [values["shortest_samples"] for values in lists.values() if values.get("shortest_samples") is not None]
    return min(found, default=None)


def _identities(names: Iterable[str]) -> list[str]:
    """Fragments of an address, each once: `"component-style_encoder"`."""
    found: list[str] = []
    for name in names:
        plain = "component-" + (re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-") or "unnamed")
        unique, number = plain, 2
        while unique in found:
            unique, number = f"{plain}-{number}", number + 1
        found.append(unique)
    return found


def _tiles(report: ModelReport, preflight: Preflight | None) -> list[Tile]:
    reports = [entry.report for entry in report.components]
    proved = sum(each.proved for each in reports)
    undecided = sum(bool(each.unknown) for each in reports)
    refusing = sum(bool(each.invalid) for each in reports)
    calls = sum(len(each.layers) for each in reports)
    convs = sum(int(cells.conv_layers(each)) for each in reports)
    listed = f"{_counted(convs, 'conv layer')}, {_counted(calls, 'call')} of layers"
    tiles = [] if preflight is None else [Tile("Pre-flight", preflight.verdict.value, f"stage {preflight.stage}")]
    return [
        *tiles,
        Tile("Analysed", _counted(len(reports), "component"), listed),
        Tile("Refuse lengths", f"{refusing:,} of {len(reports):,}", "with the layer and PyTorch's message"),
        Tile("Proved", f"{proved:,} of {len(reports):,}", "for every length, past the sweep too"),
        Tile("Undecided", f"{undecided:,} of {len(reports):,}", "no length is guessed"),
    ]


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _columns(entries: Sequence[ComponentReport]) -> dict[str, bool]:
    """Which of the units any component has."""
    found = [entry.component.unit for entry in entries]
    return {
        "mel_frames": any(unit.mel_frames is not None for unit in found),
        "samples": any(unit.samples is not None for unit in found),
        "seconds": any(unit.seconds is not None for unit in found),
    }


def summary_cells(entry: ComponentReport) -> dict[str, str]:
    """A row of the summary: the smallest length in every unit, what decides it, and whether it is proved."""
    report, unit = entry.report, entry.component.unit
    least = report.minimum
    return {
        "component": entry.name,
        "role": entry.component.role,
        "valid": cells.valid_or_unknown(report),
        "unit": unit.name,
        "minimum": "none" if least is None else f"{least:,}",
        "mel_frames": "-" if least is None else units.mel_frames(unit, least) or "-",
        "samples": "-" if least is None else units.samples(unit, least) or "-",
        "seconds": "-" if least is None else units.seconds(unit, least) or "-",
        "convs": cells.conv_layers(report),
        "decided_by": ", ".join(cells.deciding(report)) or "-",
        "proved": "proved" if report.proved else f"swept {report.swept[0]:,} to {report.swept[1]:,}",
    }


def _summary(entry: ComponentReport, identity: str) -> dict[str, str]:
    return {"identity": identity, "status": _status(entry.report), **summary_cells(entry)}


def _status(report: Report) -> str:
    return "unknown" if report.unknown else "refuses" if report.invalid else "accepts"


def component_facts(entry: ComponentReport) -> list[tuple[str, str]]:
    """What is to be said of a component in a line each: a label and a text."""
    report = entry.report
    inputs = ", ".join(report.inputs)
    found = [("input", f"{inputs}; {report.variable} counts {entry.component.unit.name}" if inputs else "none")]
    found.append(("valid", cells.validity(report)))
    if report.minimum is not None:
        found.append(("minimum", cells.minimum(entry)))
    return found


def _section(entry: ComponentReport, identity: str) -> Section:
    report = entry.report
    return Section(
        identity=identity,
        entry=entry,
        status=_status(report),
        valid=cells.valid_or_unknown(report),
        facts=tuple(component_facts(entry)),
        map=component_map(entry, f"map-{identity}"),
        funnels=funnels(entry),
        events=events(entry),
        calls=len(report.layers),
        refusing=sum(bool(layer.rejects) for layer in report.layers),
    )


def events(entry: ComponentReport) -> tuple[Event, ...]:
    """The failures and what is undecided, each with the words of its message."""
    report, unit = entry.report, entry.component.unit
    refused = [
        Event(
            "refused",
            cells.set_text(failure.lengths, report.variable),
            extent(failure.lengths, unit),
            place(failure.layer, failure.operation),
            failure.error,
            " and ".join((f"with {report.variable} = {failure.at:,}", *failure.draws)),
        )
        for failure in report.failures
    ]
    undecided = [
        Event(
            "unknown",
            cells.set_text(each.lengths, report.variable),
            extent(each.lengths, unit),
            place(each.layer, each.operation),
            each.reason,
            "",
        )
        for each in report.undecided
    ]
    return (*refused, *undecided)


def layer_cells(layer: LayerLimit, variable: str) -> dict[str, str]:
    """A row of the table of layers."""
    return {
        "layer": layer.name,
        "kind": layer.kind,
        "kernel": cells.sizes(layer.kernel_size),
        "stride": cells.short(layer.stride),
        "padding": cells.short(layer.padding),
        "dilation": cells.short(layer.dilation),
        "input": layer.input_length,
        "output": layer.output_length,
        "needs": cells.needs(layer),
        "minimum": cells.layer_minimum(layer),
        "rejects": cells.set_text(layer.rejects, variable) if layer.rejects else "-",
    }


def _cells(layer: LayerLimit, report: Report) -> dict[str, Any]:
    return {**layer_cells(layer, report.variable), "decides": layer.is_binding, "refuses": bool(layer.rejects)}


def _preflight(preflight: Preflight) -> dict[str, Any]:
    return {
        "value": preflight,
        "verdict": verdict(preflight),
        "state": preflight.verdict.name.lower().replace("_", "-"),
        "timeline": timeline(preflight),
        "thresholds": [(event(each), each) for each in preflight.thresholds],
        "facts": facts(preflight),
        "findings": [(found, *_files(found)) for found in preflight.findings],
    }


def _files(found: Finding) -> tuple[list[str], int]:
    """The first files of a finding with their numbers, and how many more there are."""
    shown = [
        file.place + (f" ({', '.join(f'{name} {value}' for name, value in file.numbers.items())})" * bool(file.numbers))
        for file in found.files[:LONGEST_FILE_LIST]
    ]
    return shown, len(found.files) - len(shown)
