"""Branches on the values of a tensor, beside eager with data for each way: decided where all ways agree, else open."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from shapecheck import Report, analyze
from tests.adversarial.against import Of, need

LENGTHS = (1, 24)
DATA: tuple[Callable[[int], torch.Tensor], ...] = (
    lambda length: torch.zeros(1, 4, length),
    lambda length: torch.ones(1, 4, length),
    lambda length: torch.arange(4.0 * length).reshape(1, 4, length) - 5,
    lambda length: -torch.ones(1, 4, length),
)


def ends(module: nn.Module, length: int) -> list[str | None]:
    """What eager raises with each data; None where it runs."""
    found: list[str | None] = []
    for data in DATA:
        random.seed(0)
        try:
            with torch.no_grad():
                module.eval()(data(length))
        except Exception as error:  # noqa: BLE001  # whatever eager raises is the answer
            found.append(f"{type(error).__name__}: {error}")
        else:
            found.append(None)
    return found


def compared(forward: Callable[..., Any], *, rules: bool = True, **parts: nn.Module) -> Report:
    """The report: each length is valid if eager runs with all data, invalid if with none, or open."""
    module = Of(forward, **parts)
    report = analyze(module, "f32[1, 4, T]", lengths=LENGTHS, rules=rules)
    for length in range(LENGTHS[0], LENGTHS[1] + 1):
        errors = ends(module, length)
        if length not in report.unknown:
            assert (length in report.valid) == (errors[0] is None), (length, errors)
            assert len({error is None for error in errors}) == 1, (length, errors)
    for failure in report.failures:
        errors = ends(module, failure.at)
        assert failure.error in errors if failure.draws else set(errors) == {failure.error}
    return report


def twice(self: Any, x: torch.Tensor) -> torch.Tensor:
    """Through one convolution or the other, whichever the data say."""
    return self.wide(x) if (x > 0).any() else self.narrow(x)


@pytest.mark.parametrize(
    "read",
    [
        lambda x: (x > 0).all(),
        lambda x: (x > 0).any().item(),
        lambda x: torch.is_nonzero((x > 0).sum()),
        lambda x: x.sum() > 0,
        lambda x: x.sum().reshape(1, 1),
        lambda x: not x.max() > 0,
        lambda x: torch.isnan(x).any() or (x < 0).any(),
    ],
)  # fmt: skip
@pytest.mark.parametrize("rules", [True, False])
def test_both_ways_run_from_the_same_length_on(read: Callable[[torch.Tensor], Any], rules: bool) -> None:
    report = compared(
        lambda self, x: self.one(x) if read(x) else self.other(x),
        rules=rules, one=nn.Conv1d(4, 2, 5), other=nn.Conv1d(4, 3, 3, dilation=2),
    )  # fmt: skip
    assert str(report.valid) == ("T >= 5" if rules else "5 <= T <= 24")
    assert not report.unknown


def test_where_the_ways_differ_the_verdict_is_open_and_says_why() -> None:
    report = compared(twice, wide=nn.Conv1d(4, 2, 7), narrow=nn.Conv1d(4, 2, 3))
    assert (str(report.invalid), str(report.valid)) == ("T in {1, 2}", "7 <= T <= 24")
    assert str(report.unknown) == "3 <= T <= 6"
    [undecided] = report.undecided
    assert (undecided.layer, str(undecided.lengths)) == ("wide", "3 <= T <= 6")
    assert undecided.reason == "raises RuntimeError with a tensor in the module being True, and runs otherwise"


def test_a_failure_that_every_way_has_names_the_way() -> None:
    report = compared(twice, wide=nn.Conv1d(4, 2, 7), narrow=nn.Conv1d(4, 2, 3))
    ways = {failure.layer: failure.draws for failure in report.failures}
    assert ways["wide"] == ("a tensor in the module being True",)
    assert ways["narrow"] == ("a tensor in the module being False",)


def test_a_failure_after_the_ways_have_met_names_none() -> None:
    report = compared(
        lambda self, x: self.end(self.one(x) if x.sum() > 0 else self.other(x)),
        one=nn.Conv1d(4, 4, 3, padding=1), other=nn.Conv1d(4, 4, 5, padding=2), end=nn.Conv1d(4, 1, 6),
    )  # fmt: skip
    assert (str(report.valid), report.failures[0].draws) == ("T >= 6", ())


def test_a_condition_that_must_hold_is_open() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        if not (x >= 0).all():
            raise AssertionError
        return x

    report = compared(forward)
    assert str(report.unknown) == "1 <= T <= 24"
    assert "AssertionError" in report.undecided[0].reason


def test_an_error_that_is_caught_is_none() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            need(not (x > 0).all())
        except ValueError:
            return self.conv(x)
        return self.conv(x)

    assert str(compared(forward, conv=nn.Conv1d(4, 1, 3)).valid) == "T >= 3"


def test_ways_of_a_submodule_go_on_in_its_caller() -> None:
    inner = Of(lambda self, x: x[..., 1:] if x.mean() > 0 else x[..., :-1])
    report = compared(lambda self, x: self.conv(self.inner(self.inner(x))), inner=inner, conv=nn.Conv1d(4, 1, 3))
    assert str(report.valid) == "T >= 5"
    differing = Of(lambda self, x: x[..., 1:] if x.mean() > 0 else x)
    report = compared(lambda self, x: self.conv(self.inner(x)), inner=differing, conv=nn.Conv1d(4, 1, 3))
    assert (str(report.valid), str(report.unknown)) == ("4 <= T <= 24", "T = 3")


def test_a_choice_past_lengths_that_fail_anyway() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x)
        return y if y.sum() > 0 else y[..., :1]

    report = compared(forward, conv=nn.Conv1d(4, 1, 9))
    assert (str(report.valid), report.failures[0].draws, report.proved) == ("T >= 9", (), True)


def test_a_random_draw_that_fails_decides_unless_data_do() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        if random.randint(0, 1):
            x = self.short(x)
        return self.long(x) if x.sum() > 0 else x

    module = Of(forward, short=nn.Conv1d(4, 4, 3), long=nn.Conv1d(4, 4, 3))
    report = analyze(module, "f32[1, 4, T]", lengths=LENGTHS)
    assert (str(report.valid), str(report.invalid)) == ("5 <= T <= 24", "none")  # 1 and 2: a draw may not fail either


def test_a_loop_that_data_end_is_open_soon() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        while (x > 0).any():
            x = self.conv(x) - 1
        return x

    begun = time.perf_counter()
    report = analyze(Of(forward, conv=nn.Conv1d(4, 4, 1)), "f32[1, 4, T]", lengths=(1, 512))
    assert time.perf_counter() - begun < 10
    assert len(list(report.unknown)) == 512
    assert "decide in too many places" in report.undecided[0].reason


def test_many_layers_that_meet_again_are_decided() -> None:
    layer = Of(lambda self, x: self.conv(x) if x.sum() > 0 else self.conv(x + 1), conv=nn.Conv1d(4, 4, 2))
    report = analyze(nn.Sequential(*[layer] * 20), "f32[1, 4, T]", lengths=(1, 512))
    assert str(report.valid) == "T >= 21"


def test_ways_with_other_values_do_not_count_as_one() -> None:
    inner = Of(lambda self, ids: (ids > 2).long() if (ids > 2).any() else (ids > 2).long() + 100)
    model = Of(lambda self, ids: self.table(self.inner(ids)), inner=inner, table=nn.Embedding(50, 4))
    report = analyze(model, "i64[1, T]", lengths=LENGTHS)
    assert str(report.unknown) == "1 <= T <= 24"


def test_a_mask_that_may_be_the_causal_one() -> None:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(12, 2, 16, batch_first=True), 2).eval()
    report = analyze(encoder, "f32[2, T, 12]", lengths=LENGTHS, mask="f32[T, T]")
    assert str(report.valid) == "1 <= T <= 24"
    causal: Callable[[int], torch.Tensor] = nn.Transformer.generate_square_subsequent_mask
    with torch.no_grad():
        for length in range(LENGTHS[0], LENGTHS[1] + 1):
            encoder(torch.ones(2, length, 12), mask=torch.zeros(length, length))
            encoder(torch.ones(2, length, 12), mask=causal(length))
