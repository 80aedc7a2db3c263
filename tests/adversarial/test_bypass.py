"""Code that goes around torch's dispatch of Python functions, or looks at what a tensor is made of."""

from __future__ import annotations

import argparse
import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

import shapecheck
from tests.adversarial.against import Of, X, agrees, need, sound, undecided


def quiet(make: Callable[..., Any], *args: Any) -> Any:
    """Without the warning that torch.jit is deprecated: the models in use have it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(*args)


def script(function: Any) -> Any:
    return quiet(torch.jit.script, function)


@script
def scripted(x: torch.Tensor, n: int) -> torch.Tensor:
    return torch.tanh(x[:, :n]) * torch.sigmoid(x[:, n:])


@script
def scripted_branch(x: torch.Tensor) -> torch.Tensor:
    if x.size(-1) % 2 == 0:
        return x[:, :, :2]
    return x.view(1, 2, -1)


@script
def scripted_constant(x: torch.Tensor) -> torch.Tensor:
    return x + torch.ones(7)


@script
def scripted_raise(x: torch.Tensor) -> torch.Tensor:
    if x.size(-1) < 5:
        raise ValueError("short")
    return x


@script
def scripted_size(x: torch.Tensor) -> int:
    return x.size(-1) // 2


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        return grad


class Halve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, k: int) -> torch.Tensor:
        if x.shape[-1] % 2:
            x = x[..., 1:]
        return x.view(*x.shape[:-1], -1, k)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        return grad, None


class Itself(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        return grad


@torch.library.custom_op("shapecheck_tests::double", mutates_args=())
def custom_double(x: torch.Tensor) -> torch.Tensor:
    if x.shape[-1] < 5:
        raise ValueError("short")
    return torch.cat([x, x], -1)


@torch.library.custom_op("shapecheck_tests::faked", mutates_args=())
def custom_faked(x: torch.Tensor) -> torch.Tensor:
    return torch.cat([x, x], -1)


@custom_faked.register_fake
def _(x: torch.Tensor) -> torch.Tensor:
    return torch.cat([x, x], -1)


def test_a_submodule_that_is_run_as_a_whole_is_named() -> None:
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = SCRIPTED

        def forward(self, x: torch.Tensor) -> Any:
            return self.inner(x)

    report = shapecheck.analyze(Outer(), "f32[1, 4, T]", lengths=(1, 20))
    assert (report.executed, report.proved) == (("inner",), False)
    assert shapecheck.analyze(nn.ReLU(), "f32[1, 4, T]").executed == ()


AROUND: dict[str, Callable[[torch.Tensor], Any]] = {
    "a scripted function": lambda x: F.conv1d(scripted(x, 2), torch.ones(1, 2, 5)),
    "a scripted function that branches": scripted_branch,
    "a scripted function with a constant": scripted_constant,
    "a scripted function that raises": scripted_raise,
    "a scripted function that is caught": lambda x: _caught(scripted_raise, x),
    "a scripted function that gives a size": lambda x: need(scripted_size(x) == 3),
    "a scripted function with a size": lambda x: scripted(x, x.shape[-1] % 4),
    "a scripted module": lambda x: SCRIPTED(x),
    "a traced module": lambda x: TRACED(x),
    "a traced function": lambda x: TRACED_FUNCTION(x),
    "vmap": lambda x: torch.vmap(lambda row: row.view(3, -1))(x[0]),
    "vmap of a layer": lambda x: torch.vmap(lambda row: F.conv1d(row, torch.ones(1, 4, 5)))(x),
    "functorch.grad": lambda x: torch.func.grad(lambda y: (y * y).sum())(x).view(3, -1),
    "jvp": lambda x: torch.func.jvp(lambda y: y * y, (x,), (x,))[1].view(3, -1),
    "functional_call": lambda x: torch.func.functional_call(CONV, dict(CONV.named_parameters()), (x,)),
    "functional_call with other weights": lambda x: torch.func.functional_call(
        CONV, {"weight": torch.ones(4, 4, 3), "bias": torch.ones(4)}, (x,)
    ),
    "checkpoint": lambda x: checkpoint(CONV, x, use_reentrant=False),
    "reentrant checkpoint": lambda x: checkpoint(CONV, x, use_reentrant=True),
    "an autograd function": lambda x: Square.apply(x).view(1, 4, 3, -1),
    "an autograd function that branches": lambda x: Halve.apply(x, 3),
    "an autograd function that returns its input": lambda x: Itself.apply(x).view(1, 4, 3, -1),
    "a custom operator": lambda x: custom_double(x).view(3, -1),
    "a custom operator with a fake": lambda x: custom_faked(x).view(1, 4, 3, -1),
    "a custom operator by name": lambda x: torch.ops.shapecheck_tests.faked(x).view(1, 4, 3, -1),
    "an aten operator": lambda x: torch.ops.aten.add(x, 1).view(1, 4, 3, -1),
    "an aten overload": lambda x: torch.ops.aten.view.default(x, [1, 4, 3, x.shape[-1] // 3]),
    "an aten operator with a size": lambda x: torch.ops.aten.narrow(x, 2, 3, x.shape[-1] - 3),
    "torch._C": lambda x: torch._C._nn.avg_pool2d(x, 3),
    "torch functions disabled": lambda x: _disabled(lambda: x.view(3, -1)),
    "torch functions disabled for factories": lambda x: _disabled(lambda: torch.ones(7)) + x,
    "a function mode of the user's own": lambda x: _in_mode(lambda: x.view(1, 4, 3, -1)),
    "a dispatch mode of the user's own": lambda x: _in_dispatch_mode(lambda: x.view(1, 4, 3, -1)),
    "a function mode that counts": lambda x: need(_counted(lambda: (x + 1) * 2) == 2),
    "torch.compile": lambda x: COMPILED(x),
    "torch.cond": lambda x: torch.cond(x.shape[-1] > 3, lambda y: y + 1, lambda y: y - 1, (x,)).view(1, 4, 3, -1),
    "a device as a context": lambda x: _on_device("cpu", lambda: torch.ones(7)) + x,
    "meta as a context": lambda x: _on_device("meta", lambda: torch.ones(7)) + x,
    "as_subclass": lambda x: x.as_subclass(torch.Tensor).view(1, 4, 3, -1),
    "a subclass": lambda x: x.as_subclass(Named).view(1, 4, 3, -1),
    "a Parameter of an input": lambda x: nn.Parameter(x).view(1, 4, 3, -1),
    "isinstance Tensor": lambda x: need(isinstance(x, torch.Tensor) and x.shape[-1] > 3),
    "isinstance FloatTensor": lambda x: need(isinstance(x, torch.FloatTensor) and x.shape[-1] > 3),
    "isinstance LongTensor": lambda x: need(not isinstance(x, torch.LongTensor) and x.shape[-1] > 3),
    "class is Tensor": lambda x: need(x.__class__ is torch.Tensor and x.shape[-1] > 3),
    "is_tensor": lambda x: need(torch.is_tensor(x) and x.shape[-1] > 3),
    "overrides": lambda x: need(not torch.overrides.is_tensor_like(3) and x.shape[-1] > 3),
    "is_scripting": lambda x: need(not torch.jit.is_scripting() and not torch.jit.is_tracing() and x.shape[-1] > 3),
    "is_compiling": lambda x: need(not torch.compiler.is_compiling() and x.shape[-1] > 3),
    "hasattr": lambda x: need(hasattr(x, "shape") and not hasattr(x, "nothing") and x.shape[-1] > 3),
    "an attribute that is not there": lambda x: x.nothing,
    "an attribute of its own": lambda x: (setattr(x, "note", 3), need(x.note < x.shape[-1])),
    "names": lambda x: need(x.names == (None, None, None) and x.shape[-1] > 3),
    "has_names": lambda x: need(not x.has_names() and x.shape[-1] > 3),
    "is_same_size": lambda x: need(x.is_same_size(x[..., :5])),
    "is_pinned": lambda x: need(not x.is_pinned() and x.shape[-1] > 3),
    "is_shared": lambda x: need(not x.is_shared() and x.shape[-1] > 3),
    "is_inference": lambda x: need(not x.is_inference() and x.shape[-1] > 3),
    "is_conj": lambda x: need(not x.is_conj() and not x.is_neg() and x.shape[-1] > 3),
    "is_set_to": lambda x: need(x.is_set_to(x) and x.shape[-1] > 3),
    "retains_grad": lambda x: need(not x.retains_grad and x.shape[-1] > 3),
    "output_nr": lambda x: need(x.output_nr == 0 and x.shape[-1] > 3),
    "dim_order": lambda x: need(x.dim_order() == (0, 1, 2) and x.shape[-1] > 3),
    "base": lambda x: need(x._base is None and x.view(-1)._base is x),
    "identity of a view": lambda x: need(x.view(x.shape) is not x and x.contiguous() is x and x.shape[-1] > 3),
    "identity of float()": lambda x: need(x.float() is x and x.to("cpu") is x and x.cpu() is x and x.shape[-1] > 3),
    "identity of detach": lambda x: need(x.detach() is not x and x.data is not x and x.shape[-1] > 3),
    "identity of expand_as": lambda x: need(x.expand_as(x) is not x and x.reshape(x.shape) is not x),
    "identity of an in-place operation": lambda x: need(
        x.add_(1) is x and F.relu(x, inplace=True) is x and x.shape[-1] > 3
    ),
    "hash of a tensor": lambda x: need({x: 1}[x] and x.shape[-1] > 3),
    "truth of a tensor": lambda x: need(x),
    "compared with None": lambda x: need(x is not None and x.shape[-1] > 3),
    "equal to None": lambda x: need((x == None) is False and x.shape[-1] > 3),  # noqa: E711
    "equal to a text": lambda x: need((x == "a") is False and x.shape[-1] > 3),
    "plus a text": lambda x: x + "a",
    "pickle": lambda x: pickle.loads(pickle.dumps(x)).view(1, 4, 3, -1),
    "deep copy": lambda x: copy.deepcopy(x).view(1, 4, 3, -1),
    "copy": lambda x: copy.copy(x).view(1, 4, 3, -1),
    "deep copy changed in place": lambda x: (copy.deepcopy(x).unsqueeze_(0), need(x.dim() == 3 and x.shape[-1] > 3)),
    "numpy": lambda x: need(x.numpy().shape[-1] > 3),
    "np.asarray": lambda x: need(np.asarray(x).shape[-1] > 3),
    "numpy function": lambda x: need(np.sum(x).item() > 30),
    "tolist": lambda x: need(len(x.tolist()[0][0]) > 3),
    "torch.from_numpy": lambda x: torch.from_numpy(np.ones(7, dtype=np.float32)) + x,
    "dlpack": lambda x: torch.from_dlpack(x).view(1, 4, 3, -1),
    "tensor of a tensor": lambda x: torch.tensor(x).view(1, 4, 3, -1),
    "legacy constructor": lambda x: torch.Tensor(1, 4, x.shape[-1]).view(1, 4, 3, -1),
    "legacy constructor of a shape": lambda x: torch.FloatTensor(x.shape).view(1, 4, 3, -1),
    "legacy constructor of a size": lambda x: torch.FloatTensor(x.size(0), x.size(2)).zero_().view(1, 3, -1),
    "new": lambda x: x.new(1, x.shape[-1]).view(1, 3, -1),
    "new of a shape": lambda x: x.new(x.shape).view(1, 4, 3, -1),
    "new_tensor": lambda x: x.new_tensor([1.0, 2.0]) + x,
    "new_empty": lambda x: x.new_empty(x.shape[-1]).view(3, -1),
    "empty_strided": lambda x: torch.empty_strided((x.shape[-1],), (1,)).view(3, -1),
    "size as an argument of a layer": lambda x: nn.Upsample(x.shape[-1] // 2)(x),
    "equal": lambda x: need(torch.equal(x, x.clone()) or x.shape[-1] > 3),
    "equal to another shape": lambda x: need(torch.equal(x, torch.ones(1, 4, 7))),
    "allclose": lambda x: need(torch.allclose(x, x)),
    "isnan": lambda x: need(not torch.isnan(x).any()),
    "max item": lambda x: need(x.max().item() <= 1),
    "boolean mask": lambda x: x[x > 0].view(3, -1),
    "nonzero": lambda x: need(x.nonzero().shape[0] > 12),
    "unique": lambda x: need(torch.unique(x).shape[0] == 1),
    "values made from a size": lambda x: need(torch.ones(x.shape[-1]).sum().item() > 3),
    "values made from a size, integers": lambda x: need(torch.arange(x.shape[-1]).sum().item() > 10),
    "values of a mask": lambda x: need((torch.arange(x.shape[-1]) < 5).sum().item() == 5),
    "boolean mask of a size": lambda x: x[..., torch.arange(x.shape[-1]) > 3].view(1, 4, 3, -1),
    "tril": lambda x: torch.tril(torch.ones(x.shape[-1], x.shape[-1]))[:7, :7] + torch.ones(7, 7),
    "sum of plain and swept": lambda x: sum([x, x], torch.zeros(7)),
    "printing": lambda x: need(len(repr(x)) > 3 and len(str(x)) > 3 and len(f"{x}") > 3 and x.shape[-1] > 3),
    "set_printoptions": lambda x: need(str(x)),
    "torch.save": lambda x: torch.save(x, __import__("io").BytesIO()),
    "share_memory_": lambda x: x.share_memory_().view(1, 4, 3, -1),
    "register_hook": lambda x: x.register_hook(lambda g: g),
    "multiprocessing like queues": lambda x: __import__("queue").Queue().put(x),
    "argparse namespace": lambda x: need(argparse.Namespace(x=x).x.shape[-1] > 3),
}


class Named(torch.Tensor):
    pass


class Scripted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(4, 4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.size(-1) % 2 == 0:
            return self.conv(x)
        return x + torch.zeros(1)


CONV = nn.Conv1d(4, 4, 5)
SCRIPTED = script(Scripted())
TRACED = quiet(torch.jit.trace, nn.Sequential(nn.Conv1d(4, 4, 5), nn.ReLU()), torch.ones(1, 4, 9))
TRACED_FUNCTION = quiet(torch.jit.trace, lambda x: x.view(1, 2, -1) + torch.ones(1), torch.ones(1, 4, 9))
COMPILED = torch.compile(nn.Conv1d(4, 4, 5), backend="eager", dynamic=True)


def _caught(function: Callable[..., Any], x: torch.Tensor) -> torch.Tensor:
    try:
        return function(x)
    except (RuntimeError, ValueError):
        return x.view(1, 2, 2, -1)


def _disabled(compute: Callable[[], Any]) -> Any:
    with torch._C.DisableTorchFunction():
        return compute()


class _Passing(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls += 1
        return func(*args, **(kwargs or {}))


class _Dispatching(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


def _in_mode(compute: Callable[[], Any]) -> Any:
    with _Passing():
        return compute()


def _in_dispatch_mode(compute: Callable[[], Any]) -> Any:
    with _Dispatching():
        return compute()


def _counted(compute: Callable[[], Any]) -> int:
    with _Passing() as mode:
        compute()
    return mode.calls


def _on_device(device: str, compute: Callable[[], Any]) -> Any:
    with torch.device(device):
        return compute()


@pytest.mark.parametrize("name", AROUND)
def test_around(name: str) -> None:
    sound(Of(lambda self, x: AROUND[name](x)), X)


def test_a_scripted_function_in_a_submodule() -> None:
    inner = Of(lambda self, x: F.conv1d(scripted(x, 2), torch.ones(1, 2, 5)))
    agrees(Of(lambda self, x: self.inner(x)[..., 2:].view(1, 2, -1), inner=inner), X)


def test_a_scripted_module_as_the_root() -> None:
    sound(script(Scripted()), X)


def test_a_traced_module_as_the_root() -> None:
    sound(quiet(torch.jit.trace, nn.Sequential(nn.Conv1d(4, 4, 5), nn.ReLU()), torch.ones(1, 4, 9)), X)


def test_a_frozen_module() -> None:
    module = nn.Sequential(quiet(torch.jit.freeze, script(nn.Conv1d(4, 4, 5).eval())), nn.ReLU())  # cannot be copied
    report = shapecheck.analyze(module, X, lengths=(1, 12))
    assert not any(length in report.invalid for length in range(5, 13))
    assert not any(length in report.valid for length in range(1, 5))


def test_a_compiled_module_as_the_root() -> None:
    sound(torch.compile(nn.Conv1d(4, 4, 5), backend="eager", dynamic=True), X, lengths=(1, 12))


def test_a_bypass_with_a_constant_of_the_forward() -> None:
    sound(Of(lambda self, x: scripted(x, 2) + torch.ones(7)), X)


def test_a_bypass_with_a_tensor_attribute() -> None:
    sound(Of(lambda self, x: scripted(x, 2) + self.table, table=torch.ones(7)), X)


def test_a_bypass_with_a_tensor_in_a_list() -> None:
    sound(Of(lambda self, x: scripted(x, 2) + self.tables[0], tables=[torch.ones(7)]), X)


def test_a_bypass_with_a_parameter() -> None:
    agrees(Of(lambda self, x: scripted(x, 2) + self.table, table=nn.Parameter(torch.ones(7))), X)


def test_a_bypass_with_a_branch_on_the_device() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        y = scripted(x, 2)
        need(y.device.type == "cpu")
        return y

    sound(Of(forward), X)


def test_a_bypass_with_a_branch_on_is_meta() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        need(not x.is_meta and not next(self.parameters()).is_meta)
        return scripted(x, 2)

    sound(Of(forward, conv=nn.Conv1d(1, 1, 1)), X)


def test_a_bypass_with_a_counter() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        self.n += 1
        need(self.n == 1)
        return scripted(x, 2)

    sound(Of(forward, n=0), X)


def test_a_bypass_with_a_counter_and_a_weight() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        self.n += 1
        need(self.n == 1)
        return scripted(self.conv(x), 2)

    sound(Of(forward, n=0, conv=nn.Conv1d(4, 4, 1)), X)


def test_a_bypass_with_a_buffer_that_counts() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        need(self.calls.item() == 1)
        return scripted(x, 2)

    module = Of(forward)
    module.register_buffer("calls", torch.tensor(0))
    sound(module, X)


def test_a_bypass_that_leaves_an_attribute() -> None:
    def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
        self.n = x.shape[-1]
        return scripted(x, 2)

    def forward(self: Any, x: torch.Tensor) -> None:
        self.inner(x)
        need(self.inner.n == 5)

    module = Of(inner)
    module.n = 5
    sound(Of(forward, inner=module), X)


def test_a_bypass_that_follows_an_attribute() -> None:
    def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
        return scripted(x, 2).view(1, self.k, -1)

    def forward(self: Any, x: torch.Tensor) -> None:
        self.inner.k = 2
        self.inner(x)
        self.inner.k = 3
        self.inner(x)

    sound(Of(forward, inner=Of(inner, k=1, conv=nn.Conv1d(1, 1, 1))), X)


def test_a_bypass_that_draws() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        y = scripted(x, 2)
        need(torch.rand(1).item() < 0.5)
        return y

    undecided(Of(forward), X, lengths=(1, 4))


def test_a_bypass_in_a_try() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return scripted_constant(x)
        except:  # noqa: E722
            return x.view(1, 2, 2, -1)

    sound(Of(forward), X)


def test_a_bypass_in_an_inner_module_that_the_outer_catches() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.inner(x)
        except RuntimeError:
            return x.view(1, 2, 2, -1)

    sound(Of(forward, inner=Of(lambda self, x: scripted_branch(x))), X)


def test_a_bypass_with_known_values() -> None:
    sound(Of(lambda self, x, n: need(scripted_size(x) == n.item())), X, "i64[1] = 3")
