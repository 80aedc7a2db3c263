"""What a notebook shows of a report, in a real browser, in the themes of notebooks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page
from torch import nn

from shapecheck import Report, analyze
from tests import handmade
from tests.browser.conftest import Opened

Show = Callable[..., Opened]

OWN_STYLE = "body { background: %s; color: gray; } table { border: 3px solid green; } th { color: green; }"


def halves() -> Report:
    return analyze(nn.Sequential(nn.Conv1d(8, 8, 5, stride=2), nn.Conv1d(8, 8, 5)), "f32[1, 8, T]")


def in_a_notebook(report: Report, *, light: bool) -> str:
    style = OWN_STYLE % ("#ffffff" if light else "#111111")
    head = f'<html lang="en"><head><title>A notebook</title><style>{style}</style></head>'
    theme = f'data-jp-theme-light="{str(light).lower()}"'
    # two outputs of one notebook, and a table that is not ours
    body = f"{report._repr_html_()}{report._repr_html_()}<table><tr><th id='other'>other</th></tr></table>"
    return f"<!DOCTYPE html>{head}<body {theme}><main><h1>A notebook</h1>{body}</main></body></html>"


@pytest.mark.parametrize("light", [True, False])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_in_every_theme(
    light: bool, scheme: str, show: Show, violations: Callable[[Page], list[str]]
) -> None:
    opened = show(in_a_notebook(halves(), light=light), 1000, scheme)
    page = opened.page
    assert opened.complaints == []
    assert len([url for url in opened.requests if not url.startswith("data:")]) == 1
    colour = page.evaluate("getComputedStyle(document.querySelector('.sc-notebook')).backgroundColor")
    assert colour == ("rgb(255, 255, 255)" if light else "rgb(15, 19, 24)")
    assert page.locator("#other").evaluate("(each) => getComputedStyle(each).color") == "rgb(0, 128, 0)"  # not restyled
    assert [each for each in violations(page) if 'id="other"' not in each] == []


def test_what_it_shows(show: Show) -> None:
    report = halves()
    page = show(in_a_notebook(report, light=True)).page
    first = page.locator(".sc-notebook").first
    text = first.inner_text()
    assert "T >= 13 (proved for every length; swept 1 to 2,048)" in text
    for failure in report.failures:
        assert failure.error in text
    assert first.locator(".sc-table tbody tr").count() == len(report.layers)
    names = first.locator(".sc-map tbody th").all_inner_texts()
    assert [name.split("\n")[0].split()[0] for name in names] == ["all", "0", "1"]
    assert (first.locator(".sc-seg title").first.text_content() or "").startswith("the module runs T >= 13")


def test_strange_reports(show: Show) -> None:
    for entry in handmade.strange_report().components:
        page = show(in_a_notebook(entry.report, light=True)).page
        assert page.evaluate("window.harm === undefined")
        assert page.locator("script, img").count() == 0
