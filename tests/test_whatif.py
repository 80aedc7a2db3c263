"""What edits do and cost, and the search for some, beside eager PyTorch and beside trying everything."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from shapecheck import Component, UsageError, analyze
from shapecheck.changes.comparison import WhatIf, what_if
from shapecheck.changes.confirming import Contradiction, confirm
from shapecheck.changes.editable import Editable
from shapecheck.changes.editing import apply
from shapecheck.changes.edits import Edit, parse_edits
from shapecheck.changes.layer_settings import settings_of
from shapecheck.changes.search import Search, holds_from, search

SPEC = "f32[1, 2, T]"


def component(build: Any, *inputs: Any, **more: Any) -> Component:
    return Component("net", "", "module", build, inputs or (SPEC,), **more)


def edits(*texts: str) -> tuple[Edit, ...]:
    return tuple(edit for edit in parse_edits(texts) if isinstance(edit, Edit))


def looked_at(build: Any, *texts: str, target: int | None = None) -> WhatIf:
    return what_if(Editable(component(build)), edits(*texts), target=target)


@torch.no_grad()
def runs(module: nn.Module, length: int) -> bool:
    try:
        module(torch.zeros(1, 2, length))
    except RuntimeError:
        return False
    return True


def stack() -> nn.Module:
    return nn.Sequential(nn.Conv1d(2, 2, 5), nn.MaxPool1d(2), nn.utils.weight_norm(nn.Conv1d(2, 3, 3, dilation=2)))


def test_before_and_after() -> None:
    result = looked_at(stack, "1.stride=1", "2.kernel_size=1")
    assert (str(result.before.report.valid), str(result.after.report.valid)) == ("T >= 14", "T >= 6")
    assert (str(result.gained), str(result.lost)) == ("6 <= T <= 13", "none")
    assert (result.before.outputs, result.after.outputs) == (("[1, 3, T//2 - 6]",), ("[1, 3, T - 5]",))
    assert (result.before.field.size, result.after.field.size) == (14, 6)
    assert result.at == 14
    assert (result.before.parameters, result.after.parameters) == (22 + 3 + 18 + 3, 22 + 3 + 6 + 3)
    # 10 places of 5 x 2 x 2, then 1 of 3 x 2 x 3; and 9 of 1 x 2 x 3
    assert (result.before.multiply_adds, result.after.multiply_adds) == (200 + 18, 200 + 54)
    assert [(each.name, each.before, each.after) for each in result.reshaped] == [("2.weight_v", (3, 2, 3), (3, 2, 1))]
    assert result.unused == result.added == ()
    assert [(run.length, run.error == "") for run in result.confirmed] == [(5, False), (6, True)]


def test_lost_lengths() -> None:
    result = looked_at(stack, "0.kernel_size=9")
    assert (str(result.gained), str(result.lost)) == ("none", "14 <= T <= 17")


def test_tensors_that_are_new_or_unused() -> None:
    result = what_if(
        Editable(component(lambda: nn.Sequential(nn.Conv1d(2, 2, 3), nn.ReLU()))),
        (),
        changed=Editable(component(lambda: nn.Sequential(nn.Conv1d(2, 2, 3, bias=False), nn.BatchNorm1d(2)))),
    )
    assert [each.name for each in result.unused] == ["0.bias"]
    assert [each.name for each in result.added] == [
        "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked",
    ]  # fmt: skip
    assert result.reshaped == ()


def test_nothing_runs_any_more() -> None:
    def build() -> nn.Module:
        return nn.Sequential(nn.Conv1d(2, 2, 3), nn.Flatten(), nn.Linear(2 * 8, 1))

    result = what_if(Editable(component(build), lengths=(1, 64)), edits("0.stride=65"))
    assert (str(result.before.report.valid), str(result.after.report.valid)) == ("T = 10", "none")
    assert result.at is None
    assert result.after.multiply_adds is None
    assert result.after.outputs == ()


def test_the_module_itself() -> None:
    result = looked_at(lambda: nn.Conv1d(2, 2, 5), "padding=1")
    assert (str(result.after.report.valid), result.after.field.size) == ("T >= 3", 5)


def test_an_instance_is_left_as_it_is() -> None:
    instance = stack()
    before = {name: tensor.clone() for name, tensor in instance.state_dict().items()}
    looked_at(lambda: instance, "2.kernel_size=1", "0.padding=3")
    search(Editable(component(lambda: instance)), 9, most_edits=1)
    assert repr(instance) == repr(stack())
    after = instance.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert analyze(instance, SPEC).minimum == 14


def test_a_module_that_cannot_be_copied() -> None:
    class Locked(nn.Conv1d):
        def __deepcopy__(self, _memo: object) -> nn.Module:
            raise TypeError("there is one of it")

    with pytest.raises(UsageError, match="Locked cannot be copied, to be edited: TypeError: there is one of it"):
        looked_at(lambda: Locked(2, 2, 3), "padding=1")


def hooked() -> nn.Module:
    last = nn.Conv1d(2, 2, 5)
    first = nn.Conv1d(2, 2, 3)
    first.add_module("last", last)
    first.register_forward_hook(lambda _net, _args, result: last(result))
    return first


def test_hooks_that_hold_modules() -> None:
    result = looked_at(hooked, "last.padding=1")
    assert (str(result.before.report.valid), str(result.after.report.valid)) == ("T >= 7", "T >= 5")
    instance = hooked()
    with pytest.raises(UsageError, match="Conv1d cannot be copied, to be edited: a function holds its modules"):
        looked_at(lambda: instance, "last.padding=1")


def test_a_module_with_values_is_built_where_it_has_them() -> None:
    class Sized(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(2, 2, 5)
            self.most = int(torch.ones(20).sum())

        def forward(self, x: Tensor) -> Tensor:
            if x.shape[-1] > self.most:
                raise ValueError("too long")
            return self.conv(x)

    result = looked_at(Sized, "conv.padding=2")
    assert str(result.after.report.valid) == "1 <= T <= 20"
    assert [(run.length, run.error) for run in result.confirmed] == [(1, ""), (20, ""), (21, "ValueError: too long")]


def test_a_wrong_verdict_is_no_result() -> None:
    made = component(stack)
    report = analyze(stack(), SPEC)
    wrong = replace(
        report, valid=report.valid | type(report.valid).of([13]), invalid=report.invalid - type(report.valid).of([13])
    )
    with pytest.raises(Contradiction, match="net: T = 13 is found valid, and eager PyTorch raises RuntimeError"):
        confirm(made, wrong, [13, 14])
    wrong = replace(
        report, valid=report.valid - type(report.valid).of([14]), invalid=report.invalid | type(report.valid).of([14])
    )
    with pytest.raises(Contradiction, match="net: T = 14 is found invalid, and eager PyTorch runs"):
        confirm(made, wrong, [14])


def test_code_that_asks_for_a_gpu_is_not_run() -> None:
    class OnGpu(nn.Conv1d):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).to("cuda:99")

    result = looked_at(lambda: OnGpu(2, 2, 5), "padding=1")
    assert (str(result.after.report.valid), result.confirmed) == ("T >= 3", ())
    assert result.confirmation.obstacle.startswith("the module as it is does not run on this machine: ")
    proposals = found(lambda: OnGpu(2, 2, 5), 4).proposals
    assert all(proposal.confirmation.obstacle for proposal in proposals)
    assert len(proposals) == 3


def test_lengths_that_draws_decide_are_not_tried() -> None:
    class Drawn(nn.Conv1d):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x[..., :: random.choice([1, 2])])

    result = looked_at(lambda: Drawn(2, 2, 5), "padding=1")
    assert str(result.after.report.valid) == "T >= 5"
    assert [(run.length, run.error) for run in result.confirmed] == [(5, "")]


def test_in_training_mode() -> None:
    result = what_if(
        Editable(component(lambda: nn.Sequential(nn.Conv1d(2, 2, 3), nn.BatchNorm1d(2))), train=True),
        edits("0.padding=1"),
    )
    assert (str(result.before.report.valid), str(result.after.report.valid)) == ("T >= 4", "T >= 2")


def found(build: Any, target: int, most_edits: int = 1, **more: Any) -> Search:
    return search(Editable(component(build)), target, most_edits=most_edits, **more)


def shown(result: Search) -> list[str]:
    return [" ".join(str(edit) for edit in proposal.edits) for proposal in result.proposals]


def test_a_target_that_is_met() -> None:
    result = found(stack, 14)
    assert result.is_met
    assert result.is_found
    assert (result.proposals, result.tried) == ((), 0)


def test_the_checkpoint_comes_first() -> None:
    result = found(stack, 10)
    assert shown(result) == [
        "2.padding=1",
        "2.padding=2",
        "0.padding=2",
        "2.dilation=1",
        "1.stride=1",
        "1.downsample=none",
        "0.kernel_size=1",
        "2.kernel_size=1",
    ]
    assert all(holds_from(proposal.after.report, 10) for proposal in result.proposals)
    assert result.is_complete


def test_a_module_that_is_one_layer() -> None:
    assert shown(found(lambda: nn.Conv1d(2, 2, 5), 4)) == ["padding=1", "padding=2", "kernel_size=3"]


def test_many_values_of_one_setting() -> None:
    result = found(lambda: nn.Conv1d(2, 2, 3, dilation=1500), 2500)
    assert str(result.start.valid) == "T >= 3001"
    assert sorted(shown(result)) == ["dilation=1249", "kernel_size=1", "padding=1500", "padding=251"]
    assert result.tried < 40


def test_parametrized_layers_and_shared_ones() -> None:
    def build() -> nn.Module:
        shared = nn.utils.parametrizations.spectral_norm(nn.Conv1d(2, 2, 5))
        return nn.Sequential(shared, nn.ReLU(), shared)

    result = looked_at(build, "0.kernel_size=3")
    assert (str(result.before.report.valid), str(result.after.report.valid)) == ("T >= 9", "T >= 5")
    assert result.after.parameters == 2 * 2 * 3 + 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_layer() -> None:
    with pytest.raises(UsageError, match=r"--set 0.padding=1: it is a module of TorchScript"):
        looked_at(lambda: nn.Sequential(torch.jit.script(nn.Conv1d(2, 2, 3))), "0.padding=1")


def test_two_edits_where_one_does_not_do() -> None:
    assert not found(stack, 2).is_found
    result = found(stack, 2, most_edits=2)
    assert "0.padding=2 2.padding=2" in shown(result)
    for proposal in result.proposals:
        assert len(proposal.edits) == 2
        assert (2, "") in [(run.length, run.error) for run in proposal.confirmed]


def test_from_edits_on() -> None:
    result = found(stack, 2, edits=edits("0.padding=2"))
    assert shown(result)[0] == "0.padding=2 2.padding=2"
    assert result.given == 1
    assert str(result.start.valid) == "T >= 10"


def test_what_no_edit_mends() -> None:
    class Reflecting(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.pad(x, (4, 4), "reflect")

    result = found(Reflecting, 3)
    assert not result.is_found
    assert [(each.failure.layer, str(each.failure.lengths), each.edits) for each in result.obstacles] == [
        ("pad", "1 <= T <= 4", ())
    ]


@pytest.mark.parametrize(
    ("layer", "target", "expected"),
    [
        (lambda: nn.ReflectionPad1d(4), 3, ["padding=2"]),
        (lambda: nn.Conv1d(2, 2, 7, padding=3, padding_mode="reflect"), 3, ["padding=2", "padding_mode=zeros"]),
        (lambda: nn.Conv1d(2, 2, 7, padding=3, padding_mode="circular"), 1, ["padding_mode=zeros"]),
        (lambda: nn.MaxPool1d(6), 2, ["padding=2", "padding=3", "kernel_size=1"]),
        (lambda: nn.Conv1d(2, 2, 3, dilation=4), 3, ["padding=3", "padding=4", "dilation=1", "kernel_size=1"]),
    ],
)
def test_layers_of_other_kinds(layer: Any, target: int, expected: list[str]) -> None:
    result = found(lambda: nn.Sequential(layer()), target)
    assert shown(result) == [f"0.{text}" for text in expected]


def test_kernels_that_are_not_alike_change_along_the_length_only() -> None:
    made = component(lambda: nn.Sequential(nn.Conv2d(1, 1, (5, 1), padding=(0, 0))), "f32[1, 1, T, 3]")
    assert shown(search(Editable(made), 3, most_edits=1)) == ["0.padding=1x0", "0.padding=2x0", "0.kernel_size=3x1"]


def test_a_search_that_stops() -> None:
    result = found(stack, 1, most_edits=2, most_tries=3)
    assert result.tried == 3
    assert not result.is_complete


def test_a_target_past_what_was_swept() -> None:
    class Square(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.zeros(x.shape[-1] * x.shape[-1] - 900)

    with pytest.raises(UsageError, match="--target 5000: the lengths past 2,048 are not proved; give --lengths"):
        found(Square, 5000)


LAYERS = st.one_of(
    st.builds(
        lambda kernel, stride, padding, dilation: nn.Conv1d(2, 2, kernel, stride, padding, dilation),
        st.integers(1, 6), st.integers(1, 3), st.integers(0, 2), st.integers(1, 3),
    ),
    st.builds(lambda kernel, stride: nn.MaxPool1d(kernel, stride), st.integers(2, 4), st.integers(1, 3)),
    st.builds(nn.ReLU),
)  # fmt: skip


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(layers=st.lists(LAYERS, min_size=1, max_size=4), less=st.integers(1, 6), most_edits=st.integers(1, 2))
def test_random_stacks(layers: list[nn.Module], less: int, most_edits: int) -> None:
    """Every proposal holds in eager, at every length near the target; no part of it does; and where one edit is
    enough, the search has found that."""
    module = nn.Sequential(*layers)
    minimum = next(length for length in itertools.count(1) if runs(module, length))
    target = max(1, minimum - less)
    result = found(lambda: module, target, most_edits)
    assert result.is_met == (target == minimum)
    for proposal in result.proposals:
        changed = with_edits(module, proposal.edits)
        assert all(runs(changed, length) for length in range(target, target + 24))
        smallest = proposal.after.report.minimum
        assert smallest is not None
        assert runs(changed, smallest)
        assert smallest == 1 or not runs(changed, smallest - 1)
        for part in proposal.edits if len(proposal.edits) > 1 else ():
            assert not all(runs(with_edits(module, [part]), length) for length in range(target, target + 24))
    if not result.is_met and not any(len(proposal.edits) == 1 for proposal in result.proposals):
        for edit in every_edit(module):
            assert not all(runs(with_edits(module, [edit]), length) for length in range(target, target + 24)), edit


def with_edits(module: nn.Module, given_edits: Sequence[Edit]) -> nn.Module:
    editable = Editable(component(lambda: module))
    with torch.device("cpu"):
        return editable.edited(given_edits).build()


def every_edit(module: nn.Module) -> list[Edit]:
    """All that the search may propose, of any layer."""
    listed: list[Edit] = []
    for name, layer in module.named_children():
        known: dict[str, Any] = settings_of(layer)
        if not known:
            continue
        number = {key: value[0] if isinstance(value, tuple) else value for key, value in known.items()}
        reach = number.get("dilation", 1) * (number["kernel_size"] - 1)
        half = -(-reach // 2) if isinstance(layer, nn.Conv1d) else number["kernel_size"] // 2
        if 2 * number["padding"] < reach:
            listed += [Edit(name, "padding", value) for value in range(number["padding"] + 1, half + 1)]
            if isinstance(layer, nn.Conv1d):
                listed += [Edit(name, "kernel_size", value) for value in range(1, number["kernel_size"], 2)]
                listed += [Edit(name, "dilation", value) for value in range(1, number["dilation"])]
        listed += [Edit(name, "stride", value) for value in range(1, number["stride"])]
    return listed


def test_edits_that_cannot_be_are_usage_errors() -> None:
    with pytest.raises(UsageError, match=r"--set 7.padding=1: there is no layer 7"):
        looked_at(stack, "7.padding=1")
    module = stack()
    with pytest.raises(UsageError):
        apply(module, edits("0.padding=1x2"))
