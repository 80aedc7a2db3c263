"""The rules are only a faster way to PyTorch's own answer: without them every component gets the same sets."""

from __future__ import annotations

import pytest

from shapecheck import Report, analyze

from .execution import CASES, Case, built_in, component

LENGTHS = (1, 80)


def analyzed(case: Case, *, rules: bool) -> Report:
    entry = component(case)
    return analyze(
        built_in(case), *entry.inputs, lengths=LENGTHS, method=entry.method, rules=rules, **entry.keyword_inputs
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_same_sets_without_rules(case: Case) -> None:
    with_rules, without = (analyzed(case, rules=rules) for rules in (True, False))
    assert {reason.reason for reason in without.undecided} == {reason.reason for reason in with_rules.undecided}
    for length in range(LENGTHS[0], LENGTHS[1] + 1):
        assert verdict(without, length) == verdict(with_rules, length), length


def verdict(report: Report, length: int) -> tuple[bool, bool, bool, set[str]]:
    """The three sets, and where the length fails, the layer and PyTorch's words for the longest that does."""
    errors = {f"{failure.layer}: {failure.error}" for failure in report.failures if length in failure.lengths}
    return length in report.valid, length in report.invalid, length in report.unknown, errors
