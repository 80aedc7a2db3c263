"""Texts made from sizes: in a message, as a name, as a key, or compared; each length has its own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.adversarial.against import Of, X, agrees, need, sound


def raised(message: str) -> None:
    raise ValueError(message)


def when(text: str, decides: Callable[[str], Any]) -> None:
    """The text decides, and is in the message."""
    if decides(text):
        raise ValueError(text)


TEXTS: dict[str, Callable[[Any], Any]] = {
    "a text decides, and is in the message": lambda n: when(f"{n}", lambda s: len(s) > 1),
    "a text is compared, and is in the message": lambda n: when(f"{n}", lambda s: s != "5"),
    "a text is searched, and is in the message": lambda n: when(f"{n} frames", lambda s: "5" in s),
    "a text is a number again, and in the message": lambda n: when(f"{n}", lambda s: int(s) > 5),
    "a text is a key, and in the message": lambda n: when(f"{n}", lambda s: s in {"5": 1}),
    "a text is sliced, and in the message": lambda n: when(f"{n:03d}", lambda s: s[1] == "1"),
    "a text is split, and in the message": lambda n: when(f"a {n}", lambda s: s.split()[1] == "5"),
    "a text ends so, and is in the message": lambda n: when(f"{n}", lambda s: s.endswith("5")),
    "a text is sorted": lambda n: need(sorted([f"{n}", "3"])[0] == "3"),
    "a text is joined": lambda n: need(",".join([f"{n}", "3"]) == "5,3"),
    "a text is replaced": lambda n: need(f"{n}".replace("1", "2") == "22"),
    "a text is matched": lambda n: need(re.fullmatch("[1-3]+", f"{n}")),
    "a text is hashed": lambda n: need(hash(f"{n}") == hash("5")),
    "a text is encoded": lambda n: need(f"{n}".encode() == b"5"),
    "a text is a digit": lambda n: need(f"{n}".isdigit()),
    "a text is repeated": lambda n: need(len(f"{n}" * 3) == 3),
    "a text is a float": lambda n: need(float(f"{n}.5") > 7),
    "a text is iterated": lambda n: need([c for c in f"{n}"] == ["5"]),
    "a text is evaluated": lambda n: need(eval(f"{n} + 1") == 6),  # noqa: S307
    "a text is a dtype": lambda n: torch.zeros(1, dtype=getattr(torch, f"int{n}")),
    "a text is parsed as json": lambda n: need(json.loads(f"[{n}]") == [5]),
    "a text is a format": lambda n: need(f"{'a':>{n}}" == "    a"),
    "a text is an attribute that may be there": lambda n: need(hasattr(5, f"real{'' if n else n}") and n > 5),
    "a message is read from the exception": lambda n: _message(n, lambda e: need(str(e) == "5")),
    "a message is read from its arguments": lambda n: _message(n, lambda e: need(e.args[0] == "5")),
    "a message is raised again": lambda n: _message(n, lambda e: raised(str(e)) if len(str(e)) > 1 else None),
    "a message goes into another": lambda n: _message(n, lambda e: raised(f"bad: {e}")),
    "a message in a condition on something else": lambda n: _message(
        n, lambda e: raised(f"bad: {e}") if n > 5 else None
    ),
    "a repr": lambda n: need(repr([n, 1]) == "[5, 1]"),
    "a percent format of a tuple": lambda n: need("%s-%d" % (n, n) == "5-5"),  # noqa: UP031
    "a template": lambda n: need(f"{n:>3}" == "  5"),
    "a thousands separator": lambda n: need(f"{n * 100:,}" == "1,000"),
    "a binary format": lambda n: need(f"{n:b}" == "101"),
    "a percent of a half": lambda n: need(f"{n / 10:.0%}" == "50%"),
    "an error format": lambda n: f"{n:zz}",
    "an exponent": lambda n: need(f"{n:e}" == "5.000000e+00"),
}


def _message(n: Any, handle: Callable[[ValueError], Any]) -> None:
    try:
        raise ValueError(f"{n}")
    except ValueError as error:
        handle(error)


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_made_from_a_size(name: str) -> None:
    agrees(Of(lambda self, x: TEXTS[name](x.shape[-1])), X)


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_made_from_a_size_in_a_submodule(name: str) -> None:
    agrees(Of(lambda self, x: self.inner(x), inner=Of(lambda self, x: TEXTS[name](x.shape[-1]))), X)


def test_a_text_made_by_a_submodule() -> None:
    agrees(Of(lambda self, x: need(self.inner(x) == "5"), inner=Of(lambda self, x: f"{x.shape[-1]}")), X)


def test_a_text_kept_by_a_submodule() -> None:
    def inner(self: Any, x: torch.Tensor) -> None:
        self.text = f"{x.shape[-1]}"

    def forward(self: Any, x: torch.Tensor) -> None:
        self.inner(x)
        need(self.inner.text == "5")

    sound(Of(forward, inner=Of(inner, text="")), X)


def test_a_text_that_is_printed_is_eagers(capsys: pytest.CaptureFixture[str]) -> None:
    agrees(Of(lambda self, x: print(f"{x.shape[-1]}")), X, lengths=(1, 3))
    assert set(capsys.readouterr().out.split()) == {"1", "2", "3"}  # once for each run
