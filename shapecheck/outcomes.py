"""What a module call comes to for some lengths: an output, an error, or one of two ways in which a path breaks off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shapecheck.draws import Draw
from shapecheck.lengths.swept import SweptBool, SweptFloat, SweptInt, Undecidable
from shapecheck.tensor import SweptTensor
from shapecheck.trees import kind_of, leaves

Outcomes = list[tuple[SweptBool, Any]]  # lengths, and the output (or Raised) of a module call for them
Drawn = tuple[tuple[Draw, int], ...]  # draws, and the number of the outcome that a path went on with

MAX_ALTERNATIVES = 64  # ways in which one call may end for one length


@dataclass(frozen=True, slots=True)
class Raised:
    """An outcome of a module call: it raises."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way in which a module call may end, for each length: random draws decide which of several it is."""

    outcomes: Outcomes
    draws: list[tuple[SweptBool, Drawn]]  # lengths, and what led to this way

    def drawn(self, index: int) -> list[str]:
        """What led to this way at one index of the sweep."""
        return [text for mask, drawn in self.draws if mask.values[index] for text in described(drawn, index)]


@dataclass(frozen=True, slots=True)
class After:
    """An outcome of a module call that leaves a state of its own: what it does to the module, and comes to."""

    changes: list[Any]  # journal entries to be redone
    output: Any


@dataclass(frozen=True, slots=True)
class Path:
    """One run of a module call: its operations, what it asked of swept numbers, what it drew, and what it came to."""

    events: list[tuple[Any, Any]]
    answers: list[Any]
    draws: Drawn
    lengths: SweptBool
    exact_texts: bool
    value: Any  # the output, or Raised; the class Dead where no length is left
    states: Any  # of the journal: what the run changed

    def is_like(self, other: Path, *, read: bool) -> bool:
        """Whether a second run went the same way, and to the same output if anybody reads it."""
        if len(self.events) != len(other.events) or self.answers != other.answers:
            return False
        if isinstance(self.value, Raised) or isinstance(other.value, Raised):
            errors = [getattr(path.value, "error", None) for path in (self, other)]
            return type(errors[0]) is type(errors[1])
        if not read:
            return True
        ours, theirs = leaves(self.value), leaves(other.value)
        return len(ours) == len(theirs) and all(
            _is_alike(one, two, self.lengths) for one, two in zip(ours, theirs, strict=True)
        )


class Dead(BaseException):
    """No length of this path is live any more. Not an `Exception`: analyzed code must not catch it."""


class Bypass(BaseException):
    """Code that goes around `__torch_function__` reached torch's dispatcher with a swept tensor."""


def described(drawn: Drawn, index: int) -> list[str]:
    """What draws gave, in words, at one index of the sweep."""
    return [text for draw, number in drawn for text in draw.outcome(number, index)]


def alternatives(ended: list[Path], agree: Callable[[Any, Any], SweptBool]) -> list[Alternative]:
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


def _is_alike(left: Any, right: Any, lengths: SweptBool) -> bool:
    """At these lengths, as far as it can be told: objects of the module's own may be made anew by each run."""
    kind = kind_of(left)
    if left is right or kind is not kind_of(right):
        return left is right
    if kind is SweptTensor:
        if left._dtype != right._dtype or len(left._dims) != len(right._dims):
            return False
        return all(_is_alike(one, two, lengths) for one, two in zip(left._dims, right._dims, strict=True))
    if kind is SweptInt or kind is SweptFloat or kind is SweptBool:
        return bool((left.values == right.values)[lengths.values].all())
    return left == right if kind in (int, float, str, bool) else True
