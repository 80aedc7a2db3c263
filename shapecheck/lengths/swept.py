"""The sweep: the candidate lengths of one analysis, its swept numbers, and what its verdicts rest on.

Invariant: a swept number's values are exact at every swept length, and what `proved` says of the decisions so far holds
past the sweep, too (`certificate.py` argues why). Integers are one object only where they are equal for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from shapecheck.lengths.arithmetic import magnitude
from shapecheck.lengths.certificate import Certificate, Pattern, align, is_covered, same_for_ever, settled
from shapecheck.lengths.comparison import LARGEST, compare, is_plain, maximum, minimum, where
from shapecheck.lengths.swept_bool import Bool, SweptBool
from shapecheck.lengths.swept_float import SweptFloat
from shapecheck.lengths.swept_int import Int, SweptInt
from shapecheck.lengths.undecidable import TooLargeError, Undecidable, Unhashable

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_GAPS = 20  # a few are enough to tell why
_FARTHEST = 2**20  # no sweep goes farther
_PROBES = 16  # lengths at which integers that differ most often do


class Sweep:
    """The candidate lengths first..last of one analysis, and what its verdicts rest on.

    `decide`, `decide_value` and `text` are set by the tracer: they answer for a swept number where Python needs one
    plain value, or a text.
    """

    def __init__(self, first: int, last: int) -> None:
        if not 0 <= first <= last:
            raise ValueError(f"a sweep needs 0 <= first <= last, got {first}..{last}")
        self.first = first
        self.last = last
        self.horizon = first  # the largest length that a decision so far rests on
        self.wanted = first  # a sweep up to here would yield a certificate that was missed
        self.gaps: list[str] = []  # decisions without a certificate
        self.executed = False  # PyTorch was asked at varying sizes: a longer sweep would not bring a proof either
        self.lengths: NDArray[np.int64] = np.arange(first, last + 1, dtype=np.int64)
        self.poked = False  # torch read a swept size as a plain one; what it raised then is not eager's error
        self.meets_numpy = False  # NumPy's numbers came in: they wrap, and survive divisions by zero
        self.over = False  # the analysis is: what is left of its numbers is equal to no other
        self.inside = 1  # > 0 while the analyzer's own code runs: a comparison is a vector there, a bool elsewhere
        self.decide: Callable[[SweptBool], bool] = _undecided
        self.decide_value: Callable[[SweptInt | SweptFloat], Any] = _undecided
        self.text: Callable[[SweptInt | SweptFloat, str], str | None] = _no_text
        self.memory: dict[tuple[Any, ...], Any] = {}  # results by operation and operands: see `memo`
        self._interned: dict[tuple[bytes, int], list[SweptInt]] = {}  # by their values at the probes, and the sum
        self._probes = np.unique(np.linspace(0, last - first, _PROBES, dtype=np.intp))
        self.always = SweptBool(self, np.ones(len(self.lengths), dtype=np.bool_), Pattern(first, 1))

    def variable(self) -> Int:
        """T itself."""
        return self.integer(self.lengths, Certificate(self.first, 1, 1), self.last)

    def integer(self, values: NDArray[np.int64], certificate: Certificate | None, bound: int | None = None) -> Int:
        """The swept integer with these values; a plain int where it is proved constant.

        Integers that are equal for ever are the same object, so that identity decides equality fast. `bound` is an
        upper bound of all |values|.
        """
        try:
            return self.computed(values, certificate, bound)
        except TooLargeError as error:
            raise error.undecidable() from None

    def computed(self, values: NDArray[np.int64], certificate: Certificate | None, bound: int | None = None) -> Int:
        """`integer` for arithmetic that knows what to do past 2**61: raises TooLargeError there."""
        if bound is None or bound > LARGEST:
            bound = magnitude(values)
            if bound > LARGEST:
                raise TooLargeError
        if certificate is not None and certificate.rise == 0 and is_covered(certificate, self.last):
            low = int(values[0])
            if low == values[-1] and bool((values == low).all()):
                return low
        bucket = self._interned.setdefault((values[self._probes].tobytes(), int(values.sum())), [])
        for known in bucket:
            if known.values is values or bool((known.values == values).all()):
                values = known.values
                if same_for_ever(known.certificate, certificate, self.last):
                    known.certificate = _sooner(known.certificate, certificate)
                    return known
        values.setflags(write=False)
        made = SweptInt.make(self, values, certificate, bound)
        bucket.append(made)  # it lives as long as the sweep, for `memory` holds its id
        return made

    def boolean(self, values: NDArray[np.bool_], pattern: Pattern | None) -> SweptBool:
        """The swept boolean with these values, its pattern tightened where one period was swept."""
        if pattern is not None:
            pattern = settled(values, self.first, self.last, pattern)
        return SweptBool(self, values, pattern)

    def never(self) -> SweptBool:
        return ~self.always

    def rest_on(self, condition: SweptBool, live: SweptBool, what: str | Callable[[], str]) -> None:
        """Remember that a verdict rests on `condition`, as seen on the live lengths of the sweep, being so for ever."""
        joint = live.pattern if live.end() is False else align(condition.pattern, live.pattern)
        if joint is None:
            self.gap(what if isinstance(what, str) else what())
        else:
            self.horizon = max(self.horizon, joint.start + joint.period - 1)

    def asked_at(self, live: SweptBool, what: str | Callable[[], str]) -> None:
        """PyTorch was asked at the live lengths; that there are no others past the sweep is the only proof."""
        if live.end() is False:
            self.rest_on(live, live, what)
        else:
            self.executed = True
            self.gap(what if isinstance(what, str) else what())

    def gap(self, what: str) -> None:
        """Something that the verdict rests on holds for the lengths swept only."""
        if len(self.gaps) < _MOST_GAPS:
            self.gaps.append(what)

    def want(self, length: int) -> None:
        """A sweep up to `length` would yield a certificate that is missing."""
        if self.wanted < length <= _FARTHEST:
            self.wanted = length

    @property
    def proved(self) -> bool:
        """Every decision so far holds for every length >= first."""
        return not self.gaps and self.horizon <= self.last

    def memo(self, key: tuple[Any, ...], compute: Callable[[], Any]) -> Any:
        """`compute()`, once for each key. Keys may hold `id`s of swept integers: those live as long as their sweep.

        What is computed holds for all lengths, whichever are live: it must not split the execution.
        """
        try:
            return self.memory[key]
        except KeyError:
            result = self.memory[key] = compute()
            return result


def at(number: Any, index: int) -> Any:
    """The plain value of a swept number at one index of the sweep; anything else as it is."""
    if type(number) in (SweptInt, SweptFloat, SweptBool):
        return number.values[index].item()
    return number


def _sooner(left: Certificate | None, right: Certificate | None) -> Certificate | None:
    """Of two certificates of one function, the one that a shorter sweep covers."""
    if left is None or right is None:
        return left or right
    return min(left, right, key=lambda known: (known.start + known.period, known.period))


def _no_text(_number: SweptInt | SweptFloat, _form: str) -> str | None:
    return None


def _undecided(_number: object) -> Any:
    raise RuntimeError("a swept value was asked for a plain one outside of an analysis")


__all__ = [
    "Bool",
    "Certificate",
    "Int",
    "Pattern",
    "Sweep",
    "SweptBool",
    "SweptFloat",
    "SweptInt",
    "TooLargeError",
    "Undecidable",
    "Unhashable",
    "align",
    "at",
    "compare",
    "is_plain",
    "maximum",
    "minimum",
    "where",
]
