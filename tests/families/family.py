"""What a family is: how a model is made, what it is called with, and what is expected to stay open, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import nn

DENSE = 40  # lengths from 1 that are all compared
SPARSE = (47, 48, 49, 63, 64, 65, 95, 96, 97, 127, 128, 129, 160, 255, 256, 257, 400, 511, 512, 513, 777, 1000, 1024)
BEYOND = (1025, 1536, 2000)  # past the sweep, where the verdict is proved


@dataclass(frozen=True)
class Family:
    """One model and its inputs: specs, where one variable is the length that is swept."""

    make: Callable[[], nn.Module]  # random weights
    specs: tuple[Any, ...]
    named: dict[str, Any] = field(default_factory=dict)
    method: str = "forward"
    train: bool = False
    largest: int = 2000  # longest length that eager is run at: some need seconds for one
    fills: tuple[int | None, ...] = (None,)  # eager runs with its named inputs full of each; None: as they come
    unknown: str = ""  # part of the reason for which every length is unknown, where that is the honest answer


def family(make: Callable[[], nn.Module], *specs: Any, **named: Any) -> Family:
    """One that is called with these inputs in evaluation mode."""
    return Family(make, specs, named)
