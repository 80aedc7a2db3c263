"""What edits do as one JSON document of the schema `shapecheck.whatif/1`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shapecheck._version import __version__
from shapecheck.changes.comparison import Side, TensorChange, WhatIf
from shapecheck.changes.editing import Applied
from shapecheck.changes.search import Search
from shapecheck.render.document import json_text, set_values

SCHEMA = "shapecheck.whatif/1"

_EXPANDED_LEVELS = 4


def document(result: WhatIf | None, found: Search | None) -> str:
    """The whole document as text, ending with a newline; None where no edit was given, or no search asked for."""
    values = {
        "schema": SCHEMA,
        "shapecheck_version": __version__,
        "whatif": None if result is None else _values(result),
        "search": None if found is None else _search_values(found),
    }
    return json_text(values, _EXPANDED_LEVELS) + "\n"


def _values(result: WhatIf) -> dict[str, Any]:
    component, variable = result.component, result.after.report.variable
    return {
        "component": component.name,
        "variable": variable,
        "unit": component.unit.name,
        "seconds_per_step": component.unit.seconds,
        "keys": [
            {"key": key.path, "before": key.before, "after": key.after, "file": key.file or None, "line": key.line}
            for key in result.keys
        ],
        "edits": [str(edit) for edit in result.edits],
        "changes": [_change_values(change) for change in result.changes],
        "at": result.at,
        "before": _side_values(result.before),
        "after": _side_values(result.after),
        "gained": set_values(result.gained, variable),
        "lost": set_values(result.lost, variable),
        "tensors": {
            "reshaped": _tensor_values(result.reshaped),
            "added": _tensor_values(result.added),
            "unused": _tensor_values(result.unused),
        },
        "confirmed": [{"length": run.length, "runs": not run.error, "error": run.error} for run in result.confirmed],
        "not_confirmed": result.confirmation.obstacle,
    }


def _change_values(change: Applied) -> dict[str, Any]:
    origin = change.origin
    return {
        "layer": change.layer,
        "setting": change.setting,
        "before": change.before,
        "after": change.after,
        "layer_before": change.kind,
        "layer_after": change.result,
        "file": None if origin is None else origin.file,
        "line": None if origin is None else origin.line,
        "class": None if origin is None else origin.inside or None,
        "text": "" if origin is None else origin.text,
        "same_line": list(change.also),
        "notes": list(change.notes),
    }


def _side_values(side: Side) -> dict[str, Any]:
    report, field = side.report, side.field
    return {
        "swept": list(report.swept),
        "valid": set_values(report.valid, report.variable),
        "unknown": set_values(report.unknown, report.variable),
        "proved": report.proved,
        "minimum": report.minimum,
        "threshold": report.threshold,
        "outputs": list(side.outputs),
        "receptive_field": {
            "size": field.size,
            "before": field.before,
            "whole_by": field.whole_by,
            "unknown": field.unknown,
        },
        "parameters": side.parameters,
        "multiply_adds": side.multiply_adds,
    }


def _tensor_values(tensors: Iterable[TensorChange]) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "before": None if each.before is None else list(each.before),
            "after": None if each.after is None else list(each.after),
        }
        for each in tensors
    ]


def _search_values(found: Search) -> dict[str, Any]:
    variable = found.start.variable
    return {
        "target": found.target,
        "met": found.is_met,
        "most_edits": found.most_edits,
        "tried": found.tried,
        "complete": found.is_complete,
        "undecided": found.undecided,
        "left_out": found.left_out,
        "proposals": [_values(each) for each in found.proposals],
        "obstacles": [
            {
                "layer": obstacle.failure.layer,
                "operation": obstacle.failure.operation,
                "lengths": set_values(obstacle.failure.lengths, variable),
                "error": obstacle.failure.error,
                "tried": [str(edit) for edit in obstacle.edits],
            }
            for obstacle in found.obstacles
        ],
    }


__all__ = ["SCHEMA", "document"]
