"""The files of a report: which there are for each format, what is in them, and by what they are known as ours."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from importlib.metadata import version

from shapecheck._version import __version__
from shapecheck.model import ModelReport
from shapecheck.preflight import Preflight
from shapecheck.render import csv_tables, report_markdown
from shapecheck.render.document import document, short_version
from shapecheck.render.page import MARK, page
from shapecheck.saved import SCHEMA


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
    "report.md": report_markdown.MARK,
    "report.html": MARK,
    "report.json": f'"schema": "{SCHEMA}"',
    "components.csv": ",".join(csv_tables.COMPONENTS),
    "layers.csv": ",".join(csv_tables.LAYERS),
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
    made = {
        "report.md": lambda: report_markdown.report_markdown(report, preflight, versions=versions_line(versions)),
        "report.html": lambda: page(report, preflight, versions=versions),
        "report.json": lambda: document(report, preflight=preflight, versions=versions),
        "components.csv": lambda: csv_tables.components_csv(report),
        "layers.csv": lambda: csv_tables.layers_csv(report),
    }
    return {name: made[name]() for name in names(formats)}


def versions_line(whole: bool) -> str:
    """`"shapecheck 0.1 with PyTorch 2.13"`."""
    named = (__version__, version("torch"))
    shapecheck, torch = named if whole else map(short_version, named)
    return f"shapecheck {shapecheck} with PyTorch {torch}"
