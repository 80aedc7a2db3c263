"""State that a module keeps: each path and length sees what eager would, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.adversarial.against import Of, X, agrees, need, sound


def split(x: torch.Tensor) -> None:
    """Makes the module call run once for each residue of the length."""
    for k in (2, 3):
        if x.shape[-1] % k == 0:
            x.clone()


# attributes ---------------------------------------------------------------------------------------------------------


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


# buffers ------------------------------------------------------------------------------------------------------------


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


CHANGES: dict[str, Callable[[torch.Tensor], Any]] = {
    "add_": lambda t: t.add_(1),
    "mul_": lambda t: t.mul_(0),
    "an item is set": lambda t: t.__setitem__(0, 7),
    "an item is filled": lambda t: t[0].fill_(7),
    "a view is zeroed": lambda t: t.view(2, 2)[1].zero_(),
    "data is filled": lambda t: t.data.fill_(2),
    "a detached view is filled": lambda t: t.detach().fill_(2),
    "out of its own": lambda t: torch.add(t, 1, out=t),
    "out of others": lambda t: torch.add(torch.ones(4), torch.ones(4), out=t),
    "relu_": lambda t: torch.relu_(t.neg_()),
    "relu in place": lambda t: F.relu(t.neg_(), inplace=True),
    "foreach": lambda t: torch._foreach_add_([t], 1),
    "nn.init": lambda t: nn.init.zeros_(t),
    "copy_": lambda t: t.copy_(torch.zeros(4)),
    "through NumPy": lambda t: t.numpy().fill(5),
    "resize_": lambda t: t.resize_(6).fill_(1),
    "unsqueeze_": lambda t: t.unsqueeze_(0),
    "squeeze_ and unsqueeze_": lambda t: t.squeeze_().unsqueeze_(-1),
    "set_": lambda t: t.set_(torch.zeros(3)),
    "data is assigned": lambda t: setattr(t, "data", torch.zeros(5)),
    "t_": lambda t: t.t_(),
    "sub_": lambda t: t.sub_(torch.ones(4)),
    "plus assigned": lambda t: t.__iadd__(1),
    "index_fill_": lambda t: t.index_fill_(0, torch.tensor([1]), 9),
    "masked_fill_": lambda t: t.masked_fill_(torch.tensor([True, False, True, False]), 9),
    "swapaxes_": lambda t: t.swapaxes_(0, 0),
    "an attribute is set": lambda t: setattr(t, "note", 1),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_buffer_changed_in_place_is_put_back(name: str) -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        need(self.table.sum().item() == 4 and self.table.dim() == 1 and not hasattr(self.table, "note"))
        CHANGES[name](self.table)
        split(x)
        need(x.shape[-1] > 5)

    module = Of(forward)
    module.register_buffer("table", torch.ones(4))
    sound(module, X)


WRITES: dict[str, Callable[[torch.Tensor, torch.Tensor], Any]] = {
    "copy_": lambda t, one: t.copy_(one),
    "add_": lambda t, one: t.add_(one),
    "a slice is set": lambda t, one: t.__setitem__(slice(None), one),
    "an item is set": lambda t, one: t.__setitem__(0, one),
    "a slice is copied to": lambda t, one: t[0:1].copy_(one),
    "a view is copied to": lambda t, one: t.view(1, 1).copy_(one),
    "data is copied to": lambda t, one: t.data.copy_(one),
    "a detached view is copied to": lambda t, one: t.detach().copy_(one),
    "addcmul_": lambda t, one: t.addcmul_(one, one),
    "lerp_": lambda t, one: t.lerp_(one, 0.5),
    "index_copy_": lambda t, one: t.index_copy_(0, torch.tensor([0]), one.view(1)),
    "index_add_": lambda t, one: t.index_add_(0, torch.tensor([0]), one.view(1)),
    "scatter_": lambda t, one: t.scatter_(0, torch.tensor([0]), one.view(1)),
    "masked_scatter_": lambda t, one: t.masked_scatter_(torch.tensor([True]), one.view(1)),
    "index_put_": lambda t, one: t.index_put_((torch.tensor([0]),), one.view(1)),
    "masked_fill_": lambda t, one: t.masked_fill_(torch.tensor([True]), one),
    "fill_": lambda t, one: t.fill_(one),
    "out is an item": lambda t, one: torch.add(one, 0, out=t[0]),
    "out": lambda t, one: torch.mul(one, 1, out=t),
    "foreach": lambda t, one: torch._foreach_add_([t], [one.view(1)]),
    "put_": lambda t, one: t.put_(torch.tensor([0]), one.view(1)),
    "an unsqueezed view is added to": lambda t, one: t.unsqueeze(0).add_(one),
    "a piece is added to": lambda t, one: next(iter(t.split(1))).add_(one),
    "cat": lambda t, one: torch.cat([one.view(1)], out=t),
    "set_": lambda t, one: t.set_(one.view(1).clone()),
    "data is assigned": lambda t, one: setattr(t, "data", one.view(1)),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_plain_tensor_written_with_what_depends_on_the_length_is_not_taken_for_its_old_values(name: str) -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        plain = torch.zeros(1)
        WRITES[name](plain, torch.ones(x.shape[-1]).mean())
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


# no state, though it looks so ---------------------------------------------------------------------------------------


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


class Registry(dict[str, int]):
    """Keeps values under the names of their keys' classes, as registries of models do."""

    def __setitem__(self, key: Any, value: int) -> None:
        super().__setitem__(type(key).__name__, value)


REGISTRY = Registry()
REGISTRY[1.0] = 7


def test_a_registry_with_an_own_way_to_set_items_is_left_alone() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        split(x)
        need(REGISTRY["float"] == 7)
        REGISTRY[x.shape] = 3

    agrees(Of(forward), X, fresh=lambda: REGISTRY.pop("Size", None))
    assert dict(REGISTRY) == {"float": 7}


COLLECTED: ContextVar[list[torch.Tensor] | None] = ContextVar("COLLECTED", default=None)


def test_hooks_that_collect_into_a_context_variable() -> None:
    def collect(_module: nn.Module, _args: Any, output: torch.Tensor) -> None:
        collected = COLLECTED.get()
        if collected is not None:
            collected.append(output)

    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        found: list[torch.Tensor] = []
        token = COLLECTED.set(found)
        self.conv(self.conv(x))
        COLLECTED.reset(token)
        split(x)
        need(len(found) == 2)
        return found[0] + F.pad(found[1], (1, 1)) if x.shape[-1] % 2 else found[1]

    conv = nn.Conv1d(4, 4, 3)
    conv.register_forward_hook(collect)
    agrees(Of(forward, conv=conv), X)
