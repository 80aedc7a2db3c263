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


def confirm(component: Component, report: Report, lengths: Iterable[int], *, train: bool = False) -> tuple[Run, ...]:
    """Run the component at those of the lengths that are decided, each once, in its surroundings.

    Raises Contradiction where a call ends otherwise than the report says, unless random draws may be the reason.
    """
    decided = sorted({length for length in lengths if length in report.valid or length in report.invalid})
    if not decided:
        return ()
    drawn = torch.get_rng_state()
    try:
        with torch.device("cpu"):
            module = component.build()
        found: list[Run] = []
        for length in decided:
            error = _error(component, module, length, train=train)
            found.append(Run(length, error))
            if (error == "") != (length in report.valid) and not (train or _draws(report, length)):
                what = f"raises {error}" if error else "runs"
                verdict = "valid" if length in report.valid else "invalid"
                raise Contradiction(
                    f"{component.name}: {report.variable} = {length} is found {verdict}, and eager PyTorch {what}"
                )
    finally:
        torch.set_rng_state(drawn)
    return tuple(found)


def boundaries(report: Report, *others: int) -> list[int]:
    """The lengths to confirm a report at: each side of where the verdict changes for the first and the last time."""
    edges = {report.minimum, report.threshold}
    maximum = report.maximum
    if maximum is not None and maximum < report.swept[1]:
        edges |= {maximum + 1}
    found = [length + step for length in edges if length is not None for step in (-1, 0)]
    return sorted({length for length in (*found, *others) if length >= report.swept[0]})


def _error(component: Component, module: nn.Module, length: int, *, train: bool) -> str:
    inputs: tuple[Any, ...] = examples_at(component.inputs, length)
    keyword_inputs: Mapping[str, Any] = examples_at(dict(component.keyword_inputs), length)
    method = module if component.method == "forward" else getattr(module, component.method)
    with torch.no_grad(), in_mode(module, train), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            method(*inputs, **keyword_inputs)
        except Exception as error:  # noqa: BLE001  # what it raises is the answer
            text = f"{type(error).__name__}: {error}"
            return text if len(text) <= _LONGEST_ERROR else f"{text[:_LONGEST_ERROR]}..."
    return ""


def _draws(report: Report, length: int) -> bool:
    """Whether the length fails with some outcomes of random draws, or of data, only."""
    return any(failure.draws and length in failure.lengths for failure in report.failures)


__all__ = ["Contradiction", "Run", "boundaries", "confirm"]
