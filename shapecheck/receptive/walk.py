"""The pass over the graph of an analysis of one length: what each element of each tensor depends on.

What sees more than half of the input is taken to see everything, and its results to depend on no step at all, by which
they would drop out of every window; that it is so shows where a longer input leaves all that is said as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import torch
import torch.fx
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from shapecheck.lengths.notation import InputSpec
from shapecheck.lengths.swept import SweptInt, at
from shapecheck.limits import kind_of_node, name_of
from shapecheck.receptive import mixing, places, windows
from shapecheck.receptive.call import Call, Rule, as_hull, hulls_of
from shapecheck.receptive.hull import Hull, UnknownOperation, nowhere, through_of, union
from shapecheck.receptive.layers import layer
from shapecheck.report import THE_MODULE
from shapecheck.tensor import SweptTensor
from shapecheck.trees import leaves, map_tree

if TYPE_CHECKING:
    from shapecheck.report import Report

_NEW = frozenset(
    """
    empty_like full_like ones_like rand_like randn_like zeros_like randint_like new_full new_empty new_ones new_zeros
    arange full linspace empty ones rand randn zeros randint normal eye
    """.split()  # noqa: SIM905  # a list of words reads best as words
)
_OVERWRITTEN = frozenset({"zero", "fill", "normal", "uniform", "bernoulli", "random", "exponential"})
_FAR = 5040  # steps over which the growth of an input is measured: a multiple of every divisor up to 10


class UnknownPlaces(Exception):
    """An operation of a layer, which is named, is not known."""


@dataclass(frozen=True, slots=True)
class Whole:
    """An operation by which everything is seen."""

    name: str  # "AdaptiveAvgPool2d shared.7"
    before: Hull | None  # of what goes into it, where it is not passed by; None for the statistics of a norm


@dataclass(frozen=True, slots=True)
class Places:
    """What the outputs of an analysis depend on, in steps of its variable."""

    length: int
    outputs: tuple[Hull, ...]
    whole: tuple[Whole, ...]  # by which any output sees everything, in the order of execution
    outgrown: str  # the first operation whose result depends on more than half of the input; "": none's does
    note: str  # what had to be taken for granted; "": nothing


def places_of(report: Report) -> Places:
    """From the report of one length, which has to run. Raises UnknownPlaces.

    They are exact for all that sees less than half of the input.
    """
    return _Walk(report).run()


class _Walk:
    def __init__(self, report: Report) -> None:
        self.report = report
        self.length = report.swept[0]
        self.hulls: dict[int, Hull] = {}  # of each tensor, by its identity
        self.whole: dict[int, Whole] = {}
        self.nodes = list(report.graph.nodes)
        self.joins = any(node.meta.get("operation") == "join" for node in self.nodes)
        self.groups: dict[int, set[int]] = {}  # tensors that may share their memory
        self.last_use: dict[int, int] = {}
        self.outgrown = self.note = ""

    def run(self) -> Places:
        outputs: list[Hull] = []
        texts = iter(self.report.inputs)
        for number, node in enumerate(self.nodes):
            for tensor in _swept(node.meta.get("arguments")):
                self._note(tensor, number)
        for number, node in enumerate(self.nodes):
            if node.op == "placeholder":
                self.hulls[id(node.meta["swept"])] = _input(InputSpec.parse(next(texts)), self.length)
            elif node.op == "output":
                outputs = [self._hull(tensor, "the output") for tensor in _swept(node.meta["arguments"])]
            elif node.op in ("call_module", "call_function"):
                self._step(number, node)
        seen = sorted(through_of(outputs))
        return Places(
            self.length, tuple(outputs), tuple(self.whole[number] for number in seen), self.outgrown, self.note
        )

    def _note(self, tensor: SweptTensor, number: int) -> None:
        """The last use of a tensor, and of those that it is a copy of."""
        self.last_use[id(tensor)] = number
        if tensor._copy_of is not None:
            self._together(tensor, tensor._copy_of)
            self._note(tensor._copy_of, number)

    def _step(self, number: int, node: torch.fx.Node) -> None:
        operation: str = node.meta["operation"]
        name = _name(node)
        results = _swept(node.meta.get("swept"))
        args, kwargs = map_tree(lambda leaf: self._argument(leaf, name), _unpacked(node.meta["arguments"]))
        given = [hull for hull in hulls_of((args, kwargs)) if hull.values is None]
        through = through_of(given)
        changed = _changed(node)
        if changed is not None:
            self._in_place(number, node, changed, args, kwargs)
            return
        sizes = [_dims(result) for result in results]
        for result in results:
            for tensor in _swept(node.meta["arguments"]) if operation in places.VIEWS else ():
                self._together(result, tensor)
        if operation in _NEW:
            hulls = [nowhere(dims) for dims in sizes]
        elif all(hull.is_empty for hull in given) and operation != "_pack_padded_sequence":
            hulls = [nowhere(dims, through) for dims in sizes]
        else:
            is_sized = any(type(leaf) is SweptInt for leaf in leaves(node.meta["arguments"]))
            call = Call(operation, node.target, sizes, self.length, is_sized)
            hulls = self._checked(number, name, call, self._apply(call, node, args, kwargs, name), given)
            self.note = self.note or call.note
        for result, hull in zip(results, hulls, strict=True):
            self.hulls[id(result)] = hull

    def _apply(self, call: Call, node: torch.fx.Node, args: Any, kwargs: Any, name: str) -> list[Hull]:
        """The results' hulls by the rule of the operation, or of the layer."""
        try:
            if node.op == "call_module":
                found = layer(call, node.meta["module"], *args, **kwargs)
            else:
                found = _rule(call.operation)(call, *args, **kwargs)
        except (UnknownOperation, TypeError, AttributeError) as error:  # the last two: arguments of other kinds
            raise UnknownPlaces(name) from error
        hulls = [found] * len(call.results) if isinstance(found, Hull) else found
        if [hull.dims for hull in hulls] != call.results:
            raise UnknownPlaces(name)
        return hulls

    def _checked(self, number: int, name: str, call: Call, hulls: list[Hull], given: list[Hull]) -> list[Hull]:
        """The hulls; of what sees everything, tensors that depend on no step, by way of this node."""
        through = through_of(given)
        if call.is_statistic:
            self.whole[number] = Whole(name, None)
            return [Hull(hull.low, hull.high, hull.dims, through | {number}) for hull in hulls]
        if not self.outgrown and any(map(call.is_whole, hulls)):
            self.outgrown = name
        if call.operation in windows.WINDOWS or _is_convolution(call.operation):
            return hulls
        largest = max(given, key=lambda hull: hull.size)
        if not call.is_divided and (not any(map(call.is_whole, hulls)) or call.is_whole(largest)):
            return hulls
        self.whole[number] = Whole(name, largest)
        return [nowhere(hull.dims, through | {number}) for hull in hulls]

    def _in_place(self, number: int, node: torch.fx.Node, changed: Any, args: Any, kwargs: Any) -> None:
        """`x.add_(y)`, `x[0] = y`: x from here on."""
        operation, name = node.meta["operation"].strip("_"), _name(node)
        before = self._hull(changed, name)
        call = Call(operation, node.target, [before.dims], self.length)
        try:
            if node.op == "call_module" or operation in places.ROWS:  # nn.ReLU(inplace=True), dropout
                (after,) = self._apply(call, node, args, kwargs, name)
            else:
                after = _written(call, before, args, kwargs)
        except (UnknownOperation, TypeError, AttributeError) as error:
            raise UnknownPlaces(name) from error
        (after,) = self._checked(number, name, call, [after], hulls_of((args, kwargs)) or [before])
        if not _alike(before, after):
            others = self.groups.get(id(changed), set()) - {id(changed)}
            if self.joins or any(self.last_use.get(other, -1) > number for other in others):
                raise UnknownPlaces(f"{name}, which writes to memory that other tensors are in")
        self.hulls[id(changed)] = after

    def _argument(self, leaf: Any, name: str) -> Any:
        return self._hull(leaf, name) if type(leaf) is SweptTensor else at(leaf, 0)

    def _hull(self, tensor: SweptTensor, name: str) -> Hull:
        """Of one that no node made: of what it is a copy of, or a parameter's stand-in, or of known values."""
        hull = self.hulls.get(id(tensor))
        if hull is None and tensor._copy_of is not None:
            hull = self._hull(tensor._copy_of, name)
        elif hull is None and (tensor._values is not None or _is_parameter(tensor)):
            hull = nowhere(_dims(tensor))
        if hull is None or hull.dims != _dims(tensor):
            raise UnknownPlaces(f"{name}, whose input is not followed")
        if hull.is_empty and hull.values is None and tensor._values is not None:
            values = [int(at(value, 0)) for value in tensor._values.flat]
            return nowhere(hull.dims, hull.through, torch.tensor(values, dtype=tensor.dtype).reshape(hull.dims))
        return hull

    def _together(self, one: SweptTensor, other: SweptTensor) -> None:
        group = self.groups.setdefault(id(one), {id(one)}) | self.groups.setdefault(id(other), {id(other)})
        for member in group:
            self.groups[member] = group


def _rule(operation: str) -> Rule:
    rule = _RULES.get(operation) or _RULES.get(operation.strip("_"))
    if rule is None:
        raise UnknownOperation
    return rule


def _joined(call: Call, outputs: list[Any]) -> Hull:
    """The output of a module call that took one of several ways."""
    return union([as_hull(output) for output in outputs], call.dims)


def _written(call: Call, before: Hull, args: Any, kwargs: Any) -> Hull:
    """A tensor after an operation in place."""
    hulls = hulls_of((args, kwargs))
    if call.operation in _OVERWRITTEN:
        return nowhere(before.dims)
    if call.operation == "copy":
        return as_hull(args[1]).expanded(before.dims)
    if call.operation == "setitem":
        return places.written(call, before, *args[1:], **kwargs)
    if all(hull.is_empty for hull in hulls):
        return nowhere(before.dims, through_of(hulls))
    if mixing.ROWS.get(call.operation) is not mixing.elementwise:
        raise UnknownOperation
    return mixing.elementwise(call, *args, **kwargs)


def _input(spec: InputSpec, length: int) -> Hull:
    """Of an input: an element depends on the steps that its place along the variable's axes stands for."""
    dims = _sizes(spec, length)
    hull = nowhere(dims)
    parts: list[Hull] = []
    for axis, (size, later) in enumerate(zip(dims, _sizes(spec, length + _FAR), strict=True)):
        if not spec.dims[axis].symbols:
            continue
        pace = Fraction(later - size, _FAR) or Fraction(1)  # elements for each step
        shape = [-1 if other == axis else 1 for other in range(len(dims))]
        place = torch.arange(size).reshape(shape)
        low = place * pace.denominator // pace.numerator
        high = -(-(place + 1) * pace.denominator // pace.numerator) - 1
        parts.append(Hull(low, high, dims))
    return union(parts, dims) if parts else hull


def _sizes(spec: InputSpec, length: int) -> tuple[int, ...]:
    return tuple(int(size.evaluate(dict.fromkeys(spec.symbols, length))) for size in spec.dims)


def _changed(node: torch.fx.Node) -> Any:
    """The tensor that an operation changes in place, if it is one of the analysis."""
    args, kwargs = node.meta["arguments"]
    first = args[0] if args else kwargs.get("input")
    if kwargs.get("out") is not None:
        raise UnknownPlaces(_name(node))
    name: str = node.meta["operation"]
    is_item = name == "__setitem__"
    if is_item or node.meta.get("swept") is first or (name.endswith("_") and not name.endswith("__")):
        if type(first) is SweptTensor:
            return first
        if any(type(leaf) is SweptTensor for leaf in leaves((args, kwargs))):
            raise UnknownPlaces(f"{_name(node)}, which writes to a buffer")
    return None


def _unpacked(tree: Any) -> Any:
    """With tuples in place of packed sequences, which take tensors only."""
    if type(tree) in (PackedSequence, tuple):
        return tuple(map(_unpacked, tree))
    return tree


def _alike(one: Hull, other: Hull) -> bool:
    return one.through == other.through and all(
        bool((first == second).all()) for first, second in ((one.low, other.low), (one.high, other.high))
    )


def _is_parameter(tensor: SweptTensor) -> bool:
    """Whether it stands in for a tensor of the module, or for a constant."""
    return tensor._node is not None and tensor._node.op == "get_attr" and not tensor._tainted


def _is_convolution(operation: str) -> bool:
    kind = getattr(nn, operation, None)
    return operation.startswith(("Conv", "MaxPool", "AvgPool")) and kind is not None


def _name(node: torch.fx.Node) -> str:
    """ "AdaptiveAvgPool2d shared.7", "cumsum generator.m_source"."""
    if node.op == "call_module":
        name = name_of(node)
        return node.meta["operation"] if name == THE_MODULE else f"{kind_of_node(node)} {name}"
    return f"{kind_of_node(node)} {node.meta['layer']}".rstrip()


def _dims(tensor: SweptTensor) -> tuple[int, ...]:
    return tuple(int(at(size, 0)) for size in tensor._dims)


def _swept(tree: Any) -> list[SweptTensor]:
    return [leaf for leaf in leaves(tree) if type(leaf) is SweptTensor]


_RULES: Mapping[str, Rule] = {**mixing.ROWS, **windows.ROWS, **places.ROWS, "join": _joined}

__all__ = ["Places", "UnknownPlaces", "Whole", "places_of"]
