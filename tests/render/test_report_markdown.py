"""A report as Markdown: a linter is content with it, it renders to what was meant, and nothing in it is markup."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from pymarkdown.api import PyMarkdownApi

from shapecheck.render.comparison import comparison
from shapecheck.render.report_markdown import plain, report_markdown
from tests import handmade

ROOT = Path(__file__).parents[2]
CHECKED_IN = [*sorted((ROOT / "reports").rglob("*.md")), ROOT / "docs" / "report.md"]


def lint(text: str) -> list[str]:
    """What the linter finds, but for long lines, which tables have, and <details>, which GitHub folds."""
    linter = PyMarkdownApi().disable_rule_by_identifier("md013").disable_rule_by_identifier("md033")
    found = linter.scan_string(text)
    return [f"{each.line_number}: {each.rule_id} {each.rule_description}" for each in found.scan_failures]


def rendered(text: str) -> str:
    return MarkdownIt("commonmark").enable("table").render(text)


@pytest.mark.parametrize("report", [handmade.everything(), handmade.strange_report(), handmade.model_report()])
def test_the_linter_is_content(report: Any) -> None:
    assert lint(report_markdown(report, versions="shapecheck 0.1")) == []


@pytest.mark.parametrize("path", CHECKED_IN, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_linter_is_content_with_what_is_checked_in(path: Path) -> None:
    assert lint(path.read_text(encoding="utf-8")) == []


def test_the_examples_in_the_documentation_run() -> None:
    text = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 2
    for block in blocks:
        found: dict[str, Any] = {}
        exec(block, found)
        if "way" in found:
            assert found["way"].values(24_000)["T"] == 81


def test_everything_is_in_it() -> None:
    report = handmade.everything()
    html = rendered(report_markdown(report, versions="shapecheck 0.1"))
    assert html.count("<h1>") == 1
    assert html.count("<h2>") == 1 + len(report.components)
    for entry in report.components:
        assert f"<h2>{entry.name}</h2>" in html
        for layer in entry.report.layers:
            assert f"<code>{layer.name}</code>" in html
    assert html.count("<table>") >= 2 * len(report.components)
    assert "needs 5 and gets 4" in html
    assert "<details><summary>18 calls of layers</summary>" in html


def test_names_and_messages_are_no_markup() -> None:
    html = rendered(report_markdown(handmade.strange_report(), versions="shapecheck 0.1"))
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;/script&gt;&lt;img src=x" in html
    assert "<code>a|b `c` *d*</code>" in html
    assert "<em>d</em>" not in html
    first = handmade.STRANGE_MESSAGE.splitlines()[0]
    assert first.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;") in html


def test_plain_sentences() -> None:
    for text in ("a_b * c", "[x](y) <b> & `d` | #e", "1 <= T", "~no~ !image"):
        assert rendered(plain(text)).strip().removeprefix("<p>").removesuffix("</p>") == (
            text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        )


def test_a_comparison_says_what_is_proved() -> None:
    one, other = handmade.model_report(handmade.style_encoder()), handmade.model_report(handmade.undecided())
    text = comparison({"config_a": one, "config_b": other}, versions="shapecheck 0.1")
    assert lint(text) == []
    proved = next(line for line in text.splitlines() if line.startswith("| `style_encoder`"))
    swept = next(line for line in text.splitlines() if line.startswith("| `mpd`"))
    assert proved.endswith("`T >= 65`: 65 mel frames = 19,500 samples = 0.8125 s, proved | - |")
    assert "swept 1 to 64" in swept
