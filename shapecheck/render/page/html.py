"""The templates filled in: text that comes from a model is escaped, in the page as in the data of its script."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from shapecheck.model import Component, ComponentReport, ModelReport, Unit
from shapecheck.preflight import Preflight
from shapecheck.render.page.maps import component_map
from shapecheck.render.page.values import component_facts, events, layer_cells, values
from shapecheck.render.report_files import HTML_MARK
from shapecheck.report import Report


def page(report: ModelReport, preflight: Preflight | None = None, *, versions: bool = True) -> str:
    """The whole page. Without `versions`, only the first two numbers of shapecheck's and PyTorch's are named."""
    found = values(report, preflight, versions=versions)
    text = _environment().get_template("page.html").render(found, data=_json(found["data"]), mark=Markup(HTML_MARK))
    return _tidy(text)


def notebook(report: Report) -> str:
    """One report as a piece of HTML: what it says, the table of its layers, and the map."""
    component = Component("the module", "", "", _not_built, report.inputs, variable=report.variable, unit=Unit("steps"))
    entry = ComponentReport(component, report)
    text = (
        _environment()
        .get_template("notebook.html")
        .render(
            report=report,
            facts=component_facts(entry),
            map=component_map(entry, "map"),
            events=events(entry),
            layers=[(layer, layer_cells(layer, report.variable)) for layer in report.layers],
        )
    )
    return _tidy(text)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("shapecheck.render.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["style"] = _source  # type: ignore[assignment]
    environment.filters["breakable"] = _breakable
    return environment


def _breakable(name: str) -> Markup:
    """A dotted name that may wrap after a dot."""
    return Markup(re.sub(r"\.(?=.)", ".<wbr>", str(escape(name))))


def _source(name: str) -> Markup:
    """A style sheet or a script as it is, to stand within the page."""
    loader = _environment().loader
    assert loader is not None
    return Markup(loader.get_source(_environment(), name)[0])


def _json(data: Any) -> Markup:
    """JSON that can stand in a script element: nothing in it ends the element."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))  # ASCII, so that no line separator is left either
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def _tidy(text: str) -> str:
    """Without indentation and empty lines outside of preformatted text, which alone may hold any."""
    lines: list[str] = []
    is_kept = False
    for line in text.split("\n"):
        stripped = line if is_kept else line.strip()
        is_kept = (is_kept or "<pre" in line) and "</pre>" not in line
        if stripped or is_kept:
            lines.append(stripped)
    return "\n".join(lines) + "\n"


def _not_built() -> Any:
    raise AssertionError("the module is not built again")
