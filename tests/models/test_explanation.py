"""Explanations of StyleTTS2's components beside the published modules in eager PyTorch.

Also what would decide next: beside the same modules with the layers named so far made to accept everything.
"""

from __future__ import annotations

import pytest

from shapecheck.explanation import Explanation, Outcome, explain_component
from tests.accepting import error_accepting

from .execution import Case, component, executed, standing_in, value_of

# where each fails, and lengths around which the bottlenecks behind the first one are compared
FAILING = {
    "style_encoder": (64, (1, 2, 15, 16, 17, 33, 64, 65)),
    "mpd": (5, tuple(range(1, 8))),
    "msd": (1024, (1, 2, 255, 256, 257, 511, 512, 513, 1024, 1025)),
    "decoder": (1, (1, 2)),
    "predictor.F0Ntrain": (1, (1, 2)),
    "bert": (513, (1, 511, 512, 513, 514)),
    "slm": (399, (1, 9, 10, 14, 15, 19, 20, 39, 40, 79, 80, 159, 160, 239, 240, 399, 400)),
}

ON_CPU = ("mpd", "msd")  # whose words are others on meta


def explained(name: str, length: int) -> Explanation:
    return explain_component(component(Case("ft", name)), length)


def error(name: str, length: int, layers: tuple[str, ...] = ()) -> str:
    """What the published module raises at a length; "" where it runs."""
    device = "cpu" if name in ON_CPU else "meta"
    entry, module = component(Case("ft", name)), executed(Case("ft", name), device)
    inputs = [value_of(spec, entry.variable, length, device) for spec in entry.inputs]
    with standing_in(device):
        return error_accepting(module, layers, inputs, entry.method)


@pytest.mark.parametrize("name", FAILING)
def test_the_refusal_is_the_published_one(name: str) -> None:
    length, _ = FAILING[name]
    found = explained(name, length)
    assert found.outcome is Outcome.INVALID
    assert found.failure is not None
    said = error(name, length)
    if name != "bert":  # transformers has another order of the same refusals from version to version
        assert found.failure.error == said
    assert said
    near = found.above if found.above is not None else found.below
    assert near is not None
    assert abs(near - length) == 1
    assert error(name, near) == ""


@pytest.mark.parametrize("name", FAILING)
def test_what_decides_next_does_in_eager(name: str) -> None:
    length, lengths = FAILING[name]
    found = explained(name, length)
    assert found.bottlenecks
    accepted: tuple[str, ...] = ()
    for bottleneck in found.bottlenecks:
        accepted = (*accepted, bottleneck.layer)
        for at in lengths:
            said = error(name, at, accepted)
            assert (at in bottleneck.valid) == (said == ""), (bottleneck, at, said)
    assert 1 in found.bottlenecks[-1].valid


def test_the_style_encoder() -> None:
    found = explained("style_encoder", 64)
    assert [(step.value, step.after) for step in found.steps] == [
        (32, "ceil(T/2)"),
        (16, "ceil(T/4)"),
        (8, "ceil(T/8)"),
        (4, "ceil(T/16)"),
    ]
    assert (found.got, found.above, found.below) == (4, 65, None)
    assert found.limit is not None
    assert (found.limit.name, found.limit.kernel_size, found.limit.needs) == ("shared.6", (5, 5), 5)
    assert [(each.layer, str(each.valid)) for each in found.bottlenecks] == [("shared.6", "T >= 1")]


def test_each_period_is_a_bottleneck_of_its_own() -> None:
    found = explained("mpd", 5)
    assert [each.minimum for each in found.bottlenecks][:3] == [4, 3, 2]
    assert {each.layer for each in found.bottlenecks} == {f"discriminators.{number}.pad" for number in range(5)}


def test_a_length_that_runs() -> None:
    found = explained("style_encoder", 65)
    assert (found.outcome, found.failure, found.below, found.above) == (Outcome.VALID, None, 64, None)
    assert [step.value for step in found.steps] == [33, 17, 9, 5, 1]
