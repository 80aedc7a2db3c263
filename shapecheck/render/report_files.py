"""The files of a report: which there are for each format, what is in them, and by what they are known as ours.

Nothing heavy is imported before a text is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shapecheck.model import ModelReport
    from shapecheck.preflight import Preflight

HTML_MARK = '<meta name="generator" content="shapecheck">'
MARKDOWN_MARK = "<!-- written by shapecheck report -->"


class ReportFormat(Enum):
    """How a report is written to a folder."""

    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"
    CSV = "csv"


_NAMES = {
    ReportFormat.MARKDOWN: ("report.md",),
    ReportFormat.HTML: ("report.html",),
    ReportFormat.JSON: ("report.json",),
    ReportFormat.CSV: ("components.csv", "layers.csv"),
}
MARKS = {
    "report.md": MARKDOWN_MARK,
    "report.html": HTML_MARK,
    "report.json": '"schema": "shapecheck.limits/',
    "components.csv": "component,class,role,variable,unit,",
    "layers.csv": "component,layer,kind,kernel_size,stride,",
}


def names(formats: tuple[ReportFormat, ...]) -> tuple[str, ...]:
    return tuple(name for each in formats for name in _NAMES[each])


def texts(
    report: ModelReport,
    preflight: Preflight | None = None,
    formats: tuple[ReportFormat, ...] = tuple(ReportFormat),
    *,
    versions: bool = True,
) -> Mapping[str, str]:
    """Each file's text by its name. Without `versions`, only the first two numbers of them are in any."""
    from shapecheck.render import csv_tables
    from shapecheck.render.document import document
    from shapecheck.render.page import page
    from shapecheck.render.report_markdown import report_markdown

    made: dict[str, Callable[[], str]] = {
        "report.md": lambda: report_markdown(report, preflight, versions=versions_line(versions)),
        "report.html": lambda: page(report, preflight, versions=versions),
        "report.json": lambda: document(report, preflight=preflight, versions=versions),
        "components.csv": lambda: csv_tables.components_csv(report),
        "layers.csv": lambda: csv_tables.layers_csv(report),
    }
    return {name: made[name]() for name in names(formats)}


def versions_line(whole: bool) -> str:
    """`"shapecheck 0.1 with PyTorch 2.13"`."""
    from importlib.metadata import version

    from shapecheck._version import __version__
    from shapecheck.render.document import short_version

    named = (__version__, version("torch"))
    shapecheck, torch = named if whole else map(short_version, named)
    return f"shapecheck {shapecheck} with PyTorch {torch}"
