"""Generators of random numbers: what a draw decides is left open, and a seeded generator of the module is not spent."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import shapecheck

from tests.adversarial.against import Of, X, agrees, let, need, sound, undecided


def split(x: torch.Tensor) -> None:
    """Makes the module call run once for each residue of the length."""
    for k in (2, 3):
        if x.shape[-1] % k == 0:
            x.clone()


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
    "uniform_ on a tensor that is kept": lambda: let(torch.zeros(1), lambda z: (z.uniform_(), z.item())[1]),
    "normal_ on a view": lambda: let(torch.zeros(1), lambda z: (z[0].normal_(), z.sum().item())[1]),
    "random_": lambda: let(torch.zeros(1), lambda z: (z.random_(0, 2), z.item())[1]),
    "bernoulli_": lambda: let(torch.zeros(1), lambda z: (z.bernoulli_(), z.item())[1]),
    "nn.init": lambda: nn.init.uniform_(torch.zeros(1)).item(),
    "nn.init on a tensor that is kept": lambda: let(torch.zeros(1), lambda z: (nn.init.normal_(z), z.item())[1]),
    "a new layer": lambda: nn.Linear(1, 1).weight.item(),
    "a new layer's bias in a list": lambda: nn.Conv1d(1, 1, 1).bias.tolist()[0],
    "F.dropout": lambda: F.dropout(torch.ones(1), 0.5, training=True).item(),
    "F.gumbel_softmax": lambda: F.gumbel_softmax(torch.zeros(2))[0].item(),
    "F.rrelu": lambda: F.rrelu(-torch.ones(1), training=True).item(),
    "a distribution": lambda: torch.distributions.Normal(0.0, 1.0).sample().item(),
    "a distribution of integers": lambda: torch.distributions.Bernoulli(0.5).sample().item(),
    "torch.seed": lambda: torch.seed() % 2,
    "torch.initial_seed": lambda: (torch.seed(), torch.initial_seed() % 2)[1],
    "rand with out": lambda: let(torch.zeros(1), lambda z: (torch.rand(1, out=z), z.item())[1]),
    "generator of torch": lambda: let(torch.Generator(), lambda g: (g.seed(), torch.rand(1, generator=g).item())[1]),
}

EXPLORED = {
    "random.random", "random.randint", "random.choice", "random.randbytes", "numpy rand", "numpy randint", "numpy ranf",
    "torch.randint",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(EXPLORED))
def test_an_outcome_that_fails(name: str) -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        need(DRAWS[name]() <= 0.5)

    report = shapecheck.analyze(Of(forward), X, lengths=(1, 4))
    assert str(report.invalid) == "T >= 1"
    assert report.failures[0].draws


@pytest.mark.parametrize("name", sorted(DRAWS.keys() - EXPLORED))
def test_a_draw_decides_a_verdict(name: str) -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        if DRAWS[name]() > 0.5:
            raise ValueError("bad luck")

    undecided(Of(forward), X, lengths=(1, 4))


@pytest.mark.parametrize("name", sorted(DRAWS.keys() - EXPLORED))
def test_a_draw_decides_a_verdict_past_a_bare_except(name: str) -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        try:
            lucky = DRAWS[name]() > 0.5
        except:  # noqa: E722
            lucky = False
        if lucky:
            raise ValueError("bad luck")

    undecided(Of(forward), X, lengths=(1, 4))


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
