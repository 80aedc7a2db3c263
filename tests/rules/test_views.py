"""Views beside eager: which shapes and layouts can be viewed, and what strides come out."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.oracle import Fact, differences, facts

SPECS = ("f32[2, 3, T]", "f32[2, 3, T - 1]", "f32[T, 6]", "f32[T, T]", "f32[1, T, 3]", "f32[2, 3, 2*T]")

VIEWS = "\n".join(
    f"{text} :: {spec} :: {layouts}, 1:7"
    for text, spec in product(
        (
            "x.view(-1)", "x.view(2, -1)", "x.view((x.shape[0], -1))", "x.view(6, x.shape[-1])", "x.view(2, 3, 1, -1)",
            "x.view(-1, 2)", "x.view(-1, x.shape[-1])", "x.view(-1, -1)", "x.view(2, 3, 5)", "x.view(-2, 3)", "x.view(0)",
            "x.view(2, 3, x.shape[-1] // 2, 2)", "x.view(2, 3, -1, 4)", "x.view(x.shape)", "x.view(6, -1)", "x.view(*x.shape, 1)",
            "x.view(1, *x.shape)", "x.view(x.shape[-1], -1)", "x.view_as(zeros(6, x.shape[-1]))",
            "x.reshape(2, -1)", "x.reshape(-1, 2)", "x.reshape(2, 3, 5)", "x.reshape(2, -1).view(2, 3, -1)",
        ),
        SPECS,
    )
    for layouts in (("all",) if spec in ("f32[2, 3, T]", "f32[T, T]") and "reshape" not in text else ("plain",))
)  # fmt: skip

SHAPES = "\n".join(
    f"{text} :: {spec} :: {options}"
    for text in (
        "x.reshape(-1)", "x.reshape(shape=(6, -1))", "x.reshape(())", "x.reshape(0, -1)", "x.reshape(-2)", "x.ravel()",
        "x.reshape_as(zeros(6, x.shape[-1]))", "x.flatten()", "x.flatten(1)", "x.flatten(0, 1)", "torch.flatten(x, -2)",
        "x.flatten(2, 1)", "x.flatten(0, 5)", "x.flatten(start_dim=1, end_dim=2)", "x.flatten(1, 1)", "x.unflatten(-1, (2, -1))",
        "x.unflatten(1, (3, 1))", "x.unflatten(0, (-1, 1))", "x.unflatten(1, (2, 2))", "x.unflatten(2, (x.shape[-1] // 2, 2))",
        "x.unflatten(7, (2, 2))", "x.unflatten(1, (-1, -1))", "x.unflatten(1, ())",
        "x.permute(2, 0, 1)", "x.permute((0, 2, 1))", "x.permute(-1, 0, 1)", "x.permute(0, 1)", "x.permute(0, 0, 1)",
        "x.permute(dims=(1, 0, 2))", "x.transpose(1, 2)", "x.transpose(-1, 0)", "x.transpose(1, 3)", "x.transpose(dim0=0, dim1=1)",
        "x.t()", "x[0].T", "x.mT", "x.swapaxes(0, 2)", "x.movedim(0, -1)", "x.movedim((0, 1), (1, 2))", "torch.moveaxis(x, 2, 0)",
        "x.movedim((0, 0), (1, 2))", "x.unsqueeze(0)", "x.unsqueeze(-1)", "x.unsqueeze(3)", "x.unsqueeze(4)", "x.unsqueeze(-5)",
        "x.squeeze()", "x.squeeze(0)", "x.squeeze(-1)", "x.squeeze((0, 2))", "x.squeeze(3)", "x.squeeze((1, 1))", "x.squeeze(dim=2)",
        "x.expand(2, 3, -1)", "x.expand(5, 2, 3, -1)", "x.expand(2, 3, x.shape[-1])", "x.expand(3, -1)", "x.expand(-1, 2, 3, -1)",
        "x.expand(0, 2, 3, -1)", "x.expand(-1, -1, 5)", "x.expand(-1, -1, -2)", "x.expand_as(zeros(4, 2, 3, x.shape[-1]))",
        "torch.broadcast_to(x, (4, 2, 3, x.shape[-1]))", "x[..., :1].expand(-1, -1, x.shape[-1])", "x[:1].expand(x.shape[-1], -1, -1)",
        "x.mean(-1, keepdim=True).expand(x.shape)", "x[:, :1].expand(-1, 4, -1).reshape(2, -1)", "x[:, :1].expand(-1, 4, -1).view(2, -1)",
        "x[:, :, None].expand(-1, -1, 2, -1).reshape(2, 3, -1)", "x[:, :, :, None].expand(-1, -1, -1, 2).reshape(2, 3, -1)",
        "x.view(torch.int32)", "x.transpose(1, 2).view(x.shape[0], -1)", "x.transpose(1, 2).contiguous().view(x.shape[0], -1)",
        "x.transpose(0, 1).reshape(3, -1).is_contiguous()", "x.transpose(1, 2).is_contiguous()",
    )
    for spec, options in (("f32[2, 3, T]", "few, 1:6, open"), ("f32[1, T, 1]", "1:4, open"), ("f32[T % 3, 3, 4]", "1:6, open"))
)  # fmt: skip

IN_PLACE = """
x.unsqueeze_(1); x                                :: f32[2, 3, T]              :: few, 1:4
x.transpose_(0, 2); x                             :: f32[2, 3, T]              :: few, 1:4
x.t_(); x                                         :: f32[3, T]                 :: few, 1:4
x.squeeze_(1); x                                  :: f32[2, 1, T]              :: few, 1:4
"""

VALUES = """
x.view(1, 3)                                      :: i64[3] = [T, 4, 2*T]
x.reshape(-1, 1)                                  :: i64[3] = [T, 4, 2*T]
x.view(2, 2).t()                                  :: i64[4] = [T, 4, 2*T, 1]
x[None].expand(2, -1)                             :: i64[3] = [T, 4, 2*T]
x.expand(3)                                       :: i64[1] = T
x.unsqueeze(0).squeeze()                          :: i64[3] = [T, 4, 2*T]
x.view(-1)[1]                                     :: i64[3] = [T, 4, 2*T]
x.movedim(0, 0)                                   :: i64[3] = [T, 4, 2*T]
x.squeeze(3)                                      :: i64[] = T                 :: 1:3
x.expand(0, -1)                                   :: i64[1] = T                :: 1:3
y = x.view(-1); y += 1; x + 0                     :: i64[3] = [T, 4, 2*T]
y = x[1:]; y.add_(1); x * 1                       :: i64[3] = [T, 4, 2*T]
y = x.detach(); y.zero_(); x + 0                  :: i64[3] = [T, 4, 2*T]
"""

# sizes that coincide at one length: computeStride groups the axes otherwise there
COINCIDENCES = """
x.transpose(0, 1).contiguous().transpose(0, 1).view(2, -1)        :: f32[T, 6]
x.transpose(0, 1).contiguous().transpose(0, 1).view(2, 3, 1, -1)  :: f32[T, 6]
x[:, 0:1].view(2, -1)                                             :: f32[T, 3, 4]
x.transpose(0, 1).view(x.shape[1], -1)                            :: f32[T, T]
x.transpose(1, 2).view(2, 3, -1)                                  :: f32[2, T, 3]
x.transpose(1, 2).view(2, 4, -1)                                  :: f32[2, T, 3]
"""


@pytest.mark.parametrize("fact", facts(VIEWS + "\n" + COINCIDENCES))
def test_views(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(SHAPES))
def test_shapes(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(VALUES))
def test_values_go_along(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(IN_PLACE))
def test_shapes_changed_in_place(fact: Fact) -> None:
    fact.check()


SIZES = st.sampled_from(["T", "1", "2", "3", "T + 1", "2*T", "4", "T % 2 + 1"])


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.lists(SIZES, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_view_of_any_permuted_tensor(sizes: list[str], random: object) -> None:
    order = list(range(len(sizes)))
    random.shuffle(order)  # type: ignore[attr-defined]
    groups = [random.random() < 0.4 for _ in sizes]  # type: ignore[attr-defined]

    def viewed(x: torch.Tensor) -> torch.Tensor:
        shuffled = x.permute(order)
        shape: list[object] = []
        for size, joins in zip(shuffled.shape, groups, strict=True):
            if joins and shape:
                shape[-1] = shape[-1] * size  # type: ignore[operator]
            else:
                shape.append(size)
        return shuffled.view(shape)

    problems = differences(viewed, f"f32[{', '.join(sizes)}]", lengths=(1, 7))
    assert not problems, problems[:3]
