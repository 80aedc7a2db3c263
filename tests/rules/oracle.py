"""Eager PyTorch on the CPU as the oracle of the rules: one function, analyzed over all lengths at once and run at each.

Compared for every length: whether it raises, and the structure, shapes, dtypes, strides and known integer values of
what comes out. A layout that is left open is no difference; a verdict left open is one, unless the test expects it.
"""

from __future__ import annotations

import functools
import os
import random
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from shapecheck.execution import values_at
from shapecheck.lengths.notation import InputSpec
from shapecheck.lengths.swept import Sweep, Undecidable, at, maximum, minimum
from shapecheck.session import session
from shapecheck.tensor import SweptTensor, make, strides_of
from shapecheck.tracer import Tracer

DTYPES = {
    "f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "i64": torch.int64,
    "i32": torch.int32, "i16": torch.int16, "i8": torch.int8, "u8": torch.uint8, "b8": torch.bool,
    "c64": torch.complex64, "c128": torch.complex128,
}  # fmt: skip


Layout = Callable[[torch.Tensor], torch.Tensor]

FRESH = torch.contiguous_format  # a copy at every length, also where `contiguous()` would keep the tensor

# the same shape, laid out in another way; each is the identity for ranks that it does not fit
LAYOUTS: dict[str, Layout] = {
    "plain": lambda x: x,
    "transposed": lambda x: x.transpose(-1, -2).clone(memory_format=FRESH).transpose(-1, -2) if x.dim() > 1 else x,
    "channels_last": lambda x: x.movedim(1, -1).clone(memory_format=FRESH).movedim(-1, 1) if x.dim() > 2 else x,
    "outer": lambda x: x.transpose(0, 1).clone(memory_format=FRESH).transpose(0, 1) if x.dim() > 1 else x,
    "sliced": lambda x: torch.cat([x, x], -1)[..., : x.shape[-1]] if x.dim() else x,
    "stepped": lambda x: torch.stack([x, x], -1)[..., 0],
    "channels": lambda x: torch.cat([x, x], 1)[:, : x.shape[1]] if x.dim() > 1 else x,
    "expanded": lambda x: x[..., :1].expand(x.shape) if x.dim() else x,
    "batch": lambda x: x[:1].expand(x.shape) if x.dim() > 1 else x,
}
FEW: tuple[str, ...] = ("plain", "transposed", "channels_last", "sliced")
ALL: tuple[str, ...] = tuple(LAYOUTS)
PLAIN: tuple[str, ...] = ("plain",)
# every row of every product, and so many examples: `make attack`
DENSE = int(os.environ.get("DENSE", "0"))


class Wrapped(nn.Module):
    """A function as a module, its tensors laid out first."""

    def __init__(self, function: Callable[..., Any], layout: Layout) -> None:
        super().__init__()
        self.function = function
        self.layout = layout

    def forward(self, *args: Any) -> Any:
        return self.function(*[self.layout(x) if isinstance(x, torch.Tensor) else x for x in args])


@dataclass(frozen=True)
class Ran:
    """What came out at one length: leaves in order, each (dtype, shape, strides or None where open, values or None)."""

    outputs: tuple[Any, ...]


@dataclass(frozen=True)
class Raises:
    error: str


@dataclass(frozen=True)
class Open:
    reason: str


def eager(module: nn.Module, inputs: Sequence[Any], length: int) -> Ran | Raises:
    """One real run on the CPU."""
    generator = torch.Generator().manual_seed(length)
    args = [_real(value, length, generator) for value in inputs]
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = module(*args)
    except Exception as error:  # noqa: BLE001  # that it raises is what is compared
        return Raises(f"{type(error).__name__}: {error}".splitlines()[0][:160])
    return Ran(tuple(_described(leaf) for leaf in flat(result)))


def analyzed(
    module: nn.Module, inputs: Sequence[Any], lengths: tuple[int, int], *, rules: bool = True
) -> list[Ran | Raises | Open]:
    """The outcome for every length, from one analysis."""
    sweep = Sweep(*lengths)
    tracer = Tracer(sweep, rules=rules)
    found: list[Any] = [None] * len(sweep.lengths)

    def put(index: int, outcome: Any) -> None:
        found[index] = outcome if found[index] is None else Open(f"two outcomes: {found[index]} and {outcome}")

    with session(tracer):
        args = [_swept(value, sweep) for value in inputs]
        results = tracer.run(module, "forward", tuple(args), {})
        tracer.asking = True
        for refusal in tracer.record.refusals:
            for index in np.flatnonzero(refusal.lengths.values):
                put(int(index), Raises(f"{type(refusal.error).__name__}: {refusal.error}".splitlines()[0][:160]))
        for doubt in tracer.record.doubts:
            for index in np.flatnonzero(doubt.lengths.values):
                put(int(index), Open(f"{doubt.operation}: {doubt.reason}"))
        for mask, result in results:
            described = [_described_swept(leaf) for leaf in flat(result)]
            for index in np.flatnonzero(mask.values):
                put(int(index), Ran(tuple(describe(int(index)) for describe in described)))
    return [Open("no outcome") if outcome is None else outcome for outcome in found]


def on_meta(fact: Fact, length: int) -> Any:
    """What the meta kernels make of an expression at one length: the result, or an exception."""

    def moved(value: Any) -> Any:
        return value.to("meta") if isinstance(value, torch.Tensor) else value

    function = fact.function()
    inputs = [moved(value) for value in fact.real_inputs(length)]
    try:
        with torch.no_grad(), torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*inputs)
    except Exception as error:  # noqa: BLE001  # that it raises is what is compared
        return error


def differences_on_meta(fact: Fact, length: int) -> list[str]:
    """What the analysis says otherwise than the meta kernels, at a length whose tensors need not be small.

    Both accept: same shapes and dtypes. Meta kernels that want data say nothing, nor those that accept what the CPU refuses.
    """
    (ours,) = analyzed(Wrapped(fact.function(), LAYOUTS["plain"]).eval(), fact.inputs, (length, length))
    result = on_meta(fact, length)
    if not isinstance(ours, Ran):
        return []
    if isinstance(result, Exception):
        wants_data = isinstance(result, NotImplementedError) or "meta" in str(result).lower()
        return [] if wants_data else [f"T={length}: VERDICT ours {ours}; meta {type(result).__name__}: {result}"]
    theirs = [(leaf.dtype, tuple(leaf.shape)) if isinstance(leaf, torch.Tensor) else leaf for leaf in flat(result)]
    mine = [leaf[:2] if isinstance(leaf, tuple) and len(leaf) == 4 else leaf for leaf in ours.outputs]
    return [] if mine == theirs else [f"T={length}: ours {mine}; meta {theirs}"]


def differences(
    function: Callable[..., Any],
    *inputs: Any,
    lengths: tuple[int, int] = (1, 24),
    layouts: Sequence[str] = PLAIN,
    rules: bool = True,
    singles: bool = True,
) -> list[str]:
    """What the analysis says otherwise than eager, a line for each layout and length.

    `singles`: strides are compared where an argument has an axis of size 1, too; copies of those are not followed exactly.
    """
    lines: list[str] = []
    for name in layouts:
        module = Wrapped(function, LAYOUTS[name]).eval()
        said = analyzed(module, inputs, lengths, rules=rules)
        for length, ours in zip(range(lengths[0], lengths[1] + 1), said, strict=True):
            truth = eager(module, inputs, length)
            exact = singles or name == "plain" or not any(1 in _sizes_at(value, length) for value in inputs)
            problem = _difference(ours, truth, exact)
            if problem:
                lines.append(f"{name} T={length}: {problem}")
    return lines


@dataclass(frozen=True)
class Fact:
    """One line of a table: an expression of the inputs x, y and z, their specs, and how they are laid out."""

    text: str
    inputs: tuple[str, ...]
    layouts: tuple[str, ...]
    lengths: tuple[int, int]
    is_open: bool | str  # some lengths are left open, which is no difference here: all, or for this reason
    names: dict[str, Any] = field(repr=False, compare=False)  # what the expression may use, besides _NAMES
    singles: bool = True  # strides are compared where an argument has an axis of size 1, too

    def __str__(self) -> str:
        return f"{self.text} :: {' & '.join(self.inputs)}"

    def check(self, *, rules: bool = True, layouts: Sequence[str] | None = None, longest: int = 100) -> None:
        """The analysis says what eager says, for every length and layout."""
        problems = self.problems(rules=rules, layouts=layouts, longest=longest)
        assert not problems, "\n".join(["", *problems[:8]])

    def problems(self, *, rules: bool = True, layouts: Sequence[str] | None = None, longest: int = 100) -> list[str]:
        """What the analysis says otherwise than eager."""
        problems = differences(
            self.function(),
            *self.inputs,
            lengths=(self.lengths[0], min(self.lengths[1], longest)),
            layouts=self.layouts if layouts is None else layouts,
            rules=rules,
            singles=self.singles,
        )
        if self.is_open:
            reason = self.is_open if isinstance(self.is_open, str) else ""
            problems = [problem for problem in problems if not (" OPEN " in problem and reason in problem)]
        return problems

    def real_inputs(self, length: int) -> list[Any]:
        """The inputs of one eager run."""
        generator = torch.Generator().manual_seed(length)
        return [_real(value, length, generator) for value in self.inputs]

    def function(self) -> Callable[..., Any]:
        """The expression as a function; what stands before a semicolon is executed first."""
        before, _, last = self.text.rpartition(";")
        body = compile(before.strip(), "<fact>", "exec") if before else None
        value = compile(last.strip(), "<fact>", "eval")

        def run(*inputs: Any) -> Any:
            names = {**_NAMES, **self.names, **dict(zip("xyz", inputs, strict=False))}
            if body is not None:
                exec(body, names)
            return eval(value, names)

        return run


def facts(table: str, share: float = 1.0, **names: Any) -> list[Any]:
    """The lines of a table, as parameters of a test: `expression :: spec & spec :: layouts, first:last, open`.

    `share`: about how much of a product to keep, each function and each spec once at least (`make attack`: all).
    """
    draws = random.Random(0)
    seen: set[str] = set()
    rows: list[Any] = []
    for line in filter(None, (line.strip() for line in table.splitlines())):
        text, specs, *rest = (part.strip() for part in line.split(" :: "))
        kind = text.partition("(")[0]
        if not (DENSE or draws.random() < share or kind not in seen or specs not in seen):
            continue
        seen |= {kind, specs}
        layouts, lengths, is_open = PLAIN, (1, 16), False
        for option in filter(None, (option.strip() for option in ",".join(rest).split(","))):
            if option == "open":
                is_open = True
            elif ":" in option:
                first, last = option.split(":")
                lengths = (int(first), int(last))
            else:
                layouts = GROUPS.get(option) or (option,)
        fact = Fact(text, tuple(spec.strip() for spec in specs.split("&")), layouts, lengths, is_open, names)
        rows.append(pytest.param(fact, id=str(fact)))
    return rows


def ones(*sizes: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """A plain tensor: a weight."""
    return torch.ones(sizes, dtype=dtype)


def zeros(*sizes: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.zeros(sizes, dtype=dtype)


def index(*values: int) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int64)


GROUPS: dict[str, tuple[str, ...]] = {"plain": PLAIN, "few": FEW, "all": ALL}
_NAMES: dict[str, Any] = {
    "torch": torch, "nn": nn, "F": torch.nn.functional, "np": np, "ones": ones, "zeros": zeros, "index": index,
    "f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "i64": torch.int64,
    "i32": torch.int32, "i8": torch.int8, "u8": torch.uint8, "b8": torch.bool, "c64": torch.complex64,
}  # fmt: skip


def _difference(ours: Ran | Raises | Open, truth: Ran | Raises, strides: bool) -> str:
    if isinstance(ours, Open):
        return f"OPEN ({ours.reason}); eager: {str(truth)[:160]}"
    if isinstance(ours, Raises) or isinstance(truth, Raises):
        if isinstance(ours, Raises) and isinstance(truth, Raises):
            return ""
        return f"VERDICT ours {str(ours)[:160]}; eager {str(truth)[:160]}"
    if len(ours.outputs) != len(truth.outputs):
        return f"OUTPUTS {len(ours.outputs)} for {len(truth.outputs)}"
    for position, (mine, real) in enumerate(zip(ours.outputs, truth.outputs, strict=True)):
        if not isinstance(real, tuple) or len(real) != 4 or not isinstance(real[0], torch.dtype):
            if mine != real:
                return f"VALUE {position}: {mine} for {real}"
            continue
        if not isinstance(mine, tuple) or mine[:2] != real[:2]:
            return f"SHAPE {position}: {mine[:2]} for {real[:2]}"
        if strides and mine[2] is not None and 0 not in real[1]:
            own = [step for step, size in zip(mine[2], real[1], strict=True) if size > 1]
            wanted = [step for step, size in zip(real[2], real[1], strict=True) if size > 1]
            if own != wanted:
                return f"STRIDES {position}: {mine[2]} for {real[2]} of {real[1]}"
        if mine[3] is not None:
            values = real[3]
            if mine[3][0] == "bounds":
                low, high, exact = mine[3][1:]
                if values.size and not (low <= values.min() and values.max() <= high):
                    return f"BOUNDS {position}: {mine[3]} for {values}"
                if values.size and exact and (low, high) != (values.min(), values.max()):
                    return f"BOUNDS {position}: {mine[3]} for {values}"
            elif not np.array_equal(np.asarray(mine[3][1], dtype=values.dtype), values):
                return f"VALUES {position}: {mine[3]} for {values}"
    return ""


def flat(tree: Any) -> list[Any]:
    """Tensors, numbers and so on, in order; a packed sequence as its parts."""
    if isinstance(tree, PackedSequence):
        return flat((tree.data,))
    if isinstance(tree, dict):
        return [leaf for item in tree.values() for leaf in flat(item)]
    if isinstance(tree, (tuple, list)):
        return [leaf for item in tree for leaf in flat(item)]
    return [tree]


def _described(leaf: Any) -> Any:
    if not isinstance(leaf, torch.Tensor):
        return leaf
    if leaf.dtype.is_floating_point or leaf.dtype.is_complex:
        values = None
    else:
        values = leaf.numpy()
    return leaf.dtype, tuple(leaf.shape), tuple(leaf.stride()), values


def _described_swept(leaf: Any) -> Callable[[int], Any]:
    if type(leaf) is not SweptTensor:
        if isinstance(leaf, torch.Tensor):
            return lambda index: (leaf.dtype, tuple(leaf.shape), tuple(leaf.stride()), None)
        return lambda index: at(leaf, index)
    try:
        steps: Any = strides_of(leaf)
    except Undecidable:
        steps = None

    def describe(index: int) -> Any:
        known: Any = None
        dims = tuple(at(size, index) for size in leaf._dims)
        if leaf._values is not None:
            known = ("values", np.array([at(v, index) for v in leaf._values.reshape(-1)], dtype=object).reshape(dims))
        elif leaf._recipe is not None and not leaf._dtype.is_floating_point and not leaf._dtype.is_complex:
            known = ("recipe", values_at(leaf, index, {}).numpy())
        elif leaf._bounds is not None:
            known = ("bounds", at(leaf._bounds.low, index), at(leaf._bounds.high, index), leaf._bounds.exact)
        return leaf._dtype, dims, None if steps is None else tuple(at(step, index) for step in steps), known

    return describe


_spec = functools.lru_cache(InputSpec.parse)


def _sizes_at(value: Any, length: int) -> list[int]:
    spec = _spec(value) if isinstance(value, str) else None
    return [int(size.evaluate(dict.fromkeys(spec.symbols, length))) for size in spec.dims] if spec else []


def _real(value: Any, length: int, generator: torch.Generator) -> Any:
    if not isinstance(value, str):
        return value
    spec = _spec(value)
    symbols = dict.fromkeys(spec.symbols, length)
    dims = [int(size.evaluate(symbols)) for size in spec.dims]
    dtype = DTYPES[spec.dtype]
    if spec.values is not None:
        if isinstance(spec.values, tuple):
            return torch.tensor([int(item.evaluate(symbols)) for item in spec.values], dtype=dtype)
        return torch.full(dims, int(spec.values.evaluate(symbols)), dtype=dtype)
    if dtype.is_floating_point or dtype.is_complex:
        return torch.randn(dims, generator=generator, dtype=torch.complex64 if dtype.is_complex else None).to(dtype)
    return torch.ones(dims, dtype=dtype)


def _swept(value: Any, sweep: Sweep) -> Any:
    if not isinstance(value, str):
        return value
    spec = _spec(value)
    symbols = {symbol: sweep.variable() for symbol in spec.symbols}
    dims = tuple(size.evaluate(symbols, minimum, maximum) for size in spec.dims)
    known: Any = None
    if isinstance(spec.values, tuple):
        known = np.empty(len(spec.values), dtype=object)
        for position, item in enumerate(spec.values):
            known[position] = item.evaluate(symbols, minimum, maximum)
    elif spec.values is not None:
        known = np.empty(dims, dtype=object)
        for index in np.ndindex(known.shape):
            known[index] = spec.values.evaluate(symbols, minimum, maximum)
    return make(dims, DTYPES[spec.dtype], values=known)


__all__ = [
    "ALL",
    "FEW",
    "LAYOUTS",
    "PLAIN",
    "Fact",
    "Raises",
    "Wrapped",
    "analyzed",
    "differences",
    "eager",
    "facts",
    "on_meta",
]
