"""For which input lengths does a PyTorch module run, for which does it raise, which layer decides, and why?

The public surface, all of it. `import shapecheck` loads neither torch nor NumPy: names are imported when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from shapecheck._version import __version__
from shapecheck.errors import UsageError

if TYPE_CHECKING:
    from shapecheck.analysis import analyze
    from shapecheck.clip import ClipWay, Gate, Occasion, Quantity
    from shapecheck.cost import Cost, cost_of
    from shapecheck.explanation import Bottleneck, Explanation, explain
    from shapecheck.joint import Combination, JointReport, analyze_sizes
    from shapecheck.lengths.lengthset import LengthSet
    from shapecheck.model import Component, ComponentReport, Model, ModelReport, Skipped, Unit, check
    from shapecheck.monitor import LengthError, assert_valid, guard
    from shapecheck.receptive import ReceptiveField, receptive_field
    from shapecheck.report import Failure, LayerLimit, Report, Step, Undecided
    from shapecheck.usercode import UserCode

__all__ = [
    "Bottleneck",
    "ClipWay",
    "Combination",
    "Component",
    "ComponentReport",
    "Cost",
    "Explanation",
    "Failure",
    "Gate",
    "JointReport",
    "LayerLimit",
    "LengthError",
    "LengthSet",
    "Model",
    "ModelReport",
    "ReceptiveField",
    "Occasion",
    "Quantity",
    "Report",
    "Skipped",
    "Step",
    "Undecided",
    "Unit",
    "UsageError",
    "UserCode",
    "__version__",
    "analyze",
    "analyze_sizes",
    "assert_valid",
    "check",
    "cost_of",
    "explain",
    "guard",
    "receptive_field",
]

# No public name equals the name of a submodule: importing a submodule sets it as an attribute of the package.
_MODULES = {
    "Bottleneck": "shapecheck.explanation",
    "ClipWay": "shapecheck.clip",
    "Combination": "shapecheck.joint",
    "Component": "shapecheck.model",
    "ComponentReport": "shapecheck.model",
    "Cost": "shapecheck.cost",
    "Explanation": "shapecheck.explanation",
    "Failure": "shapecheck.report",
    "Gate": "shapecheck.clip",
    "JointReport": "shapecheck.joint",
    "LayerLimit": "shapecheck.report",
    "LengthError": "shapecheck.monitor",
    "LengthSet": "shapecheck.lengths.lengthset",
    "Model": "shapecheck.model",
    "ModelReport": "shapecheck.model",
    "ReceptiveField": "shapecheck.receptive",
    "Occasion": "shapecheck.clip",
    "Quantity": "shapecheck.clip",
    "Report": "shapecheck.report",
    "Skipped": "shapecheck.model",
    "Step": "shapecheck.report",
    "Undecided": "shapecheck.report",
    "Unit": "shapecheck.model",
    "UserCode": "shapecheck.usercode",
    "analyze": "shapecheck.analysis",
    "analyze_sizes": "shapecheck.joint",
    "assert_valid": "shapecheck.monitor",
    "check": "shapecheck.model",
    "cost_of": "shapecheck.cost",
    "explain": "shapecheck.explanation",
    "guard": "shapecheck.monitor",
    "receptive_field": "shapecheck.receptive",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'shapecheck' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
