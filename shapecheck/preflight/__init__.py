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
    "Mismatch",
    "Moment",
    "Outcomes",
    "Preflight",
    "Severity",
    "StateDict",
    "TensorInfo",
    "Threshold",
    "Verdict",
    "compare",
    "expected_tensors",
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
    "Mismatch": "shapecheck.preflight.coverage",
    "Moment": "shapecheck.preflight.findings",
    "Outcomes": "shapecheck.preflight.batches",
    "Preflight": "shapecheck.preflight.findings",
    "Severity": "shapecheck.preflight.findings",
    "StateDict": "shapecheck.preflight.tensors",
    "TensorInfo": "shapecheck.preflight.tensors",
    "Threshold": "shapecheck.preflight.findings",
    "Verdict": "shapecheck.preflight.findings",
    "compare": "shapecheck.preflight.coverage",
    "expected_tensors": "shapecheck.preflight.coverage",
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
