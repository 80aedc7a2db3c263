"""State that code keeps between calls: each path sees what eager would, each length its own, and nothing is left behind."""

from __future__ import annotations

import collections
import functools
import itertools
import random
import types
from collections import OrderedDict, defaultdict, deque
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import shapecheck
from tests.against_eager import Of, agrees, sound, undecided

X = "f32[1, 4, T]"


def need(condition: Any) -> None:
    if not condition:
        raise ValueError("needed")


def split(x: torch.Tensor) -> None:
    """Makes the module call run once for each residue of the length."""
    for k in (2, 3):
        if x.shape[-1] % k == 0:
            x.clone()


class Counter:
    def __init__(self) -> None:
        self.n = 0

    def tick(self) -> int:
        self.n += 1
        return self.n


# attributes --------------------------------------------------------------------------------------------------------


def test_a_number_is_set_on_the_module() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        self.n = x.shape[-1]
        split(x)
        need(self.n > 5)

    agrees(Of(forward), X)


def test_a_number_counts_calls() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        self.n += 1
        split(x)
        need(self.n == 1)

    agrees(Of(forward, n=0), X)


def test_a_number_counts_up_before_a_split_twice() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        self.n += 1
        split(x)
        self.n += 1
        split(x)
        need(self.n == 2)

    agrees(Of(forward, n=0), X)


def test_an_attribute_set_on_one_path_only() -> None:
    def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] % 2:
            self.n = 1
        return x

    def forward(self: Any, x: torch.Tensor) -> None:
        self.inner(x)
        need(self.inner.n)

    agrees(Of(forward, inner=Of(inner, n=0)), X)


def test_an_attribute_that_exists_on_one_path_only() -> None:
    def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] % 2:
            self.n = 1
        return x

    def forward(self: Any, x: torch.Tensor) -> None:
        self.inner(x)
        need(hasattr(self.inner, "n"))

    agrees(Of(forward, inner=Of(inner)), X)


def test_an_attribute_deleted_on_one_path_only() -> None:
    def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] % 2:
            del self.n
        return x

    def forward(self: Any, x: torch.Tensor) -> None:
        self.inner(x)
        need(hasattr(self.inner, "n"))

    agrees(Of(forward, inner=Of(inner, n=1)), X)


def test_an_attribute_differs_between_a_path_that_runs_and_one_that_raises() -> None:
    def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] % 2:
            self.n = 1
            return x
        self.n = 2
        raise ValueError("even")

    def forward(self: Any, x: torch.Tensor) -> None:
        self.inner(x)
        need(self.inner.n == 1)

    agrees(Of(forward, inner=Of(inner, n=0)), X)


def test_an_attribute_differs_between_paths_whose_error_is_caught() -> None:
    def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] % 2:
            self.n = 1
            return x
        self.n = 2
        raise ValueError("even")

    def forward(self: Any, x: torch.Tensor) -> None:
        try:
            self.inner(x)
        except ValueError:
            need(self.inner.n == 2 and x.shape[-1] > 5)
        else:
            need(self.inner.n == 1 and x.shape[-1] > 8)

    agrees(Of(forward, inner=Of(inner, n=0)), X)


def test_an_attribute_differs_between_outputs_of_two_forms() -> None:
    def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
        self.n = x.dim() if x.shape[-1] % 2 else 2
        return x if x.shape[-1] % 2 else x[0]

    def forward(self: Any, x: torch.Tensor) -> None:
        out = self.inner(x)
        need(self.inner.n == out.dim())

    agrees(Of(forward, inner=Of(inner, n=0)), X)


def test_a_tensor_is_kept_for_the_next_call() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return x if self.last is None else torch.cat([self.last, x], dim=-1)

    def stream(self: Any, x: torch.Tensor) -> torch.Tensor:
        first = self.inner(x)
        self.inner.last = x
        return F.conv1d(self.inner(first), torch.ones(1, 4, 9))

    inner = Of(forward)
    inner.last = None
    agrees(Of(stream, inner=inner), X)


def test_a_text_is_kept() -> None:
    def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
        self.mode = "odd" if x.shape[-1] % 2 else "even"
        return x

    def forward(self: Any, x: torch.Tensor) -> None:
        self.inner(x)
        need(self.inner.mode == "odd")

    sound(Of(forward, inner=Of(inner, mode="")), X)


def test_a_size_is_kept_and_compared_with_the_next() -> None:
    def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
        need(self.size is None or self.size >= x.shape[-1])
        self.size = x.shape[-1]
        return x[..., ::2]

    inner_module = Of(inner)
    inner_module.size = None
    agrees(Of(lambda self, x: self.inner(F.pad(self.inner(x), (0, 8))), inner=inner_module), X)


def test_the_training_flag_is_changed() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        need(not self.drop.training)
        split(x)
        self.drop.train()

    agrees(Of(forward, drop=nn.Dropout()).eval(), X)


def test_a_class_attribute_is_changed() -> None:
    class Counting(nn.Module):
        calls = 0

        def forward(self, x: torch.Tensor) -> None:
            type(self).calls += 1
            split(x)
            need(type(self).calls == 1)

    def fresh() -> None:
        Counting.calls = 0

    sound(Counting(), X, fresh=fresh)


def test_an_attribute_is_set_through_vars() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        need("n" not in vars(self))
        vars(self)["n"] = 1
        split(x)
        need(x.shape[-1] > 5)

    sound(Of(forward), X)


def test_an_attribute_is_set_through_object() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        object.__setattr__(self, "n", self.n + 1)
        split(x)
        need(self.n == 1)

    sound(Of(forward, n=0), X)


def test_setattr_of_the_users_own() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.n = 0

        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)

        def forward(self, x: torch.Tensor) -> None:
            self.n += 1
            split(x)
            need(self.n == 1)

    agrees(Own(), X)


def test_a_property_with_a_setter() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self._n = 0

        @property
        def n(self) -> int:
            return self._n

        @n.setter
        def n(self, value: int) -> None:
            self._n = value

        def forward(self, x: torch.Tensor) -> None:
            self.n += 1
            split(x)
            need(self.n == 1)

    agrees(Own(), X)


def test_a_submodule_is_replaced() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] % 2:
            self.conv = nn.Conv1d(4, 4, 3)
        return self.conv(x)

    agrees(Of(forward, conv=nn.Conv1d(4, 4, 6)), X)


def test_a_submodule_is_added() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        if not hasattr(self, "conv"):
            self.conv = nn.Conv1d(x.shape[1], 4, x.shape[-1] % 3 + 1)
        return self.conv(x[..., 1:])

    agrees(Of(forward), X)


def test_add_module() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        need("conv" not in self._modules)
        self.add_module("conv", nn.Conv1d(4, 4, 3))
        split(x)
        return self.conv(x)

    agrees(Of(forward), X)


def test_a_layer_is_appended_to_a_module_list() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        self.layers.append(nn.Conv1d(4, 4, 3))
        split(x)
        for layer in self.layers:
            x = layer(x)
        return x

    agrees(Of(forward, layers=nn.ModuleList([nn.Conv1d(4, 4, 3)])), X)


def test_a_parameter_is_replaced() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        self.w = nn.Parameter(torch.cat([self.w, self.w]))
        split(x)
        return x + self.w

    agrees(Of(forward, w=nn.Parameter(torch.ones(4))), X)


def test_the_data_of_a_parameter_is_replaced() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        self.w.data = torch.cat([self.w.data, self.w.data])
        split(x)
        return x + self.w

    sound(Of(forward, w=nn.Parameter(torch.ones(4))), X)


def test_a_parameter_is_frozen() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        self.w.requires_grad_(False)
        need(not self.w.requires_grad)

    agrees(Of(forward, w=nn.Parameter(torch.ones(4))), X)


def test_a_gradient_is_set() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        need(self.w.grad is None)
        self.w.grad = torch.zeros(4)
        split(x)

    sound(Of(forward, w=nn.Parameter(torch.ones(4))), X)


# buffers -----------------------------------------------------------------------------------------------------------


def test_a_buffer_is_registered_in_forward() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        if not hasattr(self, "table"):
            self.register_buffer("table", torch.ones(x.shape[-1]))
        split(x)
        return x + self.table

    agrees(Of(forward), X)


def test_a_registered_buffer_meets_a_second_call() -> None:
    def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
        if not hasattr(self, "table"):
            self.register_buffer("table", torch.ones(x.shape[-1]))
        split(x)
        return x + self.table

    agrees(Of(lambda self, x: self.inner(self.inner(x)[..., 1:]), inner=Of(inner)), X)


def test_a_buffer_that_grows() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        if self.table.shape[0] < x.shape[-1]:
            self.table = torch.ones(2 * x.shape[-1])
        split(x)
        return x + self.table[: x.shape[-1]]

    module = Of(forward)
    module.register_buffer("table", torch.ones(9))
    agrees(module, X)


def test_a_buffer_that_is_too_short() -> None:
    module = Of(lambda self, x: x + self.table[: x.shape[-1]])
    module.register_buffer("table", torch.ones(9))
    agrees(module, X)


def test_a_buffer_that_counts() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        self.calls += 1
        split(x)
        need(self.calls.item() == 1)

    module = Of(forward)
    module.register_buffer("calls", torch.tensor(0))
    agrees(module, X)


def test_a_buffer_that_counts_on_one_path() -> None:
    def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] % 2:
            self.calls += 1
        return x

    def forward(self: Any, x: torch.Tensor) -> None:
        self.inner(x)
        need(self.inner.calls.item() == 1)

    module = Of(inner)
    module.register_buffer("calls", torch.tensor(0))
    sound(Of(forward, inner=module), X)


def test_a_buffer_that_is_filled_in_place_on_one_path() -> None:
    def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] % 2:
            self.table.fill_(3)
        else:
            self.table.zero_()
        return x

    def forward(self: Any, x: torch.Tensor) -> None:
        self.inner(x)
        need(self.inner.table.sum().item() > 0)

    module = Of(inner)
    module.register_buffer("table", torch.ones(4))
    sound(Of(forward, inner=module), X)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.add_(1),
        lambda t: t.mul_(0),
        lambda t: t.__setitem__(0, 7),
        lambda t: t[0].fill_(7),
        lambda t: t.view(2, 2)[1].zero_(),
        lambda t: t.data.fill_(2),
        lambda t: t.detach().fill_(2),
        lambda t: torch.add(t, 1, out=t),
        lambda t: torch.add(torch.ones(4), torch.ones(4), out=t),
        lambda t: torch.relu_(t.neg_()),
        lambda t: F.relu(t.neg_(), inplace=True),
        lambda t: torch._foreach_add_([t], 1),
        lambda t: nn.init.zeros_(t),
        lambda t: t.copy_(torch.zeros(4)),
        lambda t: t.numpy().fill(5),
        lambda t: t.resize_(6).fill_(1),
        lambda t: t.unsqueeze_(0),
        lambda t: t.squeeze_().unsqueeze_(-1),
        lambda t: t.set_(torch.zeros(3)),
        lambda t: setattr(t, "data", torch.zeros(5)),
        lambda t: t.t_(),
        lambda t: t.sub_(torch.ones(4)),
        lambda t: t.__iadd__(1),
        lambda t: t.index_fill_(0, torch.tensor([1]), 9),
        lambda t: t.masked_fill_(torch.tensor([True, False, True, False]), 9),
        lambda t: t.swapaxes_(0, 0),
        lambda t: setattr(t, "note", 1),
    ],
    ids=lambda change: None,
)
def test_a_buffer_changed_in_place_is_put_back(change: Any) -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        need(self.table.sum().item() == 4 and self.table.dim() == 1 and not hasattr(self.table, "note"))
        change(self.table)
        split(x)
        need(x.shape[-1] > 5)

    module = Of(forward)
    module.register_buffer("table", torch.ones(4))
    sound(module, X)


@pytest.mark.parametrize(
    "write",
    [
        lambda t, one: t.copy_(one),
        lambda t, one: t.add_(one),
        lambda t, one: t.__setitem__(slice(None), one),
        lambda t, one: t.__setitem__(0, one),
        lambda t, one: t[0:1].copy_(one),
        lambda t, one: t.view(1, 1).copy_(one),
        lambda t, one: t.data.copy_(one),
        lambda t, one: t.detach().copy_(one),
        lambda t, one: t.addcmul_(one, one),
        lambda t, one: t.lerp_(one, 0.5),
        lambda t, one: t.index_copy_(0, torch.tensor([0]), one.view(1)),
        lambda t, one: t.index_add_(0, torch.tensor([0]), one.view(1)),
        lambda t, one: t.scatter_(0, torch.tensor([0]), one.view(1)),
        lambda t, one: t.masked_scatter_(torch.tensor([True]), one.view(1)),
        lambda t, one: t.index_put_((torch.tensor([0]),), one.view(1)),
        lambda t, one: t.masked_fill_(torch.tensor([True]), one),
        lambda t, one: t.fill_(one),
        lambda t, one: torch.add(one, 0, out=t[0]),
        lambda t, one: torch.mul(one, 1, out=t),
        lambda t, one: torch._foreach_add_([t], [one.view(1)]),
        lambda t, one: t.put_(torch.tensor([0]), one.view(1)),
        lambda t, one: t.unsqueeze(0).add_(one),
        lambda t, one: next(iter(t.split(1))).add_(one),
        lambda t, one: torch.cat([one.view(1)], out=t),
        lambda t, one: t.set_(one.view(1).clone()),
        lambda t, one: setattr(t, "data", one.view(1)),
    ],
    ids=lambda write: None,
)
def test_a_plain_tensor_written_with_what_depends_on_the_length_is_not_taken_for_its_old_values(write: Any) -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        plain = torch.zeros(1)
        write(plain, torch.ones(x.shape[-1]).mean())
        need(plain.sum().item() > 0)

    sound(Of(forward), X)


def test_a_view_taken_before_the_write() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        plain = torch.zeros(4)
        first = plain[0]
        plain.copy_(torch.ones(x.shape[-1]).mean())
        need(first.item() > 0)

    sound(Of(forward), X)


def test_a_base_written_through_a_chain_of_views() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        plain = torch.zeros(2, 2)
        plain.t()[0].view(2)[1:].copy_(torch.ones(x.shape[-1]).mean())
        need(plain[1, 0].item() > 0)

    sound(Of(forward), X)


def test_batch_norm_in_training() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        self.norm(x)
        split(x)
        need(self.norm.num_batches_tracked.item() == 1)

    agrees(Of(forward, norm=nn.BatchNorm1d(4)), "f32[2, 4, T]")


def test_the_statistics_of_batch_norm_in_training_are_not_known() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        self.norm(x)
        need(self.norm.running_mean.sum().item() > 0)

    sound(Of(forward, norm=nn.BatchNorm1d(4)), "f32[2, 4, T]")


def test_spectral_norm_in_training() -> None:
    agrees(nn.Sequential(nn.utils.spectral_norm(nn.Conv1d(4, 4, 5))), X)


# containers --------------------------------------------------------------------------------------------------------


def test_a_list_of_the_module_grows() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        self.seen.append(x)
        split(x)
        need(len(self.seen) == 1)

    agrees(Of(forward, seen=[]), X)


def test_a_list_of_the_module_grows_on_one_path_only() -> None:
    def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] % 2:
            self.seen.append(x)
        return x

    def forward(self: Any, x: torch.Tensor) -> None:
        self.inner(x)
        need(len(self.inner.seen) == 1)

    sound(Of(forward, inner=Of(inner, seen=[])), X)


def test_a_list_of_another_method_grows_on_one_path_only() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[Any] = []

        def encode(self, x: torch.Tensor) -> torch.Tensor:
            if x.shape[-1] % 2:
                self.seen.append(x)
            return x

    sound(Own(), X, method="encode")


def test_a_cache_keyed_by_size() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        n = x.shape[-1]
        if n not in self.cache:
            self.cache[n] = torch.ones(n)
        split(x)
        return x + self.cache[n]

    agrees(Of(forward, cache={}), X)


def test_a_cache_keyed_by_size_meets_a_second_call() -> None:
    def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
        n = x.shape[-1] // 4
        if n not in self.cache:
            self.cache[n] = torch.ones(x.shape[-1])
        return x + self.cache[n]

    agrees(Of(lambda self, x: self.inner(self.inner(x)[..., 1:]), inner=Of(inner, cache={})), X)


def test_a_cache_keyed_by_a_text() -> None:
    def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
        key = f"n{x.shape[-1]}"
        need(key not in self.cache)
        self.cache[key] = x
        return x

    sound(Of(lambda self, x: self.inner(self.inner(x)[..., x.shape[-1] % 2 :]), inner=Of(inner, cache={})), X)


def test_a_cache_keyed_by_shape() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape not in self.cache:
            self.cache[x.shape] = torch.ones(x.shape)
        return x + self.cache[x.shape]

    agrees(Of(forward, cache={}), X)


@pytest.mark.parametrize(
    "container",
    [[[]], {"a": []}, ([],), {"a": {"b": []}}, types.SimpleNamespace(a=[]), deque([[]])],
    ids=["list", "dict", "tuple", "dicts", "namespace", "deque"],
)
def test_a_list_within_a_container_grows(container: Any) -> None:
    def inside(value: Any) -> list[Any]:
        while not (isinstance(value, list) and (not value or isinstance(value[0], torch.Tensor))):
            value = next(iter(value.values() if isinstance(value, dict) else vars(value).values() if hasattr(value, "a") else value))
        return value

    def forward(self: Any, x: torch.Tensor) -> None:
        inside(self.box).append(x)
        split(x)
        need(len(inside(self.box)) == 1)

    sound(Of(forward, box=container), X)


@pytest.mark.parametrize(
    "container", [deque([1]), {1}, OrderedDict(a=1), defaultdict(int, a=1), collections.Counter("a")], ids=lambda c: type(c).__name__
)
def test_a_container_of_the_module_grows(container: Any) -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        if isinstance(self.box, set):
            self.box.add(9)
        elif isinstance(self.box, dict):
            self.box["new"] = 1
        else:
            self.box.append(2)
        split(x)
        need(len(self.box) == 2)

    agrees(Of(forward, box=container), X)


def test_an_array_of_the_module_is_changed() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        self.table[0] += 1
        split(x)
        need(self.table[0] == 1)

    sound(Of(forward, table=np.zeros(3)), X)


def test_an_object_of_the_module_counts() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        n = self.counter.tick()
        split(x)
        need(n == 1)

    sound(Of(forward, counter=Counter()), X)


def test_an_object_of_the_module_counts_per_layer() -> None:
    def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
        self.counter.tick()
        return x[..., 1:] if x.shape[-1] % 2 else x

    def forward(self: Any, x: torch.Tensor) -> None:
        x = self.inner(self.inner(x))
        need(self.inner.counter.n == 2)

    sound(Of(forward, inner=Of(inner, counter=Counter())), X)


def test_an_iterator_of_the_module_advances() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        n = next(self.count)
        split(x)
        need(n == 0)

    sound(Of(forward, count=itertools.count()), X)


# the caller's things -----------------------------------------------------------------------------------------------


def test_a_list_given_to_a_module_grows() -> None:
    def inner(self: Any, x: torch.Tensor, features: list[Any]) -> torch.Tensor:
        features.append(x)
        return x[..., 1:] if x.shape[-1] % 2 else x

    def forward(self: Any, x: torch.Tensor) -> None:
        features: list[Any] = []
        self.inner(x, features)
        need(len(features) == 1)

    sound(Of(forward, inner=Of(inner)), X)


def test_a_dict_given_to_a_module_is_emptied() -> None:
    def inner(self: Any, x: torch.Tensor, options: dict[str, Any]) -> torch.Tensor:
        k = options.pop("k")
        return x[..., k:] if x.shape[-1] % 2 else x

    sound(Of(lambda self, x: self.inner(x, {"k": 1}), inner=Of(inner)), X)


def test_keyword_arguments_are_emptied() -> None:
    def inner(self: Any, x: torch.Tensor, **options: Any) -> torch.Tensor:
        k = options.pop("k")
        return x[..., k:] if x.shape[-1] % 2 else x

    agrees(Of(lambda self, x: self.inner(x, k=1), inner=Of(inner)), X)


def test_an_iterator_given_to_a_module_advances() -> None:
    def inner(self: Any, x: torch.Tensor, numbers: Any) -> torch.Tensor:
        need(next(numbers) == 1)
        return x[..., 1:] if x.shape[-1] % 2 else x

    sound(Of(lambda self, x: self.inner(x, iter([1, 2, 3])), inner=Of(inner)), X)


def test_an_object_given_to_a_module_is_changed() -> None:
    def inner(self: Any, x: torch.Tensor, counter: Counter) -> torch.Tensor:
        need(counter.tick() == 1)
        return x[..., 1:] if x.shape[-1] % 2 else x

    sound(Of(lambda self, x: self.inner(x, Counter()), inner=Of(inner)), X)


def test_a_closure_of_the_caller_is_changed() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        calls = []

        def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
            calls.append(1)
            return x[..., 1:] if x.shape[-1] % 2 else x

        Of(inner)(x)
        need(len(calls) == 1)

    sound(Of(forward), X)


def test_a_list_input_grows() -> None:
    def forward(self: Any, x: torch.Tensor, seen: list[Any]) -> None:
        seen.append(x)
        split(x)
        need(len(seen) == 1)

    sound(Of(forward), X, [])


def test_a_dict_input_is_emptied() -> None:
    def forward(self: Any, x: torch.Tensor, options: dict[str, int]) -> None:
        split(x)
        need(options.pop("k") == 1)
        split(x)

    sound(Of(forward), X, {"k": 1})


def test_inputs_are_left_as_they_were() -> None:
    given: list[Any] = []
    shapecheck.analyze(Of(lambda self, x, seen: seen.append(1)), X, given, lengths=(1, 4))
    assert given == []


def test_a_plain_tensor_input_is_changed_in_place() -> None:
    def forward(self: Any, x: torch.Tensor, table: torch.Tensor) -> None:
        table.add_(1)
        split(x)
        need(table.sum().item() == 4)

    agrees(Of(forward), X, torch.zeros(4))


def test_a_plain_tensor_input_is_left_as_it_was() -> None:
    table = torch.zeros(4)
    shapecheck.analyze(Of(lambda self, x, table: table.add_(1)), X, table, lengths=(1, 4))
    assert table.sum() == 0


def test_an_attribute_is_set_on_an_input_tensor() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        need(not hasattr(x, "seen"))
        x.seen = True
        split(x)

    sound(Of(forward), X)


def test_an_input_is_reshaped_in_place_on_one_path_of_a_module() -> None:
    def inner(self: Any, x: torch.Tensor) -> None:
        if x.shape[-1] % 2:
            x.unsqueeze_(0)

    def forward(self: Any, x: torch.Tensor) -> None:
        self.inner(x)
        need(x.dim() == 4)

    sound(Of(forward, inner=Of(inner)), X)


def test_an_input_is_reshaped_in_place_on_the_other_path_of_a_module() -> None:
    def inner(self: Any, x: torch.Tensor) -> None:
        if x.shape[-1] % 2:
            return
        x.transpose_(1, 2)

    def forward(self: Any, x: torch.Tensor) -> None:
        self.inner(x)
        need(x.shape[1] == 4)

    sound(Of(forward, inner=Of(inner)), X)


def test_an_input_is_reshaped_in_place_before_a_split() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        x.unsqueeze_(0)
        split(x)
        need(x.dim() == 4)

    agrees(Of(forward), X)


def test_known_values_are_changed_in_place_on_one_path_of_a_module() -> None:
    def inner(self: Any, n: torch.Tensor) -> None:
        if n.item() % 2:
            n.add_(1)

    def forward(self: Any, n: torch.Tensor) -> None:
        self.inner(n)
        need(n.item() % 2 == 0)

    sound(Of(forward, inner=Of(inner)), "i64[1] = T")


# beyond the module -------------------------------------------------------------------------------------------------

_COUNTER = Counter()
_CACHE: dict[Any, Any] = {}


def test_a_global_counter() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        n = _COUNTER.tick()
        split(x)
        need(n == 1)

    def fresh() -> None:
        _COUNTER.n = 0

    sound(Of(forward), X, fresh=fresh)


def test_a_global_cache_keyed_by_size() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        n = x.shape[-1]
        if n not in _CACHE:
            _CACHE[n] = torch.ones(n)
        split(x)
        return x + _CACHE[n]

    sound(Of(forward), X, fresh=_CACHE.clear)


def test_a_global_cache_serves_eager_code_afterwards() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        n = x.shape[-1]
        if n not in _CACHE:
            _CACHE[n] = torch.ones(n)
        return x + _CACHE[n]

    _CACHE.clear()
    module = Of(forward)
    shapecheck.analyze(module, X, lengths=(1, 16))
    assert [module(torch.ones(1, 4, n)).shape[-1] for n in range(1, 17)] == list(range(1, 17))


def test_a_global_cache_serves_a_second_analysis() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        n = x.shape[-1]
        if n not in _CACHE:
            _CACHE[n] = torch.ones(n)
        return x + _CACHE[n]

    _CACHE.clear()
    module = Of(forward)
    first = shapecheck.analyze(module, X, lengths=(1, 16))
    second = shapecheck.analyze(module, X, lengths=(3, 40))
    assert not first.invalid
    assert not second.invalid


def test_a_mutable_default_argument() -> None:
    def helper(x: torch.Tensor, seen: list[int] = []) -> int:  # noqa: B006
        seen.append(1)
        return len(seen)

    def forward(self: Any, x: torch.Tensor) -> None:
        n = helper(x)
        split(x)
        need(n == 1)

    sound(Of(forward), X, fresh=lambda: helper.__defaults__[0].clear())  # type: ignore[index]


@functools.lru_cache
def mask(n: int) -> torch.Tensor:
    return torch.ones(n, n)


def test_a_cached_helper() -> None:
    agrees(Of(lambda self, x: x @ mask(x.shape[-1])), X, fresh=mask.cache_clear)


def test_a_cached_helper_called_twice() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        split(x)
        return x @ mask(x.shape[-1] // 2) if x.shape[-1] % 3 == 0 else x @ mask(x.shape[-1])

    agrees(Of(forward), X, fresh=mask.cache_clear)


def test_a_cached_helper_serves_eager_code_afterwards() -> None:
    mask.cache_clear()
    module = Of(lambda self, x: x @ mask(x.shape[-1]))
    shapecheck.analyze(module, X, lengths=(1, 16))
    assert [module(torch.ones(1, 4, n)).shape[-1] for n in range(1, 17)] == list(range(1, 17))


def test_a_cached_helper_serves_a_second_analysis() -> None:
    mask.cache_clear()
    module = Of(lambda self, x: x @ mask(x.shape[-1]))
    for lengths in ((1, 16), (3, 40), None):
        report = shapecheck.analyze(module, X, lengths=lengths)
        assert not report.invalid, report.failures[0].error


def test_a_cached_helper_filled_by_eager_code_before() -> None:
    mask.cache_clear()
    module = Of(lambda self, x: x @ mask(x.shape[-1]))
    for n in range(1, 5):
        module(torch.ones(1, 4, n))
    assert not shapecheck.analyze(module, X, lengths=(1, 16)).invalid


def test_a_cached_method() -> None:
    class Own(nn.Module):
        @functools.lru_cache  # noqa: B019
        def table(self, n: int) -> torch.Tensor:
            return torch.ones(n)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.table(x.shape[-1] // 2 * 2)

    agrees(Own(), X)


def test_a_cached_property() -> None:
    class Own(nn.Module):
        @functools.cached_property
        def table(self) -> torch.Tensor:
            return torch.ones(7)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            split(x)
            return x + self.table

    agrees(Own(), X)


def test_the_statistics_of_a_cached_helper() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        mask(3)
        split(x)
        need(mask.cache_info().hits == 0)

    sound(Of(forward), X, fresh=mask.cache_clear)


def test_the_default_dtype_is_changed_and_not_put_back() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        need(torch.get_default_dtype() == torch.float32)
        torch.set_default_dtype(torch.float64)
        split(x)

    sound(Of(forward), X, fresh=lambda: torch.set_default_dtype(torch.float32))
    torch.set_default_dtype(torch.float32)


def test_the_grad_mode_is_changed_and_not_put_back() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        need(not torch.is_grad_enabled())
        torch.set_grad_enabled(True)
        split(x)

    sound(Of(forward), X)


# random numbers ----------------------------------------------------------------------------------------------------

DRAWS: dict[str, Any] = {
    "random.random": lambda: random.random(),
    "random.randint": lambda: random.randint(0, 1),
    "random.choice": lambda: random.choice([0, 1]),
    "random.expovariate": lambda: random.expovariate(1),
    "random.triangular": lambda: random.triangular(),
    "random.randbytes": lambda: random.randbytes(1)[0],
    "random.lognormvariate": lambda: random.lognormvariate(0, 1),
    "random.paretovariate": lambda: random.paretovariate(1),
    "random.Random": lambda: random.Random().random(),
    "random.SystemRandom": lambda: random.SystemRandom().random(),
    "numpy rand": lambda: np.random.rand(),
    "numpy randint": lambda: np.random.randint(2),
    "numpy beta": lambda: np.random.beta(1, 1),
    "numpy binomial": lambda: np.random.binomial(1, 0.5),
    "numpy exponential": lambda: np.random.exponential(),
    "numpy standard_normal": lambda: np.random.standard_normal(),
    "numpy poisson": lambda: np.random.poisson(1),
    "numpy bytes": lambda: np.random.bytes(1)[0],
    "numpy ranf": lambda: np.random.ranf(),
    "numpy default_rng": lambda: np.random.default_rng().random(),
    "numpy RandomState": lambda: np.random.RandomState().rand(),
    "torch.rand": lambda: torch.rand(1).item(),
    "torch.randn": lambda: torch.randn(()).item(),
    "torch.randint": lambda: torch.randint(0, 2, (1,)).item(),
    "torch.randperm": lambda: torch.randperm(4)[0].item(),
    "torch.bernoulli": lambda: torch.bernoulli(torch.full((1,), 0.5)).item(),
    "torch.multinomial": lambda: torch.multinomial(torch.ones(4), 1).item(),
    "torch.normal": lambda: torch.normal(torch.zeros(1), torch.ones(1)).item(),
    "torch.poisson": lambda: torch.poisson(torch.ones(1)).item(),
    "torch.binomial": lambda: torch.binomial(torch.ones(1), torch.full((1,), 0.5)).item(),
    "torch.rand_like": lambda: torch.rand_like(torch.ones(1)).item(),
    "torch.randint_like": lambda: torch.randint_like(torch.ones(1), 2).item(),
    "uniform_": lambda: torch.zeros(1).uniform_().item(),
    "uniform_ on a tensor that is kept": lambda: (lambda z: (z.uniform_(), z.item())[1])(torch.zeros(1)),
    "normal_ on a view": lambda: (lambda z: (z[0].normal_(), z.sum().item())[1])(torch.zeros(1)),
    "random_": lambda: (lambda z: (z.random_(0, 2), z.item())[1])(torch.zeros(1)),
    "bernoulli_": lambda: (lambda z: (z.bernoulli_(), z.item())[1])(torch.zeros(1)),
    "nn.init": lambda: nn.init.uniform_(torch.zeros(1)).item(),
    "nn.init on a tensor that is kept": lambda: (lambda z: (nn.init.normal_(z), z.item())[1])(torch.zeros(1)),
    "a new layer": lambda: nn.Linear(1, 1).weight.item(),
    "a new layer's bias in a list": lambda: nn.Conv1d(1, 1, 1).bias.tolist()[0],
    "F.dropout": lambda: F.dropout(torch.ones(1), 0.5, training=True).item(),
    "F.gumbel_softmax": lambda: F.gumbel_softmax(torch.zeros(2))[0].item(),
    "F.rrelu": lambda: F.rrelu(-torch.ones(1), training=True).item(),
    "a distribution": lambda: torch.distributions.Normal(0.0, 1.0).sample().item(),
    "a distribution of integers": lambda: torch.distributions.Bernoulli(0.5).sample().item(),
    "torch.empty": lambda: 0.0 if torch.empty(10_000).sum().item() else 1.0,
    "torch.seed": lambda: torch.seed() % 2,
    "torch.initial_seed": lambda: (torch.seed(), torch.initial_seed() % 2)[1],
    "rand with out": lambda: (lambda z: (torch.rand(1, out=z), z.item())[1])(torch.zeros(1)),
    "generator.seed": lambda: torch.Generator().seed() % 2,
    "generator of torch": lambda: (lambda g: (g.seed(), torch.rand(1, generator=g).item())[1])(torch.Generator()),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_draw_decides_a_verdict(name: str) -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        if DRAWS[name]() > 0.5:
            raise ValueError("bad luck")

    undecided(Of(forward), X, lengths=(1, 4))


@pytest.mark.parametrize("name", DRAWS)
def test_a_draw_decides_a_verdict_past_a_bare_except(name: str) -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        try:
            lucky = DRAWS[name]() > 0.5
        except:  # noqa: E722
            lucky = False
        if lucky:
            raise ValueError("bad luck")

    undecided(Of(forward), X, lengths=(1, 4))


def test_a_draw_decides_a_size() -> None:
    undecided(Of(lambda self, x: x[..., random.randint(0, 3) :].view(1, -1, 8)), X, lengths=(4, 9))


def test_a_draw_that_decides_nothing() -> None:
    agrees(Of(lambda self, x: F.conv1d(x + torch.randn_like(x) * torch.rand(1), torch.randn(1, 4, 5))), X)


def test_a_generator_of_the_module() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        need(self.generator.random() < 0.5)
        split(x)

    for generator in (random.Random(1), np.random.default_rng(4), np.random.RandomState(4)):
        sound(Of(forward, generator=generator), X)


def test_a_generator_of_the_module_draws_a_size() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        split(x)
        return x[..., self.generator.randint(0, 4) :].view(1, 2, -1, 4)

    sound(Of(forward, generator=random.Random(3)), X)


def test_a_torch_generator_of_the_module() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        need(torch.rand(1, generator=self.generator).item() < 0.5)
        split(x)

    sound(Of(forward, generator=torch.Generator().manual_seed(0)), X)


def test_a_seeded_draw() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        torch.manual_seed(0)
        random.seed(0)
        np.random.seed(0)
        need(torch.rand(1).item() < 2 and random.random() > 0.8 and np.random.rand() > 0.5)

    sound(Of(forward), X)


def test_the_state_of_the_generators() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        before = torch.get_rng_state().sum().item()
        torch.rand(1)
        split(x)
        need(torch.get_rng_state().sum().item() != before)

    sound(Of(forward), X)


def test_fork_rng() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return F.conv1d(x, torch.randn(1, 4, 5))

    agrees(Of(forward), X)


# no state, though it looks so ------------------------------------------------------------------------------------


def test_an_attribute_that_is_always_the_same() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        self.kernel = 5
        return F.conv1d(x, torch.ones(1, 4, self.kernel)) if x.shape[-1] % 2 else x

    agrees(Of(forward), X)


def test_a_positional_table_that_is_built_when_needed() -> None:
    class Positions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table: torch.Tensor | None = None

        def extend(self, x: torch.Tensor) -> None:
            if self.table is not None and self.table.size(1) >= x.size(1) * 2 - 1:
                return
            position = torch.arange(0, x.size(1)).unsqueeze(1)
            table = torch.zeros(x.size(1), 4)
            table[:, 0::2] = torch.sin(position * torch.ones(2))
            self.table = torch.cat([table, table[1:]], dim=0).unsqueeze(0)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.extend(x)
            assert self.table is not None
            middle = self.table.size(1) // 2
            return x + self.table[:, middle - x.size(1) // 2 : middle + x.size(1) // 2]

    agrees(nn.Sequential(Positions(), Positions()), "f32[1, T, 4]")
