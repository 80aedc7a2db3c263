"""Branches, loops, exceptions and generators that follow sizes: every path is taken where eager takes it."""

from __future__ import annotations

import builtins
import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.adversarial.against import Of, X, agrees, need

# loops --------------------------------------------------------------------------------------------------------------


def test_a_while_loop_that_halves() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        while x.shape[-1] > 4:
            x = x[..., ::2]
        return self.conv(x)

    agrees(Of(forward, conv=nn.Conv1d(4, 4, 4)), X)


def test_a_while_loop_with_break_and_else() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        n = x.shape[-1]
        while n > 1:
            if n % 3 == 0:
                break
            n -= 2
        else:
            raise ValueError("no multiple of three")
        return x

    agrees(Of(forward), X)


def test_a_for_loop_over_a_size() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        y = x[..., :1]
        for i in range(x.shape[-1]):
            y = torch.cat([y, x[..., i : i + 1]], dim=-1)
        return F.conv1d(y, torch.ones(1, 4, 9))

    agrees(Of(forward), X, lengths=(1, 20))


def test_a_for_loop_over_windows() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.conv(x[..., i : i + 8]) for i in range(0, x.shape[-1], 8)], dim=-1)

    agrees(Of(forward, conv=nn.Conv1d(4, 4, 3)), X)


def test_a_loop_that_continues_and_breaks() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        found = 0
        for k in (2, 3, 5, 7):
            if x.shape[-1] % k:
                continue
            found += 1
            if found == 2:
                break
        else:
            raise RuntimeError("too few divisors")
        return x

    agrees(Of(forward), X)


def test_recursion_on_a_size() -> None:
    def down(x: torch.Tensor) -> torch.Tensor:
        return x if x.shape[-1] <= 3 else down(x[..., : x.shape[-1] // 2])

    agrees(Of(lambda self, x: need(down(x).shape[-1] == 3)), X)


def test_mutual_recursion_of_modules() -> None:
    def even(self: Any, x: torch.Tensor) -> torch.Tensor:
        return x if x.shape[-1] == 0 else self.other[0](x[..., 1:])

    def odd(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] == 0:
            raise ValueError("odd")
        return self.other[0](x[..., 1:])

    first, second = Of(even), Of(odd)
    first.other, second.other = [second], [first]  # lists: not submodules of each other
    agrees(first, X, lengths=(1, 12))


def test_early_return() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] < 4:
            return x
        if x.shape[-1] == 9:
            return self.wrong(x)
        return self.conv(x)

    agrees(Of(forward, conv=nn.Conv1d(4, 4, 7), wrong=nn.Conv1d(3, 4, 1)), X)


def test_a_branch_on_a_branch() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] % 2:
            x = F.pad(x, (0, 1)) if x.shape[-1] % 3 else x[..., 1:]
        if x.shape[-1] % 4:
            x = x[..., 2:]
        return x.view(1, 4, 4, -1)

    agrees(Of(forward), X)


def test_nested_modules_that_all_branch() -> None:
    def layer(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] % 2:
            x = x[..., :-1]
        return self.inner(x) if self.inner is not None else F.avg_pool1d(x, 2)

    module: Any = None
    for _ in range(5):
        inner = module
        module = Of(lambda self, x: layer(self, F.avg_pool1d(x, 2)) if x.shape[-1] > 3 else layer(self, x), inner=inner)
    agrees(module, X)


def test_a_module_called_twice_branches_twice() -> None:
    inner = Of(lambda self, x: x[..., 1:] if x.shape[-1] % 2 else x[..., : x.shape[-1] // 2])
    agrees(Of(lambda self, x: self.conv(self.inner(self.inner(x))), inner=inner, conv=nn.Conv1d(4, 4, 3)), X)


def test_a_shared_submodule() -> None:
    conv = nn.Conv1d(4, 4, 3)
    agrees(nn.Sequential(conv, nn.ReLU(), conv, conv), X)


# exceptions ---------------------------------------------------------------------------------------------------------


CONV = nn.Conv1d(4, 4, 5)


def test_an_operation_that_fails_in_try() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.conv(x)
        except RuntimeError:
            return x

    agrees(Of(forward, conv=CONV), X)


def test_bare_except() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            x = self.conv(x)
        except:  # noqa: E722
            x = F.pad(x, (0, 3))
        return self.conv(x)

    agrees(Of(forward, conv=CONV), X)


def test_except_of_another_class() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.conv(x)
        except (ValueError, IndexError):
            return x

    agrees(Of(forward, conv=CONV), X)


def test_try_with_else_and_finally() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        n = 0
        try:
            x = self.conv(x)
        except RuntimeError:
            n += 1
        else:
            n += 2
        finally:
            n += 4
        need(n == 6 or x.shape[-1] == 2)
        return x

    agrees(Of(forward, conv=CONV), X)


def test_finally_that_returns() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            y = self.conv(x)
        finally:
            return x  # noqa: B012

    agrees(Of(forward, conv=CONV), X)


def test_finally_that_raises() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.conv(x)
        finally:
            need(x.shape[-1] % 7)

    agrees(Of(forward, conv=CONV), X)


def test_an_exception_that_is_raised_again() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.conv(x)
        except RuntimeError as error:
            if x.shape[-1] == 3:
                return x
            raise ValueError("too short") from error

    agrees(Of(forward, conv=CONV), X)


def test_contextlib_suppress() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        with contextlib.suppress(RuntimeError):
            x = self.conv(x)
        return self.conv(x)

    agrees(Of(forward, conv=CONV), X)


def test_a_context_manager_that_lets_exceptions_pass() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        with contextlib.nullcontext():
            return self.conv(x)

    agrees(Of(forward, conv=CONV), X)


def test_a_context_manager_made_of_a_generator() -> None:
    @contextlib.contextmanager
    def forgiving() -> Iterator[None]:
        try:
            yield
        except RuntimeError:
            pass

    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        with forgiving():
            return self.conv(x)
        raise ValueError("failed before")

    agrees(Of(forward, conv=CONV), X)


def test_a_decorator_that_catches() -> None:
    def forgiving(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            try:
                return function(*args)
            except RuntimeError:
                return args[1]

        return call

    agrees(Of(forgiving(lambda self, x: self.conv(x)), conv=CONV), X)


def test_the_caller_of_a_module_catches() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.inner(x)
        except RuntimeError:
            return x[..., :1]

    agrees(Of(forward, inner=nn.Sequential(CONV, nn.Conv1d(4, 4, 3))), X)


def test_the_text_of_an_exception_names_the_length() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.conv(x)
        except RuntimeError as error:
            if "(3)" in str(error):
                return x
            raise

    agrees(Of(forward, conv=CONV), X)


def test_the_text_of_an_exception_is_read_as_a_number() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.conv(x)
        except RuntimeError as error:
            found = re.search(r"\((\d+)\)", str(error))
            assert found is not None
            return self.conv(F.pad(x, (0, 5 - int(found.group(1)))))

    agrees(Of(forward, conv=CONV), X)


def test_the_text_of_an_exception_of_the_users_own() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            raise ValueError(f"{x.shape[-1]}")
        except ValueError as error:
            need(str(error) == "5")
        return x

    agrees(Of(forward), X)


def test_an_exception_that_carries_a_size() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            raise ValueError("size", x.shape[-1])
        except ValueError as error:
            need(error.args[1] > 5)
        return x

    agrees(Of(forward), X)


def test_an_exception_class_that_depends_on_the_size() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            raise (ValueError if x.shape[-1] % 2 else KeyError)("size")
        except ValueError:
            return x

    agrees(Of(forward), X)


def test_an_exception_class_of_the_users_own() -> None:
    class TooShortError(Exception):
        def __init__(self, have: Any, want: int) -> None:
            super().__init__(f"{have} of {want}")
            self.have = have

    def inner(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] < 9:
            raise TooShortError(x.shape[-1], 9)
        return x

    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.inner(x)
        except TooShortError as error:
            return F.conv1d(x, torch.ones(1, 4, error.have - 1))

    agrees(Of(forward, inner=Of(inner)), X)


def test_an_exception_group() -> None:
    group: Any = getattr(builtins, "ExceptionGroup", None)
    if group is None:
        pytest.skip("Python 3.11 has them")

    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] < 4:
            raise group("both", [ValueError("a"), KeyError("b")])
        return x

    agrees(Of(forward), X)


def test_nested_try() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            try:
                return self.conv(x)
            except RuntimeError:
                return self.three(x)
        except RuntimeError:
            need(x.shape[-1] == 2)
            return x

    agrees(Of(forward, conv=CONV, three=nn.Conv1d(4, 4, 3)), X)


def test_retrying_in_a_loop() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        for _ in range(3):
            try:
                return self.conv(x)
            except RuntimeError:
                x = F.pad(x, (0, 1))
        raise ValueError("still too short")

    agrees(Of(forward, conv=CONV), X)


def test_assert() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[-1] % 3 == 0, f"{x.shape[-1]} is no multiple of 3: {x.shape}"
        return x

    agrees(Of(forward), X)


def test_torch_assert() -> None:
    agrees(Of(lambda self, x: torch._assert(x.shape[-1] % 3 == 0, f"{x.shape}")), X)


def test_torch_check() -> None:
    agrees(Of(lambda self, x: torch._check(x.shape[-1] % 3 == 0, lambda: f"{x.shape}")), X)


def test_an_attribute_that_is_not_there() -> None:
    agrees(Of(lambda self, x: self.nothing if x.shape[-1] % 2 else x), X)


def test_hasattr_and_getattr() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return getattr(self, "conv" if x.shape[-1] > 8 else "nothing")(x)

    agrees(Of(forward, conv=CONV), X)


def test_a_layer_chosen_by_a_formatted_name() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return getattr(self, f"layer_{x.shape[-1] % 2}")(x)

    agrees(Of(forward, layer_0=nn.Conv1d(4, 4, 7), layer_1=nn.Conv1d(4, 4, 2)), X)


def test_a_layer_of_a_module_dict() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return self.layers[str(x.shape[-1] % 2)](x)

    agrees(Of(forward, layers=nn.ModuleDict({"0": nn.Conv1d(4, 4, 7), "1": nn.Conv1d(4, 4, 2)})), X)


def test_a_layer_of_a_module_list() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return self.layers[x.shape[-1] % 3](x)

    agrees(Of(forward, layers=nn.ModuleList([nn.Conv1d(4, 4, k) for k in (2, 6, 9)])), X)


def test_as_many_layers_as_a_size_says() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers[: x.shape[-1] // 4]:
            x = layer(x)
        return x

    agrees(Of(forward, layers=nn.ModuleList([nn.Conv1d(4, 4, k) for k in (2, 6, 9)])), X)


def test_a_generator_over_tensors() -> None:
    def halves(x: torch.Tensor) -> Iterator[torch.Tensor]:
        while x.shape[-1] > 1:
            yield x
            x = x[..., ::2]

    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        parts = list(halves(x))
        return F.conv1d(parts[-1], torch.ones(1, 4, len(parts)))

    agrees(Of(forward), X)


def test_an_exception_in_a_generator() -> None:
    def parts(self: Any, x: torch.Tensor) -> Iterator[torch.Tensor]:
        try:
            yield self.conv(x)
        except RuntimeError:
            yield x

    agrees(Of(lambda self, x: need(next(parts(self, x)).shape[-1] > 3), conv=CONV), X)


def test_next_of_an_empty_iterator() -> None:
    agrees(Of(lambda self, x: next(iter(range(x.shape[-1] - 5)))), X)


def test_unpacking_chunks() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        first, second, third = x.chunk(3, dim=-1)
        return first + second + third

    agrees(Of(forward), X)


def test_zip_over_chunks() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return sum(a * b for a, b in zip(x.chunk(4, -1), x.split(4, -1), strict=True))

    agrees(Of(forward), X)


def test_iterating_a_tensor() -> None:
    agrees(Of(lambda self, x: need(len([row for row in x]) == 5)), "f32[T, 2]")


def test_iterating_a_scalar() -> None:
    agrees(Of(lambda self, x: list(x.sum())), X)


def test_iterating_a_scalar_is_a_type_error() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            list(x.sum())
        except TypeError:
            return x
        raise ValueError("no error")

    agrees(Of(forward), X)


def test_len_and_list_of_a_tensor() -> None:
    agrees(Of(lambda self, x: need(len(x) == len(list(x)) and len(x) > 4)), "f32[T, 2]")


def test_unpacking_a_tensor() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        first, second, third = x
        need(first.shape == second.shape == third.shape)

    agrees(Of(forward), "f32[T, 2]")


def test_enumerate_and_reversed() -> None:
    agrees(Of(lambda self, x: [row[i] for i, row in enumerate(reversed(list(x)))]), "f32[T, 5]")
