"""Code that swallows every exception does not swallow a doubt: what eager does not raise, nobody sees raised."""

from __future__ import annotations

import random
import weakref
from typing import Any

import pytest
import torch
from torch import nn

from tests.adversarial.against import Of, X, agrees, compare, need


def swallow(kind: str, action: Any) -> Any:
    if kind == "bare except":
        try:
            return action()
        except:  # noqa: E722
            return None
    if kind == "BaseException":
        try:
            return action()
        except BaseException:  # noqa: BLE001
            return None
    if kind == "finally":
        try:
            result = action()
        finally:
            return None  # noqa: B012
    if kind == "exit":

        class Swallow:
            def __enter__(self) -> None:
                pass

            def __exit__(self, *error: object) -> bool:
                return True

        with Swallow():
            result = action()
        return None
    raise AssertionError(kind)


SWALLOWED: dict[str, Any] = {
    "a value that is not known": lambda x: x.sum().item(),
    "a draw": lambda x: random.random(),
    "a truth that is not known": lambda x: bool(x.sum() > 0),
    "numpy": lambda x: x.numpy(),
    "a number past 64 bits": lambda x: x.shape[-1] ** 8 * x.shape[-1] ** 8,
    "a storage": lambda x: x.untyped_storage().nbytes(),
    "a bypass": lambda x: torch.ops.aten.add(x, 1),
    "a size that torch cannot read": lambda x: torch.broadcast_shapes(x.shape, (1, 1, 1)),
    "a data-dependent shape": lambda x: x[x > 0],
    "a float without an integer": lambda x: int(x.shape[-1] * 1e300),
    "a property": lambda x: x.nbytes,
    "a submodule in doubt": lambda x: Of(lambda self, x: x.sum().item())(x),
    "a submodule that bypasses": lambda x: Of(lambda self, x: torch.ops.aten.add(x, 1))(x),
}


@pytest.mark.parametrize("kind", ["bare except", "BaseException", "finally", "exit"])
@pytest.mark.parametrize("what", SWALLOWED)
def test_code_that_swallows_every_exception_does_not_swallow_a_doubt(what: str, kind: str) -> None:
    """What eager does not raise, the module must not see as raised."""

    def forward(self: Any, x: torch.Tensor) -> None:
        reached: list[bool] = []

        def action() -> None:
            SWALLOWED[what](x)
            reached.append(True)

        swallow(kind, action)
        need(reached)

    report = compare(Of(forward), X, lengths=(1, 8))
    assert not report.wrong, str(report)


@pytest.mark.parametrize("kind", ["bare except", "BaseException", "finally", "exit"])
def test_code_that_swallows_every_exception_swallows_those_of_pytorch(kind: str) -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        reached: list[bool] = []

        def action() -> None:
            self.conv(x)
            reached.append(True)

        swallow(kind, action)
        need(reached or x.shape[-1] == 2)
        return x

    agrees(Of(forward, conv=nn.Conv1d(4, 4, 5)), X)


def test_cleaning_up_while_lengths_leave() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.conv(x)
        finally:
            x + 1
            self.done = True

    agrees(Of(forward, conv=nn.Conv1d(4, 4, 5), done=False), X)


def test_a_destructor_that_runs_torch_functions() -> None:
    class Loud:
        def __init__(self, x: torch.Tensor) -> None:
            self.x = x

        def __del__(self) -> None:
            self.x + 1

    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        Loud(x)
        return self.conv(x[..., 1:] if x.shape[-1] % 2 else x)

    agrees(Of(forward, conv=nn.Conv1d(4, 4, 5)), X)


def test_a_weak_reference() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        y = x + 1
        reference = weakref.ref(y)
        need(reference() is y)
        del y
        return x.view(1, 4, 3, -1)

    agrees(Of(forward), X)
