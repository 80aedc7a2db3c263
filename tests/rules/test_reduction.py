"""Reductions beside eager: axes, dtypes, empty tensors, layouts."""

from __future__ import annotations

import pytest

from tests.rules.drawing import ANY, REAL, SIZES, Drawer, drawn
from tests.rules.oracle import Fact, facts

CALLS = (
    "x.mean()", "x.mean(-1)", "x.mean((1, 2))", "x.mean(-1, keepdim=True)", "torch.mean(x, dim=[0, 2])", "x.mean(())", "x.mean((1, 1))",
    "x.mean(3)", "x.mean(dtype=f64)", "x.mean(None)", "x.sum()", "x.sum(0)", "x.sum((0, 1), True)", "x.sum(-1, dtype=f64)", "x.sum(axis=1)",
    "x.max()", "x.max(-1)", "x.max(-1, keepdim=True)[0]", "x.max(dim=1).values", "x.min(0)[1]", "x.max(3)", "torch.max(x, x)", "x.amax(-1)",
    "x.amax((1, 2))", "x.amin()", "x.argmax(-1)", "x.argmax()", "x.argmin(1, True)", "x.std(-1)", "x.std()", "x.var((1, 2))",
    "x.var(-1, unbiased=False)", "torch.var(x, dim=-1, correction=0, keepdim=True)", "x.std(False)", "torch.var_mean(x, -1)", "x.norm()",
    "x.norm(1, -1)", "x.norm(2, dim=(1, 2))", "torch.norm(x, p='fro', dim=-1, keepdim=True)", "x.norm(float('inf'), -1)",
    "torch.linalg.norm(x, dim=-1)", "torch.linalg.vector_norm(x, dim=(0, 1))", "torch.linalg.norm(x, ord=2)", "x.prod()", "x.prod(-1)",
    "x.any()", "(x > 0).any(-1)", "(x > 0).all(1, True)", "x.all()", "x.logsumexp(-1)", "torch.logsumexp(x, (0, 1), True)", "x.median(-1)[0]",
    "F.normalize(x, dim=-1)", "F.normalize(x)", "F.normalize(x, dim=3)", "(x > 0).sum(-1)", "(x > 0).mean(-1)", "x.cummax(-1)[0]", "x.diff()",
)  # fmt: skip

SHAPES = "\n".join(
    f"{text} :: {spec} :: {options}"
    for text in CALLS
    for spec, options in (
        ("f32[2, 3, T]", "few, 1:4, open"), ("f32[2, 3, T - 1]", "1:3, open"), ("f32[T - 1, 3, 2]", "1:3, open"), ("i64[2, 3, T]", "1:2"),
        ("b8[2, 3, T]", "1:2"), ("u8[2, 3, T]", "1:2"), ("c64[2, 3, T]", "1:2"), ("f32[T]", "1:3"), ("f32[]", "1:1"),
    )
)  # fmt: skip

LAYOUTS = "\n".join(
    f"{text} :: f32[2, 3, 4, T] :: all, 1:3"
    for text in (
        "x.mean(1, keepdim=True)",
        "x.sum((1, 3))",
        "x.max(1)",
        "x.std(2)",
        "x.norm(dim=1)",
        "x.amax(2)",
        "x.argmax(1)",
        "F.normalize(x)",
    )
)

INDICES = """
F.embedding(x.argmax(-1), ones(3, 4))             :: f32[2, 3]               :: 1:1
F.embedding(x.argmax(-1), ones(3, 4))             :: f32[2, T]               :: open
x.max(-1)[1]                                      :: f32[2, T]
"""


@pytest.mark.parametrize("fact", facts(SHAPES, share=0.25))
def test_shapes_and_dtypes(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(LAYOUTS + INDICES))
def test_layouts_and_indices(fact: Fact) -> None:
    fact.check()


@drawn()
def test_any_reduction(d: Drawer) -> tuple[str, ...]:
    sizes = d.some(0, 4, SIZES)
    rank = len(sizes)
    axes = [d.axis(rank) for _ in range(d.whole(1, 2))]
    dim = str(d.one((axes[0], axes[0], tuple(axes), "None")))
    name = d.one(
        (
            "mean",
            "sum",
            "prod",
            "max",
            "min",
            "amax",
            "amin",
            "argmax",
            "argmin",
            "std",
            "var",
            "norm",
            "any",
            "all",
            "logsumexp",
            "median",
            "count_nonzero",
            "nansum",
        )
    )
    keep = d.one(("", "", ", keepdim=True", ", True"))
    if name in ("std", "var"):
        keep = d.one(("", ", keepdim=True", ", unbiased=False", ", correction=0", ", correction=2, keepdim=True"))
    elif name in ("mean", "sum", "prod") and d.seldom(4):
        keep += d.one((", dtype=f64", ", dtype=i64"))
    elif name == "norm":
        keep, dim = (
            d.one(("", ", keepdim=True")),
            f"{d.one((2, 1, 0, 3, 'inf', '-inf', 0.5)) if d.whole(0, 1) else 2}, {dim}".replace(
                "inf", "float('inf')"
            ).replace("-float", "-1 * float"),
        )
    text = d.one((f"x.{name}({dim}{keep})", f"torch.{name}(x, {dim}{keep})", f"x.{name}()"))
    if d.seldom():
        text = d.one(
            (
                f"F.normalize(x, dim={dim})" if name != "norm" else "F.normalize(x)",
                f"torch.linalg.vector_norm(x, dim={axes[0]})",
                f"torch.linalg.norm(x, dim={axes[0]})",
            )
        )
    return text, f"{d.one(d.one((REAL, ANY)))}[{', '.join(sizes)}]"
