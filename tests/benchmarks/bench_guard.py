"""What a guard adds to a call of a module that does nothing else."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from shapecheck import LengthSet, Report, analyze, guard

from .measuring import Cost, Table, cost_of_call, interleaved, typical

CALLS = 20_000
REPEATS = 9
ADDS_AT_MOST = 10e-6  # seconds a call


class Passes(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def test_a_guarded_call_beside_a_plain_one() -> None:
    tensor = torch.zeros(1, 1, 80, 128)
    report = analyze(Passes(), "f32[1, 1, 80, T]")
    simple = _with(report, LengthSet.parse("1 <= T <= 64"))
    with_holes = _with(report, LengthSet.parse("1 <= T <= 64 or T >= 65, T odd"))
    plain, guarded, of_holes = Passes(), Passes(), Passes()
    guard(guarded, simple)
    guard(of_holes, with_holes)
    costs = interleaved(
        {
            "a plain call": lambda: _cost(plain, tensor),
            "a guarded call": lambda: _cost(guarded, tensor),
            "one guarded against two ranges": lambda: _cost(of_holes, tensor),
        },
        REPEATS,
    )
    table = Table("a call of a module that does nothing")
    alone = typical(costs["a plain call"]).wall
    added = {name: typical(found).wall - alone for name, found in costs.items()}
    for name, found in costs.items():
        cost = typical(found)
        table.line(name, f"{cost.wall * 1e6:.2f} us", f"{cost.cpu * 1e6:.2f} us", f"+ {added[name] * 1e6:.2f} us")
    table.show()
    assert max(added.values()) <= ADDS_AT_MOST


def _with(report: Report, invalid: LengthSet) -> Report:
    return replace(report, invalid=invalid)


def _cost(module: nn.Module, tensor: torch.Tensor) -> Cost:
    """Of one call, on the average of many."""

    def calls() -> None:
        for _ in range(CALLS):
            module(tensor)

    cost = cost_of_call(calls)
    return Cost(cost.wall / CALLS, cost.cpu / CALLS)
