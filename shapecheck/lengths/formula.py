"""Closed forms: the text of an integer function of the length, derived from its values and true at every live length.

A form is never guessed: slope and period are read off the values, and the form is then checked at every one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import numpy as np

from shapecheck.lengths import settext
from shapecheck.lengths.expression import Expression, Node, Operation
from shapecheck.lengths.periodic import Booleans, Integers, Periodic

MOST_PIECES = 3

_LARGEST = 2**44  # larger values times a divisor would leave 64 bits
_FEWEST = 3  # values that a piece in the middle or at the end needs


@dataclass(frozen=True, slots=True)
class Formula:
    """Pieces (members, expression) of which the first that has the length applies; the last one has all that are left.

    >>> print(Formula.parse("4 if T <= 64 else ceil(T/16)"))
    4 if T <= 64 else ceil(T/16)
    """

    text: str
    pieces: tuple[tuple[Periodic | None, Expression], ...]
    variable: str = "T"

    @classmethod
    def parse(cls, text: str, variable: str = "T") -> Formula:
        """The formula of a text that `fit` returned, or of any expression. Raises SpecError for others."""
        pieces: list[tuple[Periodic | None, Expression]] = []
        *conditional, otherwise = text.split(" else ")
        for piece in conditional:
            expression, _, condition = piece.partition(" if ")
            pieces.append((settext.parse(condition, variable, 0), Expression.parse(expression)))
        pieces.append((None, Expression.parse(otherwise)))
        return cls(text, tuple(pieces), variable)

    def evaluate(self, lengths: Integers) -> Integers:
        """The values at these lengths."""
        result = np.zeros(len(lengths), dtype=np.int64)
        left = np.ones(len(lengths), dtype=np.bool_)
        for members, expression in self.pieces:
            here = left if members is None else left & members.at(lengths)
            result[here] = expression.evaluate({self.variable: lengths[here]})
            left = left & ~here
        return result

    def __str__(self) -> str:
        return self.text


def fit(
    values: Integers,
    lengths: Integers,
    live: Booleans | None = None,
    variable: str = "T",
    slope: Fraction | None = None,
) -> str | None:
    """A formula with these values at all live lengths, such as "ceil(T/16)" or "4 if T <= 64 else 2T".

    None if no form tried fits, or no length is live. Of the forms that fit, the shortest text wins. Lengths ascend.
    `slope` is the long-run slope, where the live lengths go on for ever and a certificate gives it (rise/period): forms
    that happen to fit the lengths at hand, and part from the values later, are then left out.
    """
    if live is not None and not live.all():
        values, lengths = values[live], lengths[live]
    if not len(values) or max(-int(values.min()), int(values.max())) > _LARGEST:
        return None
    node = _single_form(values, lengths, variable, slope)
    if node is not None:
        return _text(node)
    return _pieces(values, lengths, variable, slope)


# Forms of one piece


def _single_form(v: Integers, t: Integers, variable: str, slope: Fraction | None = None) -> Node | None:
    """The shortest form that fits everywhere."""
    if len(v) <= 2:
        node = _of_few_values(v, t, variable)
        if node is not None:
            return node
    rate, remainder = divmod(int(v[-1] - v[0]), int(t[-1] - t[0]))
    offset = int(v[0]) - rate * int(t[0])
    if remainder == 0 and slope in (None, rate) and np.array_equal(v, rate * t + offset):
        return _plus(_times(rate, variable), offset)
    for fraction in _slopes(v, t):
        if slope in (None, fraction):
            candidates = [*_rounded(v, t, fraction, variable), *_with_remainder(v, t, fraction, variable)]
            if candidates:
                return min(candidates, key=lambda node: len(_text(node)))
    return None


def _of_few_values(v: Integers, t: Integers, variable: str) -> Node | None:
    """One or two lengths fit many forms: a multiple of the length, a 2^n-th part, or, for one, the value itself."""
    first, length = int(v[0]), int(t[0])
    if length > 1 and first and first % length == 0 and np.array_equal(v, first // length * t):
        return _times(first // length, variable)
    if len(v) == 2 and v[0] == v[1]:
        return first
    if first > 1:
        for shift in range(1, 10):
            if np.array_equal(v, -(-t >> shift)):
                return Operation("ceil", variable, 1 << shift)
    return first if len(v) == 1 else None


def _slopes(v: Integers, t: Integers) -> Iterator[Fraction]:
    """Slopes that the values may have in the long run: of evenly spaced jumps, or of the period of the last half."""
    rises, steps = v[1:] - v[:-1], t[1:] - t[:-1]
    begin, end = 0, len(steps)
    changes = np.flatnonzero(steps[1:] != steps[:-1]) + 1
    if len(changes):  # lengths are left out: evenly, or here and there
        yield from _periodic_slope(v, t, rises * (int(steps.max()) + 1) + steps)
        bounds = np.concatenate(([0], changes, [end]))
        longest = int(np.argmax(bounds[1:] - bounds[:-1]))
        begin, end = int(bounds[longest]), int(bounds[longest + 1])
    jumps = np.flatnonzero(rises[begin:end]) + begin
    step = int(steps[begin])
    if len(jumps) == 1:  # ceil(T/d) goes from 1 to 2 between d and d + 1, T // d from 0 to 1 between d - 1 and d
        before, rise, value = int(t[jumps[0]]), int(rises[jumps[0]]), int(v[jumps[0]])
        gap = before + (value == 0)
        if gap and value in (0, rise) and step == 1:
            yield Fraction(rise, gap)
    elif len(jumps):
        gaps = jumps[1:] - jumps[:-1]
        if (gaps == gaps[0]).all():
            yield Fraction(int(rises[jumps[-1]]), int(gaps[0]) * step)
    yield from _periodic_slope(v[begin : end + 1], t[begin : end + 1], rises[begin:end])


def _periodic_slope(v: Integers, t: Integers, pattern: Integers) -> Iterator[Fraction]:
    period = _period(pattern)
    if period is not None:
        yield Fraction(int(v[-1] - v[-1 - period]), int(t[-1] - t[-1 - period]))


def _period(pattern: Integers) -> int | None:
    """The smallest period of the last half of the pattern, if it is repeated there."""
    tail = np.ascontiguousarray(pattern[len(pattern) // 2 :])
    text, width = tail.tobytes(), tail.itemsize
    probe = text[: len(tail) // 2 * width]
    at = text.find(probe, width) if probe else -1
    while at >= 0:
        period, rest = divmod(at, width)
        if rest == 0 and np.array_equal(tail[period:], tail[:-period]):
            return period
        at = text.find(probe, at + 1)
    return None


def _rounded(v: Integers, t: Integers, slope: Fraction, variable: str) -> Iterator[Node]:
    """factor * floor((a T + b) / d) + rest, written with // or with ceil."""
    common = _common_step(v)
    for factor in dict.fromkeys((1, common)):
        factor = factor if slope > 0 else -factor
        a, d = (slope / factor).as_integer_ratio()
        if d == 1 or a == 0 or d > 2**16:
            continue
        rest = int(v[0]) % abs(factor)
        u = (v - rest) // factor
        # u = floor((a T + b) / d) if and only if d u <= a T + b <= d u + d - 1: everything that b may be is known.
        error = d * u - a * t
        low, high = int(error.max()), int(error.min()) + d - 1
        # Few of these are short: no offset under the floor, none under the ceil (d - 1 more), or the two ends.
        for b in {low, high, 0, high - high % d, high - (high + 1) % d}:
            if low <= b <= high:
                for operator, offset in (("//", b), ("ceil", b - (d - 1))):
                    for c in {0, offset // d, -(-offset // d)}:
                        core = Operation(operator, _plus(_times(a, variable), offset - c * d), d)
                        yield _plus(_scaled(factor, core), factor * c + rest)


def _with_remainder(v: Integers, t: Integers, slope: Fraction, variable: str) -> Iterator[Node]:
    """a T + c + m * ((T + s) % p), m of either sign: "T + T % 2", "T % 4"."""
    if slope.denominator != 1:
        return
    q = v - int(slope) * t
    low, high = int(q.min()), int(q.max())
    m = _common_step(q)
    period = (high - low) // m + 1
    if not 1 < period <= len(q):
        return
    for base, sign in ((low, 1), (high, -1)):
        wave = sign * (q - base) // m
        shift = int(wave[0] - t[0]) % period
        if not np.array_equal(wave, (t + shift) % period):
            continue
        remainder = Operation("%", _plus(variable, min(shift, shift - period, key=abs)), period)
        linear = _times(int(slope), variable)
        if linear == 0:
            yield _plus(_scaled(m * sign, remainder), base)
        else:
            yield _plus(Operation("+" if sign > 0 else "-", linear, _scaled(m, remainder)), base)


def _common_step(v: Integers) -> int:
    """The greatest common divisor of all differences."""
    return int(cast(Any, np.gcd).reduce(v - v[0])) or 1


# Pieces


def _pieces(v: Integers, t: Integers, variable: str, slope: Fraction | None) -> str | None:
    """The shortest of: max or min of two forms; one form for even and one for odd lengths; pieces up to thresholds."""
    texts: list[str] = []
    forms = _threshold_pieces(v, t, variable, slope)
    if forms:
        last = forms[-1][0]
        for function, join in (("max", np.maximum), ("min", np.minimum)):
            for other in (int(v[0]), forms[0][0]) if len(forms) == 2 else (int(v[0]),):
                if np.array_equal(join(_values(last, t, variable), _values(other, t, variable)), v):
                    simple, bound = (other, last) if isinstance(last, int) else (last, other)
                    texts.append(_text(Operation(function, simple, bound)))
        heads = [f"{_text(form)} if {variable} <= {t[end - 1]} else" for form, end in forms[:-1]]
        texts.append(" ".join([*heads, _text(last)]))
    even = t % 2 == 0
    if min(np.count_nonzero(even), np.count_nonzero(~even)) >= _FEWEST:
        sides = [_single_form(v[side], t[side], variable, slope) for side in (even, ~even)]
        if sides[0] is not None and sides[1] is not None:
            texts.append(f"{_text(sides[0])} if {variable} even else {_text(sides[1])}")
    return min(texts, key=len, default=None)


def _threshold_pieces(v: Integers, t: Integers, variable: str, slope: Fraction | None) -> list[tuple[Node, int]]:
    """Two or three (form, end), in order: each holds from the end of the one before up to, not including, its own."""
    found: list[tuple[Node, int]] = []
    end = len(v)
    for pieces_left in range(MOST_PIECES - 1, -1, -1):
        form = _single_form(v[:end], t[:end], variable) if found else None
        if form is None and pieces_left:
            form = _tail_form(v[:end], t[:end], variable, None if found else slope)
        if form is None:
            return []
        found.insert(0, (form, end))
        wrong = np.flatnonzero(_values(form, t[:end], variable) != v[:end])
        if not len(wrong):
            return found
        end = int(wrong[-1]) + 1
    return []


def _tail_form(v: Integers, t: Integers, variable: str, slope: Fraction | None) -> Node | None:
    """A form of the last lengths: the last half, or the last quarter."""
    for part in (2, 4):
        begin = len(v) - len(v) // part
        if len(v) - begin >= _FEWEST:
            form = _single_form(v[begin:], t[begin:], variable, slope)
            if form is not None:
                return form
    return None


def _values(node: Node, t: Integers, variable: str) -> Integers:
    return np.broadcast_to(np.asarray(Expression(node).evaluate({variable: t}), dtype=np.int64), t.shape)


# Nodes in the printed style


def _text(node: Node) -> str:
    return str(Expression(node))


def _plus(node: Node, constant: int) -> Node:
    if constant == 0:
        return node
    if isinstance(node, int):
        return node + constant
    if constant > 0 and isinstance(node, Operation):  # 302 - T rather than -T + 302
        if node.operator == "-" and node.left == 0:
            return Operation("-", constant, node.right)
        if node.operator == "*" and isinstance(node.left, int) and node.left < 0:
            return Operation("-", constant, _scaled(-node.left, node.right))
    return Operation("+", node, constant) if constant > 0 else Operation("-", node, -constant)


def _times(factor: int, variable: str) -> Node:
    return 0 if factor == 0 else _scaled(factor, variable)


def _scaled(factor: int, node: Node) -> Node:
    if factor == 1:
        return node
    return Operation("-", 0, node) if factor == -1 else Operation("*", factor, node)
