"""How long a browser takes to open the page of a large model, beside an empty one: `make bench`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page

from tests.browser.conftest import Opened

WHOLE = Path(__file__).parent.parent.parent / "reports" / "config_ft" / "report.html"
EMPTY = "<!doctype html><title>empty</title><p>nothing"


def milliseconds(page: Page) -> float:
    return page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")


def test_a_page_of_300_layers_opens_within_a_second(show: Callable[..., Opened]) -> None:
    page = show(WHOLE).page
    assert page.locator("#layer-table tbody tr").count() >= 300
    taken, empty = milliseconds(page), milliseconds(show(EMPTY).page)
    print(f"\nthe page of config_ft: {taken:.0f} ms, {taken / max(empty, 1):.0f} x an empty one (bar: 1,000 ms)")
    assert taken < 1000
