"""Products, attention and embeddings beside eager: sizes, dtypes, layouts."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from torch import nn

from tests.rules.oracle import ALL, LAYOUTS, Fact, differences, facts

DTYPES = "\n".join(
    f"{text} :: {one}[2, T, 3] :: 1:2"
    for one, other in product(("f64", "f32", "f16", "bf16", "i64", "u8", "b8", "c64"), repeat=2)
    if one == other or "f32" in (one, other)
    for text in (
        f"F.linear(x, ones(4, 3, dtype={other}))", f"x @ ones(3, 4, dtype={other})", f"torch.bmm(x, ones(2, 3, 4, dtype={other}))",
        f"F.linear(x, ones(4, 3, dtype={one}), ones(4, dtype={other}))", f"torch.baddbmm(ones(2, 1, 4), x, ones(2, 3, 4, dtype={other}))",
    )
)  # fmt: skip

PRODUCTS = "\n".join(
    f"{text} :: {spec} :: 1:6, open"
    for text in (
        "F.linear(x, ones(4, 3))", "F.linear(x, ones(4, 3), ones(4))", "F.linear(x, ones(4, 3), ones(3))", "F.linear(x, ones(3))",
        "torch.mm(x, ones(3, 4))", "torch.mv(x, ones(3))", "x @ ones(3, 4)", "ones(4, 3) @ x", "x @ ones(2, 3, 4)", "ones(2, 4, 3) @ x",
        "ones(3) @ x", "x @ ones(3)", "torch.bmm(x, ones(2, 3, 4))", "torch.bmm(x, x.transpose(1, 2))", "x @ x.transpose(-1, -2)",
        "torch.addmm(ones(4), x, ones(3, 4))", "torch.addmm(ones(2, 1), x, ones(3, 4))", "torch.baddbmm(ones(2, 1, 4), x, ones(2, 3, 4))",
        "torch.baddbmm(ones(2, 4), x, ones(2, 3, 4))", "torch.outer(x, x)", "torch.dot(x, x)", "torch.einsum('btd,bsd->bts', x, x)",
        "torch.einsum('bij,jk->bik', x, ones(3, 4))", "nn.Bilinear(3, 3, 2)(x, x)",
    )
    for spec in (
        "f32[T]", "f32[]", "f32[T, 3]", "f32[3, T]", "f32[2, T, 3]", "f32[2, 3, T]", "f32[2, T - 1, 3]", "f32[T - 1, 3, 3]", "f32[2, 3, T - 1]",
        "f32[1, 2, T, 3]",
    )
)  # fmt: skip

QKV = (
    ("f32[2, 3, T, 4]",) * 3, ("f32[2, 3, 5, 4]", "f32[2, 3, T, 4]", "f32[2, 3, T, 6]"), ("f32[2, T, 4]", "f32[2, 5, 4]", "f32[2, 5, 4]"),
    ("f32[T, 4]", "f32[5, 4]", "f32[5, 4]"), ("f32[2, 3, T, 4]", "f32[2, 3, 5, 4]", "f32[2, 3, 6, 4]"),
    ("f32[2, 3, 5, T]", "f32[2, 3, 5, 4]", "f32[2, 3, 5, 4]"), ("f32[2, 3, T, 4]", "f32[2, 1, T, 4]", "f32[2, 1, T, 4]"),
    ("f64[2, T, 4]", "f32[2, T, 4]", "f32[2, T, 4]"), ("i64[2, T, 4]",) * 3, ("f16[2, T, 4]",) * 3, ("f32[2, T - 1, 4]",) * 3,
)  # fmt: skip

ATTENTION = "\n".join(
    f"F.scaled_dot_product_attention(x, y, z{options}) :: {' & '.join(specs)} :: 1:6, open"
    for specs in QKV
    for options in (
        "", ", is_causal=True", ", attn_mask=zeros(x.shape[-2], y.shape[-2])", ", attn_mask=zeros(1, y.shape[-2]) > 0",
        ", attn_mask=zeros(5, 5)", ", attn_mask=zeros(1, 1, dtype=f64)", ", attn_mask=zeros(y.shape[-2])", ", enable_gqa=True",
    )
)  # fmt: skip

_BATCH_FIRST = nn.MultiheadAttention(8, 2, batch_first=True).eval()
HEADS = "\n".join(
    f"{text} :: {spec} :: 1:7"
    for text in (
        "heads(x, x, x)", "first(x, x, x)", "first(x, x, x, need_weights=False)",
        "first(x, x, x, key_padding_mask=zeros(x.shape[0], x.shape[1]) > 0)", "first(x, x, x, attn_mask=zeros(x.shape[1], x.shape[1]))",
        "first(x, x, x, attn_mask=zeros(5, 5))", "first(x, x, x, average_attn_weights=False)", "first(x, ones(2, 5, 8), ones(2, 5, 8))",
        "first(x, ones(2, 5, 8), ones(2, 6, 8))", "first(x, x, x, attn_mask=zeros(x.shape[1], x.shape[1], dtype=i64))",
        "first(x, x, x, attn_mask=zeros(4, x.shape[1], x.shape[1]))", "other(x, ones(2, 5, 6), ones(2, 5, 5))",
    )
    for spec in ("f32[2, T, 8]", "f32[T, 2, 8]", "f32[T, 8]", "f32[2, 3, T]", "f64[2, T, 8]")
)  # fmt: skip

NAMES: dict[str, Any] = {
    "heads": nn.MultiheadAttention(8, 2).eval(),
    "first": _BATCH_FIRST,
    "other": nn.MultiheadAttention(8, 2, kdim=6, vdim=5, batch_first=True).eval(),
}


@pytest.mark.parametrize("fact", facts(DTYPES + "\n" + PRODUCTS))
def test_products(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(ATTENTION + "\n" + HEADS, **NAMES))
def test_attention(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("one", ALL)
def test_layouts_of_products(one: str) -> None:
    for other in ALL:
        for sizes in (("2, T, 4", "2, 3, 4"), ("2, 3, T", "2, 5, T")):

            def multiplied(x: torch.Tensor, y: torch.Tensor, other: str = other) -> list[torch.Tensor]:
                left, right = LAYOUTS[one](x), LAYOUTS[other](y)
                batch = right.transpose(1, 2)
                return [left @ batch, left[0] @ batch, left @ right[0].t(), left @ right[0, 0], left[0] @ right[0].t()]

            problems = differences(multiplied, *(f"f32[{size}]" for size in sizes), lengths=(1, 3))
            assert not problems, (other, problems[:3])
