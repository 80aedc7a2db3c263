"""The way of a length through the layers as a picture: one bar for each size on the way, SVG with nothing from outside.

It follows the reader's light or dark setting, and says in words all that it shows.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from shapecheck.explanation import Explanation
from shapecheck.model import Component
from shapecheck.render.explanation import sentence, stages

_ROW, _BAR = 30, 20  # pixels
_LABELS, _BARS, _NUMBERS = 276, 300, 224
_MARGIN = 16
_WIDTH = _LABELS + _BARS + _NUMBERS + 2 * _MARGIN
_CHARACTER = 7.3  # pixels of a character of a label, about

_STYLE = """
text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #1f2328; }
.title { font: 600 14px system-ui, sans-serif; }
.quiet { fill: #59636e; }
.page { fill: #ffffff; }
.bar { fill: #3b6fb6; }
.short { fill: #c93c37; }
.needed { fill: none; stroke: #c93c37; stroke-width: 1.5; stroke-dasharray: 4 3; }
.refused { fill: #b3261e; font-weight: 600; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .quiet { fill: #9da7b1; } .page { fill: #0d1117; } .bar { fill: #6ea0e6; }
  .short { fill: #f47067; } .needed { stroke: #f47067; } .refused { fill: #ff8a80; }
}
"""


@dataclass(frozen=True, slots=True)
class _Row:
    label: str
    detail: str
    size: int | None
    needed: int | None = None
    is_refused: bool = False


def svg(component: Component, found: Explanation) -> str:
    """The picture as an SVG document, ending with a newline."""
    rows = _rows(found)
    title = f"{component.name}: {sentence(component, found)}"
    lines = textwrap.wrap(title, int((_WIDTH - 2 * _MARGIN) / 8.8))
    top = _MARGIN + 20 * len(lines) + 8
    height = top + _ROW * len(rows) + _MARGIN
    largest = max((max(row.size or 0, row.needed or 0) for row in rows), default=1) or 1
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label={quoteattr(title)}>',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape('; '.join(_words(row) for row in rows))}</desc>",
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{_WIDTH}" height="{height}" rx="6"/>',
        *(
            f'<text class="title" x="{_MARGIN}" y="{_MARGIN + 14 + 20 * number}">{escape(line)}</text>'
            for number, line in enumerate(lines)
        ),
    ]
    for number, row in enumerate(rows):
        parts += _drawn(row, top + _ROW * number, largest)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _rows(found: Explanation) -> list[_Row]:
    last = len(stages(found)) - 1
    rows: list[_Row] = []
    for number, (layer, operation, formula, size, is_refused) in enumerate(stages(found)):
        if is_refused and number == last:
            needs = found.limit.needs if found.limit is not None else None
            rows.append(_Row(layer, operation, found.got, needs, is_refused=True))
        else:
            rows.append(_Row(layer, formula, int(size.replace(",", "")) if size else None))
    return rows


def _words(row: _Row) -> str:
    size = "" if row.size is None else f" {row.size:,}"
    if not row.is_refused:
        return f"{row.label}{size}"
    return f"{row.label} refuses it" + (f": needs {row.needed:,}, gets{size}" if row.needed is not None else "")


def _drawn(row: _Row, y: int, largest: int) -> list[str]:
    middle = _MARGIN + _LABELS + _BARS / 2
    label = _folded(row.label, int((_LABELS - 10) / _CHARACTER))
    classes = ' class="refused"' if row.is_refused else ""
    parts = [f"<g><title>{escape(f'{_words(row)} ({row.detail})')}</title>"]
    parts.append(f'<text{classes} x="{_MARGIN}" y="{y + 15}">{escape(label)}</text>')
    if row.size is not None:
        parts.append(_bar("short" if row.is_refused else "bar", middle, y, row.size / largest))
    if row.needed is not None:
        parts.append(_bar("needed", middle, y, row.needed / largest))
    number = "" if row.size is None else f"{row.size:,}"
    if row.is_refused:
        number = f"{number or '?'} of {row.needed:,} needed" if row.needed is not None else "refused"
    x = _MARGIN + _LABELS + _BARS + 12
    parts.append(f'<text{classes} x="{x}" y="{y + 15}">{escape(number)}</text>')
    if not row.is_refused and row.detail:
        shown = _folded(row.detail, int((_NUMBERS - 12) / _CHARACTER) - len(number) - 2)
        parts.append(
            f'<text class="quiet" x="{x + _CHARACTER * (len(number) + 2):.0f}" y="{y + 15}">{escape(shown)}</text>'
        )
    return [*parts, "</g>"]


def _bar(name: str, middle: float, y: int, share: float) -> str:
    width = max(2.0, _BARS * share)
    return f'<rect class="{name}" x="{middle - width / 2:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2"/>'


def _folded(text: str, width: int) -> str:
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


__all__ = ["svg"]
