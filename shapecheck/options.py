"""Option texts into values. Each parser raises UsageError with the option, what was given and what is allowed.

`Problems` gathers those errors, so that one message names all the options that are wrong.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from shapecheck.errors import UsageError

if TYPE_CHECKING:
    from shapecheck.model import Model
    from shapecheck.report import LayerLimit

LONGEST_SWEEP = 1_000_000  # lengths in one sweep; each costs a few bytes in each dimension of each intermediate tensor
MOST_BATCH_SIZES = 64

ValueT = TypeVar("ValueT")
ChoiceT = TypeVar("ChoiceT", bound=Enum)


class Layers(Enum):
    """Which layers a report lists."""

    ALL = "all"
    BINDING = "binding"
    NONE = "none"

    def of(self, layers: Iterable[LayerLimit]) -> list[LayerLimit]:
        """Those of a report's layers that are to be listed."""
        return [layer for layer in layers if self is Layers.ALL or (self is Layers.BINDING and layer.is_binding)]


class Format(Enum):
    """How a result is written."""

    TABLE = "table"
    JSON = "json"


class OutputFormat(Enum):
    """How a report is written: for people, and for other programs."""

    TABLE = "table"
    JSON = "json"
    GITHUB = "github"  # annotations
    SARIF = "sarif"
    JUNIT = "junit"


class DifferenceFormat(Enum):
    """How the difference of two reports is written."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


class Problems:
    """Gathers the usage errors of several parsers; `check()` raises them as one."""

    def __init__(self) -> None:
        self._messages: list[str] = []

    def add(self, message: str) -> None:
        self._messages.append(message)

    def attempt(self, parse: Callable[[], ValueT]) -> ValueT | None:
        """The value, or None where there is a UsageError, which is noted."""
        try:
            return parse()
        except UsageError as error:
            self.add(str(error))
            return None

    @property
    def found(self) -> bool:
        """Whether there is anything so far."""
        return bool(self._messages)

    def check(self) -> None:
        """Raise everything gathered so far as one UsageError; do nothing if there is nothing."""
        if len(self._messages) == 1:
            raise UsageError(self._messages[0])
        if self._messages:
            listed = "\n".join(f"  {message}".replace("\n", "\n    ") for message in self._messages)
            raise UsageError(f"{len(self._messages)} problems:\n{listed}")


def parse_lengths(text: str) -> tuple[int, int]:
    """Read `LO:HI`, both inclusive: `"1:1024"` -> `(1, 1024)`."""
    example = "give the first and the last length, such as --lengths 1:1024"
    matched = re.fullmatch(r"([0-9]{1,18}):([0-9]{1,18})", text)
    if matched is None:
        raise UsageError(f"--lengths {text}: not of the form LO:HI; {example}")
    first, last = int(matched[1]), int(matched[2])
    if first < 1:
        raise UsageError(f"--lengths {text}: lengths start at 1; {example}")
    if first > last:
        raise UsageError(f"--lengths {text}: the first length is larger than the last; did you mean {last}:{first}?")
    if last - first >= LONGEST_SWEEP:
        raise UsageError(f"--lengths {text}: more than {LONGEST_SWEEP:,} lengths; {example}")
    return first, last


def parse_batch(text: str) -> tuple[int, int]:
    """Read `FIRST:LAST`, both inclusive: `"1:4"` -> `(1, 4)`; at most 64 sizes, for each is an analysis of its own."""
    example = "give the first and the last batch size, such as --batch 1:4"
    matched = re.fullmatch(r"([0-9]{1,9}):([0-9]{1,9})", text)
    if matched is None:
        raise UsageError(f"--batch {text}: not of the form FIRST:LAST; {example}")
    first, last = int(matched[1]), int(matched[2])
    if not 1 <= first <= last:
        raise UsageError(f"--batch {text}: expected 1 <= FIRST <= LAST; {example}")
    if last - first >= MOST_BATCH_SIZES:
        raise UsageError(f"--batch {text}: more than {MOST_BATCH_SIZES} batch sizes; {example}")
    return first, last


def parse_choice(option: str, text: str, choices: type[ChoiceT]) -> ChoiceT:
    """Read one of an enumeration's values."""
    for choice in choices:
        if choice.value == text:
            return choice
    raise UsageError(f"{option} {text}: unknown; one of: {', '.join(str(choice.value) for choice in choices)}")


def select_components(model: Model, names: Sequence[str], problems: Problems) -> tuple[str, ...] | None:
    """Check the names given with --component: each once, or None for all components.

    A problem is each name that the model does not have, or that it has but cannot build here.
    """
    known = [component.name for component in model.components]
    reasons = {skipped.name: skipped.reason for skipped in model.skipped}
    wanted = tuple(dict.fromkeys(names))
    for name in wanted:
        if name in reasons:
            problems.add(f"--component {name}: cannot be analysed: {reasons[name]}")
        elif name not in known:
            problems.add(f"--component {name or repr(name)}: unknown; {suggestion(name, known)}")
    return wanted or None


def suggestion(name: str, known: Iterable[str]) -> str:
    """What to write instead of an unknown name: the nearest known ones, or all where none is near."""
    by_lower_case = {candidate.lower(): candidate for candidate in known}
    lower_case = name.lower()
    near = [lower_case] if lower_case in by_lower_case else difflib.get_close_matches(lower_case, by_lower_case, 3)
    if near:
        return f"did you mean {' or '.join(by_lower_case[key] for key in near)}?"
    return f"one of: {', '.join(by_lower_case.values())}"
