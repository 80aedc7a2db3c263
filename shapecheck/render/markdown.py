"""A difference as GitHub-flavoured Markdown for a pull request: the verdict as the heading, a row for each component.

What the reports name is put in code spans, where neither marks nor tags nor mentions mean anything.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from shapecheck.difference import ComponentDifference, Difference
from shapecheck.render.difference import (
    differing,
    heading,
    layer_rows,
    layers_in_one,
    rows,
    sentence,
    value_text,
)
from shapecheck.saved import SavedReport

_LIMITS = ("valid", "minimum", "threshold")
LONGEST_LIST = 40  # rows or names of one list: a comment on GitHub holds 65,536 characters


def markdown(difference: Difference) -> str:
    """The whole difference, ending with a newline."""
    blocks = [f"## {sentence(difference)}"]
    shown = differing(difference)
    if shown:
        blocks.append(f"- A: {_side(difference.before)}\n- B: {_side(difference.after)}")
    if difference.notes:
        blocks.append("\n".join(f"> note: {code(note)}" for note in difference.notes))
    if shown:
        blocks.append(table(("component", "what became of it", *_LIMITS), map(_summary, shown)))
    for component in shown:
        details = list(_details(component))
        if details:
            name = f"<code>{html.escape(_line(component.name))}</code>"
            summary = f"<details><summary>{name}: {html.escape(heading(component))}</summary>"
            blocks += [summary, *details, "</details>"]
    return "\n\n".join(blocks) + "\n"


def _summary(component: ComponentDifference) -> list[str]:
    """A row: the component, what became of it, and its limits, with those of before where they differ."""
    cells = [code(component.name), heading(component)]
    for field in _LIMITS:
        texts = [
            code(value_text(field, getattr(each, field), each)) if each is not None else "-"
            for each in (component.before, component.after)
        ]
        cells.append(" -> ".join(dict.fromkeys(texts)))
    return cells


def _details(component: ComponentDifference) -> Iterable[str]:
    changed = rows(component)
    if changed:
        yield table(("", "A", "B"), ([label, code(before), code(after)] for label, before, after in changed))
    layers = [[code(layer), what, code(before), code(after)] for layer, what, before, after in layer_rows(component)]
    if layers:
        yield table(("layer", "what", "A", "B"), layers[:LONGEST_LIST])
        if len(layers) > LONGEST_LIST:
            yield f"... and {len(layers) - LONGEST_LIST:,} more changes; `--format json` has them all"
    for label, names in layers_in_one(component):
        more = f", ... and {len(names) - LONGEST_LIST:,} more" if len(names) > LONGEST_LIST else ""
        yield f"{label}: {', '.join(code(name, in_table=False) for name in names[:LONGEST_LIST])}{more}"


def _side(report: SavedReport) -> str:
    mode = ", in training mode" if report.mode == "train" else ""
    config = f" ({code(report.config, in_table=False)})" if report.config else ""
    return f"{code(report.origin, in_table=False)}: {code(report.model, in_table=False)}{config}{mode}"


def table(titles: Sequence[str], cells: Iterable[Sequence[str]], rules: Sequence[str] = ()) -> str:
    """`rules`: "---:" for a column that is to be aligned at its right end, else "---"."""
    lines = [titles, rules or ["---"] * len(titles), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(text: str, *, in_table: bool = True) -> str:
    """The text as a code span: fenced with more backticks than it has in a row."""
    line = _line(text)
    if not line:
        return ""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    padding = " " if line.startswith("`") or line.endswith("`") else ""
    span = f"{fence}{padding}{line}{padding}{fence}"
    return span.replace("|", "\\|") if in_table else span


def _line(text: str) -> str:
    return " ".join(text.split())
