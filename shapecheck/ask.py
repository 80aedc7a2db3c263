"""Asking PyTorch: an operation is executed once for each distinct combination of the live sizes that it gets.

Invariant: an answer holds for the lengths that were asked, and carries no proof past them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from shapecheck.execution import execute, has_no_kernel, is_beyond, overrules
from shapecheck.lengths.swept import Int, Sweep, SweptBool, SweptFloat, SweptInt, Undecidable
from shapecheck.tensor import LARGEST_VALUES, SweptSize, SweptTensor, listed, make, strides_of
from shapecheck.trees import is_mapping, is_sequence, kind_of, mapping_of, sequence_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

Memo = dict[Any, dict[tuple[Any, ...], Any]]


@dataclass(frozen=True, slots=True)
class Group:
    """The lengths (indices of the sweep) for which PyTorch gave results of one structure, and that result."""

    indices: NDArray[np.int64]
    result: Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What PyTorch said: a result for each structure it came in, and the lengths that it refused."""

    groups: tuple[Group, ...]
    refused: NDArray[np.int64]  # indices of the sweep
    varied: bool  # whether any size varied: then the answer carries no proof past the sweep


class Budget:
    """How many executions one analysis may spend on asking."""

    def __init__(self, executions: int) -> None:
        self.left = executions

    def spend(self, executions: int, what: str) -> None:
        if executions > self.left:
            raise Undecidable(f"{what} would have to be executed {executions} times, more than the budget allows")
        self.left -= executions


def ask(
    sweep: Sweep,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    live: SweptBool,
    memo: Memo,
    budget: Budget,
) -> Answer:
    """Execute `function` for every distinct combination of sizes among the live lengths."""
    question = _Question()
    skeleton = question.reads((args, dict(kwargs)))
    indices = np.flatnonzero(live.values)
    if question.slots:  # floats by their bits: the same float is the same question
        table = np.stack([slot.values.view(np.int64)[indices] for slot in question.slots], axis=1)
        combinations, inverse = np.unique(table, axis=0, return_inverse=True)
        inverse = inverse.reshape(-1)
    else:
        combinations, inverse = np.zeros((1, 0), dtype=np.int64), np.zeros(len(indices), dtype=np.int64)
    representatives = np.zeros(len(combinations), dtype=np.int64)
    representatives[inverse] = indices

    try:
        known = memo.setdefault((function, skeleton), {})
    except TypeError:  # an argument that cannot be a key
        known = {}
    outcomes: list[Any] = []
    fresh = [i for i, sizes in enumerate(combinations) if tuple(sizes.tolist()) not in known]
    budget.spend(len(fresh), getattr(function, "__name__", type(function).__name__))
    for sizes, index in zip(combinations, representatives, strict=True):
        key = tuple(sizes.tolist())
        outcome = known.get(key)
        if outcome is None:
            at_an_end = len(outcomes) in (0, len(combinations) - 1)
            outcome = known[key] = execute(function, args, kwargs, int(index), first=at_an_end)
        outcomes.append(outcome)
    if any(map(overrules, outcomes)):  # meta does not see all that is needed: its word alone does not count
        for position, (sizes, index) in enumerate(zip(combinations, representatives, strict=True)):
            if isinstance(outcomes[position], BaseException) or not is_beyond((args, kwargs), int(index)):
                continue
            if is_beyond((args, kwargs), int(index), first=True):
                what = getattr(function, "__name__", type(function).__name__)
                raise Undecidable(f"PyTorch's meta kernel of {what} accepts what the CPU refuses, at smaller sizes")
            outcome = execute(function, args, kwargs, int(index), first=True)
            outcomes[position] = known[tuple(sizes.tolist())] = outcome
    missing = next((outcome for outcome in outcomes if has_no_kernel(outcome)), None)
    if missing is not None:  # for the dtype, so at any size: also where only meta was asked, which accepts it
        beyond = [is_beyond((args, kwargs), int(index)) for index in representatives]
        outcomes = [missing if far else outcome for outcome, far in zip(outcomes, beyond, strict=True)]

    structures: dict[Any, list[int]] = {}
    refused: list[int] = []
    for i, outcome in enumerate(outcomes):
        if isinstance(outcome, BaseException):
            refused.append(i)
        else:
            structures.setdefault(outcome[0], []).append(i)
    groups: list[Group] = []
    for structure, members in structures.items():
        chosen = np.isin(inverse, members)
        numbers = np.zeros((len(combinations), len(outcomes[members[0]][1])), dtype=np.int64)
        for i in members:
            numbers[i] = outcomes[i][1]
        result = _Assembler(sweep, indices[chosen], numbers[inverse[chosen]], question).build(structure)
        groups.append(Group(indices[chosen], result))
    return Answer(tuple(groups), indices[np.isin(inverse, refused)], varied=bool(question.slots))


class _Question:
    """The arguments as a hashable skeleton, with the swept numbers in it numbered."""

    def __init__(self) -> None:
        self.slots: list[SweptInt | SweptFloat] = []
        self.inputs: list[torch.Tensor] = []
        self._numbers: dict[int, int] = {}

    def reads(self, tree: Any) -> Any:
        kind = kind_of(tree)
        if kind is SweptTensor:
            self.inputs.append(tree)
            values = None if tree._values is None else tuple(self.reads(v) for v in tree._values.reshape(-1))
            strides = None if tree._strides is None else tuple(self.reads(step) for step in strides_of(tree))
            return ("tensor", tree._dtype, tuple(self.reads(size) for size in tree._dims), strides, values)
        if isinstance(tree, torch.Tensor):
            self.inputs.append(tree)
            if not tree.is_meta and tree.numel() <= LARGEST_VALUES:
                return ("values", tree.dtype, tuple(tree.shape), str(listed(tree)))
            return ("plain", tree.dtype, tuple(tree.shape), tuple(tree.stride()))
        if kind is SweptInt or kind is SweptFloat:
            number = self._numbers.get(id(tree))
            if number is None:
                number = self._numbers[id(tree)] = len(self.slots)
                self.slots.append(tree)
            return ("slot", kind, number)
        if kind is SweptBool:
            return ("bool", self.reads(tree.as_int()))
        if is_mapping(tree):
            return ("dict", kind, tuple((key, self.reads(item)) for key, item in tree.items()))
        if is_sequence(tree):
            return (kind, tuple(self.reads(item) for item in tree))
        if kind is slice:
            return ("slice", self.reads(tree.start), self.reads(tree.stop), self.reads(tree.step))
        return (kind, tree)


class _Assembler:
    """Builds the swept result from its structure and the numbers found at each live length."""

    def __init__(self, sweep: Sweep, indices: NDArray[np.int64], rows: NDArray[np.int64], question: _Question) -> None:
        self.sweep = sweep
        self.indices = indices
        self.rows = rows  # one row of numbers for each live length
        self.question = question
        self.column = 0

    def build(self, structure: Any) -> Any:
        kind = structure[0]
        if kind == "constant":
            return structure[1]
        if kind == "input":
            position: int = structure[1]
            return self.question.inputs[position]
        if kind == "integer":
            return self._next()
        if kind == "size":
            return SweptSize(self._next() for _ in range(structure[1]))
        if kind == "values":
            _, dtype, shape = structure
            dims = tuple(self._next() for _ in shape)
            values = np.empty(shape, dtype=object)
            for index in np.ndindex(shape):
                values[index] = self._next()
            return make(dims, dtype, values=values)
        if kind == "tensor":
            _, dtype, rank = structure
            dims = tuple(self._next() for _ in range(rank))
            contiguous = bool(self.rows[:, self.column + rank].all())
            strides = None if contiguous else tuple(self._next() for _ in range(rank))
            self.column += rank + 1 if contiguous else 1
            tainted = not dtype.is_floating_point and any(_carries_lengths(t) for t in self.question.inputs)
            return make(dims, dtype, strides, tainted=tainted)
        if kind == "dict":
            return mapping_of(structure[1], {key: self.build(item) for key, item in structure[2]})
        return sequence_of(structure[1], [self.build(item) for item in structure[2]])

    def _next(self) -> Int:
        column = self.rows[:, self.column]
        self.column += 1
        first = int(column[0])
        if bool((column == first).all()):
            return first
        for slot in self.question.slots:
            if type(slot) is SweptInt and np.array_equal(slot.values[self.indices], column):
                return slot
        values = np.zeros(len(self.sweep.lengths), dtype=np.int64)
        values[self.indices] = column
        return self.sweep.integer(values, None)


def _carries_lengths(tensor: torch.Tensor) -> bool:
    return type(tensor) is SweptTensor and (tensor._tainted or tensor._bounds is not None or tensor._values is not None)
