"""What a module costs at one length: its parameters, and the multiply-adds of one call. Nothing is computed.

The analysis of the length says which operations run, with which sizes; those that multiply are run once more, each on
its own, on meta tensors under torch's own counter of operations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
import torch.fx
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.rnn import RNNBase, RNNCellBase
from torch.utils.flop_counter import FlopCounterMode

from shapecheck.analysis import analyze
from shapecheck.joint import bound
from shapecheck.lengths.swept import at
from shapecheck.limits import name_of
from shapecheck.tensor import SweptTensor
from shapecheck.trees import leaves, map_tree

if TYPE_CHECKING:
    from shapecheck.model import Component
    from shapecheck.report import Report

_MULTIPLY = frozenset(
    """
    conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d linear matmul mm bmm addmm baddbmm
    einsum tensordot scaled_dot_product_attention multi_head_attention_forward __matmul__
    """.split()  # noqa: SIM905  # a list of words reads best as words
)
_LAYERS = (_ConvNd, nn.Linear, nn.MultiheadAttention, RNNBase, RNNCellBase)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a module costs at one length."""

    parameters: int  # numbers in `module.parameters()`, each tensor once; both tensors of a weight norm
    multiply_adds: int | None  # of one call; None: not known
    layers: Mapping[str, int] = field(default_factory=dict[str, int])  # the multiply-adds of each layer that has some
    unknown: str = ""  # why the multiply-adds are not known


def cost_of(module: nn.Module, *inputs: Any, length: int, method: str = "forward", **keyword_inputs: Any) -> Cost:
    """The cost of `module.method(*inputs, **keyword_inputs)` at one length, in evaluation mode.

    Inputs are as for `analyze`. Counted are the multiply-adds (half of what torch's FlopCounterMode counts) of
    convolutions, linear layers, matrix products, recurrent layers, and attention. Not counted: biases, elementwise
    operations, norms, pools, softmax, interpolation, bilinear layers, Fourier transforms.
    Unknown where the module does not run at the length, where random draws decide what runs, or where PyTorch executes
    a part as a whole. Raises UsageError as `analyze` does.

    >>> cost_of(nn.Conv1d(2, 3, kernel_size=5), "f32[1, 2, T]", length=10)
    Cost(parameters=33, multiply_adds=180, layers={'(the module itself)': 180}, unknown='')
    """
    report = analyze(module, *inputs, lengths=(length, length), method=method, **keyword_inputs)
    parameters = sum(parameter.numel() for parameter in module.parameters())
    unknown = _obstacle(report, length)
    if unknown:
        return Cost(parameters, None, unknown=unknown)
    layers: dict[str, int] = {}
    for node in report.graph.nodes:
        if _multiplies(node):
            name = name_of(node)
            layers[name] = layers.get(name, 0) + _multiply_adds(node)
    return Cost(parameters, sum(layers.values()), layers)


def component_cost(
    component: Component, module: nn.Module, length: int, sizes: Mapping[str, int] | None = None
) -> Cost:
    """The cost of a component, of which `module` was built; `length` is in steps of the component's variable.

    `sizes`: values of the component's other sizes; without them each has its smallest.
    """
    values = {name: smallest for name, (smallest, _) in component.sizes.items()} | dict(sizes or {})
    inputs, keyword_inputs = bound((component.inputs, dict(component.keyword_inputs)), values)
    with component.surroundings():
        return cost_of(module, *inputs, length=length, method=component.method, **keyword_inputs)


def _obstacle(report: Report, length: int) -> str:
    """Why the graph is not that of one call; "" where it is."""
    if report.undecided:
        doubt = report.undecided[0]
        return f"not decided at {doubt.operation} of {doubt.layer}: {doubt.reason}"
    if length not in report.valid:
        return f"the module does not run at {report.variable} = {length}"
    if report.executed:
        return f"{', '.join(report.executed)}: executed as a whole"
    nodes = list(report.graph.nodes)
    if any(node.meta.get("operation") == "join" for node in nodes) or len(nodes[-1].args[0]) != 1:
        return "random draws decide what is computed"
    return ""


def _multiplies(node: torch.fx.Node) -> bool:
    if node.op == "call_module":
        return isinstance(node.meta["module"], _LAYERS)
    return node.op == "call_function" and node.meta["operation"] in _MULTIPLY


def _multiply_adds(node: torch.fx.Node) -> int:
    args, kwargs = map_tree(_on_meta, _without_packing(node.meta["arguments"]))
    function: Any = node.target
    times = 1
    if node.op == "call_module":
        layer = node.meta["module"]
        function = _layer_on_meta(layer)
        if isinstance(layer, RNNBase):  # on meta each step would be run: all steps cost the same
            data = next(leaf for leaf in leaves((args, kwargs)) if isinstance(leaf, Tensor))
            args, kwargs = (data.new_empty(1, 1, data.shape[-1]),), {}
            times = math.prod(data.shape[:-1])
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        function(*args, **kwargs)
    return times * (counter.get_total_flops() // 2)


def _without_packing(tree: Any) -> Any:
    """With the data in place of a packed sequence."""
    args, kwargs = tree
    return tuple(arg[0] if isinstance(arg, nn.utils.rnn.PackedSequence) else arg for arg in args), kwargs


def _on_meta(leaf: Any) -> Any:
    if type(leaf) is SweptTensor:
        return torch.empty([at(size, 0) for size in leaf._dims], dtype=leaf.dtype, device="meta")
    if isinstance(leaf, Tensor):
        return torch.empty_like(leaf, device="meta")
    return at(leaf, 0)


def _layer_on_meta(layer: nn.Module) -> nn.Module:
    """The layer without its hooks, and with tensors that have no data; the layer itself stays as it is."""
    result = object.__new__(type(layer))
    own = vars(result)
    own.update(vars(layer))
    own.update({name: _on_meta(value) for name, value in own.items() if isinstance(value, Tensor)})
    for group in ("_parameters", "_buffers"):
        tensors = {name: None if tensor is None else _on_meta(tensor.data) for name, tensor in own[group].items()}
        if group == "_parameters":
            tensors = {
                name: None if tensor is None else nn.Parameter(tensor, requires_grad=False)
                for name, tensor in tensors.items()
            }
        own[group] = tensors
    own["_modules"] = {name: child and _layer_on_meta(child) for name, child in own["_modules"].items()}
    for hooks in ("_forward_hooks", "_forward_pre_hooks"):
        own[hooks] = type(own[hooks])()
    if isinstance(result, RNNBase):
        names: list[str] = own["_flat_weights_names"]
        own["_flat_weights"] = [getattr(result, name) for name in names]
    result.training = isinstance(layer, nn.MultiheadAttention)  # in evaluation mode it may run as one that none counts
    return result


__all__ = ["Cost", "component_cost", "cost_of"]
