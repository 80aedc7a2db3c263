"""The verdicts of an analysis beside what eager PyTorch does: the module on the CPU, with real tensors.

Invariant: where they contradict each other, nothing is reported: Contradiction is a defect of the analyzer.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from shapecheck.analysis import in_mode
from shapecheck.examples import examples_at
from shapecheck.model import Component
from shapecheck.report import Report

_LONGEST_ERROR = 200  # characters


class Contradiction(RuntimeError):
    """Eager PyTorch does something else than the analysis says."""


@dataclass(frozen=True, slots=True)
class Run:
    """One call in eager PyTorch."""

    length: int
    error: str  # as PyTorch raised it; "": it ran


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What eager PyTorch did at some lengths: what the analysis says."""

    runs: tuple[Run, ...]
    obstacle: str = ""  # why it could not be asked: the module does not run on this machine as it is, either


def confirm(
    component: Component,
    report: Report,
    lengths: Iterable[int],
    *,
    train: bool = False,
    as_it_is: tuple[Component, Report] | None = None,
) -> Confirmation:
    """Run the component once at each of the lengths that are decided, whatever is drawn; in its surroundings.

    `as_it_is`: the component without edits, and its analysis: where that raises at its own smallest valid length, too,
    as code that asks for a GPU does, eager PyTorch cannot be asked here. Raises Contradiction where a call ends
    otherwise than the report says.
    """
    decided = [
        length
        for length in sorted(set(lengths))
        if length in report.valid or (length in report.invalid and not _draws(report, length))
    ]
    runs: list[Run] = []
    drawn = torch.get_rng_state()
    try:
        with torch.device("cpu"):
            module = component.build() if decided else nn.Module()
        for length in decided:
            error = _error(component, module, length, train=train)
            if error is None:
                continue
            if error and length in report.valid and as_it_is is not None and as_it_is[1].minimum is not None:
                original, before = as_it_is
                with torch.device("cpu"):
                    unedited = original.build()
                obstacle = _error(original, unedited, before.minimum or 1, train=train)
                if obstacle:
                    return Confirmation((), f"the module as it is does not run on this machine: {obstacle}")
            if (error == "") != (length in report.valid):
                what = f"raises {error}" if error else "runs"
                verdict = "valid" if length in report.valid else "invalid"
                place = f"{component.name}: {report.variable} = {length}"
                raise Contradiction(f"{place} is found {verdict}, and eager PyTorch {what}")
            runs.append(Run(length, error))
    finally:
        torch.set_rng_state(drawn)
    return Confirmation(tuple(runs))


def boundaries(report: Report, *others: int) -> list[int]:
    """The lengths to confirm a report at: each side of where the verdict changes for the first and the last time."""
    edges = {report.minimum, report.threshold}
    maximum = report.maximum
    if maximum is not None and maximum < report.swept[1]:
        edges |= {maximum + 1}
    found = [length + step for length in edges if length is not None for step in (-1, 0)]
    return sorted({length for length in (*found, *others) if length >= report.swept[0]})


def _error(component: Component, module: nn.Module, length: int, *, train: bool) -> str | None:
    """What a call raises; "": nothing; None: there was no memory for it."""
    inputs: tuple[Any, ...] = examples_at(component.inputs, length)
    keyword_inputs: Mapping[str, Any] = examples_at(dict(component.keyword_inputs), length)
    method = module if component.method == "forward" else getattr(module, component.method)
    with torch.no_grad(), in_mode(module, train), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            method(*inputs, **keyword_inputs)
        except Exception as error:  # noqa: BLE001  # what it raises is the answer
            text = f"{type(error).__name__}: {error}"
            if isinstance(error, MemoryError) or "can't allocate memory" in text:
                return None
            return text if len(text) <= _LONGEST_ERROR else f"{text[:_LONGEST_ERROR]}..."
    return ""


def _draws(report: Report, length: int) -> bool:
    """Whether the length fails with some outcomes of random draws, or of data, only."""
    return any(failure.draws and length in failure.lengths for failure in report.failures)


__all__ = ["Confirmation", "Contradiction", "Run", "boundaries", "confirm"]
