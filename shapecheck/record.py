"""What a trace writes down: the torch.fx graph of all operations, and which lengths left it where.

`node.meta` holds `swept` (the result), `live` (lengths that reach the node), `fails` and `error` (lengths that it
refuses, and PyTorch's words), `layer`, `operation`, `inputs` (sizes), and `nn_module_stack` as torch.export writes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.fx
from torch import nn

from shapecheck.draws import Draw
from shapecheck.lengths.swept import SweptBool, Undecidable
from shapecheck.modules import kind_of_layer
from shapecheck.outcomes import Drawn
from shapecheck.tensor import SweptTensor
from shapecheck.trees import is_mapping, is_sequence, leaves

ORIGIN = "_shapecheck_origin"  # set on an exception that eager raises: its node, operation and layer, if known

Events = list[tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Pending:
    """A way through a module call that is still to run: what to replay of another one first, and for which lengths."""

    replay: Events
    lengths: SweptBool
    exact_texts: bool  # one value for each text made from a size


@dataclass(slots=True)
class Refusal:
    """Lengths that one operation or layer refuses."""

    node: torch.fx.Node | None
    layer: str
    operation: str
    lengths: SweptBool
    error: Exception
    text: str  # the error as eager prints it at the largest of these lengths
    draws: tuple[str, ...]  # what random draws gave on the way there, in words
    is_accepted: bool = False  # they went on nevertheless, as if it did not refuse them


@dataclass(slots=True)
class Doubt:
    """Lengths that could not be decided, and where."""

    layer: str
    operation: str
    lengths: SweptBool
    reason: str


@dataclass(slots=True)
class Frame:
    """One module call in progress: its events so far, those to replay, and the paths still to run."""

    module: nn.Module | None
    path: str
    is_leaf: bool
    stack: dict[str, Any]
    call: tuple[tuple[str, int], ...]  # which call of which module this is, from the outermost on
    outermost: bool = False  # of the analysis, or of the analyzed module: nobody reads what it comes to
    events: Events = field(default_factory=list[tuple[Any, Any]])  # (function or module, what came of it)
    replay: Events = field(default_factory=list[tuple[Any, Any]])
    pending: list[Pending] = field(default_factory=list[Pending])
    node: torch.fx.Node | None = None  # of a leaf layer
    doubt: Undecidable | None = None
    bypassed: str | None = None
    began: int = 0  # how many swept tensors had been made when the call began
    answers: list[Any] = field(default_factory=list[Any])  # to what the code asked of swept numbers on this path
    repeats: bool = False  # this path was run before, and nothing new may come
    texts: set[int] = field(default_factory=set[int])  # made from sizes on this path
    exact_texts: bool = False  # of the path in progress

    @property
    def draws(self) -> Drawn:
        """The random draws on this path so far, with their outcomes."""
        return tuple((event[0], event[1][0]) for event in self.events if type(event[0]) is Draw)


class Record:
    """The graph of one analysis, and the lengths that it lost on the way."""

    def __init__(self) -> None:
        self.graph = torch.fx.Graph()
        self.refusals: list[Refusal] = []
        self.doubts: list[Doubt] = []
        self.executed: set[str] = set()  # modules whose calls were executed as a whole: their layers leave no nodes
        self._names: dict[int, str] = {}
        self._attributes: dict[int, str] = {}
        self._constants: dict[int, tuple[torch.Tensor, torch.fx.Node]] = {}

    def begin(self, module: nn.Module, arguments: Any, live: SweptBool) -> None:
        """Learn the names of modules and parameters, and write down the inputs."""
        self._names = {id(child): name for name, child in submodules(module)}
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            self._attributes[id(tensor)] = name
        inputs = [leaf for leaf in leaves(arguments) if type(leaf) is SweptTensor]
        for position, leaf in enumerate(inputs):
            leaf._node = self.graph.create_node("placeholder", f"input_{position + 1}")
            leaf._node.meta.update(swept=leaf, live=live, layer="", operation="input", inputs=())

    def end(self, outputs: list[Any]) -> None:
        node = self.graph.create_node("output", "output", (self._argument(outputs),))
        node.meta["arguments"] = ((outputs,), {})

    def frame(self, parent: Frame | None, module: nn.Module | None, *, is_leaf: bool) -> Frame:
        """A frame for a call of `module` (None: of the analysis itself)."""
        if parent is None:
            return Frame(module, "", is_leaf, {} if module is None else {"": ("", type(module))}, (), outermost=True)
        assert module is not None
        path = self._names.get(id(module))
        if path is None:  # made during the run, or held outside of the module tree
            path = f"{parent.path}.<{type(module).__name__}>".lstrip(".")
        earlier = sum(1 for event in parent.events if event[0] is module)
        stack = {**parent.stack, path: (path, type(module))}
        call = (*parent.call, (path, earlier))
        return Frame(module, path, is_leaf, stack, call, outermost=parent.module is None)

    def node(self, frame: Frame, op: str, target: Any, arguments: Any, live: SweptBool) -> torch.fx.Node:
        """One operation (call_function), or one leaf layer (call_module)."""
        args, kwargs = arguments
        node = self.graph.create_node(op, target, name=target if op == "call_module" else operation_name(target))
        node.args = self._argument(args)  # not given to create_node, which looks for torch.SymInt among them
        if kwargs:
            node.kwargs = self._argument(kwargs)
        if op == "call_module":
            assert frame.module is not None
            operation, call = kind_of_layer(frame.module), frame.call
            node.meta["module"] = frame.module
        else:
            operation = operation_name(target)
            call = (*frame.call, (operation, sum([event[0] is target for event in frame.events])))
        node.meta.update(
            live=live,
            layer=frame.path,
            operation=operation,
            nn_module_stack=frame.stack,
            call=call,  # the same call on another path of its module has the same
            arguments=arguments,
            inputs=tuple(leaf._dims for leaf in leaves(arguments) if type(leaf) is SweptTensor),
        )
        return node

    def finish(self, node: torch.fx.Node, result: Any) -> None:
        """The result of a node; its tensors come from it."""
        node.meta["swept"] = result
        for leaf in (result,) if type(result) is SweptTensor else leaves(result):
            if type(leaf) is SweptTensor:
                leaf._node = node

    def joined(self, frame: Frame, outputs: list[SweptTensor], result: SweptTensor, live: SweptBool) -> None:
        """The node that stands for the joined output of several paths of a call."""
        nodes = tuple(output._node for output in outputs if output._node is not None)
        node = self.graph.create_node("call_function", joined, nodes)
        node.meta.update(live=live, layer=frame.path, operation="join", swept=result, inputs=())
        node.meta["arguments"] = ((outputs,), {})
        result._node = node

    def refuse(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)
        if refusal.node is not None:
            self.fails(refusal.node, refusal.lengths, refusal.error)

    def fails(self, node: torch.fx.Node, lengths: SweptBool, error: Exception) -> None:
        """The operation refuses these lengths."""
        before = node.meta.get("fails")
        node.meta.update(fails=lengths if before is None else before | lengths, error=error)

    def _argument(self, value: Any) -> Any:
        """An argument as a graph holds it: nodes for tensors, plain containers."""
        if is_sequence(value):
            items = [self._argument(item) for item in value]
            return items if isinstance(value, list) else tuple(items)
        if is_mapping(value):
            return {key: self._argument(item) for key, item in value.items()}
        if type(value) is SweptTensor:
            return value._node if value._node is not None else repr(value)
        return self.attribute(value) if isinstance(value, torch.Tensor) else value

    def attribute(self, tensor: torch.Tensor) -> torch.fx.Node:
        """The node of a plain tensor: a parameter, a buffer, or a constant."""
        known = self._constants.get(id(tensor))
        if known is None:
            name = self._attributes.get(id(tensor), f"_constant_{len(self._constants)}")
            known = self._constants[id(tensor)] = (tensor, self.graph.create_node("get_attr", name))
        return known[1]


def last_index(lengths: SweptBool) -> int:
    """The index of the largest of the lengths."""
    return int(np.flatnonzero(lengths.values)[-1])


def submodules(module: Any) -> Iterator[tuple[str, nn.Module]]:
    """The module itself, named "", and all inside of it."""
    return module.named_modules()  # torch's own annotation leaves open what it yields


def joined(*_paths: Any) -> Any:
    """Stands in the graph for the output of a module call that took different paths for different lengths."""
    raise RuntimeError("a joined value exists for all lengths at once; it cannot be executed")


def operation_name(function: Any) -> str:
    """The name of a function, of the class of a callable object, or of a property: "conv2d", "LSTM", "mT"."""
    name = function if isinstance(function, str) else getattr(function, "__name__", type(function).__name__)
    return getattr(getattr(function, "__self__", None), "__name__", name) if name == "__get__" else name


__all__ = ["ORIGIN", "Doubt", "Frame", "Record", "Refusal", "joined", "last_index", "operation_name", "submodules"]
