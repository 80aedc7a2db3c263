"""Every verdict against execution of the published modules: all components, in all three configurations.

On the CPU around every change of verdict and at a seeded spread of other lengths; the rest on meta where that is
possible and faster. `execution.CASES` has each module once: what the configurations share is executed once.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from functools import cache

import pytest

import shapecheck
from shapecheck import Report
from shapecheck.models import styletts2

from .execution import CASES, SLM, Case, built_in, component, execute, executed
from .published import CONFIGS

# what the issue asks for; all others: frames of mel, of the decoder, of WavLM
TOKENS = (*range(1, 131), *range(500, 521))
FRAMES = tuple(range(1, 131))
LENGTHS: dict[str, tuple[int, ...]] = {
    "text_encoder": TOKENS,
    "bert": TOKENS,
    "predictor": TOKENS,
    "diffusion": TOKENS,
    "mpd": tuple(range(1, 61)),
    "msd": (*range(1, 61), *range(1000, 1101)),
    SLM: tuple(range(380, 421)),
}

# On meta two of them cannot run (they copy their lengths to NumPy), and an LSTM costs more there than with numbers.
ON_CPU = ("text_encoder", "predictor", "predictor.F0Ntrain", "text_aligner", "pitch_extractor", "wd", SLM)

AROUND = 8  # lengths on each side of a change of verdict
ELSEWHERE = 6  # others, on the CPU
SLOW = "decoder"  # a second and more on the CPU, a third of one on meta
LONGEST_OF_SLOW = 30
PART = 33  # of the lengths of the slow one: tests that run beside each other
PAST = 512

PUBLISHED = tuple(case for case in CASES if case.name != SLM)


@cache
def report(case: Case) -> Report:
    entry = component(case)
    return shapecheck.analyze(built_in(case), *entry.inputs, method=entry.method, **entry.keyword_inputs)


def lengths_of(case: Case) -> tuple[int, ...]:
    return LENGTHS.get(case.name, FRAMES)


def device_of(case: Case) -> str:
    return "cpu" if case.name in ON_CPU else "meta"


def verdict(found: Report, length: int) -> str:
    """Which one of the three; and where it is invalid, the type of the error."""
    sets = {"valid": found.valid, "invalid": found.invalid, "unknown": found.unknown}
    (name,) = [name for name, lengths in sets.items() if length in lengths]
    if name != "invalid":
        return name
    (error,) = {failure.error.split(":")[0] for failure in found.failures if length in failure.lengths}
    return error


def outcome(case: Case, length: int, device: str) -> str:
    execution = execute(case, length, device)
    return "valid" if execution.runs else execution.error.split(":")[0]


def wrong(case: Case, lengths: Iterable[int], device: str) -> dict[int, tuple[str, str]]:
    """Lengths whose verdict is not what execution says: (verdict, outcome)."""
    both = {length: (verdict(report(case), length), outcome(case, length, device)) for length in lengths}
    return {length: pair for length, pair in both.items() if pair[0] != pair[1]}


def parts() -> Iterator[tuple[Case, tuple[int, ...]]]:
    for case in CASES:
        lengths = lengths_of(case)
        size = PART if case.name == SLOW else len(lengths)
        for first in range(0, len(lengths), size):
            yield case, lengths[first : first + size]


@pytest.mark.parametrize(
    ("case", "lengths"), [pytest.param(case, part, id=f"{case}-{part[0]}") for case, part in parts()]
)
def test_every_length(case: Case, lengths: tuple[int, ...]) -> None:
    assert wrong(case, lengths, device_of(case)) == {}


def changes(found: Report) -> list[int]:
    """The lengths from which on another verdict holds, or another layer decides."""
    first, last = found.swept
    deciding = [
        [number for number, failure in enumerate(found.failures) if length in failure.lengths]
        for length in range(first, last + 1)
    ]
    return [first + i for i in range(1, len(deciding)) if deciding[i] != deciding[i - 1]]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_on_the_cpu_around_every_change_and_elsewhere(case: Case) -> None:
    around = {
        length
        for change in changes(report(case))
        for length in range(max(1, change - AROUND), change + AROUND)
        if change <= max(lengths_of(case))
    }
    others = [length for length in lengths_of(case) if length not in around]
    if case.name == SLOW:
        others = [length for length in others if length <= LONGEST_OF_SLOW]
    elsewhere = random.Random(str(case)).sample(others, 1 if case.name == SLOW else ELSEWHERE)
    assert wrong(case, sorted({*around, *elsewhere}), "cpu") == {}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_long_inputs_too(case: Case) -> None:
    """Seeded ones up to the end of the sweep, and past it where the verdicts are proved for every length."""
    draw, found = random.Random(f"long {case}"), report(case)
    last = found.swept[1]
    lengths = draw.sample(range(max(lengths_of(case)) + 1, last + 1), 3)
    if found.proved:
        lengths.append(draw.randint(last + 1, last + PAST))
    assert wrong(case, lengths, device_of(case)) == {}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nothing_is_unknown(case: Case) -> None:
    assert (str(report(case).unknown), report(case).undecided) == ("none", ())


@cache
def report_on_published(case: Case) -> Report:
    entry = component(case)
    return shapecheck.analyze(executed(case, "meta"), *entry.inputs, method=entry.method, **entry.keyword_inputs)


@pytest.mark.parametrize("case", PUBLISHED, ids=str)
def test_the_published_module_itself_gets_the_same_verdicts(case: Case) -> None:
    found, expected = report_on_published(case), report(case)
    assert (str(found.valid), str(found.invalid), str(found.unknown), found.proved) == (
        str(expected.valid),
        str(expected.invalid),
        str(expected.unknown),
        expected.proved,
    )
    assert found.valid == expected.valid


@pytest.mark.parametrize("case", PUBLISHED, ids=str)
def test_the_published_module_itself_gets_the_same_limits(case: Case) -> None:
    found, expected = (
        [layer for layer in which(case).layers if layer.is_conv] for which in (report_on_published, report)
    )
    assert found == expected


@pytest.mark.parametrize("config", CONFIGS)
def test_what_is_not_executed_is_the_same_as_what_is(config: str) -> None:
    known = [kind(case) for case in CASES]
    for entry in styletts2.preset(config).components:
        assert kind(Case(config, entry.name)) in known, f"{config} {entry.name} has no case"


def kind(case: Case) -> tuple[object, ...]:
    """All that decides a verdict: the module with its sizes, strides and paddings, and how it is called."""
    module, entry = executed(case, "meta"), component(case)
    shapes = {name: tensor.shape for name, tensor in module.state_dict().items()}
    return type(module), repr(module), shapes, entry.inputs, dict(entry.keyword_inputs), entry.method
