"""What the script of the page computes with, as plain values; and the slider at its first position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shapecheck.clip import Gate
from shapecheck.model import ComponentReport, ModelReport
from shapecheck.render import cells
from shapecheck.render.explanation import place
from shapecheck.render.page.slider import FINE, Slider, formula_values, landings, outcome, seconds, told
from shapecheck.render.page.strips import Segment, parts


def slider_values(made: Slider | None, entries: Sequence[ComponentReport], identities: Sequence[str]) -> dict[str, Any]:
    """What the template shows of the slider."""
    if made is None:
        return {"slider": None}
    return {
        "slider": made,
        "occasions": _occasions(made, entries, identities),
        "chain": _chain(made),
        "told": told(made, made.start),
        "outcome": _outcome(made, entries),
        "fine": FINE,
        "seconds_of": seconds,
        "elsewhere": _not_in(made, entries),
    }


def data(report: ModelReport, made: Slider | None, identities: Sequence[str]) -> dict[str, Any]:
    """What the script computes with, as plain values."""
    found: dict[str, Any] = {
        "components": [_component(entry, name) for entry, name in zip(report.components, identities, strict=True)]
    }
    if made is not None:
        found["slider"] = {
            "isClip": made.is_clip,
            "rate": made.way.sample_rate,
            "unit": made.unit,
            "seconds": made.seconds,
            "symbol": made.way.symbol,
            "start": made.start,
            "first": made.first,
            "quantities": [[each.symbol, formula_values(each.formula)] for each in made.way.quantities],
            "occasions": [
                {
                    "name": each.name,
                    "refusal": each.refusal,
                    "gate": None if each.gate is None else _gate(each.gate),
                    "lengths": [
                        [index, formula_values(formula)]
                        for name, formula in each.lengths.items()
                        for index in made.indices[name]
                    ],
                }
                for each in made.way.occasions
            ],
        }
    return found


def _gate(gate: Gate) -> list[Any]:
    return [formula_values(gate.formula), gate.least, gate.otherwise]


def _component(entry: ComponentReport, identity: str) -> dict[str, Any]:
    report, unit = entry.report, entry.component.unit
    return {
        "id": identity,
        "name": entry.name,
        "variable": report.variable,
        "unit": unit.name,
        "seconds": unit.seconds,
        "samples": unit.samples,
        "valid": report.valid.ranges(),
        "invalid": report.invalid.ranges(),
        "unknown": report.unknown.ranges(),
        "failures": [
            {
                "lengths": failure.lengths.ranges(),
                "where": place(failure.layer, failure.operation),
                "at": failure.at,
                "error": failure.error,
            }
            for failure in report.failures
        ],
        "undecided": [
            {"lengths": each.lengths.ranges(), "where": each.layer, "error": each.reason} for each in report.undecided
        ],
        "layers": [
            [layer.name, f"{layer.kind} {cells.geometry(layer)}".removesuffix(" -"), cells.needs(layer), layer.minimum]
            for layer in report.layers
            if not layer.rejects
        ],
        "runs": Segment("", "", parts(report.valid)).data,
        "elsewhere": Segment("", "", parts(report.invalid)).data,
        "open": Segment("", "", parts(report.unknown)).data,
    }


def _occasions(made: Slider, entries: Sequence[ComponentReport], identities: Sequence[str]) -> list[Any]:
    reports = [entry.report for entry in entries]
    found: list[Any] = []
    for occasion, landed in zip(made.way.occasions, landings(made, reports, made.start), strict=True):
        formulas = [formula for name, formula in occasion.lengths.items() for _ in made.indices[name]]
        rows = [
            {
                "landing": landing,
                "entry": entries[landing.index],
                "identity": identities[landing.index],
                "formula": formula,
            }
            for landing, formula in zip(landed, formulas, strict=True)
        ]
        found.append({"occasion": occasion, "rows": rows, "closed": any(_is_stopped(row) for row in rows)})
    return found


def _is_stopped(row: dict[str, Any]) -> bool:
    return row["landing"].verdict == "not called"


def _chain(made: Slider) -> list[tuple[str, str, str, int]]:
    """Each quantity: symbol, formula, meaning, value."""
    found = made.way.values(made.start)
    first = "samples of the clip" if made.is_clip else made.unit
    return [
        (made.way.symbol, "", first, made.start),
        *((each.symbol, each.formula, each.meaning, found[each.symbol]) for each in made.way.quantities),
    ]


def _not_in(made: Slider, entries: Sequence[ComponentReport]) -> list[str]:
    """The components whose lengths do not follow from the clip."""
    named = {name for occasion in made.way.occasions for name in occasion.lengths}
    return [entry.name for entry in entries if entry.component.name not in named]


def _outcome(made: Slider, entries: Sequence[ComponentReport]) -> str:
    landed = landings(made, [entry.report for entry in entries], made.start)
    return outcome(made, landed, [entry.name for entry in entries])
