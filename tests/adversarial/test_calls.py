"""The ways in which modules are made, held and called."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import einops
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.adversarial.against import Of, X, agrees, compare, need, sound

# ways to be called --------------------------------------------------------------------------------------------------


def test_keyword_specs() -> None:
    agrees(Of(lambda self, x, *, y: x + y), X, y="f32[1, 4, min(T, 9)]")


def test_args_and_kwargs() -> None:
    agrees(Of(lambda self, *args, **kwargs: args[0] + kwargs["y"]), X, y="f32[7]")


def test_another_method() -> None:
    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(4, 4, 5)

        def encode(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(x) if x.shape[-1] % 2 else x

    agrees(Encoder(), X, method="encode")


def test_plain_tensors_as_inputs() -> None:
    agrees(Of(lambda self, x, y: x + y), X, torch.ones(7))


def test_values_of_a_plain_tensor_are_known() -> None:
    agrees(Of(lambda self, x, n: need(x.shape[-1] == n.item())), X, torch.tensor(7))


def test_other_arguments_pass_through() -> None:
    agrees(Of(lambda self, x, a, b, c: need(a == 1 and b == "x" and c is None)), X, 1, "x", None)


def test_a_text_that_looks_like_no_spec() -> None:
    agrees(Of(lambda self, x, mode: F.interpolate(x, size=8, mode=mode)), X, "linear")


def test_containers_as_inputs() -> None:
    agrees(Of(lambda self, x, options: need(x.shape[-1] > options["min"][0])), X, {"min": [5]})


def test_a_default_dict_as_an_input() -> None:
    agrees(Of(lambda self, x, options: need(options["new"] == 0)), X, defaultdict(int, old=1))


def test_no_inputs() -> None:
    agrees(Of(lambda self: torch.ones(3)))


def test_no_swept_input_that_fails() -> None:
    agrees(Of(lambda self: torch.ones(3).view(2)))


def test_a_module_with_getattr() -> None:
    class Proxy(nn.Module):
        def __init__(self, module: nn.Module) -> None:
            super().__init__()
            self.module = module

        def __getattr__(self, name: str) -> Any:
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(super().__getattr__("module"), name)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.module(x)[..., : self.kernel_size[0]] if x.shape[-1] % 2 else self.module(x)

    agrees(Proxy(nn.Conv1d(4, 4, 5)), X)


def test_forward_as_a_property() -> None:
    class Chosen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(4, 4, 5)

        @property
        def forward(self) -> Any:
            return lambda x: self.conv(x)

    agrees(Chosen(), X)


def test_forward_as_a_partial() -> None:
    class Chosen(nn.Module):
        forward = functools.partialmethod(lambda self, k, x: x.view(1, k, -1), 3)

    agrees(Chosen(), X)


def test_forward_as_an_attribute() -> None:
    module = nn.Conv1d(4, 4, 5)
    module.forward = lambda x: F.pad(x, (1, 0)).view(1, 4, 2, -1)
    agrees(nn.Sequential(module), X)


def test_a_module_that_overrides_call() -> None:
    class Padding(nn.Conv1d):
        def __call__(self, x: torch.Tensor) -> torch.Tensor:
            return super().__call__(F.pad(x, (0, 2)))

    agrees(nn.Sequential(Padding(4, 4, 5)), X)


def test_a_subclass_of_sequential() -> None:
    class Residual(nn.Sequential):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + super().forward(x)

    agrees(Residual(nn.Conv1d(4, 4, 4, padding=2), nn.AvgPool1d(2, ceil_mode=True), nn.Upsample(scale_factor=2)), X)


def test_a_module_without_forward() -> None:
    agrees(nn.ModuleList([nn.ReLU()]), X)


def test_a_lambda_module() -> None:
    class Lambda(nn.Module):
        def __init__(self, function: Any) -> None:
            super().__init__()
            self.forward = function

    agrees(nn.Sequential(Lambda(lambda x: x[..., 3:]), nn.Conv1d(4, 4, 2)), X)


def test_a_module_made_in_forward() -> None:
    agrees(Of(lambda self, x: nn.MaxPool1d(x.shape[-1] % 4 + 1)(x)), X)


def test_a_layer_made_for_the_size() -> None:
    agrees(Of(lambda self, x: nn.Linear(x.shape[-1] // 2 * 2, 3)(x)), X, lengths=(1, 20))


def test_forward_called_directly() -> None:
    agrees(Of(lambda self, x: self.conv.forward(x), conv=nn.Conv1d(4, 4, 5)), X)


def test_deep_nesting() -> None:
    module: nn.Module = nn.Conv1d(4, 4, 5)
    for _ in range(60):
        module = nn.Sequential(module)
    agrees(module, X)


def test_endless_recursion_is_left_open_or_invalid() -> None:
    class Endless(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self(x) if x.shape[-1] % 2 else x

    sound(Endless(), X, lengths=(1, 4))


def test_the_lengths_of_a_part_of_the_sweep() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x) if x.shape[-1] % 3 else self.conv(x[..., 2:])

    agrees(Of(forward, conv=nn.Conv1d(4, 4, 5)), X, lengths=(5, 9))


def test_one_length_only() -> None:
    agrees(nn.Conv1d(4, 4, 5), X, lengths=(4, 4))


def test_sizes_of_zero() -> None:
    agrees(nn.Sequential(nn.Conv1d(4, 4, 3), nn.ReLU()), "f32[1, 4, T - 1]")


def test_sizes_of_zero_in_a_branch() -> None:
    agrees(Of(lambda self, x: x.mean() if x.numel() else x.view(-1, 0)), "f32[T - 1, 4]")


def test_squares() -> None:
    agrees(Of(lambda self, x: x.view(x.shape[-1] // 4, -1, 4)), "f32[T * T]")


def test_a_product_of_sizes_past_64_bits_is_open() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        n = x.shape[-1] ** 8
        need(n * n * n % 2)

    sound(Of(forward), X)


def test_huge_sizes() -> None:
    agrees(Of(lambda self, x: x.view(-1, 7)), "f32[1000 * T]")


def test_lists_are_local_to_each_path() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        parts = []
        for k in (2, 3, 5):
            if x.shape[-1] % k == 0:
                parts.append(x)
        need(len(parts) != 2)

    agrees(Of(forward), X)


def test_a_closure_counts_within_one_run() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        count = 0

        def tick() -> None:
            nonlocal count
            count += 1

        for k in (2, 3, 5):
            if x.shape[-1] % k == 0:
                tick()
        need(count != 2)

    agrees(Of(forward), X)


def test_many_paths() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        n = x.shape[-1]
        while n != 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            if n > 200:
                raise ValueError("Collatz climbs too high")
        return x

    agrees(Of(forward), X)


def test_more_paths_than_the_budget_are_open() -> None:
    found = compare(Of(lambda self, x: need({n: n % 2 for n in range(3000)}[x.shape[-1]])), X, lengths=(1, 2100))
    assert not found.wrong
    assert found.unknown


# einops -------------------------------------------------------------------------------------------------------------


EINOPS: dict[str, Callable[[torch.Tensor], Any]] = {
    "rearrange": lambda x: einops.rearrange(x, "b c (t k) -> b (c k) t", k=3),
    "rearrange back": lambda x: einops.rearrange(x, "b c (k t) -> b (c k) t", t=3),
    "flatten": lambda x: einops.rearrange(x, "b c t -> b (c t)").view(1, 8, -1),
    "repeat": lambda x: einops.repeat(x, "b c t -> b c (t k)", k=2).view(1, 8, -1),
    "repeat by a size": lambda x: einops.repeat(x[..., :1], "b c 1 -> b c t", t=x.shape[-1]) + x,
    "reduce": lambda x: einops.reduce(x, "b c (t k) -> b c t", "mean", k=4),
    "reduce to one": lambda x: einops.reduce(x, "b c t -> b 1 t", "max"),
    "einsum": lambda x: einops.einsum(x, x, "b c t, b d t -> b c d"),
    "pack": lambda x: einops.pack([x, x[..., 1:]], "b c *")[0].view(1, 4, -1),
    "unpack": lambda x: einops.unpack(x, [[3], [-1]], "b c *")[1],
    "asnumpy": lambda x: einops.rearrange([x, x], "n b c t -> n b c t"),
    "wrong rank": lambda x: einops.rearrange(x, "b c -> c b"),
}


@pytest.mark.parametrize("name", EINOPS)
def test_einops(name: str) -> None:
    agrees(Of(lambda self, x: EINOPS[name](x)), X)


def test_an_einops_error_is_caught() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return einops.rearrange(x, "b c (t k) -> b (c k) t", k=3)
        except einops.EinopsError:
            return einops.rearrange(x, "b c (t k) -> b (c k) t", k=2)

    agrees(Of(forward), X)
