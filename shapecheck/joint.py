"""More than one free size: all lengths of one variable, for every combination of values of the others.

Invariant: each combination is an analysis of its own, so its verdicts, and what is proved of it, are as exact as any.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shapecheck.errors import UsageError
from shapecheck.lengths.notation import InputSpec, SpecError, looks_like_spec

if TYPE_CHECKING:
    from torch import nn

    from shapecheck.model import ComponentReport
    from shapecheck.report import Failure, Report

MOST_COMBINATIONS = 64


@dataclass(frozen=True, slots=True)
class Combination:
    """The report for one value of each of the other sizes."""

    sizes: Mapping[str, int]
    report: Report

    @property
    def text(self) -> str:
        """`"B = 1, S = 2"`."""
        return named(self.sizes)


@dataclass(frozen=True, slots=True)
class JointReport:
    """For which lengths a module runs, for each combination of its other sizes."""

    variable: str
    combinations: tuple[Combination, ...]

    def at(self, **sizes: int) -> Report:
        """The report of one combination; KeyError for one that was not analyzed."""
        for combination in self.combinations:
            if combination.sizes == sizes:
                return combination.report
        raise KeyError(named(sizes))

    @property
    def condition(self) -> str:
        """The joint condition in words, one clause for each set of lengths: "B = 1: none; 2 <= B <= 4: L >= 1"."""
        return condition_of(self.variable, [(entry.sizes, entry.report) for entry in self.combinations])


def analyze_sizes(
    module: nn.Module,
    *inputs: Any,
    sizes: Mapping[str, tuple[int, int]],
    lengths: tuple[int, int] | None = None,
    method: str = "forward",
    train: bool | None = False,
    **keyword_inputs: Any,
) -> JointReport:
    """`analyze` with more than one symbol in the specs: each of `sizes` has the values from first to last.

    The symbol that is left is swept, for every combination of the others. Raises UsageError where `sizes` does not fit
    the specs, or there are more than 64 combinations.

    >>> from torch import nn
    >>> joint = analyze_sizes(nn.BatchNorm1d(2), "f32[B, 2, T]", sizes={"B": (1, 3)}, train=True)
    >>> print(joint.condition)
    B = 1: T >= 2; B in {2, 3}: T >= 1
    """
    from shapecheck.analysis import analyze

    given = (inputs, keyword_inputs)
    symbols = symbols_of(given)
    swept = swept_symbol(symbols, sizes)
    found: list[Combination] = []
    for values in combinations(sizes):
        bound_inputs, bound_keywords = bound(given, values)
        report = analyze(module, *bound_inputs, lengths=lengths, method=method, train=train, **bound_keywords)
        found.append(Combination(values, report))
    return JointReport(swept, tuple(found))


def swept_symbol(symbols: Sequence[str], sizes: Mapping[str, tuple[int, int]]) -> str:
    """The one symbol that has no values of its own. Raises UsageError with all that does not fit."""
    problems = [f"{name}: no input has it" for name in sizes if name not in symbols]
    for name, (first, last) in sizes.items():
        if first < 0 or last < first:
            problems.append(f"{name}={first}:{last}: expected 0 <= first <= last")
    left = [symbol for symbol in symbols if symbol not in sizes]
    if len(left) != 1 and not problems:
        example = f"{left[0]}=1:4" if left else "B=1:4"
        what = f"one symbol is swept, and {', '.join(left)} have no values" if left else "no symbol is left to be swept"
        problems.append(f"{what}: give values to all others, such as {example}")
    if not problems and len(combinations(sizes)) > MOST_COMBINATIONS:
        problems.append(f"{len(combinations(sizes)):,} combinations of sizes; at most {MOST_COMBINATIONS} are analyzed")
    if problems:
        raise UsageError("; ".join(problems))
    return left[0]


def symbols_of(tree: Any) -> tuple[str, ...]:
    """The symbols of all specs in nested inputs, in order of appearance. Raises UsageError for a spec that is wrong."""
    from shapecheck.trees import leaves

    specs = [_parsed(leaf) for leaf in leaves(tree) if isinstance(leaf, str) and looks_like_spec(leaf)]
    return tuple(dict.fromkeys(symbol for spec in specs for symbol in spec.symbols))


def combinations(sizes: Mapping[str, tuple[int, int]]) -> list[dict[str, int]]:
    """Every combination of values, the last size varying fastest."""
    ranges = [range(first, last + 1) for first, last in sizes.values()]
    return [dict(zip(sizes, values, strict=True)) for values in itertools.product(*ranges)]


def bound(tree: Any, values: Mapping[str, int]) -> Any:
    """The same inputs with these values for symbols of their specs."""
    from shapecheck.trees import map_tree

    def leaf(value: Any) -> Any:
        if isinstance(value, str) and looks_like_spec(value):
            try:
                return str(_parsed(value).bind(values))
            except SpecError as error:
                raise UsageError(f"with {named(values)}: {error}") from None
        return value

    return map_tree(leaf, tree)


def named(sizes: Mapping[str, int]) -> str:
    """`"B = 1, S = 2"`."""
    return ", ".join(f"{name} = {value}" for name, value in sizes.items())


def condition_of(variable: str, reports: Sequence[tuple[Mapping[str, int], Report]]) -> str:
    """One clause for each set of lengths, with the sizes for which it is the valid one."""
    first = reports[0][0]
    if len(first) == 1:
        law = _law(variable, next(iter(first)), reports)
        if law is not None:
            return law
    groups: dict[str, list[Mapping[str, int]]] = {}
    for sizes, report in reports:
        text = report.valid.text(variable, limit=80)
        if report.unknown:
            text += f" (unknown: {report.unknown.text(variable, limit=60)})"
        groups.setdefault(text, []).append(sizes)
    if len(groups) == 1:
        return f"{next(iter(groups))}, for all of the {len(reports)} combinations"
    return "; ".join(f"{_where(sizes)}: {text}" for text, sizes in groups.items())


def together(entries: Sequence[ComponentReport]) -> tuple[str, ...]:
    """The joint condition of each component that has other sizes, and what refuses everything at some; () for none."""
    families: dict[str, list[ComponentReport]] = {}
    for entry in entries:
        if entry.sizes:
            families.setdefault(entry.component.name, []).append(entry)
    lines: list[str] = []
    steady: list[str] = []
    for name, family in families.items():
        refusals = _refusals(family)
        if (
            len(families) > 1
            and not refusals
            and len({(each.report.valid, each.report.unknown) for each in family}) == 1
        ):
            steady.append(name)
            continue
        label = f"  {name}: " if len(families) > 1 else ""
        lines.append(label + condition_of(family[0].report.variable, [(each.sizes, each.report) for each in family]))
        lines += [f"    {refusal}" for refusal in refusals]
    if not lines and not steady:
        return ()
    if len(families) == 1:
        return ("\n".join((f"Together: {lines[0]}.", *lines[1:])),)
    if steady:
        lines.append(f"  the same lengths for all of them: {', '.join(steady)}")
    sizes = " and ".join(dict.fromkeys(name for entry in entries for name in entry.sizes))
    return ("\n".join((f"Together, for each {sizes}:", *lines)),)


def _refusals(family: Sequence[ComponentReport]) -> list[str]:
    """For sizes with which nothing runs, what refuses the lengths that run with others; one line for equal failures."""
    from shapecheck.lengths.lengthset import LengthSet

    runs = LengthSet()
    for entry in family:
        runs |= entry.report.valid
    found: dict[str, list[Mapping[str, int]]] = {}
    for entry in family:
        if entry.report.valid:
            continue
        for failure in entry.report.failures:
            if failure.lengths & runs:
                found.setdefault(_refusal(failure, entry.report.variable), []).append(entry.sizes)
    return [f"{_where(sizes)}: {text}" for text, sizes in found.items()]


def _refusal(failure: Failure, variable: str) -> str:
    return f"{failure.layer} ({failure.operation}), with {variable} = {failure.at:,}: {failure.error}"


def _law(variable: str, name: str, reports: Sequence[tuple[Mapping[str, int], Report]]) -> str | None:
    """`"L >= 2B + 1, 1 <= B <= 4"`, where each set is all lengths from a minimum on that rises evenly."""
    from shapecheck.lengths.lengthset import LengthSet

    minima = [report.minimum for _, report in reports]
    if len(reports) < 3 or any(report.unknown for _, report in reports):
        return None
    plain = [minimum for minimum in minima if minimum is not None]
    if len(plain) < len(minima) or any(
        report.valid != LengthSet.at_least(minimum) for minimum, (_, report) in zip(plain, reports, strict=True)
    ):
        return None
    step = plain[1] - plain[0]
    if step == 0 or any(after - before != step for before, after in itertools.pairwise(plain)):
        return None
    values = [sizes[name] for sizes, _ in reports]
    constant = plain[0] - step * values[0]
    slope = name if step == 1 else f"-{name}" if step == -1 else f"{step}{name}"
    offset = f" + {constant}" if constant > 0 else f" - {-constant}" if constant < 0 else ""
    return f"{variable} >= {slope}{offset}, {values[0]} <= {name} <= {values[-1]}"


def _where(sizes: Sequence[Mapping[str, int]]) -> str:
    """The combinations of one clause in few words."""
    from shapecheck.lengths.lengthset import LengthSet

    if len(sizes[0]) == 1:
        name = next(iter(sizes[0]))
        return LengthSet.of([each[name] for each in sizes], first=0).text(name)
    return " or ".join(f"({named(each)})" for each in sizes)


def _parsed(text: str) -> InputSpec:
    try:
        return InputSpec.parse(text)
    except SpecError as error:
        raise UsageError(str(error)) from None


__all__ = [
    "Combination",
    "JointReport",
    "analyze_sizes",
    "bound",
    "combinations",
    "condition_of",
    "named",
    "swept_symbol",
    "symbols_of",
    "together",
]
