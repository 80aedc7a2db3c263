"""The table at the widths that people have, compared whole; and what must hold at every width."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from shapecheck import ComponentReport, LengthSet, ModelReport
from shapecheck.options import Layers
from shapecheck.render.table import MARK, table
from tests import handmade


def text(report: ModelReport, width: int = 100, layers: Layers = Layers.ALL, encoding: str = "utf-8") -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return table(report, Console(file=file, width=width, highlight=False, markup=False, emoji=False), layers)


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_whole_output(width: int, golden: Callable[[str, str], None]) -> None:
    golden(f"table_{width}.txt", text(handmade.everything(), width))


@pytest.mark.parametrize("layers", [Layers.BINDING, Layers.NONE])
def test_whole_output_with_fewer_layers(layers: Layers, golden: Callable[[str, str], None]) -> None:
    golden(f"table_{layers.value}.txt", text(handmade.everything(), 100, layers))


@pytest.mark.parametrize("width", [60, 72, 80, 90, 100, 120, 160, 200])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    assert max(map(len, text(handmade.everything(), width).splitlines())) <= width


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_numbers_are_never_cut(width: int) -> None:
    wide = handmade.layer(
        "some.layer.with.a.long.name.that.goes.on",
        "ConvTranspose2d",
        (1021, 1033),
        stride=(509, 521),
        padding=(251, 257),
        dilation=(127, 131),
        needs=123457,
        minimum=7654321,
        input_length="floor((600T + 99991)/77773) - 1",
        output_length="floor((88883T + 1)/66661)",
        is_binding=True,
        rejects=LengthSet.parse("100003 <= T <= 900007"),
    )
    shown = text(handmade.model_report(changed(handmade.style_encoder(), layers=(wide,))), width)
    words = set(re.findall(r"[\d,]+", shown))
    expected = {"1021", "1033", "123,457", "7,654,321", "99991", "77773", "88883", "66661", "509", "521", "251", "257"}
    assert expected <= words | {word for part in re.findall(r"[\dx]+", shown) for word in part.split("x")}


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_one_row_for_each_call(width: int) -> None:
    component = handmade.decoder(blocks=40)
    # in the description of a failure, the kind stands in parentheses
    rows = re.findall(
        r"(?<!\()\b(?:Conv|ConvTranspose|InstanceNorm)1d\b", text(handmade.model_report(component), width)
    )
    assert len(rows) == len(component.report.layers)


@pytest.mark.parametrize("width", [80, 100, 160])
def test_folded_names_stay_different(width: int) -> None:
    names = re.findall(r"\S+convs1\.\d", text(handmade.model_report(handmade.decoder(blocks=12)), width))
    assert len(names) == len(set(names)) == 36


def test_binding_layers_are_marked_and_only_those() -> None:
    marked = [line for line in text(handmade.everything()).splitlines() if line.startswith(MARK)]
    assert [line.split()[1] for line in marked] == ["shared.6", "embeddings", "encode.norm1.norm"]


def test_no_escape_sequences_without_a_terminal() -> None:
    assert "\x1b" not in text(handmade.everything())


def test_no_trailing_spaces() -> None:
    assert all(line == line.rstrip() for line in text(handmade.everything()).splitlines())


def test_ascii_where_the_encoding_has_no_more() -> None:
    assert text(handmade.everything(), 80, encoding="ascii").isascii()


def test_every_character_is_one_column_wide() -> None:
    # box drawing and the ellipsis; no emoji, no arrows that some terminals draw wide
    assert set(re.sub(r"[ -~\n]", "", text(handmade.everything(), 80))) <= {"─", "…"}


def test_brackets_are_no_markup() -> None:
    shown = text(handmade.model_report(handmade.decoder(), notes=("[bold]not bold[/bold] :smile:",)))
    assert "torch.Size([1, 514, 1])" in shown
    assert "[bold]not bold[/bold] :smile:" in shown


def test_minimum_and_threshold_are_both_shown_when_they_differ() -> None:
    holes = LengthSet.parse("T = 3").swept(1, 1024) | LengthSet.parse("T >= 65")
    shown = text(handmade.model_report(changed(handmade.style_encoder(), valid=holes)))
    assert "minimum  3 mel frames = 900 samples = 0.0375 s; without a gap from 65" in shown


def test_no_valid_length() -> None:
    shown = text(handmade.model_report(changed(handmade.style_encoder(), valid=handmade.NOTHING)))
    assert "valid    none" in shown
    assert "  minimum  6" not in shown


def test_verdicts_that_are_not_proved_say_so() -> None:
    shown = text(handmade.model_report(handmade.undecided()))
    assert "(of the swept 1 to 64; nothing is said of other lengths)" in " ".join(shown.split())


def test_unknown_lengths_stand_in_heading_and_summary() -> None:
    shown = text(handmade.model_report(handmade.undecided()), 160)
    assert shown.count("unknown: T in {5, 7}") == 2
    assert "unknown  T in {5, 7} at convs (torch.rand)\n           the result depends on random numbers" in shown


def test_a_minimum_below_which_lengths_are_unknown_says_so() -> None:
    assert "0.00025 s, or less: smaller lengths are unknown" in text(handmade.model_report(handmade.undecided()))


def test_a_minimum_where_the_sweep_begins_says_so() -> None:
    shown = text(handmade.model_report(changed(handmade.style_encoder(), swept=(65, 1024))))
    assert "0.8125 s, the first length swept" in shown


def test_layers_that_are_not_called_have_no_limits_and_do_not_count() -> None:
    calls = (
        handmade.layer("twice"),
        handmade.layer("twice"),
        handmade.layer("never", input_length="not called", needs=None, minimum=None),
    )
    shown = text(handmade.model_report(changed(handmade.bert(), layers=calls, failures=())), 160)
    assert re.search(r"^never .*not called +not called +- +- +-$", shown, re.MULTILINE)
    assert re.search(r"^bert +1 <= L <= 512 +tokens +1 +-$", shown, re.MULTILINE)


def test_the_summary_names_the_layers_beside_the_valid_lengths() -> None:
    component = handmade.style_encoder()
    first, last = "1 <= T <= 30", "31 <= T <= 64"
    failures = tuple(
        replace(component.report.failures[0], layer=layer, lengths=LengthSet.parse(lengths))
        for layer, lengths in (("early", first), ("late", last))
    )
    line = text(handmade.model_report(changed(component, failures=failures))).splitlines()[-1]
    assert line.endswith("  late")


def test_long_sets_say_what_they_leave_out() -> None:
    primes = [n for n in range(2, 1000) if all(n % d for d in range(2, n))]
    scattered = LengthSet.of(primes, 1, 1024)
    shown = text(handmade.model_report(changed(handmade.style_encoder(), valid=scattered)))
    assert " more" in next(line for line in shown.splitlines() if line.startswith("  valid"))


def test_advice_comes_last() -> None:
    assert text(handmade.everything()).endswith(
        "\n\nThe shortest clip that trains is 0.3958 s: style_encoder's shared.6 decides.\n"
    )


def test_empty_model() -> None:
    assert "Summary" in text(handmade.model_report())


def changed(component: ComponentReport, **fields: object) -> ComponentReport:
    return replace(component, report=replace(component.report, **fields))


def test_the_outcome_of_a_draw_is_said_where_it_fails() -> None:
    entry = handmade.style_encoder()
    (failure,) = entry.report.failures
    drawn = replace(failure, draws=("random.choice((0, 3)) gives 3",))
    entry = replace(entry, report=replace(entry.report, failures=(drawn,)))
    shown = text(handmade.model_report(entry), 200)
    assert "with T = 64 and random.choice((0, 3)) gives 3: RuntimeError: Calculated" in shown


def test_training_mode_is_said() -> None:
    shown = text(replace(handmade.model_report(handmade.style_encoder()), train=True))
    assert shown.splitlines()[0].endswith(", in training mode")


def test_what_was_run_and_not_proved_is_said() -> None:
    entry = handmade.style_encoder()
    entry = replace(entry, report=replace(entry.report, proved=False, executed=("inner",)))
    shown = " ".join(text(handmade.model_report(entry), 100).split())
    assert "run, not proved: PyTorch executed inner at each length" in shown
