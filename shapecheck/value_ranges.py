"""Ranges of the values of integer tensors that follow from lengths, such as buckets of relative positions.

Invariant: `always_within` answers True only where every value is within at every live length, swept or not. Why:

- Each operation of a recipe becomes a step with a range that holds all values that any element has at any live length.
  A leaf is a number (a swept one: all it ever is, by its certificate), the positions of an `arange`, or data that is
  there. Lengths go up to 2**61, the scope of every certificate.
- An operation on elements takes ranges to a range: monotone ones by their ends, the others by the hull of all cases.
  Integers that leave their dtype, floats that are cast to integers that cannot hold them, and NaN give everything.
  Floats are rounded outward by more than PyTorch and Python can differ: see `ranges.py`.
- A view, a copy or a selection has only values that its source has: the range of the source, whatever the element.
- A step is a *cut* if every way from the result to a leaf that varies passes it. Each element of the result is then a
  function of one element of the cut: elementwise operations align the elements of their operands, so that two ways to
  the cut lead to the same element, and a view on the way which is a cut itself passes one element on. (A view that is
  no cut has the range of all elements.) So it is enough that the function is within on each cell of a partition of the
  cut's range. A cell on which it may not be is halved; a single value on which it may not be leaves the question open.

`j - i` of two aranges is a cut, which is what decides `where(abs(j - i) < 80, abs(j - i), far)` on each side of 80.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

import torch

from shapecheck.lengths.certificate import is_covered
from shapecheck.lengths.comparison import LARGEST
from shapecheck.lengths.swept import Int, SweptBool, SweptInt, is_plain
from shapecheck.ranges import (
    COMPARISONS,
    DTYPES,
    OPERATIONS,
    Operation,
    Range,
    anything,
    converted,
    hull,
    maximum,
    minimum,
    same,
    where,
)
from shapecheck.tensor import Recipe, SweptTensor, dims_of, product
from shapecheck.trees import kind_of, tensors_of

_CELLS = 1024  # of a partition: more are not tried
_STEPS = 256  # of a recipe

# operations that only move elements: each one of the result is one of the first argument, or of any of them
_OF_ALL = frozenset("cat concat concatenate stack hstack vstack meshgrid broadcast_tensors".split())  # noqa: SIM905  # a list of words reads best as words
_MOVING = _OF_ALL | frozenset(
    name
    for names in (
        "view view_as reshape flatten unflatten ravel squeeze unsqueeze expand expand_as broadcast_to diagonal",
        "transpose t T mT permute swapaxes swapdims movedim getitem select narrow chunk split tensor_split unbind",
        "repeat tile flip fliplr flipud roll index_select gather take take_along_dim masked_select",
    )
    for name in names.split()
)
_CASTS = frozenset("to type type_as float double long int bool clone detach contiguous cpu cuda".split())  # noqa: SIM905  # a list of words reads best as words
_SUMS = frozenset(("sum", "cumsum"))
_CHOICES = frozenset(("where", "masked_fill", "clamp"))
_DECISIONS = frozenset(COMPARISONS.values())
_FILLS = {"zeros": 0, "zeros_like": 0, "new_zeros": 0, "ones": 1, "ones_like": 1, "new_ones": 1}
_FILL_AT = {"full": 1, "full_like": 1, "new_full": 2}
_IGNORED = frozenset("dtype device layout pin_memory requires_grad memory_format non_blocking copy".split())  # noqa: SIM905  # a list of words reads best as words
_NAMES = {
    alias: name
    for name, aliases in {
        "add": "radd", "sub": "subtract", "mul": "multiply rmul", "abs": "absolute", "neg": "negative",
        "truediv": "div divide true_divide", "floordiv": "floor_divide", "mod": "remainder",
        "min": "minimum", "max": "maximum", "and": "logical_and bitwise_and rand", "or": "logical_or bitwise_or ror",
        "invert": "bitwise_not", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
        "ne": "not_equal", "clamp": "clip",
    }.items()
    for alias in aliases.split()
}  # fmt: skip
_SWAPPED = {"rsub": "sub", "rfloordiv": "floordiv", "rmod": "mod"}


class _UnknownError(Exception):
    """Something whose values are not bounded here."""


class _Step(NamedTuple):
    """What makes a range of those of other steps; None for an operation that only moves elements."""

    operation: Operation | None
    operands: tuple[int, ...]
    dtype: torch.dtype


def always_within(index: SweptTensor, low: Int, high: Int, live: SweptBool, *, at: int | None = None) -> bool:
    """Whether all values of an index are in low..high, both included, at every live length, swept or not.

    Those of an input, and what is computed of them but counts and comparisons, are taken to be. `at`: at this one
    length (an index of the sweep).
    """
    program = _Program(live, at)
    try:
        root = program.tensor(index)
        if root in program.own:
            return True
        least, most = program.length(low).high, program.length(high).low
    except _UnknownError:
        return False
    return program.within(root, least, most)


class Follows(Enum):
    """What values a function's result has: those of its arguments, chosen by a mask or moved; others; or any."""

    CHOOSING = "choosing"
    MOVING = "moving"
    MAKING = "making"
    NOT = "not"


def follows(function: Any) -> Follows:
    """How far the values of a function's result are followed here."""
    name = _name(function)
    if name in _CHOICES:
        return Follows.CHOOSING
    if name in _MOVING or name in _CASTS:
        return Follows.MOVING
    makes = name in COMPARISONS or name in OPERATIONS or name in _SWAPPED or name in _SUMS
    return Follows.MAKING if makes else Follows.NOT


class _Program:
    """A recipe as steps, each after its operands."""

    def __init__(self, live: SweptBool, at: int | None) -> None:
        self._live = live
        self._at = at
        self._steps: list[_Step] = []
        self._ranges: list[Range] = []
        self._varying: list[bool] = []  # whether a leaf that varies goes into it
        self._numbers: dict[int, int] = {}  # of the steps, by the identity of what they stand for
        self.own: set[int] = set()  # steps whose values are those of an input

    def within(self, root: int, least: Any, most: Any) -> bool:
        def is_within(found: Range) -> bool:
            return not found.nan and least <= found.low and found.high <= most

        if is_within(self._ranges[root]):
            return True
        cuts = [number for number in range(root + 1) if self._varying[number] and self._is_cut(number, root)]
        cut = next((number for number in cuts if not self._steps[number].dtype.is_floating_point), root)
        moving = [cut]
        for number in range(cut + 1, root + 1):
            operation, operands, _ = self._steps[number]
            if (operation is not None or number in cuts) and any(operand in moving for operand in operands):
                moving.append(number)
        cells = [self._ranges[cut]]
        for _ in range(_CELLS):
            cell = cells.pop()
            ranges = list(self._ranges)
            ranges[cut] = cell
            for number in moving[1:]:
                ranges[number] = _apply(self._steps[number], ranges)
            if not is_within(ranges[root]):
                if cut == root or cell.low == cell.high:
                    return False
                middle = (cell.low + cell.high) // 2
                cells += (Range(cell.low, middle), Range(middle + 1, cell.high))
            if not cells:
                return True
        return False

    def _is_cut(self, cut: int, root: int) -> bool:
        """Whether every way from the root to a leaf that varies passes the cut."""
        reached = {root} - {cut}
        for number in range(root, -1, -1):  # operands come before what is made of them
            if number in reached and self._varying[number]:
                operands = self._steps[number].operands
                if not operands:
                    return False
                reached.update(operand for operand in operands if operand != cut)
        return True

    # building ---------------------------------------------------------------------------------------------------

    def tensor(self, tensor: torch.Tensor) -> int:
        """The step for a tensor."""
        recipe = (tensor._recipe or tensor._source) if type(tensor) is SweptTensor else None
        identity = id(tensor if recipe is None else recipe)
        if identity not in self._numbers:
            if tensor.dtype not in DTYPES:
                raise _UnknownError
            self._numbers[identity] = self._data(tensor) if recipe is None else self._made(recipe, tensor.dtype)
        return self._numbers[identity]

    def _data(self, tensor: torch.Tensor) -> int:
        if type(tensor) is SweptTensor:
            if tensor._values is None:
                number = self._leaf(anything(tensor.dtype), tensor.dtype, varies=True)
                self.own.update(() if tensor.dtype == torch.bool else (number,))
                return number
            ranges = [self.length(value) for value in tensor._values.flat] or [Range(0, 0)]
            return self._leaf(hull(*ranges), tensor.dtype, varies=True)
        if tensor.is_meta:
            raise _UnknownError
        if not tensor.numel():
            return self._leaf(Range(0, 0), tensor.dtype)
        if bool(tensor.isnan().any()):
            return self._leaf(anything(tensor.dtype), tensor.dtype)
        return self._leaf(Range(tensor.min().item(), tensor.max().item()), tensor.dtype, varies=True)

    def _made(self, recipe: Recipe, dtype: torch.dtype) -> int:
        name = _name(recipe.function)
        args, keywords = recipe.args, {key: value for key, value in recipe.kwargs.items() if key not in _IGNORED}
        if name in ("min", "max") and len(args) == 1 and not keywords:
            name = "flatten"  # one of its values
        if name in _MOVING:
            sources = tensors_of(args if name in _OF_ALL else args[:1])
            if any(source.dtype != dtype for source in sources):
                raise _UnknownError
            return self._add(None, [self.tensor(source) for source in sources], dtype)
        if name in _CASTS:
            return self._add(same, [self._as(args[0], dtype)], dtype)
        if name == "clamp" and not keywords.keys() - {"min", "max"}:
            low, high = (*args[1:], *(keywords.get(key) for key in ("min", "max")[len(args) - 1 :]))
            return self._clamped(dtype, self._as(args[0], dtype), low, high)
        if name == "truediv" and keywords.get("rounding_mode") in ("floor", "trunc"):
            name = f"{keywords.pop('rounding_mode')}div"
        if name in _SUMS:
            return self._sum(name, dtype, *args, **keywords)
        if keywords:
            raise _UnknownError
        if name == "arange":
            return self._leaf(converted(self._positions(*args), torch.int64, dtype), dtype, varies=True)
        if name in _FILLS:
            return self._as(_FILLS[name], dtype)
        if name in _FILL_AT:
            return self._as(args[_FILL_AT[name]], dtype)
        if name in ("where", "masked_fill") and len(args) == 3:
            if name == "masked_fill":
                args = args[1], args[2], args[0]
            elif recipe.function is torch.Tensor.where:
                args = args[1], args[0], args[2]
            operands = [self._as(args[0], torch.bool), self._as(args[1], dtype), self._as(args[2], dtype)]
            return self._add(where, operands, dtype)
        if name in COMPARISONS and len(args) == 2:
            common = torch.float32  # the coarser one
            if not any(self._operand(arg)[1].is_floating_point for arg in args):
                tensors = [arg.dtype for arg in args if isinstance(arg, torch.Tensor)]
                common = torch.int32 if torch.int32 in tensors and torch.int64 not in tensors else torch.int64
            return self._add(COMPARISONS[name], [self._as(arg, common) for arg in args], dtype)
        if name in _SWAPPED:
            name, args = _SWAPPED[name], args[::-1]
        arity, operation = OPERATIONS.get(name, (0, same))
        if arity != len(args) or (name in ("min", "max") and not isinstance(args[-1], torch.Tensor)):
            raise _UnknownError
        return self._add(operation, [self._as(arg, dtype) for arg in args], dtype)

    def _sum(self, name: str, dtype: torch.dtype, tensor: torch.Tensor, dim: Any = None, **_keepdim: Any) -> int:
        """Sums of up to as many elements as there are: a leaf, for each is of many elements."""
        dims = dims_of(tensor)
        if dtype != torch.int64 or (name == "cumsum" and dim is None) or not (dim is None or is_plain(dim)):
            raise _UnknownError
        source = self.tensor(tensor)
        if source in self.own:
            return self._add(same, [source], dtype)
        found = converted(self._ranges[source], tensor.dtype, dtype)
        count = self.length(product(dims) if dim is None else dims[dim]).high
        least = 1 if name == "cumsum" else 0
        ends = [end * number for end in found[:2] for number in (least, count)]
        return self._leaf(converted(Range(min(ends), max(ends)), torch.int64, dtype), dtype, varies=True)

    def _clamped(self, dtype: torch.dtype, number: int, low: Any, high: Any) -> int:
        for operation, limit in ((maximum, low), (minimum, high)):
            if limit is not None:
                number = self._add(operation, [number, self._as(limit, dtype)], dtype)
        return number

    def _operand(self, value: Any) -> tuple[int, torch.dtype]:
        if isinstance(value, torch.Tensor):
            return self.tensor(value), value.dtype
        kind = kind_of(value)
        if kind is SweptInt:
            if id(value) not in self._numbers:
                self._numbers[id(value)] = self._leaf(self.length(value), torch.int64, varies=True)
            return self._numbers[id(value)], torch.int64
        if kind not in (bool, int, float):
            raise _UnknownError
        dtype = {bool: torch.bool, int: torch.int64, float: torch.float64}[kind]
        return self._leaf(anything(dtype) if value != value else Range(value, value), dtype), dtype

    def _as(self, value: Any, dtype: torch.dtype) -> int:
        """The step for an operand in the dtype that is computed in."""
        number, own = self._operand(value)
        if own == dtype:
            return number

        def cast(_: torch.dtype, found: Range) -> Range:
            return converted(found, own, dtype)

        return self._add(cast, [number], dtype)

    def _positions(self, *args: Any) -> Range:
        first, end, step = (0, args[0], 1) if len(args) == 1 else (*args, 1)[:3]
        if not is_plain(step) or step == 0:
            raise _UnknownError
        start, stop = self.length(first), self.length(end)
        if step > 0:
            return Range(start.low, max(start.low, stop.high - 1))
        return Range(min(start.high, stop.low + 1), start.high)

    def length(self, number: Any) -> Range:
        """All that a number of the shape arithmetic is at the live lengths, swept or not."""
        if is_plain(number):
            return Range(int(number), int(number))
        if self._at is not None:
            value = int(number.values[self._at])
            return Range(value, value)
        known = number.certificate if type(number) is SweptInt else None
        if known is None or not is_covered(known, number.sweep.last):
            raise _UnknownError
        ever = number.values[self._live.values | (number.sweep.lengths >= known.start)]
        low, high = int(ever.min()), int(ever.max())
        return Range(-LARGEST if known.rise < 0 else low, LARGEST if known.rise > 0 else high)

    def _leaf(self, found: Range, dtype: torch.dtype, *, varies: bool = False) -> int:
        self._ranges.append(found)
        self._steps.append(_Step(same, (), dtype))
        self._varying.append(varies)
        return len(self._steps) - 1

    def _add(self, operation: Operation | None, operands: list[int], dtype: torch.dtype) -> int:
        if not operands or len(self._steps) >= _STEPS:
            raise _UnknownError
        if operation is None or operation is where:  # one of several: an input's own is in range
            chosen = operands if operation is None else operands[1:]
            others = [operand for operand in chosen if operand not in self.own]
            if others and len(others) < len(chosen):
                operation, operands = None, others
        step = _Step(operation, tuple(operands), dtype)
        self._ranges.append(_apply(step, self._ranges))
        self._steps.append(step)
        self._varying.append(any(self._varying[operand] for operand in operands))
        if dtype != torch.bool and operation not in _DECISIONS and any(operand in self.own for operand in operands):
            self.own.add(len(self._steps) - 1)
        return len(self._steps) - 1


def _apply(step: _Step, ranges: list[Range]) -> Range:
    found = [ranges[operand] for operand in step.operands]
    return hull(*found) if step.operation is None else step.operation(step.dtype, *found)


def _name(function: Any) -> str:
    """One name for all forms of an operation: `x + y`, `y.__radd__(x)`, `x.add_(y)`."""
    name: str = getattr(function, "__name__", "").strip("_")
    if name[:1] == "i" and name[1:] in OPERATIONS:  # x += y
        return name[1:]
    return _NAMES.get(name, name)
