"""What is raised where the analyzer cannot go on: never a finding about the analyzed module."""

from __future__ import annotations


class Undecidable(BaseException):
    """The analyzer cannot decide here; `reason` says why. Ends in the verdict unknown, never in a guess.

    Not an `Exception`, so that the analyzed code does not catch it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TooLarge(Undecidable):
    """An integer of the shape arithmetic leaves the range in which vectors are exact."""

    def __init__(self) -> None:
        super().__init__("an integer of the shape arithmetic exceeds 2**61")


class Unhashable(TypeError):
    """A size was used as a key. A cache that outlives the analysis would keep it, so it cannot be one.

    An ordinary exception: code that knows of symbolic sizes (einops) then goes without its cache. Never a finding.
    """
