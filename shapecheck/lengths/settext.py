"""Sets of lengths as text that a person reads at once ("T >= 6, T even"), and back.

Of all the forms tried, the shortest is printed; parsing what was printed gives the same set.
"""

from __future__ import annotations

import re
from functools import partial
from itertools import pairwise

import numpy as np

from shapecheck.lengths.periodic import EMPTY, Periodic, from_members, interval, progression, residues
from shapecheck.lengths.progressions import Progression, finite_pattern, progressions
from shapecheck.lengths.scanner import Scanner, SpecError

EXAMPLE = "T >= 6, T even or T in {1, 5}"

_MOST_EXCEPTIONS = 12
_MOST_LISTED = 64
_LEAST_LISTED = 3  # progressions of at most so many members are written as members


def describe(members: Periodic, variable: str) -> str:
    """The shortest exact text."""
    if not members.edges:
        return "none"
    if not members.infinite:
        return _describe_finite(members, variable)
    if len(members.edges) == 1 and members.period == 1:
        return f"{variable} >= {members.start}"
    tail = np.flatnonzero(members.mask(members.start, members.start + members.period - 1)) + members.start
    remainders = tuple(sorted((tail % members.period).tolist()))
    texts = [_describe_parts(progressions(members), variable)]
    for first in dict.fromkeys((members.edges[0], int(tail[0]))):
        text = _describe_with_exceptions(members, variable, first, None, members.period, remainders)
        if text is not None:
            texts.insert(0, text)
    return min(texts, key=len)


def abbreviate(text: str, limit: int) -> str:
    """A text of `describe`, cut to about `limit` characters; what was left out is counted ("... (23 more)")."""
    clauses, short = text.split(" or "), text
    for items, kept in ((8, 6), (6, 4), (4, 3), (3, 2), (2, 1), (1, 1)):
        if len(short) <= limit:
            break
        short = " or ".join(_LIST.sub(partial(_cut_list, kept=items), clause) for clause in clauses[:kept])
        if len(clauses) > kept:
            short += f" or ... ({len(clauses) - kept} more)"
    return short if len(short) < len(text) else text


def parse(text: str, variable: str, first: int) -> Periodic:
    """The set that a text names; clauses without a lower bound are read within the lengths >= first.

    Raises SpecError, also for an abbreviated text: what was left out cannot be known.
    """
    scanner = Scanner(text, EXAMPLE.replace("T", variable))
    if scanner.token.text == "none":
        scanner.advance()
        scanner.finish()
        return EMPTY
    try:
        parts = [_clause(scanner, variable, first)]
        while scanner.accept("or"):
            parts.append(_clause(scanner, variable, first))
        members = _union(parts)
    except SpecError:
        raise
    except ValueError as error:  # a set with too long a period
        raise scanner.fault(str(error)) from None
    scanner.finish()
    return members


# Writing


def _describe_finite(members: Periodic, variable: str) -> str:
    edges = members.edges
    first, last = edges[0], edges[-1] - 1
    if len(edges) == 2:
        return f"{variable} in {{{first}, {last}}}" if last == first + 1 else _bounds(first, last, variable)
    texts: list[str] = []
    count = members.count(first, last)
    if count <= _MOST_LISTED:
        texts.append(f"{variable} in {{{_listed(members)}}}")
    if last - first + 1 - count <= _MOST_EXCEPTIONS:
        texts += filter(None, [_describe_with_exceptions(members, variable, first, last, 1, (0,))])
    pattern = finite_pattern(members)
    if pattern is None:
        texts.append(_describe_parts(progressions(members), variable))
    else:
        texts.append(_pattern(first, last, *pattern, variable))
    return min(texts, key=len)


def _describe_with_exceptions(
    members: Periodic, variable: str, first: int, last: int | None, period: int, remainders: tuple[int, ...]
) -> str | None:
    """The pattern, the exceptions within it, and the members outside it; None if the exceptions are many."""
    base = residues(period, remainders, first)
    if last is not None:
        base = base.below(last + 1)
    holes, extras = base.difference(members), members.difference(base)
    if holes.edges and holes.count(0, holes.edges[-1]) > _MOST_EXCEPTIONS:
        return None
    text = _pattern(first, last, period, remainders, variable)
    if holes.edges:
        listed = _listed(holes)
        text += f", {variable} != {listed}" if "," not in listed else f", {variable} not in {{{listed}}}"
    if not extras.edges:
        return text
    other = _describe_finite(extras, variable)
    return f"{other} or {text}" if extras.edges[0] < first else f"{text} or {other}"


def _describe_parts(parts: tuple[Progression, ...], variable: str) -> str:
    """Few clauses: progressions side by side as remainders of one step, those of few members together in one list."""
    clauses: list[tuple[int, str]] = []
    listed: list[int] = []
    for group in _side_by_side(parts):
        first, last, step = group[0]
        if len(group) > 1:
            first, lasts = min(part[0] for part in group), [part[1] for part in group if part[1] is not None]
            remainders = tuple(sorted(part[0] % step for part in group))
            clauses.append((first, _pattern(first, max(lasts, default=None), step, remainders, variable)))
        elif last is not None and (last - first) // step < _LEAST_LISTED:
            listed += range(first, last + 1, step)
        else:
            clauses.append((first, _pattern(first, last, step, (first % step,), variable)))
    if len(listed) == 1:
        clauses.append((listed[0], f"{variable} = {listed[0]}"))
    elif listed:
        clauses.append((min(listed), f"{variable} in {{{', '.join(map(str, sorted(listed)))}}}"))
    return " or ".join(text for _, text in sorted(clauses))


def _side_by_side(parts: tuple[Progression, ...]) -> list[list[Progression]]:
    """Progressions of one step that begin, and end, within one step of each other: together they are all remainders."""
    groups: list[list[Progression]] = []
    open_groups: dict[tuple[int, bool], list[Progression]] = {}
    for part in parts:  # by first
        first, last, step = part
        group = open_groups.get((step, last is None))
        if group is not None and first < group[0][0] + step and _ends_together(group, last, step):
            group.append(part)
        else:
            groups.append([part])
            open_groups[step, last is None] = groups[-1]
    return groups


def _ends_together(group: list[Progression], last: int | None, step: int) -> bool:
    lasts = [part[1] for part in group if part[1] is not None]
    return last is None or max(*lasts, last) - min(*lasts, last) < step


def _pattern(first: int, last: int | None, period: int, remainders: tuple[int, ...], variable: str) -> str:
    """first <= T <= last with T % period in remainders."""
    if len(remainders) > 1 or period <= 2:
        return ", ".join(filter(None, (_bounds(first, last, variable), _residues(period, remainders, variable))))
    first += (min(remainders) - first) % period
    if last is None:
        return f"{variable} in {{{first}, {first + period}, {first + 2 * period}, ...}}"
    last -= (last - first) % period
    if last == first:
        return f"{variable} = {first}"
    if last <= first + 2 * period:
        return f"{variable} in {{{', '.join(map(str, range(first, last + 1, period)))}}}"
    return f"{variable} in {{{first}, {first + period}, ..., {last}}}"


def _bounds(first: int, last: int | None, variable: str) -> str:
    if last is None:
        return f"{variable} >= {first}"
    return f"{variable} = {first}" if first == last else f"{first} <= {variable} <= {last}"


def _residues(period: int, remainders: tuple[int, ...], variable: str) -> str:
    if period == 1:
        return ""
    if period == 2:
        return f"{variable} {'odd' if 1 in remainders else 'even'}"
    others = tuple(sorted(set(range(period)) - set(remainders)))
    named, unequal, outside = (remainders, "=", "in") if len(remainders) <= len(others) else (others, "!=", "not in")
    if len(named) == 1:
        return f"{variable} mod {period} {unequal} {named[0]}"
    return f"{variable} mod {period} {outside} {{{', '.join(map(str, named))}}}"


def _listed(members: Periodic) -> str:
    edges = members.edges
    runs = zip(edges[::2], edges[1::2], strict=True)
    return ", ".join(str(value) for begin, end in runs for value in range(begin, end))


_LIST = re.compile(r"\{([^{}]*)\}")


def _cut_list(match: re.Match[str], kept: int) -> str:
    values = match.group(1).split(", ")
    if len(values) <= kept + 1 or "..." in values:
        return match.group()
    return f"{{{', '.join(values[:kept])}, ... ({len(values) - kept} more)}}"


# Reading


def _union(parts: list[Periodic]) -> Periodic:
    """In halves, so that many clauses take n log n."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return _union(parts[:middle]).union(_union(parts[middle:]))


def _clause(scanner: Scanner, variable: str, first: int) -> Periodic:
    """Conditions joined by commas, all of which hold."""
    members, bounded = _condition(scanner, variable)
    while scanner.accept(","):
        other, also = _condition(scanner, variable)
        members, bounded = members.intersection(other), bounded or also
    return members if bounded else members.intersection(progression(first, None, 1))


def _condition(scanner: Scanner, variable: str) -> tuple[Periodic, bool]:
    """The members that one condition allows, and whether it bounds them below."""
    if scanner.token.kind == "number":  # first <= T <= last
        first = scanner.number()
        scanner.expect("<=")
        _variable(scanner, variable)
        scanner.expect("<=")
        return interval(first, scanner.number()), True
    if scanner.token.text == "...":
        raise scanner.error("this text is abbreviated and names no exact set: expected a condition")
    _variable(scanner, variable)
    if scanner.accept("even"):
        return residues(2, (0,)), False
    if scanner.accept("odd"):
        return residues(2, (1,)), False
    if scanner.accept(">="):
        return progression(scanner.number(), None, 1), True
    if scanner.accept("<="):
        return interval(0, scanner.number()), False
    period = None
    if scanner.accept("mod"):
        period = scanner.number()
        if period == 0:
            raise scanner.fault("nothing repeats with period 0")
    unequal = False
    if scanner.accept("=", "=="):
        members = _single(scanner, period)
    elif scanner.accept("!="):
        members, unequal = _single(scanner, period), True
    elif scanner.accept("in"):
        members = _set(scanner, period)
    elif scanner.accept("not"):
        scanner.expect("in")
        members, unequal = _set(scanner, period), True
    else:
        raise scanner.error("expected one of >= <= = != in, not in, even, odd, mod")
    if unequal:
        members = progression(0, None, 1).difference(members)
    return members, period is None and not unequal


def _variable(scanner: Scanner, variable: str) -> None:
    if scanner.token.text != variable:
        raise scanner.error(f"expected the variable {variable!r}")
    scanner.advance()


def _single(scanner: Scanner, period: int | None) -> Periodic:
    value = scanner.number()
    return interval(value, value) if period is None else _classes(scanner, period, [value])


def _set(scanner: Scanner, period: int | None) -> Periodic:
    """{1, 4, 9}, and with period None also {4, 8, ..., 64} and {4, 8, 12, ...}."""
    scanner.expect("{")
    values = [scanner.number()]
    while scanner.accept(","):
        if scanner.accept("..."):
            return _continued(scanner, values, period)
        values.append(scanner.number())
    scanner.expect("}")
    return from_members(values) if period is None else _classes(scanner, period, values)


def _continued(scanner: Scanner, values: list[int], period: int | None) -> Periodic:
    last = None
    if scanner.token.text == "(":
        raise scanner.error("this text is abbreviated and names no exact set: expected a number")
    if scanner.accept(","):
        last = scanner.number()
    scanner.expect("}")
    steps = {after - before for before, after in pairwise(values)}
    if period is not None or len(steps) != 1 or min(steps) < 1:
        raise scanner.fault("'...' continues two or more numbers at one distance, as in {4, 8, 12, ...}")
    step = steps.pop()
    if last is not None and (last <= values[-1] or (last - values[0]) % step):
        raise scanner.fault(f"{last} does not continue {values[0]}, {values[1]}, ...")
    return progression(values[0], last, step)


def _classes(scanner: Scanner, period: int, remainders: list[int]) -> Periodic:
    if max(remainders) >= period:
        raise scanner.fault(f"a remainder mod {period} is less than {period}, not {max(remainders)}")
    return residues(period, tuple(remainders))


__all__ = ["EXAMPLE", "SpecError", "abbreviate", "describe", "parse"]
