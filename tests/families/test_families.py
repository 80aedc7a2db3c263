"""Other people's models, each over all lengths at once, beside eager PyTorch on the CPU at each length compared.

No verdict is wrong, and none is open, but those of families for which that is the honest answer.
"""

from __future__ import annotations

import copy
import os
import time
import warnings

import pytest
import torch
from torch import nn

from shapecheck import Report, analyze
from tests.adversarial.against import TEXT, inputs_at
from tests.families.families import FAMILIES
from tests.families.family import BEYOND, DENSE, SPARSE, Family

WITHOUT_RULES = (
    "Wav2Vec2", "DAC", "Whisper encoder", "kokoro TextEncoder", "kokoro AdainResBlk1d", "ResNet", "SegFormer", "GPT-2",
    "LSTM, packed", "encoder, fast path", "cross entropy", "max unpool 2d, sized", "cosine similarity",
)  # fmt: skip

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


@pytest.mark.parametrize("name", FAMILIES)
def test_verdicts_are_those_of_eager(name: str) -> None:
    family = FAMILIES[name]
    module = built(family)
    report, seconds = analyzed(module, family)
    print(f"\n{name}: {report.valid.text(limit=90)} ({'proved' if report.proved else 'swept'}, {seconds:.1f} s)")
    reasons = [f"{one.layer} {one.operation}: {one.reason} at {one.lengths}" for one in report.undecided]
    if family.unknown:
        assert report.unknown
        assert all(family.unknown in reason for reason in reasons), reasons
    else:
        assert not report.unknown, reasons
    wrong = {}
    for length in compared(report, family):
        if length in report.unknown:
            continue
        error = eager(module, family, length)
        if (length in report.valid) != (error is None):
            wrong[length] = f"shapecheck says {length in report.valid}, eager {error}"
        for failure in report.failures:
            if failure.at == length and (error or "")[:TEXT] != failure.error[:TEXT]:
                wrong[length] = f"shapecheck says {failure.error[:TEXT]!r}, eager {error!r}"
    assert not wrong


@pytest.mark.parametrize("name", WITHOUT_RULES)
def test_rules_are_only_faster(name: str) -> None:
    family = FAMILIES[name]
    module = built(family)
    fast, slow = (analyzed(module, family, (1, 128), rules=rules)[0] for rules in (True, False))
    for length in range(1, 129):
        assert (length in fast.valid, length in fast.unknown) == (length in slow.valid, length in slow.unknown), length


def built(family: Family) -> nn.Module:
    """The model of a family, always with the same weights, in the mode of the family."""
    with (
        torch.no_grad(),
        torch.random.fork_rng(devices=[]),
        warnings.catch_warnings(),
    ):  # weights without a graph: copyable
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        return family.make().train(family.train)


def analyzed(
    module: nn.Module, family: Family, lengths: tuple[int, int] = (1, 1024), *, rules: bool = True
) -> tuple[Report, float]:
    """The report on a family, and the seconds that it took."""
    begun = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = analyze(
            module,
            *family.specs,
            lengths=lengths,
            method=family.method,
            train=family.train,
            rules=rules,
            **family.named,
        )
    return report, time.perf_counter() - begun


def compared(report: Report, family: Family) -> list[int]:
    """The lengths at which eager is run: all short ones, those around every change of verdict, and some others."""
    last = report.swept[1]
    changes = [low for low in range(2, last + 1) if (low in report.valid) != (low - 1 in report.valid)]
    if len(changes) > 20:  # a pattern that repeats
        changes = [*changes[:10], *changes[-10:]]
    around = {change + offset for change in changes for offset in (-2, -1, 0, 1)}
    ends = {failure.at for failure in report.failures}
    chosen = {*range(1, DENSE + 1), *SPARSE, *around, *ends, *(BEYOND if report.proved else ())}
    return sorted(length for length in chosen if 1 <= length <= family.largest)


def eager(module: nn.Module, family: Family, length: int) -> str | None:
    """What eager raises at one length; None where it runs. The same whatever its named inputs are full of."""
    errors = {_eager(module, family, length, fill) for fill in family.fills}
    assert len(errors) == 1, (length, errors)
    return errors.pop()


def _eager(module: nn.Module, family: Family, length: int, fill: int | None) -> str | None:
    own = copy.deepcopy(module)
    named = inputs_at(family.named, length)
    if fill is not None:
        named = {name: torch.full_like(value, fill) for name, value in named.items()}
    with torch.no_grad(), torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            getattr(own, "__call__" if family.method == "forward" else family.method)(
                *inputs_at(family.specs, length), **named
            )
        except Exception as error:  # noqa: BLE001  # whatever eager raises is the answer
            return f"{type(error).__name__}: {error}"[:TEXT]
    return None
