"""Normalizations beside eager: one element, empty tensors, parameters of wrong sizes and dtypes, layouts."""

from __future__ import annotations

import copy
from itertools import product

import pytest
import torch
from torch import nn

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


@pytest.mark.parametrize("fact", facts(SHAPES))
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
