"""Products, attention and embeddings beside eager: sizes, dtypes, layouts."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from torch import nn

from tests.rules.drawing import ANY, REAL, Drawer, drawn
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
    ("f32[2, 6, T, 4]", "f32[2, 3, T, 4]", "f32[2, 3, T, 4]"), ("f32[2, 6, T, 4]", "f32[2, 2, 5, 4]", "f32[2, 3, 5, 4]"),
    ("f32[2, 6, T, 4]", "f32[2, 4, 5, 4]", "f32[2, 4, 5, 4]"), ("f32[2, 6, T, 4]", "f32[T, 3, 5, 4]", "f32[2, 3, 5, 6]"),
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
        "other(x, ones(2, x.shape[1], 6), ones(2, x.shape[1], 5))", "other(x, ones(2, 5, 5), ones(2, 5, 6))",
        "other(x, ones(2, 5, 6), ones(2, 6, 5))", "other(x, ones(5, 6), ones(5, 5))",
        "biased(x, x, x)", "biased(x, x, x, average_attn_weights=False)", "biased(x, x, x, need_weights=False)",
        "biased(x, x, x, attn_mask=zeros(x.shape[0], 4), key_padding_mask=zeros(2, 4) > 0)",
        "heads(x, x, x, key_padding_mask=zeros(4) > 0)", "heads(x, x, x, attn_mask=zeros(2, x.shape[0], 4))",
        "heads(x, x, x, attn_mask=zeros(4, 4), is_causal=True)", "heads(x, x, x, attn_mask=zeros(4, 4), is_causal=True, need_weights=False)",
        "heads(x, x, x, key_padding_mask=zeros(2, 4), attn_mask=zeros(4, 4), is_causal=True, need_weights=False)",
        "heads(x, x, x, is_causal=True)", "heads(x, x, x)[0].view(-1)",
    )
    for spec in ("f32[2, T, 8]", "f32[T, 2, 8]", "f32[T, 8]", "f32[2, 3, T]", "f64[2, T, 8]")
)  # fmt: skip

NAMES: dict[str, Any] = {
    "heads": nn.MultiheadAttention(8, 2).eval(),
    "first": _BATCH_FIRST,
    "biased": nn.MultiheadAttention(8, 2, add_bias_kv=True, add_zero_attn=True).eval(),
    "other": nn.MultiheadAttention(8, 2, kdim=6, vdim=5, batch_first=True).eval(),
}


@pytest.mark.parametrize("fact", facts(DTYPES + "\n" + PRODUCTS, share=0.3))
def test_products(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(ATTENTION + "\n" + HEADS, share=0.4, **NAMES))
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


@drawn()
def test_any_product(d: Drawer) -> tuple[str, ...]:
    dtype = d.one(d.one((REAL, ANY)))
    other = d.one(ANY) if d.seldom(10) else dtype
    inner, sizes = d.one(("3", "3", "T", "T + 1", "4", "1", "0", "T - 1")), ("T", "2", "1", "3", "T - 1", "5", "T + 1")
    wrong = d.one(sizes) if d.seldom() else inner
    batch = d.some(0, 2, sizes)
    fitting = [d.one((size, size, "1")) for size in batch][d.whole(0, len(batch)) :]
    left, right = [*batch, d.one(sizes), inner], [*fitting, wrong, d.one(sizes)]
    kind = d.one(("matmul", "matmul", "mm", "bmm", "linear", "baddbmm", "addmm", "einsum", "vector"))
    if kind in ("mm", "addmm", "linear"):
        left, right = left[-2:] if kind != "linear" else left, right[-2:]
    elif kind in ("bmm", "baddbmm"):
        left, right = [d.one(sizes), *left[-2:]], [left[0], *right[-2:]]
        right[0] = d.one(sizes) if d.seldom() else left[0]
    elif kind == "vector":
        left, right = d.one(((left, [wrong]), ([inner], right), ([inner], [wrong])))
    text = {
        "matmul": d.one(("x @ y", "torch.matmul(x, y)", "y @ x", "x @ x.transpose(-1, -2)")), "vector": d.one(("x @ y", "torch.matmul(x, y)")), "mm": "torch.mm(x, y)", "bmm": "torch.bmm(x, y)",
        "linear": d.one(("F.linear(x, y.transpose(-1, -2))", "F.linear(x, y.transpose(-1, -2), ones(y.shape[-1]))", "F.linear(x, y)")),
        "baddbmm": d.one(("torch.baddbmm(z, x, y)", "torch.baddbmm(z, x, y, beta=0)")), "addmm": "torch.addmm(z, x, y)",
        "einsum": d.one(("torch.einsum('...ij,...jk->...ik', x, y)", "torch.einsum('ij,jk->ki', x, y)", "torch.einsum('bij,bjk->bi', x, y)", "torch.einsum('bij,cjk->bcik', x, y)", "torch.einsum('bij,bjk', x, y)")),
    }[kind]  # fmt: skip
    third = [d.one((size, size, "1")) for size in [*left[:-1], right[-1]]][d.whole(0, 1) :]
    return text, f"{dtype}[{', '.join(left)}]", f"{other}[{', '.join(right)}]", f"{dtype}[{', '.join(third)}]"


@drawn()
def test_any_attention(d: Drawer) -> tuple[str, ...]:
    batch = d.some(0, 2, ("2", "T", "1", "3"))
    width, keys = d.one(("4", "4", "T", "1")), d.one(("T", "5", "1", "T + 1"))
    dtype = d.one(d.one((REAL, ANY))) if d.seldom() else "f32"
    specs = [[*batch, d.one(("T", "5", "1")), width], [*batch, keys, width], [*batch, keys, d.one((width, "6"))]]
    if d.seldom(6):
        specs[d.whole(0, 2)][d.whole(0, 1)] = d.one(("2", "T", "1", "3"))
    mask = d.one(
        (
            "",
            "",
            ", is_causal=True",
            ", attn_mask=zeros(x.shape[-2], y.shape[-2])",
            ", attn_mask=zeros(x.shape[-2], y.shape[-2]) > 0",
            ", attn_mask=zeros(1, y.shape[-2])",
            ", attn_mask=zeros(5, 5)",
            ", scale=0.5",
        )
    )
    return f"F.scaled_dot_product_attention(x, y, z{mask})", *(f"{dtype}[{', '.join(sizes)}]" for sizes in specs)
