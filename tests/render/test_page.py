"""The page without a browser: what stands in it, that nothing in it is taken for markup, and where bars stand."""

from __future__ import annotations

import doctest
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from importlib import import_module
from typing import Any

import pytest

from shapecheck import ClipWay, Gate, Occasion, Quantity
from shapecheck.lengths.lengthset import LengthSet
from shapecheck.render.page import notebook, page
from shapecheck.render.page.axis import Axis, label, percent, ticks
from shapecheck.render.page.funnels import funnels
from shapecheck.render.page.maps import component_map, extent, overview
from shapecheck.render.page.slider import FINE, formula_values, landings, outcome, slider
from shapecheck.render.page.strips import MEMBERS, PARTS, Segment, parts, strips
from tests import handmade

VOID = {"meta", "link", "input", "br", "wbr"}


class Checked(HTMLParser):
    """Every tag is closed where it was opened; identities stand once; what is linked to is there."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.identities: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []
        assert len(set(self.identities)) == len(self.identities)
        assert {link for link in self.links if link[1:] not in self.identities} == set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        values = dict(attrs)
        self.identities += [values["id"] or ""] if "id" in values else []
        self.links += [values["href"] or ""] if tag == "a" else []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.mark.parametrize("report", [handmade.everything(), handmade.strange_report(), handmade.model_report()])
def test_the_page_is_well_formed(report: Any) -> None:
    checked = Checked(page(report))
    assert checked.tags.count("h1") == 1
    assert checked.tags.count("main") == 1
    assert checked.tags.count("script") == 2


def test_everything_is_in_the_text() -> None:
    report = handmade.everything()
    text = Checked(page(report)).text
    for entry in report.components:
        for layer in entry.report.layers:
            assert layer.name in text.replace(". ", ".")
        for failure in entry.report.failures:
            assert failure.error in text
        for undecided in entry.report.undecided:
            assert undecided.reason in text
    for sentence in (*report.advice, *report.model.notes, *(each.reason for each in report.skipped)):
        assert sentence in text


def test_names_are_no_markup() -> None:
    text = page(handmade.strange_report())
    markup, message = handmade.STRANGE_NAMES[0], handmade.STRANGE_MESSAGE
    assert markup not in text
    assert "<img" not in text
    data = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert len(data) == 1
    found = json.loads(data[0])
    assert [each["name"] for each in found["components"]][2] == markup
    assert found["components"][0]["failures"][0]["error"] == message
    assert message in "".join(Checked(text).words)  # as it is, with its second line


def test_nothing_is_loaded_from_elsewhere() -> None:
    text = page(handmade.everything())
    assert re.findall(r"https?://[^\s\"')]+", text) == ["http://www.w3.org/2000/svg"]  # the name of SVG, in the script
    assert "src=" not in text
    assert "@import" not in text


def test_the_same_bytes_again_and_no_version_if_not_wanted() -> None:
    report = handmade.everything()
    assert page(report, versions=False) == page(report, versions=False)
    assert re.search(r"shapecheck \d+\.\d+ with PyTorch \d+\.\d+\.", page(report, versions=False))
    assert re.search(r"shapecheck \d+\.\d+\.\d+ with PyTorch \d+\.\d+\.\d+", page(report))


def test_a_notebook_gets_one_element() -> None:
    for entry in handmade.everything().components:
        text = notebook(entry.report)
        Checked(text)
        assert text.startswith('<div class="shapecheck sc-notebook">')
        assert text.endswith("</div>\n")


@pytest.mark.parametrize("module", ["report", "clip"])
def test_the_examples_in_docstrings(module: str) -> None:
    failed, tried = doctest.testmod(import_module(f"shapecheck.{module}"))
    assert tried
    assert not failed


# ---- axes and bars


def test_an_axis() -> None:
    axis = Axis(1, 1000)
    assert [axis.position(value) for value in (1, 1000)] == [0, 1]
    assert axis.position(10) == pytest.approx(1 / 3)
    assert [tick.label for tick in ticks(axis)] == ["1", "10", "100"]
    assert [tick.label for tick in ticks(Axis(0, 100, is_logarithmic=False))][:3] == ["0", "20", "40"]
    assert [tick.label for tick in ticks(axis, 0.0125)] == ["0.02", "0.05", "0.1", "0.2", "0.5", "1", "2", "5"]
    assert [label(value) for value in (0.000042, 0.01, 1, 20_000.0)] == ["0.000042", "0.01", "1", "20,000"]
    assert [percent(share) for share in (0, 1 / 3, 1)] == ["0", "33.333", "100"]


def drawn(text: str, axis: Axis, factor: float = 1.0) -> Iterator[tuple[float, float, bool]]:
    lengths = LengthSet.parse(text)
    for strip in strips([Segment("refused", "", parts(lengths))], axis, factor):
        for each in strip.rectangles:
            yield float(each.x), float(each.x) + float(each.width), each.is_dense


def test_a_run_is_one_bar() -> None:
    axis = Axis(0, 100, is_logarithmic=False)
    assert list(drawn("1 <= T <= 64", axis)) == [(1, 65, False)]
    assert list(drawn("T >= 65", axis)) == [(65, 100, False)]
    assert list(drawn("T >= 100", axis)) == []
    assert list(drawn("1 <= T <= 64", axis, 0.5)) == [(0.5, 32.5, False)]
    assert list(drawn("T = 7", Axis(0, 100_000, is_logarithmic=False))) == [(0.007, pytest.approx(0.407), False)]


def test_members_stand_alone_while_they_have_room() -> None:
    axis = Axis(0, 100, is_logarithmic=False)
    found = list(drawn("T >= 6, T even", axis))
    assert found == [(length, length + 1, False) for length in range(6, 100, 2)]
    found = list(drawn("T >= 1, T mod 3 = 1", Axis(1, 1025)))
    *single, last = found
    assert last[2]
    assert last[1] == pytest.approx(100)
    assert not any(is_dense for *_, is_dense in single)
    assert 10 < len(single) <= MEMBERS


def test_a_set_of_very_many_parts_is_drawn_to_its_end() -> None:
    lengths = LengthSet.of(number * number for number in range(1, 200))
    found = parts(lengths)
    assert len(found) <= PARTS
    assert found[0] == (1, 1, 1)
    assert found[-1][1] == 199 * 199


def test_where_the_bar_of_a_component_changes() -> None:
    made = component_map(handmade.style_encoder(), "map")
    assert [row.label for row in made.rows] == ["all of it", "shared.6"]
    states = [[strip.segment.state for strip in row.strips] for row in made.rows]
    assert states == [["runs", "refused"], ["runs", "refused"]]
    refused = made.rows[1].strips[1].segment
    assert refused.words == (
        "shared.6 (Conv2d 5x5) refuses 1 <= T <= 64 (1 to 64 mel frames, 0.0125 to 0.8 s); needs 5 of its input"
        " ceil(T/16), runs from 65 mel frames = 19,500 samples = 0.8125 s on"
    )
    assert float(refused.data.split(",")[1]) == 64


def test_what_refuses_and_is_no_layer_has_a_row() -> None:
    entry = handmade.bert()
    without = handmade.report("1 <= L <= 512", [], inputs=("i64[1, L]",), failures=entry.report.failures, variable="L")
    made = component_map(handmade.component("bert", "", "", handmade.TOKENS, without), "map")
    assert [row.label for row in made.rows] == ["all of it", "embeddings"]


def test_components_without_a_duration_have_a_map_of_their_own() -> None:
    entries = handmade.everything().components
    maps = overview(entries, [str(number) for number in range(len(entries))])
    assert [(each.unit, [row.label for row in each.rows]) for each in maps] == [
        ("seconds", ["style_encoder", "decoder", "mpd"]),
        ("tokens", ["bert"]),
    ]


def test_extents() -> None:
    for text, expected in {
        "1 <= T <= 64": "1 to 64 mel frames, 0.0125 to 0.8 s",
        "T = 1": "1 mel frame, 0.0125 s",
        "T >= 65": "from 65 mel frames on, 0.8125 s",
        "none": "none",
    }.items():
        assert extent(LengthSet.parse(text), handmade.MEL) == expected


# ---- funnels and the slider


def test_the_funnel_of_the_last_length_that_is_refused() -> None:
    refused, *_ = funnels(handmade.style_encoder())
    assert refused.is_refused
    assert "which needs 5 and gets 4" in refused.sentence
    assert [stage.size for stage in refused.stages] == ["64", "32", "16", "8", "4", "4"]
    assert [stage.share for stage in refused.stages] == ["100", "50", "25", "12.5", "6.25", "6.25"]
    assert refused.stages[-1].needed == "7.812"


def test_formulas_for_the_script() -> None:
    assert formula_values("min(E//2 - 1, 200)") == ["min", ["-", ["//", "E", 2], 1], 200]
    assert formula_values("c") == "c"


def test_a_slider_over_the_lengths_of_a_module() -> None:
    report = handmade.model_report(handmade.undecided())
    made = slider(report)
    assert made is not None
    assert not made.is_clip
    assert (made.first, made.turns[0].value, made.turns[0].words) == (1, 5, "mpd is unknown")
    verdicts = [landings(made, [report.components[0].report], length)[0][0].verdict for length in (4, 5, 6, 7, 65)]
    assert verdicts == ["refused", "unknown", "runs", "unknown", "refused"]


def test_what_is_not_known_is_never_said_to_be_fine() -> None:
    entry = handmade.undecided()
    report = handmade.model_report(entry)
    made = slider(report)
    assert made is not None
    said = [outcome(made, landings(made, [entry.report], length), ["mpd"]) for length in (4, 5, 6)]
    assert said == ["The call raises: mpd refuses it.", "Not known for mpd.", FINE]
    swept = handmade.report("40 <= T <= 90", [], inputs=("f32[1, T]",), swept=(40, 90), proved=False)
    swept = replace(swept, invalid=LengthSet())
    made = slider(handmade.model_report(handmade.component("a", "A", "", handmade.WAVE, swept)))
    assert made is not None
    assert outcome(made, landings(made, [swept], 39), ["a"]) == "Not known for a."
    assert outcome(made, landings(made, [swept], 91), ["a"]) == "Not known for a."
    assert outcome(made, landings(made, [swept], 90), ["a"]) == FINE


def test_a_batch_that_is_passed_over_is_not_fine() -> None:
    gate = Gate("T", 80, "mel frames", "the batch is passed over")
    way = ClipWay("train.py", 300, "S", (Quantity("T", "S//300", ""),), (Occasion("A", {"x": "T"}, "ends", gate),))
    entry = handmade.component("x", "X", "", handmade.MEL, handmade.report("T >= 1", [], inputs=("f32[1, T]",)))
    made = slider(handmade.model_report(entry, clip_way=way))
    assert made is not None
    said = [outcome(made, landings(made, [entry.report], 300 * frames), ["x"]) for frames in (79, 80)]
    assert said == ["The batch is passed over (A).", FINE]


def test_no_slider_where_lengths_count_different_things() -> None:
    assert slider(handmade.everything()) is None
