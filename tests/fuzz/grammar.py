"""What a program is generated from: the shape that is tracked, and the table of statements.

A statement is a function of the writer that returns lines and says what shape they leave, or None where it does not
apply. Sizes are those at the longest length, so that most programs run there, and fail for some shorter ones.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import TypeVar

from tests.fuzz.programs import Line, Part, Program, Statement

LARGEST = 6000  # elements of the tensor at the longest length: eager runs must be quick
FORMS = {(2, 1): "bt", (3, 2): "bct", (3, 1): "btc", (4, 3): "bcht", (4, 2): "bcth"}  # b batch, c channels, t time

Choice = TypeVar("Choice")
Lines = list[Statement]
Make = Callable[["Writer"], "Lines | None"]


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of statement: how often, for which forms of the tensor, and what writes it."""

    weight: float
    forms: tuple[str, ...]
    make: Make


ROWS: list[Row] = []


def statement(weight: float, *forms: str) -> Callable[[Make], Make]:
    """Enters a function into the table."""

    def enter(make: Make) -> Make:
        ROWS.append(Row(weight, forms, make))
        return make

    return enter


class Writer:
    """Writes one program; holds the shape of `x`: its sizes at the longest length, and which axis is the time."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self.dims: tuple[int, ...] = ()
        self.time = 0
        self.parts: list[Part] = []
        self.inputs: list[tuple[str, str]] = []
        self.depth = 0  # of blocks
        self._names = 0

    # the shape --------------------------------------------------------------------------------------------------

    @property
    def form(self) -> str:
        return FORMS.get((len(self.dims), self.time), "")

    @property
    def length(self) -> int:
        return self.dims[self.time]

    @property
    def channels(self) -> int:
        """Of the forms that have channels."""
        return self.dims[2] if self.form == "btc" else self.dims[1]

    @property
    def fixed(self) -> tuple[int, ...]:
        """All sizes but the time's."""
        return self.dims[: self.time] + self.dims[self.time + 1 :]

    def becomes(self, *dims: int, time: int | None = None) -> None:
        self.dims = dims
        self.time = self.time if time is None else time

    def resized(self, length: int, channels: int | None = None) -> None:
        """Another length, and other channels, of the same form."""
        dims = list(self.dims)
        dims[self.time] = length
        if channels is not None:
            dims[2 if self.form == "btc" else 1] = channels
        self.dims = tuple(dims)

    # drawing ----------------------------------------------------------------------------------------------------

    def pick(self, *choices: Choice) -> Choice:
        return self.random.choice(choices)

    def integer(self, first: int, last: int) -> int:
        return self.random.randint(first, last)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def name(self, stem: str) -> str:
        self._names += 1
        return f"{stem}{self._names}"

    def layer(self, text: str) -> str:
        return f"[[{self.name('layer')}: {text}]]"

    def divisor(self, *numbers: int) -> int:
        """One that all numbers have."""
        return self.pick(*(d for d in range(1, min(numbers) + 1) if all(number % d == 0 for number in numbers)))

    # statements -------------------------------------------------------------------------------------------------

    def one(self, *, keep: bool = False) -> Lines:
        """One statement; with `keep` one that leaves form and channels; [] where none is found."""
        before = self.dims, self.time, len(self.parts)
        for _ in range(30):
            rows = [row for row in ROWS if not row.forms or self.form in row.forms]
            row = self.random.choices(rows, [row.weight for row in rows])[0]
            lines = row.make(self)
            fits = lines is not None and min(self.dims) >= 1 and prod(self.dims) <= LARGEST and self.form != ""
            if fits and keep:
                fits = (len(self.dims), self.time) == (len(before[0]), before[1]) and self.fixed == _fixed(*before[:2])
            if fits and lines is not None:
                return lines
            self.dims, self.time = before[:2]
            del self.parts[before[2] :]
        return []

    def several(self, count: int, *, keep: bool = False) -> Lines:
        return [line for _ in range(count) for line in self.one(keep=keep)]


def _fixed(dims: tuple[int, ...], time: int) -> tuple[int, ...]:
    return dims[:time] + dims[time + 1 :]


def write(seed: int, index: int) -> Program:
    """The program of this number: always the same one."""
    writer = Writer(f"{seed}/{index}")
    batch, channels = writer.pick(1, 1, 1, 2), writer.integer(1, 4)
    length, text = writer.pick((96, "T"), (96, "T"), (96, "T"), (96, "T"), (193, "2T + 1"), (48, "T//2"), (98, "T + 2"))
    form = writer.pick("bct", "bct", "bct", "bct", "btc", "bt", "bcht", "bcth")
    sizes = {"b": (batch, str(batch)), "c": (channels, str(channels)), "h": (6, "6"), "t": (length, text)}
    if form == "bcth":
        sizes["h"] = (4, "4")
    writer.becomes(*(sizes[axis][0] for axis in form), time=form.index("t"))
    writer.inputs.append(("x", f"f32[{', '.join(sizes[axis][1] for axis in form)}]"))
    body = writer.several(writer.integer(3, 9))
    return Program(tuple(writer.inputs), tuple(writer.parts), tuple(body))


def line(*texts: str) -> Lines:
    return [Line(text) for text in texts]
