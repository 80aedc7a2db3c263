"""Asking PyTorch: an operation is executed once for each distinct combination of the live sizes that it gets.

Runs on meta tensors, so nothing is computed, and with PyTorch's own errors; integer tensors whose values are known run on
the CPU with those values. Invariant: an answer holds for the lengths that were asked, and carries no proof past them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import PackedSequence

from shapecheck.lengths.swept import Int, Sweep, SweptBool, SweptFloat, SweptInt, Undecidable, at, is_plain
from shapecheck.tensor import LARGEST_VALUES, Lazy, SweptSize, SweptTensor, dims_of, make, strides_of


@dataclass(frozen=True, slots=True)
class Group:
    """The lengths (indices of the sweep) for which PyTorch gave results of one structure, and that result."""

    indices: np.ndarray[Any, np.dtype[np.int64]]
    result: Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What PyTorch said: a result for each structure it came in, and the lengths that it refused."""

    groups: tuple[Group, ...]
    refused: np.ndarray[Any, np.dtype[np.int64]]  # indices of the sweep
    varied: bool  # whether any size varied: then the answer carries no proof past the sweep


Memo = dict[Any, dict[tuple[Any, ...], Any]]


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
    if question.slots:
        table = np.stack([slot.values[indices] for slot in question.slots], axis=1)
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
    budget.spend(len(fresh), _name(function))
    for sizes, index in zip(combinations, representatives, strict=True):
        key = tuple(sizes.tolist())
        outcome = known.get(key)
        if outcome is None:
            outcome = known[key] = _execute(function, args, kwargs, int(index))
        outcomes.append(outcome)

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


def error_at(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], index: int
) -> Exception | None:
    """PyTorch's own error at one length (an index of the sweep); None where PyTorch accepts it.

    From the CPU kernels, which are the truth, on tensors of zeros; on meta where these would be large.
    """
    if not getattr(function, "on_meta", False):
        tensors = [leaf for leaf in leaves((args, dict(kwargs))) if isinstance(leaf, torch.Tensor)]
        elements = 0
        for tensor in tensors:
            count = 1
            for size in dims_of(tensor):
                count *= max(at(size, index), 1)
            elements += count
        if elements <= 2**24:
            try:
                with torch.no_grad():
                    function(*concrete(args, index, "cpu"), **concrete(dict(kwargs), index, "cpu"))
            except Exception as error:
                return error
            return None
    outcome = _execute(function, args, kwargs, index)
    return outcome if isinstance(outcome, Exception) else None


def concrete(tree: Any, index: int, device: str) -> Any:
    """The arguments as they are at one length, on meta or (zeros) on the CPU."""

    def leaf(value: Any) -> Any:
        if type(value) is SweptTensor:
            return _concrete_tensor(value, index, device)
        if isinstance(value, torch.Tensor):
            if device == "meta" and not value.is_meta and value.numel() > LARGEST_VALUES:
                return value.to("meta")
            if device == "cpu" and value.is_meta:
                return _blank(value.shape, value.dtype)
            return value
        return at(value, index)

    return map_tree(leaf, tree)


def map_tree(function: Callable[[Any], Any], tree: Any) -> Any:
    """Apply to every leaf of nested tuples, lists, dicts, named tuples and slices."""
    kind = type(tree)
    if kind is tuple:
        return tuple([map_tree(function, item) for item in tree])
    if kind is list:
        return [map_tree(function, item) for item in tree]
    if kind is SweptSize:
        return tuple([map_tree(function, item) for item in tree])
    if kind is torch.Size:  # torch.Size((1,)) + x.shape[1:] holds swept sizes, too
        return tree if not any(type(size) is SweptInt for size in tree) else tuple(map_tree(function, s) for s in tree)
    if kind is slice:
        return slice(
            map_tree(function, tree.start), map_tree(function, tree.stop), map_tree(function, tree.step)
        )
    if isinstance(tree, dict):
        items = {key: map_tree(function, item) for key, item in tree.items()}
        return items if kind is dict else _rebuild_mapping(tree, items)
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return kind(*[map_tree(function, item) for item in tree])
    if isinstance(tree, (tuple, list)):  # torch.return_types and the like
        return kind([map_tree(function, item) for item in tree])
    return function(tree)


def leaves(tree: Any) -> list[Any]:
    """The leaves, in order."""
    found: list[Any] = []

    def visit(item: Any) -> None:
        if type(item) is torch.Size and not any(type(size) is SweptInt for size in item):
            found.append(item)
        elif isinstance(item, (tuple, list)):
            for part in item:
                visit(part)
        elif isinstance(item, dict):
            for part in item.values():
                visit(part)
        elif type(item) is slice:
            visit((item.start, item.stop, item.step))
        else:
            found.append(item)

    visit(tree)
    return found


def _rebuild_mapping(original: Any, items: dict[Any, Any]) -> Any:
    try:
        return type(original)(**items)
    except TypeError:
        return type(original)(items)


def _tensors(tree: Any) -> Iterable[torch.Tensor]:
    return [leaf for leaf in leaves(tree) if isinstance(leaf, torch.Tensor)]


def _concrete_tensor(tensor: SweptTensor, index: int, device: str) -> torch.Tensor:
    if tensor._values is not None:
        values = [at(value, index) for value in tensor._values.reshape(-1)]
        shape = [at(size, index) for size in tensor._dims]
        return torch.tensor(values, dtype=tensor._dtype).reshape(shape)
    shape = [at(size, index) for size in tensor._dims]
    if device == "cpu" and tensor._bounds is not None:  # the value that is the first to be out of range
        low, high = at(tensor._bounds.low, index), at(tensor._bounds.high, index)
        return torch.full(shape, low if low < 0 else high, dtype=tensor._dtype)
    if tensor._strides is None:
        if device == "meta":
            return torch.empty(shape, dtype=tensor._dtype, device="meta")
        return _blank(shape, tensor._dtype)
    stride = [at(step, index) for step in strides_of(tensor)]
    return torch.empty_strided(shape, stride, dtype=tensor._dtype, device=device)


def is_computable(value: Any) -> bool:
    """Whether the values of an argument follow from lengths and plain data alone, so that `values_at` can give them."""
    if type(value) is SweptTensor:
        return value._values is not None or value._recipe is not None
    return not isinstance(value, torch.Tensor) or not value.is_meta


def values_at(tensor: torch.Tensor, index: int, done: dict[int, Any]) -> torch.Tensor:
    """The true values of a computable tensor at one length, computed on the CPU."""
    if type(tensor) is not SweptTensor:
        return tensor
    if id(tensor) in done:
        return done[id(tensor)]
    if tensor._recipe is None:
        result = _concrete_tensor(tensor, index, "cpu")
    else:
        recipe = tensor._recipe
        elements = 1
        for size in tensor._dims:
            elements *= max(at(size, index), 1)
        if elements > 2**22:
            raise Undecidable("values that follow from lengths are too many to compute")

        def leaf(value: Any) -> Any:
            if isinstance(value, torch.Tensor):
                return values_at(value, index, done)
            return torch.device("cpu") if isinstance(value, torch.device) else at(value, index)

        made = recipe.function(*map_tree(leaf, recipe.args), **map_tree(leaf, recipe.kwargs))
        result = made if recipe.position is None else leaves(made)[recipe.position]
    done[id(tensor)] = result
    return result


def _blank(shape: Any, dtype: torch.dtype) -> torch.Tensor:
    """A tensor whose values do not matter: integers could be indices, so they are zero; others are not even written."""
    make_blank = torch.empty if dtype.is_floating_point or dtype.is_complex else torch.zeros
    return make_blank(shape, dtype=dtype)


class _Question:
    """The arguments as a hashable skeleton, with the swept integers in it numbered."""

    def __init__(self) -> None:
        self.slots: list[SweptInt] = []
        self.inputs: list[torch.Tensor] = []
        self._numbers: dict[int, int] = {}

    def reads(self, tree: Any) -> Any:
        kind = type(tree)
        if kind is SweptTensor:
            self.inputs.append(tree)
            values = None if tree._values is None else tuple(self.reads(v) for v in tree._values.reshape(-1))
            strides = None if tree._strides is None else tuple(self.reads(step) for step in strides_of(tree))
            return ("tensor", tree._dtype, tuple(self.reads(size) for size in tree._dims), strides, values)
        if isinstance(tree, torch.Tensor):
            self.inputs.append(tree)
            if not tree.is_meta and tree.numel() <= LARGEST_VALUES:
                return ("values", tree.dtype, tuple(tree.shape), str(tree.tolist()))
            return ("plain", tree.dtype, tuple(tree.shape), tuple(tree.stride()))
        if kind is SweptInt:
            number = self._numbers.get(id(tree))
            if number is None:
                number = self._numbers[id(tree)] = len(self.slots)
                self.slots.append(tree)
            return ("slot", number)
        if kind is SweptBool:
            return ("bool", self.reads(tree.as_int()))
        if kind is SweptFloat:
            raise Undecidable("a float computed from lengths is passed to an operation without a rule")
        if isinstance(tree, dict):
            return ("dict", kind, tuple((key, self.reads(item)) for key, item in tree.items()))
        if isinstance(tree, (tuple, list)):
            return (kind, tuple(self.reads(item) for item in tree))
        if kind is slice:
            return ("slice", self.reads(tree.start), self.reads(tree.stop), self.reads(tree.step))
        return (kind, tree)


def _execute(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], index: int) -> Any:
    """(structure, numbers) of the result at one length, or PyTorch's exception."""
    arguments = concrete(args, index, "meta")
    keywords = concrete(dict(kwargs), index, "meta")
    inputs = list(_tensors((arguments, keywords)))
    if any(tensor.is_meta for tensor in inputs):  # mixed: small integer tensors with values go along as meta
        arguments, keywords = map_tree(_to_meta, (arguments, keywords))
        inputs = list(_tensors((arguments, keywords)))
    before = [(tensor.shape, tensor.stride()) for tensor in inputs]
    try:
        with torch.no_grad():
            result = function(*arguments, **keywords)
    except NotImplementedError as error:
        raise Undecidable(_needs_data(function, error)) from error
    except RuntimeError as error:
        if _data_dependent(error):
            raise Undecidable(_needs_data(function, error)) from error
        return error
    except Exception as error:
        return error
    if [(tensor.shape, tensor.stride()) for tensor in inputs] != before:
        raise Undecidable(f"{_name(function)} changes the shape of its argument in place")
    numbers: list[int] = []
    return _structure(result, inputs, numbers), tuple(numbers)


def _to_meta(value: Any) -> Any:
    return value.to("meta") if isinstance(value, torch.Tensor) and not value.is_meta else value


def _data_dependent(error: RuntimeError) -> bool:
    text = str(error)
    return any(mark in text for mark in ("meta tensor", "Meta tensor", "data-dependent", "on meta device", "'Meta'"))


def _needs_data(function: Any, error: Exception) -> str:
    return f"{_name(function)} needs the values of a tensor ({type(error).__name__} on meta tensors)"


def _name(function: Any) -> str:
    return getattr(function, "__name__", None) or type(function).__name__


def _structure(result: Any, inputs: list[torch.Tensor], numbers: list[int]) -> Any:
    """A hashable description of a result; its sizes and integers are appended to `numbers`."""
    if isinstance(result, torch.Tensor):
        for position, tensor in enumerate(inputs):
            if tensor is result:
                return ("input", position)
        if result.is_sparse or result.is_nested:
            raise Undecidable("a result is a sparse or nested tensor")
        numbers.extend(result.shape)
        if not result.is_meta and result.numel() <= LARGEST_VALUES and not result.dtype.is_floating_point:
            numbers.extend(int(v) for v in result.reshape(-1).tolist())
            return ("values", result.dtype, tuple(result.shape))
        numbers.extend(result.stride())
        numbers.append(result.is_contiguous())
        return ("tensor", result.dtype, result.dim())
    if isinstance(result, bool) or result is None or isinstance(result, (float, complex, str, bytes)):
        return ("constant", result)
    if is_plain(result):
        numbers.append(result)
        return ("integer",)
    if isinstance(result, torch.Size):
        numbers.extend(result)
        return ("size", len(result))
    if isinstance(result, dict):
        items = tuple((key, _structure(item, inputs, numbers)) for key, item in result.items())
        return ("dict", type(result), items)
    if isinstance(result, (tuple, list)):
        return ("sequence", type(result), tuple(_structure(item, inputs, numbers) for item in result))
    if isinstance(result, (torch.dtype, torch.device, torch.layout)):
        return ("constant", result)
    raise Undecidable(f"a result of type {type(result).__name__} cannot be followed")


class _Assembler:
    """Builds the swept result from its structure and the numbers found at each live length."""

    def __init__(self, sweep: Sweep, indices: Any, rows: Any, question: _Question) -> None:
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
            return self.question.inputs[structure[1]]
        if kind == "integer":
            return self._next()
        if kind == "size":
            return SweptSize(self._next() for _ in range(structure[1]))
        if kind == "values":
            dims = tuple(self._next() for _ in structure[2])
            values = np.empty(int(np.prod(structure[2], dtype=np.int64)), dtype=object)
            for i in range(len(values)):
                values[i] = self._next()
            return make(dims, structure[1], values=values.reshape(structure[2]))
        if kind == "tensor":
            _, dtype, rank = structure
            dims = tuple(self._next() for _ in range(rank))
            contiguous = bool(self.rows[:, self.column + rank].all())
            strides = None if contiguous else tuple(self._next() for _ in range(rank))
            self.column += rank + 1 if contiguous else 1
            tainted = not dtype.is_floating_point and any(_carries_lengths(t) for t in self.question.inputs)
            return make(dims, dtype, strides, tainted=tainted)
        if kind == "dict":
            return _rebuild_mapping_of(structure[1], {key: self.build(item) for key, item in structure[2]})
        items = [self.build(item) for item in structure[2]]
        container = structure[1]
        if container in (list, tuple):
            return container(items)
        return container(*items) if hasattr(container, "_fields") else container(items)

    def _next(self) -> Int:
        column = self.rows[:, self.column]
        self.column += 1
        first = int(column[0])
        if bool((column == first).all()):
            return first
        for slot in self.question.slots:
            if np.array_equal(slot.values[self.indices], column):
                return slot
        values = np.zeros(len(self.sweep.lengths), dtype=np.int64)
        values[self.indices] = column
        return self.sweep.integer(values, None)


def _rebuild_mapping_of(kind: Any, items: dict[Any, Any]) -> Any:
    if kind is dict:
        return items
    try:
        return kind(**items)
    except TypeError:
        return kind(items)


def _carries_lengths(tensor: torch.Tensor) -> bool:
    return type(tensor) is SweptTensor and (tensor._tainted or tensor._bounds is not None or tensor._values is not None)


__all__ = [
    "Answer",
    "Budget",
    "Group",
    "Lazy",
    "Memo",
    "PackedSequence",
    "Undecidable",
    "ask",
    "concrete",
    "dims_of",
    "error_at",
    "is_computable",
    "leaves",
    "map_tree",
    "values_at",
]
