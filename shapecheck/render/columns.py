"""Tables that keep every number whole at any width.

A table has several layouts, widest first; the first that fits comfortably is drawn. Within it, names fold in the middle
and formulas wrap between words; numbers are never cut, not even where the screen is narrower than the narrowest layout.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from rich.box import Box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

COMFORTABLE_NAME = 24  # a name folded to this is still easy to recognize
READABLE_FOLD = 0.25  # what such a fold costs, where a cell that takes one more line costs 1
COMFORTABLE_ROWS = 0.9  # the part of the rows that should not have to wrap


class Fit(Enum):
    """What a column may do when the table is wider than the screen."""

    WHOLE = "whole"  # nothing: numbers
    WORDS = "words"  # wrap between words: formulas, sets
    NAME = "name"  # fold a dotted name in the middle, or wrap it where folding would make two names look the same


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its title, the text of each row, and what it may do when space is short."""

    title: str
    cells: tuple[str, ...]
    fit: Fit = Fit.WHOLE
    right: bool = False  # numbers are aligned at their last digit

    def widths(self) -> list[int]:
        """The widths of the cells and the title, ascending; the last is where nothing gives way."""
        return sorted({cell_len(text) for text in (self.title, *self.cells)})

    def least(self) -> int:
        """The width below which the column never goes."""
        if self.fit is Fit.WHOLE:
            return self.widths()[-1]
        if self.fit is Fit.NAME:
            parts = [part + "." for name in self.cells for part in name.split(".")]
        else:
            parts = [word for text in self.cells for word in _words(text)]
        return min(self.widths()[-1], max(cell_len(text) for text in (self.title, *parts)))

    def comfortable(self) -> int:
        """The width to which the column gives way before a narrower layout is taken."""
        lengths = sorted(map(cell_len, self.cells))
        if self.fit is Fit.WHOLE or not lengths:
            return self.widths()[-1]
        if self.fit is Fit.NAME:
            return max(min(lengths[-1], COMFORTABLE_NAME), self.least())
        return max(lengths[int((len(lengths) - 1) * COMFORTABLE_ROWS)], self.least())


def print_table(console: Console, layouts: Sequence[Sequence[Column]], emphasized: Sequence[bool]) -> None:
    """Print the first layout that fits the console comfortably, else the last. `emphasized` rows stand out."""
    columns, gap = _choose(layouts, console.width)
    gaps = gap * (len(columns) - 1)
    widths = _widths(columns, console.width - gaps)
    plain = console.options.ascii_only
    table = Table(box=_HEAD_ASCII if plain else _HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0))
    texts: list[Sequence[str]] = []
    for column, width in zip(columns, widths, strict=True):
        justify = "right" if column.right else "left"
        table.add_column(Text(column.title, style="bold"), justify=justify, width=width, overflow="fold")
        if column.fit is Fit.NAME:
            texts.append(fold_names(column.cells, width, ".." if plain else "…"))
        else:
            texts.append([_wrap(text, width) for text in column.cells])
    for cells, emphasize in zip(zip(*texts, strict=True), emphasized, strict=True):
        table.add_row(*map(Text, cells), style="bold yellow" if emphasize else None)
    screen = console.width
    console.width = max(screen, sum(widths) + gaps)  # on too narrow a screen the terminal wraps; rich would cut numbers
    console.print(table)
    console.width = screen


def print_hanging(console: Console, label: str, text: str, style: str | None = None) -> None:
    """Print a label and beside it a text that wraps at the text's own left edge."""
    width = console.width - len(label)
    lines = Text(text, style=style or "").wrap(console, width)
    for index, line in enumerate(lines):
        console.print(Text(label if index == 0 else " " * len(label)) + line, soft_wrap=True)


def fold_names(names: Sequence[str], width: int, ellipsis: str = "…") -> tuple[str, ...]:
    """Fit dotted names into a width: fold in the middle, or, where two would then look the same, break after dots."""
    folded = tuple(_fold(name, width, ellipsis) for name in names)
    if len(set(folded)) == len(set(names)):
        return folded
    return tuple(_joined(name.replace(".", ".\0").split("\0"), width, separator="") for name in names)


def _fold(name: str, width: int, ellipsis: str) -> str:
    if cell_len(name) <= width:
        return name
    left = width - len(ellipsis)
    head = left // 2
    return name[:head] + ellipsis + name[len(name) - (left - head) :]


def _words(text: str) -> list[str]:
    """What stays together when a text wraps: words, and an arrow with what it points to."""
    return [word.replace("->\0", "-> ") for word in text.replace("-> ", "->\0").split(" ")]


def _wrap(text: str, width: int) -> str:
    """Break a text between words, and before an arrow rather than within a formula."""
    if cell_len(text) <= width:
        return text
    sections = text.replace(" -> ", "\n-> ").split("\n")
    return "\n".join(_joined(_words(section), width, separator=" ") for section in sections)


def _joined(parts: Iterable[str], width: int, separator: str) -> str:
    """Put the parts together into lines of at most `width`, as many as each line takes."""
    lines = [""]
    for part in parts:
        longer = lines[-1] + separator + part if lines[-1] else part
        if lines[-1] and cell_len(longer) > width:
            lines.append(part)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def _choose(layouts: Sequence[Sequence[Column]], width: int) -> tuple[Sequence[Column], int]:
    """The layout to draw, and how many spaces to put between its columns."""
    for columns in layouts:
        if sum(column.comfortable() for column in columns) + 2 * (len(columns) - 1) <= width:
            return columns, 2
    narrowest = layouts[-1]
    fits = sum(column.least() for column in narrowest) + 2 * (len(narrowest) - 1) <= width
    return narrowest, 2 if fits else 1


def _widths(columns: Sequence[Column], available: int) -> list[int]:
    """Every column at its full width, less what must give way: always the column where it touches the fewest rows."""
    widths = [column.widths()[-1] for column in columns]
    while (excess := sum(widths) - available) > 0:
        steps: list[tuple[float, int, int]] = []  # (cost, minus the characters gained, index of the column)
        for index, column in enumerate(columns):
            least = column.least()
            if widths[index] > least:
                next_smaller = max((width for width in column.widths() if width < widths[index]), default=least)
                narrower = max(next_smaller, least, widths[index] - excess)
                if column.fit is Fit.NAME and widths[index] > COMFORTABLE_NAME:
                    narrower = max(narrower, min(COMFORTABLE_NAME, widths[index] - 1))
                cost = sum(cell_len(cell) > narrower for cell in column.cells)
                if column.fit is Fit.NAME and narrower >= COMFORTABLE_NAME:
                    cost *= READABLE_FOLD
                steps.append((cost, narrower - widths[index], index))
        if not steps:
            break
        _, minus_gain, index = min(steps)
        widths[index] += minus_gain
    return widths


def _head_box(rule: str, *, ascii_only: bool) -> Box:
    return Box("\n".join("    " if row != 2 else f" {rule}  " for row in range(8)), ascii=ascii_only)


_HEAD = _head_box("─", ascii_only=False)
_HEAD_ASCII = _head_box("-", ascii_only=True)
