"""The page in a real browser: it says what Python says, at every position, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from shapecheck import ModelReport, Report, check
from shapecheck.models import styletts2
from shapecheck.render.page import page as html_of
from shapecheck.render.page.slider import Slider, landings, outcome, slider, told
from tests import handmade
from tests.browser.conftest import Opened

Show = Callable[..., Opened]
Violations = Callable[[Page], list[str]]

WHOLE = Path(__file__).parents[2] / "reports" / "config_ft" / "report.html"
COMPONENTS = (
    "style_encoder",
    "predictor_encoder",
    "bert",
    "predictor.F0Ntrain",
    "decoder",
    "pitch_extractor",
    "mpd",
    "msd",
)
SIZES = pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])


@cache
def report() -> ModelReport:
    return check(styletts2.preset("ft"), components=COMPONENTS)


@cache
def html() -> str:
    return html_of(report())


def strange() -> str:
    """Sets of every kind: with gaps, periodic, finite, unknown; names and messages that are no HTML."""
    return html_of(handmade.strange_report())


def made() -> tuple[Slider, list[Report]]:
    found = slider(report())
    assert found is not None
    return found, [entry.report for entry in report().components]


def set_clip(page: Page, samples: int) -> None:
    page.evaluate(
        """(seconds) => {
            const value = document.getElementById('value');
            value.value = seconds;
            value.dispatchEvent(new Event('input'));
        }""",
        samples / 24_000,
    )


def shown(page: Page) -> list[list[list[str]]]:
    """For each occasion and component: the length, the verdict, where and why."""
    return page.evaluate(
        """() => [...document.querySelectorAll('.landings tbody')].map((body) =>
            [...body.querySelectorAll('tr:not(.occasion)')].map((row) => [
                row.querySelector('.length').textContent, row.querySelector('.verdict').textContent,
                row.querySelector('.why code').textContent, row.querySelector('.why span').textContent]))"""
    )


# ---- what the browser has to say


@SIZES
def test_nothing_is_complained_of_or_asked_for(width: int, scheme: str, show: Show) -> None:
    for source in (WHOLE, strange()):
        opened = show(source, width, scheme)
        opened.page.wait_for_load_state("networkidle")
        assert opened.complaints == []
        asked = [url for url in opened.requests if not url.startswith("data:")]
        assert len(asked) == 1
        assert asked[0].startswith("file:")


@pytest.mark.parametrize("width", [1280, 800, 400, 320])
def test_the_page_never_scrolls_sideways(width: int, show: Show) -> None:
    for source in (WHOLE, strange()):
        assert show(source, width).page.evaluate("document.documentElement.scrollWidth") <= width


@SIZES
def test_accessible(width: int, scheme: str, show: Show, violations: Violations) -> None:
    for source in (WHOLE, strange()):
        assert violations(show(source, width, scheme).page) == []


def test_without_a_script_everything_is_there(show: Show) -> None:
    page = show(html(), java_script_enabled=False).page
    assert page.locator("#layer-table tbody tr").count() == sum(len(each.report.layers) for each in report().components)
    assert page.locator("figure.map rect").count() > 20
    assert page.get_by_text("The slider needs JavaScript").is_visible()
    assert page.locator("#value").is_disabled()
    assert not page.locator("#filter").is_visible()


def test_on_paper(show: Show) -> None:
    page = show(WHOLE, 690).page  # A4 less its margins, at 96 dots per inch
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 690
    assert page.evaluate("[...document.querySelectorAll('.scroll')].every((each) => each.scrollWidth <= 700)")
    assert not page.locator("#filter").is_visible()
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")


# ---- the slider


def test_the_slider_says_what_python_says(show: Show) -> None:
    page = show(html()).page
    found, reports = made()
    edges = [turn.value + by for turn in found.turns for by in (-1, 0)]
    for samples in (0, 1, 299, 300, *edges, 9_499, 9_500, 23_999, 110_300, 240_000, *range(7, 20_000, 613)):
        set_clip(page, samples)
        expected = [
            [[f"{each.length:,}", each.verdict, each.where, each.message] for each in occasion]
            for occasion in landings(found, reports, samples)
        ]
        assert shown(page) == expected, samples
        said = outcome(found, landings(found, reports, samples), [entry.name for entry in report().components])
        assert page.locator("#status strong").inner_text() == said
        assert page.locator("#status > span").inner_text() == told(found, samples)
        quantities = page.locator(".chain strong").all_text_contents()
        assert quantities == [f"{value:,}" for value in found.way.values(samples).values()]


def test_the_first_position_is_that_of_python(show: Show) -> None:
    with_script = show(html()).page
    without = show(html(), java_script_enabled=False).page
    rows = "#clip .landings"
    assert with_script.locator(rows).inner_text() == without.locator(rows).inner_text()


def test_the_slider_by_keyboard_and_the_turns_by_mouse(show: Show) -> None:
    page = show(html()).page
    status = page.locator("#status")
    assert "The run ends: predictor_encoder and style_encoder refuse it" in status.inner_text()
    page.locator("#range").focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    assert "0.405 s = 9,720 samples" in status.inner_text()
    assert "The run ends" not in status.inner_text()
    assert "The validation batch is lost" in status.inner_text()
    page.locator(".turns button").last.click()
    assert "Nothing refuses it." in status.inner_text()
    assert page.locator("#value").input_value() == "0.59583"
    page.locator("#value").fill("0.3")
    assert (
        page.locator("tr.is-refused .why").first.inner_text().startswith("shared.6 (conv2d) with T = 64: RuntimeError")
    )
    assert page.locator("figure[data-overview] .sc-marker").count() > 3
    assert page.get_by_text("Not decided by the clip: bert.").is_visible()


def test_what_the_field_shows_is_the_clip_that_was_chosen(show: Show) -> None:
    """Typing the seconds that are shown gives the same number of samples again."""
    page = show(html()).page
    for button, turn in zip(page.locator(".turns button").all(), made()[0].turns, strict=True):
        button.click()
        field = page.locator("#value")
        field.fill(field.input_value())
        assert page.locator(".chain strong").first.inner_text() == f"{turn.value:,}"
        assert button.inner_text() == f"{field.input_value()} s"


def test_a_module_has_a_slider_over_its_lengths(show: Show) -> None:
    one = handmade.model_report(handmade.undecided())
    found = slider(one)
    assert found is not None
    page = show(html_of(one)).page
    for length in range(1, 64):
        page.locator("#value").fill(str(length))
        ((expected,),) = landings(found, [one.components[0].report], length)
        assert shown(page) == [[[f"{length}", expected.verdict, expected.where, expected.message]]]
        assert page.locator("#status strong").inner_text() == outcome(found, [[expected]], ["mpd"])


# ---- the maps


def drawn(page: Page) -> list[Any]:
    return page.evaluate(
        """() => [...document.querySelectorAll('figure.map')].map((figure) => [
            [...figure.querySelectorAll('.sc-axis span')].map((each) => [each.style.left, each.textContent]),
            [...figure.querySelectorAll('.sc-seg')].map((group) => [...group.querySelectorAll('rect')].map((rect) =>
                [rect.getAttribute('x'), rect.getAttribute('width'), rect.getAttribute('class')]))])"""
    )


@pytest.mark.parametrize("source", [html, strange])
def test_a_map_drawn_anew_is_the_one_that_python_drew(source: Callable[[], str], show: Show) -> None:
    page = show(source()).page
    before = drawn(page)
    for button in page.get_by_role("button", name="Show the whole axis").all():
        button.click()
    assert drawn(page) == before
    assert sum(len(rects) for _, groups in before for rects in groups) > 20


def test_every_length_is_where_the_report_has_it(show: Show) -> None:
    """The bar under the middle of each length's room is the one of its verdict, also where sets are periodic."""
    report = handmade.strange_report()
    page = show(html_of(report)).page
    colours = page.evaluate(
        """() => [...document.querySelectorAll('figure.map[data-component]')].map((figure) => {
            const [low, high] = [Number(figure.dataset.low), Number(figure.dataset.high)];
            const groups = [...figure.querySelectorAll('.sc-whole .sc-seg')];
            const at = (length) => figure.dataset.log === '1'
                ? 100 * Math.log((length + 0.5) / low) / Math.log(high / low)
                : 100 * (length + 0.5 - low) / (high - low);
            return [Number(figure.dataset.component), Array.from({length: 24}, (_, index) => groups.filter((group) =>
                [...group.querySelectorAll('rect:not(.sc-some)')].some((rect) => {
                    const x = parseFloat(rect.getAttribute('x')), width = parseFloat(rect.getAttribute('width'));
                    return x <= at(index + 1) && at(index + 1) < x + width;
                })).map((group) => group.getAttribute('class').split('sc-').pop()))];
        })"""
    )
    assert colours
    for index, found in colours:
        each = report.components[index].report
        states = {"runs": each.valid, "refused": each.invalid, "unknown": each.unknown}
        for length, states_drawn in enumerate(found, 1):
            assert states_drawn == [name for name, members in states.items() if length in members], (index, length)


def test_zooming_by_button_wheel_and_key(show: Show) -> None:
    page = show(html()).page
    figure = page.locator("#component-style_encoder figure")
    first = figure.locator("tbody tr .sc-refused rect").first
    figure.scroll_into_view_if_needed()

    def width() -> float:
        return float((first.get_attribute("width") or "0").rstrip("%"))

    whole = width()
    figure.get_by_role("button", name="Zoom in").click()
    zoomed = width()
    assert zoomed != whole
    assert "mel frames in view" in figure.locator(".detail").inner_text()
    figure.get_by_role("button", name="Show the whole axis").click()
    assert width() == whole
    figure.locator(".sc-strip").first.hover(position={"x": 20, "y": 10})
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    assert width() > whole
    figure.locator(".sc-seg[tabindex='0']").focus()
    page.keyboard.press("0")
    assert width() == whole
    page.keyboard.press("+")
    assert width() != whole
    page.keyboard.press("0")
    figure.get_by_role("button", name="Logarithmic").click()
    assert width() == pytest.approx(100 * 64 / 2048, abs=0.01)


def test_a_zoomed_map_shows_single_lengths(show: Show) -> None:
    page = show(strange()).page
    figure = page.locator("#component-every-third figure")
    assert figure.locator(".sc-some").count() >= 1
    figure.get_by_role("button", name="Logarithmic").click()
    for _ in range(9):
        figure.get_by_role("button", name="Zoom in").click()
    assert figure.locator(".sc-some").count() == 0
    assert figure.locator(".sc-refused rect").count() >= 1


def test_the_map_by_pointer(show: Show) -> None:
    page = show(html()).page
    figure = page.locator("#component-style_encoder figure")
    strip = figure.locator(".sc-strip").first
    detail = figure.locator(".detail")
    strip.hover(position={"x": 3, "y": 8})
    assert "T = 1 mel frame = 300 samples = 0.0125 s" in detail.inner_text()
    assert "shared.6 (conv2d) refuses 1 <= T <= 64" in detail.inner_text()
    assert "Kernel size can't be greater than actual input size" in detail.inner_text()
    box = strip.bounding_box()
    assert box is not None
    strip.hover(position={"x": box["width"] - 4, "y": 8})
    assert "style_encoder runs T >= 65" in detail.inner_text()


def test_the_map_by_keyboard(show: Show) -> None:
    page = show(html()).page
    figure = page.locator("#component-msd figure")
    assert figure.locator("[tabindex='0']").count() == 1  # one stop for Tab, whatever the map's size
    figure.get_by_role("button", name="All layers").focus()
    page.keyboard.press("Tab")
    here = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(here).startswith("msd runs N >= 1025")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(here).startswith("msd: discriminators.1.stft refuses 513 <= N <= 1024")
    page.keyboard.press("Home")
    assert page.evaluate(here).startswith("msd: discriminators.0.stft refuses 1 <= N <= 512")
    assert figure.locator(".detail").inner_text() == page.evaluate(here)
    page.keyboard.press("ArrowDown")
    assert page.evaluate(here).startswith("discriminators.0.stft (stft) refuses 1 <= N <= 512")
    assert "needs 513 of its input" in page.evaluate(here)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("End")
    assert page.evaluate(here).startswith("msd runs")


def test_all_layers_on_the_map(show: Show, violations: Violations) -> None:
    page = show(html()).page
    figure = page.locator("#component-decoder figure")
    rows = figure.locator("tbody tr")
    before = rows.count()
    figure.get_by_role("button", name="All layers").click()
    layers = next(each.report.layers for each in report().components if each.name == "decoder")
    assert rows.count() == len(layers) + 1
    assert violations(page) == []
    figure.get_by_role("button", name="All layers").click()
    assert rows.count() == before


# ---- the table of layers


def column(page: Page, number: int) -> list[str]:
    return page.locator(f"#layer-table tbody tr:not([hidden]) > :nth-child({number})").all_text_contents()


def test_search(show: Show) -> None:
    page = show(html()).page
    layers = [layer for each in report().components for layer in each.report.layers]
    page.locator("#search").fill("convTRANSPOSE1d ups")
    expected = [layer for layer in layers if layer.kind == "ConvTranspose1d" and "ups" in layer.name]
    assert column(page, 2) == [layer.name for layer in expected]
    assert page.locator("#count").inner_text() == f"{len(expected)} of {len(layers)}"
    page.locator("#search").fill("")
    page.locator("#refusing").check()
    assert len(column(page, 2)) == sum(bool(layer.rejects) for layer in layers)
    page.locator("#only").select_option("mpd")
    assert set(column(page, 1)) == {"mpd"}
    page.locator("#component-msd .show-layers").click()
    assert set(column(page, 1)) == {"msd"}
    assert not page.locator("#refusing").is_checked()


def test_sorting(show: Show) -> None:
    page = show(html()).page
    order = column(page, 2)
    head = page.get_by_role("columnheader", name="minimum")
    button = head.get_by_role("button")
    button.click()
    assert head.get_attribute("aria-sort") == "ascending"
    numbers = [int(text.replace(",", "")) for text in column(page, 11) if text not in ("-", "none")]
    assert numbers == sorted(numbers)
    assert column(page, 11)[-1] in ("-", "none") or "none" not in column(page, 11)
    button.focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert int(column(page, 11)[0].replace(",", "")) == max(numbers)
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") is None
    assert column(page, 2) == order


# ---- what a model may be called


def test_names_and_messages_are_text(show: Show) -> None:
    opened = show(strange())
    assert opened.page.evaluate("window.harm === undefined")
    assert opened.page.locator("script").count() == 2
    text = opened.page.locator("#components").inner_text()
    for name in handmade.STRANGE_NAMES:
        assert name in text
    assert handmade.STRANGE_MESSAGE.splitlines()[0] in text
    assert handmade.STRANGE_MESSAGE.splitlines()[0] in opened.page.locator(".landings, #components").last.inner_text()
