"""Normalizations beside eager: one element, empty tensors, parameters of wrong sizes and dtypes, layouts."""

from __future__ import annotations

import copy
from itertools import product

import pytest
import torch
from torch import nn

from tests.rules.drawing import ANY, REAL, Drawer, drawn
from tests.rules.oracle import DTYPES, Fact, differences, facts

CALLS = (
    "F.instance_norm(x)", "F.instance_norm(x, weight=ones(3), bias=ones(3))", "F.instance_norm(x, weight=ones(4))",
    "F.instance_norm(x, ones(3), ones(3), use_input_stats=False)", "F.batch_norm(x, ones(3), ones(3))",
    "F.batch_norm(x, None, None, training=True)", "F.batch_norm(x, None, None)", "F.batch_norm(x, ones(4), ones(4))", "F.group_norm(x, 1)",
    "F.group_norm(x, 3)", "F.group_norm(x, 2)", "F.group_norm(x, 0)", "F.group_norm(x, 3, ones(4))", "F.layer_norm(x, (3,))",
    "F.layer_norm(x, x.shape[-1:])", "F.layer_norm(x, (3, x.shape[-1]))", "F.layer_norm(x, ())", "F.layer_norm(x, (3,), ones(4))",
    "F.layer_norm(x, (3,), None, ones(3))", "F.layer_norm(x, [3], ones(3, dtype=f64))", "F.rms_norm(x, (3,))",
)  # fmt: skip

SHAPES = "\n".join(
    f"{text} :: {spec} :: 1:5"
    for text, spec in product(
        CALLS,
        ("f32[2, 3, T]", "f32[2, T, 3]", "f32[1, 3, T]", "f32[3, T]", "f32[T, 3]", "f32[2, 3, T, T]", "f32[2, 3, 1, T]", "f32[T]",
         "f32[2, 3, T - 1]", "f32[T - 1, 3, 4]", "f64[2, 3, T]", "f16[2, 3, T]", "i64[2, 3, T]", "c64[2, 3, T]"),
    )
)  # fmt: skip

LAYOUTS = "\n".join(
    f"{text} :: {spec} :: all, 1:4"
    for text, spec in product(
        (
            "F.instance_norm(x)",
            "F.batch_norm(x, ones(3), ones(3))",
            "F.group_norm(x, 3)",
            "F.layer_norm(x, x.shape[-1:])",
        ),
        ("f32[2, 3, T]", "f32[2, 3, 4, T]"),
    )
)

MODULES = "\n".join(
    f"{name}(x) :: {spec} :: 1:4"
    for name, spec in product(
        ("inorm", "inorm_tracked", "bnorm", "bnorm_eval", "bnorm2"),
        ("f32[2, 3, T]", "f32[T, 3, 1]", "f32[1, 3, T]", "f32[T, 3]"),
    )
)


@pytest.mark.parametrize("fact", facts(SHAPES, share=0.3))
def test_shapes_and_dtypes(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(LAYOUTS))
def test_layouts(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize(
    "fact",
    facts(
        MODULES,
        inorm=nn.InstanceNorm1d(3, affine=True),
        inorm_tracked=nn.InstanceNorm1d(3, track_running_stats=True).eval(),
        bnorm=nn.BatchNorm1d(3),
        bnorm_eval=nn.BatchNorm1d(3).eval(),
        bnorm2=nn.BatchNorm2d(3).eval(),
    ),
)
def test_modules(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("dtype", ["f64", "f16", "bf16"])
def test_parameters_of_another_dtype(dtype: str) -> None:
    for layer in (
        nn.LayerNorm(3),
        nn.BatchNorm1d(3).eval(),
        nn.InstanceNorm1d(3, affine=True),
        nn.GroupNorm(3, 3),
        nn.Linear(3, 4),
        nn.Conv1d(3, 4, 1),
    ):
        module = copy.deepcopy(layer).to(DTYPES[dtype])
        for given in ("f64", "f32", "f16", "bf16"):
            for sizes in ("2, 3, T", "2, T, 3"):

                def run(x: torch.Tensor, module: nn.Module = module) -> torch.Tensor:
                    return module(x)

                problems = differences(run, f"{given}[{sizes}]", lengths=(1, 4))
                assert not problems, (layer, given, problems[:3])


@drawn()
def test_any_normalization(d: Drawer) -> tuple[str, ...]:
    channels, dtype = d.one((3, 3, 4, 6)), d.one(d.one((REAL, ANY))) if d.seldom() else "f32"
    sizes = [
        d.one(("T", "2", "1", "T - 1")),
        str(d.one((channels, channels, channels, "T"))),
        *d.some(0, 3, ("T", "3", "1", "T - 1", "2")),
    ]
    weight = d.one(("None", f"ones({channels}, dtype={dtype})", f"ones({channels + 1})" if d.seldom(4) else "None"))
    last = f"({d.one(('x.shape[-1]', 3))},)" if d.whole(0, 1) else "x.shape[-2:]"
    statistics = d.one(("None, None", f"ones({channels}), ones({channels})"))
    text = d.one(
        (
            f"F.instance_norm(x, {statistics}, {weight}, None, {d.one((True, True, False))})", f"F.batch_norm(x, {statistics}, {weight}, None, {d.one((True, False))})",
            f"F.group_norm(x, {d.one((1, 3, channels, 2))}, {weight})", f"F.layer_norm(x, {last})", f"F.layer_norm(x, {last}, ones({last if last[0] == '(' else '*' + last}))",
            f"F.local_response_norm(x, {d.one((1, 2, 3))})", f"F.rms_norm(x, {last})",
        )
    )  # fmt: skip
    return text, f"{dtype}[{', '.join(sizes)}]"
