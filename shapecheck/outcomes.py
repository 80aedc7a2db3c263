"""What a module call comes to for some lengths: an output, an error, or one of two ways in which a path breaks off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shapecheck.lengths.swept import SweptBool
from shapecheck.tensor import SweptTensor
from shapecheck.trees import leaves

Outcomes = list[tuple[SweptBool, Any]]  # lengths, and the output (or Raised) of a module call for them


@dataclass(frozen=True, slots=True)
class Raised:
    """An outcome of a module call: it raises."""

    error: Exception


@dataclass(frozen=True, slots=True)
class After:
    """An outcome of a module call that leaves a state of its own: what it does to the module, and comes to."""

    changes: list[Any]  # journal entries to be redone
    output: Any


@dataclass(frozen=True, slots=True)
class Path:
    """One run of a module call: its operations, what it asked of swept numbers, and what it came to."""

    events: list[tuple[Any, Any]]
    answers: list[Any]
    live: SweptBool
    exact_texts: bool
    output: Any  # Raised; the class Dead where no length is left

    def is_like(self, other: Path) -> bool:
        """Whether a second run went the same way."""
        if len(self.events) != len(other.events) or self.answers != other.answers:
            return False
        if isinstance(self.output, Raised) or isinstance(other.output, Raised):
            errors = [getattr(path.output, "error", None) for path in (self, other)]
            return type(errors[0]) is type(errors[1])
        ours, theirs = leaves(self.output), leaves(other.output)
        return len(ours) == len(theirs) and all(map(_is_alike, ours, theirs))


class Dead(BaseException):
    """No length of this path is live any more. Not an `Exception`: analyzed code must not catch it."""


class Bypass(BaseException):
    """Code that goes around `__torch_function__` reached torch's dispatcher with a swept tensor."""


def _is_alike(left: Any, right: Any) -> bool:
    """As far as it can be told: objects of the module's own may be made anew by each run."""
    if left is right or type(left) is not type(right):
        return left is right
    if type(left) is SweptTensor:
        return left._dims == right._dims and left._dtype == right._dtype
    return left == right if type(left) in (int, float, str, bool) else True
