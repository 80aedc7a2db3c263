"""What differs between two reports: hand-made pairs, one fact a line; and brute force over the lengths."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapecheck import ComponentReport, Failure, LengthSet, Skipped, UsageError
from shapecheck.difference import (
    ComponentDifference,
    Difference,
    Presence,
    Reason,
    Verdict,
    compare,
    deciding_layers,
)
from shapecheck.render.document import limits
from shapecheck.saved import SavedComponent, SavedReport, from_values
from tests import handmade

NOTHING = LengthSet()


def saved(*components: ComponentReport, skipped: tuple[Skipped, ...] = (), **fields: Any) -> SavedReport:
    return from_values({**limits(handmade.model_report(*components, skipped=skipped)), **fields}, "a.json")


def encoder(valid: str, *layers: Any, **fields: Any) -> ComponentReport:
    result = handmade.report(valid, list(layers), inputs=("f32[1, 80, T]",), **fields)
    return handmade.component("encoder", "Encoder", "encoder", handmade.MEL, result)


def between(before: ComponentReport, after: ComponentReport) -> ComponentDifference:
    (component,) = compare(saved(before), saved(after)).components
    return component


def fields_of(component: ComponentDifference) -> dict[str, tuple[Any, Any]]:
    return {change.field: (change.before, change.after) for change in component.changes}


def test_the_same() -> None:
    report = from_values(limits(handmade.everything()), "a.json")
    difference = compare(report, report)
    assert difference.verdict is Verdict.SAME
    assert {each.verdict for each in difference.components} == {Verdict.SAME}
    assert [each.name for each in difference.components] == ["style_encoder", "bert", "decoder", "mpd", "slm"]
    assert difference.notes == ()


def test_no_components_are_the_same() -> None:
    assert compare(saved(), saved()).verdict is Verdict.SAME


@pytest.mark.parametrize(
    ("before", "after", "verdict", "reasons"),
    [
        ("T >= 65", "T >= 129", Verdict.WORSE, "LOST MINIMUM_RISES THRESHOLD_RISES"),
        ("T >= 129", "T >= 65", Verdict.BETTER, "GAINED MINIMUM_FALLS THRESHOLD_FALLS"),
        ("T >= 65", "T >= 65, T even", Verdict.WORSE, "LOST MINIMUM_RISES NO_THRESHOLD"),
        ("T >= 64", "T >= 64, T even", Verdict.WORSE, "LOST NO_THRESHOLD"),
        ("T >= 64, T even", "T >= 64", Verdict.BETTER, "GAINED THRESHOLD_FALLS"),
        ("T >= 1", "1 <= T <= 512", Verdict.WORSE, "LOST NO_THRESHOLD"),
        ("1 <= T <= 512", "1 <= T <= 511", Verdict.WORSE, "LOST"),
        ("1 <= T <= 511", "1 <= T <= 512", Verdict.BETTER, "GAINED"),
        ("1 <= T <= 5000", "1 <= T <= 4999", Verdict.WORSE, "LOST"),  # far past the sweep
        ("T >= 2", "T = 1 or T >= 4", Verdict.WORSE, "LOST THRESHOLD_RISES GAINED MINIMUM_FALLS"),
        ("T >= 6, T even", "T >= 6, T odd", Verdict.WORSE, "LOST MINIMUM_RISES GAINED"),
        ("T >= 1", "none", Verdict.WORSE, "LOST NO_MINIMUM NO_THRESHOLD"),
        ("none", "T >= 1", Verdict.BETTER, "GAINED MINIMUM_FALLS THRESHOLD_FALLS"),
    ],
)
def test_proved_lengths(before: str, after: str, verdict: Verdict, reasons: str) -> None:
    component = between(encoder(before), encoder(after))
    assert component.verdict is verdict
    assert [reason.name for reason in component.reasons] == reasons.split()
    assert component.compared == (1, None)
    assert component.lost == LengthSet.parse(before) - LengthSet.parse(after)
    assert component.gained == LengthSet.parse(after) - LengthSet.parse(before)


def test_what_is_valid_and_becomes_unknown_is_not_lost() -> None:
    component = between(encoder("T >= 5 or T = 1"), encoder("T >= 7 or T = 1", unknown="T in {5, 6}"))
    assert (component.lost, component.undecided) == (NOTHING, LengthSet.parse("T in {5, 6}"))
    assert component.reasons == (Reason.THRESHOLD_RISES, Reason.UNDECIDED)


def test_unknown_alone_is_not_worse() -> None:
    component = between(encoder("T >= 8"), encoder("T >= 8", unknown="T in {2, 3}"))
    assert (component.verdict, component.reasons) == (Verdict.UNKNOWN, (Reason.UNDECIDED,))


def test_unknown_and_worse_is_worse() -> None:
    component = between(encoder("T >= 8"), encoder("T >= 9", unknown="T in {2, 3}"))
    assert component.verdict is Verdict.WORSE


def test_what_is_decided_now_is_better() -> None:
    component = between(encoder("T >= 8", unknown="T in {2, 3}"), encoder("T >= 8"))
    assert (component.verdict, component.reasons) == (Verdict.BETTER, (Reason.DECIDED,))
    assert component.decided == LengthSet.parse("T in {2, 3}")


def test_what_is_not_proved_is_compared_where_both_swept() -> None:
    before = encoder("1 <= T <= 100", proved=False, swept=(1, 100))
    after = encoder("1 <= T <= 50", proved=False, swept=(1, 50))
    component = between(before, after)
    assert component.compared == (1, 50)
    assert (component.lost, component.verdict) == (NOTHING, Verdict.CHANGED)


def test_a_minimum_that_only_the_sweep_sets_does_not_rise() -> None:
    component = between(encoder("T >= 1"), encoder("T >= 65", swept=(65, 1024)))
    assert component.compared == (65, None)
    assert (component.reasons, component.verdict) == ((), Verdict.CHANGED)
    assert fields_of(component)["minimum"] == (1, 65)


def test_a_proof_that_is_lost_is_less_certain_and_its_threshold_is_gone() -> None:
    component = between(encoder("T >= 5"), encoder("5 <= T <= 1024", proved=False))
    assert component.compared == (1, 1024)
    assert component.lost == NOTHING
    assert component.reasons == (Reason.NO_THRESHOLD, Reason.PROOF_LOST)
    without_threshold = between(encoder("1 <= T <= 512"), encoder("1 <= T <= 512", proved=False))
    assert (without_threshold.reasons, without_threshold.verdict) == ((Reason.PROOF_LOST,), Verdict.UNKNOWN)


def test_a_proof_that_is_found_is_better() -> None:
    component = between(encoder("5 <= T <= 1024", proved=False), encoder("T >= 5"))
    assert component.reasons == (Reason.THRESHOLD_FALLS, Reason.PROVED)
    assert component.verdict is Verdict.BETTER


def test_sweeps_that_do_not_meet_decide_nothing() -> None:
    before = encoder("1 <= T <= 10", proved=False, swept=(1, 10))
    component = between(before, encoder("20 <= T <= 30", proved=False, swept=(20, 30)))
    assert (component.compared, component.reasons) == (None, (Reason.NOT_COMPARABLE,))
    assert component.verdict is Verdict.UNKNOWN


def test_periods_that_are_too_long_together_are_compared_where_both_swept() -> None:
    def every(period: int) -> SavedComponent:
        lengths = LengthSet.from_ranges([(1, None, period)])
        (component,) = saved(encoder("T >= 1")).components
        return replace(component, valid=lengths, minimum=1, threshold=None)

    before = replace(saved(encoder("T >= 1")), components=(every(4093),))
    after = replace(before, components=(every(4099),))
    (component,) = compare(before, after).components
    assert component.compared == (1, 1024)
    assert component.verdict is Verdict.CHANGED


def test_components_that_come_and_go() -> None:
    style, bert, mpd = handmade.style_encoder(), handmade.bert(), handmade.undecided()
    difference = compare(saved(style, bert), saved(style, mpd))
    assert [(each.name, each.presence, each.verdict) for each in difference.components] == [
        ("bert", Presence.REMOVED, Verdict.WORSE),
        ("style_encoder", Presence.BOTH, Verdict.SAME),
        ("mpd", Presence.ADDED, Verdict.CHANGED),
    ]
    assert difference.components[0].reasons == (Reason.GONE,)
    assert difference.verdict is Verdict.WORSE


@pytest.mark.parametrize(
    ("before", "after", "presence", "verdict"),
    [
        (True, "no extra", Presence.NEWLY_SKIPPED, Verdict.UNKNOWN),
        ("no extra", True, Presence.NEWLY_ANALYZED, Verdict.BETTER),
        ("no extra", "no extra", Presence.SKIPPED, Verdict.SAME),
        ("no extra", "another", Presence.SKIPPED, Verdict.CHANGED),
        ("no extra", None, Presence.REMOVED, Verdict.WORSE),
        (None, "no extra", Presence.ADDED, Verdict.CHANGED),
    ],
)
def test_skipped(before: str | bool | None, after: str | bool | None, presence: Presence, verdict: Verdict) -> None:
    def one(what: str | bool | None) -> SavedReport:
        if isinstance(what, str):
            return saved(skipped=(Skipped("bert", what),))
        return saved(handmade.bert()) if what else saved()

    (component,) = compare(one(before), one(after)).components
    assert (component.presence, component.verdict) == (presence, verdict)


def test_what_was_wholly_unknown_and_is_skipped_is_not_less_certain() -> None:
    before = saved(encoder("none", unknown="1 <= T <= 1024", proved=False))
    (component,) = compare(before, saved(skipped=(Skipped("encoder", "no extra"),))).components
    assert (component.presence, component.verdict) == (Presence.NEWLY_SKIPPED, Verdict.CHANGED)


def test_fields_of_a_component() -> None:
    before = encoder("T >= 5")
    after = encoder("T >= 3, T odd", unknown="T = 2", swept=(1, 99))
    after = replace(after, component=replace(after.component, class_name="Other", role="style", unit=handmade.WAVE))
    assert fields_of(between(before, after)) == {
        "class": ("Encoder", "Other"),
        "role": ("encoder", "style"),
        "unit": ("mel frames", "samples"),
        "seconds_per_step": (0.0125, 1 / 24000),
        "swept": ((1, 1024), (1, 99)),
        "valid": (LengthSet.parse("T >= 5"), LengthSet.parse("T >= 3, T odd")),
        "minimum": (5, 3),
        "threshold": (5, None),
        "unknown": (NOTHING, LengthSet.parse("T = 2")),
    }


def failing(name: str, lengths: str) -> Failure:
    return Failure(name, "conv", LengthSet.parse(lengths), 4, "RuntimeError: too short", ())


def test_the_layer_that_decides() -> None:
    before = encoder("T >= 5", failures=(failing("a", "T in {1, 2}"), failing("b", "T in {3, 4}")))
    after = encoder("T >= 5", failures=(failing("a", "T in {3, 4}"), failing("b", "T in {1, 2}")))
    component = between(before, after)
    assert deciding_layers(saved(before).components[0]) == ("b",)
    assert fields_of(component) == {
        "decided_by": (("b",), ("a",)),
        "failures": (("T in {1, 2} at a", "T in {3, 4} at b"), ("T in {3, 4} at a", "T in {1, 2} at b")),
    }
    assert component.verdict is Verdict.CHANGED


def test_where_nothing_is_valid_every_failing_layer_decides() -> None:
    report = saved(encoder("none", failures=(failing("a", "T = 1"), failing("b", "T >= 2"), failing("a", "T = 0"))))
    assert deciding_layers(report.components[0]) == ("a", "b")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "Conv2d"),
        ("stride", (2,)),
        ("padding", (0,)),
        ("dilation", (3,)),
        ("input_length", "2T"),
        ("output_length", "T - 2"),
        ("needs", 3),
        ("needs", None),
        ("minimum", 3),
        ("rejects", LengthSet.parse("T in {1, 2}")),
    ],
)
def test_fields_of_a_layer(field: str, value: Any) -> None:
    before, after = handmade.layer("conv"), replace(handmade.layer("conv"), **{field: value})
    (layer,) = between(encoder("T >= 1", before), encoder("T >= 1", after)).layers
    assert (layer.name, layer.presence) == ("conv", Presence.BOTH)
    assert [(change.field, change.before, change.after) for change in layer.changes] == [
        (field, getattr(before, field), value)
    ]


def test_layers_are_matched_by_name_and_call() -> None:
    once, wide = handmade.layer("a"), handmade.layer("a", kernel=(5,))
    component = between(
        encoder("T >= 1", once, once, handmade.layer("b")), encoder("T >= 1", handmade.layer("b"), once, wide)
    )
    (layer,) = component.layers
    assert (layer.name, layer.call, layer.calls) == ("a", 2, 2)
    assert {change.field for change in layer.changes} == {"kernel_size", "padding"}


def test_layers_that_come_and_go() -> None:
    one, two, three = (handmade.layer(name) for name in "abc")
    component = between(encoder("T >= 1", one, two, two), encoder("T >= 1", three, two, one))
    assert [(layer.name, layer.call, layer.presence) for layer in component.layers] == [
        ("c", 1, Presence.ADDED),
        ("b", 2, Presence.REMOVED),
    ]
    assert component.verdict is Verdict.CHANGED


def test_layers_are_not_compared_where_one_side_lists_none() -> None:
    difference = compare(saved(encoder("T >= 1", handmade.layer("a"))), saved(encoder("T >= 1")))
    assert difference.verdict is Verdict.SAME
    assert difference.notes == ("B lists no layers: layers are not compared",)


def test_notes() -> None:
    before = saved(torch_version="2.4", shapecheck_version="0.1.0")
    after = saved(torch_version="2.13", shapecheck_version="0.2.0", mode="train", source="StyleTTS2")
    assert compare(before, after).notes == (
        "A is of evaluation mode, and B of training mode: the lengths may differ for that alone",
        "A was made with PyTorch 2.4, and B with PyTorch 2.13",
        "A was made with shapecheck 0.1.0, and B with shapecheck 0.2.0",
        "the modules of A are those of builtin, and those of B of StyleTTS2",
    )


def test_two_models_cannot_be_compared() -> None:
    with pytest.raises(UsageError, match=r"^a.json is of Other, and a.json of StyleTTS2: only two reports"):
        compare(saved(model="Other"), saved())


# Brute force

END = 400  # past every start and two common periods of what is drawn here
VALID, REFUSED, UNDECIDED = range(3)


@dataclass(frozen=True)
class Drawn:
    """One component, and for each length below END what its report says: None where it says nothing."""

    component: SavedComponent
    says: tuple[int | None, ...]


@st.composite
def drawn_components(draw: st.DrawFn) -> Drawn:
    first, proved = draw(st.sampled_from([1, 1, 1, 4])), draw(st.booleans())
    outcomes = st.sampled_from([VALID, VALID, VALID, REFUSED, UNDECIDED])
    head, tail = draw(st.lists(outcomes, max_size=10)), draw(st.lists(outcomes, min_size=1, max_size=4))
    swept = head + tail * draw(st.integers(1, 3))

    def lengths(outcome: int) -> LengthSet:
        mask = np.array([each == outcome for each in swept])
        start = (first + len(head), len(tail)) if proved else (None, None)
        return LengthSet.from_mask(mask, first, *start)

    valid = lengths(VALID)
    (blank,) = saved(encoder("T >= 1")).components
    component = replace(
        blank,
        swept=(first, first + len(swept) - 1),
        valid=valid,
        minimum=valid.minimum,
        threshold=valid.threshold,
        maximum=valid.maximum,
        proved=proved,
        unknown=lengths(UNDECIDED),
    )
    known = head + tail * END if proved else swept
    says = ([None] * first + known + [None] * END)[:END]
    return Drawn(component, tuple(says))


def of_components(before: SavedComponent, after: SavedComponent) -> Difference:
    blank = saved()
    return compare(replace(blank, components=(before,)), replace(blank, components=(after,)))


@given(drawn_components())
@settings(deadline=None)
def test_nothing_differs_from_itself(drawn: Drawn) -> None:
    difference = of_components(drawn.component, drawn.component)
    (component,) = difference.components
    assert difference.verdict is Verdict.SAME
    assert (component.changes, component.layers, component.reasons) == ((), (), ())


def limits_of(says: list[int | None], lengths: range, *, proved: bool) -> tuple[int, int]:
    """The minimum and the threshold among these lengths, by looking at each; END where there is none."""
    minimum = next((length for length in lengths if says[length] == VALID), END)
    run = next((length for length in reversed(range(END)) if says[length] not in (VALID, None)), 0) + 1
    return minimum, max(run, lengths.start) if proved and says[END - 12 :] == [VALID] * 12 else END


@given(drawn_components(), drawn_components())
@settings(deadline=None, max_examples=1000)
def test_worse_exactly_where_brute_force_says_so(before: Drawn, after: Drawn) -> None:
    both = before.component.proved and after.component.proved
    first = max(before.component.swept[0], after.component.swept[0])
    last = END - 1 if both else min(before.component.swept[1], after.component.swept[1])
    lengths = range(first, last + 1)
    old, new = list(before.says), list(after.says)
    pairs = [(old[length], new[length]) for length in lengths]
    old_limits = limits_of(old, lengths, proved=before.component.proved)
    new_limits = limits_of(new, lengths, proved=after.component.proved)

    (component,) = of_components(before.component, after.component).components
    is_worse = (VALID, REFUSED) in pairs or any(map(int.__gt__, new_limits, old_limits))
    assert (component.verdict is Verdict.WORSE) == (bool(lengths) and is_worse)
    less_certain = any(one != UNDECIDED and other == UNDECIDED for one, other in pairs)
    proof_lost = before.component.proved and not after.component.proved
    if not is_worse:
        assert (component.verdict is Verdict.UNKNOWN) == (less_certain or proof_lost or not lengths)
    for found, one, other in (
        (component.lost, VALID, REFUSED),
        (component.gained, REFUSED, VALID),
    ):
        assert [length in found for length in lengths] == [pair == (one, other) for pair in pairs]
    changed = [one is not other and UNDECIDED in (one, other) for one, other in pairs]
    assert [length in component.undecided or length in component.decided for length in lengths] == changed
