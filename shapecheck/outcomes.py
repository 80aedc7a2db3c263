"""What a module call comes to for some lengths: an output, an error, or one of two ways in which a path breaks off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shapecheck.lengths.swept import SweptBool

Outcomes = list[tuple[SweptBool, Any]]  # lengths, and the output (or Raised) of a module call for them


@dataclass(frozen=True, slots=True)
class Raised:
    """An outcome of a module call: it raises."""

    error: Exception


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
