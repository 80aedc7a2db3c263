"""1,000 generated programs with a fixed seed, beside eager; and that the fuzzer can fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from shapecheck.rules import convolution
from tests.fuzz.compare import Found
from tests.fuzz.generate import write
from tests.fuzz.search import examine, shrunk

SEED = 1
PROGRAMS, BLOCK = 1000, 50
MOST_UNKNOWN = 0.04  # of the programs of a block, with a length that is left open; over 20,000 they are under 1 %


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the limit of time, in a callback
@pytest.mark.parametrize("first", range(0, PROGRAMS, BLOCK))
def test_programs_agree_with_eager(first: int) -> None:
    found = {number: examine(SEED, number) for number in range(first, first + BLOCK)}
    differences = [shrunk(SEED, number, each, tries=100) for number, each in found.items() if each.kind]
    assert not differences, "\n\n".join(differences)
    reasons = {number: each.reasons for number, each in found.items() if each.unknown}
    assert len(reasons) <= MOST_UNKNOWN * BLOCK, reasons
    assert sum(each.is_mixed for each in found.values()) > BLOCK / 2


def test_a_program_follows_from_its_number() -> None:
    assert write(7, 12) == write(7, 12)
    assert write(7, 12) != write(7, 13) != write(8, 13)


def test_a_wrong_rule_is_found_and_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the output length of every strided window off by one: the program left is little more than a convolution."""
    windows = convolution.windows

    def one_more(size: Any, kernel: int, stride: int, padding: Any, dilation: int) -> Any:
        return windows(size, kernel, stride, padding, dilation) + (1 if stride > 1 else 0)

    monkeypatch.setattr(convolution, "windows", one_more)
    number, found = next(_differences())
    text = shrunk(SEED, number, found, tries=150)
    assert found.kind in ("verdict", "convolution")
    assert f"# seed {SEED}, program {number}, shrunk: {found.kind}" in text
    _, _, forward = text.partition("def forward")
    assert "stride=" in text
    assert len(forward.partition("return x")[0].splitlines()) < 8


def _differences() -> Iterator[tuple[int, Found]]:
    for number in range(100):
        found = examine(SEED, number)
        if found.kind:
            yield number, found
