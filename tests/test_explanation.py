"""Explanations of small modules: each statement beside eager PyTorch, also with layers that accept everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from shapecheck import UsageError
from shapecheck.explanation import Explanation, Outcome, explain
from tests.accepting import error_accepting

X = "f32[1, 2, T]"


class Of(nn.Module):
    """A function of a tensor as a module, with a convolution that it may use."""

    def __init__(self, function: Callable[[Any, torch.Tensor], Any]) -> None:
        super().__init__()
        self.function = function
        self.conv = nn.Conv1d(2, 2, 3)

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(self, x)


def unet(self: Of, x: torch.Tensor) -> torch.Tensor:
    """Skip connections over three halvings: only multiples of 8 meet."""
    levels = [x]
    for _ in range(3):
        levels.append(F.avg_pool1d(levels[-1], 2))
    up = levels.pop()
    while levels:
        up = torch.cat([F.interpolate(up, scale_factor=2.0), levels.pop()], dim=1)
    return up


def with_a_hole(self: Of, x: torch.Tensor) -> torch.Tensor:
    return self.conv(x[..., :2] if 7 <= x.shape[-1] <= 9 else x)


def checks_itself(self: Of, x: torch.Tensor) -> torch.Tensor:
    x = F.avg_pool1d(x, 2)
    if x.shape[-1] % 4:
        raise ValueError(f"{x.shape[-1]} frames are no multiple of 4")
    return self.conv(x)


def positions(self: Of, x: torch.Tensor) -> torch.Tensor:
    return x + torch.zeros(1, 40).expand(1, x.shape[-1])


MODULES: dict[str, Callable[[], nn.Module]] = {
    "convolutions": lambda: nn.Sequential(
        nn.Conv1d(2, 2, 3, stride=2), nn.Conv1d(2, 2, 5), nn.Conv1d(2, 2, 4, dilation=2)
    ),
    "norms": lambda: nn.Sequential(nn.Conv1d(2, 2, 4, stride=3), nn.InstanceNorm1d(2), nn.AvgPool1d(2)),
    "reflection": lambda: nn.Sequential(
        nn.ReflectionPad1d(5), nn.Conv1d(2, 2, 9), nn.Conv1d(2, 2, 3, padding_mode="reflect", padding=4)
    ),
    "skip connections": lambda: Of(unet),
    "a hole": lambda: Of(with_a_hole),
    "a check of its own": lambda: Of(checks_itself),
    "positions": lambda: Of(positions),
    "nothing refused": lambda: nn.Conv1d(2, 2, 1),
    "a spectrogram": lambda: Of(
        lambda self, x: torch.stft(x[:, 0], 32, window=torch.ones(32), return_complex=True).abs()[..., 2:].mean(-1)
    ),
    "pools": lambda: nn.Sequential(nn.MaxPool1d(3), nn.AvgPool1d(4), nn.MaxPool1d(2)),
}  # fmt: skip


def check(module: nn.Module, found: Explanation, last: int = 70) -> None:
    """The outcome, the words, the neighbours and each bottleneck, as eager has them."""

    def error(length: int, layers: tuple[str, ...] = ()) -> str:
        return error_accepting(module, layers, (torch.zeros(1, 2, length),))

    said = error(found.length)
    assert (found.outcome is Outcome.VALID) == (said == "")
    if found.failure is not None:
        assert found.failure.error == said
    for near in (found.below, found.above):
        assert near is None or (error(near) == "") != (said == "")
    accepted: tuple[str, ...] = ()
    for bottleneck in found.bottlenecks:
        accepted = (*accepted, bottleneck.layer)
        runs = [length for length in range(1, last) if not error(length, accepted)]
        assert runs == [length for length in range(1, last) if length in bottleneck.valid], bottleneck


@pytest.mark.parametrize("length", [1, 2, 7, 8, 9, 21, 41])
@pytest.mark.parametrize("name", MODULES)
def test_each_statement_is_that_of_eager(name: str, length: int) -> None:
    module = MODULES[name]().eval()
    check(module, explain(module, X, length=length))


def test_the_order_is_that_in_which_they_decide() -> None:
    found = explain(MODULES["convolutions"](), X, length=12)
    assert [each.layer for each in found.bottlenecks] == ["2", "1", "0"]
    minima = [each.minimum or 0 for each in found.bottlenecks]
    assert minima == sorted(minima, reverse=True)
    assert minima[-1] == 1


def test_the_refusing_layer_comes_first_at_whatever_length() -> None:
    for length in (1, 2, 10, 12, 14):
        found = explain(MODULES["convolutions"](), X, length=length)
        assert found.failure is not None
        assert found.bottlenecks[0].layer == found.failure.layer


def test_the_way_has_the_sizes_of_eager() -> None:
    module = MODULES["convolutions"]()
    sizes: dict[str, int] = {}
    for name, child in module.named_children():

        def note(_module: nn.Module, _inputs: Any, output: torch.Tensor, name: str = name) -> None:
            sizes[name] = output.shape[-1]

        child.register_forward_hook(note)
    found = explain(module, X, length=40)
    module(torch.zeros(1, 2, 40))
    assert {step.layer: step.value for step in found.steps} == sizes


def test_a_check_of_the_modules_own_is_said_to_bound_the_rest() -> None:
    found = explain(MODULES["a check of its own"](), X, length=6)
    assert [failure.operation for failure in found.rest] == ["raise ValueError"]
    assert found.failure is not None
    assert found.failure.error == "ValueError: 3 frames are no multiple of 4"
    assert found.steps[-1].value == 3
    assert all(6 not in each.valid for each in found.bottlenecks)


def test_a_refusal_that_code_catches_is_none() -> None:
    def cautious(self: Of, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.conv(x)
        except RuntimeError:
            return x

    found = explain(Of(cautious), X, length=2)
    assert found.outcome is Outcome.VALID
    assert found.bottlenecks == ()


def test_a_length_past_the_sweep_is_swept_to() -> None:
    found = explain(nn.Conv1d(2, 2, 9000), X, length=8999)
    assert (found.outcome, found.above) == (Outcome.INVALID, 9000)
    assert "(8999)" in found.failure.error if found.failure else False


def test_an_unknown_length_has_its_reason() -> None:
    module = Of(lambda self, x: x[..., : int(x.sum().item())])
    found = explain(module, X, length=5)
    assert found.outcome is Outcome.UNKNOWN
    assert found.reasons
    assert found.failure is None


@pytest.mark.parametrize("length", [0, -1, 2**20])
def test_lengths_that_are_none(length: int) -> None:
    with pytest.raises(UsageError, match=f"length {length}: expected 1 to"):
        explain(nn.Conv1d(2, 2, 3), X, length=length)


LAYERS = st.one_of(
    st.builds(
        lambda k, s, p, d: nn.Conv1d(2, 2, k, stride=s, padding=p, dilation=d),
        *(st.integers(1, 5), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2)),
    ),
    st.builds(lambda k: nn.AvgPool1d(k), st.integers(1, 4)),
    st.builds(lambda p: nn.ReflectionPad1d(p), st.integers(0, 4)),
    st.just(nn.InstanceNorm1d(2)),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(LAYERS, min_size=1, max_size=5), st.integers(1, 40))
def test_stacks_of_layers(layers: list[nn.Module], length: int) -> None:
    module = nn.Sequential(*layers).eval()
    check(module, explain(module, X, length=length), last=45)
