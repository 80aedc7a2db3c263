"""What a module call comes to for some lengths: an output, an error, or one of two ways in which a path breaks off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shapecheck.draws import Draw
from shapecheck.lengths.swept import SweptBool, Undecidable

Outcomes = list[tuple[SweptBool, Any]]  # lengths, and the output (or Raised) of a module call for them
Drawn = tuple[tuple[Draw, int], ...]  # draws, and the number of the outcome that a path went on with

MAX_ALTERNATIVES = 64  # ways in which one call may end for one length


@dataclass(frozen=True, slots=True)
class Raised:
    """An outcome of a module call: it raises."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Ended:
    """A path of a module call that came to its end."""

    lengths: SweptBool
    value: Any  # the output, or Raised
    states: Any  # of the journal: what the path changed
    draws: Drawn


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way in which a module call may end, for each length: random draws decide which of several it is."""

    outcomes: Outcomes
    draws: list[tuple[SweptBool, Drawn]]  # lengths, and what led to this way

    def drawn(self, index: int) -> list[str]:
        """What led to this way at one index of the sweep."""
        return [text for mask, drawn in self.draws if mask.values[index] for text in described(drawn, index)]


class Dead(BaseException):
    """No length of this path is live any more. Not an `Exception`: analyzed code must not catch it."""


class Bypass(BaseException):
    """Code that goes around `__torch_function__` reached torch's dispatcher with a swept tensor."""


def has_cause(error: BaseException | None, kind: type) -> bool:
    """Whether an exception of this kind is at the root of another one."""
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False


def described(drawn: Drawn, index: int) -> list[str]:
    """What draws gave, in words, at one index of the sweep."""
    return [text for draw, number in drawn for text in draw.outcome(number, index)]


def alternatives(ended: list[Ended], agree: Callable[[Any, Any], SweptBool]) -> list[Alternative]:
    """The outcomes of paths that were taken for the same lengths, as few ways as there are different outcomes.

    `agree(value, other)`: the lengths at which the two are interchangeable.
    """
    found: list[Alternative] = []
    for path in ended:
        left = path.lengths
        for way in found:
            taken = left.sweep.never()
            for mask, value in way.outcomes:
                both = left & mask
                if both.somewhere:
                    same = both & agree(value, path.value)
                    left, taken = left & ~same, taken | (both & ~same)
            free = left & ~taken
            if free.somewhere:
                way.outcomes.append((free, path.value))
                way.draws.append((free, path.draws))
            left = left & taken
        if left.somewhere:
            if len(found) == MAX_ALTERNATIVES:
                raise Undecidable(f"random draws let a call end in more than {MAX_ALTERNATIVES} ways")
            found.append(Alternative([(left, path.value)], [(left, path.draws)]))
    return found
