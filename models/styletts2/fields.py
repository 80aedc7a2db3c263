"""Typed reading of the mappings of a configuration: every wrong field is collected, none is passed over or guessed.

A method that meets a wrong field notes it and returns a placeholder of the right type (0, "", ()); whoever reads must
call `Findings.finish` before the values are used, which raises one ConfigError for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import cast

from shapecheck import UsageError

# Far above what anyone trains, and low enough for a model to be constructed in seconds.
WIDTH = 65_536  # channels, features, kernel sizes
DEPTH = 256  # layers, heads
ENTRIES = 10_000_000  # rows of an embedding table

_SHOWN_NOTES = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong field: `key` is None where the file itself is wrong."""

    file: str
    key: str | None
    text: str  # what was found, what is allowed, and the remedy

    def __str__(self) -> str:
        file = printable(self.file)
        return f"{file}: {self.text}" if self.key is None else f"{file}: {self.key}: {self.text}"


class ConfigError(UsageError):
    """A configuration that cannot be used; the message lists every wrong field, one a line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems]
        if len(lines) > 1:
            lines = [f"{len(lines)} fields are wrong:", *(f"  {line}" for line in lines)]
        super().__init__("\n".join(lines))


@dataclass(slots=True)
class Findings:
    """What is wrong, and what the reader must know, over all the files of one configuration."""

    problems: list[Problem] = field(default_factory=list[Problem])
    notes: list[str] = field(default_factory=list[str])
    sections: list[Section] = field(default_factory=list["Section"])
    missing: list[tuple[Section, str, str]] = field(default_factory=list[tuple["Section", str, str]])

    def unknown_keys(self) -> tuple[tuple[str, str], ...]:
        """The path of each key that nothing reads, and that of the nearest known one, or ""."""
        return tuple(
            (section.path_of(key), self._nearest(section, key))
            for section in self.sections
            for key in section.unknown()
        )

    def finish(self) -> tuple[str, ...]:
        """The notes; raises ConfigError where a field is wrong."""
        unknown = [(section, key) for section in self.sections for key in section.unknown()]
        for section, key, needs in self.missing:
            near = get_close_matches(key, [other for owner, other in unknown if owner is section], 1, 0.75)
            moved = [owner.place(other) for owner, other in unknown if other == key]
            hint = f"; is {near[0]!r} meant for it?" if near else f"; it stands at {moved[0]}" if moved else ""
            self.problems.append(Problem(section.file, section.path_of(key), f"is missing; needs {needs}{hint}"))
        if self.problems:
            raise ConfigError(self.problems)
        warnings = [self._warning(section, key) for section, key in unknown[:_SHOWN_NOTES]]
        if len(unknown) > _SHOWN_NOTES:
            warnings.append(f"{len(unknown) - _SHOWN_NOTES} more unknown keys are ignored")
        return tuple(printable(note) for note in (*self.notes, *warnings))

    def _nearest(self, section: Section, key: str) -> str:
        near = get_close_matches(key, sorted(section.known), 1, 0.6)
        owners = [owner.path_of(key) for owner in self.sections if owner.file == section.file and key in owner.known]
        return section.path_of(near[0]) if near else owners[0] if owners else ""

    def _warning(self, section: Section, key: str) -> str:
        nearest = self._nearest(section, key)
        hint = f"; the nearest known key is {nearest}" if nearest else ""
        return f"{section.file}: unknown key {section.path_of(key)} is ignored{hint}"


class Section:
    """One mapping of a file. Each method reads one key, and by that makes it known."""

    def __init__(
        self, findings: Findings, file: str, path: str, values: object, examples: object, *, needs: str = ""
    ) -> None:
        self.file = file
        self.known: set[str] = set()
        self._findings = findings
        self._path = path
        self._examples = _mapping(examples) or {}
        mapping = _mapping(values)
        self.present = mapping is not None  # a section that is missing or wrong was reported, its fields are not
        self._values: Mapping[object, object] = mapping or {}
        findings.sections.append(self)
        if mapping is None and values is not _MISSING:
            text = f"found {describe(values)}; needs a mapping of keys to values{needs}"
            findings.problems.append(Problem(file, path or None, text))

    def has(self, key: str) -> bool:
        self.known.add(key)
        return key in self._values

    def accept_rest(self) -> None:
        """All other keys are known: the file serves other programs, too."""
        self.known.update(key for key in self._values if isinstance(key, str))

    def accept(self, *keys: str) -> None:
        """Keys that the training scripts read and that decide nothing here."""
        self.known.update(keys)

    def section(self, key: str, *, required: bool = True) -> Section:
        self.known.add(key)
        value = self._values.get(key, _MISSING)
        if value is _MISSING and required and self.present:
            self._findings.missing.append((self, key, "a mapping of keys to values"))
        return Section(self._findings, self.file, self.path_of(key), value, self._examples.get(key))

    def integer(self, key: str, least: int, most: int, *, default: int | None = None, multiple: int = 1) -> int:
        """An integer; 0 where it is wrong. `default`: where the key is absent; None: it must be there."""
        needs = f"an integer from {least:,} to {most:,}" + (f", a multiple of {multiple}" if multiple > 1 else "")
        value = self._get(key, needs, default)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most and value % multiple == 0:
            return value
        self._wrong(key, value, needs)
        return 0

    def optional_integer(self, key: str, least: int, most: int) -> int | None:
        return self.integer(key, least, most) if self.has(key) else None

    def number(self, key: str, least: float, most: float, *, default: float | None = None) -> float:
        """A finite number; 0.0 where it is wrong."""
        needs = "a number" if math.isinf(most) else f"a number from {least:g} to {most:g}"
        if math.isinf(most) and not math.isinf(least):
            needs += f", {least:g} or more"
        value = self._get(key, needs, default)
        real = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
        if least <= real <= most and abs(real) < 1e300:  # neither infinite nor an integer that float() refuses
            return float(real)
        self._wrong(key, value, needs)
        return 0.0

    def optional_number(self, key: str, least: float, most: float) -> float | None:
        return self.number(key, least, most) if self.has(key) else None

    def boolean(self, key: str, *, default: bool | None = None) -> bool:
        needs = "true or false"
        value = self._get(key, needs, default)
        if isinstance(value, bool):
            return value
        self._wrong(key, value, needs)
        return False

    def text(self, key: str, *, choices: Sequence[str] = ()) -> str:
        needs = " or ".join(repr(choice) for choice in choices) or "text"
        value = self._get(key, needs, None)
        if isinstance(value, str) and value and (not choices or value in choices):
            return value
        self._wrong(key, value, needs)
        return ""

    def optional_text(self, key: str) -> str:
        """Text, "" where the key is absent, empty, null or false: the public scripts write each of these."""
        value = self._values.get(key) if self.has(key) else None
        if value is None or value is False or isinstance(value, str):
            return value or ""
        self._wrong(key, value, "text")
        return ""

    def integers(self, key: str, least: int, most: int) -> tuple[int, ...]:
        """A list of integers; () where it is wrong."""
        needs = f"a list of 1 to {_MAXIMUM_ENTRIES} integers from {least:,} to {most:,}"
        value = self._get(key, needs, None)
        entries = _integers(value, least, most)
        if entries is not None:
            return entries
        self._wrong(key, value, needs)
        return ()

    def integer_lists(self, key: str, least: int, most: int, *, entries: int) -> tuple[tuple[int, ...], ...]:
        """A list of lists, each of at least `entries` integers; () where it is wrong."""
        needs = f"a list of lists, each of at least {entries} integers from {least:,} to {most:,}"
        value = self._get(key, needs, None)
        if isinstance(value, list) and 0 < len(value := cast("list[object]", value)) <= _MAXIMUM_ENTRIES:
            rows = [_integers(row, least, most) for row in value]
            if all(row is not None and len(row) >= entries for row in rows):
                return tuple(row for row in rows if row is not None)
            wrong = next(at for at, row in enumerate(rows) if row is None or len(row) < entries)
            self._wrong(key, value[wrong], needs, place=f"[{wrong}]")
            return ()
        self._wrong(key, value, needs)
        return ()

    def problem(self, key: str, text: str) -> None:
        """Fields that are right by themselves, and not with one another."""
        self._findings.problems.append(Problem(self.file, self.path_of(key), text))

    def note(self, text: str) -> None:
        self._findings.notes.append(text)

    def unknown(self) -> list[str]:
        keys = (key for key in self._values if key not in self.known)
        return [_shortened(key, 60) if isinstance(key, str) else describe(key) for key in keys]

    def path_of(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def place(self, key: str) -> str:
        return f"{self.path_of(key)}" if self._path else f"the top level ({key})"

    def _get(self, key: str, needs: str, default: object) -> object:
        self.known.add(key)
        value = self._values.get(key, _MISSING)
        if value is not _MISSING:
            return value
        if default is None and self.present:
            self._findings.missing.append((self, key, needs + self._example(key)))
        return _MISSING if default is None else default

    def _wrong(self, key: str, value: object, needs: str, *, place: str = "") -> None:
        if value is _MISSING:
            return  # reported as missing
        remedy = "" if place else self._example(key)
        if isinstance(value, str) and ("number" in needs or "integer" in needs) and "list" not in needs:
            remedy = _unquoted(value) or remedy
        text = f"found {describe(value)}; needs {needs}{remedy}"
        self._findings.problems.append(Problem(self.file, self.path_of(key) + place, text))

    def _example(self, key: str) -> str:
        example = self._examples.get(key, _MISSING)
        return "" if example is _MISSING or isinstance(example, dict) else f" (published: {_shown(example)})"


def printable(text: str) -> str:
    """The text with control characters written out: a file may name things to disturb a terminal."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def describe(value: object) -> str:
    """A value in a few words, however large it is: nothing here walks into what aliases may have multiplied."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) < 10**18 else f"an integer of {value.bit_length():,} bits"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        return f'the text "{_shortened(value, 40)}"'
    if isinstance(value, list):
        entries = cast("list[object]", value)
        shown = len(entries) <= 8 and all(isinstance(entry, int | float | str | None) for entry in entries)
        return f"[{', '.join(_shown(entry) for entry in entries)}]" if shown else f"a list of {len(entries)} entries"
    if isinstance(value, dict):
        count = len(cast("dict[object, object]", value))
        return f"a mapping of {count} key{'s' * (count != 1)}"
    return f"a {type(value).__name__}"


_MISSING = object()
_MAXIMUM_ENTRIES = 16


def _mapping(value: object) -> Mapping[object, object] | None:
    return cast("dict[object, object]", value) if isinstance(value, dict) else None


def _integers(value: object, least: int, most: int) -> tuple[int, ...] | None:
    if not isinstance(value, list):
        return None
    entries = cast("list[object]", value)
    right = [
        entry for entry in entries[: _MAXIMUM_ENTRIES + 1] if isinstance(entry, int) and not isinstance(entry, bool)
    ]
    if not 0 < len(entries) == len(right) <= _MAXIMUM_ENTRIES or any(not least <= entry <= most for entry in right):
        return None
    return tuple(right)


def _unquoted(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return ""
    if text.strip().lstrip("+-").isdecimal():
        return f"; write {text.strip()} without quotes"
    return (
        f"; write {number!r}, without quotes and with a dot, for YAML to read a number" if math.isfinite(number) else ""
    )


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        entries: Iterable[object] = cast("list[object]", value)
        return f"[{', '.join(_shown(entry) for entry in entries)}]"
    if isinstance(value, str):
        return f'"{_shortened(value, 40)}"'
    return "null" if value is None else describe(value)


def _shortened(text: str, width: int) -> str:
    return printable(text if len(text) <= width else text[: width - 3] + "...")
