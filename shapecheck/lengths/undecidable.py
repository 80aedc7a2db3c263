"""What is raised where the analyzer cannot go on: never a finding about the analyzed module."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar


class Undecidable(BaseException):
    """The analyzer cannot decide here; `reason` says why. Ends in the verdict unknown, never in a guess.

    Not an `Exception`, so that the analyzed code does not catch it.
    """

    notice: ClassVar[Callable[[Undecidable], None] | None] = None  # told of every doubt, even one that code swallows

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        if Undecidable.notice is not None:
            Undecidable.notice(self)


class TooLargeError(ArithmeticError):
    """A vector of integers would leave the range in which it is exact. Caught where it is known what to do instead."""

    def undecidable(self) -> Undecidable:
        """What it is where nothing else can be done."""
        return Undecidable("an integer of the shape arithmetic exceeds 2**61")


class Unhashable(TypeError):
    """A size was used as a key by code that knows of symbolic sizes, and goes without its cache then."""
