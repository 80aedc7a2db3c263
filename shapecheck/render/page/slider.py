"""What becomes of the shortest clip, or of a length: what each component receives, and whether it refuses that.

`page.js` does the same arithmetic while the slider moves, from the formulas as nested lists; a test compares them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from shapecheck.clip import ClipWay, Gate, Occasion
from shapecheck.lengths.expression import Expression, Node, Operation
from shapecheck.model import ComponentReport, ModelReport
from shapecheck.render import units
from shapecheck.render.explanation import place
from shapecheck.report import Report

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LONGEST_CLIP = 20  # seconds; the slider ends before, if nothing changes any more
_ENDS = (0.5, 1, 2, 5, 10, _LONGEST_CLIP)
_STEP = 0.005  # seconds
_MOST_TURNS = 12
_VERDICTS = ("runs", "refused", "unknown", "not swept")


@dataclass(frozen=True, slots=True)
class Landing:
    """One component on one occasion, at one position of the slider."""

    index: int  # of the component in the report
    length: int
    verdict: str  # one of _VERDICTS, or "not called": the gate stopped the clip
    where: str
    message: str


@dataclass(frozen=True, slots=True)
class Turn:
    """The smallest value from which on something changes."""

    value: int
    words: str


@dataclass(frozen=True, slots=True)
class Slider:
    """`way.symbol` is what the slider sets: samples of a clip, or without `is_clip` the length itself."""

    way: ClipWay
    is_clip: bool
    seconds: float | None  # of one step of the value
    unit: str
    indices: dict[str, tuple[int, ...]]  # of a component's name those of its reports: one for each of its other sizes
    start: int
    first: int
    end: int
    step: int
    turns: tuple[Turn, ...]


def slider(report: ModelReport, shortest: int | None = None) -> Slider | None:
    """None where no clip is known of, and the components' lengths do not count the same.

    `shortest`: samples of a clip at which to start, instead of at the longest one with which something is lost.
    """
    entries = report.components
    names = [entry.component.name for entry in entries]
    indices = {name: tuple(n for n, each in enumerate(names) if each == name) for name in names}
    way = report.model.clip_way
    if way is not None and any(name in indices for each in way.occasions for name in each.lengths):
        made = _of_clip(_restricted(way, indices), entries, indices)
        if shortest is None:
            return made
        return replace(made, start=shortest, end=max(made.end, shortest))
    counted = {(entry.report.variable, entry.component.unit) for entry in entries}
    if len(counted) != 1:
        return None
    ((symbol, unit),) = counted
    way = ClipWay("", 0, symbol, (), (Occasion("", dict.fromkeys(names, symbol), "the call raises"),))
    return _of_length(way, entries, indices, unit.seconds, unit.name)


def landings(made: Slider, reports: Sequence[Report], value: int) -> list[list[Landing]]:
    """For each occasion what its components get and do."""
    values = made.way.values(value)
    found: list[list[Landing]] = []
    for occasion in made.way.occasions:
        stopped = occasion.gate is not None and not _passes(occasion.gate, values)
        found.append([])
        for name, formula in occasion.lengths.items():
            length = int(Expression.parse(formula).evaluate(values))
            for index in made.indices[name]:
                verdict, where, message = ("not called", "", "") if stopped else _verdict(reports[index], length)
                found[-1].append(Landing(index, length, verdict, where, message))
    return found


FINE = "Nothing refuses it."


def outcome(made: Slider, landed: Sequence[Sequence[Landing]], names: Sequence[str]) -> str:
    """What follows, in sentences: for each occasion what refuses, that it does not take place, or what is not known.

    `names`: of the report's components.
    """
    found: list[str] = []
    for occasion, each in zip(made.way.occasions, landed, strict=True):
        place = f" ({occasion.name})" if occasion.name else ""
        if occasion.gate is not None and any(landing.verdict == "not called" for landing in each):
            found.append(f"{_capital(occasion.gate.otherwise)}{place}.")
            continue
        refusing = [names[landing.index] for landing in each if landing.verdict == "refused"]
        if refusing:
            verb = "refuses" if len(refusing) == 1 else "refuse"
            found.append(f"{_capital(occasion.refusal)}: {_listed(refusing)} {verb} it{place}.")
        open_ = [names[landing.index] for landing in each if landing.verdict in ("unknown", "not swept")]
        if open_:
            found.append(f"Not known for {_listed(open_)}{place}.")
    return " ".join(found) or FINE


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def formula_values(formula: str) -> Any:
    """A formula as nested lists: `"min(E//2 - 1, 200)"` -> `["min", ["-", ["//", "E", 2], 1], 200]`."""
    return _nested(Expression.parse(formula).root)


def _nested(node: Node) -> Any:
    return [node.operator, _nested(node.left), _nested(node.right)] if isinstance(node, Operation) else node


def _verdict(report: Report, length: int) -> tuple[str, str, str]:
    if length in report.unknown:
        undecided = next((each for each in report.undecided if length in each.lengths), None)
        return ("unknown", "", "") if undecided is None else ("unknown", undecided.layer, undecided.reason)
    if length in report.invalid:
        failure = next((each for each in report.failures if length in each.lengths), None)
        if failure is None:
            return "refused", "", "the reason is not known"
        at = "" if failure.at == length else f"with {report.variable} = {failure.at:,}: "
        return "refused", place(failure.layer, failure.operation), at + failure.error
    return ("runs" if length in report.valid else "not swept"), "", ""


def _passes(gate: Gate, values: dict[str, int]) -> bool:
    return int(Expression.parse(gate.formula).evaluate(values)) >= gate.least


def _restricted(way: ClipWay, indices: dict[str, tuple[int, ...]]) -> ClipWay:
    """Without the components that are not in the report."""
    occasions: list[Occasion] = []
    for each in way.occasions:
        lengths = {name: formula for name, formula in each.lengths.items() if name in indices}
        if lengths:
            occasions.append(Occasion(each.name, lengths, each.refusal, each.gate))
    return ClipWay(way.source, way.sample_rate, way.symbol, way.quantities, tuple(occasions))


def _of_clip(way: ClipWay, entries: Sequence[ComponentReport], indices: dict[str, tuple[int, ...]]) -> Slider:
    rate = way.sample_rate
    turns = _turns(way, entries, indices, 0, _LONGEST_CLIP * rate)
    needed = 1.4 * turns[-1].value / rate if turns else 0
    end = next((end for end in _ENDS if end >= needed), _LONGEST_CLIP)
    step = max(1, round(_STEP * rate))
    start = (turns[0].value - 1) // step * step if turns else round(end * rate / 2)
    return Slider(way, True, 1 / rate, "samples", indices, start, 0, round(end * rate), step, turns)


def _of_length(
    way: ClipWay,
    entries: Sequence[ComponentReport],
    indices: dict[str, tuple[int, ...]],
    seconds: float | None,
    unit: str,
) -> Slider:
    first = min(entry.report.swept[0] for entry in entries)
    last = max(entry.report.swept[1] for entry in entries)
    turns = _turns(way, entries, indices, first, last)
    edge = turns[-1].value if turns else first
    end = min(last, max(2 * edge, first + 20)) if len(turns) < _MOST_TURNS else last
    start = turns[0].value - 1 if turns else first
    return Slider(way, False, seconds, unit, indices, start, first, end, 1, turns)


def _turns(
    way: ClipWay, entries: Sequence[ComponentReport], indices: dict[str, tuple[int, ...]], first: int, last: int
) -> tuple[Turn, ...]:
    """Where the verdict of a component on an occasion changes, or its gate opens; the first ones of many."""
    values: dict[str, Any] = {way.symbol: np.arange(first, last + 1)}
    for quantity in way.quantities:
        values[quantity.symbol] = Expression.parse(quantity.formula).evaluate(values)
    changes: list[tuple[int, str, str, str]] = []  # value, occasion, what becomes of it, component
    for occasion in way.occasions:
        gate = occasion.gate
        is_open = np.ones(last + 1 - first, dtype=np.bool_)
        if gate is not None:
            is_open = np.asarray(Expression.parse(gate.formula).evaluate(values)) >= gate.least
            words = ("takes place", gate.otherwise)
            changes += [(first + at, occasion.name, words[not is_open[at]], "") for at in _edges(is_open)]
        for name, formula in occasion.lengths.items():
            lengths = np.asarray(Expression.parse(formula).evaluate(values))
            for index in indices[name]:
                codes = np.where(is_open, _codes(entries[index].report, lengths), -1)
                changes += [
                    (first + at, occasion.name, _VERDICTS[codes[at]], entries[index].name)
                    for at in _edges(codes)
                    if is_open[at] and (is_open[at - 1] or codes[at])  # what a gate lets through is told if it fails
                ]
    changes.sort(key=lambda change: change[0])
    turns = [Turn(value, "; ".join(_told(list(group)))) for value, group in groupby(changes, lambda each: each[0])]
    return tuple(turns[:_MOST_TURNS])


def _told(changes: Sequence[tuple[int, str, str, str]]) -> Iterator[str]:
    for (occasion, verdict), group in groupby(changes, lambda each: each[1:3]):
        names = [name for *_, name in group if name]
        start = f"{occasion}: " if occasion else ""
        if not names:
            yield f"{start}{verdict}"
            continue
        many = len(names) > 1
        verb = {"runs": "run" if many else "runs", "refused": "refuse" if many else "refuses"}.get(verdict)
        yield f"{start}{_listed(names)} {verb or ('are ' if many else 'is ') + verdict}"


def _codes(report: Report, lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The index in _VERDICTS of what becomes of each length."""
    top = max(0, int(lengths.max()))
    known = np.full(top + 1, 3, dtype=np.int64)
    for code, members in enumerate((report.valid, report.invalid, report.unknown)):
        known[members.mask(0, top)] = code
    return np.where(lengths < 0, 3, known[np.clip(lengths, 0, top)])


def _edges(values: NDArray[Any]) -> list[int]:
    """The places at which a value differs from the one before."""
    return (np.flatnonzero(values[1:] != values[:-1]) + 1).tolist()


def told(made: Slider, value: int) -> str:
    """The value in all its units: `"0.395 s = 9,480 samples"`."""
    if made.is_clip:
        return f"{seconds(made, value)} s = {value:,} samples"
    duration = "" if made.seconds is None else f" = {units.number(round(value * made.seconds, 6))} s"
    return f"{value:,} {units.singular(made.unit) if value == 1 else made.unit}{duration}"


def seconds(made: Slider, value: int) -> str:
    """Seconds of a clip of so many samples, to as many digits as tell it from clips of one sample more or less."""
    return f"{value / made.way.sample_rate:.5f}".rstrip("0").rstrip(".")
