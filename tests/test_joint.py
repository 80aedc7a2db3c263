"""Two free sizes: every combination beside eager, and the joint condition in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shapecheck import JointReport, UsageError, analyze_sizes

LENGTHS = (1, 40)


class Of(nn.Module):
    """A function of one input as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def beside_eager(function: Callable[[Tensor], Tensor], *, batches: tuple[int, int] = (1, 4)) -> JointReport:
    """The joint report, once it says of every batch size and length what eager does."""
    module = Of(function)
    joint = analyze_sizes(module, "f32[B, 4, T]", sizes={"B": batches}, lengths=LENGTHS)
    for batch in range(batches[0], batches[1] + 1):
        for length in range(LENGTHS[0], LENGTHS[1] + 1):
            try:
                module(torch.zeros(batch, 4, length))
                runs = True
            except (RuntimeError, IndexError):
                runs = False
            assert (length in joint.at(B=batch).valid) == runs, f"B = {batch}, T = {length}"
    return joint


def test_a_batch_of_one_that_is_squeezed_away() -> None:
    joint = beside_eager(lambda x: F.conv1d(x.mean(1).squeeze()[:, None], torch.zeros(2, 1, 3)))
    assert str(joint.at(B=1).valid) == "none"
    assert str(joint.at(B=2).valid) == "T >= 3"
    assert joint.condition == "B = 1: none; 2 <= B <= 4: T >= 3"


def test_the_same_for_all() -> None:
    joint = beside_eager(lambda x: F.conv1d(x, torch.zeros(2, 4, 5)))
    assert joint.condition == "T >= 5, for all of the 4 combinations"


def test_a_minimum_that_rises_with_the_other_size() -> None:
    joint = beside_eager(lambda x: F.conv1d(x, torch.zeros(2, 4, 3), dilation=x.shape[0]))
    assert joint.condition == "T >= 2B + 1, 1 <= B <= 4"


def test_a_minimum_that_falls_with_the_other_size() -> None:
    joint = beside_eager(lambda x: F.conv1d(F.pad(x, (x.shape[0], 0)), torch.zeros(2, 4, 9)), batches=(1, 5))
    assert joint.condition == "T >= -B + 9, 1 <= B <= 5"


def test_a_product_of_both() -> None:
    joint = beside_eager(lambda x: x.view(-1, 24))
    assert joint.condition == "B = 1: T in {6, 12, 18, ...}; B in {2, 4}: T in {3, 6, 9, ...}; B = 3: T >= 2, T even"


def test_three_sizes() -> None:
    joint = analyze_sizes(nn.Conv1d(4, 4, 3), "f32[B, C, T]", sizes={"B": (1, 2), "C": (3, 4)})
    assert [entry.text for entry in joint.combinations] == [
        "B = 1, C = 3", "B = 1, C = 4", "B = 2, C = 3", "B = 2, C = 4",
    ]  # fmt: skip
    assert joint.condition == "(B = 1, C = 3) or (B = 2, C = 3): none; (B = 1, C = 4) or (B = 2, C = 4): T >= 3"


def test_training_on_one_value() -> None:
    joint = analyze_sizes(nn.BatchNorm1d(2), "f32[B, 2, T]", sizes={"B": (1, 3)}, train=True)
    assert joint.condition == "B = 1: T >= 2; B in {2, 3}: T >= 1"
    assert joint.at(B=1).proved


def test_values_and_expressions() -> None:
    class Counts(nn.Module):
        def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
            return x[..., : lengths.sum()].view(x.shape[0], -1, 2)

    joint = analyze_sizes(Counts(), "f32[B, 2*T + B]", "i64[B] = T", sizes={"B": (1, 2)})
    assert joint.condition == "B = 1: T >= 2, T even; B = 2: T >= 1"


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({}, "one symbol is swept, and B, T have no values"),
        ({"B": (1, 2), "T": (1, 2)}, "no symbol is left to be swept"),
        ({"B": (1, 2), "C": (1, 2)}, "C: no input has it"),
        ({"B": (3, 2)}, "B=3:2: expected 0 <= first <= last"),
        ({"B": (1, 65)}, "65 combinations of sizes; at most 64"),
    ],
)
def test_sizes_that_do_not_fit(sizes: dict[str, tuple[int, int]], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        analyze_sizes(nn.Conv1d(4, 4, 3), "f32[B, 4, T]", sizes=sizes)


def test_a_combination_that_was_not_analyzed() -> None:
    joint = analyze_sizes(nn.Conv1d(4, 4, 3), "f32[B, 4, T]", sizes={"B": (1, 2)})
    with pytest.raises(KeyError, match="B = 3"):
        joint.at(B=3)


def test_a_spec_that_some_sizes_make_impossible() -> None:
    with pytest.raises(UsageError, match=r"with B = 0: .* divides by zero"):
        analyze_sizes(nn.Conv1d(4, 4, 3), "f32[1, 4, T//B]", sizes={"B": (0, 2)})
