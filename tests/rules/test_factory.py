"""Functions that make tensors, beside eager: sizes below zero, dtypes, numbers that do not fit, known values."""

from __future__ import annotations

import pytest

from tests.rules.drawing import ANY, Drawer, drawn
from tests.rules.oracle import Fact, facts

MADE = "\n".join(
    f"n = x.shape[-1]; {text} :: f32[2, 3, T] :: 1:8, open"
    for text in (
        "torch.zeros(2, n)", "torch.zeros((n,))", "torch.zeros([2, n - 3])", "torch.ones(x.shape)", "torch.rand(n, n - 1)",
        "torch.randn(n, dtype=f64)", "torch.randn(n, dtype=i64)", "torch.rand(n, dtype=b8)", "torch.randint(0, 5, (n,))", "torch.randperm(n)",
        "torch.zeros(n, device='cpu')", "torch.zeros(n, device=x.device, dtype=x.dtype)", "torch.zeros(size=(n, 2))", "torch.zeros(5 - n)",
        "torch.zeros(())", "torch.zeros(n / 2)", "torch.zeros(np.int64(2) * n)", "torch.full((n,), 2.5)", "torch.full((n,), 3)",
        "torch.full((2, n), True)", "torch.full((n,), 3, dtype=f32)", "torch.full((3,), n)", "torch.full((n, n), float('-inf'))",
        "torch.full((4 - n,), 1.0)", "torch.full(n, 1.0)", "torch.full((n,), torch.tensor(2.0))", "torch.full((n,), 300, dtype=u8)",
        "torch.full((2,), n, dtype=i8)", "torch.full((2,), n / 2)", "torch.zeros_like(x, dtype=i64)", "torch.full_like(x, 3)",
        "torch.full_like(x.long(), n)", "torch.rand_like(x)", "torch.randn_like(x.long())", "torch.ones_like(x > 0)", "x.new_zeros(n)",
        "x.new_zeros((2, n))", "x.new_ones(2, n - 3)", "x.new_full((n,), 3)", "x.new_full((n, 2), n)", "x.long().new_full((2,), n)",
        "x.new_tensor([1, n])", "x.new_zeros(n, dtype=b8)", "torch.arange(n)", "torch.arange(1, n)", "torch.arange(0, n, 2)",
        "torch.arange(5, n)", "torch.arange(n, 0, -1)", "torch.arange(n - 1, -1, -2)", "torch.arange(n, 2 * n)", "torch.arange(0.0, n)",
        "torch.arange(0, n, 0.5)", "torch.arange(n, dtype=f32)", "torch.arange(n, dtype=i32)", "torch.arange(250, 250 + n, dtype=u8)",
        "torch.arange(0, n, 0)", "torch.arange(start=1, end=n, step=1)", "torch.arange(end=n)", "torch.arange(0, 10, n)", "torch.arange(3 - n)",
        "torch.arange(n, dtype=b8)", "torch.arange(n, dtype=c64)", "torch.linspace(0, 1, n)", "torch.linspace(0, n, 5)",
        "torch.linspace(0, 1, steps=n - 3)", "torch.linspace(0, 10, n, dtype=i64)", "torch.eye(n)", "torch.eye(3 - n)", "torch.hann_window(n)",
        "torch.tril(torch.ones(n, n))", "torch.triu(torch.full((n, n), float('-inf')), diagonal=1)", "torch.tensor([n, 2])",
        "torch.tensor(n)", "torch.tensor(n, dtype=f32)", "torch.tensor(n / 2)", "torch.tensor(n > 3)", "torch.tensor([[n, 1], [2, n]])",
        "torch.tensor([[n, 1], [2]])", "torch.tensor([n, 2.5])", "torch.tensor([n, True])", "torch.tensor([n * 100], dtype=u8)",
        "torch.tensor([n * 20], dtype=i8)", "torch.tensor(x.shape)", "torch.as_tensor([n])", "torch.tensor(np.array([n, 2]))",
        "torch.scalar_tensor(n)", "torch.empty(n)", "x.new_empty(n, 2)", "torch.empty_like(x)", "torch.empty_like(x.long()).fill_(n)", "torch.normal(0.0, 1.0, (2, n))", "F.one_hot(torch.arange(n), 8)", "F.one_hot(torch.arange(n), 5)",
        "torch.arange(n)[None, :] < torch.tensor([3, n])[:, None]", "x.masked_fill(torch.arange(n) >= 3, 0.0)", "torch.LongTensor([n, 1])",
    )
)  # fmt: skip

LIKE = "\n".join(
    f"{text} :: {spec} :: all, 1:4"
    for text in (
        "torch.zeros_like(x)", "torch.rand_like(x.float())", "torch.full_like(x, 2)", "x.new_zeros(x.shape)",
        "torch.zeros_like(x, memory_format=torch.contiguous_format)", "torch.ones_like(x, dtype=f64)",
    )
    for spec in ("f32[2, 3, T]", "f32[2, 3, 4, T]", "i64[2, T]")
)  # fmt: skip


@pytest.mark.parametrize("fact", facts(MADE))
def test_made_of_sizes(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(LIKE))
def test_made_like_another(fact: Fact) -> None:
    fact.check()


@drawn()
def test_any_factory(d: Drawer) -> tuple[str, ...]:
    number = ("0", "1", "3", "n", "n - 3", "n // 2", "2 * n", "-2", "2.5")
    sizes = ", ".join(d.one(number[:7]) if d.whole(0, 9) else d.one(number) for _ in range(d.whole(0, 3)))
    dtype = d.one(("", "", ", dtype=f64", ", dtype=i64", ", dtype=u8", ", dtype=b8", ", dtype=f16"))
    value = d.one((*number, "True", "300", "float('inf')"))
    text = d.one(
        (
            f"torch.{d.one(('zeros', 'ones', 'rand', 'randn'))}(({sizes}{',' if sizes else ''}){dtype}) * 0 == 0", f"torch.full(({sizes}{',' if sizes else ''}), {value}{dtype})",
            f"torch.arange({d.one(number)}{dtype})", f"torch.arange({d.one(number)}, {d.one(number)}{dtype})", f"torch.arange({d.one(number)}, {d.one(number)}, {d.one(number)}{dtype})",
            f"torch.linspace({d.one(number)}, {d.one(number)}, {d.one(number)}{dtype})", f"torch.full_like(x, {value}{dtype})", f"x.new_full(({sizes}{',' if sizes else ''}), {value}{dtype})",
            f"torch.zeros_like(x{dtype})", f"torch.tensor([{d.one(number)}, {d.one(number)}]{dtype})", f"torch.tensor({d.one(number)}{dtype})", f"torch.eye({d.one(number)}{dtype})",
            f"x.new_zeros({sizes or '()'}{dtype})", f"torch.ones_like(x{dtype}) + torch.arange(n)", f"torch.randint({d.one(number)}, ({sizes}{',' if sizes else ''})) * 0",
        )
    )  # fmt: skip
    return f"n = y.shape[-1]; {text}", d.spec(0, 3, ANY), "f32[T]"
