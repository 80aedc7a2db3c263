"""Functions of TorchScript: each is one operation, unless it changes something in place."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.adversarial.against import Of, X, agrees, let, need, sound


def script(function: Any) -> Any:
    """Without the warning that torch.jit is deprecated: the models in use have it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(function)


class Pair(NamedTuple):
    short: torch.Tensor
    long: torch.Tensor


@script
def gated(a: torch.Tensor, b: torch.Tensor, channels: int = 2) -> torch.Tensor:
    both = a + b
    return torch.tanh(both[:, :channels]) * torch.sigmoid(both[:, channels:])


@script
def pair(x: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    return x[..., :k], x[..., k:]


@script
def named(x: torch.Tensor) -> Pair:
    return Pair(x[..., :3], x)


@script
def pieces(x: torch.Tensor) -> list[torch.Tensor]:
    return x.split(5, -1)


@script
def by_name(x: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"half": x[..., ::2], "all": x}


@script
def sizes(x: torch.Tensor) -> tuple[int, float, bool]:
    return x.size(-1) // 2, x.size(-1) / 2, x.size(-1) % 2 == 0


@script
def itself(x: torch.Tensor) -> torch.Tensor:
    return x


@script
def halved(x: torch.Tensor) -> torch.Tensor:
    while x.size(-1) > 6:
        x = x[..., ::2]
    return x


@script
def strict(x: torch.Tensor) -> torch.Tensor:
    if x.size(-1) < 5:
        raise ValueError("short")
    return x


@script
def outer(x: torch.Tensor) -> torch.Tensor:
    return halved(strict(x))


@script
def maybe(x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    return x if mask is None else x * mask[..., : x.size(-1) - 2]


@script
def dropped(x: torch.Tensor) -> torch.Tensor:
    return F.dropout(x, 0.5, training=True)[..., 2:]


@script
def drawn(x: torch.Tensor) -> torch.Tensor:
    return x[..., int(torch.randint(0, 5, (1,)).item()) :]


@script
def of_values(x: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
    return x[..., : int(n[0].item())]


@script
def counted(n: torch.Tensor) -> torch.Tensor:
    return n.add_(1)


@script
def appended(items: list[torch.Tensor], x: torch.Tensor) -> None:
    items.append(x)


@script
def written(x: torch.Tensor) -> torch.Tensor:
    x[..., :2] = 0.0
    return x


WHOLE: dict[str, Callable[[torch.Tensor], Any]] = {
    "a gate": lambda x: F.conv1d(gated(x, x), torch.ones(1, 2, 5)),
    "by keyword": lambda x: F.conv1d(gated(x, b=x[..., :9], channels=3), torch.ones(1, 1, 5)),
    "a tuple": lambda x: torch.cat(pair(x, x.shape[-1] // 3), 1),
    "a size that splits": lambda x: let(pair(x, 7), lambda both: both[0] + both[1]),
    "a list": lambda x: need(len(pieces(x)) == 3),
    "a dict": lambda x: by_name(x)["half"].view(1, 4, 3, -1),
    "a size": lambda x: need(sizes(x)[0] == 3),
    "a float": lambda x: need(sizes(x)[1] > 3.5),
    "a bool": lambda x: x if sizes(x)[2] else x.view(3, -1),
    "its argument": lambda x: need(itself(x).shape[-1] > 3),
    "a loop": lambda x: halved(x).view(1, 4, 3, -1),
    "a function that calls others": lambda x: outer(x).view(1, 4, 3, -1),
    "nothing given": lambda x: maybe(x, None).view(3, -1),
    "something given": lambda x: maybe(x, torch.ones(9)),
    "dropout": lambda x: F.conv1d(dropped(x), torch.ones(1, 4, 5)),
    "called twice": lambda x: pair(pair(x, 3)[1], 3)[1].view(3, -1),
    "in a branch": lambda x: strict(x) if x.shape[-1] % 2 else halved(x).view(1, 4, 3, -1),
    "caught": lambda x: _caught(strict, x),
    "of a plain tensor": lambda x: strict(torch.ones(1, 4, 7)) + x,
    "of a wrong kind": lambda x: strict(3),
    "of too few arguments": lambda x: pair(x),
    "plus a change in place": lambda x: (pair(x.add_(1), 2)[1]).view(3, -1),
}

# executed with the whole module, or open: never wrong
IN_PARTS: dict[str, Callable[[torch.Tensor], Any]] = {
    "a named tuple": lambda x: named(x).short.view(1, 4, 3),
    "a count in place": lambda x: let(torch.tensor([3]), lambda n: (counted(n), x.view(int(n), -1))[1]),
    "a count in place of a size": lambda x: let(
        torch.tensor([x.shape[-1]]), lambda n: (counted(n), x[..., int(n) - 3])
    ),
    "a list that grows": lambda x: let([x], lambda items: (appended(items, x), need(len(items) == 2), x.view(3, -1))),
    "torch functions disabled": lambda x: _disabled(lambda: pair(x, 3)[1]).view(3, -1),
    "a write": lambda x: written(x).view(3, -1),
    "a draw that decides": lambda x: drawn(x).view(1, 4, 3, -1),
    "values that decide": lambda x: of_values(x, torch.tensor([5])).view(1, 4, 5),
    "values of a size that decide": lambda x: of_values(x, torch.tensor([x.shape[-1] // 2])).view(1, 4, 3, -1),
}


def _caught(function: Callable[..., Any], x: torch.Tensor) -> torch.Tensor:
    try:
        return function(x)
    except RuntimeError:
        return x.view(1, 2, 2, -1)


def _disabled(compute: Callable[[], Any]) -> Any:
    with torch._C.DisableTorchFunction():
        return compute()


@pytest.mark.parametrize("name", WHOLE)
def test_one_operation(name: str) -> None:
    agrees(Of(lambda self, x: WHOLE[name](x)), X)


@pytest.mark.parametrize("name", IN_PARTS)
def test_what_is_no_operation(name: str) -> None:
    sound(Of(lambda self, x: IN_PARTS[name](x)), X)


def test_the_layers_around_one_have_lengths() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before = nn.Conv1d(4, 8, 5, stride=2)
            self.after = nn.Conv1d(4, 4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.before(x)
            return self.after(gated(x, x, 4))

    report = agrees(Gated(), X)
    assert [row.input_length for row in report.layers if row.is_conv] == ["T", "(T - 3)//2"]
    assert [row.minimum for row in report.layers if row.is_conv] == [5, 9]
