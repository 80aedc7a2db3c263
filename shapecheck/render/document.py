"""A model's limits as one JSON document of the schema `shapecheck.limits/1`.

Deterministic: the order is the model's own, a layer is one line, and nothing depends on the machine but the versions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, cast

from shapecheck._version import __version__
from shapecheck.lengths.lengthset import LengthSet
from shapecheck.model import ComponentReport, ModelReport
from shapecheck.options import Layers
from shapecheck.preflight import Finding, Preflight
from shapecheck.report import Failure, LayerLimit, Step
from shapecheck.saved import SCHEMA

_EXPANDED_LEVELS = 4  # document, components, component, its lists; what lies deeper is one line each


def document(
    report: ModelReport, layers: Layers = Layers.ALL, preflight: Preflight | None = None, *, versions: bool = True
) -> str:
    """The whole document as text, ending with a newline. Without `versions`, their first two numbers alone."""
    values = limits(report, layers)
    if not versions:
        values |= {key: short_version(values[key]) for key in ("shapecheck_version", "torch_version")}
    if preflight is not None:
        values["preflight"] = preflight_values(preflight)
    return json_text(values, _EXPANDED_LEVELS) + "\n"


def limits(report: ModelReport, layers: Layers = Layers.ALL) -> dict[str, Any]:
    """The document as plain values."""
    return {
        "schema": SCHEMA,
        "shapecheck_version": __version__,
        "torch_version": version("torch"),
        "model": report.model.name,
        "config": report.model.config,
        "source": report.model.source,
        "mode": "train" if report.train else "eval",
        "components": [_component(entry, layers) for entry in report.components],
        "skipped": [{"name": skipped.name, "reason": skipped.reason} for skipped in report.skipped],
    }


def short_version(text: str) -> str:
    """`"2.13.0+cpu"` -> `"2.13"`."""
    return ".".join(text.split(".")[:2])


def preflight_values(preflight: Preflight) -> dict[str, Any]:
    """A pre-flight as plain values."""
    return {
        "stage": preflight.stage,
        "stage_reason": preflight.stage_reason,
        "verdict": preflight.verdict.value,
        "chain": list(preflight.chain),
        "thresholds": {
            threshold.name: {
                "samples": threshold.samples,
                "seconds": threshold.seconds,
                "mel_frames": threshold.mel_frames,
                "because": threshold.because,
            }
            for threshold in preflight.thresholds
        },
        "max_len": dict(preflight.max_len),
        "epochs": dict(preflight.epochs),
        "findings": [_finding(found) for found in preflight.findings],
        "batches": preflight.batches,
        "data": preflight.data,
        "checkpoint": preflight.checkpoint,
        "not_checked": list(preflight.not_checked),
    }


def _finding(found: Finding) -> dict[str, Any]:
    return {
        "id": found.identity,
        "severity": found.severity.value,
        "when": found.when.value,
        "count": found.count,
        "message": found.message,
        "remedy": found.remedy,
        "files": [
            {"file": file.file, "list": file.listed or None, "line": file.line, **file.numbers} for file in found.files
        ],
    }


def _component(entry: ComponentReport, layers: Layers) -> dict[str, Any]:
    component, report = entry.component, entry.report
    return {
        "name": entry.name,
        "class": component.class_name,
        "role": component.role,
        "variable": report.variable,
        "unit": component.unit.name,
        "inputs": list(report.inputs),
        "swept": list(report.swept),
        "valid": set_values(report.valid, report.variable),
        "minimum": report.minimum,
        "threshold": report.threshold,
        "maximum": report.maximum,
        "proved": report.proved,
        "unknown": set_values(report.unknown, report.variable),
        "seconds_per_step": component.unit.seconds,
        "layers": [_layer(layer, report.variable) for layer in layers.of(report.layers)],
        "failures": [failure_values(failure, report.variable) for failure in report.failures],
    }


def _layer(layer: LayerLimit, variable: str) -> dict[str, Any]:
    return {
        "name": layer.name,
        "kind": layer.kind,
        "kernel_size": list(layer.kernel_size),
        "stride": list(layer.stride),
        "padding": list(layer.padding),
        "dilation": list(layer.dilation),
        "input_length": layer.input_length,
        "output_length": layer.output_length,
        "needs": layer.needs,
        "minimum": layer.minimum,
        "rejects": set_values(layer.rejects, variable),
    }


def failure_values(failure: Failure, variable: str) -> dict[str, Any]:
    return {
        "layer": failure.layer,
        "lengths": set_values(failure.lengths, variable),
        "at": failure.at,
        "error": failure.error,
        "draws": list(failure.draws),
        "chain": [step_values(step) for step in failure.chain],
    }


def step_values(step: Step) -> dict[str, Any]:
    return {
        "layer": step.layer,
        "operation": step.operation,
        "before": step.before,
        "after": step.after,
        "value": step.value,
    }


def set_values(lengths: LengthSet, variable: str) -> dict[str, Any]:
    """A set as plain values: for people, and for programs."""
    return {"text": lengths.text(variable=variable), "ranges": [list(progression) for progression in lengths.ranges()]}


def json_text(value: object, levels: int, indent: str = "") -> str:
    """JSON with the outer `levels` of nesting spread over lines and everything deeper on one line."""
    inner = indent + "  "
    if levels and isinstance(value, dict) and value:
        items = cast("Mapping[str, object]", value).items()
        lines = [f"{inner}{json.dumps(key)}: {json_text(item, levels - 1, inner)}" for key, item in items]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if levels and isinstance(value, list) and value:
        lines = [f"{inner}{json_text(item, levels - 1, inner)}" for item in cast("Sequence[object]", value)]
        return "[\n" + ",\n".join(lines) + f"\n{indent}]"
    return json.dumps(value, allow_nan=False)
