"""Truth values of tensors whose values are data, where code decides by them: both are tried.

Some inputs may never give one of the two. So a length is valid if it runs with both, invalid if it fails with both,
and unknown where that differs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from shapecheck.draws import Draw
from shapecheck.lengths.swept import is_plain
from shapecheck.tensor import SweptTensor

MOST_ON_A_PATH = 64  # outcomes that the choices on one path of a call may have together
MOST_CHOICES = 2_000  # of one analysis

_TRUTHS = frozenset((torch.Tensor.__bool__, torch.Tensor.is_nonzero, torch.is_nonzero))


def truth_of_data(function: Callable[..., Any], args: tuple[Any, ...], where: str) -> Draw | None:
    """The choice that `function(*args)` stands for, if it reads the truth of a tensor whose values are not known."""
    tensor = args[0] if args else None
    if type(tensor) is not SweptTensor or tensor._values is not None or tensor._recipe is not None:
        return None
    if function not in _TRUTHS and not (function is torch.Tensor.item and tensor._dtype == torch.bool):
        return None
    if not all(is_plain(size) and size == 1 for size in tensor._dims):
        return None  # of more elements or none, it raises

    def outcome(number: int, _index: int) -> tuple[str, ...]:
        return (f"a tensor in {where} being {(True, False)[number]}",)

    return Draw(f"the truth of a tensor in {where}", 2, outcome, of_data=True)
