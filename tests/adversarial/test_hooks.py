"""Hooks, parametrizations and replaced forwards run as in eager."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

from tests.adversarial.against import Of, X, agrees, let, need, sound

PRE, POST = "register_forward_pre_hook", "register_forward_hook"


def hooked(module: nn.Module, register: str, hook: Callable[..., Any], **options: Any) -> nn.Module:
    getattr(module, register)(hook, **options)
    return module


def pad(module: nn.Module, args: Any) -> Any:
    return (F.pad(args[0], (0, 2)),)


def cut(module: nn.Module, args: Any, output: Any) -> Any:
    return output[..., 2:]


def long_enough(module: nn.Module, args: Any) -> None:
    need(args[0].shape[-1] > 8)


class WeightNorm:
    """A hook of the user's own, named like torch's."""

    def __call__(self, module: nn.Module, args: Any) -> Any:
        return pad(module, args)


HOOKS: dict[str, Callable[[], nn.Module]] = {
    "a pre-hook that pads": lambda: hooked(nn.Conv1d(4, 4, 5), PRE, pad),
    "a pre-hook that raises": lambda: hooked(nn.Conv1d(4, 4, 5), PRE, long_enough),
    "a hook that cuts": lambda: hooked(nn.Conv1d(4, 4, 5), POST, cut),
    "a hook that raises": lambda: hooked(nn.Conv1d(4, 4, 5), POST, lambda m, a, o: need(o.shape[-1] > 3)),
    "a pre-hook with keywords": lambda: hooked(
        nn.Conv1d(4, 4, 5), PRE, lambda m, a, k: ((F.pad(a[0], (0, 2)),), k), with_kwargs=True
    ),
    "a hook with keywords": lambda: hooked(nn.Conv1d(4, 4, 5), POST, lambda m, a, k, o: o[..., 2:], with_kwargs=True),
    "a hook that is always called": lambda: hooked(
        nn.Conv1d(4, 4, 5), POST, lambda m, a, o: need(a[0].shape[-1] > 8), always_call=True
    ),
    "a pre-hook of the root that branches": lambda: hooked(
        Of(lambda self, x: F.conv1d(x, torch.ones(1, 4, 5))),
        "register_forward_pre_hook",
        lambda m, a: (a[0] if a[0].shape[-1] % 2 else a[0][..., 1:],),
    ),
    "a pre-hook on an LSTM": lambda: hooked(nn.LSTM(1, 4), PRE, lambda m, a: need(a[0].shape[-1] == 1)),
    "a backward hook": lambda: hooked(nn.Conv1d(4, 4, 5), "register_full_backward_hook", lambda m, gi, go: None),
    "a backward pre-hook": lambda: hooked(nn.Conv1d(4, 4, 5), "register_full_backward_pre_hook", lambda m, go: None),
    "weight norm, old": lambda: nn.utils.weight_norm(nn.Conv1d(4, 4, 5)),
    "weight norm, new": lambda: parametrizations.weight_norm(nn.Conv1d(4, 4, 5)),
    "spectral norm, old": lambda: nn.utils.spectral_norm(nn.Conv1d(4, 4, 5)),
    "spectral norm, new": lambda: parametrizations.spectral_norm(nn.Conv1d(4, 4, 5)),
    "spectral norm, in evaluation": lambda: nn.utils.spectral_norm(nn.Conv1d(4, 4, 5)).eval(),
    "orthogonal": lambda: parametrizations.orthogonal(nn.Linear(4, 4)),
    "weight norm of a transposed conv": lambda: nn.utils.weight_norm(nn.ConvTranspose1d(4, 4, 5, padding=3)),
    "weight norm of a linear layer": lambda: nn.Sequential(nn.Flatten(), nn.utils.weight_norm(nn.Linear(28, 4))),
    "pruning": lambda: let(nn.Conv1d(4, 4, 5), lambda conv: (prune.random_unstructured(conv, "weight", 0.5), conv)[1]),
    "a hook named like weight norm": lambda: hooked(nn.Conv1d(4, 4, 5), PRE, WeightNorm()),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", HOOKS)
def test_hook(name: str) -> None:
    spec = "f32[T, 1, 1]" if "LSTM" in name else "f32[1, T, 4]" if name == "orthogonal" else X
    with torch.no_grad():  # else the old weight_norm leaves a weight that cannot be copied
        module = nn.Sequential(HOOKS[name]())
    # some backends of a transposed convolution give an empty result, and some refuse
    check = sound if name == "weight norm of a transposed conv" else agrees
    check(module, spec)


def test_a_parametrization_that_changes_the_shape() -> None:
    class Wider(nn.Module):
        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            return torch.cat([weight, weight], dim=-1)

    conv = nn.Conv1d(4, 4, 3)
    parametrize.register_parametrization(conv, "weight", Wider(), unsafe=True)
    agrees(conv, X)


def test_a_pre_hook_on_an_lstm() -> None:
    lstm = hooked(nn.LSTM(4, 3), "register_forward_pre_hook", lambda m, a: need(a[0].shape[0] > 5))
    agrees(nn.Sequential(lstm), "f32[T, 1, 4]")


def test_a_hook_on_an_lstm() -> None:
    lstm = hooked(nn.LSTM(4, 3), "register_forward_hook", lambda m, a, o: o[0][2:])
    agrees(nn.Sequential(lstm, nn.Flatten(0), nn.Unflatten(0, (3, -1))), "f32[T, 1, 4]")


def test_an_lstm_whose_forward_is_replaced() -> None:
    lstm = nn.LSTM(4, 3)
    lstm.forward = lambda x: x.view(3, -1)
    agrees(nn.Sequential(lstm), "f32[T, 1, 4]")


def test_a_subclass_of_an_lstm() -> None:
    class Longer(nn.LSTM):
        def forward(self, x: torch.Tensor) -> Any:
            return super().forward(x[2:])

    agrees(nn.Sequential(Longer(4, 3)), "f32[T, 1, 4]", lengths=(1, 8))  # PyTorch executes each: 0.1 s


def test_an_lstm_in_double() -> None:
    agrees(nn.LSTM(4, 3).double(), "f32[T, 1, 4]")


def test_an_lstm_with_weight_norm() -> None:
    sound(nn.Sequential(parametrizations.weight_norm(nn.LSTM(4, 3), "weight_hh_l0")), "f32[T, 1, 4]")


def test_lstm_cell_over_time() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        state = None
        for step in x:
            state = self.cell(step, state)
        return state[0].view(3)

    agrees(Of(forward, cell=nn.LSTMCell(4, 3)), "f32[T - 1, 1, 4]", lengths=(1, 12))


def test_a_hook_on_a_container() -> None:
    module = hooked(nn.Sequential(nn.Conv1d(4, 4, 5)), "register_forward_pre_hook", pad)
    agrees(nn.Sequential(module), X)


def test_a_hook_that_is_removed_in_forward() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        handle = self.conv.register_forward_pre_hook(pad)
        try:
            return self.conv(x)
        finally:
            handle.remove()

    agrees(Of(forward, conv=nn.Conv1d(4, 4, 5)), X)


def test_a_hook_that_is_added_in_forward() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        need(len(self.conv._forward_pre_hooks) == 0)
        self.conv.register_forward_pre_hook(pad)
        if x.shape[-1] % 2:
            x = x[..., 1:]
        return self.conv(x)

    sound(Of(forward, conv=nn.Conv1d(4, 4, 5)), X)


def test_a_hook_that_keeps_outputs() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        self.conv(x[..., x.shape[-1] % 2 :])
        need(len(kept) == 1 and kept.pop().shape[-1] > 2)

    kept: list[Any] = []
    conv = hooked(nn.Sequential(nn.Conv1d(4, 4, 2)), "register_forward_hook", lambda m, a, o: kept.append(o))
    sound(Of(forward, conv=conv), X, fresh=kept.clear)


def test_a_global_hook() -> None:
    handle = nn.modules.module.register_module_forward_pre_hook(
        lambda m, a: pad(m, a) if isinstance(m, nn.Conv1d) else None
    )
    try:
        agrees(nn.Sequential(nn.Conv1d(4, 4, 5)), X)
    finally:
        handle.remove()


def test_a_global_hook_on_outputs() -> None:
    handle = nn.modules.module.register_module_forward_hook(
        lambda m, a, o: cut(m, a, o) if isinstance(m, nn.Conv1d) else None
    )
    try:
        agrees(nn.Sequential(nn.Conv1d(4, 4, 5), nn.MaxPool1d(2)), X)
    finally:
        handle.remove()


def test_a_leaf_whose_forward_is_replaced_on_the_instance() -> None:
    conv = nn.Conv1d(4, 4, 5)
    conv.forward = types.MethodType(lambda self, x: F.conv1d(F.pad(x, (1, 1)), self.weight), conv)
    agrees(nn.Sequential(conv), X)
