"""A program analyzed over all lengths at once, and run by eager PyTorch on the CPU at each of them.

What the two say is compared: the verdict of every length, the sizes of every call of every conv layer, its minimum and
what it rejects, the words of each failure. Nothing is compared at a length that the analyzer leaves open.
"""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.fx
from torch import nn
from torch.nn.modules.conv import _ConvNd

import shapecheck
from shapecheck import LayerLimit, Report
from shapecheck.lengths.formula import Formula
from shapecheck.lengths.notation import InputSpec
from shapecheck.lengths.swept import at
from shapecheck.report import NOT_CALLED, NOT_FOLLOWED, SEE_LENGTHS
from tests.fuzz.programs import LENGTHS, build
from tests.hanging import HangError, limited

SECONDS = 60  # past which an analysis, or all eager runs of one program, are called hanging
TEXT = 100  # characters of an error that are compared
_DTYPES = {"f32": torch.float32, "f64": torch.float64, "i64": torch.int64, "b8": torch.bool}

Shape = tuple[int, ...]


@dataclass(slots=True)
class Run:
    """One eager run: its error, "" where there is none; each conv layer's calls: what it got, and gave if it did."""

    error: str = ""
    calls: dict[str, list[tuple[Shape, Shape | None]]] = field(
        default_factory=dict[str, list[tuple[Shape, "Shape | None"]]]
    )


@dataclass(frozen=True, slots=True)
class Found:
    """What the comparison of one program found; `kind` is "" where everything agrees."""

    kind: str  # "", verdict, convolution, error, proof, crash, hang
    text: str
    runs: int  # lengths with which eager runs
    unknown: int
    reasons: tuple[str, ...] = ()
    proved: bool | None = None  # None: not asked for

    @property
    def is_mixed(self) -> bool:
        return 0 < self.runs < LENGTHS[1] - LENGTHS[0] + 1


def compare(source: str, specs: Sequence[str], *, past: random.Random | None = None) -> Found:
    """The program of a source; with `past` also analyzed for every length, and run at a few above the sweep.

    Raises what a program that makes no sense raises when it is built.
    """
    module = build(source)
    eager: dict[int, Run] = {}
    try:
        with limited(SECONDS):
            eager = executed(module, specs, range(LENGTHS[0], LENGTHS[1] + 1))
    except HangError:
        return Found("", "", 0, 0, ("eager itself takes too long",))
    runs = sum(not run.error for run in eager.values())
    try:
        with limited(SECONDS), _quiet():
            report = shapecheck.analyze(module, *specs, lengths=LENGTHS)
        proof = None if past is None else _proof(module, specs)
    except HangError as error:
        return Found("hang", str(error), runs, 0)
    except Exception as error:  # noqa: BLE001  # a crash of the analyzer is a find
        return Found("crash", f"{type(error).__name__}: {error}", runs, 0)
    kind, text = _difference(report, eager)
    if not kind and proof is not None and past is not None:
        text = _past(specs, module, proof, eager, past)
        kind = "proof" if text else ""
    reasons = tuple(sorted({f"{entry.operation}: {entry.reason}" for entry in report.undecided}))
    unknown = sum(length in report.unknown for length in eager)
    proved = None if past is None else proof is not None and proof.proved
    return Found(kind, text, runs, unknown, reasons, proved)


def _proof(module: nn.Module, specs: Sequence[str]) -> Report | None:
    """The analysis for every length; None where it takes long, as it may where each length goes its own way."""
    began = time.monotonic()
    try:
        with limited(SECONDS / 30), _quiet():
            return shapecheck.analyze(module, *specs)
    except HangError:
        return None
    except RuntimeError:  # interrupted while torch enters a mode, it raises one when it leaves it
        if time.monotonic() - began < SECONDS / 30:
            raise
        return None


def executed(module: nn.Module, specs: Sequence[str], lengths: Iterable[int]) -> dict[int, Run]:
    """Eager runs at these lengths."""
    parsed = [InputSpec.parse(spec) for spec in specs]
    found: dict[int, Run] = {}
    current = Run()
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(_quiet())
        for name, layer in module.named_modules():
            if not isinstance(layer, _ConvNd):
                continue

            def before(_: nn.Module, args: Any, name: str = name) -> None:
                current.calls.setdefault(name, []).append((tuple(args[0].shape), None))

            def after(_: nn.Module, args: Any, output: Any, name: str = name) -> None:
                current.calls[name][-1] = (tuple(args[0].shape), tuple(output.shape))

            stack.callback(layer.register_forward_pre_hook(before, prepend=True).remove)
            stack.callback(layer.register_forward_hook(after).remove)
        for length in lengths:
            found[length] = current = Run()
            inputs = [_input(spec, length) for spec in parsed]
            try:
                module(*inputs)
            except Exception as error:  # noqa: BLE001  # whatever eager raises makes the length invalid
                current.error = f"{type(error).__name__}: {error}"
    return found


def _input(spec: InputSpec, length: int) -> torch.Tensor:
    values = dict.fromkeys(spec.symbols, length)
    shape = [size.evaluate(values, min, max) for size in spec.dims]
    dtype = _DTYPES[spec.dtype]
    if isinstance(spec.values, tuple):
        return torch.tensor([value.evaluate(values, min, max) for value in spec.values], dtype=dtype)
    if spec.values is not None:
        return torch.full(shape, spec.values.evaluate(values, min, max), dtype=dtype)
    return torch.ones(shape, dtype=dtype)


# what PyTorch says of the same refusal in two memory layouts: where the backend decides which, either is reported
_BY_LAYOUT = (
    ("could not construct a memory descriptor", "numel: integer multiplication overflow"),
    ("Expected size for first two dimensions of batch2 tensor", "mat1 and mat2 shapes cannot be multiplied"),
)


def _difference(report: Report, eager: dict[int, Run]) -> tuple[str, str]:
    """The first difference, the most severe kind first; ("", "") where all agrees."""
    verdict = _verdict(report, eager)
    if verdict:
        return "verdict", verdict
    convolution = _convolutions(report, eager)
    if convolution:
        return "convolution", convolution
    for failure in report.failures:
        run = eager.get(failure.at)
        if run is None or failure.at not in report.invalid or run.error[:TEXT] == failure.error[:TEXT]:
            continue
        if not any(one in failure.error and other in run.error for one, other in _BY_LAYOUT):
            return "error", f"T = {failure.at}: reported {failure.error[:TEXT]!r}, eager {run.error[:TEXT]!r}"
    return "", ""


def _verdict(report: Report, eager: dict[int, Run]) -> str:
    wrong = [
        length
        for length, run in eager.items()
        if length not in report.unknown and (length in report.valid) != (not run.error)
    ]
    if not wrong:
        return ""
    at_first = eager[wrong[0]].error or "runs"
    said = "valid" if wrong[0] in report.valid else "invalid"
    return f"{len(wrong)} wrong; T = {wrong[0]}: shapecheck says {said}, eager {at_first[:TEXT]}"


def _past(specs: Sequence[str], module: nn.Module, proof: Report, eager: dict[int, Run], past: random.Random) -> str:
    """Where a proof holds, some lengths above the sweep, too."""
    verdict = _verdict(proof, eager)
    if verdict:
        return f"without a last length, within 1..96: {verdict}"
    if not proof.proved:
        return ""
    began = time.monotonic()
    for last in (400, 1500, proof.swept[1] + 600):
        if time.monotonic() - began > 0.1:
            break
        length = past.randint(97, last)
        verdict = _verdict(proof, executed(module, specs, [length]))
        if verdict:
            return f"proved (swept to {proof.swept[1]}), but {verdict}"
    return ""


# convolutions -------------------------------------------------------------------------------------------------------


def _convolutions(report: Report, eager: dict[int, Run]) -> str:
    """The calls of conv layers: each node of the graph at each length that reaches it, then each row of the report."""
    groups: dict[str, dict[Any, list[torch.fx.Node]]] = {}
    for node in report.graph.nodes:
        if node.op == "call_module" and isinstance(node.meta.get("module"), _ConvNd):
            groups.setdefault(str(node.target), {}).setdefault(node.meta["call"], []).append(node)
    decided = {length: run for length, run in eager.items() if length not in report.unknown}
    for name in sorted({name for run in decided.values() for name in run.calls} | set(groups)):
        calls = [nodes for _, nodes in sorted(groups.get(name, {}).items())]
        rows = [row for row in report.layers if row.name == name and row.input_length != NOT_CALLED]
        if any(row.input_length == NOT_FOLLOWED for row in rows):
            continue
        if len(rows) != len(calls):
            return f"{name}: {len(calls)} calls in the graph, {len(rows)} rows"
        seen: list[dict[int, tuple[Shape, Shape | None]]] = [{} for _ in calls]
        for length, run in decided.items():
            here = [number for number, nodes in enumerate(calls) if _node_at(nodes, length) is not None]
            executed_calls = run.calls.get(name, [])
            if len(here) != len(executed_calls):
                return f"{name}, T = {length}: {len(here)} calls, eager {len(executed_calls)}"
            for number, call in zip(here, executed_calls, strict=True):
                seen[number][length] = call
                node = _node_at(calls[number], length)
                assert node is not None
                if _shapes(node, length) != call:
                    return f"{name}, call {number + 1}, T = {length}: {_shapes(node, length)}, eager {call}"
        for number, row in enumerate(rows):
            wrong = "" if report.unknown else _row(row, seen[number])
            if wrong:
                return f"{name}, call {number + 1}: {wrong}"
    return ""


def _node_at(nodes: list[torch.fx.Node], length: int) -> torch.fx.Node | None:
    return next((node for node in nodes if node.meta["live"].values[length - LENGTHS[0]]), None)


def _shapes(node: torch.fx.Node, length: int) -> tuple[Shape, Shape | None]:
    index = length - LENGTHS[0]
    given = tuple(at(size, index) for size in node.meta["inputs"][0])
    fails = node.meta.get("fails")
    if fails is not None and fails.values[index]:
        return given, None
    result = node.meta.get("swept")
    return given, None if result is None else tuple(at(size, index) for size in result._dims)


def _row(row: LayerLimit, seen: dict[int, tuple[Shape, Shape | None]]) -> str:
    """What one row of the report says of one call, beside what was seen."""
    completed = {length: after for length, (_, after) in seen.items() if after is not None}
    rejects = [length for length in seen if length not in completed]
    wrong = [
        "" if [length for length in seen if length in row.rejects] == rejects else f"rejects {row.rejects}: {rejects}",
        "" if row.minimum == min(completed, default=None) else f"minimum {row.minimum}: {min(completed, default=None)}",
        "" if row.is_binding == bool(rejects) else f"is_binding {row.is_binding}, rejects {rejects}",
    ]
    lengths = [
        _formula(row.input_length, {length: before[axis] for length, (before, _) in seen.items()})
        or _formula(row.output_length, {length: after[axis] for length, after in completed.items()})
        for axis in _time_axes([before for before, _ in seen.values()])
    ]
    return "; ".join(filter(None, [*wrong, lengths[0] if lengths and all(lengths) else ""]))


def _time_axes(shapes: list[Shape]) -> list[int]:
    """The last axis whose size varies; where none does, any may be meant."""
    if len({len(shape) for shape in shapes}) != 1:  # a rank for each length: no axis is meant
        return []
    axes = range(-len(shapes[0]), 0)
    return [axis for axis in axes if len({shape[axis] for shape in shapes}) > 1][-1:] or list(axes)


def _formula(formula: str, sizes: dict[int, int]) -> str:
    if not sizes or formula in (SEE_LENGTHS, "-"):
        return ""
    given = Formula.parse(formula).evaluate(np.array(list(sizes), dtype=np.int64)).tolist()
    wrong = [length for length, mine in zip(sizes, given, strict=True) if mine != sizes[length]]
    return f"{formula} at T = {wrong[0]}, eager {sizes[wrong[0]]}" if wrong else ""


# surroundings -------------------------------------------------------------------------------------------------------


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


__all__ = ["Found", "HangError", "Run", "compare", "executed", "limited"]
