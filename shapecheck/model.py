"""A model as a list of components, each with its own variable, unit and inputs; and the check that analyzes them all.

Values only: how a component is built is the model's business, how a report looks is `render/`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from shapecheck.report import NOT_CALLED, Report

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Unit:
    """What one step of a component's variable is: `Unit("mel frames", seconds=0.0125, samples=300)`."""

    name: str  # plural: "mel frames", "tokens", "samples", "decoder frames"
    seconds: float | None = None  # duration of one step; None where a step has none (tokens)
    samples: float | None = None  # audio samples of one step at the model's own sample rate
    mel_frames: float | None = None  # mel frames of one step


@dataclass(frozen=True, slots=True)
class Component:
    """One entry point of a model: which module, called how, with which variable."""

    name: str  # "style_encoder", "predictor.F0Ntrain"
    class_name: str  # "": that of the module that is built
    role: str  # encoder, decoder, discriminator, prosody, aligner, pitch, style, slm
    build: Callable[[], nn.Module]  # constructs the module on torch's current default device (meta for an analysis)
    inputs: tuple[Any, ...]  # specs such as "f32[1, 1, 80, T]", or plain values
    keyword_inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    variable: str = "T"
    unit: Unit = Unit("steps")
    method: str = "forward"
    lengths: tuple[int, int] | None = None  # a default sweep; None: the analyzer chooses
    is_frozen: bool = False  # the training scripts keep it in evaluation mode
    surroundings: Callable[[], AbstractContextManager[None]] = nullcontext  # entered to build it, and while it runs

    @property
    def module_name(self) -> str:
        """The module that this entry point belongs to: "predictor" of "predictor.F0Ntrain"."""
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A component that could not be analyzed, and why ("needs the extra hf: pip install ...")."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Model:
    """A named configuration of components."""

    name: str  # "StyleTTS2"
    config: str  # where the values come from: "config_ft.yml", "preset ft"
    source: str  # "builtin"
    components: tuple[Component, ...]
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()  # what the reader must know of the values: defaults taken, unknown keys
    advise: Callable[[ModelReport], tuple[str, ...]] = lambda _report: ()  # sentences that a user can act on


@dataclass(frozen=True, slots=True)
class ComponentReport:
    component: Component
    report: Report


@dataclass(frozen=True, slots=True)
class ModelReport:
    """The reports of all components, in the model's order."""

    model: Model
    components: tuple[ComponentReport, ...]
    skipped: tuple[Skipped, ...]
    train: bool = False  # analyzed in training mode

    @property
    def advice(self) -> tuple[str, ...]:
        return self.model.advise(self)


def check(
    model: Model,
    *,
    components: Sequence[str] | None = None,
    lengths: tuple[int, int] | None = None,
    train: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> ModelReport:
    """Analyze the named components of a model, or all.

    Components are constructed on the meta device, in evaluation mode or with `train` in training mode, but for frozen
    ones; nothing is computed. `progress(name, done, total)` is called before each component, and once at the end with
    an empty name. A component whose optional dependency is missing (its `build` raises ImportError) is skipped, with
    the reason. Raises KeyError for an unknown component.
    """
    import torch

    from shapecheck.analysis import analyze

    known = {component.name: component for component in model.components}
    skipped = {entry.name: entry for entry in model.skipped}
    wanted = list(known) + list(skipped) if components is None else list(dict.fromkeys(components))
    for name in wanted:
        if name not in known and name not in skipped:
            raise KeyError(name)
    chosen = [component for component in model.components if component.name in wanted]
    left_out = [entry for entry in model.skipped if entry.name in wanted]
    found: list[ComponentReport] = []
    for done, component in enumerate(chosen):
        if progress is not None:
            progress(component.name, done, len(chosen))
        with component.surroundings():
            try:
                with torch.device("meta"):
                    module = component.build()
            except ImportError as error:
                left_out.append(Skipped(component.name, str(error)))
                continue
            report = analyze(
                module,
                *component.inputs,
                lengths=lengths or component.lengths,
                method=component.method,
                train=train and not component.is_frozen,
                **component.keyword_inputs,
            )
        found.append(ComponentReport(_with_class_name(component, module), report))
    if progress is not None:
        progress("", len(chosen), len(chosen))
    return ModelReport(model, _without_idle(found), tuple(left_out), train)


def _with_class_name(component: Component, module: nn.Module) -> Component:
    return component if component.class_name else replace(component, class_name=type(module).__name__)


def _without_idle(found: list[ComponentReport]) -> tuple[ComponentReport, ...]:
    """Layers that one entry point of a module never calls, but another one does, are listed with the other one only."""
    called: dict[str, set[str]] = {}
    for entry in found:
        names = called.setdefault(entry.component.module_name, set())
        names.update(layer.name for layer in entry.report.layers if layer.input_length != NOT_CALLED)
    result: list[ComponentReport] = []
    for entry in found:
        names = called[entry.component.module_name]
        layers = tuple(
            layer for layer in entry.report.layers if layer.input_length != NOT_CALLED or layer.name not in names
        )
        result.append(ComponentReport(entry.component, replace(entry.report, layers=layers)))
    return tuple(result)
