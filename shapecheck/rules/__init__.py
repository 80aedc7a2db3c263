"""The table of rules: for one torch function, which lengths it rejects and what shape comes out.

A rule is only a faster way to the answer that PyTorch would give: with `RULES` switched off, every result stays.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from shapecheck.rules import (
    contraction,
    convolution,
    einsum,
    factory,
    gathering,
    joining,
    losses,
    normalization,
    pointwise,
    recurrent,
    reduction,
    resizing,
    sampling,
    slicing,
    spectral,
    views,
)
from shapecheck.rules.call import Call, NoRule
from shapecheck.rules.structural import IN_PLACE_FORMS, RANDOM, STRUCTURAL


def _guarded(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule that does not cover calls with arguments of kinds that it does not know: PyTorch is asked of those."""

    @functools.wraps(rule)
    def guarded(call: Call, *args: Any, **kwargs: Any) -> Any:
        try:
            return rule(call, *args, **kwargs)
        except (TypeError, AttributeError) as error:
            raise NoRule from error

    return guarded


_ROWS: dict[Any, Any] = {
    **pointwise.ROWS,
    **reduction.ROWS,
    **views.ROWS,
    **slicing.ROWS,
    **joining.ROWS,
    **gathering.ROWS,
    **contraction.ROWS,
    **einsum.ROWS,
    **normalization.ROWS,
    **resizing.ROWS,
    **sampling.ROWS,
    **spectral.ROWS,
    **convolution.ROWS,
    **factory.ROWS,
    **losses.ROWS,
    **recurrent.ALWAYS,
}
RULES: dict[Any, Any] = {function: _guarded(rule) for function, rule in _ROWS.items()}

# on even without rules: they know values, or their kernels would unroll time
ALWAYS: dict[Any, Any] = {
    function: RULES[function] for function in (*recurrent.ALWAYS, *factory.VALUES, *spectral.VALUES)
}

LEAF_RULES: dict[Any, Any] = recurrent.LEAF_ROWS

__all__ = ["ALWAYS", "IN_PLACE_FORMS", "LEAF_RULES", "RANDOM", "RULES", "STRUCTURAL", "Call", "NoRule"]
