"""No rule without an oath: each function that has one is called, at lengths that it accepts and at ones that it refuses.

A new row of the rules fails here until it has a call, and one whose refusals are never reached does, too.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.overrides import resolve_name

from shapecheck import operations, tracer
from shapecheck.rules import LEAF_RULES, RULES, Call
from tests.rules.oracle import Fact, facts

# how the functions of each rule are called; `f` is the function
CALLS = {
    "contraction.added": "f(z, x, y) :: f32[2, T] & f32[3, 4] & f32[1, 4]",
    "contraction.attention": "f(x, y, y) :: f32[2, 3, T] & f32[2, 5, 4]",
    "contraction.bmm": "f(x, y) :: f32[2, 3, T] & f32[2, 4, 5]",
    "contraction.embedding": "f(torch.arange(x.shape[0]), y) :: f32[T] & f32[5, 2]",
    "contraction.linear": "f(x, y) :: f32[2, T] & f32[4, 3]",
    "contraction.matmul": "f(x, y) :: f32[2, T] & f32[3, 4]",
    "contraction.multi_head_attention": "f(x, x, x, 4, 2, ones(12, 4), None, None, None, False, 0.0, ones(4, 4), None) :: f32[5, 2, T]",
    "contraction.product_of_matrices": "f(x, y) :: f32[2, T] & f32[3, 4]",
    "convolution.adaptive": "f(x, 2) :: f32[2, 3, T]",
    "convolution.convolution": "f(x, y) :: f32[2, 3, T] & f32[4, 3, 3]",
    "convolution.pooling": "f(x, 3) :: f32[2, 3, T]",
    "convolution.transposed": "f(x, y, padding=1) :: f32[2, T, 5] & f32[3, 4, 3]",
    "einsum.einsum": "f('ij,jk->ik', x, y) :: f32[2, T] & f32[3, 4]",
    "factory.arange": "f(3, x.shape[0]) :: f32[T]",
    "factory.full": "f((x.shape[0] - 3,), 1.0) :: f32[T]",
    "factory.like": "f(x) :: f32[2, T]",
    "factory.linspace": "f(0, 1, x.shape[0] - 3) :: f32[T]",
    "factory.new_full": "f(x, (x.shape[0] - 3,), 1.0) :: f32[T]",
    "factory.new_sized": "f(x, x.shape[0] - 3) :: f32[T]",
    "factory.sized": "f(x.shape[0] - 3) :: f32[T]",
    "factory.tensor": "f([x.shape[0], 2]) :: f32[T]",
    "gathering.gather": "f(x, 0, zeros(2, 3, dtype=i64)) :: f32[2, T]",
    "gathering.getitem": "f(x, 3) :: f32[T]",
    "gathering.index_select": "f(x, 0, index(0, 3)) :: f32[T]",
    "gathering.setitem": "f(x, 3, 1.0); x :: f32[T]",
    "joining.cat": "f([x, y]) :: f32[2, T] & f32[2, 3]",
    "joining.clone": "f(x) :: f32[2, T]",
    "joining.contiguous": "f(x) :: f32[2, T]",
    "joining.flip": "f(x, (0,)) :: f32[2, T]",
    "joining.glu": "f(x) :: f32[2, T]",
    "joining.meshgrid": "f(x, x, indexing='ij') :: f32[T]",
    "joining.pixel_shuffle": "f(x, 2) :: f32[2, T, 3, 3]",
    "joining.repeat": "f(x, 2, 2) :: f32[2, T]",
    "joining.repeat_interleave": "f(x, 2, 0) :: f32[2, T]",
    "joining.roll": "f(x, 1, 0) :: f32[2, T]",
    "joining.stack": "f([x, y]) :: f32[2, T] & f32[2, 3]",
    "joining.tile": "f(x, (2, 2)) :: f32[2, T]",
    "joining.triangle": "f(x) :: f32[2, T]",
    "sampling.affine_grid": "f(x, (2, 3, 4, 5), False) :: f32[2, 2, T]",
    "sampling.grid_sample": "f(x, y, align_corners=False) :: f32[T, 3, 4, 5] & f32[2, 3, 3, 2]",
    "losses.elementwise": "f(x, y) :: f32[2, T] & f32[2, 3]",
    "normalization.batch_norm": "f(x, None, None, training=True) :: f32[1, 3, T]",
    "normalization.group_norm": "f(x, 3) :: f32[1, 3, T]",
    "normalization.instance_norm": "f(x) :: f32[1, 3, T]",
    "normalization.layer_norm": "f(x, (3,)) :: f32[2, T]",
    "pointwise.angle": "f(x) :: f32[2, T]",
    "pointwise.contiguous_unary": "f(x) :: f32[2, T]",
    "pointwise.cumulative": "f(x, -1) :: f32[2, T]",
    "pointwise.dropout": "f(x, 0.5, True, True) :: f32[1, T]",
    "pointwise.dropout1d": "f(x, 0.5, True) :: f32[2, T]",
    "pointwise.extremum": "f(x, y) :: f32[2, T] & f32[2, 3]",
    "pointwise.in_place": "f(x[:, :1].expand(x.shape)) :: f32[2, T]",
    "pointwise.masked_fill": "f(x, y > 0, 1.0) :: f32[2, T] & f32[2, 3]",
    "pointwise.pointwise": "f(x, y) :: f32[2, T] & f32[2, 3]",
    "pointwise.powers": "f(x, y) :: f32[2, T] & f32[2, 3]",
    "pointwise.reflected_powers": "f(x, y) :: f32[2, T] & f32[2, 3]",
    "pointwise.softmax": "f(x, -1) :: f32[2, T]",
    "pointwise.unary": "f(x) :: f32[2, T]",
    "recurrent.cell": "f(x) :: f32[2, T]",
    "recurrent.recurrent": "f(x) :: f32[2, 5, T]",
    "reduction.bound": "f(x, -1) :: f32[2, T]",
    "reduction.deviation": "f(x, -1) :: f32[2, T]",
    "reduction.logsumexp": "f(x, -1) :: f32[2, T]",
    "reduction.mean": "f(x, -1) :: f32[2, T]",
    "reduction.norm": "f(x, 2, -1) :: f32[2, T]",
    "reduction.normalize": "f(x) :: f32[2, T]",
    "losses.classes": "f(x, y) :: f32[2, 3, T] & i64[2, 4]",
    "reduction.position": "f(x, -1) :: f32[2, T]",
    "reduction.total": "f(x, -1) :: f32[2, T]",
    "reduction.truth": "f(x > 0, -1) :: f32[2, T]",
    "reduction.vector_norm": "f(x, dim=-1) :: f32[2, T]",
    "resizing.interpolate": "f(x, scale_factor=0.5) :: f32[2, 3, T]",
    "resizing.pad": "f(x, (2, 2), 'reflect') :: f32[2, 3, T]",
    "slicing.chunk": "f(x, 2, -1) :: f32[2, T]",
    "slicing.diagonal": "f(x) :: f32[2, T]",
    "slicing.narrow": "f(x, -1, 1, 3) :: f32[2, T]",
    "slicing.select": "f(x, -1, 3) :: f32[2, T]",
    "slicing.split": "f(x, [1, 3], -1) :: f32[2, T]",
    "slicing.unbind": "f(x, -1) :: f32[2, T]",
    "slicing.unfold": "f(x, -1, 3, 1) :: f32[2, T]",
    "spectral.istft": "f(x, 4, 1) :: c64[3, T]",
    "spectral.stft": "f(x, 8, return_complex=True) :: f32[T]",
    "views.broadcast_to": "f(x, (2, 3)) :: f32[2, T]",
    "views.expand": "f(x, 2, 3) :: f32[2, T]",
    "views.expand_as": "f(x, y) :: f32[2, T] & f32[2, 3]",
    "views.flatten": "f(x) :: f32[2, T]",
    "views.matrix_transpose": "f(x) :: f32[2, T]",
    "views.movedim": "f(x, 0, 1) :: f32[2, T]",
    "views.permute": "f(x, (1, 0)) :: f32[2, T]",
    "views.ravel": "f(x) :: f32[2, T]",
    "views.reshape": "f(x, (-1, 4)) :: f32[2, T]",
    "views.reshape_as": "f(x, y) :: f32[2, T] & f32[6]",
    "views.squeeze": "f(x, -1) :: f32[2, T]",
    "views.transpose": "f(x, 0, 1) :: f32[2, T]",
    "views.unflatten": "f(x, -1, (2, -1)) :: f32[2, T]",
    "views.unsqueeze": "f(x, 0) :: f32[2, T]",
    "views.view": "f(x, -1, 4) :: f32[2, T]",
    "views.view_as": "f(x, y) :: f32[2, T] & f32[6]",
}  # fmt: skip

# those that take other arguments than the rest of their rule
SPECIAL = {
    **dict.fromkeys(("where",), "f(x > 0, x, y) :: f32[2, T] & f32[2, 3]"),
    **dict.fromkeys(("lerp",), "f(x, y, 0.5) :: f32[2, T] & f32[2, 3]"),
    **dict.fromkeys(("addcmul", "addcdiv"), "f(x, y, y) :: f32[2, T] & f32[2, 3]"),
    **dict.fromkeys(("threshold",), "f(x, 0.5, 1.0) :: f32[2, T]"),
    **dict.fromkeys(("avg_pool2d", "max_pool2d", "adaptive_avg_pool2d"), "f(x, 3) :: f32[2, 3, 5, T]"),
    **dict.fromkeys(("avg_pool3d", "max_pool3d", "adaptive_avg_pool3d"), "f(x, 3) :: f32[2, 3, 5, 5, T]"),
    "conv2d": "f(x, y) :: f32[2, 3, 5, T] & f32[4, 3, 3, 3]",
    "conv3d": "f(x, y) :: f32[2, 3, 5, 5, T] & f32[4, 3, 3, 3, 3]",
    "conv_transpose2d": "f(x, y) :: f32[2, T, 5, 5] & f32[3, 4, 3, 3]",
    "conv_transpose3d": "f(x, y) :: f32[2, T, 5, 5, 5] & f32[3, 4, 3, 3, 3]",
    "baddbmm": "f(z, x, y) :: f32[2, 3, T] & f32[2, 3, 4] & f32[1, 4]",
    "torch.Tensor.where": "f(x, x > 0, y) :: f32[2, T] & f32[2, 3]",
    "masked_fill_": "f(x, y > 0, 1.0) :: f32[2, 3] & f32[2, T]",
    "fill_": "f(x, 1.0) :: f32[2, T]",
    "bernoulli": "f(x.sigmoid()) :: f32[2, T]",
    "bernoulli_": "f(x[:, :1].expand(x.shape)) :: f32[2, T]",
    "full_like": "f(x, 2) :: f32[2, T]",
    "dropout1d": "f(x, 0.5, True, True) :: f32[2, T]",
    "_pack_padded_sequence": "f(x, index(3, 1), True) :: f32[T, 5, 2]",
    "_pad_packed_sequence": "data, sizes = pack(x, index(3, 2), True); f(data, sizes, True, 0.0, x.shape[1]) :: f32[2, T, 4]",
    "scatter_": "f(y + 0, 0, index(1, 0), y) :: f32[T] & i64[2] = [T, 3]",
}

# rules that refuse for dtypes and settings only, if at all: whatever the length
NEVER = {
    "factory.like", "factory.tensor", "joining.clone", "joining.contiguous", "joining.flip", "joining.meshgrid", "joining.repeat", "joining.repeat_interleave",
    "joining.roll", "joining.tile", "joining.triangle", "pointwise.angle", "pointwise.contiguous_unary", "pointwise.cumulative", "pointwise.dropout", "pointwise.dropout1d",
    "pointwise.softmax", "pointwise.unary", "reduction.bound", "reduction.deviation", "reduction.logsumexp", "reduction.mean", "reduction.norm", "reduction.normalize",
    "reduction.position", "reduction.total", "reduction.truth", "reduction.vector_norm", "slicing.chunk", "slicing.diagonal", "slicing.unbind", "views.flatten",
    "views.matrix_transpose", "views.movedim", "views.permute", "views.ravel", "views.squeeze", "views.transpose", "views.unsqueeze", "recurrent.scatter", "convolution.adaptive",
}  # fmt: skip


def rule_name(rule: Any) -> str:
    """ "convolution.pooling" for what `pooling` of rules/convolution.py makes."""
    return f"{rule.__module__.rpartition('.')[2]}.{rule.__qualname__.partition('.')[0]}"


def names(function: Any) -> tuple[str, str]:
    """The name of a function, and that without what tells its form: `add` for `__iadd__` and `add_`."""
    name: str = function.__name__
    base = name.strip("_")
    reflected = name.startswith(("__r", "__i")) and base[1:] in OPERATORS
    return name, base[1:] if reflected else base


OPERATORS = "add sub mul truediv floordiv mod pow and or xor".split()  # noqa: SIM905  # a list of words reads best as words


def call_of(function: Any, rule: Any) -> str:
    """The row that calls a function."""
    name, base = names(function)
    row = SPECIAL.get(resolve_name(function) or "") or SPECIAL.get(name) or SPECIAL.get(base) or CALLS[rule_name(rule)]
    if rule_name(rule) == "pointwise.in_place" and name not in SPECIAL:
        plain = RULES.get(getattr(torch, base, None))
        takes_two = base in OPERATORS or base == "copy" or (plain is not None and rule_name(plain) in TWO)
        row = SPECIAL.get(base) or row
        if takes_two:
            row = row.replace("f(x > 0, x, y)", "f(x, y)")
            row = (row if base in SPECIAL else "f(x, y) :: f32[2, 3] & f32[2, T]").replace(
                "f32[2, T] & f32[2, 3]", "f32[2, 3] & f32[2, T]"
            )
    integers = base.startswith("bitwise") or base in ("and", "or", "xor", "invert")
    return row.replace("f32", "i64") if integers else row


TWO = {"pointwise.pointwise", "pointwise.powers", "pointwise.extremum", "pointwise.masked_fill"}


class Witness:
    """A rule that notes what it said."""

    def __init__(self, rule: Any) -> None:
        self.rule = rule
        self.accepted = self.refused = False

    def __call__(self, call: Call, *args: Any, **kwargs: Any) -> Any:
        result = self.rule(call, *args, **kwargs)
        refused = call.refused()
        hit = refused & call.live if refused is not None else call.sweep.never()
        self.refused |= hit.somewhere
        self.accepted |= (call.live & ~hit).somewhere
        return result


def under_oath(fact: Fact, witness: Witness, may_refuse: bool) -> None:
    fact.check()
    assert witness.accepted, "the rule accepted no length"
    assert witness.refused or not may_refuse, "the rule refused no length"
    assert may_refuse or not witness.refused, "it does refuse some"


def ids(table: dict[Any, Any]) -> list[Any]:
    return [
        pytest.param(function, id=resolve_name(function) or f"{rule_name(rule)}:{function.__qualname__}")
        for function, rule in table.items()
    ]


@pytest.mark.parametrize("function", ids(RULES))
def test_every_function(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = RULES[function]
    witness = Witness(rule)
    monkeypatch.setattr(operations, "RULES", {**RULES, function: witness})
    _, base = names(function)
    row: Any = facts(call_of(function, rule), f=function, pack=torch._VF._pack_padded_sequence)[0]  # pyright: ignore[reportAttributeAccessIssue]
    under_oath(row.values[0], witness, rule_name(rule) not in NEVER and base not in ("fill", "zero"))


@pytest.mark.parametrize("function", ids(LEAF_RULES))
def test_every_layer(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = LEAF_RULES[function]
    witness = Witness(rule)
    monkeypatch.setattr(tracer, "LEAF_RULES", {**LEAF_RULES, function: witness})
    layer = getattr(nn, function.__qualname__.partition(".")[0])(3, 5)
    row: Any = facts(CALLS[rule_name(rule)], f=layer)[0]
    under_oath(row.values[0], witness, True)


def test_no_call_without_a_rule() -> None:
    known = {rule_name(rule) for rule in (*RULES.values(), *LEAF_RULES.values())}
    assert set(CALLS) <= known
    assert known - set(CALLS) <= {
        "recurrent.pack",
        "recurrent.unpack",
        "recurrent.scatter",
    }  # they have calls of their own
    assert known >= NEVER


# arguments of kinds that no user means, but some code passes: PyTorch's own error is what counts
ODD = """
x.view(2, None)                                   :: f32[2, T]           :: 1:3
x.expand(2, None)                                 :: f32[2, T]           :: 1:3
x.squeeze(0, 1)                                   :: f32[2, T]           :: 1:3
torch.broadcast_to(x, 3)                          :: f32[2, T]           :: 1:3
torch.stft(x, None, return_complex=True)          :: f32[T]              :: 1:3
torch.einsum('ij,jk->ik', None, x)                :: f32[2, T]           :: 1:3
F.dropout(x, None)                                :: f32[2, T]           :: 1:3
F.embedding(None, x)                              :: f32[2, T]           :: 1:3
F.embedding(torch.tensor([0]), x, x.shape[1])     :: f32[3, T]           :: 1:6
F.embedding(torch.tensor([0]), x, -4)             :: f32[3, T]           :: 1:3
F.layer_norm(x, None)                             :: f32[2, T]           :: 1:3
F.batch_norm(x, 'a', None, training=True)         :: f32[2, T]           :: 1:3
F.group_norm(x, True)                             :: f32[2, 3, T]        :: 1:3
F.normalize(x, 'a')                               :: f32[2, T]           :: 1:3
F.max_pool1d(x, True)                             :: f32[2, 3, T]        :: 1:3
F.adaptive_avg_pool2d(x, [1])                     :: f32[2, 3, 4, T]     :: 1:3
F.adaptive_avg_pool2d(x, True)                    :: f32[2, 3, 4, T]     :: 1:3
F.layer_norm(x, (x.shape[-1] / 1,))               :: f32[2, T]           :: 1:3
F.interpolate(x, size=x.shape[-1] / 2)            :: f32[2, 3, T]        :: 1:6
F.mse_loss(x, None)                               :: f32[2, T]           :: 1:3
F.pad(x, 1)                                       :: f32[2, T]           :: 1:3
"""


@pytest.mark.parametrize("fact", facts(ODD))
def test_odd_arguments(fact: Fact) -> None:
    fact.check()
