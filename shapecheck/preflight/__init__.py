"""What a training run will meet, before it starts: findings, clips, batches and checkpoints, of no particular model.

The public surface of the pre-flight, all of it; names are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shapecheck.preflight.audio import AudioFile, Decoded
    from shapecheck.preflight.batches import Batches, Outcomes, quantile
    from shapecheck.preflight.checkpoint import Checkpoint, read_checkpoint
    from shapecheck.preflight.coverage import Coverage, Mismatch, compare, expected_tensors
    from shapecheck.preflight.findings import Affected, Finding, Moment, Preflight, Severity, Threshold, Verdict
    from shapecheck.preflight.manifest import read_manifest
    from shapecheck.preflight.mending import check_stretching
    from shapecheck.preflight.repairing import (
        MOST_REPETITIONS,
        MOST_STRETCH,
        PADDED_AT,
        LateStage,
        Listed,
        LoaderChange,
        Mended,
        Place,
        Policy,
        Repair,
        RepairPlan,
        Totals,
    )
    from shapecheck.preflight.rewriting import Output, check_folder, output_of
    from shapecheck.preflight.scanning import scan
    from shapecheck.preflight.tensors import StateDict, TensorInfo

__all__ = [
    "Affected",
    "AudioFile",
    "Batches",
    "Checkpoint",
    "Coverage",
    "Decoded",
    "Finding",
    "LateStage",
    "Listed",
    "LoaderChange",
    "MOST_REPETITIONS",
    "MOST_STRETCH",
    "Mended",
    "Mismatch",
    "Moment",
    "Outcomes",
    "Output",
    "PADDED_AT",
    "Place",
    "Policy",
    "Preflight",
    "Repair",
    "RepairPlan",
    "Severity",
    "StateDict",
    "TensorInfo",
    "Threshold",
    "Totals",
    "Verdict",
    "check_folder",
    "check_stretching",
    "compare",
    "expected_tensors",
    "output_of",
    "quantile",
    "read_checkpoint",
    "read_manifest",
    "scan",
]

_MODULES = {
    "Affected": "shapecheck.preflight.findings",
    "AudioFile": "shapecheck.preflight.audio",
    "Batches": "shapecheck.preflight.batches",
    "Checkpoint": "shapecheck.preflight.checkpoint",
    "Coverage": "shapecheck.preflight.coverage",
    "Decoded": "shapecheck.preflight.audio",
    "Finding": "shapecheck.preflight.findings",
    "LateStage": "shapecheck.preflight.repairing",
    "Listed": "shapecheck.preflight.repairing",
    "LoaderChange": "shapecheck.preflight.repairing",
    "MOST_REPETITIONS": "shapecheck.preflight.repairing",
    "MOST_STRETCH": "shapecheck.preflight.repairing",
    "Mended": "shapecheck.preflight.repairing",
    "Mismatch": "shapecheck.preflight.coverage",
    "Moment": "shapecheck.preflight.findings",
    "Outcomes": "shapecheck.preflight.batches",
    "Output": "shapecheck.preflight.rewriting",
    "PADDED_AT": "shapecheck.preflight.repairing",
    "Place": "shapecheck.preflight.repairing",
    "Policy": "shapecheck.preflight.repairing",
    "Preflight": "shapecheck.preflight.findings",
    "Repair": "shapecheck.preflight.repairing",
    "RepairPlan": "shapecheck.preflight.repairing",
    "Severity": "shapecheck.preflight.findings",
    "StateDict": "shapecheck.preflight.tensors",
    "TensorInfo": "shapecheck.preflight.tensors",
    "Threshold": "shapecheck.preflight.findings",
    "Totals": "shapecheck.preflight.repairing",
    "Verdict": "shapecheck.preflight.findings",
    "check_folder": "shapecheck.preflight.rewriting",
    "check_stretching": "shapecheck.preflight.mending",
    "compare": "shapecheck.preflight.coverage",
    "expected_tensors": "shapecheck.preflight.coverage",
    "output_of": "shapecheck.preflight.rewriting",
    "quantile": "shapecheck.preflight.batches",
    "read_checkpoint": "shapecheck.preflight.checkpoint",
    "read_manifest": "shapecheck.preflight.manifest",
    "scan": "shapecheck.preflight.scanning",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'shapecheck.preflight' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value
