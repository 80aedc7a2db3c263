"""Random draws beside eager: a length is valid if it runs with every outcome, and a failure names the outcome."""

# ruff: noqa: NPY002  # the global generator of NumPy is what is tested

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from random import choice as chosen
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import shapecheck
from shapecheck import Report

SEEDS = 60  # every outcome of each module here comes up among so many runs
LENGTHS = (1, 24)


class Of(nn.Module):
    """A function as a module, with submodules."""

    def __init__(self, function: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(self, x)


def runs(module: nn.Module, length: int) -> bool:
    """Whether eager runs at this length, whatever is drawn."""
    for seed in range(SEEDS):
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        try:
            with torch.no_grad():
                module.eval()(torch.zeros(1, 4, length))
        except (RuntimeError, ValueError, IndexError):
            return False
    return True


def states() -> Any:
    """The states of the global generators."""
    numpy: Any = np.random.get_state()
    return random.getstate(), numpy[1].tolist(), torch.get_rng_state().tolist()


def agrees(module: nn.Module) -> Report:
    """The report, once every length is decided as eager does."""
    before = states()
    report = shapecheck.analyze(module, "f32[1, 4, T]", lengths=LENGTHS)
    assert states() == before
    first, last = LENGTHS
    eager = [length for length in range(first, last + 1) if runs(module, length)]
    assert not report.unknown, report.undecided
    assert [length for length in range(first, last + 1) if length in report.valid] == eager
    return report


def cut(self: Any, x: torch.Tensor, k: Any) -> torch.Tensor:
    return F.conv1d(x, torch.ones(4, 4, k)) if k else x


DRAWS: dict[str, Callable[[], Any]] = {
    "randint": lambda: random.randint(0, 6),
    "randrange": lambda: random.randrange(3, 9, 3),
    "choice": lambda: random.choice([0, 3, 7]),
    "choice by name": lambda: chosen((0, 3, 7)),
    "getrandbits": lambda: random.getrandbits(3),
    "sample": lambda: sum(random.sample([1, 2, 5], 2)),
    "shuffle": lambda: shuffled([0, 4, 9])[0],
    "numpy randint": lambda: np.random.randint(3, 8),
    "numpy choice": lambda: int(np.random.choice([2, 5])),
    "numpy choice below": lambda: np.random.choice(5),
    "torch randint": lambda: torch.randint(2, 7, (1,)).item(),
    "torch randint below": lambda: int(torch.randint(6, size=())),
    "a coin": lambda: 5 if random.random() < 0.5 else 2,
    "a chain of chances": lambda: 2 if (p := random.random()) < 0.3 else 6 if p < 0.6 else 4,
    "a chance of numpy": lambda: 3 * (np.random.rand() >= 0.4),
    "twice": lambda: random.randint(0, 2) + random.randint(0, 3),
}


def shuffled(items: list[int]) -> list[int]:
    random.shuffle(items)
    return items


@pytest.mark.parametrize("name", DRAWS)
def test_a_draw_decides_a_kernel_size(name: str) -> None:
    report = agrees(Of(lambda self, x: cut(self, x, DRAWS[name]())))
    assert report.invalid


@pytest.mark.parametrize("name", DRAWS)
def test_a_draw_in_a_submodule(name: str) -> None:
    inner = Of(lambda self, x: x[..., DRAWS[name]() :])
    agrees(Of(lambda self, x: self.conv(self.inner(x)), inner=inner, conv=nn.Conv1d(4, 2, 3)))


@pytest.mark.parametrize("name", DRAWS)
def test_draws_and_splits(name: str) -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] % 2:
            x = x[..., 1:]
        k = DRAWS[name]()
        if x.shape[-1] > 10 and k > 2:
            x = x[..., ::2]
        return cut(self, x, k)

    agrees(Of(lambda self, x: self.conv(self.inner(x)), inner=Of(forward), conv=nn.Conv1d(4, 2, 2)))


def test_outcomes_that_differ_only_inside_of_a_call_add_up() -> None:
    """Eight coins in eight submodules are sixteen runs and not 256."""
    block = Of(lambda self, x: x * 2 if random.random() < 0.5 else x + 1)
    report = agrees(Of(lambda self, x: self.blocks(x), blocks=nn.Sequential(*[block] * 8, nn.Conv1d(4, 1, 5))))
    assert str(report.valid) == "T >= 5"
    assert len([node for node in report.graph.nodes if node.meta.get("operation") in ("mul", "add")]) == 16


def test_a_failure_names_the_outcome() -> None:
    report = agrees(Of(lambda self, x: cut(self, x, random.choice([0, 3, 7]))))
    (failure,) = report.failures
    assert failure.draws == ("random.choice([0, 3, 7]) gives 7",)
    assert failure.at == 6


def test_a_failure_names_the_outcome_of_a_callee() -> None:
    inner = Of(lambda self, x: x[..., random.randint(1, 3) :])
    report = agrees(Of(lambda self, x: self.conv(self.inner(x)), inner=inner, conv=nn.Conv1d(4, 2, 3)))
    (failure,) = report.failures
    assert failure.layer == "conv"
    assert failure.at == 5
    assert failure.draws == ("random.randint(1, 3) gives 3",)


def test_no_outcome_is_named_where_all_fail() -> None:
    report = agrees(Of(lambda self, x: self.conv(x * random.randint(1, 3)), conv=nn.Conv1d(4, 2, 3)))
    (failure,) = report.failures
    assert failure.draws == ()


def test_an_error_is_caught_on_one_outcome() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return cut(self, x, random.choice([0, 3, 7]))
        except RuntimeError:
            return x[..., 2:].unfold(-1, 1, 1)[..., 0, 0] if x.shape[-1] < 3 else x

    agrees(Of(forward))


def test_an_empty_range_is_refused_as_in_eager() -> None:
    report = agrees(Of(lambda self, x: x[..., random.randint(0, x.shape[-1] - 5) :]))
    assert "empty range" in report.failures[0].error
    report = agrees(Of(lambda self, x: x[..., np.random.randint(0, x.shape[-1] - 5) :]))
    assert "high <= 0" in report.failures[0].error
    agrees(Of(lambda self, x: x[..., random.choice([1, 2][: x.shape[-1] - 2]) :]))


def undecided(function: Callable[..., Any]) -> str:
    """Why no length is decided."""
    report = shapecheck.analyze(Of(function), "f32[1, 4, T]", lengths=LENGTHS)
    assert str(report.unknown) == "1 <= T <= 24", (report.valid, report.invalid)
    return report.undecided[0].reason


def test_more_outcomes_than_are_explored() -> None:
    assert "1,001 outcomes" in undecided(lambda self, x: x[..., random.randint(0, 1000) :].view(1, -1, 2))
    assert "very many" in undecided(lambda self, x: x[..., random.randint(0, 2**70) :])
    assert "512 different runs" in undecided(lambda self, x: [random.randint(0, 7) for _ in range(4)] and x)


def test_a_seeded_draw_has_one_outcome_that_is_not_known() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        random.seed(0)
        return cut(self, x, random.choice([0, 3, 7]))

    assert "draws a random number" in undecided(forward)


def test_a_draw_in_a_way_that_is_not_explored() -> None:
    undecided(lambda self, x: cut(self, x, np.random.choice([2, 5], p=[0.5, 0.5])))
    undecided(lambda self, x: cut(self, x, int(np.random.randint(2, 5, size=1)[0])))
    draw = random.getrandbits  # not looked up when the analysis runs, as after `from random import getrandbits`
    undecided(lambda self, x: cut(self, x, random.choice([0, 3]) + draw(2)))


SEEDS_OF_FORWARD: dict[str, Callable[[], Any]] = {
    "torch": lambda: torch.manual_seed(0),
    "random": lambda: random.seed(0),
    "numpy": lambda: np.random.seed(0),
    "torch by name": partial(torch.manual_seed, 0),
    "random by name": partial(random.seed, 0),
    "numpy by name": partial(np.random.seed, 0),
}


@pytest.mark.parametrize("name", SEEDS_OF_FORWARD)
def test_a_seeded_tensor(name: str) -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        SEEDS_OF_FORWARD[name]()
        return cut(self, x, torch.randint(0, 8, (1,)).item())

    assert "seeded" in undecided(forward)


CHANGES: dict[str, Callable[[torch.Tensor], Any]] = {
    "in place": lambda k: k.add_(40),
    "in a list": lambda k: vars(torch)["_foreach_add_"]([k], 40),
    "by name": lambda k: torch.add(input=k, other=40, out=k),
    "its data": lambda k: k.data.fill_(40),
    "a view": lambda k: k.view(-1).fill_(40),
    "detached": lambda k: k.detach().fill_(40),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_drawn_tensor_that_is_changed(name: str) -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        k = torch.randint(0, 3, (1,))
        CHANGES[name](k)
        return cut(self, x, k.item())

    undecided(forward)


UNIFORM: dict[str, Callable[[], Any]] = {
    "random.random": lambda: random.random(),
    "random.uniform": lambda: random.uniform(0, 1),
    "np.random.uniform": lambda: np.random.uniform(),
    "np.random.uniform of 0 and 1": lambda: np.random.uniform(0, 1),
    "np.random.uniform by name": lambda: np.random.uniform(low=0.0, high=1.0),
}


@pytest.mark.parametrize("name", UNIFORM)
def test_a_uniform_number_from_0_to_1(name: str) -> None:
    report = agrees(Of(lambda self, x: cut(self, x, 3 if UNIFORM[name]() < 0.5 else 5)))
    assert report.minimum == 5
    assert str(agrees(Of(lambda self, x: UNIFORM[name]() < 1.5 and x)).valid) == "T >= 1"
    assert str(agrees(Of(lambda self, x: UNIFORM[name]() is None or x)).valid) == "T >= 1"


def test_a_uniform_number_from_other_limits() -> None:
    undecided(lambda self, x: cut(self, x, 3 if random.uniform(0, 2) < 0.5 else 5))
    undecided(lambda self, x: cut(self, x, 3 if np.random.uniform(0.5) < 0.7 else 5))
    undecided(lambda self, x: cut(self, x, 3 if np.random.uniform(size=1)[0] < 0.5 else 5))


def test_a_uniform_number_that_goes_into_arithmetic() -> None:
    undecided(lambda self, x: x[..., int(random.random() * 3) :])
    undecided(lambda self, x: x * random.random())


def test_a_tensor_that_is_read_by_two_calls() -> None:
    inner = Of(lambda self, x: int(x[1]) and x[0])

    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        k = torch.randint(0, 3, (1,))
        self.inner([x, k])
        return cut(self, x, k.item())

    report = shapecheck.analyze(Of(forward, inner=inner), "f32[1, 4, T]", lengths=LENGTHS)
    assert "more than one module call" in report.undecided[0].reason


def test_one_tensor_is_drawn_once() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        k = torch.randint(0, 3, (1,))
        return cut(self, x, 0 if k.item() == k.item() else 99)

    assert str(agrees(Of(forward)).valid) == "T >= 1"


def test_state_that_a_draw_decides() -> None:
    def remember(self: Any, x: torch.Tensor) -> torch.Tensor:
        self.k = random.choice([0, 3, 7])
        return x

    inner = Of(remember)
    report = agrees(Of(lambda self, x: cut(self, self.inner(x), self.inner.k), inner=inner))
    assert str(report.valid) == "T >= 7"
    assert report.failures[0].draws == ("random.choice([0, 3, 7]) gives 7",)


def test_training_mode_is_asked_for_and_put_back() -> None:
    module = nn.Sequential(nn.Conv1d(4, 4, 3), nn.BatchNorm1d(4)).train()
    module[1].eval()
    assert str(shapecheck.analyze(module, "f32[1, 4, T]").valid) == "T >= 3"
    trained = shapecheck.analyze(module, "f32[1, 4, T]", train=True)
    assert str(trained.valid) == "T >= 4"
    assert trained.failures[-1].error.startswith("ValueError: Expected more than 1 value per channel when training")
    assert str(shapecheck.analyze(module, "f32[1, 4, T]", train=None).valid) == "T >= 3"
    assert module.training
    assert not module[1].training
