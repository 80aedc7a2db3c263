"""A model as a list of components, each with its own variable, unit and inputs; and the check that analyzes them all.

Values only: how a component is built is the model's business, how a report looks is `render/`'s.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from shapecheck.errors import UsageError
from shapecheck.report import NOT_CALLED, Report

if TYPE_CHECKING:
    from torch import nn

    from shapecheck.clip import ClipWay

_LARGEST_ON_CPU = 2**32  # bytes of parameters and buffers of a module that is made once more
_REST = inspect.Parameter.VAR_KEYWORD


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
    build: Callable[[], nn.Module]  # constructs the module on torch's current default device: meta, or else the CPU
    inputs: tuple[Any, ...]  # specs such as "f32[1, 1, 80, T]", or plain values
    keyword_inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    variable: str = "T"
    unit: Unit = Unit("steps")
    method: str = "forward"
    lengths: tuple[int, int] | None = None  # a default sweep; None: the analyzer chooses
    is_frozen: bool = False  # the training scripts keep it in evaluation mode
    surroundings: Callable[[], AbstractContextManager[None]] = nullcontext  # entered to build it, and while it runs
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])  # the specs' other symbols

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
    clip_way: ClipWay | None = None  # what its components receive of a clip; None: nothing is known of clips


@dataclass(frozen=True, slots=True)
class ComponentReport:
    """One component, with one value for each of its other sizes."""

    component: Component
    report: Report
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def name(self) -> str:
        """`"decoder"`, or `"decoder, B = 1"`."""
        return name_of(self.component, self.sizes)


@dataclass(frozen=True, slots=True)
class ModelReport:
    """The reports of all components, in the model's order."""

    model: Model
    components: tuple[ComponentReport, ...]
    skipped: tuple[Skipped, ...]
    train: bool = False  # analyzed in training mode

    @property
    def advice(self) -> tuple[str, ...]:
        from shapecheck.joint import together

        return (*together(self.components), *self.model.advise(self))


def name_of(component: Component, sizes: Mapping[str, int]) -> str:
    from shapecheck.joint import named

    return f"{component.name}, {named(sizes)}" if sizes else component.name


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
    ones; nothing is computed. Where the constructor does not work there, or lengths stay unknown, which may be for want
    of a buffer's values, they are constructed on the CPU. A component with other sizes is analyzed for each combination
    of their values. `progress(name, done, total)` is called before each analysis, and once at the end with an empty
    name. A component whose optional dependency is missing (its `build` raises ImportError) is skipped, with the reason.
    Raises KeyError for an unknown component.
    """
    import_module("torch")  # before any surroundings are entered: it is not to be found in them
    from shapecheck.joint import bound, combinations

    known = {component.name: component for component in model.components}
    skipped = {entry.name: entry for entry in model.skipped}
    wanted = list(known) + list(skipped) if components is None else list(dict.fromkeys(components))
    for name in wanted:
        if name not in known and name not in skipped:
            raise KeyError(name)
    chosen = [component for component in model.components if component.name in wanted]
    left_out = [entry for entry in model.skipped if entry.name in wanted]
    found: list[ComponentReport] = []
    jobs = [(component, sizes) for component in chosen for sizes in combinations(component.sizes)]
    for done, (component, sizes) in enumerate(jobs):
        if progress is not None:
            progress(name_of(component, sizes), done, len(jobs))
        with component.surroundings():
            try:
                module = built(component.build)
            except ImportError as error:
                if (reason := Skipped(component.name, str(error))) not in left_out:
                    left_out.append(reason)
                continue
            called = component
            if sizes:
                inputs, keyword_inputs = bound((component.inputs, dict(component.keyword_inputs)), sizes)
                called = replace(component, inputs=inputs, keyword_inputs=keyword_inputs)
            report = report_of(called, module, lengths, train)
        found.append(ComponentReport(_with_class_name(component, module), report, sizes))
    if progress is not None:
        progress("", len(jobs), len(jobs))
    return ModelReport(model, _without_idle(found), tuple(left_out), train)


def built(build: Callable[[], nn.Module]) -> nn.Module:
    """A module on the meta device; where its constructor does not work there, because it reads values, on the CPU.

    ImportError and UsageError are raised at once: another device changes nothing of them.
    """
    import torch

    try:
        with torch.device("meta"):
            return build()
    except (ImportError, UsageError):
        raise
    except Exception:  # noqa: BLE001  # what the constructor raises on the CPU is what counts
        return built_on_cpu(build)


def built_on_cpu(build: Callable[[], nn.Module]) -> nn.Module:
    import torch

    drawn = torch.get_rng_state()
    try:
        with torch.device("cpu"):
            return build()
    finally:
        torch.set_rng_state(drawn)


def report_of(
    component: Component, module: nn.Module, lengths: tuple[int, int] | None = None, train: bool = False
) -> Report:
    """The analysis of a component of which `module` was built; on the CPU where that leaves fewer lengths unknown."""
    report = _analyzed(component, module, lengths, train)
    return _with_values(component, module, report, lengths, train) if report.unknown else report


def _analyzed(component: Component, module: nn.Module, lengths: tuple[int, int] | None, train: bool) -> Report:
    from shapecheck.analysis import analyze

    inputs, keyword_inputs = arguments_of(component, module)
    return analyze(
        module,
        *inputs,
        lengths=lengths or component.lengths,
        method=component.method,
        train=train and not component.is_frozen,
        **keyword_inputs,
    )


def _with_values(
    component: Component, module: nn.Module, report: Report, lengths: tuple[int, int] | None, train: bool
) -> Report:
    """The report of the module as it is on the CPU, where buffers have values, if that leaves fewer lengths unknown."""
    tensors = [*module.parameters(), *module.buffers()]
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    if size > _LARGEST_ON_CPU or (tensors and not any(tensor.is_meta for tensor in tensors)):
        return report
    try:
        with_values = built_on_cpu(component.build)
    except Exception:  # noqa: BLE001  # then the one without values is all there is
        return report
    second = _analyzed(component, with_values, lengths, train)
    first, last = max(report.swept[0], second.swept[0]), min(report.swept[1], second.swept[1])
    unknown = [int(each.unknown.mask(first, last).sum()) for each in (report, second)]
    return second if unknown[1] < unknown[0] else report


def arguments_of(component: Component, module: nn.Module) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """The component's inputs as `analyze` takes them: keywords that are its own names, `lengths` say, by position."""
    from shapecheck.analysis import analyze

    names = {name for name, parameter in inspect.signature(analyze).parameters.items() if parameter.kind is not _REST}
    if names.isdisjoint(component.keyword_inputs):
        return component.inputs, component.keyword_inputs
    try:
        bound = inspect.signature(getattr(module, component.method)).bind(*component.inputs, **component.keyword_inputs)
    except (AttributeError, TypeError, ValueError) as error:
        raise UsageError(f"{component.name}: {error}") from error
    bound.apply_defaults()
    unplaced = sorted(names.intersection(bound.kwargs))
    if unplaced:
        what = f"cannot give the keyword-only input {', '.join(unplaced)}: it has the name of an argument of analyze"
        raise UsageError(f"{component.name}: {what}")
    return bound.args, bound.kwargs


def _with_class_name(component: Component, module: nn.Module) -> Component:
    return component if component.class_name else replace(component, class_name=type(module).__name__)


def _without_idle(found: list[ComponentReport]) -> tuple[ComponentReport, ...]:
    """Layers that one entry point of a module never calls, but another one does, are listed with the other one only."""
    called: dict[tuple[str, str], set[str]] = {}
    for entry in found:
        names = called.setdefault(_called_module(entry), set())
        names.update(layer.name for layer in entry.report.layers if layer.input_length != NOT_CALLED)
    result: list[ComponentReport] = []
    for entry in found:
        names = called[_called_module(entry)]
        layers = tuple(
            layer for layer in entry.report.layers if layer.input_length != NOT_CALLED or layer.name not in names
        )
        result.append(replace(entry, report=replace(entry.report, layers=layers)))
    return tuple(result)


def _called_module(entry: ComponentReport) -> tuple[str, str]:
    """The module, and the other sizes with which it is called."""
    return entry.component.module_name, str(dict(entry.sizes))
