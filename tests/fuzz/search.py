"""One program of a seed examined, and what differs as a paste-ready program, shrunk."""

from __future__ import annotations

import random

from tests.fuzz.compare import Found, compare
from tests.fuzz.generate import write
from tests.fuzz.programs import Program
from tests.fuzz.shrink import shrink

PROOFS = 10  # one in so many programs is analyzed for every length, too


def examine(seed: int, number: int) -> Found:
    """What the comparison of the program of this number finds."""
    program = write(seed, number)
    try:
        return compare(program.source(), program.specs, past=_past(seed, number))
    except Exception as error:  # noqa: BLE001  # one program that the grammar or the comparison gets wrong stops no run
        return Found("broken", f"{type(error).__name__}: {error}", 0, 0)


def shrunk(seed: int, number: int, found: Found, tries: int = 400) -> str:
    """The program of a difference, as small as it gets, as a script."""

    def again(candidate: Program) -> Found | None:
        try:
            return compare(
                candidate.source(), candidate.specs, past=_past(seed, number) if found.kind == "proof" else None
            )
        except Exception:  # noqa: BLE001  # no program any more
            return None

    def differs(candidate: Program) -> bool:
        result = again(candidate)
        return result is not None and result.kind == found.kind

    program = shrink(write(seed, number), differs, tries)
    result = again(program) or found
    return program.paste(f"seed {seed}, program {number}, shrunk: {result.kind}: {result.text}")


def _past(seed: int, number: int) -> random.Random | None:
    return random.Random(f"past {seed}/{number}") if number % PROOFS == 0 else None
