"""The smallest size that one torch function accepts, told by its rule over a sweep of sizes; nothing is executed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from shapecheck.lengths.swept import Sweep, SweptBool, Undecidable
from shapecheck.rules import RULES, Call, NoRule
from shapecheck.tensor import make


def smallest_by_rule(
    function: Any,
    others: Sequence[Any],
    rest: Sequence[Any],
    named: Mapping[str, Any],
    dtype: torch.dtype,
    sizes: Sequence[int],
) -> int | None:
    """The smallest size of the axes of the first argument that are None in `others`; None where no rule tells.

    `rest` and `named`: the other arguments; `sizes`: how far to sweep, one try after the other.
    """
    rule = RULES.get(function)
    if rule is None:
        return None
    for last in sizes:
        sweep = Sweep(1, last)
        sweep.decide = _uniform
        size = sweep.variable()
        tensor = make(tuple(size if other is None else other for other in others), dtype)
        call = Call(sweep, sweep.always, function, (tensor, *rest), dict(named))
        try:
            rule(call, tensor, *rest, **named)
        except (NoRule, Undecidable):
            return None
        refused = call.refused()
        works = sweep.always.values if refused is None else ~refused.values
        if bool(works.any()):
            return int(np.argmax(works)) + 1
    return None


def _uniform(condition: SweptBool) -> bool:
    """A rule's question that all sizes answer alike, such as whether they are positive."""
    if bool(condition.values.all()):
        return True
    if bool(condition.values.any()):
        raise NoRule
    return False


__all__ = ["smallest_by_rule"]
