"""A component whose module can be edited: built once for each device, and copied for each set of edits.

Invariant: the module that the component's own `build` returns is never changed; it may be the user's own instance.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn

from shapecheck.analysis import FIRST_SWEEP, accepting
from shapecheck.changes.editing import Applied, apply
from shapecheck.changes.edits import DOWNSAMPLE, Edit
from shapecheck.changes.origins import keep_origins, recording
from shapecheck.changes.shortenings import Shortenings
from shapecheck.errors import UsageError
from shapecheck.model import Component, arguments_of, built, report_of
from shapecheck.report import Failure, Report


class Editable:
    """One entry point of a model, without other sizes; used within its surroundings."""

    def __init__(self, component: Component, *, lengths: tuple[int, int] | None = None, train: bool = False) -> None:
        """`lengths`: the sweep, if it is not left to the analyzer; `train`: the mode, but of frozen components."""
        self.component = component
        self.lengths = lengths
        self.train = train and not component.is_frozen
        self._made: dict[str, nn.Module] = {}

    @cached_property
    def unedited(self) -> tuple[nn.Module, Report]:
        """The module without edits, which is not to be changed, and its analysis."""
        module, _ = self.module()
        return module, report_of(self.component, module, self.lengths, self.train)

    def module(self, edits: Sequence[Edit] = ()) -> tuple[nn.Module, tuple[Applied, ...]]:
        """A module of its own with the edits, on meta where that works; and what they did.

        Raises UsageError for edits that cannot be.
        """
        done: list[tuple[Applied, ...]] = []

        def build() -> nn.Module:
            module, applied = self._edited(edits)
            done.append(applied)
            return module

        module = built(build)
        return module, done[-1]

    def edited(self, edits: Sequence[Edit] = ()) -> Component:
        """The component with the edits: its `build` makes a module of its own."""
        return replace(self.component, build=lambda: self._edited(edits)[0])

    @cached_property
    def shortenings(self) -> Shortenings:
        """Of the module without edits."""
        module, report, _ = self.refusals()
        return Shortenings(module, report.graph)

    def refusals(
        self, edits: Sequence[Edit] = (), last: int = FIRST_SWEEP
    ) -> tuple[nn.Module, Report, tuple[Failure, ...]]:
        """The edited module, its analysis with operations that take what they refuse, and what each would refuse.

        `last`: of the sweep, where none was asked for.
        """
        module, _ = self.module(edits)
        inputs, keyword_inputs = arguments_of(self.component, module)
        report, refused = accepting(
            module,
            *inputs,
            lengths=self.lengths or self.component.lengths or (1, last),
            method=self.component.method,
            train=self.train,
            **keyword_inputs,
        )
        return module, report, refused

    def _edited(self, edits: Sequence[Edit]) -> tuple[nn.Module, tuple[Applied, ...]]:
        module = self._copy()
        needs_shortenings = any(edit.setting == DOWNSAMPLE for edit in edits)
        return module, apply(module, edits, self.shortenings if needs_shortenings else None)

    def _copy(self) -> nn.Module:
        """A copy of the module on torch's current default device."""
        device = torch.get_default_device().type
        if device not in self._made:
            with recording():
                self._made[device] = self.component.build()
        original = self._made[device]
        if _closes_over_modules(original):  # a copy would go on using the original's
            with recording():
                module = self.component.build()
            if module is original:
                raise UsageError(
                    f"{type(original).__name__} cannot be copied, to be edited: a function holds its modules"
                )
            return module
        held: dict[int, Any] = {id(tensor): tensor.detach().clone() for tensor in _computed(original)}
        try:
            module = copy.deepcopy(original, held)
        except Exception as error:
            what = f"{type(original).__name__} cannot be copied, to be edited: {type(error).__name__}: {error}"
            raise UsageError(what) from error
        keep_origins(original, module)
        return module


def _computed(module: nn.Module) -> list[Tensor]:
    """Tensors that were computed of parameters, which torch does not copy: the weights of weight_norm and the like."""
    found = (value for layer in module.modules() for value in vars(layer).values())
    return [value for value in found if isinstance(value, Tensor) and not value.is_leaf]


def _closes_over_modules(module: nn.Module) -> bool:
    """Whether a hook, or a function that stands for a method, keeps modules in its closure."""
    for layer in module.modules():
        own: dict[str, Any] = vars(layer)
        functions: list[Any] = [*own["_forward_hooks"].values(), *own["_forward_pre_hooks"].values(), *own.values()]
        for function in functions:
            cells: tuple[Any, ...] = function.__closure__ or () if type(function) is FunctionType else ()
            if any(isinstance(_content(cell), nn.Module) for cell in cells):
                return True
    return False


def _content(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


__all__ = ["Editable"]
