"""Which steps of its input an element of a tensor depends on, measured on the eager module by its gradients.

Nothing here uses the graph of an analysis. An element that happens to have a zero gradient, in a maximum or a ReLU, has
none on other numbers: what several draws of the input show counts together.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn

from shapecheck import analyze
from shapecheck.examples import examples_at
from shapecheck.receptive import Hull, places_of

NORMS = (nn.modules.instancenorm._InstanceNorm, nn.GroupNorm, nn.Dropout)
FAR = 5040

Span = tuple[int, int] | None  # the first and the last step; None: it depends on none
Index = tuple[int, ...]


class Passed(nn.Module):
    """In place of a norm: a tensor of its own, which what follows may change in place."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 1.0


def without_statistics(module: nn.Module) -> nn.Module:
    """The module with nothing in place of its norms over the length."""
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, NORMS):
                setattr(parent, name, Passed())
    return module


def eager_of(module: nn.Module) -> nn.Module:
    """A copy in evaluation mode and double precision, without statistics."""
    return without_statistics(copy.deepcopy(module)).double().eval()


def compare(
    module: nn.Module,
    *specs: Any,
    length: int,
    before: str = "",
    eager: nn.Module | None = None,
    method: str = "forward",
    leaf: str = "",
    dtype: torch.dtype = torch.float64,
    draws: int = 2,
    most: int = 16,
    seed: int = 0,
) -> int:
    """Assert that the hull of each element that is looked at is the measured one; how many were.

    `before`: the layer whose input is looked at, not the outputs. `leaf`: the layer whose output stands for the input,
    where that is of integers.
    """
    report = analyze(module, *specs, lengths=(length, length), method=method)
    assert length in report.valid, report.failures or report.undecided
    places = places_of(report)
    if before:
        (whole,) = [entry for entry in places.whole if entry.name.endswith(f" {before}")]
        assert whole.before is not None
        hulls = [whole.before]
    else:
        hulls = list(places.outputs)
    eager = eager_of(module) if eager is None else eager
    picks = [_picks(hull.dims, most, seed) for hull in hulls]
    measured: list[list[Span]] = [[None] * len(indices) for indices in picks]
    for draw in range(draws):
        for number, spans in enumerate(
            _measured(eager, specs, length, method, before, leaf, picks, dtype, seed + draw)
        ):
            measured[number] = [_both(one, other) for one, other in zip(measured[number], spans, strict=True)]
    for hull, indices, spans in zip(hulls, picks, measured, strict=True):
        for index, span in zip(indices, spans, strict=True):
            assert said(hull, index) == span, f"at {index} of {hull.dims}"
    return sum(map(len, picks))


def said(hull: Hull, index: Index) -> Span:
    low, high = (int(bound[index]) for bound in hull.full())
    return (low, high) if low <= high else None


def _measured(
    eager: nn.Module,
    specs: Any,
    length: int,
    method: str,
    before: str,
    leaf: str,
    picks: list[list[Index]],
    dtype: torch.dtype,
    seed: int,
) -> Iterator[list[Span]]:
    inputs = [
        tensor.to(dtype).requires_grad_() if isinstance(tensor, Tensor) and tensor.is_floating_point() else tensor
        for tensor in examples_at(specs, length, seed=seed)
    ]
    steps = {id(tensor): _steps(spec, length) for tensor, spec in zip(inputs, specs, strict=True)}
    sources = [tensor for tensor in inputs if isinstance(tensor, Tensor) and tensor.requires_grad and steps[id(tensor)]]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        caught: list[Tensor] = []
        with _watching(eager, before, leaf, caught, sources, steps, length):
            outputs = getattr(eager, method)(*inputs) if method != "forward" else eager(*inputs)
    targets = caught if before else _tensors(outputs)
    assert before or len(targets) == len(picks)
    for target, indices in zip(targets, picks, strict=False):
        assert all(len(index) == target.dim() for index in indices)
        yield [_span(target[index], sources, steps) for index in indices]


@contextmanager
def _watching(
    eager: nn.Module, before: str, leaf: str, caught: list[Tensor], sources: list[Tensor], steps: Any, length: int
) -> Iterator[None]:
    handles: list[Any] = []
    if before:

        def catch(_layer: nn.Module, args: Any) -> None:
            data = args[0]
            caught.append(data.data if isinstance(data, nn.utils.rnn.PackedSequence) else data)

        handles.append(eager.get_submodule(before).register_forward_pre_hook(catch))
    if leaf:

        def replace(_layer: nn.Module, _args: Any, output: Tensor) -> Tensor:
            made = torch.randn_like(output).requires_grad_()
            sources.append(made)
            steps[id(made)] = {1: [(step, step) for step in range(length)]}
            return made * 1.0

        handles.append(eager.get_submodule(leaf).register_forward_hook(replace))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _span(target: Tensor, sources: list[Tensor], steps: dict[int, dict[int, list[tuple[int, int]]]]) -> Span:
    if target.is_complex():
        target = target.real + 0.7 * target.imag
    if not target.requires_grad:
        return None
    gradients = torch.autograd.grad(target, sources, retain_graph=True, allow_unused=True)
    found: Span = None
    for source, gradient in zip(sources, gradients, strict=True):
        if gradient is None:
            continue
        assert not gradient.isnan().any()
        for axis, of_place in steps[id(source)].items():
            others = [other for other in range(gradient.dim()) if other != axis]
            seen = (gradient != 0).any(others) if others else gradient != 0  # type: ignore[call-overload]
            for place in seen.nonzero().flatten().tolist():
                found = _both(found, of_place[place])
    return found


def _both(one: Span, other: Span) -> Span:
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1])


def _steps(spec: Any, length: int) -> dict[int, list[tuple[int, int]]]:
    """For each axis of an input that varies: the first and the last step that each place is a part of."""
    if not isinstance(spec, str):
        return {}
    sizes, later = (examples_at(spec, at, device="meta").shape for at in (length, length + FAR))
    result: dict[int, list[tuple[int, int]]] = {}
    for axis, (size, other) in enumerate(zip(sizes, later, strict=True)):
        if size != other:
            pace = Fraction(other - size, FAR)
            result[axis] = [
                (min(parts), max(parts))
                for place in range(size)
                if (
                    parts := [
                        step for step in _around(place, pace) if step * pace < place + 1 and (step + 1) * pace > place
                    ]
                )
            ]
    return result


def _around(place: int, pace: Fraction) -> range:
    middle = int(place / pace)
    reach = int(1 / pace) + 2
    return range(max(0, middle - reach), middle + reach + 1)


def _picks(dims: tuple[int, ...], most: int, seed: int) -> list[Index]:
    """Elements all over a tensor: its first and its last one, and others by chance."""
    count = int(torch.tensor(dims).prod()) if dims else 1
    generator = torch.Generator().manual_seed(seed)
    flat = {0, count - 1, *torch.randint(count, (most,), generator=generator).tolist()} if count else set()
    return [
        tuple(int(part) for part in torch.unravel_index(torch.tensor(place), dims)) if dims else ()
        for place in sorted(flat)
    ]


def _tensors(tree: Any) -> list[Tensor]:
    if isinstance(tree, Tensor):
        return [tree]
    if isinstance(tree, dict):
        tree = list(tree.values())
    return [tensor for item in tree for tensor in _tensors(item)] if isinstance(tree, (list, tuple)) else []
