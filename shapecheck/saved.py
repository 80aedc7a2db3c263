"""A JSON document of the schema `shapecheck.limits/1` as values again, checked before anything is made of it.

The document is anybody's: a wrong field is a UsageError that lists all of them, and no text disturbs a terminal.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

from shapecheck.errors import UsageError

if TYPE_CHECKING:
    from shapecheck.lengths.lengthset import LengthSet
    from shapecheck.lengths.progressions import Progression

SCHEMA = "shapecheck.limits/1"
MODES = ("eval", "train")

_LARGEST_FILE = 1 << 26  # bytes; the document of a whole model has about 100,000
_LARGEST_LENGTH = 1 << 53  # what every reader of JSON has exactly
_SHOWN_PROBLEMS = 20
_REMEDY = "give what a shapecheck command wrote with --format json"


@dataclass(frozen=True, slots=True)
class SavedLayer:
    """One call of one layer; the fields are those of `shapecheck.report.LayerLimit`."""

    name: str
    kind: str
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    input_length: str
    output_length: str
    needs: int | None
    minimum: int | None
    rejects: LengthSet


@dataclass(frozen=True, slots=True)
class SavedFailure:
    """Lengths that one layer refuses."""

    layer: str
    lengths: LengthSet
    at: int
    error: str
    draws: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SavedComponent:
    """One component's limits. Invariant: `valid` has this minimum, threshold and maximum, and ends if not `proved`."""

    name: str
    class_name: str
    role: str
    variable: str
    unit: str
    inputs: tuple[str, ...]
    swept: tuple[int, int]
    valid: LengthSet
    minimum: int | None
    threshold: int | None
    maximum: int | None
    proved: bool
    unknown: LengthSet
    seconds_per_step: float | None
    layers: tuple[SavedLayer, ...]
    failures: tuple[SavedFailure, ...]


@dataclass(frozen=True, slots=True)
class SavedSkipped:
    """A component that was not analyzed, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class SavedReport:
    """A model's limits. Invariant: no name is twice among the components and those skipped."""

    origin: str  # where it comes from, in the reader's own words: the file's name
    shapecheck_version: str
    torch_version: str
    model: str
    config: str
    source: str
    mode: str
    components: tuple[SavedComponent, ...]
    skipped: tuple[SavedSkipped, ...]


def read_bytes(path: str) -> bytes:
    """The content of a file that may be a document. Raises UsageError where there is none, or one that is too large."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except FileNotFoundError:
        raise UsageError(f"{printable(path)}: there is no such file or folder") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise UsageError(f"{printable(path)}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > _LARGEST_FILE:
        raise UsageError(f"{printable(path)}: is larger than {_LARGEST_FILE:,} bytes; {_REMEDY}")
    return content


def is_document(path: str, content: bytes) -> bool:
    """Whether a file is meant as a JSON document: by its first character, or else by its name."""
    return content.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") or path.lower().endswith(".json")


def parse(content: bytes, origin: str) -> SavedReport:
    """The report of a document's text. Raises UsageError that names every wrong field."""
    where = printable(origin)
    try:
        values = json.loads(content.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise UsageError(f"{where}: is not UTF-8 text (at byte {error.start:,}); {_REMEDY}") from None
    except json.JSONDecodeError as error:
        what = (
            "is empty"
            if not content.strip()
            else f"is not JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        )
        raise UsageError(f"{where}: {what}; {_REMEDY}") from None
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, NaN; brackets within brackets
        what = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise UsageError(f"{where}: is not JSON that can be read: {what}; {_REMEDY}") from None
    return from_values(values, origin)


def from_values(values: object, origin: str) -> SavedReport:
    """The report of a document's plain values, as `shapecheck.render.document.limits` gives them."""
    problems: list[str] = []
    where = printable(origin)
    if not isinstance(values, dict):
        raise UsageError(f"{where}: is {_shown(values)}, not an object; {_REMEDY}")
    top = _Object(cast("Mapping[str, object]", values), "", problems)
    found = top.values.get("schema")
    if found != SCHEMA:
        what = f"found {_shown(found)}" if "schema" in top.values else "is missing"
        raise UsageError(f"{where}: schema: {what}; this version of shapecheck reads {SCHEMA} only; {_REMEDY}")
    report = SavedReport(
        origin=where,
        shapecheck_version=top.text("shapecheck_version"),
        torch_version=top.text("torch_version"),
        model=top.text("model"),
        config=top.text("config"),
        source=top.text("source"),
        mode=top.text("mode", among=MODES),
        components=tuple(map(_component, top.objects("components"))),
        skipped=tuple(SavedSkipped(entry.text("name"), entry.text("reason")) for entry in top.objects("skipped")),
    )
    names = Counter(entry.name for entry in (*report.components, *report.skipped) if not problems)
    problems += [f"the component {name} is there {count} times" for name, count in names.items() if count > 1]
    if problems:
        shown = problems[:_SHOWN_PROBLEMS]
        if len(problems) > len(shown):
            shown.append(f"... and {len(problems) - len(shown):,} more")
        if len(shown) == 1:
            raise UsageError(f"{where}: {shown[0]}")
        raise UsageError("\n".join([f"{where}: {len(problems):,} fields are wrong:", *(f"  {line}" for line in shown)]))
    return report


def printable(text: str) -> str:
    """The text with control characters written out."""
    return (
        text
        if text.isprintable()
        else "".join(
            character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
            for character in text
        )
    )


def _component(entry: _Object) -> SavedComponent:
    before = len(entry.problems)
    swept = entry.wholes("swept")
    if len(entry.problems) == before and (len(swept) != 2 or swept[0] > swept[1]):
        entry.wrong("swept", "the first and the last length, such as [1, 2048]")
    component = SavedComponent(
        name=entry.text("name"),
        class_name=entry.text("class"),
        role=entry.text("role"),
        variable=entry.text("variable"),
        unit=entry.text("unit"),
        inputs=entry.texts("inputs"),
        swept=cast("tuple[int, int]", swept),
        valid=entry.lengths("valid"),
        minimum=entry.whole_or_none("minimum"),
        threshold=entry.whole_or_none("threshold"),
        maximum=entry.whole_or_none("maximum"),
        proved=entry.truth("proved"),
        unknown=entry.lengths("unknown"),
        seconds_per_step=entry.duration_or_none("seconds_per_step"),
        layers=tuple(map(_layer, entry.objects("layers"))),
        failures=tuple(map(_failure, entry.objects("failures"))),
    )
    if len(entry.problems) == before:
        _check(component, entry)
    return component


def _layer(entry: _Object) -> SavedLayer:
    return SavedLayer(
        name=entry.text("name"),
        kind=entry.text("kind"),
        kernel_size=entry.wholes("kernel_size"),
        stride=entry.wholes("stride"),
        padding=entry.wholes("padding"),
        dilation=entry.wholes("dilation"),
        input_length=entry.text("input_length"),
        output_length=entry.text("output_length"),
        needs=entry.whole_or_none("needs"),
        minimum=entry.whole_or_none("minimum"),
        rejects=entry.lengths("rejects"),
    )


def _failure(entry: _Object) -> SavedFailure:
    return SavedFailure(
        layer=entry.text("layer"),
        lengths=entry.lengths("lengths"),
        at=entry.whole("at"),
        error=entry.text("error"),
        draws=entry.texts("draws"),
    )


def _check(component: SavedComponent, entry: _Object) -> None:
    """What the fields of one component say of each other."""
    valid, unknown = component.valid, component.unknown
    for key in ("minimum", "threshold", "maximum"):
        stated, true = getattr(component, key), getattr(valid, key)
        if stated != true:
            entry.wrong(key, f"{_shown(true)}, which is that of the ranges of valid")
    for key, lengths in (("valid", valid), ("unknown", unknown)):
        if lengths.infinite and not component.proved:
            entry.problems.append(f"{entry.place(key)}: goes on for ever, though proved is false")
    try:
        if not valid.isdisjoint(unknown):
            entry.problems.append(f"{entry.place('unknown')}: has lengths that valid has, too")
    except ValueError as error:
        entry.problems.append(f"{entry.place('unknown')}: cannot be compared with valid: {error}")


class _Object:
    """Typed reading of one JSON object. What is wrong goes to `problems`, and a value of the right type comes back."""

    def __init__(self, values: Mapping[str, object], where: str, problems: list[str]) -> None:
        self.values = values
        self.where = where  # "components[3]"; "" for the document
        self.problems = problems

    def place(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def wrong(self, key: str, needed: str) -> None:
        found = f"found {_shown(self.values[key])}" if key in self.values else "is missing"
        self.problems.append(f"{self.place(key)}: {found}; needs {needed}")

    def text(self, key: str, among: Sequence[str] = ()) -> str:
        value = self.values.get(key)
        if isinstance(value, str) and (not among or value in among):
            return printable(value)
        self.wrong(key, f"one of {', '.join(among)}" if among else "a text")
        return ""

    def texts(self, key: str) -> tuple[str, ...]:
        return tuple(map(printable, self._list(key, _is_text, "a list of texts")))

    def whole(self, key: str) -> int:
        value = self.values.get(key)
        if _is_length(value):
            return cast(int, value)
        self.wrong(key, "a whole number")
        return 0

    def whole_or_none(self, key: str) -> int | None:
        value = self.values.get(key)
        if key in self.values and (value is None or _is_length(value)):
            return cast("int | None", value)
        self.wrong(key, "a whole number, or null")
        return None

    def wholes(self, key: str) -> tuple[int, ...]:
        return tuple(self._list(key, _is_length, "a list of whole numbers"))

    def duration_or_none(self, key: str) -> float | None:
        value = self.values.get(key)
        if key in self.values and value is None:
            return None
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < _LARGEST_LENGTH:
            return value
        self.wrong(key, "a number above 0, or null")
        return None

    def truth(self, key: str) -> bool:
        value = self.values.get(key)
        if isinstance(value, bool):
            return value
        self.wrong(key, "true or false")
        return False

    def lengths(self, key: str) -> LengthSet:
        """The set of {"text", "ranges"}: of its ranges, the text is for people."""
        from shapecheck.lengths.lengthset import LengthSet

        inner = self._object(key, self.values.get(key))
        if inner is not None:
            inner.text("text")
            ranges = inner._list("ranges", _is_progression, "a list of progressions [first, last or null, step]")
            try:
                return LengthSet.from_ranges(cast("list[Progression]", ranges))
            except ValueError as error:
                self.problems.append(f"{inner.place('ranges')}: {error}")
        return LengthSet()

    def objects(self, key: str) -> list[_Object]:
        entries = self._list(key, lambda value: isinstance(value, dict), "a list of objects")
        return [_Object(entry, f"{self.place(key)}[{index}]", self.problems) for index, entry in enumerate(entries)]

    def _object(self, key: str, value: object) -> _Object | None:
        if isinstance(value, dict):
            return _Object(cast("Mapping[str, object]", value), self.place(key), self.problems)
        self.wrong(key, "an object")
        return None

    def _list(self, key: str, is_right: Callable[[object], bool], needed: str) -> list[Any]:
        value = self.values.get(key)
        if isinstance(value, list) and all(map(is_right, cast("list[object]", value))):
            return cast("list[Any]", value)
        self.wrong(key, needed)
        return []


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_length(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST_LENGTH


def _is_progression(value: object) -> bool:
    if not isinstance(value, list):
        return False
    parts = cast("list[object]", value)
    return (
        len(parts) == 3 and _is_length(parts[0]) and (parts[1] is None or _is_length(parts[1])) and _is_length(parts[2])
    )


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _shown(value: object) -> str:
    """A value in a few characters, none of which disturbs a terminal."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
