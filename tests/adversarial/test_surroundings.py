"""Containers, arguments, globals and caches: each path sees what eager would, and nothing is left behind."""

from __future__ import annotations

import collections
import functools
import itertools
import types
from collections import OrderedDict, defaultdict, deque
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import shapecheck
from tests.adversarial.against import Of, X, agrees, need, sound


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


# containers ---------------------------------------------------------------------------------------------------------


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
            value = next(
                iter(
                    value.values()
                    if isinstance(value, dict)
                    else vars(value).values()
                    if hasattr(value, "a")
                    else value
                )
            )
        return value

    def forward(self: Any, x: torch.Tensor) -> None:
        inside(self.box).append(x)
        split(x)
        need(len(inside(self.box)) == 1)

    sound(Of(forward, box=container), X)


@pytest.mark.parametrize(
    "container",
    [deque([1]), {1}, OrderedDict(a=1), defaultdict(int, a=1), collections.Counter("a")],
    ids=lambda c: type(c).__name__,
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


# the caller's things ------------------------------------------------------------------------------------------------


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


# beyond the module --------------------------------------------------------------------------------------------------


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
