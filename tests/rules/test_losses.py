"""Losses beside eager: operands that broadcast, reductions, dtypes."""

from __future__ import annotations

from itertools import product

import pytest

from tests.rules.drawing import ANY, REAL, SIZES, Drawer, drawn
from tests.rules.oracle import Fact, facts

NAMES = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")

CLASSES = "\n".join(
    f"F.{name}(x, y{options}) :: f32[{one}] & {other} :: 0:6"
    for name, options, one, other in product(
        ("cross_entropy", "nll_loss"),
        ("", ", reduction='none'", ", reduction='sum'", ", ignore_index=2", ", weight=ones(3)"),
        ("T, 3", "2, 3, T", "T, 3, 4, 2"),  # classes are taken to be in range
        ("i64[2]", "i64[T]", "i64[2, T]", "i64[2, 4]", "i64[T, 4, 2]", "i64[]", "i32[T]", "f32[T, 3]"),
    )
)

ROWS = "\n".join(
    f"F.{name}(x, y{options}) :: f32[{one}] & {other} :: 1:5{', open' if name == 'huber_loss' else ''}"
    for name, options, one, other in product(
        NAMES,
        ("", ", reduction='none'", ", reduction='sum'", ", reduction='max'"),
        ("2, T", "T - 1, 3"),
        ("f32[2, T]", "f32[2, 3]", "f32[]", "f64[2, T]", "i64[1, T]", "f32[2, 2, T]"),
    )
)

OTHERS = """
F.mse_loss(x, y, weight=ones(3))                  :: f32[2, T] & f32[2, T] :: 1:5
F.mse_loss(x, y, weight=ones(2, 1))               :: f32[2, T] & f32[2, T] :: 1:5
F.smooth_l1_loss(x, y, beta=0.0)                  :: f32[2, T] & f32[2, T] :: 1:5
F.smooth_l1_loss(x, y, beta=-1.0)                 :: f32[2, T] & f32[2, T] :: 1:5
F.huber_loss(x, y, delta=0.0)                     :: f32[2, T] & f32[2, T] :: 1:5
F.huber_loss(x, y, delta=2.0)                     :: f32[2, T] & f32[2, T] :: 1:5
F.huber_loss(x, y, weight=ones(3))                :: f32[2, T] & f32[2, T] :: 1:5
nn.MSELoss()(x, y)                                :: f32[2, T] & f32[2, 1] :: 1:5
nn.L1Loss(reduction='sum')(x, y)                  :: f32[2, T] & f32[3, T] :: 1:5
F.cross_entropy(x, torch.tensor([0, 2]))          :: f32[2, T]             :: 1:5
F.binary_cross_entropy_with_logits(x, y)          :: f32[2, T] & f32[2, 3] :: 1:5
F.cross_entropy(x, y, label_smoothing=0.1)        :: f32[2, 3, T] & i64[2, 4] :: 1:6
F.cross_entropy(x, y, label_smoothing=1.5)        :: f32[2, 3, T] & i64[2, 4] :: 1:6
F.kl_div(x, y)                                    :: f32[2, T] & f32[2, 3] :: 1:5
"""


@pytest.mark.parametrize("fact", facts(ROWS, share=0.2) + facts(CLASSES, share=0.5) + facts(OTHERS))
def test_losses(fact: Fact) -> None:
    fact.check()


@drawn()
def test_any_loss(d: Drawer) -> tuple[str, ...]:
    sizes, dtypes = d.some(0, 3, SIZES), d.one((("f32",), REAL, ANY))
    kept = (
        [d.one((size, size, "1")) for size in sizes][d.whole(0, len(sizes)) :] if d.whole(0, 2) else d.some(0, 3, SIZES)
    )
    options = d.arguments(reduction=("'none'", "'mean'", "'sum'"))
    name = d.one((*NAMES, "soft_margin_loss", "kl_div", "binary_cross_entropy_with_logits"))
    if name in ("smooth_l1_loss", "huber_loss"):
        options += d.arguments(**{"beta" if name[0] == "s" else "delta": (0.5, 1.0, 0.0, -1.0, 2)})
    return f"F.{name}(x, y{options})", f"{d.one(dtypes)}[{', '.join(sizes)}]", f"{d.one(dtypes)}[{', '.join(kept)}]"
