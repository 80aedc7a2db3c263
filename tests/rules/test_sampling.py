"""Sampling at the points of a grid beside eager: ranks, modes, sizes that differ, and grids of an affine map."""

from __future__ import annotations

import pytest

from tests.rules.drawing import Drawer, drawn
from tests.rules.oracle import Fact, facts

POINTS = "\n".join(
    f"F.grid_sample(x, y, {options}) :: {image} & {grid} :: 1:6, open"
    for image, grid in (
        ("f32[2, 3, 4, T]", "f32[2, 5, 6, 2]"), ("f32[2, 3, 4, 5]", "f32[2, 5, T, 2]"), ("f32[2, 3, 4, 5]", "f32[T, 5, 6, 2]"),
        ("f32[T, 3, 4, 5]", "f32[2, 5, 6, 2]"), ("f32[2, 3, 4, 5]", "f32[2, 5, 6, T]"), ("f32[2, 3, 4, 5, T]", "f32[2, 5, 6, 2, 3]"),
        ("f32[2, 3, 4, 5, 2]", "f32[2, 5, 6, T, 3]"), ("f32[2, 3, T]", "f32[2, 5, 6, 2]"), ("f32[2, 3, 4, T]", "f32[2, 5, 6, 2, 3]"),
        ("f64[2, 3, 4, T]", "f32[2, 5, 6, 2]"), ("f64[2, 3, 4, T]", "f64[2, 5, 6, 2]"), ("i64[2, 3, 4, T]", "i64[2, 5, 6, 2]"),
        ("f32[2, 3, 4, T - 1]", "f32[2, 5, 6, 2]"), ("f32[2, 3, 4, 5]", "f32[2, T - 1, 6, 2]"), ("f32[2, T - 1, 4, 5]", "f32[2, 5, 6, 2]"),
        ("f32[T - 1, 3, 4, 5]", "f32[T - 1, 5, 6, 2]"),
    )
    for options in (
        "align_corners=False", "'nearest', 'border', True", "'bicubic', 'reflection', False", "'linear', align_corners=False",
        "padding_mode='none', align_corners=False",
    )
)  # fmt: skip

GRIDS = """
F.affine_grid(x, (2, 3, 4, 5), False)                           :: f32[2, 2, T]      :: few, 1:5
F.affine_grid(x, (2, 3, 4, 5), True)                            :: f32[2, T, 3]      :: few, 1:5
F.affine_grid(x, (2, 3, 4, 5), False)                           :: f32[T, 2, 3]      :: few, 1:5
F.affine_grid(x, [2, 3, 4, 5, 6], False)                        :: f32[2, 3, T]      :: few, 1:5
F.affine_grid(x, [2, 3, 4], False)                              :: f32[2, 2, T]      :: 1:5
F.affine_grid(x, (2, 3, 4, 5), False)                           :: f32[2, T]         :: 1:5
F.affine_grid(x, (2, 3, 4, 5), False)                           :: i64[2, 2, T]      :: 1:5
F.affine_grid(ones(2, 2, 3), x.shape, align_corners=False)      :: f32[2, 3, 4, T]   :: 1:6
F.affine_grid(ones(2, 2, 3), x.shape, align_corners=False)      :: f32[2, 3, T, 1]   :: 1:6
F.affine_grid(ones(2, 3, 4), list(x.shape), align_corners=True) :: f32[2, 3, 4, T, 2] :: 1:6
F.affine_grid(ones(2, 2, 3), x.shape, align_corners=False)      :: f32[T, 3, 4, 5]   :: 1:6
F.affine_grid(ones(2, 2, 3), x.shape, align_corners=False)      :: f32[2, 3, 4, T - 1] :: 1:6
F.affine_grid(ones(2, 2, 3), (2, 1, 4, x.shape[0] - 3), False)  :: f32[T]            :: 1:6
F.affine_grid(ones(2, 2, 3, dtype=f64), x.shape)                :: f32[2, 3, 4, T]   :: 1:6
F.grid_sample(x, F.affine_grid(ones(2, 2, 3), x.shape)).view(-1) :: f32[2, 3, 4, T]  :: few, 1:6
"""


@pytest.mark.parametrize("fact", facts(POINTS, share=0.6) + facts(GRIDS))
def test_sampling(fact: Fact) -> None:
    fact.check()


@drawn()
def test_any_sampling(d: Drawer) -> tuple[str, ...]:
    rank = d.one((2, 2, 3))
    sizes = ("T", "2", "1", "3", "T - 1", "5", "T + 1")
    batch = d.one(("2", "T", "1"))
    image = [batch, *(d.one(sizes) for _ in range(rank + 1))]
    other = d.one(sizes) if d.seldom() else batch
    grid = [other, *(d.one(sizes) for _ in range(rank)), d.one(sizes) if d.seldom() else str(rank)]
    dtype = d.one(("f32", "f64"))
    mode, padding = d.one(("bilinear", "nearest", "bicubic")), d.one(("zeros", "border", "reflection"))
    text = f"F.grid_sample(x, y, {mode!r}, {padding!r}, align_corners={d.one(('True', 'False'))})"
    return text, f"{dtype}[{', '.join(image)}]", f"{dtype}[{', '.join(grid)}]"
