"""What a report says as notices for other programs: a rule, a level, a message, and the place in a file.

The rules are the findings of a pre-flight (docs/preflight.md) and the few below, of any report.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, cast

from shapecheck.model import ComponentReport, ModelReport
from shapecheck.preflight import Finding, Preflight, Severity
from shapecheck.render import units

PLACES = 3  # files shown for a finding

RULES = {
    "smallest-length": "The smallest length with which a component runs, and the layer that decides it.",
    "no-valid-length": "A component runs for no length at all.",
    "undecided": "Of some lengths it could not be decided whether a component runs.",
    "not-analyzed": "A component could not be analyzed.",
}


class Level(Enum):
    """How much a notice matters, as SARIF names it."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Notice:
    rule: str
    level: Level
    subject: str  # a component, or the moment at which a finding strikes
    message: str
    remedy: str = ""
    file: str = ""  # as the user named it; "": none
    line: int | None = None

    @property
    def text(self) -> str:
        """The message and what to do."""
        return f"{self.message} Remedy: {self.remedy}" if self.remedy else self.message


_LEVELS = {
    Severity.FATAL: Level.ERROR,
    Severity.DROP: Level.ERROR,
    Severity.DEGRADE: Level.WARNING,
    Severity.INFO: Level.NOTE,
}


def notices(report: ModelReport, preflight: Preflight | None, file: str) -> tuple[Notice, ...]:
    """All that a report and a pre-flight have to say; `file`: that of the configuration or the module, "" for none."""
    found = [_of_component(entry, file) for entry in report.components]
    left_out = set(report.skipped) - set(report.model.skipped)
    found += [
        Notice("not-analyzed", Level.WARNING if each in left_out else Level.NOTE, each.name, each.reason, file=file)
        for each in report.skipped
    ]
    if preflight is not None:
        lines = _lines_of_keys(file)
        for finding in preflight.findings:
            found += _of_finding(finding, file, lines)
    return tuple(found)


def _of_component(entry: ComponentReport, file: str) -> Notice:
    report, name = entry.report, entry.name
    if report.unknown:
        reasons = "; ".join(f"{each.layer}: {each.reason}" for each in report.undecided)
        text = f"{name}: not decided for {report.unknown.text(report.variable, limit=60)}: {reasons}."
        return Notice("undecided", Level.WARNING, name, text, file=file)
    if report.minimum is None:
        error = report.failures[0].error if report.failures else "the reason is not known"
        return Notice("no-valid-length", Level.ERROR, name, f"{name} runs for no length: {error}", file=file)
    text = f"{name} runs with {report.valid.text(report.variable, limit=60)}"
    if report.minimum > report.swept[0]:
        text += f": at least {units.equivalents(entry.component.unit, report.minimum)}"
    deciding = next((each for each in report.failures if report.minimum - 1 in each.lengths), None)
    if deciding is not None:
        text += f"; {deciding.layer} decides"
    return Notice("smallest-length", Level.NOTE, name, f"{text}.", file=file)


def _of_finding(finding: Finding, file: str, lines: Mapping[str, int]) -> Iterable[Notice]:
    """One notice for each of the first places, or one for the key that the finding is about."""
    level, when = _LEVELS[finding.severity], finding.when.value
    placed = [each for each in finding.files if each.listed and each.line is not None]
    if not placed:
        line = _line_of(finding.message, lines) or _line_of(finding.remedy, lines)
        yield Notice(finding.identity, level, when, f"{finding.message} ({when})", finding.remedy, file, line)
        return
    more = len(finding.files) - len(placed[:PLACES])
    for number, each in enumerate(placed[:PLACES]):
        numbers = ", ".join(f"{name} {value}" for name, value in each.numbers.items())
        text = f"{finding.message} ({when})" if number == 0 else f"Likewise {each.file}: see the first."
        text += f" {each.file}: {numbers}." if numbers else f" {each.file}."
        text += f" And {more:,} more." if number == 0 and more else ""
        yield Notice(finding.identity, level, when, text, finding.remedy, each.listed, each.line)


def _line_of(text: str, lines: Mapping[str, int]) -> int | None:
    """The line of the first key of the configuration that a text names."""
    return next((lines[word] for word in re.findall(r"\w+", text) if word in lines), None)


def _lines_of_keys(file: str) -> dict[str, int]:
    """The line, counted from 1, where each key of a YAML file stands first; {} for no such file."""
    if not file.lower().endswith((".yml", ".yaml")):
        return {}
    import yaml

    compose = cast("Any", yaml).compose  # its stubs leave its types open
    try:
        pending: list[Any] = [compose(Path(file).read_text(encoding="utf-8"), Loader=yaml.SafeLoader)]
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    found: dict[str, int] = {}
    while pending:
        node = pending.pop()
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                found[str(key.value)] = min(key.start_mark.line + 1, found.get(str(key.value), 2**31))
                pending.append(value)
        elif isinstance(node, yaml.SequenceNode):
            pending += node.value
    return found


def counted(found: Sequence[Notice]) -> str:
    """`"1 error, 2 warnings, 14 notes"`."""
    counts = {level: sum(1 for notice in found if notice.level is level) for level in Level}
    return ", ".join(f"{count:,} {level.value}{'s' * (count != 1)}" for level, count in counts.items())


__all__ = ["RULES", "Level", "Notice", "counted", "notices"]
