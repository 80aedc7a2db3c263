"""The guard beside real calls, and the assertion for a project's own tests."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

import shapecheck
from shapecheck import Component, ComponentReport, LengthError, UsageError, assert_valid, guard


class Encoder(nn.Module):
    """Valid from 13 on."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(4, 4, 5, stride=2)
        self.second = nn.Conv1d(4, 4, 5)
        self.calls = 0

    def forward(self, x: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        self.calls += 1
        return self.second(self.first(x)) * scale


def encoder() -> tuple[Encoder, shapecheck.Report]:
    module = Encoder()
    return module, shapecheck.analyze(module, "f32[1, 4, T]")


def test_what_is_raised_says_all() -> None:
    module, report = encoder()
    guard(module, report)
    with pytest.raises(LengthError) as raised:
        module(torch.zeros(1, 4, 12))
    error = raised.value
    assert (error.component, error.layer, error.length, error.needed, error.got) == ("Encoder", "second", 12, 5, 4)
    assert (error.below, error.above, str(error.lengths)) == (None, 13, "T >= 13")
    assert str(error) == (
        "Encoder: T = 12: second (Conv1d) needs 5 and gets 4. It runs with T >= 13: pad it by 1 to 13, or leave it out."
    )


def test_no_layer_runs_before_it_raises() -> None:
    module, report = encoder()
    guard(module, report)
    with pytest.raises(LengthError):
        module(torch.zeros(1, 4, 3))
    assert module.calls == 0


@pytest.mark.parametrize("length", [13, 14, 500, 5000])
def test_what_runs_passes(length: int) -> None:
    module, report = encoder()
    guard(module, report)
    module(torch.zeros(1, 4, length))
    assert module.calls == 1


@pytest.mark.parametrize("length", [*range(1, 13)])
def test_every_invalid_length_is_stopped(length: int) -> None:
    module, report = encoder()
    guard(module, report)
    with pytest.raises(LengthError, match=f"T = {length}: "):
        module(torch.zeros(3, 4, length))  # another batch size than that of the report


def test_inputs_by_keyword() -> None:
    module, report = encoder()
    guard(module, report)
    with pytest.raises(LengthError):
        module(x=torch.zeros(1, 4, 12))
    module(scale=2.0, x=torch.zeros(1, 4, 13))


def test_a_report_of_a_keyword_guards_the_position_too() -> None:
    module = Encoder()
    guard(module, shapecheck.analyze(module, x="f32[1, 4, T]"))
    with pytest.raises(LengthError):
        module(torch.zeros(1, 4, 12))


def test_removed() -> None:
    module, report = encoder()
    handle = guard(module, report)
    handle.remove()
    with pytest.raises(RuntimeError, match="Kernel size can't be greater"):
        module(torch.zeros(1, 4, 12))


def test_warn() -> None:
    module, report = encoder()
    guard(module, report, on_violation="warn")
    with pytest.warns(UserWarning, match="second .* needs 5 and gets 4"), pytest.raises(RuntimeError):
        module(torch.zeros(1, 4, 12))


def test_a_callable_gets_the_error() -> None:
    module, report = encoder()
    seen: list[LengthError] = []
    guard(module, report, on_violation=seen.append)
    with pytest.raises(RuntimeError):
        module(torch.zeros(1, 4, 12))
    module(torch.zeros(1, 4, 13))
    assert [error.length for error in seen] == [12]


def test_the_component_gives_its_name() -> None:
    module, report = encoder()
    component = Component("style_encoder", "Encoder", "encoder", Encoder, ("f32[1, 4, T]",))
    guard(module, ComponentReport(component, report))
    with pytest.raises(LengthError, match=r"^style_encoder: T = 12"):
        module(torch.zeros(1, 4, 12))


class Takes(nn.Module):
    """Runs where a condition on the size of its input holds."""

    def __init__(self, condition: Any) -> None:
        super().__init__()
        self.condition = condition

    def forward(self, x: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        if not self.condition(x.shape[-1]):
            raise ValueError("refused")
        return x


def stopped(module: nn.Module, *sizes: int) -> list[int]:
    """The sizes of its last axis with which a call is stopped."""
    found: list[int] = []
    for size in sizes:
        try:
            module(torch.zeros(2, size))
        except LengthError:
            found.append(size)
    return found


def test_holes() -> None:
    module = Takes(lambda n: n % 3 != 1 and n != 8)
    guard(module, shapecheck.analyze(module, "f32[1, T]"))
    assert stopped(module, *range(1, 20), 9_999, 10_000) == [1, 4, 7, 8, 10, 13, 16, 19, 10_000]


def test_an_upper_end() -> None:
    module = Takes(lambda n: n <= 512)
    guard(module, shapecheck.analyze(module, "f32[1, T]"))
    assert stopped(module, 1, 512, 513, 100_000) == [513, 100_000]
    with pytest.raises(LengthError, match="It runs with 1 <= T <= 512: crop it by 1 to 512, or leave it out"):
        module(torch.zeros(1, 513))


def test_between_two_valid_lengths() -> None:
    module = Takes(lambda n: n % 8 == 0)
    guard(module, shapecheck.analyze(module, "f32[1, T]"))
    with pytest.raises(LengthError, match="pad it by 3 to 16, crop it by 5 to 8, or leave it out"):
        module(torch.zeros(1, 13))


def test_a_size_that_is_an_expression() -> None:
    module = Takes(lambda n: n >= 1500)
    guard(module, shapecheck.analyze(module, "f32[1, 300*T]"))
    assert stopped(module, 300, 1200, 1500, 1800) == [300, 1200]
    with pytest.raises(ValueError, match="refused"):  # no length leads to it: the report says nothing of it
        module(torch.zeros(1, 301))


def test_a_size_to_which_several_lengths_lead() -> None:
    module = Takes(lambda n: n >= 5)
    guard(module, shapecheck.analyze(module, "f32[1, T//2]"))
    assert stopped(module, 1, 4, 5, 6) == [1, 4]


def test_the_plainest_size_decides() -> None:
    module = Takes(lambda n: n >= 10)
    guard(module, shapecheck.analyze(module, "f32[1, 2*T]", y="f32[1, T]"))
    with pytest.raises(LengthError, match="T = 4"):
        module(torch.zeros(1, 8), torch.zeros(1, 4))
    module(torch.zeros(1, 10), y=torch.zeros(1, 5))
    module(torch.zeros(1, 10))  # without it the length is not seen


def test_what_is_not_known_passes() -> None:
    module = Takes(lambda n: n >= 10 or torch.rand(1).item() > -1)  # a draw that is not followed
    report = shapecheck.analyze(module, "f32[1, T]")
    assert report.unknown
    guard(module, report)
    assert stopped(module, 1, 5) == []


def test_past_the_sweep_only_what_is_proved_is_stopped() -> None:
    module = Takes(lambda n: n <= 512)
    guard(module, shapecheck.analyze(module, "f32[1, T]", lengths=(1, 600)))
    assert stopped(module, 513, 600) == [513, 600]
    module = Takes(lambda n: n <= 512)
    report = replace(shapecheck.analyze(module, "f32[1, T]", lengths=(1, 600)), proved=False)
    guard(module, replace(report, invalid=shapecheck.LengthSet.interval(513, 600)))
    with pytest.raises(ValueError, match="refused"):
        module(torch.zeros(1, 601))


@pytest.mark.parametrize("argument", [None, 3, "text", torch.zeros(2), torch.zeros(1, 4, 4, 4)])
def test_a_call_of_another_form_is_left_to_the_module(argument: Any) -> None:
    module, report = encoder()
    guard(module, report)
    with pytest.raises(Exception) as raised:  # noqa: PT011  # whatever the module says of it
        module(argument)
    assert not isinstance(raised.value, LengthError)


def test_data_parallel() -> None:
    module, report = encoder()
    parallel = nn.DataParallel(module)
    handle = guard(parallel, report)
    with pytest.raises(LengthError):
        parallel(torch.zeros(2, 4, 12))
    with pytest.raises(LengthError):
        parallel.module(torch.zeros(2, 4, 12))
    handle.remove()
    guard(parallel.module, report)
    with pytest.raises(LengthError):
        parallel(torch.zeros(2, 4, 12))


@pytest.mark.parametrize("dynamic", [True, False])
def test_compiled(dynamic: bool) -> None:
    module, report = encoder()
    guard(module, report)
    compiled = torch.compile(module, backend="eager", dynamic=dynamic)
    for length in (13, 20, 64):
        assert compiled(torch.zeros(1, 4, length)).shape == module(torch.zeros(1, 4, length)).shape
    with pytest.raises(LengthError):
        compiled(torch.zeros(1, 4, 12))


def test_autocast() -> None:
    module, report = encoder()
    guard(module, report)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        module(torch.zeros(1, 4, 13))
        with pytest.raises(LengthError):
            module(torch.zeros(1, 4, 12))


def test_a_guarded_module_can_be_copied_and_saved() -> None:
    module, report = encoder()
    guard(module, replace(report, graph=None))  # type: ignore[arg-type]
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        with pytest.raises(LengthError):
            twin(torch.zeros(1, 4, 12))


@pytest.mark.parametrize("value", ["raised", "", 3])
def test_on_violation_of_another_kind(value: Any) -> None:
    module, report = encoder()
    with pytest.raises(UsageError, match="it is 'raise', 'warn' or a callable"):
        guard(module, report, on_violation=value)


def test_a_report_of_another_method() -> None:
    module = Encoder()
    report = replace(shapecheck.analyze(module, "f32[1, 4, T]"), method="encode")
    with pytest.raises(UsageError, match="the report is of encode"):
        guard(module, report)


def test_a_length_that_no_size_shows() -> None:
    module = Takes(lambda n: n == 1)
    with pytest.raises(UsageError, match="no size of an input shows T"):
        guard(module, shapecheck.analyze(module, "i64[1] = T"))


# assert_valid ---------------------------------------------------------------------------------------------------------


def test_valid_lengths() -> None:
    assert str(assert_valid(Encoder(), "f32[1, 4, T]", lengths=(13, 100)).valid) == "T >= 13"
    assert assert_valid(Encoder(), "f32[1, 4, T]", lengths="T >= 13").proved
    assert_valid(Encoder(), "f32[1, 4, L]", lengths="L >= 20, L even")


def test_invalid_lengths_are_named_with_their_layers() -> None:
    with pytest.raises(AssertionError) as raised:
        assert_valid(Encoder(), "f32[1, 4, T]", lengths=(3, 100))
    lines = str(raised.value).splitlines()
    assert lines[0] == "Encoder does not run with 3 <= T <= 12"
    assert lines[1].startswith("  T in {3, 4} at first: RuntimeError: Calculated padded input size per channel: (4)")
    assert lines[2].startswith("  5 <= T <= 12 at second: RuntimeError: ")
    assert len(lines) == 3


def test_what_is_not_decided_is_not_asserted() -> None:
    module = Takes(lambda n: torch.rand(n).sum().item() > -1)
    with pytest.raises(AssertionError, match=r"not decided at .*"):
        assert_valid(module, "f32[1, T]", lengths=(1, 8))


def test_what_is_not_proved_is_not_asserted_for_every_length() -> None:
    module = Takes(lambda n: int(torch.ceil(torch.tensor(3.0) / n)) < 9)
    assert_valid(module, "f32[1, T]", lengths=(1, 50))
    with pytest.raises(AssertionError, match="nothing is proved past it"):
        assert_valid(module, "f32[1, T]", lengths="T >= 1")


def test_lengths_that_make_no_sense() -> None:
    with pytest.raises(UsageError, match="lengths"):
        assert_valid(Encoder(), "f32[1, 4, T]", lengths="from 3 on")
    with pytest.raises(UsageError, match="1 <= first <= last"):
        assert_valid(Encoder(), "f32[1, 4, T]", lengths=(9, 3))
